/* The machine of alerts does not flap at its limits, chance is not taken for a spike, and feeds are known by their rhythm. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "policy/alert.h"
#include "policy/beat.h"

#define START_US (INT64_C(1760000000) * TIME_SECOND)

static const struct alert_limits LIMITS = {
    .open_ppm = 20000, .close_ppm = 15000, .least = 200, .open_us = 5 * TIME_MINUTE, .close_us = TIME_HOUR};

struct walk {
    struct alert_machine m;
    int64_t now_us;
    unsigned opened, closed;
};

/* The same figure once a minute. */
static void stay(struct walk *w, int64_t part, int64_t whole, unsigned minutes)
{
    const struct alert_figure f = {part, whole};
    for (unsigned i = 0; i < minutes; i++, w->now_us += TIME_MINUTE) {
        enum alert_turn turn = alert_step(&w->m, &LIMITS, &f, w->now_us);
        w->opened += turn == ALERT_OPENS;
        w->closed += turn == ALERT_CLOSES;
    }
}

static struct walk begin(void)
{
    return (struct walk){.m = {ALERT_QUIET, TIME_NONE}, .now_us = START_US};
}

static void opens_and_closes(void **state)
{
    (void)state;
    struct walk w = begin();
    stay(&w, 20, 1000, 5);
    assert_int_equal(w.m.state, ALERT_RISING);
    stay(&w, 20, 1000, 1);
    assert_int_equal(w.m.state, ALERT_OPEN);
    assert_int_equal(w.opened, 1);
    stay(&w, 14, 1000, 60);
    assert_int_equal(w.m.state, ALERT_FALLING);
    stay(&w, 14, 1000, 1);
    assert_int_equal(w.m.state, ALERT_QUIET);
    assert_int_equal(w.closed, 1);
}

static void holds_in_between(void **state)
{
    (void)state;
    struct walk w = begin();
    stay(&w, 19, 1000, 600);
    assert_int_equal(w.m.state, ALERT_QUIET);
    stay(&w, 25, 1000, 10);
    stay(&w, 15, 1000, 6000); /* at the lower limit: not below it */
    assert_int_equal(w.m.state, ALERT_OPEN);
    assert_int_equal(w.opened, 1);
    assert_int_equal(w.closed, 0);
}

/* Every minute on the other side of a limit, for days. */
static void does_not_flap(void **state)
{
    (void)state;
    struct walk w = begin();
    for (unsigned i = 0; i < 2000; i++) {
        stay(&w, 20, 1000, 1);
        stay(&w, 19, 1000, 1);
    }
    assert_int_equal(w.opened, 0);
    stay(&w, 20, 1000, 6);
    assert_int_equal(w.opened, 1);
    for (unsigned i = 0; i < 2000; i++) {
        stay(&w, 14, 1000, 1);
        stay(&w, 15, 1000, 1);
    }
    assert_int_equal(w.opened, 1);
    assert_int_equal(w.closed, 0);
    for (unsigned i = 0; i < 200; i++) {
        stay(&w, 14, 1000, 30);
        stay(&w, 20, 1000, 30);
    }
    assert_int_equal(w.opened, 1);
    assert_int_equal(w.closed, 0);
}

static void few_messages_say_nothing(void **state)
{
    (void)state;
    struct walk w = begin();
    stay(&w, 199, 199, 600);
    assert_int_equal(w.m.state, ALERT_QUIET);
    stay(&w, 200, 200, 6);
    assert_int_equal(w.m.state, ALERT_OPEN);
    stay(&w, 0, 199, 600);
    assert_int_equal(w.m.state, ALERT_OPEN);
    stay(&w, 0, 0, 61); /* nothing is sent any more */
    assert_int_equal(w.m.state, ALERT_QUIET);
    assert_int_equal(w.closed, 1);
}

