#include "bounce/returned.h"

#include "bounce/address.h"

enum { /* of the fields that stand alone, then of the campaigns, then of the recipients */
#define FIELD(id, name) id,
#define CAMPAIGN(name)
#define RECIPIENT(name)
#include "bounce/returned.def"
#undef FIELD
#undef CAMPAIGN
#undef RECIPIENT
       CAMPAIGNS,
       CAMPAIGN_NAMES = 0
#define FIELD(id, name)
#define CAMPAIGN(name) +1
#define RECIPIENT(name)
#include "bounce/returned.def"
#undef CAMPAIGN
#undef RECIPIENT
       ,
       RECIPIENTS = CAMPAIGNS + CAMPAIGN_NAMES,
       RECIPIENT_NAMES = 0
#define CAMPAIGN(name)
#define RECIPIENT(name) +1
#include "bounce/returned.def"
#undef FIELD
#undef CAMPAIGN
#undef RECIPIENT
       ,
       ROWS = RECIPIENTS + RECIPIENT_NAMES
};

static const struct field_name names[ROWS] = {
#define FIELD(id, name) FIELD_NAME(name),
#define CAMPAIGN(name) FIELD_NAME(name),
#define RECIPIENT(name) FIELD_NAME(name),
#include "bounce/returned.def"
#undef FIELD
#undef CAMPAIGN
#undef RECIPIENT
};

struct field_index *returned_index_new(void)
{
    return field_index_new(names, ROWS);
}

/* The first that is not empty. */
static slice first_of(const slice *values, size_t n)
{
    size_t i = 0;
    while (i < n && slice_empty(values[i]))
        i++;
    return i < n ? values[i] : SLICE_EMPTY;
}

/* The first of the fields with these names that is not empty. */
static slice first_given(const struct header *h, const slice *given, size_t n)
{
    slice value = SLICE_EMPTY;
    for (size_t i = 0; i < n && slice_empty(value); i++)
        value = header_get(h, given[i]);
    return value;
}

/* What stands in the last <...>, else the value. */
static slice bracketed(slice s)
{
    size_t open = slice_rchr(s, '<');
    slice inner = open == SLICE_NPOS ? SLICE_EMPTY : slice_from(s, open + 1);
    size_t close = slice_chr(inner, '>');
    return slice_trim(close == SLICE_NPOS ? s : slice_sub(inner, 0, close));
}

/* The id between the first "<" and ">"; ids that lack the brackets end at a blank. */
static slice message_id(arena *a, slice value)
{
    slice s = header_unfold(a, value);
    size_t open = slice_chr(s, '<');
    size_t close = slice_chr(s, '>');
    if (open != SLICE_NPOS && close != SLICE_NPOS && close > open)
        return slice_trim(slice_sub(s, open + 1, close - open - 1));
    slice word;
    if (!slice_word(&s, &word))
        return SLICE_EMPTY;
    return slice_unwrap(slice_starts(word, S("<")) ? slice_from(word, 1) : word, '<', '>');
}

/* X-MSYS-API and X-SMTPAPI hold JSON; only the value of "campaign_id" or "category" is wanted, and reading it so leaves
 * the JSON parser to the feeds. */
static slice campaign_in_json(slice s)
{
    static const slice keys[] = {SLICE_INIT("\"campaign_id\""), SLICE_INIT("\"category\""), SLICE_INIT("\"campaign\"")};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        size_t at = slice_find(s, keys[i]);
        slice v = at == SLICE_NPOS ? SLICE_EMPTY : slice_ltrim(slice_from(s, at + keys[i].n));
        if (!slice_starts(v, S(":")))
            continue;
        v = slice_ltrim(slice_from(v, 1));
        if (slice_starts(v, S("["))) /* a list of categories: the first */
            v = slice_ltrim(slice_from(v, 1));
        size_t end = slice_starts(v, S("\"")) ? slice_chr(slice_from(v, 1), '"') : SLICE_NPOS;
        if (end != SLICE_NPOS)
            return slice_sub(v, 1, end);
    }
    return SLICE_EMPTY;
}

