/* The HTTP server: small GETs on kept connections, in CPU time of the loop thread (the clients are another thread); what an idle
 * connection takes; requests of ours. The yardstick is the least that can be done: one recv and one send of the same bytes for each request. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <event2/event.h>

#include "bench.h"
#include "net/bind.h"
#include "net/fetch.h"
#include "net/http.h"

#define CONNECTIONS 64u
#define SECONDS 3
#define MOST_IDLE 10000u

static const char request[] = "GET /v1/check/user@example.org HTTP/1.1\r\n"
                              "Host: 127.0.0.1:8025\r\n"
                              "Authorization: Bearer 0123456789abcdef0123456789abcdef\r\n"
                              "Accept: application/json\r\n"
                              "User-Agent: bench\r\n\r\n";
static const char answer[] = "{\"address\":\"user@example.org\",\"send\":true,\"state\":\"ok\",\"reason\":null}\n";

static unsigned allow(struct http_request *r, unsigned role)
{
    (void)role;
    return slice_eq(http_header(r, S("Authorization")), S("Bearer 0123456789abcdef0123456789abcdef")) ? 0 : 401;
}

static void handle(struct http_request *r)
{
    http_answer(r, &(struct http_answer){.status = 200, .body = slice_of(answer, sizeof answer - 1)});
}

static const struct http_route routes[] = {
    {HTTP_GET, "/v1/addresses/{address}", 1, 0, handle, NULL},
    {HTTP_GET, "/v1/addresses/{address}/why", 1, 0, handle, NULL},
    {HTTP_POST, "/v1/events", 1, 65536, handle, NULL},
    {HTTP_GET, "/v1/check/{address}", 1, 0, handle, NULL},
    {.pattern = NULL},
};

static int64_t now_us(void *ctx)
{
    struct timespec t;
    (void)ctx;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

static int connect_to(slice address)
{
    struct net_address a;
    err e;
    MUST(address_parse(address, &a, &e) == OK);
    int fd = socket(a.to.ss_family, SOCK_STREAM, 0);
    MUST(fd >= 0 && connect(fd, (struct sockaddr *)&a.to, a.length) == 0);
    return fd;
}

/* ---- clients ---- */

struct clients {
    slice address;
    atomic_bool stop;
    uint64_t answers;
};

/* Asks again on each connection as soon as the answer is there; its length is taken from the first one. */
static void *ask(void *arg)
{
    struct clients *c = arg;
    int fds[CONNECTIONS], ep = epoll_create1(0);
    char piece[4096];
    struct epoll_event ready[CONNECTIONS];
    for (unsigned i = 0; i < CONNECTIONS; i++) {
        fds[i] = connect_to(c->address);
        struct epoll_event ev = {.events = EPOLLIN, .data.fd = fds[i]};
        MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fds[i], &ev) == 0);
        MUST(send(fds[i], request, sizeof request - 1, 0) > 0);
    }
    while (!atomic_load(&c->stop)) {
        int n = epoll_wait(ep, ready, CONNECTIONS, 100);
        for (int i = 0; i < n; i++) {
            MUST(recv(ready[i].data.fd, piece, sizeof piece, 0) > 0); /* they are small: whole at once */
            c->answers++;
            MUST(send(ready[i].data.fd, request, sizeof request - 1, 0) > 0);
        }
    }
    for (unsigned i = 0; i < CONNECTIONS; i++)
        close(fds[i]);
    close(ep);
    return NULL;
}

/* ---- the server ---- */

static struct event_base *base;
static struct http_server *server;
static struct listener *listener;

static void serve(void)
{
    err e;
    struct listen_options o = {
        .address = S("127.0.0.1:0"), .protocol = &http_protocol, .backlog = 4096, .max_connections = 2 * MOST_IDLE};
    base = event_base_new();
    server = http_server_new(&(struct http_options){.routes = routes, .authenticate = allow, .now_us = now_us});
    MUST(base && server);
    o.ctx = server;
    MUST(listener_open(&o, &listener, &e) == OK && listener_start(listener, base, &e) == OK);
}

static void run_for(double seconds)
{
    const struct timeval tv = {.tv_sec = 0, .tv_usec = seconds < 0.1 ? 1000 : 100000};
    for (double end = bench_now() + seconds; bench_now() < end;) {
        event_base_loopexit(base, &tv);
        event_base_dispatch(base);
    }
}

static double http_rate(void)
{
    struct clients c = {.address = listener_address(listener)};
    pthread_t t;
    MUST(pthread_create(&t, NULL, ask, &c) == 0);
    run_for(0.5);
    uint64_t before = http_server_counts(server)->requests;
    double cpu = bench_cpu();
    run_for(SECONDS);
    cpu = bench_cpu() - cpu;
    uint64_t done = http_server_counts(server)->requests - before;
    atomic_store(&c.stop, true);
    run_for(0.2);
    pthread_join(t, NULL);
    run_for(0.2);
    return (double)done / cpu;
}

/* ---- the yardstick ---- */

