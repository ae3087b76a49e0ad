/* A small year in the simulator has the results that docs/simulation.md promises of the large one, and a silly policy has not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "plan.h"

#define ADDRESSES 100000u
#define SMALL_DOMAINS 300u /* so that a domain is as large as among a million addresses */

static struct replies replies;

static void small_world(struct world *w, bool anew, uint64_t seed, bool calm)
{
    struct params p;
    params_init(&p, anew, seed);
    p.domains = SMALL_DOMAINS;
    world_init(w, &p, seed, ADDRESSES, calm);
}

static void small_year(struct year *y, struct world *w, enum plan plan)
{
    struct year_options options;
    plan_options(plan, &options);
    year_run(y, w, &replies, &options);
    buf out;
    buf_init(&out, 0);
    score_line(&y->score, plan_word(plan), &out);
    print_message("%.*s", (int)out.n, out.p);
    buf_fini(&out);
}

static uint32_t ppm(uint32_t missed, uint32_t of)
{
    return of ? (uint32_t)(UINT64_C(1000000) * (of - missed) / of) : 1000000;
}

/* What must hold in every world. The goal is one lost address in a hundred thousand; by chance a year has three, and seldom more. */
static void check_goals(const struct score *s)
{
    assert_true(s->good > ADDRESSES * 9 / 10);
    assert_true(s->wrong <= 3);
    assert_true(s->plain > 5000 && ppm(s->plain_missed, s->plain) >= 999000);
    assert_true(s->low > 100 && ppm(s->low_missed, s->low) >= 985000);
    assert_true(s->full > 100 && ppm(s->full_missed, s->full) >= 950000);
    assert_true(s->wrong_by[BLOCKED] + s->wrong_by[BLOCKED_TEMPORARY] + s->wrong_by[BLOCKED_ODD] == 0);
    assert_true(s->outages > 0);
    assert_int_equal(s->outages_noticed, s->outages);
    assert_int_equal(s->false_opened, 0);
    assert_int_equal(s->calm_opened, 0);
}

static void first_world(void **state)
{
    (void)state;
    struct world w;
    struct year y;
    small_world(&w, false, 1, false);
    small_year(&y, &w, PLAN_DEFAULT);
    check_goals(&y.score);
    year_fini(&y);
    world_fini(&w);
}

static void second_world(void **state)
{
    (void)state;
    struct world w;
    struct year y;
    small_world(&w, true, 2, false);
    small_year(&y, &w, PLAN_DEFAULT);
    check_goals(&y.score);
    year_fini(&y);
    world_fini(&w);
}

static void calm_world(void **state)
{
    (void)state;
    struct world w;
    struct year y;
    small_world(&w, false, 3, true);
    small_year(&y, &w, PLAN_DEFAULT);
    assert_int_equal(y.score.opened, 0);
    assert_int_equal(y.score.wrong_by[WRONG] + y.score.wrong_by[BLOCKED_ODD], 0);
    year_fini(&y);
    world_fini(&w);
}

/* The same world embarrasses those who do not look: without incidents, after the first soft failure, or counting for life. */
static void silly_policies_are_found_out(void **state)
{
    (void)state;
    static const struct {
        enum plan plan;
        uint32_t lost;
    } silly[] = {{PLAN_BLIND, 60}, {PLAN_FIRST_SOFT, 500}, {PLAN_LIFETIME_3, 100}};
    struct world w;
    small_world(&w, false, 1, false);
    for (size_t i = 0; i < ARRAY_LEN(silly); i++) {
        struct year y;
        small_year(&y, &w, silly[i].plan);
        assert_true(y.score.wrong >= silly[i].lost);
        year_fini(&y);
    }
    world_fini(&w);
}

