#include "core/report.h"

#include "base/text.h"
#include "base/time.h"
#include "bounce/address.h"

#define REPLY_MAX_BYTES 4096u

/* ---- the source key ---- */

/* The mail without the "From " line of an mbox in front and without blank lines at the end. */
static slice without_mbox(slice m)
{
    slice rest = m, line;
    if (slice_starts(m, S("From ")) && slice_line(&rest, &line))
        m = rest;
    while (m.n && (m.p[m.n - 1] == '\n' || m.p[m.n - 1] == '\r'))
        m.n--;
    return m;
}

#define KEY_CHUNK 4096u

/* True when nothing has to be changed: LF only, no quoted "From " at a line's start. */
static bool is_plain(slice m)
{
    return slice_chr(m, '\r') == SLICE_NPOS && !slice_starts(m, S(">From ")) &&
           slice_find(m, S("\n>From ")) == SLICE_NPOS;
}

static struct hash128 hash_plain(struct hash128 h, slice m)
{
    size_t i = 0;
    for (; m.n - i >= KEY_CHUNK; i += KEY_CHUNK)
        h = hash128_more(h, slice_of(m.p + i, KEY_CHUNK));
    return hash128_more(h, slice_from(m, i));
}

/* The same with CRLF and CR as LF, and ">From " of an mbox as "From ". */
static struct hash128 hash_changed(struct hash128 h, slice m)
{
    char chunk[KEY_CHUNK];
    size_t n = 0;
    bool line_start = true;
    for (size_t i = 0; i < m.n; i++) {
        char c = m.p[i];
        if (c == '\r') {
            if (i + 1 < m.n && m.p[i + 1] == '\n')
                continue;
            c = '\n';
        }
        if (line_start && c == '>' && slice_starts(slice_from(m, i), S(">From "))) {
            line_start = false;
            continue;
        }
        line_start = c == '\n';
        chunk[n++] = c;
        if (n == KEY_CHUNK) {
            h = hash128_more(h, slice_of(chunk, n));
            n = 0;
        }
    }
    return hash128_more(h, slice_of(chunk, n));
}

struct hash128 report_source_key(slice message)
{
    slice m = without_mbox(message);
    struct hash128 h = hash128(S("mail"));
    return is_plain(m) ? hash_plain(h, m) : hash_changed(h, m);
}

/* ---- trust ---- */

struct proof {
    bool proven;
    struct bounce_verp verp;
};

static slice sent_to(const struct bounce_result *r, const struct bounce_report *report, const struct proof *proof)
{
    if (proof->proven && !slice_empty(proof->verp.recipient))
        return proof->verp.recipient;
    if (!slice_empty(report->original_recipient))
        return report->original_recipient;
    if (!slice_empty(r->verp_recipient) && r->report_count == 1)
        return r->verp_recipient;
    return SLICE_EMPTY;
}

/* A token with an opaque id proves itself only against a recipient: one of those that the report offers, or the one that
 * was remembered (a forwarded mail bounces for somebody else). */
static bool verify_for(const struct bounce_result *r, const struct report_context *c, slice recipient, arena *a,
                       struct bounce_verp *out)
{
    uint32_t today = (uint32_t)(c->now_us / TIME_DAY);
    return bounce_verp_verify(c->verp_keys, c->verp_key_count, slice_of(c->tenant.p, c->tenant.n), r->verp_token,
                              recipient, SLICE_EMPTY, today, c->verp_max_days, a, out) == BOUNCE_VERP_OK;
}

static struct proof prove(const struct bounce_result *r, const struct bounce_report *report,
                          const struct report_context *c, arena *a)
{
    struct proof p = {.proven = false};
    if (slice_empty(r->verp_token) || !c->verp_key_count)
        return p;
    slice id = SLICE_EMPTY;
    const slice offered[] = {SLICE_EMPTY, report->original_recipient, report->recipient, address_find(r->returned.to)};
    for (size_t i = 0; i < ARRAY_LEN(offered) && !p.proven; i++) {
        if (i > 0 && slice_empty(offered[i]))
            continue;
        /* an opaque id alone says that the path is ours, not whose it is */
        bool ours = verify_for(r, c, offered[i], a, &p.verp);
        p.proven = ours && !slice_empty(p.verp.recipient);
        if (ours && !p.proven)
            id = p.verp.opaque;
    }
    slice remembered =
        p.proven || slice_empty(id) || !c->opaque ? SLICE_EMPTY : c->opaque(c->opaque_ctx, c->tenant, id, a);
    if (!slice_empty(remembered))
        p.proven = verify_for(r, c, remembered, a, &p.verp);
    return p;
}

/* ---- the observation ---- */

static int64_t happened(const struct bounce_result *r, const struct bounce_report *report, int64_t now_us)
{
    int64_t t = report->last_attempt_us;
    if (t == BOUNCE_TIME_NONE)
        t = r->date_us;
    if (t == BOUNCE_TIME_NONE)
        t = report->arrival_us;
    return t == BOUNCE_TIME_NONE ? now_us : t;
}

static slice either(slice first, slice second)
{
    return slice_empty(first) ? second : first;
}

static void make(const struct bounce_result *r, size_t i, struct hash128 mail, const struct report_context *c, arena *a,
                 struct observation *o)
{
    const struct bounce_report *report = &r->reports[i];
    struct proof proof = prove(r, report, c, a);
    uint32_t index = (uint32_t)i;
    char bytes[4] = {(char)index, (char)(index >> 8), (char)(index >> 16), (char)(index >> 24)};
    o->kind = report->kind;
    o->tenant = c->tenant;
    o->stream = c->stream;
    o->campaign = either(r->returned.campaign, c->campaign);
    o->source = c->source;
    o->recipient = report->recipient;
    o->sent_to = sent_to(r, report, &proof);
    if (slice_empty(o->recipient) && slice_empty(o->sent_to))
        o->recipient = r->verp_recipient;
    o->time_us = happened(r, report, c->now_us);
    o->sent_us = report->arrival_us;
    o->ids[ID_VERP] = proof.proven ? text_lower(a, r->verp_token) : SLICE_EMPTY;
    o->ids[ID_ENVID] = r->returned.envelope_id;
    o->ids[ID_MESSAGE] = r->returned.message_id;
    o->ids[ID_PROVIDER] = r->returned.queue_id;
    o->reply = slice_sub(report->diagnostic, 0, REPLY_MAX_BYTES);
    o->status = report->status;
    o->phase = report->reply.phase;
    o->remote_mta = report->remote_mta;
    o->reporting_mta = report->reporting_mta;
    o->provider = report->verdict.provider;
    o->sender = r->returned.return_path;
    o->sending_ip = report->source_ip;
    o->subject = r->returned.subject;
    o->feed = c->feed;
    o->format = report->format;
    o->trust = proof.proven ? TRUST_PROVEN : c->vouched ? TRUST_MATCHED : TRUST_BARE;
    o->source_key = hash128_more(mail, slice_of(bytes, sizeof(bytes)));
    o->verdict = report->verdict;
}

bool report_observations(const struct bounce_result *result, slice message, const struct report_context *context,
                         arena *a, struct observation **out, size_t *n)
{
    *n = 0;
    *out = NULL;
    if (!result->report_count)
        return true;
    struct observation *list = arena_calloc(a, result->report_count, sizeof(*list));
    if (!list)
        return false;
    struct hash128 mail = report_source_key(message);
    for (size_t i = 0; i < result->report_count; i++)
        make(result, i, mail, context, a, &list[i]);
    *out = list;
    *n = result->report_count;
    return !a->limited;
}
