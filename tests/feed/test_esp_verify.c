/* Who may tell us something: for each platform a request signed as it signs, and all that must be denied. */
#include <stdlib.h>

#include "check.h"
#include "esp_signer.h"
#include "feed/esp.h"
#include "feed/standard_webhook.h"

#define NOW (INT64_C(1795000000) * TIME_SECOND)
#define STAMP "1795000000"
#define STAMP_ISO "2026-11-18T11:06:40.000Z"
#define TOPIC "arn:aws:sns:eu-central-1:123456789012:bounces"
#define CERTIFICATE_URL "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"
#define CONFIRM_URL "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=" TOPIC "&Token=2336"
#define MAX_HEADERS 4

/* A request and the trust under which it is genuine. */
struct example {
    const struct esp *esp;
    slice body;
    struct esp_header headers[MAX_HEADERS];
    size_t header_count;
    slice secret;       /* the right one; empty: none needed */
    slice wrong_secret; /* of the same kind */
    struct esp_trust trust;
};

static arena memory;

static slice fmt(const char *format, ...) PRINTF_LIKE(1, 2);
static slice fmt(const char *format, ...)
{
    char text[16384];
    va_list ap;
    va_start(ap, format);
    int n = vsnprintf(text, sizeof text, format, ap);
    va_end(ap);
    assert_true(n >= 0 && (size_t)n < sizeof text);
    return arena_dup(&memory, slice_of(text, (size_t)n));
}

static void add_header(struct example *e, const char *name, slice value)
{
    assert_true(e->header_count < MAX_HEADERS);
    e->headers[e->header_count++] = (struct esp_header){slice_str(name), value};
}

static struct esp_check run_with(const struct example *e, const struct esp_trust *trust, int64_t now_us)
{
    struct esp_check check;
    struct esp_request request = {e->headers, e->header_count, e->body};
    enum esp_answer answer = esp_verify(e->esp, &request, trust, now_us, &memory, &check);
    assert_int_equal(answer, check.answer);
    assert_true((answer == ESP_DENIED) == (check.why != ESP_WHY_NONE));
    return check;
}

static struct esp_check run_at(const struct example *e, int64_t now_us)
{
    struct esp_trust trust = e->trust;
    if (e->secret.n) {
        trust.secrets = &e->secret;
        trust.secret_count = 1;
    }
    return run_with(e, &trust, now_us);
}

static enum esp_why why(const struct example *e)
{
    return run_at(e, NOW).why;
}

/* ---- how each platform signs ---------------------------------------------------------------------------------- */

static EVP_PKEY *rsa, *ec, *other_rsa, *other_ec;
static const slice our_topics[] = {SLICE_INIT("arn:aws:sns:eu-central-1:123456789012:other"), SLICE_INIT(TOPIC)};

static void sign_sendgrid(struct example *e)
{
    e->body = S("[{\"event\":\"bounce\",\"email\":\"a@example.com\"}]\r\n");
    slice text = fmt("%s%.*s", STAMP, SLICE_FMT(e->body));
    add_header(e, "X-Twilio-Email-Event-Webhook-Signature", signer_sign(ec, DIGEST_SHA256, text, &memory));
    add_header(e, "X-Twilio-Email-Event-Webhook-Timestamp", S(STAMP));
    e->secret = signer_public(ec, false, &memory);
    e->wrong_secret = signer_public(other_ec, false, &memory);
}

static void sign_mailgun(struct example *e)
{
    e->secret = S("key-3ax6xnjp29jd6fds4gc373sgvjxteol0");
    e->wrong_secret = S("key-3ax6xnjp29jd6fds4gc373sgvjxteol1");
    e->body = fmt("{\"signature\":{\"timestamp\":\"" STAMP "\",\"token\":\"a1b2\",\"signature\":\"%.*s\"},"
                  "\"event-data\":{\"event\":\"opened\"}}",
                  SLICE_FMT(signer_hmac(DIGEST_SHA256, e->secret, S(STAMP "a1b2"), true, &memory)));
}

