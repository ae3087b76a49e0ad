/* Parsing and judging mails: in memory, from files, from one mbox; growth with the size of a mail and with their
 * number.
 *
 * usage: bench_parse DIRECTORY SCRATCH: the mails below DIRECTORY; SCRATCH is a directory to write into.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "bench.h"
#include "bounce.h"
#include "core/read.h"

#define FILES 20000
#define MILLION 1000000

struct work {
    struct bench_files mails;
    struct bounce_reader *reader;
    arena arena;
    const char *scratch;
    size_t from, to; /* rounds of the corpus */
    uint64_t sink;
};

static size_t read_one(struct work *w, slice mail)
{
    struct bounce_result r;
    arena_reset(&w->arena);
    MUST(bounce_read(w->reader, mail, NULL, &w->arena, &r) == BOUNCE_OK);
    return r.report_count;
}

static size_t in_memory(void *ctx)
{
    struct work *w = ctx;
    for (size_t i = 0; i < w->mails.n; i++)
        w->sink += read_one(w, w->mails.texts[i]);
    return w->mails.n;
}

/* Drops the mails that are no report (to the end of the list, where bench_unload finds them). */
static void keep_reports(struct work *w)
{
    size_t kept = 0;
    w->mails.bytes = 0;
    for (size_t i = 0; i < w->mails.n; i++) {
        if (read_one(w, w->mails.texts[i]) == 0)
            continue;
        slice report = w->mails.texts[i];
        w->mails.texts[i] = w->mails.texts[kept];
        w->mails.texts[kept++] = report;
        w->mails.bytes += report.n;
    }
    w->mails.n = kept;
}

static size_t touch_memory(void *ctx)
{
    struct work *w = ctx;
    for (size_t i = 0; i < w->mails.n; i++)
        w->sink += bench_touch(w->mails.texts[i]);
    return w->mails.n;
}

static size_t each_file(struct work *w, bool parse)
{
    static char space[4 << 20];
    char path[512];
    for (size_t i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/files/%03zu/%zu", w->scratch, i / 1000, i);
        int fd = open(path, O_RDONLY);
        MUST(fd >= 0);
        ssize_t n = read(fd, space, sizeof space);
        MUST(n >= 0);
        close(fd);
        slice mail = {space, (size_t)n};
        w->sink += parse ? read_one(w, mail) : bench_touch(mail);
    }
    return FILES;
}

static size_t parse_files(void *ctx)
{
    return each_file(ctx, true);
}

static size_t touch_files(void *ctx)
{
    return each_file(ctx, false);
}

static void make_files(struct work *w)
{
    char path[512];
    snprintf(path, sizeof path, "%s/files", w->scratch);
    mkdir(path, 0700);
    for (size_t i = 0; i < FILES; i++) {
        snprintf(path, sizeof path, "%s/files/%03zu", w->scratch, i / 1000);
        if (i % 1000 == 0)
            mkdir(path, 0700);
        snprintf(path, sizeof path, "%s/files/%03zu/%zu", w->scratch, i / 1000, i);
        int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC, 0600);
        slice mail = w->mails.texts[i % w->mails.n];
        MUST(fd >= 0 && write(fd, mail.p, mail.n) == (ssize_t)mail.n);
        close(fd);
    }
}

static void make_mbox(struct work *w)
{
    char path[512];
    snprintf(path, sizeof path, "%s/mbox", w->scratch);
    FILE *f = fopen(path, "w");
    MUST(f);
    for (size_t i = 0; i < FILES; i++) {
        slice rest = w->mails.texts[i % w->mails.n], line;
        fputs("From MAILER-DAEMON Thu Jan  1 00:00:00 2026\n", f);
        while (slice_line(&rest, &line))
            fprintf(f, "%s%.*s\n", slice_starts(line, S("From ")) ? ">" : "", SLICE_FMT(line));
        fputc('\n', f);
    }
    MUST(fclose(f) == 0);
}

static size_t each_of_mbox(struct work *w, bool parse)
{
    char path[512];
    const char *paths[] = {path};
    struct reader *r;
    struct read_piece piece;
    err e;
    size_t n = 0;
    snprintf(path, sizeof path, "%s/mbox", w->scratch);
    MUST(reader_open(paths, 1, &(struct read_options){.form = READ_MBOX}, &r, &e) == OK);
    for (; reader_next(r, &piece, &e) == 1; n++)
        w->sink += parse ? read_one(w, piece.bytes) : bench_touch(piece.bytes);
    reader_close(&r);
    MUST(n == FILES);
    return n;
}

