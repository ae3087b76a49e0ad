#include "feed/postfix.h"

#include <stdlib.h>

#include "feed/postfix_work.h"

static const slice memory_magic = SLICE_INIT("PF1");
static const slice default_campaign_headers[] = {SLICE_INIT("X-Campaign"),   SLICE_INIT("X-Campaign-ID"),
                                                 SLICE_INIT("X-CampaignID"), SLICE_INIT("X-Campaign-Name"),
                                                 SLICE_INIT("X-Job"),        SLICE_INIT("X-Mailing-ID")};
static const slice default_stream_headers[] = {SLICE_INIT("X-Stream"), SLICE_INIT("X-Mail-Stream")};

static bool copy_names(arena *a, const slice *given, size_t n, const slice *usual, size_t usual_n, struct names *out)
{
    if (!given) {
        given = usual;
        n = usual_n;
    }
    slice *items = arena_calloc(a, n, sizeof *items);
    if (!items)
        return false;
    for (size_t i = 0; i < n; i++)
        items[i] = arena_dup(a, given[i]);
    *out = (struct names){items, n};
    return true;
}

static bool copy_zone(arena *a, const struct zone *zone, struct zone *out)
{
    *out = (struct zone){0};
    if (!zone)
        return true;
    struct zone_shift *shifts = arena_calloc(a, zone->n, sizeof *shifts);
    if (!shifts)
        return false;
    if (zone->n)
        memcpy(shifts, zone->shifts, zone->n * sizeof *shifts);
    *out = (struct zone){zone->offset_s, shifts, zone->n};
    return true;
}

static bool copy_options(struct postfix *p, const struct postfix_options *o)
{
    arena *a = &p->fixed;
    struct zone zone;
    if (!copy_zone(a, o->zone, &zone) || !copy_names(a, o->relays, o->relay_count, o->relays, 0, &p->relays) ||
        !copy_names(a, o->campaign_headers, o->campaign_header_count, default_campaign_headers,
                    ARRAY_LEN(default_campaign_headers), &p->campaign_headers) ||
        !copy_names(a, o->stream_headers, o->stream_header_count, default_stream_headers,
                    ARRAY_LEN(default_stream_headers), &p->stream_headers))
        return false;
    p->host = arena_dup(a, o->host.p ? o->host : SLICE_EMPTY);
    p->tenant = arena_dup(a, o->tenant.p ? o->tenant : SLICE_EMPTY);
    p->reference_us = o->reference_us;
    stamp_clock_init(&p->clock, o->reference_us, &zone);
    queue_init(&p->queue, o->max_memory_bytes ? o->max_memory_bytes : POSTFIX_MAX_MEMORY_BYTES,
               o->max_age_us ? o->max_age_us : POSTFIX_MAX_AGE_US);
    buf_add(&p->feed, o->feed.p ? o->feed : SLICE_EMPTY);
    return !a->limited && !p->feed.failed;
}

struct postfix *postfix_new(const struct postfix_options *o)
{
    struct postfix *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    arena_init(&p->fixed, 0);
    buf_init(&p->feed, 0);
    if (!copy_options(p, o))
        postfix_free(&p);
    return p;
}

void postfix_free(struct postfix **p)
{
    if (!*p)
        return;
    buf_fini(&(*p)->feed);
    queue_fini(&(*p)->queue);
    arena_fini(&(*p)->fixed);
    free(*p);
    *p = NULL;
}

void postfix_file(struct postfix *p, slice feed, int64_t reference_us)
{
    buf_clear(&p->feed);
    buf_add(&p->feed, feed);
    p->clock.reference_us = reference_us == TIME_NONE ? p->reference_us : reference_us;
    p->clock.cached_us = TIME_NONE;
}

const struct postfix_counts *postfix_counts(const struct postfix *p)
{
    return &p->counts;
}

size_t postfix_open(const struct postfix *p)
{
    return p->queue.n;
}

bool postfix_changed(const struct postfix *p)
{
    return p->queue.changed;
}

/* ---- memory ---- */

void postfix_export(struct postfix *p, buf *out)
{
    buf_add(out, memory_magic);
    for (unsigned i = 0; i < 8; i++)
        buf_addc(out, (char)((uint64_t)p->clock.last_us >> (8 * i)));
    queue_export(&p->queue, out);
    if (!out->failed)
        p->queue.changed = false;
}

bool postfix_import(struct postfix *p, slice memory)
{
    uint64_t last = 0;
    queue_fini(&p->queue);
    p->clock.cached_us = TIME_NONE;
    bool good = memory.n >= memory_magic.n + 8 && slice_starts(memory, memory_magic);
    if (good) {
        for (unsigned i = 8; i-- > 0;)
            last = last << 8 | (unsigned char)memory.p[memory_magic.n + i];
        good = queue_import(&p->queue, slice_from(memory, memory_magic.n + 8));
    }
    if (!good)
        queue_fini(&p->queue);
    p->clock.last_us = good ? (int64_t)last : TIME_NONE;
    p->queue.changed = false;
    return good;
}

/* ---- lines ---- */

typedef bool (*handler)(struct work *w);

