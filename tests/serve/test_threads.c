/* Jobs, units and notes: what goes in comes back once, on the loop's thread, and only what is durable comes back with OK. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <event2/event.h>
#include <pthread.h>
#include <sqlite3.h>

#include "core/check.h"
#include "serve/workers.h"
#include "serve/writer.h"
#include "vfs/lossy.h"

#define NOW_US (INT64_C(1760000000) * TIME_SECOND)
#define PATH "/ledger.db"

struct world {
    struct lossy *disk;
    struct event_base *base;
    struct post *post;
    struct knowledge_box *knowledge;
    struct writer *writer;
    size_t awaited; /* units and jobs that are not back yet */
};

static int64_t frozen_clock(void)
{
    return NOW_US;
}

static struct knowledge *knowledge_with(const char *rule)
{
    struct knowledge *k = knowledge_new();
    struct bounce_rule_file file = {S("test"), slice_str(rule)};
    slice error;
    assert_non_null(k);
    if (bounce_rules_new(&file, *rule ? 1 : 0, false, &k->a, &k->rules, &error) != BOUNCE_OK)
        fail_msg("%.*s", SLICE_FMT(error));
    return k;
}

static void writer_open(struct world *w)
{
    err e;
    struct writer_options o = {
        .ledger_path = PATH, .vfs = LOSSY_NAME, .knowledge = w->knowledge, .post = w->post, .clock = frozen_clock};
    if (writer_new(&o, &w->writer, &e) != OK)
        fail_msg("%s", e.text);
}

static void world_open(struct world *w)
{
    err e;
    *w = (struct world){.disk = lossy_new(1), .base = event_base_new()};
    assert_int_equal(post_new(w->base, &w->post, &e), OK);
    assert_int_equal(knowledge_box_new(knowledge_with(""), &w->knowledge, &e), OK);
    writer_open(w);
}

static void world_close(struct world *w)
{
    writer_free(&w->writer);
    post_run(w->post);
    assert_int_equal(w->awaited, 0);
    knowledge_box_free(&w->knowledge);
    post_free(&w->post);
    event_base_free(w->base);
    lossy_free(&w->disk);
}

static void wait_for_all(struct world *w)
{
    while (w->awaited)
        assert_int_equal(event_base_loop(w->base, EVLOOP_ONCE), 0);
}

/* A unit of one failure of `recipient`. */
struct failure {
    struct unit unit;
    struct world *world;
    struct observation o;
    char recipient[64], id[64];
    unsigned back;
};

static void failure_done(struct unit *u)
{
    struct failure *f = (struct failure *)(void *)u;
    f->back++;
    f->world->awaited--;
}

static void failure_init(struct failure *f, struct world *w, unsigned n)
{
    *f = (struct failure){.world = w, .unit.count = 1, .unit.done = failure_done};
    snprintf(f->recipient, sizeof f->recipient, "u%u@example.org", n);
    snprintf(f->id, sizeof f->id, "m%u@example.net", n);
    f->o = (struct observation){.kind = BOUNCE_KIND_FAILED,
                                .recipient = slice_str(f->recipient),
                                .reply = S("550 5.1.1 User unknown"),
                                .time_us = NOW_US,
                                .sent_us = TIME_NONE,
                                .ids = {[ID_MESSAGE] = slice_str(f->id)},
                                .phase = BOUNCE_PHASE_RCPT,
                                .trust = TRUST_PROVEN,
                                .source_key = hash128(slice_str(f->id))};
    f->unit.observations = &f->o;
}

static void put(struct failure *f)
{
    f->world->awaited++;
    assert_int_equal(writer_put(f->world->writer, &f->unit), OK);
}

static bool suppressed(struct world *w, const char *address)
{
    return table_check(writer_table(w->writer), SLICE_EMPTY, SLICE_EMPTY, slice_str(address), NOW_US).suppressed;
}

