/* May I send to this address? From the table in memory: few addresses on the loop, many on a worker.
 *
 * POST /v1/check takes {"addresses": [...]} or a bare array, answered in JSON; or text/plain with an address a line, answered with a
 * line for each in the same order: "send", "suppressed CAUSE", "invalid" or "defer". The second is the way for millions.
 */
#include "core/check.h"
#include "serve/api.h"

#define INLINE_BYTES 8192u /* a body up to this is answered on the loop */
#define AT_ONCE 512u

/* It may be sent to, but not just now: there is an incident at its receiver. */
static bool waits(struct api *api, slice tenant, const struct check_answer *a)
{
    return a->word == CHECK_SEND && pauses_has_now(api->d->pauses, api->d->knowledge, tenant, a->key);
}

static void put_answer(struct jsonw *j, const struct check_answer *a, bool wait)
{
    jsonw_object(j);
    jsonw_kstr(j, "address", a->input);
    jsonw_kstr(j, "answer", wait ? S("defer") : slice_str(check_word(a->word)));
    if (a->word == CHECK_SUPPRESSED) {
        jsonw_kstr(j, "cause", slice_str(cause_word(a->cause)));
        jsonw_kstr(j, "scope", slice_str(scope_word(a->scope)));
        if (a->domain)
            jsonw_kbool(j, "domain", true);
        jsonw_ktime_opt(j, "until", a->until_us);
    }
    jsonw_end_object(j);
}

void api_check_one(struct http_request *r)
{
    struct api *api = api_of(r);
    const struct apikey *who = api_who(r);
    slice tenant = who && !slice_empty(who->tenant) ? who->tenant : api_query(r, "tenant");
    slice address = api_query(r, "address");
    struct check_answer answer;
    struct jsonw j;
    buf out;
    if (slice_empty(address)) {
        http_problem(r, 400, S("invalid"), S("which address? /v1/check?address=user@example.org"));
        return;
    }
    if (check_table(api->d->table, tenant, api_query(r, "stream"), &address, 1, daemon_now(api->d), &r->a, &answer) !=
        OK) {
        http_problem(r, 503, S("memory"), S("out of memory"));
        return;
    }
    buf_init(&out, 0);
    jsonw_init(&j, &out);
    put_answer(&j, &answer, waits(api, tenant, &answer));
    struct http_answer a = {.status = 200, .body = buf_slice(&out)};
    http_answer(r, &a);
    buf_fini(&out);
}

/* ---- many ---- */

struct many {
    struct api_call *c;
    arena scratch; /* of those that are asked about together */
    int64_t now_us;
    slice in[AT_ONCE];
    struct check_answer answers[AT_ONCE];
    size_t n;
    bool text;
    struct jsonw j;
};

/* The answer in a line of text. */
static slice line_of(const struct check_answer *a)
{
    static const slice suppressed[CAUSES] = {
#define CAUSE(id, word, lift, help) [CAUSE_##id] = SLICE_INIT("suppressed " word "\n"),
#include "policy/causes.def"
#undef CAUSE
    };
    if (a->word == CHECK_SUPPRESSED)
        return suppressed[a->cause];
    return a->word == CHECK_SEND ? S("send\n") : S("invalid\n");
}

static void flush(struct many *m)
{
    struct api_call *c = m->c;
    arena_reset(&m->scratch);
    if (check_table(c->api->d->table, c->tenant, c->stream, m->in, m->n, m->now_us, &m->scratch, m->answers) != OK) {
        api_fail(c, E_MEMORY, "too many addresses at once; send fewer");
        m->n = 0;
        return;
    }
    for (size_t i = 0; i < m->n; i++) {
        bool wait = waits(c->api, c->tenant, &m->answers[i]);
        if (m->text)
            buf_add(&c->out, wait ? S("defer\n") : line_of(&m->answers[i]));
        else
            put_answer(&m->j, &m->answers[i], wait);
    }
    m->n = 0;
}

static void ask(struct many *m, slice address)
{
    m->in[m->n++] = address;
    if (m->n == AT_ONCE)
        flush(m);
}

static void ask_lines(struct many *m, slice body)
{
    m->text = true;
    m->c->type = S("text/plain; charset=utf-8");
    while (body.n && m->c->failed == OK) {
        size_t end = slice_chr(body, '\n');
        slice line = slice_sub(body, 0, end);
        ask(m, line.n && line.p[line.n - 1] == '\r' ? slice_sub(line, 0, line.n - 1) : line);
        body = end == SLICE_NPOS ? SLICE_EMPTY : slice_from(body, end + 1);
    }
    flush(m);
}

static struct json_object *parse(slice body)
{
    struct json_tokener *t = json_tokener_new_ex(API_MAX_JSON_DEPTH);
    if (!t)
        return NULL;
    json_tokener_set_flags(t, JSON_TOKENER_STRICT);
    struct json_object *o = json_tokener_parse_ex(t, body.p, (int)body.n);
    if (json_tokener_get_error(t) != json_tokener_success || json_tokener_get_parse_end(t) != body.n) {
        json_object_put(o);
        o = NULL;
    }
    json_tokener_free(t);
    return o;
}

static void ask_array(struct many *m, struct json_object *list)
{
    size_t n = json_object_array_length(list);
    jsonw_init(&m->j, &m->c->out);
    jsonw_object(&m->j);
    jsonw_key(&m->j, "answers");
    jsonw_array(&m->j);
    for (size_t i = 0; i < n && m->c->failed == OK; i++) {
        struct json_object *v = json_object_array_get_idx(list, i);
        if (json_object_is_type(v, json_type_string))
            ask(m, slice_of(json_object_get_string(v), (size_t)json_object_get_string_len(v)));
        else
            ask(m, S("")); /* answers stay in the order of the questions */
    }
    flush(m);
    jsonw_end_array(&m->j);
    jsonw_end_object(&m->j);
}

static void ask_json(struct many *m, slice body)
{
    struct json_object *o = parse(body), *list = o;
    if (json_object_is_type(o, json_type_object) && !json_object_object_get_ex(o, "addresses", &list))
        list = NULL;
    if (json_object_is_type(list, json_type_array))
        ask_array(m, list);
    else
        api_fail(m->c, E_INVALID,
                 "the body must be {\"addresses\": [...]}, an array of addresses, or lines of text/plain");
    json_object_put(o);
}

static void answer_all(struct api_call *c, arena *a, int64_t now_us)
{
    struct many *m = ARENA_NEW(a, struct many);
    if (!m) {
        api_fail(c, E_MEMORY, "out of memory");
        return;
    }
    m->c = c;
    m->now_us = now_us;
    arena_init(&m->scratch, 0);
    if (api_body_is(c->r, "text/plain"))
        ask_lines(m, c->r->body);
    else
        ask_json(m, slice_trim(c->r->body));
    arena_fini(&m->scratch);
}

static void read_many(struct api_call *c, struct worker *w)
{
    answer_all(c, w->a, w->now_us);
}

void api_check_many(struct http_request *r)
{
    struct api_call *c = api_call_new(r);
    if (!c)
        return;
    if (r->body.n > INLINE_BYTES) {
        api_call_read(c, read_many);
        return;
    }
    answer_all(c, &r->a, daemon_now(c->api->d));
    api_call_end(c);
}
