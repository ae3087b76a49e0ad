#include "net/bind.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <unistd.h>

/* ---- texts ---- */

static enum status parse_unix(slice path, struct net_address *out, err *e)
{
    struct sockaddr_un *un = (struct sockaddr_un *)(void *)&out->to;
    if (path.n == 0 || path.n >= sizeof un->sun_path || path.p[0] != '/' || slice_chr(path, '\0') != SLICE_NPOS)
        return err_set(e, E_INVALID, "unix:%.*s: a socket file has an absolute path of at most %zu bytes",
                       SLICE_FMT(path), sizeof un->sun_path - 1);
    un->sun_family = AF_UNIX;
    memcpy(un->sun_path, path.p, path.n);
    memcpy(out->path, path.p, path.n);
    out->length = (socklen_t)sizeof *un;
    return OK;
}

/* Puts `host` where inet_pton finds its NUL. */
static bool parse_host(int family, slice host, void *to)
{
    char text[INET6_ADDRSTRLEN];
    if (host.n == 0 || host.n >= sizeof text)
        return false;
    memcpy(text, host.p, host.n);
    text[host.n] = '\0';
    return inet_pton(family, text, to) == 1;
}

enum status address_parse(slice text, struct net_address *out, err *e)
{
    *out = (struct net_address){.length = 0};
    if (slice_starts(text, S("unix:")))
        return parse_unix(slice_from(text, 5), out, e);
    struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&out->to;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)&out->to;
    size_t colon = slice_rchr(text, ':');
    slice host = slice_sub(text, 0, colon == SLICE_NPOS ? 0 : colon);
    uint64_t port;
    bool good = slice_u64(slice_from(text, host.n + 1), &port) && port <= UINT16_MAX;
    if (good && host.n > 2 && host.p[0] == '[') {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons((uint16_t)port);
        out->length = (socklen_t)sizeof *v6;
        good = parse_host(AF_INET6, slice_unwrap(host, '[', ']'), &v6->sin6_addr);
    } else if (good) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons((uint16_t)port);
        out->length = (socklen_t)sizeof *v4;
        good = parse_host(AF_INET, host, &v4->sin_addr);
    }
    if (!good)
        return err_set(e, E_INVALID, "%.*s: expected 127.0.0.1:PORT, [::1]:PORT or unix:/PATH", SLICE_FMT(text));
    return OK;
}

size_t address_print(const struct sockaddr_storage *a, socklen_t length, char *out, size_t room, slice *host)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)a;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)a;
    const struct sockaddr_un *un = (const struct sockaddr_un *)(const void *)a;
    char ip[INET6_ADDRSTRLEN] = "";
    int n = 0;
    *host = SLICE_EMPTY;
    if (a->ss_family == AF_INET && inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof ip)) {
        n = snprintf(out, room, "%s:%u", ip, ntohs(v4->sin_port));
        *host = slice_of(out, strlen(ip));
    } else if (a->ss_family == AF_INET6 && inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof ip)) {
        n = snprintf(out, room, "[%s]:%u", ip, ntohs(v6->sin6_port));
        *host = slice_of(out + 1, strlen(ip));
    } else if (a->ss_family == AF_UNIX && length > offsetof(struct sockaddr_un, sun_path) && un->sun_path[0]) {
        n = snprintf(out, room, "unix:%s", un->sun_path);
    } else {
        n = snprintf(out, room, "unix");
    }
    return (size_t)n < room ? (size_t)n : room - 1;
}

/* ---- sockets ---- */

/* Whether the socket file may be made: E_BUSY when somebody answers there. */
static enum status clear_path(const struct net_address *a, err *e)
{
    struct stat st;
    if (lstat(a->path, &st) != 0)
        return errno == ENOENT ? OK : err_os(e, errno, "%s", a->path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, E_INVALID, "%s: is there and is no socket; it is not replaced", a->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_os(e, errno, "%s: socket", a->path);
    bool dead = connect(fd, (const struct sockaddr *)&a->to, a->length) != 0 && errno == ECONNREFUSED;
    (void)close(fd);
    if (!dead)
        return err_set(e, E_BUSY, "%s: another process listens there", a->path);
    if (unlink(a->path) != 0)
        return err_os(e, errno, "%s: cannot replace the old socket", a->path);
    return OK;
}

static enum status find_group(slice name, gid_t *out, err *e)
{
    char text[256], room[16384];
    struct group g, *found = NULL;
    if (name.n >= sizeof text)
        return err_set(e, E_INVALID, "%.*s: no such group", SLICE_FMT(name));
    memcpy(text, name.p, name.n);
    text[name.n] = '\0';
    if (getgrnam_r(text, &g, room, sizeof room, &found) != 0 || !found)
        return err_set(e, E_INVALID, "%s: no such group", text);
    *out = g.gr_gid;
    return OK;
}

/* Nobody can connect before listen, so that owner and mode are right before the first peer. */
static enum status own_file(const struct net_address *a, const struct bind_unix *u, struct stat *made, err *e)
{
    gid_t group = (gid_t)-1;
    if (u->group.n) {
        enum status st = find_group(u->group, &group, e);
        if (st != OK)
            return st;
        if (chown(a->path, (uid_t)-1, group) != 0)
            return err_os(e, errno, "%s: cannot give it to group %.*s", a->path, SLICE_FMT(u->group));
    }
    if (chmod(a->path, u->mode) != 0 || lstat(a->path, made) != 0)
        return err_os(e, errno, "%s", a->path);
    return OK;
}

static enum status set_options(int fd, int family, err *e)
{
    const int yes = 1;
    if (family == AF_UNIX)
        return OK;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) != 0 || /* those accepted have it, too */
        (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes) != 0))
        return err_os(e, errno, "setsockopt");
    return OK;
}

static enum status bind_socket(int fd, const struct net_address *a, const struct bind_unix *u, int backlog,
                               struct stat *made, err *e)
{
    char name[sizeof a->path + 16];
    slice host;
    (void)address_print(&a->to, a->length, name, sizeof name, &host);
    enum status st = set_options(fd, a->to.ss_family, e);
    if (st != OK)
        return st;
    if (bind(fd, (const struct sockaddr *)&a->to, a->length) != 0) {
        int why = errno;
        st = err_os(e, why, "%s: cannot listen", name);
        return why == EADDRINUSE ? err_set(e, E_BUSY, "%s: another process listens there", name) : st;
    }
    if (a->path[0] && (st = own_file(a, u, made, e)) != OK) {
        (void)unlink(a->path);
        return st;
    }
    return listen(fd, backlog) == 0 ? OK : err_os(e, errno, "%s: cannot listen", name);
}

enum status bind_open(const struct net_address *a, const struct bind_unix *u, int backlog, int *fd, struct stat *made,
                      err *e)
{
    *fd = -1;
    *made = (struct stat){.st_ino = 0};
    if (a->path[0]) {
        enum status st = clear_path(a, e);
        if (st != OK)
            return st;
    }
    int s = socket(a->to.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (s < 0)
        return err_os(e, errno, "socket");
    enum status st = bind_socket(s, a, u, backlog, made, e);
    if (st != OK)
        (void)close(s);
    else
        *fd = s;
    return st;
}

void bind_remove(const struct net_address *a, const struct stat *made)
{
    struct stat now;
    if (a->path[0] && lstat(a->path, &now) == 0 && now.st_dev == made->st_dev && now.st_ino == made->st_ino)
        (void)unlink(a->path); /* a folder that is not ours any more keeps it: the next start replaces it */
}
