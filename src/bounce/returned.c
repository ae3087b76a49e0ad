#include "bounce/returned.h"

#include "bounce/address.h"

/* Where mailers and platforms put the id of a campaign: own software first, then the platforms' own marks. */
static const slice campaign_names[] = {
    SLICE_INIT("X-Campaign-ID"),
    SLICE_INIT("X-CampaignID"),
    SLICE_INIT("X-Campaign"),
    SLICE_INIT("X-Mailing-ID"),
    SLICE_INIT("X-MailingID"),
    SLICE_INIT("X-Newsletter-ID"),
    SLICE_INIT("X-Mailer-Campaign"),
    SLICE_INIT("X-EmailCampaign-ID"),
    SLICE_INIT("X-Broadcast-Id"),
    SLICE_INIT("X-Mailing"),
    SLICE_INIT("X-Mautic-Campaign"),
    SLICE_INIT("X-MessageID"), /* phpList */
    SLICE_INIT("X-Mw-Campaign-Uid"),
    SLICE_INIT("X-MC-Campaign"),
    SLICE_INIT("X-MC-User"),
    SLICE_INIT("X-MC-Tags"),
    SLICE_INIT("X-Mailgun-Campaign-Id"),
    SLICE_INIT("X-Mailgun-Tag"),
    SLICE_INIT("X-SES-Configuration-Set"),
    SLICE_INIT("X-PM-Tag"),
    SLICE_INIT("X-Mailin-Campaign"),
    SLICE_INIT("X-Mailjet-Campaign"),
    SLICE_INIT("X-MJ-CustomID"),
    SLICE_INIT("X-SMTPAPI"),
    SLICE_INIT("X-SMTP2GO-Tag"),
    SLICE_INIT("X-SG-Campaign"),
    SLICE_INIT("X-Job"),
    SLICE_INIT("X-JobID"),
    SLICE_INIT("X-Job-ID"),
    SLICE_INIT("X-rpcampaign"),
    SLICE_INIT("X-cid"),
    SLICE_INIT("X-Elasticemail-Campaign"),
    SLICE_INIT("X-MSYS-API"),
    SLICE_INIT("X-HS-Cid"),
    SLICE_INIT("X-Virtual-MTA-Job"),
    SLICE_INIT("X-Delivery-Job"),
};

static const slice recipient_names[] = {
    SLICE_INIT("X-Rcpt-To"),
    SLICE_INIT("X-Recipient"),
    SLICE_INIT("X-Envelope-To"),
    SLICE_INIT("Envelope-To"),
    SLICE_INIT("X-Original-To"),
    SLICE_INIT("Original-Recipient"),
    SLICE_INIT("X-Original-Rcpt-To"),
    SLICE_INIT("X-Receiver"),
    SLICE_INIT("X-Listmember"), /* phpList */
    SLICE_INIT("X-RCPT"),
    SLICE_INIT("X-Mailing-To"),
    SLICE_INIT("X-Subscriber-Email"),
    SLICE_INIT("X-List-Recipient"),
    SLICE_INIT("X-Apparently-To"),
    SLICE_INIT("Apparently-To"),
    SLICE_INIT("Delivered-To"),
};

/* The first of these fields that is there and not empty. */
static slice first_of(const struct header *h, const slice *names, size_t n)
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

static slice campaign_of(struct charsets *cs, arena *a, const struct header *h, const struct bounce_options *options)
{
    bool given = options != NULL && options->campaign_headers != NULL && options->campaign_header_count > 0;
    const slice *names = given ? options->campaign_headers : campaign_names;
    size_t n = given ? options->campaign_header_count : ARRAY_LEN(campaign_names);
    for (size_t i = 0; i < n; i++) {
        slice raw = header_get(h, names[i]);
        if (slice_empty(raw))
            continue;
        slice v = header_text(cs, a, raw, SLICE_EMPTY);
        if (slice_starts(v, S("{")))
            v = campaign_in_json(v);
        if (v.n > 0)
            return v;
    }
    return SLICE_EMPTY;
}

static slice recipient_of(arena *a, const struct header *h, const struct bounce_options *options)
{
    bool given = options != NULL && options->recipient_headers != NULL && options->recipient_header_count > 0;
    slice v = given ? first_of(h, options->recipient_headers, options->recipient_header_count)
                    : first_of(h, recipient_names, ARRAY_LEN(recipient_names));
    return v.n == 0 ? v : address_from_typed(a, v);
}

void returned_read(struct charsets *cs, arena *a, const struct header *h, const struct bounce_options *options,
                   struct bounce_returned *out)
{
    const slice none = SLICE_EMPTY;
    slice id = message_id(a, header_get(h, S("Message-ID")));
    if (id.n == 0) /* Exchange and others rename it when they return a message */
        id = message_id(a, first_of(h, (const slice[]){S("X-Original-Message-ID"), S("X-Message-ID")}, 2));
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
        .envelope_id = header_unfold(a, first_of(h, (const slice[]){S("Original-Envelope-Id"), S("X-Envid")}, 2)),
        .return_path = bracketed(header_unfold(a, header_get(h, S("Return-Path")))),
    };
}
