#include "esp_signer.h"

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/codec.h"

EVP_PKEY *signer_key(bool ec)
{
    EVP_PKEY *key = ec ? EVP_EC_gen("P-256") : EVP_RSA_gen(2048);
    MUST(key);
    return key;
}

static slice base64(slice raw, arena *a)
{
    char *out = arena_alloc(a, (raw.n + 2) / 3 * 4);
    MUST(out);
    return slice_of(out, base64_encode(raw, out));
}

static slice take_bio(BIO *bio, arena *a)
{
    char *p;
    long n = BIO_get_mem_data(bio, &p);
    slice out = arena_dup(a, slice_of(p, (size_t)n));
    BIO_free(bio);
    return out;
}

slice signer_public(EVP_PKEY *key, bool pem, arena *a)
{
    if (pem) {
        BIO *bio = BIO_new(BIO_s_mem());
        MUST(PEM_write_bio_PUBKEY(bio, key) == 1);
        return take_bio(bio, a);
    }
    unsigned char *der = NULL;
    int n = i2d_PUBKEY(key, &der);
    MUST(n > 0);
    slice out = base64(slice_of((const char *)der, (size_t)n), a);
    OPENSSL_free(der);
    return out;
}

slice signer_certificate(EVP_PKEY *key, int64_t from_s, int64_t to_s, arena *a)
{
    X509 *cert = X509_new();
    MUST(ASN1_TIME_set(X509_getm_notBefore(cert), (time_t)from_s) &&
         ASN1_TIME_set(X509_getm_notAfter(cert), (time_t)to_s));
    MUST(X509_set_version(cert, 2) == 1 && ASN1_INTEGER_set(X509_get_serialNumber(cert), 1) == 1);
    MUST(X509_set_pubkey(cert, key) == 1 && X509_sign(cert, key, EVP_sha256()) > 0);
    BIO *bio = BIO_new(BIO_s_mem());
    MUST(PEM_write_bio_X509(bio, cert) == 1);
    X509_free(cert);
    return take_bio(bio, a);
}

slice signer_sign(EVP_PKEY *key, enum digest d, slice text, arena *a)
{
    unsigned char out[SIGNATURE_MAX_BYTES];
    size_t n = sizeof out;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    MUST(EVP_DigestSignInit(ctx, NULL, d == DIGEST_SHA1 ? EVP_sha1() : EVP_sha256(), NULL, key) == 1);
    MUST(EVP_DigestSign(ctx, out, &n, (const unsigned char *)text.p, text.n) == 1);
    EVP_MD_CTX_free(ctx);
    return base64(slice_of((const char *)out, n), a);
}

slice signer_hmac(enum digest d, slice key, slice text, bool hex, arena *a)
{
    unsigned char mac[32];
    slice raw = slice_of((const char *)mac, hmac_of(d, key, &text, 1, mac));
    if (!hex)
        return base64(raw, a);
    char *out = arena_alloc(a, raw.n * 2);
    MUST(out);
    return slice_of(out, hex_encode(raw, out));
}
