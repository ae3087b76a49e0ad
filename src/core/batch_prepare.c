#include "core/batch.h"

#include "bounce/address.h"
#include "core/cause_words.h"
#include "core/entry.h"
#include "core/opaque.h"
#include "core/receiver.h"

#define FUTURE_US TIME_DAY /* clocks are wrong by less; what is dated later is dated now */

/* An open-addressing set of numbers that are hashes already; 0 is not one of them. */
struct number_set {
    uint64_t *slots;
    size_t mask;
};

static bool set_init(struct number_set *s, size_t most, arena *a)
{
    size_t room = 64;
    while (room < 2 * most)
        room *= 2;
    s->slots = arena_calloc(a, room, sizeof(*s->slots));
    s->mask = room - 1;
    return s->slots != NULL;
}

/* The place of v, or the empty one where it belongs. */
static uint64_t *set_place(const struct number_set *s, uint64_t v)
{
    size_t i = (size_t)v & s->mask;
    while (s->slots[i] && s->slots[i] != v)
        i = (i + 1) & s->mask;
    return &s->slots[i];
}

static bool set_has(const struct number_set *s, uint64_t v)
{
    return *set_place(s, v) == v;
}

struct prepare {
    struct batch *b;
    struct number_set seen; /* source keys of the batch */
    struct number_set sent; /* identifiers of messages that the batch saw sent */
    size_t invalid_room;
};

static enum status no_memory(err *e)
{
    return err_set(e, E_MEMORY, "intake: out of memory in a batch");
}

static bool is_failure(const struct observation *o)
{
    return bounce_kind_final(o->kind) || bounce_kind_attempt(o->kind);
}

enum status intake_judge(const struct bounce_rules *rules, struct observation *o, arena *a, err *e)
{
    if (is_failure(o) && slice_empty(o->verdict.rule) && rules) {
        struct bounce_evidence_set evidence = {.text = o->reply,
                                               .status = o->status,
                                               .provider = slice_empty(o->provider) ? o->remote_mta : o->provider,
                                               .recipient = o->recipient,
                                               .phase = o->phase,
                                               .kind = o->kind};
        if (bounce_judge(rules, &evidence, a, &o->verdict) == BOUNCE_LIMIT)
            return no_memory(e);
    }
    if (!is_failure(o))
        o->verdict.class_ = BOUNCE_CLASS_INFO;
    if (slice_empty(o->provider))
        o->provider = o->verdict.provider;
    if (slice_empty(o->provider) && rules)
        o->provider = receiver_of(rules, o, a);
    return OK;
}

static int64_t time_of(const struct observation *o, int64_t now_us)
{
    int64_t t = o->time_us != TIME_NONE ? o->time_us : o->sent_us;
    return t == TIME_NONE || t > now_us + FUTURE_US ? now_us : t;
}

/* Only what may count is ever held by a circumstance. */
static void add_marks(struct batch_item *item)
{
    const struct observation *o = item->o;
    bool opt_out = o->kind == BOUNCE_KIND_COMPLAINT || o->kind == BOUNCE_KIND_UNSUBSCRIBED;
    if (is_failure(o) || opt_out)
        item->fold.marks[MARK_FEED] = policy_mark(o->feed);
    if (!is_failure(o))
        return;
    item->fold.marks[MARK_PROVIDER] = policy_mark(o->provider);
    item->fold.marks[MARK_TEXT] = policy_mark(item->text);
}

static void make_fold(struct batch_item *item, int64_t now_us)
{
    struct observation *o = item->o;
    struct policy_event *f = &item->fold;
    memset(f, 0, sizeof(*f));
    o->time_us = time_of(o, now_us);
    f->time_us = o->time_us;
    f->key = o->source_key.hi ? o->source_key.hi : 1;
    for (unsigned i = 0; i < ID_KINDS; i++)
        f->ids[i] = observation_id_hash(o, item->key, (enum id_kind)i);
    f->campaign = entry_name_hash(o->campaign);
    f->stream = entry_name_hash(o->stream);
    f->what = EVENT_OBSERVED;
    f->kind = (uint8_t)o->kind;
    f->reason = is_failure(o) ? (uint8_t)o->verdict.reason : 0;
    f->certainty = (uint8_t)(o->verdict.certainty > 100 ? 100 : o->verdict.certainty);
    f->flags = o->tried_nothing ? EVENT_TRIED_NOTHING : 0;
    if (is_failure(o) && o->verdict.reason == BOUNCE_REASON_UPSTREAM_SUPPRESSED) {
        enum cause cause = cause_of_word(o->platform_cause);
        f->cause = cause == CAUSES ? CAUSE_UPSTREAM : (uint8_t)cause;
    }
    add_marks(item);
}

/* ---- trust ---- */

/* Only what the sender and the receiver know names a message. */
static const enum id_kind NAMING[] = {ID_MESSAGE, ID_ENVID};

