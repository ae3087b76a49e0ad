/* Two policies held against what later mail proved. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/intake.h"
#include "core/replay.h"

#define START_US (INT64_C(1700000000) * TIME_SECOND)
#define DAY(n) (START_US + (n)*TIME_DAY)

struct world {
    struct ledger *ledger;
    struct policy is, other;
    struct intake *in;
    unsigned keys;
    arena a;
};

static int open_world(void **state)
{
    static const struct sip_key key = {3, 4};
    struct world *w = calloc(1, sizeof *w);
    struct intake_options o = {.dry_run = false};
    struct ledger_options lo = {
        .path = ":memory:", .create = true, .key = &key, .hash_addresses = getenv("TEST_HASHED_LEDGER") != NULL};
    err e;
    arena_init(&w->a, 0);
    policy_init(&w->is);
    policy_init(&w->other);
    assert_int_equal(ledger_open(&lo, &w->ledger, &e), OK);
    assert_int_equal(intake_new(w->ledger, NULL, &w->is, &o, &w->in, &e), OK);
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    intake_free(&w->in);
    ledger_close(&w->ledger);
    arena_fini(&w->a);
    free(w);
    return 0;
}

/* One message of its own. */
static void mail(struct world *w, const char *who, int64_t time_us, enum bounce_kind kind, enum bounce_reason reason,
                 unsigned certainty)
{
    unsigned n = ++w->keys;
    err e;
    struct observation x = {.kind = kind,
                            .recipient = slice_str(who),
                            .time_us = time_us,
                            .sent_us = TIME_NONE,
                            .trust = TRUST_PROVEN,
                            .ids = {[ID_QUEUE] = arena_printf(&w->a, "q%u", n)},
                            .source_key = hash128(slice_of((const char *)&n, sizeof(n))),
                            .verdict = {.reason = reason, .certainty = certainty, .rule = S("test.rule")}};
    assert_int_equal(intake_add(w->in, &x, &e), OK);
}

static void failed(struct world *w, const char *who, int64_t time_us, enum bounce_reason reason)
{
    mail(w, who, time_us, BOUNCE_KIND_FAILED, reason, 80);
}

static void delivered(struct world *w, const char *who, int64_t time_us)
{
    mail(w, who, time_us, BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN, 0);
}

static struct replay *replay(struct world *w, int64_t since_us, int64_t now_us)
{
    struct intake_result flushed;
    struct replay *r = ARENA_NEW(&w->a, struct replay);
    struct replay_options o = {{&w->is, &w->other}, SLICE_EMPTY, since_us, now_us, 5};
    err e = {.text = ""};
    assert_int_equal(intake_flush(w->in, now_us, &flushed, &e), OK);
    if (replay_run(w->ledger, &o, &w->a, r, &e) != OK)
        fail_msg("replay: %s", e.text);
    return r;
}

#define assert_score(r, side, field, want) assert_int_equal((r)->score[REPLAY_##side].field, want)

/* At once under the policy that is; the other one wants to be surer. */
static void be_surer(struct world *w)
{
    w->other.sure_certainty = 90;
}

static void equal_policies_agree(void **state)
{
    struct world *w = *state;
    failed(w, "a@example.org", DAY(0), BOUNCE_REASON_USER_UNKNOWN);
    delivered(w, "a@example.org", DAY(2));
    failed(w, "b@example.org", DAY(0), BOUNCE_REASON_USER_UNKNOWN);
    delivered(w, "c@example.org", DAY(0));
    struct replay *r = replay(w, TIME_NONE, DAY(9));
    assert_int_equal(r->addresses, 3);
    assert_int_equal(r->events, 4);
    assert_memory_equal(&r->score[REPLAY_IS], &r->score[REPLAY_IF], sizeof r->score[0]);
    assert_score(r, IS, stopped, 2);
    assert_score(r, IS, wrong, 1);
    assert_score(r, IS, lost, 1);
    assert_score(r, IS, unproven, 1);
    assert_int_equal(r->changed[REPLAY_SUPPRESSED] + r->changed[REPLAY_FREED], 0);
    assert_int_equal(r->domain_count, 0);
}

