/* The logs of mail programs: lines in, observations out, whoever wrote them. One interface, a table of dialects behind
 * it (log.c); a set of files may mix them.
 *
 *   maillog_new;  { maillog_file;  maillog_block or _journal or _line or _entry ... }  per file or stream;  maillog_free
 *
 * Pure: no clock, no file. A line goes to the dialect that its own form or its syslog tag names (or to
 * options.dialect); lines of other programs are skipped. Order of the lines is the order of the log. One thread.
 *
 * Memory: most logs tell of one delivery in several lines (sender and Message-ID, a deferral, an expiry that names no
 * reply, the next queue id behind a content filter), so that queue ids are remembered until they are closed, capped in
 * bytes and age. It goes out and in as bytes, in the transaction of the observations and the position of the feed, so
 * that a crash between two lines of a delivery loses nothing. Two ways: all of it (maillog_export, maillog_import), or
 * row by row what has changed (maillog_changes, maillog_take_row), for who commits often.
 *
 * Trust is TRUST_PROVEN: the caller vouches that this is the log of one of its own machines. The null sender, where it
 * is known to be one, comes as "<>": such mail is a notification and no campaign. What each dialect makes of its lines:
 * docs/feeds.md.
 */
#ifndef FEED_LOG_H
#define FEED_LOG_H

#include "base/buf.h"
#include "bounce/charset.h"
#include "feed/feed.h"
#include "feed/journal.h"

#define LOG_MAX_MEMORY_BYTES (64u * 1024 * 1024)
#define LOG_MAX_AGE_US (14 * TIME_DAY) /* mail servers give up after 4 or 5 days by default */
#define LOG_MAX_REPLY_BYTES 4096u
#define LOG_MAX_STATUS_BYTES 32u
#define LOG_MAX_FIELD_BYTES 2048u /* a Message-ID, an address; Postfix cuts lines at 2000 */

/* ---- dialects ---- */

struct log_dialect;
/* By name ("postfix", "exim", ...), NULL when there is none / the i-th of the table, NULL behind the last one. */
const struct log_dialect *log_dialect_find(slice name);
const struct log_dialect *log_dialect_at(size_t i);
const char *log_dialect_name(const struct log_dialect *d);
/* What the first bytes of a file tell (4 KB are enough): the dialect of the first line that has one; NULL: not told, as
 * in a log that many programs share. Never needed for reading: every line is asked again. */
const struct log_dialect *log_dialect_detect(slice head);
/* The line names the columns of the lines behind it (PowerMTA): who begins to read a stream behind it must give it first. */
bool log_names_columns(slice line);

/* ---- reading ---- */

struct log_options {
    const struct log_dialect *dialect; /* all lines are of this one; NULL: find out */
    int64_t reference_us;              /* see stamp_clock; TIME_NONE only if every stamp has a year */
    const struct zone *zone;           /* of stamps that name none; NULL: UTC */
    const slice *relays;               /* next hops that are no destination: host name, IP, or ".domain" */
    size_t relay_count;
    const slice *campaign_headers, *stream_headers; /* where a log shows headers; NULL: X-Campaign & co., X-Stream */
    size_t campaign_header_count, stream_header_count;
    struct charsets *charsets; /* of this thread, to live as long; NULL: some of its own, which takes milliseconds */
    slice host;                /* when the lines have none */
    slice tenant;
    slice feed;              /* observation.feed; empty: the dialect's name */
    size_t max_memory_bytes; /* 0: LOG_MAX_MEMORY_BYTES */
    int64_t max_age_us;      /* 0: LOG_MAX_AGE_US */
};

struct log_counts {
    uint64_t lines; /* given */
    uint64_t ours;  /* of a mail program that has a dialect here */
    uint64_t observations;
    uint64_t drop_notices; /* syslog or journal said that it dropped lines: the log has holes */
    uint64_t orphans;      /* an expiry whose deferrals are not known */
    uint64_t evicted;      /* queue ids forgotten for age or size */
    uint64_t probes;       /* address verification */
    uint64_t odd;          /* records of deliveries that could not be read */
};

struct maillog;

/* Options are copied. NULL when memory is refused. */
struct maillog *maillog_new(const struct log_options *o);
void maillog_free(struct maillog **m);
/* Another file or stream begins: name for observation.feed (empty: that of the options), its first bytes (at least its
 * first line where that names columns, also when reading goes on behind it; may be empty otherwise) and the reference time
 * of its stamps (TIME_NONE: that of the options). The memory stays. */
void maillog_file(struct maillog *m, slice feed, slice head, int64_t reference_us);
/* One line without its line end. Appends what it tells to *out. False when memory was refused: what was found is there.
 */
NODISCARD bool maillog_line(struct maillog *m, slice line, arena *a, struct feed_list *out);
/* The same for a line whose outside is known (journal_next, own syslog socket). */
NODISCARD bool maillog_entry(struct maillog *m, const struct syslog_line *line, arena *a, struct feed_list *out);
/* All lines of a block, ended by LF; a last one without LF is read too. */
NODISCARD bool maillog_block(struct maillog *m, slice lines, arena *a, struct feed_list *out);
/* All entries of a block of journal export format. */
NODISCARD bool maillog_journal(struct maillog *m, slice entries, arena *a, struct feed_list *out);
const struct log_counts *maillog_counts(const struct maillog *m);
/* What was wrong with the last record that counts as odd; empty: nothing yet. Until the next line. */
slice maillog_odd(const struct maillog *m);
/* Open queue ids. */
size_t maillog_open(const struct maillog *m);

/* ---- memory, all of it ---- */

/* True when the memory differs from what was exported or imported last. */
bool maillog_changed(const struct maillog *m);
/* Appends the memory as bytes / takes it over in place of what is there (false: not ours or damaged; the memory is
 * empty then). */
void maillog_export(struct maillog *m, buf *out);
NODISCARD bool maillog_import(struct maillog *m, slice memory);

/* ---- memory, row by row ---- */

/* One row: its key (bytes, at most LOG_MAX_KEY_BYTES) and what it holds now; empty: the row is to be deleted. */
#define LOG_MAX_KEY_BYTES 640u
typedef bool (*maillog_row_fn)(void *ctx, slice key, slice value);
/* Gives every row that differs from what was given before or taken, each once, rows to delete first, and counts them as
 * kept from then on: they belong into the transaction of the observations that came before. (Who loses them, by a
 * transaction that failed for good, makes a new maillog out of what the ledger has.) What came by maillog_import counts as
 * never given. A queue id that is opened and closed between two calls makes no row. False when `row` said so or memory
 * was refused: what was not given stays for the next call. */
NODISCARD bool maillog_changes(struct maillog *m, maillog_row_fn row, void *ctx);
/* Takes over one row as it was given once, in any order, into a maillog that has read nothing yet. False when it is not
 * ours or damaged (the other rows stay good), or memory was refused. */
NODISCARD bool maillog_take_row(struct maillog *m, slice key, slice value);

#endif
