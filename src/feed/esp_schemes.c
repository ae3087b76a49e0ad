/* How each platform signs; the sources are named beside the functions. */
#include "base/codec.h"
#include "feed/esp_check.h"
#include "feed/form.h"
#include "feed/json_read.h"
#include "feed/standard_webhook.h"

#define MAX_SIGNATURES 16u /* in one header, while a key is changed */

static slice raw_signature(const struct check_work *w, slice text)
{
    slice prefix = slice_str(w->esp->scheme->prefix);
    if (!slice_starts_ci(text, prefix))
        return SLICE_EMPTY;
    text = slice_from(text, prefix.n);
    return w->esp->scheme->text == SIGNATURE_HEX ? signature_from_hex(text, w->a) : signature_from_base64(text, w->a);
}

/* Any secret as the key of an HMAC over the pieces. */
static enum esp_why by_hmac(const struct check_work *w, const slice *pieces, size_t n, slice mac)
{
    bool found = false;
    if (slice_empty(mac))
        return ESP_WHY_NO_SIGNATURE;
    for (size_t i = 0; i < w->trust->secret_count; i++)
        found |= hmac_same(w->esp->scheme->digest, w->trust->secrets[i], pieces, n, mac);
    return found ? ESP_WHY_NONE : ESP_WHY_BAD_SIGNATURE;
}

/* Any secret as a public key. */
static enum esp_why by_key(const struct check_work *w, bool ec, enum digest d, const slice *pieces, size_t n,
                           slice signature)
{
    bool any_key = false;
    if (slice_empty(signature))
        return ESP_WHY_NO_SIGNATURE;
    for (size_t i = 0; i < w->trust->secret_count; i++) {
        enum key_answer answer = key_verify(w->trust->secrets[i], ec, d, pieces, n, signature);
        if (answer == KEY_FITS)
            return ESP_WHY_NONE;
        any_key |= answer == KEY_FITS_NOT;
    }
    return check_failed(any_key);
}

/* MailerSend, "Webhooks: security"; and any platform that signs the body alone. */
enum esp_why check_body_hmac(struct check_work *w)
{
    slice text = check_header(w, w->esp->scheme->header);
    if (slice_empty(text))
        return ESP_WHY_NO_SIGNATURE;
    return by_hmac(w, &w->request->body, 1, raw_signature(w, text));
}

/* Twilio SendGrid, "Event Webhook security features": the body goes in as it came, with the CRLF at its end. */
enum esp_why check_sendgrid(struct check_work *w)
{
    slice stamp = check_header(w, w->esp->scheme->stamp);
    slice signature = signature_from_base64(check_header(w, w->esp->scheme->header), w->a);
    if (slice_empty(stamp) || slice_empty(signature))
        return ESP_WHY_NO_SIGNATURE;
    const slice pieces[] = {stamp, w->request->body};
    enum esp_why why = by_key(w, true, DIGEST_SHA256, pieces, 2, signature);
    return why == ESP_WHY_NONE ? check_stamp(w, stamp) : why;
}

/* ---- Mailgun, "Securing webhooks" ----------------------------------------------------------------------------- */

struct mailgun_signature {
    slice stamp, token, signature;
};

static enum esp_why mailgun_signature(const struct check_work *w, struct mailgun_signature *out)
{
    slice body = w->request->body, start = slice_ltrim(body);
    if (slice_starts(start, S("["))) /* would be read as JSON, not as a form */
        return ESP_WHY_BODY;
    if (!slice_starts(start, S("{"))) {
        *out = (struct mailgun_signature){form_get(body, S("timestamp"), w->a), form_get(body, S("token"), w->a),
                                          form_get(body, S("signature"), w->a)};
        return ESP_WHY_NONE;
    }
    unsigned odd;
    struct json_object *o = json_read(body, &odd);
    if (!o)
        return odd & JSON_ODD_MEMORY ? ESP_WHY_MEMORY : ESP_WHY_BODY;
    slice *const texts[] = {&out->stamp, &out->token, &out->signature};
    static const char *const paths[] = {"signature.timestamp", "signature.token", "signature.signature"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = json_text(json_find(o, NULL, paths[i]), w->a, 256);
    json_object_put(o);
    return ESP_WHY_NONE;
}

/* The body is not covered: whoever caught one signature could send another body with it, hence `once`. */
enum esp_why check_mailgun(struct check_work *w)
{
    struct mailgun_signature s;
    enum esp_why why = mailgun_signature(w, &s);
    if (why != ESP_WHY_NONE)
        return why;
    if (slice_empty(s.stamp) || slice_empty(s.token))
        return ESP_WHY_NO_SIGNATURE;
    const slice pieces[] = {s.stamp, s.token};
    why = by_hmac(w, pieces, 2, raw_signature(w, s.signature));
    if (why == ESP_WHY_NONE)
        why = check_stamp(w, s.stamp);
    if (why != ESP_WHY_NONE)
        return why;
    w->out->once = s.token;
    w->out->once_until_us = time_parse_any(s.stamp) + (w->trust->window_us ? w->trust->window_us : w->esp->window_us);
    return ESP_WHY_NONE;
}

/* ---- Mandrill, "Authenticating webhook requests" -------------------------------------------------------------- */

static void sort_pairs(struct form_pair *pairs, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        struct form_pair p = pairs[i];
        size_t k = i;
        for (; k > 0 && slice_cmp(pairs[k - 1].name, p.name) > 0; k--)
            pairs[k] = pairs[k - 1];
        pairs[k] = p;
    }
}

