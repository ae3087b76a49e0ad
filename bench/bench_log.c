/* The Postfix dialect on made-up lines in memory: framing, reading, memory of queue ids, observations; no judging.
 *
 * usage: bench_log [LINES]   (writes and removes bench_log.tmp in the present directory)
 * The mix: 40 % smtpd (connect, client, disconnect), 15 % message-id, 15 % from, 20 % deliveries (of ten: seven sent, two deferred,
 * one bounced), 10 % removed; a queue id lives for 500 mails, one in three stays open.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "core/read.h"
#include "feed/log.h"

#define LINES 1000000u
#define LIFE 500u
#define BLOCK (256u * 1024)
#define REFERENCE (INT64_C(1764543600) * 1000000)

struct work {
    buf text;
    bool iso;
    unsigned line;
    arena arena;
    size_t observations, open, lines;
    char path[64]; /* of a file in the present directory */
};

static void stamp(struct work *w)
{
    unsigned s = w->line++ / 20;
    if (w->iso)
        buf_printf(&w->text, "2025-11-%02uT%02u:%02u:%02u.%06u+01:00 mx1 ", 1 + s / 86400 % 28, s / 3600 % 24,
                   s / 60 % 60, s % 60, w->line * 7919u % 1000000u);
    else
        buf_printf(&w->text, "Nov %2u %02u:%02u:%02u mx1 ", 1 + s / 86400 % 28, s / 3600 % 24, s / 60 % 60, s % 60);
}

static void noise(struct work *w, unsigned i)
{
    stamp(w);
    if (i % 3 == 0)
        buf_printf(&w->text, "postfix/smtpd[%u]: connect from app%u.example.org[192.0.2.%u]\n", 100 + i % 50, i % 9,
                   i % 250);
    else if (i % 3 == 1)
        buf_printf(&w->text, "postfix/smtpd[%u]: %010X: client=app%u.example.org[192.0.2.%u]\n", 100 + i % 50,
                   0x1000 + i, i % 9, i % 250);
    else
        buf_printf(&w->text,
                   "postfix/smtpd[%u]: disconnect from app%u.example.org[192.0.2.%u] ehlo=1 mail=1 rcpt=1 data=1 "
                   "quit=1 commands=5\n",
                   100 + i % 50, i % 9, i % 250);
}

static void delivery(struct work *w, unsigned mail, unsigned i)
{
    stamp(w);
    buf_printf(
        &w->text,
        "postfix/smtp[%u]: %010X: to=<user%u@dest%u.example.com>, relay=mx%u.dest.example.com[198.51.100.%u]:25, ",
        200 + i % 90, 0xABC000 + mail, i, i % 5000, i % 3, i % 250);
    if (i % 10 < 7)
        buf_printf(&w->text,
                   "delay=1.3, delays=0.1/0.01/0.6/0.6, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 4ZB%05X)\n", i);
    else if (i % 10 < 9)
        buf_printf(&w->text,
                   "delay=18910, delays=18900/8.9/0.69/0.03, dsn=4.2.2, status=deferred (host "
                   "mx%u.dest.example.com[198.51.100.%u] said: "
                   "452 4.2.2 <user%u@dest%u.example.com> user is over quota, please try again later (in reply to RCPT "
                   "TO command))\n",
                   i % 3, i % 250, i, i % 5000);
    else
        buf_printf(&w->text,
                   "delay=1.9, delays=0/0/1.5/0.37, dsn=5.1.1, status=bounced (host "
                   "mx%u.dest.example.com[198.51.100.%u] said: "
                   "550 5.1.1 <user%u@dest%u.example.com> User unknown (in reply to RCPT TO command))\n",
                   i % 3, i % 250, i, i % 5000);
}

static void generate(struct work *w, unsigned lines)
{
    unsigned mail = LIFE, deliveries = 0, removed = 0;
    buf_init(&w->text, 0);
    for (unsigned round = 0; round < lines / 20; round++) {
        for (unsigned i = 0; i < 8; i++)
            noise(w, round * 8 + i);
        for (unsigned i = 0; i < 3; i++) {
            stamp(w);
            buf_printf(&w->text, "postfix/cleanup[77]: %010X: message-id=<%u.%u.campaign7@app.example.org>\n",
                       0xABC000 + mail + i, mail + i, round);
            stamp(w);
            buf_printf(&w->text,
                       "postfix/qmgr[55]: %010X: from=<bounce+%u=c7@example.org>, size=3120, nrcpt=1 (queue active)\n",
                       0xABC000 + mail + i, mail + i);
        }
        for (unsigned i = 0; i < 4; i++)
            delivery(w, mail + i % 3, deliveries++);
        for (unsigned i = 0; i < 2; i++, removed++) {
            stamp(w);
            buf_printf(&w->text, "postfix/qmgr[55]: %010X: removed\n", 0xABC000 + (removed / 2 * 3 + removed % 2));
        }
        mail += 3;
    }
    MUST(!w->text.failed);
}

