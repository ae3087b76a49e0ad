/* Bodies of our own events: in every form, and what is told of each item that is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "feed/events.h"
#include "guard.h"
#include "observation_dump.h"

#define GOOD "{\"event\":\"delivered\",\"recipient\":\"a@x.ex\",\"time\":\"2025-07-01T10:00:00Z\"}"
#define LINE "delivered a@x.ex 2025-07-01T10:00:00Z\n"

struct outcome {
    buf text; /* observations, then "item: what why" */
    struct events_result result;
    bool whole;
};

static void read_body(slice body, slice tenant, size_t cap, struct outcome *out)
{
    const struct events_options o = {.tenant = tenant, .trust = TRUST_PROVEN};
    struct feed_list list = {0};
    arena a;
    arena_init(&a, cap);
    buf_init(&out->text, 0);
    out->whole = events_read(body, &o, &a, &list, &out->result);
    dump_list(&out->text, &list);
    assert_true(!out->whole || list.n == out->result.taken);
    for (size_t i = 0; i < out->result.bad_told; i++) {
        const struct events_bad *b = &out->result.bad[i];
        buf_printf(&out->text, "%zu: %.*s %s\n", b->item, SLICE_FMT(b->what), b->why);
    }
    buf_addc(&out->text, 0);
    arena_fini(&a);
}

static void check(const char *body, const char *expected)
{
    struct outcome out;
    read_body(slice_str(body), SLICE_EMPTY, 0, &out);
    assert_true(out.whole);
    assert_string_equal(out.text.p, expected);
    buf_fini(&out.text);
}

static void takes_every_form(void **state)
{
    (void)state;
    check(GOOD, LINE);
    check(" \n" GOOD "\n\n", LINE);
    check(GOOD "\n" GOOD "\r\n" GOOD, LINE LINE LINE);
    check("[" GOOD "," GOOD "]", LINE LINE);
    check("{\"events\":[" GOOD "," GOOD "]}", LINE LINE);
    check("{\n \"event\": \"delivered\",\n \"recipient\": \"a@x.ex\",\n \"time\": 1751364000\n}", LINE);
    check("[]", "");
}

static void tells_each_bad_item(void **state)
{
    (void)state;
    check(GOOD "\n{\"event\":\"danced\",\"recipient\":\"a@x.ex\",\"key\":1}\n" GOOD "\n{oops\n7\n" GOOD " x\n",
          LINE LINE "1: danced is no event that is known\n3:  is no JSON, or cut off\n4:  is no JSON, or cut off\n"
                    "5:  has more behind it\n");
    check("{\"recipient\":\"a@x.ex\"}", "0: event is missing\n");
    check("{\"event\":\"opened\"}", "0: recipient is missing\n");
    check("{\"event\":\"opened\",\"recipient\":\"nobody\",\"key\":1}", "0: recipient is no address\n");
    check("{\"event\":\"opened\",\"recipient\":\"a@x.ex\"}",
          "0: time or key must be there: a repeat could not be told from a second event\n");
    check("{\"event\":\"opened\",\"recipient\":\"a@x.ex\",\"time\":\"yesterday\"}",
          "0: time is no time (ISO 8601, or seconds since 1970)\n");
    check("{\"event\":\"opened\",\"recipient\":\"a@x.ex\",\"key\":{}}", "0: key must be a text\n");
    check("{\"event\":\"opened\",\"recipient\":\"a@x.ex\",\"key\":1,\"campaign\":\"a\\u0000b\"}",
          "0: campaign has control characters in it\n");
    check("{\"event\":\"bounced\",\"recipient\":\"a@x.ex\",\"key\":1,\"phase\":\"lunch\"}",
          "0: lunch is no phase of a session\n");
    check("{\"event\":\"bounced\",\"recipient\":\"a@x.ex\",\"key\":1,\"reason\":\"lunch\"}",
          "0: lunch is no reason that is known\n");
    check("{\"event\":\"bounced\",\"recipient\":\"a@x.ex\",\"key\":1,\"tried_nothing\":\"no\"}",
          "0: tried_nothing must be true or false\n");
    check("", "0:  is no JSON, or cut off\n");
    check("[" GOOD, "0:  is no JSON, or cut off\n");
    check("[[]]", "0:  an event is a JSON object\n");
    check("null", "0:  is no JSON, or cut off\n");
}

static void a_tenant_is_its_senders(void **state)
{
    (void)state;
    struct outcome out;
    read_body(S("{\"event\":\"opened\",\"recipient\":\"a@x.ex\",\"key\":1,\"tenant\":\"other\"}\n"
                "{\"event\":\"opened\",\"recipient\":\"a@x.ex\",\"key\":1,\"tenant\":\"mine\"}\n"
                "{\"event\":\"opened\",\"recipient\":\"b@x.ex\",\"key\":1}"),
              S("mine"), 0, &out);
    assert_string_equal(out.text.p, "opened a@x.ex tenant=mine \nopened b@x.ex tenant=mine \n0: tenant is not yours\n");
    buf_fini(&out.text);
}

