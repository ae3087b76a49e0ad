/* What webhooks tell. The cases are tests/samples/webhooks/NAME.jsonl, one a line: "esp", "body" (a text is taken as it is, anything
 * else as JSON), "want" (a line for each observation, as dump() writes it) and "diag" (words of the body's and the events' diagnosis).
 */
#include <json-c/json.h>
#include <stdlib.h>

#include "base/buf.h"
#include "check.h"
#include "feed/esp.h"

static struct bounce_rules *rules;
static arena memory;

static void add(buf *out, const char *name, slice s)
{
    if (s.n)
        buf_printf(out, " %s=%.*s", name, SLICE_FMT(s));
}

static void dump_verdict(buf *out, const struct observation *o)
{
    struct bounce_verdict v = o->verdict;
    bool told = !slice_empty(v.rule);
    if (!bounce_kind_final(o->kind) && !bounce_kind_attempt(o->kind))
        return;
    if (!told) {
        struct bounce_evidence_set e = {.text = o->reply,
                                        .status = o->status,
                                        .provider = o->remote_mta,
                                        .recipient = o->recipient,
                                        .kind = o->kind};
        assert_int_equal(bounce_judge(rules, &e, &memory, &v), BOUNCE_OK);
    }
    buf_printf(out, " %s%s", bounce_reason_word(v.reason), told ? "(platform)" : "");
}

static void dump(buf *out, const struct observation *o)
{
    buf_printf(out, "%s %.*s", bounce_kind_word(o->kind), SLICE_FMT(o->recipient));
    dump_verdict(out, o);
    add(out, "word", o->platform_cause);
    buf_addc(out, ' ');
    time_add_iso(out, o->time_us);
    add(out, "message", o->ids[ID_MESSAGE]);
    add(out, "provider", o->ids[ID_PROVIDER]);
    add(out, "from", o->sender);
    add(out, "campaign", o->campaign);
    add(out, "stream", o->stream);
    add(out, "status", o->status);
    add(out, "mx", o->remote_mta);
    add(out, "ip", o->sending_ip);
    if (o->trust == TRUST_BARE)
        buf_adds(out, " bare");
    add(out, "reply", o->reply);
}

static void dump_diag(buf *out, unsigned diag)
{
    for (unsigned bit = 0; bit < ESP_DIAGS; bit++)
        if (diag & (1u << bit) && diag != ESP_DIAG_NO_ID)
            buf_printf(out, "%s%s", out->n ? " " : "", esp_diag_word(bit));
}

static unsigned all_diag(const struct esp_result *r)
{
    unsigned diag = r->diag;
    for (size_t i = 0; i < r->event_count; i++)
        diag |= r->events[i].diag & ~(unsigned)ESP_DIAG_NO_ID;
    return diag;
}

static struct esp_result parse(const struct esp *esp, slice body)
{
    static const struct esp_options options = {.tenant = SLICE_INIT("t"), .trust = TRUST_PROVEN};
    struct esp_result r;
    assert_true(esp_parse(esp, body, &options, &memory, &r));
    size_t n = 0;
    for (size_t i = 0; i < r.event_count; i++) {
        assert_int_equal(r.events[i].first, n);
        n += r.events[i].n;
    }
    assert_int_equal(n, r.list.n);
    return r;
}

static slice text_member(struct json_object *o, const char *name)
{
    struct json_object *v = json_object_object_get(o, name);
    return json_object_is_type(v, json_type_string)
               ? slice_of(json_object_get_string(v), (size_t)json_object_get_string_len(v))
               : SLICE_EMPTY;
}

static slice body_of(struct json_object *o)
{
    struct json_object *v = json_object_object_get(o, "body");
    if (json_object_is_type(v, json_type_string))
        return text_member(o, "body");
    return arena_dup(&memory, slice_str(json_object_to_json_string_ext(v, JSON_C_TO_STRING_PLAIN)));
}