static void sign_mailgun_form(struct example *e)
{
    e->secret = S("key-3ax6xnjp29jd6fds4gc373sgvjxteol0");
    e->wrong_secret = S("key");
    e->body = fmt("event=opened&timestamp=" STAMP "&token=a1%%622&signature=%.*s",
                  SLICE_FMT(signer_hmac(DIGEST_SHA256, e->secret, S(STAMP "a1b2"), true, &memory)));
}

/* The envelope around `message`; what is signed is put together by hand, from Amazon's description. */
static void sign_sns(struct example *e, enum digest d, const char *type, const char *signed_text, const char *more)
{
    slice signature = signer_sign(rsa, d, slice_str(signed_text), &memory);
    e->body = fmt("{\"Type\":\"%s\",\"MessageId\":\"m-1\",\"TopicArn\":\"" TOPIC "\",\"Message\":\"{\\\"a\\\":1}\","
                  "\"Timestamp\":\"" STAMP_ISO "\",\"SignatureVersion\":\"%s\",\"Signature\":\"%.*s\","
                  "\"SigningCertURL\":\"" CERTIFICATE_URL "\"%s}",
                  type, d == DIGEST_SHA1 ? "1" : "2", SLICE_FMT(signature), more);
    e->trust.topics = our_topics;
    e->trust.topic_count = ARRAY_LEN(our_topics);
    e->trust.certificate = signer_certificate(rsa, NOW / TIME_SECOND - 864000, NOW / TIME_SECOND + 864000, &memory);
    e->trust.certificate_url = S(CERTIFICATE_URL);
}

static void sign_ses_1(struct example *e)
{
    sign_sns(e, DIGEST_SHA1, "Notification",
             "Message\n{\"a\":1}\nMessageId\nm-1\nTimestamp\n" STAMP_ISO "\nTopicArn\n" TOPIC "\nType\nNotification\n",
             "");
}

static void sign_ses_2(struct example *e)
{
    sign_sns(e, DIGEST_SHA256, "Notification",
             "Message\n{\"a\":1}\nMessageId\nm-1\nSubject\nHallo\nTimestamp\n" STAMP_ISO "\nTopicArn\n" TOPIC
             "\nType\nNotification\n",
             ",\"Subject\":\"Hallo\"");
}

static void sign_ses_subscription(struct example *e)
{
    sign_sns(e, DIGEST_SHA256, "SubscriptionConfirmation",
             "Message\n{\"a\":1}\nMessageId\nm-1\nSubscribeURL\n" CONFIRM_URL "\nTimestamp\n" STAMP_ISO
             "\nToken\nt-1\nTopicArn\n" TOPIC "\nType\nSubscriptionConfirmation\n",
             ",\"Token\":\"t-1\",\"SubscribeURL\":\"" CONFIRM_URL "\"");
}

#define MANDRILL_URL "https://bounces.shop.example/webhook/mandrill?x=1"

/* Fields in the order of their names, decoded. */
static void sign_mandrill(struct example *e)
{
    e->secret = S("mandrill key");
    e->wrong_secret = S("mandrill kez");
    e->trust.url = S(MANDRILL_URL);
    e->body = S("mandrill_events=%5B%7B%22a%22%3A+1%7D%5D&b=&a%20c=%2B");
    slice text = S(MANDRILL_URL "a c+b"
                                "mandrill_events[{\"a\": 1}]");
    add_header(e, "X-Mandrill-Signature", signer_hmac(DIGEST_SHA1, e->secret, text, false, &memory));
}

static void sign_mailersend(struct example *e)
{
    e->secret = S("mailersend secret");
    e->wrong_secret = S("other");
    e->body = S("{\"type\":\"activity.sent\"}");
    add_header(e, "Signature", signer_hmac(DIGEST_SHA256, e->secret, e->body, true, &memory));
}

