/* A receiver's bad day through the whole intake: what failed in it is held and goes when it is over; a dead address elsewhere is
 * suppressed as ever; people open, close and undo; a crash in between loses nothing.
 *
 * The day is that of Gmail, 2020-12-14 22:16 to 2020-12-15 00:38 UTC, when mailboxes that were there answered "550-5.1.1 The email
 * account that you tried to reach does not exist".
 */
#include "check.h"

#include <stdlib.h>

#include "core/incidents.h"
#include "core/intake.h"
#include "core/keep.h"
#include "core/outbox.h"

#define GONE                                                                                                          \
    "550-5.1.1 The email account that you tried to reach does not exist. Please try double-checking the recipient's " \
    "email address"
#define MAILBOXES 600u
#define OUTAGE_FROM_US (INT64_C(1607984160) * TIME_SECOND) /* 2020-12-14T22:16:00Z */
#define OUTAGE_TO_US (INT64_C(1607992680) * TIME_SECOND)   /* 2020-12-15T00:38:00Z */
#define STEP_US (40 * TIME_SECOND)                         /* a message to each domain: 90 an hour */

struct world {
    struct ledger *ledger;
    struct bounce_rules *rules;
    struct policy policy;
    arena a;
    struct intake *intake;
    struct intake_options options;
    int64_t now_us;
    uint64_t serial;
};

static void open_intake(struct world *w)
{
    err e;
    assert_int_equal(intake_new(w->ledger, w->rules, &w->policy, &w->options, &w->intake, &e), OK);
}

static void world_open(struct world *w, bool no_incidents)
{
    static const struct sip_key key = {3, 4};
    err e;
    slice error;
    memset(w, 0, sizeof(*w));
    struct ledger_options o = {
        .path = ":memory:", .create = true, .key = &key, .hash_addresses = getenv("TEST_HASHED_LEDGER") != NULL};
    arena_init(&w->a, 0);
    assert_int_equal(ledger_open(&o, &w->ledger, &e), OK);
    assert_int_equal(bounce_rules_new(NULL, 0, false, &w->a, &w->rules, &error), BOUNCE_OK);
    policy_init(&w->policy);
    w->options.incidents.off = no_incidents;
    w->now_us = OUTAGE_FROM_US - 5 * TIME_DAY;
    open_intake(w);
}

static void world_close(struct world *w)
{
    intake_free(&w->intake);
    ledger_close(&w->ledger);
    bounce_rules_free(&w->rules);
    arena_fini(&w->a);
}

static void flush(struct world *w)
{
    struct intake_result r;
    err e;
    if (intake_flush(w->intake, w->now_us, &r, &e) != OK)
        fail_msg("%s", e.text);
}

static void say(struct world *w, const char *address, enum bounce_kind kind, const char *reply)
{
    err e;
    struct observation o = {.kind = kind,
                            .recipient = slice_str(address),
                            .time_us = w->now_us,
                            .sent_us = TIME_NONE,
                            .reply = slice_str(reply),
                            .phase = BOUNCE_PHASE_RCPT,
                            .feed = S("log"),
                            .trust = TRUST_PROVEN};
    o.source_key = hash128((slice){(const char *)&w->serial, sizeof(w->serial)});
    w->serial++;
    assert_int_equal(intake_add(w->intake, &o, &e), OK);
    if (intake_pending(w->intake) >= 40)
        flush(w);
}

/* Mail to two domains; `outage`: at gmail.com three of five are refused. Each domain has a mailbox that is really gone. */
static void mail_until(struct world *w, int64_t end_us, bool outage)
{
    char at[64], other[64];
    for (; w->now_us < end_us; w->now_us += STEP_US) {
        unsigned i = (unsigned)(w->now_us / STEP_US);
        snprintf(at, sizeof(at), "m%u@gmail.com", i % MAILBOXES);
        snprintf(other, sizeof(other), "m%u@example.org", i % MAILBOXES);
        bool refused = outage && i % 5 < 3;
        say(w, at, refused ? BOUNCE_KIND_FAILED : BOUNCE_KIND_DELIVERED, refused ? GONE : "250 ok");
        say(w, other, BOUNCE_KIND_DELIVERED, "250 ok");
    }
    flush(w);
}

static void the_day(struct world *w)
{
    mail_until(w, OUTAGE_FROM_US, false);
    say(w, "m7@example.org", BOUNCE_KIND_FAILED, "550 5.1.1 no such user");
    mail_until(w, OUTAGE_TO_US, true);
}

