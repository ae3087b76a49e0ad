/* Webhooks: whatever the body is, it is read the same way twice and within its limits, and nobody without a secret is genuine.
 * The first byte chooses the platform, or beyond them the mapping file that the rest then is; with its highest bit set, header
 * fields stand in front of the body up to an empty line. */
#include "feed/esp_mapping.h"
#include "fuzz.h"

#define WITH_HEADERS 0x80u
#define MAX_HEADERS 8u

static void check_observation(const struct observation *o, const struct observation *again)
{
    MUST(o->recipient.n > 0 && o->recipient.n <= ESP_MAX_TEXT_BYTES && o->reply.n <= ESP_MAX_REPLY_BYTES);
    MUST((size_t)o->kind < BOUNCE_KINDS && o->trust <= TRUST_PROVEN && o->feed.n > 0);
    MUST(!memchr(o->recipient.p, '\n', o->recipient.n) && !memchr(o->recipient.p, '\r', o->recipient.n));
    MUST(o->source_key.hi == again->source_key.hi && o->source_key.lo == again->source_key.lo);
    MUST(o->time_us == again->time_us && slice_eq(o->recipient, again->recipient) && slice_eq(o->reply, again->reply));
}

static void parse(const struct esp *esp, slice body)
{
    static const struct esp_options options = {.tenant = SLICE_INIT("t"), .trust = TRUST_PROVEN};
    struct esp_result first, second;
    arena a;
    arena_init(&a, 0);
    MUST(esp_parse(esp, body, &options, &a, &first) && esp_parse(esp, body, &options, &a, &second));
    MUST(first.list.n == second.list.n && first.event_count == second.event_count && first.diag == second.diag);
    MUST(first.list.n <= ESP_MAX_OBSERVATIONS);
    for (size_t i = 0; i < first.list.n; i++)
        check_observation(&first.list.items[i], &second.list.items[i]);
    arena_fini(&a);
}

static size_t take_headers(slice *body, struct esp_header *headers)
{
    slice line;
    size_t n = 0;
    while (n < MAX_HEADERS && slice_line(body, &line) && line.n) {
        size_t colon = slice_chr(line, ':');
        headers[n++] =
            (struct esp_header){slice_sub(line, 0, colon), slice_from(line, colon == SLICE_NPOS ? line.n : colon + 1)};
    }
    return n;
}

static void verify(const struct esp *esp, const struct esp_request *request)
{
    static const slice secrets[] = {SLICE_INIT("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"),
                                    SLICE_INIT("a key that is not known")};
    static const slice topics[] = {SLICE_INIT("arn:aws:sns:eu-central-1:123456789012:bounces")};
    struct esp_trust trust = {.topics = topics, .topic_count = 1};
    struct esp_check check;
    arena a;
    arena_init(&a, 0);
    for (int with_secrets = 0; with_secrets < 2; with_secrets++) {
        trust.secrets = secrets;
        trust.secret_count = with_secrets ? ARRAY_LEN(secrets) : 0;
        MUST(esp_verify(esp, request, &trust, INT64_C(1795000000) * TIME_SECOND, &a, &check) != ESP_GENUINE);
        MUST(slice_empty(check.certificate_url) || slice_starts(check.certificate_url, S("https://sns.")));
    }
    arena_fini(&a);
}

static void mapping(slice text)
{
    const struct esp *esp;
    err e;
    arena a;
    arena_init(&a, 0);
    if (esp_mapping_read(text, &a, &esp, &e) == OK)
        parse(esp, text);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct esp_header headers[MAX_HEADERS];
    slice body = fuzz_input(data, size);
    if (body.n == 0)
        return 0;
    const struct esp *esp = esp_at(data[0] & ~WITH_HEADERS);
    bool with_headers = data[0] & WITH_HEADERS;
    body = slice_from(body, 1);
    if (!esp) {
        mapping(body);
        return 0;
    }
    size_t n = with_headers ? take_headers(&body, headers) : 0;
    struct esp_request request = {headers, n, body.p ? body : SLICE_EMPTY};
    verify(esp, &request);
    parse(esp, request.body);
    return 0;
}
