#include "serve/metrics.h"

#include <inttypes.h>
#include <stdlib.h>

enum form { COUNT, COUNT_US, LEVEL, LEVEL_US };

struct metric_row {
    const char *name, *help;
    enum form form;
};

// clang-format off
static const struct metric_row rows[METRICS] = {
#define COUNTER(id, name, help) [METRIC_##id] = {name, help, COUNT},
#define COUNTER_SECONDS(id, name, help) [METRIC_##id] = {name, help, COUNT_US},
#define GAUGE(id, name, help) [METRIC_##id] = {name, help, LEVEL},
#define GAUGE_SECONDS(id, name, help) [METRIC_##id] = {name, help, LEVEL_US},
#include "serve/metrics.def"
};
// clang-format on

void metrics_print(struct metrics *m, buf *out)
{
    for (unsigned i = 0; i < METRICS; i++) {
        const struct metric_row *r = &rows[i];
        uint64_t v = metric_get(m, (enum metric)i);
        bool counts = r->form == COUNT || r->form == COUNT_US;
        buf_printf(out, "# HELP bounced_%s %s\n# TYPE bounced_%s %s\nbounced_%s ", r->name, r->help, r->name,
                   counts ? "counter" : "gauge", r->name);
        if (r->form == COUNT_US || r->form == LEVEL_US)
            buf_printf(out, "%" PRIu64 ".%06u\n", v / 1000000, (unsigned)(v % 1000000));
        else
            buf_printf(out, "%" PRIu64 "\n", v);
    }
}

static slice name_of(slice line)
{
    size_t n = 0;
    while (n < line.n && line.p[n] != '{' && line.p[n] != ' ')
        n++;
    return slice_sub(line, 0, n);
}

/* By name, and within one name in the order of coming. */
static int by_name(const void *one, const void *other)
{
    const slice *a = one, *b = other;
    int order = slice_cmp(name_of(*a), name_of(*b));
    return order ? order : a->p < b->p ? -1 : a->p > b->p;
}

void metrics_group(slice lines, buf *out)
{
    slice rest = lines, line, name = SLICE_EMPTY;
    size_t n = 0, count = 0;
    while (slice_line(&rest, &line))
        count++;
    slice *list = calloc(count ? count : 1, sizeof *list);
    for (rest = lines; list && slice_line(&rest, &line);)
        if (!slice_empty(line) && line.p[0] != '#')
            list[n++] = line;
    if (n)
        qsort(list, n, sizeof *list, by_name);
    for (size_t i = 0; i < n; i++) {
        if (!slice_eq(name, name_of(list[i]))) {
            name = name_of(list[i]);
            buf_printf(out, "# TYPE %.*s %s\n", SLICE_FMT(name),
                       slice_ends_ci(name, S("_total")) ? "counter" : "gauge");
        }
        buf_add(out, list[i]);
        buf_addc(out, '\n');
    }
    free(list);
}
