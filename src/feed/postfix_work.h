/* Between the parts of the Postfix dialect: a line on its way, and what each part does with it. For no other file.
 */
#ifndef FEED_POSTFIX_WORK_H
#define FEED_POSTFIX_WORK_H

#include "feed/postfix.h"
#include "feed/queue.h"

#define POSTFIX_QUEUE_ID_MIN_BYTES 5u
#define POSTFIX_MAX_FIELD_BYTES 2048u /* Message-ID, addresses: Postfix cuts lines at 2000 */

struct names {
    const slice *items;
    size_t n;
};

struct postfix {
    arena fixed; /* copies of the options */
    struct names relays, campaign_headers, stream_headers;
    slice host, tenant;
    buf feed;
    struct stamp_clock clock;
    int64_t reference_us; /* of the options */
    struct queue queue;
    struct postfix_counts counts;
};

enum daemon {
    DAEMON_SMTP,
    DAEMON_LMTP,
    DAEMON_LOCAL,
    DAEMON_VIRTUAL,
    DAEMON_PIPE,
    DAEMON_OTHER_AGENT, /* error, retry, discard, bounce */
    DAEMON_QMGR,
    DAEMON_CLEANUP
};

struct work {
    struct postfix *p;
    const struct syslog_line *line;
    enum daemon daemon;
    struct queue_key key;
    slice rest; /* behind "QID: " */
    arena *arena;
    struct feed_list *out;
};

/* Handlers of a line, by daemon. False when memory was refused. */
bool work_delivery(struct work *w);
bool work_queue_manager(struct work *w);
bool work_cleanup(struct work *w);

/* Time of the line. */
int64_t work_time(const struct work *w);
/* A new observation with what line and mail (NULL: not known) tell whatever the line says; its kind, recipient, reply and source key
 * are still missing. NULL when memory was refused. */
struct observation *work_observe(const struct work *w, const struct queue_mail *mail);
/* host/instance/id under which the mail began, in the arena. */
slice work_queue_path(const struct work *w, const struct queue_mail *mail);
/* The line as its writer wrote it (never a path, a year of ours or a pid), and the recipient where the line names none. */
struct hash128 work_source_key(const struct work *w, slice recipient);

#endif
