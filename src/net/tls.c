#include "net/tls.h"

#include <errno.h>
#include <limits.h>
#include <unistd.h>

#include <openssl/err.h>
#include <openssl/ssl.h>

static int no_passphrase(char *out, int room, int writing, void *ctx)
{
    (void)out, (void)room, (void)writing, (void)ctx;
    return 0;
}

static bool copy_path(slice path, char out[PATH_MAX])
{
    if (path.n == 0 || path.n >= PATH_MAX || slice_chr(path, '\0') != SLICE_NPOS)
        return false;
    memcpy(out, path.p, path.n);
    out[path.n] = '\0';
    return true;
}

/* What OpenSSL has against a file; that it cannot be read is told by the system more plainly. */
static enum status refuse(const char *path, const char *what, err *e)
{
    if (access(path, R_OK) != 0)
        return err_os(e, errno, "%s", path);
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    return err_set(e, E_INVALID, "%s: %s: %s", path, what, why ? why : "not understood");
}

static enum status load(SSL_CTX *ctx, const char *cert, const char *key, err *e)
{
    SSL_CTX_set_default_passwd_cb(ctx, no_passphrase);
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1)
        return refuse(cert, "no certificate in PEM", e);
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        return refuse(key, "no key in PEM without passphrase that fits the certificate", e);
    if (SSL_CTX_check_private_key(ctx) != 1)
        return refuse(key, "the key is not that of the certificate", e);
    return OK;
}

enum status tls_server_new(slice cert, slice key, struct ssl_ctx_st **out, err *e)
{
    char cert_path[PATH_MAX], key_path[PATH_MAX];
    *out = NULL;
    if (!copy_path(cert, cert_path) || !copy_path(key.n ? key : cert, key_path))
        return err_set(e, E_INVALID, "certificate or key: no usable path");
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    if (!ctx)
        return err_set(e, E_MEMORY, "%s: no memory for TLS", cert_path);
    ERR_clear_error();
    (void)SSL_CTX_set_min_proto_version(ctx, TLS1_2_VERSION);
    (void)SSL_CTX_set_options(ctx,
                              SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_IGNORE_UNEXPECTED_EOF);
    (void)SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* tickets do, and hold no memory here */
    enum status st = load(ctx, cert_path, key_path, e);
    ERR_clear_error();
    if (st == OK)
        *out = ctx;
    else
        SSL_CTX_free(ctx);
    return st;
}

void tls_server_free(struct ssl_ctx_st **ctx)
{
    SSL_CTX_free(*ctx);
    *ctx = NULL;
}
