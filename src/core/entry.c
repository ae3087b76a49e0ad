#include "core/entry.h"

#include "bounce/address.h"
#include "core/outbox.h"

static enum status no_memory(const struct entry *n, err *e)
{
    return err_set(e, E_MEMORY, "%.*s: history: out of memory", SLICE_FMT(n->row.address));
}

uint64_t entry_name_hash(slice name)
{
    return policy_name_hash(name);
}

bool entry_name(slice text, arena *a, slice *address, slice *key)
{
    slice t = slice_trim(text);
    bool domain = t.n > 1 && t.p[0] == '@';
    *address = address_normal(a, domain ? arena_printf(a, "x%.*s", SLICE_FMT(t)) : t, key);
    if (slice_empty(*address))
        return false;
    if (domain)
        *address = *key = address_domain(*key);
    return true;
}

/* ---- streams ---- */

static enum status remember_stream(struct entry *n, uint64_t hash, slice text, err *e)
{
    for (size_t i = 0; i < n->stream_count; i++)
        if (n->streams[i].hash == hash)
            return OK;
    struct stream_name *grown = arena_grow(n->a, n->streams, n->stream_count, &n->stream_room, sizeof(*grown));
    if (!grown)
        return no_memory(n, e);
    n->streams = grown;
    n->streams[n->stream_count++] = (struct stream_name){hash, text};
    return OK;
}

struct stream_search {
    uint64_t hash;
    arena *a;
    slice text;
};

static bool match_stream(void *ctx, const struct ledger_event *ev, const struct observation *o)
{
    struct stream_search *s = ctx;
    slice stream = ev->what == EVENT_OBSERVED && o ? o->stream : ev->stream;
    if (slice_empty(stream) || entry_name_hash(stream) != s->hash)
        return true;
    s->text = arena_dup(s->a, stream);
    return false;
}

enum status entry_stream(struct entry *n, uint64_t hash, slice *text, err *e)
{
    *text = SLICE_EMPTY;
    if (!hash)
        return OK;
    for (size_t i = 0; i < n->stream_count; i++)
        if (n->streams[i].hash == hash) {
            *text = n->streams[i].text;
            return OK;
        }
    if (!n->row.id)
        return OK;
    struct stream_search s = {hash, n->a, SLICE_EMPTY};
    enum status st = ledger_events_of(n->ledger, n->row.id, match_stream, &s, e);
    if (st == OK)
        st = remember_stream(n, hash, s.text, e);
    *text = s.text;
    return st;
}

/* ---- opening ---- */

/* From the events of the ledger, those just added, and the baseline of what was pruned. */
static enum status rebuild(struct entry *n, err *e)
{
    struct policy_event *events = NULL;
    size_t stored = 0;
    slice baseline = SLICE_EMPTY;
    enum status st = OK;
    if (n->row.id) {
        st = ledger_baseline(n->ledger, n->row.id, n->a, &baseline, e);
        if (st == OK)
            st = ledger_fold_events(n->ledger, n->row.id, n->a, &events, &stored, e);
    }
    if (st != OK)
        return st;
    struct policy_event *all = arena_alloc(n->a, (stored + n->added_count) * sizeof(*all));
    if (!all)
        return no_memory(n, e);
    if (stored)
        memcpy(all, events, stored * sizeof(*all));
    if (n->added_count)
        memcpy(all + stored, n->added, n->added_count * sizeof(*all));
    st = history_rebuild_from(&n->history, baseline, all, stored + n->added_count);
    return st == OK ? OK : err_set(e, st, "%.*s: its baseline cannot be read", SLICE_FMT(n->row.address));
}

