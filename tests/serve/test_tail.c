/* A log is followed: every line counts once, however the file is rotated, cut, or left alone while the daemon is away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <event2/event.h>

#include "scratch.h"
#include "serve/conf.h"
#include "serve/roles.h"

/* 2025-11-30T12:00:00Z; the lines are of that day. */
#define NOW_US (INT64_C(1764504000) * TIME_SECOND)
#define PATIENCE_US (60 * TIME_SECOND) /* of the test, never waited for when all is well */

struct world {
    struct scratch dir;
    char ledger[256], log[256];
    struct event_base *base;
    struct daemon daemon;
    struct settings *settings;
    void *tail;
    unsigned written; /* lines of failures so far */
    buf pending;      /* a line of which a part was written */
};

static int64_t frozen_clock(void)
{
    return NOW_US;
}

static void problem(void *ctx, slice path, unsigned line, bool warning, slice text)
{
    (void)ctx, (void)path, (void)warning;
    fail_msg("settings, line %u: %.*s", line, SLICE_FMT(text));
}

static struct knowledge *knowledge(void)
{
    struct knowledge *k = knowledge_new();
    slice error;
    assert_int_equal(bounce_rules_new(NULL, 0, false, &k->a, &k->rules, &error), BOUNCE_OK);
    return k;
}

static void start(struct world *w)
{
    err e;
    w->base = event_base_new();
    w->daemon = (struct daemon){.base = w->base, .settings = w->settings};
    const struct log_setup quiet = {.fd = STDERR_FILENO, .level = LOG_LEVEL_ERROR};
    w->daemon.log = log_new(&quiet);
    assert_int_equal(post_new(w->base, &w->daemon.post, &e), OK);
    assert_int_equal(knowledge_box_new(knowledge(), &w->daemon.knowledge, &e), OK);
    struct writer_options wo = {.ledger_path = w->ledger,
                                .synchronous = "OFF",
                                .knowledge = w->daemon.knowledge,
                                .post = w->daemon.post,
                                .clock = frozen_clock};
    assert_int_equal(writer_new(&wo, &w->daemon.writer, &e), OK);
    w->daemon.table = writer_table(w->daemon.writer);
    struct workers_options ko = {.threads = 1,
                                 .ledger_path = w->ledger,
                                 .knowledge = w->daemon.knowledge,
                                 .post = w->daemon.post,
                                 .clock = frozen_clock};
    assert_int_equal(workers_new(&ko, &w->daemon.workers, &e), OK);
    const struct section *s = settings_next(w->settings, "feed", NULL);
    if (tail_role.open(&w->daemon, s, &w->tail, &e) != OK || tail_role.start(w->tail, &e) != OK)
        fail_msg("%s", e.text);
}

/* As the daemon ends: what was begun is finished. */
static void stop(struct world *w)
{
    tail_role.drain(w->tail);
    while (!tail_role.idle(w->tail))
        assert_int_not_equal(event_base_loop(w->base, EVLOOP_ONCE), -1);
    tail_role.close(&w->tail);
    workers_free(&w->daemon.workers);
    writer_free(&w->daemon.writer);
    post_run(w->daemon.post);
    knowledge_box_free(&w->daemon.knowledge);
    post_free(&w->daemon.post);
    log_free(&w->daemon.log);
    event_base_free(w->base);
}

static void world_open(struct world *w)
{
    buf text;
    memset(w, 0, sizeof *w);
    scratch_init(&w->dir);
    snprintf(w->ledger, sizeof w->ledger, "%s", scratch_path(&w->dir, "ledger.db"));
    scratch_mkdir(&w->dir, "log");
    snprintf(w->log, sizeof w->log, "%s", scratch_path(&w->dir, "log/mail.log"));
    buf_init(&text, 0);
    buf_init(&w->pending, 0);
    buf_printf(&text, "[feed mail]\npath = %s\nzone = UTC\nhistory = 36500d\n", w->log);
    w->settings = settings_parse(S("test.conf"), buf_slice(&text), problem, NULL);
    assert_non_null(w->settings);
    buf_fini(&text);
}

