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
#include "net/cidr.h"
#include "serve/daemon.h"
#include "serve/workers.h"

struct conf_webhook_in;
struct hook_reading;

#define HOOK_MAX_CERTIFICATES 16u /* Amazon changes them once a year or so */

struct fetcher;

/* A certificate that was fetched; stays as long as the hook. */
struct hook_certificate {
    slice url, pem;
};

/* Somebody waits for a certificate: told on the loop, once. NULL: it could not be had. */
struct hook_waiting {
    struct hook_waiting *next;
    void (*done)(struct hook_waiting *w, const struct hook_certificate *c);
    struct hook *hook;
    slice url; /* stays until done */
};

struct hook {
    struct hook *next; /* of daemon.hooks */
    struct daemon *d;
    slice name, feed;
    const struct conf_webhook_in *conf;
    arena a;
    const struct esp *esp;
    slice secrets[2];
    struct esp_trust trust;
    struct esp_replay *replay; /* the loop's, as all below */
    struct fetcher *fetcher;   /* ses: certificates, confirmations */
    struct cidr *allowed;
    const char **resolve;
    struct hook_certificate certificates[HOOK_MAX_CERTIFICATES];
    size_t certificate_count;
    struct hook_waiting *waiting;
    struct hook_reading *reading;
    uint64_t taken, denied, events, odd, failures;
    int64_t last_us;
};

/* NULL when there is none of that name. */
struct hook *hook_find(const struct daemon *d, slice name);
/* A body of this hook has become durable: it will be read. */
void hook_wake(struct hook *h);
/* Gets the certificate at a URL that esp_verify has checked, from memory or by asking for it once for all who wait. `done` may be called
 * from inside. */
void hook_certificate(struct hook *h, struct hook_waiting *w);
/* Visits the URL that confirms a subscription. */
void hook_confirm(struct hook *h, slice url);
/* Somebody was turned away: counted, and told in the log (one line a minute for each hook). */
void hook_denied(struct hook *h, slice peer, enum esp_why why);

#endif
