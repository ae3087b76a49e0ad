#include "core/outbox.h"

#include "base/json.h"
#include "bounce/address.h"
#include "core/incident_json.h"
#include "core/typo.h"

static const char *const WORDS[OUTBOX_KINDS] = {
    [OUTBOX_SUPPRESSED] = "suppressed", [OUTBOX_LIFTED] = "lifted",         [OUTBOX_HELD] = "held",
    [OUTBOX_BOUNCED] = "bounced",       [OUTBOX_COMPLAINED] = "complained", [OUTBOX_INCIDENT] = "incident",
    [OUTBOX_ALERT] = "alert",
};

const char *outbox_kind_word(enum outbox_kind k)
{
    MUST((size_t)k < OUTBOX_KINDS);
    return WORDS[k];
}

enum outbox_kind outbox_kind_find(slice word)
{
    size_t k = 0;
    while (k < OUTBOX_KINDS && !slice_eq(slice_str(WORDS[k]), word))
        k++;
    return (enum outbox_kind)k;
}

/* ---- the letter ---- */

static bool mailbox_is_gone(const struct outbox_news *n)
{
    return bounce_reason_class(n->reason) == BOUNCE_CLASS_HARD && n->reason != BOUNCE_REASON_UPSTREAM_SUPPRESSED;
}

/* Another address of the same person: told by the receiver (551), or the domain was mistyped. */
static void put_suggestion(struct jsonw *j, const struct outbox_news *n)
{
    slice address = n->row->address, domain = n->row->domain;
    slice meant = n->row->whole_domain ? SLICE_EMPTY : typo_domain(domain);
    if (n->said && !slice_empty(n->said->verdict.new_address)) {
        jsonw_kstr(j, "suggested_address", n->said->verdict.new_address);
        return;
    }
    if (slice_empty(meant) || address.n <= domain.n || !mailbox_is_gone(n))
        return;
    buf corrected;
    buf_init(&corrected, 0);
    buf_add(&corrected, slice_sub(address, 0, address.n - domain.n));
    buf_add(&corrected, meant);
    jsonw_kstr_opt(j, "suggested_address", buf_slice(&corrected));
    buf_fini(&corrected);
}

static void put_verdict(struct jsonw *j, const struct bounce_verdict *v)
{
    jsonw_key(j, "verdict");
    jsonw_object(j);
    jsonw_kstr(j, "reason", slice_str(bounce_reason_word(v->reason)));
    jsonw_kstr(j, "class", slice_str(bounce_class_word(v->class_)));
    jsonw_kstr(j, "blame", slice_str(bounce_blame_word(v->blame)));
    jsonw_ki64(j, "certainty", v->certainty);
    jsonw_kstr_opt(j, "rule", v->rule);
    jsonw_kstr_opt(j, "provider", v->provider);
    jsonw_end_object(j);
}

static void put_evidence(struct jsonw *j, const struct observation *o)
{
    jsonw_key(j, "evidence");
    jsonw_object(j);
    jsonw_kstr(j, "kind", slice_str(bounce_kind_word(o->kind)));
    jsonw_ktime_opt(j, "time", o->time_us);
    jsonw_kstr_opt(j, "reply", slice_sub(o->reply, 0, LEDGER_MAX_TEXT_BYTES));
    jsonw_kstr_opt(j, "status", o->status);
    jsonw_kstr_opt(j, "remote_mta", o->remote_mta);
    jsonw_kstr_opt(j, "message_id", o->ids[ID_MESSAGE]);
    jsonw_kstr_opt(j, "campaign", o->campaign);
    jsonw_kstr_opt(j, "source", o->source);
    jsonw_kstr_opt(j, "feed", o->feed);
    jsonw_kstr(j, "trust", slice_str(trust_word(o->trust)));
    jsonw_end_object(j);
}

