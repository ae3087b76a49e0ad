/* Google Postmaster Tools: figures of a domain and day. CSV with a header, as its pages give it, and the JSON of its API.
 *
 * v1, trafficStats: "name": "domains/example.org/trafficStats/20260701", userReportedSpamRatio, domainReputation and ipReputations
 * (HIGH, MEDIUM, LOW, BAD), spf-, dkim- and dmarcSuccessRatio, deliveryErrors {errorClass, errorType, errorRatio}.
 * v2, domainStats: one value per metric and date: "name": "domains/example.org/domainStats/...", "metric": "spam_rate" (the name that
 * who asked gave it, so that words in it are looked for), "date": {year, month, day}, "value": {"doubleValue": ...}.
 */
#include "feed/json_read.h"
#include "feed/provider_report_work.h"

#define MAX_WORD_BYTES 64u
#define MAX_NAME_BYTES 400u

static int level_of(slice word)
{
    static const struct {
        slice word;
        int level;
    } words[] = {{SLICE_INIT("high"), PROVIDER_LEVEL_GOOD},
                 {SLICE_INIT("medium"), PROVIDER_LEVEL_FAIR},
                 {SLICE_INIT("low"), PROVIDER_LEVEL_POOR},
                 {SLICE_INIT("bad"), PROVIDER_LEVEL_BAD}};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq_ci(word, words[i].word))
            return words[i].level;
    return PROVIDER_LEVEL_NONE;
}

/* ---- CSV ---- */

enum field { F_DATE, F_DOMAIN, F_SPAM, F_REPUTATION, F_IPS, F_SPF, F_DKIM, F_DMARC, F_ERRORS, FIELDS };

static const struct report_column columns[FIELDS] = {
    {"date|day", F_DATE},
    {"domainname|domain", F_DOMAIN},
    {"userreportedspam|spamrate|spam", F_SPAM},
    {"domainreputation|reputation", F_REPUTATION},
    {"ipreputation", F_IPS},
    {"spf", F_SPF},
    {"dkim", F_DKIM},
    {"dmarc", F_DMARC},
    {"deliveryerror|errorrate|errorratio|errors", F_ERRORS},
};

static const char *read_row(const struct report_work *w, const struct report_row *row, const size_t at[FIELDS],
                            struct provider_report *r, slice *what)
{
    *r = report_blank(PROVIDER_POSTMASTER);
    *what = report_cell(row, at[F_DATE]);
    r->day = report_day(*what);
    if (r->day < 0)
        return "this is no date";
    r->subject = *what = at[F_DOMAIN] == SIZE_MAX ? w->domain : report_cell(row, at[F_DOMAIN]);
    if (slice_empty(r->subject))
        return "the file does not say of which domain it is; tell with --domain";
    if (!report_is_domain(r->subject))
        return "this is no domain";
    *what = report_cell(row, at[F_SPAM]);
    r->complaint_ppm = report_ppm(*what);
    if (r->complaint_ppm < 0 && !slice_empty(*what))
        return "a spam rate is a percentage or a ratio";
    r->level = level_of(report_cell(row, at[F_REPUTATION]));
    if (r->level == PROVIDER_LEVEL_NONE)
        r->level = level_of(report_cell(row, at[F_IPS]));
    r->spf_ppm = report_ppm(report_cell(row, at[F_SPF]));
    r->dkim_ppm = report_ppm(report_cell(row, at[F_DKIM]));
    r->dmarc_ppm = report_ppm(report_cell(row, at[F_DMARC]));
    r->error_ppm = report_ppm(report_cell(row, at[F_ERRORS]));
    return NULL;
}

/* "domain" alone is also the beginning of "domain reputation". */
static void find_columns(const struct report_row *header, size_t at[FIELDS])
{
    report_columns(header, columns, FIELDS, at);
    if (at[F_DOMAIN] != SIZE_MAX && at[F_DOMAIN] == at[F_REPUTATION])
        at[F_DOMAIN] = SIZE_MAX;
}

enum provider_report_end postmaster_csv_read(struct report_work *w, slice text, bool *mine)
{
    size_t at[FIELDS], line = 1;
    slice rest = text, head = slice_sub(text, 0, slice_line_end(text));
    struct report_row row;
    struct provider_report r;
    char delimiter = slice_chr(head, '\t') != SLICE_NPOS ? '\t' : slice_chr(head, ',') != SLICE_NPOS ? ',' : ';';
    if (!report_row_next(w, &rest, delimiter, &line, &row))
        return PROVIDER_REPORT_UNKNOWN;
    find_columns(&row, at);
    bool tells = false;
    for (size_t i = F_SPAM; i < FIELDS; i++)
        tells |= at[i] != SIZE_MAX;
    if (at[F_DATE] == SIZE_MAX || !tells)
        return PROVIDER_REPORT_UNKNOWN;
    *mine = true;
    while (report_row_next(w, &rest, delimiter, &line, &row)) {
        slice what;
        const char *why = read_row(w, &row, at, &r, &what);
        if (why)
            report_bad(w, row.line, what, why);
        else if (!report_add(w, &r))
            break;
    }
    return PROVIDER_REPORT_READ;
}

