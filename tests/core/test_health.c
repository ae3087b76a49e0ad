/* How providers take our mail: spans, pauses, volume, weeks, what they say themselves, and circumstances. */
#include "base/buf.h"
#include "base/time.h"
#include "check.h"
#include "core/health.h"
#include "core/health_show.h"
#include "core/intake.h"

#define TODAY INT64_C(20600) /* 2026-05-27 */
#define NOW (TODAY * TIME_DAY + 15 * TIME_HOUR)

struct fixture {
    struct ledger *l;
    struct bounce_rules *rules;
    arena a;
    struct health h;
    err e;
};

#define assert_ok(f, call)                                                             \
    do {                                                                               \
        enum status assert_ok_status = (call);                                         \
        if (assert_ok_status != OK)                                                    \
            fail_msg("%s: %s: %s", #call, status_word(assert_ok_status), (f)->e.text); \
    } while (0)

static int setup(void **state)
{
    static struct fixture f;
    struct ledger_options o = {.path = ":memory:", .create = true};
    slice problem;
    memset(&f, 0, sizeof f);
    arena_init(&f.a, 0);
    assert_ok(&f, ledger_open(&o, &f.l, &f.e));
    assert_int_equal(bounce_rules_new(NULL, 0, false, &f.a, &f.rules, &problem), BOUNCE_OK);
    *state = &f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    bounce_rules_free(&f->rules);
    ledger_close(&f->l);
    arena_fini(&f->a);
    return 0;
}

/* n messages to a provider, `age` days ago at 14:00. */
static void add(struct fixture *f, const char *provider, int64_t age, enum bounce_kind kind, enum bounce_reason reason,
                int64_t n)
{
    struct ledger_tally t = {.hour = (TODAY - age) * 24 + 14,
                             .tenant = SLICE_EMPTY,
                             .stream = SLICE_EMPTY,
                             .campaign = SLICE_EMPTY,
                             .domain = S("x.ex"),
                             .provider = slice_str(provider),
                             .source = SLICE_EMPTY,
                             .sending_ip = SLICE_EMPTY,
                             .kind = kind,
                             .reason = reason,
                             .count = n};
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_add_tally(f->l, &t, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
}

static void delivered(struct fixture *f, const char *provider, int64_t age, int64_t n)
{
    add(f, provider, age, BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN, n);
}

static void said(struct fixture *f, const char *provider, const char *reply, enum bounce_reason reason, int64_t us)
{
    struct ledger_group g = {.text = bounce_normalise(slice_str(reply), &f->a),
                             .example = slice_str(reply),
                             .provider = slice_str(provider),
                             .reason = reason,
                             .count = 1,
                             .first_us = us,
                             .last_us = us};
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_add_group(f->l, &g, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
}

static const struct provider_health *look(struct fixture *f, const char *provider)
{
    assert_ok(f, health_make(f->l, f->rules, SLICE_EMPTY, slice_str(provider), NOW, &f->a, &f->h, &f->e));
    assert_int_equal(f->h.n, 1);
    return &f->h.providers[0];
}

static void spans_hold_what_they_say(void **state)
{
    struct fixture *f = *state;
    delivered(f, "gmail", 0, 100);
    delivered(f, "gmail", 2, 200);
    delivered(f, "gmail", 6, 400);
    delivered(f, "gmail", 7, 800);
    delivered(f, "gmail", 29, 1600);
    delivered(f, "gmail", 30, 3200);
    delivered(f, "gmail", 60, 6400);
    add(f, "gmail", 0, BOUNCE_KIND_DEFERRED, BOUNCE_REASON_GREYLISTED, 50);
    const struct provider_health *p = look(f, "gmail");
    assert_int_equal(p->spans[HEALTH_DAY].rates.delivered, 100);
    assert_int_equal(p->spans[HEALTH_WEEK].rates.delivered, 700);
    assert_int_equal(p->spans[HEALTH_MONTH].rates.delivered, 3100);
    assert_int_equal(p->spans[HEALTH_DAY].rates.deferred, 50);
    assert_int_equal(p->spans[HEALTH_DAY].throttled, 0);
    assert_int_equal(p->weeks[0].counts.rates.delivered, 700);
    assert_int_equal(p->weeks[1].counts.rates.delivered, 800);
    assert_int_equal(p->weeks[4].counts.rates.delivered, 4800);
    assert_int_equal(p->grade.grade, GRADE_HIGH);
    assert_int_equal(p->graded, HEALTH_WEEK);
    assert_false(p->trouble);
    assert_int_equal(health_weeks_missing(p), 0);
}

static void little_mail_is_graded_by_the_month(void **state)
{
    struct fixture *f = *state;
    delivered(f, "a.ex", 1, 99);
    assert_int_equal(look(f, "a.ex")->grade.grade, GRADE_NONE);
    delivered(f, "a.ex", 20, 1);
    const struct provider_health *p = look(f, "a.ex");
    assert_int_equal(p->grade.grade, GRADE_HIGH);
    assert_int_equal(p->graded, HEALTH_MONTH);
    delivered(f, "a.ex", 0, 1);
    assert_int_equal(look(f, "a.ex")->graded, HEALTH_WEEK);
    assert_ok(f, health_make(f->l, f->rules, SLICE_EMPTY, S("b.ex"), NOW, &f->a, &f->h, &f->e));
    assert_int_equal(f->h.n, 0);
}

static void blocks_have_reasons_and_actions(void **state)
{
    struct fixture *f = *state;
    enum bounce_reason reasons[BOUNCE_REASONS];
    delivered(f, "gmail", 1, 880);
    add(f, "gmail", 1, BOUNCE_KIND_FAILED, BOUNCE_REASON_AUTHENTICATION_FAILED, 100);
    add(f, "gmail", 1, BOUNCE_KIND_FAILED, BOUNCE_REASON_SENDER_IDENTITY, 20);
    add(f, "gmail", 1, BOUNCE_KIND_DEFERRED, BOUNCE_REASON_SENDER_IDENTITY, 300);
    add(f, "gmail", 1, BOUNCE_KIND_DEFERRED, BOUNCE_REASON_GREYLISTED, 30);
    const struct provider_health *p = look(f, "gmail");
    assert_int_equal(health_reasons(p, reasons), 2);
    assert_int_equal(reasons[0], BOUNCE_REASON_SENDER_IDENTITY);
    assert_int_equal(p->reasons[reasons[0]], 320);
    assert_string_equal(health_action(reasons[0])->about, "PTR");
    assert_string_equal(health_action(reasons[1])->about, "authentication");
    assert_int_equal(p->grade.grade, GRADE_LOW); /* 12 % of 1,000 */
    assert_int_equal(p->grade.cap, GRADE_BLOCKS);
    for (unsigned i = 0; i < BOUNCE_REASONS; i++) /* what is a block says what to do */
        assert_true(bounce_reason_class((enum bounce_reason)i) != BOUNCE_CLASS_BLOCK ||
                    health_action((enum bounce_reason)i));
}

static void pauses_are_those_that_replies_name(void **state)
{
    struct fixture *f = *state;
    slice from;
    delivered(f, "yahoo", 0, 500);
    delivered(f, "gmail", 0, 500);
    delivered(f, "calm.ex", 0, 500);
    add(f, "yahoo", 0, BOUNCE_KIND_DEFERRED, BOUNCE_REASON_SENDER_REPUTATION, 40);
    add(f, "gmail", 0, BOUNCE_KIND_DEFERRED, BOUNCE_REASON_RATE_LIMITED, 7);
    add(f, "small.ex", 0, BOUNCE_KIND_DEFERRED, BOUNCE_REASON_CONNECTION_LIMIT, 9);
    add(f, "calm.ex", 0, BOUNCE_KIND_DEFERRED, BOUNCE_REASON_GREYLISTED, 9);
    assert_int_equal(look(f, "yahoo")->throttling.pause_s, 7200); /* usual there */
    assert_false(look(f, "yahoo")->throttling.asked);
    said(f, "yahoo",
         "421 4.7.0 [TSS05] Messages from 192.0.2.1 temporarily deferred due to user complaints - 4.16.55.1; see "
         "https://help.yahoo.com/kb/postmaster/SLN3434.html",
         BOUNCE_REASON_SENDER_REPUTATION, NOW - TIME_HOUR);
    said(f, "small.ex", "421 4.7.0 Too many connections, try again in 15 minutes", BOUNCE_REASON_CONNECTION_LIMIT,
         NOW - TIME_HOUR);
    said(f, "gmail", "421 4.7.28 Our system has detected an unusual rate, try again in 3 hours",
         BOUNCE_REASON_RATE_LIMITED, NOW - 2 * TIME_DAY); /* of long ago */
    const struct provider_health *p = look(f, "yahoo");
    assert_int_equal(p->throttling.count, 40);
    assert_int_equal(p->throttling.pause_s, 4 * 3600);
    assert_true(p->throttling.asked);
    assert_int_equal(look(f, "small.ex")->throttling.pause_s, 900);
    p = look(f, "gmail");
    assert_int_equal(p->throttling.pause_s, 600);
    assert_false(p->throttling.asked);
    assert_int_equal(look(f, "calm.ex")->throttling.count, 0);
    assert_int_equal(look(f, "calm.ex")->throttling.pause_s, 0);
    assert_int_equal(health_pause(S("nobody.ex"), &from), 1800);
}

/* Replies that throttle, in the words of providers: each is told to wait. */
static void replies_that_throttle(void **state)
{
    static const char *const replies[] = {
        "421 4.7.28 [192.0.2.1 15] Our system has detected an unusual rate of unsolicited mail from your IP",
        "451 4.7.652 The mail server [192.0.2.1] has exceeded the maximum number of connections.",
        "421 4.7.0 [TSS04] Messages from 192.0.2.192 temporarily deferred due to unexpected volume or user complaints",
        "421 4.1.0 192.0.2.1 Throttled - try again later.",
        "421 Max message per connection reached, closing transmission channel",
        "450 4.2.1 too many messages from your address, slow down",
        "421 4.7.0 [TS02] Messages from 192.0.2.1 temporarily deferred - 4.16.55.1",
        "421 Service refuse. Veuillez essayer plus tard OFR004_105",
        "451 4.7.500 Server busy. Please try again later from 192.0.2.1. (S77714)",
        "550 Mailbox unavailable or access denied, frequency limited", /* QQ: final in words only */
        "550 5.7.1 192.0.2.1 is not allowed to send more e-mails within 24 hours",
        "421 IB110 Connection refused, your address has exceeded its limit",
        "421 4.7.1 POL-T1 rate limited",
    };
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(replies); i++) {
        struct bounce_evidence_set evidence = {.text = slice_str(replies[i]),
                                               .status = SLICE_EMPTY,
                                               .provider = SLICE_EMPTY,
                                               .recipient = SLICE_EMPTY,
                                               .kind = BOUNCE_KIND_DEFERRED};
        struct bounce_verdict v;
        char name[32];
        assert_int_equal(bounce_judge(f->rules, &evidence, &f->a, &v), BOUNCE_OK);
        snprintf(name, sizeof name, "p%zu.ex", i);
        add(f, name, 0, replies[i][0] == '5' ? BOUNCE_KIND_FAILED : BOUNCE_KIND_DEFERRED, v.reason, 5);
        if (look(f, name)->throttling.count != 5)
            fail_msg("\"%s\" is %s: no throttling", replies[i], bounce_reason_word(v.reason));
    }
}

static void uneven_volume_is_noticed(void **state)
{
    struct fixture *f = *state;
    delivered(f, "gmail", 0, 1500);
    assert_false(look(f, "gmail")->volume.uneven); /* no past */
    delivered(f, "gmail", 7, 600);
    assert_int_equal(look(f, "gmail")->volume.usual, 0); /* one week is none */
    delivered(f, "gmail", 21, 400);
    delivered(f, "gmail", 20, 99999); /* another weekday */
    const struct provider_health *p = look(f, "gmail");
    assert_int_equal(p->volume.today, 1500);
    assert_int_equal(p->volume.usual, 500);
    assert_true(p->volume.uneven);
    delivered(f, "gmail", 14, 503);
    assert_false(look(f, "gmail")->volume.uneven);
    delivered(f, "few.ex", 0, 499);
    delivered(f, "few.ex", 7, 1);
    delivered(f, "few.ex", 14, 1);
    assert_false(look(f, "few.ex")->volume.uneven);
}

static void recovery_takes_clean_weeks(void **state)
{
    struct fixture *f = *state;
    for (int64_t week = 0; week < 8; week++)
        delivered(f, "gmail", week * 7 + 1, week == 1 ? 50 : 1000);
    assert_int_equal(look(f, "gmail")->clean_weeks, 7); /* one had too little */
    assert_false(look(f, "gmail")->trouble);
    add(f, "gmail", 4 * 7 + 1, BOUNCE_KIND_FAILED, BOUNCE_REASON_POLICY, 30);
    const struct provider_health *p = look(f, "gmail");
    assert_true(p->trouble);
    assert_int_equal(p->weeks[4].is, GRADE_WEEK_DIRTY);
    assert_int_equal(p->weeks[4].why, 1u << GRADE_BLOCKS);
    assert_int_equal(p->clean_weeks, 3);
    assert_int_equal(health_weeks_missing(p), 1);
    delivered(f, "gmail", 7 + 2, 950);
    assert_int_equal(health_weeks_missing(look(f, "gmail")), 0);
    add(f, "gmail", 1, BOUNCE_KIND_COMPLAINT, BOUNCE_REASON_UNKNOWN, 2);
    assert_int_equal(health_weeks_missing(look(f, "gmail")), 4);
}

static void fewer_opens_are_not_clean(void **state)
{
    struct fixture *f = *state;
    for (int64_t week = 0; week < 4; week++) {
        delivered(f, "gmail", week * 7 + 1, 1000);
        add(f, "gmail", week * 7 + 1, BOUNCE_KIND_OPENED, BOUNCE_REASON_UNKNOWN, week ? 200 : 99);
    }
    const struct provider_health *p = look(f, "gmail");
    assert_int_equal(p->weeks[0].is, GRADE_WEEK_DIRTY);
    assert_int_equal(p->weeks[0].why, HEALTH_DISENGAGED);
    assert_int_equal(p->weeks[1].is, GRADE_WEEK_CLEAN);
    add(f, "gmail", 1, BOUNCE_KIND_CLICKED, BOUNCE_REASON_UNKNOWN, 1);
    assert_int_equal(look(f, "gmail")->weeks[0].is, GRADE_WEEK_CLEAN);
}

static void import(struct fixture *f, const char *text)
{
    struct provider_report_list list;
    assert_int_equal(provider_report_read(slice_str(text), SLICE_EMPTY, &f->a, &list), PROVIDER_REPORT_READ);
    assert_int_equal(list.bad_count, 0);
    assert_ok(f, health_import(f->l, SLICE_EMPTY, &list, &f->e));
}

static void what_they_say_counts(void **state)
{
    struct fixture *f = *state;
    delivered(f, "gmail", 1, 5000);
    import(f, "Date,Domain,Spam rate,Domain reputation\n2026-05-26,a.ex,0.2%,HIGH\n2026-05-25,a.ex,0.4%,BAD\n"
              "2026-05-25,b.ex,0.3%,LOW\n2026-05-01,c.ex,9%,BAD\n");
    const struct provider_health *p = look(f, "gmail");
    assert_int_equal(p->said.complaint_ppm, 3000);
    assert_int_equal(p->said.level, 2); /* b's newest; a's newest is good; c is of long ago */
    assert_int_equal(p->parts[GRADE_COMPLAINTS].ppm, 3000);
    assert_int_equal(p->grade.grade, GRADE_LOW);
    import(f, "192.0.2.1,5/26/2026 1:00 AM,5/26/2026,1,1,100,GREEN,< 0.1%,,,4,h,s,\n");
    p = look(f, "microsoft"); /* no mail of ours there */
    assert_int_equal(p->said.traps, 4);
    assert_int_equal(p->said.complaint_ppm, 1000);
    assert_int_equal(p->grade.grade, GRADE_NONE);
    add(f, "microsoft", 1, BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN, 2000);
    add(f, "microsoft", 1, BOUNCE_KIND_COMPLAINT, BOUNCE_REASON_UNKNOWN, 8);
    assert_int_equal(look(f, "microsoft")->parts[GRADE_COMPLAINTS].ppm, 4000); /* ours is worse */
}

static bool print_one(void *ctx, const struct ledger_circumstance *c)
{
    buf_printf(ctx, "%lld %s %.*s %s %s: %.*s\n", (long long)c->c.id,
               circumstance_word((enum circumstance_what)c->c.what), SLICE_FMT(c->name),
               c->c.until_us == TIME_NONE ? "open" : "closed", mark_word((enum mark)c->c.by), SLICE_FMT(c->note));
    return true;
}

static void stand(struct fixture *f, size_t opened, size_t closed, const char *expected)
{
    struct health_changes changes;
    buf out;
    buf_init(&out, 0);
    assert_ok(f, health_make(f->l, NULL, SLICE_EMPTY, SLICE_EMPTY, NOW, &f->a, &f->h, &f->e));
    assert_ok(f, health_stand(f->l, &f->h, SLICE_EMPTY, NOW, &changes, &f->e));
    assert_int_equal(changes.opened, opened);
    assert_int_equal(changes.closed, closed);
    assert_ok(f, ledger_circumstances(f->l, 0, print_one, &out, &f->e));
    assert_slice(buf_slice(&out), slice_str(expected));
    buf_fini(&out);
}

static void poor_grades_stand_as_circumstances(void **state)
{
    struct fixture *f = *state;
    delivered(f, "gmail", 1, 900);
    delivered(f, "yahoo", 1, 1000);
    stand(f, 0, 0, "");
    add(f, "gmail", 1, BOUNCE_KIND_FAILED, BOUNCE_REASON_POLICY, 100);
    stand(f, 1, 0, "1 health gmail open provider: Low, held down by blocks: 10.00 % in 7 days\n");
    stand(f, 0, 0, "1 health gmail open provider: Low, held down by blocks: 10.00 % in 7 days\n");
    delivered(f, "gmail", 1, 9000); /* 1 %: all is well */
    stand(f, 0, 1, "1 health gmail closed provider: High, 100 of 100 points in 7 days\n");
    add(f, "yahoo", 1, BOUNCE_KIND_FAILED, BOUNCE_REASON_POLICY, 2000);
    stand(f, 1, 0,
          "2 health yahoo open provider: Bad, held down by blocks: 66.66 % in 7 days\n"
          "1 health gmail closed provider: High, 100 of 100 points in 7 days\n");
}

/* Two failures of one address at a provider, ten days apart: half of what suppresses. */
static void fail_twice(struct fixture *f, const struct policy *policy, const char *recipient, const char *remote)
{
    struct intake *in;
    struct intake_result r;
    struct intake_options o = {.dry_run = false};
    assert_ok(f, intake_new(f->l, f->rules, policy, &o, &in, &f->e));
    for (int i = 0; i < 2; i++) {
        slice campaign = i ? S("two") : S("one");
        struct observation x = {.kind = BOUNCE_KIND_FAILED,
                                .campaign = campaign,
                                .recipient = slice_str(recipient),
                                .remote_mta = slice_str(remote),
                                .reply = S("552 5.2.2 the mailbox is over its quota"),
                                .time_us = NOW - (12 - 11 * i) * TIME_DAY,
                                .sent_us = TIME_NONE,
                                .trust = TRUST_PROVEN,
                                .source_key = hash128_more(hash128(slice_str(recipient)), campaign)};
        assert_ok(f, intake_add(in, &x, &f->e));
    }
    assert_ok(f, intake_flush(in, NOW, &r, &f->e));
    intake_free(&in);
}

static enum address_state state_of(struct fixture *f, const char *key)
{
    struct ledger_address row;
    slice k = slice_str(key);
    assert_ok(f, ledger_addresses(f->l, SLICE_EMPTY, &k, 1, &f->a, &row, &f->e));
    return row.state;
}

static void a_policy_that_minds_tightens(void **state)
{
    struct fixture *f = *state;
    struct health_changes changes;
    struct policy policy;
    int64_t then = NOW - 20 * TIME_DAY;
    policy_init(&policy);
    policy.base.rows[ROW_QUOTA] = policy.base.rows[ROW_SLOW] = policy.base.rows[ROW_CAMPAIGN]; /* three over ten days */
    policy.tighten = true;
    add(f, "gmail", 21, BOUNCE_KIND_FAILED, BOUNCE_REASON_POLICY, 500);
    assert_ok(f, health_make(f->l, NULL, SLICE_EMPTY, SLICE_EMPTY, then, &f->a, &f->h, &f->e));
    assert_ok(f, health_stand(f->l, &f->h, SLICE_EMPTY, then, &changes, &f->e));
    assert_int_equal(changes.opened, 1);
    fail_twice(f, &policy, "a@firma.de", "aspmx.l.google.com"); /* Gmail by its servers */
    fail_twice(f, &policy, "b@firma.de", "mx.hoster.example.net");
    assert_int_equal(state_of(f, "a@firma.de"), STATE_SUPPRESSED);
    assert_int_equal(state_of(f, "b@firma.de"), STATE_SOFT);
}

static void the_largest_are_shown(void **state)
{
    struct fixture *f = *state;
    assert_ok(f, ledger_begin(f->l, &f->e));
    for (int64_t i = 0; i < 2500; i++) {
        char name[32];
        snprintf(name, sizeof name, "p%lld.ex", (long long)(i * 7919 % 2500));
        struct ledger_tally t = {.hour = TODAY * 24,
                                 .tenant = SLICE_EMPTY,
                                 .stream = SLICE_EMPTY,
                                 .campaign = SLICE_EMPTY,
                                 .domain = SLICE_EMPTY,
                                 .provider = slice_str(name),
                                 .source = SLICE_EMPTY,
                                 .sending_ip = SLICE_EMPTY,
                                 .kind = BOUNCE_KIND_DELIVERED,
                                 .count = 1 + i * 7919 % 2500};
        assert_ok(f, ledger_add_tally(f->l, &t, &f->e));
    }
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, health_make(f->l, NULL, SLICE_EMPTY, SLICE_EMPTY, NOW, &f->a, &f->h, &f->e));
    assert_int_equal(f->h.n, HEALTH_MAX_PROVIDERS);
    assert_int_equal(f->h.left_out, 1500);
    for (size_t i = 0; i < f->h.n; i++)
        assert_int_equal(f->h.providers[i].spans[HEALTH_DAY].rates.delivered, 2500 - (int64_t)i);
    buf out;
    buf_init(&out, 0);
    health_metrics(&f->h, &out);
    assert_true(slice_find(buf_slice(&out), S("bounced_provider_grade{provider=\"p2499.ex\"} 4\n")) != SLICE_NPOS);
    assert_true(slice_find(buf_slice(&out), S("p2399.ex")) == SLICE_NPOS); /* at most HEALTH_METRICS_MAX */
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(spans_hold_what_they_say, setup, teardown),
        cmocka_unit_test_setup_teardown(little_mail_is_graded_by_the_month, setup, teardown),
        cmocka_unit_test_setup_teardown(blocks_have_reasons_and_actions, setup, teardown),
        cmocka_unit_test_setup_teardown(pauses_are_those_that_replies_name, setup, teardown),
        cmocka_unit_test_setup_teardown(replies_that_throttle, setup, teardown),
        cmocka_unit_test_setup_teardown(uneven_volume_is_noticed, setup, teardown),
        cmocka_unit_test_setup_teardown(recovery_takes_clean_weeks, setup, teardown),
        cmocka_unit_test_setup_teardown(fewer_opens_are_not_clean, setup, teardown),
        cmocka_unit_test_setup_teardown(what_they_say_counts, setup, teardown),
        cmocka_unit_test_setup_teardown(poor_grades_stand_as_circumstances, setup, teardown),
        cmocka_unit_test_setup_teardown(a_policy_that_minds_tightens, setup, teardown),
        cmocka_unit_test_setup_teardown(the_largest_are_shown, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