static void sign_resend(struct example *e)
{
    e->secret = S("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"); /* 0123456789abcdef01234567 */
    e->wrong_secret = S("whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY4");
    e->body = S("{\"type\":\"email.sent\"}");
    slice text = fmt("msg_1." STAMP ".%.*s", SLICE_FMT(e->body));
    slice mac = signer_hmac(DIGEST_SHA256, S("0123456789abcdef01234567"), text, false, &memory);
    add_header(e, "svix-id", S("msg_1"));
    add_header(e, "svix-timestamp", S(STAMP));
    add_header(e, "svix-signature", fmt("v1,AAAA v2,%.*s v1,%.*s", SLICE_FMT(mac), SLICE_FMT(mac)));
}

static void sign_postal(struct example *e)
{
    e->secret = signer_public(rsa, false, &memory);
    e->wrong_secret = signer_public(other_rsa, false, &memory);
    e->body = S("{\"event\":\"MessageSent\"}");
    add_header(e, "X-Postal-Signature", signer_sign(rsa, DIGEST_SHA1, e->body, &memory));
}

static void sign_postal_256(struct example *e)
{
    e->secret = signer_public(rsa, true, &memory);
    e->wrong_secret = signer_public(other_rsa, true, &memory);
    e->body = S("{\"event\":\"MessageSent\"}");
    add_header(e, "X-Postal-Signature-256", signer_sign(rsa, DIGEST_SHA256, e->body, &memory));
}

static void sign_basic(struct example *e)
{
    e->secret = S("user:pass word");
    e->wrong_secret = S("user:pass wore");
    e->body = S("{}");
    add_header(e, "authorization", S("basic dXNlcjpwYXNzIHdvcmQ="));
}

static void sign_bearer(struct example *e)
{
    e->secret = S("bearer abc.def");
    e->wrong_secret = S("bearer abc.deg");
    e->body = S("{}");
    add_header(e, "Authorization", S("Bearer abc.def"));
}

static void sign_header(struct example *e)
{
    e->secret = S("header X-Our-Token: t0ken");
    e->wrong_secret = S("header X-Our-Token: t0kem");
    e->body = S("{}");
    add_header(e, "x-our-token", S(" t0ken"));
}

static const struct signing {
    const char *esp;
    void (*sign)(struct example *e);
    bool stamped, covers_body;
} signings[] = {
    {"sendgrid", sign_sendgrid, true, true},
    {"mailgun", sign_mailgun, true, false},
    {"mailgun", sign_mailgun_form, true, false},
    {"postmark", sign_basic, false, false},
    {"sparkpost", sign_bearer, false, false},
    {"mailjet", sign_basic, false, false},
    {"brevo", sign_header, false, false},
    {"mandrill", sign_mandrill, false, true},
    {"mailersend", sign_mailersend, false, true},
    {"resend", sign_resend, true, true},
    {"postal", sign_postal, false, true},
    {"postal", sign_postal_256, false, true},
    {"ses", sign_ses_1, true, true},
    {"ses", sign_ses_2, true, true},
    {"ses", sign_ses_subscription, true, true},
};

static struct example make(const struct signing *s)
{
    struct example e = {.esp = esp_find(slice_str(s->esp))};
    assert_non_null(e.esp);
    s->sign(&e);
    return e;
}

static struct example make_by(void (*sign)(struct example *e))
{
    for (size_t i = 0; i < ARRAY_LEN(signings); i++)
        if (signings[i].sign == sign)
            return make(&signings[i]);
    fail();
    return (struct example){0};
}

/* ---- what holds for all of them ------------------------------------------------------------------------------- */

static void the_right_signature_is_genuine(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(signings); i++) {
        struct example e = make(&signings[i]);
        assert_int_equal(run_at(&e, NOW).answer, ESP_GENUINE);
    }
}

