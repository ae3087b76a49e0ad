/* How providers take our mail: rates over a day, a week and a month, what they refuse us for and what to do about it, whether they
 * want us slower, a grade (policy/grade.h), volume that jumps, weeks of clean sending, and what they say of us themselves.
 *
 * Counts come from the tallies (docs/rates.md says what is divided by what), read-only and without a clock: docs/health.md has every
 * formula. Days are those of UTC, today included, but for HEALTH_DAY: that is the last 24 hours.
 */
#ifndef CORE_HEALTH_H
#define CORE_HEALTH_H

#include "core/rates.h"
#include "ledger/ledger.h"
#include "policy/grade.h"

#define HEALTH_WEEKS 8u
#define HEALTH_CLEAN_WEEKS 4u            /* in a row, and a provider's trouble is over */
#define HEALTH_MAX_PROVIDERS 1000u       /* the largest ones; the others are counted */
#define HEALTH_LEAST INT64_C(100)        /* messages in a week, else the month is graded */
#define HEALTH_UNEVEN_TIMES 3            /* today, of the same weekday's usual */
#define HEALTH_UNEVEN_LEAST INT64_C(500) /* messages today, below which nothing is uneven */
#define HEALTH_USUAL_WEEKS 4u            /* weekdays before today that make the usual, of which two must have mail */
#define HEALTH_SAID_DAYS 7               /* how long what a provider said counts */
#define HEALTH_PAUSE_S 1800              /* RFC 5321 4.5.4.1 */
#define HEALTH_ENGAGED_PPM 10000         /* opens and clicks below 1 % of deliveries are not tracked, it seems */

enum health_span { HEALTH_DAY, HEALTH_WEEK, HEALTH_MONTH, HEALTH_SPANS };
const char *health_span_word(enum health_span s); /* "24 hours", "7 days", "30 days" */
int64_t health_span_days(enum health_span s);

struct health_counts {
    struct rates rates;
    int64_t throttled; /* attempts and failures that mean "slower" */
    int64_t engaged;   /* opens and clicks */
};

struct health_week {
    struct health_counts counts;
    enum grade_week is;
    unsigned why; /* bits 1 << enum grade_part, and HEALTH_DISENGAGED */
};
#define HEALTH_DISENGAGED (1u << GRADE_PARTS) /* less than half the opens and clicks of the other weeks */

/* What the provider says of us; level -1 and complaint_ppm -1: nothing. */
struct health_said {
    int level; /* the worst of our subjects, each by its newest day */
    int64_t complaint_ppm;
    int64_t traps;
    int64_t day;
};

struct health_throttling {
    int64_t count;   /* in 24 hours */
    int64_t pause_s; /* what it asks for, else what is usual there; 0: it does not throttle */
    bool asked;      /* a reply names the time */
    slice reply;     /* the one that does */
    slice from;      /* where a usual pause is from */
};

struct health_volume {
    int64_t today, usual; /* messages; usual 0: not known */
    bool uneven;
};

struct provider_health {
    slice name;
    struct health_counts spans[HEALTH_SPANS];
    struct health_week weeks[HEALTH_WEEKS]; /* [0]: the last seven days */
    int64_t reasons[BOUNCE_REASONS];        /* of the month: refusals that speak of us, final or put off */
    struct health_said said;
    enum health_span graded; /* which span the grade is of */
    struct grade_rate parts[GRADE_PARTS];
    struct graded grade;
    struct health_throttling throttling;
    struct health_volume volume;
    unsigned clean_weeks; /* in a row, back from this one; weeks with too little mail do not count */
    bool trouble;         /* a week of the eight was not clean, or the grade is Low or Bad */
};

struct health {
    struct provider_health *providers; /* the largest of the month first */
    size_t n;
    size_t left_out; /* smaller ones */
};

/* An empty tenant: all; an empty provider: all. `rules` read the pause in replies; NULL: only usual ones are told. All in `a`. */
NODISCARD enum status health_make(struct ledger *l, const struct bounce_rules *rules, slice tenant, slice provider,
                                  int64_t now_us, arena *a, struct health *out, err *e);
/* How many clean weeks are missing; 0 when there is no trouble, or it is over. */
unsigned health_weeks_missing(const struct provider_health *p);

/* ---- what to do ---- */
enum health_slower { HEALTH_SLOWER_NEVER, HEALTH_SLOWER_PUT_OFF, HEALTH_SLOWER_ALWAYS };
struct health_action {
    enum bounce_reason reason;
    enum health_slower slower; /* when a failure for this reason means that we are wanted slower */
    const char *about, *text;
};
/* NULL for reasons that do not speak of us. */
const struct health_action *health_action(enum bounce_reason reason);
struct health_page {
    slice provider;
    const char *what, *url;
};
/* The pages of a provider, one after the other, from *i = 0; NULL behind the last. */
const struct health_page *health_page(slice provider, size_t *i);
/* The usual pause there, and where it is from. */
int64_t health_pause(slice provider, slice *from);

/* ---- circumstances ---- */
#define HEALTH_MAX_STANDING 50u /* at once: each is looked at for every failure (ledger_around) */
struct health_changes {
    size_t opened, closed;
};
/* Opens a circumstance for each provider that is Low or Bad, and closes those that are no more, in a transaction of its own where
 * something changes. Only failures from `now_us` on are touched; what there is of them already is noted as work (around_finish, or
 * the daemon's next sweep). The provider must be empty in health_make: one that is not in `h` counts as one without a grade. */
NODISCARD enum status health_stand(struct ledger *l, const struct health *h, slice tenant, int64_t now_us,
                                   struct health_changes *out, err *e);

#endif
