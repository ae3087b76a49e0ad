#include "world.h"

#include <math.h>
#include <stdlib.h>

#include "chance.h"

#define HOUR 60u
#define DAY 1440u
#define FIRST_OF_JUNE (151u * DAY)
#define GREYLIST_MEMORY (35u * DAY) /* the usual span of auto-whitelisting */

/* What a chance is asked about; the numbers only have to differ. */
enum question {
    ASK_PARAM,
    ASK_HOST,
    ASK_STYLE,
    ASK_DOMAIN,
    ASK_LIST,
    ASK_JOIN,
    ASK_DEATH,
    ASK_CLOSED,
    ASK_FULL,
    ASK_FLAP,
    ASK_ABANDON,
    ASK_UNAVAILABLE,
    ASK_FORGED,
    ASK_OUTAGE,
    ASK_BLOCK,
    ASK_HIT,
    ASK_MORE = 64 /* and the ones behind it: several of one kind */
};

static void *room_for(void *array, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return array;
    *room = *room ? 2 * *room : 1024;
    void *grown = realloc(array, *room * size);
    MUST(grown);
    return grown;
}

static void *zeroed(size_t n, size_t size)
{
    void *p = calloc(n ? n : 1, size);
    MUST(p);
    return p;
}

/* ---- parameters ---- */

void params_init(struct params *p, bool anew, uint64_t seed)
{
    uint64_t i = 0;
#define PARAM(name, unit, value, low, high, source, meaning)                                             \
    p->name = anew ? (low) + chance_below(chance_of(seed, i, ASK_PARAM), (high) - (low) + 1u) : (value); \
    i++;
#include "world.def"
#undef PARAM
}

