#include <stdarg.h>
#include <stdio.h>

#include "base/text.h"
#include "serve/api.h"

/* ---- statuses ---- */

unsigned api_status_of(enum status st)
{
    static const unsigned statuses[] = {
        [OK] = 200,       [E_IO] = 500,   [E_MEMORY] = 503,  [E_NOT_FOUND] = 404,   [E_INVALID] = 400,
        [E_BUSY] = 503,   [E_FULL] = 507, [E_CORRUPT] = 500, [E_UNSUPPORTED] = 501, [E_DENIED] = 409,
        [E_ACCESS] = 500,
    };
    MUST((size_t)st < ARRAY_LEN(statuses));
    return statuses[st];
}

void api_fail(struct api_call *c, enum status st, const char *fmt, ...)
{
    va_list ap;
    c->failed = st;
    c->error.status = st;
    va_start(ap, fmt);
    vsnprintf(c->error.text, sizeof c->error.text, fmt, ap);
    va_end(ap);
}

/* ---- the way of a call ---- */

struct api_call *api_call_new(struct http_request *r)
{
    struct api_call *c = ARENA_NEW(&r->a, struct api_call);
    if (!c) {
        http_problem(r, 503, S("memory"), S("out of memory"));
        return NULL;
    }
    const struct apikey *who = api_who(r);
    c->api = api_of(r);
    c->r = r;
    c->tenant = who && !slice_empty(who->tenant) ? who->tenant : api_query(r, "tenant");
    c->stream = api_query(r, "stream");
    c->now_us = daemon_now(c->api->d);
    c->type = SLICE_EMPTY;
    c->headers = SLICE_EMPTY;
    c->etag = SLICE_EMPTY;
    buf_init(&c->out, 0);
    c->api->working++;
    return c;
}

void api_call_end(struct api_call *c)
{
    struct api *api = c->api;
    struct http_request *r = c->r;
    if (c->out.failed && c->failed == OK)
        api_fail(c, E_MEMORY, "out of memory");
    buf out = c->out; /* the call goes with the request */
    if (c->failed != OK) {
        http_problem(r, c->status ? c->status : api_status_of(c->failed), slice_str(status_word(c->failed)),
                     slice_str(c->error.text));
    } else {
        struct http_answer a = {.status = c->status ? c->status : 200,
                                .type = c->type,
                                .body = buf_slice(&out),
                                .headers = c->headers,
                                .etag = c->etag};
        http_answer(r, &a);
    }
    buf_fini(&out);
    api->working--;
}

static void run_read(struct job *j, struct worker *w)
{
    struct api_call *c = (struct api_call *)(void *)j;
    c->read(c, w);
}

static void back(struct api_call *c)
{
    if (c->finish && c->failed == OK)
        c->finish(c);
    api_call_end(c);
}

static void read_done(struct job *j)
{
    back((struct api_call *)(void *)j);
}

static void too_busy(struct api_call *c)
{
    c->headers = S("Retry-After: 1\r\n");
    api_fail(c, E_BUSY, "too much is waiting already; try again in a moment");
    api_call_end(c);
}

void api_call_read(struct api_call *c, void (*read)(struct api_call *c, struct worker *w))
{
    c->read = read;
    c->job.run = run_read;
    c->job.done = read_done;
    if (workers_put(c->api->d->workers, &c->job) != OK)
        too_busy(c);
}

void api_read(struct http_request *r, void (*read)(struct api_call *c, struct worker *w))
{
    struct api_call *c = api_call_new(r);
    if (c)
        api_call_read(c, read);
}

static struct api_call *of_unit(struct unit *u)
{
    return (struct api_call *)(void *)((char *)u - offsetof(struct api_call, unit));
}

static enum status run_act(struct unit *u, struct ledger *l, const struct policy *policy, err *e)
{
    struct api_call *c = of_unit(u);
    return c->act(c, l, policy, e);
}

static void unit_done(struct unit *u)
{
    struct api_call *c = of_unit(u);
    if (u->status != OK && c->failed == OK) {
        c->failed = u->status;
        c->error = u->error;
    }
    back(c);
}

void api_act(struct api_call *c,
             enum status (*act)(struct api_call *c, struct ledger *l, const struct policy *policy, err *e))
{
    c->act = act;
    c->unit.act = run_act;
    c->unit.done = unit_done;
    if (writer_put(c->api->d->writer, &c->unit) != OK)
        too_busy(c);
}

void api_commit(struct api_call *c)
{
    c->unit.done = unit_done;
    if (writer_put(c->api->d->writer, &c->unit) == OK)
        return;
    if (c->unit.knowledge)
        knowledge_release(&c->unit.knowledge);
    too_busy(c);
}

/* ---- what was asked ---- */

slice api_query(const struct http_request *r, const char *name)
{
    slice value;
    arena *a = (arena *)(uintptr_t)&r->a;
    return http_query_get(r->query, slice_str(name), a, &value) ? value : SLICE_EMPTY;
}

static void bad_query(struct http_request *r, const char *name, const char *wanted)
{
    char text[160];
    snprintf(text, sizeof text, "%s: %s", name, wanted);
    http_problem(r, 400, S("invalid"), slice_str(text));
}

bool api_query_number(struct http_request *r, const char *name, int64_t low, int64_t high, int64_t otherwise,
                      int64_t *out)
{
    uint64_t n;
    slice text = api_query(r, name);
    *out = otherwise;
    if (slice_empty(text))
        return true;
    if (slice_u64(text, &n) && n <= INT64_MAX && (int64_t)n >= low && (int64_t)n <= high) {
        *out = (int64_t)n;
        return true;
    }
    char wanted[96];
    snprintf(wanted, sizeof wanted, "a number from %lld to %lld", (long long)low, (long long)high);
    bad_query(r, name, wanted);
    return false;
}

bool api_query_time(struct http_request *r, const char *name, int64_t *out)
{
    slice text = api_query(r, name);
    *out = slice_empty(text) ? TIME_NONE : time_parse_any(text);
    if (slice_empty(text) || *out != TIME_NONE)
        return true;
    bad_query(r, name, "a time such as 2026-11-01 or 2026-11-01T12:00:00Z");
    return false;
}

bool api_body_is(const struct http_request *r, const char *type)
{
    slice said = slice_trim(http_header(r, S("content-type")));
    size_t end = slice_chr(said, ';');
    return slice_eq_ci(slice_trim(slice_sub(said, 0, end == SLICE_NPOS ? said.n : end)), slice_str(type));
}

struct json_object *api_body_object(struct http_request *r)
{
    struct json_tokener *t = json_tokener_new_ex(API_MAX_JSON_DEPTH);
    struct json_object *o = NULL;
    slice body = slice_trim(r->body);
    if (t) {
        json_tokener_set_flags(t, JSON_TOKENER_STRICT);
        o = json_tokener_parse_ex(t, body.p, (int)body.n);
        if (json_tokener_get_error(t) != json_tokener_success || json_tokener_get_parse_end(t) != body.n ||
            !json_object_is_type(o, json_type_object)) {
            json_object_put(o);
            o = NULL;
        }
        json_tokener_free(t);
    }
    if (!o)
        http_problem(r, 400, S("invalid"), S("the body must be one JSON object"));
    return o;
}

slice api_member(struct http_request *r, struct json_object *o, const char *name)
{
    struct json_object *v;
    if (!json_object_object_get_ex(o, name, &v) || !json_object_is_type(v, json_type_string))
        return SLICE_EMPTY;
    return arena_dup(&r->a, slice_of(json_object_get_string(v), (size_t)json_object_get_string_len(v)));
}
