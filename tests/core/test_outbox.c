/* Letters to other systems: who gets one, what it says, and that it is there exactly when what it tells of is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/acts.h"
#include "core/intake.h"
#include "core/outbox.h"
#include "core/typo.h"

#define NOW_US (INT64_C(1760000000) * TIME_SECOND)
#define ALL_KINDS ((1u << OUTBOX_KINDS) - 1)

struct world {
    struct ledger *ledger;
    struct bounce_rules *rules;
    struct policy policy;
    arena a;
};

static void world_open(struct world *w, bool hashed)
{
    static const struct sip_key key = {3, 4};
    err e;
    slice error;
    struct ledger_options o = {.path = ":memory:", .create = true, .key = &key, .hash_addresses = hashed};
    arena_init(&w->a, 0);
    assert_int_equal(ledger_open(&o, &w->ledger, &e), OK);
    assert_int_equal(bounce_rules_new(NULL, 0, false, &w->a, &w->rules, &error), BOUNCE_OK);
    policy_init(&w->policy);
}

static void world_close(struct world *w)
{
    ledger_close(&w->ledger);
    bounce_rules_free(&w->rules);
    arena_fini(&w->a);
}

static void endpoint(struct world *w, const char *name, uint32_t kinds, const char *streams, bool active)
{
    err e;
    struct ledger_endpoint p = {
        .name = slice_str(name), .kinds = kinds, .streams = slice_str(streams), .active = active};
    assert_int_equal(ledger_begin(w->ledger, &e), OK);
    assert_int_equal(ledger_put_endpoint(w->ledger, &p, &e), OK);
    assert_int_equal(ledger_commit(w->ledger, &e), OK);
}

/* The types and bodies of all letters to one endpoint. */
struct letters {
    buf words, bodies;
    size_t n;
};

static bool take_letter(void *ctx, const struct ledger_letter *m)
{
    struct letters *all = ctx;
    buf_printf(&all->words, "%s%s", all->n++ ? " " : "", outbox_kind_word((enum outbox_kind)m->kind));
    buf_add(&all->bodies, m->body);
    buf_addc(&all->bodies, '\n');
    return true;
}

static int64_t endpoint_id(struct world *w, const char *name)
{
    const struct ledger_endpoint *all;
    size_t n;
    err e;
    assert_int_equal(ledger_endpoints(w->ledger, &all, &n, &e), OK);
    for (size_t i = 0; i < n; i++)
        if (slice_eq(all[i].name, slice_str(name)))
            return all[i].id;
    fail_msg("no endpoint %s", name);
    return 0;
}

static struct letters letters_of(struct world *w, const char *name, bool dead)
{
    struct letters all = {0};
    err e;
    buf_init(&all.words, 0);
    buf_init(&all.bodies, 0);
    assert_int_equal(ledger_letters(w->ledger, endpoint_id(w, name), dead, 0, 0, take_letter, &all, &e), OK);
    return all;
}

static void letters_fini(struct letters *all)
{
    buf_fini(&all->words);
    buf_fini(&all->bodies);
}

static void expect_words(struct world *w, const char *name, const char *words)
{
    struct letters all = letters_of(w, name, false);
    buf_addc(&all.words, '\0');
    assert_string_equal(all.words.p, words);
    letters_fini(&all);
}

static void expect_text(struct world *w, const char *name, const char *text, bool there)
{
    struct letters all = letters_of(w, name, false);
    if ((slice_find(buf_slice(&all.bodies), slice_str(text)) != SLICE_NPOS) != there)
        fail_msg("%s %s in: %.*s", text, there ? "is not" : "is", SLICE_FMT(buf_slice(&all.bodies)));
    letters_fini(&all);
}

/* Of `o` come the recipient, the address sent to and the stream; the rest is filled in. */
static void observe_this(struct world *w, struct observation *o, enum bounce_kind kind, const char *reply,
                         enum trust trust)
{
    struct intake *in;
    struct intake_result r;
    struct intake_options io = {0};
    err e;
    char told[256], id[40]; /* the same news has the same id; it names nobody */
    snprintf(told, sizeof told, "%.*s-%s-%d", SLICE_FMT(o->recipient), reply, (int)kind);
    snprintf(id, sizeof id, "%016llx@id", (unsigned long long)hash128(slice_str(told)).hi);
    o->kind = kind;
    o->reply = slice_str(reply);
    o->time_us = NOW_US;
    o->sent_us = TIME_NONE;
    o->ids[ID_MESSAGE] = slice_str(id);
    o->phase = BOUNCE_PHASE_RCPT;
    o->trust = trust;
    o->source_key = hash128(slice_str(id));
    assert_int_equal(intake_new(w->ledger, w->rules, &w->policy, &io, &in, &e), OK);
    assert_int_equal(intake_add(in, o, &e), OK);
    assert_int_equal(intake_flush(in, NOW_US, &r, &e), OK);
    intake_free(&in);
}

