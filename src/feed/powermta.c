#include "feed/powermta.h"

#include "bounce/address.h"
#include "feed/dialects.h"

/* PowerMTA's accounting files (its guide, chapter on the accounting file): RFC 4180 with a line of names first, columns in any
 * order, those of several record types merged. From documentation: there is no copy that could be run here.
 *
 *   d delivered   b bounced   t, tq transient   r received   rb, rs remote bounce, status   f feedback loop
 *
 * What mails brought (rb, rs, f) is TRUST_BARE: PowerMTA reads the mails that anybody may send to it.
 */

enum column {
    COLUMN_OTHER,
    COLUMN_TYPE,
    COLUMN_TIME,
    COLUMN_QUEUED,
    COLUMN_ORIG,
    COLUMN_RCPT,
    COLUMN_ORCPT,
    COLUMN_ACTION,
    COLUMN_STATUS,
    COLUMN_DIAG,
    COLUMN_MTA,
    COLUMN_REPORTING,
    COLUMN_CATEGORY,
    COLUMN_SOURCE_IP,
    COLUMN_DESTINATION_IP,
    COLUMN_JOB,
    COLUMN_ENVELOPE,
    COLUMN_FEEDBACK,
    COLUMN_MESSAGE_ID,
    COLUMN_SUBJECT,
    COLUMN_CAMPAIGN, /* headers that options name */
    COLUMN_STREAM,
    COLUMNS
};

static const struct {
    slice name;
    enum column column;
} names[] = {
    {SLICE_INIT("type"), COLUMN_TYPE},
    {SLICE_INIT("timeLogged"), COLUMN_TIME},
    {SLICE_INIT("timeQueued"), COLUMN_QUEUED},
    {SLICE_INIT("orig"), COLUMN_ORIG},
    {SLICE_INIT("rcpt"), COLUMN_RCPT},
    {SLICE_INIT("orcpt"), COLUMN_ORCPT},
    {SLICE_INIT("dsnAction"), COLUMN_ACTION},
    {SLICE_INIT("dsnStatus"), COLUMN_STATUS},
    {SLICE_INIT("dsnDiag"), COLUMN_DIAG},
    {SLICE_INIT("dsnMta"), COLUMN_MTA},
    {SLICE_INIT("dsnReportingMta"), COLUMN_REPORTING},
    {SLICE_INIT("reportingMTA"), COLUMN_REPORTING},
    {SLICE_INIT("bounceCat"), COLUMN_CATEGORY},
    {SLICE_INIT("dlvSourceIp"), COLUMN_SOURCE_IP},
    {SLICE_INIT("repSourceIp"), COLUMN_SOURCE_IP},
    {SLICE_INIT("dlvDestinationIp"), COLUMN_DESTINATION_IP},
    {SLICE_INIT("jobId"), COLUMN_JOB},
    {SLICE_INIT("envId"), COLUMN_ENVELOPE},
    {SLICE_INIT("feedbackType"), COLUMN_FEEDBACK},
    {SLICE_INIT("header_Message-Id"), COLUMN_MESSAGE_ID},
    {SLICE_INIT("header_Subject"), COLUMN_SUBJECT},
};

/* ---- CSV ---- */

/* One field off the front of *s, quotes undone in the arena; *more says whether another one follows. */
static slice take_field(slice *s, arena *a, bool *more)
{
    slice field;
    if (s->n == 0 || s->p[0] != '"') {
        size_t n = slice_chr(*s, ',');
        *more = n != SLICE_NPOS;
        field = slice_sub(*s, 0, n);
        *s = *more ? slice_from(*s, n + 1) : SLICE_EMPTY;
        return field;
    }
    size_t end = 1, quotes = 0;
    for (; end < s->n; end++) {
        if (s->p[end] != '"')
            continue;
        if (end + 1 >= s->n || s->p[end + 1] != '"')
            break;
        quotes++;
        end++;
    }
    field = slice_sub(*s, 1, end - 1);
    slice rest = slice_from(*s, end + 1);
    size_t comma = slice_chr(rest, ',');
    *more = comma != SLICE_NPOS;
    *s = *more ? slice_from(rest, comma + 1) : SLICE_EMPTY;
    char *p = quotes ? arena_alloc(a, field.n) : NULL;
    if (!p)
        return quotes ? SLICE_EMPTY : field;
    size_t n = 0;
    for (size_t i = 0; i < field.n; i++) {
        p[n++] = field.p[i];
        i += field.p[i] == '"';
    }
    return slice_of(p, n);
}

