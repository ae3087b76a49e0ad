/* Each rule of the alerts: what opens it, what it says, what closes it, and who is told. The ledger is made by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/alerts.h"
#include "core/benchmark.h"
#include "core/outbox.h"
#include "policy/beat.h"

#define DAY0 (20370 * TIME_DAY + 12 * TIME_HOUR)

struct world {
    struct ledger *ledger;
    struct alert_settings settings;
    arena a;
    err e;
};

#define ok(w, call)                                                             \
    do {                                                                        \
        enum status ok_status = (call);                                         \
        if (ok_status != OK)                                                    \
            fail_msg("%s: %s: %s", #call, status_word(ok_status), (w)->e.text); \
    } while (0)

static int open_world(void **state)
{
    static struct world w;
    static const struct sip_key key = {3, 4};
    struct ledger_options o = {.path = ":memory:", .create = true, .key = &key};
    arena_init(&w.a, 0);
    ok(&w, ledger_open(&o, &w.ledger, &w.e));
    alert_settings_init(&w.settings);
    w.settings.open_us = w.settings.close_us = 0;
    ok(&w, ledger_begin(w.ledger, &w.e));
    *state = &w;
    return 0;
}

static int close_world(void **state)
{
    struct world *w = *state;
    ledger_abort(w->ledger);
    ledger_close(&w->ledger);
    arena_fini(&w->a);
    return 0;
}

struct sent {
    int64_t at_us;
    const char *campaign, *stream, *domain, *provider, *source;
};

static void tally(struct world *w, const struct sent *s, enum bounce_kind kind, enum bounce_reason reason, int64_t n)
{
    struct ledger_tally t = {.hour = s->at_us / TIME_HOUR,
                             .stream = slice_str(s->stream),
                             .campaign = slice_str(s->campaign),
                             .domain = slice_str(s->domain),
                             .provider = slice_str(s->provider),
                             .source = slice_str(s->source),
                             .kind = kind,
                             .reason = reason,
                             .count = n};
    ok(w, ledger_add_tally(w->ledger, &t, &w->e));
}

static void delivered(struct world *w, const struct sent *s, int64_t n)
{
    tally(w, s, BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN, n);
}

static void failed(struct world *w, const struct sent *s, enum bounce_reason reason, int64_t n)
{
    tally(w, s, BOUNCE_KIND_FAILED, reason, n);
}

static void said(struct world *w, int64_t at_us, const char *provider, unsigned code, enum bounce_reason reason,
                 int64_t n)
{
    struct ledger_code c = {.hour = at_us / TIME_HOUR,
                            .provider = slice_str(provider),
                            .code = code,
                            .phase = BOUNCE_PHASE_END,
                            .reason = reason,
                            .count = n};
    ok(w, ledger_add_code(w->ledger, &c, &w->e));
}

static struct alert_counts look_with(struct world *w, int64_t now_us, const struct alert_channel *channels, size_t n,
                                     uint64_t asked, uint64_t unanswered)
{
    struct alert_run run = {
        .now_us = now_us, .settings = &w->settings, .deep = true, .asked = asked, .failed = unanswered};
    struct alert_counts counts;
    struct findings found;
    arena a;
    arena_init(&a, 0);
    ok(w, alerts_find(w->ledger, &run, &a, &found, &w->e));
    ok(w, alerts_settle(w->ledger, &found, channels, n, now_us, &counts, &w->e));
    arena_fini(&a);
    return counts;
}

static struct alert_counts look(struct world *w, int64_t now_us)
{
    return look_with(w, now_us, NULL, 0, 0, 0);
}

struct shown {
    const char *rule, *name;
    buf text;
    bool found;
};

static bool take(void *ctx, const struct ledger_alert *a)
{
    struct shown *s = ctx;
    if (!slice_eq(a->rule, slice_str(s->rule)) || !slice_eq(a->name, slice_str(s->name)) || s->found)
        return true;
    s->found = true;
    alert_line(&s->text, a);
    buf_printf(&s->text, " | %.*s | %.*s | %.*s | %.*s", SLICE_FMT(a->cause), SLICE_FMT(a->why), SLICE_FMT(a->advice),
               SLICE_FMT(a->look));
    return true;
}

/* The alert must be there (open), and its text must have every one of `words`. */
static void expect_open(struct world *w, const char *rule, const char *name, const char *const *words)
{
    struct shown s = {.rule = rule, .name = name};
    buf_init(&s.text, 0);
    ok(w, ledger_alerts(w->ledger, false, 0, take, &s, &w->e));
    if (!s.found)
        fail_msg("no alert %s about '%s'", rule, name);
    for (; *words; words++)
        if (slice_find(buf_slice(&s.text), slice_str(*words)) == SLICE_NPOS)
            fail_msg("'%s' is not in: %.*s", *words, (int)s.text.n, s.text.p);
    buf_fini(&s.text);
}

