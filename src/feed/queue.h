/* The queue ids of an MTA that are open: what is known of each message until it leaves the queue.
 *
 * An open-addressing table keyed by (host, queue id), and the list of its mails from the oldest touched to the newest.
 * A queue id lives in an instance ("postfix", "postfix-2"), but a service may log under another name (syslog_name=): a
 * look-up takes the mail of that instance, else the only one of that queue id. Texts are copied. The caps of bytes and age are kept by
 * queue_trim alone: until then every mail stays where it is. Pure.
 */
#ifndef FEED_QUEUE_H
#define FEED_QUEUE_H

#include "base/buf.h"
#include "base/time.h"
#include "bounce.h"

#define QUEUE_MAX_HOST_BYTES 255u
#define QUEUE_MAX_ID_BYTES 64u
#define QUEUE_MAX_RCPTS 20000u /* remembered for one mail */
#define QUEUE_DONE_US (10 * TIME_MINUTE)

struct kept { /* a text owned by the queue */
    char *p;
    uint32_t n;
};

static inline slice kept_slice(struct kept k)
{
    return slice_of(k.p, k.n);
}

/* Texts of a recipient. */
enum rcpt_text { RCPT_TO, RCPT_ORIG_TO, RCPT_REPLY, RCPT_STATUS, RCPT_RELAY, RCPT_TEXTS };

struct queue_rcpt {
    uint32_t hash; /* of RCPT_TO */
    bool waits;    /* deferred, and neither delivered nor failed since */
    bool tried;    /* the deferral kept is of a real attempt */
    enum bounce_phase phase;
    char *text; /* all texts, one behind the other */
    uint32_t bytes[RCPT_TEXTS];
};

enum queue_voice {                /* who names the queue id */
                   QUEUE_AGENT,   /* a delivery agent: may log under a name of its own */
                   QUEUE_CLEANUP, /* takes mail in: its mail is not yet one of another instance's queue manager */
                   QUEUE_MANAGER  /* logs under the true name of the instance */
};

struct queue_key {
    slice host, instance, id;
};

struct queue_mail {
    struct queue_mail *older, *newer;
    uint64_t hash;
    int64_t touched_us;
    slice host, id; /* point behind the struct */
    struct kept instance, sender, message_id, campaign, stream;
    struct kept root; /* host/instance/id of the first queue id of this mail, when a content filter lies between */
    struct queue_rcpt *rcpts;
    uint32_t rcpt_count, rcpt_room, rcpt_hint;
    uint32_t left;   /* recipients without an end, where the log tells how many there are; 0: not told */
    bool owned;      /* the queue manager named this instance */
    bool has_sender; /* sender is known, even if it is the null sender */
    bool kept;       /* a row of it was given or taken */
    bool changed;    /* since then; in the list of those */
    struct queue_mail *changed_before, *changed_after;
    bool done; /* nothing more is expected; in the list of those */
    struct queue_mail *done_before, *done_after;
};

struct queue_slot {
    uint64_t hash;
    struct queue_mail *mail;
};

struct queue {
    struct queue_slot *slots;
    size_t n, room;
    size_t bytes, max_bytes;
    int64_t max_age_us;
    struct queue_mail *oldest, *newest;
    uint64_t evicted;
    bool changed;  /* since the flag was cleared */
    bool unsorted; /* the list of age has yet to be sorted */
    struct queue_mail *first_changed;
    struct queue_mail *first_done, *last_done;
    buf gone; /* keys of kept mails that were closed, as rows have them */
};

void queue_init(struct queue *q, size_t max_bytes, int64_t max_age_us);
void queue_fini(struct queue *q);
/* The mail or NULL. */
struct queue_mail *queue_find(struct queue *q, const struct queue_key *key, enum queue_voice voice);
/* Finds or makes it and marks it as touched. NULL when memory is refused or the key is too long. */
struct queue_mail *queue_open(struct queue *q, const struct queue_key *key, enum queue_voice voice, int64_t now_us);
/* Makes a mail of just this instance, which must not be there; looks at no cap. NULL as above. */
struct queue_mail *queue_add(struct queue *q, const struct queue_key *key, bool owned, int64_t touched_us);
void queue_close(struct queue *q, struct queue_mail *mail);
/* Nothing more is expected of it, but the log may surprise (an alias with several members): queue_trim closes it
 * QUEUE_DONE_US later, unless it is opened again. */
void queue_done(struct queue *q, struct queue_mail *mail, int64_t now_us);
/* Closes the mails touched longest ago while there are too many bytes, or they are too old beside the newest one (which stays in
 * any case), and counts them. */
void queue_trim(struct queue *q);
/* Replaces a text of a mail. False when memory is refused (the old one stays). */
NODISCARD bool queue_set(struct queue *q, struct queue_mail *mail, struct kept *text, slice s);
/* A mail or one of its recipients was changed by hand. */
void queue_touch(struct queue *q, struct queue_mail *mail);

/* The recipient or NULL. */
struct queue_rcpt *queue_rcpt(struct queue_mail *mail, slice to);
/* Keeps the texts of a recipient, in place of what is known of it. NULL when memory is refused or there are too many.
 */
struct queue_rcpt *queue_put_rcpt(struct queue *q, struct queue_mail *mail, const slice texts[RCPT_TEXTS]);
/* Forgets a recipient; pointers to others are not valid afterwards. */
void queue_drop_rcpt(struct queue *q, struct queue_mail *mail, struct queue_rcpt *r);
slice queue_rcpt_text(const struct queue_rcpt *r, enum rcpt_text which);

/* The content as bytes, oldest first; and back into an empty queue: false when it is damaged or memory is refused. */
void queue_export(const struct queue *q, buf *out);
NODISCARD bool queue_import(struct queue *q, slice bytes);

/* The same mail by mail: rows of a key and a value (empty: the mail is closed). Gives those that were changed since they were
 * given or taken; false when `row` says so or memory is refused, with the rest still to be given. */
typedef bool (*queue_row_fn)(void *ctx, slice key, slice value);
NODISCARD bool queue_rows(struct queue *q, queue_row_fn row, void *ctx);
/* Takes one over, in any order. False when it is damaged or memory is refused. */
NODISCARD bool queue_take_row(struct queue *q, slice key, slice value);
/* Between queue.c and queue_memory.c: appends the key of a mail's row. */
void queue_put_key(buf *out, const struct queue_mail *mail);
/* Between them too: the row of this mail was given. */
void queue_kept(struct queue *q, struct queue_mail *mail);

#endif
