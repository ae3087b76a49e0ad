/* Telling other systems: what becomes of an address is written as a letter for each endpoint that wants it, in the transaction that
 * makes it so. Whoever changes an address (intake, acts of people, lists, the sweep, a rebuild) goes through entry_put, which calls
 * this; sending is the daemon's work. docs/webhooks-out.md describes the letters for those who receive them.
 *
 * A letter is one JSON object {"type", "timestamp", "data"} as Standard Webhooks recommends. Where addresses are kept as hashes only,
 * it names the hash and quotes nothing.
 */
#ifndef CORE_OUTBOX_H
#define CORE_OUTBOX_H

#include "ledger/ledger.h"

enum outbox_kind {
    OUTBOX_SUPPRESSED,
    OUTBOX_LIFTED,
    OUTBOX_HELD,
    OUTBOX_BOUNCED,
    OUTBOX_COMPLAINED,
    OUTBOX_INCIDENT,
    OUTBOX_ALERT,
    OUTBOX_KINDS
};
const char *outbox_kind_word(enum outbox_kind k); /* "suppressed", ... */
enum outbox_kind outbox_kind_find(slice word);    /* OUTBOX_KINDS when there is none */

/* What an address became. */
struct outbox_news {
    const struct ledger_address *row; /* as it is now */
    enum address_state from;          /* as it was */
    enum cause from_cause;
    enum scope scope; /* of the suppression that holds */
    slice stream;     /* of it, or of what was said */
    enum bounce_reason reason;
    const struct observation *said; /* what decided; NULL: time, or a person */
    slice actor, note;              /* a person */
    int64_t now_us;
};

/* Suppressed, lifted or held, when that is what has changed. Inside a transaction. */
NODISCARD enum status outbox_changed(struct ledger *l, const struct outbox_news *news, err *e);
/* Bounced or complained: one final failure or complaint that is new to the ledger. */
NODISCARD enum status outbox_observed(struct ledger *l, const struct outbox_news *news, err *e);

/* What became of an incident. */
enum outbox_incident { OUTBOX_INCIDENT_OPENED, OUTBOX_INCIDENT_CLOSED, OUTBOX_INCIDENT_UNDONE };
/* `figures` NULL: a person opened it. To the endpoints of its tenant, whatever their streams. Inside a transaction. */
NODISCARD enum status outbox_incident(struct ledger *l, const struct ledger_circumstance *c,
                                      const struct ledger_incident *figures, enum outbox_incident what, int64_t now_us,
                                      err *e);
/* A letter that is about no address. */
struct outbox_message {
    slice tenant; /* empty: of all tenants */
    slice data;   /* one JSON object */
    int64_t now_us;
};
NODISCARD enum status outbox_message(struct ledger *l, enum outbox_kind kind, const struct outbox_message *m, err *e);

#endif
