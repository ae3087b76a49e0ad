#include "bounce/dsn.h"

#include "bounce/address.h"
#include "base/text.h"
#include "base/time.h"

enum slot { /* fields about one recipient first */
            SLOT_FINAL,
            SLOT_ORIGINAL,
            SLOT_ACTUAL,
            SLOT_ACTION,
            SLOT_STATUS,
            SLOT_REMOTE,
            SLOT_DIAGNOSTIC,
            SLOT_LAST_ATTEMPT,
            SLOT_RETRY_UNTIL,
            SLOT_LOG_ID,
            SLOTS_RECIPIENT,
            SLOT_REPORTING = SLOTS_RECIPIENT,
            SLOT_ARRIVAL,
            SLOT_ENVELOPE_ID,
            SLOT_RECEIVED_FROM,
            SLOT_GATEWAY,
            SLOTS,
            SLOT_NONE = SLOTS
};

/* RFC 3464 2.2, 2.3 and what is seen beside them. */
static const struct {
    struct field_name name;
    enum slot slot;
} fields[] = {
    {FIELD_NAME("final-recipient"), SLOT_FINAL},
    {FIELD_NAME("original-recipient"), SLOT_ORIGINAL},
    {FIELD_NAME("x-actual-recipient"), SLOT_ACTUAL},
    {FIELD_NAME("action"), SLOT_ACTION},
    {FIELD_NAME("status"), SLOT_STATUS},
    {FIELD_NAME("remote-mta"), SLOT_REMOTE},
    {FIELD_NAME("diagnostic-code"), SLOT_DIAGNOSTIC},
    {FIELD_NAME("last-attempt-date"), SLOT_LAST_ATTEMPT},
    {FIELD_NAME("will-retry-until"), SLOT_RETRY_UNTIL},
    {FIELD_NAME("final-log-id"), SLOT_LOG_ID},
    {FIELD_NAME("reporting-mta"), SLOT_REPORTING},
    {FIELD_NAME("reporting-ua"), SLOT_REPORTING},
    {FIELD_NAME("arrival-date"), SLOT_ARRIVAL},
    {FIELD_NAME("original-envelope-id"), SLOT_ENVELOPE_ID},
    {FIELD_NAME("received-from-mta"), SLOT_RECEIVED_FROM},
    {FIELD_NAME("dsn-gateway"), SLOT_GATEWAY},
};

/* Beginnings of Action, with what people write instead of the five words of RFC 3464 2.3.3. */
static const struct {
    slice word;
    enum bounce_kind kind;
} actions[] = {
    {SLICE_INIT("fail"), BOUNCE_KIND_FAILED},         {SLICE_INIT("error"), BOUNCE_KIND_FAILED},
    {SLICE_INIT("reject"), BOUNCE_KIND_FAILED},       {SLICE_INIT("undeliver"), BOUNCE_KIND_FAILED},
    {SLICE_INIT("expired"), BOUNCE_KIND_EXPIRED},     {SLICE_INIT("delay"), BOUNCE_KIND_DELAYED},
    {SLICE_INIT("deferred"), BOUNCE_KIND_DELAYED},    {SLICE_INIT("deliverable"), BOUNCE_KIND_DELIVERED},
    {SLICE_INIT("delivered"), BOUNCE_KIND_DELIVERED}, {SLICE_INIT("relay"), BOUNCE_KIND_RELAYED},
    {SLICE_INIT("expand"), BOUNCE_KIND_EXPANDED},
};

/* One recipient's fields while they are gathered. */
struct group {
    slice value[SLOTS];
    unsigned seen; /* bits of slots about the recipient */
    bool gap;      /* an empty line came since the last field */
};

struct dsn {
    struct reading *r;
    slice format;
    slice message[SLOTS]; /* fields about the message, of all groups */
    struct group group;
    size_t first; /* report of this machine part */
};

#define BIT(slot) (1u << (slot))
#define NAMES_RECIPIENT (BIT(SLOT_FINAL) | BIT(SLOT_ORIGINAL) | BIT(SLOT_ACTUAL))
#define TELLS_OUTCOME (BIT(SLOT_ACTION) | BIT(SLOT_STATUS))

