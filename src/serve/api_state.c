/* How the daemon stands: health, feeds, settings, rules, numbers; and what a reply means. */
#include "bounce/judge.h"
#include "bounce/provider.h"
#include "bounce/rules.h"
#include "core/show.h"
#include "serve/api.h"
#include "serve/openapi.h"

static void answer(struct http_request *r, unsigned status, slice type, const buf *out)
{
    struct http_answer a = {.status = status, .type = type, .body = buf_slice(out)};
    if (out->failed)
        http_problem(r, 503, S("memory"), S("out of memory"));
    else
        http_answer(r, &a);
}

/* ---- is it well ---- */

static void answer_word(struct http_request *r, unsigned status, slice word)
{
    struct jsonw j;
    buf out;
    buf_init(&out, 0);
    jsonw_init(&j, &out);
    jsonw_object(&j);
    jsonw_kstr(&j, "status", word);
    jsonw_end_object(&j);
    answer(r, status, SLICE_EMPTY, &out);
    buf_fini(&out);
}

/* The process answers. */
void api_health(struct http_request *r)
{
    answer_word(r, 200, S("ok"));
}

/* It answers from what it knows, and what it is told becomes durable. */
void api_ready(struct http_request *r)
{
    struct writer_counts c;
    writer_counts(api_of(r)->d->writer, &c);
    if (api_of(r)->d->draining)
        answer_word(r, 503, S("ending"));
    else if (c.state != OK)
        answer_word(r, 503, slice_str(status_word(c.state)));
    else
        answer_word(r, 200, S("ok"));
}

void api_metrics(struct http_request *r)
{
    buf out;
    buf_init(&out, 0);
    daemon_metrics(api_of(r)->d, &out);
    answer(r, 200, S("text/plain; version=0.0.4; charset=utf-8"), &out);
    buf_fini(&out);
}

void api_feeds(struct http_request *r)
{
    buf out;
    buf_init(&out, 0);
    daemon_status(api_of(r)->d, &out);
    answer(r, 200, SLICE_EMPTY, &out);
    buf_fini(&out);
}

void api_config(struct http_request *r)
{
    buf out;
    buf_init(&out, 0);
    settings_print(api_of(r)->d->settings, false, &out);
    answer(r, 200, S("text/plain; charset=utf-8"), &out);
    buf_fini(&out);
}

void api_openapi(struct http_request *r)
{
    char etag[32];
    hash128_hex(hash128(openapi_document), etag);
    struct http_answer a = {
        .status = 200, .body = openapi_document, .etag = slice_of(etag, sizeof etag), .cache = S("max-age=300")};
    http_answer(r, &a);
}

/* ---- reload ---- */

static void reloaded(void *ctx, bool taken, slice lines)
{
    struct api_call *c = ctx;
    struct jsonw j;
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    jsonw_kbool(&j, "taken", taken);
    jsonw_kstr(&j, "text", lines);
    jsonw_end_object(&j);
    c->status = taken ? 200 : 422;
    api_call_end(c);
}

void api_reload(struct http_request *r)
{
    struct api_call *c = api_call_new(r);
    if (!c)
        return;
    if (daemon_reload(c->api->d, reloaded, c) != OK) {
        api_fail(c, E_BUSY, "too much is waiting already; try again in a moment");
        api_call_end(c);
    }
}

/* ---- rules ---- */

static void put_rule(struct jsonw *j, const struct rule *rule)
{
    jsonw_object(j);
    jsonw_kstr(j, "rule", rule->id);
    jsonw_kstr(j, "reason", slice_str(bounce_reason_word(rule->reason)));
    jsonw_kstr(j, "class", slice_str(bounce_class_word(bounce_reason_class(rule->reason))));
    jsonw_ki64(j, "rank", rule->rank);
    jsonw_kstr(j, "file", rule->file);
    jsonw_ki64(j, "line", rule->line);
    jsonw_kbool(j, "user", rule->user);
    jsonw_end_object(j);
}

static void list_rules(struct api_call *c, struct worker *w)
{
    const struct bounce_rules *rules = w->knowledge->rules;
    struct jsonw j;
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    c->etag = arena_dup(&c->r->a, bounce_rules_version(rules));
    jsonw_kstr(&j, "version", bounce_rules_version(rules));
    jsonw_key(&j, "items");
    jsonw_array(&j);
    for (size_t i = 0; i < rules_count(rules); i++)
        put_rule(&j, rules_at(rules, i));
    jsonw_end_array(&j);
    jsonw_end_object(&j);
}

void api_rules(struct http_request *r)
{
    api_read(r, list_rules);
}

static void classify(struct api_call *c, struct worker *w)
{
    const struct bounce_evidence_set *evidence = c->user;
    struct bounce_verdict v;
    struct jsonw j;
    if (bounce_judge(w->knowledge->rules, evidence, w->a, &v) != BOUNCE_OK) {
        api_fail(c, E_MEMORY, "out of memory");
        return;
    }
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    show_verdict(&j, &v);
    jsonw_end_object(&j);
}

void api_classify(struct http_request *r)
{
    struct bounce_evidence_set *evidence = ARENA_NEW(&r->a, struct bounce_evidence_set);
    struct json_object *o = api_body_object(r);
    if (!o)
        return;
    MUST(evidence);
    evidence->text = api_member(r, o, "text");
    evidence->status = api_member(r, o, "status");
    evidence->provider = api_member(r, o, "provider");
    evidence->recipient = api_member(r, o, "recipient");
    enum bounce_phase phase = bounce_phase_find(api_member(r, o, "phase"));
    evidence->phase = phase == BOUNCE_PHASES ? BOUNCE_PHASE_NONE : phase;
    enum bounce_kind kind = bounce_kind_find(api_member(r, o, "kind"));
    evidence->kind = kind == BOUNCE_KINDS ? BOUNCE_KIND_FAILED : kind;
    json_object_put(o);
    struct api_call *c = api_call_new(r);
    if (!c)
        return;
    c->user = evidence;
    api_call_read(c, classify);
}
