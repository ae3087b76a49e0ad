#include "check.h"
#include "esp_signer.h"
#include "feed/esp_mapping.h"
#include "feed/esp_replay.h"

static arena memory;

#define ACME                                                                                                           \
    "{\"name\":\"acme\",\"fields\":{\"items\":\"events\",\"event\":\"type\",\"event_2\":\"sub\",\"recipient\":\"to\"," \
    "\"event_id\":\"id\",\"time\":\"at\",\"reply\":\"smtp\",\"campaign\":\"batch\"},"                                  \
    "\"events\":{\"ok\":\"delivered\",\"bad\":\"failed\",\"bad/gone\":\"failed user-unknown 80\","                     \
    "\"bad/~list\":\"suppressed complaint\",\"bad/own\":\"not-sent local-error\",\"later\":\"deferred mailbox-full\"," \
    "\"ping\":\"ignore\"},"                                                                                            \
    "\"signature\":{\"scheme\":\"hmac-sha256\",\"header\":\"X-Acme\",\"encoding\":\"base64\",\"prefix\":\"sha256=\"}}"

static const struct esp *read_mapping(const char *text)
{
    const struct esp *esp;
    err e;
    enum status st = esp_mapping_read(slice_str(text), &memory, &esp, &e);
    if (st != OK)
        print_error("%s\n", e.text);
    assert_int_equal(st, OK);
    return esp;
}

static struct esp_result parse(const struct esp *esp, const char *body)
{
    static const struct esp_options options = {.trust = TRUST_PROVEN};
    struct esp_result r;
    assert_true(esp_parse(esp, slice_str(body), &options, &memory, &r));
    return r;
}

static void a_file_makes_a_platform(void **state)
{
    (void)state;
    const struct esp *esp = read_mapping(ACME);
    assert_string_equal(esp->name, "acme");
    assert_string_equal(esp->title, "acme");
    struct esp_result r = parse(
        esp,
        "{\"events\":[{\"type\":\"ok\",\"to\":\"a@example.net\",\"id\":7,\"at\":1795000000,\"batch\":\"b\"},"
        "{\"type\":\"bad\",\"sub\":\"gone\",\"to\":\"a@example.net\"},{\"type\":\"bad\",\"sub\":\"gone\",\"to\":"
        "\"a@example.net\",\"smtp\":\"552 5.2.2 full\"},{\"type\":\"bad\",\"sub\":\"on our "
        "list\",\"to\":\"a@example.net\"},"
        "{\"type\":\"bad\",\"sub\":\"own\",\"to\":\"a@example.net\"},{\"type\":\"later\",\"to\":\"a@example.net\"},"
        "{\"type\":\"ping\"},{\"type\":\"new\"}]}");
    assert_int_equal(r.event_count, 8);
    assert_int_equal(r.list.n, 6);
    const struct observation *o = r.list.items;
    assert_int_equal(o[0].kind, BOUNCE_KIND_DELIVERED);
    assert_slice(o[0].campaign, S("b"));
    assert_slice(o[0].feed, S("webhook:acme"));
    assert_int_equal(o[1].verdict.reason, BOUNCE_REASON_USER_UNKNOWN);
    assert_int_equal(o[1].verdict.certainty, 80);
    assert_slice(o[1].verdict.rule, S("platform:acme:bad/gone"));
    assert_int_equal(o[2].verdict.rule.n, 0); /* the reply will decide */
    assert_int_equal(o[3].verdict.reason, BOUNCE_REASON_UPSTREAM_SUPPRESSED);
    assert_slice(o[3].platform_cause, S("complaint"));
    assert_int_equal(o[4].verdict.reason, BOUNCE_REASON_LOCAL_ERROR);
    assert_int_equal(o[5].kind, BOUNCE_KIND_DEFERRED);
    assert_int_equal(r.events[7].diag & ESP_DIAG_UNKNOWN_EVENT, ESP_DIAG_UNKNOWN_EVENT);
}

