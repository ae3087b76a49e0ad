/* What reports say of a list: intervals, thresholds, benchmarks, mistyped domains, sources, decay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "core/benchmark.h"
#include "core/decay.h"
#include "core/distance.h"
#include "core/sources.h"
#include "core/threshold.h"
#include "core/typos.h"

#define NOW_US (INT64_C(1760000000) * TIME_SECOND)
#define YEAR_US (365 * TIME_DAY)

struct world {
    struct ledger *l;
    arena a;
    err e;
};

#define assert_ok(w, call)                                                             \
    do {                                                                               \
        enum status assert_ok_status = (call);                                         \
        if (assert_ok_status != OK)                                                    \
            fail_msg("%s: %s: %s", #call, status_word(assert_ok_status), (w)->e.text); \
    } while (0)

static int open_world(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct ledger_options o = {
        .path = ":memory:", .create = true, .hash_addresses = getenv("TEST_HASHED_LEDGER") != NULL};
    arena_init(&w->a, 0);
    assert_ok(w, ledger_open(&o, &w->l, &w->e));
    assert_ok(w, ledger_begin(w->l, &w->e));
    *state = w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    ledger_abort(w->l);
    ledger_close(&w->l);
    arena_fini(&w->a);
    free(w);
    return 0;
}

static void put_tally(struct world *w, const char *campaign, const char *domain, const char *source, int64_t hour,
                      enum bounce_kind kind, enum bounce_reason reason, int64_t count)
{
    struct ledger_tally t = {.hour = hour,
                             .tenant = SLICE_EMPTY,
                             .stream = SLICE_EMPTY,
                             .campaign = slice_str(campaign),
                             .domain = slice_str(domain),
                             .provider = SLICE_EMPTY,
                             .source = slice_str(source),
                             .sending_ip = SLICE_EMPTY,
                             .kind = kind,
                             .reason = reason,
                             .count = count};
    if (count)
        assert_ok(w, ledger_add_tally(w->l, &t, &w->e));
}

static void mail_to(struct world *w, const char *domain, int64_t delivered, int64_t failed)
{
    put_tally(w, "c", domain, "", 1000, BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN, delivered);
    put_tally(w, "c", domain, "", 1000, BOUNCE_KIND_FAILED, BOUNCE_REASON_DOMAIN_UNKNOWN, failed);
}

/* An address and its life; `cause` CAUSE_NONE: it goes on. */
struct made {
    const char *source;
    int64_t signed_up_us, first_us, delivered_us, failed_us;
    enum cause cause;
    int64_t since_us;
};

static void put_life(struct world *w, const char *address, const struct made *m)
{
    struct ledger_suppression s = {.scope = SCOPE_GLOBAL,
                                   .stream = SLICE_EMPTY,
                                   .cause = m->cause,
                                   .reason = BOUNCE_REASON_USER_UNKNOWN,
                                   .since_us = m->since_us,
                                   .until_us = TIME_NONE};
    struct ledger_address a = {.tenant = SLICE_EMPTY,
                               .key = slice_str(address),
                               .address = slice_str(address),
                               .state = m->cause ? STATE_SUPPRESSED : STATE_ACTIVE,
                               .cause = m->cause,
                               .suppressions = &s,
                               .suppression_count = m->cause ? 1 : 0,
                               .since_us = m->cause ? m->since_us : TIME_NONE,
                               .until_us = TIME_NONE,
                               .due_us = TIME_NONE,
                               .history = SLICE_EMPTY,
                               .first_seen_us = m->first_us,
                               .last_delivered_us = m->delivered_us,
                               .last_failed_us = m->failed_us};
    struct ledger_acquired q = {.tenant = SLICE_EMPTY,
                                .key = slice_str(address),
                                .address = slice_str(address),
                                .source = slice_str(m->source),
                                .form = S("f"),
                                .batch = SLICE_EMPTY,
                                .signed_up_us = m->signed_up_us};
    assert_ok(w, ledger_put_address(w->l, &a, &w->e));
    if (*m->source)
        assert_ok(w, ledger_put_acquired(w->l, &q, &w->e));
}

