#include "feed/esp_mapping.h"

#include "feed/esp_check.h"
#include "feed/esp_map.h"
#include "feed/json_read.h"

#define MAX_NAME_BYTES 32u
#define MAX_TEXT_BYTES 1024u
#define CERTAINTY 60u /* where a row names none: the policy wants a second observation */

struct mapping {
    arena *a;
    err *e;
    struct esp *esp;
    struct esp_map *map;
    struct esp_scheme *scheme;
    const char **paths;
    struct esp_word *words;
    const struct esp *like;
};

static enum status no_memory(err *e)
{
    return err_set(e, E_MEMORY, "mapping: out of memory");
}

/* The text of a member, with a NUL behind it; NULL (told) when it is no text, empty or too long. */
static const char *text_of(const struct mapping *m, const char *where, struct json_object *v)
{
    slice s = json_object_is_type(v, json_type_string) ? json_text(v, m->a, MAX_TEXT_BYTES + 1) : SLICE_EMPTY;
    if (m->a->limited)
        no_memory(m->e);
    else if (slice_empty(s) || s.n > MAX_TEXT_BYTES || memchr(s.p, 0, s.n))
        err_set(m->e, E_INVALID, "mapping: \"%s\" is not a text of 1 to %u octets", where, MAX_TEXT_BYTES);
    else
        return s.p;
    return NULL;
}

/* ---- words ---------------------------------------------------------------------------------------------------- */

static enum status bad_row(const struct mapping *m, const char *pattern, const char *what, slice word)
{
    return err_set(m->e, E_INVALID, "mapping: events: \"%s\": %s \"%.*s\"", pattern, what, SLICE_FMT(word));
}

/* "KIND", "KIND REASON", "KIND REASON CERTAINTY" */
static enum status read_kind(const struct mapping *m, const char *pattern, slice first, slice rest,
                             struct esp_word *out)
{
    slice word;
    uint64_t certainty = CERTAINTY;
    out->kind = bounce_kind_find(first);
    if (out->kind == BOUNCE_KINDS)
        return bad_row(m, pattern, "no such kind:", first);
    bool failure = bounce_kind_final(out->kind) || bounce_kind_attempt(out->kind);
    out->row = failure ? ROW_FAIL : ROW_INFO;
    if (!slice_word(&rest, &word))
        return OK;
    out->reason = bounce_reason_find(word);
    if (!failure || out->reason == BOUNCE_REASONS)
        return bad_row(m, pattern, failure ? "no such reason:" : "has no reason, but", word);
    if (slice_word(&rest, &word) && (!slice_u64(word, &certainty) || certainty > 99))
        return bad_row(m, pattern, "no certainty from 0 to 99:", word);
    out->certainty = (unsigned)certainty;
    return slice_word(&rest, &word) ? bad_row(m, pattern, "too much:", word) : OK;
}

/* "suppressed CAUSE" (the cause may be absent), "not-sent REASON": the platform did not send. */
static enum status read_own(const struct mapping *m, const char *pattern, bool suppressed, slice rest,
                            struct esp_word *out)
{
    slice word = SLICE_EMPTY;
    out->row = ROW_OWN;
    out->kind = BOUNCE_KIND_FAILED;
    bool more = slice_word(&rest, &word);
    if (suppressed) {
        out->reason = BOUNCE_REASON_UPSTREAM_SUPPRESSED;
        out->cause = more ? arena_dup(m->a, word).p : "";
        return OK;
    }
    out->reason = bounce_reason_find(word);
    return out->reason == BOUNCE_REASONS ? bad_row(m, pattern, "no such reason:", word) : OK;
}

static enum status read_row(const struct mapping *m, const char *pattern, const char *text, struct esp_word *out)
{
    slice rest = slice_str(text), first;
    *out = (struct esp_word){pattern, ROW_SKIP, BOUNCE_KIND_ACCEPTED, BOUNCE_REASON_UNKNOWN, 0, ""};
    if (!slice_word(&rest, &first))
        return bad_row(m, pattern, "says nothing:", SLICE_EMPTY);
    if (slice_eq(first, S("ignore")))
        return OK;
    bool suppressed = slice_eq(first, S("suppressed"));
    if (suppressed || slice_eq(first, S("not-sent")))
        return read_own(m, pattern, suppressed, rest, out);
    return read_kind(m, pattern, first, rest, out);
}

