/* Every verb of the store, once on a ledger in memory and once on a file. */
#include "fixture.h"

#define BOTH(test)                                                      \
    cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end), \
        cmocka_unit_test_setup_teardown(test, fixture_file, fixture_end)

static struct ledger_address find(struct fixture *f, const char *key)
{
    struct ledger_address got;
    slice k = slice_str(key);
    assert_ok(f, ledger_addresses(f->l, SLICE_EMPTY, &k, 1, &f->a, &got, &f->e));
    return got;
}

static int64_t put_event(struct fixture *f, const struct observation *o, int64_t address, uint64_t key)
{
    int64_t seq;
    struct ledger_event ev = made_event(o, address, key);
    assert_ok(f, ledger_put_event(f->l, &ev, &seq, &f->e));
    return seq;
}

static int64_t put_plain(struct fixture *f, const char *key)
{
    struct ledger_address addr = made_address(key);
    assert_ok(f, ledger_put_address(f->l, &addr, &f->e));
    return addr.id;
}

static void address_comes_back(void **state)
{
    struct fixture *f = *state;
    struct ledger_suppression s[] = {made_suppression(SCOPE_GLOBAL, "", CAUSE_COMPLAINT),
                                     made_suppression(SCOPE_STREAM, "news", CAUSE_UNSUBSCRIBED)};
    struct ledger_address put = made_address("bob@example.com");
    put.address = S("Bob@example.com");
    put.state = STATE_SUPPRESSED;
    put.cause = CAUSE_COMPLAINT;
    put.hold = HOLD_TRUST;
    put.until_us = NOON + 5;
    put.due_us = NOON + 6;
    put.history = S("\0\1opaque");
    put.suppressions = s;
    put.suppression_count = 2;
    assert_int_equal(find(f, "bob@example.com").id, 0);
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_put_address(f->l, &put, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    struct ledger_address got = find(f, "bob@example.com");
    assert_int_equal(got.id, put.id);
    assert_int_equal(got.seq, put.seq);
    assert_true(got.id > 0 && got.seq > 0);
    assert_slice(got.address, "Bob@example.com");
    assert_slice(got.domain, "example.com");
    assert_int_equal(got.state, STATE_SUPPRESSED);
    assert_int_equal(got.cause, CAUSE_COMPLAINT);
    assert_int_equal(got.hold, HOLD_TRUST);
    assert_true(got.since_us == NOON && got.until_us == NOON + 5 && got.due_us == NOON + 6);
    assert_true(got.last_delivered_us == TIME_NONE && got.last_failed_us == NOON && got.first_seen_us == NOON);
    assert_true(slice_eq(got.history, put.history));
    assert_int_equal(got.suppression_count, 2);
    assert_slice(got.suppressions[1].stream, "news");
    assert_int_equal(got.suppressions[1].cause, CAUSE_UNSUBSCRIBED);
    assert_true(got.suppressions[0].until_us == TIME_NONE);
}

static void suppressions_become_exactly_those_given(void **state)
{
    struct fixture *f = *state;
    struct ledger_suppression s[] = {made_suppression(SCOPE_GLOBAL, "", CAUSE_HARD),
                                     made_suppression(SCOPE_STREAM, "a", CAUSE_UNSUBSCRIBED)};
    struct ledger_address addr = made_address("x@example.com");
    int64_t n;
    addr.suppressions = s;
    addr.suppression_count = 2;
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_put_address(f->l, &addr, &f->e));
    addr.suppressions = s + 1;
    addr.suppression_count = 1;
    assert_ok(f, ledger_put_address(f->l, &addr, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    struct ledger_address got = find(f, "x@example.com");
    assert_int_equal(got.suppression_count, 1);
    assert_int_equal(got.suppressions[0].scope, SCOPE_STREAM);
    assert_ok(f, ledger_mark_count(f->l, &n, &f->e));
    assert_int_equal(n, 1);
    assert_ok(f, ledger_begin(f->l, &f->e)); /* and back again, over the mark of the lifted one */
    addr.suppressions = s;
    addr.suppression_count = 2;
    assert_ok(f, ledger_put_address(f->l, &addr, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_int_equal(find(f, "x@example.com").suppression_count, 2);
}

static void tenants_are_apart(void **state)
{
    struct fixture *f = *state;
    struct ledger_address one = made_address("x@example.com"), two = one;
    slice key = S("x@example.com");
    one.tenant = S("one");
    two.tenant = S("two");
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_put_address(f->l, &one, &f->e));
    assert_ok(f, ledger_put_address(f->l, &two, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    struct ledger_address got;
    assert_ok(f, ledger_addresses(f->l, S("two"), &key, 1, &f->a, &got, &f->e));
    assert_int_equal(got.id, two.id);
    assert_ok(f, ledger_addresses(f->l, S("three"), &key, 1, &f->a, &got, &f->e));
    assert_int_equal(got.id, 0);
    assert_int_equal(find(f, "x@example.com").id, 0);
}

static void same_address_twice_is_refused(void **state)
{
    struct fixture *f = *state;
    struct ledger_address addr = made_address("x@example.com");
    assert_ok(f, ledger_begin(f->l, &f->e));
    put_plain(f, "x@example.com");
    assert_int_equal(ledger_put_address(f->l, &addr, &f->e), E_INVALID);
    ledger_abort(f->l);
    assert_int_equal(find(f, "x@example.com").id, 0);
}

struct seen {
    size_t n;
    int64_t last_seq;
    char text[2048];
};

static void note(struct seen *s, slice text)
{
    size_t used = strlen(s->text);
    snprintf(s->text + used, sizeof s->text - used, "%.*s ", SLICE_FMT(text));
    s->n++;
}

static bool see_event(void *ctx, const struct ledger_event *ev, const struct observation *o)
{
    struct seen *s = ctx;
    note(s, o->reply);
    assert_true(ev->seq > 0);
    s->last_seq = ev->seq;
    return true;
}

static bool check_full_event(void *ctx, const struct ledger_event *ev, const struct observation *o)
{
    static const char *const ids[ID_KINDS] = {"verp", "envid", "mid@x", "provider", "queue"};
    *(bool *)ctx = true;
    assert_ptr_equal(ev->o, o);
    assert_int_equal(ev->what, EVENT_OBSERVED);
    assert_slice(ev->address, "x@example.com");
    assert_slice(ev->rules_version, "0123456789abcdef");
    assert_slice(ev->decision, "suppressed");
    assert_true(ev->ingest_us == NOON + TIME_SECOND);
    assert_true(ev->source_key.hi == 7 && ev->source_key.lo == ~(uint64_t)7);
    assert_true(ev->fold.campaign == 11 && ev->fold.stream == 12 && ev->fold.ids[4] == UINT64_MAX &&
                ev->fold.ids[0] == 0);
    assert_int_equal(ev->fold.flags, EVENT_TRIED_NOTHING);
    assert_slice(o->recipient, "X@Example.com");
    assert_slice(o->sent_to, "alias@example.net");
    assert_slice(o->reply, "550 5.1.1 <X@Example.com> unknown");
    assert_slice(o->campaign, "spring");
    assert_slice(o->stream, "news");
    assert_slice(o->provider, "gmail");
    assert_slice(o->sender, "b@example.org");
    assert_slice(o->verdict.rule, "general/unknown");
    assert_slice(o->status, "5.1.1");
    assert_int_equal(o->verdict.reason, BOUNCE_REASON_USER_UNKNOWN);
    assert_int_equal(o->verdict.class_, BOUNCE_CLASS_HARD);
    assert_int_equal(o->verdict.certainty, 90);
    assert_int_equal(o->verdict.evidence, BOUNCE_EVIDENCE_TEXT);
    assert_int_equal(o->phase, BOUNCE_PHASE_RCPT);
    assert_int_equal(o->trust, TRUST_PROVEN);
    assert_true(o->time_us == NOON && o->sent_us == NOON - 5 && o->tried_nothing);
    for (int i = 0; i < ID_KINDS; i++)
        assert_slice(o->ids[i], ids[i]);
    return true;
}

static void event_comes_back(void **state)
{
    struct fixture *f = *state;
    bool called = false;
    int64_t seq;
    struct observation o = made_observation("X@Example.com", "550 5.1.1 <X@Example.com> unknown");
    o.sent_to = S("alias@example.net");
    o.campaign = S("spring");
    o.stream = S("news");
    o.provider = S("gmail");
    o.sender = S("b@example.org");
    o.status = S("5.1.1");
    o.verdict.rule = S("general/unknown");
    o.verdict.evidence = BOUNCE_EVIDENCE_TEXT;
    o.phase = BOUNCE_PHASE_RCPT;
    o.sent_us = NOON - 5;
    o.ids[ID_VERP] = S("verp");
    o.ids[ID_ENVID] = S("envid");
    o.ids[ID_MESSAGE] = S("mid@x");
    o.ids[ID_PROVIDER] = S("provider");
    o.ids[ID_QUEUE] = S("queue");
    assert_ok(f, ledger_begin(f->l, &f->e));
    struct ledger_event ev = made_event(&o, put_plain(f, "x@example.com"), 7);
    ev.rules_version = S("0123456789abcdef");
    ev.fold.campaign = 11;
    ev.fold.stream = 12;
    ev.fold.ids[4] = UINT64_MAX;
    ev.fold.flags = EVENT_TRIED_NOTHING;
    assert_ok(f, ledger_put_event(f->l, &ev, &seq, &f->e));
    assert_ok(f, ledger_put_decision(f->l, seq, S("suppressed"), &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_events_since(f->l, 0, 0, check_full_event, &called, &f->e));
    assert_true(called);
    called = false;
    assert_ok(f, ledger_events_of(f->l, ev.address_id, check_full_event, &called, &f->e));
    assert_true(called);
}

static void repeat_is_not_taken(void **state)
{
    struct fixture *f = *state;
    struct observation o = made_observation("x@example.com", "550 no");
    bool has;
    assert_ok(f, ledger_begin(f->l, &f->e));
    int64_t id = put_plain(f, "x@example.com");
    assert_true(put_event(f, &o, id, 1) > 0);
    assert_int_equal(put_event(f, &o, id, 1), 0);
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_int_equal(put_event(f, &o, id, 1), 0);
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_has_event(f->l, (struct hash128){1, ~(uint64_t)1}, &has, &f->e));
    assert_true(has);
    /* half of a key is another key */
    assert_ok(f, ledger_has_event(f->l, (struct hash128){1, 1}, &has, &f->e));
    assert_false(has);
    struct seen s = {0};
    assert_ok(f, ledger_events_since(f->l, 0, 0, see_event, &s, &f->e));
    assert_int_equal(s.n, 1);
}

static void numbers_rise_in_commit_order(void **state)
{
    struct fixture *f = *state;
    struct observation o = made_observation("x@example.com", "550 no");
    int64_t last = 0, seq;
    int64_t id = 0;
    for (uint64_t batch = 0; batch < 3; batch++) {
        assert_ok(f, ledger_begin(f->l, &f->e));
        if (!id)
            id = put_plain(f, "x@example.com");
        for (uint64_t i = 0; i < 3; i++) {
            seq = put_event(f, &o, id, batch * 3 + i + 1);
            assert_true(seq > last);
            last = seq;
        }
        if (batch == 1)
            ledger_abort(f->l); /* its numbers were never seen and may be given again */
        else
            assert_ok(f, ledger_commit(f->l, &f->e));
        assert_ok(f, ledger_seq(f->l, &last, &f->e));
    }
    struct seen s = {0};
    assert_ok(f, ledger_events_since(f->l, 0, 0, see_event, &s, &f->e));
    assert_int_equal(s.n, 6);
    assert_int_equal(s.last_seq, last);
    s = (struct seen){0};
    assert_ok(f, ledger_events_since(f->l, last - 1, 0, see_event, &s, &f->e));
    assert_int_equal(s.n, 1);
    s = (struct seen){0};
    assert_ok(f, ledger_events_since(f->l, 0, 2, see_event, &s, &f->e));
    assert_int_equal(s.n, 2);
}

static void events_of_an_address_stand_in_the_order_of_the_fold(void **state)
{
    struct fixture *f = *state;
    struct observation late = made_observation("x@example.com", "late"), early = late, same = late;
    late.time_us = NOON + 2;
    same.time_us = NOON + 2;
    early.reply = S("early");
    same.reply = S("same-time");
    assert_ok(f, ledger_begin(f->l, &f->e));
    int64_t id = put_plain(f, "x@example.com");
    put_event(f, &late, id, 5);
    put_event(f, &same, id, UINT64_MAX - 1); /* greater than any signed number */
    put_event(f, &early, id, 9);
    assert_ok(f, ledger_commit(f->l, &f->e));
    struct seen s = {0};
    assert_ok(f, ledger_events_of(f->l, id, see_event, &s, &f->e));
    assert_string_equal(s.text, "early late same-time ");
    struct policy_event *events;
    size_t n;
    assert_ok(f, ledger_fold_events(f->l, id, &f->a, &events, &n, &f->e));
    assert_int_equal(n, 3);
    assert_true(events[0].key == 9 && events[1].key == 5 && events[2].key == UINT64_MAX - 1);
    assert_int_equal(events[0].reason, BOUNCE_REASON_USER_UNKNOWN);
    assert_int_equal(events[0].trust, TRUST_PROVEN);
}

static bool see_row(void *ctx, const struct tally_row *row)
{
    struct seen *s = ctx;
    char text[128];
    int n = snprintf(text, sizeof text, "%.*s=%lld", SLICE_FMT(row->name), (long long)row->count);
    note(s, slice_of(text, (size_t)n));
    return true;
}

static void add_tally(struct fixture *f, const char *domain, int64_t hour, int64_t count)
{
    struct ledger_tally t = {.hour = hour,
                             .tenant = SLICE_EMPTY,
                             .stream = S("s"),
                             .campaign = S("c"),
                             .domain = slice_str(domain),
                             .provider = S("p"),
                             .source = S("form"),
                             .sending_ip = S("192.0.2.1"),
                             .kind = BOUNCE_KIND_FAILED,
                             .reason = BOUNCE_REASON_USER_UNKNOWN,
                             .count = count};
    assert_ok(f, ledger_add_tally(f->l, &t, &f->e));
}

static void tallies_add_up(void **state)
{
    static const struct {
        enum tally_by by;
        const char *want;
    } cases[] = {{TALLY_DOMAIN, "a.example=5 b.example=1 "},
                 {TALLY_CAMPAIGN, "c=6 "},
                 {TALLY_REASON, "user-unknown=6 "},
                 {TALLY_DAY, "1970-01-05=5 1970-01-06=1 "},
                 {TALLY_STREAM, "s=6 "},
                 {TALLY_PROVIDER, "p=6 "},
                 {TALLY_SOURCE, "form=6 "},
                 {TALLY_IP, "192.0.2.1=6 "}};
    struct fixture *f = *state;
    assert_ok(f, ledger_begin(f->l, &f->e));
    add_tally(f, "a.example", 100, 2);
    add_tally(f, "a.example", 100, 3);
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_begin(f->l, &f->e));
    add_tally(f, "a.example", 101, 1);
    add_tally(f, "a.example", 100, -1);
    add_tally(f, "b.example", 120, 1);
    add_tally(f, "gone.example", 100, 1);
    add_tally(f, "gone.example", 100, -1);
    assert_ok(f, ledger_commit(f->l, &f->e));
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct seen s = {0};
        assert_ok(f, ledger_report(f->l, cases[i].by, SLICE_EMPTY, TIME_NONE, TIME_NONE, see_row, &s, &f->e));
        assert_string_equal(s.text, cases[i].want);
    }
    struct seen s = {0};
    assert_ok(f, ledger_report(f->l, TALLY_DOMAIN, SLICE_EMPTY, 101 * TIME_HOUR, 102 * TIME_HOUR, see_row, &s, &f->e));
    assert_string_equal(s.text, "a.example=1 ");
    s = (struct seen){0};
    assert_ok(f, ledger_report(f->l, TALLY_DOMAIN, S("nobody"), TIME_NONE, TIME_NONE, see_row, &s, &f->e));
    assert_string_equal(s.text, "");
}

static bool see_group(void *ctx, const struct ledger_group *g)
{
    struct seen *s = ctx;
    char text[128];
    int n = snprintf(text, sizeof text, "%.*s:%lld:%.*s:%lld-%lld", SLICE_FMT(g->text), (long long)g->count,
                     SLICE_FMT(g->example), (long long)g->first_us, (long long)g->last_us);
    note(s, slice_of(text, (size_t)n));
    return true;
}

static void groups_count_and_keep_the_first_example(void **state)
{
    struct fixture *f = *state;
    struct ledger_group g = {
        .text = S("rare"), .example = S("R"), .provider = S("p"), .count = 1, .first_us = 5, .last_us = 5};
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_add_group(f->l, &g, &f->e));
    g.text = S("often");
    g.example = S("O1");
    assert_ok(f, ledger_add_group(f->l, &g, &f->e));
    g.example = S("O2");
    g.first_us = g.last_us = 3;
    assert_ok(f, ledger_add_group(f->l, &g, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_begin(f->l, &f->e));
    g.first_us = g.last_us = 9;
    assert_ok(f, ledger_add_group(f->l, &g, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    struct seen s = {0};
    assert_ok(f, ledger_groups(f->l, BOUNCE_REASONS, 0, see_group, &s, &f->e));
    assert_string_equal(s.text, "often:3:O1:3-9 rare:1:R:5-5 ");
    s = (struct seen){0};
    assert_ok(f, ledger_groups(f->l, BOUNCE_REASON_POLICY, 0, see_group, &s, &f->e));
    assert_int_equal(s.n, 0);
}

static void feeds_remember(void **state)
{
    struct fixture *f = *state;
    struct ledger_feed put = {S("mail.log"), S("17:abc"), S("\0bytes"), NOON}, got;
    assert_int_equal(ledger_get_feed(f->l, S("mail.log"), &f->a, &got, &f->e), E_NOT_FOUND);
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_put_feed(f->l, &put, &f->e));
    put.position = S("18:def");
    assert_ok(f, ledger_put_feed(f->l, &put, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_get_feed(f->l, S("mail.log"), &f->a, &got, &f->e));
    assert_slice(got.position, "18:def");
    assert_true(slice_eq(got.memory, put.memory));
    assert_true(got.updated_us == NOON);
}

static bool count_row(void *ctx, slice key, slice value)
{
    struct seen *s = ctx;
    note(s, key);
    note(s, value);
    return true;
}

static void memory_is_kept_by_row(void **state)
{
    struct fixture *f = *state;
    struct seen s = {0};
    assert_int_equal(ledger_put_memory(f->l, S("logs"), S("b"), S("1"), &f->e), E_DENIED);
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_put_memory(f->l, S("logs"), S("b"), S("1"), &f->e));
    assert_ok(f, ledger_put_memory(f->l, S("logs"), S("a"), S("2"), &f->e));
    assert_ok(f, ledger_put_memory(f->l, S("other"), S("a"), S("3"), &f->e));
    assert_ok(f, ledger_put_memory(f->l, S("logs"), S("c"), S("4"), &f->e));
    assert_ok(f, ledger_put_memory(f->l, S("logs"), S("b"), S("5"), &f->e));
    assert_ok(f, ledger_put_memory(f->l, S("logs"), S("c"), SLICE_EMPTY, &f->e));
    assert_ok(f, ledger_put_memory(f->l, S("logs"), S("never"), SLICE_EMPTY, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_memory(f->l, S("logs"), count_row, &s, &f->e));
    assert_string_equal(s.text, "a 2 b 5 ");
}

static void sent_and_domains_and_acquired(void **state)
{
    struct fixture *f = *state;
    bool was;
    int64_t at;
    struct ledger_acquired put = {S("t"), S("x@example.com"), S("X@example.com"), S("form"), S("landing"), S("b1"),
                                  NOON},
                           got;
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_add_sent(f->l, UINT64_MAX, NOON, &f->e));
    assert_ok(f, ledger_was_sent(f->l, UINT64_MAX, &was, &f->e)); /* also before the commit */
    assert_true(was);
    assert_ok(f, ledger_put_domain(f->l, S("t"), S("example.com"), 7, &f->e));
    assert_ok(f, ledger_put_domain(f->l, S("t"), S("example.com"), 5, &f->e));
    assert_ok(f, ledger_put_acquired(f->l, &put, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_was_sent(f->l, UINT64_MAX, &was, &f->e));
    assert_true(was);
    assert_ok(f, ledger_was_sent(f->l, 1, &was, &f->e));
    assert_false(was);
    assert_ok(f, ledger_get_domain(f->l, S("t"), S("example.com"), &at, &f->e));
    assert_true(at == 7);
    assert_ok(f, ledger_get_domain(f->l, S(""), S("example.com"), &at, &f->e));
    assert_true(at == TIME_NONE);
    assert_ok(f, ledger_get_acquired(f->l, S("t"), S("x@example.com"), &f->a, &got, &f->e));
    assert_slice(got.form, "landing");
    assert_slice(got.address, "X@example.com");
    assert_int_equal(ledger_get_acquired(f->l, S("u"), S("x@example.com"), &f->a, &got, &f->e), E_NOT_FOUND);
}

static bool see_address(void *ctx, const struct ledger_address *addr)
{
    note(ctx, addr->key);
    return true;
}

static void lists_go_by_key_and_page(void **state)
{
    struct fixture *f = *state;
    struct seen s = {0};
    assert_ok(f, ledger_begin(f->l, &f->e));
    put_plain(f, "c@x");
    put_plain(f, "a@x");
    struct ledger_address b = made_address("b@x"), other = made_address("a@x");
    b.state = STATE_SOFT;
    b.due_us = NOON;
    assert_ok(f, ledger_put_address(f->l, &b, &f->e));
    other.tenant = S("t");
    assert_ok(f, ledger_put_address(f->l, &other, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_list(f->l, SLICE_EMPTY, STATES, SLICE_EMPTY, 0, see_address, &s, &f->e));
    assert_string_equal(s.text, "a@x a@x b@x c@x ");
    s = (struct seen){0};
    assert_ok(f, ledger_list(f->l, SLICE_EMPTY, STATES, SLICE_EMPTY, 1, see_address, &s, &f->e));
    assert_string_equal(s.text, "a@x a@x "); /* whole keys */
    s = (struct seen){0};
    assert_ok(f, ledger_list(f->l, SLICE_EMPTY, STATES, S("a@x"), 1, see_address, &s, &f->e));
    assert_string_equal(s.text, "b@x ");
    s = (struct seen){0};
    assert_ok(f, ledger_list(f->l, S("t"), STATES, SLICE_EMPTY, 0, see_address, &s, &f->e));
    assert_string_equal(s.text, "a@x ");
    s = (struct seen){0};
    assert_ok(f, ledger_list(f->l, SLICE_EMPTY, STATE_SOFT, SLICE_EMPTY, 0, see_address, &s, &f->e));
    assert_string_equal(s.text, "b@x ");
    s = (struct seen){0};
    assert_ok(f, ledger_due(f->l, NOON - 1, 0, see_address, &s, &f->e));
    assert_int_equal(s.n, 0);
    assert_ok(f, ledger_due(f->l, NOON, 0, see_address, &s, &f->e));
    assert_string_equal(s.text, "b@x ");
}

static void abort_takes_everything_back(void **state)
{
    struct fixture *f = *state;
    struct observation o = made_observation("x@example.com", "550 no");
    struct ledger_feed feed = {S("f"), S("1"), SLICE_EMPTY, NOON};
    bool was;
    o.campaign = S("new-name");
    assert_ok(f, ledger_begin(f->l, &f->e));
    put_event(f, &o, put_plain(f, "x@example.com"), 1);
    add_tally(f, "a.example", 100, 2);
    assert_ok(f, ledger_add_sent(f->l, 3, NOON, &f->e));
    assert_ok(f, ledger_put_feed(f->l, &feed, &f->e));
    ledger_abort(f->l);
    assert_int_equal(find(f, "x@example.com").id, 0);
    assert_int_equal(ledger_get_feed(f->l, S("f"), &f->a, &feed, &f->e), E_NOT_FOUND);
    assert_ok(f, ledger_was_sent(f->l, 3, &was, &f->e));
    assert_false(was);
    struct seen s = {0};
    assert_ok(f, ledger_report(f->l, TALLY_DOMAIN, SLICE_EMPTY, TIME_NONE, TIME_NONE, see_row, &s, &f->e));
    assert_int_equal(s.n, 0);
    /* a name that was given a number in vain gets a true one */
    assert_ok(f, ledger_begin(f->l, &f->e));
    put_event(f, &o, put_plain(f, "x@example.com"), 1);
    add_tally(f, "a.example", 100, 2);
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_report(f->l, TALLY_DOMAIN, SLICE_EMPTY, TIME_NONE, TIME_NONE, see_row, &s, &f->e));
    assert_string_equal(s.text, "a.example=2 ");
}

static void writing_needs_a_transaction(void **state)
{
    struct fixture *f = *state;
    struct ledger_address addr = made_address("x@example.com");
    assert_int_equal(ledger_put_address(f->l, &addr, &f->e), E_DENIED);
    assert_int_equal(ledger_commit(f->l, &f->e), E_DENIED);
    ledger_abort(f->l); /* nothing to abort is no harm */
}

static void text_is_bound_and_bounded(void **state)
{
    struct fixture *f = *state;
    char big[10000];
    memset(big, 'r', sizeof big);
    struct observation o = made_observation("x'); DROP TABLE events;--@example.com", "");
    o.reply = slice_of(big, sizeof big);
    o.subject = S("nul \0 and \xff bytes");
    assert_ok(f, ledger_begin(f->l, &f->e));
    int64_t id = put_plain(f, "x'); DROP TABLE events;--@example.com");
    put_event(f, &o, id, 1);
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_int_equal(find(f, "x'); DROP TABLE events;--@example.com").id, id);
    struct seen s = {0};
    assert_ok(f, ledger_events_of(f->l, id, see_event, &s, &f->e));
    assert_int_equal(s.n, 1);
}

static bool nested(void *ctx, const struct ledger_event *ev, const struct observation *o)
{
    struct fixture *f = ctx;
    struct seen s = {0};
    char before[16];
    snprintf(before, sizeof before, "%.*s", SLICE_FMT(o->reply));
    assert_ok(f, ledger_events_since(f->l, 0, 0, see_event, &s, &f->e)); /* the same statement inside itself */
    assert_int_equal(s.n, 2);
    assert_slice(o->reply, before);
    return ev->seq > 0;
}

static void cursors_nest(void **state)
{
    struct fixture *f = *state;
    struct observation o = made_observation("x@example.com", "one"), p = made_observation("x@example.com", "two");
    assert_ok(f, ledger_begin(f->l, &f->e));
    int64_t id = put_plain(f, "x@example.com");
    put_event(f, &o, id, 1);
    put_event(f, &p, id, 2);
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_events_since(f->l, 0, 0, nested, f, &f->e));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(address_comes_back),
        BOTH(suppressions_become_exactly_those_given),
        BOTH(tenants_are_apart),
        BOTH(same_address_twice_is_refused),
        BOTH(event_comes_back),
        BOTH(repeat_is_not_taken),
        BOTH(numbers_rise_in_commit_order),
        BOTH(events_of_an_address_stand_in_the_order_of_the_fold),
        BOTH(tallies_add_up),
        BOTH(groups_count_and_keep_the_first_example),
        BOTH(feeds_remember),
        BOTH(memory_is_kept_by_row),
        BOTH(sent_and_domains_and_acquired),
        BOTH(lists_go_by_key_and_page),
        BOTH(abort_takes_everything_back),
        BOTH(writing_needs_a_transaction),
        BOTH(text_is_bound_and_bounded),
        BOTH(cursors_nest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
