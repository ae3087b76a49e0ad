#include "bounce/arf.h"

#include "bounce/address.h"
#include "base/time.h"

enum {
    MAX_RECIPIENTS = 100, /* Original-Rcpt-To of one report */
    OPT_OUT_TEXT = 200    /* a mail that only asks to be taken off a list is not longer */
};

/* RFC 5965 7.3, RFC 6591 3.1, and words seen beside them. What is not here is a complaint. */
static const struct {
    slice type;
    enum bounce_kind kind;
} types[] = {
    {SLICE_INIT("not-spam"), BOUNCE_KIND_NOT_SPAM},         {SLICE_INIT("opt-out"), BOUNCE_KIND_UNSUBSCRIBED},
    {SLICE_INIT("opt-out-list"), BOUNCE_KIND_UNSUBSCRIBED}, {SLICE_INIT("unsubscribe"), BOUNCE_KIND_UNSUBSCRIBED},
    {SLICE_INIT("auth-failure"), BOUNCE_KIND_AUTH_REPORT},  {SLICE_INIT("dkim"), BOUNCE_KIND_AUTH_REPORT},
    {SLICE_INIT("dmarc"), BOUNCE_KIND_AUTH_REPORT},         {SLICE_INIT("spf"), BOUNCE_KIND_AUTH_REPORT},
};

/* Fields of the returned message that name who got it, best first. */
static const slice recipient_fields[] = {
    SLICE_INIT("x-hmxmroriginalrecipient"),
    SLICE_INIT("to"),
    SLICE_INIT("delivered-to"),
    SLICE_INIT("x-original-to"),
    SLICE_INIT("envelope-to"),
    SLICE_INIT("x-envelope-to"),
    SLICE_INIT("x-rcpt-to"),
};

/* What stands in place of an address that a provider hides (RFC 6590). */
static bool is_redacted(slice address)
{
    static const slice marks[] = {SLICE_INIT("redacted"), SLICE_INIT("undisclosed"), SLICE_INIT("[redacted")};
    for (size_t i = 0; i < ARRAY_LEN(marks); i++)
        if (slice_starts_ci(address_domain(address), marks[i]) || slice_starts_ci(address_local(address), marks[i]))
            return true;
    return false;
}

static enum bounce_kind kind_of(slice type)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (slice_eq_ci(types[i].type, type))
            return types[i].kind;
    return BOUNCE_KIND_COMPLAINT;
}

static slice recipient_of_returned(struct reading *r)
{
    const struct header *h = reading_returned(r);
    for (size_t i = 0; i < ARRAY_LEN(recipient_fields); i++) {
        slice list = header_get(h, recipient_fields[i]), address;
        if (address_list(&list, &address) && !slice_empty(address_domain(address)) && !is_redacted(address))
            return address;
    }
    return SLICE_EMPTY;
}

static struct bounce_report *add(struct reading *r, const struct header *fields, enum bounce_kind kind, slice recipient)
{
    struct bounce_report *out = reading_add(r, kind, S("arf"));
    if (!out)
        return NULL;
    out->recipient = recipient;
    out->feedback_type = slice_trim(header_get(fields, S("feedback-type")));
    out->source_ip = slice_trim(header_get(fields, S("source-ip")));
    slice mta = header_get(fields, S("reporting-mta"));
    size_t semicolon = slice_chr(mta, ';');
    out->reporting_mta = slice_trim(semicolon == SLICE_NPOS ? mta : slice_from(mta, semicolon + 1));
    slice arrival = header_get(fields, S("arrival-date"));
    out->arrival_us = time_parse_mail(slice_empty(arrival) ? header_get(fields, S("received-date")) : arrival);
    return out;
}

/* Original-Rcpt-To may be there several times (RFC 5965 3.2). */
static size_t add_named(struct reading *r, const struct header *fields, enum bounce_kind kind, slice name)
{
    size_t added = 0;
    for (size_t i = 0; i < fields->n && added < MAX_RECIPIENTS; i++) {
        if (!slice_eq_ci(fields->fields[i].name, name))
            continue;
        slice address = address_find(fields->fields[i].value);
        if (!slice_empty(address) && !is_redacted(address) && add(r, fields, kind, address))
            added++;
    }
    return added;
}

/* Some write the fields of a MIME part into the machine part once more and an empty line behind them. */
static void read_fields(struct reading *r, slice text, struct header *out)
{
    do {
        if (!header_read(&text, r->a, out))
            r->diag |= BOUNCE_DIAG_MEMORY;
    } while (!header_has(out, S("feedback-type")) && out->n && !slice_empty(text));
}

static size_t machine_part(struct reading *r, struct part *p)
{
    struct header fields;
    read_fields(r, part_text(r->cs, r->a, p, &r->diag), &fields);
    if (!fields.n)
        return 0;
    enum bounce_kind kind = kind_of(slice_trim(header_get(&fields, S("feedback-type"))));
    size_t added = add_named(r, &fields, kind, S("original-rcpt-to"));
    if (!added)
        added = add_named(r, &fields, kind, S("removal-recipient"));
    if (added)
        return added;
    return add(r, &fields, kind, recipient_of_returned(r)) ? 1 : 0;
}

/* JMRP of Hotmail before ARF, and AOL's reports: the complaint is the returned message itself. */
static size_t old_shapes(struct reading *r)
{
    const struct facts *f = &r->facts;
    bool hotmail = header_has(reading_returned(r), S("x-hmxmroriginalrecipient"));
    bool aol = (f->subject_words & WORD_COMPLAINT) && (f->from_words & WORD_COMPLAINT) && reading_returned(r)->n;
    if (!hotmail && !aol)
        return 0;
    const struct header none = {.n = 0};
    return add(r, &none, BOUNCE_KIND_COMPLAINT, recipient_of_returned(r)) ? 1 : 0;
}

/* "Subject: unsubscribe" and next to nothing in the body, written to an address that says what it is for. */
static size_t opt_out(struct reading *r)
{
    struct facts *f = &r->facts;
    if (!(f->subject_words & WORD_UNSUBSCRIBE) || f->null_sender || f->list)
        return 0;
    slice to = facts_address(f, FACT_TO), local = address_local(to);
    bool for_it = slice_find_ci(local, S("unsub")) != SLICE_NPOS || slice_find_ci(local, S("leave")) != SLICE_NPOS ||
                  slice_find_ci(local, S("abmeld")) != SLICE_NPOS || slice_find_ci(local, S("optout")) != SLICE_NPOS;
    slice from = facts_address(f, FACT_FROM);
    if (!for_it || slice_empty(from) || slice_trim(reading_text(r)).n > OPT_OUT_TEXT)
        return 0;
    struct bounce_report *out = reading_add(r, BOUNCE_KIND_UNSUBSCRIBED, S("unsubscribe"));
    if (!out)
        return 0;
    out->recipient = from;
    return 1;
}

size_t arf_read(struct reading *r)
{
    size_t added = 0;
    for (size_t i = 0; i < r->mime.n; i++)
        if (r->mime.parts[i].type == PART_FEEDBACK_REPORT && !r->mime.parts[i].message_depth)
            added += machine_part(r, &r->mime.parts[i]);
    if (!added)
        added = old_shapes(r);
    return added ? added : opt_out(r);
}
