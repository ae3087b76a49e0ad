/* One mail by SMTP (RFC 5321) to a server that somebody named, with libcurl: blocking, for helper processes and commands, never on the loop.
 *
 * The message is sent as it is but for line ends, which become CRLF; dots are stuffed by libcurl. All recipients are given in one
 * transaction; one that is refused fails the whole.
 */
#ifndef NET_SUBMIT_H
#define NET_SUBMIT_H

#include "base/err.h"

#define SUBMIT_MAX_RECIPIENTS 64u

struct submission {
    const char *server; /* "127.0.0.1:25", "mail.example.org:587", "smtps://mail.example.org" */
    const char *from;   /* envelope sender; "" is the null sender */
    const char *const *to;
    size_t to_count;
    int64_t timeout_us;
};

/* E_INVALID: the server is not written as above, or nobody is told. E_IO with what the server said. */
NODISCARD enum status submit(const struct submission *s, slice message, err *e);

#endif
