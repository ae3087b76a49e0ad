/* How many questions a second the socketmap listener of the daemon answers to many clients at once, and how long each waits.
 *
 * usage: bench_socketmap [entries [connections]]
 * The daemon's role runs in a process of its own, with a table of 1,000,000 suppressed addresses; this process is 50 mail servers,
 * each of which has one question under way, as smtpd(8) does. Half of the questions hit. Yardstick: a listener that gives the same
 * bytes back without looking at them. Beside the rate of the clock stands the rate of each second that the daemon's process ran,
 * which others on the machine do not change.
 */
#include <event2/event.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/time.h"
#include "bench.h"
#include "net/bind.h"
#include "net/conn.h"
#include "serve/roles.h"

#define SECONDS 3.0
#define QUESTIONS 16384u
#define MAX_CONNECTIONS 1000u
#define SAMPLE_EVERY 16u
#define MAX_SAMPLES 4000000u

struct question {
    char text[80];
    size_t n;
};

static const struct sip_key table_key = {1, 2};

static size_t address(size_t i, char *out, size_t room)
{
    return (size_t)snprintf(out, room, "user%zu@d%zu.example", i, i % 9973);
}

/* ---- the daemon's side ---- */

static struct table *filled(size_t entries)
{
    struct table *t;
    char text[64];
    err e;
    MUST(table_new(&table_key, entries, &t, &e) == OK);
    for (size_t i = 0; i < entries; i++)
        MUST(table_put(t, SCOPE_GLOBAL, SLICE_EMPTY, SLICE_EMPTY, slice_of(text, address(2 * i, text, sizeof text)),
                       CAUSE_HARD, TIME_NONE, &e) == OK);
    return t;
}

static void problem(void *ctx, slice path, unsigned line, bool warning, slice text)
{
    (void)ctx;
    fprintf(stderr, "%.*s:%u: %s%.*s\n", SLICE_FMT(path), line, warning ? "warning: " : "", SLICE_FMT(text));
}

static size_t echo(void *session, struct conn *c, slice in)
{
    (void)session;
    conn_write(c, in);
    return in.n;
}

static void *echo_open(void *ctx, struct conn *c)
{
    (void)c;
    return ctx;
}

static void echo_closed(void *session)
{
    (void)session;
}

static const struct protocol echo_protocol = {.name = "echo", .open = echo_open, .input = echo, .closed = echo_closed};

static void serve_echo(struct event_base *base, slice listen)
{
    static char token;
    struct listen_options o = {.address = listen, .protocol = &echo_protocol, .ctx = &token};
    struct listener *l;
    err e;
    MUST(listener_open(&o, &l, &e) == OK && listener_start(l, base, &e) == OK);
}

static void serve_role(struct event_base *base, slice listen, size_t entries)
{
    static struct daemon d;
    void *self;
    err e = {.text = ""};
    buf text;
    buf_init(&text, 0);
    buf_printf(&text, "[ledger]\npath = /nowhere\n[socketmap bench]\nlisten = %.*s\nmax_connections = %u\n",
               SLICE_FMT(listen), MAX_CONNECTIONS);
    struct log_setup log = {.fd = STDERR_FILENO, .level = LOG_LEVEL_WARN};
    d = (struct daemon){.base = base, .settings = settings_parse(S("bench"), buf_slice(&text), problem, NULL)};
    d.log = log_new(&log);
    d.table = filled(entries);
    MUST(d.settings && d.log);
    enum status st = socketmap_role.open(&d, settings_next(d.settings, "socketmap", NULL), &self, &e);
    if (st == OK)
        st = socketmap_role.start(self, &e);
    if (st != OK) {
        fprintf(stderr, "bench_socketmap: %s\n", e.text);
        _exit(1);
    }
}

/* Tells by a byte that it listens, and serves until it is killed. */
static pid_t start(const char *path, size_t entries, bool yardstick)
{
    int ready[2];
    char byte;
    MUST(pipe(ready) == 0);
    pid_t pid = fork();
    MUST(pid >= 0);
    if (pid == 0) {
        struct event_base *base = event_base_new();
        (void)close(ready[0]);
        if (yardstick)
            serve_echo(base, slice_str(path));
        else
            serve_role(base, slice_str(path), entries);
        MUST(write(ready[1], "", 1) == 1);
        event_base_dispatch(base);
        _exit(0);
    }
    (void)close(ready[1]);
    MUST(read(ready[0], &byte, 1) == 1);
    (void)close(ready[0]);
    return pid;
}

static void stop(pid_t pid)
{
    (void)kill(pid, SIGKILL);
    MUST(waitpid(pid, NULL, 0) == pid);
}

/* Seconds that the process has run so far. */
static double ran_s(pid_t pid)
{
    char path[64];
    unsigned long long ns = 0;
    (void)snprintf(path, sizeof path, "/proc/%d/schedstat", (int)pid);
    FILE *f = fopen(path, "r");
    MUST(f && fscanf(f, "%llu", &ns) == 1);
    fclose(f);
    return (double)ns / 1e9;
}

/* ---- the mail servers' side ---- */

struct client {
    int fd;
    size_t next;
    double asked_at;
};

