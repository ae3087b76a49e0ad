/* Postfix logs: lines in, observations out, with a memory of the queue ids that are open.
 *
 * Pure: no clock, no file. The memory joins the lines of one message: sender and Message-ID (qmgr, cleanup), the last
 * deferral of each recipient (an expiry names no recipient), the next queue id behind a content filter. It is kept
 * small (caps of bytes and age, a queue id goes on `removed`) and goes in and out as bytes (postfix_export), so that a
 * crash between the lines of one delivery loses nothing. Order of the lines is the order of the log; other programs'
 * lines are skipped.
 *
 * Kinds: sent -> delivered, or relayed (loopback, a socket, options.relays, Amazon SES), or expanded (forwarded by an
 * alias); bounced -> failed; deferred, SOFTBOUNCE -> deferred; expired, force-expired -> expired, one per recipient
 * that has a deferral and no end. undeliverable (a probe) -> deferred and tried_nothing; deliverable is only counted.
 * The null sender, where it is known to be one, comes as "<>": such mail is a notification and no campaign.
 * Trust is TRUST_PROVEN: the caller vouches that this is the log of one of its own machines.
 */
#ifndef FEED_POSTFIX_H
#define FEED_POSTFIX_H

#include "base/buf.h"
#include "feed/feed.h"
#include "feed/journal.h"

#define POSTFIX_MAX_MEMORY_BYTES (64u * 1024 * 1024)
#define POSTFIX_MAX_AGE_US (14 * TIME_DAY) /* Postfix gives up after 5 days by default */
#define POSTFIX_MAX_REPLY_BYTES 4096u

struct postfix_options {
    int64_t reference_us;    /* see stamp_clock; TIME_NONE only if every stamp has a year */
    const struct zone *zone; /* of BSD stamps; NULL: UTC */
    const slice *relays;     /* next hops that are no destination: host name, IP, or ".domain" */
    size_t relay_count;
    const slice *campaign_headers,
        *stream_headers; /* logged by header_checks (INFO, WARN); NULL: X-Campaign & co., X-Stream */
    size_t campaign_header_count, stream_header_count;
    slice host; /* when the lines have none */
    slice tenant;
    slice feed;              /* observation.feed */
    size_t max_memory_bytes; /* 0: POSTFIX_MAX_MEMORY_BYTES */
    int64_t max_age_us;      /* 0: POSTFIX_MAX_AGE_US */
};

struct postfix_counts {
    uint64_t lines; /* given */
    uint64_t ours;  /* of Postfix */
    uint64_t observations;
    uint64_t drop_notices; /* syslog or journal said that it dropped lines: the log has holes */
    uint64_t orphans;      /* an expiry whose deferrals are not known */
    uint64_t evicted;      /* queue ids forgotten for age or size */
    uint64_t probes;       /* address verification */
    uint64_t odd;          /* delivery records that could not be read */
};

struct postfix;

/* Options are copied. NULL when memory is refused. */
struct postfix *postfix_new(const struct postfix_options *o);
void postfix_free(struct postfix **p);
/* Another file begins: name for observation.feed and reference time of its stamps (TIME_NONE: that of the options). The
 * memory stays. */
void postfix_file(struct postfix *p, slice feed, int64_t reference_us);
/* One line without its line end. Appends what it tells to *out. False when memory was refused: what was found is there.
 */
NODISCARD bool postfix_line(struct postfix *p, slice line, arena *a, struct feed_list *out);
/* The same for a line whose outside is known (journal_next, own syslog socket). */
NODISCARD bool postfix_entry(struct postfix *p, const struct syslog_line *line, arena *a, struct feed_list *out);
/* All lines of a block, ended by LF; a last one without LF is read too. */
NODISCARD bool postfix_block(struct postfix *p, slice lines, arena *a, struct feed_list *out);
/* All entries of a block of journal export format. */
NODISCARD bool postfix_journal(struct postfix *p, slice entries, arena *a, struct feed_list *out);
const struct postfix_counts *postfix_counts(const struct postfix *p);
/* Open queue ids. */
size_t postfix_open(const struct postfix *p);
/* True when the memory differs from what was exported or imported last. */
bool postfix_changed(const struct postfix *p);
/* Appends the memory as bytes / takes it over in place of what is there (false: not ours or damaged; the memory is
 * empty then). */
void postfix_export(struct postfix *p, buf *out);
NODISCARD bool postfix_import(struct postfix *p, slice memory);

#endif