static double least_rate(void)
{
    static char reply[300];
    struct clients c = {.answers = 0};
    struct net_address a;
    struct stat made;
    int fd, ep = epoll_create1(0);
    err e;
    pthread_t t;
    char piece[4096], name[64];
    struct epoll_event ready[CONNECTIONS];
    struct sockaddr_storage at;
    socklen_t length = sizeof at;
    slice host;
    memset(reply, 'r', sizeof reply);
    MUST(address_parse(S("127.0.0.1:0"), &a, &e) == OK);
    MUST(bind_open(&a, &(struct bind_unix){.mode = 0600}, 511, &fd, &made, &e) == OK);
    MUST(getsockname(fd, (struct sockaddr *)&at, &length) == 0);
    c.address = slice_of(name, address_print(&at, length, name, sizeof name, &host));
    MUST(pthread_create(&t, NULL, ask, &c) == 0);
    for (unsigned i = 0; i < CONNECTIONS;) {
        int s = accept4(fd, NULL, NULL, SOCK_NONBLOCK);
        if (s < 0)
            continue;
        struct epoll_event ev = {.events = EPOLLIN, .data.fd = s};
        MUST(epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev) == 0);
        i++;
    }
    uint64_t done = 0;
    double cpu = bench_cpu();
    for (double end = bench_now() + SECONDS; bench_now() < end;) {
        int n = epoll_wait(ep, ready, CONNECTIONS, 100);
        for (int i = 0; i < n; i++) {
            ssize_t got = recv(ready[i].data.fd, piece, sizeof piece, 0);
            if (got > 0 && send(ready[i].data.fd, reply, sizeof reply, MSG_NOSIGNAL) > 0)
                done++;
        }
    }
    cpu = bench_cpu() - cpu;
    atomic_store(&c.stop, true);
    pthread_join(t, NULL);
    close(fd);
    close(ep);
    return (double)done / cpu;
}

/* ---- idle connections ---- */

static size_t resident_bytes(void)
{
    size_t pages = 0;
    FILE *f = fopen("/proc/self/statm", "re");
    if (f && fscanf(f, "%*s %zu", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void idle(void)
{
    struct rlimit l;
    MUST(getrlimit(RLIMIT_NOFILE, &l) == 0);
    l.rlim_cur = l.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &l);
    unsigned n = l.rlim_cur > 2 * MOST_IDLE + 100 ? MOST_IDLE : (unsigned)(l.rlim_cur - 100) / 2;
    int *fds = calloc(n, sizeof *fds);
    char piece[4096];
    MUST(fds);
    size_t before = resident_bytes();
    for (unsigned i = 0; i < n; i++) {
        fds[i] = connect_to(listener_address(listener));
        MUST(send(fds[i], request, sizeof request - 1, 0) > 0);
        if (i % 64 == 63)
            run_for(0.001);
    }
    while (listener_counts(listener)->open < n)
        run_for(0.1);
    for (unsigned i = 0; i < n; i++) {
        while (recv(fds[i], piece, sizeof piece, MSG_DONTWAIT) <= 0)
            run_for(0.01);
    }
    printf("%-28s %zu bytes each, with %u that have asked once\n", "idle HTTP connections",
           (resident_bytes() - before) / n, n);
    for (unsigned i = 0; i < n; i++)
        close(fds[i]);
    free(fds);
    run_for(0.5);
}

/* ---- requests of ours ---- */

struct posts {
    struct fetcher *f;
    char url[128];
    uint64_t done;
};

static void *serve_for(void *arg)
{
    run_for(*(double *)arg);
    return NULL;
}

static void post(struct posts *p);

static void on_posted(void *ctx, const struct fetch_result *r)
{
    struct posts *p = ctx;
    MUST(r->status == 200);
    p->done++;
    post(p);
}

static void post(struct posts *p)
{
    static const struct http_field fields[] = {
        {SLICE_INIT("Content-Type"), SLICE_INIT("application/json")},
        {SLICE_INIT("Authorization"), SLICE_INIT("Bearer 0123456789abcdef0123456789abcdef")}};
    err e;
    struct fetch_request r = {.url = slice_str(p->url),
                              .post = true,
                              .fields = fields,
                              .field_count = ARRAY_LEN(fields),
                              .body = slice_of(answer, sizeof answer - 1),
                              .done = on_posted,
                              .ctx = p};
    MUST(fetch_start(p->f, &r, NULL, &e) == OK);
}

/* The server is another thread here; what counts is the processor time of the one that posts. */
static double post_rate(void)
{
    struct event_base *mine = event_base_new();
    struct posts p = {.done = 0};
    struct cidr loopback;
    double seconds = SECONDS + 1;
    pthread_t t;
    err e;
    MUST(mine && cidr_parse(S("127.0.0.0/8"), &loopback));
    struct fetch_options o = {.max_running = CONNECTIONS, .max_per_host = CONNECTIONS, .reach = {&loopback, 1}};
    MUST(fetcher_new(mine, &o, &p.f, &e) == OK);
    snprintf(p.url, sizeof p.url, "http://%.*s/v1/events", SLICE_FMT(listener_address(listener)));
    MUST(pthread_create(&t, NULL, serve_for, &seconds) == 0);
    for (unsigned i = 0; i < CONNECTIONS; i++)
        post(&p);
    const struct timeval tv = {.tv_sec = SECONDS};
    event_base_loopexit(mine, &tv);
    double cpu = bench_cpu();
    event_base_dispatch(mine);
    cpu = bench_cpu() - cpu;
    double rate = (double)p.done / cpu;
    pthread_join(t, NULL);
    fetcher_free(&p.f);
    run_for(0.2);
    event_base_free(mine);
    return rate;
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN);
    serve();
    idle();
    double rate = http_rate();
    double least = least_rate();
    bench_print("small kept-alive GETs", rate, "requests", "recv and send", least);
    bench_print("small POSTs of ours", post_rate(), "requests", "recv and send", least);
    listener_close(&listener);
    http_server_free(&server);
    event_base_free(base);
    return 0;
}
