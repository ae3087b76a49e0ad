/* The way in: repeats, batches, trust, tallies, streams, dry run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/intake.h"
#include "core/keep.h"
#include "core/report.h"

#define NOW_US (INT64_C(1760000000) * TIME_SECOND)

struct world {
    struct ledger *ledger;
    struct bounce_rules *rules;
    struct policy policy;
    arena a;
};

static void world_open(struct world *w)
{
    static const struct sip_key key = {3, 4};
    err e;
    struct ledger_options o = {
        .path = ":memory:", .create = true, .key = &key, .hash_addresses = getenv("TEST_HASHED_LEDGER") != NULL};
    arena_init(&w->a, 0);
    assert_int_equal(ledger_open(&o, &w->ledger, &e), OK);
    slice error;
    assert_int_equal(bounce_rules_new(NULL, 0, false, &w->a, &w->rules, &error), BOUNCE_OK);
    policy_init(&w->policy);
}

static void world_close(struct world *w)
{
    ledger_close(&w->ledger);
    bounce_rules_free(&w->rules);
    arena_fini(&w->a);
}

/* A failure as a log tells it; `n` makes keys and messages differ. */
static struct observation failed(const char *recipient, const char *reply, unsigned n, int64_t time_us)
{
    static char ids[64][32];
    snprintf(ids[n % 64], sizeof(ids[0]), "m%u@example.org", n);
    return (struct observation){.kind = BOUNCE_KIND_FAILED,
                                .recipient = slice_str(recipient),
                                .reply = slice_str(reply),
                                .time_us = time_us,
                                .sent_us = TIME_NONE,
                                .ids = {[ID_MESSAGE] = slice_str(ids[n % 64])},
                                .phase = BOUNCE_PHASE_RCPT,
                                .feed = S("test"),
                                .format = S("postfix"),
                                .trust = TRUST_PROVEN,
                                .source_key = hash128(slice_of((const char *)&n, sizeof(n)))};
}

static struct intake *intake_of(struct world *w, bool dry_run)
{
    struct intake *in;
    err e;
    struct intake_options o = {.dry_run = dry_run};
    assert_int_equal(intake_new(w->ledger, w->rules, &w->policy, &o, &in, &e), OK);
    return in;
}

static struct intake_result flush(struct intake *in)
{
    struct intake_result r;
    err e = {.text = ""};
    if (intake_flush(in, NOW_US, &r, &e) != OK)
        fail_msg("flush: %s", e.text);
    return r;
}

static void add(struct intake *in, struct observation o)
{
    err e;
    assert_int_equal(intake_add(in, &o, &e), OK);
}

static struct ledger_address stored(struct world *w, const char *key)
{
    struct ledger_address row;
    err e;
    slice k = slice_str(key);
    assert_int_equal(ledger_addresses(w->ledger, SLICE_EMPTY, &k, 1, &w->a, &row, &e), OK);
    return row;
}

struct tally_sum {
    int64_t failed, delivered;
};

static bool sum_row(void *ctx, const struct tally_row *row)
{
    struct tally_sum *s = ctx;
    if (row->kind == BOUNCE_KIND_FAILED)
        s->failed += row->count;
    if (row->kind == BOUNCE_KIND_DELIVERED)
        s->delivered += row->count;
    return true;
}

static struct tally_sum tallies(struct world *w)
{
    struct tally_sum s = {0, 0};
    err e;
    assert_int_equal(ledger_report(w->ledger, TALLY_REASON, SLICE_EMPTY, 0, NOW_US + TIME_DAY, sum_row, &s, &e), OK);
    return s;
}

static const char NO_USER[] = "550 5.1.1 <a@example.com>: Recipient address rejected: User unknown";
static const char FULL[] = "552 5.2.2 The email account that you tried to reach is over quota";

