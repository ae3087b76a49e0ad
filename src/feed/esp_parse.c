#include "base/text.h"
#include "bounce/address.h"
#include "bounce/judge.h"
#include "feed/esp_map.h"
#include "feed/form.h"
#include "feed/json_read.h"

#define OWN_CERTAINTY 95u /* the platform says what it did itself */
#define MAX_WORD_BYTES 48u

static const char *const diag_words[ESP_DIAGS] = {"no-json",         "deep",          "many",
                                                  "repeated-member", "utf8",          "text-behind",
                                                  "big-number",      "no-event",      "unknown-event",
                                                  "no-recipient",    "bad-recipient", "unsure-recipient",
                                                  "no-time",         "no-id",         "cut"};

const char *esp_diag_word(unsigned bit)
{
    MUST(bit < ESP_DIAGS);
    return diag_words[bit];
}

struct parse_work {
    const struct esp *esp;
    const struct esp_options *options;
    arena *a;
    struct esp_result *out;
    struct json_object *item;    /* the event */
    struct json_object *element; /* the recipient in it */
    struct esp_event *event;
    const struct esp_word *word;
    struct hash128 key;      /* of the event, without the recipient */
    slice texts[ESP_FIELDS]; /* of the event */
    bool known[ESP_FIELDS];  /* texts[field] is set */
};

/* ---- fields --------------------------------------------------------------------------------------------------- */

static struct json_object *find(const struct parse_work *w, enum esp_field field)
{
    const char *path = esp_map_path(w->esp->map, field);
    return path ? json_find(w->item, w->element, path) : NULL;
}

/* The text of a field. What does not depend on the recipient is read once for each event, however many there are. */
static slice text_of(struct parse_work *w, enum esp_field field, size_t max)
{
    if (w->known[field])
        return w->texts[field];
    slice s = json_text(find(w, field), w->a, max + 1);
    if (s.n > max) {
        w->event->diag |= ESP_DIAG_CUT;
        s.n = max;
    }
    const char *path = esp_map_path(w->esp->map, field);
    w->texts[field] = s;
    w->known[field] = !path || !strchr(path, '@');
    return s;
}

/* Fields that go into an observation as they are. */
static const struct {
    enum esp_field field;
    size_t offset;
} plain_fields[] = {
    {ESP_FIELD_STATUS, offsetof(struct observation, status)},
    {ESP_FIELD_PROVIDER_ID, offsetof(struct observation, ids[ID_PROVIDER])},
    {ESP_FIELD_SENDER, offsetof(struct observation, sender)},
    {ESP_FIELD_SUBJECT, offsetof(struct observation, subject)},
    {ESP_FIELD_SENDING_IP, offsetof(struct observation, sending_ip)},
    {ESP_FIELD_REMOTE_MTA, offsetof(struct observation, remote_mta)},
    {ESP_FIELD_REPORTING_MTA, offsetof(struct observation, reporting_mta)},
    {ESP_FIELD_CAMPAIGN, offsetof(struct observation, campaign)},
    {ESP_FIELD_STREAM, offsetof(struct observation, stream)},
};

/* "0" is how platforms say that there is no campaign. */
static slice given_or(slice given, slice otherwise)
{
    return slice_empty(given) || slice_eq(given, S("0")) ? otherwise : given;
}

static bool is_transport(enum bounce_kind kind)
{
    return bounce_kind_final(kind) || bounce_kind_attempt(kind) || kind == BOUNCE_KIND_DELIVERED;
}

static void take_plain_fields(struct parse_work *w, struct observation *o)
{
    for (size_t i = 0; i < ARRAY_LEN(plain_fields); i++) {
        slice *to = (slice *)(void *)((char *)o + plain_fields[i].offset);
        *to = slice_trim(text_of(w, plain_fields[i].field, ESP_MAX_TEXT_BYTES));
    }
    if (slice_chr(o->sender, '<') != SLICE_NPOS)
        o->sender = address_find(o->sender);
    if (!is_transport(o->kind)) /* the reader's own address stands there in an opened or clicked event */
        o->sending_ip = SLICE_EMPTY;
    o->campaign = given_or(o->campaign, w->options->campaign);
    o->stream = given_or(o->stream, w->options->stream);
}

/* Platforms call many things a message id; the field of the message has an "@". */
static slice message_id(struct parse_work *w)
{
    slice id = slice_trim(text_of(w, ESP_FIELD_MESSAGE_ID, ESP_MAX_TEXT_BYTES));
    id = slice_trim(slice_unwrap(id, '<', '>'));
    return slice_chr(id, '@') == SLICE_NPOS ? SLICE_EMPTY : id;
}

