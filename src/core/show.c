#include "core/show.h"

#include "core/incident_json.h"

const char *next_word(enum bounce_next next)
{
    static const char *const words[] = {[BOUNCE_NEXT_SEND] = "send",
                                        [BOUNCE_NEXT_WAIT] = "wait",
                                        [BOUNCE_NEXT_FIX] = "fix",
                                        [BOUNCE_NEXT_STOP] = "stop"};
    MUST((size_t)next < ARRAY_LEN(words));
    return words[next];
}

static void show_reason(struct jsonw *j, const struct bounce_verdict *v)
{
    jsonw_kstr(j, "reason", slice_str(bounce_reason_word(v->reason)));
    jsonw_kstr(j, "class", slice_str(bounce_class_word(v->class_)));
    jsonw_kstr(j, "blame", slice_str(bounce_blame_word(v->blame)));
    jsonw_ki64(j, "certainty", v->certainty);
}

void show_verdict(struct jsonw *j, const struct bounce_verdict *v)
{
    show_reason(j, v);
    jsonw_kstr(j, "rule", v->rule);
    jsonw_kstr_opt(j, "matched", v->matched);
    jsonw_kstr_opt(j, "provider", v->provider);
    jsonw_kstr(j, "next", slice_str(next_word(v->next)));
    jsonw_ki64_opt(j, "retry_after_s", v->retry_after_s);
    jsonw_kstr_opt(j, "new_address", v->new_address);
}

/* ---- events ---- */

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
        show_reason(j, v);
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

void show_event(buf *out, const struct ledger_event *ev, const struct observation *o)
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
    if (o && ev->what == EVENT_OBSERVED)
        observed(&j, o);
    else if (o)
        jsonw_kstr_opt(&j, "tenant", o->tenant); /* an act of people: nothing was observed */
    if (ev->cause != CAUSE_NONE)
        jsonw_kstr(&j, "cause", slice_str(cause_word(ev->cause)));
    if (ev->what == EVENT_SUPPRESS)
        jsonw_kstr(&j, "scope", slice_str(scope_word(ev->scope)));
    jsonw_kstr_opt(&j, "actor", ev->actor);
    jsonw_kstr_opt(&j, "note", ev->note);
    jsonw_kstr_opt(&j, "reverified", ev->reverified);
    jsonw_kstr_opt(&j, "rules_version", ev->rules_version);
    jsonw_kstr_opt(&j, "was", ev->was);
    jsonw_kstr_opt(&j, "decision", ev->decision);
    jsonw_end_object(&j);
    buf_addc(out, '\n');
}

/* ---- addresses ---- */

static void why_state(struct jsonw *j, const struct why *w)
{
    const struct address_status *s = &w->now;
    jsonw_kstr(j, "state", slice_str(state_word(s->state)));
    if (s->hold != HOLD_NONE)
        jsonw_kstr(j, "hold", slice_str(hold_word(s->hold)));
    jsonw_key(j, "suppressions");
    jsonw_array(j);
    for (size_t i = 0; i < s->suppression_count; i++) {
        const struct suppression *x = &s->suppressions[i];
        jsonw_object(j);
        jsonw_kstr(j, "cause", slice_str(cause_word(x->cause)));
        jsonw_kstr(j, "scope", slice_str(scope_word(x->scope)));
        jsonw_kstr_opt(j, "stream", w->streams[i]);
        if (x->cause == CAUSE_HARD || x->cause == CAUSE_ESCALATED)
            jsonw_kstr(j, "reason", slice_str(bounce_reason_word(x->reason)));
        jsonw_ktime_opt(j, "since", x->since_us);
        jsonw_ktime_opt(j, "until", x->until_us);
        jsonw_end_object(j);
    }
    jsonw_end_array(j);
    jsonw_ki64_opt(j, "failures_in_row", s->row_count);
    jsonw_ki64_opt(j, "suppresses_at", s->row_needed);
    jsonw_ktime_opt(j, "first_seen", s->first_seen_us);
    jsonw_ktime_opt(j, "last_delivered", s->last_delivered_us);
    jsonw_ktime_opt(j, "last_failed", s->last_failed_us);
    jsonw_key(j, "changes");
    jsonw_array(j);
    for (size_t i = 0; i < w->change_count; i++)
        jsonw_str(j, w->changes[i]);
    jsonw_end_array(j);
}

