/* The certificate of [tls], for listeners that offer TLS. */
#ifndef SERVE_CERTIFICATE_H
#define SERVE_CERTIFICATE_H

#include "base/err.h"
#include "serve/settings.h"

struct ssl_ctx_st;

/* E_INVALID when [tls] names no certificate. Give it back with tls_server_free (net/tls.h). */
NODISCARD enum status certificate_load(const struct settings *s, struct ssl_ctx_st **out, err *e);

#endif
