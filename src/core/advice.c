#include "core/advice.h"

#include <stdlib.h>

#include "base/map.h"

#define BLOCKED_PPM 200000   /* a fifth refused: pause there */
#define THROTTLED_PPM 100000 /* a tenth of the attempts says "slower" */
#define EARLY_GOOD_PPM 10000 /* what a list may have, and ... */
#define EARLY_BAD_PPM 60000  /* ... what a bad one has: enough to tell them apart early */

static const char *const WORDS[ADVICE_WORDS] = {"continue", "slow", "pause"};

const char *advice_word_text(enum advice_word w)
{
    MUST((unsigned)w < ADVICE_WORDS);
    return WORDS[w];
}

/* One provider or domain while it is added up. */
struct place {
    slice name;
    struct rates rates;
    int64_t throttled, reasons[BOUNCE_REASONS];
    enum advice_word word;
    slice why;
};

struct advising {
    struct ledger *ledger;
    const struct alert_settings *settings;
    slice tenant;
    int64_t now_us;
    arena *a;
    struct advice *out;
    map by_name;
    struct place *whole, **list;
    size_t n, room;
    bool limited;
    struct advice_place *places;
    size_t place_count, place_room;
    const char *what; /* of the places that are looked at */
    err *e;
};

/* ---- adding up ---- */

static struct place *place_of(struct advising *x, slice name)
{
    struct place *p = map_get(&x->by_name, name);
    if (p)
        return p;
    p = ARENA_NEW(x->a, struct place);
    struct place **grown = arena_grow(x->a, x->list, x->n, &x->room, sizeof(struct place *));
    slice copy = arena_dup(x->a, name);
    void **slot = p && grown && copy.n == name.n ? map_put(&x->by_name, copy) : NULL;
    if (!slot)
        return NULL;
    p->name = copy;
    *slot = p;
    x->list = grown;
    grown[x->n++] = p;
    return p;
}

static void add_row(struct place *p, const struct tally_row *t)
{
    rates_add(&p->rates, t->kind, t->reason, t->count);
    if (bounce_kind_final(t->kind))
        p->reasons[t->reason] += t->count;
    if (bounce_kind_attempt(t->kind) &&
        (t->reason == BOUNCE_REASON_RATE_LIMITED || t->reason == BOUNCE_REASON_CONNECTION_LIMIT))
        p->throttled += t->count;
}

static bool take(void *ctx, const struct tally_row *t)
{
    struct advising *x = ctx;
    struct place *p = place_of(x, t->name);
    x->limited = !p;
    if (p)
        add_row(p, t);
    return p != NULL;
}

static void forget(struct advising *x)
{
    map_clear(&x->by_name);
    x->list = NULL;
    x->n = x->room = 0;
}

static enum status gather(struct advising *x, enum tally_by by)
{
    struct tally_filter f = TALLY_FILTER_ALL;
    f.tenant = x->tenant;
    f.campaign = x->out->campaign;
    f.from_us = x->now_us - x->settings->campaign_us;
    forget(x);
    enum status st = ledger_report_of(x->ledger, by, &f, take, x, x->e);
    return st == OK && x->limited ? err_set(x->e, E_MEMORY, "advice: out of memory") : st;
}

/* ---- judging ---- */

static slice percent(struct advising *x, int64_t ppm)
{
    return arena_printf(x->a, "%lld.%02lld %%", (long long)(ppm / 10000), (long long)(ppm % 10000 / 100));
}

/* Keeps the stricter word, and the reason of it. */
static void say(struct advising *x, struct place *p, enum advice_word word, slice why)
{
    if (word < p->word || (word == p->word && !slice_empty(p->why) && word != ADVICE_CONTINUE))
        return;
    p->word = word;
    p->why = x->a->limited ? S("out of memory") : why;
}

static void say_share(struct advising *x, struct place *p, enum advice_word word, const char *what, int64_t part,
                      int64_t whole, int64_t limit_ppm)
{
    say(x, p, word,
        arena_printf(x->a, "%s: %.*s (%lld of %lld), limit %.*s", what, SLICE_FMT(percent(x, rates_ppm(part, whole))),
                     (long long)part, (long long)whole, SLICE_FMT(percent(x, limit_ppm))));
}

