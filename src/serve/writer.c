#include "serve/writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/time.h"
#include "serve/clock.h"

#define GATHER_US INT64_C(1000)
#define GATHER_ENOUGH 64u /* observations that go without waiting for more */

struct writer {
    struct writer_options o;
    struct ledger *ledger;
    struct table *table;
    int64_t table_seq;
    struct pauses *pauses;
    int64_t paused_us;                 /* monotonic: when they were looked at */
    struct intake *intake;             /* of `knowledge` */
    const struct knowledge *knowledge; /* held */
    struct unit *batch;                /* being committed */
    struct intake_counts committed;    /* by all intakes so far */
    pthread_t thread;
    bool running;

    pthread_mutex_t lock; /* of all below */
    pthread_cond_t more;
    struct unit *first, **end;
    size_t waiting;
    bool ending;
    struct writer_counts counts;
};

static size_t weight(const struct unit *u)
{
    return u->act ? 1 : u->count + 1;
}

static void give_back(struct note *n)
{
    struct unit *u = (struct unit *)(void *)((char *)n - offsetof(struct unit, note));
    u->done(u);
}

enum status writer_put(struct writer *w, struct unit *u)
{
    u->note.run = give_back;
    u->next = NULL;
    u->status = OK;
    u->error = (err){0};
    pthread_mutex_lock(&w->lock);
    bool full = w->ending || (w->waiting && w->waiting + weight(u) > WRITER_MAX_WAITING);
    if (!full) {
        *w->end = u;
        w->end = &u->next;
        w->waiting += weight(u);
        pthread_cond_signal(&w->more);
    }
    pthread_mutex_unlock(&w->lock);
    return full ? E_BUSY : OK;
}

/* ---- what goes together ---- */

static void until(struct timespec *t, int64_t us)
{
    clock_gettime(CLOCK_MONOTONIC, t);
    int64_t ns = t->tv_nsec + us % TIME_SECOND * 1000;
    t->tv_sec += (time_t)(us / TIME_SECOND + ns / 1000000000);
    t->tv_nsec = (long)(ns % 1000000000);
}

/* The knowledge whose rules judged the first unit; units that another one judged wait for the next batch. */
static bool fits(const struct unit *u, const struct unit *first, size_t observations)
{
    return !u->act && u->knowledge == first->knowledge && observations + u->count <= INTAKE_BATCH;
}

/* Cuts off what is committed next: one act, or as many units as go together. The lock is held. */
static struct unit *cut(struct writer *w)
{
    struct unit *head = w->first, *last = head;
    size_t observations = head->count;
    if (!head->act)
        while (last->next && fits(last->next, head, observations)) {
            last = last->next;
            observations += last->count;
        }
    w->first = last->next;
    last->next = NULL;
    if (!w->first)
        w->end = &w->first;
    return head;
}

/* Waits for work. NULL: none came in a while, or (*ended) there will be none any more. */
static struct unit *take(struct writer *w, bool *ended)
{
    struct timespec t;
    struct unit *u = NULL;
    pthread_mutex_lock(&w->lock);
    if (!w->first && !w->ending) {
        until(&t, WRITER_FOLLOW_US);
        pthread_cond_timedwait(&w->more, &w->lock, &t);
        if (w->first && !w->ending && w->waiting < GATHER_ENOUGH && w->o.gather_us > 0) {
            until(&t, w->o.gather_us);
            while (!w->ending && w->waiting < GATHER_ENOUGH &&
                   pthread_cond_timedwait(&w->more, &w->lock, &t) != ETIMEDOUT)
                ;
        }
    }
    *ended = w->ending && !w->first;
    if (w->first)
        u = cut(w);
    pthread_mutex_unlock(&w->lock);
    return u;
}

/* ---- committing ---- */

/* Inside of the transaction, when all observations are written. */
static enum status write_more(void *ctx, struct ledger *l, err *e)
{
    struct writer *w = ctx;
    enum status st = OK;
    for (struct unit *u = w->batch; u && st == OK; u = u->next)
        if (u->more)
            st = u->more(u, l, e);
    return st;
}

