#include "core/batch.h"

#include <stdlib.h>

#include "base/map.h"
#include "bounce/address.h"
#include "core/around.h"
#include "core/breaker.h"
#include "core/entry.h"
#include "core/ground.h"
#include "core/incidents.h"
#include "core/outbox.h"
#include "core/tally.h"

#define CODE_WITHIN_BYTES 64u  /* of a reply: an enhanced code stands behind the code */
#define ADDRESSES_AT_ONCE 512u /* read from the ledger in one go */

/* The addresses that a chunk of sorted items is about. */
struct chunk {
    struct batch_item **items; /* of items[0].tenant, sorted by key */
    size_t n;
    slice keys[ADDRESSES_AT_ONCE];
    size_t starts[ADDRESSES_AT_ONCE + 1];
    struct ledger_address rows[ADDRESSES_AT_ONCE];
    size_t count;
};

struct writer {
    struct batch *b;
    struct batch_item **sorted;
    arena scratch; /* of one chunk */
    struct decision *decisions;
    size_t decision_count, decision_room;
    map domains; /* with deliveries of this batch: to struct moved_domain */
    struct heard heard;
};

struct moved_domain {
    slice tenant, domain;
    int64_t delivered_us;
    bool moved;
};

static enum status no_memory(err *e)
{
    return err_set(e, E_MEMORY, "intake: out of memory in a batch");
}

static int item_cmp(const void *x, const void *y)
{
    const struct batch_item *a = *(const struct batch_item *const *)x, *b = *(const struct batch_item *const *)y;
    int order = slice_cmp(a->o->tenant, b->o->tenant);
    if (!order)
        order = slice_cmp(a->key, b->key);
    return order ? order : a->order < b->order ? -1 : a->order > b->order;
}

/* ---- domains that took mail ---- */

static enum status note_delivery(struct writer *w, const struct batch_item *item, err *e)
{
    slice domain = address_domain(item->key);
    slice key = slice_empty(item->o->tenant)
                    ? domain
                    : arena_printf(w->b->a, "%.*s %.*s", SLICE_FMT(domain), SLICE_FMT(item->o->tenant));
    void **place = map_put(&w->domains, key);
    if (!place)
        return no_memory(e);
    struct moved_domain *d = *place;
    if (!d) {
        d = arena_calloc(w->b->a, 1, sizeof(*d));
        if (!d)
            return no_memory(e);
        *d = (struct moved_domain){item->o->tenant, domain, item->fold.time_us, false};
        *place = d;
    }
    if (d->delivered_us < item->fold.time_us)
        d->delivered_us = item->fold.time_us;
    return OK;
}

static enum status put_domains(struct writer *w, err *e)
{
    size_t at = 0;
    for (struct map_slot *s; (s = map_next(&w->domains, &at)) != NULL;) {
        struct moved_domain *d = s->value;
        int64_t before;
        enum status st = ledger_get_domain(w->b->ledger, d->tenant, d->domain, &before, e);
        d->moved = before == TIME_NONE || before < d->delivered_us;
        if (st == OK && d->moved)
            st = ledger_put_domain(w->b->ledger, d->tenant, d->domain, d->delivered_us, e);
        if (st != OK)
            return st;
    }
    return OK;
}

static enum status note_domains(struct writer *w, err *e)
{
    enum status st = OK;
    for (size_t i = 0; i < w->b->item_count && st == OK; i++) {
        const struct batch_item *item = &w->b->items[i];
        if (item->fold.kind == BOUNCE_KIND_DELIVERED && item->fold.trust != TRUST_BARE)
            st = note_delivery(w, item, e);
    }
    return st == OK ? put_domains(w, e) : st;
}

/* ---- decisions ---- */

