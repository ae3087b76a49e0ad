#include "core/alert_find.h"

static const char *const RULE_WORDS[ALERT_RULES] = {
#define ALERT_RULE(symbol, word, text) [RULE_##symbol] = word,
#include "core/alert_rules.def"
#undef ALERT_RULE
};
static const char *const RULE_TEXTS[ALERT_RULES] = {
#define ALERT_RULE(symbol, word, text) [RULE_##symbol] = text,
#include "core/alert_rules.def"
#undef ALERT_RULE
};
static const char *const WHAT_WORDS[ABOUTS] = {"campaign", "domain", "provider", "stream", "source",
                                               "feed",     "import", "country",  "all"};

const char *alert_rule_word(enum alert_rule r)
{
    MUST((unsigned)r < ALERT_RULES);
    return RULE_WORDS[r];
}

const char *alert_rule_text(enum alert_rule r)
{
    MUST((unsigned)r < ALERT_RULES);
    return RULE_TEXTS[r];
}

enum alert_rule alert_rule_find(slice word)
{
    unsigned r = 0;
    while (r < ALERT_RULES && !slice_eq(word, slice_str(RULE_WORDS[r])))
        r++;
    return (enum alert_rule)r;
}

const char *alert_what_word(enum alert_what w)
{
    MUST((unsigned)w < ABOUTS);
    return WHAT_WORDS[w];
}

/* ---- settings ---- */

/* The limits of the field: hard 2 %, soft 5 %, together 3 %, complaints 0.1 % (docs/alerts.md). */
void alert_settings_init(struct alert_settings *s)
{
    *s = (struct alert_settings){
        .hard_ppm = 20000,
        .soft_ppm = 50000,
        .together_ppm = 30000,
        .block_ppm = 50000,
        .complaint_ppm = 1000,
        .least = 200,
        .open_us = 5 * TIME_MINUTE,
        .close_us = TIME_HOUR,
        .window_us = TIME_DAY,
        .campaign_us = 7 * TIME_DAY,
        .past_us = 28 * TIME_DAY,
        .times = 3,
        .row = 3,
        .unknown_ppm = 100000,
        .silent = 3,
    };
}

enum status alert_settings_check(const struct alert_settings *s, err *e)
{
    const struct {
        const char *name;
        int64_t value;
    } shares[] = {{"hard", s->hard_ppm},   {"soft", s->soft_ppm},           {"together", s->together_ppm},
                  {"block", s->block_ppm}, {"complaint", s->complaint_ppm}, {"unknown", s->unknown_ppm}};
    for (size_t i = 0; i < ARRAY_LEN(shares); i++)
        if (shares[i].value <= 0 || shares[i].value > ALERT_WHOLE_PPM)
            return err_set(e, E_INVALID, "alerts: %s: more than 0 %% and at most 100 %%", shares[i].name);
    if (s->least < 1 || s->window_us < TIME_HOUR || s->campaign_us < TIME_HOUR || s->past_us < TIME_DAY ||
        s->times < 2 || s->row < 2 || s->silent < 2)
        return err_set(e, E_INVALID, "alerts: a window, count or factor is too small");
    return OK;
}

/* ---- what is open ---- */

const struct ledger_alert *search_live(const struct alert_search *s, slice tenant, enum alert_rule rule,
                                       enum alert_what what, slice name)
{
    for (size_t i = 0; i < s->live_count; i++) {
        const struct ledger_alert *a = &s->live[i];
        if (slice_eq(a->name, name) && slice_eq(a->rule, slice_str(RULE_WORDS[rule])) &&
            slice_eq(a->what, slice_str(WHAT_WORDS[what])) && slice_eq(a->tenant, tenant))
            return a;
    }
    return NULL;
}

static bool keep_live(void *ctx, const struct ledger_alert *a)
{
    struct alert_search *s = ctx;
    struct ledger_alert *list =
        arena_grow(s->a, (struct ledger_alert *)(uintptr_t)s->live, s->live_count, &s->live_room, sizeof *list);
    if (!list)
        return false;
    s->live = list;
    struct ledger_alert *to = &list[s->live_count++];
    *to = *a;
    to->tenant = arena_dup(s->a, a->tenant);
    to->rule = arena_dup(s->a, a->rule);
    to->what = arena_dup(s->a, a->what);
    to->name = arena_dup(s->a, a->name);
    return true;
}

/* ---- findings ---- */

struct alert_limits search_limits(const struct alert_search *s, int64_t open_ppm)
{
    const struct alert_settings *c = s->run->settings;
    return (struct alert_limits){.open_ppm = open_ppm,
                                 .close_ppm = open_ppm * ALERT_CLOSE_PERCENT / 100,
                                 .least = c->least,
                                 .open_us = c->open_us,
                                 .close_us = c->close_us};
}

enum status search_add(struct alert_search *s, const struct finding *f)
{
    bool above = f->figure.whole >= f->limits.least && alert_share_ppm(&f->figure) >= f->limits.open_ppm;
    if (!above && !search_live(s, f->tenant, f->rule, f->what, f->name))
        return OK;
    struct findings *out = s->out;
    struct finding *list = arena_grow(s->a, (struct finding *)(uintptr_t)out->list, out->n, &out->room, sizeof *list);
    if (!list || s->a->limited)
        return err_set(s->e, E_MEMORY, "alerts: no memory for what was found");
    out->list = list;
    list[out->n++] = *f;
    return OK;
}

enum status alerts_find(struct ledger *l, const struct alert_run *run, arena *a, struct findings *out, err *e)
{
    struct alert_search s = {.ledger = l, .run = run, .a = a, .out = out, .e = e};
    *out = (struct findings){.a = a};
    enum status st = ledger_alerts(l, false, 0, keep_live, &s, e);
    if (st == OK)
        st = find_rates(&s);
    if (st == OK)
        st = find_feeds(&s);
    if (st == OK)
        st = find_grounds(&s);
    if (st == OK && run->deep)
        st = find_spikes(&s);
    if (st == OK && run->deep)
        st = find_rows(&s);
    if (st == OK && run->deep)
        st = find_replies(&s);
    if (st == OK && run->deep)
        st = find_industries(&s);
    if (st == OK && a->limited)
        st = err_set(e, E_MEMORY, "alerts: no memory for what was found");
    return st;
}
