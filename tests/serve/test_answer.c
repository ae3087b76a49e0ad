/* What is answered before a send: who is asked about, the modes, the texts, the signed return path. */
#include "check.h"

#include "serve/answer.h"
#include "serve/settings.h"

#define NOON INT64_C(1700000000000000)

static struct table *table;

static void put(enum scope scope, const char *tenant, const char *stream, const char *what, enum cause cause,
                int64_t until_us)
{
    err e;
    assert_int_equal(
        table_put(table, scope, slice_str(tenant), slice_str(stream), slice_str(what), cause, until_us, &e), OK);
}

static int set_up(void **state)
{
    static const struct sip_key key = {1, 2};
    err e;
    (void)state;
    assert_int_equal(table_new(&key, 100, &table, &e), OK);
    put(SCOPE_GLOBAL, "", "", "hard@example.com", CAUSE_HARD, TIME_NONE);
    put(SCOPE_GLOBAL, "", "", "o'brien@example.com", CAUSE_HARD, TIME_NONE);
    put(SCOPE_GLOBAL, "", "", "\"a b\"@example.com", CAUSE_HARD, TIME_NONE);
    put(SCOPE_TENANT, "", "", "gone.example", CAUSE_MANUAL, TIME_NONE);
    put(SCOPE_STREAM, "", "news", "reader@example.com", CAUSE_UNSUBSCRIBED, TIME_NONE);
    put(SCOPE_TENANT, "other", "", "theirs@example.com", CAUSE_COMPLAINT, TIME_NONE);
    put(SCOPE_TENANT, "", "", "late@example.com", CAUSE_ESCALATED, NOON + TIME_DAY);
    put(SCOPE_GLOBAL, "", "", "user@example.org", CAUSE_HARD, TIME_NONE);
    put(SCOPE_GLOBAL, "", "", "user@sub.example.org", CAUSE_HARD, TIME_NONE);
    put(SCOPE_GLOBAL, "", "", "user@xn--bcher-kva.example", CAUSE_HARD, TIME_NONE);
    put(SCOPE_GLOBAL, "", "", "postmaster@example.com", CAUSE_ROLE, TIME_NONE);
    put(SCOPE_GLOBAL, "", "", "abuse@gone.example", CAUSE_ROLE, TIME_NONE);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    table_free(&table);
    return 0;
}

/* Answers by the settings in `text`, lines of [answers]. */
struct world {
    struct settings *settings;
    struct answers *answers;
    struct answerer w;
};

static void no_problem(void *ctx, slice path, unsigned line, bool warning, slice text)
{
    (void)ctx;
    (void)path;
    fail_msg("line %u (warning %d): %.*s", line, warning, SLICE_FMT(text));
}

static struct settings *settings_with(const char *text)
{
    buf b;
    buf_init(&b, 0);
    buf_printf(&b, "[answers]\n%s\n[ledger]\npath = /x\n", text);
    struct settings *s = settings_parse(S("test.conf"), buf_slice(&b), no_problem, NULL);
    assert_non_null(s);
    buf_fini(&b);
    return s;
}

static void begin(struct world *x, const char *text, const struct answer_listener *listener)
{
    static const struct answer_listener plain = {.tenant = SLICE_INIT(""),
                                                 .stream = SLICE_INIT(""),
                                                 .sender_domain = SLICE_INIT(""),
                                                 .sender_prefix = SLICE_INIT("b")};
    err e = {.text = ""};
    x->settings = settings_with(text);
    if (answers_new(settings_of(x->settings, "answers"), &x->answers, &e) != OK)
        fail_msg("%s", e.text);
    answerer_init(&x->w, x->answers, listener ? listener : &plain);
    x->w.table = table;
}

static void end(struct world *x)
{
    answerer_fini(&x->w);
    answers_free(&x->answers);
    settings_free(&x->settings);
}

static struct ask_answer ask(struct world *x, const struct ask *q)
{
    struct ask_answer a;
    answer_question(&x->w, q, NOON, &a);
    return a;
}

static enum ask_word word(struct world *x, const char *recipient)
{
    struct ask q = ask_blank(ASK_RECIPIENT);
    q.recipient = slice_str(recipient);
    return ask(x, &q).word;
}