static struct ledger_address row_of(struct world *w, const char *address)
{
    struct ledger_address row;
    slice key = slice_str(address);
    err e;
    assert_int_equal(ledger_addresses(w->ledger, SLICE_EMPTY, &key, 1, &w->a, &row, &e), OK);
    return row;
}

struct states {
    unsigned n[STATES];
};

static bool count_state(void *ctx, const struct ledger_address *row)
{
    struct states *s = ctx;
    if (slice_eq(row->domain, S("gmail.com")))
        s->n[row->state]++;
    return true;
}

static struct states at_gmail(struct world *w)
{
    struct states s = {0};
    err e;
    assert_int_equal(ledger_list(w->ledger, SLICE_EMPTY, STATES, SLICE_EMPTY, 0, count_state, &s, &e), OK);
    return s;
}

struct rows {
    struct ledger_circumstance c[8];
    struct ledger_incident f[8];
    size_t n;
};

static bool take_row(void *ctx, const struct ledger_circumstance *c)
{
    struct rows *r = ctx;
    assert_true(r->n < ARRAY_LEN(r->c));
    r->c[r->n++] = *c;
    return true;
}

static struct rows incidents_of(struct world *w)
{
    struct rows r = {0};
    err e;
    assert_int_equal(ledger_circumstances(w->ledger, 0, take_row, &r, &e), OK);
    for (size_t i = 0; i < r.n; i++) {
        assert_int_equal(ledger_get_circumstance(w->ledger, r.c[i].c.id, &w->a, &r.c[i], &e), OK);
        if (!r.c[i].manual)
            assert_int_equal(ledger_get_incident(w->ledger, r.c[i].c.id, &r.f[i], &e), OK);
    }
    return r;
}

static const struct ledger_circumstance *by_domain(const struct rows *r)
{
    for (size_t i = 0; i < r->n; i++)
        if (slice_eq(r->c[i].domain, S("gmail.com")))
            return &r->c[i];
    fail_msg("no incident of gmail.com among %u", (unsigned)r->n);
    return NULL;
}

static void count_difference(void *ctx, const struct ledger_address *stored, const struct ledger_address *folded)
{
    if (!*(unsigned *)ctx)
        print_message("%.*s: stored %s, folded %s\n", SLICE_FMT(stored->address), state_word(stored->state),
                      state_word(folded->state));
    ++*(unsigned *)ctx;
}

/* What stands there is what a rebuild makes of it. */
static void assert_verified(struct world *w)
{
    unsigned different = 0;
    uint64_t folded;
    err e;
    assert_int_equal(
        keep_verify(w->ledger, &w->policy, SLICE_EMPTY, w->now_us, count_difference, &different, &folded, &e), OK);
    assert_true(folded > 0);
    assert_int_equal(different, 0);
}

static void a_bad_day_is_held_and_goes(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, false);
    the_day(&w);
    struct states s = at_gmail(&w);
    assert_int_equal(s.n[STATE_SUPPRESSED], 0);
    assert_true(s.n[STATE_HELD] > 80);
    struct rows r = incidents_of(&w);
    const struct ledger_circumstance *c = by_domain(&r);
    assert_int_equal(c->c.until_us, TIME_NONE);
    assert_true(c->c.from_us <= OUTAGE_FROM_US && c->c.from_us > OUTAGE_FROM_US - TIME_HOUR);
    assert_true(c->made_us < OUTAGE_FROM_US + 30 * TIME_MINUTE);
    assert_true(r.f[c - r.c].pause);
    assert_int_equal(row_of(&w, "m7@example.org").state, STATE_SUPPRESSED);
    assert_verified(&w);
    mail_until(&w, OUTAGE_TO_US + 6 * TIME_HOUR, false);
    s = at_gmail(&w);
    assert_int_equal(s.n[STATE_SUPPRESSED], 0);
    assert_int_equal(s.n[STATE_HELD], 0);
    r = incidents_of(&w);
    c = by_domain(&r);
    assert_true(c->c.until_us >= OUTAGE_TO_US - TIME_MINUTE && c->c.until_us < OUTAGE_TO_US + 30 * TIME_MINUTE);
    assert_int_equal(c->work_seq, 0);
    assert_int_equal(row_of(&w, "m7@example.org").state, STATE_SUPPRESSED);
    assert_verified(&w);
    world_close(&w);
}