static void committed_units_change_the_answers(void **state)
{
    struct world w;
    static struct failure f[500];
    (void)state;
    world_open(&w);
    for (unsigned i = 0; i < ARRAY_LEN(f); i++) {
        failure_init(&f[i], &w, i);
        put(&f[i]);
    }
    wait_for_all(&w);
    for (unsigned i = 0; i < ARRAY_LEN(f); i++) {
        assert_int_equal(f[i].back, 1);
        assert_int_equal(f[i].unit.status, OK);
        assert_true(suppressed(&w, f[i].recipient));
    }
    struct writer_counts c;
    writer_counts(w.writer, &c);
    assert_int_equal(c.intake.suppressed, ARRAY_LEN(f));
    assert_int_equal(c.waiting, 0);
    assert_int_equal(c.units, ARRAY_LEN(f));
    assert_true(c.commits < ARRAY_LEN(f)); /* they shared transactions */
    world_close(&w);
}

static void a_full_disk_comes_back_and_ends(void **state)
{
    struct world w;
    struct failure f;
    struct writer_counts c;
    (void)state;
    world_open(&w);
    lossy_limit(w.disk, lossy_bytes(w.disk));
    failure_init(&f, &w, 1);
    put(&f);
    wait_for_all(&w);
    assert_int_equal(f.unit.status, E_FULL);
    assert_true(f.unit.error.text[0]);
    assert_false(suppressed(&w, f.recipient));
    writer_counts(w.writer, &c);
    assert_int_equal(c.state, E_FULL);
    lossy_limit(w.disk, SIZE_MAX);
    put(&f);
    wait_for_all(&w);
    assert_int_equal(f.unit.status, OK);
    assert_true(suppressed(&w, f.recipient));
    writer_counts(w.writer, &c);
    assert_int_equal(c.state, OK);
    assert_int_equal(c.failures, 1);
    assert_int_equal(c.intake.observations, 1);
    world_close(&w);
}

static enum status refuse(struct unit *u, struct ledger *l, err *e)
{
    (void)u, (void)l;
    return err_set(e, E_INVALID, "test: this unit cannot be stored");
}

static void one_bad_unit_does_not_stop_the_others(void **state)
{
    struct world w;
    static struct failure f[9];
    (void)state;
    world_open(&w);
    for (unsigned i = 0; i < ARRAY_LEN(f); i++) {
        failure_init(&f[i], &w, i);
        if (i == 4)
            f[i].unit.more = refuse;
        put(&f[i]);
    }
    wait_for_all(&w);
    for (unsigned i = 0; i < ARRAY_LEN(f); i++) {
        assert_int_equal(f[i].unit.status, i == 4 ? E_INVALID : OK);
        assert_int_equal(suppressed(&w, f[i].recipient), i != 4);
    }
    world_close(&w);
}

static void what_was_committed_is_there_after_a_restart(void **state)
{
    struct world w;
    struct failure f;
    (void)state;
    world_open(&w);
    failure_init(&f, &w, 7);
    put(&f);
    wait_for_all(&w);
    writer_free(&w.writer);
    writer_open(&w);
    assert_true(suppressed(&w, f.recipient));
    put(&f); /* the same fact again */
    wait_for_all(&w);
    struct writer_counts c;
    writer_counts(w.writer, &c);
    assert_int_equal(c.intake.repeats, 1);
    world_close(&w);
}

/* ---- jobs ---- */

struct work {
    struct job job;
    struct world *world;
    struct failure failure;
    arena a; /* what goes on to the writer must outlive the job */
    pthread_t ran_on;
    const struct knowledge *judged_by; /* for comparing only */
    bool back;
};

static void judge(struct job *j, struct worker *worker)
{
    struct work *work = (struct work *)(void *)j;
    err e;
    work->ran_on = pthread_self();
    assert_int_equal(intake_judge(worker->knowledge->rules, &work->failure.o, &work->a, &e), OK);
    work->judged_by = worker->knowledge;
    work->failure.unit.knowledge = knowledge_keep(worker->knowledge);
}

