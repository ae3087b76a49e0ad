#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "bounce/reply.h"
#include "guard.h"

struct expected {
    const char *text;
    unsigned code;
    const char *enhanced, *words;
    enum bounce_phase phase;
    const char *host;
    int64_t retry_after_s;
    bool several;
};

#define NONE BOUNCE_PHASE_NONE
#define RCPT BOUNCE_PHASE_RCPT

static const struct expected cases[] = {
    {"550 5.1.1 No such user", 550, "5.1.1", "No such user", NONE, "", 0, false},
    {"550-5.1.1 The account does not exist. Try\r\n550 5.1.1 again", 550, "5.1.1",
     "The account does not exist. Try again", NONE, "", 0, false},
    {"550-5.1.1: gone\\n550 5.1.1 really", 550, "5.1.1", "gone really", NONE, "", 0, false},
    {"smtp; 550 5.7.1 Blocked", 550, "5.7.1", "Blocked", NONE, "", 0, false},
    {"smtp;550 Blocked", 550, "", "Blocked", NONE, "", 0, false},
    {"550 #5.1.0 Address rejected.", 550, "5.1.0", "Address rejected.", NONE, "", 0, false},
    {"sorry, no mailbox here by that name. (#5.1.1)", 0, "5.1.1", "sorry, no mailbox here by that name. (#5.1.1)", NONE,
     "", 0, false},
    {"host mx.example.com[192.0.2.1] said: 552 5.2.2 Mailbox full (in reply to RCPT TO command)", 552, "5.2.2",
     "Mailbox full (in reply to RCPT TO command)", RCPT, "mx.example.com", 0, false},
    {"SMTP error from remote mail server after RCPT TO:<a@b.example>: host mx.b.example [192.0.2.9]: 550 no", 550, "",
     "no", RCPT, "mx.b.example", 0, false},
    {"... while talking to mx.example.net.:\n>>> RCPT To:<a@example.net>\n<<< 550 5.1.1 unknown", 550, "5.1.1",
     "unknown", RCPT, "mx.example.net", 0, false},
    {"550 5.1.1 user unknown 554 5.5.1 no valid recipients 550 5.1.1 user unknown", 550, "5.1.1", "user unknown", NONE,
     "", 0, true},
    {"450 busy 551 not our user 503 need RCPT command [data] 551 not our user", 551, "", "not our user", NONE, "", 0,
     true},
    {"550 Message size exceeds 500 bytes", 550, "", "Message size exceeds 500 bytes", NONE, "", 0, false},
    {"421 4.7.0 [TSS04] deferred - 4.16.55.1; see", 421, "4.7.0", "[TSS04] deferred - 4.16.55.1; see", NONE, "", 0,
     false},
    {"451 4.16.55.1 odd", 451, "", "4.16.55.1 odd", NONE, "", 0, false},
    {"554 IP=11.22.33.44 - A problem", 554, "", "IP=11.22.33.44 - A problem", NONE, "", 0, false},
    {"550: User unknown", 550, "", "User unknown", NONE, "", 0, false},
    {"550 : User unknown", 550, "", ": User unknown", NONE, "", 0, false},
    {"451 greylisted, please try again in 300 seconds", 451, "", "greylisted, please try again in 300 seconds", NONE,
     "", 300, false},
    {"451 try again in 5 minutes", 451, "", "try again in 5 minutes", NONE, "", 300, false},
    {"450 retry after 2h", 450, "", "retry after 2h", NONE, "", 7200, false},
    {"450 wait 99999 days", 450, "", "wait 99999 days", NONE, "", 604800, false},
    {"mailbox is full", 0, "", "mailbox is full", NONE, "", 0, false},
    {"5.2.1 The account is disabled", 0, "5.2.1", "The account is disabled", NONE, "", 0, false},
    {"5.1.0 - Unknown address error 550-'5.2.2 <a@b.c>... Mailbox Full' (delivery attempts: 0)", 550, "5.2.2",
     "<a@b.c>... Mailbox Full' (delivery attempts: 0)", NONE, "", 0, false},
    {"", 0, "", "", NONE, "", 0, false}};