/* Without detection, a person tells of it a year later. */
static void a_day_that_nobody_noticed_is_undone(void **state)
{
    (void)state;
    struct world w;
    err e;
    struct around_counts counts = {0};
    world_open(&w, true);
    the_day(&w);
    mail_until(&w, OUTAGE_TO_US + TIME_HOUR, false);
    unsigned lost = at_gmail(&w).n[STATE_SUPPRESSED];
    assert_true(lost > 80);
    assert_int_equal(incidents_of(&w).n, 0);
    w.now_us += 365 * TIME_DAY;
    struct ledger_circumstance c = {
        .c = {.by = MARK_NONE, .from_us = OUTAGE_FROM_US, .until_us = OUTAGE_TO_US},
        .domain = S("gmail.com"),
        .actor = S("ann"),
        .note = S("the outage of December 2020"),
    };
    assert_int_equal(ledger_begin(w.ledger, &e), OK);
    assert_int_equal(incident_open(w.ledger, &c, w.now_us, &e), OK);
    assert_int_equal(ledger_commit(w.ledger, &e), OK);
    assert_int_equal(around_finish(w.ledger, &w.policy, w.now_us, &counts, &e), OK);
    assert_int_equal(counts.lifted, lost);
    assert_int_equal(at_gmail(&w).n[STATE_SUPPRESSED], 0);
    assert_int_equal(row_of(&w, "m7@example.org").state, STATE_SUPPRESSED);
    assert_verified(&w);
    counts = (struct around_counts){0};
    assert_int_equal(ledger_begin(w.ledger, &e), OK);
    assert_int_equal(incident_undo(w.ledger, c.c.id, S("ann"), S("it was none"), w.now_us, &e), OK);
    assert_int_equal(ledger_commit(w.ledger, &e), OK);
    assert_int_equal(around_finish(w.ledger, &w.policy, w.now_us, &counts, &e), OK);
    assert_int_equal(counts.suppressed, lost);
    assert_int_equal(at_gmail(&w).n[STATE_SUPPRESSED], lost);
    assert_verified(&w);
    assert_int_equal(ledger_begin(w.ledger, &e), OK);
    assert_int_equal(incident_undo(w.ledger, c.c.id, S("ann"), SLICE_EMPTY, w.now_us, &e), E_DENIED);
    ledger_abort(w.ledger);
    world_close(&w);
}

static void a_person_closes_it(void **state)
{
    (void)state;
    struct world w;
    err e;
    struct around_counts counts = {0};
    world_open(&w, false);
    the_day(&w);
    struct rows r = incidents_of(&w);
    unsigned held = at_gmail(&w).n[STATE_HELD];
    for (size_t i = 0; i < r.n; i++) {
        assert_int_equal(ledger_begin(w.ledger, &e), OK);
        assert_int_equal(
            incident_close(w.ledger, r.c[i].c.id, OUTAGE_TO_US - TIME_HOUR, S("ann"), S("enough"), w.now_us, &e), OK);
        assert_int_equal(ledger_commit(w.ledger, &e), OK);
    }
    assert_int_equal(around_finish(w.ledger, &w.policy, w.now_us, &counts, &e), OK);
    struct states s = at_gmail(&w);
    assert_int_equal(s.n[STATE_HELD], 0);
    assert_true(s.n[STATE_SUPPRESSED] > 30 && s.n[STATE_SUPPRESSED] < held); /* those of the last hour count */
    assert_verified(&w);
    mail_until(&w, w.now_us + TIME_HOUR, true); /* the meters know: it is not opened again */
    assert_int_equal(incidents_of(&w).n, r.n);
    world_close(&w);
}

/* Another process goes on from what the ledger knows. */
static void a_restart_in_the_middle_changes_nothing(void **state)
{
    (void)state;
    struct world w;
    world_open(&w, false);
    mail_until(&w, OUTAGE_FROM_US + 4 * TIME_MINUTE, false);
    intake_free(&w.intake);
    open_intake(&w);
    mail_until(&w, OUTAGE_FROM_US + TIME_HOUR, true);
    assert_int_equal(at_gmail(&w).n[STATE_SUPPRESSED], 0);
    intake_free(&w.intake);
    open_intake(&w);
    mail_until(&w, OUTAGE_TO_US, true);
    mail_until(&w, OUTAGE_TO_US + 6 * TIME_HOUR, false);
    struct states s = at_gmail(&w);
    assert_int_equal(s.n[STATE_SUPPRESSED] + s.n[STATE_HELD], 0);
    struct rows r = incidents_of(&w);
    for (size_t i = 0; i < r.n; i++)
        assert_true(r.c[i].c.until_us != TIME_NONE);
    world_close(&w);
}

