/* Microsoft Smart Network Data Services: one line per IP address and day.
 *
 * The old automated data access has no header and 14 columns: IP address, activity start and end, RCPT commands, DATA commands,
 * message recipients, filter result, complaint rate, trap period start and end, trap hits, sample HELO, sample MAIL FROM, comments.
 * Some copies lack the trap period (12 columns). Files of the portal have a header, by which the columns are found.
 * Filter results: GREEN is spam verdicts for less than 10 % of the mail, YELLOW 10 to 90 %, RED more than 90 %.
 */
#include "feed/provider_report_work.h"

enum field { F_IP, F_START, F_RECIPIENTS, F_FILTER, F_COMPLAINTS, F_TRAPS, F_COMMENTS, FIELDS };

static const struct report_column columns[FIELDS] = {
    {"ipaddress|ip", F_IP},
    {"activitystart|activityperiodstart|periodstart|start|date|day|activity", F_START},
    {"messagerecipients|recipients", F_RECIPIENTS},
    {"filterresult|filter", F_FILTER},
    {"complaintrate|complaint", F_COMPLAINTS},
    {"traphits|trapmessagecount|traphit|traps", F_TRAPS},
    {"comment", F_COMMENTS},
};

static const size_t with_trap_period[FIELDS] = {0, 1, 5, 6, 7, 10, 13};
static const size_t without_trap_period[FIELDS] = {0, 1, 5, 6, 7, 8, 11};
#define COLUMNS_WITH_PERIOD 13u /* at least: comments may be left out */
#define COLUMNS_LEAST 8u

static int level_of(slice word)
{
    static const struct {
        slice word;
        int level;
    } words[] = {{SLICE_INIT("green"), PROVIDER_LEVEL_GOOD},
                 {SLICE_INIT("yellow"), PROVIDER_LEVEL_FAIR},
                 {SLICE_INIT("red"), PROVIDER_LEVEL_BAD}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq_ci(word, words[i].word))
            return words[i].level;
    return PROVIDER_LEVEL_NONE;
}

/* NULL when the row makes sense. */
static const char *read_row(struct report_work *w, const struct report_row *row, const size_t at[FIELDS],
                            struct provider_report *r, slice *what)
{
    slice filter = report_cell(row, at[F_FILTER]), complaints = report_cell(row, at[F_COMPLAINTS]);
    *r = report_blank(PROVIDER_SNDS);
    r->subject = *what = report_cell(row, at[F_IP]);
    if (!report_is_ip(r->subject))
        return "this is no IP address";
    *what = report_cell(row, at[F_START]);
    r->day = report_day(*what);
    if (r->day < 0)
        return "this is no date";
    *what = filter;
    r->level = level_of(filter);
    if (r->level == PROVIDER_LEVEL_NONE && !slice_empty(filter))
        return "a filter result is GREEN, YELLOW or RED";
    *what = complaints;
    r->complaint_ppm = report_ppm(complaints);
    if (r->complaint_ppm < 0 && !slice_empty(complaints))
        return "a complaint rate is a percentage";
    r->recipients = report_number(report_cell(row, at[F_RECIPIENTS]));
    r->traps = report_number(report_cell(row, at[F_TRAPS]));
    slice comments = report_cell(row, at[F_COMMENTS]);
    r->detail = arena_printf(w->a, "%.*s%s%.*s%s%.*s", SLICE_FMT(filter), slice_empty(filter) ? "" : ", complaints ",
                             SLICE_FMT(complaints), slice_empty(comments) ? "" : "; ", SLICE_FMT(comments));
    return NULL;
}

/* A header names an IP address and a filter result; a row without one begins with both an address and a date. */
static bool find_columns(const struct report_row *first, size_t at[FIELDS], bool *header)
{
    report_columns(first, columns, FIELDS, at);
    *header = at[F_IP] != SIZE_MAX && at[F_FILTER] != SIZE_MAX && at[F_START] != SIZE_MAX;
    if (*header)
        return true;
    if (first->n < COLUMNS_LEAST || !report_is_ip(report_cell(first, 0)) || report_day(report_cell(first, 1)) < 0)
        return false;
    memcpy(at, first->n >= COLUMNS_WITH_PERIOD ? with_trap_period : without_trap_period, sizeof with_trap_period);
    return true;
}

enum provider_report_end snds_read(struct report_work *w, slice text, bool *mine)
{
    size_t at[FIELDS], line = 1;
    slice rest = text, head = slice_sub(text, 0, slice_line_end(text));
    struct report_row row;
    struct provider_report r;
    bool header;
    char delimiter = slice_chr(head, '\t') != SLICE_NPOS ? '\t' : slice_chr(head, ',') != SLICE_NPOS ? ',' : ';';
    if (!report_row_next(w, &rest, delimiter, &line, &row) || !find_columns(&row, at, &header))
        return PROVIDER_REPORT_UNKNOWN;
    *mine = true;
    bool more = !header || report_row_next(w, &rest, delimiter, &line, &row);
    for (; more; more = report_row_next(w, &rest, delimiter, &line, &row)) {
        slice what;
        const char *why = read_row(w, &row, at, &r, &what);
        if (why)
            report_bad(w, row.line, what, why);
        else if (!report_add(w, &r))
            break;
    }
    return PROVIDER_REPORT_READ;
}