static void test_hard_and_repeat(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct intake *in = intake_of(&w, false);
    add(in, failed("A@Example.com", NO_USER, 1, NOW_US - TIME_DAY));
    struct intake_result r = flush(in);
    assert_int_equal(r.counts.events, 1);
    assert_int_equal(r.counts.suppressed, 1);
    assert_int_equal(r.decision_count, 1);
    assert_int_equal(r.decisions[0].to, STATE_SUPPRESSED);
    assert_int_equal(r.decisions[0].cause, CAUSE_HARD);
    assert_int_equal(r.decisions[0].reason, BOUNCE_REASON_USER_UNKNOWN);
    assert_true(r.decisions[0].rule.n > 0);
    assert_int_equal(stored(&w, "a@example.com").state, STATE_SUPPRESSED);
    add(in, failed("a@example.com", NO_USER, 1, NOW_US - TIME_DAY));
    r = flush(in);
    assert_int_equal(r.counts.repeats, 1);
    assert_int_equal(r.counts.events, 0);
    assert_int_equal(r.decision_count, 0);
    assert_int_equal(tallies(&w).failed, 1);
    add(in, failed("no address", NO_USER, 2, NOW_US));
    r = flush(in);
    assert_int_equal(r.counts.invalid, 1);
    assert_int_equal(r.invalid_count, 1);
    intake_free(&in);
    world_close(&w);
}

static void collect(void *ctx, slice line)
{
    buf *b = ctx;
    buf_add(b, line);
    buf_addc(b, '\n');
}

static void dump(struct world *w, buf *out)
{
    err e;
    buf_init(out, 0);
    assert_int_equal(ledger_dump(w->ledger, collect, out, &e), OK);
    assert_false(out->failed);
}

/* A mix in which messages have several witnesses, addresses several messages, and domains deliveries. */
static struct observation mixed(unsigned n)
{
    static const char *const replies[] = {NO_USER, FULL, "451 4.4.1 Connection timed out", "550 no such user here",
                                          "554 5.7.1 Message blocked due to spam content"};
    static char addresses[200][40];
    unsigned who = n * 7919 % 23;
    snprintf(addresses[n % 200], sizeof(addresses[0]), "user%u@d%u.example", who, who % 5);
    struct observation o =
        failed(addresses[n % 200], replies[n * 31 % 5], n, NOW_US - (int64_t)(n * 37 % 60) * TIME_DAY);
    static char ids[200][32];
    snprintf(ids[n % 200], sizeof(ids[0]), "x%u@example.org", n / 3);
    o.ids[ID_MESSAGE] = slice_str(ids[n % 200]);
    o.kind = n % 4 == 3 ? BOUNCE_KIND_DELIVERED : n % 5 == 2 ? BOUNCE_KIND_DEFERRED : BOUNCE_KIND_FAILED;
    o.trust = n % 6 == 1 ? TRUST_BARE : TRUST_PROVEN;
    o.campaign = n % 3 ? S("spring") : S("summer");
    o.stream = n % 2 ? S("news") : SLICE_EMPTY;
    return o;
}

static void ingest_in(struct world *w, unsigned batch, bool twice)
{
    struct intake *in = intake_of(w, false);
    for (unsigned n = 0; n < 200; n++) {
        add(in, mixed(n));
        if (n % batch == batch - 1)
            flush(in);
        if (twice && n % batch == batch / 2)
            add(in, mixed(n / 2));
    }
    flush(in);
    intake_free(&in);
}

static void test_batches_do_not_show(void **state)
{
    (void)state;
    buf want;
    struct world w;
    world_open(&w);
    ingest_in(&w, 1000, false);
    dump(&w, &want);
    assert_true(want.n > 10000);
    world_close(&w);
    static const unsigned batches[] = {1, 2, 7, 50, 199};
    for (size_t i = 0; i < ARRAY_LEN(batches); i++) {
        buf got;
        world_open(&w);
        ingest_in(&w, batches[i], true);
        dump(&w, &got);
        if (want.n != got.n || memcmp(want.p, got.p, got.n) != 0)
            fail_msg("batches of %u give another ledger", batches[i]);
        buf_fini(&got);
        world_close(&w);
    }
    buf_fini(&want);
}