/* An incident stays when all its events are pruned: the last message of an address is still open in its baseline. */
static void pruning_takes_nothing_back(void **state)
{
    (void)state;
    struct world w;
    struct ledger_retention r = {.events_us = 400 * TIME_DAY};
    int64_t removed;
    err e;
    world_open(&w, false);
    the_day(&w);
    mail_until(&w, OUTAGE_TO_US + 6 * TIME_HOUR, false);
    size_t n = incidents_of(&w).n;
    assert_true(n > 0);
    w.now_us += 440 * TIME_DAY;
    assert_int_equal(keep_prune(w.ledger, &w.policy, &r, w.now_us, &removed, &e), OK);
    assert_int_equal(incidents_of(&w).n, n);
    assert_int_equal(at_gmail(&w).n[STATE_SUPPRESSED], 0);
    assert_int_equal(row_of(&w, "m7@example.org").state, STATE_SUPPRESSED);
    assert_verified(&w);
    struct around_counts counts = {0};
    struct rows all = incidents_of(&w);
    assert_int_equal(ledger_begin(w.ledger, &e), OK);
    for (size_t i = 0; i < all.n; i++)
        assert_int_equal(incident_undo(w.ledger, all.c[i].c.id, S("ann"), SLICE_EMPTY, w.now_us, &e), OK);
    assert_int_equal(ledger_commit(w.ledger, &e), OK);
    assert_int_equal(around_finish(w.ledger, &w.policy, w.now_us, &counts, &e), OK);
    assert_true(counts.suppressed > 0); /* those who got no mail since */
    assert_verified(&w);
    world_close(&w);
}

static bool forget_meter(void *ctx, uint64_t key, slice bytes)
{
    (void)key;
    (void)bytes;
    ++*(unsigned *)ctx;
    return true;
}

/* A new version cannot read the meters of the old one. */
static void an_incident_without_its_meter_ends(void **state)
{
    (void)state;
    struct world w;
    err e;
    unsigned meters = 0;
    world_open(&w, false);
    the_day(&w);
    intake_free(&w.intake);
    assert_int_equal(ledger_meters(w.ledger, forget_meter, &meters, &e), OK);
    assert_true(meters >= 4);
    assert_int_equal(ledger_begin(w.ledger, &e), OK);
    assert_int_equal(ledger_drop_meters(w.ledger, INT64_MAX, &e), OK);
    assert_int_equal(ledger_commit(w.ledger, &e), OK);
    open_intake(&w);
    mail_until(&w, OUTAGE_TO_US + 2 * TIME_DAY, false);
    struct rows r = incidents_of(&w);
    assert_int_equal(by_domain(&r)->c.until_us, TIME_NONE);
    mail_until(&w, OUTAGE_TO_US + 5 * TIME_DAY, false);
    r = incidents_of(&w);
    assert_true(by_domain(&r)->c.until_us != TIME_NONE);
    struct states s = at_gmail(&w);
    assert_int_equal(s.n[STATE_SUPPRESSED] + s.n[STATE_HELD], 0);
    assert_verified(&w);
    world_close(&w);
}

static void time_alone_ends_it(void **state)
{
    (void)state;
    struct world w;
    err e;
    world_open(&w, false);
    the_day(&w);
    w.now_us += METER_QUIET_US - TIME_HOUR;
    assert_int_equal(intake_tick(w.intake, w.now_us, &e), OK);
    assert_true(at_gmail(&w).n[STATE_HELD] > 80);
    w.now_us += 2 * TIME_HOUR;
    for (unsigned i = 0; i < 10; i++, w.now_us += TIME_MINUTE)
        assert_int_equal(intake_tick(w.intake, w.now_us, &e), OK);
    struct states s = at_gmail(&w);
    assert_int_equal(s.n[STATE_SUPPRESSED] + s.n[STATE_HELD], 0);
    assert_verified(&w);
    world_close(&w);
}

struct letters {
    unsigned opened, closed, other, held;
};

static bool take_letter(void *ctx, const struct ledger_letter *m)
{
    struct letters *n = ctx;
    n->held += m->kind == OUTBOX_HELD;
    if (m->kind != OUTBOX_INCIDENT)
        return true;
    if (slice_find(m->body, S("\"event\":\"opened\"")) != SLICE_NPOS)
        n->opened += slice_find(m->body, S("\"domain\":\"gmail.com\"")) != SLICE_NPOS;
    else if (slice_find(m->body, S("\"event\":\"closed\"")) != SLICE_NPOS)
        n->closed += slice_find(m->body, S("\"until\":")) != SLICE_NPOS;
    else
        n->other++;
    return true;
}

