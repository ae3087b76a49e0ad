/* What was signed once and must not come back with another body (esp_check.once; Mailgun signs stamp and token only).
 *
 * A table of fixed size: in the worst case the entry that ends first makes room. One table, one thread. Pure.
 */
#ifndef FEED_ESP_REPLAY_H
#define FEED_ESP_REPLAY_H

#include "feed/esp.h"

#define ESP_REPLAY_ENTRIES 65536u /* 1.5 MB: a day of 45 requests a minute */

struct esp_replay;

/* NULL when memory is refused. */
struct esp_replay *esp_replay_new(void);
void esp_replay_free(struct esp_replay **r);
/* False when `once` has been seen with another body and has not ended yet. Else it is remembered until until_us; the same body
 * again is a repeat of the platform, which may not have seen our answer. An empty `once` is always allowed. */
bool esp_replay_allows(struct esp_replay *r, slice once, slice body, int64_t until_us, int64_t now_us);

#endif
