/* Threads that parse, judge and read SQL, so that the loop never waits. A job is run by one worker and given back to the loop.
 *
 * Each worker has its own reader of mails, its own read-only handle of the ledger and an arena that is empty when a job begins.
 * Rules and policy are those of the moment when the job began (a reload changes nothing under it). Jobs are begun in order.
 */
#ifndef SERVE_WORKERS_H
#define SERVE_WORKERS_H

#include "serve/knowledge.h"
#include "serve/post.h"

struct workers;

/* What a job may use while it runs; gone afterwards. What goes on to the writer must outlive the job: observations and
 * verdicts in memory of the job's own, and the knowledge kept for them (knowledge_keep). */
struct worker {
    struct ledger *ledger; /* read-only */
    const struct knowledge *knowledge;
    struct bounce_reader *reader;
    arena *a; /* scratch */
    int64_t now_us;
};

struct job {
    struct note note;                             /* set by workers_put */
    struct job *next;                             /* theirs */
    void (*run)(struct job *j, struct worker *w); /* on a worker */
    void (*done)(struct job *j);                  /* on the loop thread */
};

struct workers_options {
    unsigned threads; /* 0: 2 */
    const char *ledger_path;
    struct knowledge_box *knowledge;
    struct post *post;
    size_t max_waiting;     /* 0: 10000 */
    const char *vfs;        /* for tests; NULL: the default one */
    int64_t (*clock)(void); /* wall time, microseconds */
};

NODISCARD enum status workers_new(const struct workers_options *o, struct workers **out, err *e);
/* E_BUSY when max_waiting jobs wait: the caller's peer is told to come again. */
NODISCARD enum status workers_put(struct workers *w, struct job *j);
size_t workers_waiting(struct workers *w);
/* Finishes what was put, then ends the threads; workers_put says E_BUSY from now on. What is done is posted: post_run gives it back. */
void workers_end(struct workers *w);
/* Ends them first, where that was not done. */
void workers_free(struct workers **w);

#endif