/* No chance but that of the seed. */
static void the_same_year_twice(void **state)
{
    (void)state;
    struct score first = {0};
    for (unsigned i = 0; i < 2; i++) {
        struct world w;
        struct year y;
        struct params p;
        params_init(&p, true, 5);
        p.domains = 50;
        world_init(&w, &p, 5, 3000, false);
        small_year(&y, &w, PLAN_DEFAULT);
        if (i) {
            assert_true(y.score.sent == first.sent && y.score.failed == first.failed);
            assert_true(y.score.wrong == first.wrong && y.score.withheld == first.withheld);
            assert_int_equal(y.score.opened, first.opened);
        }
        first = y.score;
        year_fini(&y);
        world_fini(&w);
    }
}

/* What the world says is understood as the world means it; else the simulator would measure something else. */
static void replies_mean_what_they_are_for(void **state)
{
    (void)state;
    static const enum bounce_counts counts[SITUATIONS] = {
        [DEAD] = BOUNCE_COUNTS_AT_ONCE,         [CLOSED] = BOUNCE_COUNTS_AT_ONCE,
        [DEAD_LOW] = BOUNCE_COUNTS_AT_ONCE,     [DEAD_LOW_TEMPORARY] = BOUNCE_COUNTS_AT_ONCE,
        [FULL] = BOUNCE_COUNTS_QUOTA,           [FULL_TEMPORARY] = BOUNCE_COUNTS_QUOTA,
        [UNAVAILABLE] = BOUNCE_COUNTS_CAMPAIGN, [GREYLISTED] = BOUNCE_COUNTS_SLOW,
        [CONNECT] = BOUNCE_COUNTS_SLOW,         [BUSY] = BOUNCE_COUNTS_SLOW,
        [WRONG] = BOUNCE_COUNTS_AT_ONCE,        [WRONG_TEMPORARY] = BOUNCE_COUNTS_AT_ONCE,
        [BLOCKED] = BOUNCE_COUNTS_NEVER,        [BLOCKED_TEMPORARY] = BOUNCE_COUNTS_NEVER,
        [BLOCKED_ODD] = BOUNCE_COUNTS_SLOW,
    };
    struct policy p;
    policy_init(&p);
    for (unsigned i = 0; i < replies.n; i++) {
        const struct reply *r = &replies.v[i];
        if (bounce_reason_counts((enum bounce_reason)r->reason) != counts[r->situation])
            fail_msg("%s is read as %s", r->text, bounce_reason_word((enum bounce_reason)r->reason));
        bool sure = r->certainty >= p.sure_certainty;
        if (r->situation == DEAD || r->situation == CLOSED || r->situation == WRONG)
            assert_true(sure);
        if (r->situation == DEAD_LOW || r->situation == DEAD_LOW_TEMPORARY || r->situation == WRONG_TEMPORARY)
            assert_false(sure);
    }
}

/* docs/simulation.md has the table of parameters as `script/simulate -p` prints it. */
static void docs_have_the_parameters(void **state)
{
    (void)state;
    buf table, text;
    buf_init(&table, 0);
    buf_init(&text, 0);
    world_describe(&table);
    FILE *f = fopen(TEST_SOURCE "/docs/simulation.md", "r");
    assert_non_null(f);
    char piece[4096];
    for (size_t n; (n = fread(piece, 1, sizeof(piece), f)) > 0;)
        buf_add(&text, slice_of(piece, n));
    fclose(f);
    if (slice_find(buf_slice(&text), buf_slice(&table)) == SLICE_NPOS)
        fail_msg("docs/simulation.md: the table of parameters is another one; put in what script/simulate -p prints");
    buf_fini(&table);
    buf_fini(&text);
}

static int judge_replies(void **state)
{
    (void)state;
    return replies_init(&replies) ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replies_mean_what_they_are_for),
        cmocka_unit_test(docs_have_the_parameters),
        cmocka_unit_test(first_world),
        cmocka_unit_test(second_world),
        cmocka_unit_test(calm_world),
        cmocka_unit_test(silly_policies_are_found_out),
        cmocka_unit_test(the_same_year_twice),
    };
    return cmocka_run_group_tests(tests, judge_replies, NULL);
}
