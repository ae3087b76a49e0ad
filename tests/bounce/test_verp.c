#include "check.h"

#include <stdlib.h>

#include "bounce.h"
#include "bounce/verp.h"

#define TODAY 20778u

static int set_up(void **state)
{
    arena *a = malloc(sizeof *a);
    assert_non_null(a);
    arena_init(a, 0);
    *state = a;
    return 0;
}

static int tear_down(void **state)
{
    arena_fini(*state);
    free(*state);
    return 0;
}

/* ---- dialects of others --------------------------------------------------------------------------------------- */

static const struct {
    const char *address, *recipient;
} dialects[] = {
    {"bounces+user=example.com@lists.example.org", "user@example.com"},
    {"<bounces+user=example.com@lists.example.org>", "user@example.com"},
    {"list-bounces+user=example.org@lists.example.net", "user@example.org"}, /* Mailman */
    {"list-bounces+first.last+tag=example.org@lists.example.net", "first.last+tag@example.org"},
    {"list-bounces+a=b=example.org@lists.example.net", "a=b@example.org"},
    {"owner-list+user=example.com@host.example", "user@example.com"}, /* Postfix */
    {"owner-list-user=host.example@lists.example.net", "user@host.example"},
    {"owner-my-list-user=host.example@lists.example.net", ""},                    /* "list-user" or "user"? */
    {"list-return-123-user=host.example@lists.example.net", "user@host.example"}, /* ezmlm */
    {"list-return-123-first-last=host.example@lists.example.net", "first-last@host.example"},
    {"my-list-return-probe-1095927393.abcdefghijklmnop-user=host.example@l.example", "user@host.example"},
    {"list-return-1095927393.abcdefghijklmnop-user=host.example@l.example", "user@host.example"},
    {"list-bounces-user=host.example@lists.example.net", "user@host.example"},
    {"bounces+123456-ab12-user=example.com@em.example.net", "user@example.com"}, /* SendGrid */
    {"bounces+123456-ab12-first-last=example.com@em.example.net", "first-last@example.com"},
    {"bounce+ab12cd.7f3e9a-user=example.com@mg.example.net", "user@example.com"},     /* Mailgun */
    {"bounce-mc.us1_123.456-user=example.com@mail1.example.net", "user@example.com"}, /* Mailchimp */
    {"bounces-123456789-user=example.com@d.example.net", "user@example.com"},         /* Brevo */
    {"sentto-1-2-3-user=example.com@returns.example.net", "user@example.com"},
    {"bo++user==a==domain.example==list@lists.example", "user@domain.example"}, /* Sympa */
    {"bounce+user==a==domain.example==list==w@lists.example", "user@domain.example"},
    {"owner-LIST*user**domain.example@listserv.example", "user@domain.example"}, /* LISTSERV */
    {"user=example.com@bounces.example.net", "user@example.com"},
    {"prvs=0123456789=bounces+user=example.com@lists.example", "user@example.com"}, /* BATV around VERP */
    {"prvs=bounces+user=example.com/0123456789@lists.example", "user@example.com"},
    {"btv1==012==bounces+user=example.com@lists.example", "user@example.com"},
    {"msprvs1=17000abcdef=bounces-1@lists.example", ""}, /* SparkPost */
    {"SRS0=aB3d=XY=lists.example=bounces+user=example.com@fwd.example", "user@example.com"},
    {"srs0=ab3d=xy=lists.example=bounces+user=example.com@fwd.example", "user@example.com"},
    {"SRS1=aB3d=fwd.example==xYz1=XY=lists.example=bounces+user=example.com@f2.example", "user@example.com"},
    {"SRS0=aB3d=XY=example.com=sender@fwd.example", ""}, /* the sender is not the recipient */
    {"prvs=0123456789=sender@example.com", ""},
    {"user+caf_=friend=example.com@gmail.example", ""}, /* where it was forwarded to */
    {"0100018bcd-1234-5678-000000@eu-west-1.amazonses.example", ""},
    {"list+bncBCABCDEFGHIJ@googlegroups.example", ""},
    {"bounce-123_HTML-456-789-10-20@bounce.example", ""},
    {"bounces+user=nodots@lists.example", ""},
    {"bounces+=example.com@lists.example", ""},
    {"bounces+user=example.com", ""},
    {"bounces@lists.example", ""},
    {"bounces+user=-bad.example@lists.example", ""},
    {"msg-123@phplist.example", ""},
    {"", ""},
    {"@", ""},
};

