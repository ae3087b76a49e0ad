#include "check.h"

#include "story.h"

#include "bounce/observation.h"

#define FEED "feed" /* who tells of an event that names nobody */

int64_t story_time(slice word)
{
    uint64_t n = 0;
    assert_true(word.p[0] == 'd' || word.p[0] == 'h');
    assert_true(slice_u64(slice_from(word, 1), &n));
    return STORY_START_US + (int64_t)n * (word.p[0] == 'd' ? TIME_DAY : TIME_HOUR);
}

/* ---- the policy ---- */

static struct tolerance tolerance_of(slice text)
{
    struct tolerance t;
    err e;
    if (tolerance_parse(text, &t, &e) != OK)
        fail_msg("%.*s: %s", SLICE_FMT(text), e.text);
    return t;
}

static enum row_kind row_find(slice word)
{
    unsigned i = 0;
    while (i < ROWS && !slice_eq(word, slice_str(row_word((enum row_kind)i))))
        i++;
    return (enum row_kind)i;
}

static enum preset preset_of(slice rest)
{
    enum preset preset = preset_find(slice_trim(rest));
    assert_int_not_equal(preset, PRESETS);
    return preset;
}

/* "in shop preset klaviyo", "in shop slow 3 over 10d" */
static void read_stream(struct story *s, slice rest)
{
    slice name = SLICE_EMPTY, word = SLICE_EMPTY;
    assert_true(slice_word(&rest, &name) && slice_word(&rest, &word) && s->policy.stream_count < STORY_MAX_STREAMS);
    struct policy_stream *at = &s->streams[s->policy.stream_count++];
    *at = (struct policy_stream){.stream = hash128(name).lo, .name = name, .tolerances = s->policy.base};
    if (slice_eq(word, S("preset")))
        preset_tolerances(preset_of(rest), &at->tolerances);
    else
        at->tolerances.rows[row_find(word)] = tolerance_of(rest);
    s->policy.streams = s->streams;
}

/* "with slow 3 over 10d", "with expired never", "with hard scope stream", "with hard expiry d30", "with probation none", "with tighten" */
static void read_with(struct story *s, slice rest)
{
    slice word, what = SLICE_EMPTY, value = SLICE_EMPTY, tail;
    assert_true(slice_word(&rest, &word));
    tail = rest;
    (void)slice_word(&tail, &what);
    (void)slice_word(&tail, &value);
    enum cause cause = cause_find(word);
    enum bounce_reason reason = bounce_reason_find(word);
    if (slice_eq(word, S("tighten"))) {
        s->policy.tighten = true;
    } else if (slice_eq(word, S("probation"))) {
        s->policy.probation = 0;
    } else if (cause != CAUSES && slice_eq(what, S("scope"))) {
        s->policy.scopes[cause] = slice_eq(value, S("global"))   ? SCOPE_GLOBAL
                                  : slice_eq(value, S("tenant")) ? SCOPE_TENANT
                                                                 : SCOPE_STREAM;
    } else if (cause != CAUSES && slice_eq(what, S("expiry"))) {
        s->policy.expiry_us[cause] = story_time(value) - STORY_START_US;
    } else if (row_find(word) != ROWS) {
        s->policy.base.rows[row_find(word)] = tolerance_of(rest);
    } else {
        assert_int_not_equal(reason, BOUNCE_REASONS);
        s->policy.base.reasons[reason] = tolerance_of(rest);
        s->policy.base.own |= UINT64_C(1) << reason;
    }
}

static bool read_policy(struct story *s, slice one)
{
    slice rest = one, word;
    assert_true(slice_word(&rest, &word));
    if (slice_eq(word, S("preset")))
        policy_preset(&s->policy, preset_of(rest));
    else if (slice_eq(word, S("with")))
        read_with(s, rest);
    else if (slice_eq(word, S("in")))
        read_stream(s, rest);
    else
        return false;
    return true;
}

/* ---- what is around ---- */

static enum circumstance_what around_of(slice word)
{
    unsigned i = 0;
    while (i < CIRCUMSTANCES && !slice_eq(word, slice_str(circumstance_word((enum circumstance_what)i))))
        i++;
    return (enum circumstance_what)i;
}

