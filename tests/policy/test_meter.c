/* Meters against made-up traffic: outages of every size and speed open an incident in time, and nothing else does. */
#include "check.h"

#include <stdlib.h>

#include "policy/meter.h"

#define START_US (INT64_C(1700000000) * TIME_SECOND) /* a Tuesday */
#define MOST_RECIPIENTS 200000u
#define MOST_VERDICTS 64u

static const struct sip_key KEY = {1, 2};

/* Traffic at one domain, hour by hour. Shares are in parts of 100,000 messages. */
struct traffic {
    unsigned per_hour, recipients;
    unsigned host, gone, full; /* in calm times, of messages to recipients who took mail */
    unsigned never;            /* messages to recipients who never took any: they are unknown */
    bool weekdays;             /* nothing on Saturdays and Sundays */
    bool once;                 /* a campaign: each recipient gets one message */
};

struct recorder {
    struct meter_verdict verdicts[MOST_VERDICTS];
    size_t n;
    uint64_t failed, failed_at_open; /* messages of the outage so far */
    bool note;
};

struct world {
    struct meter_set *set;
    struct recorder rec;
    int64_t *knew; /* by recipient */
    uint64_t seed, stranger;
    size_t sent;
    int64_t now_us;
    slice domain, provider;
};

static int64_t keep_verdict(void *ctx, const struct meter_verdict *v)
{
    struct recorder *r = ctx;
    assert_true(r->n < MOST_VERDICTS);
    if (v->end == METER_OPEN && !r->failed_at_open)
        r->failed_at_open = r->failed;
    r->verdicts[r->n] = *v;
    r->verdicts[r->n].tenant = r->verdicts[r->n].name = SLICE_EMPTY;
    return (int64_t)++r->n;
}

static void world_start(struct world *w, enum meter_sensitivity sensitivity)
{
    memset(w, 0, sizeof(*w));
    struct meter_options o = {
        .most = 1000, .sensitivity = sensitivity, .key = &KEY, .verdict = keep_verdict, .ctx = &w->rec};
    w->set = meter_set_new(&o);
    assert_non_null(w->set);
    w->knew = malloc(MOST_RECIPIENTS * sizeof(*w->knew));
    assert_non_null(w->knew);
    for (size_t i = 0; i < MOST_RECIPIENTS; i++)
        w->knew[i] = TIME_NONE;
    w->seed = 88172645463325252u;
    w->now_us = START_US;
    w->domain = S("example.org");
    w->provider = S("example");
}

static void world_end(struct world *w)
{
    meter_set_free(&w->set);
    assert_null(w->set);
    free(w->knew);
}

static uint64_t next_random(struct world *w)
{
    w->seed ^= w->seed << 13;
    w->seed ^= w->seed >> 7;
    w->seed ^= w->seed << 17;
    return w->seed;
}

static bool chance(struct world *w, unsigned of_100000)
{
    return (next_random(w) >> 20) % 100000 < of_100000;
}

static struct meter_event event_to(struct world *w, size_t recipient)
{
    return (struct meter_event){.time_us = w->now_us,
                                .domain = w->domain,
                                .provider = w->provider,
                                .who = (recipient + 1) * UINT64_C(0x9e3779b97f4a7c15),
                                .kind = BOUNCE_KIND_DELIVERED,
                                .knew_us = w->knew[recipient]};
}

static void to_fail(struct world *w, size_t recipient, enum bounce_reason reason)
{
    struct meter_event e = event_to(w, recipient);
    bool soft = bounce_reason_class(reason) != BOUNCE_CLASS_HARD;
    e.kind = soft ? BOUNCE_KIND_DEFERRED : BOUNCE_KIND_FAILED;
    e.reason = reason;
    e.text = (uint32_t)reason + 1;
    meter_set_feed(w->set, &e);
    w->knew[recipient] = TIME_NONE;
}

static void stranger_fails(struct world *w)
{
    struct meter_event e = {.time_us = w->now_us,
                            .domain = w->domain,
                            .provider = w->provider,
                            .text = 77,
                            .who = ++w->stranger << 32,
                            .kind = BOUNCE_KIND_FAILED,
                            .reason = BOUNCE_REASON_USER_UNKNOWN,
                            .knew_us = TIME_NONE};
    meter_set_feed(w->set, &e);
}

