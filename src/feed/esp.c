#include "feed/esp.h"

#include "feed/esp_check.h"
#include "feed/esp_map.h"

/* Each .def file gives two arrays: NAME_paths and NAME_words. */
#define PATHS(name, ...) static const char *const name##_paths[ESP_FIELDS] = {__VA_ARGS__};
#define WORDS(name, ...) static const struct esp_word name##_words[] = {__VA_ARGS__};
#define PATH(field, path) [ESP_FIELD_##field] = path,
#define SKIP(pattern) {pattern, ROW_SKIP, BOUNCE_KIND_ACCEPTED, BOUNCE_REASON_UNKNOWN, 0, ""},
#define INFO(pattern, kind) {pattern, ROW_INFO, BOUNCE_KIND_##kind, BOUNCE_REASON_UNKNOWN, 0, ""},
#define FAIL(pattern, kind, reason, certainty) \
    {pattern, ROW_FAIL, BOUNCE_KIND_##kind, BOUNCE_REASON_##reason, certainty, ""},
#define OWN(pattern, reason, cause) {pattern, ROW_OWN, BOUNCE_KIND_FAILED, BOUNCE_REASON_##reason, 0, cause},

#include "feed/esp_brevo.def"
#include "feed/esp_mailersend.def"
#include "feed/esp_mailgun.def"
#include "feed/esp_mailjet.def"
#include "feed/esp_mandrill.def"
#include "feed/esp_postal.def"
#include "feed/esp_postmark.def"
#include "feed/esp_resend.def"
#include "feed/esp_sendgrid.def"
#include "feed/esp_ses.def"
#include "feed/esp_sparkpost.def"

/* What no path can say. ----------------------------------------------------------------------------------------- */

#define SENDGRID_ID_LEAST 20u /* older ids begin with a host name or a stamp, which many messages share */

/* The id that the API gave out is what stands before the first dot. */
static void tidy_sendgrid(struct observation *o, arena *a)
{
    (void)a;
    slice *id = &o->ids[ID_PROVIDER];
    size_t dot = slice_chr(*id, '.');
    if (dot != SLICE_NPOS && dot >= SENDGRID_ID_LEAST)
        *id = slice_sub(*id, 0, dot);
}

/* What changes at Postmark is no outcome of a message. */
static void tidy_postmark(struct observation *o, arena *a)
{
    (void)a;
    if (slice_starts(o->platform_cause, S("SubscriptionChange")))
        o->ids[ID_PROVIDER] = SLICE_EMPTY;
}

/* " RecipientError: 550 5.5.0 ...", "undefined Unable to find MX ...", "550 RecipientError : ...": its own words in front. */
static slice without_brevo_words(slice text)
{
    static const slice words[] = {SLICE_INIT("RecipientError"), SLICE_INIT("undefined"), SLICE_INIT("blocked")};
    slice behind = slice_trim(text);
    if (behind.n > 4 && behind.p[3] == ' ' && ascii_digit(behind.p[0]))
        behind = slice_ltrim(slice_from(behind, 4));
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_starts_ci(behind, words[i])) {
            behind = slice_ltrim(slice_from(behind, words[i].n));
            return slice_starts(behind, S(":")) ? slice_ltrim(slice_from(behind, 1)) : behind;
        }
    return slice_trim(text);
}

/* Final refusals have been seen as "deferred", with nothing more to follow. */
static void tidy_brevo(struct observation *o, arena *a)
{
    struct bounce_reply reply;
    o->reply = without_brevo_words(o->reply);
    if (o->kind == BOUNCE_KIND_DEFERRED && bounce_reply_parse(o->reply, a, &reply) == BOUNCE_OK && reply.code >= 500)
        o->kind = BOUNCE_KIND_FAILED;
}

/* "dns; email.example.com", "dsn; mta.example.com" */
static void tidy_ses(struct observation *o, arena *a)
{
    (void)a;
    size_t semicolon = slice_chr(o->reporting_mta, ';');
    if (semicolon != SLICE_NPOS)
        o->reporting_mta = slice_trim(slice_from(o->reporting_mta, semicolon + 1));
}