static enum status add_decision(struct writer *w, const struct entry *n, const struct observation *o, err *e)
{
    struct intake_counts *c = &w->b->result->counts;
    bool was = n->from == STATE_SUPPRESSED, is = n->row.state == STATE_SUPPRESSED;
    if (n->from == n->row.state && n->from_cause == n->row.cause)
        return OK;
    c->suppressed += is && !was;
    c->lifted += was && !is;
    if (is && !was && o && !heard_suppression(&w->heard, o->tenant, o->feed, o->time_us))
        return no_memory(e);
    arena *a = w->b->a;
    struct decision *grown = arena_grow(a, w->decisions, w->decision_count, &w->decision_room, sizeof(*grown));
    if (!grown)
        return no_memory(e);
    w->decisions = grown;
    grown[w->decision_count++] = (struct decision){
        .tenant = arena_dup(a, n->row.tenant),
        .address = arena_dup(a, n->row.address),
        .from = n->from,
        .to = n->row.state,
        .cause = n->row.cause,
        .scope = n->status.scope,
        .stream = n->row.suppression_count ? arena_dup(a, n->row.suppressions[0].stream) : SLICE_EMPTY,
        .hold = n->row.hold,
        .reason = n->status.reason,
        .rule = o ? arena_dup(a, o->verdict.rule) : SLICE_EMPTY,
        .reply = o ? arena_dup(a, o->reply) : SLICE_EMPTY,
        .since_us = n->row.since_us,
        .until_us = n->row.until_us,
        .lifted = was && !is,
    };
    return OK;
}

/* ---- one address ---- */

static enum status add_group(struct writer *w, const struct batch_item *item, err *e)
{
    const struct observation *o = item->o;
    bool failure = bounce_kind_final(o->kind) || bounce_kind_attempt(o->kind);
    if (!failure || slice_empty(o->reply))
        return OK;
    struct ledger_group g = {.text = item->text,
                             .example = o->reply,
                             .provider = o->provider,
                             .reason = o->verdict.reason,
                             .count = 1,
                             .first_us = o->time_us,
                             .last_us = o->time_us};
    return ledger_add_group(w->b->ledger, &g, e);
}

/* The enhanced code that the far server gave; 0: none. */
static unsigned code_of(const struct observation *o)
{
    struct bounce_enhanced x;
    slice rest = slice_sub(o->reply, 0, CODE_WITHIN_BYTES), word;
    while (slice_word(&rest, &word)) {
        size_t dash = slice_chr(word, '-'); /* "550-5.7.1" */
        if (bounce_enhanced_parse(word, &x) || (dash == 3 && bounce_enhanced_parse(slice_from(word, 4), &x)))
            return LEDGER_CODE(x.klass, x.subject, x.detail);
    }
    return bounce_enhanced_parse(o->status, &x) ? LEDGER_CODE(x.klass, x.subject, x.detail) : 0;
}

static enum status add_code(struct writer *w, const struct observation *o, err *e)
{
    if (!bounce_kind_final(o->kind) && !bounce_kind_attempt(o->kind))
        return OK;
    struct ledger_code c = {.hour = o->time_us / TIME_HOUR,
                            .tenant = o->tenant,
                            .provider = o->provider,
                            .code = code_of(o),
                            .phase = o->phase,
                            .reason = o->verdict.reason,
                            .count = 1};
    return ledger_add_code(w->b->ledger, &c, e);
}

static enum status put_event(struct writer *w, const struct entry *n, const struct batch_item *item, err *e)
{
    struct intake_counts *c = &w->b->result->counts;
    const struct observation *o = item->o;
    struct ledger_event ev = {.address_id = n->row.id,
                              .address = n->row.address,
                              .source_key = o->source_key,
                              .what = EVENT_OBSERVED,
                              .o = o,
                              .fold = item->fold,
                              .rules_version = w->b->rules_version,
                              .stream = o->stream,
                              .ingest_us = w->b->now_us};
    int64_t seq;
    enum status st = ledger_put_event(w->b->ledger, &ev, &seq, e);
    if (st != OK)
        return st;
    if (seq == 0)
        return err_set(e, E_CORRUPT, "intake: an event that was not there is there: two writers?");
    c->events++;
    c->kinds[o->kind]++;
    c->held += o->trust == TRUST_BARE && fold_would_hold(&item->fold);
    if (bounce_kind_final(o->kind) || bounce_kind_attempt(o->kind))
        c->reasons[o->verdict.reason]++;
    struct outbox_news news;
    entry_news(n, &news);
    news.said = o;
    news.stream = o->stream;
    news.reason = bounce_kind_final(o->kind) ? o->verdict.reason : news.reason;
    st = heard_feed(&w->heard, o->tenant, o->feed) ? add_group(w, item, e) : no_memory(e);
    if (st == OK)
        st = add_code(w, o, e);
    return st == OK ? outbox_observed(w->b->ledger, &news, e) : st;
}

