#include "feed/events.h"

#include "base/time.h"
#include "bounce/address.h"
#include "bounce/judge.h"
#include "feed/dialects.h"

#define TOLD_CERTAINTY 80 /* of a reason that the sender of the event gives, without any words of a server */
#define MAX_WORD_BYTES 64u

enum type { TEXT, TIME, FLAG, OWN };

static const struct field_row {
    const char *name;
    enum type type;
    size_t offset;
} fields[] = {
#define FIELD(name, type, member) {name, type, offsetof(struct observation, member)},
#include "feed/events.def"
#undef FIELD
};

const char *events_field(size_t i)
{
    return i < ARRAY_LEN(fields) ? fields[i].name : NULL;
}

/* One item on its way. */
struct reading {
    struct json_object *item;
    const struct events_options *options;
    arena *a;
    struct events_bad *bad;
};

static bool refuse(const struct reading *r, const char *why, slice what)
{
    r->bad->why = why;
    r->bad->what = what;
    return false;
}

static struct json_object *member(const struct reading *r, const char *name)
{
    struct json_object *v = NULL;
    return json_object_object_get_ex(r->item, name, &v) ? v : NULL;
}

static bool has_control(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return true;
    return false;
}

/* A text of any length; empty when it is not there. False when it is of another type. */
static bool take_text(const struct reading *r, const char *name, slice *out)
{
    struct json_object *v = member(r, name);
    *out = SLICE_EMPTY;
    if (!v)
        return true;
    if (json_object_is_type(v, json_type_string))
        *out = arena_dup(r->a, slice_of(json_object_get_string(v), (size_t)json_object_get_string_len(v)));
    else if (json_object_is_type(v, json_type_int) || json_object_is_type(v, json_type_double))
        *out = json_text(v, r->a, MAX_WORD_BYTES);
    else
        return refuse(r, "must be a text", slice_str(name));
    return true;
}

static bool take_short(const struct reading *r, const char *name, slice *out)
{
    if (!take_text(r, name, out))
        return false;
    *out = slice_trim(*out);
    if (out->n > EVENTS_MAX_TEXT_BYTES)
        return refuse(r, "is longer than 1024 bytes", slice_str(name));
    return has_control(*out) ? refuse(r, "has control characters in it", slice_str(name)) : true;
}

/* ---- members of the table ---- */

static bool take_time(const struct reading *r, const char *name, int64_t *out)
{
    slice text;
    if (!take_short(r, name, &text))
        return false;
    *out = slice_empty(text) ? TIME_NONE : time_parse_any(text);
    if (*out == TIME_NONE && !slice_empty(text))
        return refuse(r, "is no time (ISO 8601, or seconds since 1970)", slice_str(name));
    return true;
}

static bool take_flag(const struct reading *r, const char *name, bool *out)
{
    struct json_object *v = member(r, name);
    if (v && !json_object_is_type(v, json_type_boolean))
        return refuse(r, "must be true or false", slice_str(name));
    *out = v && json_object_get_boolean(v);
    return true;
}

static bool take_table(const struct reading *r, struct observation *o)
{
    bool good = true;
    for (size_t i = 0; good && i < ARRAY_LEN(fields); i++) {
        void *at = (char *)o + fields[i].offset;
        if (fields[i].type == TEXT)
            good = take_short(r, fields[i].name, at);
        else if (fields[i].type == TIME)
            good = take_time(r, fields[i].name, at);
        else if (fields[i].type == FLAG)
            good = take_flag(r, fields[i].name, at);
    }
    return good;
}

/* ---- members of their own ---- */

static bool take_kind(const struct reading *r, struct observation *o)
{
    static const struct {
        slice word;
        enum bounce_kind kind;
    } words[] = {{SLICE_INIT("bounced"), BOUNCE_KIND_FAILED},
                 {SLICE_INIT("bounce"), BOUNCE_KIND_FAILED},
                 {SLICE_INIT("complained"), BOUNCE_KIND_COMPLAINT},
                 {SLICE_INIT("sent"), BOUNCE_KIND_ACCEPTED}};
    slice word;
    if (!take_short(r, "event", &word))
        return false;
    if (slice_empty(word))
        return refuse(r, "is missing", S("event"));
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq_ci(words[i].word, word)) {
            o->kind = words[i].kind;
            return true;
        }
    o->kind = bounce_kind_find(word);
    return o->kind < BOUNCE_KINDS ? true : refuse(r, "is no event that is known", word);
}