bool params_set(struct params *p, const char *assignment)
{
    const char *equals = strchr(assignment, '=');
    size_t n = equals ? (size_t)(equals - assignment) : 0;
#define PARAM(name, unit, value, low, high, source, meaning)            \
    if (n == sizeof(#name) - 1 && strncmp(assignment, #name, n) == 0) { \
        p->name = (uint32_t)strtoul(equals + 1, NULL, 10);              \
        return true;                                                    \
    }
#include "world.def"
#undef PARAM
    return false;
}

void world_describe(buf *out)
{
    buf_add(out, S("| parameter | unit | value | from | to | source | meaning |\n|---|---|---|---|---|---|---|\n"));
#define PARAM(name, unit, value, low, high, source, meaning)                                                     \
    buf_printf(out, "| `%s` | %s | %u | %u | %u | %s | %s |\n", #name, unit, (unsigned)(value), (unsigned)(low), \
               (unsigned)(high), #source, meaning);
#include "world.def"
#undef PARAM
}

/* ---- domains ---- */

static void draw_domain(struct world *w, uint32_t i)
{
    const struct params *p = &w->p;
    struct domain *d = &w->domains[i];
    *d = (struct domain){.provider = i, .giant = i < p->giants};
    d->full_temporary = chance_ppm(chance_of(w->seed, i, ASK_FULL), p->full_temporary);
    if (d->giant)
        return;
    uint32_t host = chance_below(chance_of(w->seed, i, ASK_HOST), 1000000);
    if (host < p->hosted_a + p->hosted_b) {
        d->provider = host < p->hosted_a ? 0 : 1;
        return; /* they have the habits of the large one */
    }
    uint64_t style = chance_of(w->seed, i, ASK_STYLE);
    uint32_t kind = chance_below(style, 1000000);
    d->low = kind < p->low;
    d->low_temporary = d->low && style & 1;
    d->catch_all = !d->low && kind < p->low + p->catch_all;
    d->late_word = !d->low && !d->catch_all && kind < p->low + p->catch_all + p->late_word;
    d->greylist = chance_ppm(chance_of(w->seed, i, ASK_STYLE + ASK_MORE), p->greylist);
}

/* Sums of the sizes, in a scale of 32 bits. */
static uint64_t *domain_sums(const struct params *p)
{
    uint64_t *sums = zeroed(p->domains, sizeof(*sums)), sum = 0;
    for (uint32_t i = 0; i < p->domains; i++) {
        sum += (uint64_t)(1e9 / pow(i + 1.0, p->zipf / 1000.0));
        sums[i] = sum;
    }
    return sums;
}

static uint32_t domain_at(const uint64_t *sums, uint32_t n, uint64_t value)
{
    uint64_t x = (uint64_t)((double)(value >> 11) / 9007199254740992.0 * (double)sums[n - 1]);
    uint32_t low = 0, high = n - 1;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (sums[middle] <= x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* ---- mailboxes ---- */

/* A span by its quantiles (hours): linear between 0, half, 80 %, 95 % and all. In minutes. */
static uint32_t span_of(uint64_t value, uint32_t p50, uint32_t p80, uint32_t p95, uint32_t max)
{
    const uint32_t at[] = {0, 500000, 800000, 950000, 1000000}, hours[] = {0, p50, p80, p95, max};
    uint32_t x = chance_below(value, 1000000);
    unsigned i = 1;
    while (x >= at[i])
        i++;
    uint64_t from = hours[i - 1] * HOUR, more = (hours[i] - hours[i - 1]) * HOUR;
    return (uint32_t)(from + more * (x - at[i - 1]) / (at[i] - at[i - 1]));
}

static void add_spell(struct world *w, struct address *a, uint32_t from, uint32_t span, enum situation s,
                      bool abandoned)
{
    if (a->spell_count == UINT8_MAX || from >= WORLD_YEAR)
        return;
    w->spells = room_for(w->spells, w->spell_count, &w->spell_room, sizeof(*w->spells));
    uint32_t until = span >= WORLD_NEVER - from ? WORLD_NEVER : from + span;
    w->spells[w->spell_count++] = (struct spell){from, until, (uint8_t)s, abandoned};
    a->spell_count++;
}

static void draw_abandoned(struct world *w, struct address *a, uint32_t i)
{
    uint64_t v = chance_of(w->seed, i, ASK_ABANDON), more = chance_of(w->seed, i, ASK_ABANDON + ASK_MORE);
    bool start = chance_ppm(v, w->p.abandoned_start) && a->joined == 0;
    if (!start && !chance_ppm(chance_mix(v), w->p.abandoned))
        return;
    uint32_t from = start ? 0 : chance_below(more, WORLD_YEAR);
    uint32_t away = w->p.full_max * HOUR + 30 * DAY + chance_below(chance_mix(more), 90 * DAY);
    bool back = chance_ppm(chance_mix(more + 1), w->p.returning);
    add_spell(w, a, from, back ? away : WORLD_NEVER, FULL, true);
}

static void draw_flapping(struct world *w, struct address *a, uint64_t v)
{
    uint32_t t = chance_below(v, WORLD_YEAR), end = t + 60 * DAY + chance_below(chance_mix(v), 120 * DAY);
    while (t < end) {
        v = chance_mix(v);
        uint32_t span = DAY + chance_below(v, 4 * DAY);
        add_spell(w, a, t, span, FULL, false);
        t += span + DAY + chance_below(chance_mix(~v), 9 * DAY);
    }
}

static void draw_spells(struct world *w, struct address *a, uint32_t i)
{
    const struct params *p = &w->p;
    a->first_spell = (uint32_t)w->spell_count;
    if (a->dead == 0)
        return;
    draw_abandoned(w, a, i);
    uint64_t v = chance_of(w->seed, i, ASK_FULL + ASK_MORE);
    if (chance_ppm(v, p->full))
        add_spell(w, a, chance_below(chance_mix(v), WORLD_YEAR),
                  span_of(chance_mix(v + 1), p->full_p50, p->full_p80, p->full_p95, p->full_max), FULL, false);
    v = chance_of(w->seed, i, ASK_FLAP);
    if (chance_ppm(v, p->flapping))
        draw_flapping(w, a, chance_mix(v));
    v = chance_of(w->seed, i, ASK_UNAVAILABLE);
    if (chance_ppm(v, p->unavailable))
        add_spell(w, a, chance_below(chance_mix(v), WORLD_YEAR),
                  span_of(chance_mix(v + 1), p->unavailable_p50, (p->unavailable_p50 + p->unavailable_p95) / 2,
                          p->unavailable_p95, p->unavailable_max),
                  UNAVAILABLE, false);
}

static void draw_lists(const struct params *p, struct address *a, uint64_t v)
{
    uint32_t x = chance_below(v, 1000000);
    v = chance_mix(v);
    unsigned weekly = STREAM_WEEKLY + chance_below(v, STREAM_MONTHLY - STREAM_WEEKLY);
    unsigned monthly = STREAM_MONTHLY + chance_below(chance_mix(v), STREAMS - STREAM_MONTHLY);
    if (x < p->daily)
        a->streams = 1u << STREAM_DAILY;
    else if (x < p->daily + p->monthly)
        a->streams = (uint16_t)(1u << monthly);
    else
        a->streams = (uint16_t)(1u << weekly | (chance_ppm(chance_mix(v + 1), p->both) ? 1u << monthly : 0u));
}

static void draw_life(const struct params *p, uint64_t seed, struct address *a, uint32_t i)
{
    uint64_t v = chance_of(seed, i, ASK_JOIN), death = chance_of(seed, i, ASK_DEATH);
    uint32_t how = chance_below(v, 1000000);
    bool imported = how < p->imported;
    a->joined = imported ? FIRST_OF_JUNE : how < p->imported + p->joined ? chance_below(chance_mix(v), WORLD_YEAR) : 0;
    a->dead = chance_ppm(death, p->dying) ? 1 + chance_below(chance_mix(death), WORLD_YEAR) : WORLD_NEVER;
    if (a->dead < a->joined)
        a->dead = WORLD_NEVER;
    if (imported ? chance_ppm(chance_mix(death + 1), p->imported_dead)
                 : a->joined == 0 && chance_ppm(chance_mix(death + 1), p->dead_start))
        a->dead = 0;
    a->closed = chance_ppm(chance_of(seed, i, ASK_CLOSED), p->closed);
    uint64_t forged = chance_of(seed, i, ASK_FORGED);
    a->forged = chance_ppm(forged, p->forged) ? chance_below(chance_mix(forged), WORLD_YEAR) : WORLD_NEVER;
}

static void draw_addresses(struct world *w)
{
    uint64_t *sums = domain_sums(&w->p);
    for (uint32_t i = 0; i < w->n; i++) {
        struct address *a = &w->addresses[i];
        *a = (struct address){.domain = domain_at(sums, w->p.domains, chance_of(w->seed, i, ASK_DOMAIN))};
        draw_lists(&w->p, a, chance_of(w->seed, i, ASK_LIST));
        draw_life(&w->p, w->seed, a, i);
        draw_spells(w, a, i);
        for (unsigned s = 0; s < STREAMS; s++)
            w->list_count[s] += a->streams >> s & 1u;
    }
    free(sums);
    uint32_t at[STREAMS] = {0};
    for (unsigned s = 0; s < STREAMS; s++)
        w->list[s] = zeroed(w->list_count[s], sizeof(*w->list[s]));
    for (uint32_t i = 0; i < w->n; i++)
        for (unsigned s = 0; s < STREAMS; s++)
            if (w->addresses[i].streams >> s & 1u)
                w->list[s][at[s]++] = i;
}

/* ---- troubles ---- */

bool world_calm(uint32_t minute)
{
    return minute / WORLD_MONTH % 4 == 3;
}

static void add_trouble(struct world *w, const struct trouble *t)
{
    struct trouble cut = *t;
    if (world_calm(t->from) || w->no_troubles)
        return;
    uint32_t calm = (t->from / WORLD_MONTH / 4 * 4 + 3) * WORLD_MONTH;
    if (cut.until > calm)
        cut.until = calm;
    w->troubles = room_for(w->troubles, w->trouble_count, &w->trouble_room, sizeof(*w->troubles));
    cut.number = (uint32_t)w->trouble_count;
    w->troubles[w->trouble_count++] = cut;
}

static enum situation outage_kind(const struct params *p, bool giant, uint64_t v)
{
    uint32_t wrong = giant ? p->outage_wrong_giant : p->outage_wrong;
    uint32_t x = chance_below(v, 1000000);
    if (x < wrong)
        return WRONG;
    if (x < wrong + p->outage_wrong_temporary)
        return WRONG_TEMPORARY;
    return v & 1 ? CONNECT : BUSY;
}

static void draw_outage(struct world *w, uint32_t place, uint64_t v)
{
    const struct params *p = &w->p;
    struct trouble t = {.from = chance_below(v, WORLD_YEAR), .place = place};
    v = chance_mix(v);
    uint32_t p95 = (p->outage_p80 + p->outage_max) / 2,
             span = span_of(v, p->outage_p50, p->outage_p80, p95, p->outage_max);
    v = chance_mix(v);
    if (chance_ppm(chance_mix(v + 2), p->outage_work)) /* at another hour of that day */
        t.from = t.from / DAY * DAY + 8 * HOUR + chance_below(chance_mix(v + 3), 10 * HOUR);
    t.until = t.from + (span < HOUR ? HOUR : span);
    t.of_provider = place < 2 && v & 1;
    t.situation = outage_kind(p, place < p->giants, chance_mix(v));
    t.share = p->outage_least + chance_below(chance_mix(v + 1), 1000001 - p->outage_least);
    add_trouble(w, &t);
}

static void draw_block(struct world *w, uint64_t v)
{
    const struct params *p = &w->p;
    struct trouble t = {.from = chance_below(v, WORLD_YEAR), .of_provider = true};
    v = chance_mix(v);
    t.place = chance_below(v, p->giants);
    uint32_t p95 = (p->block_p80 + p->block_max) / 2;
    t.until = t.from + span_of(chance_mix(v), p->block_p50, p->block_p80, p95, p->block_max);
    v = chance_mix(v + 1);
    t.situation = chance_ppm(chance_mix(v), p->block_odd) ? BLOCKED_ODD : v & 1 ? BLOCKED : BLOCKED_TEMPORARY;
    t.share = p->outage_least + chance_below(chance_mix(v + 1), 1000001 - p->outage_least);
    add_trouble(w, &t);
}

static int by_beginning(const void *a, const void *b)
{
    const struct trouble *x = a, *y = b;
    if (x->from != y->from)
        return x->from < y->from ? -1 : 1;
    return x->number < y->number ? -1 : x->number > y->number;
}

static void draw_troubles(struct world *w)
{
    for (uint32_t d = 0; d < w->p.domains; d++) {
        uint32_t rate = d < w->p.giants ? w->p.outages_giant : w->p.outages;
        uint64_t v = chance_of(w->seed, d, ASK_OUTAGE);
        uint32_t n = rate / 1000 + chance_ppm(v, rate % 1000 * 1000);
        for (uint32_t i = 0; i < n; i++)
            draw_outage(w, d, chance_of(w->seed, d, ASK_OUTAGE + ASK_MORE * (i + 1)));
    }
    for (uint32_t i = 0; i < w->p.blocks; i++)
        draw_block(w, chance_of(w->seed, i, ASK_BLOCK));
    if (w->trouble_count)
        qsort(w->troubles, w->trouble_count, sizeof(*w->troubles), by_beginning);
}

/* ---- the whole ---- */

void world_init(struct world *w, const struct params *p, uint64_t seed, uint32_t addresses, bool no_troubles)
{
    *w = (struct world){.p = *p, .seed = seed, .n = addresses, .no_troubles = no_troubles};
    w->addresses = zeroed(addresses, sizeof(*w->addresses));
    w->domains = zeroed(p->domains, sizeof(*w->domains));
    w->now = zeroed(p->domains, sizeof(*w->now));
    for (uint32_t i = 0; i < p->domains; i++)
        draw_domain(w, i);
    draw_addresses(w);
    draw_troubles(w);
}

void world_fini(struct world *w)
{
    for (unsigned s = 0; s < STREAMS; s++)
        free(w->list[s]);
    free(w->addresses);
    free(w->domains);
    free(w->spells);
    free(w->troubles);
    free(w->now);
}

void world_rewind(struct world *w)
{
    memset(w->now, 0, w->p.domains * sizeof(*w->now));
    w->next_trouble = 0;
}

/* One thing at a time: what begins while another one lasts is not noticed there. */
static void begin_trouble(struct world *w, const struct trouble *t, uint32_t minute)
{
    for (uint32_t d = t->of_provider ? 0 : t->place; d < w->p.domains; d++) {
        if (t->of_provider ? w->domains[d].provider == t->place : d == t->place)
            if (!w->now[d] || w->now[d]->until <= minute)
                w->now[d] = t;
        if (!t->of_provider)
            return;
    }
}

void world_tick(struct world *w, uint32_t minute)
{
    while (w->next_trouble < w->trouble_count && w->troubles[w->next_trouble].from <= minute)
        begin_trouble(w, &w->troubles[w->next_trouble++], minute);
}

static const struct spell *spell_at(const struct world *w, const struct address *a, uint32_t minute)
{
    for (unsigned i = 0; i < a->spell_count; i++) {
        const struct spell *s = &w->spells[a->first_spell + i];
        if (minute >= s->from && minute < s->until)
            return s;
    }
    return NULL;
}

enum situation world_mailbox(const struct world *w, uint32_t address, uint32_t minute)
{
    const struct address *a = &w->addresses[address];
    const struct domain *d = &w->domains[a->domain];
    if (minute >= a->dead) {
        if (d->catch_all)
            return DELIVERED;
        if (d->low)
            return d->low_temporary ? DEAD_LOW_TEMPORARY : DEAD_LOW;
        return a->closed ? CLOSED : DEAD;
    }
    const struct spell *s = spell_at(w, a, minute);
    if (!s)
        return DELIVERED;
    return s->situation == FULL && d->full_temporary && !d->late_word ? FULL_TEMPORARY : (enum situation)s->situation;
}

enum situation world_attempt(const struct world *w, uint32_t address, uint32_t minute, uint64_t message, uint32_t taken,
                             const struct trouble **trouble)
{
    const struct address *a = &w->addresses[address];
    const struct trouble *t = w->now[a->domain];
    *trouble = NULL;
    if (t && minute < t->until && chance_ppm(chance_of(w->seed, message ^ minute, ASK_HIT), t->share)) {
        *trouble = t;
        return t->situation;
    }
    if (w->domains[a->domain].greylist && (taken == WORLD_NEVER || minute - taken > GREYLIST_MEMORY))
        return GREYLISTED;
    return world_mailbox(w, address, minute);
}

bool world_abandoned(const struct world *w, uint32_t address, uint32_t minute)
{
    const struct spell *s = spell_at(w, &w->addresses[address], minute);
    return s && s->abandoned;
}

bool world_good(const struct world *w, uint32_t address, uint32_t minute)
{
    return minute < w->addresses[address].dead && !world_abandoned(w, address, minute);
}
