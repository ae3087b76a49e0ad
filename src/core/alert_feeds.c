/* What is so or is not: feeds that keep silent, breakers, incidents and grades that stand, checks that fail open. */
#include "core/alert_find.h"
#include "policy/beat.h"

/* Opens and closes at once: whoever made it so has waited long enough. */
static struct alert_limits at_once(void)
{
    return (struct alert_limits){.open_ppm = ALERT_WHOLE_PPM, .close_ppm = 1, .least = 1};
}

/* ---- feeds ---- */

#define GONE_US (30 * TIME_DAY) /* a feed that nobody wants any more */

struct feed_search {
    struct alert_search *s;
    enum status status;
};

static bool look_at_feed(void *ctx, const struct ledger_beat *b)
{
    struct feed_search *q = ctx;
    struct alert_search *s = q->s;
    struct beat beat;
    buf text;
    if (!beat_decode(b->memory, &beat))
        return true;
    int64_t patience = beat_patience_us(&beat, s->run->settings->silent), silent = s->run->now_us - beat.heard_us;
    bool quiet = patience != TIME_NONE && silent > patience && silent < GONE_US;
    if (!quiet && !search_live(s, b->tenant, RULE_SILENT, ABOUT_FEED, b->feed))
        return true;
    struct finding f = {.tenant = arena_dup(s->a, b->tenant),
                        .rule = RULE_SILENT,
                        .what = ABOUT_FEED,
                        .name = arena_dup(s->a, b->feed),
                        .figure = {quiet, 1},
                        .limits = at_once(),
                        .cause = S("infrastructure"),
                        .advice = S("look whether it is still written or posted, and whether we may read it"),
                        .look = S("bounced status")};
    buf_init(&text, 0);
    buf_adds(&text, "silent for ");
    time_add_span(&text, silent);
    buf_adds(&text, "; its longest pause of late was ");
    time_add_span(&text, beat.gap_us);
    f.why = arena_dup(s->a, buf_slice(&text));
    buf_fini(&text);
    q->status = search_add(s, &f);
    return q->status == OK;
}

static enum status look_at_feeds(struct alert_search *s)
{
    struct feed_search q = {s, OK};
    s->out->rules |= 1u << RULE_SILENT;
    enum status st = ledger_beats(s->ledger, look_at_feed, &q, s->e);
    return st == OK ? q.status : st;
}

/* ---- circumstances ---- */

static const struct {
    enum alert_rule rule;
    const char *cause, *advice, *look;
} AROUND[CIRCUMSTANCES] = {
    [CIRCUMSTANCE_INCIDENT] = {RULE_INCIDENT, "infrastructure", "pause what is waiting for there until it is over",
                               "bounced incident show"},
    [CIRCUMSTANCE_BREAKER] = {RULE_FLOOD, "", "look at what it reports, then `bounced breaker release` or `dismiss`",
                              "bounced breaker show"},
    [CIRCUMSTANCE_HEALTH] = {RULE_HEALTH, "reputation", "send less there, to those who open first", "bounced health"},
};

/* "#7 example.org": so that the next incident at a domain is another alert. */
static slice name_of(struct alert_search *s, const struct ledger_circumstance *c)
{
    slice name = slice_empty(c->domain) ? c->name : c->domain;
    if (c->c.what == CIRCUMSTANCE_HEALTH)
        return arena_dup(s->a, name);
    if (c->c.by == MARK_TEXT)
        name = slice_sub(name, 0, 80);
    return arena_printf(s->a, "#%lld %.*s", (long long)c->c.id, SLICE_FMT(name));
}

struct around_search {
    struct alert_search *s;
    enum status status;
};

static bool look_at_circumstance(void *ctx, const struct ledger_circumstance *c)
{
    struct around_search *q = ctx;
    struct alert_search *s = q->s;
    int64_t now_us = s->run->now_us;
    bool stands = !c->undone && c->c.from_us <= now_us && (c->c.until_us == TIME_NONE || c->c.until_us > now_us);
    bool long_ago = c->c.until_us != TIME_NONE && c->c.until_us < now_us - s->run->settings->window_us;
    if (c->c.what >= CIRCUMSTANCES || (!stands && !s->live_count) || (c->manual && long_ago))
        return true;
    enum alert_rule rule = AROUND[c->c.what].rule;
    bool feed = c->c.by == MARK_FEED;
    struct finding f = {.tenant = arena_dup(s->a, c->tenant),
                        .rule = rule,
                        .what = feed                     ? ABOUT_FEED
                                : slice_empty(c->domain) ? ABOUT_PROVIDER
                                                         : ABOUT_DOMAIN,
                        .name = name_of(s, c),
                        .figure = {stands, 1},
                        .limits = at_once(),
                        .cause = slice_str(AROUND[c->c.what].cause),
                        .why = arena_dup(s->a, c->note),
                        .advice = slice_str(AROUND[c->c.what].advice)};
    f.look = c->c.what == CIRCUMSTANCE_HEALTH
                 ? arena_printf(s->a, "%s %.*s", AROUND[c->c.what].look, SLICE_FMT(c->name))
                 : arena_printf(s->a, "%s %lld", AROUND[c->c.what].look, (long long)c->c.id);
    q->status = search_add(s, &f);
    return q->status == OK;
}

static enum status look_around(struct alert_search *s)
{
    struct around_search q = {s, OK};
    s->out->rules |= 1u << RULE_INCIDENT | 1u << RULE_FLOOD | 1u << RULE_HEALTH;
    enum status st = ledger_circumstances(s->ledger, 0, look_at_circumstance, &q, s->e);
    return st == OK ? q.status : st;
}

/* ---- checks ---- */

static enum status look_at_checks(struct alert_search *s)
{
    const struct alert_run *run = s->run;
    struct finding f = {.rule = RULE_FAIL_OPEN,
                        .what = ABOUT_ALL,
                        .figure = {run->failed > 0, 1},
                        .limits = at_once(),
                        .cause = S("infrastructure"),
                        .advice = S("look at the log of the daemon and at the disk of the ledger"),
                        .look = S("bounced status")};
    f.limits.close_us = run->settings->close_us;
    s->out->rules |= 1u << RULE_FAIL_OPEN;
    f.why = arena_printf(s->a, "%llu of %llu checks could not be answered", (unsigned long long)run->failed,
                         (unsigned long long)run->asked);
    return search_add(s, &f);
}

enum status find_feeds(struct alert_search *s)
{
    enum status st = look_at_feeds(s);
    if (st == OK)
        st = look_around(s);
    return st == OK ? look_at_checks(s) : st;
}