static enum status fold_in(struct writer *w, struct entry *n, struct batch_item **items, size_t count, err *e)
{
    struct tally_source *sources = arena_alloc(&w->scratch, count * sizeof(*sources));
    if (!sources)
        return no_memory(e);
    for (size_t i = 0; i < count; i++)
        sources[i] = (struct tally_source){items[i]->fold, items[i]->o};
    enum status st = OK;
    for (size_t i = 0; i < count && st == OK; i++) {
        st = tally_event(n, sources, count, i, e);
        if (st == OK)
            st = entry_add(n, &items[i]->fold, items[i]->o->stream, e);
    }
    return st;
}

/* What was said for the reason that decided; else what was read last. */
static const struct observation *telling(const struct entry *n, struct batch_item **items, size_t count)
{
    bool stopped = n->row.state == STATE_SUPPRESSED || n->row.state == STATE_HELD;
    for (size_t i = count; stopped && i-- > 0;) {
        const struct observation *o = items[i]->o;
        bool failure = bounce_kind_final(o->kind) || bounce_kind_attempt(o->kind);
        if (failure && o->verdict.reason == n->status.reason)
            return o;
    }
    return items[count - 1]->o;
}

/* When it last took mail, unless something failed since. */
static int64_t knew_at(const struct ledger_address *row)
{
    return row->id && row->last_delivered_us > row->last_failed_us ? row->last_delivered_us : TIME_NONE;
}

static enum status write_address(struct writer *w, const struct ledger_address *row, struct batch_item **items,
                                 size_t count, err *e)
{
    struct entry n;
    if (row->id && row->cause == CAUSE_ERASED) { /* nothing of it is kept any more */
        w->b->result->counts.erased += count;
        return OK;
    }
    enum status st = entry_open(&n, w->b->ledger, w->b->policy, row, &w->scratch, e);
    n.grounds = w->b->grounds;
    if (st == OK)
        st = fold_in(w, &n, items, count, e);
    if (st == OK)
        st = entry_settle(&n, w->b->now_us, e);
    if (st == OK) {
        n.said = telling(&n, items, count);
        st = entry_put(&n, e);
    }
    for (size_t i = 0; i < count && st == OK; i++) {
        items[i]->knew_us = knew_at(row);
        st = put_event(w, &n, items[i], e);
    }
    w->b->result->counts.addresses++;
    return st == OK ? add_decision(w, &n, n.said, e) : st;
}

/* ---- chunks ---- */

static size_t chunk_fill(struct chunk *c, struct batch_item **items, size_t n)
{
    size_t i = 0;
    c->items = items;
    c->count = 0;
    for (; i < n && slice_eq(items[i]->o->tenant, items[0]->o->tenant); i++) {
        if (c->count && slice_eq(c->keys[c->count - 1], items[i]->key))
            continue;
        if (c->count == ADDRESSES_AT_ONCE)
            break;
        c->starts[c->count] = i;
        c->keys[c->count++] = items[i]->key;
    }
    c->starts[c->count] = i;
    c->n = i;
    return i;
}

static enum status write_chunk(struct writer *w, struct chunk *c, err *e)
{
    enum status st = ledger_addresses(w->b->ledger, c->items[0]->o->tenant, c->keys, c->count, &w->scratch, c->rows, e);
    for (size_t i = 0; i < c->count && st == OK; i++) {
        struct batch_item **items = c->items + c->starts[i];
        if (slice_empty(c->rows[i].address)) /* new, or without a name */
            c->rows[i].address = items[0]->address;
        st = write_address(w, &c->rows[i], items, c->starts[i + 1] - c->starts[i], e);
    }
    return st;
}

static enum status write_addresses(struct writer *w, err *e)
{
    enum status st = OK;
    struct chunk *c = arena_alloc(w->b->a, sizeof(*c));
    if (!c)
        return no_memory(e);
    for (size_t i = 0; i < w->b->item_count && st == OK;) {
        i += chunk_fill(c, w->sorted + i, w->b->item_count - i);
        st = write_chunk(w, c, e);
        arena_reset(&w->scratch);
    }
    return st;
}

