/* The table of dialects: how each knows its lines, and who reads them. For no file outside of this folder.
 */
#ifndef FEED_DIALECTS_H
#define FEED_DIALECTS_H

#include "feed/log_work.h"

enum log_shape {
    SHAPE_SYSLOG, /* lines with a tag */
    SHAPE_LINE    /* lines of the program's own; they come as the message of a line without stamp and tag */
};

struct log_dialect {
    const char *name;
    enum log_shape shape;
    bool (*claims)(
        const struct syslog_line *line); /* true for a line of this program, whether it tells of mail or not */
    log_handler read;
};

/* The dialect of that shape that claims the line, or NULL. */
const struct log_dialect *log_dialect_of(enum log_shape shape, const struct syslog_line *line);

bool postfix_claims(const struct syslog_line *line);
bool postfix_read(struct work *w);

#endif