static void others_are_told(void **state)
{
    (void)state;
    struct world w;
    err e;
    struct letters n = {0};
    struct ledger_endpoint p = {.name = S("crm"), .kinds = 1u << OUTBOX_INCIDENT | 1u << OUTBOX_HELD, .active = true};
    world_open(&w, false);
    assert_int_equal(ledger_begin(w.ledger, &e), OK);
    assert_int_equal(ledger_put_endpoint(w.ledger, &p, &e), OK);
    assert_int_equal(ledger_commit(w.ledger, &e), OK);
    the_day(&w);
    mail_until(&w, OUTAGE_TO_US + 6 * TIME_HOUR, false);
    assert_int_equal(ledger_letters(w.ledger, 1, false, 0, 0, take_letter, &n, &e), OK);
    assert_int_equal(n.opened, 1);
    assert_true(n.closed >= 1);
    assert_int_equal(n.other, 0);
    assert_true(n.held > 60);
    world_close(&w);
}

static void odd_spans_are_refused(void **state)
{
    (void)state;
    struct world w;
    err e;
    world_open(&w, false);
    struct ledger_circumstance c = {
        .c = {.by = MARK_NONE, .from_us = w.now_us, .until_us = w.now_us}, .domain = S("a.example"), .actor = S("ann")};
    assert_int_equal(ledger_begin(w.ledger, &e), OK);
    assert_int_equal(incident_open(w.ledger, &c, w.now_us, &e), E_INVALID);
    c.c.until_us = TIME_NONE;
    c.c.from_us = w.now_us + 1;
    assert_int_equal(incident_open(w.ledger, &c, w.now_us, &e), E_INVALID);
    c.c.from_us = w.now_us - TIME_HOUR;
    c.actor = SLICE_EMPTY;
    assert_int_equal(incident_open(w.ledger, &c, w.now_us, &e), E_INVALID);
    assert_int_equal(incident_close(w.ledger, 77, w.now_us, S("ann"), SLICE_EMPTY, w.now_us, &e), E_NOT_FOUND);
    ledger_abort(w.ledger);
    world_close(&w);
}

/* Thousands of addresses take several pages; what a crash left is gone on with. */
static void work_is_done_in_pages(void **state)
{
    (void)state;
    struct world w;
    err e;
    char at[64];
    struct around_counts counts = {0};
    world_open(&w, true);
    for (unsigned i = 0; i < 2 * AROUND_PAGE + 100; i++, w.now_us += TIME_SECOND) {
        snprintf(at, sizeof(at), "p%u@big.example", i);
        say(&w, at, BOUNCE_KIND_FAILED, "550 5.1.1 no such user");
    }
    flush(&w);
    struct ledger_circumstance c = {.c = {.by = MARK_NONE, .from_us = w.now_us - TIME_DAY, .until_us = w.now_us},
                                    .domain = S("big.example"),
                                    .actor = S("ann")};
    assert_int_equal(ledger_begin(w.ledger, &e), OK);
    assert_int_equal(incident_open(w.ledger, &c, w.now_us, &e), OK);
    assert_int_equal(ledger_commit(w.ledger, &e), OK);
    bool more = false;
    assert_int_equal(ledger_begin(w.ledger, &e), OK);
    assert_int_equal(around_some(w.ledger, &w.policy, w.now_us, NULL, NULL, &counts, &more, &e), OK);
    assert_int_equal(ledger_commit(w.ledger, &e), OK);
    assert_true(more);
    assert_int_equal(counts.lifted, AROUND_PAGE);
    assert_int_equal(around_finish(w.ledger, &w.policy, w.now_us, &counts, &e), OK);
    assert_int_equal(counts.lifted, 2 * AROUND_PAGE + 100);
    assert_verified(&w);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bad_day_is_held_and_goes), cmocka_unit_test(a_day_that_nobody_noticed_is_undone),
        cmocka_unit_test(a_person_closes_it),         cmocka_unit_test(a_restart_in_the_middle_changes_nothing),
        cmocka_unit_test(pruning_takes_nothing_back), cmocka_unit_test(an_incident_without_its_meter_ends),
        cmocka_unit_test(time_alone_ends_it),         cmocka_unit_test(others_are_told),
        cmocka_unit_test(odd_spans_are_refused),      cmocka_unit_test(work_is_done_in_pages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