/* Makes an intake for the rules that this batch was judged by. */
static enum status learn(struct writer *w, const struct knowledge *k, err *e)
{
    const struct knowledge *now = k ? knowledge_keep(k) : knowledge_hold(w->o.knowledge);
    if (w->intake && now == w->knowledge) {
        knowledge_release(&now);
        return OK;
    }
    struct intake_options io = {
        .more = write_more, .more_ctx = w, .breaker = &now->breaker, .incidents = now->incidents};
    intake_free(&w->intake);
    if (w->knowledge)
        knowledge_release(&w->knowledge);
    w->knowledge = now;
    return intake_new(w->ledger, now->rules, &now->policy, &io, &w->intake, e);
}

static enum status gather(struct writer *w, const struct unit *u, err *e)
{
    enum status st = OK;
    for (size_t i = 0; i < u->count && st == OK; i++)
        st = intake_add(w->intake, &u->observations[i], e);
    for (size_t i = 0; i < u->feed_count && st == OK; i++)
        st = intake_feed(w->intake, &u->feeds[i], e);
    return st;
}

static enum status commit(struct writer *w, struct unit *batch, err *e)
{
    struct intake_result r;
    enum status st = learn(w, batch->knowledge, e);
    w->batch = batch;
    for (const struct unit *u = batch; u && st == OK; u = u->next)
        st = gather(w, u, e);
    if (st == OK)
        st = intake_flush(w->intake, w->o.clock(), &r, e);
    if (st == OK)
        intake_counts_add(&w->committed, &r.counts);
    else if (w->intake)
        intake_drop(w->intake);
    return st;
}

/* What the environment refuses it refuses to every unit; anything else may be the fault of one of them. */
static bool fault_of_one(enum status st)
{
    return st == E_INVALID || st == E_CORRUPT || st == E_UNSUPPORTED || st == E_MEMORY || st == E_NOT_FOUND;
}

static void mark(struct unit *batch, enum status st, const err *e)
{
    for (struct unit *u = batch; u; u = u->next) {
        u->status = st;
        if (st != OK)
            u->error = *e;
    }
}

static void commit_each(struct writer *w, struct unit *batch)
{
    for (struct unit *u = batch; u; u = u->next) {
        struct unit *next = u->next;
        u->next = NULL;
        u->status = commit(w, u, &u->error);
        u->next = next;
    }
}

static void commit_batch(struct writer *w, struct unit *batch)
{
    err e;
    enum status st = commit(w, batch, &e);
    mark(batch, st, &e);
    if (batch->next && fault_of_one(st))
        commit_each(w, batch);
}

static void act(struct writer *w, struct unit *u)
{
    const struct knowledge *now = knowledge_hold(w->o.knowledge);
    u->status = u->act(u, w->ledger, &now->policy, &u->error);
    knowledge_release(&now);
}

/* Nothing came in a while: incidents end without mail too. What cannot be written now is the next time. */
static enum status pass_time(struct writer *w)
{
    err e;
    return w->intake ? intake_tick(w->intake, w->o.clock(), &e) : OK;
}

/* The table is a cache: what it misses now it gets the next time. */
static enum status follow(struct writer *w)
{
    err e;
    return table_follow(w->table, w->ledger, &w->table_seq, &e);
}

/* The same for what better waits; twice a second is enough. */
static enum status follow_pauses(struct writer *w, bool acted)
{
    err e;
    int64_t now_us = clock_monotonic_us();
    if (!acted && w->paused_us && now_us - w->paused_us < WRITER_FOLLOW_US)
        return OK;
    w->paused_us = now_us;
    const struct knowledge *now = knowledge_hold(w->o.knowledge);
    enum status st = pauses_follow(w->pauses, w->ledger, now->incidents.defer, &e);
    knowledge_release(&now);
    return st;
}

static void give_all_back(struct writer *w, struct unit *batch)
{
    while (batch) {
        struct unit *next = batch->next; /* a unit is its feed's again as soon as it is sent */
        if (batch->knowledge)
            knowledge_release(&batch->knowledge);
        post_send(w->o.post, &batch->note);
        batch = next;
    }
}