/* ---- JSON, v1 ---- */

struct reading {
    struct report_work *w;
    size_t record; /* from 1 */
};

static slice word_of(const struct reading *r, struct json_object *o, const char *path)
{
    return json_text(json_find(o, NULL, path), r->w->a, MAX_WORD_BYTES);
}

/* "domains/example.org/trafficStats/20260701": the part behind the n-th slash. */
static slice part_of(slice name, size_t n)
{
    slice rest = name, part = SLICE_EMPTY;
    for (size_t i = 0; i <= n; i++)
        if (!slice_split(&rest, '/', &part))
            return SLICE_EMPTY;
    return part;
}

static void add_detail(const struct reading *r, struct provider_report *out, slice more)
{
    if (slice_empty(more) || out->detail.n > PROVIDER_REPORT_MAX_DETAIL)
        return;
    out->detail =
        slice_empty(out->detail) ? more : arena_printf(r->w->a, "%.*s; %.*s", SLICE_FMT(out->detail), SLICE_FMT(more));
}

/* The errors add up to a rate, and stand in words beside it. */
static void read_errors(const struct reading *r, struct json_object *list, struct provider_report *out)
{
    for (size_t i = 0; json_object_is_type(list, json_type_array) && i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        int64_t ppm = report_ratio(word_of(r, o, "errorRatio"));
        if (ppm <= 0)
            continue;
        out->error_ppm = (out->error_ppm < 0 ? 0 : out->error_ppm) + ppm;
        add_detail(r, out,
                   arena_printf(r->w->a, "%.*s %lld.%02lld %%", SLICE_FMT(word_of(r, o, "errorType")),
                                (long long)(ppm / 10000), (long long)(ppm % 10000 / 100)));
    }
    if (out->error_ppm > 1000000)
        out->error_ppm = 1000000;
}

static void read_ips(const struct reading *r, struct json_object *list, struct provider_report *out)
{
    int worst = PROVIDER_LEVEL_NONE;
    for (size_t i = 0; json_object_is_type(list, json_type_array) && i < json_object_array_length(list); i++) {
        struct json_object *o = json_object_array_get_idx(list, i);
        slice word = word_of(r, o, "reputation");
        int64_t n = report_number(word_of(r, o, "ipCount|numIps"));
        int level = level_of(word);
        if (level == PROVIDER_LEVEL_NONE || n == 0)
            continue;
        worst = level > worst ? level : worst;
        if (n > 0)
            add_detail(r, out, arena_printf(r->w->a, "%lld IP %.*s", (long long)n, SLICE_FMT(word)));
    }
    if (out->level == PROVIDER_LEVEL_NONE)
        out->level = worst;
}

static void read_traffic(struct reading *r, struct json_object *o)
{
    slice name = json_text(json_find(o, NULL, "name"), r->w->a, MAX_NAME_BYTES);
    struct provider_report out = report_blank(PROVIDER_POSTMASTER);
    out.subject = part_of(name, 1);
    out.day = report_day(part_of(name, 3));
    if (!report_is_domain(out.subject) || out.day < 0) {
        report_bad(r->w, r->record, name, "a name is domains/DOMAIN/trafficStats/YYYYMMDD");
        return;
    }
    out.complaint_ppm = report_ratio(word_of(r, o, "userReportedSpamRatio"));
    out.level = level_of(word_of(r, o, "domainReputation"));
    out.spf_ppm = report_ratio(word_of(r, o, "spfSuccessRatio"));
    out.dkim_ppm = report_ratio(word_of(r, o, "dkimSuccessRatio"));
    out.dmarc_ppm = report_ratio(word_of(r, o, "dmarcSuccessRatio"));
    read_ips(r, json_find(o, NULL, "ipReputations"), &out);
    read_errors(r, json_find(o, NULL, "deliveryErrors"), &out);
    report_add(r->w, &out);
}

/* ---- JSON, v2 ---- */

/* The record of that domain and day, made where there is none. Figures of one day stand near each other: it is looked for from
 * behind, among the last ones only, so that a long file costs no square. */
#define LOOK_BACK 400u

static struct provider_report *record_of(const struct reading *r, slice domain, int64_t day)
{
    struct provider_report_list *list = r->w->out;
    for (size_t i = list->n; i > 0 && list->n - i < LOOK_BACK; i--)
        if (list->items[i - 1].day == day && slice_eq_ci(list->items[i - 1].subject, domain))
            return &list->items[i - 1];
    struct provider_report made = report_blank(PROVIDER_POSTMASTER);
    made.subject = domain;
    made.day = day;
    return report_add(r->w, &made) ? &list->items[list->n - 1] : NULL;
}