static slice first_line(slice head)
{
    slice line = SLICE_EMPTY;
    if (slice_starts(head, S("\xef\xbb\xbf")))
        head = slice_from(head, 3);
    return slice_line(&head, &line) ? line : SLICE_EMPTY;
}

/* ---- the line of names ---- */

static bool names_header(const struct names *list, slice header)
{
    for (size_t i = 0; i < list->n; i++)
        if (slice_eq_ci(list->items[i], header))
            return true;
    return false;
}

static enum column column_of(const struct maillog *m, slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq_ci(names[i].name, name))
            return names[i].column;
    slice header = slice_starts_ci(name, S("header_")) ? slice_from(name, 7) : SLICE_EMPTY;
    if (slice_empty(header) || !m)
        return COLUMN_OTHER;
    return names_header(&m->campaign_headers, header) ? COLUMN_CAMPAIGN
           : names_header(&m->stream_headers, header) ? COLUMN_STREAM
                                                      : COLUMN_OTHER;
}

/* False when the line names no columns of ours. */
static bool read_names(const struct maillog *m, slice line, struct powermta_columns *out)
{
    bool seen[COLUMNS] = {false}, more = true;
    arena a; /* names have no quotes to undo */
    arena_init(&a, 1);
    *out = (struct powermta_columns){.n = 0};
    while (more && out->n < POWERMTA_MAX_COLUMNS) {
        enum column c = column_of(m, slice_trim(take_field(&line, &a, &more)));
        out->what[out->n++] = (uint8_t)c;
        seen[c] = true;
    }
    arena_fini(&a);
    return seen[COLUMN_TYPE] && (seen[COLUMN_TIME] || seen[COLUMN_RCPT]);
}

static bool looks_like_names(slice line)
{
    if (slice_chr(line, ' ') != SLICE_NPOS) /* as most lines have, soon */
        return false;
    return slice_starts_ci(line, S("type,")) || slice_starts_ci(line, S("\"type\",")) ||
           slice_find_ci(line, S(",type,")) != SLICE_NPOS;
}

void powermta_file(struct maillog *m, slice head)
{
    slice line = first_line(head);
    struct powermta_columns found = {.n = 0};
    if (!looks_like_names(line) || !read_names(m, line, &found))
        found.n = 0;
    found.fixed = head.n > 0;
    m->columns = found;
}

bool powermta_claims_line(const struct maillog *m, const struct syslog_line *line)
{
    struct powermta_columns found;
    if (m && (m->columns.n || m->columns.fixed))
        return m->columns.n > 0;
    return looks_like_names(line->message) && read_names(NULL, first_line(line->message), &found);
}

/* ---- records ---- */

struct record {
    slice fields[COLUMNS];
};

static bool read_record(const struct maillog *m, slice line, arena *a, struct record *out)
{
    bool more = true;
    for (size_t i = 0; i < COLUMNS; i++)
        out->fields[i] = SLICE_EMPTY;
    for (unsigned i = 0; more && i < m->columns.n; i++) {
        slice v = slice_trim(take_field(&line, a, &more));
        if (slice_empty(out->fields[m->columns.what[i]]))
            out->fields[m->columns.what[i]] = v;
    }
    return !a->limited;
}

