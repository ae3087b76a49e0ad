#include <stdio.h>

#include "ledger/counter.h"
#include "ledger/pack.h"

#define ADDRESSES_AT_ONCE 1000 /* LIMIT of STMT_EVENTS_OLD; one transaction each */

#define NOTICES_KEPT_US (40 * TIME_DAY)

struct prune {
    struct ledger *l;
    const struct ledger_retention *r;
    ledger_baseline_fn encode;
    void *ctx;
    int64_t now_us;
    int64_t removed;
    err *e;
};

static bool kept_for_ever(int64_t age_us)
{
    return age_us == TIME_NONE || age_us <= 0;
}

static int64_t limit_of(const struct prune *p, int64_t age_us)
{
    return kept_for_ever(age_us) ? INT64_MIN + 1 : p->now_us - age_us;
}

static bool is_delivery(const struct policy_event *ev)
{
    return ev->what == EVENT_OBSERVED && (ev->kind == BOUNCE_KIND_DELIVERED || ev->kind == BOUNCE_KIND_RELAYED);
}

/* ---- the events of one address ---- */

struct aged {
    struct policy_event fold;
    int64_t seq;
};

static enum status read_aged(struct ledger *l, int64_t address, arena *a, struct aged **out, size_t *n, err *e)
{
    struct row r;
    size_t cap = 0;
    struct policy_event *folds;
    enum status st = ledger_fold_events(l, address, a, &folds, n, e);
    *out = NULL;
    if (st == OK)
        st = row_open(l, STMT_EVENT_NUMBERS, &r, e);
    if (st != OK)
        return st;
    row_int(&r, address);
    size_t i = 0;
    while (st == OK && i < *n && row_next(&r, &st, e) > 0) {
        struct aged *grown = arena_grow(a, *out, i, &cap, sizeof **out);
        if (!grown) {
            st = err_set(e, E_MEMORY, "%s: prune: out of memory", l->path);
            break;
        }
        *out = grown;
        (*out)[i] = (struct aged){folds[i], cell_int(&r)};
        i++;
    }
    row_close(&r);
    *n = i;
    return st;
}

/* How many of the first events go: those before the limit of events; deliveries before their own limit go only in an
 * unbroken row from the start, since a baseline stands for everything before it. */
static size_t count_gone(const struct prune *p, const struct aged *list, size_t n)
{
    int64_t events = limit_of(p, p->r->events_us), deliveries = limit_of(p, p->r->deliveries_us);
    size_t i = 0;
    while (i < n && (list[i].fold.time_us < events || list[i].fold.what == EVENT_BASELINE ||
                     (is_delivery(&list[i].fold) && list[i].fold.time_us < deliveries && i + 1 < n &&
                      is_delivery(&list[i + 1].fold))))
        i++;
    return i;
}

static bool only_baseline(const struct aged *list, size_t gone)
{
    return gone == 0 || (gone == 1 && list[0].fold.what == EVENT_BASELINE);
}

static enum status put_baseline(struct prune *p, int64_t address, const struct policy_event *last, slice bytes)
{
    char stamp[96];
    int64_t seq;
    slice text = slice_of(stamp, (size_t)snprintf(stamp, sizeof stamp, "baseline %lld %lld %llx", (long long)address,
                                                  (long long)last->time_us, (unsigned long long)last->key));
    struct ledger_event ev = {
        .address_id = address,
        .source_key = hash128_more(hash128(text), bytes),
        .what = EVENT_BASELINE,
        .baseline = bytes,
        .ingest_us = p->now_us,
        .fold = {.time_us = last->time_us, .key = last->key, .what = EVENT_BASELINE, .trust = TRUST_PROVEN}};
    ev.source_key.hi = last->key; /* stands where the last that went stood in the order */
    return ledger_put_event(p->l, &ev, &seq, p->e);
}

static enum status drop_event(struct prune *p, int64_t seq)
{
    struct row r;
    enum status st = row_open(p->l, STMT_EVENT_DROP, &r, p->e);
    if (st != OK)
        return st;
    row_int(&r, seq);
    return row_run(&r, p->e);
}

static enum status prune_address(struct prune *p, int64_t address, arena *a)
{
    struct aged *list;
    size_t n;
    slice old, bytes = SLICE_EMPTY;
    enum status st = read_aged(p->l, address, a, &list, &n, p->e);
    if (st == OK)
        st = ledger_baseline(p->l, address, a, &old, p->e);
    if (st != OK)
        return st;
    size_t gone = count_gone(p, list, n), folded = 0;
    if (only_baseline(list, gone))
        return OK;
    struct policy_event *events = arena_calloc(a, gone, sizeof *events);
    if (!events)
        return err_set(p->e, E_MEMORY, "%s: prune: out of memory", p->l->path);
    for (size_t i = 0; i < gone; i++)
        if (list[i].fold.what != EVENT_BASELINE)
            events[folded++] = list[i].fold;
    if (!p->encode(p->ctx, address, old, events, folded, a, &bytes))
        return OK;
    for (size_t i = 0; st == OK && i < gone; i++)
        st = drop_event(p, list[i].seq);
    p->removed += (int64_t)folded;
    return st == OK ? put_baseline(p, address, &list[gone - 1].fold, bytes) : st;
}

/* ---- walking the addresses ---- */

static enum status finish(struct prune *p, enum status so_far)
{
    enum status st = so_far;
    if (st == OK && !p->r->dry_run)
        st = ledger_commit(p->l, p->e);
    if (st != OK || p->r->dry_run)
        ledger_abort(p->l);
    return st;
}