static struct hash128 key_of(const char *body)
{
    const struct events_options o = {.tenant = SLICE_EMPTY};
    struct feed_list list = {0};
    struct events_result r;
    arena a;
    arena_init(&a, 0);
    assert_true(events_read(slice_str(body), &o, &a, &list, &r));
    assert_int_equal(list.n, 1);
    struct hash128 h = list.items[0].source_key;
    arena_fini(&a);
    return h;
}

static bool same_key(const char *a, const char *b)
{
    struct hash128 x = key_of(a), y = key_of(b);
    return x.hi == y.hi && x.lo == y.lo;
}

static void keys_stop_repeats(void **state)
{
    (void)state;
    const char *first = "{\"event\":\"opened\",\"recipient\":\"a@x.ex\",\"key\":\"k\",\"time\":1}";
    assert_true(same_key(first, "{\"key\":\"k\",\"recipient\":\"a@x.ex\",\"event\":\"opened\",\"campaign\":\"c\"}"));
    assert_false(same_key(first, "{\"event\":\"opened\",\"recipient\":\"b@x.ex\",\"key\":\"k\"}"));
    assert_false(same_key(first, "{\"event\":\"opened\",\"recipient\":\"a@x.ex\",\"key\":\"l\"}"));
    assert_false(same_key(first, "{\"event\":\"opened\",\"recipient\":\"a@x.ex\",\"key\":\"k\",\"tenant\":\"t\"}"));
    assert_true(same_key(GOOD, " " GOOD "\n"));
    assert_false(
        same_key(GOOD, "{\"event\":\"delivered\",\"recipient\":\"a@x.ex\",\"time\":\"2025-07-01T10:00:01Z\"}"));
}

static void caps_hold(void **state)
{
    (void)state;
    struct outcome out;
    buf body;
    buf_init(&body, 0);
    for (size_t i = 0; i < EVENTS_MAX_ITEMS + 5; i++)
        buf_adds(&body, GOOD "\n");
    read_body(buf_slice(&body), SLICE_EMPTY, 0, &out);
    assert_int_equal(out.result.taken, EVENTS_MAX_ITEMS);
    assert_int_equal(out.result.bad_count, 5);
    buf_fini(&out.text);
    buf_clear(&body);
    for (size_t i = 0; i < EVENTS_MAX_BAD + 5; i++)
        buf_adds(&body, "{}\n");
    read_body(buf_slice(&body), SLICE_EMPTY, 0, &out);
    assert_int_equal(out.result.bad_count, EVENTS_MAX_BAD + 5);
    assert_int_equal(out.result.bad_told, EVENTS_MAX_BAD);
    buf_fini(&out.text);
    read_body(S(GOOD "\n" GOOD), SLICE_EMPTY, 100, &out);
    assert_false(out.whole);
    buf_fini(&out.text);
    buf_fini(&body);
}

static void try_prefix(slice prefix, void *data)
{
    (void)data;
    struct outcome out;
    read_body(prefix, SLICE_EMPTY, 0, &out);
    assert_true(out.whole);
    buf_fini(&out.text);
}

static void survives_every_prefix(void **state)
{
    (void)state;
    guard_prefixes(S(GOOD "\n{\"event\":\"bounced\",\"recipient\":\"a@x.ex\",\"key\":1,\"reply\":\"550 \\u00e9\"}\n"),
                   try_prefix, NULL);
    guard_prefixes(S("{\"events\":[" GOOD "," GOOD "]}"), try_prefix, NULL);
}

/* docs/events.md has a row for each member. */
static void every_member_is_documented(void **state)
{
    (void)state;
    FILE *f = fopen(TEST_SOURCE "/docs/events.md", "rb");
    assert_non_null(f);
    buf doc;
    buf_init(&doc, 0);
    for (size_t n = 1; n > 0; doc.n += n) {
        assert_true(buf_reserve(&doc, 65536));
        n = fread(doc.p + doc.n, 1, 65536, f);
    }
    fclose(f);
    for (size_t i = 0; events_field(i); i++) {
        char row[80];
        int n = snprintf(row, sizeof row, "\n| `%s` |", events_field(i));
        if (slice_find(buf_slice(&doc), slice_of(row, (size_t)n)) == SLICE_NPOS)
            fail_msg("docs/events.md does not tell of %s", events_field(i));
    }
    buf_fini(&doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_every_form),
        cmocka_unit_test(tells_each_bad_item),
        cmocka_unit_test(a_tenant_is_its_senders),
        cmocka_unit_test(keys_stop_repeats),
        cmocka_unit_test(caps_hold),
        cmocka_unit_test(survives_every_prefix),
        cmocka_unit_test(every_member_is_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
