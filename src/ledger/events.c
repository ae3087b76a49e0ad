#include "ledger/pack.h"
#include "ledger/store.h"

#define PARAMETER_OF_REPLY 47 /* the last one; bound after all others */

_Static_assert(EVENT_BASELINE == 5, "stands as a number in statements.def");
_Static_assert(BOUNCE_KIND_DELAYED == 3 && EVENT_OBSERVED == 0, "failures are the first kinds: statements.def");

/* A ledger of hashes, and an erased address anywhere, keep no text that names the address: a mention becomes
 * "<address>". */
struct hidden {
    bool on;
    slice full, as_sent, local;
};

static const struct observation nothing = {
    .tenant = SLICE_INIT(""),
    .stream = SLICE_INIT(""),
    .campaign = SLICE_INIT(""),
    .source = SLICE_INIT(""),
    .recipient = SLICE_INIT(""),
    .sent_to = SLICE_INIT(""),
    .time_us = TIME_NONE,
    .sent_us = TIME_NONE,
};

static size_t mention(const struct hidden *h, slice text, size_t from, size_t *length)
{
    const slice *const names[] = {&h->full, &h->as_sent, &h->local};
    size_t best = SLICE_NPOS;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        size_t at = names[i]->n < 3 ? SLICE_NPOS : slice_find_ci(slice_from(text, from), *names[i]);
        if (at != SLICE_NPOS && (best == SLICE_NPOS || at + from < best)) {
            best = at + from;
            *length = names[i]->n;
        }
    }
    return best;
}

static slice hide(const struct hidden *h, slice text, arena *a)
{
    size_t length = 0, at = h->on ? mention(h, text, 0, &length) : SLICE_NPOS, done = 0;
    if (at == SLICE_NPOS)
        return text;
    buf out;
    buf_init(&out, 4 * LEDGER_MAX_REPLY_BYTES);
    for (; at != SLICE_NPOS; at = mention(h, text, done, &length)) {
        buf_add(&out, slice_sub(text, done, at - done));
        buf_adds(&out, "<address>");
        done = at + length;
    }
    buf_add(&out, slice_from(text, done));
    slice result = out.failed ? SLICE_EMPTY : arena_dup(a, buf_slice(&out));
    buf_fini(&out);
    return result;
}

/* ---- writing ---- */

static enum status find_reply(struct ledger *l, int64_t day, struct hash128 h, int64_t *id, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_REPLY_FIND, &r, e);
    if (st != OK)
        return st;
    row_int(&r, day);
    row_u64(&r, h.hi);
    row_u64(&r, h.lo);
    *id = row_next(&r, &st, e) > 0 ? cell_int(&r) : 0;
    row_close(&r);
    return st;
}

static enum status add_reply(struct ledger *l, int64_t day, struct hash128 h, slice text, int64_t *id, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_REPLY_ADD, &r, e);
    if (st != OK)
        return st;
    row_int(&r, day);
    row_u64(&r, h.hi);
    row_u64(&r, h.lo);
    row_text_max(&r, text, LEDGER_MAX_REPLY_BYTES);
    st = row_run(&r, e);
    *id = st == OK && sqlite3_changes(l->db) > 0 ? sqlite3_last_insert_rowid(l->db) : 0;
    return st;
}

/* The number of a reply's text, stored once for each day and text. Most are new (they name the recipient) or were seen just
 * now. */
static enum status reply_number(struct ledger *l, int64_t day, slice text, int64_t *id, err *e)
{
    text = slice_sub(text, 0, LEDGER_MAX_REPLY_BYTES);
    *id = 0;
    if (slice_empty(text))
        return OK;
    struct hash128 h = hash128(text);
    struct reply_seen *seen = &l->replies[h.lo % ARRAY_LEN(l->replies)];
    if (seen->id && seen->day == day && seen->hash.hi == h.hi && seen->hash.lo == h.lo) {
        *id = seen->id;
        return OK;
    }
    enum status st = add_reply(l, day, h, text, id, e);
    if (st == OK && *id == 0)
        st = find_reply(l, day, h, id, e);
    if (st == OK)
        *seen = (struct reply_seen){h, day, *id};
    return st;
}

enum named { N_STREAM, N_CAMPAIGN, N_SOURCE, N_PROVIDER, N_FEED, N_FORMAT, N_RULE, N_RULES_VERSION, NAMED };