static enum status start(struct entry *n, struct ledger *l, const struct policy *policy,
                         const struct ledger_address *row, arena *a, err *e)
{
    n->ledger = l;
    n->policy = policy_of_tenant(policy, row->tenant);
    n->a = a;
    n->row = *row;
    n->from = row->state;
    n->from_cause = row->cause;
    n->added = NULL;
    n->streams = NULL;
    n->said = NULL;
    n->actor = n->note = SLICE_EMPTY;
    n->grounds = NULL;
    n->settled_us = TIME_NONE;
    n->added_count = n->added_room = n->stream_count = n->stream_room = 0;
    for (size_t i = 0; i < row->suppression_count; i++) {
        const struct ledger_suppression *s = &row->suppressions[i];
        if (s->scope == SCOPE_STREAM && remember_stream(n, entry_name_hash(s->stream), s->stream, e) != OK)
            return E_MEMORY;
    }
    struct fold_rules rules = {.policy = n->policy};
    enum status st = ledger_around(l, row->tenant, row->domain, a, &rules.around, &rules.around_count, e);
    history_init(&n->history, &rules, a);
    return st;
}

enum status entry_open(struct entry *n, struct ledger *l, const struct policy *policy, const struct ledger_address *row,
                       arena *a, err *e)
{
    enum status st = start(n, l, policy, row, a, e);
    if (st != OK)
        return st;
    struct fold_rules rules = n->history.rules;
    switch (history_decode(row->history, &rules, a, &n->history)) {
    case OK:
        if (row->id && slice_empty(row->history))
            return rebuild(n, e);
        return OK;
    case E_MEMORY:
        return no_memory(n, e);
    case E_UNSUPPORTED:
        return err_set(e, E_UNSUPPORTED, "%.*s: its history was written by a newer version; update this one",
                       SLICE_FMT(row->address));
    default: /* another policy, or bytes that make no sense: the events tell all */
        return rebuild(n, e);
    }
}

enum status entry_open_folds(struct entry *n, struct ledger *l, const struct policy *policy,
                             const struct ledger_folds *folds, arena *a, err *e)
{
    enum status st = start(n, l, policy, folds->row, a, e);
    if (st != OK)
        return st;
    st = history_rebuild_from(&n->history, folds->baseline, folds->events, folds->n);
    return st == OK ? OK : err_set(e, st, "%.*s: its baseline cannot be read", SLICE_FMT(n->row.address));
}

enum status entry_find(struct entry *n, struct ledger *l, const struct policy *policy, slice tenant, slice address,
                       slice key, arena *a, err *e)
{
    struct ledger_address row;
    enum status st = ledger_addresses(l, tenant, &key, 1, a, &row, e);
    if (st != OK)
        return st;
    if (slice_empty(row.address)) /* new, or without a name */
        row.address = address;
    return entry_open(n, l, policy, &row, a, e);
}

enum status entry_of(struct entry *n, struct ledger *l, const struct policy *policy, int64_t id, arena *a, err *e)
{
    struct ledger_address row;
    enum status st = ledger_address_of(l, id, a, &row, e);
    if (st == OK && slice_empty(row.address))
        row.address = row.key; /* its hash is all that can be shown */
    return st == OK ? entry_open(n, l, policy, &row, a, e) : st;
}

/* ---- changing ---- */

enum status entry_add(struct entry *n, const struct policy_event *event, slice stream, err *e)
{
    if (event->stream && remember_stream(n, event->stream, stream, e) != OK)
        return E_MEMORY;
    struct policy_event *grown = arena_grow(n->a, n->added, n->added_count, &n->added_room, sizeof(*grown));
    if (!grown)
        return no_memory(n, e);
    n->added = grown;
    n->added[n->added_count++] = *event;
    switch (history_add(&n->history, event)) {
    case HISTORY_ADDED:
    case HISTORY_REPEAT:
        return OK;
    case HISTORY_REBUILD:
        return rebuild(n, e);
    case HISTORY_MEMORY:
        break;
    }
    return no_memory(n, e);
}