static void message(struct world *w, const struct traffic *t, unsigned outage, enum bounce_reason why)
{
    size_t recipient = (t->once ? w->sent++ : (size_t)(next_random(w) >> 20)) % t->recipients;
    if (chance(w, t->never))
        stranger_fails(w);
    else if (chance(w, outage)) {
        w->rec.failed++;
        to_fail(w, recipient, why);
    } else if (chance(w, t->host))
        to_fail(w, recipient, BOUNCE_REASON_CONNECT_FAILED);
    else if (chance(w, t->gone))
        to_fail(w, recipient, BOUNCE_REASON_USER_UNKNOWN);
    else if (chance(w, t->full))
        to_fail(w, recipient, BOUNCE_REASON_MAILBOX_FULL);
    else {
        struct meter_event e = event_to(w, recipient);
        meter_set_feed(w->set, &e);
        w->knew[recipient] = w->now_us;
    }
}

static bool weekend(int64_t us)
{
    int64_t day = us / TIME_DAY % 7; /* 1970-01-01 was a Thursday */
    return day == 2 || day == 3;
}

/* Runs for so many minutes; the share of the outage goes from the first value to the second. */
static void run(struct world *w, const struct traffic *t, unsigned minutes, unsigned from, unsigned to,
                enum bounce_reason why)
{
    int64_t start = w->now_us, end = start + minutes * TIME_MINUTE, step = TIME_HOUR / t->per_hour;
    for (; w->now_us < end; w->now_us += step) {
        if (t->weekdays && weekend(w->now_us))
            continue;
        int64_t share = from + ((int64_t)to - from) * (w->now_us - start) / (end - start);
        message(w, t, (unsigned)share, why);
    }
}

static void calm(struct world *w, const struct traffic *t, unsigned minutes)
{
    run(w, t, minutes, 0, 0, BOUNCE_REASON_UNKNOWN);
}

/* Everybody at the domain has taken mail at some time of the last days. */
static void know_all(struct world *w, const struct traffic *t)
{
    for (size_t i = 0; i < t->recipients; i++)
        w->knew[i] = w->now_us - (int64_t)(i % 5) * TIME_DAY - TIME_HOUR;
}

static const struct traffic SLOW = {20, 2000, 400, 30, 100, 500, false, false};
static const struct traffic MIDDLE = {200, 20000, 400, 30, 100, 500, false, false};
static const struct traffic FAST = {2000000, 200000, 100, 20, 50, 500, false, false};

/* ---- outages ---- */

struct outage {
    const char *name;
    const struct traffic *traffic;
    unsigned calm_minutes, ramp_minutes, minutes, share;
    enum bounce_reason why;
    enum meter_signal signal;
    unsigned most_failed, most_minutes; /* noticed within one of them */
};

static const struct outage OUTAGES[] = {
    {"20 an hour, all", &SLOW, 14 * 1440, 0, 300, 100000, BOUNCE_REASON_CONNECT_FAILED, SIGNAL_HOST, 20, 0},
    {"20 an hour, half", &SLOW, 14 * 1440, 0, 600, 50000, BOUNCE_REASON_SYSTEM_ERROR, SIGNAL_HOST, 40, 0},
    {"20 an hour, unknown", &SLOW, 14 * 1440, 0, 300, 100000, BOUNCE_REASON_USER_UNKNOWN, SIGNAL_GONE, 25, 0},
    {"200 an hour, all", &MIDDLE, 7 * 1440, 0, 120, 100000, BOUNCE_REASON_CONNECT_FAILED, SIGNAL_HOST, 20, 10},
    {"200 an hour, a third", &MIDDLE, 7 * 1440, 0, 240, 33000, BOUNCE_REASON_SYSTEM_BUSY, SIGNAL_HOST, 50, 10},
    {"200 an hour, 10 %", &MIDDLE, 7 * 1440, 0, 1440, 10000, BOUNCE_REASON_SYSTEM_BUSY, SIGNAL_HOST, 100, 10},
    {"200 an hour, 3 %", &MIDDLE, 7 * 1440, 0, 4000, 3000, BOUNCE_REASON_SYSTEM_BUSY, SIGNAL_HOST, 200, 10},
    {"200 an hour, unknown", &MIDDLE, 7 * 1440, 0, 120, 60000, BOUNCE_REASON_USER_UNKNOWN, SIGNAL_GONE, 40, 10},
    {"200 an hour, 10 % unknown", &MIDDLE, 7 * 1440, 0, 1440, 10000, BOUNCE_REASON_USER_UNKNOWN, SIGNAL_GONE, 150, 10},
    {"200 an hour, slowly to all", &MIDDLE, 7 * 1440, 180, 60, 100000, BOUNCE_REASON_CONNECT_FAILED, SIGNAL_HOST, 100,
     10},
    {"200 an hour, full", &MIDDLE, 7 * 1440, 0, 240, 60000, BOUNCE_REASON_MAILBOX_FULL, SIGNAL_BOX, 60, 10},
    {"2 million an hour, all", &FAST, 90, 0, 5, 100000, BOUNCE_REASON_CONNECT_FAILED, SIGNAL_HOST, 200, 0},
    {"2 million an hour, 3 %", &FAST, 90, 0, 5, 3000, BOUNCE_REASON_CONNECT_FAILED, SIGNAL_HOST, 200, 10},
    {"2 million an hour, 1 %", &FAST, 90, 0, 10, 1000, BOUNCE_REASON_CONNECT_FAILED, SIGNAL_HOST, 0, 10},
    {"2 million an hour, 5 % unknown", &FAST, 90, 0, 10, 5000, BOUNCE_REASON_USER_UNKNOWN, SIGNAL_GONE, 0, 10},
};

