/* Every row of src/policy/transitions.def: fed in order, backwards, and shown in docs/policy.md. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "bounce/observation.h"
#include "policy/history.h"

struct transition {
    const char *events, *now, *state, *why;
};

static const struct transition TABLE[] = {
#define TRANSITION(events, now, state, why) {events, now, state, why},
#include "policy/transitions.def"
};

#define START_US (INT64_C(1700000000) * TIME_SECOND)
#define MAX_EVENTS 16u
#define MAX_AROUND 4u
#define FEED 7u /* all events are told by one feed */

static int64_t time_of(slice word)
{
    uint64_t n = 0;
    assert_true(word.p[0] == 'd' || word.p[0] == 'h');
    assert_true(slice_u64(slice_from(word, 1), &n));
    return START_US + (int64_t)n * (word.p[0] == 'd' ? TIME_DAY : TIME_HOUR);
}

static void read_word(slice w, struct policy_event *e)
{
    uint64_t n = 0;
    if (slice_starts(w, S("m="))) {
        e->ids[ID_MESSAGE] = hash128(w).lo;
    } else if (slice_starts(w, S("c="))) {
        e->campaign = hash128(w).lo;
    } else if (slice_starts(w, S("s="))) {
        e->stream = hash128(w).lo;
    } else if (slice_starts(w, S("cause="))) {
        e->cause = (uint8_t)cause_find(slice_from(w, 6));
    } else if (slice_eq(w, S("bare"))) {
        e->trust = TRUST_BARE;
    } else if (slice_eq(w, S("idle"))) {
        e->flags |= EVENT_TRIED_NOTHING;
    } else if (slice_eq(w, S("reverified"))) {
        e->flags |= EVENT_REVERIFIED;
    } else if (slice_u64(w, &n)) {
        e->certainty = (uint8_t)n;
    } else if (bounce_reason_find(w) != BOUNCE_REASONS) {
        e->reason = (uint8_t)bounce_reason_find(w);
    } else {
        assert_int_not_equal(cause_find(w), CAUSES);
        e->cause = (uint8_t)cause_find(w);
        e->scope = SCOPE_TENANT;
    }
}

static void read_what(slice w, struct policy_event *e)
{
    for (int i = 0; i < EVENT_WHATS; i++)
        if (slice_eq(w, slice_str(event_word((enum event_what)i))))
            e->what = (uint8_t)i;
    if (e->what == EVENT_OBSERVED) {
        assert_int_not_equal(bounce_kind_find(w), BOUNCE_KINDS);
        e->kind = (uint8_t)bounce_kind_find(w);
    }
}

/* What a row is about beside the events of the address. */
struct setting {
    struct history_env env;
    struct circumstance around[MAX_AROUND];
    size_t around_count;
};

/* "d0 incident d2", "d0 breaker open": from when to when. */
static bool read_circumstance(slice what, slice t, slice *rest, struct setting *out)
{
    slice until;
    bool incident = slice_eq(what, S("incident"));
    if (!incident && !slice_eq(what, S("breaker")))
        return false;
    assert_true(out->around_count < MAX_AROUND);
    assert_true(slice_word(rest, &until));
    struct circumstance *c = &out->around[out->around_count++];
    *c = (struct circumstance){.id = (int64_t)out->around_count,
                               .what = incident ? CIRCUMSTANCE_INCIDENT : CIRCUMSTANCE_BREAKER,
                               .by = incident ? MARK_NONE : MARK_FEED,
                               .mark = incident ? 0 : FEED,
                               .from_us = time_of(t),
                               .until_us = slice_eq(until, S("open")) ? TIME_NONE : time_of(until),
                               .reasons = CIRCUMSTANCE_ALL_REASONS};
    return true;
}

/* Returns the number of events. */
static size_t read_events(const char *text, struct policy_event *out, struct setting *setting)
{
    slice rest = slice_str(text), one;
    size_t n = 0;
    while (slice_split(&rest, ';', &one)) {
        slice w, t;
        assert_true(slice_word(&one, &t));
        assert_true(slice_word(&one, &w));
        if (slice_eq(w, S("domain-delivered"))) {
            setting->env.domain_delivered_us = time_of(t);
            continue;
        }
        if (read_circumstance(w, t, &one, setting))
            continue;
        assert_true(n < MAX_EVENTS);
        struct policy_event *e = &out[n];
        memset(e, 0, sizeof(*e));
        e->time_us = time_of(t);
        e->key = 1000 + n;
        e->trust = TRUST_PROVEN;
        e->marks[MARK_FEED] = FEED;
        read_what(w, e);
        while (slice_word(&one, &w))
            read_word(w, e);
        n++;
    }
    return n;
}

static void check_state(const struct transition *row, const struct address_status *s)
{
    char got[200];
    int n = snprintf(got, sizeof(got), "%s", state_word(s->state));
    if (s->cause)
        n += snprintf(got + n, sizeof(got) - (size_t)n, " %s %s", cause_word(s->cause), scope_word(s->scope));
    if (s->until_us != TIME_NONE)
        n += snprintf(got + n, sizeof(got) - (size_t)n, " until=%d", (int)((s->until_us - START_US) / TIME_DAY));
    if (s->hold)
        n += snprintf(got + n, sizeof(got) - (size_t)n, " %s", hold_word(s->hold));
    if (s->probation)
        n += snprintf(got + n, sizeof(got) - (size_t)n, " probation");
    if (s->row != ROWS && s->state != STATE_SUPPRESSED)
        snprintf(got + n, sizeof(got) - (size_t)n, " row=%u", s->row_count);
    if (strcmp(got, row->state) != 0)
        fail_msg("%s @%s: is \"%s\", should be \"%s\"", row->events, row->now, got, row->state);
}

static void run(const struct transition *row, bool backwards)
{
    arena a;
    arena_init(&a, 0);
    struct policy p;
    policy_init(&p);
    struct policy_event events[MAX_EVENTS];
    struct setting setting = {.env = {TIME_NONE}};
    size_t n = read_events(row->events, events, &setting);
    struct history h;
    history_init(&h, &(struct fold_rules){&p, setting.around, setting.around_count}, &a);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(history_add(&h, &events[backwards ? n - 1 - i : i]), HISTORY_ADDED);
    struct address_status s;
    assert_true(history_state(&h, &setting.env, time_of(slice_str(row->now)), &s));
    check_state(row, &s);
    arena_fini(&a);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
        run(&TABLE[i], false);
        run(&TABLE[i], true);
    }
}

static char *read_doc(void)
{
    FILE *f = fopen(TEST_SOURCE "/docs/policy.md", "r");
    assert_non_null(f);
    char *text = calloc(1, 1 << 20);
    assert_non_null(text);
    assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    return text;
}

static void test_doc_shows_the_table(void **state)
{
    (void)state;
    char *doc = read_doc();
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
        char line[1024];
        snprintf(line, sizeof(line), "| `%s` | %s | %s | %s |", TABLE[i].events, TABLE[i].now, TABLE[i].state,
                 TABLE[i].why);
        if (!strstr(doc, line))
            fail_msg("docs/policy.md lacks the line\n%s", line);
    }
    free(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_doc_shows_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