static enum status settle_status(struct entry *n, int64_t now_us, err *e)
{
    struct history_env env = {TIME_NONE};
    if (!history_state(&n->history, &env, now_us, &n->status))
        return no_memory(n, e);
    if (!n->status.domain_sensitive)
        return OK;
    enum status st = ledger_get_domain(n->ledger, n->row.tenant, n->row.domain, &env.domain_delivered_us, e);
    if (st != OK || env.domain_delivered_us == TIME_NONE)
        return st;
    return history_state(&n->history, &env, now_us, &n->status) ? OK : no_memory(n, e);
}

static bool same_place_before(const struct suppression *list, size_t i)
{
    for (size_t k = 0; k < i; k++)
        if (list[k].scope == list[i].scope && (list[i].scope != SCOPE_STREAM || list[k].stream == list[i].stream))
            return true;
    return false;
}

/* The ledger keeps one suppression for each scope and stream: the strictest. */
static enum status settle_suppressions(struct entry *n, err *e)
{
    size_t count = n->status.suppression_count;
    n->row.suppressions = NULL;
    n->row.suppression_count = 0;
    if (!count)
        return OK;
    struct ledger_suppression *list = arena_calloc(n->a, count, sizeof(*list));
    if (!list)
        return no_memory(n, e);
    for (size_t i = 0; i < n->status.suppression_count; i++) {
        const struct suppression *s = &n->status.suppressions[i];
        if (same_place_before(n->status.suppressions, i))
            continue; /* a stricter one stands there */
        struct ledger_suppression *to = &list[n->row.suppression_count++];
        *to = (struct ledger_suppression){s->scope, SLICE_EMPTY, s->cause, s->reason, s->since_us, s->until_us};
        enum status st = s->scope == SCOPE_STREAM ? entry_stream(n, s->stream, &to->stream, e) : OK;
        if (st != OK)
            return st;
    }
    n->row.suppressions = list;
    return OK;
}

enum status entry_settle(struct entry *n, int64_t now_us, err *e)
{
    enum status st = settle_status(n, now_us, e);
    if (st == OK)
        st = settle_suppressions(n, e);
    if (st != OK)
        return st;
    const struct address_status *s = &n->status;
    n->settled_us = now_us;
    n->row.state = s->state;
    n->row.cause = s->cause;
    n->row.hold = s->hold;
    n->row.since_us = s->since_us;
    n->row.until_us = s->until_us;
    n->row.due_us = s->due_us;
    n->row.first_seen_us = s->first_seen_us;
    n->row.last_delivered_us = s->last_delivered_us;
    n->row.last_failed_us = s->last_failed_us;
    return OK;
}

void entry_news(const struct entry *n, struct outbox_news *out)
{
    *out = (struct outbox_news){.row = &n->row,
                                .from = n->from,
                                .from_cause = n->from_cause,
                                .scope = n->status.scope,
                                .stream = n->said ? n->said->stream : SLICE_EMPTY,
                                .reason = n->status.reason,
                                .said = n->said,
                                .actor = n->actor,
                                .note = n->note,
                                .now_us = n->settled_us};
    if (n->row.suppression_count && n->row.suppressions[0].scope == SCOPE_STREAM)
        out->stream = n->row.suppressions[0].stream;
}

enum status entry_put(struct entry *n, err *e)
{
    buf bytes;
    buf_init(&bytes, 0);
    history_encode(&n->history, &bytes);
    if (bytes.failed) {
        buf_fini(&bytes);
        return no_memory(n, e);
    }
    n->row.history = buf_slice(&bytes);
    enum status st = ledger_put_address(n->ledger, &n->row, e);
    n->row.history = SLICE_EMPTY;
    buf_fini(&bytes);
    if (st == OK && n->status.domain_sensitive)
        st = ledger_wait(n->ledger, &n->row, true, e);
    struct outbox_news news;
    entry_news(n, &news);
    return st == OK ? outbox_changed(n->ledger, &news, e) : st;
}