static void why_domain(struct jsonw *j, const struct check_answer *d)
{
    jsonw_key(j, "domain");
    jsonw_object(j);
    jsonw_kstr(j, "cause", slice_str(cause_word(d->cause)));
    jsonw_kstr(j, "scope", slice_str(scope_word(d->scope)));
    jsonw_ktime_opt(j, "since", d->since_us);
    jsonw_ktime_opt(j, "until", d->until_us);
    jsonw_end_object(j);
}

void show_why_step(struct jsonw *j, const struct why_step *t)
{
    jsonw_ki64(j, "seq", t->seq);
    jsonw_ktime_opt(j, "time", t->time_us);
    jsonw_kstr(j, "what", slice_str(event_word(t->what)));
    if (t->what == EVENT_OBSERVED) {
        jsonw_kstr(j, "kind", slice_str(bounce_kind_word(t->kind)));
        jsonw_kstr(j, "class", slice_str(bounce_class_word(t->class_)));
        if (bounce_kind_final(t->kind) || bounce_kind_attempt(t->kind)) {
            jsonw_kstr(j, "reason", slice_str(bounce_reason_word(t->reason)));
            jsonw_ki64(j, "certainty", t->certainty);
        }
        jsonw_kstr(j, "trust", slice_str(trust_word(t->trust)));
    }
    jsonw_kstr_opt(j, "reply", t->reply);
    jsonw_kstr_opt(j, "status", t->status);
    jsonw_kstr_opt(j, "phase", slice_str(bounce_phase_word(t->phase)));
    jsonw_kstr_opt(j, "rule", t->rule);
    jsonw_kstr_opt(j, "rules_version", t->rules_version);
    jsonw_kstr_opt(j, "was", t->was);
    jsonw_kstr_opt(j, "provider", t->provider);
    jsonw_kstr_opt(j, "remote_mta", t->remote_mta);
    jsonw_kstr_opt(j, "reporting_mta", t->reporting_mta);
    jsonw_kstr_opt(j, "campaign", t->campaign);
    jsonw_kstr_opt(j, "stream", t->stream);
    jsonw_kstr_opt(j, "message_id", t->message_id);
    jsonw_kstr_opt(j, "recipient", t->recipient);
    jsonw_kstr_opt(j, "sent_to", t->sent_to);
    jsonw_kstr_opt(j, "feed", t->feed);
    jsonw_kstr_opt(j, "format", t->format);
    jsonw_kstr_opt(j, "actor", t->actor);
    jsonw_kstr_opt(j, "note", t->note);
    jsonw_kstr_opt(j, "reverified", t->reverified);
    if (t->cause != CAUSE_NONE)
        jsonw_kstr(j, "cause", slice_str(cause_word(t->cause)));
    jsonw_kstr_opt(j, "decision", t->decision);
    jsonw_kstr(j, "state", slice_str(state_word(t->state)));
    jsonw_kbool(j, "held", t->held);
    jsonw_ki64_opt(j, "incident", t->circumstance);
}

void show_why(struct jsonw *j, const struct why *w, const struct check_answer *domain)
{
    jsonw_kstr(j, "address", w->address);
    jsonw_kbool(j, "known", w->known);
    if (w->known)
        why_state(j, w);
    if (domain)
        why_domain(j, domain);
    if (w->around_count) {
        jsonw_key(j, "incidents");
        jsonw_array(j);
        for (size_t i = 0; i < w->around_count; i++) {
            jsonw_object(j);
            incident_members(j, &w->around[i], NULL);
            jsonw_end_object(j);
        }
        jsonw_end_array(j);
    }
    jsonw_ki64_opt(j, "older_events", (int64_t)w->cut);
}