static void count(struct writer *w, const struct unit *batch, int64_t took_us, enum status followed)
{
    size_t suppressions = table_count(w->table);
    pthread_mutex_lock(&w->lock);
    struct writer_counts *c = &w->counts;
    c->state = followed;
    for (const struct unit *u = batch; u; u = u->next) {
        w->waiting -= weight(u);
        c->units++;
        c->acts += u->act != NULL;
        c->failures += u->status != OK;
        if (!u->act && u->status != OK)
            c->state = u->status;
    }
    if (batch) {
        c->commits++;
        c->last_commit_us = (uint64_t)took_us;
        c->commit_us += (uint64_t)took_us;
    }
    c->intake = w->committed;
    c->suppressions = suppressions;
    c->incidents = w->intake ? intake_open_incidents(w->intake) : 0;
    pthread_mutex_unlock(&w->lock);
}

static void *run(void *ctx)
{
    struct writer *w = ctx;
    for (bool ended = false; !ended;) {
        struct unit *batch = take(w, &ended);
        int64_t from = clock_monotonic_us();
        if (batch && batch->act)
            act(w, batch);
        else if (batch)
            commit_batch(w, batch);
        enum status passed = batch ? OK : pass_time(w), followed = follow(w);
        if (followed == OK)
            followed = follow_pauses(w, batch && batch->act);
        count(w, batch, clock_monotonic_us() - from, followed == OK ? passed : followed);
        give_all_back(w, batch);
    }
    return NULL;
}

/* ---- beginning and end ---- */

static enum status open_ledger(struct writer *w, err *e)
{
    struct ledger_options lo = {
        .path = w->o.ledger_path, .create = true, .vfs = w->o.vfs, .synchronous = w->o.synchronous};
    enum status st = ledger_open(&lo, &w->ledger, e);
    int64_t marks = 0;
    if (st == OK)
        st = ledger_mark_count(w->ledger, &marks, e);
    if (st == OK)
        st = table_new(ledger_key(w->ledger), (size_t)marks, &w->table, e);
    if (st == OK)
        st = table_follow(w->table, w->ledger, &w->table_seq, e);
    return st;
}

enum status writer_new(const struct writer_options *o, struct writer **out, err *e)
{
    pthread_condattr_t monotonic;
    struct writer *w = calloc(1, sizeof *w);
    *out = w;
    if (!w)
        return err_set(e, E_MEMORY, "writer: out of memory");
    w->o = *o;
    if (w->o.gather_us == 0)
        w->o.gather_us = GATHER_US;
    w->end = &w->first;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->more, &monotonic);
    pthread_condattr_destroy(&monotonic);
    enum status st = open_ledger(w, e);
    w->pauses = pauses_new();
    if (st == OK && !w->pauses)
        st = err_set(e, E_MEMORY, "writer: out of memory");
    if (st == OK) {
        count(w, NULL, 0, OK);
        w->running = pthread_create(&w->thread, NULL, run, w) == 0;
        if (!w->running)
            st = err_set(e, E_MEMORY, "writer: no thread");
    }
    if (st != OK)
        writer_free(out);
    return st;
}

struct pauses *writer_pauses(struct writer *w)
{
    return w->pauses;
}

const struct table *writer_table(const struct writer *w)
{
    return w->table;
}

void writer_counts(struct writer *w, struct writer_counts *out)
{
    pthread_mutex_lock(&w->lock);
    *out = w->counts;
    out->waiting = w->waiting;
    pthread_mutex_unlock(&w->lock);
}

void writer_end(struct writer *w)
{
    pthread_mutex_lock(&w->lock);
    w->ending = true;
    pthread_cond_signal(&w->more);
    pthread_mutex_unlock(&w->lock);
    if (w->running)
        pthread_join(w->thread, NULL);
    w->running = false;
}

void writer_free(struct writer **writer)
{
    struct writer *w = *writer;
    if (!w)
        return;
    writer_end(w);
    intake_free(&w->intake);
    if (w->knowledge)
        knowledge_release(&w->knowledge);
    table_free(&w->table);
    pauses_free(&w->pauses);
    ledger_close(&w->ledger);
    pthread_cond_destroy(&w->more);
    pthread_mutex_destroy(&w->lock);
    free(w);
    *writer = NULL;
}