static bool is_reply_code(slice code)
{
    return code.n == 3 && code.p[0] >= '2' && code.p[0] <= '6' && ascii_digit(code.p[1]) && ascii_digit(code.p[2]);
}

/* The reply, with the code in front where the platform tells it apart and the text has none. */
static slice reply(struct parse_work *w)
{
    slice text = slice_trim(text_of(w, ESP_FIELD_REPLY, ESP_MAX_REPLY_BYTES));
    slice code = slice_trim(text_of(w, ESP_FIELD_CODE, ESP_MAX_TEXT_BYTES));
    if (!is_reply_code(code) || slice_find(text, code) != SLICE_NPOS)
        return text;
    if (slice_empty(text))
        return code;
    text.n = text.n > ESP_MAX_REPLY_BYTES - 4 ? ESP_MAX_REPLY_BYTES - 4 : text.n;
    return arena_printf(w->a, "%.*s %.*s", SLICE_FMT(code), SLICE_FMT(text));
}

static int64_t time_of(struct parse_work *w, enum esp_field field)
{
    return time_parse_any(slice_trim(text_of(w, field, 64)));
}

/* ---- recipient ------------------------------------------------------------------------------------------------ */

static bool has_control(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return true;
    return false;
}

/* The address, out of "Name <address>" where it stands so; empty, with the reason noted, when there is none. */
static slice recipient(struct parse_work *w)
{
    slice text = slice_trim(text_of(w, ESP_FIELD_RECIPIENT, ESP_MAX_TEXT_BYTES)), key;
    if (slice_empty(text)) {
        w->event->diag |= ESP_DIAG_NO_RECIPIENT;
        return SLICE_EMPTY;
    }
    slice address = slice_chr(text, '<') == SLICE_NPOS ? text : address_find(text);
    if (has_control(text) || slice_empty(address) || slice_empty(address_normal(w->a, address, &key))) {
        w->event->diag |= ESP_DIAG_BAD_RECIPIENT;
        return SLICE_EMPTY;
    }
    return address;
}

/* ---- one observation ------------------------------------------------------------------------------------------ */

/* Repeats of one event have the same key. Without an id of the event the whole of it stands in. */
static struct hash128 event_key(struct parse_work *w)
{
    struct hash128 h = hash128(slice_str(w->esp->name));
    if (slice_empty(w->event->id)) {
        h = hash128_more(h, slice_str(json_object_to_json_string_ext(w->item, JSON_C_TO_STRING_PLAIN)));
    } else {
        h = hash128_more(h, w->event->word);
        h = hash128_more(h, w->event->id);
        h = hash128_more(h, text_of(w, ESP_FIELD_EVENT_ID_2, ESP_MAX_TEXT_BYTES));
    }
    return hash128_more(h, w->options->tenant);
}

static void decide(const struct parse_work *w, struct observation *o)
{
    const struct esp_word *word = w->word;
    bool silent = slice_empty(o->reply) && slice_empty(o->status) && word->row == ROW_FAIL;
    if (word->row == ROW_OWN && word->cause[0])
        o->platform_cause = slice_str(word->cause);
    if (word->row == ROW_OWN || (silent && word->reason != BOUNCE_REASON_UNKNOWN))
        judge_told(word->reason, word->row == ROW_OWN ? OWN_CERTAINTY : word->certainty,
                   arena_printf(w->a, "platform:%s:%s", w->esp->name, word->pattern), &o->verdict);
}

static void fill(struct parse_work *w, struct observation *o, slice address, bool unsure)
{
    o->kind = w->word->kind;
    o->platform_cause = w->event->word;
    o->tenant = w->options->tenant;
    o->feed = w->options->feed;
    o->format = slice_str(w->esp->name);
    o->recipient = address;
    o->reply = reply(w);
    o->ids[ID_MESSAGE] = unsure ? SLICE_EMPTY : message_id(w);
    take_plain_fields(w, o);
    o->time_us = time_of(w, ESP_FIELD_TIME);
    o->sent_us = time_of(w, ESP_FIELD_SENT);
    if (o->time_us == TIME_NONE)
        w->event->diag |= ESP_DIAG_NO_TIME;
    o->trust = unsure ? TRUST_BARE : w->options->trust;
    o->source_key = hash128_more(w->key, address);
    for (const struct esp_map *m = w->esp->map; m; m = m->base)
        if (m->tidy)
            m->tidy(o, w->a);
    decide(w, o);
}

