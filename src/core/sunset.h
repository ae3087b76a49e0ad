/* The sunset rule: addresses that did nothing for long and keep failing are suppressed before the receivers hold them against the sender.
 *
 * In two steps, so that the long walk needs no writer: sunset_find gathers, sunset_apply suppresses a few at a time, each as an act of
 * its own (cause manual, actor "sunset"), which a person may lift; lifting begins the count of failures anew. Where no open or click was
 * ever told of anybody nothing is found: everybody would look unengaged.
 */
#ifndef CORE_SUNSET_H
#define CORE_SUNSET_H

#include "core/segment.h"

#define SUNSET_MAX_FOUND 100000u /* more wait until the next time */

struct sunset_rule {
    slice tenant; /* empty: all */
    slice stream; /* suppress in this stream only; empty: everywhere */
    int64_t unengaged_us;
    unsigned failing;
};
struct sunset_found {
    int64_t id;
    slice tenant, address; /* in the arena */
    unsigned failures;
    int64_t engaged_us;
};
struct sunset_list {
    struct sunset_found *list;
    size_t n, room;
    bool more, blind; /* blind: nobody's opens and clicks are known */
};
/* E_INVALID when the rule has no time or no number of failures. */
NODISCARD enum status sunset_find(struct ledger *l, const struct policy *policy, const struct sunset_rule *rule,
                                  int64_t now_us, arena *a, struct sunset_list *out, err *e);
/* Suppresses those from `from` up to `to`; *changed counts those that were not. Outside of a transaction. */
NODISCARD enum status sunset_apply(struct ledger *l, const struct policy *policy, const struct sunset_rule *rule,
                                   const struct sunset_list *list, size_t from, size_t to, int64_t now_us,
                                   uint64_t *changed, err *e);

#endif