static enum status number_names(struct ledger *l, const struct ledger_event *ev, const struct observation *o,
                                int64_t ids[NAMED], err *e)
{
    const slice texts[NAMED] = {
        [N_STREAM] = ev->o ? o->stream : ev->stream,
        [N_CAMPAIGN] = o->campaign,
        [N_SOURCE] = o->source,
        [N_PROVIDER] = slice_empty(o->provider) ? o->verdict.provider : o->provider,
        [N_FEED] = o->feed,
        [N_FORMAT] = o->format,
        [N_RULE] = o->verdict.rule,
        [N_RULES_VERSION] = ev->rules_version,
    };
    enum status st = OK;
    for (size_t i = 0; st == OK && i < NAMED; i++)
        st = names_id(l, texts[i], &ids[i], e);
    return st;
}

static void bind_fold(struct row *r, const struct ledger_event *ev, slice fold)
{
    row_u64(r, ev->source_key.hi);
    row_u64(r, ev->source_key.lo);
    row_int(r, ev->address_id);
    row_int(r, ev->what);
    row_int(r, ev->fold.time_us);
    row_time(r, ev->ingest_us);
    row_blob(r, fold);
    row_int(r, ev->fold.kind);
    row_int(r, ev->fold.reason);
    row_int(r, ev->fold.certainty);
    row_int(r, ev->fold.trust);
    row_int(r, ev->fold.cause);
    row_int(r, ev->fold.scope);
    row_int(r, ev->fold.flags);
}

/* Texts of people and strangers, hidden where the ledger keeps hashes only. */
static void bind_texts(struct row *r, const struct ledger_event *ev, const struct observation *o,
                       const struct hidden *h, arena *a)
{
    row_text(r, h->on || slice_eq(o->recipient, ev->address) ? SLICE_EMPTY : o->recipient);
    row_text(r, h->on ? SLICE_EMPTY : o->sent_to);
    for (int i = 0; i < ID_KINDS; i++)
        row_text(r, o->ids[i]);
    row_text(r, o->status);
    row_text(r, o->remote_mta);
    row_text(r, o->reporting_mta);
    row_text(r, hide(h, o->sender, a));
    row_text(r, o->sending_ip);
    row_text(r, hide(h, o->subject, a));
    row_text(r, o->platform_cause);
    row_text(r, h->on ? SLICE_EMPTY : o->verdict.new_address);
    row_text(r, ev->actor);
    row_text(r, hide(h, ev->note, a));
    row_text(r, ev->reverified);
    row_text(r, ev->decision);
    row_blob(r, ev->baseline);
}

static enum status put_row(struct ledger *l, const struct ledger_event *ev, const struct observation *o, int64_t seq,
                           const struct hidden *h, arena *a, bool *taken, err *e)
{
    char fold[PACK_MAX_BYTES];
    int64_t ids[NAMED], reply;
    struct row r;
    enum status st = number_names(l, ev, o, ids, e);
    if (st == OK)
        st = reply_number(l, ev->fold.time_us / TIME_DAY, hide(h, o->reply, a), &reply, e);
    if (st == OK)
        st = row_open(l, STMT_EVENT_ADD, &r, e);
    if (st != OK)
        return st;
    row_int(&r, seq);
    bind_fold(&r, ev, slice_of(fold, pack_event(&ev->fold, fold)));
    for (size_t i = 0; i < NAMED; i++)
        row_id(&r, ids[i]);
    row_int(&r, o->phase);
    row_int(&r, o->verdict.evidence);
    row_time(&r, o->sent_us);
    bind_texts(&r, ev, o, h, a);
    MUST(r.at == PARAMETER_OF_REPLY);
    row_id(&r, reply);
    st = row_run(&r, e);
    *taken = st == OK && sqlite3_changes(l->db) > 0;
    return st;
}

enum status ledger_put_event(struct ledger *l, const struct ledger_event *ev, int64_t *seq, err *e)
{
    const struct observation *o = ev->o ? ev->o : &nothing;
    struct hidden h = {.on = l->hashed || ev->hide, .full = o->recipient, .as_sent = o->sent_to};
    arena memory;
    bool taken = false;
    *seq = 0;
    enum status st = store_writing(l, e);
    if (st != OK)
        return st;
    size_t at = slice_rchr(h.full, '@');
    h.local = slice_sub(h.full, 0, at == SLICE_NPOS ? 0 : at);
    arena_init(&memory, 0);
    st = put_row(l, ev, o, l->seq + 1, &h, &memory, &taken, e);
    arena_fini(&memory);
    if (taken)
        *seq = ++l->seq;
    return st;
}

enum status ledger_has_event(struct ledger *l, struct hash128 source_key, bool *has, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_EVENT_HAS, &r, e);
    if (st != OK)
        return st;
    row_u64(&r, source_key.hi);
    row_u64(&r, source_key.lo);
    *has = row_next(&r, &st, e) > 0;
    row_close(&r);
    return st;
}