static void world_close(struct world *w)
{
    settings_free(&w->settings);
    buf_fini(&w->pending);
    scratch_fini(&w->dir);
}

/* ---- the log ---- */

/* The lines of one message that fails for good, each recipient another. */
static void add_failure(struct world *w, buf *out)
{
    unsigned n = w->written++;
    buf_printf(
        out,
        "Nov 30 11:%02u:%02u mx postfix/qmgr[9]: 4%06XZZ: from=<news@example.net>, size=391, nrcpt=1 (queue active)\n",
        n / 60 % 60, n % 60, n);
    buf_printf(
        out,
        "Nov 30 11:%02u:%02u mx postfix/smtp[9]: 4%06XZZ: to=<u%u@example.org>, relay=mx.example.org[192.0.2.1]:25, "
        "delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (host mx.example.org[192.0.2.1] said: 550 5.1.1 User "
        "unknown (in reply to RCPT TO command))\n",
        n / 60 % 60, n % 60, n, n);
    buf_printf(out, "Nov 30 11:%02u:%02u mx postfix/qmgr[9]: 4%06XZZ: removed\n", n / 60 % 60, n % 60, n);
}

static void write_failures(struct world *w, unsigned n)
{
    buf text;
    buf_init(&text, 0);
    for (unsigned i = 0; i < n; i++)
        add_failure(w, &text);
    scratch_put(&w->dir, "log/mail.log", buf_slice(&text), O_APPEND, NOW_US);
    buf_fini(&text);
}

/* Until the answers know of every failure written, and of none twice. */
static void expect_all(struct world *w)
{
    struct writer_counts c;
    int64_t turns = 0;
    do {
        struct timeval soon = {0, 20000};
        event_base_loopexit(w->base, &soon);
        assert_int_not_equal(event_base_dispatch(w->base), -1);
        writer_counts(w->daemon.writer, &c);
    } while (c.suppressions < w->written && ++turns < PATIENCE_US / 20000);
    assert_int_equal(c.suppressions, w->written);
    assert_int_equal(c.failures, 0);
}

static uint64_t stored_events(struct world *w)
{
    struct ledger *l;
    struct ledger_options o = {.path = w->ledger, .read_only = true};
    int64_t n = 0;
    err e;
    assert_int_equal(ledger_open(&o, &l, &e), OK);
    assert_int_equal(ledger_seq(l, &n, &e), OK);
    ledger_close(&l);
    return (uint64_t)n;
}

static void pack_rotated(struct world *w, const char *from, const char *to, void (*pack)(slice, buf *))
{
    char text[1 << 16];
    int fd = open(scratch_path(&w->dir, from), O_RDONLY);
    ssize_t n = read(fd, text, sizeof text);
    assert_true(n > 0 && n < (ssize_t)sizeof text);
    close(fd);
    buf packed;
    buf_init(&packed, 0);
    pack(slice_of(text, (size_t)n), &packed);
    scratch_put(&w->dir, to, buf_slice(&packed), O_TRUNC, NOW_US);
    buf_fini(&packed);
    assert_int_equal(unlink(scratch_path(&w->dir, from)), 0);
}

static void move(struct world *w, const char *from, const char *to)
{
    char old[256];
    snprintf(old, sizeof old, "%s", scratch_path(&w->dir, from));
    assert_int_equal(rename(old, scratch_path(&w->dir, to)), 0);
}

/* ---- tests ---- */

static void lines_are_heard(void **state)
{
    struct world w;
    (void)state;
    world_open(&w);
    write_failures(&w, 3); /* before the start */
    start(&w);
    expect_all(&w);
    for (unsigned i = 0; i < 5; i++) {
        write_failures(&w, 1 + i);
        expect_all(&w);
    }
    stop(&w);
    world_close(&w);
}

static void a_log_may_come_later(void **state)
{
    struct world w;
    (void)state;
    world_open(&w);
    start(&w);
    expect_all(&w);
    write_failures(&w, 2);
    expect_all(&w);
    stop(&w);
    world_close(&w);
}

