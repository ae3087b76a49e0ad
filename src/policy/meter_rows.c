#include <math.h>
#include <string.h>

#include "policy/meter_set.h"

#define ROW_VERSION 2u
#define ROW_TENANT METERS /* in place of enum meter_by: a tenant's count */

/* The fixed beginning of a row; behind it the signals that know something, then the opening. */
struct row_head {
    uint8_t version, by, open;
    uint8_t used; /* bits 1 << enum meter_signal */
    uint32_t signal_bytes;
    uint64_t tenant;
    int64_t last_us, slice_us, muted_us;
    uint64_t places, tenant_well;
};

static bool knows(const struct cusum *c)
{
    return c->past_messages > 0 || c->slice_messages;
}

static bool save_meter(const struct meter_set *set, const struct meter *m, meter_row_fn row, void *ctx)
{
    char bytes[sizeof(struct row_head) + SIGNALS * sizeof(struct cusum) + sizeof(struct opening)];
    size_t n = sizeof(struct row_head);
    struct row_head head;
    memset(&head, 0, sizeof(head));
    head.version = ROW_VERSION;
    head.by = m->by;
    head.open = m->opening != METER_NO;
    head.signal_bytes = sizeof(struct cusum);
    head.tenant = m->tenant;
    head.last_us = m->state.last_us;
    head.slice_us = m->state.slice_us;
    head.muted_us = m->state.muted_us;
    head.places = m->state.places;
    head.tenant_well = m->state.tenant_well;
    for (unsigned i = 0; i < SIGNALS; i++) {
        if (!knows(&m->state.signals[i]))
            continue;
        head.used |= (uint8_t)(1u << i);
        memcpy(bytes + n, &m->state.signals[i], sizeof(struct cusum));
        n += sizeof(struct cusum);
    }
    if (head.open) {
        memcpy(bytes + n, &set->openings[m->opening], sizeof(struct opening));
        n += sizeof(struct opening);
    }
    memcpy(bytes, &head, sizeof(head));
    return row(ctx, m->key, (slice){bytes, n});
}

static bool save_tenant(const struct tenant_count *t, meter_row_fn row, void *ctx)
{
    struct row_head head;
    memset(&head, 0, sizeof(head));
    head.version = ROW_VERSION;
    head.by = ROW_TENANT;
    head.signal_bytes = sizeof(struct cusum);
    head.tenant = t->tenant;
    head.tenant_well = t->well;
    return row(ctx, t->tenant, (slice){(const char *)&head, sizeof(head)});
}

bool meter_set_save(struct meter_set *set, bool changed, meter_row_fn row, void *ctx)
{
    for (uint32_t i = 0; i < set->count; i++) {
        struct meter *m = &set->meters[i];
        if (changed && !m->changed)
            continue;
        m->changed = false;
        if (!save_meter(set, m, row, ctx))
            return false;
    }
    for (size_t i = 0; i < METER_TENANTS; i++) {
        struct tenant_count *t = &set->tenants[i];
        if (!t->tenant || (changed && !t->changed))
            continue;
        t->changed = false;
        if (!save_tenant(t, row, ctx))
            return false;
    }
    return true;
}

/* ---- loading ---- */

static bool sane_time(int64_t us)
{
    return us == TIME_NONE || (us > -INT64_MAX / 4 && us < INT64_MAX / 4);
}

static bool load_tenant(struct meter_set *set, const struct row_head *head)
{
    struct tenant_count *t = head->tenant ? meter_tenant(set, head->tenant) : NULL;
    if (t)
        t->well = head->tenant_well;
    return t != NULL;
}

static size_t row_bytes(const struct row_head *head)
{
    size_t n = sizeof(*head) + (head->open ? sizeof(struct opening) : 0);
    for (unsigned used = head->used; used; used &= used - 1)
        n += sizeof(struct cusum);
    return n;
}

static bool load_opening(struct meter_set *set, struct meter *m, const char *p)
{
    struct opening o;
    memcpy(&o, p, sizeof(o));
    if (o.signal >= SIGNALS || o.failed > o.messages || o.from_us == TIME_NONE || o.last_failed_us == TIME_NONE ||
        !sane_time(o.from_us) || !sane_time(o.last_failed_us) || !cusum_run_sane(&o.back.run) ||
        !isfinite(o.back.well) || !isfinite(o.back.failed))
        return false;
    for (uint32_t i = 0; i < METER_MOST_OPEN; i++) {
        if (set->openings[i].meter != METER_NO)
            continue;
        o.meter = (uint32_t)(m - set->meters);
        set->openings[i] = o;
        m->opening = i;
        set->open_count++;
        return true;
    }
    return false;
}

static bool load_meter(struct meter_set *set, uint64_t key, const struct row_head *head, const char *p)
{
    if (head->by >= METERS || head->used >> SIGNALS || meter_find(set, key) || !sane_time(head->last_us) ||
        !sane_time(head->slice_us) || !sane_time(head->muted_us) ||
        (head->last_us == TIME_NONE) != (head->slice_us == TIME_NONE))
        return false;
    struct meter *m = meter_get(set, key, (enum meter_by)head->by, head->tenant);
    if (!m)
        return false;
    m->state.last_us = head->last_us;
    m->state.slice_us = head->slice_us;
    m->state.muted_us = head->muted_us;
    m->state.places = head->places;
    m->state.tenant_well = head->tenant_well;
    for (unsigned i = 0; i < SIGNALS; i++) {
        if (!(head->used & 1u << i))
            continue;
        struct cusum c;
        memcpy(&c, p, sizeof(c));
        p += sizeof(c);
        if (cusum_restored(&c, meter_kind((enum meter_by)head->by, (enum meter_signal)i)))
            m->state.signals[i] = c;
    }
    if (set->clock_us == TIME_NONE || set->clock_us < head->last_us)
        set->clock_us = head->last_us;
    return !head->open || load_opening(set, m, p);
}

bool meter_set_load(struct meter_set *set, uint64_t key, slice bytes)
{
    struct row_head head;
    if (bytes.n < sizeof(head))
        return false;
    memcpy(&head, bytes.p, sizeof(head));
    if (head.version != ROW_VERSION || head.signal_bytes != sizeof(struct cusum) || head.open > 1 ||
        bytes.n != row_bytes(&head))
        return false;
    if (head.by == ROW_TENANT)
        return head.used == 0 && !head.open && load_tenant(set, &head);
    return load_meter(set, key, &head, bytes.p + sizeof(head));
}
