/* Bounces handed over by LMTP until they are durable: 50 connections, each with the next envelope behind the content of the mail
 * before it, as mail servers do. The mails are the DSNs of tests/samples, each with a recipient of its own.
 *
 * usage: bench_lmtp SAMPLES SCRATCH [MAILS [CONNECTIONS [ADDRESS DOMAIN]]]: a daemon's loop, workers and writer are begun in another
 * process with a ledger in SCRATCH; with ADDRESS ("unix:/run/bounced/lmtp", "127.0.0.1:24") the one that listens there is used.
 */
#include <errno.h>
#include <event2/event.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "bounce.h"
#include "net/bind.h"
#include "serve/roles.h"

#define MAX_PIECES 64
#define MAX_CONNECTIONS 1000

/* A mail with holes where the recipient stands. */
struct mold {
    slice pieces[MAX_PIECES];
    size_t n;
};

struct client {
    int fd;
    buf out;
    size_t sent;
    unsigned lines;  /* of replies that are awaited */
    bool sending;    /* one of them is for a content */
    bool line_start; /* of the next byte */
    char first;      /* byte of this line */
};

struct work {
    struct mold *molds;
    size_t mold_count;
    const char *domain;
    size_t mails, begun, answered, refused;
    buf text;
};

/* ---- mails ---- */

/* CR LF, and dots at the start of a line doubled. */
static slice as_sent(slice mail)
{
    buf b;
    slice line;
    buf_init(&b, 0);
    while (slice_line(&mail, &line)) {
        if (slice_starts(line, S(".")))
            buf_addc(&b, '.');
        buf_add(&b, line);
        buf_adds(&b, "\r\n");
    }
    MUST(!b.failed);
    return buf_slice(&b);
}

static bool cut(struct mold *m, slice mail, slice recipient)
{
    size_t at;
    m->n = 0;
    while ((at = slice_find(mail, recipient)) != SLICE_NPOS) {
        if (m->n + 2 > MAX_PIECES)
            return false;
        m->pieces[m->n++] = slice_sub(mail, 0, at);
        mail = slice_from(mail, at + recipient.n);
    }
    m->pieces[m->n++] = mail;
    return m->n > 1;
}

static void recipient_of(size_t i, char out[64])
{
    snprintf(out, 64, "user%zu@d%zu.example.net", i, i % 1000);
}

static void fill(const struct mold *m, size_t i, buf *out)
{
    char recipient[64];
    recipient_of(i, recipient);
    for (size_t k = 0; k < m->n; k++) {
        buf_add(out, m->pieces[k]);
        if (k + 1 < m->n)
            buf_adds(out, recipient);
    }
}

/* True when the mail with another recipient in it is one report about that one. */
static bool usable(struct bounce_reader *reader, const struct mold *m, arena *a)
{
    struct bounce_result r;
    char want[64];
    buf b;
    buf_init(&b, 0);
    fill(m, 1, &b);
    recipient_of(1, want);
    bool good = bounce_read(reader, buf_slice(&b), NULL, a, &r) == BOUNCE_OK && r.report_count == 1 &&
                bounce_kind_final(r.reports[0].kind) && slice_eq(r.reports[0].recipient, slice_str(want));
    buf_fini(&b);
    return good;
}

static void load(struct work *w, const char *path)
{
    struct bench_files files = bench_load(path);
    struct bounce_rules *rules;
    struct bounce_result r;
    slice error;
    arena a;
    arena_init(&a, 0);
    MUST(bounce_rules_new(NULL, 0, false, &a, &rules, &error) == BOUNCE_OK);
    struct bounce_reader *reader = bounce_reader_new(rules);
    w->molds = calloc(files.n, sizeof *w->molds);
    MUST(reader && w->molds);
    for (size_t i = 0; i < files.n; i++) {
        slice mail = as_sent(files.texts[i]);
        struct mold *m = &w->molds[w->mold_count];
        arena_reset(&a);
        bool report = bounce_read(reader, mail, NULL, &a, &r) == BOUNCE_OK && r.report_count == 1;
        if (report && r.reports[0].recipient.n && cut(m, mail, arena_dup(&a, r.reports[0].recipient)))
            w->mold_count += usable(reader, m, &a);
    }
    bounce_reader_free(&reader);
    bounce_rules_free(&rules);
    arena_fini(&a);
    bench_unload(&files);
}

/* ---- the clients ---- */

static void put_envelope(struct work *w, struct client *c)
{
    buf_printf(&c->out, "MAIL FROM:<>\r\nRCPT TO:<bounce-%zu@%s>\r\nDATA\r\n", w->begun, w->domain);
    c->lines += 3;
}