/* All states follow from the events alone, also when the old ones are pruned. */
static void test_rebuild(void **state)
{
    (void)state;
    struct world w;
    buf before, after;
    err e;
    uint64_t changed;
    world_open(&w);
    ingest_in(&w, 50, false);
    dump(&w, &before);
    assert_int_equal(keep_rebuild(w.ledger, &w.policy, SLICE_EMPTY, NOW_US, &changed, &e), OK);
    assert_int_equal(changed, 0);
    dump(&w, &after);
    assert_int_equal(before.n, after.n);
    assert_memory_equal(before.p, after.p, before.n);
    buf_fini(&after);
    buf_fini(&before);
    /* another policy, other states */
    w.policy.sure_certainty = 100;
    w.policy.base.rows[ROW_LOOK].count = 0;
    assert_int_equal(keep_rebuild(w.ledger, &w.policy, SLICE_EMPTY, NOW_US, &changed, &e), OK);
    assert_true(changed > 0);
    policy_init(&w.policy);
    assert_int_equal(keep_rebuild(w.ledger, &w.policy, SLICE_EMPTY, NOW_US, &changed, &e), OK);
    assert_true(changed > 0);
    struct ledger_retention r = {.events_us = 30 * TIME_DAY};
    int64_t removed;
    enum address_state states[23];
    for (unsigned i = 0; i < 23; i++) {
        char key[40];
        snprintf(key, sizeof(key), "user%u@d%u.example", i, i % 5);
        states[i] = stored(&w, key).state;
    }
    assert_int_equal(keep_prune(w.ledger, &w.policy, &r, NOW_US, &removed, &e), OK);
    assert_true(removed > 20);
    assert_int_equal(keep_rebuild(w.ledger, &w.policy, SLICE_EMPTY, NOW_US, &changed, &e), OK);
    for (unsigned i = 0; i < 23; i++) {
        char key[40];
        snprintf(key, sizeof(key), "user%u@d%u.example", i, i % 5);
        assert_int_equal(stored(&w, key).state, states[i]);
    }
    assert_int_equal(changed, 0);
    world_close(&w);
}

static void test_dry_run(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct intake *in = intake_of(&w, true);
    add(in, failed("a@example.com", NO_USER, 1, NOW_US));
    assert_int_equal(flush(in).counts.suppressed, 1);
    add(in, failed("a@example.com", NO_USER, 1, NOW_US));
    add(in, failed("b@example.com", NO_USER, 2, NOW_US));
    struct intake_result r = flush(in);
    assert_int_equal(r.counts.repeats, 1);
    assert_int_equal(r.counts.suppressed, 1);
    intake_free(&in);
    assert_int_equal(stored(&w, "a@example.com").id, 0);
    in = intake_of(&w, false);
    add(in, failed("a@example.com", NO_USER, 1, NOW_US));
    assert_int_equal(flush(in).counts.events, 1);
    intake_free(&in);
    world_close(&w);
}

static void test_trust(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct intake *in = intake_of(&w, false);
    struct observation bare = failed("a@example.com", NO_USER, 1, NOW_US - TIME_HOUR);
    bare.trust = TRUST_BARE;
    add(in, bare);
    struct intake_result r = flush(in);
    assert_int_equal(r.counts.held, 1);
    assert_int_equal(stored(&w, "a@example.com").state, STATE_HELD);
    assert_int_equal(stored(&w, "a@example.com").hold, HOLD_TRUST);
    /* the log tells of that message: matched, in either order */
    struct observation sent = failed("a@example.com", "", 1, NOW_US - 2 * TIME_HOUR);
    sent.kind = BOUNCE_KIND_RELAYED;
    sent.source_key = hash128(S("log line"));
    add(in, sent);
    flush(in);
    assert_int_equal(stored(&w, "a@example.com").state, STATE_SUPPRESSED);
    struct observation log = failed("b@example.com", "", 2, NOW_US - 20 * TIME_DAY);
    log.kind = BOUNCE_KIND_RELAYED;
    add(in, log);
    struct observation late = failed("b@example.com", NO_USER, 2, NOW_US);
    late.trust = TRUST_BARE;
    late.source_key = hash128(S("mail"));
    add(in, late);
    r = flush(in);
    assert_int_equal(r.counts.held, 0);
    assert_int_equal(stored(&w, "b@example.com").state, STATE_SUPPRESSED);
    intake_free(&in);
    world_close(&w);
}