/* One after the other each octet of the body (or of what is signed in it) is another one. */
static void an_altered_body_is_denied(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(signings); i++) {
        struct example e = make(&signings[i]);
        if (!signings[i].covers_body)
            continue;
        slice whole = e.body;
        size_t step = whole.n > 200 ? 7 : 1; /* RSA takes its time */
        for (size_t k = 0; k < whole.n; k += step) {
            char *copy = arena_alloc(&memory, whole.n);
            memcpy(copy, whole.p, whole.n);
            copy[k] = copy[k] == 'x' ? 'y' : 'x';
            e.body = slice_of(copy, whole.n);
            assert_int_equal(run_at(&e, NOW).answer == ESP_GENUINE, false);
        }
        e.body = slice_sub(whole, 0, whole.n - 2);
        assert_int_not_equal(run_at(&e, NOW).answer, ESP_GENUINE);
    }
}

static void another_key_is_denied_and_a_second_one_helps(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(signings); i++) {
        struct example e = make(&signings[i]);
        if (!e.secret.n)
            continue;
        const slice both[] = {e.wrong_secret, e.secret};
        struct esp_trust trust = e.trust;
        trust.secrets = both;
        trust.secret_count = 2;
        assert_int_equal(run_with(&e, &trust, NOW).answer, ESP_GENUINE);
        trust.secret_count = 1;
        assert_int_equal(run_with(&e, &trust, NOW).answer, ESP_DENIED);
        trust.secret_count = 0;
        assert_int_equal(run_with(&e, &trust, NOW).why, ESP_WHY_NO_SECRET);
    }
}

static void a_missing_header_is_denied(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(signings); i++) {
        struct example whole = make(&signings[i]);
        for (size_t k = 0; k < whole.header_count; k++) {
            struct example e = whole;
            e.headers[k] = e.headers[--e.header_count];
            assert_int_equal(run_at(&e, NOW).answer, ESP_DENIED);
        }
    }
}

static void stamps_have_a_window(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(signings); i++) {
        struct example e = make(&signings[i]);
        if (!signings[i].stamped)
            continue;
        int64_t window = e.esp->window_us;
        assert_true(window > 0);
        assert_int_equal(run_at(&e, NOW + window).why, ESP_WHY_NONE);
        assert_int_equal(run_at(&e, NOW + window + TIME_SECOND).why, ESP_WHY_OLD);
        assert_int_equal(run_at(&e, NOW - ESP_FUTURE_US).why, ESP_WHY_NONE);
        assert_int_equal(run_at(&e, NOW - ESP_FUTURE_US - TIME_SECOND).why, ESP_WHY_FUTURE);
        e.trust.window_us = 2 * window;
        assert_int_equal(run_at(&e, NOW + window + TIME_SECOND).why, ESP_WHY_NONE);
    }
}

static void no_prefix_is_genuine(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(signings); i++) {
        struct example e = make(&signings[i]);
        struct guard g;
        slice whole = e.body;
        if (!signings[i].covers_body)
            continue;
        guard_init(&g, whole.n);
        for (size_t n = 0; n < whole.n; n++) {
            e.body = guard_put(&g, slice_sub(whole, 0, n));
            assert_int_not_equal(run_at(&e, NOW).answer, ESP_GENUINE);
        }
        guard_fini(&g);
    }
}

/* ---- one by one ----------------------------------------------------------------------------------------------- */

/* The vector that SendGrid ships with its own libraries. */
static void sendgrids_own_vector(void **state)
{
    (void)state;
    struct example e = {.esp = esp_find(S("SendGrid"))};
    e.body = S("[{\"email\":\"hello@world.com\",\"event\":\"dropped\",\"reason\":\"Bounced Address\","
               "\"sg_event_id\":\"ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA\","
               "\"sg_message_id\":\"LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0\","
               "\"smtp-id\":\"<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>\",\"timestamp\":1600112492}]\r\n");
    add_header(&e, "x-twilio-email-event-webhook-signature",
               S("MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM="));
    add_header(&e, "x-twilio-email-event-webhook-timestamp", S("1600112502"));
    e.secret = S("MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/"
                 "7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==");
    assert_int_equal(run_at(&e, INT64_C(1600112502) * TIME_SECOND).answer, ESP_GENUINE);
    e.body.n -= 2; /* the CRLF at the end is signed */
    assert_int_equal(run_at(&e, INT64_C(1600112502) * TIME_SECOND).why, ESP_WHY_BAD_SIGNATURE);
}