static void compare(const char *name, size_t line, const char *what, slice got, slice want)
{
    if (slice_eq(got, want))
        return;
    print_error("%s:%zu: %s\n got %.*s\nwant %.*s\n", name, line, what, SLICE_FMT(got), SLICE_FMT(want));
    fail();
}

static void check_case(const char *name, size_t line, struct json_object *o)
{
    const struct esp *esp = esp_find(text_member(o, "esp"));
    struct json_object *want = json_object_object_get(o, "want");
    assert_non_null(esp);
    struct esp_result r = parse(esp, body_of(o));
    buf out;
    buf_init(&out, 0);
    size_t n = json_object_array_length(want);
    for (size_t i = 0; i < r.list.n || i < n; i++) {
        struct json_object *w = i < n ? json_object_array_get_idx(want, i) : NULL;
        buf_clear(&out);
        if (i < r.list.n)
            dump(&out, &r.list.items[i]);
        compare(name, line, "observation", buf_slice(&out), slice_str(w ? json_object_get_string(w) : ""));
    }
    buf_clear(&out);
    dump_diag(&out, all_diag(&r));
    compare(name, line, "diagnosis", buf_slice(&out), text_member(o, "diag"));
    buf_fini(&out);
}

/* What a body cut short gives is no matter; that it is read to its end and no further is. */
static void read_prefix(slice prefix, void *esp)
{
    static const struct esp_options options = {.trust = TRUST_BARE};
    struct esp_result r;
    arena a;
    arena_init(&a, 0);
    assert_true(esp_parse(esp, prefix, &options, &a, &r));
    arena_fini(&a);
}

static void prefixes_of_case(const char *name, size_t line, struct json_object *o)
{
    (void)name;
    (void)line;
    guard_prefixes(body_of(o), read_prefix, (void *)(uintptr_t)esp_find(text_member(o, "esp")));
}

static slice read_file(const char *path)
{
    static char text[1 << 20];
    FILE *f = fopen(path, "r");
    size_t n = f ? fread(text, 1, sizeof text, f) : 0;
    if (f)
        fclose(f);
    return slice_of(text, n);
}

static void each_case(const char *name, void (*fn)(const char *name, size_t line, struct json_object *o))
{
    char path[512];
    snprintf(path, sizeof path, "%s/webhooks/%s.jsonl", TEST_SAMPLES, name);
    slice rest = read_file(path), line;
    assert_true(rest.n > 0);
    for (size_t n = 1; slice_line(&rest, &line); n++) {
        arena_reset(&memory);
        struct json_object *o = json_tokener_parse(arena_dup(&memory, line).p);
        if (!o)
            print_error("%s:%zu is no JSON\n", name, n);
        assert_non_null(o);
        fn(name, n, o);
        json_object_put(o);
    }
}

/* "odd" has what no platform should send. */
static const char *const more_files[] = {"odd"};

static void every_sample_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; esp_at(i); i++)
        each_case(esp_at(i)->name, check_case);
    for (size_t i = 0; i < ARRAY_LEN(more_files); i++)
        each_case(more_files[i], check_case);
}

static void every_prefix_is_read(void **state)
{
    (void)state;
    for (size_t i = 0; esp_at(i); i++)
        each_case(esp_at(i)->name, prefixes_of_case);
    for (size_t i = 0; i < ARRAY_LEN(more_files); i++)
        each_case(more_files[i], prefixes_of_case);
}

/* ---- limits --------------------------------------------------------------------------------------------------- */

static void little_memory(const char *name, size_t line, struct json_object *o)
{
    static const struct esp_options options = {.trust = TRUST_PROVEN};
    const struct esp *esp = esp_find(text_member(o, "esp"));
    slice body = body_of(o);
    (void)name;
    (void)line;
    for (size_t cap = 16; cap < 1 << 16; cap += cap / 4 + 16) {
        struct esp_result r;
        arena a;
        arena_init(&a, cap);
        bool whole = esp_parse(esp, body, &options, &a, &r);
        assert_int_equal(whole, !a.limited);
        for (size_t i = 0; i < r.list.n && whole; i++)
            assert_true(r.list.items[i].recipient.n > 0);
        arena_fini(&a);
    }
}

