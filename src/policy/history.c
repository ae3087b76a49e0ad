#include "policy/history.h"
#include "policy/encode.h"

#define LATEST_US INT64_C(253402300799000000) /* the end of the year 9999 */

int policy_event_cmp(const struct policy_event *a, const struct policy_event *b)
{
    if (a->time_us != b->time_us)
        return a->time_us < b->time_us ? -1 : 1;
    return a->key == b->key ? 0 : a->key < b->key ? -1 : 1;
}

void history_init(struct history *h, const struct fold_rules *rules, arena *a)
{
    fold_init(&h->base);
    h->has_base = false;
    h->horizon_us = TIME_NONE;
    h->horizon_key = 0;
    h->recent = NULL;
    h->n = h->room = 0;
    h->total = 0;
    h->rules = *rules;
    h->a = a;
}

/* Times outside of 1970..9999 would overflow when spans are added. */
static struct policy_event in_range(const struct policy_event *e)
{
    struct policy_event out = *e;
    if (out.time_us < 0)
        out.time_us = 0;
    if (out.time_us > LATEST_US)
        out.time_us = LATEST_US;
    return out;
}

static bool before_horizon(const struct history *h, const struct policy_event *e)
{
    return h->has_base && (e->time_us < h->horizon_us || (e->time_us == h->horizon_us && e->key < h->horizon_key));
}

/* Where e belongs in recent; *same when it is there already. */
static size_t place_of(const struct history *h, const struct policy_event *e, bool *same)
{
    size_t low = 0, high = h->n;
    *same = false;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = policy_event_cmp(&h->recent[middle], e);
        if (order == 0)
            *same = true;
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Folds the oldest of recent into the baseline until as many are left as may be. */
static bool trim(struct history *h)
{
    size_t drop = 0;
    while (h->n - drop > HISTORY_RECENT) {
        const struct policy_event *e = &h->recent[drop++];
        if (!fold_step(&h->base, &h->rules, e, h->a))
            return false;
        h->has_base = true;
        h->horizon_us = e->time_us;
        h->horizon_key = e->key;
    }
    if (drop) {
        h->n -= drop;
        memmove(h->recent, h->recent + drop, h->n * sizeof(*h->recent));
    }
    return true;
}

enum history_status history_add(struct history *h, const struct policy_event *event)
{
    struct policy_event e = in_range(event);
    if (before_horizon(h, &e))
        return HISTORY_REBUILD;
    if (h->has_base && e.time_us == h->horizon_us && e.key == h->horizon_key)
        return HISTORY_REPEAT;
    bool same;
    size_t at = place_of(h, &e, &same);
    if (same)
        return HISTORY_REPEAT;
    struct policy_event *grown = arena_grow(h->a, h->recent, h->n, &h->room, sizeof(*grown));
    if (!grown)
        return HISTORY_MEMORY;
    h->recent = grown;
    memmove(&h->recent[at + 1], &h->recent[at], (h->n - at) * sizeof(*h->recent));
    h->recent[at] = e;
    h->n++;
    h->total++;
    return trim(h) ? HISTORY_ADDED : HISTORY_MEMORY;
}

/* Heap sort: in place and without a library that might allocate. */
static void sift(struct policy_event *v, size_t root, size_t n)
{
    for (;;) {
        size_t child = 2 * root + 1;
        if (child >= n)
            return;
        if (child + 1 < n && policy_event_cmp(&v[child], &v[child + 1]) < 0)
            child++;
        if (policy_event_cmp(&v[root], &v[child]) >= 0)
            return;
        struct policy_event t = v[root];
        v[root] = v[child];
        v[child] = t;
        root = child;
    }
}

static void sort_events(struct policy_event *v, size_t n)
{
    size_t sorted = 1;
    while (sorted < n && policy_event_cmp(&v[sorted - 1], &v[sorted]) <= 0)
        sorted++;
    if (sorted >= n)
        return;
    for (size_t i = n / 2; i-- > 0;)
        sift(v, i, n);
    for (size_t end = n; end-- > 1;) {
        struct policy_event t = v[0];
        v[0] = v[end];
        v[end] = t;
        sift(v, 0, end);
    }
}

size_t history_tidy(struct policy_event *events, size_t n)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (events[i].what != EVENT_BASELINE)
            events[kept++] = in_range(&events[i]);
    n = kept;
    sort_events(events, n);
    kept = 0;
    for (size_t i = 0; i < n; i++)
        if (!kept || policy_event_cmp(&events[kept - 1], &events[i]) != 0)
            events[kept++] = events[i];
    return kept;
}

static bool fold_first(struct history *h, const struct policy_event *events, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!fold_step(&h->base, &h->rules, &events[i], h->a))
            return false;
    if (n) {
        h->has_base = true;
        h->horizon_us = events[n - 1].time_us;
        h->horizon_key = events[n - 1].key;
    }
    return true;
}

