/* Whether a campaign should go on: for the programs that send it, to ask while they do, and for people.
 *
 * From the tallies of the campaign so far, as a whole and by provider and domain, the limits of [alerts], and what is open around it
 * (incidents, grades, campaigns blocked in a row). "pause" means: send no more until a person has looked; "slow" means: go on at a small
 * part of the rate. Of few messages nothing is said but what a sequential test is sure of. Read-only; texts are in the arena.
 */
#ifndef CORE_ADVICE_H
#define CORE_ADVICE_H

#include "base/json.h"
#include "core/alerts.h"

#define ADVICE_MAX_PLACES 200u /* the largest ones that are not fine */
#define ADVICE_LEAST_THERE 20  /* messages to one provider or domain */

enum advice_word { ADVICE_CONTINUE, ADVICE_SLOW, ADVICE_PAUSE, ADVICE_WORDS };
const char *advice_word_text(enum advice_word w); /* "continue", "slow", "pause" */

struct advice_place {
    const char *what; /* "provider" or "domain" */
    slice name;
    enum advice_word word;
    slice why;
    struct rates rates;
};

struct advice {
    bool known; /* there is such a campaign */
    slice campaign;
    enum advice_word word;
    slice why; /* never empty */
    struct rates rates;
    const struct advice_place *places; /* the strictest and largest first; those that are fine are left out */
    size_t n;
};

NODISCARD enum status advice_make(struct ledger *l, const struct alert_settings *settings, slice tenant, slice campaign,
                                  int64_t now_us, arena *a, struct advice *out, err *e);
/* Members of an open object. */
void advice_show(struct jsonw *j, const struct advice *x);

#endif