/* "2019-02-08 21:54:05+0000", seconds since 1970, or "MM/DD/YYYY hh:mm:ss+0000". */
static int64_t time_of(slice s, arena *a)
{
    if (s.n >= 19 && s.p[2] == '/' && s.p[5] == '/')
        s = arena_printf(a, "%.4s-%.2s-%.2s%.*s", s.p + 6, s.p, s.p + 3, (int)(s.n - 10), s.p + 10);
    return time_parse_any(s);
}

static const struct type_row {
    slice type;
    enum bounce_kind kind;
    enum trust trust;
} types[] = {
    {SLICE_INIT("d"), BOUNCE_KIND_DELIVERED, TRUST_PROVEN}, {SLICE_INIT("b"), BOUNCE_KIND_FAILED, TRUST_PROVEN},
    {SLICE_INIT("t"), BOUNCE_KIND_DEFERRED, TRUST_PROVEN},  {SLICE_INIT("r"), BOUNCE_KIND_ACCEPTED, TRUST_PROVEN},
    {SLICE_INIT("rb"), BOUNCE_KIND_FAILED, TRUST_BARE},     {SLICE_INIT("rs"), BOUNCE_KIND_DELAYED, TRUST_BARE},
    {SLICE_INIT("f"), BOUNCE_KIND_COMPLAINT, TRUST_BARE},
};

static enum bounce_kind kind_of(const struct work *w, const struct type_row *t, const struct record *r, slice host,
                                slice ip)
{
    bool loopback = slice_starts(ip, S("127.")) || slice_eq(ip, S("::1"));
    slice action = r->fields[COLUMN_ACTION], feedback = r->fields[COLUMN_FEEDBACK];
    if (t->kind == BOUNCE_KIND_DELIVERED && (loopback || work_is_relay(w->log, host, ip)))
        return BOUNCE_KIND_RELAYED;
    if (t->kind == BOUNCE_KIND_FAILED && slice_eq_ci(r->fields[COLUMN_CATEGORY], S("message-expired")))
        return BOUNCE_KIND_EXPIRED;
    if (t->kind == BOUNCE_KIND_COMPLAINT && slice_eq_ci(feedback, S("not-spam")))
        return BOUNCE_KIND_NOT_SPAM;
    if (t->kind == BOUNCE_KIND_DELAYED && slice_eq_ci(action, S("delivered")))
        return BOUNCE_KIND_DELIVERED;
    if (t->kind == BOUNCE_KIND_DELAYED && slice_eq_ci(action, S("relayed")))
        return BOUNCE_KIND_RELAYED;
    return t->kind;
}

/* "foo.int.port25.com (10.1.2.3)" */
static void read_mta(slice s, slice *host, slice *ip)
{
    size_t open = slice_find(s, S(" ("));
    *host = slice_sub(s, 0, open);
    *ip = open == SLICE_NPOS ? SLICE_EMPTY : slice_unwrap(slice_from(s, open + 1), '(', ')');
}

static slice diagnosis(slice s)
{
    return slice_ltrim(slice_starts_ci(s, S("smtp;")) ? slice_from(s, 5) : s);
}

/* The same record out of a file, a pipe or a copy with other columns. */
static struct hash128 source_key(const struct work *w, const struct record *r)
{
    static const enum column parts[] = {COLUMN_TYPE, COLUMN_TIME,       COLUMN_RCPT, COLUMN_ORIG, COLUMN_ENVELOPE,
                                        COLUMN_JOB,  COLUMN_MESSAGE_ID, COLUMN_DIAG, COLUMN_MTA};
    struct hash128 h = hash128_more(hash128(S("powermta")), w->log->tenant);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        h = hash128_more(h, r->fields[parts[i]]);
    return h;
}

