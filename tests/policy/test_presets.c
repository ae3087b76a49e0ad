/* Each preset does what the vendor does: the edges (the 7th and the 8th, day 14 and 15, 23 and 25 hours apart), and what begins a row
 * anew. The figures are those that the vendors document, gathered in docs/policy.md. */
#include "check.h"

#include <stdlib.h>

#include "bounce/observation.h"
#include "policy/history.h"

#define START_US (INT64_C(1700000000) * TIME_SECOND)

struct case_ {
    const char *preset;
    const char
        *events;     /* "h0 f; h25 f; d3 d": failed, delivered, opened, clicked; each failure a campaign of its own */
    bool suppressed; /* at the end */
    const char *why;
};

#define SEVEN "d0 f; d1 f; d2 f; d3 f; d4 f; d5 f; d6 f"
#define FIFTEEN SEVEN "; d7 f; d8 f; d9 f; d10 f; d11 f; d12 f; d13 f; d14 f"
#define TWENTY FIFTEEN "; d15 f; d16 f; d17 f; d18 f; d19 f"

static const struct case_ cases[] = {
    {"mailchimp", "d0 f; d1 f; d2 f; d3 f; d4 f; d5 f", false, "six"},
    {"mailchimp", SEVEN, true, "the seventh cleans a contact without activity"},
    {"mailchimp", "d0 o; " SEVEN, false, "one with activity has fifteen"},
    {"mailchimp", "d0 o; " SEVEN "; d7 f; d8 f; d9 f; d10 f; d11 f; d12 f; d13 f", false, "fourteen"},
    {"mailchimp", "d0 o; " FIFTEEN, true, "the fifteenth"},
    {"mailchimp", "d0 f; d1 f; d2 f; d3 f; d4 f; d5 f; d6 d; d7 f", false, "a delivery begins anew"},
    {"klaviyo", SEVEN, false, "seven in a row"},
    {"klaviyo", SEVEN "; d7 f", true, "more than seven"},
    {"klaviyo", SEVEN "; d7 d; d8 f", false, "not in a row"},
    {"brevo", "d0 f; d1 f; d2 f; d3 f", false, "four"},
    {"brevo", "d0 f; d1 f; d2 f; d3 f; d4 f", true, "five consecutive ones"},
    {"brevo", "d0 f; d1 f; d2 d; d3 f; d4 f; d5 f", false, "not consecutive"},
    {"salesforce", "d0 f; d7 f; d14 f", false, "three, but only 14 days since the first"},
    {"salesforce", "d0 f; d7 f; d15 f", true, "three, and 15 days since the first"},
    {"salesforce", "d0 f; d15 f", false, "two"},
    {"salesforce", "d0 f; d7 f; d8 o; d15 f", false, "an open resets"},
    {"salesforce", "d0 f; d7 f; d8 k; d15 f", false, "a click resets"},
    {"salesforce", "d0 f; d7 f; d8 d; d15 f", false, "a delivery resets"},
    {"salesforce", "d0 f; d7 f; d15 f; d16 o", false, "and ends what was held"},
    {"adobe", "h0 f; h23 f; h46 f; h69 f; h92 f", false, "23 hours apart: every second one counts"},
    {"adobe", "h0 f; h25 f; h50 f; h75 f; h100 f", true, "25 hours apart: each counts"},
    {"adobe", "h0 f; h25 f; h50 f; h75 f", false, "four"},
    {"adobe", "h0 f; h25 f; h50 f; h60 d; h75 f; h100 f", false, "a success resets"},
    {"dotdigital", FIFTEEN "; d15 f; d16 f; d17 f; d18 f", false, "nineteen"},
    {"dotdigital", TWENTY, true, "the twentieth"},
    {"mailman", "h0 f; h25 f; h50 f; h75 f; h100 f", true, "a score of five, one point a day"},
    {"mailman", "h0 f; h1 f; h2 f; h3 f; h4 f; h5 f", false, "six on one day are one point"},
    {"mailman", "d0 f; d7 f; d14 f; d21 f; d28 f", true, "seven days without a bounce are not stale"},
    {"mailman", "d0 f; d7 f; d14 f; d22 f; d29 f", false, "eight are: the score begins anew"},
    {"mailman", "d0 f; d1 f; d2 d; d3 f; d4 f; d5 f", true, "deliveries are not known to it"},
    {"word-to-the-wise", "d0 f; d7 f; d14 f", false, "fourteen days are not more than fourteen"},
    {"word-to-the-wise", "d0 f; d7 f; d15 f", true, "three over more than 14 days"},
    {"word-to-the-wise", "d0 f; d7 f; d8 d; d15 f; d16 f", false, "consecutive ones"},
    {"guide", "d0 f; d4 f; d8 f; d12 f", false, "four"},
    {"guide", "d0 f; d4 f; d8 f; d10 f; d13 f", false, "five over 13 days"},
    {"guide", "d0 f; d4 f; d8 f; d10 f; d14 f", true, "five over 14 days"},
    {"lifetime-3", "d0 f; d1 d; d100 f; d200 d; d300 f", true, "three in a life, whatever was delivered between them"},
    {"lifetime-3", "d0 f; d100 f; d200 d; d300 o", false, "two"},
    {"lifetime-3", "d0 f; d1 f; d2 f; d3 d", true, "nothing takes it back"},
    {"lifetime-7", "d0 f; d1 f; d2 f; d3 d; d4 f; d5 f; d6 f", false, "six"},
    {"lifetime-7", "d0 f; d1 f; d2 f; d3 d; d4 f; d5 f; d6 f; d7 f", true, "the seventh"},
    {"lifetime-15", SEVEN "; d7 d; d8 f; d9 f; d10 f; d11 f; d12 f; d13 f; d14 f", false, "fourteen"},
    {"lifetime-15", SEVEN "; d7 d; d8 f; d9 f; d10 f; d11 f; d12 f; d13 f; d14 f; d15 f", true, "the fifteenth"},
    {"default", "d0 f; d4 f; d8 f; d10 f; d14 f", true, "slow: five over 14 days"},
    {"default", "d0 o; d1 f; d4 f; d8 f; d10 f; d15 f", false, "an open within 90 days doubles the counts"},
    {"default", "d0 o; d91 f; d94 f; d98 f; d100 f; d105 f", true, "an older one does not"},
    {"auto-daily", "d0 f; d1 f; d2 f; d3 f; d4 f; d5 f; d6 f; d13 f", false, "the span decides"},
    {"auto-daily", "d0 f; d1 f; d2 f; d3 f; d4 f; d5 f; d6 f; d14 f", true, "the span has come"},
    {"auto-monthly", "d0 f; d30 f", false, "two"},
    {"auto-monthly", "d0 f; d30 f; d60 f", true, "the count decides"},
};

