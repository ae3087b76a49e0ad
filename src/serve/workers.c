#include "serve/workers.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/time.h"
#include "ledger/ledger.h"

#define WORKERS_DEFAULT 2u
#define WORKERS_MAX 64u
#define WORKERS_MAX_WAITING 10000u
#define WORKER_ARENA_BYTES ((size_t)512 * 1024 * 1024) /* a mail of 50 MB and what is decoded of it */

struct workers {
    struct workers_options o;
    pthread_mutex_t lock;
    pthread_cond_t more;
    struct job *first, **end;
    size_t waiting;
    bool ending;
    unsigned running;
    struct one_worker {
        struct workers *all;
        struct ledger *ledger;
        pthread_t thread;
    } each[WORKERS_MAX];
};

/* What a worker keeps from job to job. */
struct desk {
    struct worker w;
    arena a;
};

static struct job *take(struct workers *ws)
{
    pthread_mutex_lock(&ws->lock);
    while (!ws->first && !ws->ending)
        pthread_cond_wait(&ws->more, &ws->lock);
    struct job *j = ws->first;
    if (j) {
        ws->first = j->next;
        if (!ws->first)
            ws->end = &ws->first;
        ws->waiting--;
    }
    pthread_mutex_unlock(&ws->lock);
    return j;
}

static void give_back(struct note *n)
{
    struct job *j = (struct job *)(void *)((char *)n - offsetof(struct job, note));
    j->done(j);
}

/* The reader of mails belongs to the rules: other rules, another reader. */
static void learn(struct desk *d, struct knowledge_box *box)
{
    const struct knowledge *now = knowledge_hold(box);
    if (now == d->w.knowledge) {
        knowledge_release(&now);
        return;
    }
    if (d->w.knowledge)
        knowledge_release(&d->w.knowledge);
    bounce_reader_free(&d->w.reader);
    d->w.knowledge = now;
    d->w.reader = bounce_reader_new(now->rules);
    MUST(d->w.reader);
}

static void *work(void *ctx)
{
    struct one_worker *me = ctx;
    struct workers *ws = me->all;
    struct desk d = {.w = {.ledger = me->ledger}};
    d.w.a = &d.a;
    arena_init(&d.a, WORKER_ARENA_BYTES);
    for (struct job *j; (j = take(ws)) != NULL;) {
        learn(&d, ws->o.knowledge);
        d.w.now_us = ws->o.clock();
        j->run(j, &d.w);
        arena_reset(&d.a);
        post_send(ws->o.post, &j->note);
    }
    if (d.w.knowledge)
        knowledge_release(&d.w.knowledge);
    bounce_reader_free(&d.w.reader);
    arena_fini(&d.a);
    return NULL;
}

static enum status start(struct workers *ws, unsigned threads, err *e)
{
    struct ledger_options lo = {.path = ws->o.ledger_path, .read_only = true, .vfs = ws->o.vfs};
    for (unsigned i = 0; i < threads; i++) {
        struct one_worker *one = &ws->each[i];
        one->all = ws;
        enum status st = ledger_open(&lo, &one->ledger, e);
        if (st != OK)
            return st;
        if (pthread_create(&one->thread, NULL, work, one) != 0) {
            ledger_close(&one->ledger);
            return err_set(e, E_MEMORY, "workers: no thread number %u; lower 'workers' in the settings", i + 1);
        }
        ws->running++;
    }
    return OK;
}

enum status workers_new(const struct workers_options *o, struct workers **out, err *e)
{
    struct workers *ws = calloc(1, sizeof *ws);
    *out = ws;
    if (!ws)
        return err_set(e, E_MEMORY, "workers: out of memory");
    ws->o = *o;
    if (!ws->o.max_waiting)
        ws->o.max_waiting = WORKERS_MAX_WAITING;
    ws->end = &ws->first;
    pthread_mutex_init(&ws->lock, NULL);
    pthread_cond_init(&ws->more, NULL);
    unsigned threads = o->threads ? o->threads : WORKERS_DEFAULT;
    enum status st = start(ws, threads > WORKERS_MAX ? WORKERS_MAX : threads, e);
    if (st != OK)
        workers_free(out);
    return st;
}

enum status workers_put(struct workers *ws, struct job *j)
{
    j->note.run = give_back;
    j->next = NULL;
    pthread_mutex_lock(&ws->lock);
    bool full = ws->waiting >= ws->o.max_waiting || ws->ending;
    if (!full) {
        *ws->end = j;
        ws->end = &j->next;
        ws->waiting++;
        pthread_cond_signal(&ws->more);
    }
    pthread_mutex_unlock(&ws->lock);
    return full ? E_BUSY : OK;
}

size_t workers_waiting(struct workers *ws)
{
    pthread_mutex_lock(&ws->lock);
    size_t n = ws->waiting;
    pthread_mutex_unlock(&ws->lock);
    return n;
}

void workers_end(struct workers *ws)
{
    pthread_mutex_lock(&ws->lock);
    ws->ending = true;
    pthread_cond_broadcast(&ws->more);
    pthread_mutex_unlock(&ws->lock);
    for (; ws->running; ws->running--) {
        pthread_join(ws->each[ws->running - 1].thread, NULL);
        ledger_close(&ws->each[ws->running - 1].ledger);
    }
}

void workers_free(struct workers **workers)
{
    struct workers *ws = *workers;
    if (!ws)
        return;
    workers_end(ws);
    pthread_cond_destroy(&ws->more);
    pthread_mutex_destroy(&ws->lock);
    free(ws);
    *workers = NULL;
}