static void expect_none(struct world *w, const char *rule, const char *name)
{
    struct shown s = {.rule = rule, .name = name};
    buf_init(&s.text, 0);
    ok(w, ledger_alerts(w->ledger, false, 0, take, &s, &w->e));
    if (s.found)
        fail_msg("there is %.*s", (int)s.text.n, s.text.p);
    buf_fini(&s.text);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

/* ---- the rules ---- */

static void thresholds(void **state)
{
    struct world *w = *state;
    const struct sent bought = {DAY0, "spring", "news", "example.org", "", "partner"};
    const struct sent own = {DAY0, "spring", "news", "example.org", "", "form"};
    const struct sent good = {DAY0, "summer", "news", "example.net", "", "form"};
    delivered(w, &bought, 400);
    failed(w, &bought, BOUNCE_REASON_USER_UNKNOWN, 80);
    delivered(w, &own, 1500);
    failed(w, &own, BOUNCE_REASON_USER_UNKNOWN, 5);
    delivered(w, &good, 2000);
    failed(w, &good, BOUNCE_REASON_USER_UNKNOWN, 10);
    tally(w, &good, BOUNCE_KIND_COMPLAINT, BOUNCE_REASON_UNKNOWN, 3);
    look(w, DAY0 + TIME_HOUR);
    expect_open(w, "hard", "spring",
                WORDS("4.28 %", "85 of 1985", "data quality", "user-unknown 85",
                      "80 of 85 hard bounces are from the source 'partner'", "bounced advice campaign 'spring'"));
    expect_open(w, "bounces", "spring", WORDS("4.28 %"));
    expect_none(w, "hard", "summer");
    expect_open(w, "complaint", "summer", WORDS("0.15 %", "reputation"));
    expect_open(w, "hard", "news", WORDS("stream"));
    expect_none(w, "hard", "example.org"); /* a single domain is allowed more */
}

static void blocks_are_reputation_or_setup(void **state)
{
    struct world *w = *state;
    const struct sent a = {DAY0, "c1", "", "example.org", "gmail", ""};
    const struct sent b = {DAY0, "c2", "", "example.net", "yahoo", ""};
    delivered(w, &a, 1000);
    failed(w, &a, BOUNCE_REASON_SENDER_REPUTATION, 150);
    delivered(w, &b, 1000);
    failed(w, &b, BOUNCE_REASON_AUTHENTICATION_FAILED, 150);
    look(w, DAY0 + TIME_HOUR);
    expect_open(w, "block", "c1", WORDS("reputation", "sender-reputation 150"));
    expect_open(w, "block", "c2", WORDS("infrastructure", "authentication-failed 150"));
    expect_open(w, "block", "gmail", WORDS("provider"));
}

static void closes_when_it_is_over(void **state)
{
    struct world *w = *state;
    const struct sent bad = {DAY0, "spring", "", "example.org", "", ""};
    delivered(w, &bad, 900);
    failed(w, &bad, BOUNCE_REASON_USER_UNKNOWN, 100);
    struct alert_counts c = look(w, DAY0 + TIME_HOUR);
    assert_true(c.opened > 0);
    c = look(w, DAY0 + 2 * TIME_HOUR);
    assert_int_equal(c.opened, 0);
    assert_true(c.open > 0);
    c = look(w, DAY0 + 9 * TIME_DAY);
    assert_int_equal(c.open, 0);
    assert_true(c.closed > 0);
    expect_none(w, "hard", "spring");
}

static void spikes_against_the_own_past(void **state)
{
    struct world *w = *state;
    struct sent s = {DAY0, "", "news", "example.org", "outlook", ""};
    for (int day = 1; day <= 28; day++) {
        s.at_us = DAY0 - day * TIME_DAY;
        delivered(w, &s, 1000);
        failed(w, &s, BOUNCE_REASON_CONNECT_FAILED, 4);
    }
    s.at_us = DAY0;
    delivered(w, &s, 1000);
    failed(w, &s, BOUNCE_REASON_CONNECT_FAILED, 8);
    look(w, DAY0 + TIME_HOUR);
    expect_none(w, "spike", "outlook");
    failed(w, &s, BOUNCE_REASON_CONNECT_FAILED, 60);
    look(w, DAY0 + TIME_HOUR);
    expect_open(w, "spike", "outlook", WORDS("infrastructure", "usually 0.39 %", "connect-failed 68"));
    expect_open(w, "spike", "example.org", WORDS("domain"));
    expect_open(w, "spike", "news", WORDS("stream"));
}

static void blocked_in_a_row(void **state)
{
    struct world *w = *state;
    static const char *const campaigns[] = {"one", "two", "three"};
    for (size_t i = 0; i < 3; i++) {
        const struct sent s = {DAY0 + (int64_t)i * TIME_DAY, campaigns[i], "news", "t-online.de", "t-online", ""};
        const struct sent good = {DAY0 + (int64_t)i * TIME_DAY, campaigns[i], "news", "example.org", "", ""};
        delivered(w, &good, 5000);
        delivered(w, &s, 60);
        failed(w, &s, BOUNCE_REASON_SENDER_IP_LISTED, 40);
        look(w, s.at_us + TIME_HOUR);
        if (i < 2)
            expect_none(w, "blocked-in-a-row", "t-online news");
    }
    expect_open(w, "blocked-in-a-row", "t-online news",
                WORDS("3 campaigns in a row", "'three'", "pause the stream 'news' at t-online", "reputation"));
    expect_open(w, "blocked-in-a-row", "t-online.de news", WORDS("domain"));
    const struct sent again = {DAY0 + 4 * TIME_DAY, "four", "news", "t-online.de", "t-online", ""};
    delivered(w, &again, 100);
    look(w, again.at_us + TIME_HOUR);
    expect_none(w, "blocked-in-a-row", "t-online news");
}

static void above_the_benchmark_of_the_industry(void **state)
{
    struct world *w = *state;
    static const char *const campaigns[] = {"one", "two", "three"};
    const struct alert_industry industry = {SLICE_EMPTY, benchmark_find(S("e-commerce"))};
    struct alert_run run = {.settings = &w->settings, .deep = true, .industries = &industry, .industry_count = 1};
    for (int i = 0; i < 3; i++) {
        const struct sent s = {DAY0 + i * TIME_DAY, campaigns[i], "", "example.org", "", ""};
        struct alert_counts counts;
        struct findings found;
        delivered(w, &s, 980);
        failed(w, &s, BOUNCE_REASON_USER_UNKNOWN, 18);
        run.now_us = s.at_us + TIME_HOUR;
        ok(w, alerts_find(w->ledger, &run, &w->a, &found, &w->e));
        ok(w, alerts_settle(w->ledger, &found, NULL, 0, run.now_us, &counts, &w->e));
        if (i < 2)
            expect_none(w, "benchmark", "e-commerce");
    }
    expect_open(w, "benchmark", "e-commerce", WORDS("3 campaigns in a row", "'three' with 1.80 %", "data quality"));
}

static void a_reason_rises(void **state)
{
    struct world *w = *state;
    struct sent s = {DAY0, "", "", "gmail.com", "gmail", ""};
    for (int day = 1; day <= 20; day++) {
        s.at_us = DAY0 - day * TIME_DAY;
        delivered(w, &s, 1000);
        said(w, s.at_us, "gmail", LEDGER_CODE(5, 1, 1), BOUNCE_REASON_USER_UNKNOWN, 5);
        said(w, s.at_us, "gmail", LEDGER_CODE(5, 7, 1), BOUNCE_REASON_POLICY, 1);
    }
    s.at_us = DAY0;
    delivered(w, &s, 900);
    said(w, DAY0, "gmail", LEDGER_CODE(5, 1, 1), BOUNCE_REASON_USER_UNKNOWN, 5);
    said(w, DAY0, "gmail", LEDGER_CODE(5, 7, 26), BOUNCE_REASON_AUTHENTICATION_FAILED, 90);
    failed(w, &s, BOUNCE_REASON_AUTHENTICATION_FAILED, 90);
    look(w, DAY0 + TIME_HOUR);
    expect_open(w, "reason", "gmail authentication-failed",
                WORDS("SPF, DKIM or DMARC did not pass", "5.7.26", "never in the", "infrastructure"));
    expect_none(w, "code", "gmail 5.7.26"); /* its reason says it */
    expect_none(w, "reason", "gmail user-unknown");
}

/* The reason was there before, under another code. */
static void a_code_rises(void **state)
{
    struct world *w = *state;
    struct sent s = {DAY0, "", "", "example.com", "acme", ""};
    for (int day = 1; day <= 20; day++) {
        s.at_us = DAY0 - day * TIME_DAY;
        delivered(w, &s, 1000);
        said(w, s.at_us, "acme", 0, BOUNCE_REASON_SPAM_CONTENT, 30);
    }
    s.at_us = DAY0;
    delivered(w, &s, 1000);
    said(w, DAY0, "acme", LEDGER_CODE(5, 7, 1), BOUNCE_REASON_SPAM_CONTENT, 30);
    look(w, DAY0 + TIME_HOUR);
    expect_none(w, "reason", "acme spam-content");
    expect_open(w, "code", "acme 5.7.1", WORDS("mostly spam-content", "look at the content"));
}

static void unknown_replies_grow(void **state)
{
    struct world *w = *state;
    for (int day = 1; day <= 20; day++) {
        said(w, DAY0 - day * TIME_DAY, "acme", 0, BOUNCE_REASON_USER_UNKNOWN, 95);
        said(w, DAY0 - day * TIME_DAY, "acme", 0, BOUNCE_REASON_UNKNOWN, 5);
    }
    said(w, DAY0, "acme", 0, BOUNCE_REASON_USER_UNKNOWN, 240);
    said(w, DAY0, "acme", 0, BOUNCE_REASON_UNKNOWN, 10);
    look(w, DAY0 + TIME_HOUR);
    expect_none(w, "unknown", "");
    said(w, DAY0, "acme", 0, BOUNCE_REASON_UNKNOWN, 70);
    look(w, DAY0 + TIME_HOUR);
    expect_open(w, "unknown", "", WORDS("25.00 %", "most of them from acme", "bounced review"));
}

static void feeds_fall_silent(void **state)
{
    struct world *w = *state;
    struct beat b;
    buf bytes;
    beat_init(&b);
    for (int hour = 0; hour < 100; hour++)
        beat_heard(&b, DAY0 + hour * TIME_HOUR);
    buf_init(&bytes, 0);
    beat_encode(&b, &bytes);
    struct ledger_beat row = {.feed = S("mail.log"), .heard_us = b.heard_us, .memory = buf_slice(&bytes)};
    ok(w, ledger_put_beat(w->ledger, &row, &w->e));
    look(w, b.heard_us + 2 * TIME_HOUR);
    expect_none(w, "silent", "mail.log");
    look(w, b.heard_us + 4 * TIME_HOUR);
    expect_open(w, "silent", "mail.log", WORDS("infrastructure", "silent for 4 h", "its longest pause of late was"));
    look(w, b.heard_us + 31 * TIME_DAY);
    expect_none(w, "silent", "mail.log"); /* nobody wants it any more */
    beat_heard(&b, b.heard_us + 5 * TIME_HOUR);
    buf_clear(&bytes);
    beat_encode(&b, &bytes);
    row.memory = buf_slice(&bytes);
    row.heard_us = b.heard_us;
    ok(w, ledger_put_beat(w->ledger, &row, &w->e));
    look(w, b.heard_us + TIME_MINUTE);
    expect_none(w, "silent", "mail.log");
    buf_fini(&bytes);
}

static void circumstances(void **state)
{
    struct world *w = *state;
    struct ledger_circumstance c = {.c = {.from_us = DAY0,
                                          .until_us = TIME_NONE,
                                          .reasons = CIRCUMSTANCE_ALL_REASONS,
                                          .what = CIRCUMSTANCE_INCIDENT,
                                          .by = MARK_NONE},
                                    .domain = S("example.org"),
                                    .made_us = DAY0,
                                    .note = S("300 of 310 failed")};
    ok(w, ledger_put_circumstance(w->ledger, &c, &w->e));
    look(w, DAY0 + TIME_MINUTE);
    expect_open(w, "incident", "#1 example.org", WORDS("300 of 310 failed", "bounced incident show 1"));
    c.c.until_us = DAY0 + TIME_HOUR;
    ok(w, ledger_put_circumstance(w->ledger, &c, &w->e));
    look(w, DAY0 + 2 * TIME_HOUR);
    expect_none(w, "incident", "#1 example.org");
}

static void breakers_and_grades(void **state)
{
    struct world *w = *state;
    struct ledger_circumstance breaker = {.c = {.from_us = DAY0,
                                                .until_us = TIME_NONE,
                                                .reasons = CIRCUMSTANCE_ALL_REASONS,
                                                .what = CIRCUMSTANCE_BREAKER,
                                                .by = MARK_FEED},
                                          .name = S("mail.log"),
                                          .made_us = DAY0,
                                          .note = S("1200 suppressions within 60 min")};
    struct ledger_circumstance grade = breaker;
    grade.c.what = CIRCUMSTANCE_HEALTH;
    grade.c.by = MARK_PROVIDER;
    grade.name = S("gmail");
    grade.note = S("grade Low");
    ok(w, ledger_put_circumstance(w->ledger, &breaker, &w->e));
    ok(w, ledger_put_circumstance(w->ledger, &grade, &w->e));
    look(w, DAY0 + TIME_MINUTE);
    expect_open(w, "flood", "#1 mail.log", WORDS("feed", "1200 suppressions", "bounced breaker show 1"));
    expect_open(w, "health", "gmail", WORDS("provider", "reputation", "grade Low", "bounced health gmail"));
    breaker.undone = true;
    ok(w, ledger_put_circumstance(w->ledger, &breaker, &w->e));
    look(w, DAY0 + TIME_HOUR);
    expect_none(w, "flood", "#1 mail.log");
    expect_open(w, "health", "gmail", WORDS("grade Low"));
}

static void checks_that_fail_open(void **state)
{
    struct world *w = *state;
    look_with(w, DAY0, NULL, 0, 100, 0);
    expect_none(w, "failing-open", "");
    look_with(w, DAY0 + TIME_MINUTE, NULL, 0, 100, 7);
    expect_open(w, "failing-open", "", WORDS("7 of 100 checks could not be answered"));
    look_with(w, DAY0 + 2 * TIME_MINUTE, NULL, 0, 100, 0);
    expect_none(w, "failing-open", "");
}

/* ---- telling ---- */

struct notices {
    unsigned n, opened, closed;
    bool wrong;
};

static bool take_notice(void *ctx, const struct ledger_notice *n)
{
    struct notices *all = ctx;
    all->n++;
    all->opened += n->turn == ALERT_OPENS;
    all->closed += n->turn == ALERT_CLOSES;
    all->wrong |= slice_find(n->text, S("\"rule\":\"complaint\"")) == SLICE_NPOS;
    return true;
}

static void channels_are_told_of_what_they_want(void **state)
{
    struct world *w = *state;
    const struct sent s = {DAY0, "spring", "", "example.org", "", ""};
    const struct alert_channel channels[] = {
        {S("ops"), 1u << RULE_COMPLAINT, false}, {S("nobody"), 0, false}, {S("bad-news"), 1u << RULE_COMPLAINT, true}};
    delivered(w, &s, 1000);
    failed(w, &s, BOUNCE_REASON_USER_UNKNOWN, 100);
    tally(w, &s, BOUNCE_KIND_COMPLAINT, BOUNCE_REASON_UNKNOWN, 3);
    look_with(w, DAY0 + TIME_HOUR, channels, 3, 0, 0);
    look_with(w, DAY0 + 2 * TIME_HOUR, channels, 3, 0, 0);
    struct notices all = {0};
    ok(w, ledger_notices(w->ledger, SLICE_EMPTY, take_notice, &all, &w->e));
    assert_int_equal(all.n, 4); /* two channels; the campaign and the stream without a name */
    assert_int_equal(all.opened, 4);
    assert_false(all.wrong);
    look_with(w, DAY0 + 9 * TIME_DAY, channels, 3, 0, 0);
    all = (struct notices){0};
    ok(w, ledger_notices(w->ledger, S("ops"), take_notice, &all, &w->e));
    assert_int_equal(all.closed, 2);
    all = (struct notices){0};
    ok(w, ledger_notices(w->ledger, S("bad-news"), take_notice, &all, &w->e));
    assert_int_equal(all.n, 2);
}

static bool first_id(void *ctx, const struct ledger_alert *a)
{
    if (slice_eq(a->rule, S("complaint")) && slice_eq(a->name, S("spring")))
        *(int64_t *)ctx = a->id;
    return true;
}

static void silence_lasts_over_the_next_one(void **state)
{
    struct world *w = *state;
    const struct sent s = {DAY0, "spring", "x", "example.org", "", ""};
    const struct alert_channel ops = {S("ops"), 1u << RULE_COMPLAINT, false};
    delivered(w, &s, 1000);
    tally(w, &s, BOUNCE_KIND_COMPLAINT, BOUNCE_REASON_UNKNOWN, 3);
    look(w, DAY0 + TIME_HOUR);
    ok(w, ledger_commit(w->ledger, &w->e));
    int64_t id = 0;
    ok(w, ledger_alerts(w->ledger, false, 0, first_id, &id, &w->e));
    ok(w, alert_silence(w->ledger, id, S("me"), DAY0 + 30 * TIME_DAY, DAY0 + TIME_HOUR, &w->e));
    assert_int_equal(alert_acknowledge(w->ledger, 99, S("me"), DAY0, &w->e), E_NOT_FOUND);
    ok(w, ledger_begin(w->ledger, &w->e));
    look_with(w, DAY0 + 9 * TIME_DAY, &ops, 1, 0, 0);
    const struct sent later = {DAY0 + 10 * TIME_DAY, "spring", "x", "example.org", "", ""};
    delivered(w, &later, 1000);
    tally(w, &later, BOUNCE_KIND_COMPLAINT, BOUNCE_REASON_UNKNOWN, 3);
    look_with(w, later.at_us + TIME_HOUR, &ops, 1, 0, 0);
    expect_open(w, "complaint", "spring", WORDS("0.30 %"));
    struct notices all = {0};
    ok(w, ledger_notices(w->ledger, S("ops"), take_notice, &all, &w->e));
    assert_int_equal(all.opened, 1); /* of the stream, which nobody has silenced */
}

static void letters_go_to_endpoints(void **state)
{
    struct world *w = *state;
    const struct sent s = {DAY0, "spring", "", "example.org", "", ""};
    struct ledger_endpoint p = {.name = S("crm"), .kinds = 1u << OUTBOX_ALERT, .active = true};
    int64_t n, oldest_us;
    ok(w, ledger_put_endpoint(w->ledger, &p, &w->e));
    delivered(w, &s, 1000);
    tally(w, &s, BOUNCE_KIND_COMPLAINT, BOUNCE_REASON_UNKNOWN, 3);
    look(w, DAY0 + TIME_HOUR);
    ok(w, ledger_letter_count(w->ledger, 1, false, &n, &oldest_us, &w->e));
    assert_int_equal(n, 2);
}

static void not_a_thousand_letters(void **state)
{
    struct world *w = *state;
    struct ledger_endpoint p = {.name = S("crm"), .kinds = 1u << OUTBOX_ALERT, .active = true};
    int64_t n, oldest_us;
    ok(w, ledger_put_endpoint(w->ledger, &p, &w->e));
    for (unsigned i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "c%u", i);
        const struct sent s = {DAY0, name, "", "example.org", "", ""};
        delivered(w, &s, 900);
        failed(w, &s, BOUNCE_REASON_USER_UNKNOWN, 100);
    }
    struct alert_counts c = look(w, DAY0 + TIME_HOUR);
    assert_true(c.opened > 100);
    ok(w, ledger_letter_count(w->ledger, 1, false, &n, &oldest_us, &w->e));
    assert_int_equal(n, ALERT_MAX_LETTERS + 1);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, open_world, close_world)
    const struct CMUnitTest tests[] = {
        TEST(thresholds),
        TEST(blocks_are_reputation_or_setup),
        TEST(closes_when_it_is_over),
        TEST(spikes_against_the_own_past),
        TEST(blocked_in_a_row),
        TEST(above_the_benchmark_of_the_industry),
        TEST(a_reason_rises),
        TEST(a_code_rises),
        TEST(unknown_replies_grow),
        TEST(feeds_fall_silent),
        TEST(circumstances),
        TEST(breakers_and_grades),
        TEST(checks_that_fail_open),
        TEST(channels_are_told_of_what_they_want),
        TEST(silence_lasts_over_the_next_one),
        TEST(letters_go_to_endpoints),
        TEST(not_a_thousand_letters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
