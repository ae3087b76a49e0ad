#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include <openssl/ssl.h>

#include "base/map.h"
#include "net/bind.h"
#include "net/conn_own.h"

#define LISTENER_BACKLOG 511u
#define LISTENER_MAX_CONNECTIONS 1000u
#define LISTENER_MAX_INPUT (64u * 1024)
#define LISTENER_IDLE_US (300 * INT64_C(1000000))
#define LISTENER_ACCEPT_AT_ONCE 64 /* then others on the loop have their turn */
#define LISTENER_REST_US 100000    /* after the system refused a socket (EMFILE, ENOBUFS): no spinning */
#define LISTENER_UNIX_MODE 0660u

/* Connections of one address: a whole IPv4 address, or the /64 of an IPv6 one, which one subscriber has. */
struct peer_count {
    size_t n;
    size_t length;
    char key[8];
};

struct listener {
    struct conn_limits limits;
    struct listener_counts counts;
    const struct protocol *protocol;
    void *ctx;
    struct ssl_ctx_st *tls;
    bool tls_at_once;
    size_t max_connections, max_per_peer;
    map peers; /* to struct peer_count; filled only with max_per_peer */
    int fd;
    bool started, accepting, resting;
    struct event_base *base;
    struct event readable, rest;
    struct conn *conns;
    struct net_address address;
    struct stat made;
    char name[128];
    size_t name_length;
    struct conn_scratch scratch;
};

slice listener_address(const struct listener *l)
{
    return slice_of(l->name, l->name_length);
}

const struct listener_counts *listener_counts(const struct listener *l)
{
    return &l->counts;
}

struct conn_scratch *listener_scratch(struct listener *l)
{
    return &l->scratch;
}

struct ssl_ctx_st *listener_tls(struct listener *l)
{
    return l->tls;
}

void listener_set_tls(struct listener *l, struct ssl_ctx_st *tls)
{
    MUST(tls && l->tls && SSL_CTX_up_ref(tls) == 1);
    SSL_CTX_free(l->tls);
    l->tls = tls;
}

/* ---- who connects ---- */

static size_t peer_key(const struct sockaddr_storage *a, char key[8])
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)a;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)a;
    size_t n = a->ss_family == AF_INET ? 4 : a->ss_family == AF_INET6 ? 8 : 0;
    if (n)
        memcpy(key, n == 4 ? (const void *)&v4->sin_addr : (const void *)&v6->sin6_addr, n);
    return n;
}

/* Counts one more of this peer. False: it has enough, or there is no memory to count it. */
static bool peer_enter(struct listener *l, const struct sockaddr_storage *a, struct peer_count **out)
{
    char key[8];
    size_t n = peer_key(a, key);
    *out = NULL;
    if (l->max_per_peer == 0 || n == 0)
        return true;
    struct peer_count *p = map_get(&l->peers, slice_of(key, n));
    if (p && p->n >= l->max_per_peer)
        return false;
    if (!p) {
        p = calloc(1, sizeof *p);
        if (!p)
            return false;
        memcpy(p->key, key, n);
        p->length = n;
        void **place = map_put(&l->peers, slice_of(p->key, n));
        if (!place) {
            free(p);
            return false;
        }
        *place = p;
    }
    p->n++;
    *out = p;
    return true;
}

static void peer_leave(struct listener *l, struct peer_count *p)
{
    if (p && --p->n == 0) {
        (void)map_remove(&l->peers, slice_of(p->key, p->length));
        free(p);
    }
}

