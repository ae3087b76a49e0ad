#include "bounce/reading.h"

#include "bounce/address.h"
#include "bounce/quoted.h"
#include "base/text.h"

struct bounce_report *reading_add(struct reading *r, enum bounce_kind kind, slice format)
{
    if (r->n >= BOUNCE_MAX_REPORTS) {
        r->diag |= BOUNCE_DIAG_TOO_MANY_REPORTS;
        return NULL;
    }
    struct bounce_report *grown = arena_grow(r->a, r->reports, r->n, &r->cap, sizeof(*grown));
    if (!grown) {
        r->diag |= BOUNCE_DIAG_MEMORY;
        return NULL;
    }
    r->reports = grown;
    struct bounce_report *out = &grown[r->n++];
    *out = (struct bounce_report){.kind = kind, .format = format};
    slice *empty[] = {&out->recipient,       &out->original_recipient,  &out->status,          &out->diagnostic,
                      &out->reporting_mta,   &out->remote_mta,          &out->feedback_type,   &out->source_ip,
                      &out->action,          &out->reply.text,          &out->reply.host,      &out->verdict.rule,
                      &out->verdict.matched, &out->verdict.new_address, &out->verdict.provider};
    for (size_t i = 0; i < ARRAY_LEN(empty); i++)
        *empty[i] = SLICE_EMPTY;
    out->arrival_us = out->last_attempt_us = BOUNCE_TIME_NONE;
    out->verdict.class_ = BOUNCE_CLASS_INFO;
    out->verdict.blame = BOUNCE_BLAME_NONE;
    return out;
}

bool reading_expired(struct reading *r, slice diagnostic)
{
    if (diagnostic.p != r->expired_of.p || diagnostic.n != r->expired_of.n)
        r->expired = lexicon_in(r->lexicon, PLACE_EXPIRED, diagnostic) & WORD_EXPIRED;
    r->expired_of = diagnostic;
    return r->expired;
}

slice reading_join(struct reading *r, slice a, slice between, slice b)
{
    if (slice_empty(a) || slice_empty(b))
        return slice_empty(a) ? b : a;
    char *p = arena_alloc(r->a, a.n + between.n + b.n);
    if (!p) {
        r->diag |= BOUNCE_DIAG_MEMORY;
        return a;
    }
    memcpy(p, a.p, a.n);
    memcpy(p + a.n, between.p, between.n);
    memcpy(p + a.n + between.n, b.p, b.n);
    return slice_of(p, a.n + between.n + b.n);
}

/* Joins the text parts of the report itself that are of this type. */
static slice join_parts(struct reading *r, enum part_type type)
{
    slice all = SLICE_EMPTY;
    for (size_t i = 0; i < r->mime.n; i++) {
        struct part *p = &r->mime.parts[i];
        if (p->type != type || p->message_depth)
            continue;
        slice text = part_text(r->cs, r->a, p, &r->diag);
        if (slice_empty(slice_trim(text)))
            continue;
        if (slice_empty(all)) {
            all = text;
        } else if (all.n + text.n <= BOUNCE_MAX_PART_BYTES) {
            all = reading_join(r, all, S("\n\n"), text);
        }
    }
    return all;
}

slice reading_all_text(struct reading *r)
{
    static const enum part_type order[] = {PART_TEXT, PART_HTML, PART_MULTIPART};
    for (size_t i = 0; i < ARRAY_LEN(order) && !r->all_taken && slice_empty(r->all_text); i++)
        r->all_text = join_parts(r, order[i]);
    r->all_taken = true;
    return r->all_text;
}

slice reading_text(struct reading *r)
{
    if (!r->text_taken)
        quoted_split(r->quoted, reading_all_text(r), &r->text, &r->returned_text);
    r->text_taken = true;
    return r->text;
}

const struct header *reading_returned(struct reading *r)
{
    if (r->returned_taken)
        return &r->returned;
    r->returned_taken = true;
    for (size_t i = 0; i < r->mime.n; i++) {
        const struct part *p = &r->mime.parts[i];
        if ((p->type != PART_MESSAGE && p->type != PART_HEADERS) || !p->inner.n)
            continue;
        r->returned = p->inner;
        return &r->returned;
    }
    reading_text(r);
    slice rest = r->returned_text;
    if (!header_read(&rest, r->a, &r->returned))
        r->diag |= BOUNCE_DIAG_MEMORY;
    return &r->returned;
}

/* The "for <a@b>" of a Received field (RFC 5321 4.4). */
static slice received_for(slice value)
{
    size_t at = slice_find_ci(value, S("for <"));
    if (at == SLICE_NPOS)
        return SLICE_EMPTY;
    slice rest = slice_from(value, at + 5);
    size_t n = address_span(rest);
    return slice_sub(rest, 0, n);
}

static slice only_address(slice list)
{
    slice first = SLICE_EMPTY, next;
    while (address_list(&list, &next)) {
        if (slice_empty(first))
            first = next;
        else if (!reading_same(first, next))
            return SLICE_EMPTY;
    }
    return first;
}

slice reading_returned_recipient(struct reading *r)
{
    const struct header *h = reading_returned(r);
    static const slice envelope[] = {SLICE_INIT("x-envelope-to"), SLICE_INIT("envelope-to"),
                                     SLICE_INIT("x-original-to"), SLICE_INIT("x-rcpt-to"), SLICE_INIT("x-receiver")};
    for (size_t i = 0; i < ARRAY_LEN(envelope); i++) {
        slice found = only_address(header_get(h, envelope[i]));
        if (!slice_empty(found))
            return found;
    }
    for (size_t i = 0; i < h->n; i++) {
        if (!slice_eq_ci(h->fields[i].name, S("received")))
            continue;
        slice found = received_for(h->fields[i].value);
        if (!slice_empty(found))
            return found;
    }
    slice to = only_address(header_get(h, S("to")));
    return slice_empty(to) ? only_address(header_get(h, S("delivered-to"))) : to;
}

bool reading_same(slice a, slice b)
{
    return !slice_empty(a) && slice_eq_ci(a, b);
}

static bool octal_at(slice s, size_t i)
{
    return i + 3 < s.n && s.p[i] == '\\' && (s.p[i + 1] == '2' || s.p[i + 1] == '3') && s.p[i + 2] >= '0' &&
           s.p[i + 2] <= '7' && s.p[i + 3] >= '0' && s.p[i + 3] <= '7';
}

/* Exim writes octets above ASCII as "\360"; the text that they were. */
static slice without_octal(struct reading *r, slice s)
{
    size_t first = 0, n = 0;
    while (first < s.n && !octal_at(s, first))
        first++;
    char *p = first < s.n ? arena_alloc(r->a, s.n) : NULL;
    if (!p)
        return s;
    for (size_t i = 0; i < s.n; i++) {
        bool octal = octal_at(s, i);
        int value = octal ? (s.p[i + 1] - '0') * 64 + (s.p[i + 2] - '0') * 8 + (s.p[i + 3] - '0') : s.p[i];
        p[n++] = (char)value;
        i += octal ? 3 : 0;
    }
    return charset_decode(r->cs, r->a, SLICE_EMPTY, slice_of(p, n), NULL, NULL);
}

slice reading_one_line(struct reading *r, slice text)
{
    slice cut = slice_sub(slice_trim(text), 0, (size_t)READING_MAX_DIAGNOSTIC_BYTES * 2);
    if (slice_chr(cut, '\\') != SLICE_NPOS)
        cut = without_octal(r, cut);
    return slice_sub(text_squeeze(r->a, cut), 0, READING_MAX_DIAGNOSTIC_BYTES);
}