/* Another process holds the ledger: the batch stays gathered, and goes in later as it would have. */
/* The reply that is told with a decision is the one that decided, not the one that happened to be last. */
static void test_decision_tells_why(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct intake *in = intake_of(&w, false);
    struct observation sent =
        failed("a@example.org", "250 2.0.0 Ok: queued as 4XkTz21bJwz9sP", 2, (NOW_US - TIME_DAY) + 1);
    sent.kind = BOUNCE_KIND_EXPANDED;
    add(in, failed("a@example.org", "550 5.1.1 no such user", 1, (NOW_US - TIME_DAY)));
    add(in, failed("a@example.org", "552 5.2.2 mailbox full", 3, (NOW_US - TIME_DAY) + 2));
    add(in, sent);
    struct intake_result r = flush(in);
    assert_int_equal(r.decision_count, 1);
    assert_int_equal(r.decisions[0].reason, BOUNCE_REASON_USER_UNKNOWN);
    assert_true(slice_eq(r.decisions[0].reply, S("550 5.1.1 no such user")));
    intake_free(&in);
    world_close(&w);
}

static void test_try_again(void **state)
{
    (void)state;
    struct world w;
    struct ledger *other;
    struct intake_result r;
    err e;
    world_open(&w);
    ledger_close(&w.ledger);
    char dir[] = "/tmp/bounced-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/ledger.db", dir);
    struct ledger_options o = {.path = path, .create = true, .busy_ms = 1};
    assert_int_equal(ledger_open(&o, &w.ledger, &e), OK);
    assert_int_equal(ledger_open(&o, &other, &e), OK);
    struct intake *in = intake_of(&w, false);
    add(in, failed("a@example.com", NO_USER, 1, NOW_US));
    assert_int_equal(ledger_begin(other, &e), OK);
    assert_int_equal(intake_flush(in, NOW_US, &r, &e), E_BUSY);
    assert_int_equal(intake_pending(in), 1);
    ledger_abort(other);
    r = flush(in);
    assert_int_equal(r.counts.suppressed, 1);
    assert_int_equal(intake_totals(in)->observations, 1);
    intake_free(&in);
    ledger_close(&other);
    world_close(&w);
    char command[100];
    snprintf(command, sizeof(command), "rm -r %s", dir);
    assert_int_equal(system(command), 0);
}

static void test_vouched(void **state)
{
    (void)state;
    struct world w;
    struct intake *in;
    err e;
    world_open(&w);
    struct intake_options o = {.vouch = true, .stream = S("news"), .source = S("partner")};
    assert_int_equal(intake_new(w.ledger, w.rules, &w.policy, &o, &in, &e), OK);
    struct observation bare = failed("a@example.com", NO_USER, 1, NOW_US);
    bare.trust = TRUST_BARE;
    add(in, bare);
    assert_int_equal(flush(in).counts.suppressed, 1);
    intake_free(&in);
    world_close(&w);
}

static void test_tallies_are_of_outcomes(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct intake *in = intake_of(&w, false);
    struct observation log = failed("a@example.com", NO_USER, 1, NOW_US - TIME_HOUR), dsn = log;
    dsn.source_key = hash128(S("dsn"));
    dsn.time_us += TIME_MINUTE;
    dsn.format = S("rfc3464");
    add(in, log);
    flush(in);
    add(in, dsn);
    flush(in);
    assert_int_equal(tallies(&w).failed, 1);
    /* a later delivery of the message takes it back */
    struct observation later = log;
    later.kind = BOUNCE_KIND_DELIVERED;
    later.source_key = hash128(S("delivered"));
    later.time_us += 2 * TIME_MINUTE;
    add(in, later);
    flush(in);
    struct tally_sum s = tallies(&w);
    assert_int_equal(s.failed, 0);
    assert_int_equal(s.delivered, 1);
    assert_int_equal(stored(&w, "a@example.com").state, STATE_ACTIVE);
    intake_free(&in);
    world_close(&w);
}