static void group_init(struct group *g)
{
    *g = (struct group){.seen = 0};
    for (size_t i = 0; i < SLOTS; i++)
        g->value[i] = SLICE_EMPTY;
}

static enum slot slot_of(slice name)
{
    uint8_t hash = field_hash(name);
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (fields[i].name.hash == hash && slice_eq_ci(fields[i].name.name, name))
            return fields[i].slot;
    return SLOT_NONE;
}

static bool is_token(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_')
            return false;
    return true;
}

/* Splits "Name: value" (trimmed); a name is one token. Returns false for a line that is no field. */
static bool split_field(slice line, enum slot *slot, slice *value)
{
    enum { LONGEST_NAME = 64 };
    size_t colon = slice_chr(line, ':');
    if (colon == SLICE_NPOS || colon == 0)
        return false;
    slice name = slice_rtrim((slice){line.p, colon});
    *slot = slot_of(name);
    if (*slot == SLOT_NONE && (name.n > LONGEST_NAME || !is_token(name)))
        return false;
    *value = slice_ltrim(slice_from(line, colon + 1));
    return true;
}

/* "smtp; 550 ..." -> "550 ..."; what is no type stays. */
static slice without_type(slice value)
{
    size_t semicolon = slice_chr(value, ';');
    if (semicolon == SLICE_NPOS || semicolon == 0 || semicolon > 24 || !ascii_alpha(value.p[0]))
        return value;
    for (size_t i = 0; i < semicolon; i++)
        if (!ascii_alnum(value.p[i]) && value.p[i] != '-' && value.p[i] != '_' && value.p[i] != ' ')
            return value;
    slice rest = slice_trim(slice_from(value, semicolon + 1));
    return slice_empty(rest) && !slice_starts_ci(value, S("smtp")) ? value : rest;
}

/* The d.d.d of a Status field that may carry a comment or stand in the middle. */
static slice bare_status(slice value)
{
    struct bounce_enhanced e;
    for (size_t i = 0; i < value.n; i++) {
        if (!ascii_digit(value.p[i]) || (i && ascii_digit(value.p[i - 1])))
            continue;
        size_t n = bounce_enhanced_parse(slice_from(value, i), &e);
        if (n)
            return slice_sub(value, i, n);
    }
    return SLICE_EMPTY;
}

static enum bounce_kind kind_of(const struct dsn *d, const struct group *g, slice status)
{
    slice action = slice_trim(g->value[SLOT_ACTION]);
    char first = status.n ? status.p[0] : 0;
    for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
        if (!slice_starts_ci(action, actions[i].word))
            continue;
        /* a failure that carries a 4.x.x was given up after its retry time */
        bool given_up = actions[i].kind == BOUNCE_KIND_FAILED && first == '4';
        return given_up ? BOUNCE_KIND_EXPIRED : actions[i].kind;
    }
    if (first == '2')
        return BOUNCE_KIND_DELIVERED;
    unsigned words = d->r->facts.subject_words;
    if (first == '4' && ((words & WORD_DELAYED) || g->value[SLOT_RETRY_UNTIL].n))
        return BOUNCE_KIND_DELAYED;
    return BOUNCE_KIND_FAILED;
}

static bool is_address(slice s)
{
    size_t at = slice_rchr(s, '@');
    return at != SLICE_NPOS && at > 0 && at + 1 < s.n;
}

static slice typed_address(struct dsn *d, slice value)
{
    return slice_empty(value) ? SLICE_EMPTY : address_from_typed(d->r->a, value);
}

/* Final-Recipient names whom; Original-Recipient whom we wrote to. A name without a domain gives way to one that has
 * it. */
static void set_recipients(struct dsn *d, const struct group *g, struct bounce_report *out)
{
    slice final = typed_address(d, g->value[SLOT_FINAL]);
    slice original = typed_address(d, g->value[SLOT_ORIGINAL]);
    slice actual = typed_address(d, g->value[SLOT_ACTUAL]);
    if (!is_address(final) && is_address(actual))
        final = actual;
    if (!is_address(final) && is_address(original))
        final = original;
    out->recipient = final;
    if (is_address(original))
        out->original_recipient = original;
}