static void a_delivery_proves_a_suppression_wrong(void **state)
{
    struct world *w = *state;
    be_surer(w);
    failed(w, "a@example.org", DAY(0), BOUNCE_REASON_USER_UNKNOWN);
    delivered(w, "a@example.org", DAY(2));
    delivered(w, "a@example.org", DAY(3));
    struct replay *r = replay(w, TIME_NONE, DAY(9));
    assert_score(r, IS, wrong, 1);
    assert_score(r, IS, lost, 2);
    assert_score(r, IS, wrong_by_reason[BOUNCE_REASON_USER_UNKNOWN], 1);
    assert_score(r, IF, ever, 0);
    assert_score(r, IF, missed, 0);
    assert_int_equal(r->changed[REPLAY_FREED], 1);
    assert_int_equal(r->changed_by_reason[REPLAY_FREED][BOUNCE_REASON_USER_UNKNOWN], 1);
    assert_int_equal(r->changed_by_proof[REPLAY_FREED][REPLAY_DELIVERED], 1);
    assert_int_equal(r->domains[0].changed[REPLAY_FREED], 1);
    assert_true(slice_eq(r->domains[0].domain, S("example.org")));
    assert_int_equal(r->example_count[REPLAY_FREED], 1);
    const struct replay_example *x = &r->examples[REPLAY_FREED][0];
    if (!ledger_hashed(w->ledger))
        assert_true(slice_eq(x->address, S("a@example.org")));
    assert_int_equal(x->since_us, DAY(0));
    assert_int_equal(x->proof, REPLAY_DELIVERED);
    assert_int_equal(x->messages, 2);
}

static void mail_that_goes_on_failing_is_a_miss(void **state)
{
    struct world *w = *state;
    be_surer(w);
    failed(w, "a@example.org", DAY(0), BOUNCE_REASON_USER_UNKNOWN);
    failed(w, "a@example.org", DAY(2), BOUNCE_REASON_USER_UNKNOWN); /* the second look of the other policy */
    failed(w, "a@example.org", DAY(4), BOUNCE_REASON_USER_UNKNOWN);
    struct replay *r = replay(w, TIME_NONE, DAY(9));
    assert_score(r, IS, right, 1);
    assert_score(r, IS, spared, 2);
    assert_score(r, IS, missed, 0);
    assert_score(r, IF, right, 1);
    assert_score(r, IF, spared, 1);
    assert_score(r, IF, missed, 1);
    assert_score(r, IF, in_vain, 1);
    assert_int_equal(r->changed[REPLAY_SUPPRESSED] + r->changed[REPLAY_FREED], 0); /* both stop it now */
}

/* The delivery that ends an escalated suppression was sent in it. */
static void what_ends_a_suppression_proves_it_wrong(void **state)
{
    struct world *w = *state;
    w->other.base.rows[ROW_QUOTA] = (struct tolerance){.count = 1};
    failed(w, "a@example.org", DAY(0), BOUNCE_REASON_MAILBOX_FULL);
    delivered(w, "a@example.org", DAY(3));
    delivered(w, "a@example.org", DAY(4));
    struct replay *r = replay(w, TIME_NONE, DAY(9));
    assert_score(r, IS, ever, 0);
    assert_score(r, IF, ever, 1);
    assert_score(r, IF, stopped, 0);
    assert_score(r, IF, wrong, 1);
    assert_score(r, IF, lost, 1);
}

static void a_block_proves_nothing(void **state)
{
    struct world *w = *state;
    be_surer(w);
    failed(w, "a@example.org", DAY(0), BOUNCE_REASON_USER_UNKNOWN);
    failed(w, "a@example.org", DAY(2), BOUNCE_REASON_SPAM_CONTENT);
    struct replay *r = replay(w, TIME_NONE, DAY(9));
    assert_score(r, IS, right, 0);
    assert_score(r, IS, unproven, 1);
    assert_int_equal(r->changed_by_proof[REPLAY_FREED][REPLAY_UNPROVEN], 1);
}