static void refused_memory_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; esp_at(i); i++)
        each_case(esp_at(i)->name, little_memory);
}

static void long_texts_are_cut(void **state)
{
    (void)state;
    static char text[2 * ESP_MAX_REPLY_BYTES];
    buf body;
    buf_init(&body, 0);
    memset(text, 'x', sizeof text);
    buf_adds(
        &body,
        "[{\"event\":\"bounce\",\"email\":\"anna@example.net\",\"timestamp\":1,\"sg_event_id\":\"1\",\"campaign\":\"");
    buf_add(&body, slice_of(text, ESP_MAX_TEXT_BYTES));
    buf_adds(&body, "\",\"reason\":\"550 ");
    buf_add(&body, slice_of(text, sizeof text));
    buf_adds(&body, "\"}]");
    struct esp_result r = parse(esp_find(S("sendgrid")), buf_slice(&body));
    assert_int_equal(r.list.n, 1);
    assert_int_equal(r.events[0].diag, ESP_DIAG_CUT);
    assert_int_equal(r.list.items[0].reply.n, ESP_MAX_REPLY_BYTES);
    assert_int_equal(r.list.items[0].campaign.n, ESP_MAX_TEXT_BYTES);
    buf_fini(&body);
}

static void recipients_have_a_limit(void **state)
{
    (void)state;
    buf body;
    buf_init(&body, 0);
    buf_adds(&body, "{\"eventType\":\"Delivery\",\"delivery\":{\"recipients\":[");
    for (unsigned i = 0; i < ESP_MAX_OBSERVATIONS + 10; i++)
        buf_printf(&body, "%s\"a%u@example.net\"", i ? "," : "", i);
    buf_adds(&body, "]}}");
    struct esp_result r = parse(esp_find(S("ses")), buf_slice(&body));
    assert_int_equal(r.list.n, ESP_MAX_OBSERVATIONS);
    assert_int_equal(r.diag, ESP_DIAG_MANY);
    buf_fini(&body);
}

/* Two events that differ in anything have two keys, and one event has one key wherever it stands. */
static void keys_tell_events_apart(void **state)
{
    (void)state;
    struct esp_result r =
        parse(esp_find(S("sendgrid")), S("[{\"event\":\"open\",\"email\":\"a@example.net\",\"sg_event_id\":\"1\"},{"
                                         "\"event\":\"open\",\"email\":\"a@example.net\","
                                         "\"sg_event_id\":\"2\"},{\"event\":\"click\",\"email\":\"a@example.net\",\"sg_"
                                         "event_id\":\"1\"},{\"event\":\"open\",\"email\":"
                                         "\"b@example.net\",\"sg_event_id\":\"1\"},{\"event\":\"open\",\"email\":\"a@"
                                         "example.net\"},{\"event\":\"open\",\"email\":"
                                         "\"a@example.net\",\"timestamp\":1},{\"event\":\"open\",\"email\":\"a@example."
                                         "net\",\"sg_event_id\":\"1\",\"more\":1}]"));
    assert_int_equal(r.list.n, 7);
    const struct observation *o = r.list.items;
    for (size_t i = 0; i < 7; i++)
        for (size_t k = 0; k < i; k++)
            assert_int_equal(o[i].source_key.lo == o[k].source_key.lo, i == 6 && k == 0);
}

static int set_up(void **state)
{
    (void)state;
    slice error;
    arena_init(&memory, 0);
    assert_int_equal(bounce_rules_new(NULL, 0, false, &memory, &rules, &error), BOUNCE_OK);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    bounce_rules_free(&rules);
    arena_fini(&memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_is_read),    cmocka_unit_test(every_prefix_is_read),
        cmocka_unit_test(refused_memory_is_told),  cmocka_unit_test(long_texts_are_cut),
        cmocka_unit_test(recipients_have_a_limit), cmocka_unit_test(keys_tell_events_apart),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
