/* Asks a server over many connections that stay open, one question under way on each, and says how fast and how late the answers
 * came.
 *
 * usage: bench_load ADDRESS http|netstring CONNECTIONS SECONDS QUESTIONS [RATE]
 * QUESTIONS is a file: before each question stands its length in bytes on a line of its own. They are asked in turn; after SECONDS
 * no more are, with 0 each is asked once. With RATE so many are asked a second, each at its time or as soon as a connection is free,
 * and what an answer waits for counts from that time. One line of JSON comes out: questions asked, those whose answer was not good
 * (HTTP: 2xx; netstring: any), seconds, rate, bytes of answers, and microseconds at the median, 99 and 99.9 per cent.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"
#include "net/bind.h"

#define MAX_CONNECTIONS 1000u
#define MAX_SAMPLES 8000000u
#define PIECE_BYTES (256u * 1024)
#define HEAD_BYTES 4096u
#define WAIT_S 60.0 /* without any answer: the server is gone */

/* How long the answer is that begins so; 0 when that cannot be seen yet. */
typedef size_t (*length_fn)(slice begin, bool *good);

struct client {
    int fd;
    bool asked;
    double due; /* when the question was to be asked */
    char head[HEAD_BYTES];
    size_t n;    /* bytes in head */
    size_t left; /* bytes of the answer still to come; 0: its length is not known */
};

struct load {
    struct client of[MAX_CONNECTIONS];
    size_t n;
    int epoll;
    length_fn length;
    slice *questions;
    size_t question_count, next;
    double began, seconds, rate;
    float *samples; /* microseconds */
    size_t done, bad, busy;
    uint64_t bytes;
};

/* ---- where answers end ---- */

static size_t http_length(slice begin, bool *good)
{
    size_t head = slice_find(begin, S("\r\n\r\n"));
    if (head == SLICE_NPOS)
        return 0;
    *good = begin.n > 9 && begin.p[9] == '2';
    for (slice rest = begin, line; slice_line(&rest, &line) && line.n;)
        if (slice_starts_ci(line, S("content-length:")))
            return head + 4 + strtoul(line.p + 15, NULL, 10);
    return head + 4;
}

static size_t netstring_length(slice begin, bool *good)
{
    size_t colon = slice_chr(begin, ':');
    *good = true;
    return colon == SLICE_NPOS ? 0 : strtoul(begin.p, NULL, 10) + colon + 2;
}

/* ---- asking ---- */

/* When the next question is to be asked; negative: there is none any more. */
static double next_due(const struct load *x, double now)
{
    double due = x->rate > 0 ? x->began + (double)x->next / x->rate : now;
    bool more = x->seconds > 0 ? due - x->began < x->seconds : x->next < x->question_count;
    return more ? due : -1;
}

/* The socket blocks: whoever is asked takes the question before its answer. */
static void ask(struct load *x, struct client *c, double due)
{
    slice q = x->questions[x->next++ % x->question_count];
    c->asked = true;
    c->due = due;
    c->n = c->left = 0;
    x->busy++;
    while (q.n) {
        ssize_t n = send(c->fd, q.p, q.n, MSG_NOSIGNAL);
        MUST(n > 0);
        q = slice_from(q, (size_t)n);
    }
}

static void ask_those_free(struct load *x)
{
    for (size_t i = 0; i < x->n && x->busy < x->n; i++) {
        double now = bench_now(), due = next_due(x, now);
        if (due < 0 || due > now)
            return;
        if (!x->of[i].asked)
            ask(x, &x->of[i], due);
    }
}

static void answered(struct load *x, struct client *c)
{
    double now = bench_now();
    if (x->done < MAX_SAMPLES)
        x->samples[x->done] = (float)((now - c->due) * 1e6);
    x->done++;
    x->busy--;
    c->asked = false;
    double due = next_due(x, now);
    if (due >= 0 && due <= now)
        ask(x, c, due);
}

static void begin_answer(struct load *x, struct client *c, slice piece)
{
    bool good = false;
    size_t take = piece.n < HEAD_BYTES - c->n ? piece.n : HEAD_BYTES - c->n;
    memcpy(c->head + c->n, piece.p, take);
    size_t before = c->n, all = x->length(slice_of(c->head, c->n + take), &good);
    c->n += take;
    if (!all) {
        MUST(take == piece.n); /* a head of more than 4 KB */
        return;
    }
    x->bad += !good;
    MUST(before + piece.n <= all);
    c->left = all - before - piece.n;
    if (!c->left)
        answered(x, c);
}