static void test_dialects(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++) {
        slice got = verp_recipient(*state, slice_str(dialects[i].address));
        if (!slice_eq(got, slice_str(dialects[i].recipient)))
            fail_msg("%s gives \"%.*s\"", dialects[i].address, SLICE_FMT(got));
        assert_slice(verp_token(slice_str(dialects[i].address)), SLICE_EMPTY);
    }
}

static void test_unwrap(void **state)
{
    assert_slice(verp_unwrap(*state, S("prvs=0123456789=sender@example.com")), S("sender@example.com"));
    assert_slice(verp_unwrap(*state, S("SRS0=aB3d=XY=example.com=sender@fwd.example")), S("sender@example.com"));
    assert_slice(verp_unwrap(*state, S("SRS0+aB3d=XY=example.com=sender@fwd.example")), S("sender@example.com"));
    assert_slice(verp_unwrap(*state, S("SRS1=a=f.example==b=c=example.com=sender@g.example")), S("sender@example.com"));
    assert_slice(verp_unwrap(*state, S("prvs=1=SRS0=a=b=example.com=sender@fwd.example")), S("sender@example.com"));
    assert_slice(verp_unwrap(*state, S("plain@example.com")), S("plain@example.com"));
    assert_slice(verp_unwrap(*state, S("prvs=@example.com")), S("prvs=@example.com"));
    assert_slice(verp_unwrap(*state, S("SRS0=a=b=@example.com")), S("SRS0=a=b=@example.com"));
}

/* ---- our own form --------------------------------------------------------------------------------------------- */

static const unsigned char secret_a[] = "0123456789abcdef0123456789abcdef";
static const unsigned char secret_b[] = "fedcba9876543210fedcba9876543210";
static const struct bounce_verp_key key_a = {3, secret_a, 32};
static const struct bounce_verp_key key_b = {4, secret_b, 32};

static slice made(arena *a, const char *recipient, const char *message)
{
    slice out;
    struct bounce_verp what = {
        .tenant = S("t1"), .recipient = slice_str(recipient), .message = slice_str(message), .day = TODAY};
    assert_int_equal(bounce_verp_make(&key_a, &what, S("b"), S("Bounces.Example"), a, &out, NULL), BOUNCE_OK);
    return out;
}

static enum bounce_verp_status verified(arena *a, slice address, struct bounce_verp *out)
{
    return bounce_verp_verify(&key_a, 1, S("t1"), address, S(""), S(""), TODAY + 3, 30, a, out);
}

/* Written down, so that a change of the form is seen: tokens in the mail of half a year depend on it. */
static void test_form_is_fixed(void **state)
{
    assert_slice(made(*state, "User@Example.com", "c47"),
                 S("b+dujkdnrljb7oqgvrrubud-c47-user=example.com@bounces.example"));
}

static const struct {
    const char *recipient, *message, *back, *message_back;
    bool opaque;
} forms[] = {
    {"user@example.com", "", "user@example.com", "", false},
    {"User+Tag@Example.COM", "c2026-47", "user+tag@example.com", "c2026-47", false},
    {"user@example.com", "Mixed Case <id@host>", "user@example.com", "", false},
    {"a=b@example.com", "x", "a=b@example.com", "x", false},
    {"\"a b\"@example.com", "x", "", "x", true},
    {"a..b@example.com", "x", "", "x", true},
    {"j\xc3\xbcrg@example.com", "x", "", "x", true},
    {"user@localhost", "x", "", "x", true},
    {"user@[192.0.2.1]", "x", "", "x", true},
    {"x@m\xc3\xbcller.example", "", "x@xn--mller-kva.example", "", false},
    {"a.very.long.local.part.indeed@a.very.long.domain.example.com", "c1", "", "c1", true},
    {"a.very.long.local.part.indeed@a.very.long.domain.example.com", "UPPER", "", "", true},
};

static void test_forms(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        struct bounce_verp v;
        slice s = made(*state, forms[i].recipient, forms[i].message);
        assert_true(slice_chr(s, '@') <= VERP_MAX_LOCAL);
        assert_slice(verp_token(s), s);
        assert_int_equal(verified(*state, s, &v), BOUNCE_VERP_OK);
        assert_slice(v.recipient, slice_str(forms[i].back));
        assert_slice(v.message, slice_str(forms[i].message_back));
        assert_int_equal(v.opaque.n > 0, forms[i].opaque);
        assert_int_equal(v.day, TODAY);
        assert_int_equal(v.key_id, 3);
        assert_slice(verp_recipient(*state, s), slice_str(forms[i].back));
        slice wrapped = arena_printf(*state, "prvs=0123456789=%.*s", SLICE_FMT(s));
        assert_slice(verp_recipient(*state, wrapped), slice_str(forms[i].back));
    }
}