/* The first verdict by domain. */
static const struct meter_verdict *first_of(const struct recorder *r, enum meter_by by, bool open)
{
    for (size_t i = 0; i < r->n; i++)
        if (r->verdicts[i].by == by && (r->verdicts[i].end == METER_OPEN) == open)
            return &r->verdicts[i];
    return NULL;
}

static void check_outage(const struct outage *o)
{
    struct world w;
    world_start(&w, METER_USUAL);
    know_all(&w, o->traffic);
    calm(&w, o->traffic, o->calm_minutes);
    if (w.rec.n)
        fail_msg("%s: opened when all was calm", o->name);
    int64_t begin = w.now_us;
    if (o->ramp_minutes)
        run(&w, o->traffic, o->ramp_minutes, 0, o->share, o->why);
    run(&w, o->traffic, o->minutes, o->share, o->share, o->why);
    const struct meter_verdict *v = first_of(&w.rec, METER_DOMAIN, true);
    if (!v)
        fail_msg("%s: not noticed, %u failed", o->name, (unsigned)w.rec.failed);
    int64_t minutes = (v->seen_us - begin) / TIME_MINUTE;
    print_message("%s: noticed after %u failed messages, %d minutes; begins %d minutes behind\n", o->name,
                  (unsigned)w.rec.failed_at_open, (int)minutes,
                  (int)((v->from_us + METER_MARGIN_US - begin) / TIME_MINUTE));
    if (w.rec.failed_at_open > o->most_failed && minutes > o->most_minutes)
        fail_msg("%s: late", o->name);
    assert_int_equal(v->signal, o->signal);
    assert_int_equal(v->pause, o->signal == SIGNAL_GONE);
    if (!o->ramp_minutes)
        assert_true(v->from_us <= begin + 2 * TIME_MINUTE ||
                    v->from_us <= begin + TIME_HOUR / o->traffic->per_hour * 4);
    world_end(&w);
}

static void outages_are_noticed(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(OUTAGES); i++)
        check_outage(&OUTAGES[i]);
}

/* ---- the end ---- */

static void an_incident_ends_where_it_ended(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, METER_USUAL);
    know_all(&w, &MIDDLE);
    calm(&w, &MIDDLE, 7 * 1440);
    run(&w, &MIDDLE, 120, 80000, 80000, BOUNCE_REASON_SYSTEM_BUSY);
    assert_true(meter_set_is_open(w.set, SLICE_EMPTY, METER_DOMAIN, w.domain));
    int64_t end = w.now_us;
    calm(&w, &MIDDLE, 20);
    assert_true(meter_set_is_open(w.set, SLICE_EMPTY, METER_DOMAIN, w.domain));
    calm(&w, &MIDDLE, 2 * 1440);
    const struct meter_verdict *v = first_of(&w.rec, METER_DOMAIN, false);
    assert_non_null(v);
    assert_int_equal(v->end, METER_NORMAL);
    assert_int_equal(v->id, 1);
    assert_true(v->until_us >= end && v->until_us <= end + 30 * TIME_MINUTE);
    assert_true(v->seen_us >= end + METER_NORMAL_US - TIME_MINUTE && v->seen_us <= end + 2 * TIME_HOUR);
    assert_true(v->share_ppm > 500000);
    assert_false(meter_set_is_open(w.set, SLICE_EMPTY, METER_DOMAIN, w.domain));
    assert_int_equal(w.rec.n, 2); /* once */
    world_end(&w);
}

