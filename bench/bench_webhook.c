/* Webhooks: from a body to its observations, beside json-c alone on the same bytes.
 *
 * usage: bench_webhook
 */
#include <stdio.h>

#include "bench.h"
#include "feed/esp.h"
#include "feed/json_read.h"

#define SECONDS 1.0
#define EVENTS 1000u

struct work {
    const struct esp *esp;
    buf body;
    size_t events;
    arena arena;
    uint64_t sink;
};

static size_t parse_all(void *ctx)
{
    static const struct esp_options options = {.tenant = SLICE_INIT("t"), .trust = TRUST_PROVEN};
    struct work *w = ctx;
    struct esp_result r;
    arena_reset(&w->arena);
    MUST(esp_parse(w->esp, buf_slice(&w->body), &options, &w->arena, &r) && r.list.n == w->events);
    for (size_t i = 0; i < r.list.n; i++)
        w->sink += r.list.items[i].source_key.lo;
    return w->events;
}

static size_t json_all(void *ctx)
{
    struct work *w = ctx;
    struct json_object *o = json_tokener_parse(w->body.p);
    MUST(o);
    json_object_put(o);
    return w->events;
}

static void sendgrid_event(buf *out, unsigned i)
{
    buf_printf(out,
               "%s{\"email\":\"user%u@example.net\",\"timestamp\":%u,\"smtp-id\":\"<20261118.%u@shop.example>\","
               "\"event\":\"bounce\",\"type\":\"bounce\",\"category\":[\"a\",\"b\"],\"sg_event_id\":\"event-%u\","
               "\"sg_message_id\":\"Abcdefghijklmnopqrstuv.recvd-5f6c-x.%u\",\"ip\":\"198.51.100.7\",\"tls\":1,"
               "\"status\":\"5.1.1\","
               "\"reason\":\"550 5.1.1 <user%u@example.net>: Recipient address rejected: User unknown in virtual "
               "mailbox table\"}",
               i ? "," : "", i, 1795000000 + i, i, i, i, i);
}

static void sparkpost_event(buf *out, unsigned i)
{
    buf_printf(
        out,
        "%s{\"msys\":{\"message_event\":{\"type\":\"bounce\",\"bounce_class\":\"10\",\"customer_id\":\"1\",\"error_"
        "code\":\"550\","
        "\"event_id\":\"8434531765%u\",\"message_id\":\"0004e3724f57753a%u\",\"raw_rcpt_to\":\"user%u@example.net\","
        "\"raw_reason\":\"550 5.1.1 <user%u@example.net>: User unknown\",\"timestamp\":\"%u\",\"campaign_id\":\"c\","
        "\"transmission_id\":\"84345317650824116\",\"subject\":\"November\",\"rcpt_meta\":{\"k\":\"v\"},\"rcpt_tags\":["
        "\"t\"],"
        "\"ip_pool\":\"p\",\"sending_ip\":\"198.51.100.7\",\"ip_address\":\"203.0.113.5\",\"msg_from\":\"b@shop."
        "example\"}}}",
        i ? "," : "", i, i, i, i, 1795000000 + i);
}

static void run(const char *platform, void (*event)(buf *, unsigned))
{
    struct work w = {.esp = esp_find(slice_str(platform)), .events = EVENTS};
    char name[64];
    buf_init(&w.body, 0);
    arena_init(&w.arena, 0);
    buf_addc(&w.body, '[');
    for (unsigned i = 0; i < EVENTS; i++)
        event(&w.body, i);
    buf_addc(&w.body, ']');
    snprintf(name, sizeof name, "%s, %u events of %zu bytes", w.esp->title, EVENTS, w.body.n / EVENTS);
    double json = bench_rate(json_all, &w, SECONDS);
    bench_print(name, bench_rate(parse_all, &w, SECONDS), "events", "json-c alone", json);
    MUST(w.sink != 1);
    arena_fini(&w.arena);
    buf_fini(&w.body);
}

int main(void)
{
    run("sendgrid", sendgrid_event);
    run("sparkpost", sparkpost_event);
    return 0;
}