static void set_diagnostic(struct dsn *d, const struct group *g, struct bounce_report *out)
{
    slice value = slice_trim(g->value[SLOT_DIAGNOSTIC]);
    out->diagnostic = reading_one_line(d->r, without_type(value));
    if (slice_empty(out->diagnostic) && g->value[SLOT_STATUS].n > 5) { /* "5.1.1 (bad address)" */
        slice s = g->value[SLOT_STATUS];
        if (slice_chr(s, '(') != SLICE_NPOS || s.n > 12)
            out->diagnostic = reading_one_line(d->r, s);
    }
}

static void late_original(struct dsn *d, const struct group *g)
{
    if (d->r->n == d->first)
        return;
    struct bounce_report *last = &d->r->reports[d->r->n - 1];
    slice original = typed_address(d, g->value[SLOT_ORIGINAL]);
    if (slice_empty(last->original_recipient) && is_address(original))
        last->original_recipient = original;
}

static void flush(struct dsn *d)
{
    struct group g = d->group;
    group_init(&d->group);
    if (g.seen == BIT(SLOT_ORIGINAL)) {
        late_original(d, &g);
        return;
    }
    if (!(g.seen & (NAMES_RECIPIENT | BIT(SLOT_ACTION) | BIT(SLOT_DIAGNOSTIC))))
        return;
    slice status = bare_status(g.value[SLOT_STATUS]);
    struct bounce_report *out = reading_add(d->r, kind_of(d, &g, status), d->format);
    if (!out)
        return;
    set_recipients(d, &g, out);
    set_diagnostic(d, &g, out);
    out->status = status;
    out->action = g.value[SLOT_ACTION];
    out->remote_mta = without_type(g.value[SLOT_REMOTE]);
    out->last_attempt_us = time_parse_mail(g.value[SLOT_LAST_ATTEMPT]);
    if (!(g.seen & BIT(SLOT_ACTION)) || !(g.seen & BIT(SLOT_STATUS)) || !(g.seen & BIT(SLOT_FINAL)))
        d->r->diag |= BOUNCE_DIAG_DSN_BROKEN;
}

/* True when a field of this slot cannot belong to the group any more. */
static bool begins_group(const struct group *g, enum slot slot)
{
    bool complete = (g->seen & NAMES_RECIPIENT) && (g->seen & TELLS_OUTCOME);
    if (g->gap)
        return complete || ((BIT(slot) & NAMES_RECIPIENT) && (g->seen & BIT(slot)));
    if (slot == SLOT_ORIGINAL && !(g->seen & BIT(slot)) && (g->seen & BIT(SLOT_FINAL)))
        return (g->seen & TELLS_OUTCOME) == TELLS_OUTCOME;
    return (g->seen & BIT(slot)) && slot != SLOT_DIAGNOSTIC && slot != SLOT_REMOTE;
}

static slice append(struct dsn *d, slice before, slice more)
{
    if (before.n + more.n > READING_MAX_DIAGNOSTIC_BYTES)
        return before;
    return reading_join(d->r, before, S(" "), more);
}

static void take_field(struct dsn *d, enum slot slot, slice value)
{
    if (slot >= SLOTS) /* no field of a DSN */
        return;
    if (slot >= SLOTS_RECIPIENT) {
        if (slice_empty(d->message[slot]))
            d->message[slot] = value;
        return;
    }
    struct group *g = &d->group;
    if (begins_group(g, slot))
        flush(d);
    g->gap = false;
    bool again = g->seen & BIT(slot);
    if (again && slot == SLOT_DIAGNOSTIC)
        g->value[slot] = append(d, g->value[slot], value);
    else if (!again)
        g->value[slot] = value;
    g->seen |= BIT(slot);
}

/* A line that is no field goes on with a diagnostic that was folded without the white space (or not at all). */
static void take_loose_line(struct dsn *d, enum slot last, slice words)
{
    if (last < SLOTS_RECIPIENT && !d->group.gap)
        d->group.value[last] = append(d, d->group.value[last], words);
}

static size_t indent_of(slice line)
{
    return line.n - slice_ltrim(line).n;
}