static void its_signature_is_checked(void **state)
{
    (void)state;
    const struct esp *esp = read_mapping(ACME);
    slice body = S("{}"), secret = S("acme");
    slice mac = signer_hmac(DIGEST_SHA256, secret, body, false, &memory);
    struct esp_header header = {S("x-acme"), arena_printf(&memory, "sha256=%.*s", SLICE_FMT(mac))};
    struct esp_request request = {&header, 1, body};
    struct esp_trust trust = {.secrets = &secret, .secret_count = 1};
    struct esp_check check;
    assert_int_equal(esp_verify(esp, &request, &trust, 0, &memory, &check), ESP_GENUINE);
    header.value = mac;
    assert_int_equal(esp_verify(esp, &request, &trust, 0, &memory, &check), ESP_DENIED);
}

static void it_may_be_like_another(void **state)
{
    (void)state;
    const struct esp *esp = read_mapping("{\"name\":\"mine\",\"title\":\"Mine\",\"like\":\"sendgrid\","
                                         "\"fields\":{\"campaign\":\"category\"},\"events\":{\"open\":\"ignore\"}}");
    assert_string_equal(esp->title, "Mine");
    assert_ptr_equal(esp->scheme, esp_find(S("sendgrid"))->scheme);
    struct esp_result r = parse(
        esp, "[{\"event\":\"delivered\",\"email\":\"a@example.net\",\"category\":[\"c\"],\"timestamp\":1795000000},"
             "{\"event\":\"open\",\"email\":\"a@example.net\"}]");
    assert_int_equal(r.list.n, 1);
    assert_slice(r.list.items[0].campaign, S("c"));
}

static void what_makes_no_sense_is_told(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"", "not a JSON object"},
        {"[]", "not a JSON object"},
        {"{\"name\":\"a\",\"name\":\"b\"}", "two members"},
        {"{}", "no name"},
        {"{\"name\":\"A\"}", "name is"},
        {"{\"name\":\"acme)\"}", "name is"},
        {"{\"name\":\"abcdefghijklmnopqrstuvwxyz-1234567890\"}", "name is"},
        {"{\"name\":\"ses\"}", "built-in"},
        {"{\"name\":\"a\"}", "neither"},
        {"{\"name\":\"a\",\"like\":\"b\"}", "no platform \"b\""},
        {"{\"name\":1}", "\"name\" is not a text"},
        {"{\"name\":\"a\",\"like\":\"ses\",\"more\":1}", "members are"},
        {"{\"name\":\"a\",\"like\":\"ses\",\"fields\":1}", "\"fields\" is not an object"},
        {"{\"name\":\"a\",\"like\":\"ses\",\"fields\":{\"addr\":\"x\"}}", "no field \"addr\""},
        {"{\"name\":\"a\",\"like\":\"ses\",\"fields\":{\"reply\":\"\"}}", "\"reply\" is not a text"},
        {"{\"name\":\"a\",\"like\":\"ses\",\"events\":{\"x\":\"faild\"}}", "no such kind: \"faild\""},
        {"{\"name\":\"a\",\"like\":\"ses\",\"events\":{\"x\":\" \"}}", "says nothing"},
        {"{\"name\":\"a\",\"like\":\"ses\",\"events\":{\"x\":\"failed gone\"}}", "no such reason: \"gone\""},
        {"{\"name\":\"a\",\"like\":\"ses\",\"events\":{\"x\":\"delivered user-unknown\"}}", "has no reason"},
        {"{\"name\":\"a\",\"like\":\"ses\",\"events\":{\"x\":\"failed user-unknown 100\"}}", "0 to 99"},
        {"{\"name\":\"a\",\"like\":\"ses\",\"events\":{\"x\":\"failed user-unknown 9 9\"}}", "too much"},
        {"{\"name\":\"a\",\"like\":\"ses\",\"events\":{\"x\":\"not-sent\"}}", "no such reason"},
        {"{\"name\":\"a\",\"like\":\"ses\",\"signature\":{}}", "\"scheme\" is not a text"},
        {"{\"name\":\"a\",\"like\":\"ses\",\"signature\":{\"scheme\":\"md5\"}}", "scheme is one of"},
        {"{\"name\":\"a\",\"like\":\"ses\",\"signature\":{\"scheme\":\"hmac-sha1\"}}", "which header"},
        {"{\"name\":\"a\",\"like\":\"ses\",\"signature\":{\"scheme\":\"hmac-sha1\",\"encoding\":\"x\"}}",
         "hex or base64"},
        {"{\"name\":\"a\",\"like\":\"ses\",\"signature\":{\"scheme\":\"hmac-sha1\",\"key\":\"x\"}}",
         "no member \"key\""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct esp *esp;
        err e;
        assert_int_equal(esp_mapping_read(slice_str(cases[i][0]), &memory, &esp, &e), E_INVALID);
        if (!strstr(e.text, cases[i][1]))
            print_error("%s: %s\n", cases[i][0], e.text);
        assert_non_null(strstr(e.text, cases[i][1]));
        assert_null(esp);
    }
}

