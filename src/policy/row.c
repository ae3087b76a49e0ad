#include "policy/row.h"

/* ---- the failures ---- */

/* The same campaign, or without one the same day. */
static bool repeats(const struct row_failure *a, const struct row_failure *b, int64_t repeat_us)
{
    if (a->campaign || b->campaign)
        return a->campaign == b->campaign;
    int64_t apart = a->time_us - b->time_us;
    return apart < repeat_us && apart > -repeat_us;
}

static bool says_nothing_new(const struct failures *f, const struct row_failure *new, int64_t repeat_us)
{
    for (unsigned i = 0; i < f->n; i++) {
        const struct row_failure *old = &f->v[i];
        if (!old->cleared && old->row == new->row && old->reason == new->reason &&
            old->stream == new->stream &&repeats(old, new, repeat_us))
            return true;
    }
    return false;
}

/* Makes room: drops the inner one whose neighbours lie closest together, so that the span stays. */
static void thin(struct failures *f)
{
    unsigned drop = 1;
    int64_t least = INT64_MAX;
    for (unsigned i = 1; i + 1 < f->n; i++) {
        int64_t gap = f->v[i + 1].time_us - f->v[i - 1].time_us;
        if (gap < least) {
            least = gap;
            drop = i;
        }
    }
    memmove(&f->v[drop], &f->v[drop + 1], (f->n - drop - 1) * sizeof(f->v[0]));
    f->n--;
}

bool failures_add(struct failures *f, const struct row_failure *new, int64_t repeat_us, unsigned *out)
{
    if (!row_hard((enum row_kind) new->row) && says_nothing_new(f, new, repeat_us))
        return false;
    if (f->n == ROW_MAX_FAILURES)
        thin(f);
    unsigned at = f->n;
    while (at && f->v[at - 1].time_us > new->time_us)
        at--;
    memmove(&f->v[at + 1], &f->v[at], (f->n - at) * sizeof(f->v[0]));
    f->v[at] = *new;
    f->n++;
    *out = at;
    return true;
}

void failures_clear(struct failures *f, enum cleared by, uint64_t stream, bool keep)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < f->n; i++) {
        struct row_failure one = f->v[i];
        bool meant = one.row != ROW_REFUSED || one.stream == stream;
        if (meant && !keep)
            continue;
        if (meant)
            one.cleared |= (uint8_t)by;
        f->v[kept++] = one;
    }
    f->n = kept;
}

/* ---- reading a row ---- */

static bool belongs(const struct row_failure *one, const struct row_terms *terms)
{
    return row_takes(terms->kind, (enum row_kind)one->row) &&
           (terms->kind != ROW_REFUSED || one->stream == terms->stream) &&
           (terms->tolerance->keeps || !(one->cleared & CLEARED_DELIVERY)) &&
           (!terms->tolerance->engaged_resets || !(one->cleared & CLEARED_ENGAGED));
}

struct reading {
    const struct row_failure *counted[ROW_MAX_FAILURES];
    unsigned n;
};

static bool counts(const struct reading *r, const struct row_failure *one, const struct row_terms *terms)
{
    if (r->n && terms->tolerance->gap_us && one->time_us - r->counted[r->n - 1]->time_us < terms->tolerance->gap_us)
        return false;
    for (unsigned i = 0; i < r->n && !row_hard(terms->kind); i++)
        if (repeats(one, r->counted[i], terms->repeat_us))
            return false;
    return true;
}

static void collect(const struct failures *f, const struct row_terms *terms, struct reading *r, bool *asked_counts)
{
    const struct tolerance *t = terms->tolerance;
    int64_t end = f->n ? f->v[f->n - 1].time_us : 0;
    *asked_counts = false;
    for (unsigned i = 0; i < f->n; i++) {
        const struct row_failure *one = &f->v[i];
        if (!belongs(one, terms) || (t->window_us && end - one->time_us > t->window_us))
            continue;
        if (r->n && t->stale_us && one->time_us - r->counted[r->n - 1]->time_us > t->stale_us)
            r->n = 0;
        if (!counts(r, one, terms))
            continue;
        r->counted[r->n++] = one;
        *asked_counts |= i == terms->asked;
    }
}

static bool of_domain(const struct row_failure *one)
{
    enum bounce_blame blame = bounce_reason_blame((enum bounce_reason)one->reason);
    return blame == BOUNCE_BLAME_DOMAIN || blame == BOUNCE_BLAME_NETWORK;
}

/* The latest place from which the row is long enough. */
static void fill(const struct reading *r, const struct row_terms *terms, struct row *out)
{
    if (!terms->needed || r->n < terms->needed)
        return;
    for (unsigned from = r->n - terms->needed + 1; from-- > 0;) {
        if (out->last_us - r->counted[from]->time_us < terms->tolerance->span_us)
            continue;
        out->full = true;
        for (unsigned i = from; i < r->n && !row_hard(terms->kind); i++)
            if (of_domain(r->counted[i]))
                out->domain_from_us = r->counted[from]->time_us;
        return;
    }
}

void row_read(const struct failures *f, const struct row_terms *terms, struct row *out)
{
    struct reading r;
    r.n = 0;
    *out = (struct row){.first_us = TIME_NONE, .last_us = TIME_NONE, .domain_from_us = TIME_NONE};
    collect(f, terms, &r, &out->counts);
    if (!r.n)
        return;
    out->count = r.n;
    out->first_us = r.counted[0]->time_us;
    out->last_us = r.counted[r.n - 1]->time_us;
    out->reason = r.counted[r.n - 1]->reason;
    fill(&r, terms, out);
}
