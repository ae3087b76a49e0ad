/* The whole way in: 20,000 bounces to distinct recipients, parsed, judged, decided and durable in a ledger on disk.
 *
 * usage: bench_ingest SCRATCH [SYNC-DELAY-MS]: SCRATCH is a directory on the disk to measure. With a delay, every fsync and
 * fdatasync of this process takes that much longer, like a slower disk's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "bench.h"
#include "core/intake.h"
#include "core/report.h"

#define BOUNCES 20000

static long sync_delay_ns;

static void slow_down(void)
{
    struct timespec t = {0, sync_delay_ns};
    if (sync_delay_ns)
        nanosleep(&t, NULL);
}

/* These take the place of the C library's, for SQLite too: the delay is injected where the disk would be slow. */
int fsync(int fd);
int fdatasync(int fd);
int fsync(int fd)
{
    slow_down();
    return (int)syscall(SYS_fsync, fd);
}
int fdatasync(int fd)
{
    slow_down();
    return (int)syscall(SYS_fdatasync, fd);
}

struct work {
    slice *mails;
    struct bounce_reader *reader;
    struct bounce_rules *rules;
    struct policy policy;
    arena arena;
    const char *scratch;
    double wall_s, cpu_s;
};

static const char *const replies[] = {
    "550 5.1.1 <%s>: Recipient address rejected: User unknown in virtual mailbox table",
    "552 5.2.2 <%s>: mailbox full, quota exceeded",
    "550-5.1.1 The email account that you tried to reach does not exist. Please try double-checking the address %s",
    "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.example.org; see %s",
    "550 5.2.1 The account %s is disabled",
};

static slice make_mail(size_t i)
{
    char rcpt[64], reply[256];
    buf b;
    buf_init(&b, 0);
    snprintf(rcpt, sizeof rcpt, "user%zu@d%zu.example.net", i, i % 1000);
    const char *form = replies[i % ARRAY_LEN(replies)];
    const char *at = strstr(form, "%s");
    snprintf(reply, sizeof reply, "%.*s%s%s", (int)(at - form), form, rcpt, at + 2);
    buf_printf(
        &b,
        "Return-Path: <>\nReceived: from mx.example.org (mx.example.org [192.0.2.7])\n\tby bounces.example.com with "
        "ESMTP id %zu\n"
        "\tfor <b@bounces.example.com>; Fri, 20 Nov 2026 10:%02zu:%02zu +0000\nDate: Fri, 20 Nov 2026 10:%02zu:%02zu "
        "+0000\n"
        "From: MAILER-DAEMON@mx.example.org (Mail Delivery System)\nSubject: Undelivered Mail Returned to Sender\n"
        "To: b@bounces.example.com\nAuto-Submitted: auto-replied\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status;\n\tboundary=\"%zu.1/mx.example.org\"\n\n"
        "--%zu.1/mx.example.org\nContent-Type: text/plain; charset=us-ascii\n\nThis is the mail system at host "
        "mx.example.org.\n\n"
        "I'm sorry to have to inform you that your message could not\nbe delivered to one or more recipients.\n\n"
        "<%s>: host mx.d%zu.example.net[198.51.100.9] said: %s (in reply to RCPT TO command)\n\n"
        "--%zu.1/mx.example.org\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n"
        "Final-Recipient: rfc822; %s\nOriginal-Recipient: rfc822;%s\nAction: failed\nStatus: 5.0.0\n"
        "Remote-MTA: dns; mx.d%zu.example.net\nDiagnostic-Code: smtp; %s\n\n"
        "--%zu.1/mx.example.org\nContent-Type: text/rfc822-headers\n\nMessage-ID: <%zu@news.example.com>\nFrom: "
        "news@example.com\n"
        "To: %s\nSubject: News of the week\nX-Campaign: week-47\n\n--%zu.1/mx.example.org--\n",
        i, i / 60 % 60, i % 60, i / 60 % 60, i % 60, i, i, rcpt, i % 1000, reply, i, rcpt, rcpt, i % 1000, reply, i, i,
        rcpt, i);
    MUST(!b.failed);
    return buf_slice(&b);
}

static double cpu_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void flush(struct intake *in)
{
    struct intake_result result;
    err e;
    if (intake_flush(in, 1795000000 * TIME_SECOND, &result, &e) != OK) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
}

