/* What the ledger keeps for those who watch the sending: alerts with their history, what of them is still to be told, the rhythm of
 * feeds, codes of replies by provider and hour, and sums of the tallies over several dimensions at once.
 *
 * The same rules as in ledger.h: writing belongs into a transaction, a handle to one thread, text handed to `each` is valid during the
 * call only. Nothing here names an address.
 */
#ifndef LEDGER_WATCHING_H
#define LEDGER_WATCHING_H

#include "ledger/ledger.h"

/* ---- sums of tallies ---- */

/* One row for each combination of tenant, the dimensions asked for, kind and reason. Dimensions that were not asked for are empty. */
struct ledger_sum {
    slice tenant;
    slice by[TALLY_DIMENSIONS]; /* names, by enum tally_by; days and reasons are not given here */
    enum bounce_kind kind;
    enum bounce_reason reason;
    int64_t count;
    int64_t first_us, last_us; /* begin of the first and the last hour */
};
typedef bool (*ledger_sum_fn)(void *ctx, const struct ledger_sum *s);
/* `dimensions`: bits 1 << enum tally_by (not TALLY_DAY, TALLY_REASON). From `from_us` on and before `to_us`, by whole hours; TIME_NONE: no
 * bound. Rows of one tenant and one combination come behind each other. Much less is read where both bounds are midnights and the domain
 * is not asked for: then days are added up, and first_us and last_us are as good as that. */
NODISCARD enum status ledger_sums(struct ledger *l, unsigned dimensions, int64_t from_us, int64_t to_us,
                                  ledger_sum_fn each, void *ctx, err *e);

/* By tenant and domain, whole months from the one that `from_us` lies in up to now; first_us and last_us are not told. */
NODISCARD enum status ledger_domain_sums(struct ledger *l, int64_t from_us, ledger_sum_fn each, void *ctx, err *e);

/* ---- codes of replies ---- */

/* How often a provider said a code in an hour: attempts and failures alike. */
struct ledger_code {
    int64_t hour; /* hours since 1970 */
    slice tenant, provider;
    unsigned code; /* class * 1000000 + subject * 1000 + detail of the enhanced code; 0: none was told */
    enum bounce_phase phase;
    enum bounce_reason reason;
    int64_t count;
};
#define LEDGER_CODE(klass, subject, detail) \
    ((unsigned)(klass)*1000000u + (unsigned)(subject)*1000u + (unsigned)(detail))
/* Gathered in memory and written at commit, as tallies are. */
NODISCARD enum status ledger_add_code(struct ledger *l, const struct ledger_code *c, err *e);
typedef bool (*ledger_code_fn)(void *ctx, const struct ledger_code *c);
/* Sums by tenant, provider, code, phase and reason; `hour` is 0. */
NODISCARD enum status ledger_codes(struct ledger *l, int64_t from_us, int64_t to_us, ledger_code_fn each, void *ctx,
                                   err *e);

/* ---- the rhythm of feeds (policy/beat.h) ---- */

#define LEDGER_MAX_BEAT_BYTES 512u
struct ledger_beat {
    slice tenant, feed;
    int64_t heard_us; /* when it was heard last */
    slice memory;     /* opaque bytes */
};
NODISCARD enum status ledger_put_beat(struct ledger *l, const struct ledger_beat *b, err *e);
/* E_NOT_FOUND. */
NODISCARD enum status ledger_get_beat(struct ledger *l, slice tenant, slice feed, arena *a, struct ledger_beat *out,
                                      err *e);
typedef bool (*ledger_beat_fn)(void *ctx, const struct ledger_beat *b);
NODISCARD enum status ledger_beats(struct ledger *l, ledger_beat_fn each, void *ctx, err *e);

/* ---- alerts ---- */

