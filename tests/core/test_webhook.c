/* From the body of a webhook to the state of an address. */
#include <stdlib.h>

#include "check.h"
#include "core/intake.h"
#include "feed/esp.h"

#define NOW_US (INT64_C(1795000000) * TIME_SECOND)
#define BEFORE "1794900000"      /* more than a day earlier */
#define LONG_BEFORE "1794800000" /* and another */

struct world {
    struct ledger *ledger;
    struct bounce_rules *rules;
    struct policy policy;
    struct intake *intake;
    arena a;
};

static void world_open(struct world *w)
{
    static const struct sip_key key = {3, 4};
    static const struct intake_options none;
    err e;
    slice error;
    struct ledger_options o = {
        .path = ":memory:", .create = true, .key = &key, .hash_addresses = getenv("TEST_HASHED_LEDGER") != NULL};
    arena_init(&w->a, 0);
    policy_init(&w->policy);
    assert_int_equal(ledger_open(&o, &w->ledger, &e), OK);
    assert_int_equal(bounce_rules_new(NULL, 0, false, &w->a, &w->rules, &error), BOUNCE_OK);
    assert_int_equal(intake_new(w->ledger, w->rules, &w->policy, &none, &w->intake, &e), OK);
}

static void world_close(struct world *w)
{
    intake_free(&w->intake);
    ledger_close(&w->ledger);
    bounce_rules_free(&w->rules);
    arena_fini(&w->a);
}

static struct intake_counts take(struct world *w, const char *platform, const char *body)
{
    static const struct esp_options options = {.trust = TRUST_PROVEN};
    struct esp_result r;
    struct intake_result done;
    err e;
    assert_true(esp_parse(esp_find(slice_str(platform)), slice_str(body), &options, &w->a, &r));
    assert_true(r.list.n > 0);
    for (size_t i = 0; i < r.list.n; i++)
        assert_int_equal(intake_add(w->intake, &r.list.items[i], &e), OK);
    assert_int_equal(intake_flush(w->intake, NOW_US, &done, &e), OK);
    return done.counts;
}

static struct ledger_address stored(struct world *w, const char *key)
{
    struct ledger_address row;
    err e;
    slice k = slice_str(key);
    assert_int_equal(ledger_addresses(w->ledger, SLICE_EMPTY, &k, 1, &w->a, &row, &e), OK);
    return row;
}

/* What one body alone makes of anna@example.net. */
static void becomes(const char *platform, const char *body, enum address_state state, enum cause cause)
{
    struct world w;
    world_open(&w);
    take(&w, platform, body);
    struct ledger_address row = stored(&w, "anna@example.net");
    if (row.state != state || row.cause != cause)
        print_error("%s: %s\n state %d, cause %d\n", platform, body, (int)row.state, (int)row.cause);
    assert_int_equal(row.state, state);
    assert_int_equal(row.cause, cause);
    world_close(&w);
}

#define SENDGRID(more) "[{\"email\":\"anna@example.net\",\"timestamp\":" BEFORE ",\"sg_event_id\":\"1\"," more "}]"
#define SES(bounce)                                                                                                  \
    "{\"eventType\":\"Bounce\",\"bounce\":{" bounce ",\"timestamp\":\"2026-11-17T00:00:00Z\",\"feedbackId\":\"f\"}," \
    "\"mail\":{\"messageId\":\"m\",\"destination\":[\"anna@example.net\"]}}"
#define ANNA "\"bouncedRecipients\":[{\"emailAddress\":\"anna@example.net\"}]"

