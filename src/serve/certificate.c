#include "serve/certificate.h"

#include <openssl/ssl.h>

#include "net/tls.h"
#include "serve/conf.h"

enum { OLDEST_1_2, OLDEST_1_3 }; /* the words of [tls] oldest */

enum status certificate_load(const struct settings *s, struct ssl_ctx_st **out, err *e)
{
    const struct conf_tls *c = settings_of(s, "tls");
    *out = NULL;
    if (slice_empty(c->certificate))
        return err_set(e, E_INVALID, "[tls] certificate: must be given where a listener offers TLS");
    enum status st = tls_server_new(c->certificate, c->key, out, e);
    if (st == OK && c->oldest == OLDEST_1_3 && !SSL_CTX_set_min_proto_version(*out, TLS1_3_VERSION)) {
        tls_server_free(out);
        st = err_set(e, E_UNSUPPORTED, "[tls] oldest: this system's OpenSSL has no TLS 1.3");
    }
    return st;
}