/* "d0 incident d2", "d0 breaker open", "d0 incident open p=PROVIDER": from when to when, for whom. */
static bool read_around(struct story *s, slice what, slice from, slice *rest)
{
    slice until = SLICE_EMPTY, who = SLICE_EMPTY;
    enum circumstance_what kind = around_of(what);
    if (kind == CIRCUMSTANCES)
        return false;
    assert_true(s->around_count < STORY_MAX_AROUND && slice_word(rest, &until));
    struct circumstance *c = &s->around[s->around_count++];
    *c = (struct circumstance){.id = (int64_t)s->around_count,
                               .what = (uint8_t)kind,
                               .by = kind == CIRCUMSTANCE_BREAKER ? MARK_FEED : MARK_NONE,
                               .mark = kind == CIRCUMSTANCE_BREAKER ? policy_mark(S(FEED)) : 0,
                               .from_us = story_time(from),
                               .until_us = slice_eq(until, S("open")) ? TIME_NONE : story_time(until),
                               .reasons = CIRCUMSTANCE_ALL_REASONS};
    if (!slice_word(rest, &who))
        return true;
    c->by = slice_starts(who, S("p=")) ? MARK_PROVIDER : MARK_FEED;
    c->mark = policy_mark(slice_from(who, 2));
    return true;
}

/* ---- events ---- */

static bool read_name(slice w, struct policy_event *e)
{
    if (slice_starts(w, S("m=")))
        e->ids[ID_MESSAGE] = hash128(w).lo;
    else if (slice_starts(w, S("c=")))
        e->campaign = hash128(w).lo;
    else if (slice_starts(w, S("s=")))
        e->stream = hash128(slice_from(w, 2)).lo;
    else if (slice_starts(w, S("p=")))
        e->marks[MARK_PROVIDER] = policy_mark(slice_from(w, 2));
    else if (slice_starts(w, S("f=")))
        e->marks[MARK_FEED] = policy_mark(slice_from(w, 2));
    else if (slice_starts(w, S("cause=")))
        e->cause = (uint8_t)cause_find(slice_from(w, 6));
    else
        return false;
    return true;
}

static void read_word(slice w, struct policy_event *e)
{
    uint64_t n = 0;
    if (read_name(w, e))
        return;
    if (slice_eq(w, S("bare"))) {
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
    if (e->what != EVENT_OBSERVED)
        return;
    assert_int_not_equal(bounce_kind_find(w), BOUNCE_KINDS);
    e->kind = (uint8_t)bounce_kind_find(w);
}

static void read_event(struct story *s, slice one)
{
    slice w, t;
    assert_true(slice_word(&one, &t));
    assert_true(slice_word(&one, &w));
    if (slice_eq(w, S("domain-delivered"))) {
        s->env.domain_delivered_us = story_time(t);
        return;
    }
    if (read_around(s, w, t, &one))
        return;
    assert_true(s->n < STORY_MAX_EVENTS);
    struct policy_event *e = &s->events[s->n];
    *e = (struct policy_event){.time_us = story_time(t), .key = 1000 + s->n++, .trust = TRUST_PROVEN};
    e->marks[MARK_FEED] = policy_mark(S(FEED));
    read_what(w, e);
    while (slice_word(&one, &w))
        read_word(w, e);
}

void story_read(struct story *s, const char *text)
{
    slice rest = slice_str(text), one;
    s->n = s->around_count = 0;
    s->env = (struct history_env){TIME_NONE};
    policy_init(&s->policy);
    while (slice_split(&rest, ';', &one))
        if (!read_policy(s, one))
            read_event(s, one);
}

/* ---- looking ---- */

void story_look(const struct story *s, int64_t now_us, bool backwards, struct address_status *out)
{
    arena a;
    struct history h;
    struct fold_rules rules = {&s->policy, s->around, s->around_count};
    arena_init(&a, 0);
    history_init(&h, &rules, &a);
    for (size_t i = 0; i < s->n; i++)
        assert_int_equal(history_add(&h, &s->events[backwards ? s->n - 1 - i : i]), HISTORY_ADDED);
    assert_true(history_state(&h, &s->env, now_us, out));
    arena_fini(&a);
}

void story_state(const struct address_status *s, char *out, size_t size)
{
    int n = snprintf(out, size, "%s", state_word(s->state));
    if (s->cause)
        n += snprintf(out + n, size - (size_t)n, " %s %s", cause_word(s->cause), scope_word(s->scope));
    if (s->until_us != TIME_NONE)
        n += snprintf(out + n, size - (size_t)n, " until=%d", (int)((s->until_us - STORY_START_US) / TIME_DAY));
    if (s->hold)
        n += snprintf(out + n, size - (size_t)n, " %s", hold_word(s->hold));
    if (s->probation)
        n += snprintf(out + n, size - (size_t)n, " probation");
    if (s->state == STATE_SUPPRESSED && s->suppressions[0].tight)
        n += snprintf(out + n, size - (size_t)n, " tight");
    if (s->row != ROWS && s->state != STATE_SUPPRESSED)
        snprintf(out + n, size - (size_t)n, " row=%u", s->row_count);
}
