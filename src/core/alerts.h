/* Alerts: what is evaluated, when one opens and closes, and what is told of it.
 *
 * Two steps. alerts_find looks at tallies and small counters (never at events) and finds what there is to say; it only reads, and runs on
 * a worker. alerts_settle takes what was found through the machine of each alert (policy/alert.h), writes what changed and the notices
 * for the channels, in the transaction of the writer. Figures and findings live in the arena given.
 *
 * docs/alerts.md has the rules with their limits, and where these come from.
 */
#ifndef CORE_ALERTS_H
#define CORE_ALERTS_H

#include "base/json.h"
#include "core/rates.h"
#include "ledger/watching.h"
#include "policy/alert.h"

enum alert_rule {
#define ALERT_RULE(symbol, word, text) RULE_##symbol,
#include "core/alert_rules.def"
#undef ALERT_RULE
    ALERT_RULES
};
const char *alert_rule_word(enum alert_rule r);
const char *alert_rule_text(enum alert_rule r);
enum alert_rule alert_rule_find(slice word); /* ALERT_RULES when there is none */

/* What an alert is about. */
enum alert_what {
    ABOUT_CAMPAIGN,
    ABOUT_DOMAIN,
    ABOUT_PROVIDER,
    ABOUT_STREAM,
    ABOUT_SOURCE,
    ABOUT_FEED,
    ABOUT_IMPORT,
    ABOUT_COUNTRY,
    ABOUT_ALL,
    ABOUTS
};
const char *alert_what_word(enum alert_what w); /* "campaign", ..., "all" */

struct alert_settings {
    int64_t hard_ppm, soft_ppm, together_ppm, block_ppm, complaint_ppm; /* a campaign or a stream opens at these */
    int64_t least;                                                      /* messages that say something */
    int64_t open_us, close_us;                                          /* how long it must be so */
    int64_t window_us;                                                  /* of domains, providers, streams */
    int64_t campaign_us;                                                /* how far back a campaign counts */
    int64_t past_us;                                                    /* what "usual" is made of, before the window */
    unsigned times;                                                     /* a spike is so many times the usual */
    unsigned row;                                                       /* campaigns blocked in a row */
    int64_t unknown_ppm; /* failures that no rule understands, of all failures */
    unsigned silent;     /* a feed is silent after so many times its usual gap */
};
void alert_settings_init(struct alert_settings *s);
/* E_INVALID with the first value that makes no sense. */
NODISCARD enum status alert_settings_check(const struct alert_settings *s, err *e);

/* Closes below so much of the limit at which it opens. */
#define ALERT_CLOSE_PERCENT 75
/* What is told of the past may be evaluated less often: it reads weeks of tallies. */
#define ALERT_DEEP_US (15 * TIME_MINUTE)

/* With whose benchmark a tenant's campaigns are compared (core/benchmark.h). */
struct benchmark;
struct alert_industry {
    slice tenant;
    const struct benchmark *benchmark;
};
#define ALERT_MAX_INDUSTRIES 256u

struct alert_run {
    int64_t now_us;
    const struct alert_settings *settings;
    bool deep;              /* with the rules that look at the past */
    uint64_t asked, failed; /* checks since the last run, and of them those that could not be answered */
    const struct alert_industry *industries;
    size_t industry_count;
};

struct finding {
    slice tenant;
    enum alert_rule rule;
    enum alert_what what;
    slice name;
    struct alert_figure figure;
    struct alert_limits limits;
    int64_t usual_ppm;
    slice cause, why, advice, look;
};

struct findings {
    arena *a;
    const struct finding *list;
    size_t n, room;
    uint32_t rules; /* bits 1 << enum alert_rule: what was looked at; open alerts of these without a finding fall */
};

/* E_MEMORY, or what the ledger says. */
NODISCARD enum status alerts_find(struct ledger *l, const struct alert_run *run, arena *a, struct findings *out,
                                  err *e);

/* A channel that wants to be told: of these rules. */
struct alert_channel {
    slice name;
    uint32_t rules;
    bool not_closed; /* not when one is over */
};
/* Letters to each other system (webhooks) of one settling; one more says how many alerts there were beside. */
#define ALERT_MAX_LETTERS 20u
struct alert_counts {
    unsigned opened, closed, open; /* now, and how many are open behind it */
};
/* Inside a transaction. */
NODISCARD enum status alerts_settle(struct ledger *l, const struct findings *f, const struct alert_channel *channels,
                                    size_t channel_count, int64_t now_us, struct alert_counts *out, err *e);

/* Somebody has seen it; it stays open. E_NOT_FOUND. A transaction of its own, as the next one. */
NODISCARD enum status alert_acknowledge(struct ledger *l, int64_t id, slice actor, int64_t now_us, err *e);
/* Nobody is told of it, nor of the next one about the same, before `until_us`. */
NODISCARD enum status alert_silence(struct ledger *l, int64_t id, slice actor, int64_t until_us, int64_t now_us,
                                    err *e);

/* Members of an alert in an open object. */
void alert_show(struct jsonw *j, const struct ledger_alert *a);
/* One line for people: "hard bounces of campaign spring-sale: 3.10 % (62 of 2000), limit 2.00 %". */
void alert_line(buf *out, const struct ledger_alert *a);
bool alert_is_open(const struct ledger_alert *a);

#endif
