#include "core/list_json.h"

#include <json-c/json.h>

struct json_import {
    struct list_apply *apply;
    uint64_t line; /* number of the value, for the list of bad ones */
    err *e;
};

static slice value_text(struct json_object *v)
{
    switch (json_object_get_type(v)) {
    case json_type_string:
        return slice_of(json_object_get_string(v), (size_t)json_object_get_string_len(v));
    case json_type_int:
    case json_type_double:
    case json_type_boolean:
        return slice_str(json_object_to_json_string(v));
    default:
        return SLICE_EMPTY;
    }
}

/* The members of an object, and those of objects inside ("reason": {"code": ...}). Returns whether there was an address. */
static void take_members(struct list_record *r, struct json_object *o, unsigned depth)
{
    json_object_object_foreach(o, name, value)
    {
        enum list_column column = list_column_find(slice_str(name));
        if (json_object_is_type(value, json_type_object) && depth < LIST_JSON_DEPTH)
            take_members(r, value, depth + 1);
        else if (column == COLUMN_TAGS)
            list_record_take(r, column, S("*"));
        else if (column != COLUMN_OTHER)
            list_record_take(r, column, value_text(value));
    }
}

static enum status take_value(struct json_import *j, struct json_object *v, unsigned depth);

static enum status take_array(struct json_import *j, struct json_object *v, unsigned depth)
{
    enum status st = OK;
    size_t n = json_object_array_length(v);
    for (size_t i = 0; i < n && st == OK; i++) {
        j->line += depth > 0;
        st = take_value(j, json_object_array_get_idx(v, i), depth + 1);
    }
    return st;
}

static bool has_address(struct json_object *o)
{
    json_object_object_foreach(o, name, value)
    {
        enum list_column c = list_column_find(slice_str(name));
        if ((c == COLUMN_ADDRESS || c == COLUMN_MD5 || c == COLUMN_SHA256) &&
            json_object_is_type(value, json_type_string))
            return true;
    }
    return false;
}

/* No entry itself: the entries are in it. */
static enum status take_envelope(struct json_import *j, struct json_object *o, unsigned depth)
{
    enum status st = OK;
    bool any = false;
    json_object_object_foreach(o, name, value)
    {
        (void)name;
        bool array = json_object_is_type(value, json_type_array);
        bool entry = json_object_is_type(value, json_type_object) && has_address(value);
        if ((!array && !entry) || depth >= LIST_JSON_DEPTH || st != OK)
            continue;
        any = true;
        st = take_value(j, value, depth + 1);
    }
    if (!any)
        list_apply_bad(j->apply, j->line, slice_str(json_object_to_json_string(o)), "no address");
    return st;
}

static enum status take_object(struct json_import *j, struct json_object *o, unsigned depth)
{
    struct list_record r;
    if (!has_address(o))
        return take_envelope(j, o, depth);
    list_record_init(&r);
    take_members(&r, o, 0);
    return list_apply_record(j->apply, &r, j->line, slice_str(json_object_to_json_string(o)), j->e);
}

static enum status take_value(struct json_import *j, struct json_object *v, unsigned depth)
{
    struct list_record r;
    switch (json_object_get_type(v)) {
    case json_type_array:
        return depth < LIST_JSON_DEPTH ? take_array(j, v, depth) : OK;
    case json_type_object:
        return take_object(j, v, depth);
    case json_type_string:
        list_record_init(&r);
        list_record_take(&r, COLUMN_ADDRESS, value_text(v));
        return list_apply_record(j->apply, &r, j->line, value_text(v), j->e);
    default:
        list_apply_bad(j->apply, j->line, value_text(v), "no entry");
        return OK;
    }
}

/* Feeds the parser what is there; one value may come in many pieces. */
static enum status take_text(struct json_import *j, struct list_text *t, struct json_tokener *parser, size_t *pending,
                             err *e)
{
    slice s;
    for (;;) {
        s = list_text_rest(t);
        if (!*pending) {
            list_text_take(t, s.n - slice_ltrim(s).n);
            s = slice_ltrim(s);
        }
        if (!s.n)
            return OK;
        if (!*pending && !memchr("{[\"tfn", s.p[0], 6))
            return err_set(e, E_INVALID, "list: value %llu is neither an entry nor an address",
                           (unsigned long long)j->line);
        struct json_object *v = json_tokener_parse_ex(parser, s.p, (int)(s.n > INT32_MAX ? INT32_MAX : s.n));
        enum json_tokener_error got = json_tokener_get_error(parser);
        size_t used = got == json_tokener_continue ? s.n : json_tokener_get_parse_end(parser);
        list_text_take(t, used);
        *pending = got == json_tokener_continue ? *pending + used : 0;
        if (*pending > LIST_MAX_JSON_BYTES)
            return err_set(e, E_INVALID, "list: one JSON value of more than %u bytes", LIST_MAX_JSON_BYTES);
        if (got == json_tokener_continue)
            return OK;
        if (got != json_tokener_success)
            return err_set(e, E_INVALID, "list: value %llu is no JSON: %s", (unsigned long long)j->line,
                           json_tokener_error_desc(got));
        enum status st = take_value(j, v, 0);
        json_object_put(v);
        j->line++;
        if (st != OK)
            return st;
    }
}

enum status list_json_import(struct list_text *t, struct list_apply *p, err *e)
{
    struct json_import j = {p, 1, e};
    struct json_tokener *parser = json_tokener_new_ex(2 * LIST_JSON_DEPTH);
    if (parser)
        json_tokener_set_flags(parser, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS);
    size_t pending = 0;
    enum status st = parser ? OK : err_set(e, E_MEMORY, "list: out of memory");
    while (st == OK) {
        st = take_text(&j, t, parser, &pending, e);
        if (st != OK || t->at_end)
            break;
        st = list_text_fill(t, e);
    }
    if (st == OK && pending)
        st = err_set(e, E_INVALID, "list: the JSON ends in the middle of a value");
    if (parser)
        json_tokener_free(parser);
    return st;
}