static size_t parse_mbox(void *ctx)
{
    return each_of_mbox(ctx, true);
}

static size_t touch_mbox(void *ctx)
{
    return each_of_mbox(ctx, false);
}

/* 1 MB and 50 MB: a bounce whose returned message is large. */
static double large(struct work *w, size_t bytes)
{
    buf b;
    buf_init(&b, 0);
    buf_adds(&b, "From: MAILER-DAEMON@example.org\nTo: a@example.com\nSubject: Undelivered Mail Returned to Sender\n"
                 "Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"\nMIME-Version: 1.0\n\n"
                 "--b\n\nThe mail system\n\n<x@example.net>: host mx.example.net said: 550 5.1.1 User unknown\n\n"
                 "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; example.org\n\n"
                 "Final-Recipient: rfc822; x@example.net\nAction: failed\nStatus: 5.1.1\n"
                 "Diagnostic-Code: smtp; 550 5.1.1 User unknown\n\n--b\nContent-Type: message/rfc822\n\n"
                 "From: a@example.com\nTo: x@example.net\nSubject: large\n\n");
    while (b.n < bytes)
        buf_adds(&b, "Lorem ipsum dolor sit amet, consectetur adipiscing elit, sed do eiusmod tempor\n");
    buf_adds(&b, "--b--\n");
    double best = 1e9;
    for (int i = 0; i < 5; i++) {
        double start = bench_cpu();
        MUST(read_one(w, buf_slice(&b)) == 1);
        double took = bench_cpu() - start;
        best = took < best ? took : best;
    }
    buf_fini(&b);
    return best;
}

static size_t many(void *ctx)
{
    struct work *w = ctx;
    for (size_t i = w->from; i < w->to; i++)
        w->sink += read_one(w, w->mails.texts[i % w->mails.n]);
    return w->to - w->from;
}

static void growth(struct work *w)
{
    double one = large(w, 1 << 20), fifty = large(w, 50u * (1 << 20) - 1000);
    printf("one mail of 1 MB %.3f ms, of 50 MB %.3f ms: %.1f times (at most 60)\n", one * 1e3, fifty * 1e3,
           fifty / one);
    w->to = 1000;
    double thousand = bench_rate(many, w, 0.2);
    w->to = MILLION;
    double start = bench_cpu();
    double million = (double)many(w) / (bench_cpu() - start);
    printf("cost of a mail among 1,000: %.2f us, among 1,000,000: %.2f us\n", 1e6 / thousand, 1e6 / million);
}

int main(int argc, char **argv)
{
    if (argc != 3) {
        fputs("usage: bench_parse DIRECTORY SCRATCH\n", stderr);
        return 64;
    }
    struct work w = {.mails = bench_load(argv[1]), .scratch = argv[2]};
    struct bounce_rules *rules = NULL;
    struct bounce_slice error;
    arena_init(&w.arena, 0);
    size_t all = w.mails.n;
    MUST(all > 0);
    MUST(bounce_rules_new(NULL, 0, false, &w.arena, &rules, &error) == BOUNCE_OK);
    w.reader = bounce_reader_new(rules);
    MUST(w.reader);
    printf("%zu mails, %zu bytes on average\n", w.mails.n, w.mails.bytes / w.mails.n);
    bench_print("parse and judge all, in memory", bench_rate(in_memory, &w, 1), "mails", "sum of the same bytes",
                bench_rate(touch_memory, &w, 0.5));
    keep_reports(&w);
    printf("%zu of them are reports, %zu bytes on average\n", w.mails.n, w.mails.bytes / w.mails.n);
    double touch = bench_rate(touch_memory, &w, 0.5);
    bench_print("parse and judge reports, in memory", bench_rate(in_memory, &w, 2), "mails", "sum of the same bytes",
                touch);
    make_files(&w);
    double files = bench_rate(touch_files, &w, 0.5);
    bench_print("parse and judge reports, 20,000 files", bench_rate(parse_files, &w, 1), "mails", "open, read, sum",
                files);
    make_mbox(&w);
    double mbox = bench_rate(touch_mbox, &w, 0.5);
    bench_print("parse and judge reports, one mbox of 20,000", bench_rate(parse_mbox, &w, 1), "mails",
                "read, split, sum", mbox);
    growth(&w);
    bounce_reader_free(&w.reader);
    bounce_rules_free(&rules);
    arena_fini(&w.arena);
    w.mails.n = all;
    bench_unload(&w.mails);
    return w.sink == 1;
}