struct ledger_alert {
    int64_t id; /* rises; 0: not stored yet */
    slice tenant;
    slice rule, what, name;       /* "hard", "campaign", "spring-sale": words of core/alerts.h, and what it is about */
    unsigned state;               /* enum alert_state; QUIET: closed */
    int64_t since_us;             /* of the state */
    int64_t opened_us, closed_us; /* TIME_NONE: not yet */
    int64_t seen_us;              /* evaluated last */
    int64_t part, whole, limit_ppm, usual_ppm; /* as they are now, or were at the end */
    slice cause, why;                          /* the likelier cause, and what makes it likely; empty: nothing to say */
    slice advice, look;                        /* what to do, and the command to look further */
    int64_t acked_us;                          /* somebody has seen it; TIME_NONE */
    slice acked_by;
    int64_t silent_until_us; /* nobody is told before; TIME_NONE */
};
/* Inserts (id 0: sets ->id) or updates. E_INVALID when another one that is not closed is about the same. */
NODISCARD enum status ledger_put_alert(struct ledger *l, struct ledger_alert *a, err *e);
/* One that only rose and fell again leaves no trace. */
NODISCARD enum status ledger_drop_alert(struct ledger *l, int64_t id, err *e);
typedef bool (*ledger_alert_fn)(void *ctx, const struct ledger_alert *a);
/* The newest first; closed ones where asked for. id not 0: only that one. */
NODISCARD enum status ledger_alerts(struct ledger *l, bool closed, int64_t id, ledger_alert_fn each, void *ctx, err *e);
/* Closed ones that ended before this time go; *n counts them. */
NODISCARD enum status ledger_prune_alerts(struct ledger *l, int64_t before_us, int64_t *n, err *e);

/* ---- what is to be told of them, by channel ---- */

struct ledger_notice {
    int64_t id; /* rises; never given twice */
    slice channel;
    int64_t alert; /* its number */
    unsigned turn; /* enum alert_turn: it opened, or it closed */
    slice text;    /* one JSON object, as it was then */
    int64_t made_us, due_us;
    unsigned attempts;
};
NODISCARD enum status ledger_put_notice(struct ledger *l, const struct ledger_notice *n, err *e);
typedef bool (*ledger_notice_fn)(void *ctx, const struct ledger_notice *n);
/* Of one channel (empty: of all), in the order in which they were made. */
NODISCARD enum status ledger_notices(struct ledger *l, slice channel, ledger_notice_fn each, void *ctx, err *e);
/* Told, or given up. */
NODISCARD enum status ledger_drop_notice(struct ledger *l, int64_t id, err *e);
/* Not told: again when `due_us` has come. */
NODISCARD enum status ledger_notice_failed(struct ledger *l, int64_t id, int64_t due_us, err *e);

/* ---- new ground (core/ground.h) ---- */

struct ledger_ground {
    slice tenant, kind, name;
    int64_t sent, delivered, hard, soft, block, complaint, engaged;
    int64_t first_us;     /* its first outcome; TIME_NONE: none yet */
    int64_t delivered_us; /* its first delivery; TIME_NONE */
    unsigned state;       /* enum ground_state */
    int64_t judged_us;    /* when the state became what it is; TIME_NONE: it is watched */
    slice actor, note;
};
/* Adds the counts to one that is watched, or begins to watch it; nothing happens to one that was judged. */
NODISCARD enum status ledger_add_ground(struct ledger *l, const struct ledger_ground *g, err *e);
/* Writes the whole row. */
NODISCARD enum status ledger_put_ground(struct ledger *l, const struct ledger_ground *g, err *e);
typedef bool (*ledger_ground_fn)(void *ctx, const struct ledger_ground *g);
/* By kind, name and tenant. */
NODISCARD enum status ledger_grounds(struct ledger *l, ledger_ground_fn each, void *ctx, err *e);

typedef bool (*ledger_acquired_fn)(void *ctx, const struct ledger_acquired *q);
/* Keys and addresses (empty: the same as the key) that came from a source, or by an import batch, in key order behind `after_key`. Reads
 * all acquired ones of every source on its way. */
NODISCARD enum status ledger_acquired_of(struct ledger *l, slice tenant, bool batch, slice name, slice after_key,
                                         int64_t limit, ledger_acquired_fn each, void *ctx, err *e);

#endif