/* ---- numbers ---- */

static void intervals_are_those_of_the_books(void **state)
{
    (void)state;
    struct interval i = interval_share(3, 10); /* Wilson: 0.1078 to 0.6032 */
    assert_int_equal(i.ppm, 300000);
    assert_in_range(i.low_ppm, 107700, 107900);
    assert_in_range(i.high_ppm, 603100, 603300);
    struct interval large = interval_share(300, 5000); /* 0.0537 to 0.0669 */
    assert_in_range(large.low_ppm, 53600, 53900);
    assert_in_range(large.high_ppm, 66700, 67100);
    i = interval_share(0, 10);
    assert_int_equal(i.low_ppm, 0);
    assert_in_range(i.high_ppm, 277000, 278500);
    i = interval_share(10, 10);
    assert_int_equal(i.high_ppm, 1000000);
    i = interval_share(0, 0);
    assert_int_equal(i.high_ppm - i.low_ppm, 1000000);
    i = interval_yearly(0, 0);
    assert_int_equal(i.high_ppm, 1000000);
    i = interval_yearly(10, 100 * INTERVAL_YEAR_S); /* 10 deaths: 4.80 to 18.39 (exact 4.795, 18.39) */
    assert_in_range(i.ppm, 95100, 95200);
    assert_in_range(i.low_ppm, 46700, 47000);
    assert_in_range(i.high_ppm, 167900, 168200);
    assert_int_equal(interval_yearly(0, INTERVAL_YEAR_S).low_ppm, 0);
}

