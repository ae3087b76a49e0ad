#include "core/segment.h"

static const struct {
    const char *word;
    int64_t until_us;
} AGES[SEGMENT_AGES] = {{"under 30 days", 30 * TIME_DAY},      {"30 to 90 days", 90 * TIME_DAY},
                        {"90 days to 1 year", 365 * TIME_DAY}, {"1 to 2 years", 730 * TIME_DAY},
                        {"over 2 years", INT64_MAX},           {"unknown", INT64_MAX}},
  ENGAGED[SEGMENT_ENGAGED] = {{"within 30 days", 30 * TIME_DAY},
                              {"within 90 days", 90 * TIME_DAY},
                              {"within a year", 365 * TIME_DAY},
                              {"longer ago", INT64_MAX},
                              {"never", INT64_MAX}};

const char *segment_age_word(enum segment_age age)
{
    MUST((unsigned)age < SEGMENT_AGES);
    return AGES[age].word;
}

const char *segment_engaged_word(enum segment_engaged engaged)
{
    MUST((unsigned)engaged < SEGMENT_ENGAGED);
    return ENGAGED[engaged].word;
}

struct walk {
    struct ledger *l;
    const struct policy *policy;
    const struct segment_filter *f;
    segment_fn each;
    void *ctx;
    arena a; /* of one address */
    enum status status;
    err *e;
};

static bool named(slice wanted, slice is)
{
    return slice_empty(wanted) || slice_eq(wanted, is);
}

/* What can be told without its events. */
static bool may_belong(const struct segment_filter *f, const struct ledger_life *life)
{
    int64_t began = life_began_us(life);
    int64_t age = began == TIME_NONE ? 0 : f->now_us - began;
    int64_t oldest = f->older_us > f->unengaged_us ? f->older_us : f->unengaged_us;
    if (!f->suppressed_too && life->state == STATE_SUPPRESSED)
        return false;
    if (oldest && age < oldest)
        return false;
    if (f->younger_us && (began == TIME_NONE || age >= f->younger_us))
        return false;
    return named(f->source, life->source) && named(f->form, life->form) && named(f->batch, life->batch);
}

static bool belongs(const struct segment_filter *f, const struct life_record *r)
{
    bool ever = r->engaged_us != TIME_NONE;
    int64_t ago = ever ? f->now_us - r->engaged_us : INT64_MAX;
    if (f->engaged_us && ago > f->engaged_us)
        return false;
    if (f->unengaged_us && ago <= f->unengaged_us)
        return false;
    return !(f->never && ever) && r->failures >= f->failing;
}

static bool look(void *ctx, const struct ledger_life *life)
{
    struct walk *w = ctx;
    struct segment_member m = {.life = life, .began_us = life_began_us(life)};
    if (!may_belong(w->f, life))
        return true;
    arena_reset(&w->a);
    w->status = life_read(w->l, w->policy, life, &w->a, &m.record, w->e);
    if (w->status != OK)
        return false;
    return !belongs(w->f, &m.record) || w->each(w->ctx, &m);
}

enum status segment_walk(struct ledger *l, const struct policy *policy, const struct segment_filter *f, segment_fn each,
                         void *ctx, err *e)
{
    struct walk w = {.l = l, .policy = policy, .f = f, .each = each, .ctx = ctx, .status = OK, .e = e};
    arena_init(&w.a, 0);
    enum status st = ledger_lives(l, f->tenant, look, &w, e);
    arena_fini(&w.a);
    return st == OK ? w.status : st;
}

/* ---- counting ---- */

struct counting {
    const struct segment_filter *f;
    struct segment_counts *out;
};

static unsigned age_of(int64_t began_us, int64_t now_us)
{
    unsigned age = AGE_UNDER_30_DAYS;
    if (began_us == TIME_NONE)
        return AGE_UNKNOWN;
    while (age < AGE_OLDER && now_us - began_us >= AGES[age].until_us)
        age++;
    return age;
}

static unsigned engaged_of(int64_t engaged_us, int64_t now_us)
{
    unsigned engaged = ENGAGED_30_DAYS;
    if (engaged_us == TIME_NONE)
        return ENGAGED_NEVER;
    while (engaged < ENGAGED_LONGER_AGO && now_us - engaged_us > ENGAGED[engaged].until_us)
        engaged++;
    return engaged;
}

static bool count(void *ctx, const struct segment_member *m)
{
    struct counting *c = ctx;
    c->out->n[age_of(m->began_us, c->f->now_us)][engaged_of(m->record.engaged_us, c->f->now_us)]++;
    c->out->all++;
    c->out->engagement_known |= m->record.engaged_us != TIME_NONE;
    return true;
}

enum status segment_count(struct ledger *l, const struct policy *policy, const struct segment_filter *f,
                          struct segment_counts *out, err *e)
{
    struct counting c = {f, out};
    *out = (struct segment_counts){.all = 0};
    return segment_walk(l, policy, f, count, &c, e);
}