static void test_expected(void **state)
{
    arena *a = *state;
    struct bounce_verp v;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        slice s = made(a, forms[i].recipient, forms[i].message);
        slice r = slice_str(forms[i].recipient);
        slice m = slice_str(forms[i].message);
        assert_int_equal(bounce_verp_verify(&key_a, 1, S("t1"), s, r, m, TODAY, 0, a, &v), BOUNCE_VERP_OK);
        assert_slice(v.message, m);
        assert_int_equal(bounce_verp_verify(&key_a, 1, S("t1"), s, S("other@x.example"), m, TODAY, 0, a, &v),
                         BOUNCE_VERP_FORGED);
        assert_slice(v.recipient, SLICE_EMPTY);
        assert_int_equal(bounce_verp_verify(&key_a, 1, S("t1"), s, r, S("other"), TODAY, 0, a, &v), BOUNCE_VERP_FORGED);
        assert_int_equal(bounce_verp_verify(&key_a, 1, S("t2"), s, r, m, TODAY, 0, a, &v), BOUNCE_VERP_FORGED);
        assert_int_equal(bounce_verp_verify(&key_a, 1, S(""), s, r, m, TODAY, 0, a, &v), BOUNCE_VERP_FORGED);
    }
}

static void test_case_is_folded(void **state)
{
    arena *a = *state;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        slice s = made(a, forms[i].recipient, forms[i].message);
        char *p = arena_alloc(a, s.n);
        assert_non_null(p);
        struct bounce_verp v;
        for (size_t k = 0; k < s.n; k++) {
            assert_int_equal(s.p[k], ascii_lower(s.p[k])); /* so that lower-casing changes nothing */
            p[k] = s.p[k] >= 'a' && s.p[k] <= 'z' ? (char)(s.p[k] - 32) : s.p[k];
        }
        assert_int_equal(verified(a, (slice){p, s.n}, &v), BOUNCE_VERP_OK);
        assert_slice(v.recipient, slice_str(forms[i].back));
    }
}

/* Whatever octet of the token is changed to whatever other one (but its own upper case), it does not verify. */
static void test_every_change_is_rejected(void **state)
{
    arena *a = *state;
    for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
        slice s = made(a, forms[i].recipient, forms[i].message);
        size_t at = slice_chr(s, '@');
        char *p = arena_alloc(a, s.n);
        assert_non_null(p);
        memcpy(p, s.p, s.n);
        for (size_t k = slice_chr(s, '+') + 1; k < at; k++) {
            for (int c = 33; c < 127; c++) {
                struct bounce_verp v;
                if (ascii_lower((char)c) == ascii_lower(s.p[k]))
                    continue;
                p[k] = (char)c;
                if (verified(a, (slice){p, s.n}, &v) == BOUNCE_VERP_OK)
                    fail_msg("%.*s verifies like %.*s", SLICE_FMT(((slice){p, s.n})), SLICE_FMT(s));
            }
            p[k] = s.p[k];
        }
    }
}

/* The signature of one recipient does not fit another of the same length. */
static void test_another_recipients_token(void **state)
{
    arena *a = *state;
    slice one = made(a, "aaaa@example.com", "c1");
    slice two = made(a, "bbbb@example.com", "c1");
    assert_int_equal(one.n, two.n);
    slice forged = arena_printf(a, "%.*s%.*s", SLICE_FMT(slice_sub(one, 0, 28)), SLICE_FMT(slice_from(two, 28)));
    struct bounce_verp v;
    assert_int_equal(verified(a, forged, &v), BOUNCE_VERP_FORGED);
    assert_slice(v.recipient, SLICE_EMPTY);
}