static void sendgrid_takes_pem_and_no_rsa(void **state)
{
    (void)state;
    struct example e = make_by(sign_sendgrid);
    e.secret = signer_public(ec, true, &memory);
    assert_int_equal(why(&e), ESP_WHY_NONE);
    e.secret = signer_public(rsa, true, &memory);
    assert_int_equal(why(&e), ESP_WHY_BAD_KEY);
    e.secret = S("no key");
    assert_int_equal(why(&e), ESP_WHY_BAD_KEY);
}

static void mailgun_tells_the_token(void **state)
{
    (void)state;
    struct example e = make_by(sign_mailgun);
    struct esp_check check = run_at(&e, NOW);
    assert_slice(check.once, S("a1b2"));
    assert_int_equal(check.once_until_us, NOW + e.esp->window_us);
    e.body = S("{\"event-data\":{}}");
    assert_int_equal(why(&e), ESP_WHY_NO_SIGNATURE);
    e.body = fmt("[\"&timestamp=" STAMP "&token=a1b2&signature=%.*s&\"]",
                 SLICE_FMT(signer_hmac(DIGEST_SHA256, e.secret, S(STAMP "a1b2"), true, &memory)));
    assert_int_equal(why(&e), ESP_WHY_BODY); /* a form to one reader and JSON to the other */
    e.body = S("{\"signature\":");
    assert_int_equal(why(&e), ESP_WHY_BODY);
    e.body = S("{\"signature\":{\"timestamp\":\"" STAMP "\",\"token\":\"a1b2\",\"signature\":\"zz\"}}");
    assert_int_equal(why(&e), ESP_WHY_NO_SIGNATURE);
}

static void ses_asks_for_the_certificate_after_the_other_checks(void **state)
{
    (void)state;
    struct example e = make_by(sign_ses_2);
    slice certificate = e.trust.certificate;
    e.trust.certificate = SLICE_EMPTY;
    struct esp_check check = run_at(&e, NOW);
    assert_int_equal(check.answer, ESP_NEED_CERTIFICATE);
    assert_slice(check.certificate_url, S(CERTIFICATE_URL));
    e.trust.certificate = certificate;
    e.trust.certificate_url = S("https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem");
    assert_int_equal(run_at(&e, NOW).answer, ESP_NEED_CERTIFICATE); /* another one was fetched */
    e.trust.certificate_url = SLICE_EMPTY;                          /* pinned */
    assert_int_equal(run_at(&e, NOW).answer, ESP_GENUINE);
    e.trust.certificate = signer_certificate(rsa, NOW / TIME_SECOND - 200, NOW / TIME_SECOND - 100, &memory);
    assert_int_equal(why(&e), ESP_WHY_CERTIFICATE);
    e.trust.certificate = signer_certificate(other_rsa, NOW / TIME_SECOND - 200, NOW / TIME_SECOND + 100, &memory);
    assert_int_equal(why(&e), ESP_WHY_BAD_SIGNATURE);
    e.trust.certificate = S("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    assert_int_equal(why(&e), ESP_WHY_CERTIFICATE);
    e.trust.topic_count = 1; /* not ours: nothing is fetched for it */
    assert_int_equal(why(&e), ESP_WHY_TOPIC);
}

static void ses_fetches_from_amazon_only(void **state)
{
    (void)state;
    static const char *const urls[] = {
        "http://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-central-1.amazonaws.com.evil.example/SimpleNotificationService-1.pem",
        "https://sns.evil.example/SimpleNotificationService-1.pem",
        "https://sns.a.b.amazonaws.com/SimpleNotificationService-1.pem",
        "https://evil.s3.amazonaws.com/SimpleNotificationService-1.pem",
        "https://user@sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-central-1.amazonaws.com:444/SimpleNotificationService-1.pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-1.pem?a=b.pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-../x.pem",
        "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-.pem",
        "https://sns..amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-central-1.amazonaws.com/other-1.pem",
        "",
    };
    for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
        struct example e = make_by(sign_ses_2);
        e.body = fmt("{\"Type\":\"Notification\",\"MessageId\":\"m\",\"TopicArn\":\"" TOPIC
                     "\",\"Message\":\"\",\"Timestamp\":\"" STAMP_ISO
                     "\",\"SignatureVersion\":\"2\",\"Signature\":\"AAAA\",\"SigningCertURL\":\"%s\"}",
                     urls[i]);
        assert_int_equal(why(&e), ESP_WHY_URL);
    }
    struct example e = make_by(sign_ses_2);
    e.trust.certificate = SLICE_EMPTY;
    e.body = S("{\"Type\":\"Notification\",\"MessageId\":\"m\",\"TopicArn\":\"" TOPIC
               "\",\"Message\":\"\",\"Timestamp\":\"" STAMP_ISO
               "\",\"SignatureVersion\":\"2\",\"Signature\":\"AAAA\",\"SigningCertURL\":"
               "\"https://sns.cn-north-1.amazonaws.com.cn/SimpleNotificationService-a.pem\"}");
    assert_int_equal(run_at(&e, NOW).answer, ESP_NEED_CERTIFICATE);
}

