#include "check.h"

#include <stdlib.h>

#include "bounce/address.h"

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

struct pair {
    const char *in, *want;
};

static const struct pair spans[] = {
    {"a@b", "a@b"},
    {"a.b+c=d@ex-ample.com", "a.b+c=d@ex-ample.com"},
    {"a@b.", "a@b"},
    {"a@b.com.", "a@b.com"},
    {"a@b.com>", "a@b.com"},
    {"a@b..com", "a@b"},
    {"a@-b", ""},
    {"a@b-.com", "a@b"},
    {"a@", ""},
    {"@b", ""},
    {"a b@c", ""},
    {"", ""},
    {"\"a b\"@c.d", "\"a b\"@c.d"},
    {"\"a\\\"b\"@c.d", "\"a\\\"b\"@c.d"},
    {"\"a b@c.d", ""},
    {"\"a\\\x19\"@c.d", ""},
    {"\"a\tb\"@c.d", ""},
    {"a@[192.0.2.1]", "a@[192.0.2.1]"},
    {"a@[IPv6:2001:db8::1] x", "a@[IPv6:2001:db8::1]"},
    {"a@[192.0.2.1", ""},
    {"a..b@docomo.example", "a..b@docomo.example"},
    {"a.@docomo.example", "a.@docomo.example"},
    {"j\xc3\xbcrg@m\xc3\xbcller.example", "j\xc3\xbcrg@m\xc3\xbcller.example"},
    {"a@example.com\xe3\x81\xbe\xe3\x81\xa7", "a@example.com"},
    {"a@\xe4\xbe\x8b\xe5\xad\x90.\xe5\xb9\xbf\xe5\x91\x8a", "a@\xe4\xbe\x8b\xe5\xad\x90.\xe5\xb9\xbf\xe5\x91\x8a"},
    {"a@b_c.example", "a@b_c.example"},
};

static void test_span(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(spans); i++) {
        slice s = slice_str(spans[i].in);
        assert_slice(slice_sub(s, 0, address_span(s)), slice_str(spans[i].want));
    }
}

static const struct pair finds[] = {
    {"a@b.c", "a@b.c"},
    {"<a@b.c>", "a@b.c"},
    {"\"Doe, J.\" <a@b.c>", "a@b.c"},
    {"x@y.z <a@b.c>", "a@b.c"},
    {"<mailto:a@b.c>", "a@b.c"},
    {"<mailto:a@b.c?subject=x>", "a@b.c"},
    {"mailto:a@b.c", "a@b.c"},
    {"<@r1,@r2:a@b.c>", "a@b.c"},
    {"rfc822; a@b.c", "a@b.c"},
    {"rfc822;a@b.c", "a@b.c"},
    {"< a@b.c >", "a@b.c"},
    {"< a@b.c. >", "a@b.c"},
    {"<<a@b.c>>", "a@b.c"},
    {"<not one> a@b.c", "a@b.c"},
    {"'a@b.c'", "a@b.c"},
    {"o'brien@b.c", "o'brien@b.c"},
    {"`a@b.c`: unknown", "a@b.c"},
    {"to=<a@b.c>, relay=x", "a@b.c"},
    {"rcpt=a@b.c", "a@b.c"},
    {"(a@b.c)", "a@b.c"},
    {"a@b.c...", "a@b.c"},
    {"user unknown: \"a b\"@c.d!", "\"a b\"@c.d"},
    {"\xe2\x80\x9c"
     "a@b.c\xe2\x80\x9d",
     "a@b.c"},
    {"\xc2\xab"
     "a@b.c\xc2\xbb",
     "a@b.c"},
    {"\xe5\xae\x9b\xe5\x85\x88"
     "a@b.c\xe3\x81\xaf",
     "a@b.c"},
    {"bounces+u=e.com@l.org", "bounces+u=e.com@l.org"},
    {"no address here @ all", ""},
    {"a@ b.c@d.e", "b.c@d.e"},
    {"@@a@b.c", "a@b.c"},
    {"<>", ""},
    {"", ""},
    {"Jean <j@b.c> (comment x@y.z)", "j@b.c"},
};

static void test_find(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(finds); i++)
        assert_slice(address_find(slice_str(finds[i].in)), slice_str(finds[i].want));
}

