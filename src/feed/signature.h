/* Checking signatures of bytes that came in: HMAC (RFC 2104) and public keys (RSA PKCS#1 v1.5, ECDSA), by libcrypto. The
 * message is given in pieces, so that nothing has to be joined. Secrets are compared in constant time. Pure.
 */
#ifndef FEED_SIGNATURE_H
#define FEED_SIGNATURE_H

#include "base/arena.h"

enum digest { DIGEST_SHA1, DIGEST_SHA256 };

#define SIGNATURE_MAX_KEY_BYTES 16384u /* of a public key or certificate as text */
#define SIGNATURE_MAX_BYTES 1024u      /* of a signature, decoded: RSA of 8192 bits */

/* Whether both are the same bytes, in constant time; only the lengths may be found out. */
bool same_secret(slice a, slice b);

/* HMAC over the pieces, one behind the other. Bytes written to out, 0 when libcrypto refuses. */
size_t hmac_of(enum digest d, slice key, const slice *pieces, size_t n, unsigned char out[32]);
/* Whether `mac` (raw bytes) is it. */
bool hmac_same(enum digest d, slice key, const slice *pieces, size_t n, slice mac);

enum key_answer {
    KEY_FITS,
    KEY_FITS_NOT,
    KEY_UNREADABLE /* no key of this form, or no time at which the certificate is valid */
};
/* A public key: PEM ("-----BEGIN PUBLIC KEY-----") or the same base64 without its first and last line. `signature` is raw:
 * DER for ECDSA. `ec` says which kind of key is wanted, so that nobody chooses it for us. */
enum key_answer key_verify(slice key, bool ec, enum digest d, const slice *pieces, size_t n, slice signature);
/* The same with the RSA key of a certificate in PEM, which must be valid at now_s (seconds since 1970). Who issued it is not looked
 * at: it counts from where it was fetched. */
enum key_answer certificate_verify(slice pem, int64_t now_s, enum digest d, const slice *pieces, size_t n,
                                   slice signature);

/* Base64 or hex text to raw bytes in the arena; empty when it is none or longer than SIGNATURE_MAX_BYTES. */
slice signature_from_base64(slice text, arena *a);
slice signature_from_hex(slice text, arena *a);

#endif