/* The content of one mail, and the envelope of the next one. */
static void put_mail(struct work *w, struct client *c)
{
    fill(&w->molds[w->begun % w->mold_count], w->begun, &c->out);
    buf_adds(&c->out, ".\r\n");
    c->lines++;
    if (++w->begun < w->mails)
        put_envelope(w, c);
    c->sending = true;
}

static void flush(struct client *c)
{
    while (c->sent < c->out.n) {
        ssize_t n = send(c->fd, c->out.p + c->sent, c->out.n - c->sent, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN)
            return;
        MUST(n > 0);
        c->sent += (size_t)n;
    }
    buf_clear(&c->out);
    c->sent = 0;
}

static void one_line(struct work *w, struct client *c)
{
    w->refused += c->first != '2' && c->first != '3';
    if (--c->lines == 3 && c->sending) {
        w->answered++;
        c->sending = false;
    }
    if (c->lines)
        return;
    if (c->sending) /* the last one: no envelope stood behind it */
        w->answered++;
    c->sending = false;
    if (w->begun < w->mails)
        put_mail(w, c);
}

static void receive(struct work *w, struct client *c)
{
    char in[4096];
    ssize_t n = recv(c->fd, in, sizeof in, 0);
    MUST(n > 0);
    for (ssize_t i = 0; i < n; i++) {
        if (c->line_start)
            c->first = in[i];
        c->line_start = in[i] == '\n';
        if (c->line_start)
            one_line(w, c);
    }
    flush(c);
}