static void put_decision(struct jsonw *j, const struct outbox_news *n)
{
    const struct ledger_address *row = n->row;
    jsonw_kstr(j, "state", slice_str(state_word(row->state)));
    jsonw_kstr(j, "was", slice_str(state_word(n->from)));
    if (row->state == STATE_SUPPRESSED) {
        jsonw_kstr(j, "cause", slice_str(cause_word(row->cause)));
        jsonw_kstr(j, "scope", slice_str(scope_word(n->scope)));
        jsonw_ktime_opt(j, "since", row->since_us);
        jsonw_ktime_opt(j, "until", row->until_us);
    }
    if (row->state == STATE_HELD)
        jsonw_kstr(j, "hold", slice_str(hold_word(row->hold)));
    jsonw_kstr(j, "reason", slice_str(bounce_reason_word(n->reason)));
    jsonw_kstr(j, "class", slice_str(bounce_class_word(bounce_reason_class(n->reason))));
}

static void put_data(struct jsonw *j, const struct outbox_news *n, slice hash)
{
    bool hashed = !slice_empty(hash);
    const struct observation *o = n->said;
    jsonw_key(j, "data");
    jsonw_object(j);
    jsonw_kstr(j, hashed ? "address_hash" : "address", hashed ? hash : n->row->address);
    jsonw_kstr_opt(j, "tenant", n->row->tenant);
    jsonw_kstr_opt(j, "stream", n->stream);
    put_decision(j, n);
    jsonw_kbool(j, "ask_new_address", n->row->state == STATE_SUPPRESSED && mailbox_is_gone(n));
    if (o)
        put_verdict(j, &o->verdict);
    if (!hashed) {
        put_suggestion(j, n);
        if (o)
            put_evidence(j, o);
    }
    jsonw_kstr_opt(j, "actor", n->actor);
    jsonw_kstr_opt(j, "note", n->note);
    jsonw_end_object(j);
}

static void write_letter(buf *out, enum outbox_kind kind, const struct outbox_news *n, const struct ledger *l)
{
    struct jsonw j;
    char hash[LEDGER_HASH_BYTES];
    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kstr(&j, "type", slice_str(outbox_kind_word(kind)));
    jsonw_ktime_opt(&j, "timestamp", n->now_us);
    put_data(&j, n, ledger_hashed(l) ? ledger_hash_of(l, n->row->tenant, n->row->key, hash) : SLICE_EMPTY);
    jsonw_end_object(&j);
}

/* ---- who wants it ---- */

static bool has_line(slice lines, slice line)
{
    while (!slice_empty(lines)) {
        size_t end = slice_chr(lines, '\n');
        if (slice_eq(slice_sub(lines, 0, end == SLICE_NPOS ? lines.n : end), line))
            return true;
        lines = end == SLICE_NPOS ? SLICE_EMPTY : slice_from(lines, end + 1);
    }
    return false;
}

static bool wants(const struct ledger_endpoint *p, enum outbox_kind kind, const struct outbox_news *n)
{
    return p->active && (p->kinds >> kind & 1) && (slice_empty(p->tenant) || slice_eq(p->tenant, n->row->tenant)) &&
           (slice_empty(p->streams) || slice_empty(n->stream) || has_line(p->streams, n->stream));
}

static enum status post(struct ledger *l, enum outbox_kind kind, const struct outbox_news *n, err *e)
{
    const struct ledger_endpoint *all;
    size_t count;
    buf body;
    enum status st = ledger_endpoints(l, &all, &count, e);
    buf_init(&body, 0);
    for (size_t i = 0; i < count && st == OK; i++) {
        if (!wants(&all[i], kind, n))
            continue;
        if (!body.n)
            write_letter(&body, kind, n, l);
        if (body.failed)
            st = err_set(e, E_MEMORY, "outbox: out of memory");
        struct ledger_letter letter = {.endpoint = all[i].id,
                                       .address_id = n->row->id,
                                       .kind = kind,
                                       .body = buf_slice(&body),
                                       .made_us = n->now_us,
                                       .due_us = n->now_us};
        if (st == OK)
            st = ledger_put_letter(l, &letter, e);
    }
    buf_fini(&body);
    return st;
}