static void one_event_makes_a_state(void **state)
{
    (void)state;
    becomes("sendgrid", SENDGRID("\"event\":\"bounce\",\"type\":\"bounce\",\"reason\":\"550 5.1.1 no such user\""),
            STATE_SUPPRESSED, CAUSE_HARD);
    /* "hard" to the platform, but the words speak of a block list */
    becomes("sendgrid",
            SENDGRID("\"event\":\"bounce\",\"type\":\"bounce\",\"reason\":\"550 5.7.1 blocked using Spamhaus\""),
            STATE_ACTIVE, CAUSE_NONE);
    becomes("sendgrid", SENDGRID("\"event\":\"dropped\",\"reason\":\"Bounced Address\""), STATE_SUPPRESSED, CAUSE_HARD);
    becomes("sendgrid", SENDGRID("\"event\":\"dropped\",\"reason\":\"Spam Reporting Address\""), STATE_SUPPRESSED,
            CAUSE_COMPLAINT);
    becomes("sendgrid", SENDGRID("\"event\":\"dropped\",\"reason\":\"Invalid SMTPAPI header\""), STATE_ACTIVE,
            CAUSE_NONE);
    becomes("sendgrid", SENDGRID("\"event\":\"spamreport\""), STATE_SUPPRESSED, CAUSE_COMPLAINT);
    becomes("sendgrid", SENDGRID("\"event\":\"unsubscribe\""), STATE_SUPPRESSED, CAUSE_UNSUBSCRIBED);
    becomes("sendgrid", SENDGRID("\"event\":\"delivered\",\"response\":\"250 OK\""), STATE_ACTIVE, CAUSE_NONE);
    becomes("ses", SES("\"bounceType\":\"Permanent\",\"bounceSubType\":\"OnAccountSuppressionList\"," ANNA),
            STATE_SUPPRESSED, CAUSE_HARD);
    becomes("postmark",
            "{\"RecordType\":\"SubscriptionChange\",\"Recipient\":\"anna@example.net\",\"SuppressSending\":true,"
            "\"SuppressionReason\":\"HardBounce\",\"ChangedAt\":\"2026-11-17T00:00:00Z\"}",
            STATE_SUPPRESSED, CAUSE_UPSTREAM);
    becomes(
        "brevo",
        "{\"event\":\"deferred\",\"email\":\"anna@example.net\",\"ts_epoch\":1794900000000,\"message-id\":\"<1@x>\","
        "\"reason\":\"550 5.1.1 user unknown\"}",
        STATE_SUPPRESSED, CAUSE_HARD);
}

static void a_platforms_word_alone_wants_a_second_message(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    take(&w, "sendgrid",
         "[{\"event\":\"bounce\",\"type\":\"bounce\",\"email\":\"anna@example.net\",\"timestamp\":" LONG_BEFORE
         ",\"sg_event_id\":\"1\",\"sg_message_id\":\"Abcdefghijklmnopqrstu1.x\"}]");
    assert_int_not_equal(stored(&w, "anna@example.net").state, STATE_SUPPRESSED);
    take(&w, "sendgrid",
         "[{\"event\":\"bounce\",\"type\":\"bounce\",\"email\":\"anna@example.net\",\"timestamp\":" BEFORE
         ",\"sg_event_id\":\"2\",\"sg_message_id\":\"Abcdefghijklmnopqrstu2.x\"}]");
    assert_int_equal(stored(&w, "anna@example.net").state, STATE_SUPPRESSED);
    world_close(&w);
}

static void repeats_are_known(void **state)
{
    (void)state;
    static const char body[] =
        "[{\"event\":\"open\",\"email\":\"anna@example.net\",\"timestamp\":" BEFORE "},"
        "{\"event\":\"open\",\"email\":\"anna@example.net\",\"timestamp\":" BEFORE ",\"sg_event_id\":\"1\"}]";
    struct world w;
    world_open(&w);
    assert_int_equal(take(&w, "sendgrid", body).events, 2);
    struct intake_counts again = take(&w, "sendgrid", body);
    assert_int_equal(again.events, 0);
    assert_int_equal(again.repeats, 2);
    world_close(&w);
}

static void who_it_was_must_be_sure(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct intake_counts counts = take(&w, "ses",
                                       "{\"notificationType\":\"Complaint\",\"complaint\":{\"complainedRecipients\":[{"
                                       "\"emailAddress\":\"anna@example.net\"},"
                                       "{\"emailAddress\":\"bert@example.net\"}],\"timestamp\":\"2026-11-17T00:00:"
                                       "00Z\",\"feedbackId\":\"f\"},\"mail\":{}}");
    assert_int_equal(counts.held, 2);
    assert_int_equal(counts.suppressed, 0);
    assert_int_not_equal(stored(&w, "anna@example.net").state, STATE_SUPPRESSED);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_event_makes_a_state),
        cmocka_unit_test(a_platforms_word_alone_wants_a_second_message),
        cmocka_unit_test(repeats_are_known),
        cmocka_unit_test(who_it_was_must_be_sure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
