/* What the files of alerts_find share: the figures that they look at, and how a finding is told. Only for core/alert_*.c.
 */
#ifndef CORE_ALERT_FIND_H
#define CORE_ALERT_FIND_H

#include "base/map.h"
#include "core/alerts.h"

/* What became of the messages of one campaign, domain, ... of a tenant. */
struct figure_row {
    slice tenant, name, second;
    struct rates rates;
    int64_t reasons[BOUNCE_REASONS]; /* final failures and, for blocks, attempts too */
    int64_t first_us, last_us;
};
struct figures {
    struct figure_row *rows; /* tenants behind each other */
    size_t n;
    map by_name; /* "tenant\nname[\nsecond]" to the row */
};

struct alert_search {
    struct ledger *ledger;
    const struct alert_run *run;
    arena *a;
    struct findings *out;
    const struct ledger_alert *live; /* those that rise or are open */
    size_t live_count, live_room;
    err *e;
};

/* By one dimension, or by two (second: TALLY_DIMENSIONS for one). */
NODISCARD enum status figures_make(struct alert_search *s, enum tally_by by, enum tally_by second, int64_t from_us,
                                   int64_t to_us, struct figures *out);
/* By domain, of whole months: from the one that `from_us` lies in up to now. */
NODISCARD enum status figures_of_months(struct alert_search *s, int64_t from_us, struct figures *out);
/* The midnight before, from which much less is read than from any other time. */
int64_t figures_midnight(int64_t us);
const struct figure_row *figures_get(const struct figures *f, struct alert_search *s, slice tenant, slice name,
                                     slice second);
void figures_free(struct figures *f);

/* An alert of this key that is not closed, or NULL. */
const struct ledger_alert *search_live(const struct alert_search *s, slice tenant, enum alert_rule rule,
                                       enum alert_what what, slice name);
/* Takes a finding when it rises above its limit or is about one that is not closed. Texts must be in the arena or static. */
NODISCARD enum status search_add(struct alert_search *s, const struct finding *f);
struct alert_limits search_limits(const struct alert_search *s, int64_t open_ppm);

/* A provider that has no name goes by a domain, and is judged as that. */
bool is_named_provider(slice name);
/* The likelier cause of failures: "data quality", "infrastructure", "reputation", and in `why` what makes it likely. Phases (or NULL) decide
 * where no reason does. */
slice cause_of(const int64_t reasons[BOUNCE_REASONS], const int64_t phases[BOUNCE_PHASES], arena *a, slice *why);
/* "user-unknown 80, mailbox-full 7": the most frequent ones of the list. */
slice reasons_line(const int64_t reasons[BOUNCE_REASONS], arena *a);
/* Appends a part of `whole` as percent with two digits. */
slice percent_text(arena *a, int64_t ppm);

/* ---- the rules, by file; each says in out->rules what it looked at ---- */
NODISCARD enum status find_rates(struct alert_search *s);      /* alert_rates.c */
NODISCARD enum status find_spikes(struct alert_search *s);     /* alert_past.c, deep */
NODISCARD enum status find_rows(struct alert_search *s);       /* alert_row.c, deep */
NODISCARD enum status find_replies(struct alert_search *s);    /* alert_replies.c, deep */
NODISCARD enum status find_industries(struct alert_search *s); /* alert_industry.c, deep */
NODISCARD enum status find_grounds(struct alert_search *s);    /* alert_ground.c */
NODISCARD enum status find_feeds(struct alert_search *s);      /* alert_feeds.c */

#endif