enum status outbox_changed(struct ledger *l, const struct outbox_news *n, err *e)
{
    bool was = n->from == STATE_SUPPRESSED, is = n->row->state == STATE_SUPPRESSED;
    if (is && (!was || n->from_cause != n->row->cause))
        return post(l, OUTBOX_SUPPRESSED, n, e);
    if (was && !is)
        return post(l, OUTBOX_LIFTED, n, e);
    if (n->row->state == STATE_HELD && n->from != STATE_HELD)
        return post(l, OUTBOX_HELD, n, e);
    return OK;
}

enum status outbox_observed(struct ledger *l, const struct outbox_news *n, err *e)
{
    if (n->said->kind == BOUNCE_KIND_COMPLAINT)
        return post(l, OUTBOX_COMPLAINED, n, e);
    return bounce_kind_final(n->said->kind) ? post(l, OUTBOX_BOUNCED, n, e) : OK;
}

/* ---- incidents ---- */

static void write_incident(buf *out, const struct ledger_circumstance *c, const struct ledger_incident *figures,
                           enum outbox_incident what, int64_t now_us)
{
    static const char *const words[] = {"opened", "closed", "undone"};
    struct jsonw j;
    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kstr(&j, "type", slice_str(outbox_kind_word(OUTBOX_INCIDENT)));
    jsonw_ktime_opt(&j, "timestamp", now_us);
    jsonw_key(&j, "data");
    jsonw_object(&j);
    jsonw_kstr(&j, "event", slice_str(words[what]));
    incident_members(&j, c, figures);
    jsonw_end_object(&j);
    jsonw_end_object(&j);
}

static bool concerns(const struct ledger_endpoint *p, const struct ledger_circumstance *c)
{
    return p->active && (p->kinds >> OUTBOX_INCIDENT & 1) &&
           (slice_empty(p->tenant) || slice_empty(c->tenant) || slice_eq(p->tenant, c->tenant));
}

enum status outbox_incident(struct ledger *l, const struct ledger_circumstance *c,
                            const struct ledger_incident *figures, enum outbox_incident what, int64_t now_us, err *e)
{
    const struct ledger_endpoint *all;
    size_t count;
    buf body;
    enum status st = ledger_endpoints(l, &all, &count, e);
    buf_init(&body, 0);
    for (size_t i = 0; i < count && st == OK; i++) {
        if (!concerns(&all[i], c))
            continue;
        if (!body.n)
            write_incident(&body, c, figures, what, now_us);
        if (body.failed)
            st = err_set(e, E_MEMORY, "outbox: out of memory");
        struct ledger_letter letter = {.endpoint = all[i].id,
                                       .kind = OUTBOX_INCIDENT,
                                       .body = buf_slice(&body),
                                       .made_us = now_us,
                                       .due_us = now_us};
        if (st == OK)
            st = ledger_put_letter(l, &letter, e);
    }
    buf_fini(&body);
    return st;
}

/* ---- letters about no address ---- */

static bool wants_message(const struct ledger_endpoint *p, enum outbox_kind kind, const struct outbox_message *m)
{
    return p->active && (p->kinds >> kind & 1) && (slice_empty(p->tenant) || slice_eq(p->tenant, m->tenant));
}

static void write_message(buf *out, enum outbox_kind kind, const struct outbox_message *m)
{
    buf_printf(out, "{\"type\":\"%s\",\"timestamp\":\"", outbox_kind_word(kind));
    time_add_iso(out, m->now_us);
    buf_adds(out, "\",\"data\":");
    buf_add(out, m->data);
    buf_addc(out, '}');
}

enum status outbox_message(struct ledger *l, enum outbox_kind kind, const struct outbox_message *m, err *e)
{
    const struct ledger_endpoint *all;
    size_t count;
    buf body;
    enum status st = ledger_endpoints(l, &all, &count, e);
    buf_init(&body, 0);
    for (size_t i = 0; i < count && st == OK; i++) {
        if (!wants_message(&all[i], kind, m))
            continue;
        if (!body.n)
            write_message(&body, kind, m);
        struct ledger_letter letter = {
            .endpoint = all[i].id, .kind = kind, .body = buf_slice(&body), .made_us = m->now_us, .due_us = m->now_us};
        st = body.failed ? err_set(e, E_MEMORY, "outbox: out of memory") : ledger_put_letter(l, &letter, e);
    }
    buf_fini(&body);
    return st;
}