struct clients {
    struct client of[MAX_CONNECTIONS];
    size_t n;
    int epoll;
    struct question *questions;
    float *samples; /* microseconds */
    size_t sample_count;
    uint64_t done, hits;
};

static void make_questions(struct question *q)
{
    char text[64];
    for (size_t i = 0; i < QUESTIONS; i++) {
        size_t n = address(i * 31, text, sizeof text);
        q[i].n = (size_t)snprintf(q[i].text, sizeof q[i].text, "%zu:rcpt %s,", n + 5, text);
    }
}

static void ask(struct clients *x, struct client *c)
{
    const struct question *q = &x->questions[c->next];
    c->next = (c->next + 1) % QUESTIONS;
    c->asked_at = x->done % SAMPLE_EVERY == 0 ? bench_now() : 0;
    MUST(write(c->fd, q->text, q->n) == (ssize_t)q->n);
}

static void answered(struct clients *x, struct client *c)
{
    char answer[1024];
    ssize_t n = read(c->fd, answer, sizeof answer);
    MUST(n > 0 && answer[n - 1] == ',');
    x->hits += answer[0] != '9';
    if (c->asked_at > 0 && x->sample_count < MAX_SAMPLES)
        x->samples[x->sample_count++] = (float)((bench_now() - c->asked_at) * 1e6);
    x->done++;
    ask(x, c);
}

static void connect_all(struct clients *x, const char *path, size_t n)
{
    struct net_address to;
    err e;
    MUST(address_parse(slice_str(path), &to, &e) == OK);
    x->epoll = epoll_create1(EPOLL_CLOEXEC);
    x->n = n;
    for (size_t i = 0; i < n; i++) {
        struct client *c = &x->of[i];
        *c = (struct client){.fd = socket(to.to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0), .next = i * 997 % QUESTIONS};
        MUST(connect(c->fd, (const struct sockaddr *)&to.to, to.length) == 0);
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
        MUST(epoll_ctl(x->epoll, EPOLL_CTL_ADD, c->fd, &ev) == 0);
        ask(x, c);
    }
}

static double run(struct clients *x, double seconds)
{
    struct epoll_event events[MAX_CONNECTIONS];
    double began = bench_now(), now = began;
    x->done = x->hits = x->sample_count = 0;
    while ((now = bench_now()) - began < seconds) {
        int n = epoll_wait(x->epoll, events, MAX_CONNECTIONS, 1000);
        for (int i = 0; i < n; i++)
            answered(x, events[i].data.ptr);
    }
    return (double)x->done / (now - began);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

struct measured {
    double rate, cpu_rate;
    float median_us, p99_us, p999_us;
    double hits;
};

static struct measured measure(const char *path, size_t entries, size_t connections, bool yardstick)
{
    struct measured m = {0};
    struct clients *x = calloc(1, sizeof *x);
    MUST(x);
    x->questions = calloc(QUESTIONS, sizeof *x->questions);
    x->samples = calloc(MAX_SAMPLES, sizeof *x->samples);
    MUST(x->questions && x->samples);
    make_questions(x->questions);
    pid_t pid = start(path, entries, yardstick);
    connect_all(x, path, connections);
    (void)run(x, 0.2);
    double before = ran_s(pid);
    m.rate = run(x, SECONDS);
    double ran = ran_s(pid) - before;
    m.cpu_rate = (double)x->done / ran;
    m.hits = (double)x->hits / (double)x->done;
    qsort(x->samples, x->sample_count, sizeof *x->samples, by_value);
    m.median_us = x->samples[x->sample_count / 2];
    m.p99_us = x->samples[x->sample_count * 99 / 100];
    m.p999_us = x->samples[x->sample_count * 999 / 1000];
    for (size_t i = 0; i < x->n; i++)
        (void)close(x->of[i].fd);
    (void)close(x->epoll);
    stop(pid);
    free(x->questions);
    free(x->samples);
    free(x);
    return m;
}

int main(int argc, char **argv)
{
    size_t entries = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000;
    size_t connections = argc > 2 ? strtoull(argv[2], NULL, 10) : 50;
    char directory[] = "/tmp/bench_socketmap.XXXXXX", path[64];
    if (connections == 0 || connections > MAX_CONNECTIONS || !mkdtemp(directory)) {
        fprintf(stderr, "usage: bench_socketmap [entries [connections up to %u]]\n", MAX_CONNECTIONS);
        return 64;
    }
    (void)snprintf(path, sizeof path, "unix:%s/map", directory);
    struct measured echoes = measure(path, entries, connections, true);
    struct measured answers = measure(path, entries, connections, false);
    (void)unlink(path + 5);
    (void)rmdir(directory);
    printf("%zu entries, %zu connections with one question each, %.0f %% hits\n", entries, connections,
           answers.hits * 100);
    bench_print("by the clock", answers.rate, "answers", "the same bytes given back", echoes.rate);
    bench_print("of the daemon's CPU second", answers.cpu_rate, "answers", "the same bytes given back",
                echoes.cpu_rate);
    printf("a question waits %.0f us (median), %.0f us (99 %%), %.0f us (99.9 %%)\n", (double)answers.median_us,
           (double)answers.p99_us, (double)answers.p999_us);
    return 0;
}
