/* Inside of `bounced report`: what its kinds of reports share. */
#ifndef CMD_REPORT_H
#define CMD_REPORT_H

#include "cmd/session.h"
#include "core/summary.h"

struct report {
    struct args *args;
    struct session session;
    arena arena;
    buf out;
    bool csv, json;
    size_t shown; /* rows at most */
};

/* Each makes one report and prints it; returns an exit code. */
int report_rates(struct report *r);   /* what became of the messages, by a dimension */
int report_typos(struct report *r);   /* mistyped domains */
int report_sources(struct report *r); /* where dead addresses come from */
int report_decay(struct report *r);   /* how fast the list dies */

/* The industry of a tenant by its section in the settings; NULL when there is none, or no settings. Returns an exit code. */
struct benchmark;
int report_industry(const struct args *a, slice tenant, const struct benchmark **out);

/* Pieces of tables: a name in a column of `width` (0: as long as it is), a percentage behind a space ("-" where nothing is divided;
 * narrow: as long as it is), a text as CSV has it. */
void report_name(buf *out, slice name, size_t width);
void report_percent(buf *out, int64_t ppm, bool known);
void report_percent_narrow(buf *out, int64_t ppm);
void report_csv_text(buf *out, slice text);

#endif