static void an_incident_without_mail_ends(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, METER_USUAL);
    know_all(&w, &MIDDLE);
    calm(&w, &MIDDLE, 3 * 1440);
    run(&w, &MIDDLE, 60, 100000, 100000, BOUNCE_REASON_CONNECT_FAILED);
    int64_t end = w.now_us;
    meter_set_tick(w.set, end + METER_QUIET_US - TIME_HOUR);
    assert_int_equal(meter_set_open_count(w.set), 1);
    meter_set_tick(w.set, end + METER_QUIET_US);
    assert_int_equal(meter_set_open_count(w.set), 0);
    const struct meter_verdict *v = first_of(&w.rec, METER_DOMAIN, false);
    assert_int_equal(v->end, METER_QUIET);
    assert_true(v->until_us >= end && v->until_us <= end + METER_MARGIN_US);
    world_end(&w);
}

/* A domain that is gone for good: after some days that is how things are. */
static void what_lasts_becomes_normal(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, METER_USUAL);
    know_all(&w, &MIDDLE);
    calm(&w, &MIDDLE, 3 * 1440);
    run(&w, &MIDDLE, 10 * 1440, 100000, 100000, BOUNCE_REASON_DOMAIN_UNKNOWN);
    assert_int_equal(w.rec.n, 2);
    assert_int_equal(w.rec.verdicts[1].end, METER_LONGEST);
    assert_int_equal(meter_set_open_count(w.set), 0);
    world_end(&w);
}

/* ---- calm ---- */

struct peace {
    const char *name;
    struct traffic traffic;
    unsigned minutes;
};

static const struct peace PEACE[] = {
    {"three months of 20 an hour", {20, 2000, 500, 50, 200, 500, false, false}, 90 * 1440},
    {"a month of 200 an hour", {200, 20000, 500, 50, 200, 1000, false, false}, 30 * 1440},
    {"weekends without mail", {200, 20000, 1000, 50, 200, 1000, true, false}, 35 * 1440},
    {"half of it fails always", {60, 2000, 50000, 50, 200, 1000, false, false}, 30 * 1440},
    {"an hour of 2 million", {2000000, 200000, 300, 30, 300, 1000, false, false}, 60},
};

static void calm_times_open_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(PEACE); i++) {
        struct world w;
        world_start(&w, METER_USUAL);
        know_all(&w, &PEACE[i].traffic);
        calm(&w, &PEACE[i].traffic, PEACE[i].minutes);
        if (w.rec.n)
            fail_msg("%s: opened", PEACE[i].name);
        world_end(&w);
    }
}

/* A monthly campaign beside daily mail: its recipients are gone, full and slow far more often. */
static void campaigns_open_nothing(void **state)
{
    (void)state;
    static const struct traffic list = {20000, 20000, 1000, 2500, 2500, 3000, false, true};
    struct world w;
    world_start(&w, METER_USUAL);
    know_all(&w, &MIDDLE);
    for (unsigned month = 0; month < 4; month++) {
        calm(&w, &MIDDLE, 30 * 1440);
        for (size_t i = 0; i < list.recipients; i++)
            w.knew[i] = w.now_us - 30 * TIME_DAY;
        calm(&w, &list, 60);
    }
    assert_int_equal(w.rec.n, 0);
    world_end(&w);
}

static void a_bad_import_opens_nothing(void **state)
{
    (void)state;
    static const struct traffic import = {10000, 20000, 500, 30, 200, 60000, false, true};
    struct world w;
    world_start(&w, METER_USUAL);
    know_all(&w, &MIDDLE);
    calm(&w, &MIDDLE, 7 * 1440);
    calm(&w, &import, 60);
    assert_int_equal(w.rec.n, 0);
    world_end(&w);
}

/* One mailbox that gets a message every second and is closed. */
static void one_recipient_opens_nothing(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, METER_USUAL);
    know_all(&w, &MIDDLE);
    calm(&w, &MIDDLE, 3 * 1440);
    for (unsigned i = 0; i < 3600; i++, w.now_us += TIME_SECOND) {
        w.knew[7] = w.now_us - TIME_HOUR;
        to_fail(&w, 7, BOUNCE_REASON_USER_UNKNOWN);
    }
    assert_int_equal(w.rec.n, 0);
    world_end(&w);
}

