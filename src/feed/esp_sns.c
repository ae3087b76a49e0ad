/* Amazon SNS, "Verifying the signatures of Amazon SNS messages": RSA over chosen members, with the key of a certificate
 * whose URL stands in the message. The URL is checked before anybody fetches it, and the topic before that: a topic is
 * had by anybody, and its messages verify. */
#include "feed/esp_check.h"
#include "feed/json_read.h"

#define MAX_MEMBER_BYTES (1024u * 1024) /* a message has at most 256 KB; escapes may double them and more */
#define MAX_URL_BYTES 2048u

enum member {
    MESSAGE,
    MESSAGE_ID,
    SUBJECT,
    SUBSCRIBE_URL,
    TIMESTAMP,
    TOKEN,
    TOPIC,
    TYPE,
    SIGNED, /* the above are what can be signed, in that order */
    SIGNATURE = SIGNED,
    VERSION,
    CERTIFICATE_URL,
    MEMBERS
};

static const char *const member_names[MEMBERS] = {
    [MESSAGE] = "Message",
    [MESSAGE_ID] = "MessageId",
    [SUBJECT] = "Subject",
    [TIMESTAMP] = "Timestamp",
    [TOKEN] = "Token",
    [SUBSCRIBE_URL] = "SubscribeURL",
    [TOPIC] = "TopicArn",
    [TYPE] = "Type",
    [CERTIFICATE_URL] = "SigningCertURL",
    [SIGNATURE] = "Signature",
    [VERSION] = "SignatureVersion",
};

struct envelope {
    slice text[MEMBERS];
    bool there[MEMBERS];
};

static void read_members(struct json_object *o, arena *a, struct envelope *out)
{
    for (size_t i = 0; i < MEMBERS; i++) {
        struct json_object *v;
        out->there[i] = json_object_object_get_ex(o, member_names[i], &v) && json_object_is_type(v, json_type_string);
        out->text[i] = out->there[i] ? json_text(v, a, MAX_MEMBER_BYTES) : SLICE_EMPTY;
    }
}

static enum esp_why read_envelope(const struct check_work *w, struct envelope *out)
{
    unsigned odd;
    struct json_object *o = json_read(w->request->body, &odd);
    bool object = json_object_is_type(o, json_type_object);
    if (object)
        read_members(o, w->a, out);
    json_object_put(o);
    if (odd & JSON_ODD_MEMORY)
        return ESP_WHY_MEMORY;
    if (!object)
        return ESP_WHY_BODY;
    return slice_empty(out->text[SIGNATURE]) || slice_empty(out->text[TYPE]) ? ESP_WHY_NO_SIGNATURE : ESP_WHY_NONE;
}

/* ---- URLs ----------------------------------------------------------------------------------------------------- */

/* Takes `what` off the front. */
static bool take(slice *s, slice what)
{
    if (!slice_starts(*s, what))
        return false;
    *s = slice_from(*s, what.n);
    return true;
}

/* "https://sns.REGION.amazonaws.com/" or ".com.cn/"; what follows is left. */
static bool take_host(slice *s)
{
    if (s->n > MAX_URL_BYTES || !take(s, S("https://sns.")))
        return false;
    size_t n = 0;
    while (n < s->n && (ascii_digit(s->p[n]) || (s->p[n] >= 'a' && s->p[n] <= 'z') || s->p[n] == '-'))
        n++;
    *s = slice_from(*s, n);
    if (n == 0 || !take(s, S(".amazonaws.com")))
        return false;
    return take(s, S("/")) || take(s, S(".cn/"));
}

static bool certificate_url_good(slice url)
{
    static const slice end = SLICE_INIT(".pem");
    if (!take_host(&url) || !take(&url, S("SimpleNotificationService-")) || url.n <= end.n)
        return false;
    for (size_t i = 0; i < url.n - end.n; i++)
        if (!ascii_alnum(url.p[i]))
            return false;
    return slice_eq(slice_from(url, url.n - end.n), end);
}

static bool confirm_url_good(slice url)
{
    if (!take_host(&url) || !take(&url, S("?Action=ConfirmSubscription&")))
        return false;
    for (size_t i = 0; i < url.n; i++)
        if (url.p[i] <= ' ' || url.p[i] >= 0x7f || memchr("\"'<>\\^`{|}#", url.p[i], 11))
            return false;
    return true;
}

/* ---- signature ------------------------------------------------------------------------------------------------ */