static void the_table_answers(void **state)
{
    static const struct {
        const char *recipient;
        enum ask_word word;
    } some[] = {
        {"hard@example.com", ASK_REJECT},
        {"Hard@EXAMPLE.com", ASK_REJECT},
        {"soft@example.com", ASK_SEND},
        {"o'brien@example.com", ASK_REJECT},
        {"anybody@gone.example", ASK_REJECT},
        {"reader@example.com", ASK_SEND},
        {"theirs@example.com", ASK_SEND},
        {"late@example.com", ASK_REJECT},
        {"\"a b\"@example.com", ASK_REJECT},
        {"a b@example.com", ASK_REJECT},
        {"user@b\xc3\xbc"
         "cher.example",
         ASK_REJECT},
        {"postmaster@example.com", ASK_SEND},
        {"Abuse@gone.example", ASK_SEND},
        {"postmaster", ASK_SEND},
        {"", ASK_SEND},
        {"@gone.example", ASK_SEND},
        {"a@b@", ASK_SEND},
        {"hard+news@example.com", ASK_SEND},
    };
    struct world x;
    (void)state;
    begin(&x, "", NULL);
    for (size_t i = 0; i < ARRAY_LEN(some); i++)
        if (word(&x, some[i].recipient) != some[i].word)
            fail_msg("%s: not %s", some[i].recipient, ask_word(some[i].word));
    assert_int_equal(x.w.counts[ANSWER_ASKED], ARRAY_LEN(some));
    assert_int_equal(x.w.counts[ANSWER_NEVER_REFUSED], 2);
    assert_int_equal(x.w.counts[ANSWER_NO_ADDRESS], 4);
    assert_int_equal(x.w.counts[ANSWER_REJECTED] + x.w.counts[ANSWER_SENT], ARRAY_LEN(some) - 6);
    assert_false(x.w.failing);
    end(&x);
}

static void open_incident(struct ledger *l, const char *domain, const char *provider, const char *tenant, bool pause)
{
    err e;
    struct ledger_circumstance c = {.c = {.what = CIRCUMSTANCE_INCIDENT,
                                          .by = *provider ? MARK_PROVIDER : MARK_NONE,
                                          .from_us = NOON,
                                          .until_us = TIME_NONE,
                                          .reasons = CIRCUMSTANCE_ALL_REASONS},
                                    .tenant = slice_str(tenant),
                                    .domain = slice_str(domain),
                                    .name = slice_str(provider)};
    assert_int_equal(ledger_begin(l, &e), OK);
    assert_int_equal(ledger_put_circumstance(l, &c, &e), OK);
    struct ledger_incident f = {.id = c.c.id, .pause = pause, .seen_us = NOON};
    assert_int_equal(ledger_put_incident(l, &f, &e), OK);
    assert_int_equal(ledger_commit(l, &e), OK);
}

static void what_waits_is_deferred(void **state)
{
    static const struct {
        const char *recipient;
        enum ask_word word;
    } some[] = {
        {"ann@bad.example", ASK_DEFER},       {"ann@host.example", ASK_SEND},    {"ann@yahoo.de", ASK_DEFER},
        {"ann@tenant.example", ASK_SEND},     {"ann@good.example", ASK_SEND},    {"hard@example.com", ASK_REJECT},
        {"postmaster@bad.example", ASK_SEND}, {"ann@sub.bad.example", ASK_SEND},
    };
    struct ledger_options o = {.path = ":memory:", .create = true};
    struct ledger *l;
    struct world x;
    slice problems;
    arena a;
    err e;
    (void)state;
    arena_init(&a, 0);
    assert_int_equal(ledger_open(&o, &l, &e), OK);
    open_incident(l, "bad.example", "", "", true);
    open_incident(l, "host.example", "", "", false); /* its servers are down: no advice */
    open_incident(l, "", "yahoo", "", true);
    open_incident(l, "tenant.example", "", "other", true);
    begin(&x, "", NULL);
    struct knowledge *k = knowledge_new();
    assert_non_null(k);
    assert_int_equal(bounce_rules_new(NULL, 0, false, &a, &k->rules, &problems), BOUNCE_OK);
    assert_int_equal(knowledge_box_new(k, &x.w.knowledge, &e), OK);
    x.w.pauses = pauses_new();
    assert_int_equal(pauses_follow(x.w.pauses, l, true, &e), OK);
    assert_int_equal(pauses_count(x.w.pauses), 3);
    for (size_t i = 0; i < ARRAY_LEN(some); i++)
        if (word(&x, some[i].recipient) != some[i].word)
            fail_msg("%s: not %s", some[i].recipient, ask_word(some[i].word));
    assert_int_equal(x.w.counts[ANSWER_PAUSED], 2);
    assert_int_equal(pauses_follow(x.w.pauses, l, false, &e), OK);
    assert_int_equal(word(&x, "ann@bad.example"), ASK_SEND);
    pauses_free(&x.w.pauses);
    knowledge_box_free(&x.w.knowledge);
    x.w.knowledge = NULL;
    end(&x);
    ledger_close(&l);
    arena_fini(&a);
}