static enum status raise_trust(struct prepare *p, struct batch_item *item, err *e)
{
    for (size_t i = 0; i < ARRAY_LEN(NAMING) && item->o->trust == TRUST_BARE; i++) {
        uint64_t id = item->fold.ids[NAMING[i]];
        bool was = id && set_has(&p->sent, id);
        enum status st = id && !was ? ledger_was_sent(p->b->ledger, id, &was, e) : OK;
        if (st != OK)
            return st;
        if (was)
            item->o->trust = TRUST_MATCHED;
    }
    return OK;
}

static void note_sent(struct prepare *p, const struct batch_item *item)
{
    for (size_t i = 0; i < ARRAY_LEN(NAMING); i++)
        if (item->fold.ids[NAMING[i]])
            *set_place(&p->sent, item->fold.ids[NAMING[i]]) = item->fold.ids[NAMING[i]];
}

/* Whose a return path with an id is, from our own log; returns what ledger_put_opaque does. */
static enum status put_opaque(struct prepare *p, const struct batch_item *item, err *e)
{
    slice id = opaque_of(item->o->sender, p->b->a);
    if (slice_empty(id))
        return OK;
    return ledger_put_opaque(p->b->ledger, item->o->tenant, id, item->key, item->fold.time_us, e);
}

/* The ledger is asked for all bare reports before the first message of this batch is put into it: what counts is the
 * order of the observations, not where a batch begins. */
static enum status put_sent(struct prepare *p, err *e)
{
    for (size_t i = 0; i < p->b->item_count; i++) {
        const struct batch_item *item = &p->b->items[i];
        if (item->o->trust != TRUST_PROVEN)
            continue;
        enum status put = put_opaque(p, item, e);
        if (put != OK)
            return put;
        for (size_t k = 0; k < ARRAY_LEN(NAMING); k++) {
            uint64_t id = item->fold.ids[NAMING[k]];
            enum status st = id ? ledger_add_sent(p->b->ledger, id, item->fold.time_us, e) : OK;
            if (st != OK)
                return st;
        }
    }
    return OK;
}

/* ---- one observation ---- */

static bool add_invalid(struct prepare *p, slice recipient)
{
    struct intake_result *r = p->b->result;
    r->counts.invalid++;
    if (r->invalid_count == INTAKE_MAX_INVALID)
        return true;
    slice *list = (slice *)(uintptr_t)r->invalid;
    list = arena_grow(p->b->a, list, r->invalid_count, &p->invalid_room, sizeof(*list));
    if (!list)
        return false;
    list[r->invalid_count++] = arena_dup(p->b->a, recipient);
    r->invalid = list;
    return true;
}

static enum status is_repeat(struct prepare *p, const struct observation *o, bool *repeat, err *e)
{
    uint64_t *place = set_place(&p->seen, o->source_key.lo ? o->source_key.lo : 1);
    *repeat = *place != 0;
    if (*repeat)
        return OK;
    *place = o->source_key.lo ? o->source_key.lo : 1;
    return ledger_has_event(p->b->ledger, o->source_key, repeat, e);
}

static enum status prepare_one(struct prepare *p, size_t i, err *e)
{
    struct batch *b = p->b;
    struct observation *o = &b->observations[i];
    struct batch_item *item = &b->items[b->item_count];
    bool repeat;
    item->o = o;
    item->order = (uint32_t)i;
    item->knew_us = TIME_NONE;
    item->address = address_normal(b->a, slice_empty(o->sent_to) ? o->recipient : o->sent_to, &item->key);
    if (slice_empty(item->address))
        return add_invalid(p, slice_empty(o->sent_to) ? o->recipient : o->sent_to) ? OK : no_memory(e);
    enum status st = is_repeat(p, o, &repeat, e);
    if (st != OK)
        return st;
    if (repeat) {
        b->result->counts.repeats++;
        return OK;
    }
    st = intake_judge(b->rules, o, b->verdicts, e);
    if (st != OK)
        return st;
    item->text = is_failure(o) ? bounce_normalise(o->reply, b->a) : SLICE_EMPTY;
    make_fold(item, b->now_us);
    if (o->trust == TRUST_BARE)
        st = raise_trust(p, item, e);
    else if (o->trust == TRUST_PROVEN)
        note_sent(p, item);
    item->fold.trust = (uint8_t)o->trust;
    b->item_count++;
    return st;
}

enum status batch_prepare(struct batch *b, err *e)
{
    struct prepare p = {.b = b};
    b->item_count = 0;
    b->items = arena_alloc(b->a, (b->count + 1) * sizeof(*b->items));
    if (!b->items || !set_init(&p.seen, b->count, b->a) || !set_init(&p.sent, ARRAY_LEN(NAMING) * b->count, b->a))
        return no_memory(e);
    enum status st = OK;
    for (size_t i = 0; i < b->count && st == OK; i++)
        st = prepare_one(&p, i, e);
    if (st == OK && b->a->limited)
        st = no_memory(e);
    return st == OK ? put_sent(&p, e) : st;
}
