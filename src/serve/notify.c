#include "serve/notify.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_open(struct notify *n, const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t length = path ? strlen(path) : 0;
    n->fd = -1;
    if (length < 2 || length >= sizeof a.sun_path || (path[0] != '/' && path[0] != '@'))
        return;
    memcpy(a.sun_path, path, length);
    if (path[0] == '@')
        a.sun_path[0] = 0;
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    /* connected while we are root: the socket may not be for our user */
    if (n->fd >= 0 && connect(n->fd, (struct sockaddr *)(void *)&a,
                              (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) != 0)
        notify_close(n);
}

void notify_close(struct notify *n)
{
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}

void notify_send(const struct notify *n, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    if (n->fd < 0)
        return;
    va_start(ap, fmt);
    int length = vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (length > 0 && (size_t)length < sizeof text)
        (void)!send(n->fd, text, (size_t)length, MSG_NOSIGNAL | MSG_DONTWAIT);
}
