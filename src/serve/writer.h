/* The one writer: a thread that owns the ledger's write handle, the intake and the suppression table. Units of work from all feeds
 * gather while a commit is under way and go together in the next one; a unit is given back when it is durable, or has failed, whole.
 *
 * A unit of observations may carry the position of its feed and what the feed remembers: they are in the same transaction. A unit
 * with an `act` is a transaction of its own (suppress by hand, import, erase) and runs in its place in the order.
 *
 * When a commit fails, every unit of it comes back with that status and nothing of it is in the ledger; feeds answer "later" and
 * come again. The table follows after each commit, before the units are given back: whoever is told "committed" finds the answer
 * changed. What other processes commit (`bounced suppress add`) is seen within WRITER_FOLLOW_US. The observations' texts must live
 * until the unit is given back.
 */
#ifndef SERVE_WRITER_H
#define SERVE_WRITER_H

#include "core/intake.h"
#include "ledger/table.h"
#include "serve/knowledge.h"
#include "serve/pauses.h"
#include "serve/post.h"

#define WRITER_MAX_WAITING 100000u         /* observations and acts; above it writer_put says E_BUSY */
#define WRITER_FOLLOW_US (TIME_SECOND / 2) /* how often the table looks for what other processes committed */

struct writer;

struct unit {
    struct note note;  /* theirs; `done` below is what is called */
    struct unit *next; /* theirs */
    const struct observation *observations;
    size_t count;
    /* Whose rules gave the verdicts that are there, held (knowledge_keep) and let go by the writer; NULL: there are none, the writer
     * judges. */
    const struct knowledge *knowledge;
    const struct ledger_feed *feeds; /* positions to store with them */
    size_t feed_count;
    /* More to write in the same transaction, behind the observations (memory of a dialect, raw bodies). NULL: nothing. */
    enum status (*more)(struct unit *u, struct ledger *l, err *e);
    /* Instead of observations: a transaction of its own, which it begins and commits itself through core. */
    enum status (*act)(struct unit *u, struct ledger *l, const struct policy *policy, err *e);
    void (*done)(struct unit *u); /* on the loop thread: look at status */
    enum status status;
    err error;
};

struct writer_options {
    const char *ledger_path;
    const char *vfs, *synchronous; /* for tests */
    struct knowledge_box *knowledge;
    struct post *post;
    int64_t gather_us;      /* how long a lone unit waits for company; 0: 1 ms, -1: not at all */
    int64_t (*clock)(void); /* wall time, microseconds */
};

struct writer_counts {
    uint64_t commits, units, acts, failures; /* failures: units given back with another status than OK */
    uint64_t commit_us, last_commit_us;      /* all together, and the last one */
    struct intake_counts intake;
    size_t waiting;      /* observations and acts that are not durable yet */
    enum status state;   /* OK, or why commits fail now */
    size_t suppressions; /* in the table */
    size_t incidents;    /* noticed and open */
};

/* Opens the ledger (makes it when it is not there), fills the table, starts the thread. */
NODISCARD enum status writer_new(const struct writer_options *o, struct writer **out, err *e);
/* From any thread. E_BUSY: too much is waiting; the unit is the caller's still. */
NODISCARD enum status writer_put(struct writer *w, struct unit *u);
/* The receivers to whom better nothing is sent just now: as long as the writer. */
struct pauses *writer_pauses(struct writer *w);
/* The table that every check reads: lives as long as the writer. */
const struct table *writer_table(const struct writer *w);
void writer_counts(struct writer *w, struct writer_counts *out);
/* Commits what is waiting, gives it back (post_run runs it), ends the thread; writer_put says E_BUSY from now on. */
void writer_end(struct writer *w);
/* Ends it first, where that was not done; closes the ledger. */
void writer_free(struct writer **w);

#endif
