#include "feed/signature.h"

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/codec.h"

bool same_secret(slice a, slice b)
{
    return a.n == b.n && a.n > 0 && CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}

/* ---- HMAC ----------------------------------------------------------------------------------------------------- */

static bool mac_pieces(EVP_MAC_CTX *ctx, enum digest d, slice key, const slice *pieces, size_t n)
{
    char name[] = "SHA256", name1[] = "SHA1";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, d == DIGEST_SHA1 ? name1 : name, 0),
        OSSL_PARAM_construct_end()};
    bool ok = EVP_MAC_init(ctx, (const unsigned char *)key.p, key.n, params) == 1;
    for (size_t i = 0; i < n && ok; i++)
        ok = EVP_MAC_update(ctx, (const unsigned char *)pieces[i].p, pieces[i].n) == 1;
    return ok;
}

size_t hmac_of(enum digest d, slice key, const slice *pieces, size_t n, unsigned char out[32])
{
    size_t length = 0;
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;
    if (!ctx || !mac_pieces(ctx, d, key, pieces, n) || EVP_MAC_final(ctx, out, &length, 32) != 1)
        length = 0;
    EVP_MAC_CTX_free(ctx);
    EVP_MAC_free(mac);
    ERR_clear_error();
    return length;
}

bool hmac_same(enum digest d, slice key, const slice *pieces, size_t n, slice mac)
{
    unsigned char made[32];
    size_t length = hmac_of(d, key, pieces, n, made);
    bool same = length > 0 && same_secret(slice_of((const char *)made, length), mac);
    OPENSSL_cleanse(made, sizeof made);
    return same;
}

/* ---- public keys ---------------------------------------------------------------------------------------------- */

static EVP_PKEY *key_from_pem(slice pem)
{
    BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *key = bio ? PEM_read_bio_PUBKEY(bio, NULL, NULL, NULL) : NULL;
    BIO_free(bio);
    return key;
}

static EVP_PKEY *key_from_base64(slice text)
{
    char der[SIGNATURE_MAX_KEY_BYTES];
    const unsigned char *p = (const unsigned char *)der;
    size_t n = base64_decode(text, der);
    return n ? d2i_PUBKEY(NULL, &p, (long)n) : NULL;
}

static EVP_PKEY *key_read(slice text)
{
    text = slice_trim(text);
    if (text.n == 0 || text.n > SIGNATURE_MAX_KEY_BYTES - 4)
        return NULL;
    return slice_starts(text, S("-----BEGIN")) ? key_from_pem(text) : key_from_base64(text);
}

static bool verify_pieces(EVP_PKEY *key, enum digest d, const slice *pieces, size_t n, slice signature)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    const EVP_MD *md = d == DIGEST_SHA1 ? EVP_sha1() : EVP_sha256();
    bool ok = ctx && EVP_DigestVerifyInit(ctx, NULL, md, NULL, key) == 1;
    for (size_t i = 0; i < n && ok; i++)
        ok = EVP_DigestVerifyUpdate(ctx, pieces[i].p, pieces[i].n) == 1;
    ok = ok && EVP_DigestVerifyFinal(ctx, (const unsigned char *)signature.p, signature.n) == 1;
    EVP_MD_CTX_free(ctx);
    return ok;
}

/* Takes the key over; NULL is no key. */
static enum key_answer answer_of(EVP_PKEY *key, bool ec, enum digest d, const slice *pieces, size_t n, slice signature)
{
    enum key_answer answer = KEY_UNREADABLE;
    if (key && EVP_PKEY_get_base_id(key) == (ec ? EVP_PKEY_EC : EVP_PKEY_RSA))
        answer = verify_pieces(key, d, pieces, n, signature) ? KEY_FITS : KEY_FITS_NOT;
    EVP_PKEY_free(key);
    ERR_clear_error();
    return answer;
}

enum key_answer key_verify(slice key, bool ec, enum digest d, const slice *pieces, size_t n, slice signature)
{
    return answer_of(key_read(key), ec, d, pieces, n, signature);
}

static bool valid_at(const X509 *cert, int64_t now_s)
{
    time_t now = (time_t)now_s;
    /* -1: the time in the certificate lies before, 1: behind, 0: cannot be read */
    return X509_cmp_time(X509_get0_notBefore(cert), &now) < 0 && X509_cmp_time(X509_get0_notAfter(cert), &now) > 0;
}

enum key_answer certificate_verify(slice pem, int64_t now_s, enum digest d, const slice *pieces, size_t n,
                                   slice signature)
{
    BIO *bio = pem.n && pem.n <= SIGNATURE_MAX_KEY_BYTES ? BIO_new_mem_buf(pem.p, (int)pem.n) : NULL;
    X509 *cert = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
    EVP_PKEY *key = cert && valid_at(cert, now_s) ? X509_get_pubkey(cert) : NULL;
    X509_free(cert);
    BIO_free(bio);
    return answer_of(key, false, d, pieces, n, signature);
}

/* ---- text to bytes -------------------------------------------------------------------------------------------- */

slice signature_from_base64(slice text, arena *a)
{
    text = slice_trim(text);
    char *out = text.n <= SIGNATURE_MAX_BYTES / 3 * 4 ? arena_alloc(a, text.n / 4 * 3 + 3) : NULL;
    return out ? slice_of(out, base64_decode(text, out)) : SLICE_EMPTY;
}

slice signature_from_hex(slice text, arena *a)
{
    text = slice_trim(text);
    char *out = text.n <= 2 * SIGNATURE_MAX_BYTES ? arena_alloc(a, text.n / 2 + 1) : NULL;
    size_t n;
    return out && hex_decode(text, out, &n) ? slice_of(out, n) : SLICE_EMPTY;
}
