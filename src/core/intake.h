/* The way in: observations are gathered, judged, keyed and put into the ledger in one transaction per batch, with the
 * feed positions that belong to them. Nothing may be acknowledged to a feed before intake_flush returned OK.
 *
 * The same batch twice, whole or in other pieces, gives the same ledger: a repeat is known by its source key. One
 * intake belongs to one thread and has the ledger's writer to itself.
 *
 *   intake_new;  { intake_add ...; intake_feed ...; intake_flush }  as often as you like;  intake_free
 */
#ifndef CORE_INTAKE_H
#define CORE_INTAKE_H

#include "ledger/ledger.h"
#include "policy/history.h"
#include "policy/meter.h"

#define INTAKE_BATCH 5000u                     /* observations after which intake_full says so */
#define INTAKE_BATCH_BYTES (64u * 1024 * 1024) /* and bytes of text */

struct intake;
struct breaker_limits;

/* As [incidents] of the settings has them. All 0: noticed as usual, answered with "send". */
struct incident_settings {
    bool off; /* nobody looks for them */
    enum meter_sensitivity sensitivity;
    bool defer; /* a check for a recipient where the advice is to pause is answered with "defer" */
};

struct intake_options {
    bool dry_run; /* do all the work, tell the decisions, keep nothing: see intake_free */
    bool vouch;   /* take bare reports as matched: a person stands up for the source (`--trust matched`) */
    struct incident_settings incidents;
    slice tenant, stream, campaign, source; /* where the observation tells none */
    const struct breaker_limits
        *breaker; /* what is a flood of one feed (core/breaker.h); NULL: nothing. Lives as long */
    /* Called in each flush when all else is written, inside the transaction: what else belongs to it. NULL: nothing. */
    enum status (*more)(void *ctx, struct ledger *l, err *e);
    void *more_ctx;
};

/* What an address became. Slices live until the next intake_flush or intake_free. */
struct decision {
    slice tenant, address;
    enum address_state from, to;
    enum cause cause;
    enum scope scope;
    slice stream;
    enum hold hold;
    enum bounce_reason reason;
    slice rule;  /* of the observation that decided, or where that is of an earlier batch of the last one */
    slice reply; /* that observation's text */
    int64_t since_us, until_us;
    bool lifted; /* was suppressed and is no more */
};

struct intake_counts {
    uint64_t observations; /* given to intake_add */
    uint64_t events;       /* stored */
    uint64_t repeats;      /* known already: skipped */
    uint64_t invalid;      /* no address in it: skipped */
    uint64_t erased;       /* about an erased address: not stored */
    uint64_t held;         /* bare reports that wait for review */
    uint64_t addresses;    /* changed or new */
    uint64_t suppressed, lifted;
    uint64_t kinds[BOUNCE_KINDS];
    uint64_t reasons[BOUNCE_REASONS]; /* of failures and attempts */
};

struct intake_result {
    struct intake_counts counts;      /* of this batch */
    const struct decision *decisions; /* addresses whose state or cause changed, in the order of their keys */
    size_t decision_count;
    const slice *invalid; /* the first INTAKE_MAX_INVALID recipients that are no address */
    size_t invalid_count;
};
#define INTAKE_MAX_INVALID 100u

/* `rules` may be NULL: then observations must bring their verdict. All arguments must live as long as the intake. */
NODISCARD enum status intake_new(struct ledger *l, const struct bounce_rules *rules, const struct policy *policy,
                                 const struct intake_options *options, struct intake **out, err *e);
/* Throws away what was not flushed. In a dry run this is where the transaction is rolled back. */
void intake_free(struct intake **in);

/* Takes a copy. A verdict that is there (its rule is not empty) is kept; else intake_flush judges. E_MEMORY: flush
 * first. */
NODISCARD enum status intake_add(struct intake *in, const struct observation *o, err *e);
/* The position of a feed, to be stored with the next flush; the last one given for a name counts. */
NODISCARD enum status intake_feed(struct intake *in, const struct ledger_feed *f, err *e);
/* One row of what a feed remembers (ledger_put_memory), to be stored with the next flush, in the order given. */
NODISCARD enum status intake_memory(struct intake *in, slice feed, slice key, slice value, err *e);
bool intake_full(const struct intake *in);
size_t intake_pending(const struct intake *in);

/* Judges and commits what was gathered. After an error nothing of the batch is in the ledger, the batch is still
 * gathered, and the call may be repeated. In a dry run the decisions are those that a real run would take. */
NODISCARD enum status intake_flush(struct intake *in, int64_t now_us, struct intake_result *out, err *e);
/* Time has passed without any event: closes the incidents that are over (core/incidents.h). Cheap when there are none. */
NODISCARD enum status intake_tick(struct intake *in, int64_t now_us, err *e);
/* Incidents that were noticed and are open. */
size_t intake_open_incidents(const struct intake *in);
/* Forgets what was gathered and not flushed. */
void intake_drop(struct intake *in);
/* The verdict and the provider of one observation, as intake_flush gives them: for who judges ahead, on another thread. Their texts
 * are in the arena or are those of the rules. E_MEMORY only. */
NODISCARD enum status intake_judge(const struct bounce_rules *rules, struct observation *o, arena *a, err *e);
void intake_counts_add(struct intake_counts *sum, const struct intake_counts *c);
/* Of all flushes so far. */
const struct intake_counts *intake_totals(const struct intake *in);

#endif