static bool take_address(const struct reading *r, const char *name, bool needed, slice *out)
{
    slice text, key;
    if (!take_short(r, name, &text))
        return false;
    if (slice_empty(text))
        return needed ? refuse(r, "is missing", slice_str(name)) : true;
    slice address = slice_chr(text, '<') == SLICE_NPOS ? text : address_find(text);
    if (slice_empty(address) || slice_empty(address_normal(r->a, address, &key)))
        return refuse(r, "is no address", slice_str(name));
    *out = address;
    return true;
}

static bool take_tenant(const struct reading *r, struct observation *o)
{
    slice own = r->options->tenant.p ? r->options->tenant : SLICE_EMPTY;
    if (!take_short(r, "tenant", &o->tenant))
        return false;
    if (!slice_empty(own) && !slice_empty(o->tenant) && !slice_eq(own, o->tenant))
        return refuse(r, "is not yours", S("tenant"));
    if (!slice_empty(own))
        o->tenant = own;
    return true;
}

static bool take_reply(const struct reading *r, struct observation *o)
{
    slice word;
    if (!take_text(r, "reply", &o->reply) || !take_short(r, "phase", &word))
        return false;
    o->reply = slice_sub(slice_trim(o->reply), 0, EVENTS_MAX_REPLY_BYTES);
    o->phase = slice_empty(word) ? BOUNCE_PHASE_NONE : bounce_phase_find(word);
    return o->phase < BOUNCE_PHASES ? true : refuse(r, "is no phase of a session", word);
}

/* Decides only where no server said anything. */
static bool take_reason(const struct reading *r, struct observation *o)
{
    slice word;
    if (!take_short(r, "reason", &word))
        return false;
    enum bounce_reason reason = slice_empty(word) ? BOUNCE_REASON_UNKNOWN : bounce_reason_find(word);
    bool failure = bounce_kind_final(o->kind) || bounce_kind_attempt(o->kind);
    if (reason >= BOUNCE_REASONS)
        return refuse(r, "is no reason that is known", word);
    if (failure && reason != BOUNCE_REASON_UNKNOWN && slice_empty(o->reply) && slice_empty(o->status))
        judge_told(reason, TOLD_CERTAINTY, S("told:events"), &o->verdict);
    return true;
}

/* With a key of the sender's, that; else the whole item, which must say when it happened. */
static bool take_key(const struct reading *r, struct observation *o)
{
    slice key;
    if (!take_short(r, "key", &key))
        return false;
    if (slice_empty(key) && o->time_us == TIME_NONE)
        return refuse(r, "or key must be there: a repeat could not be told from a second event", S("time"));
    struct hash128 h = hash128_more(hash128(S("events")), o->tenant);
    if (slice_empty(key))
        h = hash128_more(h, slice_str(json_object_to_json_string_ext(r->item, JSON_C_TO_STRING_PLAIN)));
    else
        h = hash128_more(h, key);
    o->source_key = hash128_more(h, o->recipient);
    return true;
}

static bool read_item(const struct reading *r, struct observation *o)
{
    if (!json_object_is_type(r->item, json_type_object))
        return refuse(r, "an event is a JSON object", SLICE_EMPTY);
    if (!take_kind(r, o) || !take_address(r, "recipient", true, &o->recipient) ||
        !take_address(r, "sent_to", false, &o->sent_to) || !take_tenant(r, o) || !take_table(r, o) ||
        !take_reply(r, o) || !take_reason(r, o) || !take_key(r, o))
        return false;
    if (slice_eq_ci(o->sent_to, o->recipient))
        o->sent_to = SLICE_EMPTY;
    o->ids[ID_MESSAGE] = slice_unwrap(o->ids[ID_MESSAGE], '<', '>');
    if (slice_empty(o->format))
        o->format = S("events");
    o->feed = slice_empty(r->options->feed) ? S("events") : r->options->feed;
    o->trust = r->options->trust;
    return true;
}

enum events_took events_take(struct json_object *item, const struct events_options *o, arena *a, struct feed_list *out,
                             struct events_bad *bad)
{
    const struct reading r = {item, o, a, bad};
    struct observation *made = feed_add(out, a);
    if (!made)
        return EVENTS_MEMORY;
    bool good = read_item(&r, made);
    if (!good || a->limited)
        out->n--;
    return a->limited ? EVENTS_MEMORY : good ? EVENTS_TAKEN : EVENTS_REFUSED;
}

/* ---- bodies ---- */

struct body {
    const struct events_options *options;
    arena *a;
    struct feed_list *out;
    struct events_result *result;
    size_t bad_room;
};