static int connect_to(slice address)
{
    struct net_address a;
    err e;
    MUST(address_parse(address, &a, &e) == OK);
    int fd = socket(a.to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    MUST(fd >= 0);
    for (int i = 0; connect(fd, (struct sockaddr *)&a.to, a.length) != 0; i++) {
        MUST(i < 1000);
        usleep(10000);
    }
    MUST(fcntl(fd, F_SETFL, O_NONBLOCK) == 0);
    return fd;
}

/* The greeting and LHLO, one after the other. */
static void greet(struct client *c)
{
    char in[1024] = "";
    size_t n = 0;
    buf_adds(&c->out, "LHLO bench.example\r\n");
    flush(c);
    while (!strstr(in, "250 CHUNKING\r\n")) {
        struct pollfd p = {.fd = c->fd, .events = POLLIN};
        MUST(poll(&p, 1, 10000) == 1);
        ssize_t got = recv(c->fd, in + n, sizeof in - 1 - n, 0);
        MUST(got > 0);
        n += (size_t)got;
    }
    c->line_start = true;
}

static double run(struct work *w, slice address, size_t connections)
{
    static struct client clients[MAX_CONNECTIONS];
    static struct pollfd polls[MAX_CONNECTIONS];
    for (size_t i = 0; i < connections; i++) {
        clients[i].fd = connect_to(address);
        buf_init(&clients[i].out, 0);
        greet(&clients[i]);
    }
    double from = bench_now();
    for (size_t i = 0; i < connections; i++) {
        put_envelope(w, &clients[i]);
        flush(&clients[i]);
    }
    while (w->answered < w->mails) {
        for (size_t i = 0; i < connections; i++)
            polls[i] = (struct pollfd){clients[i].fd, (short)(POLLIN | (clients[i].out.n ? POLLOUT : 0)), 0};
        MUST(poll(polls, connections, 60000) > 0);
        for (size_t i = 0; i < connections; i++) {
            if (polls[i].revents & POLLOUT)
                flush(&clients[i]);
            if (polls[i].revents & (POLLIN | POLLHUP))
                receive(w, &clients[i]);
        }
    }
    double took = bench_now() - from;
    for (size_t i = 0; i < connections; i++) {
        close(clients[i].fd);
        buf_fini(&clients[i].out);
    }
    return took;
}

/* ---- the daemon ---- */

static int64_t wall_clock(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * TIME_SECOND + t.tv_nsec / 1000;
}

static void problem(void *ctx, slice path, unsigned line, bool warning, slice text)
{
    (void)ctx, (void)path, (void)warning;
    fprintf(stderr, "settings, line %u: %.*s\n", line, SLICE_FMT(text));
}

static void told_to_end(evutil_socket_t fd, short what, void *base)
{
    (void)fd, (void)what;
    event_base_loopbreak(base);
}

static void tell(struct writer *writer)
{
    struct writer_counts c;
    struct rusage u;
    writer_counts(writer, &c);
    MUST(getrusage(RUSAGE_SELF, &u) == 0);
    double cpu =
        (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
    printf("daemon: %llu events, %llu commits of %.1f ms, %.1f mails each; %.0f us of processor a mail\n",
           (unsigned long long)c.intake.events, (unsigned long long)c.commits,
           (double)c.commit_us / 1000 / (double)c.commits, (double)c.units / (double)c.commits,
           cpu * 1e6 / (double)c.units);
}

static void serve(const char *scratch, const char *socket, int end)
{
    char ledger[512];
    buf text;
    err e = {.text = ""};
    struct daemon d = {.base = event_base_new()};
    struct event *stop = event_new(d.base, end, EV_READ, told_to_end, d.base);
    struct knowledge *k = knowledge_new();
    slice error;
    void *lmtp;
    snprintf(ledger, sizeof ledger, "%s/bench-lmtp.db", scratch);
    buf_init(&text, 0);
    buf_printf(&text, "[lmtp bench]\nlisten = %s\ndomains = bounces.example\nvouched = yes\n[aside]\npath =\n", socket);
    struct settings *s = settings_parse(S("bench"), buf_slice(&text), problem, NULL);
    MUST(s && k && stop && bounce_rules_new(NULL, 0, false, &k->a, &k->rules, &error) == BOUNCE_OK);
    d.settings = s;
    d.log = log_new(&(struct log_setup){.fd = STDERR_FILENO, .level = LOG_LEVEL_WARN});
    MUST(post_new(d.base, &d.post, &e) == OK && knowledge_box_new(k, &d.knowledge, &e) == OK);
    struct writer_options wo = {.ledger_path = ledger, .knowledge = d.knowledge, .post = d.post, .clock = wall_clock};
    struct workers_options ko = {.ledger_path = ledger, .knowledge = d.knowledge, .post = d.post, .clock = wall_clock};
    MUST(writer_new(&wo, &d.writer, &e) == OK && workers_new(&ko, &d.workers, &e) == OK);
    if (lmtp_role.open(&d, settings_next(s, "lmtp", NULL), &lmtp, &e) != OK || lmtp_role.start(lmtp, &e) != OK) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
    MUST(event_add(stop, NULL) == 0);
    event_base_dispatch(d.base);
    tell(d.writer);
    lmtp_role.close(&lmtp);
    workers_free(&d.workers);
    writer_free(&d.writer);
    exit(0);
}

static void remove_ledger(const char *scratch)
{
    static const char *const tails[] = {"db", "db-wal", "db-shm", "socket"};
    char name[600];
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        snprintf(name, sizeof name, "%s/bench-lmtp.%s", scratch, tails[i]);
        unlink(name);
    }
}

int main(int argc, char **argv)
{
    if (argc < 3 || argc == 6 || argc > 7) {
        fputs("usage: bench_lmtp SAMPLES SCRATCH [MAILS [CONNECTIONS [ADDRESS DOMAIN]]]\n", stderr);
        return 64;
    }
    struct work w = {.mails = argc > 3 ? strtoul(argv[3], NULL, 10) : 50000,
                     .domain = argc > 6 ? argv[6] : "bounces.example"};
    size_t connections = argc > 4 ? strtoul(argv[4], NULL, 10) : 50;
    char own[512];
    const char *scratch = argv[2];
    int ends[2] = {-1, -1};
    pid_t child = -1;
    snprintf(own, sizeof own, "unix:%s/bench-lmtp.socket", scratch);
    MUST(connections > 0 && connections <= MAX_CONNECTIONS && w.mails >= connections);
    printf("fdatasync of 4 KB: %.0f us median\n", bench_fdatasync_us(scratch, 200));
    fflush(stdout);
    if (argc < 6) {
        remove_ledger(scratch);
        MUST(pipe(ends) == 0 && (child = fork()) >= 0);
        if (child == 0) {
            close(ends[1]);
            serve(scratch, own, ends[0]);
        }
        close(ends[0]);
    }
    load(&w, argv[1]);
    double cpu = bench_cpu();
    double took = run(&w, slice_str(argc > 5 ? argv[5] : own), connections);
    cpu = bench_cpu() - cpu;
    printf("%zu mails made of %zu samples, %zu connections: %.0f mails/s durable; %zu replies were refusals; client "
           "%.1f us of "
           "processor a mail\n",
           w.mails, w.mold_count, connections, (double)w.mails / took, w.refused, cpu * 1e6 / (double)w.mails);
    fflush(stdout);
    if (child > 0) {
        int status;
        close(ends[1]);
        MUST(waitpid(child, &status, 0) == child && status == 0);
        remove_ledger(scratch);
    }
    return w.refused > 0;
}
