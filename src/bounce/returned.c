#include "bounce/returned.h"

#include "bounce/address.h"

/* Where mailers and platforms put the id of a campaign: own software first, then the platforms' own marks. */
static const struct field_name campaign_names[] = {
    FIELD_NAME("X-Campaign-ID"),
    FIELD_NAME("X-CampaignID"),
    FIELD_NAME("X-Campaign"),
    FIELD_NAME("X-Mailing-ID"),
    FIELD_NAME("X-MailingID"),
    FIELD_NAME("X-Newsletter-ID"),
    FIELD_NAME("X-Mailer-Campaign"),
    FIELD_NAME("X-EmailCampaign-ID"),
    FIELD_NAME("X-Broadcast-Id"),
    FIELD_NAME("X-Mailing"),
    FIELD_NAME("X-Mautic-Campaign"),
    FIELD_NAME("X-MessageID"), /* phpList */
    FIELD_NAME("X-Mw-Campaign-Uid"),
    FIELD_NAME("X-MC-Campaign"),
    FIELD_NAME("X-MC-User"),
    FIELD_NAME("X-MC-Tags"),
    FIELD_NAME("X-Mailgun-Campaign-Id"),
    FIELD_NAME("X-Mailgun-Tag"),
    FIELD_NAME("X-SES-Configuration-Set"),
    FIELD_NAME("X-PM-Tag"),
    FIELD_NAME("X-Mailin-Campaign"),
    FIELD_NAME("X-Mailjet-Campaign"),
    FIELD_NAME("X-MJ-CustomID"),
    FIELD_NAME("X-SMTPAPI"),
    FIELD_NAME("X-SMTP2GO-Tag"),
    FIELD_NAME("X-SG-Campaign"),
    FIELD_NAME("X-Job"),
    FIELD_NAME("X-JobID"),
    FIELD_NAME("X-Job-ID"),
    FIELD_NAME("X-rpcampaign"),
    FIELD_NAME("X-cid"),
    FIELD_NAME("X-Elasticemail-Campaign"),
    FIELD_NAME("X-MSYS-API"),
    FIELD_NAME("X-HS-Cid"),
    FIELD_NAME("X-Virtual-MTA-Job"),
    FIELD_NAME("X-Delivery-Job"),
};

static const struct field_name recipient_names[] = {
    FIELD_NAME("X-Rcpt-To"),
    FIELD_NAME("X-Recipient"),
    FIELD_NAME("X-Envelope-To"),
    FIELD_NAME("Envelope-To"),
    FIELD_NAME("X-Original-To"),
    FIELD_NAME("Original-Recipient"),
    FIELD_NAME("X-Original-Rcpt-To"),
    FIELD_NAME("X-Receiver"),
    FIELD_NAME("X-Listmember"), /* phpList */
    FIELD_NAME("X-RCPT"),
    FIELD_NAME("X-Mailing-To"),
    FIELD_NAME("X-Subscriber-Email"),
    FIELD_NAME("X-List-Recipient"),
    FIELD_NAME("X-Apparently-To"),
    FIELD_NAME("Apparently-To"),
    FIELD_NAME("Delivered-To"),
};

/* The first of these fields that is there and not empty. */
static slice first_of(const struct header *h, const struct field_name *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        slice v = header_get_named(h, &names[i]);
        if (v.n > 0)
            return v;
    }
    return SLICE_EMPTY;
}

/* The same for names that the caller gives. */
static slice first_given(const struct header *h, const slice *names, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        slice v = header_get(h, names[i]);
        if (v.n > 0)
            return v;
    }
    return SLICE_EMPTY;
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

static slice campaign_of(struct charsets *cs, arena *a, const struct header *h, const struct bounce_options *options)
{
    bool given = options != NULL && options->campaign_headers != NULL && options->campaign_header_count > 0;
    size_t n = given ? options->campaign_header_count : ARRAY_LEN(campaign_names);
    slice v = SLICE_EMPTY;
    for (size_t i = 0; i < n && slice_empty(v); i++)
        v = campaign_in(cs, a,
                        given ? header_get(h, options->campaign_headers[i]) : header_get_named(h, &campaign_names[i]));
    return v;
}

static slice recipient_of(arena *a, const struct header *h, const struct bounce_options *options)
{
    bool given = options != NULL && options->recipient_headers != NULL && options->recipient_header_count > 0;
    slice v = given ? first_given(h, options->recipient_headers, options->recipient_header_count)
                    : first_of(h, recipient_names, ARRAY_LEN(recipient_names));
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

void returned_read(struct charsets *cs, arena *a, const struct header *h, const struct bounce_options *options,
                   struct bounce_returned *out)
{
    const slice none = SLICE_EMPTY;
    slice id = message_id(a, header_get(h, S("Message-ID")));
    if (id.n == 0) /* Exchange and others rename it when they return a message */
        id = message_id(a, first_given(h, (const slice[]){S("X-Original-Message-ID"), S("X-Message-ID")}, 2));
    *out = (struct bounce_returned){
        .message_id = id,
        .subject = header_text(cs, a, header_get(h, S("Subject")), none),
        .from = header_text(cs, a, header_get(h, S("From")), none),
        .to = header_text(cs, a, header_get(h, S("To")), none),
        .date = header_unfold(a, header_get(h, S("Date"))),
        .list_id = bracketed(header_unfold(a, header_get(h, S("List-Id")))),
        .list_unsubscribe = header_unfold(a, header_get(h, S("List-Unsubscribe"))),
        .feedback_id = header_unfold(a, header_get(h, S("Feedback-ID"))),
        .campaign = campaign_of(cs, a, h, options),
        .recipient_header = recipient_of(a, h, options),
        .envelope_id = header_unfold(a, first_given(h, (const slice[]){S("Original-Envelope-Id"), S("X-Envid")}, 2)),
        .return_path = bracketed(header_unfold(a, header_get(h, S("Return-Path")))),
        .queue_id = queue_id_of(a, h),
    };
}