static void read_prefix(slice prefix, void *data)
{
    (void)data;
    const struct esp *esp;
    err e;
    arena a;
    arena_init(&a, 0);
    assert_int_equal(esp_mapping_read(prefix, &a, &esp, &e), prefix.n == sizeof ACME - 1 ? OK : E_INVALID);
    arena_fini(&a);
}

static void every_prefix_is_refused(void **state)
{
    (void)state;
    guard_prefixes(S(ACME), read_prefix, NULL);
}

static void little_memory_is_told(void **state)
{
    (void)state;
    for (size_t cap = 16; cap < 8192; cap += 16) {
        const struct esp *esp;
        err e;
        arena a;
        arena_init(&a, cap);
        enum status st = esp_mapping_read(S(ACME), &a, &esp, &e);
        assert_true(st == OK || st == E_MEMORY);
        assert_true((esp != NULL) == (st == OK));
        arena_fini(&a);
    }
}

/* ---- replays -------------------------------------------------------------------------------------------------- */

static void another_body_is_a_replay(void **state)
{
    (void)state;
    struct esp_replay *r = esp_replay_new();
    assert_non_null(r);
    assert_true(esp_replay_allows(r, S("t1"), S("body"), 1000, 500));
    assert_true(esp_replay_allows(r, S("t1"), S("body"), 1000, 600)); /* the platform has not seen our answer */
    assert_false(esp_replay_allows(r, S("t1"), S("other"), 1000, 600));
    assert_false(esp_replay_allows(r, S("t1"), S("other"), 1000, 1000));
    assert_true(esp_replay_allows(r, S("t2"), S("other"), 1000, 600));
    assert_true(esp_replay_allows(r, S("t1"), S("other"), 2000, 1001)); /* too old to be genuine by then */
    assert_true(esp_replay_allows(r, SLICE_EMPTY, S("a"), 2000, 1));
    assert_true(esp_replay_allows(r, SLICE_EMPTY, S("b"), 2000, 1));
    esp_replay_free(&r);
    assert_null(r);
}

static void the_newest_are_remembered(void **state)
{
    (void)state;
    struct esp_replay *r = esp_replay_new();
    char token[32];
    size_t refused = 0, n = 3 * ESP_REPLAY_ENTRIES;
    assert_non_null(r);
    for (size_t i = 0; i < n; i++) {
        int len = snprintf(token, sizeof token, "token %zu", i);
        assert_true(esp_replay_allows(r, slice_of(token, (size_t)len), S("a"), (int64_t)(1000 + i), 1));
    }
    for (size_t i = n - ESP_REPLAY_ENTRIES / 4; i < n; i++) {
        int len = snprintf(token, sizeof token, "token %zu", i);
        refused += !esp_replay_allows(r, slice_of(token, (size_t)len), S("b"), (int64_t)(1000 + i), 1);
    }
    assert_true(refused > ESP_REPLAY_ENTRIES / 4 * 99 / 100);
    esp_replay_free(&r);
}

static int set_up(void **state)
{
    (void)state;
    arena_init(&memory, 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    arena_fini(&memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_makes_a_platform),  cmocka_unit_test(its_signature_is_checked),
        cmocka_unit_test(it_may_be_like_another),   cmocka_unit_test(what_makes_no_sense_is_told),
        cmocka_unit_test(every_prefix_is_refused),  cmocka_unit_test(little_memory_is_told),
        cmocka_unit_test(another_body_is_a_replay), cmocka_unit_test(the_newest_are_remembered),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