void show_check(struct jsonw *j, const struct check_answer *a)
{
    jsonw_kstr(j, "address", a->input);
    jsonw_kstr(j, "answer", slice_str(check_word(a->word)));
    if (a->word == CHECK_SUPPRESSED) {
        jsonw_kstr(j, "cause", slice_str(cause_word(a->cause)));
        jsonw_kstr(j, "scope", slice_str(scope_word(a->scope)));
        if (a->cause == CAUSE_HARD || a->cause == CAUSE_ESCALATED)
            jsonw_kstr(j, "reason", slice_str(bounce_reason_word(a->reason)));
        if (a->domain)
            jsonw_kbool(j, "domain", true);
        jsonw_ktime_opt(j, "since", a->since_us);
        jsonw_ktime_opt(j, "until", a->until_us);
    } else if (a->word == CHECK_SEND) {
        jsonw_kbool(j, "known", a->known);
        jsonw_kstr(j, "state", slice_str(state_word(a->state)));
        if (a->hold != HOLD_NONE)
            jsonw_kstr(j, "hold", slice_str(hold_word(a->hold)));
        jsonw_ki64_opt(j, "failures_in_row", a->row_count);
        jsonw_ki64_opt(j, "suppresses_at", a->row_needed);
    }
}

void show_suppression(struct jsonw *j, const struct ledger_address *a, const struct ledger_suppression *s)
{
    jsonw_kstr(j, "address", a->address);
    if (slice_chr(a->key, '@') == SLICE_NPOS && !slice_starts(a->key, S("#"))) /* "#": erased, a hash */
        jsonw_kbool(j, "domain", true);
    jsonw_kstr_opt(j, "tenant", a->tenant);
    jsonw_kstr(j, "cause", slice_str(cause_word(s->cause)));
    jsonw_kstr(j, "scope", slice_str(scope_word(s->scope)));
    jsonw_kstr_opt(j, "stream", s->stream);
    jsonw_ktime_opt(j, "since", s->since_us);
    jsonw_ktime_opt(j, "until", s->until_us);
}

void show_act_result(struct jsonw *j, const struct act_result *r)
{
    jsonw_kstr(j, "from", slice_str(state_word(r->from)));
    jsonw_kstr(j, "to", slice_str(state_word(r->to)));
    if (r->to == STATE_SUPPRESSED)
        jsonw_kstr(j, "cause", slice_str(cause_word(r->cause)));
    jsonw_kbool(j, "changed", r->changed);
}

void show_import_result(struct jsonw *j, const struct list_import_result *r)
{
    jsonw_kstr(j, "format", slice_str(list_format_word(r->format)));
    jsonw_ki64(j, "entries", (int64_t)r->lines);
    jsonw_ki64(j, "new", (int64_t)r->fresh);
    jsonw_ki64(j, "already", (int64_t)r->already);
    jsonw_ki64(j, "weaker", (int64_t)r->weaker);
    jsonw_ki64(j, "ignored", (int64_t)r->ignored);
    jsonw_ki64(j, "invalid", (int64_t)r->invalid);
    jsonw_key(j, "causes");
    jsonw_object(j);
    for (unsigned c = 0; c < CAUSES; c++)
        jsonw_ki64_opt(j, cause_word((enum cause)c), (int64_t)r->causes[c]);
    jsonw_end_object(j);
}

/* ---- what waits for a person ---- */

void show_held(struct jsonw *j, const struct held_report *h)
{
    jsonw_ki64(j, "seq", h->seq);
    jsonw_kstr(j, "address", h->address);
    jsonw_ktime_opt(j, "time", h->o->time_us);
    jsonw_kstr(j, "kind", slice_str(bounce_kind_word(h->o->kind)));
    if (bounce_kind_final(h->o->kind))
        show_verdict(j, &h->o->verdict);
    jsonw_kstr_opt(j, "reply", h->o->reply);
    jsonw_kstr_opt(j, "reporting_mta", h->o->reporting_mta);
    jsonw_kstr_opt(j, "message_id", h->o->ids[ID_MESSAGE]);
}

void show_group(struct jsonw *j, const struct ledger_group *g)
{
    jsonw_ki64(j, "group", g->id);
    jsonw_ki64(j, "count", g->count);
    jsonw_kstr(j, "text", g->text);
    jsonw_kstr(j, "example", g->example);
    jsonw_kstr_opt(j, "provider", g->provider);
    jsonw_ktime_opt(j, "first_seen", g->first_us);
    jsonw_ktime_opt(j, "last_seen", g->last_us);
}