static enum status read_events(struct mapping *m, struct json_object *o)
{
    size_t n = (size_t)json_object_object_length(o), i = 0;
    if (n > ESP_MAPPING_MAX_WORDS)
        return err_set(m->e, E_INVALID, "mapping: more than %u events", ESP_MAPPING_MAX_WORDS);
    m->words = arena_calloc(m->a, n, sizeof *m->words);
    if (!m->words)
        return no_memory(m->e);
    json_object_object_foreach(o, name, value)
    {
        const char *pattern = arena_dup(m->a, slice_str(name)).p, *text = text_of(m, name, value);
        if (!text)
            return m->e->status;
        enum status st = read_row(m, pattern, text, &m->words[i++]);
        if (st != OK)
            return st;
    }
    m->map->words = m->words;
    m->map->word_count = n;
    return m->a->limited ? no_memory(m->e) : OK;
}

/* ---- fields and signature ------------------------------------------------------------------------------------- */

static enum status read_fields(struct mapping *m, struct json_object *o)
{
    json_object_object_foreach(o, name, value)
    {
        enum esp_field field = esp_field_find(slice_str(name));
        if (field == ESP_FIELDS)
            return err_set(m->e, E_INVALID, "mapping: fields: there is no field \"%s\"", name);
        m->paths[field] = text_of(m, name, value);
        if (!m->paths[field])
            return m->e->status;
    }
    return OK;
}

static const struct {
    const char *name;
    struct esp_scheme scheme;
    bool credentials_only;
    int64_t window_us;
} schemes[] = {
    {"credentials", {.check = check_credentials}, true, 0},
    {"hmac-sha256", {.check = check_body_hmac, .digest = DIGEST_SHA256}, false, 0},
    {"hmac-sha1", {.check = check_body_hmac, .digest = DIGEST_SHA1}, false, 0},
    {"standard-webhooks", {.check = check_svix}, false, 5 * TIME_MINUTE},
};

static enum status set_scheme(struct mapping *m, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (strcmp(schemes[i].name, name) == 0) {
            *m->scheme = schemes[i].scheme;
            m->scheme->prefix = "";
            m->esp->credentials_only = schemes[i].credentials_only;
            m->esp->window_us = schemes[i].window_us;
            m->esp->scheme = m->scheme;
            return OK;
        }
    return err_set(m->e, E_INVALID,
                   "mapping: signature: scheme is one of credentials, hmac-sha256, hmac-sha1, standard-webhooks");
}

static enum status set_encoding(struct mapping *m, const char *text)
{
    bool base64 = strcmp(text, "base64") == 0;
    m->scheme->text = base64 ? SIGNATURE_BASE64 : SIGNATURE_HEX;
    return base64 || strcmp(text, "hex") == 0
               ? OK
               : err_set(m->e, E_INVALID, "mapping: signature: encoding is hex or base64");
}

static enum status read_signature(struct mapping *m, struct json_object *o)
{
    struct json_object *scheme = NULL;
    json_object_object_get_ex(o, "scheme", &scheme);
    const char *text = text_of(m, "scheme", scheme);
    enum status st = text ? set_scheme(m, text) : m->e->status;
    json_object_object_foreach(o, name, value)
    {
        if (st != OK || strcmp(name, "scheme") == 0)
            continue;
        text = text_of(m, name, value);
        if (!text)
            return m->e->status;
        if (strcmp(name, "header") == 0)
            m->scheme->header = text;
        else if (strcmp(name, "prefix") == 0)
            m->scheme->prefix = text;
        else if (strcmp(name, "encoding") == 0)
            st = set_encoding(m, text);
        else
            st = err_set(m->e, E_INVALID, "mapping: signature: there is no member \"%s\"", name);
    }
    if (st == OK && m->scheme->check == check_body_hmac && !m->scheme->header)
        st = err_set(m->e, E_INVALID, "mapping: signature: in which header does it stand?");
    return st;
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

static bool is_name(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_digit(s.p[i]) && s.p[i] != '-' && (s.p[i] < 'a' || s.p[i] > 'z'))
            return false;
    return s.n <= MAX_NAME_BYTES;
}