static bool rebuild_behind(struct history *h, struct policy_event *events, size_t n)
{
    size_t kept = history_tidy(events, n);
    size_t folded = kept > HISTORY_RECENT ? kept - HISTORY_RECENT : 0;
    if (!fold_first(h, events, folded))
        return false;
    h->total += kept;
    h->n = h->room = kept - folded;
    h->recent = NULL;
    if (!h->n)
        return true;
    h->recent = arena_alloc(h->a, h->n * sizeof(*h->recent));
    if (!h->recent)
        return false;
    memcpy(h->recent, events + folded, h->n * sizeof(*h->recent));
    return true;
}

bool history_rebuild(struct history *h, struct policy_event *events, size_t n)
{
    history_init(h, &h->rules, h->a);
    return rebuild_behind(h, events, n);
}

/* A baseline that was folded under another policy is all that is left of what was pruned: it stands. */
static enum status read_baseline(struct history *h, slice baseline)
{
    enum status s = history_decode(baseline, &h->rules, h->a, h);
    if (s == E_BUSY) {
        h->n = h->room = 0;
        s = OK;
    }
    return s;
}

enum status history_rebuild_from(struct history *h, slice baseline, struct policy_event *events, size_t n)
{
    enum status s = read_baseline(h, baseline);
    if (s != OK)
        return s;
    return rebuild_behind(h, events, n) ? OK : E_MEMORY;
}

enum status history_baseline(slice old, const struct policy_event *gone, size_t n, const struct fold_rules *rules,
                             arena *a, buf *out)
{
    struct history h;
    history_init(&h, rules, a);
    enum status s = read_baseline(&h, old);
    if (s != OK)
        return s;
    for (size_t i = 0; i < n; i++) {
        struct policy_event e = in_range(&gone[i]);
        if (e.what == EVENT_BASELINE)
            continue;
        if (!fold_first(&h, &e, 1))
            return E_MEMORY;
        h.total++;
    }
    history_encode(&h, out);
    return out->failed ? E_MEMORY : OK;
}

bool history_state(const struct history *h, const struct history_env *env, int64_t now_us, struct address_status *out)
{
    struct fold f;
    if (!fold_copy(&f, &h->base, h->a))
        return false;
    for (size_t i = 0; i < h->n; i++)
        if (!fold_step(&f, &h->rules, &h->recent[i], h->a))
            return false;
    fold_finish(&f, &h->rules, env->domain_delivered_us, now_us, out);
    return true;
}

void history_encode(const struct history *h, buf *out)
{
    encode_u64(out, HISTORY_VERSION);
    encode_u64(out, h->total);
    encode_u64(out, h->has_base);
    if (h->has_base) {
        encode_u64(out, policy_fingerprint(h->rules.policy));
        encode_i64(out, h->horizon_us);
        encode_u64(out, h->horizon_key);
        encode_fold(out, &h->base);
    }
    encode_u64(out, h->n);
    for (size_t i = 0; i < h->n; i++)
        encode_event(out, &h->recent[i]);
}

static enum status decode_base(struct decoder *d, struct history *out)
{
    uint64_t fingerprint = decode_u64(d);
    out->horizon_us = decode_i64(d);
    out->horizon_key = decode_u64(d);
    if (!decode_fold(d, out->a, &out->base))
        return E_MEMORY;
    out->has_base = true;
    if (d->bad)
        return E_CORRUPT;
    return fingerprint == policy_fingerprint(out->rules.policy) ? OK : E_BUSY;
}

static enum status decode_recent(struct decoder *d, struct history *out)
{
    out->n = out->room = decode_below(d, HISTORY_RECENT + 1);
    if (!out->n)
        return d->bad ? E_CORRUPT : OK;
    out->recent = arena_alloc(out->a, out->n * sizeof(*out->recent));
    if (!out->recent)
        return E_MEMORY;
    for (size_t i = 0; i < out->n; i++) {
        decode_event(d, &out->recent[i]);
        if (out->recent[i].time_us < 0 || out->recent[i].time_us > LATEST_US)
            d->bad = true;
        if (i && policy_event_cmp(&out->recent[i - 1], &out->recent[i]) >= 0)
            d->bad = true;
    }
    return d->bad || d->rest.n ? E_CORRUPT : OK;
}

enum status history_decode(slice bytes, const struct fold_rules *rules, arena *a, struct history *out)
{
    history_init(out, rules, a);
    if (slice_empty(bytes))
        return OK;
    struct decoder d = {.rest = bytes};
    uint64_t version = decode_u64(&d);
    if (!d.bad && version > HISTORY_VERSION)
        return E_UNSUPPORTED;
    d.version = (unsigned)version;
    out->total = decode_u64(&d);
    if (decode_below(&d, 2)) {
        enum status s = decode_base(&d, out);
        if (s != OK)
            return s;
    }
    return d.bad ? E_CORRUPT : decode_recent(&d, out);
}
