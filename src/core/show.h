/* What is told of the things of the ledger as JSON with stable names, by the commands and by the HTTP API alike (docs/json.md). Each
 * function writes members into an object that is open, so that whoever calls adds what it knows beside them.
 */
#ifndef CORE_SHOW_H
#define CORE_SHOW_H

#include "base/json.h"
#include "core/acts.h"
#include "core/check.h"
#include "core/lists.h"
#include "core/review.h"
#include "core/why.h"

const char *next_word(enum bounce_next next); /* "send", "wait", "fix", "stop" */

/* reason, class, blame, certainty, rule, ... */
void show_verdict(struct jsonw *j, const struct bounce_verdict *v);
/* One whole object and a line end, for exports; `o` is NULL for acts of people. */
void show_event(buf *out, const struct ledger_event *ev, const struct observation *o);
/* The state of an address and what would change it; `domain`: the suppression of its whole domain, or NULL. */
void show_why(struct jsonw *j, const struct why *w, const struct check_answer *domain);
void show_why_step(struct jsonw *j, const struct why_step *t);
void show_check(struct jsonw *j, const struct check_answer *a);
/* One of the suppressions of an address. */
void show_suppression(struct jsonw *j, const struct ledger_address *a, const struct ledger_suppression *s);
void show_act_result(struct jsonw *j, const struct act_result *r);
void show_import_result(struct jsonw *j, const struct list_import_result *r);
void show_held(struct jsonw *j, const struct held_report *h);
void show_group(struct jsonw *j, const struct ledger_group *g);

#endif