static const struct daemon_row {
    slice name;
    enum daemon daemon;
    handler handle;
} daemons[] = {
    {SLICE_INIT("smtp"), DAEMON_SMTP, work_delivery},
    {SLICE_INIT("qmgr"), DAEMON_QMGR, work_queue_manager},
    {SLICE_INIT("cleanup"), DAEMON_CLEANUP, work_cleanup},
    {SLICE_INIT("lmtp"), DAEMON_LMTP, work_delivery},
    {SLICE_INIT("local"), DAEMON_LOCAL, work_delivery},
    {SLICE_INIT("virtual"), DAEMON_VIRTUAL, work_delivery},
    {SLICE_INIT("pipe"), DAEMON_PIPE, work_delivery},
    {SLICE_INIT("error"), DAEMON_OTHER_AGENT, work_delivery},
    {SLICE_INIT("retry"), DAEMON_OTHER_AGENT, work_delivery},
    {SLICE_INIT("discard"), DAEMON_OTHER_AGENT, work_delivery},
    {SLICE_INIT("bounce"), DAEMON_OTHER_AGENT, work_delivery},
    {SLICE_INIT("oqmgr"), DAEMON_QMGR, work_queue_manager},
    {SLICE_INIT("nqmgr"), DAEMON_QMGR, work_queue_manager},
    {SLICE_INIT("postsuper"), DAEMON_QMGR, work_queue_manager},
};

static const struct daemon_row *find_daemon(slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(daemons); i++)
        if (daemons[i].name.n == name.n && memcmp(daemons[i].name.p, name.p, name.n) == 0)
            return &daemons[i];
    return NULL;
}

/* "postfix/submission/smtpd": the instance is what stands before the first slash. */
static slice instance_of(slice tag)
{
    return slice_of(tag.p, slice_chr(tag, '/'));
}

/* Takes "QID: " off the message. Short ids are hexadecimal, long ones have 52 letters and digits. */
static bool take_queue_id(slice *message, slice *id)
{
    const char *colon =
        memchr(message->p, ':', message->n < QUEUE_MAX_ID_BYTES + 1 ? message->n : QUEUE_MAX_ID_BYTES + 1);
    size_t n = colon ? (size_t)(colon - message->p) : 0;
    if (n < POSTFIX_QUEUE_ID_MIN_BYTES || n + 2 > message->n || message->p[n + 1] != ' ')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!ascii_alnum(message->p[i]))
            return false;
    *id = slice_of(message->p, n);
    *message = slice_from(*message, n + 2);
    return true;
}

/* The syslog daemon or journald told that lines are missing. */
static bool is_drop_notice(slice message)
{
    static const slice words[] = {SLICE_INIT("begins to drop messages"), SLICE_INIT("begin to drop messages"),
                                  SLICE_INIT("messages lost due to rate-limiting"), SLICE_INIT("Missed ")};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_find(message, words[i]) != SLICE_NPOS)
            return true;
    return slice_find(message, S("uppressed ")) != SLICE_NPOS && slice_find(message, S(" messages")) != SLICE_NPOS;
}

static bool other_program(struct postfix *p, const struct syslog_line *line)
{
    if (slice_starts(line->tag, S("rsyslogd")) || slice_starts(line->tag, S("systemd-journal")) ||
        slice_starts(line->tag, S("journal")))
        p->counts.drop_notices += is_drop_notice(line->message);
    return true;
}

bool postfix_entry(struct postfix *p, const struct syslog_line *line, arena *a, struct feed_list *out)
{
    p->counts.lines++;
    size_t slash = slice_rchr(line->tag, '/');
    if (slash == SLICE_NPOS)
        return other_program(p, line);
    const struct daemon_row *row = find_daemon(slice_from(line->tag, slash + 1));
    p->counts.ours++;
    if (!row)
        return true;
    struct work w = {.p = p, .line = line, .daemon = row->daemon, .arena = a, .out = out, .rest = line->message};
    w.key.host = slice_empty(line->host) ? p->host : line->host;
    w.key.instance = instance_of(line->tag);
    if (!take_queue_id(&w.rest, &w.key.id))
        return true;
    if (w.key.host.n > QUEUE_MAX_HOST_BYTES || w.key.instance.n > QUEUE_MAX_HOST_BYTES) {
        p->counts.odd++;
        return true;
    }
    bool good = row->handle(&w);
    queue_trim(&p->queue);
    p->counts.evicted = p->queue.evicted;
    return good && !a->limited;
}

bool postfix_line(struct postfix *p, slice line, arena *a, struct feed_list *out)
{
    struct syslog_line parsed;
    if (!syslog_parse(line, &parsed)) {
        p->counts.lines++;
        return true;
    }
    return postfix_entry(p, &parsed, a, out);
}

bool postfix_block(struct postfix *p, slice lines, arena *a, struct feed_list *out)
{
    bool good = true;
    while (lines.n) {
        const char *end = memchr(lines.p, '\n', lines.n);
        size_t n = end ? (size_t)(end - lines.p) : lines.n;
        good &= postfix_line(p, slice_of(lines.p, n), a, out);
        lines = slice_from(lines, end ? n + 1 : n);
    }
    return good;
}

bool postfix_journal(struct postfix *p, slice entries, arena *a, struct feed_list *out)
{
    struct journal_entry e;
    bool good = true;
    for (int more; (more = journal_next(&entries, true, &e)) != 0;)
        if (more > 0)
            good &= postfix_entry(p, &e.line, a, out);
    return good;
}