/* ---- addresses that wait for a delivery at their domain ---- */

struct id_list {
    arena *a;
    int64_t *ids;
    size_t n, room;
    bool refused;
};

static bool keep_id(void *ctx, const struct ledger_address *addr)
{
    struct id_list *list = ctx;
    int64_t *grown = arena_grow(list->a, list->ids, list->n, &list->room, sizeof(*grown));
    if (!grown) {
        list->refused = true;
        return false;
    }
    list->ids = grown;
    grown[list->n++] = addr->id;
    return true;
}

static enum status look_again(struct writer *w, int64_t id, err *e)
{
    struct entry n;
    enum status st = entry_of(&n, w->b->ledger, w->b->policy, id, &w->scratch, e);
    if (st == OK)
        st = entry_settle(&n, w->b->now_us, e);
    if (st == OK && !n.status.domain_sensitive)
        st = ledger_wait(w->b->ledger, &n.row, false, e);
    if (st != OK || (n.from == n.row.state && n.from_cause == n.row.cause))
        return st;
    st = entry_put(&n, e);
    return st == OK ? add_decision(w, &n, NULL, e) : st;
}

static enum status write_waiting(struct writer *w, err *e)
{
    enum status st = OK;
    size_t at = 0;
    for (struct map_slot *s; st == OK && (s = map_next(&w->domains, &at)) != NULL;) {
        const struct moved_domain *d = s->value;
        struct id_list list = {.a = &w->scratch};
        if (d->moved)
            st = ledger_waiting(w->b->ledger, d->tenant, d->domain, keep_id, &list, e);
        if (st == OK && list.refused)
            st = no_memory(e);
        for (size_t i = 0; i < list.n && st == OK; i++)
            st = look_again(w, list.ids[i], e);
        arena_reset(&w->scratch);
    }
    return st;
}

/* ---- incidents and breakers ---- */

static enum status tell_changed(void *ctx, const struct entry *n, err *e)
{
    return add_decision(ctx, n, NULL, e);
}

/* Where a breaker opened, a first page of what was suppressed already is folded with it; the rest follows (core/around.h). */
static enum status write_feeds(struct writer *w, err *e)
{
    struct around_counts counts = {0};
    unsigned opened;
    bool more;
    enum status st = heard_write(&w->heard, w->b->ledger, w->b->breaker, w->b->now_us, &opened, e);
    return st == OK && opened
               ? around_some(w->b->ledger, w->b->policy, w->b->now_us, tell_changed, w, &counts, &more, e)
               : st;
}

static enum status write_sorted(struct writer *w, err *e)
{
    struct batch *b = w->b;
    w->sorted = arena_alloc(b->a, (b->item_count + 1) * sizeof(*w->sorted));
    if (!w->sorted)
        return no_memory(e);
    for (size_t i = 0; i < b->item_count; i++)
        w->sorted[i] = &b->items[i];
    qsort(w->sorted, b->item_count, sizeof(*w->sorted), item_cmp);
    enum status st = note_domains(w, e);
    if (st == OK && b->grounds)
        st = grounds_begin(b->grounds, b->ledger, b->now_us, e);
    if (st == OK)
        st = write_addresses(w, e);
    if (st == OK && b->grounds)
        st = grounds_write(b->grounds, b->ledger, b->now_us, e);
    if (st == OK)
        st = write_waiting(w, e);
    if (st == OK && b->incidents)
        st = incidents_take(b->incidents, b, tell_changed, w, e);
    return st == OK ? write_feeds(w, e) : st;
}

enum status batch_write(struct batch *b, err *e)
{
    struct writer w = {.b = b};
    memset(b->result, 0, sizeof(*b->result));
    b->result->counts.observations = b->count;
    enum status st = batch_prepare(b, e);
    if (st != OK)
        return st;
    arena_init(&w.scratch, 0);
    heard_init(&w.heard, b->a);
    map_init(&w.domains, ledger_key(b->ledger));
    st = write_sorted(&w, e);
    map_fini(&w.domains);
    arena_fini(&w.scratch);
    b->result->decisions = w.decisions;
    b->result->decision_count = w.decision_count;
    return st;
}