static bool observe(struct parse_work *w, bool unsure)
{
    slice address = recipient(w);
    if (slice_empty(address))
        return !w->a->limited;
    if (w->out->list.n >= ESP_MAX_OBSERVATIONS) {
        w->out->diag |= ESP_DIAG_MANY;
        return true;
    }
    struct observation *o = feed_add(&w->out->list, w->a);
    if (!o)
        return false;
    fill(w, o, address, unsure);
    return !w->a->limited;
}

/* ---- one event ------------------------------------------------------------------------------------------------ */

/* What a guess of several recipients is good for: to be held for review when it would change an address. */
static bool worth_a_guess(enum bounce_kind kind)
{
    return bounce_kind_final(kind) || kind == BOUNCE_KIND_COMPLAINT || kind == BOUNCE_KIND_UNSUBSCRIBED;
}

/* What happened to the message happened to all of its recipients. */
static bool concerns_all(const struct esp_word *word)
{
    return word->kind == BOUNCE_KIND_ACCEPTED ||
           (word->row == ROW_OWN && bounce_reason_blame(word->reason) != BOUNCE_BLAME_RECIPIENT);
}

static bool observe_each(struct parse_work *w, struct json_object *list, bool guessed)
{
    size_t n = json_object_is_type(list, json_type_array) ? json_object_array_length(list) : 1;
    bool unsure = guessed && n > 1 && !concerns_all(w->word);
    if (unsure)
        w->event->diag |= ESP_DIAG_UNSURE;
    if (unsure && !worth_a_guess(w->word->kind))
        return true;
    for (size_t i = 0; i < n; i++) {
        w->element = json_object_is_type(list, json_type_array) ? json_object_array_get_idx(list, i) : list;
        if (!observe(w, unsure))
            return false;
    }
    return true;
}

static bool observe_all(struct parse_work *w)
{
    struct json_object *list = find(w, ESP_FIELD_RECIPIENTS);
    if (list)
        return observe_each(w, list, false);
    list = find(w, ESP_FIELD_GUESSED);
    return list ? observe_each(w, list, true) : observe(w, false);
}

/* A sentence, a reply, or a text that names somebody, helps to find the row, but is no word. */
static bool is_word(slice part)
{
    return part.n > 0 && part.n <= MAX_WORD_BYTES && slice_chr(part, '@') == SLICE_NPOS && part.p[part.n - 1] != '.' &&
           !(part.n > 3 && is_reply_code(slice_sub(part, 0, 3)));
}

static slice join_parts(arena *a, const slice parts[ESP_WORD_PARTS])
{
    slice word = parts[0];
    for (size_t i = 1; i < ESP_WORD_PARTS; i++)
        if (is_word(parts[i]))
            word = arena_printf(a, "%.*s/%.*s", SLICE_FMT(word), SLICE_FMT(parts[i]));
    return word;
}

static bool read_event(struct parse_work *w, struct json_object *item)
{
    const char *inner = esp_map_path(w->esp->map, ESP_FIELD_ITEM);
    slice parts[ESP_WORD_PARTS];
    struct esp_event *events =
        arena_grow(w->a, w->out->events, w->out->event_count, &w->out->event_room, sizeof *events);
    if (!events)
        return false;
    w->out->events = events;
    w->event = &events[w->out->event_count++];
    *w->event = (struct esp_event){.word = SLICE_EMPTY, .id = SLICE_EMPTY, .first = w->out->list.n};
    w->item = inner ? json_find(item, NULL, inner) : item;
    w->element = NULL;
    memset(w->known, 0, sizeof w->known);
    for (size_t i = 0; i < ESP_WORD_PARTS; i++)
        parts[i] = slice_trim(text_of(w, (enum esp_field)(ESP_FIELD_WORD_1 + i), ESP_MAX_TEXT_BYTES));
    w->event->word = join_parts(w->a, parts);
    w->event->id = slice_trim(text_of(w, ESP_FIELD_EVENT_ID, ESP_MAX_TEXT_BYTES));
    if (slice_empty(w->event->id))
        w->event->diag |= ESP_DIAG_NO_ID;
    w->word = slice_empty(parts[0]) ? NULL : esp_map_word(w->esp->map, parts);
    if (!w->word)
        w->event->diag |= slice_empty(parts[0]) ? ESP_DIAG_NO_EVENT : ESP_DIAG_UNKNOWN_EVENT;
    bool silent = !w->word || w->word->row == ROW_SKIP;
    if (!silent)
        w->key = event_key(w);
    bool ok = silent || observe_all(w);
    w->event->n = w->out->list.n - w->event->first;
    return ok && !w->a->limited;
}

