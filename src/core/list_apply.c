#include "core/list_apply.h"

#include <openssl/evp.h>

#include "base/codec.h"
#include "base/text.h"
#include "core/act_event.h"

#define BAD_TEXT_BYTES 200u
#define NOTE_BYTES 500u

static enum status no_memory(err *e)
{
    return err_set(e, E_MEMORY, "list: out of memory");
}

void list_apply_bad(struct list_apply *p, uint64_t line, slice text, const char *what)
{
    struct list_import_result *r = p->result;
    r->invalid++;
    if (r->bad_count < LIST_MAX_SHOWN)
        r->bad[r->bad_count++] =
            (struct list_bad_line){line, arena_dup(p->a, text_safe_dup(p->a, text, BAD_TEXT_BYTES)), what};
}

/* ---- transactions ---- */

static enum status begin(struct list_apply *p, err *e)
{
    enum status st = ledger_begin(p->ledger, e);
    p->writing = st == OK;
    p->in_batch = 0;
    return st;
}

enum status list_apply_begin(struct list_apply *p, err *e)
{
    arena_init(&p->scratch, 0);
    arena_init(&p->hashes, 0);
    map_init(&p->by_hash, ledger_key(p->ledger));
    return begin(p, e);
}

/* A dry run stays in one transaction, which is undone. */
static enum status next_batch(struct list_apply *p, err *e)
{
    if (p->o->dry_run || ++p->in_batch < LIST_BATCH)
        return OK;
    p->writing = false;
    enum status st = ledger_commit(p->ledger, e);
    if (st != OK) {
        ledger_abort(p->ledger);
        return st;
    }
    return begin(p, e);
}

/* ---- one entry ---- */

static enum cause cause_for(const struct list_apply *p, const struct list_record *r)
{
    if (r->cause != CAUSES && r->cause != CAUSE_NONE && r->cause != CAUSE_ERASED)
        return r->cause;
    return p->o->cause == CAUSE_NONE ? CAUSE_IMPORTED : p->o->cause;
}

static struct act act_for(struct list_apply *p, const struct list_record *r, slice address)
{
    struct act act = {.tenant = p->o->tenant,
                      .address = address,
                      .actor = p->o->actor,
                      .cause = cause_for(p, r),
                      .scope = SCOPE_TENANT,
                      .time_us = r->time_us == TIME_NONE || r->time_us > p->o->now_us ? p->o->now_us : r->time_us};
    act.note = arena_printf(&p->scratch, "%.*s%s%.*s", SLICE_FMT(p->o->origin),
                            slice_empty(p->o->origin) || slice_empty(r->note) ? "" : ": ",
                            SLICE_FMT(text_safe_dup(&p->scratch, r->note, NOTE_BYTES)));
    if (act.cause == CAUSE_HARD || act.cause == CAUSE_COMPLAINT)
        act.scope = SCOPE_GLOBAL;
    if (act.cause == CAUSE_UNSUBSCRIBED && !slice_empty(p->o->stream)) {
        act.scope = SCOPE_STREAM;
        act.stream = p->o->stream;
    }
    return act;
}

/* When the same suppression began; TIME_NONE when it does not stand. */
static int64_t stands_since(const struct address_status *s, const struct act *act)
{
    if (!act_stands(s, act->cause, act->scope, act->stream))
        return TIME_NONE;
    for (size_t i = 0; i < s->suppression_count; i++)
        if (s->suppressions[i].cause == act->cause && s->suppressions[i].scope == act->scope)
            return s->suppressions[i].since_us;
    return TIME_NONE;
}

static bool weaker_than_now(const struct address_status *s, const struct act *act)
{
    return s->suppression_count && s->suppressions[0].scope != SCOPE_STREAM &&
           cause_rank(s->cause) < cause_rank(act->cause);
}

static enum status apply_to(struct list_apply *p, struct entry *n, const struct act *act, err *e)
{
    struct list_import_result *r = p->result;
    struct act_event ev = {.what = EVENT_SUPPRESS, .ingest_us = p->o->now_us};
    enum status st = entry_settle(n, p->o->now_us, e);
    if (st != OK)
        return st;
    int64_t since = stands_since(&n->status, act);
    bool weaker = weaker_than_now(&n->status, act);
    if (since != TIME_NONE && since <= act->time_us) {
        r->already++;
        return OK;
    }
    st = act_write(n, act, &ev, e); /* an earlier date moves the beginning */
    if (st != OK)
        return st;
    if (since != TIME_NONE)
        r->already++;
    else if (!act_stands(&n->status, act->cause, act->scope, act->stream))
        r->ignored++; /* of before a lift, or expired */
    else if (weaker)
        r->weaker++;
    else
        r->fresh++;
    return OK;
}

static enum status apply_address(struct list_apply *p, const struct list_record *r, slice address, slice key, err *e)
{
    struct entry n;
    struct act act = act_for(p, r, address);
    enum status st = entry_find(&n, p->ledger, p->policy, p->o->tenant, address, key, &p->scratch, e);
    p->result->causes[act.cause]++;
    if (st == OK && n.row.id && n.row.cause == CAUSE_ERASED)
        p->result->already++;
    else if (st == OK)
        st = apply_to(p, &n, &act, e);
    return st;
}

