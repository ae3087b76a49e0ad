/* journald's export format (systemd, "Journal Export Formats"): entries of KEY=VALUE lines, or KEY LF, 64-bit
 * little-endian length, bytes, LF; an empty line ends an entry. Pure; slices point into the text.
 */
#ifndef FEED_JOURNAL_H
#define FEED_JOURNAL_H

#include "feed/syslog.h"

struct journal_entry {
    struct syslog_line
        line; /* stamp: __REALTIME_TIMESTAMP (or the sender's own), host: _HOSTNAME, tag: SYSLOG_IDENTIFIER, message */
    slice cursor;
};

/* Takes the next whole entry from *rest: 1; 0 when *rest holds none that is whole (it stays as it is, unless `last`
 * says that nothing will follow: then what is there counts as an entry); -1 for an entry that makes no sense (taken
 * away). */
int journal_next(slice *rest, bool last, struct journal_entry *out);

#endif
