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

#include "feed/esp_mailgun.def"
#include "feed/esp_sendgrid.def"
#include "feed/esp_ses.def"

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

MAP(ses, tidy_ses);
MAP(sendgrid, tidy_sendgrid);
MAP(mailgun, NULL);

static const struct esp_scheme sns_scheme = {.check = check_sns};
static const struct esp_scheme sendgrid_scheme = {.check = check_sendgrid,
                                                  .header = "x-twilio-email-event-webhook-signature",
                                                  .stamp = "x-twilio-email-event-webhook-timestamp"};
static const struct esp_scheme mailgun_scheme = {
    .check = check_mailgun, .prefix = "", .digest = DIGEST_SHA256, .text = SIGNATURE_HEX};

static const struct esp platforms[] = {
    /* SNS tries again for up to an hour, SendGrid for a day, Mailgun for eight hours; none of them says that it signs anew then */
    {"ses", "Amazon SES", "text/plain " JSON, false, TIME_DAY, &sns_scheme, &ses_map},
    {"sendgrid", "SendGrid", JSON, false, TIME_DAY, &sendgrid_scheme, &sendgrid_map},
    {"mailgun", "Mailgun", JSON " " FORM, false, TIME_DAY, &mailgun_scheme, &mailgun_map},
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
