/* What reports tell, as JSON with stable names, for the commands and the HTTP API alike (docs/json.md). As in core/show.h each function
 * writes members into an object that is open.
 */
#ifndef CORE_SHOW_REPORTS_H
#define CORE_SHOW_REPORTS_H

#include "base/json.h"
#include "core/benchmark.h"
#include "core/decay.h"
#include "core/sources.h"
#include "core/threshold.h"
#include "core/typos.h"

/* Counts, rates in parts per million, and `over`: the thresholds that were crossed, the highest of each figure. */
void show_rates(struct jsonw *j, const struct rates *r);
/* An object under `name`: ppm, and low_ppm to high_ppm between which it lies. */
void show_interval(struct jsonw *j, const char *name, const struct interval *i);
void show_typo(struct jsonw *j, const struct typo_cluster *c);
void show_source(struct jsonw *j, const struct source_row *r);
void show_decay_row(struct jsonw *j, const struct decay_row *r);
void show_benchmark(struct jsonw *j, const struct benchmark *b);
void show_benchmark_campaign(struct jsonw *j, const struct benchmark_campaign *c);

#endif