static void late_events_open_nothing(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, METER_USUAL);
    know_all(&w, &MIDDLE);
    calm(&w, &MIDDLE, 3 * 1440);
    int64_t now = w.now_us;
    for (size_t i = 0; i < 2000; i++) {
        w.now_us = now - TIME_HOUR - (int64_t)(next_random(&w) % 1000) * TIME_SECOND;
        w.knew[i] = w.now_us - TIME_HOUR;
        to_fail(&w, i, BOUNCE_REASON_CONNECT_FAILED);
    }
    assert_int_equal(w.rec.n, 0);
    world_end(&w);
}

static void a_domain_without_a_past_opens_nothing(void **state)
{
    (void)state;
    static const struct traffic dead = {200, 20000, 100000, 0, 0, 0, false, false};
    struct world w;
    world_start(&w, METER_USUAL);
    calm(&w, &dead, 7 * 1440);
    assert_int_equal(w.rec.n, 0);
    world_end(&w);
}

static void blocks_and_greylisting_are_none(void **state)
{
    (void)state;
    static const enum bounce_reason reasons[] = {BOUNCE_REASON_SENDER_IP_LISTED,  BOUNCE_REASON_GREYLISTED,
                                                 BOUNCE_REASON_RATE_LIMITED,      BOUNCE_REASON_SPAM_CONTENT,
                                                 BOUNCE_REASON_MESSAGE_TOO_LARGE, BOUNCE_REASON_LOCAL_ERROR};
    struct world w;
    world_start(&w, METER_USUAL);
    know_all(&w, &MIDDLE);
    calm(&w, &MIDDLE, 3 * 1440);
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        run(&w, &MIDDLE, 300, 100000, 100000, reasons[i]);
    assert_int_equal(w.rec.n, 0);
    world_end(&w);
}

/* ---- provider and text ---- */

static char many_domains[300][24];

/* 300 domains with one message each in 10 minutes. */
static void round_of_domains(struct world *w, unsigned outage, slice provider)
{
    static const struct traffic one = {30 * 60, 20000, 200, 0, 0, 0, false, false};
    w->provider = provider;
    for (size_t i = 0; i < ARRAY_LEN(many_domains); i++) {
        snprintf(many_domains[i], sizeof(many_domains[i]), "d%zu.example", i);
        w->domain = slice_of(many_domains[i], strlen(many_domains[i]));
        message(w, &one, outage, BOUNCE_REASON_SYSTEM_ERROR);
        w->now_us += 2 * TIME_SECOND;
    }
}

static void many_small_domains_are_a_provider_or_a_text(void **state)
{
    (void)state;
    for (unsigned with_provider = 0; with_provider < 2; with_provider++) {
        struct world w;
        world_start(&w, METER_USUAL);
        know_all(&w, &MIDDLE);
        slice provider = with_provider ? S("hoster") : SLICE_EMPTY;
        for (unsigned i = 0; i < 60; i++)
            round_of_domains(&w, 0, provider);
        assert_int_equal(w.rec.n, 0);
        round_of_domains(&w, 50000, provider);
        assert_null(first_of(&w.rec, METER_DOMAIN, true));
        const struct meter_verdict *v = first_of(&w.rec, with_provider ? METER_PROVIDER : METER_TEXT, true);
        assert_non_null(v);
        if (!with_provider)
            assert_int_equal(v->text, (uint32_t)BOUNCE_REASON_SYSTEM_ERROR + 1);
        for (unsigned i = 0; i < 60; i++)
            round_of_domains(&w, 0, provider);
        assert_int_equal(meter_set_open_count(w.set), 0);
        assert_non_null(first_of(&w.rec, with_provider ? METER_PROVIDER : METER_TEXT, false));
        world_end(&w);
    }
}

/* A weekly list and, after two months, a monthly one, over 300 domains of one kind of server: who was not written to for a month has
 * had the time to die. */