enum status ledger_put_decision(struct ledger *l, int64_t seq, slice decision, err *e)
{
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = row_open(l, STMT_EVENT_DECIDE, &r, e);
    if (st != OK)
        return st;
    row_text(&r, decision);
    row_int(&r, seq);
    return row_run(&r, e);
}

enum status ledger_put_verdict(struct ledger *l, const struct ledger_event *ev, err *e)
{
    int64_t rule, version;
    struct row r;
    enum status st = store_writing(l, e);
    if (st == OK && l->hashed)
        st = err_set(e, E_DENIED, "%s: addresses stand as hashes: what was said of them is not told", l->path);
    if (st == OK)
        st = names_id(l, ev->o->verdict.rule, &rule, e);
    if (st == OK)
        st = names_id(l, ev->rules_version, &version, e);
    if (st == OK)
        st = row_open(l, STMT_EVENT_JUDGE, &r, e);
    if (st != OK)
        return st;
    row_int(&r, ev->fold.reason);
    row_int(&r, ev->fold.certainty);
    row_int(&r, ev->fold.cause);
    row_int(&r, ev->o->verdict.evidence);
    row_id(&r, rule);
    row_id(&r, version);
    row_text(&r, ev->o->verdict.new_address);
    row_text(&r, ev->was);
    row_int(&r, ev->seq);
    return row_run(&r, e);
}

enum status ledger_judged_by_others(struct ledger *l, slice rules_version, int64_t since_us, int64_t after,
                                    int64_t *ids, size_t room, size_t *n, err *e)
{
    int64_t version = 0;
    struct row r;
    *n = 0;
    enum status st = names_find(l, rules_version, &version, e);
    if (st == OK)
        st = row_open(l, STMT_EVENTS_JUDGED_BY_OTHERS, &r, e);
    if (st != OK)
        return st;
    row_int(&r, after);
    row_int(&r, since_us == TIME_NONE ? INT64_MIN : since_us);
    row_int(&r, version);
    row_int(&r, (int64_t)room);
    while (row_next(&r, &st, e) > 0) {
        int64_t id = cell_int(&r);
        if (!*n || ids[*n - 1] != id)
            ids[(*n)++] = id;
    }
    row_close(&r);
    return st;
}

/* ---- reading ---- */

static void read_fold(struct row *r, struct policy_event *fold)
{
    unpack_event(cell_blob(r), fold);
    fold->kind = (uint8_t)cell_int(r);
    fold->reason = (uint8_t)cell_int(r);
    fold->certainty = (uint8_t)cell_int(r);
    fold->trust = (uint8_t)cell_int(r);
    fold->cause = (uint8_t)cell_int(r);
    fold->scope = (uint8_t)cell_int(r);
    fold->flags = (uint8_t)cell_int(r);
}

static void read_verdict(const struct policy_event *fold, struct bounce_verdict *v)
{
    v->reason = (enum bounce_reason)fold->reason;
    v->certainty = fold->certainty;
    bool failure = fold->kind <= BOUNCE_KIND_DELAYED && v->reason < BOUNCE_REASONS;
    v->class_ = failure ? bounce_reason_class(v->reason) : BOUNCE_CLASS_INFO;
    v->blame = failure ? bounce_reason_blame(v->reason) : BOUNCE_BLAME_NONE;
    v->matched = SLICE_EMPTY;
}

static void read_names(struct row *r, struct ledger_event *ev, struct observation *o)
{
    struct ledger *l = r->l;
    o->stream = ev->stream = names_text(l, cell_int(r));
    o->campaign = names_text(l, cell_int(r));
    o->source = names_text(l, cell_int(r));
    o->provider = o->verdict.provider = names_text(l, cell_int(r));
    o->feed = names_text(l, cell_int(r));
    o->format = names_text(l, cell_int(r));
    o->verdict.rule = names_text(l, cell_int(r));
    ev->rules_version = names_text(l, cell_int(r));
}

static void read_texts(struct row *r, struct ledger_event *ev, struct observation *o)
{
    o->recipient = cell_text(r);
    o->sent_to = cell_text(r);
    for (int i = 0; i < ID_KINDS; i++)
        o->ids[i] = cell_text(r);
    o->status = cell_text(r);
    o->remote_mta = cell_text(r);
    o->reporting_mta = cell_text(r);
    o->sender = cell_text(r);
    o->sending_ip = cell_text(r);
    o->subject = cell_text(r);
    o->platform_cause = cell_text(r);
    o->verdict.new_address = cell_text(r);
    ev->actor = cell_text(r);
    ev->note = cell_text(r);
    ev->reverified = cell_text(r);
    ev->decision = cell_text(r);
    ev->baseline = cell_blob(r);
    ev->was = cell_text(r);
    o->reply = cell_text(r);
}

