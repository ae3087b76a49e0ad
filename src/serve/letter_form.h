/* What a letter of the outbox looks like on the wire: the JSON of docs/webhooks-out.md, or what another program's bounce endpoint takes.
 * Pure.
 */
#ifndef SERVE_LETTER_FORM_H
#define SERVE_LETTER_FORM_H

#include "base/arena.h"
#include "base/err.h"

enum letter_form {
    LETTER_STANDARD, /* as it stands in the ledger */
    LETTER_LISTMONK, /* POST /webhooks/bounce of listmonk */
    LETTER_MAUTIC    /* the event array of SendGrid, which Mautic's callback takes */
};

/* The body for one letter, in the arena. Empty: this form has nothing to say about it (a lift, an incident), it need not be sent.
 * E_MEMORY; E_CORRUPT when the letter is no JSON. */
NODISCARD enum status letter_body(enum letter_form form, slice letter, arena *a, slice *out, err *e);

#endif
