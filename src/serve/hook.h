/* Webhooks of sending platforms, one for each section [webhook-in NAME]: POST /v1/webhooks/NAME.
 *
 * A request is verified first (401, nothing stored), then its raw body is durable in the ledger, then it is answered with 200, then it
 * is read: what it tells and the body's going are one transaction, so that nothing is lost between and nothing counts twice. What
 * waits when the daemon ends is read at the next start.
 */
#ifndef SERVE_HOOK_H
#define SERVE_HOOK_H

#include "feed/esp.h"
#include "feed/esp_replay.h"
#include "serve/daemon.h"
#include "serve/workers.h"

struct conf_webhook_in;
struct hook_reading;

struct hook {
    struct hook *next; /* of daemon.hooks */
    struct daemon *d;
    slice name, feed;
    const struct conf_webhook_in *conf;
    arena a;
    const struct esp *esp;
    slice secrets[2];
    struct esp_trust trust;
    struct esp_replay *replay; /* the loop's */
    struct hook_reading *reading;
    uint64_t taken, denied, events, odd, failures;
    int64_t last_us;
};

/* NULL when there is none of that name. */
struct hook *hook_find(const struct daemon *d, slice name);
/* A body of this hook has become durable: it will be read. */
void hook_wake(struct hook *h);
/* Somebody was turned away: counted, and told in the log (one line a minute for each hook). */
void hook_denied(struct hook *h, slice peer, enum esp_why why);

#endif