static void test_domain_delivery_clears(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct intake *in = intake_of(&w, false);
    for (unsigned i = 0; i < 5; i++) {
        struct observation o = failed("a@example.com", "connect to mx.example.com[192.0.2.1]:25: Connection timed out",
                                      i, NOW_US - (int64_t)(30 - 4 * i) * TIME_DAY);
        o.kind = BOUNCE_KIND_EXPIRED;
        o.phase = BOUNCE_PHASE_CONNECT;
        add(in, o);
    }
    flush(in);
    assert_int_equal(stored(&w, "a@example.com").cause, CAUSE_ESCALATED);
    struct observation other = failed("b@example.com", "250 ok", 40, NOW_US - 20 * TIME_DAY);
    other.kind = BOUNCE_KIND_DELIVERED;
    add(in, other);
    struct intake_result r = flush(in);
    assert_int_equal(stored(&w, "a@example.com").state, STATE_SOFT);
    assert_int_equal(r.counts.lifted, 1);
    intake_free(&in);
    world_close(&w);
}

static void test_streams(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct intake *in = intake_of(&w, false);
    struct observation o = failed("a@example.com", "", 1, NOW_US);
    o.kind = BOUNCE_KIND_UNSUBSCRIBED;
    o.stream = S("news");
    add(in, o);
    flush(in);
    struct ledger_address row = stored(&w, "a@example.com");
    assert_int_equal(row.suppression_count, 1);
    assert_int_equal(row.suppressions[0].scope, SCOPE_STREAM);
    assert_true(slice_eq(row.suppressions[0].stream, S("news")));
    intake_free(&in);
    world_close(&w);
}

static void test_source_key(void **state)
{
    (void)state;
    struct hash128 want = report_source_key(S("Subject: x\n\nFrom me\n"));
    static const char *const same[] = {
        "Subject: x\r\n\r\nFrom me\r\n",
        "Subject: x\r\rFrom me\r",
        "From MAILER-DAEMON Sat Nov 21 21:00:22 2026\nSubject: x\n\n>From me\n\n",
        "Subject: x\n\nFrom me",
    };
    for (size_t i = 0; i < ARRAY_LEN(same); i++) {
        struct hash128 got = report_source_key(slice_str(same[i]));
        assert_true(got.hi == want.hi && got.lo == want.lo);
    }
    /* long ones: pieces end at the same places whatever the line ends */
    buf lf, crlf;
    buf_init(&lf, 0);
    buf_init(&crlf, 0);
    for (unsigned i = 0; i < 3000; i++) {
        buf_printf(&lf, "line %u of a mail\n", i);
        buf_printf(&crlf, "line %u of a mail\r\n", i);
    }
    struct hash128 a = report_source_key(buf_slice(&lf)), b = report_source_key(buf_slice(&crlf));
    assert_true(a.hi == b.hi && a.lo == b.lo);
    buf_fini(&lf);
    buf_fini(&crlf);
    struct hash128 other = report_source_key(S("Subject: y\n\nFrom me\n"));
    assert_true(other.hi != want.hi);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hard_and_repeat),
        cmocka_unit_test(test_batches_do_not_show),
        cmocka_unit_test(test_dry_run),
        cmocka_unit_test(test_rebuild),
        cmocka_unit_test(test_trust),
        cmocka_unit_test(test_decision_tells_why),
        cmocka_unit_test(test_try_again),
        cmocka_unit_test(test_vouched),
        cmocka_unit_test(test_tallies_are_of_outcomes),
        cmocka_unit_test(test_domain_delivery_clears),
        cmocka_unit_test(test_streams),
        cmocka_unit_test(test_source_key),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
