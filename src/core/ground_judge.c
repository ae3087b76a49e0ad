/* What is said of new ground, and holding the rest of a bad import. */
#include "base/json.h"
#include "core/act_event.h"
#include "core/ground.h"
#include "core/rates.h"
#include "policy/alert.h"

/* ---- judging ---- */

static const struct {
    const char *text;
    size_t part, whole; /* members of struct ledger_ground */
    int64_t good_ppm, bad_ppm, limit_ppm;
} TESTS[] = {
    {"hard bounces", offsetof(struct ledger_ground, hard), offsetof(struct ledger_ground, sent), 10000, 50000,
     GROUND_HARD_PPM},
    {"refusals", offsetof(struct ledger_ground, block), offsetof(struct ledger_ground, sent), 20000, 150000,
     GROUND_BLOCK_PPM},
    {"complaints", offsetof(struct ledger_ground, complaint), offsetof(struct ledger_ground, delivered), 500, 8000,
     GROUND_COMPLAINT_PPM},
};

static int64_t member(const struct ledger_ground *g, size_t at)
{
    return *(const int64_t *)(const void *)((const char *)g + at);
}

static bool is_bad(const struct ledger_ground *g, size_t i)
{
    const struct alert_figure f = {member(g, TESTS[i].part), member(g, TESTS[i].whole)};
    if (f.part <= 2 || f.whole < f.part)
        return false;
    if (f.whole >= GROUND_LEAST && alert_share_ppm(&f) >= TESTS[i].limit_ppm)
        return true;
    return alert_sequential(&f, TESTS[i].good_ppm, TESTS[i].bad_ppm) > 0;
}

slice ground_trouble(const struct ledger_ground *g, arena *a)
{
    slice text = SLICE_EMPTY;
    for (size_t i = 0; i < ARRAY_LEN(TESTS); i++)
        if (is_bad(g, i))
            text =
                arena_printf(a, "%.*s%s%lld %s of the first %lld", SLICE_FMT(text), text.n ? ", " : "",
                             (long long)member(g, TESTS[i].part), TESTS[i].text, (long long)member(g, TESTS[i].whole));
    return text;
}

bool ground_looks_bought(const struct ledger_ground *g, bool tracks, int64_t now_us)
{
    bool list = slice_eq(g->kind, S("source")) || slice_eq(g->kind, S("import"));
    bool opened = g->engaged * 1000 > g->delivered; /* one in a thousand: a scanner */
    return list && tracks && !opened && g->sent >= 50 && g->delivered_us != TIME_NONE &&
           now_us - g->delivered_us >= GROUND_OPEN_US && rates_ppm(g->hard, g->sent) >= GROUND_HARD_PPM;
}

struct tracking {
    int64_t engaged;
};

static bool add_engaged(void *ctx, const struct ledger_sum *s)
{
    struct tracking *t = ctx;
    if (s->kind == BOUNCE_KIND_OPENED || s->kind == BOUNCE_KIND_CLICKED)
        t->engaged += s->count;
    return true;
}

enum status ground_tracks(struct ledger *l, int64_t now_us, bool *tracks, err *e)
{
    struct tracking t = {0};
    enum status st = ledger_sums(l, 0, now_us / TIME_DAY * TIME_DAY - 30 * TIME_DAY, TIME_NONE, add_engaged, &t, e);
    *tracks = t.engaged > 0;
    return st;
}

struct judging {
    struct ledger *l;
    arena a;
    int64_t now_us;
    struct ledger_ground *list;
    size_t n, room;
};

static void keep_texts(struct ledger_ground *to, arena *a)
{
    slice *const texts[] = {&to->tenant, &to->kind, &to->name, &to->actor, &to->note};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = arena_dup(a, *texts[i]);
}

static bool keep_due(void *ctx, const struct ledger_ground *g)
{
    struct judging *x = ctx;
    bool seen = g->sent >= GROUND_SENDS ||
                (g->sent >= GROUND_LEAST && g->first_us != TIME_NONE && x->now_us - g->first_us > GROUND_AGE_US);
    if (g->state != GROUND_WATCHED || !seen)
        return true;
    struct ledger_ground *grown = arena_grow(&x->a, x->list, x->n, &x->room, sizeof *grown);
    if (!grown)
        return false;
    x->list = grown;
    grown[x->n] = *g;
    keep_texts(&grown[x->n++], &x->a);
    return true;
}

