/* One address: how it stands and why, in words for people who answer a customer, and with the whole timeline; and its erasing. */
#include "core/acts.h"
#include "core/entry.h"
#include "core/show.h"
#include "serve/api.h"

/* One sentence for sales and support. */
static void put_words(struct jsonw *j, const struct why *w)
{
    const struct address_status *s = &w->now;
    static const char *const words[STATES] = {
        [STATE_ACTIVE] = "Mail to this address is delivered as far as we know.",
        [STATE_SOFT] = "Mail to this address has failed lately, but not for good; it is still being sent to.",
        [STATE_HELD] = "Something was said about this address that has to be looked at again before it counts.",
    };
    buf text;
    if (!w->known) {
        jsonw_kstr(j, "words", S("Nothing is known about this address; mail to it may be sent."));
        return;
    }
    if (s->state != STATE_SUPPRESSED) {
        jsonw_kstr(j, "words", slice_str(words[s->state]));
        return;
    }
    buf_init(&text, 0);
    buf_printf(&text, "No mail is sent to this address: %s.", cause_text(s->cause));
    if (s->cause == CAUSE_HARD || s->cause == CAUSE_ESCALATED)
        buf_printf(&text, " The receiver's last word: %s.", bounce_reason_text(s->reason));
    jsonw_kstr(j, "words", buf_slice(&text));
    buf_fini(&text);
}

static enum status put_acquired(struct jsonw *j, struct ledger *l, slice tenant, slice key, arena *a, err *e)
{
    struct ledger_acquired q;
    enum status st = ledger_get_acquired(l, tenant, key, a, &q, e);
    if (st == E_NOT_FOUND)
        return OK;
    if (st != OK)
        return st;
    jsonw_key(j, "acquired");
    jsonw_object(j);
    jsonw_kstr_opt(j, "source", q.source);
    jsonw_kstr_opt(j, "form", q.form);
    jsonw_kstr_opt(j, "batch", q.batch);
    jsonw_ktime_opt(j, "signed_up", q.signed_up_us);
    jsonw_end_object(j);
    return OK;
}

static enum status domain_of(struct api_call *c, struct worker *w, slice address, struct check_answer *domain, err *e)
{
    return check_ledger(w->ledger, &w->knowledge->policy, c->tenant, c->stream, &address, 1, w->now_us, w->a, domain,
                        e);
}

static enum status put_address(struct api_call *c, struct worker *w, struct jsonw *j, err *e)
{
    struct why all;
    struct check_answer check;
    slice address, key;
    enum status st = why(w->ledger, &w->knowledge->policy, c->tenant, c->r->params[0], w->now_us, w->a, &all, e);
    if (st == OK)
        st = domain_of(c, w, c->r->params[0], &check, e);
    if (st != OK)
        return st;
    jsonw_object(j);
    jsonw_kstr(j, "answer", slice_str(check_word(check.word)));
    show_why(j, &all, check.domain ? &check : NULL);
    put_words(j, &all);
    if (entry_name(c->r->params[0], w->a, &address, &key))
        st = put_acquired(j, w->ledger, c->tenant, key, w->a, e);
    jsonw_key(j, "timeline");
    jsonw_array(j);
    for (size_t i = 0; i < all.step_count; i++) {
        jsonw_object(j);
        show_why_step(j, &all.steps[i]);
        jsonw_end_object(j);
    }
    jsonw_end_array(j);
    jsonw_end_object(j);
    return st;
}

static void get(struct api_call *c, struct worker *w)
{
    struct jsonw j;
    jsonw_init(&j, &c->out);
    c->failed = put_address(c, w, &j, &c->error);
}

void api_address_get(struct http_request *r)
{
    api_read(r, get);
}

static enum status erase(struct api_call *c, struct ledger *l, const struct policy *policy, err *e)
{
    const struct apikey *who = api_who(c->r);
    struct act act = {.tenant = c->tenant, .address = c->r->params[0], .actor = who->name, .time_us = c->now_us};
    enum status st = address_erase(l, policy, &act, e);
    if (st == OK)
        c->status = 204;
    return st;
}

void api_address_erase(struct http_request *r)
{
    struct api_call *c = api_call_new(r);
    if (c)
        api_act(c, erase);
}
