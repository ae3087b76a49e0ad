/* The systemd journal as the source of a feed: the system's own, or a directory of journal files. Read on a worker, by libsystemd; a
 * build without it (meson -Djournal=disabled) has tail_journal_none.c in its place.
 *
 * Entries count that went to syslog's facility mail, or came from a program that has a dialect under its usual name, or from the syslog
 * daemons (who tell of gaps). The position is the cursor of the last entry, under the name journal:FEED. A journal that no longer has
 * that entry (vacuumed, or another one) is read on from the next one that it has.
 *
 * libsystemd wants a journal to be used by the thread that has opened it, and jobs of a feed are run by any worker: so each look
 * opens it and closes it again.
 */
#ifndef SERVE_TAIL_JOURNAL_H
#define SERVE_TAIL_JOURNAL_H

#include "serve/tail_batch.h"

/* From the first sign of change to the look, which costs 30 microseconds for each journal file. */
#define TAIL_JOURNAL_GATHER_US INT64_C(50000)
#define TAIL_JOURNAL_PLACES 2u

/* E_UNSUPPORTED: this build cannot. */
NODISCARD enum status tail_journal_can(err *e);
/* The directories in which something changes when entries come, TAIL_JOURNAL_PLACES at most, in *a. `path` empty: the system's journal,
 * which lies in one place or the other. (journald writes into memory, and says so to those who watch.) */
size_t tail_journal_places(slice path, arena *a, slice places[TAIL_JOURNAL_PLACES]);
/* Reads on behind the ledger's cursor, or from s->since_us on when there is none; s->path "": the system's journal. */
void tail_journal_read(struct tail_batch *b, const struct tail_source *s, struct maillog *logs, struct worker *w);

#endif