static void chance_is_no_spike(void **state)
{
    (void)state;
    const struct alert_figure usual = {1000, 100000};
    const struct {
        struct alert_figure now;
        bool spike;
    } rows[] = {{{1, 20}, false},   {{3, 20}, false},    {{6, 20}, true},           {{25, 1000}, false},
                {{60, 1000}, true}, {{29, 1000}, false}, {{20000, 2000000}, false}, {{70000, 2000000}, true}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (alert_unusual(&rows[i].now, &usual, 3, 4) != rows[i].spike)
            fail_msg("%lld of %lld", (long long)rows[i].now.part, (long long)rows[i].now.whole);
    /* a clean past of few messages promises little */
    assert_false(alert_unusual(&(struct alert_figure){2, 100}, &(struct alert_figure){0, 50}, 3, 4));
    assert_true(alert_unusual(&(struct alert_figure){30, 1000}, &(struct alert_figure){0, 10000}, 3, 4));
}

static void sequential_test_is_early(void **state)
{
    (void)state;
    assert_int_equal(alert_sequential(&(struct alert_figure){8, 60}, 10000, 50000), 1); /* 8 hard among the first 60 */
    assert_int_equal(alert_sequential(&(struct alert_figure){1, 60}, 10000, 50000), 0);
    assert_int_equal(alert_sequential(&(struct alert_figure){0, 60}, 10000, 50000), 0);
    assert_int_equal(alert_sequential(&(struct alert_figure){5, 1000}, 10000, 50000), -1);
}

/* ---- feeds ---- */

static const struct beat_limits FLOOD = {.count = 1000, .span_us = TIME_HOUR, .times = 5};

static struct beat lively(int64_t *now_us)
{
    struct beat b;
    beat_init(&b);
    *now_us = START_US;
    for (unsigned day = 0; day < 10; day++)
        for (unsigned hour = 0; hour < 12; hour++) { /* it sleeps at night */
            *now_us = START_US + day * TIME_DAY + hour * TIME_HOUR;
            beat_heard(&b, *now_us);
        }
    return b;
}

static void silence_is_measured_by_the_longest_pause(void **state)
{
    (void)state;
    int64_t now_us;
    struct beat b = lively(&now_us);
    int64_t patience = beat_patience_us(&b, 3);
    assert_true(patience > 35 * TIME_HOUR && patience <= 39 * TIME_HOUR); /* three times 13 h, a little faded */
    struct beat young;
    beat_init(&young);
    beat_heard(&young, START_US);
    beat_heard(&young, START_US + TIME_MINUTE);
    assert_true(beat_patience_us(&young, 3) == TIME_NONE);
}

static void a_flood_is_told_once(void **state)
{
    (void)state;
    int64_t now_us, from_us = 0;
    struct beat b = lively(&now_us);
    for (unsigned i = 0; i < 10; i++)
        assert_false(beat_suppressed(&b, &FLOOD, now_us + i * TIME_MINUTE, 100, now_us, &from_us));
    assert_true(beat_suppressed(&b, &FLOOD, now_us + 11 * TIME_MINUTE, 1, now_us, &from_us));
    assert_true(from_us <= now_us && from_us > now_us - 5 * TIME_MINUTE);
    assert_int_equal(beat_window(&b), 0);
    assert_false(beat_suppressed(&b, &FLOOD, now_us + 12 * TIME_MINUTE, 999, now_us, &from_us));
}

static void what_is_usual_is_no_flood(void **state)
{
    (void)state;
    int64_t now_us, from_us;
    struct beat b = lively(&now_us);
    for (unsigned week = 0; week < 20; week++, now_us += 7 * TIME_DAY)
        for (unsigned i = 0; i < 9; i++)
            assert_false(beat_suppressed(&b, &FLOOD, now_us + i * 6 * TIME_MINUTE, 100, now_us, &from_us));
    assert_false(beat_suppressed(&b, &FLOOD, now_us, 4000, now_us, &from_us)); /* not five times it */
    assert_true(beat_suppressed(&b, &FLOOD, now_us + TIME_MINUTE, 1500, now_us, &from_us));
}

static void a_young_feed_has_no_flood(void **state)
{
    (void)state;
    int64_t from_us;
    struct beat b;
    beat_init(&b);
    beat_heard(&b, START_US);
    assert_false(beat_suppressed(&b, &FLOOD, START_US - 8 * TIME_DAY, 100000, START_US, &from_us));
}

static void bytes_come_back(void **state)
{
    (void)state;
    int64_t now_us, from_us;
    struct beat b = lively(&now_us), back;
    buf bytes, again;
    assert_false(beat_suppressed(&b, &FLOOD, now_us, 7, now_us, &from_us));
    buf_init(&bytes, 0);
    buf_init(&again, 0);
    beat_encode(&b, &bytes);
    assert_true(bytes.n <= BEAT_MAX_BYTES);
    assert_true(beat_decode(buf_slice(&bytes), &back));
    beat_encode(&back, &again);
    assert_true(slice_eq(buf_slice(&bytes), buf_slice(&again)));
    for (size_t n = 0; n < bytes.n; n++)
        assert_false(beat_decode(slice_of(bytes.p, n), &back));
    buf_fini(&bytes);
    buf_fini(&again);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_and_closes),
        cmocka_unit_test(holds_in_between),
        cmocka_unit_test(does_not_flap),
        cmocka_unit_test(few_messages_say_nothing),
        cmocka_unit_test(chance_is_no_spike),
        cmocka_unit_test(sequential_test_is_early),
        cmocka_unit_test(silence_is_measured_by_the_longest_pause),
        cmocka_unit_test(a_flood_is_told_once),
        cmocka_unit_test(what_is_usual_is_no_flood),
        cmocka_unit_test(a_young_feed_has_no_flood),
        cmocka_unit_test(bytes_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