static void work_fini(struct work *work)
{
    arena_fini(&work->a);
}

static void judged(struct job *j)
{
    struct work *work = (struct work *)(void *)j;
    work->back = true;
    work->world->awaited--;
    put(&work->failure);
}

static struct workers *workers_open(struct world *w)
{
    struct workers *ws;
    err e;
    struct workers_options o = {.threads = 3,
                                .ledger_path = PATH,
                                .vfs = LOSSY_NAME,
                                .knowledge = w->knowledge,
                                .post = w->post,
                                .clock = frozen_clock};
    if (workers_new(&o, &ws, &e) != OK)
        fail_msg("%s", e.text);
    return ws;
}

static void start_work(struct world *w, struct workers *ws, struct work *work, unsigned n, const char *reply)
{
    *work = (struct work){.job = {.run = judge, .done = judged}, .world = w};
    arena_init(&work->a, 0);
    failure_init(&work->failure, w, n);
    work->failure.o.reply = slice_str(reply);
    w->awaited++;
    assert_int_equal(workers_put(ws, &work->job), OK);
}

static void jobs_judge_by_the_rules_of_their_time(void **state)
{
    struct world w;
    static struct work work[40];
    (void)state;
    world_open(&w);
    struct workers *ws = workers_open(&w);
    struct knowledge *newer = knowledge_with("rule test.quux\n"
                                             "  reason user-disabled\n"
                                             "  text \"quux quux\"\n"
                                             "  example \"550 quux quux\"\n");
    const struct knowledge *mine = knowledge_keep(newer);
    for (unsigned i = 0; i < ARRAY_LEN(work); i++) {
        if (i == ARRAY_LEN(work) / 2) {
            wait_for_all(&w);
            knowledge_swap(w.knowledge, newer);
        }
        start_work(&w, ws, &work[i], i, "550 5.1.1 User unknown, quux quux");
    }
    wait_for_all(&w);
    for (unsigned i = 0; i < ARRAY_LEN(work); i++) {
        bool by_newer = i >= ARRAY_LEN(work) / 2;
        assert_true(work[i].back);
        assert_false(pthread_equal(work[i].ran_on, pthread_self()));
        assert_int_equal(work[i].failure.unit.status, OK);
        assert_int_equal(work[i].judged_by == mine, by_newer);
        assert_int_equal(work[i].failure.o.verdict.reason,
                         by_newer ? BOUNCE_REASON_USER_DISABLED : BOUNCE_REASON_USER_UNKNOWN);
        assert_true(suppressed(&w, work[i].failure.recipient));
        work_fini(&work[i]);
    }
    workers_free(&ws);
    knowledge_release(&mine);
    world_close(&w);
}

static void what_was_put_is_finished_at_the_end(void **state)
{
    struct world w;
    static struct work work[40];
    (void)state;
    world_open(&w);
    struct workers *ws = workers_open(&w);
    for (unsigned i = 0; i < ARRAY_LEN(work); i++)
        start_work(&w, ws, &work[i], i, "550 5.1.1 User unknown");
    workers_free(&ws);
    post_run(w.post); /* the jobs come back and put their units */
    writer_free(&w.writer);
    post_run(w.post);
    assert_int_equal(w.awaited, 0);
    for (unsigned i = 0; i < ARRAY_LEN(work); i++) {
        assert_int_equal(work[i].failure.unit.status, OK);
        work_fini(&work[i]);
    }
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(committed_units_change_the_answers),
        cmocka_unit_test(a_full_disk_comes_back_and_ends),
        cmocka_unit_test(one_bad_unit_does_not_stop_the_others),
        cmocka_unit_test(what_was_committed_is_there_after_a_restart),
        cmocka_unit_test(jobs_judge_by_the_rules_of_their_time),
        cmocka_unit_test(what_was_put_is_finished_at_the_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
