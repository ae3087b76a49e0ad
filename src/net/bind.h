/* Sockets that listen, by the name of their address: "unix:/run/bounced/map", "127.0.0.1:2525", "[::1]:2525".
 *
 * Only numbers are taken for a host: names of hosts mean a question to somebody. An IPv6 address listens for IPv6 alone.
 */
#ifndef NET_BIND_H
#define NET_BIND_H

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/buf.h"
#include "base/err.h"

struct net_address {
    struct sockaddr_storage to;
    socklen_t length;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)]; /* of a unix socket, else "" */
};

struct bind_unix {
    unsigned mode; /* of the socket file */
    slice group;   /* its group; empty: as it comes */
};

/* E_INVALID says what is wrong with the text. */
NODISCARD enum status address_parse(slice text, struct net_address *out, err *e);
/* "203.0.113.7:4711", "[2001:db8::1]:4711", "unix:PATH" (without PATH: "unix"); *host_length is the part without the port, 0 for a
 * unix socket. Returns the length; out has room for `room` bytes, what is longer is cut. */
size_t address_print(const struct sockaddr_storage *a, socklen_t length, char *out, size_t room, slice *host);
/* Binds and listens; the socket does not block and is not inherited. For a unix socket *made is the file that was made. A file that
 * nobody listens on is replaced, one that answers is E_BUSY, what is no socket is E_INVALID and stays. */
NODISCARD enum status bind_open(const struct net_address *a, const struct bind_unix *u, int backlog, int *fd,
                                struct stat *made, err *e);
/* Removes the file when it is still the one that was made. */
void bind_remove(const struct net_address *a, const struct stat *made);

#endif
