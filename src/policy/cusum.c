#include "policy/cusum.h"

#include <math.h>
#include <string.h>

#define PAST_US (14.0 * (double)TIME_DAY) /* what is older than this weighs less than 1/e */
#define WORST 0.97                        /* no alternative is "all": one that passes must not end it */
#define MARGIN_SIGMA 2.0                  /* the past is taken to be worse by so many standard errors */
#define MARGIN_TIMES 1.25                 /* and by this, since it changes slowly */

#define SPREAD_PRIOR 2.0
#define SPREAD_PRIOR_WEIGHT 5.0
#define SPREAD_MOST 20.0
#define SPREAD_SLICE_MOST 30.0 /* one odd slice does not decide */

/* The alternatives: so many times what is normal, but at least this share. */
static const struct {
    double times, least;
} LEVELS[CUSUM_LEVELS] = {{3, 0}, {10, 0.05}, {30, 0.3}, {100, 0.9}};

double cusum_spread(const struct cusum *c)
{
    double s =
        ((double)c->spread_sum + SPREAD_PRIOR * SPREAD_PRIOR_WEIGHT) / ((double)c->spread_weight + SPREAD_PRIOR_WEIGHT);
    return s < 1 ? 1 : s > SPREAD_MOST ? SPREAD_MOST : s;
}

static double share_of_past(const struct cusum *c, const struct cusum_kind *kind)
{
    return (c->past_failed + kind->weight * kind->prior) / (c->past_messages + kind->weight);
}

double cusum_normal(const struct cusum *c, const struct cusum_kind *kind)
{
    double p = share_of_past(c, kind);
    double error = sqrt(p * (1 - p) / (c->past_messages + kind->weight));
    double normal = MARGIN_TIMES * (p + MARGIN_SIGMA * error);
    return normal < kind->floor ? kind->floor : normal > WORST ? WORST : normal;
}

static void set_levels(struct cusum *c, const struct cusum_kind *kind)
{
    double normal = cusum_normal(c, kind), spread = cusum_spread(c);
    for (unsigned i = 0; i < CUSUM_LEVELS; i++) {
        double p = LEVELS[i].times * normal;
        p = p < LEVELS[i].least ? LEVELS[i].least : p;
        p = p > WORST ? WORST : p;
        bool apart = p >= 1.5 * normal;
        c->gain[i] = apart ? (float)(log(p / normal) / spread) : 0;
        c->loss[i] = apart ? (float)(log((1 - normal) / (1 - p)) / spread) : 0;
        if (!apart)
            c->up[i] = (struct cusum_run){0};
    }
}

void cusum_init(struct cusum *c, const struct cusum_kind *kind)
{
    memset(c, 0, sizeof(*c));
    set_levels(c, kind);
}

static void run_take(struct cusum_run *r, float each, uint64_t n)
{
    r->sum -= each * (float)n;
    if (r->sum <= 0)
        *r = (struct cusum_run){0};
    else
        r->messages += (uint32_t)n;
}

static void run_add(struct cusum_run *r, float each, int64_t time_us, uint64_t n)
{
    if (r->sum <= 0)
        r->from_us = time_us;
    r->sum += each * (float)n;
    r->messages += (uint32_t)n;
}

void cusum_count(struct cusum *c, int64_t time_us, uint64_t well, uint32_t failed)
{
    uint64_t room = UINT32_MAX / 2 - c->slice_messages;
    c->slice_messages += (uint32_t)(well < room ? well : room) + failed;
    c->slice_failed += failed;
    for (unsigned i = 0; i < CUSUM_LEVELS; i++) {
        if (well && c->up[i].sum > 0)
            run_take(&c->up[i], c->loss[i], well);
        if (failed && c->gain[i] > 0) {
            run_add(&c->up[i], c->gain[i], time_us, failed);
            c->up[i].failed += failed;
        }
    }
}