static void one_mail(struct work *w, struct intake *in, slice mail)
{
    struct bounce_result r;
    struct observation *list;
    struct report_context context = {.tenant = SLICE_EMPTY,
                                     .stream = SLICE_EMPTY,
                                     .campaign = SLICE_EMPTY,
                                     .source = SLICE_EMPTY,
                                     .feed = S("bench"),
                                     .now_us = 1795000000 * TIME_SECOND,
                                     .vouched = true};
    size_t n;
    err e;
    arena_reset(&w->arena);
    MUST(bounce_read(w->reader, mail, NULL, &w->arena, &r) == BOUNCE_OK && r.report_count == 1);
    MUST(report_observations(&r, mail, &context, &w->arena, &list, &n) && n == 1);
    MUST(intake_add(in, list, &e) == OK);
    if (intake_full(in))
        flush(in);
}

static void remove_ledger(const char *path)
{
    static const char *const tails[] = {"", "-wal", "-shm"};
    char name[600];
    for (size_t i = 0; i < ARRAY_LEN(tails); i++) {
        snprintf(name, sizeof name, "%s%s", path, tails[i]);
        unlink(name);
    }
}

static void ingest(struct work *w)
{
    char path[512];
    struct ledger *l;
    struct intake *in;
    err e;
    snprintf(path, sizeof path, "%s/bench-ingest.db", w->scratch);
    remove_ledger(path);
    struct ledger_options o = {.path = path, .create = true};
    struct intake_options io = {
        .tenant = SLICE_EMPTY, .stream = SLICE_EMPTY, .campaign = SLICE_EMPTY, .source = SLICE_EMPTY};
    MUST(ledger_open(&o, &l, &e) == OK);
    double wall = bench_now(), cpu = cpu_now();
    MUST(intake_new(l, w->rules, &w->policy, &io, &in, &e) == OK);
    for (size_t i = 0; i < BOUNCES; i++)
        one_mail(w, in, w->mails[i]);
    flush(in);
    w->wall_s = bench_now() - wall;
    w->cpu_s = cpu_now() - cpu;
    MUST(intake_totals(in)->events == BOUNCES);
    intake_free(&in);
    ledger_close(&l);
    remove_ledger(path);
}

/* Yardstick: the same bytes appended to a file with one fdatasync for 5,000 mails. */
static double append(struct work *w)
{
    char path[512];
    snprintf(path, sizeof path, "%s/bench-append", w->scratch);
    FILE *f = fopen(path, "w");
    MUST(f);
    double start = bench_now();
    for (size_t i = 0; i < BOUNCES; i++) {
        fwrite(w->mails[i].p, 1, w->mails[i].n, f);
        if (i % INTAKE_BATCH == INTAKE_BATCH - 1) {
            fflush(f);
            fdatasync(fileno(f));
        }
    }
    fclose(f);
    double took = bench_now() - start;
    unlink(path);
    return BOUNCES / took;
}

int main(int argc, char **argv)
{
    struct bounce_slice error;
    struct work w = {.scratch = argc > 1 ? argv[1] : "."};
    if (argc < 2 || argc > 3) {
        fputs("usage: bench_ingest SCRATCH [SYNC-DELAY-MS]\n", stderr);
        return 64;
    }
    arena_init(&w.arena, 0);
    policy_init(&w.policy);
    MUST(bounce_rules_new(NULL, 0, false, &w.arena, &w.rules, &error) == BOUNCE_OK);
    w.reader = bounce_reader_new(w.rules);
    w.mails = calloc(BOUNCES, sizeof *w.mails);
    MUST(w.reader && w.mails);
    for (size_t i = 0; i < BOUNCES; i++)
        w.mails[i] = make_mail(i);
    sync_delay_ns = argc > 2 ? strtol(argv[2], NULL, 10) * 1000000 : 0;
    printf("fdatasync of 4 KB: %.0f us median\n", bench_fdatasync_us(w.scratch, 200));
    double yardstick = append(&w), best_wall = 1e9, best_cpu = 1e9;
    for (int i = 0; i < 3; i++) {
        ingest(&w);
        best_wall = w.wall_s < best_wall ? w.wall_s : best_wall;
        best_cpu = w.cpu_s < best_cpu ? w.cpu_s : best_cpu;
    }
    bench_print("ingest of 20,000 bounces, durable, wall", BOUNCES / best_wall, "mails",
                "append and sync of the same bytes", yardstick);
    printf("%-44s %12.0f mails/s of one core\n", "the same, processor time", BOUNCES / best_cpu);
    for (size_t i = 0; i < BOUNCES; i++) {
        char *text;
        memcpy(&text, &w.mails[i].p, sizeof text);
        free(text);
    }
    free(w.mails);
    bounce_reader_free(&w.reader);
    bounce_rules_free(&w.rules);
    arena_fini(&w.arena);
    return 0;
}
