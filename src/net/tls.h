/* The server's side of TLS: certificate and key from PEM files, TLS 1.2 and newer, the library's own choice of ciphers.
 *
 * A context is counted by OpenSSL: listeners take their own reference, and a connection keeps that under which it began. Reloading
 * means to make a new one and give it to listener_set_tls. The process ignores SIGPIPE (OpenSSL writes to sockets by itself).
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/err.h"
#include "base/slice.h"

struct ssl_ctx_st;

/* `cert` is the path of the chain, the server's certificate first; `key` that of its key, empty: in the same file. E_INVALID,
 * E_NOT_FOUND or E_ACCESS with the name of the file; a key with a passphrase is E_INVALID (nobody is there to type it). */
NODISCARD enum status tls_server_new(slice cert, slice key, struct ssl_ctx_st **out, err *e);
/* Gives up the caller's reference. */
void tls_server_free(struct ssl_ctx_st **ctx);

#endif