static void fill(const struct work *w, const struct type_row *t, const struct record *r, struct observation *o)
{
    arena *a = w->arena;
    const slice *f = r->fields;
    slice host, ip, status = f[COLUMN_STATUS];
    read_mta(f[COLUMN_MTA], &host, &ip);
    if (slice_empty(ip))
        ip = f[COLUMN_DESTINATION_IP];
    o->kind = kind_of(w, t, r, host, ip);
    o->trust = t->trust;
    o->recipient = arena_dup(a, f[COLUMN_RCPT]);
    slice orcpt = address_find(f[COLUMN_ORCPT]);
    o->sent_to = slice_eq_ci(orcpt, o->recipient) ? SLICE_EMPTY : arena_dup(a, orcpt);
    o->sender = arena_dup(a, f[COLUMN_ORIG]);
    o->reply = work_reply(w, arena_dup(a, diagnosis(f[COLUMN_DIAG])));
    o->status = arena_dup(a, slice_sub(status, 0, slice_either(status, ' ', '(')));
    o->remote_mta = arena_dup(a, slice_sub(host, 0, QUEUE_MAX_HOST_BYTES));
    if (!slice_empty(f[COLUMN_REPORTING]))
        o->reporting_mta = arena_dup(a, slice_sub(f[COLUMN_REPORTING], 0, QUEUE_MAX_HOST_BYTES));
    o->platform_cause = arena_dup(a, slice_sub(f[COLUMN_CATEGORY], 0, QUEUE_MAX_ID_BYTES));
    if (!slice_eq(f[COLUMN_SOURCE_IP], S("0.0.0.0")))
        o->sending_ip = arena_dup(a, slice_sub(f[COLUMN_SOURCE_IP], 0, QUEUE_MAX_ID_BYTES));
    o->campaign = arena_dup(a, slice_empty(f[COLUMN_CAMPAIGN]) ? f[COLUMN_JOB] : f[COLUMN_CAMPAIGN]);
    o->stream = arena_dup(a, f[COLUMN_STREAM]);
    o->subject = arena_dup(a, f[COLUMN_SUBJECT]);
    o->ids[ID_ENVID] = arena_dup(a, f[COLUMN_ENVELOPE]);
    o->ids[ID_MESSAGE] = arena_dup(a, slice_unwrap(f[COLUMN_MESSAGE_ID], '<', '>'));
    o->ids[ID_QUEUE] = SLICE_EMPTY;
    o->time_us = time_of(f[COLUMN_TIME], a);
    o->sent_us = slice_empty(f[COLUMN_QUEUED]) ? TIME_NONE : time_of(f[COLUMN_QUEUED], a);
    o->source_key = source_key(w, r);
}

static bool too_long(const struct record *r)
{
    for (size_t i = 0; i < COLUMNS; i++)
        if (i != COLUMN_DIAG && r->fields[i].n > LOG_MAX_FIELD_BYTES)
            return true;
    return false;
}

/* The first line of a file, or, in a stream, the one after a new configuration. */
static void names_again(struct work *w, slice line)
{
    struct powermta_columns found, *now = &w->log->columns;
    bool good = read_names(w->log, first_line(line), &found);
    if (good && !now->fixed)
        *now = found;
    else if (!good || found.n != now->n || memcmp(found.what, now->what, found.n * sizeof *found.what) != 0)
        work_odd(w, "another line of names within a file");
}

bool powermta_read(struct work *w)
{
    struct record r;
    slice line = slice_rtrim(w->line->message);
    if (slice_empty(line))
        return true;
    if (looks_like_names(line)) {
        names_again(w, line);
        return true;
    }
    if (w->log->columns.n == 0) {
        work_odd(w, "no line has named the columns");
        return true;
    }
    if (!read_record(w->log, line, w->arena, &r))
        return false;
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (!slice_eq_ci(r.fields[COLUMN_TYPE], types[i].type))
            continue;
        if (slice_empty(r.fields[COLUMN_RCPT]) || too_long(&r)) {
            work_odd(w, "a record without a recipient, or with a field that is too long");
            return true;
        }
        struct observation *o = work_observe(w, NULL);
        if (o)
            fill(w, &types[i], &r, o);
        return o != NULL;
    }
    return true; /* tq tells of a queue, not of a recipient */
}