static void test_next(void **state)
{
    arena *a = *state;
    slice text = S("<a@b.c>: gone; d@e.f, g@h.i. user@ nothing; \"j k\"@l.m");
    slice all = SLICE_EMPTY;
    size_t pos = 0;
    for (slice s; (s = address_next(text, &pos)).n > 0;)
        all = arena_printf(a, "%.*s[%.*s]", SLICE_FMT(all), SLICE_FMT(s));
    assert_slice(all, S("[a@b.c][d@e.f][g@h.i][\"j k\"@l.m]"));
    assert_int_equal(pos, text.n);
}

static const struct pair lists[] = {
    {"a@b.c", "[a@b.c]"},
    {"a@b.c, d@e.f", "[a@b.c][d@e.f]"},
    {"\"X, Y\" <a@b.c>, (c, d) d@e.f", "[a@b.c][d@e.f]"},
    {"(x@y.z) a@b.c", "[a@b.c]"},
    {"Group: a@b.c, D <d@e.f>;, g@h.i", "[a@b.c][d@e.f][g@h.i]"},
    {"undisclosed-recipients:;", ""},
    {"a@b.c,\r\n\td@e.f", "[a@b.c][d@e.f]"},
    {",,, a@b.c ,;", "[a@b.c]"},
    {"\"unclosed <a@b.c>, d@e.f", "[a@b.c][d@e.f]"},
    {"nobody, a@b.c", "[a@b.c]"},
    {"", ""},
};

static void test_list(void **state)
{
    arena *a = *state;
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        slice rest = slice_str(lists[i].in);
        slice all = SLICE_EMPTY;
        slice s;
        while (address_list(&rest, &s))
            all = arena_printf(a, "%.*s[%.*s]", SLICE_FMT(all), SLICE_FMT(s));
        assert_slice(all, slice_str(lists[i].want));
    }
}

static const struct pair typed[] = {
    {"rfc822; a@b.c", "a@b.c"},
    {"rfc822;<a@b.c>", "a@b.c"},
    {"RFC822 ; a@b.c (comment)", "a@b.c"},
    {"rfc822;\r\n a@b.c", "a@b.c"},
    {"rfc822;user+2Btag@b.c", "user+tag@b.c"},
    {"rfc822;user+41@b.c", "user+41@b.c"}, /* may be a real tag */
    {"orcpt;user+41@b.c", "userA@b.c"},
    {"utf-8; \\x{FC}x@b.c", "\xc3\xbcx@b.c"},
    {"a@b.c", "a@b.c"},
    {"rfc822; localuser", "localuser"},
    {"local; postmaster (x)", "postmaster"},
    {"rfc822; <>", ""},
    {"X-LOCAL;<root>", "root"},
    {"rfc822;'quoted'@b.c", "'quoted'@b.c"},
    {"<a;b@c.d>", "b@c.d"},
    {"", ""},
};

static void test_typed(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(typed); i++)
        assert_slice(address_from_typed(*state, slice_str(typed[i].in)), slice_str(typed[i].want));
}

static void test_halves(void **state)
{
    (void)state;
    assert_slice(address_local(S("a@b@c")), S("a@b"));
    assert_slice(address_domain(S("a@b@c")), S("c"));
    assert_slice(address_local(S("a")), S("a"));
    assert_slice(address_domain(S("a")), SLICE_EMPTY);
}

static const struct {
    const char *in, *want, *key;
} normals[] = {
    {"User@Example.COM", "User@example.com", "user@example.com"},
    {" <User@Example.COM> ", "User@example.com", "user@example.com"},
    {"a@b.c.", "a@b.c", "a@b.c"},
    {"\"plain\"@b.c", "plain@b.c", "plain@b.c"},
    {"\"a.b\"@b.c", "a.b@b.c", "a.b@b.c"},
    {"\"a..b\"@b.c", "a..b@b.c", "a..b@b.c"},
    {"\"a b\"@b.c", "\"a b\"@b.c", "\"a b\"@b.c"},
    {"\"a\\b\"@b.c", "ab@b.c", "ab@b.c"},
    {"\"a\\\"b\"@b.c", "\"a\\\"b\"@b.c", "\"a\\\"b\"@b.c"},
    {"\"a@b\"@b.c", "\"a@b\"@b.c", "\"a@b\"@b.c"},
    {"\"\"@b.c", "\"\"@b.c", "\"\"@b.c"},
    {"x@M\xc3\x9cLLER.example", "x@xn--mller-kva.example", "x@xn--mller-kva.example"},
    {"x@stra\xc3\x9f"
     "e.example",
     "x@xn--strae-oqa.example", "x@xn--strae-oqa.example"}, /* nontransitional */
    {"x@XN--mller-KVA.example", "x@xn--mller-kva.example", "x@xn--mller-kva.example"},
    {"J\xc3\x9crg@b.c", "J\xc3\x9crg@b.c", "j\xc3\x9crg@b.c"}, /* ASCII is folded, the rest stays */
    {"a@[IPv6:2001:DB8::1]", "a@[ipv6:2001:db8::1]", "a@[ipv6:2001:db8::1]"},
    {"a@b", "a@b", "a@b"},
    {"Name <a@b.c>", "", ""},
    {"a@b.c, d@e.f", "", ""},
    {"a@b@c", "", ""},
    {"a@b\xe2\x80\x80.example", "", ""}, /* a wide blank */
    {"a b@c.d", "", ""},
    {"a@b..c", "", ""},
    {"a@", "", ""},
    {"@b", "", ""},
    {"a", "", ""},
    {"\xff@b.c", "", ""},
    {"", "", ""},
    {"<>", "", ""},
};

