/* The filter protocol of OpenSMTPD (smtpd-filters(7)), versions 0.4 to 0.7: lines with "|" between fields, from smtpd and to it. A line
 * machine: it is given lines and appends lines; who reads and writes them is not its concern.
 *
 * smtpd tells its configuration first; at "config|ready" the filter registers: reports of who connects, logs in and sends, and the
 * phase rcpt-to, in which each recipient is asked about. Reject and defer refuse it. The protocol can neither discard one recipient
 * nor add a header in that phase: discard is a refusal, or an address to which the recipient is rewritten; tag is nothing.
 *
 * Limits: a line of OPENSMTPD_MAX_LINE_BYTES, OPENSMTPD_MAX_SESSIONS at once; of a session that is not known nothing is refused.
 */
#ifndef NET_OPENSMTPD_H
#define NET_OPENSMTPD_H

#include "base/hash.h"
#include "net/ask.h"

#define OPENSMTPD_MAX_LINE_BYTES 8192u
#define OPENSMTPD_MAX_SESSIONS 100000u

struct opensmtpd;

struct opensmtpd_options {
    struct asker *asker; /* its `out` is where lines are appended */
    struct sip_key key;  /* random: session ids come from outside */
    slice discard_to;    /* empty: discard refuses; lives as long */
};

/* NULL when memory is refused. */
struct opensmtpd *opensmtpd_new(const struct opensmtpd_options *o);
void opensmtpd_free(struct opensmtpd **o);
/* A line without its end. False when smtpd speaks another protocol: the filter should end. What it tells and we have no use for is
 * passed over. */
NODISCARD bool opensmtpd_line(struct opensmtpd *o, slice line);
size_t opensmtpd_sessions(const struct opensmtpd *o);

#endif
