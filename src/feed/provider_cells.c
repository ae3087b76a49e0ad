/* Cells of the CSV files of providers, and the values in them. */
#include "base/text.h"
#include "base/time.h"
#include "feed/provider_report_work.h"

#define MAX_NAME_BYTES 64u
#define MILLION INT64_C(1000000)

/* ---- records ---- */

static bool blank(slice line)
{
    return slice_empty(slice_trim(line));
}

/* A cell in quotes: *rest stands behind the quote. Doubled quotes are one; line ends belong to it. */
static slice quoted(struct report_work *w, slice *rest, size_t *line)
{
    size_t i = 0, n = 0;
    bool doubled = false;
    for (; i < rest->n; i++) {
        if (rest->p[i] == '\n')
            ++*line;
        if (rest->p[i] != '"')
            continue;
        if (i + 1 >= rest->n || rest->p[i + 1] != '"')
            break;
        doubled = true;
        i++;
    }
    slice inside = slice_sub(*rest, 0, i);
    *rest = slice_from(*rest, i < rest->n ? i + 1 : i);
    char *copy = doubled ? arena_alloc(w->a, inside.n) : NULL;
    if (!doubled)
        return inside;
    if (!copy) {
        w->refused = true;
        return SLICE_EMPTY;
    }
    for (size_t k = 0; k < inside.n; k++) {
        copy[n++] = inside.p[k];
        k += inside.p[k] == '"';
    }
    return slice_of(copy, n);
}

/* One cell from *rest up to a delimiter or the end of the line, which stay. */
static slice cell(struct report_work *w, slice *rest, char delimiter, size_t *line)
{
    size_t i = 0;
    slice head = *rest;
    while (head.n && head.p[0] == ' ')
        head = slice_from(head, 1);
    if (head.n && head.p[0] == '"') {
        *rest = slice_from(head, 1);
        slice value = quoted(w, rest, line);
        while (rest->n && rest->p[0] != delimiter && rest->p[0] != '\n')
            *rest = slice_from(*rest, 1); /* nothing may stand here */
        return value;
    }
    while (i < rest->n && rest->p[i] != delimiter && rest->p[i] != '\n')
        i++;
    slice value = slice_sub(*rest, 0, i);
    *rest = slice_from(*rest, i);
    return value;
}

static bool skip_blank(slice *rest, size_t *line)
{
    while (rest->n) {
        size_t end = slice_chr(*rest, '\n');
        if (!blank(slice_sub(*rest, 0, end == SLICE_NPOS ? rest->n : end)))
            return true;
        *rest = end == SLICE_NPOS ? SLICE_EMPTY : slice_from(*rest, end + 1);
        ++*line;
    }
    return false;
}

bool report_row_next(struct report_work *w, slice *rest, char delimiter, size_t *line, struct report_row *out)
{
    out->n = 0;
    if (!skip_blank(rest, line) || w->refused)
        return false;
    out->line = *line;
    for (bool more = true; more;) {
        slice value = cell(w, rest, delimiter, line);
        if (out->n < REPORT_MAX_CELLS)
            out->cells[out->n++] = slice_trim(value);
        more = rest->n && rest->p[0] == delimiter;
        *rest = slice_from(*rest, 1); /* the delimiter or the end of the line */
    }
    ++*line;
    return !w->refused;
}

slice report_cell(const struct report_row *r, size_t i)
{
    return i < r->n ? r->cells[i] : SLICE_EMPTY;
}

/* ---- columns ---- */

/* "Complaint rate (%)" is "complaintrate". */
static slice plain_name(slice name, char out[MAX_NAME_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; i < name.n && n < MAX_NAME_BYTES; i++)
        if (ascii_alnum(name.p[i]))
            out[n++] = ascii_lower(name.p[i]);
    return slice_of(out, n);
}

static size_t find_column(const struct report_row *header, slice word)
{
    char text[MAX_NAME_BYTES];
    for (size_t i = 0; i < header->n; i++)
        if (slice_starts(plain_name(header->cells[i], text), word))
            return i;
    return SIZE_MAX;
}

void report_columns(const struct report_row *header, const struct report_column *columns, size_t n, size_t *at)
{
    for (size_t i = 0; i < n; i++) {
        slice rest = slice_str(columns[i].words), word;
        at[columns[i].field] = SIZE_MAX;
        while (at[columns[i].field] == SIZE_MAX && slice_split(&rest, '|', &word))
            at[columns[i].field] = find_column(header, word);
    }
}

/* ---- values ---- */

int64_t report_number(slice text)
{
    int64_t v = 0;
    text = slice_trim(text);
    if (!text.n || !ascii_digit(text.p[0]))
        return PROVIDER_REPORT_NONE;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == ',' && i + 3 < text.n)
            continue;
        if (!ascii_digit(text.p[i]) || v > INT64_MAX / 100)
            return PROVIDER_REPORT_NONE;
        v = v * 10 + (text.p[i] - '0');
    }
    return v;
}