static void time_alone_suppresses_and_frees(void **state)
{
    struct world *w = *state;
    w->other.base.rows[ROW_QUOTA] = (struct tolerance){.count = 1};
    w->other.expiry_us[CAUSE_ESCALATED] = 10 * TIME_DAY;
    mail(w, "a@example.org", DAY(0), BOUNCE_KIND_DEFERRED, BOUNCE_REASON_MAILBOX_FULL, 90); /* counts on day 3 */
    delivered(w, "b@example.org", DAY(0));
    struct replay *r = replay(w, TIME_NONE, DAY(5));
    assert_score(r, IF, stopped, 1);
    assert_int_equal(r->examples[REPLAY_SUPPRESSED][0].since_us, DAY(3));
    r = replay(w, TIME_NONE, DAY(14));
    assert_score(r, IF, stopped, 0);
    assert_score(r, IF, ever, 1);
}

static void mail_before_since_proves_nothing(void **state)
{
    struct world *w = *state;
    be_surer(w);
    failed(w, "a@example.org", DAY(0), BOUNCE_REASON_USER_UNKNOWN);
    delivered(w, "a@example.org", DAY(2));
    struct replay *r = replay(w, DAY(3), DAY(9));
    assert_score(r, IS, wrong, 0);
    assert_score(r, IS, unproven, 1);
    assert_int_equal(r->changed[REPLAY_FREED], 1);
}

/* A failure that an incident holds proves no suppression right. */
static void an_incident_proves_nothing(void **state)
{
    struct world *w = *state;
    err e;
    be_surer(w);
    failed(w, "a@example.org", DAY(0), BOUNCE_REASON_USER_UNKNOWN);
    failed(w, "a@example.org", DAY(2), BOUNCE_REASON_USER_UNKNOWN);
    struct ledger_circumstance c = {.c = {.what = CIRCUMSTANCE_INCIDENT,
                                          .by = MARK_NONE,
                                          .from_us = DAY(1),
                                          .until_us = DAY(3),
                                          .reasons = CIRCUMSTANCE_ALL_REASONS},
                                    .tenant = SLICE_EMPTY,
                                    .domain = S("example.org"),
                                    .name = SLICE_EMPTY,
                                    .actor = S("anna"),
                                    .note = SLICE_EMPTY};
    assert_int_equal(ledger_begin(w->ledger, &e), OK);
    assert_int_equal(ledger_put_circumstance(w->ledger, &c, &e), OK);
    assert_int_equal(ledger_commit(w->ledger, &e), OK);
    struct replay *r = replay(w, TIME_NONE, DAY(9));
    assert_score(r, IS, right, 0);
    assert_score(r, IS, unproven, 1);
    assert_score(r, IF, ever, 0); /* the second look was held */
}

static void examples_with_proof_come_first(void **state)
{
    struct world *w = *state;
    be_surer(w);
    for (int i = 0; i < 12; i++) {
        char who[32];
        snprintf(who, sizeof who, "u%d@d%d.example", i, i % 3);
        char *kept = (char *)(uintptr_t)arena_printf(&w->a, "%s%c", who, 0).p;
        failed(w, kept, DAY(0), BOUNCE_REASON_USER_UNKNOWN);
        if (i == 11)
            delivered(w, kept, DAY(1));
    }
    struct replay *r = replay(w, TIME_NONE, DAY(9));
    assert_int_equal(r->changed[REPLAY_FREED], 12);
    assert_int_equal(r->domain_count, 3);
    assert_int_equal(r->domains[0].changed[REPLAY_FREED], 4);
    assert_int_equal(r->example_count[REPLAY_FREED], 5);
    assert_int_equal(r->examples[REPLAY_FREED][0].proof, REPLAY_DELIVERED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_world, close_world)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(equal_policies_agree),
        TEST(a_delivery_proves_a_suppression_wrong),
        TEST(mail_that_goes_on_failing_is_a_miss),
        TEST(what_ends_a_suppression_proves_it_wrong),
        TEST(a_block_proves_nothing),
        TEST(time_alone_suppresses_and_frees),
        TEST(mail_before_since_proves_nothing),
        TEST(an_incident_proves_nothing),
        TEST(examples_with_proof_come_first),
    };
    return cmocka_run_group_tests_name("replay", tests, NULL, NULL);
}