static void receive(struct load *x, struct client *c)
{
    static char piece[PIECE_BYTES];
    ssize_t n = recv(c->fd, piece, sizeof piece, 0);
    MUST(n > 0 && c->asked);
    x->bytes += (uint64_t)n;
    if (!c->left) {
        begin_answer(x, c, slice_of(piece, (size_t)n));
        return;
    }
    MUST((size_t)n <= c->left);
    c->left -= (size_t)n;
    if (!c->left)
        answered(x, c);
}

/* ---- the run ---- */

static void connect_all(struct load *x, slice address)
{
    struct net_address to;
    err e;
    MUST(address_parse(address, &to, &e) == OK);
    x->epoll = epoll_create1(EPOLL_CLOEXEC);
    for (size_t i = 0; i < x->n; i++) {
        struct client *c = &x->of[i];
        struct epoll_event ev = {.events = EPOLLIN, .data.ptr = c};
        c->fd = socket(to.to.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
        MUST(connect(c->fd, (const struct sockaddr *)&to.to, to.length) == 0);
        MUST(epoll_ctl(x->epoll, EPOLL_CTL_ADD, c->fd, &ev) == 0);
    }
}

/* Until the next question is due; to the nanosecond, since milliseconds would be told as those of the server. */
static struct timespec wait_time(const struct load *x)
{
    double now = bench_now(), due = next_due(x, now);
    double wait = x->busy == x->n || due < 0 ? WAIT_S : due > now ? due - now : 0;
    time_t whole = (time_t)wait;
    return (struct timespec){.tv_sec = whole, .tv_nsec = (long)((wait - (double)whole) * 1e9)};
}

static void run(struct load *x)
{
    struct epoll_event ready[MAX_CONNECTIONS];
    x->began = bench_now();
    ask_those_free(x);
    while (x->busy || next_due(x, bench_now()) >= 0) {
        struct timespec wait = wait_time(x);
        int n = epoll_pwait2(x->epoll, ready, MAX_CONNECTIONS, &wait, NULL);
        MUST(n > 0 || x->busy < x->n);
        for (int i = 0; i < n; i++)
            receive(x, ready[i].data.ptr);
        if (x->rate > 0)
            ask_those_free(x);
    }
}

static void read_questions(struct load *x, slice text)
{
    size_t room = 0;
    while (text.n) {
        size_t end = slice_chr(text, '\n'), n = strtoul(text.p, NULL, 10);
        MUST(end != SLICE_NPOS && n > 0 && n <= text.n - end - 1);
        if (x->question_count == room) {
            room = room ? 2 * room : 1024;
            x->questions = realloc(x->questions, room * sizeof *x->questions);
            MUST(x->questions);
        }
        x->questions[x->question_count++] = slice_sub(text, end + 1, n);
        text = slice_from(text, end + 1 + n);
    }
    MUST(x->question_count);
}

static int by_value(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static void tell(struct load *x, double took)
{
    size_t n = x->done < MAX_SAMPLES ? x->done : MAX_SAMPLES;
    qsort(x->samples, n, sizeof *x->samples, by_value);
    printf(
        "{\"asked\":%zu,\"bad\":%zu,\"seconds\":%.3f,\"rate\":%.1f,\"bytes\":%llu,\"median_us\":%.0f,\"p99_us\":%.0f,"
        "\"p999_us\":%.0f}\n",
        x->done, x->bad, took, (double)x->done / took, (unsigned long long)x->bytes, (double)x->samples[n / 2],
        (double)x->samples[n * 99 / 100], (double)x->samples[n * 999 / 1000]);
}

int main(int argc, char **argv)
{
    static struct load x;
    if (argc < 6 || argc > 7) {
        fputs("usage: bench_load ADDRESS http|netstring CONNECTIONS SECONDS QUESTIONS [RATE]\n", stderr);
        return 64;
    }
    x.length = strcmp(argv[2], "http") == 0 ? http_length : netstring_length;
    x.n = strtoul(argv[3], NULL, 10);
    x.seconds = strtod(argv[4], NULL);
    x.rate = argc > 6 ? strtod(argv[6], NULL) : 0;
    x.samples = calloc(MAX_SAMPLES, sizeof *x.samples);
    struct bench_files f = bench_load(argv[5]);
    MUST(x.samples && f.n == 1 && x.n > 0 && x.n <= MAX_CONNECTIONS);
    read_questions(&x, f.texts[0]);
    (void)prctl(PR_SET_TIMERSLACK, 1000UL);
    connect_all(&x, slice_str(argv[1]));
    run(&x);
    tell(&x, bench_now() - x.began);
    free(x.questions);
    free(x.samples);
    bench_unload(&f);
    return x.done == 0;
}
