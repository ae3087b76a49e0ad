/* The table of dialects: how each knows its lines, and who reads them. For no file outside of this folder.
 */
#ifndef FEED_DIALECTS_H
#define FEED_DIALECTS_H

#include "feed/log_work.h"

/* True for a line of syslog of this program, by its tag, whether it tells of mail or not. */
typedef bool (*log_claims_tag)(const struct syslog_line *line);
/* The same for a line of a form of its own: the message of a line without stamp and tag. `m` (may be NULL) is for who needs to know
 * how the file began. */
typedef bool (*log_claims_line)(const struct maillog *m, const struct syslog_line *line);

struct log_dialect {
    const char *name;
    log_claims_line claims_line; /* NULL: it has no form of its own */
    log_claims_tag claims_tag;   /* NULL: it does not write to syslog */
    log_handler read;
};

/* The dialect that claims a line of its own form / of syslog, or NULL. */
const struct log_dialect *log_dialect_of_line(const struct maillog *m, const struct syslog_line *line);
const struct log_dialect *log_dialect_of_tag(const struct syslog_line *line);

bool postfix_claims_tag(const struct syslog_line *line);
bool postfix_read(struct work *w);
bool exim_claims_line(const struct maillog *m, const struct syslog_line *line);
bool exim_claims_tag(const struct syslog_line *line);
bool exim_read(struct work *w);
bool opensmtpd_claims_tag(const struct syslog_line *line);
bool opensmtpd_read(struct work *w);
bool sendmail_claims_tag(const struct syslog_line *line);
bool sendmail_read(struct work *w);
bool powermta_claims_line(const struct maillog *m, const struct syslog_line *line);
bool powermta_read(struct work *w);
/* The file at hand begins anew: its first bytes may name the columns. */
void powermta_file(struct maillog *m, slice head);
bool kumomta_claims_line(const struct maillog *m, const struct syslog_line *line);
bool kumomta_read(struct work *w);
bool events_claims_line(const struct maillog *m, const struct syslog_line *line);
bool events_read_line(struct work *w);

#endif
