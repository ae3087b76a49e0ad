#include "core/act_event.h"

static struct hash128 act_key(const struct entry *n, const struct act *act, const struct act_event *ev)
{
    unsigned char numbers[8 + 8 + 4];
    for (unsigned i = 0; i < 8; i++) {
        numbers[i] = (unsigned char)((uint64_t)act->time_us >> (8 * i));
        numbers[8 + i] = (unsigned char)(ev->about >> (8 * i));
    }
    numbers[16] = (unsigned char)ev->what;
    numbers[17] = (unsigned char)act->cause;
    numbers[18] = (unsigned char)act->scope;
    numbers[19] = (unsigned char)ev->flags;
    struct hash128 h = hash128(slice_of((const char *)numbers, sizeof(numbers)));
    h = hash128_more(h, n->row.tenant);
    h = hash128_more(h, n->row.key);
    h = hash128_more(h, act->stream);
    return hash128_more(h, act->actor);
}

static struct policy_event fold_of(const struct act *act, const struct act_event *ev, struct hash128 key)
{
    struct policy_event f = {.time_us = act->time_us,
                             .key = key.hi ? key.hi : 1,
                             .ids = {ev->about},
                             .stream = act->scope == SCOPE_STREAM ? entry_name_hash(act->stream) : 0,
                             .what = (uint8_t)ev->what,
                             .reason = (uint8_t)ev->reason,
                             .trust = TRUST_PROVEN,
                             .cause = (uint8_t)act->cause,
                             .scope = (uint8_t)act->scope,
                             .flags = (uint8_t)ev->flags};
    return f;
}

bool act_stands(const struct address_status *s, enum cause cause, enum scope scope, slice stream)
{
    uint64_t hash = scope == SCOPE_STREAM ? entry_name_hash(stream) : 0;
    for (size_t i = 0; i < s->suppression_count; i++)
        if (s->suppressions[i].cause == cause && s->suppressions[i].scope == scope && s->suppressions[i].stream == hash)
            return true;
    return false;
}

/* What takes something back comes behind all that was reported, also when a clock ran ahead. */
static int64_t act_time(const struct entry *n, const struct act *act, enum event_what what)
{
    const struct history *h = &n->history;
    int64_t last = h->n ? h->recent[h->n - 1].time_us : h->horizon_us;
    bool behind = what == EVENT_LIFT || what == EVENT_VOUCH || what == EVENT_DISMISS;
    return behind && last != TIME_NONE && last >= act->time_us ? last + 1 : act->time_us;
}

enum status act_write(struct entry *n, const struct act *act, const struct act_event *ev, err *e)
{
    struct hash128 key = act_key(n, act, ev);
    struct ledger_event stored = {.address = n->row.address,
                                  .source_key = key,
                                  .what = ev->what,
                                  .fold = fold_of(act, ev, key),
                                  .actor = act->actor,
                                  .note = act->note,
                                  .reverified = act->reverified,
                                  .cause = act->cause,
                                  .scope = act->scope,
                                  .stream = act->scope == SCOPE_STREAM ? act->stream : SLICE_EMPTY,
                                  .ingest_us = ev->ingest_us};
    stored.fold.time_us = act_time(n, act, ev->what);
    bool has;
    int64_t seq;
    enum status st = ledger_has_event(n->ledger, key, &has, e);
    if (st != OK || has)
        return st == OK ? entry_settle(n, ev->ingest_us, e) : st;
    n->actor = act->actor;
    n->note = act->note;
    st = entry_add(n, &stored.fold, stored.stream, e);
    if (st == OK)
        st = entry_settle(n, ev->ingest_us, e);
    if (st == OK)
        st = entry_put(n, e);
    stored.address_id = n->row.id;
    return st == OK ? ledger_put_event(n->ledger, &stored, &seq, e) : st;
}