/* Which members are signed for which type; an absent Subject is left out. */
static bool is_signed(const struct envelope *m, size_t i)
{
    bool notification = slice_eq(m->text[TYPE], S("Notification"));
    switch (i) {
    case SUBJECT:
        return notification && m->there[SUBJECT];
    case SUBSCRIBE_URL:
    case TOKEN:
        return !notification;
    default:
        return true;
    }
}

static enum esp_why check_signature(const struct check_work *w, const struct envelope *m)
{
    slice pieces[4 * SIGNED];
    size_t n = 0;
    for (size_t i = 0; i < SIGNED; i++) {
        if (!is_signed(m, i))
            continue;
        pieces[n++] = slice_str(member_names[i]);
        pieces[n++] = S("\n");
        pieces[n++] = m->text[i];
        pieces[n++] = S("\n");
    }
    bool sha256 = slice_eq(m->text[VERSION], S("2"));
    if (!sha256 && !slice_eq(m->text[VERSION], S("1")))
        return ESP_WHY_BAD_SIGNATURE;
    enum digest d = sha256 ? DIGEST_SHA256 : DIGEST_SHA1;
    slice signature = signature_from_base64(m->text[SIGNATURE], w->a);
    switch (certificate_verify(w->trust->certificate, w->now_us / TIME_SECOND, d, pieces, n, signature)) {
    case KEY_FITS:
        return ESP_WHY_NONE;
    case KEY_FITS_NOT:
        return ESP_WHY_BAD_SIGNATURE;
    default:
        return ESP_WHY_CERTIFICATE;
    }
}

static bool have_certificate(const struct check_work *w, slice url)
{
    const struct esp_trust *t = w->trust;
    return !slice_empty(t->certificate) && (slice_empty(t->certificate_url) || slice_eq(t->certificate_url, url));
}

static bool topic_is_ours(const struct check_work *w, slice topic)
{
    for (size_t i = 0; i < w->trust->topic_count; i++)
        if (slice_eq(w->trust->topics[i], topic))
            return true;
    return false;
}

/* ---- the whole ------------------------------------------------------------------------------------------------ */

/* A confirmation of either kind tells no event; only the one of a subscription is answered. */
static enum esp_why check_type(const struct check_work *w, const struct envelope *m)
{
    if (slice_eq(m->text[TYPE], S("Notification")))
        return ESP_WHY_NONE;
    w->out->no_events = true;
    if (!slice_eq(m->text[TYPE], S("SubscriptionConfirmation")))
        return ESP_WHY_NONE;
    if (!confirm_url_good(m->text[SUBSCRIBE_URL]))
        return ESP_WHY_URL;
    w->out->confirm_url = m->text[SUBSCRIBE_URL];
    return ESP_WHY_NONE;
}

static enum esp_why check_envelope(struct check_work *w, const struct envelope *m)
{
    if (!topic_is_ours(w, m->text[TOPIC]))
        return ESP_WHY_TOPIC;
    if (!certificate_url_good(m->text[CERTIFICATE_URL]))
        return ESP_WHY_URL;
    enum esp_why why = check_stamp(w, m->text[TIMESTAMP]);
    if (why != ESP_WHY_NONE)
        return why;
    if (!have_certificate(w, m->text[CERTIFICATE_URL])) {
        w->out->certificate_url = m->text[CERTIFICATE_URL];
        return ESP_WHY_NONE;
    }
    why = check_signature(w, m);
    return why == ESP_WHY_NONE ? check_type(w, m) : why;
}

enum esp_why check_sns(struct check_work *w)
{
    struct envelope m;
    enum esp_why why = w->trust->secret_count ? check_credentials(w) : ESP_WHY_NONE;
    if (why != ESP_WHY_NONE)
        return why;
    /* raw delivery has neither envelope nor signature: only credentials can vouch for it */
    if (slice_eq_ci(check_header(w, "x-amz-sns-rawdelivery"), S("true"))) {
        if (w->trust->secret_count == 0)
            return ESP_WHY_NO_SIGNATURE;
        bool topic = w->trust->topic_count == 0 || topic_is_ours(w, check_header(w, "x-amz-sns-topic-arn"));
        return topic ? ESP_WHY_NONE : ESP_WHY_TOPIC;
    }
    why = read_envelope(w, &m);
    return why == ESP_WHY_NONE ? check_envelope(w, &m) : why;
}