static void test_keys(void **state)
{
    arena *a = *state;
    struct bounce_verp v;
    slice s = made(a, "user@example.com", "c1");
    const struct bounce_verp_key both[] = {key_b, key_a};
    const struct bounce_verp_key same_id[] = {{3, secret_b, 32}, key_a};
    const struct bounce_verp_key wrong = {3, secret_b, 32};
    const struct bounce_verp_key weak = {3, secret_a, 15};
    assert_int_equal(bounce_verp_verify(both, 2, S("t1"), s, S(""), S(""), TODAY, 0, a, &v), BOUNCE_VERP_OK);
    assert_int_equal(bounce_verp_verify(same_id, 2, S("t1"), s, S(""), S(""), TODAY, 0, a, &v), BOUNCE_VERP_OK);
    assert_int_equal(bounce_verp_verify(&key_b, 1, S("t1"), s, S(""), S(""), TODAY, 0, a, &v), BOUNCE_VERP_OLD_KEY);
    assert_int_equal(bounce_verp_verify(&wrong, 1, S("t1"), s, S(""), S(""), TODAY, 0, a, &v), BOUNCE_VERP_FORGED);
    assert_int_equal(bounce_verp_verify(&weak, 1, S("t1"), s, S(""), S(""), TODAY, 0, a, &v), BOUNCE_VERP_OLD_KEY);
    assert_int_equal(bounce_verp_verify(NULL, 0, S("t1"), s, S(""), S(""), TODAY, 0, a, &v), BOUNCE_VERP_OLD_KEY);
}

