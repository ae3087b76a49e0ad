#include "core/decay.h"

#include <stdlib.h>

#include "base/map.h"
#include "core/life.h"

static const struct {
    const char *word;
    int64_t until_us;
} AGES[DECAY_AGES] = {
    [DECAY_UNDER_3_MONTHS] = {"under 3 months", 91 * TIME_DAY},
    [DECAY_UNDER_1_YEAR] = {"3 to 12 months", 365 * TIME_DAY},
    [DECAY_UNDER_2_YEARS] = {"1 to 2 years", 730 * TIME_DAY},
    [DECAY_UNDER_5_YEARS] = {"2 to 5 years", 1826 * TIME_DAY},
    [DECAY_OLDER] = {"over 5 years", INT64_MAX},
};

const char *decay_age_word(enum decay_age age)
{
    MUST((unsigned)age < DECAY_AGES);
    return AGES[age].word;
}

struct making {
    struct decay *out;
    map sources;
    size_t source_count;
    arena *a;
    bool limited;
};

/* The time in which a death would have been noticed. */
struct watch {
    int64_t from_us, to_us;
    bool died, on_arrival;
};

static int64_t later(int64_t a, int64_t b)
{
    return a > b ? a : b; /* TIME_NONE is the least */
}

static bool watch_of(const struct ledger_life *life, struct watch *w)
{
    enum life_end end = life_end(life);
    int64_t told = later(life->last_delivered_us, life->last_failed_us);
    *w = (struct watch){life->first_seen_us, told, false, false};
    if (life->first_seen_us == TIME_NONE)
        return false;
    if (end != LIFE_GOES_ON && life->since_us != TIME_NONE)
        w->to_us = life->since_us;
    w->died = end == LIFE_DEAD;
    w->on_arrival = w->died && life->last_delivered_us == TIME_NONE && w->to_us - w->from_us < DECAY_ARRIVAL_US;
    if (w->to_us < w->from_us)
        w->to_us = w->from_us;
    return true;
}

static void add(struct decay_row *row, int64_t exposure_us, bool died, bool on_arrival)
{
    row->addresses++;
    row->deaths += died && !on_arrival;
    row->dead_on_arrival += on_arrival;
    row->exposure_s += on_arrival ? 0 : exposure_us / TIME_SECOND;
}

/* The time under watch is cut where the address grows out of one age into the next. */
static void add_ages(struct decay *d, const struct watch *w, int64_t born_us)
{
    int64_t from = w->from_us, born = born_us < from ? born_us : from;
    for (size_t i = 0; i < DECAY_AGES; i++) {
        int64_t until = AGES[i].until_us == INT64_MAX ? INT64_MAX : born + AGES[i].until_us;
        if (from >= until)
            continue;
        bool last = w->to_us < until;
        int64_t to = last ? w->to_us : until;
        add(&d->ages[i], to - from, last && w->died, last && w->on_arrival);
        if (last)
            return;
        from = until;
    }
}

static struct decay_row *source_row(struct making *m, slice name)
{
    struct decay_row *row = map_get(&m->sources, name);
    if (row)
        return row;
    slice copy = arena_dup(m->a, name);
    row = ARENA_NEW(m->a, struct decay_row);
    void **place = row && copy.n == name.n ? map_put(&m->sources, copy) : NULL;
    if (!place)
        return NULL;
    row->name = copy;
    *place = row;
    m->source_count++;
    return row;
}

static bool count(void *ctx, const struct ledger_life *life)
{
    struct making *m = ctx;
    struct watch w;
    if (!watch_of(life, &w))
        return true;
    struct decay_row *source = source_row(m, life->source);
    m->limited |= !source;
    if (!source)
        return false;
    add(&m->out->all, w.to_us - w.from_us, w.died, w.on_arrival);
    add(source, w.to_us - w.from_us, w.died, w.on_arrival);
    add_ages(m->out, &w, life_began_us(life));
    return true;
}

static int longest_first(const void *a, const void *b)
{
    const struct decay_row *x = a, *y = b;
    if (x->exposure_s != y->exposure_s)
        return x->exposure_s < y->exposure_s ? 1 : -1;
    return slice_cmp(x->name, y->name);
}

static void finish_row(struct decay_row *row)
{
    row->yearly = interval_yearly(row->deaths, row->exposure_s);
}

static enum status finish(struct making *m, err *e)
{
    struct decay *d = m->out;
    struct map_slot *slot;
    size_t at = 0;
    d->sources = arena_calloc(m->a, m->source_count + 1, sizeof *d->sources);
    if (!d->sources || m->limited)
        return err_set(e, E_MEMORY, "list decay: out of memory");
    while ((slot = map_next(&m->sources, &at)) != NULL)
        d->sources[d->source_count++] = *(struct decay_row *)slot->value;
    qsort(d->sources, d->source_count, sizeof *d->sources, longest_first);
    for (size_t i = 0; i < d->source_count; i++)
        finish_row(&d->sources[i]);
    for (size_t i = 0; i < DECAY_AGES; i++)
        finish_row(&d->ages[i]);
    finish_row(&d->all);
    return OK;
}

enum status decay_make(struct ledger *l, slice tenant, arena *a, struct decay *out, err *e)
{
    struct making m = {.out = out, .a = a};
    *out = (struct decay){.all = {.name = S("all")}};
    for (size_t i = 0; i < DECAY_AGES; i++)
        out->ages[i].name = slice_str(AGES[i].word);
    map_init(&m.sources, ledger_key(l));
    enum status st = ledger_lives(l, tenant, count, &m, e);
    if (st == OK)
        st = finish(&m, e);
    map_fini(&m.sources);
    return st;
}