/* The table. ---------------------------------------------------------------------------------------------------- */

#define JSON "application/json"
#define FORM "application/x-www-form-urlencoded"

#define MAP(name, tidy) \
    static const struct esp_map name##_map = {name##_paths, name##_words, ARRAY_LEN(name##_words), NULL, tidy}

MAP(brevo, tidy_brevo);
MAP(mailersend, NULL);
MAP(mailgun, NULL);
MAP(mailjet, NULL);
MAP(mandrill, NULL);
MAP(postal, NULL);
MAP(postmark, tidy_postmark);
MAP(resend, NULL);
MAP(sendgrid, tidy_sendgrid);
MAP(ses, tidy_ses);
MAP(sparkpost, NULL);

static const struct esp_scheme sns_scheme = {.check = check_sns};
static const struct esp_scheme sendgrid_scheme = {.check = check_sendgrid,
                                                  .header = "x-twilio-email-event-webhook-signature",
                                                  .stamp = "x-twilio-email-event-webhook-timestamp"};
static const struct esp_scheme mailgun_scheme = {
    .check = check_mailgun, .prefix = "", .digest = DIGEST_SHA256, .text = SIGNATURE_HEX};
static const struct esp_scheme mandrill_scheme = {.check = check_mandrill,
                                                  .header = "x-mandrill-signature",
                                                  .prefix = "",
                                                  .digest = DIGEST_SHA1,
                                                  .text = SIGNATURE_BASE64};
static const struct esp_scheme mailersend_scheme = {
    .check = check_body_hmac, .header = "signature", .prefix = "", .digest = DIGEST_SHA256, .text = SIGNATURE_HEX};
static const struct esp_scheme svix_scheme = {.check = check_svix};
static const struct esp_scheme postal_scheme = {.check = check_postal};
static const struct esp_scheme credentials_scheme = {.check = check_credentials};

/* Svix signs each attempt anew. SNS tries again for up to an hour, Mailgun for eight, SendGrid for a day, and none of them says
 * whether it signs anew then. */
#define SVIX_WINDOW_US (5 * TIME_MINUTE)

static const struct esp platforms[] = {
    {"ses", "Amazon SES", "text/plain " JSON, false, TIME_DAY, &sns_scheme, &ses_map},
    {"sendgrid", "SendGrid", JSON, false, TIME_DAY, &sendgrid_scheme, &sendgrid_map},
    {"mailgun", "Mailgun", JSON " " FORM, false, TIME_DAY, &mailgun_scheme, &mailgun_map},
    {"postmark", "Postmark", JSON, true, 0, &credentials_scheme, &postmark_map},
    {"sparkpost", "SparkPost", JSON, true, 0, &credentials_scheme, &sparkpost_map},
    {"mailjet", "Mailjet", JSON, true, 0, &credentials_scheme, &mailjet_map},
    {"brevo", "Brevo", JSON, true, 0, &credentials_scheme, &brevo_map},
    {"mandrill", "Mandrill", FORM, false, 0, &mandrill_scheme, &mandrill_map},
    {"mailersend", "MailerSend", JSON, false, 0, &mailersend_scheme, &mailersend_map},
    {"resend", "Resend", JSON, false, SVIX_WINDOW_US, &svix_scheme, &resend_map},
    {"postal", "Postal", JSON, false, 0, &postal_scheme, &postal_map},
};

const struct esp *esp_at(size_t i)
{
    return i < ARRAY_LEN(platforms) ? &platforms[i] : NULL;
}

const struct esp *esp_find(slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(platforms); i++)
        if (slice_eq_ci(slice_str(platforms[i].name), name))
            return &platforms[i];
    return NULL;
}

bool esp_takes(const struct esp *esp, slice content_type)
{
    slice type = slice_trim(slice_sub(content_type, 0, slice_chr(content_type, ';')));
    slice rest = slice_str(esp->content_types), one;
    while (slice_word(&rest, &one))
        if (slice_eq_ci(one, type))
            return true;
    return slice_empty(type);
}