enum status grounds_judge(struct ledger *l, int64_t now_us, err *e)
{
    struct judging x = {.l = l, .now_us = now_us};
    arena_init(&x.a, 0);
    enum status st = ledger_grounds(l, keep_due, &x, e);
    if (st == OK && x.a.limited)
        st = err_set(e, E_MEMORY, "grounds: out of memory");
    for (size_t i = 0; i < x.n && st == OK; i++) {
        struct ledger_ground *g = &x.list[i];
        g->state = slice_empty(ground_trouble(g, &x.a)) ? GROUND_GOOD : GROUND_BAD;
        g->judged_us = now_us;
        st = ledger_put_ground(l, g, e);
    }
    arena_fini(&x.a);
    return st;
}

void ground_show(struct jsonw *j, const struct ledger_ground *g, bool tracks, int64_t now_us)
{
    arena a;
    arena_init(&a, 0);
    jsonw_kstr(j, "kind", g->kind);
    jsonw_kstr(j, "name", g->name);
    jsonw_kstr_opt(j, "tenant", g->tenant);
    jsonw_kstr(j, "state",
               slice_str(ground_state_word(g->state < GROUND_STATES ? (enum ground_state)g->state : GROUND_WATCHED)));
    jsonw_ktime_opt(j, "since", g->first_us);
    jsonw_ki64(j, "sent", g->sent);
    jsonw_ki64(j, "delivered", g->delivered);
    jsonw_ki64(j, "hard", g->hard);
    jsonw_ki64(j, "soft", g->soft);
    jsonw_ki64(j, "block", g->block);
    jsonw_ki64(j, "complaint", g->complaint);
    jsonw_ki64(j, "engaged", g->engaged);
    jsonw_kbool(j, "looks_bought", ground_looks_bought(g, tracks, now_us));
    jsonw_kstr_opt(j, "trouble", ground_trouble(g, &a));
    jsonw_ktime_opt(j, "judged", g->judged_us);
    jsonw_kstr_opt(j, "actor", g->actor);
    jsonw_kstr_opt(j, "note", g->note);
    arena_fini(&a);
}

/* ---- holding and releasing ---- */

struct page {
    arena *a;
    struct ledger_acquired list[GROUND_PAGE];
    size_t n;
};

static bool take_acquired(void *ctx, const struct ledger_acquired *q)
{
    struct page *p = ctx;
    p->list[p->n] = *q;
    p->list[p->n].key = arena_dup(p->a, q->key);
    p->list[p->n++].address = arena_dup(p->a, q->address);
    return p->n < GROUND_PAGE && !p->a->limited;
}

/* Who held it: stands in the event, and is how a release knows its own. */
static slice holder(const struct ground_act *act, arena *a)
{
    return arena_printf(a, "ground %s %.*s", ground_kind_word(act->kind), SLICE_FMT(act->name));
}

struct own_search {
    slice actor;
    bool own;
};

static bool match_own(void *ctx, const struct ledger_event *ev, const struct observation *o)
{
    struct own_search *s = ctx;
    (void)o;
    if (ev->what == EVENT_SUPPRESS && ev->cause == CAUSE_MANUAL)
        s->own = slice_eq(ev->actor, s->actor); /* the last one counts */
    return true;
}