static size_t read_events(const char *text, struct policy_event *out)
{
    slice rest = slice_str(text), one, t, w;
    size_t n = 0;
    while (slice_split(&rest, ';', &one)) {
        uint64_t at = 0;
        assert_true(slice_word(&one, &t) && slice_word(&one, &w) && slice_u64(slice_from(t, 1), &at));
        struct policy_event *e = &out[n];
        *e = (struct policy_event){.time_us = START_US + (int64_t)at * (t.p[0] == 'd' ? TIME_DAY : TIME_HOUR),
                                   .key = 100 + n,
                                   .campaign = 1 + n,
                                   .trust = TRUST_PROVEN,
                                   .kind = BOUNCE_KIND_FAILED,
                                   .reason = BOUNCE_REASON_UNKNOWN};
        if (w.p[0] != 'f')
            e->kind = w.p[0] == 'd' ? BOUNCE_KIND_DELIVERED : w.p[0] == 'o' ? BOUNCE_KIND_OPENED : BOUNCE_KIND_CLICKED;
        n++;
    }
    return n;
}

static bool suppressed_by(const struct policy *p, const char *text, bool stored)
{
    struct policy_event events[40];
    struct fold_rules rules = {.policy = p};
    struct history_env env = {TIME_NONE};
    struct address_status s;
    struct history h;
    buf bytes;
    arena a;
    arena_init(&a, 0);
    buf_init(&bytes, 0);
    size_t n = read_events(text, events);
    history_init(&h, &rules, &a);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(history_add(&h, &events[i]), HISTORY_ADDED);
        if (!stored)
            continue;
        buf_clear(&bytes);
        history_encode(&h, &bytes);
        assert_int_equal(history_decode(arena_dup(&a, buf_slice(&bytes)), &rules, &a, &h), OK);
    }
    assert_true(history_state(&h, &env, events[n - 1].time_us, &s));
    buf_fini(&bytes);
    arena_fini(&a);
    return s.state == STATE_SUPPRESSED;
}