static enum status remember_hash(struct list_apply *p, const struct list_record *r, err *e)
{
    if (ledger_hashed(p->ledger))
        return err_set(
            e, E_UNSUPPORTED,
            "this ledger keeps addresses as hashes of its own: a list of hashes cannot be held against them");
    void **place = map_put(&p->by_hash, text_lower(&p->hashes, arena_dup(&p->hashes, r->hash)));
    struct list_record *copy = ARENA_NEW(&p->hashes, struct list_record);
    if (!place || !copy)
        return no_memory(e);
    *copy = *r;
    copy->note = arena_dup(&p->hashes, r->note);
    copy->reply = SLICE_EMPTY;
    p->result->ignored++; /* until its address is found */
    if (!*place)
        *place = copy;
    return OK;
}

/* "550 5.7.1 spam" and "552 mailbox full" begin with a 5, but neither condemns an address: the words count. */
static struct list_record judged(struct list_apply *p, const struct list_record *r)
{
    struct list_record out = *r;
    struct bounce_verdict v;
    struct bounce_evidence_set evidence = {.text = r->reply,
                                           .status = SLICE_EMPTY,
                                           .provider = SLICE_EMPTY,
                                           .recipient = r->address,
                                           .phase = BOUNCE_PHASE_RCPT};
    if (!r->by_code || !p->o->rules || bounce_judge(p->o->rules, &evidence, &p->scratch, &v) != BOUNCE_OK ||
        !(v.evidence & BOUNCE_EVIDENCE_TEXT))
        return out;
    if (v.class_ == BOUNCE_CLASS_HARD)
        out.cause = CAUSE_HARD;
    else if (v.class_ == BOUNCE_CLASS_SOFT && v.blame == BOUNCE_BLAME_RECIPIENT)
        out.cause = CAUSE_ESCALATED;
    else
        out.suppresses = false;
    return out;
}

enum status list_apply_record(struct list_apply *p, const struct list_record *as_read, uint64_t line, slice text,
                              err *e)
{
    slice address, key;
    enum status st = OK;
    p->result->lines++;
    arena_reset(&p->scratch);
    struct list_record decided = judged(p, as_read);
    const struct list_record *r = &decided;
    if (!r->suppresses)
        p->result->ignored++;
    else if (slice_empty(r->address) && !slice_empty(r->hash))
        st = remember_hash(p, r, e);
    else if (!entry_name(r->address, &p->scratch, &address, &key))
        list_apply_bad(p, line, text, "no address");
    else
        st = apply_address(p, r, address, key, e);
    return st == OK ? next_batch(p, e) : st;
}

/* ---- hashed entries ---- */

size_t list_address_hash(slice address, bool sha256, char out[64])
{
    arena a;
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;
    arena_init(&a, 0);
    slice lower = text_lower(&a, address);
    int done = EVP_Digest(lower.p, lower.n, digest, &n, sha256 ? EVP_sha256() : EVP_md5(), NULL);
    arena_fini(&a);
    return done == 1 && n <= 32 ? hex_encode(slice_of((const char *)digest, n), out) : 0;
}

struct found {
    slice address, key;
    const struct list_record *record;
};
struct hash_walk {
    struct list_apply *p;
    struct found *list;
    size_t n, room;
    bool refused;
};

static bool match_hashes(void *ctx, const struct ledger_address *addr)
{
    struct hash_walk *w = ctx;
    if (!slice_eq(addr->tenant, w->p->o->tenant))
        return true;
    for (int sha = 0; sha < 2; sha++) {
        char hex[64];
        size_t n = list_address_hash(addr->address, sha != 0, hex);
        const struct list_record *r = n ? map_get(&w->p->by_hash, slice_of(hex, n)) : NULL;
        if (!r)
            continue;
        struct found *grown = arena_grow(&w->p->hashes, w->list, w->n, &w->room, sizeof(*grown));
        w->refused = !grown;
        if (w->refused)
            return false;
        w->list = grown;
        grown[w->n++] = (struct found){arena_dup(&w->p->hashes, addr->address), arena_dup(&w->p->hashes, addr->key), r};
    }
    return true;
}

/* The ledger is walked with its own names: an address that it does not have cannot be known by its hash. */
static enum status apply_hashes(struct list_apply *p, err *e)
{
    struct hash_walk w = {.p = p};
    if (!p->by_hash.n)
        return OK;
    enum status st = ledger_list(p->ledger, p->o->tenant, STATES, SLICE_EMPTY, 0, match_hashes, &w, e);
    if (st == OK && w.refused)
        st = no_memory(e);
    for (size_t i = 0; i < w.n && st == OK; i++) {
        arena_reset(&p->scratch);
        p->result->ignored--;
        st = apply_address(p, w.list[i].record, w.list[i].address, w.list[i].key, e);
        if (st == OK)
            st = next_batch(p, e);
    }
    return st;
}

enum status list_apply_end(struct list_apply *p, enum status so_far, err *e)
{
    enum status st = so_far == OK ? apply_hashes(p, e) : so_far;
    if (st == OK && p->writing && !p->o->dry_run) {
        p->writing = false;
        st = ledger_commit(p->ledger, e);
        if (st != OK)
            ledger_abort(p->ledger);
    }
    if (p->writing)
        ledger_abort(p->ledger);
    map_fini(&p->by_hash);
    arena_fini(&p->hashes);
    arena_fini(&p->scratch);
    return st;
}
