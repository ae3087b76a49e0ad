/* Signed return paths and references for outgoing mail with one recipient (docs/verp.md). */
#ifndef SERVE_ANSWER_SIGN_H
#define SERVE_ANSWER_SIGN_H

#include "serve/answer.h"

/* Adds what the listener wants of out->new_sender and X-Bounced-Ref for a message whose only recipient is `key`, in the arena of `w`.
 * The message id of the token is the Message-ID, else the queue id. Nothing is signed, and the message counted, when the message has
 * several recipients or there is no key; a sender that is a return path of ours stays what it is. */
void answer_sign(struct answerer *w, const struct ask *q, slice key, int64_t now_us, struct ask_answer *out);

#endif