/* Reads EVENT_COLUMNS. */
static void read_event(struct row *r, struct ledger_event *ev, struct observation *o)
{
    *ev = (struct ledger_event){.seq = cell_int(r)};
    *o = nothing;
    ev->source_key.hi = cell_u64(r);
    ev->source_key.lo = cell_u64(r);
    ev->address_id = cell_int(r);
    ev->what = (enum event_what)cell_int(r);
    ev->fold.time_us = cell_time(r);
    ev->fold.what = (uint8_t)ev->what;
    ev->ingest_us = cell_time(r);
    read_fold(r, &ev->fold);
    ev->cause = (enum cause)ev->fold.cause;
    ev->scope = (enum scope)ev->fold.scope;
    read_verdict(&ev->fold, &o->verdict);
    read_names(r, ev, o);
    o->phase = (enum bounce_phase)cell_int(r);
    o->verdict.evidence = (unsigned)cell_int(r);
    o->sent_us = cell_time(r);
    read_texts(r, ev, o);
    o->tenant = names_text(r->l, cell_int(r));
    slice key = cell_text(r);
    ev->address = cell_text(r);
    if (slice_empty(ev->address))
        ev->address = key;
    if (slice_empty(o->recipient))
        o->recipient = ev->address;
    o->kind = (enum bounce_kind)ev->fold.kind;
    o->time_us = ev->fold.time_us;
    o->trust = (enum trust)ev->fold.trust;
    o->source_key = ev->source_key;
    o->tried_nothing = (ev->fold.flags & EVENT_TRIED_NOTHING) != 0;
    ev->o = ev->what == EVENT_OBSERVED ? o : NULL;
}

static enum status walk_events(struct row *r, int64_t limit, ledger_event_fn each, void *ctx, err *e)
{
    struct ledger_event ev;
    struct observation o;
    enum status st = OK;
    int64_t given = 0;
    r->l->cursors++;
    while (!(limit && given >= limit) && row_next(r, &st, e) > 0) {
        read_event(r, &ev, &o);
        given++;
        if (!each(ctx, &ev, &o))
            break;
    }
    r->l->cursors--;
    row_close(r);
    return st;
}

enum status ledger_events_of(struct ledger *l, int64_t address_id, ledger_event_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_EVENTS_OF, &r, e);
    if (st != OK)
        return st;
    row_int(&r, address_id);
    return walk_events(&r, 0, each, ctx, e);
}

enum status ledger_events_since(struct ledger *l, int64_t seq, int64_t limit, ledger_event_fn each, void *ctx, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_EVENTS_SINCE, &r, e);
    if (st != OK)
        return st;
    row_int(&r, seq);
    return walk_events(&r, limit, each, ctx, e);
}

void row_fold(struct row *r, struct policy_event *ev)
{
    *ev = (struct policy_event){.time_us = cell_time(r)};
    slice fold = cell_blob(r);
    unpack_event(fold, ev);
    ev->what = (uint8_t)cell_int(r);
    ev->kind = (uint8_t)cell_int(r);
    ev->reason = (uint8_t)cell_int(r);
    ev->certainty = (uint8_t)cell_int(r);
    ev->trust = (uint8_t)cell_int(r);
    ev->cause = (uint8_t)cell_int(r);
    ev->scope = (uint8_t)cell_int(r);
    ev->flags = (uint8_t)cell_int(r);
}

enum status ledger_fold_events(struct ledger *l, int64_t address_id, arena *a, struct policy_event **events, size_t *n,
                               err *e)
{
    struct row r;
    struct policy_event *list = NULL;
    size_t cap = 0;
    *events = NULL;
    *n = 0;
    enum status st = row_open(l, STMT_EVENTS_FOLD, &r, e);
    if (st != OK)
        return st;
    row_int(&r, address_id);
    while (row_next(&r, &st, e) > 0) {
        struct policy_event *grown = arena_grow(a, list, *n, &cap, sizeof *list);
        if (!grown) {
            st = err_set(e, E_MEMORY, "%s: events: out of memory", l->path);
            break;
        }
        list = grown;
        row_fold(&r, &list[(*n)++]);
    }
    row_close(&r);
    *events = list;
    return st;
}

enum status ledger_baseline(struct ledger *l, int64_t address_id, arena *a, slice *out, err *e)
{
    struct row r;
    *out = SLICE_EMPTY;
    enum status st = row_open(l, STMT_EVENT_BASELINE, &r, e);
    if (st != OK)
        return st;
    row_int(&r, address_id);
    if (row_next(&r, &st, e) > 0) {
        slice bytes = cell_blob(&r);
        *out = arena_dup(a, bytes);
        if (out->n != bytes.n)
            st = err_set(e, E_MEMORY, "%s: baseline: out of memory", l->path);
    }
    row_close(&r);
    return st;
}
