/* Between the dialects: a line on its way, and what all of them need for it. For no file outside of this folder.
 */
#ifndef FEED_LOG_WORK_H
#define FEED_LOG_WORK_H

#include "feed/log.h"
#include "feed/powermta.h"
#include "feed/queue.h"

struct names {
    const slice *items;
    size_t n;
};

struct maillog {
    arena fixed; /* copies of the options */
    const struct log_dialect *forced;
    struct names relays, campaign_headers, stream_headers;
    slice host, tenant, usual_feed;
    buf feed; /* of the file at hand; empty: the dialect's name */
    struct charsets *charsets, *own_charsets;
    struct stamp_clock clock;
    int64_t reference_us;            /* of the options */
    int64_t kept_last_us;            /* clock.last_us as it was exported */
    struct powermta_columns columns; /* of the file at hand */
    struct queue queue;
    struct log_counts counts;
    buf odd; /* what was wrong with the last odd record */
};

struct work {
    struct maillog *log;
    slice dialect; /* its name */
    const struct syslog_line *line;
    struct queue_key key;
    slice rest; /* of the message, behind what was read of it */
    arena *arena;
    struct feed_list *out;
};

/* Handles one line of its dialect. False when memory was refused. */
typedef bool (*log_handler)(struct work *w);

/* Time of the line. */
int64_t work_time(const struct work *w);
/* A new observation with what line and mail (NULL: not known) tell whatever the line says; its kind, recipient, reply and source key
 * are still missing. NULL when memory was refused. */
struct observation *work_observe(const struct work *w, const struct queue_mail *mail);
/* host/instance/id under which the mail began, in the arena. */
slice work_queue_path(const struct work *w, const struct queue_mail *mail);
/* The line as its writer wrote it (never a path, a year of ours or a pid), and the recipient where the line names none. */
struct hash128 work_source_key(const struct work *w, slice recipient);
/* The reply, made UTF-8 where it is raw bytes of something else, and cut to what an observation may hold. */
slice work_reply(const struct work *w, slice text);
/* Keeps a deferral for an expiry that will name no reply (or no recipient): texts as in queue_rcpt. A real attempt is not
 * replaced by one that tried nothing. False when memory was refused. */
bool work_remember(const struct work *w, const slice texts[RCPT_TEXTS], const struct observation *o);
/* An expiry that names no recipient: one observation for each that has a deferral and no end. False when memory was
 * refused. */
bool work_expire(const struct work *w, struct queue_mail *mail);
/* An expiry that names its recipient: what the last real attempt said takes the place of the reply. */
void work_last_deferral(const struct work *w, struct queue_mail *mail, struct observation *o);
/* The recipient has its end. */
void work_forget(const struct work *w, struct queue_mail *mail, slice to);
/* A next hop that options.relays names, by name or by IP. */
bool work_is_relay(const struct maillog *m, slice host, slice ip);
/* What observations of this line name as their feed, in the arena. */
slice work_feed(const struct work *w);
/* Tells that a record could not be read; `what` is a sentence without the full stop, `word` its subject (may be empty). */
void work_odd(const struct work *w, const char *what);
void work_odd_word(const struct work *w, slice word, const char *what);

#endif