static enum status act_on(struct ledger *l, const struct policy *policy, const struct ground_act *act,
                          const struct ledger_acquired *q, arena *a, struct ground_counts *counts, err *e)
{
    struct entry n;
    struct own_search own = {holder(act, a), false};
    slice address = slice_empty(q->address) ? q->key : q->address;
    enum status st = entry_find(&n, l, policy, act->tenant, address, q->key, a, e);
    if (st == OK)
        st = entry_settle(&n, act->now_us, e);
    if (st == OK && act->release && n.row.id)
        st = ledger_events_of(l, n.row.id, match_own, &own, e);
    counts->looked++;
    bool stands = act_stands(&n.status, CAUSE_MANUAL, SCOPE_TENANT, SLICE_EMPTY);
    bool hold = !act->release && n.row.state != STATE_SUPPRESSED && n.row.last_delivered_us == TIME_NONE;
    if (st != OK || (act->release ? !own.own || !stands : !hold))
        return st;
    struct act what = {.tenant = act->tenant,
                       .address = address,
                       .actor = act->release ? act->actor : own.actor,
                       .note = act->note,
                       .cause = CAUSE_MANUAL,
                       .scope = SCOPE_TENANT,
                       .time_us = act->now_us};
    struct act_event ev = {.what = act->release ? EVENT_LIFT : EVENT_SUPPRESS, .ingest_us = act->now_us};
    counts->changed++;
    return act_write(&n, &what, &ev, e);
}

struct row_search {
    const struct ground_act *act;
    struct ledger_ground row;
    arena *a;
    bool found;
};

static bool match_row(void *ctx, const struct ledger_ground *g)
{
    struct row_search *s = ctx;
    if (!slice_eq(g->kind, slice_str(ground_kind_word(s->act->kind))) || !slice_eq(g->name, s->act->name) ||
        !slice_eq(g->tenant, s->act->tenant))
        return true;
    s->row = *g;
    keep_texts(&s->row, s->a);
    s->found = true;
    return false;
}

static enum status note_state(struct ledger *l, const struct ground_act *act, const struct row_search *known, err *e)
{
    struct ledger_ground row = known->row;
    if (!known->found)
        row = (struct ledger_ground){.tenant = act->tenant,
                                     .kind = slice_str(ground_kind_word(act->kind)),
                                     .name = act->name,
                                     .first_us = TIME_NONE,
                                     .delivered_us = TIME_NONE};
    row.state = act->release ? GROUND_RELEASED : GROUND_HELD;
    row.judged_us = act->now_us;
    row.actor = act->actor;
    row.note = act->note;
    return ledger_put_ground(l, &row, e);
}

static enum status act_page(struct ledger *l, const struct policy *policy, const struct ground_act *act, slice *after,
                            arena *a, struct ground_counts *counts, bool *more, err *e)
{
    struct page *p = ARENA_NEW(a, struct page);
    if (!p)
        return err_set(e, E_MEMORY, "ground: out of memory");
    p->a = a;
    bool import = act->kind == GROUND_IMPORT;
    enum status st = ledger_acquired_of(l, act->tenant, import, act->name, *after, GROUND_PAGE, take_acquired, p, e);
    struct row_search known = {.act = act, .a = a};
    if (st == OK)
        st = ledger_grounds(l, match_row, &known, e);
    if (st == OK && !p->n && slice_empty(*after) && !known.found)
        return err_set(e, E_NOT_FOUND,
                       "%s %.*s: nothing is known to be from it; `bounced acquired` tells where addresses come from",
                       ground_kind_word(act->kind), SLICE_FMT(act->name));
    arena scratch;
    arena_init(&scratch, 0);
    for (size_t i = 0; i < p->n && st == OK; i++) {
        arena_reset(&scratch);
        st = act_on(l, policy, act, &p->list[i], &scratch, counts, e);
    }
    arena_fini(&scratch);
    *more = p->n == GROUND_PAGE;
    if (p->n)
        *after = p->list[p->n - 1].key;
    return st == OK && !*more ? note_state(l, act, &known, e) : st;
}

enum status ground_act_some(struct ledger *l, const struct policy *policy, const struct ground_act *act, slice *after,
                            arena *a, struct ground_counts *counts, bool *more, err *e)
{
    *more = false;
    if (act->kind != GROUND_SOURCE && act->kind != GROUND_IMPORT)
        return err_set(e, E_INVALID, "only a source or an import can be held: a %s has no list of addresses",
                       ground_kind_word(act->kind));
    enum status st = ledger_begin(l, e);
    if (st == OK)
        st = act_page(l, policy, act, after, a, counts, more, e);
    if (st == OK)
        st = ledger_commit(l, e);
    if (st != OK)
        ledger_abort(l);
    return st;
}