static void observe(struct world *w, enum bounce_kind kind, const char *recipient, const char *reply,
                    const char *stream, enum trust trust)
{
    struct observation o = {.recipient = slice_str(recipient), .stream = slice_str(stream)};
    observe_this(w, &o, kind, reply, trust);
}

static void a_hard_bounce_is_told_once(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, false);
    endpoint(&w, "crm", ALL_KINDS, "", true);
    endpoint(&w, "stops", 1u << OUTBOX_SUPPRESSED, "", true);
    endpoint(&w, "gone", ALL_KINDS, "", false);
    observe(&w, BOUNCE_KIND_FAILED, "ann@example.org", "550 5.1.1 User unknown", "", TRUST_PROVEN);
    observe(&w, BOUNCE_KIND_FAILED, "ann@example.org", "550 5.1.1 User unknown", "", TRUST_PROVEN); /* a repeat */
    expect_words(&w, "crm", "suppressed bounced");
    expect_words(&w, "stops", "suppressed");
    expect_words(&w, "gone", "");
    expect_text(&w, "stops", "\"type\":\"suppressed\",\"timestamp\":\"2025-10-09T08:53:20", true);
    expect_text(&w, "stops", "\"address\":\"ann@example.org\"", true);
    expect_text(&w, "stops", "\"cause\":\"hard\",\"scope\":\"global\"", true);
    expect_text(&w, "stops", "\"reason\":\"user-unknown\",\"class\":\"hard\"", true);
    expect_text(&w, "stops", "\"ask_new_address\":true", true);
    expect_text(&w, "stops", "\"reply\":\"550 5.1.1 User unknown\"", true);
    expect_text(&w, "stops", "suggested_address", false);
    world_close(&w);
}

static void other_kinds(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, false);
    endpoint(&w, "crm", ALL_KINDS, "", true);
    observe(&w, BOUNCE_KIND_DEFERRED, "a@example.org", "451 4.7.1 Greylisted", "", TRUST_PROVEN);
    expect_words(&w, "crm", "");
    observe(&w, BOUNCE_KIND_COMPLAINT, "b@example.org", "", "", TRUST_PROVEN);
    expect_words(&w, "crm", "suppressed complained");
    observe(&w, BOUNCE_KIND_FAILED, "c@example.org", "550 5.1.1 User unknown", "", TRUST_BARE);
    expect_words(&w, "crm", "suppressed complained held bounced");
    expect_text(&w, "crm", "\"hold\":\"trust\"", true);
    world_close(&w);
}

static void acts_of_people_are_told(void **state)
{
    struct world w;
    struct act_result r;
    err e;
    (void)state;
    world_open(&w, false);
    endpoint(&w, "crm", ALL_KINDS, "", true);
    struct act act = {
        .address = S("ann@example.org"), .actor = S("eve"), .note = S("asked by phone"), .time_us = NOW_US};
    assert_int_equal(suppress_add(w.ledger, &w.policy, &act, &r, &e), OK);
    act.time_us++;
    assert_int_equal(suppress_lift(w.ledger, &w.policy, &act, &r, &e), OK);
    expect_words(&w, "crm", "suppressed lifted");
    expect_text(&w, "crm", "\"actor\":\"eve\",\"note\":\"asked by phone\"", true);
    world_close(&w);
}

static void streams_choose(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, false);
    endpoint(&w, "news", 1u << OUTBOX_BOUNCED, "newsletter\noffers\n", true);
    observe(&w, BOUNCE_KIND_FAILED, "a@example.org", "552 5.2.2 Mailbox full", "newsletter", TRUST_PROVEN);
    observe(&w, BOUNCE_KIND_FAILED, "a@example.org", "552 5.2.2 Quota exceeded", "invoices", TRUST_PROVEN);
    observe(&w, BOUNCE_KIND_FAILED, "a@example.org", "552 5.2.2 Over quota", "offers", TRUST_PROVEN);
    expect_words(&w, "news", "bounced bounced");
    expect_text(&w, "news", "invoices", false);
    world_close(&w);
}

