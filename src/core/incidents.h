/* Incidents as they are noticed: feeds the meters (policy/meter.h) with what the intake commits, and opens and closes circumstances in
 * the same transaction, so that an incident and what it holds are there together. People open, close and undo them as well; the rows
 * are the same.
 *
 * Meters are kept in the ledger when an incident opens or closes, once an hour of work, and at the end. After a crash up to an hour of
 * what they had learned is missing, never an open incident. They are kept, not built anew from the tallies: those do not tell whether a
 * recipient took mail before, nor the texts, and an outage that is half noticed would be forgotten at each start of a command.
 */
#ifndef CORE_INCIDENTS_H
#define CORE_INCIDENTS_H

#include "core/around.h"
#include "core/batch.h"
#include "policy/meter.h"

#define INCIDENTS_KEEP_US TIME_HOUR          /* between two times of keeping the meters */
#define INCIDENTS_FORGET_US (60 * TIME_DAY)  /* a meter not fed for so long goes */
#define INCIDENTS_IDLE_US (15 * TIME_MINUTE) /* when nothing came for so long, time goes on from the last event */
#define INCIDENTS_NOTE_BYTES 400u

struct incidents;

/* NULL when memory is refused. The ledger must live as long. */
struct incidents *incidents_new(struct ledger *l, enum meter_sensitivity sensitivity);
/* Keeps the meters, where `keep`, in a transaction of its own; what goes wrong then is no loss of truth. */
void incidents_free(struct incidents **incidents, bool keep, int64_t now_us);

/* What a batch has written, inside its transaction; `each` is told of every address that an incident holds or lets go with it. */
NODISCARD enum status incidents_take(struct incidents *in, const struct batch *b, around_fn each, void *ctx, err *e);
/* The transaction was taken back: what was learned from it is forgotten, the rest comes from the ledger again. */
void incidents_forget(struct incidents *in);
/* Time has passed without any event: closes what is over, in a transaction of its own. Cheap when there is nothing to do. */
NODISCARD enum status incidents_tick(struct incidents *in, const struct policy *policy, int64_t now_us, err *e);

/* Those that are open, as far as noticed. */
size_t incidents_open(const struct incidents *in);

/* ---- for people ---- */

/* What an incident is about, in words ("gmail.com", "provider gmail", "the reply ..."); valid as long as both. */
slice incident_about(const struct ledger_circumstance *c, arena *a);
/* Closes it at `until_us`, or undoes it, and notes the work (around_finish). E_NOT_FOUND; E_DENIED when it is over or undone already,
 * or no incident. Inside a transaction. The letters go out with it. */
NODISCARD enum status incident_close(struct ledger *l, int64_t id, int64_t until_us, slice actor, slice note,
                                     int64_t now_us, err *e);
NODISCARD enum status incident_undo(struct ledger *l, int64_t id, slice actor, slice note, int64_t now_us, err *e);
/* Opens one by hand: c->tenant, c->domain or c->c.by and c->name, c->c.from_us, until_us, reasons (0: all), actor, note. Sets c->c.id.
 * E_INVALID when its span makes no sense. */
NODISCARD enum status incident_open(struct ledger *l, struct ledger_circumstance *c, int64_t now_us, err *e);

#endif
