#include "cmd/print_event.h"

static void observed(struct jsonw *j, const struct observation *o)
{
    static const char *const id_names[ID_KINDS] = {[ID_VERP] = "verp_id",
                                                   [ID_ENVID] = "envelope_id",
                                                   [ID_MESSAGE] = "message_id",
                                                   [ID_PROVIDER] = "provider_id",
                                                   [ID_QUEUE] = "queue_id"};
    const struct bounce_verdict *v = &o->verdict;
    jsonw_kstr(j, "kind", slice_str(bounce_kind_word(o->kind)));
    if (bounce_kind_final(o->kind) || bounce_kind_attempt(o->kind)) {
        jsonw_kstr(j, "reason", slice_str(bounce_reason_word(v->reason)));
        jsonw_kstr(j, "class", slice_str(bounce_class_word(v->class_)));
        jsonw_kstr(j, "blame", slice_str(bounce_blame_word(v->blame)));
        jsonw_ki64(j, "certainty", v->certainty);
        jsonw_kstr_opt(j, "rule", v->rule);
    } else {
        jsonw_kstr(j, "class", S("info"));
    }
    jsonw_kstr(j, "trust", slice_str(trust_word(o->trust)));
    jsonw_kstr_opt(j, "recipient", o->recipient);
    jsonw_kstr_opt(j, "sent_to", o->sent_to);
    jsonw_kstr_opt(j, "tenant", o->tenant);
    jsonw_kstr_opt(j, "stream", o->stream);
    jsonw_kstr_opt(j, "campaign", o->campaign);
    jsonw_kstr_opt(j, "source", o->source);
    for (unsigned i = 0; i < ID_KINDS; i++)
        jsonw_kstr_opt(j, id_names[i], o->ids[i]);
    jsonw_kstr_opt(j, "reply", o->reply);
    jsonw_kstr_opt(j, "status", o->status);
    jsonw_kstr_opt(j, "phase", slice_str(bounce_phase_word(o->phase)));
    jsonw_kstr_opt(j, "provider", o->provider);
    jsonw_kstr_opt(j, "remote_mta", o->remote_mta);
    jsonw_kstr_opt(j, "reporting_mta", o->reporting_mta);
    jsonw_kstr_opt(j, "sender", o->sender);
    jsonw_kstr_opt(j, "feed", o->feed);
    jsonw_kstr_opt(j, "format", o->format);
}

void json_event(buf *out, const struct ledger_event *ev, const struct observation *o)
{
    struct jsonw j;
    char id[32];
    hash128_hex(ev->source_key, id);
    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_ki64(&j, "seq", ev->seq);
    jsonw_kstr(&j, "id", slice_of(id, sizeof id));
    jsonw_kstr(&j, "what", slice_str(event_word(ev->what)));
    jsonw_kstr(&j, "address", ev->address);
    jsonw_ktime_opt(&j, "time", ev->fold.time_us);
    jsonw_ktime_opt(&j, "ingested", ev->ingest_us);
    if (o)
        observed(&j, o);
    if (ev->cause != CAUSE_NONE)
        jsonw_kstr(&j, "cause", slice_str(cause_word(ev->cause)));
    if (ev->what == EVENT_SUPPRESS)
        jsonw_kstr(&j, "scope", slice_str(scope_word(ev->scope)));
    jsonw_kstr_opt(&j, "actor", ev->actor);
    jsonw_kstr_opt(&j, "note", ev->note);
    jsonw_kstr_opt(&j, "reverified", ev->reverified);
    jsonw_kstr_opt(&j, "rules_version", ev->rules_version);
    jsonw_kstr_opt(&j, "decision", ev->decision);
    jsonw_end_object(&j);
    buf_addc(out, '\n');
}
