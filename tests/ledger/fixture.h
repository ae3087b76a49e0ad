/* What the tests of the ledger share: a ledger in memory or in a scratch directory, and made-up addresses and events.
 */
#ifndef TEST_LEDGER_FIXTURE_H
#define TEST_LEDGER_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/time.h"
#include "ledger/ledger.h"

#define NOON (20000 * TIME_DAY + 12 * TIME_HOUR) /* some day */

struct fixture {
    char dir[64];
    char path[128];
    struct ledger *l;
    arena a;
    err e;
};

#define assert_ok(f, call)                                                             \
    do {                                                                               \
        enum status assert_ok_status = (call);                                         \
        if (assert_ok_status != OK)                                                    \
            fail_msg("%s: %s: %s", #call, status_word(assert_ok_status), (f)->e.text); \
    } while (0)
#define assert_slice(got, want)                                                              \
    do {                                                                                     \
        slice assert_slice_got = (got);                                                      \
        if (!slice_eq(assert_slice_got, slice_str(want)))                                    \
            fail_msg("%s is \"%.*s\", not \"%s\"", #got, SLICE_FMT(assert_slice_got), want); \
    } while (0)

static inline void fixture_dir(struct fixture *f)
{
    snprintf(f->dir, sizeof f->dir, "/tmp/ledger-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof f->path, "%s/l.db", f->dir);
}

static inline void fixture_open(struct fixture *f)
{
    struct ledger_options o = {.path = f->path, .create = true};
    assert_ok(f, ledger_open(&o, &f->l, &f->e));
}

static inline void fixture_reopen(struct fixture *f)
{
    ledger_close(&f->l);
    fixture_open(f);
}

static inline int fixture_memory(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    snprintf(f->path, sizeof f->path, ":memory:");
    arena_init(&f->a, 0);
    fixture_open(f);
    *state = f;
    return 0;
}

static inline int fixture_file(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    fixture_dir(f);
    arena_init(&f->a, 0);
    fixture_open(f);
    *state = f;
    return 0;
}

static inline int fixture_end(void **state)
{
    struct fixture *f = *state;
    ledger_close(&f->l);
    arena_fini(&f->a);
    if (f->dir[0]) {
        static const char *const names[] = {"l.db", "l.db-wal", "l.db-shm", "copy.db", "copy.db-wal", "copy.db-shm"};
        for (size_t i = 0; i < ARRAY_LEN(names); i++) {
            char path[128];
            snprintf(path, sizeof path, "%s/%s", f->dir, names[i]);
            (void)unlink(path);
        }
        assert_int_equal(rmdir(f->dir), 0); /* nothing else was left behind */
    }
    free(f);
    return 0;
}

/* An address that is not stored yet. */
static inline struct ledger_address made_address(const char *key)
{
    return (struct ledger_address){.tenant = SLICE_EMPTY,
                                   .key = slice_str(key),
                                   .address = slice_str(key),
                                   .since_us = NOON,
                                   .until_us = TIME_NONE,
                                   .due_us = TIME_NONE,
                                   .history = SLICE_EMPTY,
                                   .first_seen_us = NOON,
                                   .last_delivered_us = TIME_NONE,
                                   .last_failed_us = NOON};
}

static inline struct ledger_suppression made_suppression(enum scope scope, const char *stream, enum cause cause)
{
    return (struct ledger_suppression){.scope = scope,
                                       .stream = slice_str(stream),
                                       .cause = cause,
                                       .reason = BOUNCE_REASON_USER_UNKNOWN,
                                       .since_us = NOON,
                                       .until_us = TIME_NONE};
}

static inline struct observation made_observation(const char *recipient, const char *reply)
{
    struct observation o = {.kind = BOUNCE_KIND_FAILED,
                            .recipient = slice_str(recipient),
                            .reply = slice_str(reply),
                            .time_us = NOON,
                            .sent_us = TIME_NONE,
                            .trust = TRUST_PROVEN};
    slice *const texts[] = {&o.tenant,       &o.stream,           &o.campaign,
                            &o.source,       &o.sent_to,          &o.status,
                            &o.remote_mta,   &o.reporting_mta,    &o.provider,
                            &o.sender,       &o.sending_ip,       &o.subject,
                            &o.feed,         &o.format,           &o.platform_cause,
                            &o.verdict.rule, &o.verdict.provider, &o.verdict.new_address};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = SLICE_EMPTY;
    for (int i = 0; i < ID_KINDS; i++)
        o.ids[i] = SLICE_EMPTY;
    o.verdict.reason = BOUNCE_REASON_USER_UNKNOWN;
    o.verdict.certainty = 90;
    return o;
}

static inline struct ledger_event made_event(const struct observation *o, int64_t address_id, uint64_t key)
{
    return (struct ledger_event){.address_id = address_id,
                                 .address = SLICE_EMPTY,
                                 .source_key = {key, ~key},
                                 .what = EVENT_OBSERVED,
                                 .o = o,
                                 .fold = {.time_us = o->time_us,
                                          .key = key,
                                          .kind = (uint8_t)o->kind,
                                          .reason = (uint8_t)o->verdict.reason,
                                          .certainty = (uint8_t)o->verdict.certainty,
                                          .trust = (uint8_t)o->trust},
                                 .rules_version = SLICE_EMPTY,
                                 .actor = SLICE_EMPTY,
                                 .note = SLICE_EMPTY,
                                 .reverified = SLICE_EMPTY,
                                 .stream = SLICE_EMPTY,
                                 .ingest_us = NOON + TIME_SECOND,
                                 .decision = SLICE_EMPTY,
                                 .baseline = SLICE_EMPTY};
}

#endif
