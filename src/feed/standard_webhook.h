/* Standard Webhooks 1.0.0 ("webhook-id", "webhook-timestamp", "webhook-signature"): the signature over "id.stamp.body", as
 * letters to other systems carry it and as Svix's customers send it to us. Verifying: feed/esp.h. Pure.
 */
#ifndef FEED_STANDARD_WEBHOOK_H
#define FEED_STANDARD_WEBHOOK_H

#include "base/arena.h"

#define STANDARD_WEBHOOK_KEY_LEAST 24u /* octets, as the specification wants it */
#define STANDARD_WEBHOOK_KEY_MOST 64u
#define STANDARD_WEBHOOK_MAX_SECRETS 16u

/* The key in a secret: "whsec_" and base64, or base64 alone. Empty when it is none, or memory is refused. */
slice standard_webhook_key(slice secret, arena *a);
/* The secret for a key: "whsec_" and base64. Empty when memory is refused. */
slice standard_webhook_secret(slice key, arena *a);
/* The value of webhook-signature: "v1,BASE64", for several secrets (while one takes the place of another) with a blank between.
 * `id` may not hold a dot. False when a secret is none or has not 24 to 64 octets, when there are none or more than
 * STANDARD_WEBHOOK_MAX_SECRETS, or when memory is refused. */
NODISCARD bool standard_webhook_sign(const slice *secrets, size_t n, slice id, int64_t stamp_s, slice body, arena *a,
                                     slice *out);

#endif