static bool is_loopback(const struct sockaddr_storage *a)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)a;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)a;
    if (a->ss_family == AF_INET)
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    return a->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static void describe_peer(struct conn *c, const struct sockaddr_storage *a, socklen_t length)
{
    struct conn_peer *p = &c->peer;
    if (a->ss_family != AF_UNIX) {
        p->name = slice_of(c->name, address_print(a, length, c->name, sizeof c->name, &p->address));
        p->loopback = is_loopback(a);
        return;
    }
    struct ucred who = {.pid = -1, .uid = (uid_t)-1, .gid = (gid_t)-1};
    socklen_t n = sizeof who;
    p->unix_socket = true;
    p->name = S("unix");
    if (getsockopt(c->stream.fd, SOL_SOCKET, SO_PEERCRED, &who, &n) != 0)
        return;
    p->pid = who.pid;
    p->uid = who.uid;
    int written = snprintf(c->name, sizeof c->name, "unix(pid=%d,uid=%u)", (int)who.pid, (unsigned)who.uid);
    p->name = slice_of(c->name, (size_t)written);
}

/* ---- accepting ---- */

static void watch(struct listener *l)
{
    bool want = l->started && l->fd >= 0 && !l->resting && l->counts.open < l->max_connections;
    if (want == l->accepting)
        return;
    l->accepting = want;
    MUST((want ? event_add(&l->readable, NULL) : event_del(&l->readable)) == 0);
}

/* False: refused, the socket is closed. */
static bool enter(struct listener *l, int fd, const struct sockaddr_storage *a, socklen_t length)
{
    struct peer_count *p;
    if (!peer_enter(l, a, &p)) {
        (void)close(fd);
        return false;
    }
    struct conn *c = malloc(sizeof *c);
    if (!c) {
        peer_leave(l, p);
        (void)close(fd);
        return false;
    }
    conn_init(c, l->protocol, l->ctx, &l->limits, &l->counts);
    stream_init(&c->stream, fd);
    c->listener = l;
    c->of_peer = p;
    c->offers_tls = l->tls && !l->tls_at_once;
    describe_peer(c, a, length);
    c->next = l->conns;
    if (l->conns)
        l->conns->prev = c;
    l->conns = c;
    l->counts.open++;
    l->counts.accepted++;
    conn_start(c, l->base, l->tls && l->tls_at_once);
    return true;
}

void listener_gone(struct listener *l, struct conn *c)
{
    if (c->next)
        c->next->prev = c->prev;
    if (c->prev)
        c->prev->next = c->next;
    else
        l->conns = c->next;
    peer_leave(l, c->of_peer);
    l->counts.open--;
    conn_fini(c);
    free(c);
    watch(l);
}

/* A socket could not be made: wait until some are given back. The peers wait in the backlog. */
static void take_a_rest(struct listener *l)
{
    const struct timeval tv = {.tv_usec = LISTENER_REST_US};
    l->counts.accept_errors++;
    l->resting = true;
    MUST(event_add(&l->rest, &tv) == 0);
}

static void on_rested(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    (void)fd, (void)what;
    l->resting = false;
    watch(l);
}

/* Errors of the one connection that is gone already are not ours (accept(2)). */
static bool passes(int why)
{
    return why == ECONNABORTED || why == EINTR || why == EPROTO || why == EPERM || why == ENETDOWN ||
           why == ENETUNREACH || why == EHOSTDOWN || why == EHOSTUNREACH || why == ENOPROTOOPT;
}