static void ses_gives_the_url_that_confirms(void **state)
{
    (void)state;
    struct example e = make_by(sign_ses_subscription);
    struct esp_check check = run_at(&e, NOW);
    assert_true(check.no_events);
    assert_slice(check.confirm_url, S(CONFIRM_URL));
    e = (struct example){.esp = e.esp};
    sign_sns(&e, DIGEST_SHA256, "SubscriptionConfirmation",
             "Message\n{\"a\":1}\nMessageId\nm-1\nSubscribeURL\nhttps://sns.evil.example/"
             "?Action=ConfirmSubscription&\nTimestamp\n" STAMP_ISO "\nToken\nt-1\nTopicArn\n" TOPIC
             "\nType\nSubscriptionConfirmation\n",
             ",\"Token\":\"t-1\",\"SubscribeURL\":\"https://sns.evil.example/?Action=ConfirmSubscription&\"");
    assert_int_equal(why(&e), ESP_WHY_URL);
    e = (struct example){.esp = e.esp};
    sign_sns(&e, DIGEST_SHA256, "UnsubscribeConfirmation",
             "Message\n{\"a\":1}\nMessageId\nm-1\nSubscribeURL\n" CONFIRM_URL "\nTimestamp\n" STAMP_ISO
             "\nToken\nt-1\nTopicArn\n" TOPIC "\nType\nUnsubscribeConfirmation\n",
             ",\"Token\":\"t-1\",\"SubscribeURL\":\"" CONFIRM_URL "\"");
    check = run_at(&e, NOW);
    assert_int_equal(check.answer, ESP_GENUINE);
    assert_true(check.no_events);
    assert_int_equal(check.confirm_url.n, 0); /* visiting it would subscribe again */
}

static void ses_raw_delivery_needs_credentials(void **state)
{
    (void)state;
    struct example e = {.esp = esp_find(S("ses")), .body = S("{\"eventType\":\"Send\"}")};
    e.trust.topics = our_topics;
    e.trust.topic_count = 2;
    add_header(&e, "x-amz-sns-rawdelivery", S("true"));
    assert_int_equal(why(&e), ESP_WHY_NO_SIGNATURE);
    e.secret = S("sns:long password");
    struct esp_check check = run_at(&e, NOW);
    assert_int_equal(check.why, ESP_WHY_CREDENTIALS);
    assert_true(check.ask_credentials);
    add_header(&e, "Authorization", S("Basic c25zOmxvbmcgcGFzc3dvcmQ="));
    assert_int_equal(why(&e), ESP_WHY_TOPIC);
    add_header(&e, "x-amz-sns-topic-arn", S(TOPIC));
    assert_int_equal(why(&e), ESP_WHY_NONE);
}

