#include "feed/standard_webhook.h"

#include "base/codec.h"
#include "feed/signature.h"

#define MAC_BYTES 32u                            /* HMAC-SHA-256 */
#define MAC_TEXT_BYTES ((MAC_BYTES + 2) / 3 * 4) /* in base64 */

static const slice secret_mark = SLICE_INIT("whsec_"), version = SLICE_INIT("v1,");

slice standard_webhook_key(slice secret, arena *a)
{
    secret = slice_trim(secret);
    return signature_from_base64(slice_starts(secret, secret_mark) ? slice_from(secret, secret_mark.n) : secret, a);
}

slice standard_webhook_secret(slice key, arena *a)
{
    char *out = arena_alloc(a, secret_mark.n + (key.n + 2) / 3 * 4);
    if (!out)
        return SLICE_EMPTY;
    memcpy(out, secret_mark.p, secret_mark.n);
    return slice_of(out, secret_mark.n + base64_encode(key, out + secret_mark.n));
}

/* Writes one signature; returns where the next goes, NULL when the secret is none. */
static char *sign_one(slice secret, const slice *pieces, size_t n, arena *a, char *out)
{
    unsigned char mac[MAC_BYTES];
    slice key = standard_webhook_key(secret, a);
    if (key.n < STANDARD_WEBHOOK_KEY_LEAST || key.n > STANDARD_WEBHOOK_KEY_MOST ||
        hmac_of(DIGEST_SHA256, key, pieces, n, mac) != MAC_BYTES)
        return NULL;
    memcpy(out, version.p, version.n);
    out += version.n;
    return out + base64_encode(slice_of((const char *)mac, MAC_BYTES), out);
}

bool standard_webhook_sign(const slice *secrets, size_t n, slice id, int64_t stamp_s, slice body, arena *a, slice *out)
{
    *out = SLICE_EMPTY;
    if (n == 0 || n > STANDARD_WEBHOOK_MAX_SECRETS || slice_chr(id, '.') != SLICE_NPOS)
        return false;
    slice stamp = arena_printf(a, ".%lld.", (long long)stamp_s);
    char *text = arena_alloc(a, n * (version.n + MAC_TEXT_BYTES + 1)), *at = text;
    if (!text || slice_empty(stamp))
        return false;
    const slice pieces[] = {id, stamp, body};
    for (size_t i = 0; i < n; i++) {
        if (i)
            *at++ = ' ';
        at = sign_one(secrets[i], pieces, ARRAY_LEN(pieces), a, at);
        if (!at)
            return false;
    }
    *out = slice_of(text, (size_t)(at - text));
    return true;
}
