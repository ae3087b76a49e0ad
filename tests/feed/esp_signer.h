/* The other side of feed/signature.h, for tests: keys of our own and signatures made with them.
 */
#ifndef TESTS_ESP_SIGNER_H
#define TESTS_ESP_SIGNER_H

#include <openssl/evp.h>

#include "feed/signature.h"

/* A new key pair: P-256, or RSA of 2048 bits. */
EVP_PKEY *signer_key(bool ec);
/* The public half as the platforms show it: base64, or PEM. */
slice signer_public(EVP_PKEY *key, bool pem, arena *a);
/* A certificate of that key in PEM, valid from..to (seconds since 1970). */
slice signer_certificate(EVP_PKEY *key, int64_t from_s, int64_t to_s, arena *a);
/* Base64 of the signature over the text. */
slice signer_sign(EVP_PKEY *key, enum digest d, slice text, arena *a);
/* HMAC over the text, in hex or base64. */
slice signer_hmac(enum digest d, slice key, slice text, bool hex, arena *a);

#endif