static void campaigns_are_no_text(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, METER_USUAL);
    for (unsigned week = 0; week < 12; week++) {
        bool monthly = week % 4 == 3;
        for (size_t i = 0; i < 20000; i++, w.now_us += TIME_SECOND) {
            snprintf(many_domains[i % 300], sizeof(many_domains[0]), "d%zu.example", i % 300);
            w.domain = slice_of(many_domains[i % 300], strlen(many_domains[i % 300]));
            w.knew[i] = w.now_us - (monthly ? 30 : 7) * TIME_DAY;
            w.provider = SLICE_EMPTY;
            message(&w, &(struct traffic){1, 20000, 0, monthly ? 1200 : 50, 0, 0, false, true}, 0,
                    BOUNCE_REASON_UNKNOWN);
        }
        w.now_us += 7 * TIME_DAY;
    }
    assert_int_equal(w.rec.n, 0);
    world_end(&w);
}

/* A domain that accepts everything and bounces a minute later what is dead: 2 % of a monthly list. */
static void a_domain_that_bounces_later_opens_nothing(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, METER_USUAL);
    know_all(&w, &MIDDLE);
    calm(&w, &MIDDLE, 3 * 1440);
    for (unsigned month = 0; month < 6; month++, w.now_us += 30 * TIME_DAY)
        for (size_t i = 0; i < 2000; i++, w.now_us += 5 * TIME_SECOND) {
            w.knew[i] = w.now_us - 30 * TIME_DAY;
            message(&w, &(struct traffic){1, 2000, 0, 0, 0, 0, false, true}, 0, BOUNCE_REASON_UNKNOWN);
            if (i % 50 == 49) {
                w.now_us += TIME_MINUTE;
                to_fail(&w, i, BOUNCE_REASON_USER_UNKNOWN);
            }
        }
    assert_int_equal(w.rec.n, 0);
    world_end(&w);
}

static void tenants_are_apart(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, METER_USUAL);
    know_all(&w, &MIDDLE);
    calm(&w, &MIDDLE, 3 * 1440);
    run(&w, &MIDDLE, 60, 100000, 100000, BOUNCE_REASON_CONNECT_FAILED);
    assert_true(meter_set_is_open(w.set, SLICE_EMPTY, METER_DOMAIN, w.domain));
    assert_false(meter_set_is_open(w.set, S("other"), METER_DOMAIN, w.domain));
    world_end(&w);
}

/* ---- memory ---- */

static void the_oldest_go(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, METER_USUAL);
    w.provider = SLICE_EMPTY;
    for (unsigned i = 0; i < 5000; i++) {
        char name[24];
        snprintf(name, sizeof(name), "n%u.example", i);
        w.domain = slice_of(name, strlen(name));
        struct meter_event e = event_to(&w, 1);
        meter_set_feed(w.set, &e);
    }
    assert_int_equal(meter_set_count(w.set), 1000);
    world_end(&w);
}

/* ---- over a restart ---- */

struct rows {
    struct {
        uint64_t key;
        char bytes[1024];
        size_t n;
    } row[64];
    size_t n;
};

static bool keep_row(void *ctx, uint64_t key, slice bytes)
{
    struct rows *r = ctx;
    assert_true(r->n < ARRAY_LEN(r->row) && bytes.n <= sizeof(r->row[0].bytes));
    r->row[r->n].key = key;
    r->row[r->n].n = bytes.n;
    memcpy(r->row[r->n++].bytes, bytes.p, bytes.n);
    return true;
}

static void restart(struct world *w, struct rows *rows)
{
    rows->n = 0;
    assert_true(meter_set_save(w->set, false, keep_row, rows));
    meter_set_free(&w->set);
    struct meter_options o = {
        .most = 1000, .sensitivity = METER_USUAL, .key = &KEY, .verdict = keep_verdict, .ctx = &w->rec};
    w->set = meter_set_new(&o);
    for (size_t i = 0; i < rows->n; i++)
        assert_true(meter_set_load(w->set, rows->row[i].key, (slice){rows->row[i].bytes, rows->row[i].n}));
}

static void a_restart_changes_nothing(void **state)
{
    (void)state;
    struct rows *rows = malloc(sizeof(*rows));
    struct meter_verdict first[2] = {0};
    for (unsigned with_restart = 0; with_restart < 2; with_restart++) {
        struct world w;
        world_start(&w, METER_USUAL);
        know_all(&w, &MIDDLE);
        calm(&w, &MIDDLE, 3 * 1440);
        if (with_restart)
            restart(&w, rows);
        run(&w, &MIDDLE, 30, 50000, 50000, BOUNCE_REASON_CONNECT_FAILED);
        if (with_restart)
            restart(&w, rows);
        assert_int_equal(meter_set_open_count(w.set), 1);
        calm(&w, &MIDDLE, 120);
        assert_int_equal(w.rec.n, 2);
        if (!with_restart)
            memcpy(first, w.rec.verdicts, sizeof(first));
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(first[i].from_us, w.rec.verdicts[i].from_us);
            assert_int_equal(first[i].until_us, w.rec.verdicts[i].until_us);
            assert_int_equal(first[i].failed, w.rec.verdicts[i].failed);
        }
        world_end(&w);
    }
    free(rows);
}