static void tenants_and_streams_have_their_own(void **state)
{
    struct answer_listener news = {.tenant = SLICE_INIT(""), .stream = SLICE_INIT("news")};
    struct answer_listener other = {.tenant = SLICE_INIT("other"), .stream = SLICE_INIT("")};
    struct world x;
    (void)state;
    begin(&x, "", &news);
    assert_int_equal(word(&x, "reader@example.com"), ASK_REJECT);
    assert_int_equal(word(&x, "theirs@example.com"), ASK_SEND);
    end(&x);
    begin(&x, "", &other);
    assert_int_equal(word(&x, "theirs@example.com"), ASK_REJECT);
    assert_int_equal(word(&x, "late@example.com"), ASK_SEND);
    end(&x);
}

static void modes_answer_in_their_words(void **state)
{
    static const struct {
        const char *settings;
        enum ask_word word;
        unsigned code;
        const char *enhanced, *text, *header;
    } modes[] = {
        {"", ASK_REJECT, 550, "5.7.1", "not sent, suppressed by bounced: escalated", NULL},
        {"reject_code = 554\nreject_status =\nreject_text = {address} {domain} {cause} {scope} {until} {{x}",
         ASK_REJECT, 554, "", "late@example.com example.com escalated tenant 2023-11-15T22:13:20Z {x}", NULL},
        {"mode = defer\ndefer_text = later: {tenant}{stream}", ASK_DEFER, 450, "4.7.1", "later: ", NULL},
        {"mode = discard", ASK_DISCARD, 550, "5.7.1", "not sent, suppressed by bounced: escalated", NULL},
        {"mode = tag", ASK_TAG, 0, "", "", "escalated, tenant"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        struct world x;
        begin(&x, modes[i].settings, NULL);
        struct ask q = ask_blank(ASK_RECIPIENT);
        q.recipient = S("late@example.com");
        struct ask_answer a = ask(&x, &q);
        assert_int_equal(a.word, modes[i].word);
        assert_int_equal(a.code, modes[i].code);
        assert_slice(a.enhanced, slice_str(modes[i].enhanced));
        /* the end of a suppression is kept in hours, rounded up */
        if (!strstr(modes[i].settings, "{until}"))
            assert_slice(a.text, slice_str(modes[i].text));
        else
            assert_true(slice_starts(a.text, S("late@example.com example.com escalated tenant 2023-11-1")));
        assert_int_equal(a.header_count, modes[i].header != NULL);
        if (modes[i].header) {
            assert_slice(a.headers[0].name, S("X-Bounced-Suppressed"));
            assert_slice(a.headers[0].value, slice_str(modes[i].header));
        }
        end(&x);
    }
}

static void a_listener_has_its_own_mode(void **state)
{
    struct answer_listener tags = {
        .tenant = SLICE_INIT(""), .stream = SLICE_INIT(""), .has_mode = true, .mode = ANSWER_TAG};
    struct world x;
    (void)state;
    begin(&x, "mode = defer", &tags);
    assert_int_equal(word(&x, "hard@example.com"), ASK_TAG);
    end(&x);
}

static void what_is_filled_in_cannot_break_out(void **state)
{
    struct world x;
    (void)state;
    begin(&x, "reject_text = <{address}>\nextension = +", NULL);
    struct ask q = ask_blank(ASK_RECIPIENT);
    q.recipient = S("\"user+\r\nb\"@example.org"); /* no address: not refused */
    assert_int_equal(ask(&x, &q).word, ASK_SEND);
    q.recipient = S("user@b\xc3\xbc"
                    "cher.example");
    assert_slice(ask(&x, &q).text, S("<user@b??cher.example>"));
    end(&x);
}

static void only_outgoing_mail_is_refused(void **state)
{
    static const struct {
        const char *settings, *user, *client;
        enum ask_word word;
    } some[] = {
        {"", "", "203.0.113.7", ASK_SEND},
        {"", "ada", "203.0.113.7", ASK_REJECT},
        {"", "", "127.0.0.1", ASK_REJECT},
        {"", "", "::1", ASK_REJECT},
        {"", "", "unix", ASK_REJECT},
        {"loopback = no", "", "127.0.0.1", ASK_SEND},
        {"loopback = no", "", "unix", ASK_SEND},
        {"loopback = no\nmynetworks = 127.0.0.0/8", "", "127.0.0.1", ASK_REJECT},
        {"mynetworks = 203.0.113.0/24, 2001:db8::/32", "", "203.0.113.7", ASK_REJECT},
        {"mynetworks = 203.0.113.0/24, 2001:db8::/32", "", "2001:db8::7", ASK_REJECT},
        {"mynetworks = 203.0.113.0/24", "", "203.0.114.7", ASK_SEND},
        {"", "", "", ASK_SEND},
        {"", "", "unknown", ASK_SEND},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(some); i++) {
        struct world x;
        struct ask q = ask_blank(ASK_RECIPIENT);
        begin(&x, some[i].settings, NULL);
        q.tells = ASK_TELLS_CLIENT;
        q.recipient = S("hard@example.com");
        q.sasl_user = slice_str(some[i].user);
        q.client_address = slice_str(some[i].client);
        if (ask(&x, &q).word != some[i].word)
            fail_msg("%s: %s %s", some[i].settings, some[i].user, some[i].client);
        assert_int_equal(x.w.counts[ANSWER_INCOMING], some[i].word == ASK_SEND);
        end(&x);
    }
}

static void bounces_are_never_refused(void **state)
{
    struct world x;
    struct ask q = ask_blank(ASK_RECIPIENT);
    (void)state;
    begin(&x, "", NULL);
    q.recipient = S("hard@example.com");
    q.tells = ASK_TELLS_SENDER;
    assert_int_equal(ask(&x, &q).word, ASK_SEND);
    assert_int_equal(x.w.counts[ANSWER_NULL_SENDER], 1);
    q.sender = S("a@example.org");
    assert_int_equal(ask(&x, &q).word, ASK_REJECT);
    end(&x);
}

static void own_domains_are_never_refused(void **state)
{
    struct world x;
    (void)state;
    begin(&x,
          "own_domains = Example.ORG, b\xc3\xbc"
          "cher.example",
          NULL);
    assert_int_equal(word(&x, "user@example.org"), ASK_SEND);
    assert_int_equal(word(&x, "user@sub.example.org"), ASK_REJECT);
    assert_int_equal(word(&x, "user@xn--bcher-kva.example"), ASK_SEND);
    end(&x);
    begin(&x, "own_domains = .example.org", NULL);
    assert_int_equal(word(&x, "user@example.org"), ASK_REJECT);
    assert_int_equal(word(&x, "user@sub.example.org"), ASK_SEND);
    end(&x);
}

static void extensions_stand_for_their_user(void **state)
{
    struct world x;
    (void)state;
    begin(&x, "extension = +-", NULL);
    assert_int_equal(word(&x, "hard+news@example.com"), ASK_REJECT);
    assert_int_equal(word(&x, "hard-news+x@example.com"), ASK_REJECT);
    assert_int_equal(word(&x, "harder+news@example.com"), ASK_SEND);
    assert_int_equal(word(&x, "+hard@example.com"), ASK_SEND);
    end(&x);
}

static void without_a_table_mail_flows(void **state)
{
    struct world x;
    (void)state;
    begin(&x, "", NULL);
    x.w.table = NULL;
    assert_int_equal(word(&x, "hard@example.com"), ASK_SEND);
    assert_true(x.w.failing);
    assert_int_equal(x.w.counts[ANSWER_FAILED], 1);
    x.w.table = table;
    assert_int_equal(word(&x, "hard@example.com"), ASK_REJECT);
    assert_false(x.w.failing);
    end(&x);
    begin(&x, "fail = closed", NULL);
    x.w.table = NULL;
    struct ask q = ask_blank(ASK_RECIPIENT);
    q.recipient = S("hard@example.com");
    struct ask_answer a = ask(&x, &q);
    assert_int_equal(a.word, ASK_DEFER);
    assert_int_equal(a.code, 451);
    assert_int_equal(word(&x, "no address"), ASK_SEND);
    end(&x);
}

static void large_messages_are_warned_of(void **state)
{
    struct world x;
    struct ask q = ask_blank(ASK_MESSAGE);
    (void)state;
    begin(&x, "", NULL);
    q.size_bytes = 100 * 1024;
    assert_slice(ask(&x, &q).warning, S(""));
    q.size_bytes = 250 * 1024;
    assert_slice(ask(&x, &q).warning, S("message of 250 KB: mail over 100 KB is filtered and refused more often"));
    q.tells = ASK_TELLS_CLIENT; /* incoming */
    assert_slice(ask(&x, &q).warning, S(""));
    end(&x);
    begin(&x, "size_advice = 0", NULL);
    q.tells = 0;
    assert_slice(ask(&x, &q).warning, S(""));
    end(&x);
}

static void settings_that_make_no_sense_are_refused(void **state)
{
    static const struct {
        const char *settings, *problem;
    } wrong[] = {
        {"mynetworks = 192.0.2.1/24", "mynetworks: '192.0.2.1/24' is no network"},
        {"own_domains = a b", "own_domains: 'a b' is no domain"},
        {"reject_text = {since}", "reject_text: {since} is no place"},
        {"reject_text = {cause", "reject_text: {cause} is no place"},
        {"defer_text = \xc3\xbc", "defer_text: a reply is printable ASCII"},
        {"reject_status = 4.7.1", "reject_status: expected an enhanced status code like 5.7.1"},
        {"defer_status = 4.7", "defer_status: expected an enhanced status code like 4.7.1"},
        {"tag_header = A B", "tag_header: 'A B' is no name"},
        {"tag_header =", "tag_header: '' is no name"},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct settings *s = settings_with(wrong[i].settings);
        struct answers *a;
        err e;
        assert_int_equal(answers_new(settings_of(s, "answers"), &a, &e), E_INVALID);
        assert_null(a);
        if (strncmp(e.text, wrong[i].problem, strlen(wrong[i].problem)) != 0)
            fail_msg("got '%s', want '%s'", e.text, wrong[i].problem);
        settings_free(&s);
    }
}

/* ---- signing ---- */

static const unsigned char secret[16] = "0123456789abcde";
static const struct bounce_verp_key verp_key = {3, secret, sizeof secret};

static struct knowledge_box *box_with_keys(bool keys)
{
    struct knowledge_box *box;
    err e;
    struct knowledge *k = knowledge_new();
    assert_non_null(k);
    k->verp_keys = &verp_key;
    k->verp_key_count = keys ? 1 : 0;
    assert_int_equal(knowledge_box_new(k, &box, &e), OK);
    return box;
}

static unsigned remembered;

static void remember(void *ctx, slice tenant, slice opaque, slice key)
{
    assert_ptr_equal(ctx, &remembered);
    assert_slice(tenant, S("t"));
    assert_int_equal(opaque.n, 16);
    assert_slice(key, S("somebody.with.a.very.long.name.indeed.and.more@a.long.domain.example"));
    remembered++;
}

static void begin_signing(struct world *x, const char *settings, struct knowledge_box *box)
{
    static const struct answer_listener signing = {.tenant = SLICE_INIT("t"),
                                                   .stream = SLICE_INIT(""),
                                                   .change_sender = true,
                                                   .reference = true,
                                                   .sender_domain = SLICE_INIT("bounces.example"),
                                                   .sender_prefix = SLICE_INIT("b")};
    begin(x, settings, &signing);
    x->w.knowledge = box;
    x->w.remember = remember;
    x->w.remember_ctx = &remembered;
}

static struct ask message_to(const char *recipient)
{
    struct ask q = ask_blank(ASK_MESSAGE);
    q.tells = ASK_TELLS_SENDER | ASK_TELLS_CLIENT;
    q.sender = S("news@example.org");
    q.client_address = S("127.0.0.1");
    q.recipient = slice_str(recipient);
    q.recipient_count = 1;
    q.message_id = S("1@example.org");
    return q;
}

static void outgoing_mail_to_one_is_signed(void **state)
{
    struct knowledge_box *box = box_with_keys(true);
    struct bounce_verp found;
    struct world x;
    arena a;
    (void)state;
    arena_init(&a, 0);
    begin_signing(&x, "", box);
    struct ask q = message_to("User@Example.com");
    struct ask_answer got = ask(&x, &q);
    assert_int_equal(got.word, ASK_SEND);
    assert_int_equal(bounce_verp_verify(&verp_key, 1, S("t"), got.new_sender, SLICE_EMPTY, S("1@example.org"),
                                        (uint32_t)(NOON / TIME_DAY), 1, &a, &found),
                     BOUNCE_VERP_OK);
    assert_slice(found.recipient, S("user@example.com"));
    assert_int_equal(got.header_count, 1);
    assert_slice(got.headers[0].name, S("X-Bounced-Ref"));
    assert_slice(got.headers[0].value, got.new_sender);
    assert_int_equal(x.w.counts[ANSWER_SIGNED], 1);
    assert_int_equal(remembered, 0);
    q = message_to("somebody.with.a.very.long.name.indeed.and.more@a.long.domain.example");
    got = ask(&x, &q);
    assert_false(slice_empty(got.new_sender));
    assert_int_equal(remembered, 1);
    end(&x);
    arena_fini(&a);
    knowledge_box_free(&box);
}

static void what_is_not_signed(void **state)
{
    struct knowledge_box *box = box_with_keys(true), *none = box_with_keys(false);
    struct world x;
    (void)state;
    begin_signing(&x, "own_domains = example.org", box);
    struct ask q = message_to("user@example.com");
    slice ours = ask(&x, &q).new_sender;
    char copy[128];
    memcpy(copy, ours.p, ours.n);
    q.sender = slice_of(copy, ours.n); /* signed already */
    assert_slice(ask(&x, &q).new_sender, S(""));
    q = message_to("user@example.com");
    q.client_address = S("203.0.113.7"); /* incoming */
    assert_slice(ask(&x, &q).new_sender, S(""));
    q = message_to("user@example.com");
    q.sender = SLICE_EMPTY; /* a bounce */
    assert_slice(ask(&x, &q).new_sender, S(""));
    q = message_to("user@example.org"); /* ours */
    assert_slice(ask(&x, &q).new_sender, S(""));
    assert_int_equal(x.w.counts[ANSWER_UNSIGNED], 0);
    q = message_to(""); /* several recipients */
    q.recipient_count = 2;
    assert_slice(ask(&x, &q).new_sender, S(""));
    assert_int_equal(x.w.counts[ANSWER_UNSIGNED], 1);
    end(&x);
    begin_signing(&x, "", none);
    q = message_to("user@example.com");
    assert_slice(ask(&x, &q).new_sender, S(""));
    assert_int_equal(x.w.counts[ANSWER_UNSIGNED], 1);
    end(&x);
    knowledge_box_free(&box);
    knowledge_box_free(&none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_answers),
        cmocka_unit_test(what_waits_is_deferred),
        cmocka_unit_test(tenants_and_streams_have_their_own),
        cmocka_unit_test(modes_answer_in_their_words),
        cmocka_unit_test(a_listener_has_its_own_mode),
        cmocka_unit_test(what_is_filled_in_cannot_break_out),
        cmocka_unit_test(only_outgoing_mail_is_refused),
        cmocka_unit_test(bounces_are_never_refused),
        cmocka_unit_test(own_domains_are_never_refused),
        cmocka_unit_test(extensions_stand_for_their_user),
        cmocka_unit_test(without_a_table_mail_flows),
        cmocka_unit_test(large_messages_are_warned_of),
        cmocka_unit_test(settings_that_make_no_sense_are_refused),
        cmocka_unit_test(outgoing_mail_to_one_is_signed),
        cmocka_unit_test(what_is_not_signed),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