const struct cusum_run *cusum_alarm(const struct cusum *c, float limit, uint32_t least)
{
    const struct cusum_run *best = NULL;
    for (unsigned i = 0; i < CUSUM_LEVELS; i++)
        if (c->up[i].sum >= limit && c->up[i].failed >= least && (!best || c->up[i].sum > best->sum))
            best = &c->up[i];
    return best;
}

float cusum_highest(const struct cusum *c)
{
    float highest = 0;
    for (unsigned i = 0; i < CUSUM_LEVELS; i++)
        if (c->up[i].sum > highest)
            highest = c->up[i].sum;
    return highest;
}

/* Pearson's statistic of the slice against the past, weighted by how much it can say. */
static void learn_spread(struct cusum *c, double expected_share)
{
    double n = c->slice_messages, expected = n * expected_share;
    double apart = c->slice_failed - expected;
    double weight = expected < 1 ? expected : 1;
    double x = apart * apart / (expected * (1 - expected_share) + 1e-9);
    c->spread_sum += (float)(weight * (x > SPREAD_SLICE_MOST ? SPREAD_SLICE_MOST : x));
    c->spread_weight += (float)weight;
}

static void grow_old(struct cusum *c, int64_t age_us)
{
    double keep = exp(-(double)(age_us > 0 ? age_us : 0) / PAST_US);
    c->past_messages *= keep;
    c->past_failed *= keep;
    c->spread_sum *= (float)keep;
    c->spread_weight *= (float)keep;
}

void cusum_learn(struct cusum *c, const struct cusum_kind *kind, int64_t age_us)
{
    grow_old(c, age_us);
    if (!c->slice_messages)
        return;
    learn_spread(c, share_of_past(c, kind));
    c->past_messages += c->slice_messages;
    c->past_failed += c->slice_failed;
    c->slice_messages = c->slice_failed = 0;
    set_levels(c, kind);
}

#define TIME_BOUND (INT64_MAX / 4) /* differences of such times do not overflow */

bool cusum_run_sane(const struct cusum_run *r)
{
    return isfinite(r->sum) && r->sum >= 0 && r->failed <= r->messages && r->from_us > -TIME_BOUND &&
           r->from_us < TIME_BOUND;
}

static bool count_sane(double v)
{
    return isfinite(v) && v >= 0;
}

bool cusum_restored(struct cusum *c, const struct cusum_kind *kind)
{
    if (!count_sane(c->past_messages) || !count_sane(c->past_failed) || !count_sane((double)c->spread_sum) ||
        !count_sane((double)c->spread_weight) || c->past_failed > c->past_messages + 1 ||
        c->slice_failed > c->slice_messages || c->slice_messages > UINT32_MAX / 2)
        return false;
    for (unsigned i = 0; i < CUSUM_LEVELS; i++)
        if (!cusum_run_sane(&c->up[i]))
            return false;
    set_levels(c, kind);
    return true;
}

void cusum_reset(struct cusum *c)
{
    c->slice_messages = c->slice_failed = 0;
    memset(c->up, 0, sizeof(c->up));
}

void cusum_accept(struct cusum *c, const struct cusum_kind *kind, double share)
{
    c->past_failed = share * c->past_messages;
    cusum_reset(c);
    set_levels(c, kind);
}

void cusum_back_init(struct cusum_back *b, double normal, double share, double spread)
{
    double as_it_was = share < 2 * normal ? 2 * normal : share;
    as_it_was = as_it_was > WORST ? WORST : as_it_was;
    normal = normal > as_it_was / 1.5 ? as_it_was / 1.5 : normal;
    *b = (struct cusum_back){.well = (float)(log((1 - normal) / (1 - as_it_was)) / spread),
                             .failed = (float)(log(as_it_was / normal) / spread)};
}

void cusum_back_count(struct cusum_back *b, int64_t time_us, uint64_t well, uint32_t failed)
{
    if (failed)
        run_take(&b->run, b->failed, failed);
    if (well)
        run_add(&b->run, b->well, time_us, well);
}