/* What a field says of the campaign; empty when it is not there or tells nothing. */
static slice campaign_in(struct charsets *cs, arena *a, slice raw)
{
    if (slice_empty(raw))
        return SLICE_EMPTY;
    slice v = header_text(cs, a, raw, SLICE_EMPTY);
    return slice_starts(v, S("{")) ? campaign_in_json(v) : v;
}

static slice campaign_of(struct charsets *cs, arena *a, const struct header *h, const slice *values,
                         const struct bounce_options *options)
{
    bool given = options != NULL && options->campaign_headers != NULL && options->campaign_header_count > 0;
    size_t n = given ? options->campaign_header_count : CAMPAIGN_NAMES;
    slice v = SLICE_EMPTY;
    for (size_t i = 0; i < n && slice_empty(v); i++)
        v = campaign_in(cs, a, given ? header_get(h, options->campaign_headers[i]) : values[CAMPAIGNS + i]);
    return v;
}

static slice recipient_of(arena *a, const struct header *h, const slice *values, const struct bounce_options *options)
{
    bool given = options != NULL && options->recipient_headers != NULL && options->recipient_header_count > 0;
    slice v = given ? first_given(h, options->recipient_headers, options->recipient_header_count)
                    : first_of(values + RECIPIENTS, RECIPIENT_NAMES);
    return v.n == 0 ? v : address_from_typed(a, v);
}

#define SMTPD_ID_DIGITS 8u

/* "by mail.example.org (OpenSMTPD) with ESMTP id 6cb1d3a1": the topmost is of the server that gave up. */
static slice queue_id_of(arena *a, const struct header *h)
{
    const slice mark = S("(OpenSMTPD) with "), before = S(" id ");
    if (!header_has(h, S("Received")))
        return SLICE_EMPTY;
    for (size_t i = 0; i < h->n; i++) {
        slice v = h->fields[i].value;
        size_t at = slice_eq_ci(h->fields[i].name, S("Received")) ? slice_find(v, mark) : SLICE_NPOS;
        size_t id = at == SLICE_NPOS ? SLICE_NPOS : slice_find(slice_from(v, at), before);
        if (id == SLICE_NPOS)
            continue;
        v = slice_sub(v, at + id + before.n, SMTPD_ID_DIGITS);
        return v.n == SMTPD_ID_DIGITS ? arena_printf(a, "opensmtpd/%.*s", SLICE_FMT(v)) : SLICE_EMPTY;
    }
    return SLICE_EMPTY;
}

void returned_read(const struct field_index *index, struct charsets *cs, arena *a, const struct header *h,
                   const struct bounce_options *options, struct bounce_returned *out)
{
    const slice none = SLICE_EMPTY;
    slice values[ROWS];
    field_index_take(index, h, false, values);
    slice id = message_id(a, values[MESSAGE_ID]);
    if (id.n == 0)
        id = message_id(a, first_of(values + X_ORIGINAL_MESSAGE_ID, 2));
    *out = (struct bounce_returned){
        .message_id = id,
        .subject = header_text(cs, a, values[SUBJECT], none),
        .from = header_text(cs, a, values[FROM], none),
        .to = header_text(cs, a, values[TO], none),
        .date = header_unfold(a, values[DATE]),
        .list_id = bracketed(header_unfold(a, values[LIST_ID])),
        .list_unsubscribe = header_unfold(a, values[LIST_UNSUBSCRIBE]),
        .feedback_id = header_unfold(a, values[FEEDBACK_ID]),
        .campaign = campaign_of(cs, a, h, values, options),
        .recipient_header = recipient_of(a, h, values, options),
        .envelope_id = header_unfold(a, first_of(values + ORIGINAL_ENVELOPE_ID, 2)),
        .return_path = bracketed(header_unfold(a, values[RETURN_PATH])),
        .reference = bracketed(header_unfold(a, values[X_BOUNCED_REF])),
        .queue_id = queue_id_of(a, h),
    };
}
