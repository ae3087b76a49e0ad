/* A client of the line protocol (net/line.h) that waits for its answers: for programs that a mail server runs beside the daemon.
 *
 * It fails open: without a daemon, or without an answer in time, every question is answered "send", at once until the daemon may be
 * asked again. A connection is kept and made anew when it is gone, once for a question that met a connection which had been closed.
 * One thread; the question must not hold up the mail server longer than `timeout_ms`, once in `back_off_ms`.
 */
#ifndef NET_LINE_CLIENT_H
#define NET_LINE_CLIENT_H

#include "base/buf.h"
#include "net/ask.h"
#include "net/bind.h"

struct line_client {
    struct net_address address;
    int timeout_ms, back_off_ms;
    int fd;                  /* -1: not connected */
    int64_t not_before_ms;   /* of the monotonic clock; after a failure */
    buf question, answer;    /* `answer` holds the texts of the last one */
    char why[96];            /* the last failure, for a log; "" when all is well */
    uint64_t asked, unasked; /* questions; those answered without the daemon */
};

/* E_INVALID: no such address. Connects with the first question. */
NODISCARD enum status line_client_init(struct line_client *c, slice address, int timeout_ms, int back_off_ms, err *e);
void line_client_fini(struct line_client *c);
/* The `ask` of a struct asker, with the client as ctx. */
void line_client_ask(void *ctx, const struct ask *question, struct ask_answer *out);

#endif
