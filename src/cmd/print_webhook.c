#include "cmd/print_webhook.h"

#include "base/text.h"
#include "core/show.h"

static bool is_failure(const struct observation *o)
{
    return bounce_kind_final(o->kind) || bounce_kind_attempt(o->kind);
}

static void json_diag(struct jsonw *j, unsigned diag)
{
    if (!diag)
        return;
    jsonw_key(j, "diag");
    jsonw_array(j);
    for (unsigned bit = 0; bit < ESP_DIAGS; bit++)
        if (diag & (1u << bit))
            jsonw_str(j, slice_str(esp_diag_word(bit)));
    jsonw_end_array(j);
}

static void json_observation(struct jsonw *j, const struct observation *o)
{
    char key[32];
    jsonw_kstr(j, "kind", slice_str(bounce_kind_word(o->kind)));
    jsonw_kstr(j, "recipient", o->recipient);
    if (is_failure(o))
        show_verdict(j, &o->verdict);
    else
        jsonw_kstr(j, "class", S("info"));
    jsonw_kstr_opt(j, "cause", o->platform_cause);
    jsonw_kstr(j, "trust", slice_str(trust_word(o->trust)));
    jsonw_ktime_opt(j, "time", o->time_us);
    jsonw_ktime_opt(j, "sent", o->sent_us);
    jsonw_kstr_opt(j, "message_id", o->ids[ID_MESSAGE]);
    jsonw_kstr_opt(j, "provider_id", o->ids[ID_PROVIDER]);
    jsonw_kstr_opt(j, "status", o->status);
    jsonw_kstr_opt(j, "reply", o->reply);
    jsonw_kstr_opt(j, "remote_mta", o->remote_mta);
    jsonw_kstr_opt(j, "reporting_mta", o->reporting_mta);
    jsonw_kstr_opt(j, "sender", o->sender);
    jsonw_kstr_opt(j, "sending_ip", o->sending_ip);
    jsonw_kstr_opt(j, "subject", o->subject);
    jsonw_kstr_opt(j, "campaign", o->campaign);
    jsonw_kstr_opt(j, "stream", o->stream);
    hash128_hex(o->source_key, key);
    jsonw_kstr(j, "id", slice_of(key, sizeof key));
}

void json_webhook(buf *out, const struct esp *esp, const struct esp_event *event, const struct observation *o)
{
    struct jsonw j;
    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kstr(&j, "platform", slice_str(esp->name));
    jsonw_kstr(&j, "event", event->word);
    jsonw_kstr_opt(&j, "event_id", event->id);
    if (o)
        json_observation(&j, o);
    json_diag(&j, event->diag);
    jsonw_end_object(&j);
    buf_addc(out, '\n');
}

static void print_diag(buf *out, unsigned diag)
{
    for (unsigned bit = 0; bit < ESP_DIAGS; bit++)
        if (diag & (1u << bit))
            buf_printf(out, " %s", esp_diag_word(bit));
}

void print_webhook(buf *out, const struct esp *esp, const struct esp_event *event, const struct observation *o)
{
    buf_printf(out, "%s ", esp->name);
    text_add_safe(out, slice_empty(event->word) ? S("-") : event->word, 200);
    buf_adds(out, o ? ": " : ": nothing about an address");
    if (o) {
        buf_printf(out, "%s <", bounce_kind_word(o->kind));
        text_add_safe(out, o->recipient, 320);
        buf_addc(out, '>');
        if (is_failure(o))
            buf_printf(out, " %s (%s, %s, %u %%)", bounce_reason_word(o->verdict.reason),
                       bounce_class_word(o->verdict.class_), bounce_blame_word(o->verdict.blame), o->verdict.certainty);
    }
    print_diag(out, event->diag & ~(unsigned)ESP_DIAG_NO_ID);
    buf_addc(out, '\n');
    if (o && !slice_empty(o->reply)) {
        buf_adds(out, "    ");
        text_add_safe(out, o->reply, 300);
        buf_addc(out, '\n');
    }
}