/* The example key of the Svix documentation. */
static void svix_vector(void **state)
{
    (void)state;
    static const char *const names[][3] = {{"svix-id", "svix-timestamp", "svix-signature"},
                                           {"webhook-id", "webhook-timestamp", "webhook-signature"}};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct example e = {.esp = esp_find(S("resend")), .body = S("{\"test\": 2432232314}")};
        e.secret = S("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        add_header(&e, names[i][0], S("msg_p5jXN8AQM9LWM0D4loKWxJek"));
        add_header(&e, names[i][1], S("1614265330"));
        add_header(&e, names[i][2], S("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        assert_int_equal(run_at(&e, INT64_C(1614265330) * TIME_SECOND).why, ESP_WHY_NONE);
        e.headers[2].value = S("v2,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        assert_int_equal(run_at(&e, INT64_C(1614265330) * TIME_SECOND).why, ESP_WHY_BAD_SIGNATURE);
    }
}

/* What we sign ourselves is what the verifier takes. */
static void standard_webhooks_are_signed(void **state)
{
    (void)state;
    static const slice secrets[] = {SLICE_INIT("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
                                    SLICE_INIT("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3")};
    slice body = S("{\"test\": 2432232314}"), signature;
    assert_true(
        standard_webhook_sign(secrets, 1, S("msg_p5jXN8AQM9LWM0D4loKWxJek"), 1614265330, body, &memory, &signature));
    assert_slice(signature, S("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
    assert_true(standard_webhook_sign(secrets, 2, S("msg_1"), NOW / TIME_SECOND, body, &memory, &signature));
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        struct example e = {.esp = esp_find(S("resend")), .body = body, .secret = secrets[i]};
        add_header(&e, "webhook-id", S("msg_1"));
        add_header(&e, "webhook-timestamp", S(STAMP));
        add_header(&e, "webhook-signature", signature);
        assert_int_equal(why(&e), ESP_WHY_NONE);
    }
    slice key = standard_webhook_key(secrets[0], &memory);
    assert_int_equal(key.n, 24);
    assert_slice(standard_webhook_secret(key, &memory), secrets[0]);
    static const slice bad[] = {SLICE_INIT(""), SLICE_INIT("whsec_"), SLICE_INIT("whsec_c2hvcnQ="),
                                SLICE_INIT("whsec_!!")};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++)
        assert_false(standard_webhook_sign(&bad[i], 1, S("m"), 1, body, &memory, &signature));
    assert_false(standard_webhook_sign(secrets, 0, S("m"), 1, body, &memory, &signature));
    assert_false(standard_webhook_sign(secrets, 1, S("m.1"), 1, body, &memory, &signature));
    assert_int_equal(signature.n, 0);
}

static void content_types_are_known(void **state)
{
    (void)state;
    static const struct {
        const char *esp, *type;
        bool takes;
    } cases[] = {{"ses", "text/plain; charset=UTF-8", true},
                 {"ses", "application/json", true},
                 {"sendgrid", "Application/JSON;charset=utf-8", true},
                 {"sendgrid", "text/plain", false},
                 {"mandrill", "application/x-www-form-urlencoded", true},
                 {"mandrill", "application/json", false},
                 {"mailgun", "multipart/form-data; boundary=x", false},
                 {"brevo", "", true},
                 {"brevo", "application", false}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(esp_takes(esp_find(slice_str(cases[i].esp)), slice_str(cases[i].type)), cases[i].takes);
}

static void postal_keeps_to_the_stronger_signature(void **state)
{
    (void)state;
    struct example e = make_by(sign_postal);
    add_header(&e, "X-Postal-Signature-256", S("AAAA"));
    assert_int_equal(why(&e), ESP_WHY_BAD_SIGNATURE);
    e.secret = signer_public(ec, false, &memory);
    assert_int_equal(why(&e), ESP_WHY_BAD_KEY);
}

static void mandrill_signs_our_address(void **state)
{
    (void)state;
    struct example e = make_by(sign_mandrill);
    e.trust.url = S("https://bounces.shop.example/webhook/mandrill");
    assert_int_equal(why(&e), ESP_WHY_BAD_SIGNATURE);
    e = make_by(sign_mandrill);
    e.body =
        S("b=&a%20c=%2B&mandrill_events=%5B%7B%22a%22%3A%201%7D%5D"); /* another order and spelling, the same fields */
    assert_int_equal(why(&e), ESP_WHY_NONE);
}

static void credentials_must_be_whole(void **state)
{
    (void)state;
    static const char *const given[] = {"",
                                        "Basic",
                                        "Basic ",
                                        "Basic dXNlcg==",
                                        "Basic dXNlcjpwYXNzIHdvcmQ=AAAA",
                                        "Bearer dXNlcjpwYXNzIHdvcmQ=",
                                        "user:pass word"};
    for (size_t i = 0; i < ARRAY_LEN(given); i++) {
        struct example e = make_by(sign_basic);
        e.headers[0].value = slice_str(given[i]);
        assert_int_equal(why(&e), ESP_WHY_CREDENTIALS);
        assert_true(run_at(&e, NOW).ask_credentials);
    }
    static const char *const secrets[] = {"header X-Our-Token", "header : t0ken", "header", "bearer ",
                                          "header X-Our-Token:"};
    for (size_t i = 0; i < ARRAY_LEN(secrets); i++) {
        struct example e = make_by(sign_header);
        e.secret = slice_str(secrets[i]);
        e.headers[0].value = SLICE_EMPTY;
        assert_int_equal(why(&e), ESP_WHY_CREDENTIALS);
    }
}

static void too_long_is_denied(void **state)
{
    (void)state;
    struct example e = make_by(sign_sendgrid);
    char *big = calloc(1, ESP_MAX_BODY_BYTES + 1);
    assert_non_null(big);
    e.body = slice_of(big, ESP_MAX_BODY_BYTES + 1);
    assert_int_equal(why(&e), ESP_WHY_TOO_LONG);
    free(big);
}

static int set_up(void **state)
{
    (void)state;
    arena_init(&memory, 0);
    rsa = signer_key(false);
    other_rsa = signer_key(false);
    ec = signer_key(true);
    other_ec = signer_key(true);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    EVP_PKEY *const keys[] = {rsa, ec, other_rsa, other_ec};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        EVP_PKEY_free(keys[i]);
    arena_fini(&memory);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_right_signature_is_genuine),
        cmocka_unit_test(an_altered_body_is_denied),
        cmocka_unit_test(another_key_is_denied_and_a_second_one_helps),
        cmocka_unit_test(a_missing_header_is_denied),
        cmocka_unit_test(stamps_have_a_window),
        cmocka_unit_test(no_prefix_is_genuine),
        cmocka_unit_test(sendgrids_own_vector),
        cmocka_unit_test(sendgrid_takes_pem_and_no_rsa),
        cmocka_unit_test(mailgun_tells_the_token),
        cmocka_unit_test(ses_asks_for_the_certificate_after_the_other_checks),
        cmocka_unit_test(ses_fetches_from_amazon_only),
        cmocka_unit_test(ses_gives_the_url_that_confirms),
        cmocka_unit_test(ses_raw_delivery_needs_credentials),
        cmocka_unit_test(svix_vector),
        cmocka_unit_test(standard_webhooks_are_signed),
        cmocka_unit_test(content_types_are_known),
        cmocka_unit_test(postal_keeps_to_the_stronger_signature),
        cmocka_unit_test(mandrill_signs_our_address),
        cmocka_unit_test(credentials_must_be_whole),
        cmocka_unit_test(too_long_is_denied),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