enum { MANDRILL_MAX_PAIRS = 32 }; /* it sends one */

/* Our address as it was entered there, then name and value of each field, sorted by name. */
enum esp_why check_mandrill(struct check_work *w)
{
    struct form_pair pairs[MANDRILL_MAX_PAIRS];
    slice pieces[1 + 2 * MANDRILL_MAX_PAIRS], rest = w->request->body;
    size_t n = 0, pn = 0;
    slice text = check_header(w, w->esp->scheme->header);
    if (slice_empty(text))
        return ESP_WHY_NO_SIGNATURE;
    while (n < MANDRILL_MAX_PAIRS && form_next(&rest, w->a, &pairs[n]))
        n++;
    if (n == MANDRILL_MAX_PAIRS)
        return ESP_WHY_BODY;
    sort_pairs(pairs, n);
    pieces[pn++] = w->trust->url;
    for (size_t i = 0; i < n; i++) {
        pieces[pn++] = pairs[i].name;
        pieces[pn++] = pairs[i].value;
    }
    return by_hmac(w, pieces, pn, raw_signature(w, text));
}

/* ---- Svix, and the Standard Webhooks specification ------------------------------------------------------------ */

static bool svix_fits(const struct check_work *w, const slice *pieces, size_t n, slice mac)
{
    bool found = false;
    for (size_t i = 0; i < w->trust->secret_count; i++) {
        slice key = standard_webhook_key(w->trust->secrets[i], w->a);
        found |= key.n > 0 && hmac_same(DIGEST_SHA256, key, pieces, n, mac);
    }
    return found;
}

/* Either family of names. */
static slice svix_header(const struct check_work *w, const char *svix, const char *standard)
{
    slice value = check_header(w, svix);
    return slice_empty(value) ? check_header(w, standard) : value;
}

enum esp_why check_svix(struct check_work *w)
{
    slice id = svix_header(w, "svix-id", "webhook-id");
    slice stamp = svix_header(w, "svix-timestamp", "webhook-timestamp");
    slice signatures = svix_header(w, "svix-signature", "webhook-signature"), one;
    if (slice_empty(id) || slice_empty(stamp) || slice_empty(signatures))
        return ESP_WHY_NO_SIGNATURE;
    const slice pieces[] = {id, S("."), stamp, S("."), w->request->body};
    bool found = false;
    for (size_t i = 0; i < MAX_SIGNATURES && !found && slice_word(&signatures, &one); i++)
        if (slice_starts(one, S("v1,")))
            found = svix_fits(w, pieces, ARRAY_LEN(pieces), signature_from_base64(slice_from(one, 3), w->a));
    return found ? check_stamp(w, stamp) : ESP_WHY_BAD_SIGNATURE;
}

/* ---- Postal --------------------------------------------------------------------------------------------------- */

/* SHA-1 in the first header, and from version 3.3 on SHA-256 in a second one: where that is there, it alone counts. */
enum esp_why check_postal(struct check_work *w)
{
    slice newer = check_header(w, "x-postal-signature-256"), older = check_header(w, "x-postal-signature");
    bool sha256 = !slice_empty(newer);
    return by_key(w, false, sha256 ? DIGEST_SHA256 : DIGEST_SHA1, &w->request->body, 1,
                  signature_from_base64(sha256 ? newer : older, w->a));
}
