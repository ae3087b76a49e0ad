/* Numbers about the daemon: one table (metrics.def), set and added to from any thread, shown as Prometheus text.
 */
#ifndef SERVE_METRICS_H
#define SERVE_METRICS_H

#include <stdatomic.h>

#include "base/buf.h"

// clang-format off
#define COUNTER(id, name, help) METRIC_##id,
#define COUNTER_SECONDS(id, name, help) METRIC_##id,
#define GAUGE(id, name, help) METRIC_##id,
#define GAUGE_SECONDS(id, name, help) METRIC_##id,
enum metric {
#include "serve/metrics.def"
    METRICS
};
#undef COUNTER
#undef COUNTER_SECONDS
#undef GAUGE
#undef GAUGE_SECONDS
// clang-format on

struct metrics {
    atomic_ullong values[METRICS];
};

static inline void metric_add(struct metrics *m, enum metric which, uint64_t n)
{
    atomic_fetch_add_explicit(&m->values[which], n, memory_order_relaxed);
}
static inline void metric_set(struct metrics *m, enum metric which, uint64_t n)
{
    atomic_store_explicit(&m->values[which], n, memory_order_relaxed);
}
static inline uint64_t metric_get(struct metrics *m, enum metric which)
{
    return atomic_load_explicit(&m->values[which], memory_order_relaxed);
}

/* All of the table, as text of Prometheus' exposition format 0.0.4. */
void metrics_print(struct metrics *m, buf *out);
/* Lines of roles, in any order: those of one name come together under one TYPE ("_total" counts, others go both ways), as the format
 * demands. Out of memory leaves them out. */
void metrics_group(slice lines, buf *out);

#endif
