/* What stands behind "MAIL FROM:" and "RCPT TO:": a path and its parameters (RFC 5321 4.1.2, 4.1.1.11). Pure.
 *
 * Read as strangers write it: a blank before the path, no angle brackets, a source route (dropped, RFC 5321 appendix C), dots
 * anywhere in a local part. Control bytes, blanks outside of quotes and invalid UTF-8 make it no path.
 *
 * Slices point into the text, but for what was encoded as xtext, which is decoded into the arena. A decoded value with control
 * bytes in it is refused, since it will be shown.
 */
#ifndef NET_SMTP_PATH_H
#define NET_SMTP_PATH_H

#include "base/arena.h"

#define SMTP_MAX_LOCAL_BYTES 256u  /* RFC 5321 4.5.3.1.1 says 64; return paths of others are longer */
#define SMTP_MAX_DOMAIN_BYTES 255u /* RFC 5321 4.5.3.1.2 */
#define SMTP_MAX_ENVID_BYTES 100u  /* RFC 3461 4.4, decoded */
#define SMTP_MAX_ORCPT_BYTES 500u  /* RFC 3461 4.2 */

struct smtp_path {
    slice address; /* without brackets and route; empty: "<>" */
    slice domain;  /* of it, without "@"; empty: none ("<postmaster>") */
    slice rest;    /* behind it */
    bool utf8;     /* not all ASCII */
};
/* False: it is no path. */
NODISCARD bool smtp_path_parse(slice text, struct smtp_path *out);

enum smtp_body { SMTP_BODY_7BIT, SMTP_BODY_8BITMIME };         /* RFC 6152 */
enum smtp_ret { SMTP_RET_NONE, SMTP_RET_FULL, SMTP_RET_HDRS }; /* RFC 3461 4.3 */
enum smtp_notify {                                             /* RFC 3461 4.1, bits */
                   SMTP_NOTIFY_NEVER = 1,
                   SMTP_NOTIFY_SUCCESS = 2,
                   SMTP_NOTIFY_FAILURE = 4,
                   SMTP_NOTIFY_DELAY = 8
};

struct smtp_params {
    uint64_t size; /* of MAIL; 0: not told */
    enum smtp_body body;
    bool utf8;
    enum smtp_ret ret;
    slice envid;
    unsigned notify; /* of RCPT; 0: not told */
    slice orcpt_type, orcpt;
};
/* "SIZE=1000 BODY=8BITMIME" and so on. Returns the empty slice, or the reply that refuses it: 501 5.5.4 for a value that makes no
 * sense or stands there twice, 555 5.5.4 for a name that is not known, 452 4.3.1 when memory was refused. */
NODISCARD slice smtp_mail_params(slice text, arena *a, struct smtp_params *out);
NODISCARD slice smtp_rcpt_params(slice text, arena *a, struct smtp_params *out);

#endif