static enum status set_name(struct mapping *m, const char *name)
{
    slice s = slice_str(name);
    if (!is_name(s))
        return err_set(m->e, E_INVALID, "mapping: name is 1 to %u of a-z, 0-9 and \"-\"", MAX_NAME_BYTES);
    if (esp_find(s))
        return err_set(m->e, E_INVALID,
                       "mapping: the name %s is a built-in platform's; choose another one, with \"like\"", name);
    m->esp->name = name;
    return OK;
}

static enum status set_like(struct mapping *m, const char *name)
{
    m->like = esp_find(slice_str(name));
    if (!m->like)
        return err_set(m->e, E_INVALID, "mapping: like: there is no platform \"%s\"", name);
    m->map->base = m->like->map;
    m->esp->content_types = m->like->content_types;
    m->esp->credentials_only = m->like->credentials_only;
    m->esp->window_us = m->like->window_us;
    m->esp->scheme = m->like->scheme;
    return OK;
}

/* In this order, whatever the order in the file. */
static const struct {
    const char *name;
    enum status (*take_text)(struct mapping *m, const char *text);
    enum status (*take_object)(struct mapping *m, struct json_object *o);
} members[] = {{"name", set_name, NULL},      {"title", NULL, NULL},         {"like", set_like, NULL},
               {"fields", NULL, read_fields}, {"events", NULL, read_events}, {"signature", NULL, read_signature}};

static enum status read_member(struct mapping *m, size_t i, struct json_object *v)
{
    if (members[i].take_object)
        return json_object_is_type(v, json_type_object)
                   ? members[i].take_object(m, v)
                   : err_set(m->e, E_INVALID, "mapping: \"%s\" is not an object", members[i].name);
    const char *text = text_of(m, members[i].name, v);
    if (!text)
        return m->e->status;
    if (members[i].take_text)
        return members[i].take_text(m, text);
    m->esp->title = text;
    return OK;
}

static enum status read_members(struct mapping *m, struct json_object *o)
{
    size_t known = 0;
    for (size_t i = 0; i < ARRAY_LEN(members); i++) {
        struct json_object *v;
        if (!json_object_object_get_ex(o, members[i].name, &v))
            continue;
        known++;
        enum status st = read_member(m, i, v);
        if (st != OK)
            return st;
    }
    if ((size_t)json_object_object_length(o) != known)
        return err_set(m->e, E_INVALID, "mapping: members are name, title, like, fields, events and signature");
    if (!m->esp->name)
        return err_set(m->e, E_INVALID, "mapping: it has no name");
    if (!esp_map_path(m->map, ESP_FIELD_WORD_1) || (!m->like && m->map->word_count == 0))
        return err_set(m->e, E_INVALID, "mapping: neither \"event\" and \"events\" nor \"like\" are there");
    if (!m->esp->title)
        m->esp->title = m->esp->name;
    return OK;
}

static bool begin(struct mapping *m)
{
    m->esp = ARENA_NEW(m->a, struct esp);
    m->map = ARENA_NEW(m->a, struct esp_map);
    m->scheme = ARENA_NEW(m->a, struct esp_scheme);
    m->paths = arena_calloc(m->a, ESP_FIELDS, sizeof *m->paths);
    if (!m->esp || !m->map || !m->scheme || !m->paths)
        return false;
    m->map->paths = m->paths;
    m->esp->map = m->map;
    m->esp->content_types = "application/json application/x-www-form-urlencoded text/plain";
    return set_scheme(m, "credentials") == OK;
}

enum status esp_mapping_read(slice text, arena *a, const struct esp **out, err *e)
{
    err own = {.status = OK};
    unsigned odd;
    struct mapping m = {.a = a, .e = e ? e : &own};
    *out = NULL;
    if (text.n > ESP_MAPPING_MAX_BYTES)
        return err_set(m.e, E_INVALID, "mapping: longer than %u octets", ESP_MAPPING_MAX_BYTES);
    if (!begin(&m))
        return no_memory(m.e);
    struct json_object *o = json_read(text, &odd);
    enum status st = OK;
    if (!json_object_is_type(o, json_type_object))
        st = err_set(m.e, E_INVALID, "mapping: it is not a JSON object");
    else if (odd)
        st = err_set(m.e, E_INVALID,
                     "mapping: the JSON has two members of one name, text behind it or bytes that are no UTF-8");
    else
        st = read_members(&m, o);
    json_object_put(o);
    if (st == OK)
        *out = m.esp;
    return st;
}
