#include "serve/letter_form.h"

#include <json-c/json.h>

#include "base/json.h"
#include "base/time.h"

/* What the other programs want to know, out of a letter. */
struct told {
    slice type, address, class_, cause, reply, campaign, message_id;
    int64_t time_us;
};

static slice text_of(struct json_object *o, const char *name)
{
    struct json_object *v;
    if (!json_object_object_get_ex(o, name, &v) || !json_object_is_type(v, json_type_string))
        return SLICE_EMPTY;
    return slice_of(json_object_get_string(v), (size_t)json_object_get_string_len(v));
}

static struct json_object *object_of(struct json_object *o, const char *name)
{
    struct json_object *v;
    return json_object_object_get_ex(o, name, &v) && json_object_is_type(v, json_type_object) ? v : NULL;
}

static bool read_letter(struct json_object *o, struct told *t)
{
    struct json_object *data = object_of(o, "data");
    if (!data)
        return false;
    struct json_object *evidence = object_of(data, "evidence"), *verdict = object_of(data, "verdict");
    *t = (struct told){.type = text_of(o, "type"),
                       .address = text_of(data, "address"),
                       .class_ = verdict ? text_of(verdict, "class") : text_of(data, "class"),
                       .cause = text_of(data, "cause"),
                       .reply = evidence ? text_of(evidence, "reply") : SLICE_EMPTY,
                       .campaign = evidence ? text_of(evidence, "campaign") : SLICE_EMPTY,
                       .message_id = evidence ? text_of(evidence, "message_id") : SLICE_EMPTY,
                       .time_us = time_parse_any(text_of(o, "timestamp"))};
    return true;
}

static bool complains(const struct told *t)
{
    return slice_eq(t->type, S("complained")) || slice_eq(t->cause, S("complaint"));
}

/* From listmonk's documentation: {"email", "source", "type": hard, soft or complaint, "meta"}. Its own counts decide what becomes of
 * the subscriber, so that a suppression counts as hard and nothing else does. */
static bool form_listmonk(struct jsonw *j, const struct told *t)
{
    bool stopped = slice_eq(t->type, S("suppressed")), bounced = slice_eq(t->type, S("bounced"));
    if (slice_empty(t->address) || (!stopped && !bounced && !complains(t)))
        return false;
    jsonw_object(j);
    jsonw_kstr(j, "email", t->address);
    jsonw_kstr(j, "source", S("bounced"));
    jsonw_kstr(j, "type", complains(t) ? S("complaint") : stopped ? S("hard") : S("soft"));
    jsonw_kstr(j, "meta", t->reply); /* listmonk wants text */
    jsonw_end_object(j);
    return true;
}

/* From Mautic's documentation of its mail callbacks: SendGrid's events "bounce" (DNC bounced), "spamreport" and "unsubscribe". */
static bool form_mautic(struct jsonw *j, const struct told *t)
{
    if (slice_empty(t->address) || !slice_eq(t->type, S("suppressed")))
        return false;
    bool left = slice_eq(t->cause, S("unsubscribed"));
    jsonw_array(j);
    jsonw_object(j);
    jsonw_kstr(j, "email", t->address);
    jsonw_kstr(j, "event", complains(t) ? S("spamreport") : left ? S("unsubscribe") : S("bounce"));
    jsonw_kstr_opt(j, "reason", t->reply);
    jsonw_kstr_opt(j, "smtp-id", t->message_id);
    if (t->time_us != TIME_NONE)
        jsonw_ki64(j, "timestamp", t->time_us / TIME_SECOND);
    jsonw_end_object(j);
    jsonw_end_array(j);
    return true;
}

enum status letter_body(enum letter_form form, slice letter, arena *a, slice *out, err *e)
{
    struct told t;
    struct jsonw j;
    buf text;
    *out = SLICE_EMPTY;
    if (form == LETTER_STANDARD) {
        *out = arena_dup(a, letter);
        return out->n == letter.n ? OK : err_set(e, E_MEMORY, "letter: out of memory");
    }
    struct json_tokener *parser = json_tokener_new_ex(8);
    struct json_object *o = parser ? json_tokener_parse_ex(parser, letter.p, (int)letter.n) : NULL;
    enum status st = OK;
    buf_init(&text, 0);
    jsonw_init(&j, &text);
    if (!o || !read_letter(o, &t))
        st = err_set(e, E_CORRUPT, "letter: the ledger holds one that is no JSON");
    else if ((form == LETTER_LISTMONK ? form_listmonk : form_mautic)(&j, &t))
        *out = arena_dup(a, buf_slice(&text));
    if (st == OK && (text.failed || out->n != text.n))
        st = err_set(e, E_MEMORY, "letter: out of memory");
    buf_fini(&text);
    json_object_put(o);
    if (parser)
        json_tokener_free(parser);
    return st;
}