static void on_connection(evutil_socket_t fd, short what, void *arg)
{
    struct listener *l = arg;
    (void)fd, (void)what;
    for (int i = 0; i < LISTENER_ACCEPT_AT_ONCE && l->counts.open < l->max_connections; i++) {
        struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
        socklen_t length = sizeof a;
        int s = accept4(l->fd, (struct sockaddr *)&a, &length, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (s < 0) {
            if (errno == EAGAIN || errno == EWOULDBLOCK)
                break;
            if (passes(errno))
                continue;
            take_a_rest(l);
            break;
        }
        if (!enter(l, s, &a, length))
            l->counts.refused++;
    }
    watch(l);
}

bool listener_adopt(struct listener *l, int fd)
{
    struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof a;
    MUST(l->base);
    int flags = fcntl(fd, F_GETFL);
    bool good = flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
                getpeername(fd, (struct sockaddr *)&a, &length) == 0 && l->counts.open < l->max_connections;
    if (!good)
        (void)close(fd);
    if (good && enter(l, fd, &a, length)) {
        watch(l);
        return true;
    }
    l->counts.refused++;
    return false;
}

/* ---- life ---- */

static void set_options(struct listener *l, const struct listen_options *o)
{
    l->protocol = o->protocol;
    l->ctx = o->ctx;
    l->max_connections = o->max_connections ? o->max_connections : LISTENER_MAX_CONNECTIONS;
    l->max_per_peer = o->max_per_peer;
    l->limits.max_input = o->max_input ? o->max_input : LISTENER_MAX_INPUT;
    l->limits.idle_us = o->idle_us ? o->idle_us : LISTENER_IDLE_US;
    l->limits.frame_us = o->frame_us ? o->frame_us : l->limits.idle_us;
    l->tls_at_once = o->tls_at_once;
    if (o->tls) {
        MUST(SSL_CTX_up_ref(o->tls) == 1);
        l->tls = o->tls;
    }
}

/* The name as bound: the kernel may have chosen the port. */
static enum status note_name(struct listener *l, err *e)
{
    struct sockaddr_storage a = {.ss_family = AF_UNSPEC};
    socklen_t length = sizeof a;
    slice host;
    if (getsockname(l->fd, (struct sockaddr *)&a, &length) != 0)
        return err_os(e, errno, "getsockname");
    l->name_length = address_print(&a, length, l->name, sizeof l->name, &host);
    return OK;
}

enum status listener_open(const struct listen_options *o, struct listener **out, err *e)
{
    struct sip_key key;
    *out = NULL;
    struct listener *l = calloc(1, sizeof *l);
    if (!l)
        return err_set(e, E_MEMORY, "%.*s: no memory to listen", SLICE_FMT(o->address));
    MUST(o->protocol && getrandom(&key, sizeof key, 0) == sizeof key);
    l->fd = -1;
    map_init(&l->peers, &key);
    set_options(l, o);
    struct bind_unix u = {.mode = o->unix_mode ? o->unix_mode : LISTENER_UNIX_MODE, .group = o->unix_group};
    int backlog = (int)(o->backlog ? o->backlog : LISTENER_BACKLOG);
    enum status st = address_parse(o->address, &l->address, e);
    if (st == OK && o->tls_at_once && !o->tls)
        st = err_set(e, E_INVALID, "%.*s: TLS at once needs a certificate", SLICE_FMT(o->address));
    if (st == OK)
        st = bind_open(&l->address, &u, backlog, &l->fd, &l->made, e);
    if (st == OK)
        st = note_name(l, e);
    if (st == OK)
        *out = l;
    else
        listener_close(&l);
    return st;
}

enum status listener_start(struct listener *l, struct event_base *base, err *e)
{
    MUST(!l->started && l->fd >= 0);
    l->base = base;
    if (event_assign(&l->readable, base, l->fd, EV_READ | EV_PERSIST, on_connection, l) != 0 ||
        evtimer_assign(&l->rest, base, on_rested, l) != 0)
        return err_set(e, E_IO, "%.*s: the event loop refuses it", SLICE_FMT(listener_address(l)));
    l->started = true;
    watch(l);
    return OK;
}

void listener_stop(struct listener *l)
{
    if (l->fd < 0)
        return;
    if (l->started) {
        (void)event_del(&l->readable);
        (void)event_del(&l->rest);
    }
    l->accepting = l->started = false;
    (void)close(l->fd);
    l->fd = -1;
    bind_remove(&l->address, &l->made);
}

void listener_close(struct listener **out)
{
    struct listener *l = *out;
    *out = NULL;
    if (!l)
        return;
    listener_stop(l);
    while (l->conns)
        listener_gone(l, l->conns);
    map_fini(&l->peers);
    SSL_CTX_free(l->tls);
    free(l);
}
