#include "bounce/sns.h"

enum { MAX_RECIPIENTS = 100 };

/* The string behind "name": at or after *pos, unescaped where that needs no more than dropping backslashes; *pos goes
 * behind it. Empty when there is none. */
static slice member(struct reading *r, slice text, const char *name, size_t *pos)
{
    slice key = arena_printf(r->a, "\"%s\"", name);
    size_t hit = slice_empty(key) ? SLICE_NPOS : slice_find(slice_from(text, *pos), key);
    if (hit == SLICE_NPOS)
        return SLICE_EMPTY;
    size_t at = *pos + hit + key.n;
    while (at < text.n && (ascii_space(text.p[at]) || text.p[at] == ':'))
        at++;
    if (at >= text.n || text.p[at] != '"')
        return SLICE_EMPTY;
    char *out =
        arena_alloc(r->a, text.n - at < READING_MAX_DIAGNOSTIC_BYTES ? text.n - at : READING_MAX_DIAGNOSTIC_BYTES);
    if (!out)
        return SLICE_EMPTY;
    size_t n = 0;
    for (at++; at < text.n && text.p[at] != '"' && n < READING_MAX_DIAGNOSTIC_BYTES; at++) {
        if (text.p[at] == '\\' && at + 1 < text.n)
            at++;
        if (text.p[at] != '\n')
            out[n++] = text.p[at];
    }
    *pos = at;
    return slice_of(out, n);
}

static slice first(struct reading *r, slice text, const char *name)
{
    size_t pos = 0;
    return member(r, text, name, &pos);
}

/* The objects of a list end where the next address begins. */
static size_t recipients(struct reading *r, slice text, enum bounce_kind kind)
{
    size_t pos = 0, added = 0;
    slice address;
    while (added < MAX_RECIPIENTS && !slice_empty(address = member(r, text, "emailAddress", &pos))) {
        size_t end = slice_find(slice_from(text, pos), S("}"));
        slice object = slice_sub(text, pos, end == SLICE_NPOS ? text.n : end);
        struct bounce_report *out = reading_add(r, kind, S("ses-json"));
        if (!out)
            break;
        added++;
        out->recipient = address;
        out->action = first(r, object, "action");
        out->status = first(r, object, "status");
        slice said = first(r, object, "diagnosticCode");
        size_t semicolon = slice_chr(said, ';');
        out->diagnostic = reading_one_line(r, semicolon < 8 ? slice_from(said, semicolon + 1) : said);
    }
    return added;
}

size_t sns_read(struct reading *r)
{
    if (!(r->facts.from_words & WORD_COMPLAINT))
        return 0;
    slice text = slice_trim(reading_text(r));
    if (!slice_starts(text, S("{")))
        return 0;
    slice type = first(r, text, "notificationType");
    if (slice_empty(type))
        type = first(r, text, "eventType");
    if (slice_eq_ci(type, S("Bounce")))
        return recipients(r, text, BOUNCE_KIND_FAILED);
    if (slice_eq_ci(type, S("Complaint")))
        return recipients(r, text, BOUNCE_KIND_COMPLAINT);
    return 0;
}
