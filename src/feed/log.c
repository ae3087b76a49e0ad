#include "feed/log.h"

#include <stdlib.h>

#include "feed/dialects.h"

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

static bool copy_options(struct maillog *m, const struct log_options *o)
{
    arena *a = &m->fixed;
    struct zone zone;
    if (!copy_zone(a, o->zone, &zone) || !copy_names(a, o->relays, o->relay_count, o->relays, 0, &m->relays) ||
        !copy_names(a, o->campaign_headers, o->campaign_header_count, default_campaign_headers,
                    ARRAY_LEN(default_campaign_headers), &m->campaign_headers) ||
        !copy_names(a, o->stream_headers, o->stream_header_count, default_stream_headers,
                    ARRAY_LEN(default_stream_headers), &m->stream_headers))
        return false;
    m->forced = o->dialect;
    m->host = arena_dup(a, o->host.p ? o->host : SLICE_EMPTY);
    m->tenant = arena_dup(a, o->tenant.p ? o->tenant : SLICE_EMPTY);
    m->reference_us = o->reference_us;
    stamp_clock_init(&m->clock, o->reference_us, &zone);
    queue_init(&m->queue, o->max_memory_bytes ? o->max_memory_bytes : LOG_MAX_MEMORY_BYTES,
               o->max_age_us ? o->max_age_us : LOG_MAX_AGE_US);
    m->usual_feed = arena_dup(a, o->feed.p ? o->feed : SLICE_EMPTY);
    buf_add(&m->feed, m->usual_feed);
    m->kept_last_us = m->clock.last_us;
    return !a->limited && !m->feed.failed;
}

struct maillog *maillog_new(const struct log_options *o)
{
    struct maillog *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    arena_init(&m->fixed, 0);
    buf_init(&m->feed, 0);
    buf_init(&m->odd, 0);
    m->own_charsets = o->charsets ? NULL : charsets_new();
    m->charsets = o->charsets ? o->charsets : m->own_charsets;
    if (!m->charsets || !copy_options(m, o))
        maillog_free(&m);
    return m;
}

void maillog_free(struct maillog **m)
{
    if (!*m)
        return;
    buf_fini(&(*m)->feed);
    buf_fini(&(*m)->odd);
    charsets_free(&(*m)->own_charsets);
    queue_fini(&(*m)->queue);
    arena_fini(&(*m)->fixed);
    free(*m);
    *m = NULL;
}

void maillog_file(struct maillog *m, slice feed, slice head, int64_t reference_us)
{
    buf_clear(&m->feed);
    buf_clear(&m->odd);
    buf_add(&m->feed, slice_empty(feed) ? m->usual_feed : feed);
    m->clock.reference_us = reference_us == TIME_NONE ? m->reference_us : reference_us;
    m->clock.cached_us = TIME_NONE;
    powermta_file(m, head);
}

const struct log_counts *maillog_counts(const struct maillog *m)
{
    return &m->counts;
}

slice maillog_odd(const struct maillog *m)
{
    return buf_slice(&m->odd);
}

size_t maillog_open(const struct maillog *m)
{
    return m->queue.n;
}

/* ---- lines ---- */

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

static bool other_program(struct maillog *m, const struct syslog_line *line)
{
    if (slice_starts(line->tag, S("rsyslogd")) || slice_starts(line->tag, S("systemd-journal")) ||
        slice_starts(line->tag, S("journal")))
        m->counts.drop_notices += is_drop_notice(line->message);
    return true;
}

static bool give(struct maillog *m, const struct log_dialect *d, const struct syslog_line *line, arena *a,
                 struct feed_list *out)
{
    struct work w = {
        .log = m, .dialect = slice_str(d->name), .line = line, .arena = a, .out = out, .rest = line->message};
    m->counts.ours++;
    w.key.host = slice_empty(line->host) ? m->host : line->host;
    w.key.instance = w.dialect;
    w.key.id = SLICE_EMPTY;
    if (w.key.host.n > QUEUE_MAX_HOST_BYTES) {
        work_odd(&w, "its host name is too long");
        return true;
    }
    bool good = d->read(&w);
    queue_trim(&m->queue);
    m->counts.evicted = m->queue.evicted;
    return good && !a->limited;
}

static bool give_syslog(struct maillog *m, const struct syslog_line *line, arena *a, struct feed_list *out)
{
    const struct log_dialect *d = m->forced ? m->forced : log_dialect_of_tag(line);
    return d && d->claims_tag ? give(m, d, line, a, out) : other_program(m, line);
}

bool maillog_entry(struct maillog *m, const struct syslog_line *line, arena *a, struct feed_list *out)
{
    m->counts.lines++;
    return give_syslog(m, line, a, out);
}

bool maillog_line(struct maillog *m, slice text, arena *a, struct feed_list *out)
{
    struct syslog_line line = syslog_bare(text);
    const struct log_dialect *d = m->forced;
    m->counts.lines++;
    if (d && d->claims_line && !d->claims_tag) /* nothing else it could be */
        return give(m, d, &line, a, out);
    d = log_dialect_of_line(m, &line);
    if (d && (!m->forced || d == m->forced))
        return give(m, d, &line, a, out);
    return syslog_parse(text, &line) ? give_syslog(m, &line, a, out) : true;
}

bool maillog_block(struct maillog *m, slice lines, arena *a, struct feed_list *out)
{
    bool good = true;
    while (lines.n) {
        const char *end = memchr(lines.p, '\n', lines.n);
        size_t n = end ? (size_t)(end - lines.p) : lines.n;
        good &= maillog_line(m, slice_of(lines.p, n), a, out);
        lines = slice_from(lines, end ? n + 1 : n);
    }
    return good;
}

bool maillog_journal(struct maillog *m, slice entries, arena *a, struct feed_list *out)
{
    struct journal_entry e;
    bool good = true;
    for (int more; (more = journal_next(&entries, true, &e)) != 0;)
        if (more > 0)
            good &= maillog_entry(m, &e.line, a, out);
    return good;
}
