/* How the platforms sign: what esp_verify hands to the scheme of a platform, and what the schemes share.
 */
#ifndef FEED_ESP_CHECK_H
#define FEED_ESP_CHECK_H

#include "feed/esp.h"
#include "feed/signature.h"

struct check_work {
    const struct esp *esp;
    const struct esp_request *request;
    const struct esp_trust *trust;
    int64_t now_us;
    arena *a;
    struct esp_check *out;
};

enum signature_text { SIGNATURE_HEX, SIGNATURE_BASE64 };

/* A way to sign. `check` returns ESP_WHY_NONE for a genuine request; the rest are its parameters. */
struct esp_scheme {
    enum esp_why (*check)(struct check_work *w);
    const char *header; /* where the signature stands */
    const char *stamp;  /* where its time stands */
    const char *prefix; /* in front of the signature ("sha256=") */
    enum digest digest;
    enum signature_text text;
};

/* The value of the first header of that name (case ignored); empty when there is none. */
slice check_header(const struct check_work *w, const char *name);
/* Whether a signed time ("1600112502", ISO 8601) lies in the window: ESP_WHY_NONE, _OLD, _FUTURE; _NO_SIGNATURE for no
 * time. */
enum esp_why check_stamp(const struct check_work *w, slice stamp);
/* The answer when no secret fitted: that none was a key at all, or that the signature is wrong. */
enum esp_why check_failed(bool any_key);

/* The schemes. */
enum esp_why check_credentials(struct check_work *w); /* basic, bearer, a header of our own */
enum esp_why check_body_hmac(struct check_work *w);   /* HMAC of the raw body in a header */
enum esp_why check_sendgrid(struct check_work *w);    /* ECDSA P-256 of stamp and body */
enum esp_why check_mailgun(struct check_work *w);     /* HMAC of stamp and token, inside of the body */
enum esp_why check_mandrill(struct check_work *w);    /* HMAC of URL and form fields */
enum esp_why check_svix(struct check_work *w);        /* Svix and Standard Webhooks: HMAC of "id.stamp.body" */
enum esp_why check_postal(struct check_work *w);      /* RSA of the body */
enum esp_why check_sns(struct check_work *w);         /* RSA of chosen members, key from a certificate */

#endif