static bool contains(slice text, const char *word)
{
    return slice_find_ci(text, slice_str(word)) != SLICE_NPOS;
}

/* Where the value of a metric goes, by the words in its name; NULL for those that are not kept. */
static int64_t *place_of(struct provider_report *r, slice metric)
{
    if (contains(metric, "feedback") || contains(metric, "loop") || contains(metric, "count"))
        return NULL;
    if (contains(metric, "spf"))
        return &r->spf_ppm;
    if (contains(metric, "dkim"))
        return &r->dkim_ppm;
    if (contains(metric, "dmarc"))
        return &r->dmarc_ppm;
    if (contains(metric, "error"))
        return &r->error_ppm;
    return contains(metric, "spam") ? &r->complaint_ppm : NULL;
}

static int64_t date_of(const struct reading *r, struct json_object *o)
{
    int64_t y = report_number(word_of(r, o, "date.year")), m = report_number(word_of(r, o, "date.month")),
            d = report_number(word_of(r, o, "date.day"));
    if (y < 1970 || y > 9999 || m < 1 || m > 12 || d < 1 || d > 31)
        return report_day(word_of(r, o, "date"));
    return report_day(arena_printf(r->w->a, "%04d-%02d-%02d", (int)y, (int)m, (int)d));
}

static void read_stat(struct reading *r, struct json_object *o)
{
    slice name = json_text(json_find(o, NULL, "name"), r->w->a, MAX_NAME_BYTES), domain = part_of(name, 1);
    slice metric = word_of(r, o, "metric.name | metric");
    int64_t day = date_of(r, o);
    if (slice_empty(domain))
        domain = r->w->domain;
    if (!report_is_domain(domain) || day < 0) {
        report_bad(r->w, r->record, name, "a figure has a name (domains/DOMAIN/domainStats/...) and a date");
        return;
    }
    struct provider_report *to = record_of(r, domain, day);
    int64_t *place = to ? place_of(to, metric) : NULL;
    int64_t ppm = report_ratio(word_of(r, o, "value.doubleValue | value.floatValue | value.value | value"));
    if (place && ppm >= 0)
        *place = ppm;
}

/* ---- JSON, both ---- */

static bool each_of(struct reading *r, struct json_object *list, void (*each)(struct reading *, struct json_object *))
{
    if (!json_object_is_type(list, json_type_array))
        return false;
    for (size_t i = 0; i < json_object_array_length(list) && !r->w->refused; i++) {
        r->record++;
        each(r, json_object_array_get_idx(list, i));
    }
    return true;
}

static bool has(struct json_object *o, const char *member)
{
    struct json_object *v;
    return json_object_is_type(o, json_type_object) && json_object_object_get_ex(o, member, &v);
}

/* One value at the top: a page of either API, or a record alone. False when it is neither. */
static bool read_value(struct reading *r, struct json_object *o)
{
    struct json_object *list = NULL;
    if (has(o, "trafficStats") && json_object_object_get_ex(o, "trafficStats", &list))
        return each_of(r, list, read_traffic);
    if (has(o, "domainStats") && json_object_object_get_ex(o, "domainStats", &list))
        return each_of(r, list, read_stat);
    if (!has(o, "name") ||
        (!has(o, "metric") &&
         slice_find(json_text(json_find(o, NULL, "name"), r->w->a, MAX_NAME_BYTES), S("/trafficStats/")) == SLICE_NPOS))
        return false;
    r->record++;
    (has(o, "metric") ? read_stat : read_traffic)(r, o);
    return true;
}

static bool read_document(struct reading *r, struct json_object *o)
{
    bool mine = false;
    if (!json_object_is_type(o, json_type_array))
        return read_value(r, o);
    for (size_t i = 0; i < json_object_array_length(o) && !r->w->refused; i++)
        mine |= read_value(r, json_object_array_get_idx(o, i));
    return mine;
}

/* One document, or one a line. */
enum provider_report_end postmaster_json_read(struct report_work *w, slice text, bool *mine)
{
    struct reading r = {.w = w};
    slice rest = slice_trim(text), line;
    unsigned odd;
    if (slice_empty(rest) || (rest.p[0] != '{' && rest.p[0] != '['))
        return PROVIDER_REPORT_UNKNOWN;
    struct json_object *o = json_read(rest, &odd);
    if (o && !(odd & JSON_ODD_BEHIND)) {
        *mine = read_document(&r, o);
        json_object_put(o);
        return PROVIDER_REPORT_READ;
    }
    json_object_put(o);
    for (size_t number = 1; slice_line(&rest, &line) && !w->refused; number++) {
        if (slice_empty(slice_trim(line)))
            continue;
        o = json_read(line, &odd);
        bool taken = o && read_document(&r, o);
        *mine |= taken;
        if (!taken && *mine)
            report_bad(w, number, line, "this is no JSON of Postmaster Tools");
        json_object_put(o);
    }
    return PROVIDER_REPORT_READ;
}
