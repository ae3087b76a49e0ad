#include "check.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "serve/pulse.h"

/* The wall clock is set by hand; the monotonic one goes on (meson.build wraps clock_gettime). */
static time_t wall_ahead_s;

int __real_clock_gettime(clockid_t which, struct timespec *t);
int __wrap_clock_gettime(clockid_t which, struct timespec *t);
int __wrap_clock_gettime(clockid_t which, struct timespec *t)
{
    int failed = __real_clock_gettime(which, t);
    if (which == CLOCK_REALTIME)
        t->tv_sec += wall_ahead_s;
    return failed;
}

struct world {
    struct daemon d;
    struct metrics metrics;
    struct notify notify;
    int log[2], words[2];
};

static void world_init(struct world *w)
{
    *w = (struct world){0};
    wall_ahead_s = 0;
    assert_int_equal(pipe(w->log), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, w->words), 0);
    struct log_setup o = {.fd = w->log[1]};
    w->d.log = log_new(&o);
    w->d.base = event_base_new();
    w->d.metrics = &w->metrics;
    w->notify.fd = w->words[0];
    assert_true(w->d.log && w->d.base);
}

static void world_fini(struct world *w)
{
    event_base_free(w->d.base);
    log_free(&w->d.log);
    for (unsigned i = 0; i < 2; i++) {
        close(w->log[i]);
        close(w->words[i]);
    }
}

/* Waits for the next word to the service manager, which every tick says. */
static void next_tick(struct world *w)
{
    char word[64];
    ssize_t n;
    while ((n = recv(w->words[1], word, sizeof word, MSG_DONTWAIT)) < 0)
        assert_int_equal(event_base_loop(w->d.base, EVLOOP_ONCE), 0);
    assert_slice(slice_of(word, (size_t)n), S("WATCHDOG=1"));
}

static void test_a_clock_that_is_set_is_told(void **state)
{
    static const time_t steps[] = {-3600, 86400, -86400 * 365};
    (void)state;
    struct world w;
    struct pulse *p;
    err e;
    char line[200];
    world_init(&w);
    assert_int_equal(pulse_new(&w.d, &w.notify, 30000, &p, &e), OK);
    next_tick(&w);
    assert_int_equal(metric_get(&w.metrics, METRIC_clock_steps), 0);
    for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
        wall_ahead_s += steps[i];
        next_tick(&w);
        next_tick(&w); /* and goes on */
        assert_int_equal(metric_get(&w.metrics, METRIC_clock_steps), i + 1);
        ssize_t n = read(w.log[0], line, sizeof line);
        assert_true(n > 0);
        slice told = slice_of(line, (size_t)n);
        assert_true(slice_starts(told, S("warn clock.set by_ms=")));
        long by_ms = strtol(line + strlen("warn clock.set by_ms="), NULL, 10);
        assert_in_range(by_ms - steps[i] * 1000 + 1000, 0, 2000);
    }
    pulse_free(&p);
    world_fini(&w);
}

static void test_a_late_loop_is_measured(void **state)
{
    (void)state;
    struct world w;
    struct pulse *p;
    err e;
    world_init(&w);
    assert_int_equal(pulse_new(&w.d, &w.notify, 30000, &p, &e), OK);
    next_tick(&w);
    struct timespec busy = {0, 150000000};
    nanosleep(&busy, NULL); /* what a loop must never do */
    next_tick(&w);
    assert_true(metric_get(&w.metrics, METRIC_loop_lag_max) >= 100000);
    pulse_free(&p);
    world_fini(&w);
}

static void test_without_a_manager(void **state)
{
    (void)state;
    struct world w;
    struct pulse *p;
    err e;
    char word[64];
    world_init(&w);
    assert_int_equal(pulse_new(&w.d, &w.notify, 0, &p, &e), OK);
    assert_int_equal(event_base_loop(w.d.base, EVLOOP_ONCE), 0); /* one tick */
    assert_true(recv(w.words[1], word, sizeof word, MSG_DONTWAIT) < 0);
    pulse_free(&p);
    world_fini(&w);
}

/* ---- the other numbers ---- */

static void test_lines_of_one_name_come_together(void **state)
{
    (void)state;
    buf out;
    buf_init(&out, 0);
    metrics_group(S("b_total{x=\"1\"} 1\na 2\nb_total{x=\"2\"} 3\n# TYPE a gauge\n\na_longer 1\na{x=\"y\"} 4"), &out);
    assert_slice(buf_slice(&out), S("# TYPE a gauge\na 2\na{x=\"y\"} 4\n# TYPE a_longer gauge\na_longer 1\n"
                                    "# TYPE b_total counter\nb_total{x=\"1\"} 1\nb_total{x=\"2\"} 3\n"));
    buf_clear(&out);
    metrics_group(SLICE_EMPTY, &out);
    assert_int_equal(out.n, 0);
    buf_fini(&out);
}

static void test_seconds_are_shown_as_such(void **state)
{
    (void)state;
    struct metrics m = {0};
    buf out;
    buf_init(&out, 0);
    metric_add(&m, METRIC_commit_time, 1500000);
    metric_add(&m, METRIC_commit_time, 7);
    metric_set(&m, METRIC_suppressions, 10000000000);
    metrics_print(&m, &out);
    assert_true(slice_find(buf_slice(&out), S("# TYPE bounced_commit_seconds_total counter\n"
                                              "bounced_commit_seconds_total 1.500007\n")) != SLICE_NPOS);
    assert_true(slice_find(buf_slice(&out), S("\nbounced_suppressions 10000000000\n")) != SLICE_NPOS);
    buf_fini(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_clock_that_is_set_is_told), cmocka_unit_test(test_a_late_loop_is_measured),
        cmocka_unit_test(test_without_a_manager),           cmocka_unit_test(test_lines_of_one_name_come_together),
        cmocka_unit_test(test_seconds_are_shown_as_such),
    };
    return cmocka_run_group_tests_name("pulse", tests, NULL, NULL);
}