static size_t dialect(void *ctx)
{
    struct work *w = ctx;
    const struct log_options o = {.reference_us = REFERENCE, .feed = S("bench")};
    struct maillog *p = maillog_new(&o);
    MUST(p);
    w->observations = 0;
    for (slice rest = buf_slice(&w->text); rest.n;) { /* in blocks of whole lines, as the reader gives them */
        slice block = slice_sub(rest, 0, BLOCK);
        size_t end = slice_rchr(block, '\n');
        block.n = end + 1;
        rest = slice_from(rest, block.n);
        struct feed_list list = {0};
        arena_reset(&w->arena);
        MUST(maillog_block(p, block, &w->arena, &list));
        w->observations += list.n;
    }
    size_t lines = maillog_counts(p)->lines;
    w->open = maillog_open(p);
    maillog_free(&p);
    return lines;
}

static size_t count_lines(void *ctx)
{
    struct work *w = ctx;
    size_t n = 0;
    for (const char *at = w->text.p, *end = at + w->text.n; at < end; n++)
        at = (const char *)memchr(at, '\n', (size_t)(end - at)) + 1;
    return n;
}

/* The same out of a file, by the reader that ingest uses. */
static size_t through_reader(void *ctx)
{
    struct work *w = ctx;
    const struct log_options o = {.reference_us = REFERENCE, .feed = S("bench")};
    const struct read_options ro = {.form = READ_LOG};
    const char *const paths[] = {w->path};
    struct maillog *p = maillog_new(&o);
    struct reader *r;
    struct read_piece piece;
    err e;
    MUST(p && reader_open(paths, 1, &ro, &r, &e) == OK);
    while (reader_next(r, &piece, &e) == 1) {
        struct feed_list list = {0};
        arena_reset(&w->arena);
        MUST(maillog_block(p, piece.bytes, &w->arena, &list));
    }
    size_t lines = maillog_counts(p)->lines;
    reader_close(&r);
    maillog_free(&p);
    return lines;
}

static size_t read_file(void *ctx)
{
    struct work *w = ctx;
    static char block[BLOCK];
    int fd = open(w->path, O_RDONLY);
    MUST(fd >= 0);
    for (ssize_t n; (n = read(fd, block, sizeof block)) > 0;)
        w->observations += bench_touch(slice_of(block, (size_t)n)) & 1;
    close(fd);
    return w->lines;
}

static void from_file(struct work *w)
{
    FILE *f = fopen(w->path, "w");
    MUST(f && fwrite(w->text.p, 1, w->text.n, f) == w->text.n && fclose(f) == 0);
    w->lines = count_lines(w);
    double rate = bench_rate(through_reader, w, 2);
    bench_print("the same out of a file", rate, "lines", "read of the same bytes", bench_rate(read_file, w, 1));
    unlink(w->path);
}

static void memory(struct work *w)
{
    const struct log_options o = {.reference_us = REFERENCE, .feed = S("bench")};
    struct maillog *p = maillog_new(&o);
    struct feed_list list = {0};
    buf out;
    buf_init(&out, 0);
    arena_reset(&w->arena);
    MUST(p && maillog_block(p, buf_slice(&w->text), &w->arena, &list));
    double start = bench_now();
    maillog_export(p, &out);
    printf("memory of %zu open queue ids: %zu bytes, exported in %.1f ms\n", maillog_open(p), out.n,
           (bench_now() - start) * 1e3);
    buf_fini(&out);
    maillog_free(&p);
}

int main(int argc, char **argv)
{
    unsigned lines = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : LINES;
    for (int iso = 0; iso < 2; iso++) {
        struct work w = {.iso = iso, .path = "bench_log.tmp"};
        arena_init(&w.arena, 0);
        generate(&w, lines);
        double rate = bench_rate(dialect, &w, 3);
        double yardstick = bench_rate(count_lines, &w, 1);
        bench_print(iso ? "postfix log, ISO stamps" : "postfix log, BSD stamps", rate, "lines", "memchr line count",
                    yardstick);
        if (!iso) {
            memory(&w);
            from_file(&w);
        }
        buf_fini(&w.text);
        arena_fini(&w.arena);
    }
    return 0;
}