static void distances_count_slips(void **state)
{
    static const struct {
        const char *a, *b;
        unsigned d;
    } cases[] = {
        {"gmail.com", "gmail.com", 0},
        {"gmial.com", "gmail.com", 1},
        {"gmai.com", "gmail.com", 1},
        {"gmaill.com", "gmail.com", 1},
        {"gnail.com", "gmail.com", 1},
        {"gmail.con", "gmail.com", 1},
        {"gmail.cmo", "gmail.com", 1},
        {"gmial.con", "gmail.com", 2},
        {"hotmial.cmo", "hotmail.com", 2},
        {"", "ab", 2},
        {"ab", "", 2},
        {"ca", "abc", 3},
        {"yahooo.co", "yahoo.com", 2},
        {"", "", 0},
        {"outlok.com", "outlook.com", 1},
        {"abcdef.com", "uvwxyz.com", 6},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (unsigned most = 0; most < 8; most++) {
            unsigned want = cases[i].d > most ? most + 1 : cases[i].d;
            assert_int_equal(distance(slice_str(cases[i].a), slice_str(cases[i].b), most), want);
            assert_int_equal(distance(slice_str(cases[i].b), slice_str(cases[i].a), most), want);
        }
    char longer[DISTANCE_MAX_BYTES + 2];
    memset(longer, 'a', sizeof longer);
    assert_int_equal(distance(slice_of(longer, sizeof longer), slice_of(longer, sizeof longer), 2), 3);
}

static void two_words_are_told_beside_three(void **state)
{
    struct rates r = {0};
    (void)state;
    rates_add(&r, BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN, 900);
    rates_add(&r, BOUNCE_KIND_FAILED, BOUNCE_REASON_USER_UNKNOWN, 10);
    rates_add(&r, BOUNCE_KIND_FAILED, BOUNCE_REASON_SPAM_CONTENT, 20);  /* 5xx */
    rates_add(&r, BOUNCE_KIND_EXPIRED, BOUNCE_REASON_RATE_LIMITED, 30); /* 4xx until the server gave up */
    rates_add(&r, BOUNCE_KIND_FAILED, BOUNCE_REASON_MESSAGE_TOO_LARGE, 5);
    rates_add(&r, BOUNCE_KIND_EXPIRED, BOUNCE_REASON_MAILBOX_FULL, 7);
    rates_add(&r, BOUNCE_KIND_FAILED, BOUNCE_REASON_LOCAL_ERROR, 100);
    assert_int_equal(r.hard, 10);
    assert_int_equal(r.soft, 12);
    assert_int_equal(r.block, 50);
    assert_int_equal(r.block_refused, 20);
    assert_int_equal(r.guide_hard, 35);
    assert_int_equal(rates_bounced(&r), 72);
    assert_int_equal(rates_sent(&r), 972);
    struct rates twice = r;
    rates_sum(&twice, &r);
    assert_int_equal(rates_sent(&twice), 2 * 972);
    assert_int_equal(twice.guide_hard, 70);
    assert_int_equal(twice.local, 200);
}

static void thresholds_name_the_highest_line(void **state)
{
    (void)state;
    struct rates r = {.delivered = 9900, .hard = 60};
    assert_int_equal(threshold_worst(&r, FIGURE_HARD)->ppm, 5000);
    assert_int_equal(threshold_worst(&r, FIGURE_HARD)->level, THRESHOLD_AIM);
    assert_null(threshold_worst(&r, FIGURE_BOUNCE));
    r.hard = 1200; /* 10.8 %: beyond all lines, the last is that of SES */
    assert_string_equal(threshold_worst(&r, FIGURE_HARD)->who, "Amazon SES");
    assert_int_equal(threshold_worst(&r, FIGURE_HARD)->ppm, 100000);
    r = (struct rates){.delivered = 10000, .complaint = 31};
    assert_int_equal(threshold_worst(&r, FIGURE_COMPLAINT)->ppm, 3000);
    assert_string_equal(threshold_worst(&r, FIGURE_COMPLAINT)->who, "the field");
    r.complaint = 15; /* over the aim, and over the review line of SES: a limit goes first */
    assert_string_equal(threshold_worst(&r, FIGURE_COMPLAINT)->who, "Amazon SES");
    r = (struct rates){.delivered = 7, .hard = 3};
    assert_null(threshold_worst(&r, FIGURE_HARD)); /* too few messages to tell */
    r = (struct rates){.delivered = 110, .hard = 2};
    assert_null(threshold_worst(&r, FIGURE_HARD)); /* and too few failures */
    size_t n;
    const struct threshold *all = threshold_all(&n);
    for (size_t i = 0; i < n; i++)
        assert_true(*all[i].says && *all[i].where && all[i].ppm > 0);
}

/* ---- benchmarks ---- */

static void campaign(struct world *w, const char *name, int64_t days_ago, int64_t delivered, int64_t failed)
{
    int64_t hour = (NOW_US - days_ago * TIME_DAY) / TIME_HOUR;
    put_tally(w, name, "d.example", "", hour, BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN, delivered);
    put_tally(w, name, "d.example", "", hour + 2, BOUNCE_KIND_FAILED, BOUNCE_REASON_USER_UNKNOWN, failed);
}

static void campaigns_above_the_industry_are_counted_from_the_newest(void **state)
{
    struct world *w = *state;
    struct benchmark_row row;
    const struct benchmark *b = benchmark_find(S("e-commerce"));
    assert_non_null(b);
    assert_null(benchmark_find(S("gambling")));
    campaign(w, "old and bad", 200, 900, 100);
    campaign(w, "good", 9, 10000, 10);
    campaign(w, "bad-1", 7, 970, 30);
    campaign(w, "too small", 6, 10, 0); /* neither makes nor breaks a row */
    campaign(w, "bad-2", 5, 970, 30);
    campaign(w, "bad-3", 3, 996, 6); /* 0.6 % hard: over the hard range alone */
    put_tally(w, "", "d.example", "", NOW_US / TIME_HOUR, BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN, 1000);
    assert_ok(w, benchmark_over(w->l, SLICE_EMPTY, b, NOW_US, &w->a, &row, &w->e));
    assert_int_equal(row.n, 4);
    assert_true(slice_eq(row.campaigns[0].name, S("bad-3")));
    assert_true(slice_eq(row.campaigns[3].name, S("good")));
    assert_int_equal(row.above, BENCHMARK_ROW);
    campaign(w, "good again", 1, 10000, 10);
    assert_ok(w, benchmark_over(w->l, SLICE_EMPTY, b, NOW_US, &w->a, &row, &w->e));
    assert_int_equal(row.above, 0);
}

/* ---- mistyped domains ---- */

static void typos_are_gathered(void **state)
{
    struct world *w = *state;
    struct typos t;
    struct made m = {"", TIME_NONE, NOW_US, TIME_NONE, NOW_US, CAUSE_HARD, NOW_US};
    mail_to(w, "gmail.com", 50000, 300);
    mail_to(w, "bigshop.example", 5000, 20);
    mail_to(w, "gmial.com", 0, 12);
    mail_to(w, "gmail.con", 0, 9);
    mail_to(w, "hotmial.cmo", 0, 4);       /* two slips */
    mail_to(w, "bigshpo.example", 0, 3);   /* of the sender's own */
    mail_to(w, "gmaill.com", 40, 2);       /* takes mail well */
    mail_to(w, "mail.com", 0, 50);         /* exists */
    mail_to(w, "bigshup.example", 0, 900); /* not rare */
    mail_to(w, "elsewhere.example", 0, 30);
    put_life(w, "a@gmial.com", &m);
    put_life(w, "b@gmial.com", &m);
    put_life(w, "c@gmail.con", &m);
    put_life(w, "d@gmail.com", &m);
    assert_ok(w, typos_find(w->l, SLICE_EMPTY, &w->a, &t, &w->e));
    assert_int_equal(t.n, 4);
    assert_int_equal(t.addresses, 3);
    assert_true(slice_eq(t.clusters[0].domain, S("gmial.com")));
    assert_true(slice_eq(t.clusters[0].meant, S("gmail.com")));
    assert_int_equal(t.clusters[0].addresses, 2);
    assert_int_equal(t.clusters[0].slips, 1);
    assert_int_equal(rates_bounced(&t.clusters[0].rates), 12);
    const struct typo_cluster *two = typos_of(&t, S("hotmial.cmo")), *own = typos_of(&t, S("bigshpo.example"));
    assert_non_null(two);
    assert_true(slice_eq(two->meant, S("hotmail.com")) && two->slips == 2 && !two->own);
    assert_non_null(own);
    assert_true(slice_eq(own->meant, S("bigshop.example")) && own->own);
    assert_null(typos_of(&t, S("gmaill.com")));
}

static void no_mail_no_typos(void **state)
{
    struct world *w = *state;
    struct typos t;
    assert_ok(w, typos_find(w->l, SLICE_EMPTY, &w->a, &t, &w->e));
    assert_int_equal(t.n, 0);
}

/* ---- sources ---- */

static void put_source(struct world *w, const char *source, int addresses, int dead)
{
    struct made alive = {source, TIME_NONE, NOW_US, NOW_US, TIME_NONE, CAUSE_NONE, TIME_NONE};
    struct made gone = {source, TIME_NONE, NOW_US, TIME_NONE, NOW_US, CAUSE_HARD, NOW_US};
    char text[64];
    for (int i = 0; i < addresses; i++) {
        snprintf(text, sizeof text, "%s%d@d.example", source, i);
        put_life(w, text, i < dead ? &gone : &alive);
    }
}

static void few_do_not_outrank_many(void **state)
{
    struct world *w = *state;
    struct sources s;
    put_source(w, "small", 8, 1);      /* 12.5 %, from 2.2 % */
    put_source(w, "partner", 500, 60); /* 12 %, from 9.4 % */
    put_source(w, "form", 1000, 5);
    put_tally(w, "c", "d.example", "partner", 1000, BOUNCE_KIND_FAILED, BOUNCE_REASON_USER_UNKNOWN, 60);
    put_tally(w, "c", "d.example", "api", 1000, BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN, 60);
    assert_ok(w, sources_make(w->l, SLICE_EMPTY, SOURCE_BY_SOURCE, &w->a, &s, &w->e));
    assert_int_equal(s.n, 4);
    assert_true(slice_eq(s.rows[0].name, S("partner")));
    assert_true(s.rows[0].worse);
    assert_int_equal(s.rows[0].rates.hard, 60);
    assert_true(slice_eq(s.rows[1].name, S("small")));
    assert_true(s.rows[1].share.ppm > s.rows[0].share.ppm);
    assert_false(s.rows[1].worse);
    assert_false(s.rows[2].worse);
    assert_int_equal(s.all.addresses, 1508);
    assert_int_equal(s.all.dead, 66);
    assert_ok(w, sources_make(w->l, SLICE_EMPTY, SOURCE_BY_FORM, &w->a, &s, &w->e));
    assert_int_equal(s.n, 1);
    assert_true(slice_eq(s.rows[0].name, S("f")));
    assert_int_equal(source_by_find(S("batch")), SOURCE_BY_BATCH);
    assert_int_equal(source_by_find(S("moon")), SOURCE_BYS);
}

/* ---- decay ---- */

static void decay_counts_years_under_watch(void **state)
{
    struct world *w = *state;
    struct decay d;
    const int64_t start = NOW_US - 4 * YEAR_US;
    const struct made lives[] = {
        /* alive, watched for two years, signed up when first seen */
        {"form", start, start, start + 2 * YEAR_US, TIME_NONE, CAUSE_NONE, TIME_NONE},
        /* died after one year */
        {"form", start, start, start + YEAR_US - TIME_DAY, start + YEAR_US, CAUSE_HARD, start + YEAR_US},
        /* signed up three years before it was first seen; left after half a year: no death */
        {"list", start - 3 * YEAR_US, start, start + YEAR_US / 2, TIME_NONE, CAUSE_COMPLAINT, start + YEAR_US / 2},
        /* dead at its first message */
        {"list", start, start, TIME_NONE, start, CAUSE_HARD, start},
        /* nothing known but its first failure: no time under watch */
        {"", TIME_NONE, start, TIME_NONE, start, CAUSE_NONE, TIME_NONE},
    };
    for (size_t i = 0; i < ARRAY_LEN(lives); i++) {
        char text[64];
        snprintf(text, sizeof text, "u%zu@d.example", i);
        put_life(w, text, &lives[i]);
    }
    assert_ok(w, decay_make(w->l, SLICE_EMPTY, &w->a, &d, &w->e));
    assert_int_equal(d.all.addresses, 5);
    assert_int_equal(d.all.deaths, 1);
    assert_int_equal(d.all.dead_on_arrival, 1);
    assert_int_equal(d.all.exposure_s, (7 * YEAR_US / 2) / TIME_SECOND);
    assert_in_range(d.all.yearly.ppm, 240000, 260000); /* 1 in 3.5 years */
    assert_int_equal(d.ages[DECAY_UNDER_3_MONTHS].exposure_s, 2 * 91 * TIME_DAY / TIME_SECOND);
    assert_int_equal(d.ages[DECAY_UNDER_1_YEAR].exposure_s, 2 * (365 - 91) * TIME_DAY / TIME_SECOND);
    assert_int_equal(d.ages[DECAY_UNDER_2_YEARS].exposure_s, YEAR_US / TIME_SECOND);
    assert_int_equal(d.ages[DECAY_UNDER_5_YEARS].exposure_s, YEAR_US / 2 / TIME_SECOND);
    int64_t deaths = 0;
    for (size_t i = 0; i < DECAY_AGES; i++)
        deaths += d.ages[i].deaths;
    assert_int_equal(deaths, 1);
    assert_int_equal(d.source_count, 3);
    assert_true(slice_eq(d.sources[0].name, S("form")));
    assert_int_equal(d.sources[0].deaths, 1);
}

int main(void)
{
#define WORLD(test) cmocka_unit_test_setup_teardown(test, open_world, close_world)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_are_those_of_the_books),
        cmocka_unit_test(distances_count_slips),
        cmocka_unit_test(two_words_are_told_beside_three),
        cmocka_unit_test(thresholds_name_the_highest_line),
        WORLD(campaigns_above_the_industry_are_counted_from_the_newest),
        WORLD(typos_are_gathered),
        WORLD(no_mail_no_typos),
        WORLD(few_do_not_outrank_many),
        WORLD(decay_counts_years_under_watch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
