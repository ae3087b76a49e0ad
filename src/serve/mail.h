/* One mail on its way into the ledger, wherever it came from: read and judged by a worker, committed by the writer together with
 * what others bring at that time. What is no report, or is one of nobody, is set aside for a person; a mail that has been
 * handed on too often is refused.
 *
 * Trust (docs/daemon.md): a report that came to a signed return path of ours is proven; the address that the envelope names
 * counts, else what the mail's own fields say of it; a source may be vouched for; all else is bare, until the intake finds that
 * the message was seen sent. The same mail again, by whatever way, is known by its content.
 *
 * The way: fill the first part, mail_put; `done` is called once on the loop thread, never from inside mail_put. Texts given must
 * live until then; afterwards mail_fini gives back what was taken here.
 */
#ifndef SERVE_MAIL_H
#define SERVE_MAIL_H

#include "serve/aside.h"
#include "serve/daemon.h"

#define MAIL_MAX_ARENA_BYTES ((size_t)512 * 1024 * 1024) /* what is decoded of 50 MB */

/* What is known of a mailbox; must outlive its mails. */
struct mail_source {
    slice feed; /* name of the feed: "lmtp:NAME" */
    slice tenant, stream, campaign, source;
    bool vouched;        /* a person stands up for who may write here */
    unsigned max_hops;   /* Received fields; 0: any number */
    struct aside *aside; /* NULL: what is no report is thrown away */
};

enum mail_fate {
    MAIL_COMMITTED, /* its reports are in the ledger, now or before */
    MAIL_ASIDE,     /* it is in the folder, or thrown away where there is none */
    MAIL_LOOPED,    /* refused: too many hops */
    MAIL_FAILED     /* see status and error: it must come again */
};

struct mail {
    slice bytes, sender; /* sender: empty when not known */
    const slice *recipients;
    size_t recipient_count;
    const struct mail_source *source;
    void (*done)(struct mail *m);
    /* the answer */
    enum mail_fate fate;
    enum status status;
    err error;
    size_t reports;
    /* theirs */
    struct daemon *daemon;
    struct job job;
    struct unit unit;
    arena a;
};

/* E_BUSY: too much is waiting; `done` is not called. */
NODISCARD enum status mail_put(struct daemon *d, struct mail *m);
void mail_fini(struct mail *m);

#endif
