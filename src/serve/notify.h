/* Words to the service manager: the protocol of sd_notify(3), which is one datagram to the socket that it named in the environment.
 * Own code, since the protocol is stable by promise and the library brings much else along.
 */
#ifndef SERVE_NOTIFY_H
#define SERVE_NOTIFY_H

#include "base/defs.h"

struct notify {
    int fd; /* -1: nobody listens */
};

/* `path` as in NOTIFY_SOCKET ("@..." is abstract); NULL or one that does not work: nobody listens. */
void notify_open(struct notify *n, const char *path);
void notify_close(struct notify *n);
/* "READY=1\nSTATUS=..."; never blocks, and nobody hears about its failure. */
void notify_send(const struct notify *n, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