static enum status next_addresses(struct prune *p, int64_t after, int64_t ids[ADDRESSES_AT_ONCE], size_t *n)
{
    struct row r;
    int64_t events = limit_of(p, p->r->events_us), deliveries = limit_of(p, p->r->deliveries_us);
    enum status st = row_open(p->l, STMT_EVENTS_OLD, &r, p->e);
    *n = 0;
    if (st != OK)
        return st;
    row_int(&r, events > deliveries ? events : deliveries);
    row_int(&r, after);
    while (*n < ADDRESSES_AT_ONCE && row_next(&r, &st, p->e) > 0)
        ids[(*n)++] = cell_int(&r);
    row_close(&r);
    return st;
}

static enum status prune_some(struct prune *p, int64_t *after, bool *more)
{
    int64_t ids[ADDRESSES_AT_ONCE];
    arena memory;
    size_t n = 0;
    enum status st = ledger_begin(p->l, p->e);
    if (st != OK)
        return st;
    arena_init(&memory, 0);
    st = next_addresses(p, *after, ids, &n);
    for (size_t i = 0; st == OK && i < n; i++) {
        arena_reset(&memory);
        st = prune_address(p, ids[i], &memory);
    }
    arena_fini(&memory);
    st = finish(p, st);
    *more = st == OK && n == ADDRESSES_AT_ONCE;
    *after = n ? ids[n - 1] : *after;
    return st;
}

/* ---- what is no event ---- */

static enum status prune_where(struct prune *p, enum stmt which, int64_t limit)
{
    struct row r;
    enum status st = row_open(p->l, which, &r, p->e);
    if (st != OK)
        return st;
    row_int(&r, limit);
    st = row_run(&r, p->e);
    p->removed += st == OK ? sqlite3_changes(p->l->db) : 0;
    return st;
}

/* Followers have read what was lifted before the last prune, or start anew. */
static enum status prune_marks(struct prune *p)
{
    int64_t before = 0;
    enum status st = meta_get(p->l, S("marks_before"), &before, p->e);
    if (st == OK)
        st = prune_where(p, STMT_MARKS_PRUNE, before);
    if (st == OK)
        st = meta_put(p->l, S("marks_floor"), before, p->e);
    return st == OK ? meta_put(p->l, S("marks_before"), p->l->seq, p->e) : st;
}

/* By whole months, so that the hours and the sums of them go together and still agree. */
static enum status prune_tallies(struct prune *p)
{
    int64_t month = month_of_hour(limit_of(p, p->r->tallies_us) / TIME_HOUR), hour = month_start(month);
    enum status st = prune_where(p, STMT_TALLIES_PRUNE, hour);
    if (st == OK)
        st = row_run_with(p->l, STMT_TALLIES_DAYS_PRUNE, hour / HOURS_A_DAY, p->e);
    if (st == OK)
        st = row_run_with(p->l, STMT_PROVIDER_REPORTS_PRUNE, hour / HOURS_A_DAY, p->e);
    return st == OK ? row_run_with(p->l, STMT_TALLIES_MONTHS_PRUNE, month, p->e) : st;
}

static enum status prune_rest(struct prune *p)
{
    struct row r;
    enum status st = ledger_begin(p->l, p->e);
    if (st != OK)
        return st;
    if (!kept_for_ever(p->r->sent_us))
        st = prune_where(p, STMT_SENT_PRUNE, limit_of(p, p->r->sent_us) / TIME_DAY);
    if (st == OK && !kept_for_ever(p->r->sent_us))
        st = prune_where(p, STMT_OPAQUE_PRUNE, limit_of(p, p->r->sent_us) / TIME_DAY);
    if (st == OK && !kept_for_ever(p->r->tallies_us))
        st = prune_tallies(p);
    if (st == OK && !kept_for_ever(p->r->tallies_us))
        st = prune_where(p, STMT_CODES_PRUNE, limit_of(p, p->r->tallies_us) / TIME_HOUR);
    if (st == OK && !kept_for_ever(p->r->events_us))
        st = prune_where(p, STMT_ALERTS_PRUNE, limit_of(p, p->r->events_us));
    if (st == OK) /* of channels that are no more; the others give up before */
        st = prune_where(p, STMT_NOTICES_PRUNE, p->now_us - NOTICES_KEPT_US);
    bool any = p->removed > 0 || p->r->resume; /* in earlier pages, perhaps */
    if (st == OK && any)
        st = row_open(p->l, STMT_REPLIES_ORPHANED, &r, p->e) == OK ? row_run(&r, p->e) : p->e->status;
    if (st == OK && any)
        st = names_prune(p->l, p->e);
    if (st == OK)
        st = prune_marks(p);
    st = finish(p, st);
    return st;
}

enum status ledger_prune(struct ledger *l, const struct ledger_retention *r, int64_t now_us, ledger_baseline_fn encode,
                         void *ctx, int64_t *removed, err *e)
{
    err unused;
    struct prune p = {l, r, encode, ctx, now_us, 0, e ? e : &unused};
    int64_t after = r->resume ? *r->resume : 0;
    bool more = true;
    enum status st = OK;
    do
        st = prune_some(&p, &after, &more);
    while (st == OK && more && !r->resume);
    if (st == OK && !more) {
        after = 0;
        st = prune_rest(&p);
    }
    if (st == OK && r->resume)
        *r->resume = after;
    *removed = p.removed;
    return st;
}