static void test_age(void **state)
{
    arena *a = *state;
    struct bounce_verp v;
    slice s = made(a, "user@example.com", "c1");
    const struct {
        uint32_t today, max_days;
        enum bounce_verp_status want;
    } cases[] = {
        {TODAY, 30, BOUNCE_VERP_OK},
        {TODAY + 30, 30, BOUNCE_VERP_OK},
        {TODAY + 31, 30, BOUNCE_VERP_EXPIRED},
        {TODAY + 20000, 0, BOUNCE_VERP_OK},
        {TODAY - 1, 30, BOUNCE_VERP_OK},   /* our clock is behind */
        {TODAY - 200, 30, BOUNCE_VERP_OK}, /* a clock that jumped; we did sign it */
        {TODAY + 30, UINT32_MAX, BOUNCE_VERP_OK},
        {TODAY + 32768, 0, BOUNCE_VERP_FORGED}, /* the day is signed whole: no second life after 89 years */
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(
            bounce_verp_verify(&key_a, 1, S("t1"), s, S(""), S(""), cases[i].today, cases[i].max_days, a, &v),
            cases[i].want);
}

/* Around 64 octets: one more octet of recipient makes the id short, then the recipient opaque. */
static void test_edge(void **state)
{
    arena *a = *state;
    bool seen_clear = false;
    bool seen_short = false;
    bool seen_opaque = false;
    for (int n = 1; n <= 64; n++) {
        struct bounce_verp v;
        char recipient[100];
        snprintf(recipient, sizeof recipient, "%.*s@e.example", n,
                 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
        slice s = made(a, recipient, "campaign-2026-47");
        assert_true(slice_chr(s, '@') <= 64);
        assert_int_equal(verified(a, s, &v), BOUNCE_VERP_OK);
        bool clear = v.recipient.n > 0;
        bool readable = v.message.n > 0;
        seen_clear = seen_clear || (clear && readable && slice_chr(s, '@') == 64);
        seen_short = seen_short || (clear && !readable && slice_chr(s, '@') == 64);
        seen_opaque = seen_opaque || !clear;
    }
    assert_true(seen_clear && seen_short && seen_opaque);
}

static void test_opaque(void **state)
{
    arena *a = *state;
    slice out, id, again;
    struct bounce_verp v;
    struct bounce_verp what = {
        .tenant = S("t1"), .recipient = S("\"a b\"@example.com"), .message = S("m"), .day = TODAY};
    assert_int_equal(bounce_verp_make(&key_a, &what, S("b"), S("e.example"), a, &out, &id), BOUNCE_OK);
    assert_int_equal(id.n, VERP_OPAQUE_CHARS);
    assert_int_equal(verified(a, out, &v), BOUNCE_VERP_OK);
    assert_slice(v.opaque, id);
    assert_slice(v.recipient, SLICE_EMPTY);
    what.day++;
    what.message = S("n");
    assert_int_equal(bounce_verp_make(&key_a, &what, S("b"), S("e.example"), a, &out, &again), BOUNCE_OK);
    assert_slice(again, id); /* one id per recipient, not per message */
    what.tenant = S("t2");
    assert_int_equal(bounce_verp_make(&key_a, &what, S("b"), S("e.example"), a, &out, &again), BOUNCE_OK);
    assert_false(slice_eq(again, id));
    what.recipient = S("user@example.com");
    assert_int_equal(bounce_verp_make(&key_a, &what, S("b"), S("e.example"), a, &out, &again), BOUNCE_OK);
    assert_slice(again, SLICE_EMPTY);
}

static void test_arguments(void **state)
{
    arena *a = *state;
    slice out;
    struct bounce_verp what = {.tenant = S(""), .recipient = S("user@example.com"), .message = S(""), .day = TODAY};
    const struct bounce_verp_key weak = {1, secret_a, 15};
    const struct bounce_verp_key high = {32, secret_a, 32};
    assert_int_equal(bounce_verp_make(&weak, &what, S("b"), S("e.example"), a, &out, NULL), BOUNCE_INVALID);
    assert_int_equal(bounce_verp_make(&high, &what, S("b"), S("e.example"), a, &out, NULL), BOUNCE_INVALID);
    static const char *const prefixes[] = {"",   "B",  "a+b",  "a@b",
                                           ".a", "a.", "a..b", "p-refix-that-is-too-long-for-any"};
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        assert_int_equal(bounce_verp_make(&key_a, &what, slice_str(prefixes[i]), S("e.example"), a, &out, NULL),
                         BOUNCE_INVALID);
        assert_slice(out, SLICE_EMPTY);
    }
    assert_int_equal(bounce_verp_make(&key_a, &what, S("b"), S("not a domain"), a, &out, NULL), BOUNCE_INVALID);
    assert_int_equal(bounce_verp_make(&key_a, &what, S("b"), S(""), a, &out, NULL), BOUNCE_INVALID);
    what.recipient = S("no address");
    assert_int_equal(bounce_verp_make(&key_a, &what, S("b"), S("e.example"), a, &out, NULL), BOUNCE_INVALID);
}

static void test_memory_refused(void **state)
{
    (void)state;
    slice out;
    struct bounce_verp what = {.tenant = S(""), .recipient = S("user@example.com"), .message = S("c1"), .day = TODAY};
    enum bounce_status st = BOUNCE_LIMIT;
    for (size_t cap = 1; st != BOUNCE_OK; cap += 16) {
        arena small;
        arena_init(&small, cap);
        st = bounce_verp_make(&key_a, &what, S("b"), S("e.example"), &small, &out, NULL);
        assert_true(st == BOUNCE_LIMIT || st == BOUNCE_OK);
        assert_int_equal(out.n > 0, st == BOUNCE_OK);
        arena_fini(&small);
        assert_true(cap < 4000);
    }
    slice address = made(*state, "user@example.com", "Long Message Id");
    enum bounce_verp_status got = BOUNCE_VERP_NOT;
    for (size_t cap = 1; got != BOUNCE_VERP_OK; cap += 16) {
        struct bounce_verp v;
        arena small;
        arena_init(&small, cap);
        got = bounce_verp_verify(&key_a, 1, S("t1"), address, S("user@example.com"), S("Long Message Id"), TODAY, 0,
                                 &small, &v);
        assert_true(got != BOUNCE_VERP_OK || v.recipient.n > 0);
        arena_fini(&small);
        assert_true(cap < 4000);
    }
}

static void use_prefix(slice prefix, void *data)
{
    struct bounce_verp v;
    arena_reset(data);
    (void)verp_recipient(data, prefix);
    (void)verp_token(prefix);
    (void)bounce_verp_verify(&key_a, 1, S("t1"), prefix, S(""), S(""), TODAY, 0, data, &v);
}

static void test_every_prefix(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        guard_prefixes(slice_str(dialects[i].address), use_prefix, *state);
    arena keep;
    arena_init(&keep, 0);
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        guard_prefixes(made(&keep, forms[i].recipient, forms[i].message), use_prefix, *state);
    arena_fini(&keep);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialects),      cmocka_unit_test(test_unwrap),
        cmocka_unit_test(test_form_is_fixed), cmocka_unit_test(test_forms),
        cmocka_unit_test(test_expected),      cmocka_unit_test(test_case_is_folded),
        cmocka_unit_test(test_keys),          cmocka_unit_test(test_every_change_is_rejected),
        cmocka_unit_test(test_age),           cmocka_unit_test(test_another_recipients_token),
        cmocka_unit_test(test_edge),          cmocka_unit_test(test_opaque),
        cmocka_unit_test(test_arguments),     cmocka_unit_test(test_memory_refused),
        cmocka_unit_test(test_every_prefix),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
