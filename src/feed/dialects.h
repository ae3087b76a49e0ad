/* The table of dialects: how each knows its lines, and who reads them. For no file outside of this folder.
 */
#ifndef FEED_DIALECTS_H
#define FEED_DIALECTS_H

#include "feed/log_work.h"

/* True for a line of this program, whether it tells of mail or not. */
typedef bool (*log_claim)(const struct syslog_line *line);

struct log_dialect {
    const char *name;
    log_claim
        claims_line; /* lines of a form of its own: the message of a line without stamp and tag; NULL: it has none */
    log_claim claims_tag; /* lines of syslog, by their tag; NULL: it does not write there */
    log_handler read;
};

/* The dialect that claims a line of its own form / of syslog, or NULL. */
const struct log_dialect *log_dialect_of_line(const struct syslog_line *line);
const struct log_dialect *log_dialect_of_tag(const struct syslog_line *line);

bool postfix_claims_tag(const struct syslog_line *line);
bool postfix_read(struct work *w);
bool exim_claims_line(const struct syslog_line *line);
bool exim_claims_tag(const struct syslog_line *line);
bool exim_read(struct work *w);
bool opensmtpd_claims_tag(const struct syslog_line *line);
bool opensmtpd_read(struct work *w);
bool sendmail_claims_tag(const struct syslog_line *line);
bool sendmail_read(struct work *w);

#endif