static bool tell_bad(struct body *b, const struct events_bad *bad)
{
    struct events_result *r = b->result;
    r->bad_count++;
    if (r->bad_told >= EVENTS_MAX_BAD)
        return true;
    struct events_bad *list = arena_grow(b->a, r->bad, r->bad_told, &b->bad_room, sizeof *list);
    if (!list)
        return false;
    r->bad = list;
    list[r->bad_told] = *bad;
    list[r->bad_told++].item = r->items;
    return true;
}

/* NULL: `why` says what was there instead of an item. */
static bool one_item(struct body *b, struct json_object *item, const char *why)
{
    struct events_bad bad = {.why = why, .what = SLICE_EMPTY};
    enum events_took took = EVENTS_REFUSED;
    if (b->result->items >= EVENTS_MAX_ITEMS)
        bad.why = "more events than one body may have (20000)";
    else if (item || !why)
        took = events_take(item, b->options, b->a, b->out, &bad);
    bool good = took != EVENTS_MEMORY && (took == EVENTS_TAKEN || tell_bad(b, &bad));
    b->result->taken += took == EVENTS_TAKEN;
    b->result->items++;
    return good;
}

static const char *why_no_json(unsigned odd)
{
    return odd & JSON_ODD_DEEP   ? "is nested too deeply"
           : odd & JSON_ODD_MANY ? "has too many values"
                                 : "is no JSON, or cut off";
}

static bool whole_body(struct body *b, struct json_object *root)
{
    struct json_object *list = root, *events = NULL;
    if (json_object_is_type(root, json_type_object) && json_object_object_get_ex(root, "events", &events))
        list = events;
    if (!json_object_is_type(list, json_type_array))
        return one_item(b, list, NULL);
    bool good = true;
    for (size_t i = 0; good && i < json_object_array_length(list); i++)
        good = one_item(b, json_object_array_get_idx(list, i), NULL);
    return good;
}

static bool line_by_line(struct body *b, slice body)
{
    bool good = true;
    for (slice line; good && slice_line(&body, &line);) {
        unsigned odd = 0;
        if (slice_empty(slice_trim(line)))
            continue;
        struct json_object *item = json_read(line, &odd);
        bool behind = item && odd & JSON_ODD_BEHIND;
        good = !(odd & JSON_ODD_MEMORY) &&
               one_item(b, behind ? NULL : item, behind ? "has more behind it" : why_no_json(odd));
        json_object_put(item);
    }
    return good;
}

bool events_read(slice body, const struct events_options *o, arena *a, struct feed_list *out, struct events_result *r)
{
    struct body b = {.options = o, .a = a, .out = out, .result = r};
    unsigned odd = 0;
    *r = (struct events_result){0};
    struct json_object *root = json_read(body, &odd);
    bool whole = root && !(odd & JSON_ODD_BEHIND);
    bool lines = !whole && !(odd & JSON_ODD_MEMORY) && slice_starts(slice_ltrim(body), S("{"));
    bool good = whole ? whole_body(&b, root) : lines ? line_by_line(&b, body) : !(odd & JSON_ODD_MEMORY);
    if (good && !whole && !lines)
        good = one_item(&b, NULL, why_no_json(odd));
    json_object_put(root);
    return good;
}

/* ---- as a log ---- */

bool events_claims_line(const struct maillog *m, const struct syslog_line *line)
{
    (void)m;
    return slice_starts(line->message, S("{")) && slice_find(line->message, S("\"event\"")) != SLICE_NPOS &&
           slice_find(line->message, S("\"recipient\"")) != SLICE_NPOS;
}

bool events_read_line(struct work *w)
{
    const struct events_options o = {.tenant = w->log->tenant, .feed = work_feed(w), .trust = TRUST_PROVEN};
    struct events_bad bad = {.why = NULL, .what = SLICE_EMPTY};
    unsigned odd = 0;
    struct json_object *item = json_read(w->line->message, &odd);
    if (!item || odd & JSON_ODD_BEHIND) {
        work_odd(w, why_no_json(odd));
        json_object_put(item);
        return !(odd & JSON_ODD_MEMORY);
    }
    enum events_took took = events_take(item, &o, w->arena, w->out, &bad);
    if (took == EVENTS_REFUSED)
        work_odd_word(w, bad.what, bad.why);
    w->log->counts.observations += took == EVENTS_TAKEN;
    json_object_put(item);
    return took != EVENTS_MEMORY;
}
