/* Between the files that read reports of providers: cells of CSV, and how a record is taken.
 */
#ifndef FEED_PROVIDER_REPORT_WORK_H
#define FEED_PROVIDER_REPORT_WORK_H

#include "feed/provider_report.h"

#define REPORT_MAX_CELLS 32u

struct report_work {
    arena *a;
    struct provider_report_list *out;
    slice domain;
    bool refused; /* memory */
};

/* A record of CSV (RFC 4180; "," or ";" or tab, as `delimiter` says): quotes undone where there are any. */
struct report_row {
    slice cells[REPORT_MAX_CELLS];
    size_t n;
    size_t line; /* where it began, from 1 */
};
/* Takes the next record that is not blank from *rest; *line counts on. False when there is none or memory is refused. */
bool report_row_next(struct report_work *w, slice *rest, char delimiter, size_t *line, struct report_row *out);
slice report_cell(const struct report_row *r, size_t i); /* trimmed; empty behind the last */

/* Names of columns: cells of a header against words; SIZE_MAX where none fits. Small letters and digits count only. */
struct report_column {
    const char *words; /* "complaintrate|complaints": beginnings of names, the best first */
    int field;
};
void report_columns(const struct report_row *header, const struct report_column *columns, size_t n, size_t *at);

struct provider_report report_blank(enum provider_source source);
/* Adds it; false when memory is refused. */
bool report_add(struct report_work *w, const struct provider_report *r);
void report_bad(struct report_work *w, size_t line, slice what, const char *why);

/* "0.1%", "< 0.1 %", "0.1% - 0.3%" (the upper end), "0.001" (a ratio); PROVIDER_REPORT_NONE for anything else. */
int64_t report_ppm(slice text);
/* A ratio 0 to 1 as written in JSON or CSV, "0.0013", "1", "1.3e-3". */
int64_t report_ratio(slice text);
int64_t report_number(slice text); /* "1,234" too; PROVIDER_REPORT_NONE */
/* Days since 1970: "12/31/2005 11:00 PM" (month first, as Microsoft writes), "2026-07-01", "20260701", "2026/07/01"; else
 * PROVIDER_REPORT_NONE. */
int64_t report_day(slice text);
bool report_is_ip(slice text);
bool report_is_domain(slice text);

enum provider_report_end snds_read(struct report_work *w, slice text, bool *mine);
enum provider_report_end postmaster_csv_read(struct report_work *w, slice text, bool *mine);
enum provider_report_end postmaster_json_read(struct report_work *w, slice text, bool *mine);

#endif
