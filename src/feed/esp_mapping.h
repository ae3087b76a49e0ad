/* A platform made from a file, in the terms of the built-in ones: paths for the fields, rows for the words, a way to sign.
 * One JSON object; docs/webhooks-in.md shows it:
 *
 *   {"name": "acme", "title": "Acme Mail", "like": "sendgrid",
 *    "fields": {"items": "events", "event": "type", "recipient": "to.address"},
 *    "events": {"hard_bounce": "failed user-unknown 70", "blocked/list": "suppressed bounce", "ping": "ignore"},
 *    "signature": {"scheme": "hmac-sha256", "header": "X-Acme-Signature", "encoding": "hex", "prefix": "sha256="}}
 *
 * "like" names a built-in platform whose paths, words and signature hold where the file says nothing. Pure.
 */
#ifndef FEED_ESP_MAPPING_H
#define FEED_ESP_MAPPING_H

#include "base/err.h"
#include "feed/esp.h"

#define ESP_MAPPING_MAX_BYTES 262144u
#define ESP_MAPPING_MAX_WORDS 1000u

/* Reads a mapping. *out lives in the arena. E_INVALID says which member makes no sense, E_MEMORY that the arena refused. */
NODISCARD enum status esp_mapping_read(slice text, arena *a, const struct esp **out, err *e);

#endif