/* Digits with a fraction, scaled by a million; *rest stands behind them. */
static bool decimal(slice *rest, int64_t *micro)
{
    int64_t v = 0, unit = MILLION;
    size_t i = 0, digits = 0;
    bool point = false;
    for (; i < rest->n; i++) {
        char c = rest->p[i];
        if ((c == '.' || c == ',') && !point) {
            point = true;
            continue;
        }
        if (!ascii_digit(c))
            break;
        digits++;
        if (point)
            unit /= 10;
        if (!point && v > 1000 * MILLION)
            return false;
        v = point ? v + (c - '0') * unit : v * 10 + (c - '0') * MILLION;
    }
    *rest = slice_from(*rest, i);
    *micro = v;
    return digits > 0;
}

/* e-3 behind a number; false where what stands there is something else. */
static bool exponent(slice rest, int64_t *micro)
{
    uint64_t e;
    if (slice_empty(rest))
        return true;
    if (ascii_lower(rest.p[0]) != 'e' || rest.n < 2)
        return false;
    bool minus = rest.p[1] == '-';
    if (!slice_u64(slice_from(rest, minus || rest.p[1] == '+' ? 2 : 1), &e) || (!minus && e > 0))
        return false;
    for (; e > 0 && *micro; e--)
        *micro /= 10;
    return true;
}

int64_t report_ratio(slice text)
{
    int64_t micro;
    text = slice_trim(text);
    if (!decimal(&text, &micro) || !exponent(text, &micro) || micro > MILLION)
        return PROVIDER_REPORT_NONE;
    return micro;
}

static int64_t percent(slice text)
{
    int64_t micro;
    text = slice_trim(text);
    while (text.n && (text.p[0] == '<' || text.p[0] == '>' || text.p[0] == '=' || text.p[0] == ' '))
        text = slice_from(text, 1);
    if (!decimal(&text, &micro) || !slice_eq(slice_trim(text), S("%")))
        return PROVIDER_REPORT_NONE;
    return micro > 100 * MILLION ? PROVIDER_REPORT_NONE : micro / 100;
}

int64_t report_ppm(slice text)
{
    size_t dash = slice_rchr(text, '-');
    if (slice_chr(text, '%') == SLICE_NPOS)
        return report_ratio(text);
    return percent(dash == SLICE_NPOS ? text : slice_from(text, dash + 1));
}

/* Three numbers with the same sign between them. */
static bool three(slice text, char sign, int64_t out[3])
{
    slice part;
    for (size_t i = 0; i < 3; i++) {
        if (!slice_split(&text, sign, &part) || part.n > 4)
            return false;
        out[i] = report_number(part);
        if (out[i] < 0)
            return false;
    }
    return text.p == NULL;
}

static int64_t day_of(int64_t year, int64_t month, int64_t day)
{
    struct civil c = {.year = (int)year, .month = (int)month, .day = (int)day};
    int64_t us = civil_to_us(&c);
    return us == TIME_NONE ? PROVIDER_REPORT_NONE : us / TIME_DAY;
}

int64_t report_day(slice text)
{
    slice rest = text, date;
    int64_t n[3], us;
    uint64_t plain;
    if (!slice_word(&rest, &date))
        return PROVIDER_REPORT_NONE;
    if (three(date, '/', n))
        return n[0] > 31 ? day_of(n[0], n[1], n[2]) : day_of(n[2], n[0], n[1]);
    if (date.n == 8 && slice_u64(date, &plain))
        return day_of((int64_t)(plain / 10000), (int64_t)(plain / 100 % 100), (int64_t)(plain % 100));
    us = time_parse_iso(slice_trim(text), 0);
    if (us == TIME_NONE)
        us = time_parse_iso(date, 0);
    return us == TIME_NONE || us < 0 ? PROVIDER_REPORT_NONE : us / TIME_DAY;
}

static bool is_ipv4(slice text)
{
    slice part;
    size_t parts = 0;
    for (; slice_split(&text, '.', &part); parts++) {
        uint64_t v;
        if (part.n > 3 || !slice_u64(part, &v) || v > 255)
            return false;
    }
    return parts == 4;
}

static bool is_ipv6(slice text)
{
    size_t colons = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = ascii_lower(text.p[i]);
        colons += c == ':';
        if (!ascii_digit(c) && !(c >= 'a' && c <= 'f') && c != ':' && c != '.')
            return false;
    }
    return colons >= 2 && colons <= 8 && text.n <= 45;
}

bool report_is_ip(slice text)
{
    return is_ipv4(text) || is_ipv6(text);
}

bool report_is_domain(slice text)
{
    if (text.n > PROVIDER_REPORT_MAX_SUBJECT || slice_chr(text, '.') == SLICE_NPOS)
        return false;
    for (size_t i = 0; i < text.n; i++)
        if (!ascii_alnum(text.p[i]) && text.p[i] != '-' && text.p[i] != '.' && text.p[i] != '_')
            return false;
    return ascii_alnum(text.p[0]) && ascii_alpha(text.p[text.n - 1]);
}