static void a_better_address_is_proposed(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, false);
    endpoint(&w, "crm", 1u << OUTBOX_SUPPRESSED, "", true);
    observe(&w, BOUNCE_KIND_FAILED, "Ann.B@gmial.com", "550 5.1.1 User unknown", "", TRUST_PROVEN);
    expect_text(&w, "crm", "\"suggested_address\":\"Ann.B@gmail.com\"", true);
    observe(&w, BOUNCE_KIND_FAILED, "old@example.org", "551 5.1.6 User not local; please try <new@example.net>", "",
            TRUST_PROVEN);
    expect_text(&w, "crm", "\"suggested_address\":\"new@example.net\"", true);
    world_close(&w);
}

static void hashed_ledgers_name_nobody(void **state)
{
    struct world w;
    (void)state;
    world_open(&w, true);
    endpoint(&w, "crm", ALL_KINDS, "", true);
    observe(&w, BOUNCE_KIND_FAILED, "ann@gmial.com", "550 5.1.1 <ann@gmial.com> User unknown", "", TRUST_PROVEN);
    expect_words(&w, "crm", "suppressed bounced");
    expect_text(&w, "crm", "ann", false);
    world_close(&w);
}

static void erasing_takes_letters_along(void **state)
{
    struct world w;
    err e;
    (void)state;
    world_open(&w, false);
    endpoint(&w, "crm", ALL_KINDS, "", true);
    observe(&w, BOUNCE_KIND_FAILED, "ann@example.org", "550 5.1.1 User unknown", "", TRUST_PROVEN);
    observe(&w, BOUNCE_KIND_FAILED, "bob@example.org", "550 5.1.1 User unknown", "", TRUST_PROVEN);
    assert_int_equal(ledger_erase(w.ledger, SLICE_EMPTY, S("ann@example.org"), S("eve"), NOW_US, &e), OK);
    expect_words(&w, "crm", "suppressed bounced");
    expect_text(&w, "crm", "ann@", false);
    world_close(&w);
}

/* A bounce of a mail to an alias that went on to `recipient`. */
static void observe_alias(struct world *w, const char *alias, const char *recipient, const char *reply)
{
    struct observation o = {.recipient = slice_str(recipient), .sent_to = slice_str(alias)};
    observe_this(w, &o, BOUNCE_KIND_FAILED, reply, TRUST_PROVEN);
}

/* Letters of other addresses that name the erased one go with it; those that name another stay. */
static void erasing_takes_letters_of_aliases_along(void **state)
{
    static const struct {
        const char *alias, *recipient, *reply;
        bool stays;
    } told[] = {
        {"info@example.org", "ann.smith@example.com", "552 5.2.2 <Ann.Smith@example.com>: mailbox full 1", false},
        {"info@example.org", "ann.smith@example.com", "552 5.2.2 mailbox of ann.smith is full 2", false},
        {"info@example.org", "ann.smith@example.com", "552-5.2.2 Mailbox full\n552 ann.smith@example.com 3", false},
        {"info@example.org", "ann.smith@example.com", "552 5.2.2 mailbox full 4", true},
        {"info@example.org", "joann.smith@example.com", "552 5.2.2 <joann.smith@example.com> mailbox full 5", true},
        {"info@example.org", "ann.smith@example.com", "552 5.2.2 <ann.smith@example.com.au> mailbox full 6", true},
        {"ann.smith@example.org", "ann.smith@example.com", "552 5.2.2 mailbox full 7", true},
        {"sales@example.org", "sales@example.org", "552 5.2.2 mailbox full, ask ann.smith@example.com. 8", false},
        {"sales@example.org", "sales@example.org", "552 5.2.2 mailbox of ann.smith is full 9", true},
    };
    struct world w;
    err e;
    (void)state;
    world_open(&w, false);
    endpoint(&w, "crm", 1u << OUTBOX_BOUNCED, "", true);
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        observe_alias(&w, told[i].alias, told[i].recipient, told[i].reply);
        expect_text(&w, "crm", told[i].reply + strlen(told[i].reply) - 2, true);
    }
    assert_int_equal(ledger_erase(w.ledger, SLICE_EMPTY, S("ann.smith@example.com"), S("eve"), NOW_US, &e), OK);
    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        expect_text(&w, "crm", told[i].reply + strlen(told[i].reply) - 2, told[i].stays);
    expect_text(&w, "crm", "<ann.smith@example.com>", false);
    world_close(&w);
}

