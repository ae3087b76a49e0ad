/* New ground that does badly. */
#include "core/alert_find.h"
#include "core/ground.h"

struct ground_search {
    struct alert_search *s;
    bool tracks;
    enum status status;
};

static const enum alert_what ABOUT[GROUND_KINDS] = {ABOUT_SOURCE, ABOUT_IMPORT, ABOUT_FEED, ABOUT_STREAM,
                                                    ABOUT_COUNTRY};

#define STAYS_US (14 * TIME_DAY) /* a bad one that nobody does anything about */

static bool look_at(void *ctx, const struct ledger_ground *g)
{
    struct ground_search *q = ctx;
    struct alert_search *s = q->s;
    enum ground_kind kind = ground_kind_find(g->kind);
    bool over = g->state == GROUND_GOOD || g->state == GROUND_RELEASED ||
                (g->state != GROUND_WATCHED && s->run->now_us - g->judged_us > STAYS_US);
    slice trouble = over || kind == GROUND_KINDS ? SLICE_EMPTY : ground_trouble(g, s->a);
    if (slice_empty(trouble))
        return true;
    bool bought = ground_looks_bought(g, q->tracks, s->run->now_us),
         list = kind == GROUND_SOURCE || kind == GROUND_IMPORT;
    struct finding f = {.tenant = arena_dup(s->a, g->tenant),
                        .rule = RULE_GROUND,
                        .what = ABOUT[kind],
                        .name = arena_dup(s->a, g->name),
                        .figure = {g->hard + g->block + g->complaint, g->sent},
                        .limits = {.open_ppm = 1, .close_ppm = 1, .least = 1},
                        .cause = list || g->hard >= g->block ? S("data quality") : S("reputation"),
                        .look = S("bounced ground list")};
    f.why = arena_printf(s->a, "new: %.*s%s", SLICE_FMT(trouble), bought ? "; nobody opens it: it looks bought" : "");
    f.advice = g->state == GROUND_HELD ? S("its rest is held")
               : list ? arena_printf(s->a, "hold its rest: bounced ground hold %s '%.*s'", ground_kind_word(kind),
                                     SLICE_FMT(g->name))
                      : S("stop, and look at what is new there");
    q->status = search_add(s, &f);
    return q->status == OK;
}

enum status find_grounds(struct alert_search *s)
{
    struct ground_search q = {.s = s, .status = OK};
    s->out->rules |= 1u << RULE_GROUND;
    enum status st = ground_tracks(s->ledger, s->run->now_us, &q.tracks, s->e);
    if (st == OK)
        st = ledger_grounds(s->ledger, look_at, &q, s->e);
    return st == OK ? q.status : st;
}
