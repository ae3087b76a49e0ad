#include "policy/row.h"

static bool counted(const struct row *r, const struct row_entry *e, bool campaigns, int64_t repeat_us)
{
    for (unsigned i = 0; i < r->n; i++) {
        const struct row_entry *old = &r->entries[i];
        if (campaigns && e->campaign) {
            if (old->campaign == e->campaign)
                return true;
        } else if (campaigns && !old->campaign) {
            int64_t apart = e->time_us - old->time_us;
            if (apart < repeat_us && apart > -repeat_us)
                return true;
        }
    }
    return false;
}

/* Makes room: drops the inner entry whose neighbours lie closest together, so that the row keeps its span. */
static void thin(struct row *r)
{
    unsigned drop = 1;
    int64_t least = INT64_MAX;
    for (unsigned i = 1; i + 1 < r->n; i++) {
        int64_t gap = r->entries[i + 1].time_us - r->entries[i - 1].time_us;
        if (gap < least) {
            least = gap;
            drop = i;
        }
    }
    memmove(&r->entries[drop], &r->entries[drop + 1], (r->n - drop - 1) * sizeof(r->entries[0]));
    r->n--;
}

bool row_add(struct row *r, const struct row_entry *e, uint8_t reason, bool campaigns, int64_t repeat_us)
{
    if (counted(r, e, campaigns, repeat_us))
        return false;
    if (r->n == ROW_MAX_ENTRIES)
        thin(r);
    unsigned at = r->n;
    while (at && r->entries[at - 1].time_us > e->time_us)
        at--;
    memmove(&r->entries[at + 1], &r->entries[at], (r->n - at) * sizeof(r->entries[0]));
    r->entries[at] = *e;
    r->n++;
    if (at + 1 == r->n)
        r->reason = reason;
    return true;
}

bool row_full(const struct row *r, const struct tolerance *t, int64_t *domain_from_us)
{
    *domain_from_us = TIME_NONE;
    if (!t->count || r->n < t->count)
        return false;
    int64_t last = r->entries[r->n - 1].time_us;
    for (unsigned from = r->n - t->count + 1; from-- > 0;) {
        if (last - r->entries[from].time_us < t->span_us)
            continue;
        for (unsigned i = from; i < r->n; i++)
            if (r->entries[i].domain)
                *domain_from_us = r->entries[from].time_us;
        return true;
    }
    return false;
}