static void letters_die_and_come_back(void **state)
{
    struct world w;
    err e;
    int64_t n, oldest;
    (void)state;
    world_open(&w, false);
    endpoint(&w, "crm", ALL_KINDS, "", true);
    observe(&w, BOUNCE_KIND_FAILED, "ann@example.org", "550 5.1.1 User unknown", "", TRUST_PROVEN);
    int64_t id = endpoint_id(&w, "crm");
    assert_int_equal(ledger_begin(w.ledger, &e), OK);
    assert_int_equal(ledger_letter_failed(w.ledger, 1, NOW_US, true, S("500 Oops"), &e), OK);
    assert_int_equal(ledger_letter_sent(w.ledger, 2, &e), OK);
    assert_int_equal(ledger_commit(w.ledger, &e), OK);
    expect_words(&w, "crm", "");
    assert_int_equal(ledger_letter_count(w.ledger, id, true, &n, &oldest, &e), OK);
    assert_int_equal(n, 1);
    assert_int_equal(oldest, NOW_US);
    assert_int_equal(ledger_begin(w.ledger, &e), OK);
    assert_int_equal(ledger_letter_revive(w.ledger, id, 0, NOW_US + 5, &n, &e), OK);
    assert_int_equal(n, 1);
    assert_int_equal(ledger_commit(w.ledger, &e), OK);
    expect_words(&w, "crm", "suppressed");
    world_close(&w);
}

static void an_aborted_change_is_not_told(void **state)
{
    struct world w;
    struct intake *in;
    struct intake_result r;
    struct intake_options io = {.dry_run = true};
    err e;
    (void)state;
    world_open(&w, false);
    endpoint(&w, "crm", ALL_KINDS, "", true);
    struct observation o = {.kind = BOUNCE_KIND_FAILED,
                            .recipient = S("ann@example.org"),
                            .reply = S("550 5.1.1 User unknown"),
                            .time_us = NOW_US,
                            .sent_us = TIME_NONE,
                            .trust = TRUST_PROVEN,
                            .source_key = {1, 2}};
    assert_int_equal(intake_new(w.ledger, w.rules, &w.policy, &io, &in, &e), OK);
    assert_int_equal(intake_add(in, &o, &e), OK);
    assert_int_equal(intake_flush(in, NOW_US, &r, &e), OK);
    assert_int_equal(r.decision_count, 1);
    intake_free(&in);
    expect_words(&w, "crm", "");
    world_close(&w);
}

static void typos(void **state)
{
    static const struct {
        const char *domain, *meant;
    } rows[] = {
        {"gmial.com", "gmail.com"},
        {"gmal.com", "gmail.com"},
        {"gmaill.com", "gmail.com"},
        {"gnail.com", "gmail.com"},
        {"gmail.con", "gmail.com"},
        {"hotmial.com", "hotmail.com"},
        {"yaho.com", "yahoo.com"},
        {"outlok.com", "outlook.com"},
        {"gmail.com", ""},
        {"mail.com", ""},
        {"example.org", ""},
        {"gmx.at", ""},
        {"yahoo.ca", ""},
        {"gml.com", ""},
        {"", ""},
        {"t-onlin.de", "t-online.de"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        slice got = typo_domain(slice_str(rows[i].domain));
        if (!slice_eq(got, slice_str(rows[i].meant)))
            fail_msg("%s: '%.*s', not '%s'", rows[i].domain, SLICE_FMT(got), rows[i].meant);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_hard_bounce_is_told_once),
        cmocka_unit_test(other_kinds),
        cmocka_unit_test(acts_of_people_are_told),
        cmocka_unit_test(streams_choose),
        cmocka_unit_test(a_better_address_is_proposed),
        cmocka_unit_test(hashed_ledgers_name_nobody),
        cmocka_unit_test(erasing_takes_letters_along),
        cmocka_unit_test(erasing_takes_letters_of_aliases_along),
        cmocka_unit_test(letters_die_and_come_back),
        cmocka_unit_test(an_aborted_change_is_not_told),
        cmocka_unit_test(typos),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
