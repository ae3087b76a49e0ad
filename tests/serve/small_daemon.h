/* The parts of a daemon that one role needs, on a file system that forgets what was not synced and fills up when told. Header-only.
 */
#ifndef TESTS_SMALL_DAEMON_H
#define TESTS_SMALL_DAEMON_H

#include "check.h"
#include "net/world.h"
#include "scratch.h"
#include "serve/conf.h"
#include "serve/roles.h"
#include "vfs/lossy.h"

#define NOW_US (INT64_C(1764504000) * TIME_SECOND) /* 2025-11-30T12:00:00Z */
#define SMALL_LEDGER "/ledger.db"

static const unsigned char small_secret[] = "a secret of 32 bytes for tests..";
static const struct bounce_verp_key small_key = {.id = 1, .secret = small_secret, .secret_bytes = 32};

struct small_daemon {
    struct lossy *disk;
    struct daemon daemon;
    struct settings *settings;
    const struct role *role;
    void *self;
    struct world net; /* the loop, and where to connect to */
};

static inline int64_t small_clock(void)
{
    return NOW_US;
}

static inline void small_problem(void *ctx, slice path, unsigned line, bool warning, slice text)
{
    (void)ctx, (void)path, (void)warning;
    fail_msg("settings, line %u: %.*s", line, SLICE_FMT(text));
}

static inline struct knowledge *small_knowledge(void)
{
    struct knowledge *k = knowledge_new();
    slice error;
    assert_int_equal(bounce_rules_new(NULL, 0, false, &k->a, &k->rules, &error), BOUNCE_OK);
    k->verp_keys = &small_key;
    k->verp_key_count = 1;
    return k;
}

static inline void small_threads(struct small_daemon *s)
{
    err e;
    struct daemon *d = &s->daemon;
    assert_int_equal(post_new(d->base, &d->post, &e), OK);
    assert_int_equal(knowledge_box_new(small_knowledge(), &d->knowledge, &e), OK);
    struct writer_options wo = {.ledger_path = SMALL_LEDGER,
                                .vfs = LOSSY_NAME,
                                .knowledge = d->knowledge,
                                .post = d->post,
                                .clock = small_clock};
    assert_int_equal(writer_new(&wo, &d->writer, &e), OK);
    d->table = writer_table(d->writer);
    struct workers_options ko = {.threads = 1,
                                 .ledger_path = SMALL_LEDGER,
                                 .vfs = LOSSY_NAME,
                                 .knowledge = d->knowledge,
                                 .post = d->post,
                                 .clock = small_clock};
    assert_int_equal(workers_new(&ko, &d->workers, &e), OK);
}

/* Opens and starts the role of the one section of its kind in `conf`. The ledger on `disk` is a new one or what was left of one. */
static inline void small_start(struct small_daemon *s, struct lossy *disk, const struct role *role, slice conf)
{
    err e;
    memset(s, 0, sizeof *s);
    s->disk = disk;
    s->settings = settings_parse(S("test.conf"), conf, small_problem, NULL);
    assert_non_null(s->settings);
    s->net.base = event_base_new();
    s->daemon = (struct daemon){.base = s->net.base, .settings = s->settings};
    const struct log_setup quiet = {.fd = STDERR_FILENO, .level = LOG_LEVEL_ERROR};
    s->daemon.log = log_new(&quiet);
    small_threads(s);
    s->role = role;
    const struct section *section = settings_next(s->settings, role->section, NULL);
    if (role->open(&s->daemon, section, &s->self, &e) != OK || role->start(s->self, &e) != OK)
        fail_msg("%s", e.text);
}

static inline void small_stop(struct small_daemon *s)
{
    s->role->drain(s->self);
    while (!s->role->idle(s->self))
        world_run(&s->net, 1000);
    s->role->close(&s->self);
    workers_free(&s->daemon.workers);
    writer_free(&s->daemon.writer);
    post_run(s->daemon.post);
    knowledge_box_free(&s->daemon.knowledge);
    post_free(&s->daemon.post);
    log_free(&s->daemon.log);
    event_base_free(s->net.base);
    settings_free(&s->settings);
}

static inline bool small_suppressed(const struct small_daemon *s, slice address)
{
    return table_check(s->daemon.table, SLICE_EMPTY, SLICE_EMPTY, address, NOW_US).suppressed;
}

static inline uint64_t small_events(const struct small_daemon *s)
{
    struct writer_counts c;
    writer_counts(s->daemon.writer, &c);
    return c.intake.events;
}

/* A DSN about a recipient who is not known; `more` are fields in front, `end` the line end. */
static inline void small_report(buf *b, const char *recipient, const char *more, const char *end)
{
    static const char *const lines[] = {
        "From: MAILER-DAEMON@mx.remote.example",
        "To: bounces",
        "Subject: Undelivered Mail",
        "Date: Sun, 30 Nov 2025 11:00:00 +0000",
        "MIME-Version: 1.0",
        "Content-Type: multipart/report; report-type=delivery-status; boundary=\"b\"",
        "",
        "--b",
        "Content-Type: text/plain",
        "",
        "Sorry.",
        "",
        "--b",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.remote.example",
        "",
        "Final-Recipient: rfc822; %",
        "Action: failed",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1 User unknown",
        "",
        "--b",
        "Content-Type: text/rfc822-headers",
        "",
        "Message-ID: <1@news.example>",
        "To: %",
        "",
        "--b--",
    };
    buf_clear(b);
    buf_adds(b, more);
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        slice line = slice_str(lines[i]);
        size_t hole = slice_chr(line, '%');
        buf_add(b, slice_sub(line, 0, hole));
        if (hole != SLICE_NPOS)
            buf_adds(b, recipient);
        buf_adds(b, end);
    }
}

#endif