/* Over the limit: pause; over half of it: slow. */
static void judge_share(struct advising *x, struct place *p, const char *what, int64_t part, int64_t whole,
                        int64_t limit_ppm, int64_t least)
{
    int64_t share = rates_ppm(part, whole);
    if (whole < least)
        return;
    if (share >= limit_ppm)
        say_share(x, p, ADVICE_PAUSE, what, part, whole, limit_ppm);
    else if (share * 2 >= limit_ppm)
        say_share(x, p, ADVICE_SLOW, what, part, whole, limit_ppm);
}

static void judge_whole(struct advising *x, struct place *p)
{
    const struct alert_settings *c = x->settings;
    const struct rates *r = &p->rates;
    int64_t sent = rates_sent(r);
    const struct alert_figure hard = {r->hard, sent};
    judge_share(x, p, "hard bounces", r->hard, sent, c->hard_ppm, c->least);
    judge_share(x, p, "hard and soft bounces", r->hard + r->soft, sent, c->together_ppm * 2, c->least);
    judge_share(x, p, "refused for the sender's or the message's sake", r->block, sent, BLOCKED_PPM, c->least);
    judge_share(x, p, "complaints", r->complaint, r->delivered, c->complaint_ppm * 2, c->least);
    if (sent < c->least && r->hard > 2 && alert_sequential(&hard, EARLY_GOOD_PPM, EARLY_BAD_PPM) > 0)
        say_share(x, p, ADVICE_PAUSE, "hard bounces, early, but enough to be sure", r->hard, sent, c->hard_ppm);
}

static void judge_place(struct advising *x, struct place *p)
{
    const struct rates *r = &p->rates;
    int64_t sent = rates_sent(r), tried = sent + r->deferred;
    judge_share(x, p, "refused for the sender's or the message's sake", r->block, sent, BLOCKED_PPM,
                ADVICE_LEAST_THERE);
    judge_share(x, p, "hard bounces", r->hard, sent, x->settings->hard_ppm * 5, ADVICE_LEAST_THERE);
    if (tried >= ADVICE_LEAST_THERE && rates_ppm(p->throttled, tried) >= THROTTLED_PPM)
        say_share(x, p, ADVICE_SLOW, "attempts answered \"slower\"", p->throttled, tried, THROTTLED_PPM);
}

/* ---- what is open around it ---- */

static struct place *named(struct advising *x, slice name)
{
    return slice_empty(name) ? NULL : map_get(&x->by_name, name);
}

static bool look_around(void *ctx, const struct ledger_circumstance *c)
{
    struct advising *x = ctx;
    bool stands = !c->undone && c->c.from_us <= x->now_us && (c->c.until_us == TIME_NONE || c->c.until_us > x->now_us);
    bool ours = slice_empty(c->tenant) || slice_eq(c->tenant, x->tenant);
    struct place *p = named(x, strcmp(x->what, "domain") == 0 ? c->domain : c->name);
    if (!stands || !ours || !p || (c->c.by != MARK_PROVIDER && c->c.by != MARK_NONE))
        return true;
    if (c->c.what == CIRCUMSTANCE_INCIDENT)
        say(x, p, ADVICE_PAUSE,
            arena_printf(x->a, "incident %lld is open there: %.*s", (long long)c->c.id, SLICE_FMT(c->note)));
    else if (c->c.what == CIRCUMSTANCE_HEALTH)
        say(x, p, ADVICE_SLOW,
            arena_printf(x->a, "the provider thinks little of the sender: %.*s", SLICE_FMT(c->note)));
    return true;
}

/* "gmail" and "gmail news" are about gmail. */
static bool look_at_alert(void *ctx, const struct ledger_alert *a)
{
    struct advising *x = ctx;
    size_t space = slice_chr(a->name, ' ');
    slice name = slice_sub(a->name, 0, space == SLICE_NPOS ? a->name.n : space);
    bool ours = alert_is_open(a) && slice_eq(a->tenant, x->tenant) && slice_eq(a->what, slice_str(x->what));
    struct place *p = ours && slice_eq(a->rule, S("blocked-in-a-row")) ? named(x, name) : NULL;
    if (p)
        say(x, p, ADVICE_PAUSE, arena_printf(x->a, "alert %lld: %.*s", (long long)a->id, SLICE_FMT(a->why)));
    return true;
}

/* ---- all ---- */