static void check(const struct expected *c)
{
    arena a;
    struct bounce_reply r;
    char enhanced[24] = "";
    arena_init(&a, 0);
    assert_int_equal(bounce_reply_parse(slice_str(c->text), &a, &r), BOUNCE_OK);
    if (r.enhanced.klass)
        snprintf(enhanced, sizeof enhanced, "%u.%u.%u", r.enhanced.klass, r.enhanced.subject, r.enhanced.detail);
    if (r.code != c->code || strcmp(enhanced, c->enhanced) != 0 || !slice_eq(r.text, slice_str(c->words)) ||
        r.phase != c->phase || !slice_eq(r.host, slice_str(c->host)) || r.retry_after_s != c->retry_after_s ||
        r.several != c->several)
        fail_msg("%s: %u, %s, \"%.*s\", phase %s, host %.*s, retry %lld, several %d", c->text, r.code, enhanced,
                 SLICE_FMT(r.text), bounce_phase_word(r.phase), SLICE_FMT(r.host), (long long)r.retry_after_s,
                 r.several);
    arena_fini(&a);
}

static void replies_are_read(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        check(&cases[i]);
}

static void read_guarded(slice prefix, void *data)
{
    struct bounce_reply r;
    arena *a = data;
    arena_reset(a);
    assert_int_equal(bounce_reply_parse(prefix, a, &r), BOUNCE_OK);
    assert_true(r.text.n <= prefix.n + REPLY_MAX_PARTS);
}

static void no_prefix_reads_too_far(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        guard_prefixes(slice_str(cases[i].text), read_guarded, &a);
    arena_fini(&a);
}

static void refused_memory_is_told(void **state)
{
    (void)state;
    arena a;
    struct bounce_reply r;
    arena_init(&a, 1);
    assert_int_equal(bounce_reply_parse(S("550 5.1.1 No such user"), &a, &r), BOUNCE_LIMIT);
    assert_int_equal(r.code, 550);
    arena_fini(&a);
}

static void enhanced_codes_are_strict(void **state)
{
    (void)state;
    struct bounce_enhanced e;
    assert_int_equal(bounce_enhanced_parse(S("5.1.1 x"), &e), 5);
    assert_int_equal(bounce_enhanced_parse(S("5.7.515"), &e), 7);
    assert_int_equal(bounce_enhanced_parse(S("3.1.1"), &e), 0);
    assert_int_equal(bounce_enhanced_parse(S("5.1"), &e), 0);
    assert_int_equal(bounce_enhanced_parse(S("5.1.1.2"), &e), 0);
    assert_int_equal(bounce_enhanced_parse(S("5.1.1234"), &e), 0);
    assert_int_equal(bounce_enhanced_parse(S("5.1.1."), &e), 5);
}

/* What is looked for eight bytes at once is found wherever it stands. */
static void places_do_not_matter(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    for (int pad = 1; pad < 20; pad++) {
        struct bounce_reply r;
        const char *x = "xxxxxxxxxxxxxxxxxxxx";
        slice words = arena_printf(&a, "%.*s\\y  try\tagain in 5 minutes (in reply to RCPT TO command)", pad, x);
        slice squeezed = arena_printf(&a, "%.*s\\y try again in 5 minutes (in reply to RCPT TO command)", pad, x);
        slice text = arena_printf(&a, "%.*s: 452 4.2.2 %.*s", pad, x, SLICE_FMT(words));
        assert_int_equal(bounce_reply_parse(text, &a, &r), BOUNCE_OK);
        assert_int_equal(r.code, 452);
        assert_true(slice_eq(r.text, squeezed));
        assert_int_equal(r.phase, BOUNCE_PHASE_RCPT);
        assert_int_equal(r.retry_after_s, 300);
        slice no_mark = arena_printf(&a, "%.*s thereafter data in replying to data, user said", pad, x);
        assert_int_equal(reply_phase(no_mark), BOUNCE_PHASE_NONE);
        slice at_end = arena_printf(&a, "%.*s>>> data", pad, x);
        assert_int_equal(reply_phase(slice_from(at_end, (size_t)pad)), BOUNCE_PHASE_DATA);
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(replies_are_read), cmocka_unit_test(no_prefix_reads_too_far),
                                       cmocka_unit_test(refused_memory_is_told),
                                       cmocka_unit_test(enhanced_codes_are_strict),
                                       cmocka_unit_test(places_do_not_matter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
