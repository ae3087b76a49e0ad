/* Letters to one endpoint: out of the ledger's outbox, in their order, one at a time, at least once.
 *
 * A letter that does not arrive (no 2xx within the time) is tried again after a while that doubles from 5 s to 1 h, give or take a
 * quarter, or as long as the endpoint's Retry-After asks for; those behind it wait. After `give_up` it is dead: kept, told, and sent
 * again by `bounced webhooks replay`. Each carries the same webhook-id every time, so that the endpoint can know it again.
 */
#ifndef SERVE_LETTERS_H
#define SERVE_LETTERS_H

#include "base/buf.h"
#include "base/json.h"
#include "net/fetch.h"
#include "serve/daemon.h"

#define LETTERS_RETRY_US (5 * TIME_SECOND)
#define LETTERS_RETRY_MAX_US TIME_HOUR

struct letters;

/* `section` is one of [webhook NAME]. E_INVALID when it makes no sense. */
NODISCARD enum status letters_new(struct daemon *d, struct fetcher *fetcher, const struct section *section,
                                  struct letters **out, err *e);
/* The number of its endpoint is known: begin. */
void letters_start(struct letters *l, int64_t endpoint);
/* There may be something to send. */
void letters_wake(struct letters *l);
void letters_drain(struct letters *l);
bool letters_idle(const struct letters *l);
void letters_free(struct letters **l);
slice letters_name(const struct letters *l);
void letters_status(const struct letters *l, struct jsonw *j);
void letters_metrics(const struct letters *l, buf *out);

#endif