static void test_cases(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct policy p;
        enum preset preset = preset_find(slice_str(cases[i].preset));
        assert_int_not_equal(preset, PRESETS);
        policy_preset(&p, preset);
        for (int stored = 0; stored < 2; stored++)
            if (suppressed_by(&p, cases[i].events, stored) != cases[i].suppressed)
                fail_msg("%s: %s: %s", cases[i].preset, cases[i].events, cases[i].why);
    }
}

static bool has_cases(const char *preset)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (strcmp(cases[i].preset, preset) == 0)
            return true;
    return false;
}

static void test_every_preset_is_sound_and_has_cases(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PRESETS; i++) {
        struct policy p;
        err e;
        policy_preset(&p, (enum preset)i);
        if (policy_check(&p, &e) != OK)
            fail_msg("%s: %s", preset_word((enum preset)i), e.text);
        assert_int_equal(preset_find(slice_str(preset_word((enum preset)i))), i);
        assert_true(*preset_text((enum preset)i));
        if (i != PRESET_AUTO && !has_cases(preset_word((enum preset)i)))
            fail_msg("%s has no case", preset_word((enum preset)i));
    }
}

/* A hard bounce of which we are sure suppresses under each of them; a block under none. */
static void test_what_no_preset_changes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < PRESETS; i++) {
        struct policy p;
        policy_preset(&p, (enum preset)i);
        struct fold_rules rules = {.policy = &p};
        for (unsigned block = 0; block < 2; block++) {
            arena a;
            struct history h;
            struct address_status s;
            struct history_env env = {TIME_NONE};
            arena_init(&a, 0);
            history_init(&h, &rules, &a);
            for (unsigned k = 0; k < 50; k++) {
                struct policy_event e = {.time_us = START_US + k * TIME_DAY,
                                         .key = k,
                                         .campaign = 1 + k,
                                         .trust = TRUST_PROVEN,
                                         .kind = BOUNCE_KIND_FAILED,
                                         .certainty = 90,
                                         .reason = block ? BOUNCE_REASON_SPAM_CONTENT : BOUNCE_REASON_USER_UNKNOWN};
                assert_int_equal(history_add(&h, &e), HISTORY_ADDED);
            }
            assert_true(history_state(&h, &env, START_US + 60 * TIME_DAY, &s));
            assert_int_equal(s.state, block ? STATE_ACTIVE : STATE_SUPPRESSED);
            if (!block)
                assert_true(s.since_us == START_US && s.cause == CAUSE_HARD);
            arena_fini(&a);
        }
    }
}

static void print_tolerance(const struct tolerance *t)
{
    buf b;
    buf_init(&b, 0);
    tolerance_print(t, &b);
    printf(" | %.*s", (int)b.n, b.p);
    buf_fini(&b);
}

static void print(void)
{
    printf("| preset | quota | campaign | slow | refused | |\n|---|---|---|---|---|---|\n");
    for (unsigned i = 0; i < PRESETS; i++) {
        struct tolerances t;
        preset_tolerances((enum preset)i, &t);
        printf("| `%s`", preset_word((enum preset)i));
        for (unsigned row = ROW_QUOTA; row < ROWS; row++)
            print_tolerance(&t.rows[row]);
        printf(" | %s |\n", preset_text((enum preset)i));
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
        cmocka_unit_test(test_every_preset_is_sound_and_has_cases),
        cmocka_unit_test(test_what_no_preset_changes),
    };
    if (argc > 1 && strcmp(argv[1], "print") == 0) {
        print();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