/* ---- the body ------------------------------------------------------------------------------------------------- */

static void note_odd(struct esp_result *out, unsigned odd)
{
    static const unsigned diag[][2] = {
        {JSON_ODD_SYNTAX, ESP_DIAG_NO_JSON},    {JSON_ODD_DEEP, ESP_DIAG_DEEP}, {JSON_ODD_MANY, ESP_DIAG_MANY},
        {JSON_ODD_REPEATED, ESP_DIAG_REPEATED}, {JSON_ODD_UTF8, ESP_DIAG_UTF8}, {JSON_ODD_BEHIND, ESP_DIAG_BEHIND},
        {JSON_ODD_NUMBER, ESP_DIAG_NUMBER},
    };
    for (size_t i = 0; i < ARRAY_LEN(diag); i++)
        if (odd & diag[i][0])
            out->diag |= diag[i][1];
}

/* A form as an object of texts, so that the same paths read it. NULL when memory is refused. */
static struct json_object *read_form(slice body, arena *a)
{
    struct json_object *o = json_object_new_object();
    struct form_pair pair;
    for (size_t i = 0; o && i < FORM_MAX_PAIRS && form_next(&body, a, &pair); i++) {
        slice name = arena_dup(a, pair.name); /* has a NUL behind it */
        struct json_object *v =
            pair.value.n <= ESP_MAX_BODY_BYTES ? json_object_new_string_len(pair.value.p, (int)pair.value.n) : NULL;
        if (v && json_object_object_add(o, name.p, v) != 0)
            json_object_put(v);
    }
    return o;
}

static struct json_object *read_body(slice body, arena *a, struct esp_result *out, bool *ok)
{
    unsigned odd = 0;
    slice start = slice_ltrim(body);
    bool json = slice_starts(start, S("{")) || slice_starts(start, S("["));
    struct json_object *o = NULL;
    if (body.n > ESP_MAX_BODY_BYTES)
        odd = JSON_ODD_MANY;
    else if (json)
        o = json_read(body, &odd);
    else if (slice_chr(start, '=') != SLICE_NPOS)
        o = read_form(body, a);
    else
        odd = JSON_ODD_SYNTAX;
    *ok = (odd & JSON_ODD_MEMORY) == 0 && !a->limited;
    note_odd(out, odd);
    return o;
}

/* Where the events are a text in the body, that text takes its place. */
static struct json_object *open_inside(const struct parse_work *w, struct json_object *root, bool *ok)
{
    const char *path = esp_map_path(w->esp->map, ESP_FIELD_INSIDE);
    struct json_object *text = path ? json_find(root, NULL, path) : NULL;
    unsigned odd = 0;
    if (!json_object_is_type(text, json_type_string))
        return root;
    struct json_object *inner =
        json_read(slice_of(json_object_get_string(text), (size_t)json_object_get_string_len(text)), &odd);
    *ok = (odd & JSON_ODD_MEMORY) == 0;
    note_odd(w->out, odd);
    json_object_put(root);
    return inner;
}

static bool read_events(struct parse_work *w, struct json_object *root)
{
    const char *path = esp_map_path(w->esp->map, ESP_FIELD_ITEMS);
    struct json_object *items = path ? json_find(root, NULL, path) : root;
    if (!json_object_is_type(items, json_type_array))
        return items ? read_event(w, items) : true;
    for (size_t i = 0; i < json_object_array_length(items); i++)
        if (!read_event(w, json_object_array_get_idx(items, i)))
            return false;
    return true;
}

bool esp_parse(const struct esp *esp, slice body, const struct esp_options *options, arena *a, struct esp_result *out)
{
    memset(out, 0, sizeof *out);
    struct esp_options own = *options;
    slice *const texts[] = {&own.tenant, &own.stream, &own.campaign, &own.feed};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = arena_dup(a, texts[i]->p ? *texts[i] : SLICE_EMPTY);
    if (slice_empty(own.feed))
        own.feed = arena_printf(a, "webhook:%s", esp->name);
    struct parse_work w = {.esp = esp, .options = &own, .a = a, .out = out};
    bool ok;
    struct json_object *root = read_body(body, a, out, &ok);
    if (root && ok)
        root = open_inside(&w, root, &ok);
    ok = ok && (!root || read_events(&w, root));
    if (ok && root && out->event_count == 0)
        out->diag |= ESP_DIAG_NO_EVENT;
    json_object_put(root);
    return ok && !a->limited;
}