static void test_normal(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(normals); i++) {
        slice key;
        assert_slice(address_normal(*state, slice_str(normals[i].in), &key), slice_str(normals[i].want));
        assert_slice(key, slice_str(normals[i].key));
    }
    assert_slice(address_normal(*state, S("A@B.c"), NULL), S("A@b.c"));
}

/* A normal form is its own normal form. */
static void test_normal_is_stable(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(normals); i++) {
        slice key, again;
        slice once = address_normal(*state, slice_str(normals[i].in), &key);
        if (once.n == 0)
            continue;
        assert_slice(address_normal(*state, once, &again), once);
        assert_slice(again, key);
    }
}

static slice sized(arena *a, size_t local, size_t labels, size_t label)
{
    slice s = SLICE_EMPTY;
    char x[300];
    memset(x, 'x', sizeof x);
    s = arena_printf(a, "%.*s@", (int)local, x);
    for (size_t i = 0; i < labels; i++)
        s = arena_printf(a, "%.*s%s%.*s", SLICE_FMT(s), i ? "." : "", (int)label, x);
    return s;
}

static void test_lengths(void **state)
{
    arena *a = *state;
    assert_true(address_normal(a, sized(a, 64, 1, 10), NULL).n > 0);
    assert_int_equal(address_normal(a, sized(a, 65, 1, 10), NULL).n, 0);
    assert_true(address_normal(a, sized(a, 5, 2, 63), NULL).n > 0);
    assert_int_equal(address_normal(a, sized(a, 5, 2, 64), NULL).n, 0);
    assert_true(address_normal(a, sized(a, 5, 4, 63), NULL).n > 0);
    assert_int_equal(address_normal(a, sized(a, 5, 5, 51), NULL).n, 0);
}

static void use_prefix(slice prefix, void *data)
{
    arena *a = data;
    slice rest = prefix;
    slice s;
    size_t pos = 0;
    arena_reset(a);
    (void)address_span(prefix);
    (void)address_find(prefix);
    while (address_next(prefix, &pos).n > 0)
        ;
    while (address_list(&rest, &s))
        ;
    (void)address_from_typed(a, prefix);
    (void)address_normal(a, prefix, &s);
}

static void test_every_prefix(void **state)
{
    static const char *const texts[] = {
        "rfc822; \"a \\\"b\"@m\xc3\xbcller.example (c)",
        "<@a,@b:c@d.e>, G: \"x, y\" <f@g.h>; (z) i@[IPv6:::1]",
        "\xe2\x80\x9cto=a@b.c\xe3\x81\xaf utf-8; \\x{FC}@x",
        "<mailto:a+2Bb@c.d?x=y>",
    };
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        guard_prefixes(slice_str(texts[i]), use_prefix, *state);
}

/* Inputs made to be slow. */
static void test_hostile(void **state)
{
    static const char *const units[] = {"@", "a@", "<", "<a@b.c", "\"", "(", "\"@", "a.", "a@b.", "<@a:", ",", "\\"};
    size_t n = 300000;
    char *p = malloc(n);
    assert_non_null(p);
    for (size_t u = 0; u < ARRAY_LEN(units); u++) {
        size_t width = strlen(units[u]);
        for (size_t i = 0; i < n; i++)
            p[i] = units[u][i % width];
        use_prefix((slice){p, n}, *state);
    }
    free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_span),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_next),
        cmocka_unit_test(test_list),
        cmocka_unit_test(test_typed),
        cmocka_unit_test(test_halves),
        cmocka_unit_test(test_normal),
        cmocka_unit_test(test_lengths),
        cmocka_unit_test(test_every_prefix),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_normal_is_stable),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