static bool keep(struct advising *x, const struct place *p)
{
    if (strcmp(x->what, "provider") == 0 && slice_chr(p->name, '.') != SLICE_NPOS)
        return true; /* goes by a domain, and is told as that */
    struct advice_place *grown = arena_grow(x->a, x->places, x->place_count, &x->place_room, sizeof *grown);
    if (!grown)
        return false;
    x->places = grown;
    grown[x->place_count++] = (struct advice_place){x->what, p->name, p->word, p->why, p->rates};
    return true;
}

static enum status look_at_places(struct advising *x, enum tally_by by, const char *what)
{
    x->what = what;
    enum status st = gather(x, by);
    if (st == OK)
        st = ledger_circumstances(x->ledger, 0, look_around, x, x->e);
    if (st == OK)
        st = ledger_alerts(x->ledger, false, 0, look_at_alert, x, x->e);
    for (size_t i = 0; i < x->n && st == OK; i++) {
        struct place *p = x->list[i];
        if (!slice_empty(p->name))
            judge_place(x, p);
        if (p->word != ADVICE_CONTINUE && !keep(x, p))
            st = err_set(x->e, E_MEMORY, "advice: out of memory");
    }
    return st;
}

static int stricter_first(const void *a, const void *b)
{
    const struct advice_place *x = a, *y = b;
    if (x->word != y->word)
        return x->word > y->word ? -1 : 1;
    int64_t n = rates_sent(&x->rates), m = rates_sent(&y->rates);
    return n != m ? (n > m ? -1 : 1) : slice_cmp(x->name, y->name);
}

static enum status look_at_whole(struct advising *x)
{
    enum status st = gather(x, TALLY_CAMPAIGN);
    x->out->known = st == OK && x->n > 0;
    if (!x->out->known) {
        x->out->why = S("nothing was heard of this campaign yet");
        return st;
    }
    struct place *p = x->list[0];
    judge_whole(x, p);
    x->out->rates = p->rates;
    x->out->word = p->word;
    x->out->why = slice_empty(p->why) ? S("within its limits so far") : p->why;
    return OK;
}

enum status advice_make(struct ledger *l, const struct alert_settings *settings, slice tenant, slice campaign,
                        int64_t now_us, arena *a, struct advice *out, err *e)
{
    struct advising x = {
        .ledger = l, .settings = settings, .tenant = tenant, .now_us = now_us, .a = a, .out = out, .e = e};
    *out = (struct advice){.campaign = campaign};
    map_init(&x.by_name, ledger_key(l));
    enum status st = look_at_whole(&x);
    if (st == OK && out->known)
        st = look_at_places(&x, TALLY_PROVIDER, "provider");
    if (st == OK && out->known)
        st = look_at_places(&x, TALLY_DOMAIN, "domain");
    map_fini(&x.by_name);
    if (x.place_count)
        qsort(x.places, x.place_count, sizeof *x.places, stricter_first);
    out->places = x.places;
    out->n = x.place_count < ADVICE_MAX_PLACES ? x.place_count : ADVICE_MAX_PLACES;
    return st;
}

static void show_numbers(struct jsonw *j, const struct rates *r)
{
    jsonw_ki64(j, "sent", rates_sent(r));
    jsonw_ki64(j, "delivered", r->delivered + r->relayed);
    jsonw_ki64(j, "hard", r->hard);
    jsonw_ki64(j, "soft", r->soft);
    jsonw_ki64(j, "block", r->block);
    jsonw_ki64(j, "complaint", r->complaint);
}

void advice_show(struct jsonw *j, const struct advice *x)
{
    jsonw_kstr(j, "campaign", x->campaign);
    jsonw_kstr(j, "advice", slice_str(WORDS[x->word]));
    jsonw_kstr(j, "why", x->why);
    jsonw_kbool(j, "known", x->known);
    show_numbers(j, &x->rates);
    jsonw_key(j, "places");
    jsonw_array(j);
    for (size_t i = 0; i < x->n; i++) {
        const struct advice_place *p = &x->places[i];
        jsonw_object(j);
        jsonw_kstr(j, "about", slice_str(p->what));
        jsonw_kstr(j, "name", p->name);
        jsonw_kstr(j, "advice", slice_str(WORDS[p->word]));
        jsonw_kstr(j, "why", p->why);
        show_numbers(j, &p->rates);
        jsonw_end_object(j);
    }
    jsonw_end_array(j);
}