/* A block that is indented as a whole has fields where others have folded lines. */
static bool is_folded(slice line, size_t indent)
{
    enum slot slot;
    slice value;
    size_t own = indent_of(line);
    if (own == 0)
        return false;
    return own != indent || !split_field(slice_trim(line), &slot, &value) || slot == SLOT_NONE;
}

static void add_message_fields(struct dsn *d)
{
    for (size_t i = d->first; i < d->r->n; i++) {
        struct bounce_report *out = &d->r->reports[i];
        out->reporting_mta = without_type(d->message[SLOT_REPORTING]);
        out->arrival_us = time_parse_mail(d->message[SLOT_ARRIVAL]);
        if (d->message[SLOT_ENVELOPE_ID].n)
            d->r->envelope_id = d->message[SLOT_ENVELOPE_ID];
    }
}

size_t dsn_fields(struct reading *r, slice text, slice format)
{
    struct dsn d = {.r = r, .format = format, .first = r->n};
    for (size_t i = 0; i < SLOTS; i++)
        d.message[i] = SLICE_EMPTY;
    group_init(&d.group);
    enum slot last = SLOT_NONE, slot;
    size_t indent = 0; /* of the field before */
    slice line, value;
    while (slice_lf_line(&text, &line)) {
        slice words = slice_trim(line);
        if (slice_empty(words)) {
            d.group.gap = true;
            last = SLOT_NONE;
        } else if ((last != SLOT_NONE && is_folded(line, indent)) || !split_field(words, &slot, &value)) {
            take_loose_line(&d, last, words);
        } else {
            last = slot;
            indent = (size_t)(words.p - line.p);
            if (last != SLOT_NONE)
                take_field(&d, last, value);
        }
        if (r->diag & BOUNCE_DIAG_TOO_MANY_REPORTS)
            break;
    }
    flush(&d);
    add_message_fields(&d);
    return r->n - d.first;
}

static size_t machine_parts(struct reading *r, bool deep)
{
    size_t added = 0;
    for (size_t i = 0; i < r->mime.n; i++) {
        struct part *p = &r->mime.parts[i];
        if (p->type != PART_DELIVERY_STATUS || (p->message_depth > 0) != deep)
            continue;
        added += dsn_fields(r, part_text(r->cs, r->a, p, &r->diag), S("rfc3464"));
    }
    return added;
}

/* Where a text has the fields of a machine part: the start of the first line that is one, when a recipient field and an
 * outcome follow. SLICE_NPOS otherwise. */
static size_t fields_in_text(slice text)
{
    size_t start = SLICE_NPOS;
    unsigned seen = 0;
    enum slot slot;
    slice rest = text, line, value;
    if (slice_find_ci(text, S("final-recipient")) == SLICE_NPOS) /* SLOT_FINAL is always asked for */
        return SLICE_NPOS;
    while (slice_lf_line(&rest, &line)) {
        if (!split_field(slice_trim(line), &slot, &value) || slot == SLOT_NONE)
            continue;
        if (start == SLICE_NPOS)
            start = (size_t)(line.p - text.p);
        if (slot < SLOTS_RECIPIENT)
            seen |= BIT(slot);
        if ((seen & BIT(SLOT_FINAL)) && (seen & (TELLS_OUTCOME | BIT(SLOT_DIAGNOSTIC))))
            return start;
    }
    return SLICE_NPOS;
}

static size_t text_parts(struct reading *r)
{
    slice text = reading_text(r);
    size_t start = fields_in_text(text);
    size_t added = start == SLICE_NPOS ? 0 : dsn_fields(r, slice_from(text, start), S("rfc3464-text"));
    for (size_t i = 0; !added && i < r->mime.n; i++) {
        struct part *p = &r->mime.parts[i];
        if ((p->type != PART_TEXT && p->type != PART_OTHER) || p->message_depth || slice_starts(p->media, S("image/")))
            continue;
        slice other = part_text(r->cs, r->a, p, &r->diag);
        start = fields_in_text(other);
        if (start != SLICE_NPOS)
            added = dsn_fields(r, slice_from(other, start), S("rfc3464-text"));
    }
    return added;
}

size_t dsn_read(struct reading *r, bool deep)
{
    size_t added = machine_parts(r, false);
    if (!added)
        added = text_parts(r);
    if (!added && deep)
        added = machine_parts(r, true);
    return added;
}
