/* Health of providers as JSON, for the command, the API and the metrics alike (docs/health.md, docs/json.md), and import of what
 * providers say themselves.
 */
#ifndef CORE_HEALTH_SHOW_H
#define CORE_HEALTH_SHOW_H

#include "base/json.h"
#include "core/health.h"
#include "feed/provider_report.h"

/* Members of an open object: grade, points, rates by span, throttling, volume; `full`: parts, reasons with actions, weeks, pages. */
void health_show(struct jsonw *j, const struct provider_health *p, bool full);
/* What a provider said of us in the last HEALTH_SHOWN_DAYS, as the member "reports" of an open object. */
#define HEALTH_SHOWN_DAYS 30
NODISCARD enum status health_show_reports(struct jsonw *j, struct ledger *l, slice tenant, slice provider,
                                          int64_t now_us, err *e);
/* Gauges in Prometheus text for the providers that have a grade or throttle, at most HEALTH_METRICS_MAX of them. */
#define HEALTH_METRICS_MAX 100u
void health_metrics(const struct health *h, buf *out);

/* The reasons that speak of us, most frequent first; `out` has room for BOUNCE_REASONS. Returns how many there are. */
size_t health_reasons(const struct provider_health *p, enum bounce_reason *out);
/* "complaints, blocks" of a week that was not clean; NUL-terminated. */
#define HEALTH_WHY_BYTES 96u
const char *health_why(unsigned why, char out[HEALTH_WHY_BYTES]);

/* Puts records into the ledger, in a transaction of its own: later ones in place of earlier ones. */
NODISCARD enum status health_import(struct ledger *l, slice tenant, const struct provider_report_list *list, err *e);

#endif