static void a_line_in_two_pieces(void **state)
{
    struct world w;
    (void)state;
    world_open(&w);
    write_failures(&w, 1);
    start(&w);
    expect_all(&w);
    buf text;
    buf_init(&text, 0);
    add_failure(&w, &text);
    for (size_t at = 0; at < text.n; at += 61) {
        slice piece = slice_sub(buf_slice(&text), at, 61);
        scratch_put(&w.dir, "log/mail.log", piece, O_APPEND, NOW_US);
        struct timeval soon = {0, 15000};
        event_base_loopexit(w.base, &soon);
        event_base_dispatch(w.base);
    }
    buf_fini(&text);
    expect_all(&w);
    stop(&w);
    world_close(&w);
}

static void rotation_by_renaming(void **state)
{
    struct world w;
    (void)state;
    world_open(&w);
    start(&w);
    write_failures(&w, 4);
    expect_all(&w);
    write_failures(&w, 3); /* not heard yet, perhaps */
    move(&w, "log/mail.log", "log/mail.log.1");
    write_failures(&w, 2);
    expect_all(&w);
    pack_rotated(&w, "log/mail.log.1", "log/mail.log.2.gz", pack_gzip);
    move(&w, "log/mail.log", "log/mail.log.1");
    write_failures(&w, 2);
    expect_all(&w);
    stop(&w);
    world_close(&w);
}

static void rotation_by_copy_and_truncate(void **state)
{
    struct world w;
    char text[1 << 15];
    (void)state;
    world_open(&w);
    start(&w);
    for (unsigned i = 0; i < 3; i++) {
        write_failures(&w, 4);
        if (i != 1)
            expect_all(&w);
        int fd = open(scratch_path(&w.dir, "log/mail.log"), O_RDWR);
        ssize_t n = read(fd, text, sizeof text);
        char name[32];
        snprintf(name, sizeof name, "log/mail.log-2025113%u", i);
        scratch_put(&w.dir, name, slice_of(text, (size_t)n), O_TRUNC, NOW_US);
        assert_int_equal(ftruncate(fd, 0), 0);
        close(fd);
        write_failures(&w, 1 + 5 * i); /* shorter than before, and longer */
        expect_all(&w);
    }
    stop(&w);
    world_close(&w);
}

/* A restart between any two lines of the log. */
static void restarts(void **state)
{
    struct world w;
    buf text;
    (void)state;
    world_open(&w);
    buf_init(&text, 0);
    for (unsigned i = 0; i < 4; i++)
        add_failure(&w, &text);
    slice rest = buf_slice(&text);
    while (rest.n) {
        size_t end = slice_chr(rest, '\n') + 1;
        scratch_put(&w.dir, "log/mail.log", slice_sub(rest, 0, end), O_APPEND, NOW_US);
        rest = slice_from(rest, end);
        start(&w);
        struct timeval soon = {0, 30000};
        event_base_loopexit(w.base, &soon);
        event_base_dispatch(w.base);
        stop(&w);
    }
    buf_fini(&text);
    start(&w);
    expect_all(&w);
    uint64_t events = stored_events(&w);
    stop(&w);
    start(&w); /* nothing is read again */
    expect_all(&w);
    assert_int_equal(stored_events(&w), events);
    stop(&w);
    world_close(&w);
}

/* Yesterday's file was packed and moved while the daemon was away. */
static void rotation_while_away(void **state)
{
    struct world w;
    (void)state;
    world_open(&w);
    start(&w);
    write_failures(&w, 3);
    expect_all(&w);
    stop(&w);
    write_failures(&w, 3);
    pack_rotated(&w, "log/mail.log", "log/mail.log.1.xz", pack_xz);
    write_failures(&w, 2);
    start(&w);
    expect_all(&w);
    stop(&w);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_are_heard),
        cmocka_unit_test(a_log_may_come_later),
        cmocka_unit_test(a_line_in_two_pieces),
        cmocka_unit_test(rotation_by_renaming),
        cmocka_unit_test(rotation_by_copy_and_truncate),
        cmocka_unit_test(restarts),
        cmocka_unit_test(rotation_while_away),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