static void rows_of_others_are_refused(void **state)
{
    (void)state;
    struct rows *rows = malloc(sizeof(*rows));
    struct world w;
    world_start(&w, METER_USUAL);
    know_all(&w, &MIDDLE);
    calm(&w, &MIDDLE, 1440);
    rows->n = 0;
    assert_true(meter_set_save(w.set, true, keep_row, rows));
    assert_true(rows->n >= 2);
    size_t n = rows->n;
    rows->n = 0;
    assert_true(meter_set_save(w.set, true, keep_row, rows));
    assert_int_equal(rows->n, 0); /* nothing has changed since */
    for (size_t i = 0; i < n; i++)
        for (size_t cut = 0; cut < rows->row[i].n; cut++)
            assert_false(meter_set_load(w.set, 1234, (slice){rows->row[i].bytes, cut}));
    rows->row[0].bytes[0]++;
    assert_false(meter_set_load(w.set, 1234, (slice){rows->row[0].bytes, rows->row[0].n}));
    world_end(&w);
    free(rows);
}

static void a_person_may_undo_it(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, METER_USUAL);
    know_all(&w, &MIDDLE);
    calm(&w, &MIDDLE, 3 * 1440);
    run(&w, &MIDDLE, 120, 50000, 50000, BOUNCE_REASON_CONNECT_FAILED);
    assert_int_equal(w.rec.n, 1);
    meter_set_release(w.set, 1, true);
    assert_int_equal(meter_set_open_count(w.set), 0);
    run(&w, &MIDDLE, 600, 50000, 50000, BOUNCE_REASON_CONNECT_FAILED);
    assert_int_equal(w.rec.n, 1); /* that is normal now */
    world_end(&w);
}

/* It is not opened again at once for what goes on, but the next bad day is noticed. */
static void a_person_may_close_it(void **state)
{
    (void)state;
    struct world w;
    world_start(&w, METER_USUAL);
    know_all(&w, &MIDDLE);
    calm(&w, &MIDDLE, 3 * 1440);
    run(&w, &MIDDLE, 120, 50000, 50000, BOUNCE_REASON_CONNECT_FAILED);
    meter_set_release(w.set, 1, false);
    run(&w, &MIDDLE, 300, 50000, 50000, BOUNCE_REASON_CONNECT_FAILED);
    assert_int_equal(w.rec.n, 1);
    calm(&w, &MIDDLE, 12 * 60);
    assert_int_equal(w.rec.n, 1);
    int64_t begin = w.now_us;
    run(&w, &MIDDLE, 60, 50000, 50000, BOUNCE_REASON_CONNECT_FAILED);
    assert_int_equal(w.rec.n, 2);
    assert_true(w.rec.verdicts[1].from_us >= begin - METER_MARGIN_US - TIME_HOUR);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(outages_are_noticed),
        cmocka_unit_test(an_incident_ends_where_it_ended),
        cmocka_unit_test(an_incident_without_mail_ends),
        cmocka_unit_test(what_lasts_becomes_normal),
        cmocka_unit_test(calm_times_open_nothing),
        cmocka_unit_test(campaigns_open_nothing),
        cmocka_unit_test(a_bad_import_opens_nothing),
        cmocka_unit_test(one_recipient_opens_nothing),
        cmocka_unit_test(late_events_open_nothing),
        cmocka_unit_test(a_domain_without_a_past_opens_nothing),
        cmocka_unit_test(blocks_and_greylisting_are_none),
        cmocka_unit_test(many_small_domains_are_a_provider_or_a_text),
        cmocka_unit_test(campaigns_are_no_text),
        cmocka_unit_test(a_domain_that_bounces_later_opens_nothing),
        cmocka_unit_test(tenants_are_apart),
        cmocka_unit_test(the_oldest_go),
        cmocka_unit_test(a_restart_changes_nothing),
        cmocka_unit_test(rows_of_others_are_refused),
        cmocka_unit_test(a_person_may_undo_it),
        cmocka_unit_test(a_person_may_close_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
