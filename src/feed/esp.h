/* Webhooks of sending platforms: is this request theirs, and what does it tell?
 *
 * Two pure functions of bytes, called at two moments by whoever listens: esp_verify when the request is there (denied:
 * answer 401 and store nothing), then the raw body goes to disk, then 2xx, and later esp_parse reads the body. Clock,
 * secrets and certificates come in as arguments; nothing is fetched here.
 *
 * Rows of a table, not code, tell the platforms apart: which word of theirs is which kind and, where no reply of a mail
 * server is told, which reason (esp_words.def), where in their JSON each field stands (esp_paths.def), and how they
 * sign. A file in the same terms makes a platform of any other JSON (esp_mapping.h, docs/webhooks-in.md).
 *
 * The verdict comes from the words of the far server (the intake judges observation.reply). What the platform calls it
 * stands in observation.platform_cause, and decides, as a verdict with the rule "platform:NAME:WORD", only where there
 * is neither reply nor status, and for mail that the platform never sent (suppressed, its own error).
 */
#ifndef FEED_ESP_H
#define FEED_ESP_H

#include "base/time.h"
#include "feed/feed.h"

#define ESP_MAX_BODY_BYTES (32u * 1024 * 1024) /* of a request; more is denied */
#define ESP_MAX_OBSERVATIONS 20000u            /* of one body */
#define ESP_MAX_REPLY_BYTES 4096u
#define ESP_MAX_TEXT_BYTES 1024u /* any other text */
#define ESP_MAX_SECRETS 16u
#define ESP_FUTURE_US (5 * TIME_MINUTE) /* how far a stamp may lie ahead of our clock */

struct esp_map;
struct esp_scheme;

/* One platform. Constant; those of esp_mapping.h live in the arena that was given there. */
struct esp {
    const char *name;          /* "sendgrid" */
    const char *title;         /* "SendGrid" */
    const char *content_types; /* media types that it sends, with a blank between */
    bool credentials_only;     /* it signs nothing: name and password or a token are all that can be checked */
    int64_t window_us;         /* how old a signed stamp may be by default; 0: it signs none */
    const struct esp_scheme *scheme;
    const struct esp_map *map;
};

/* By name, case ignored; NULL when there is none. */
const struct esp *esp_find(slice name);
/* The i-th of the built-in ones, in the order of docs/webhooks-in.md; NULL behind the last. */
const struct esp *esp_at(size_t i);
/* Whether a Content-Type field value is one of the platform's (parameters do not matter; empty is taken). */
bool esp_takes(const struct esp *esp, slice content_type);

/* ---- verifying ------------------------------------------------------------------------------------------------ */

struct esp_header {
    slice name, value; /* value without white space around it */
};

struct esp_request {
    const struct esp_header *headers;
    size_t header_count;
    slice body; /* the very bytes; of a form too */
};

/* What the operator has set for one address of ours. */
struct esp_trust {
    /* Any one that fits will do, so that a secret can be changed without a gap. Each is what the platform's page shows:
     * a signing key, a public key (PEM, or base64 of it), "whsec_..."; and where nothing is signed "user:password",
     * "bearer TOKEN" or "header NAME: VALUE". For ses they are credentials beside the signature. */
    const slice *secrets;
    size_t secret_count;
    const slice *topics; /* ses: ARNs that are ours; anybody can have a topic whose messages verify */
    size_t topic_count;
    slice url;             /* mandrill: our address exactly as it was entered there */
    slice certificate;     /* ses: PEM; pinned, or fetched from certificate_url */
    slice certificate_url; /* where it was fetched; empty: pinned, good for any */
    int64_t window_us;     /* 0: the platform's */
};

enum esp_answer {
    ESP_GENUINE,
    ESP_DENIED,          /* 401, with WWW-Authenticate: Basic when esp_check.ask_credentials */
    ESP_NEED_CERTIFICATE /* fetch esp_check.certificate_url (https, no redirects, 100 KB), call again with it */
};

enum esp_why {
#define WHY(symbol, word, text) ESP_WHY_##symbol,
#include "feed/esp_whys.def"
#undef WHY
    ESP_WHYS
};
const char *esp_why_word(enum esp_why why); /* "bad-signature" */
const char *esp_why_text(enum esp_why why); /* a sentence for the log, without full stop */

struct esp_check {
    enum esp_answer answer;
    enum esp_why why;      /* ESP_WHY_NONE when genuine */
    bool ask_credentials;  /* denied for want of them: the platform may know them and wait to be asked (SNS does) */
    bool no_events;        /* genuine, but nothing to store (a confirmation, see confirm_url) */
    slice certificate_url; /* checked: https, Amazon's host and path */
    slice confirm_url;     /* visit it once to confirm the subscription; checked in the same way */
    /* Where the signature does not cover the body (mailgun): refuse the same `once` with another body until `once_until_us`
     * (esp_replay.h remembers). Empty otherwise. */
    slice once;
    int64_t once_until_us;
};

/* Decides whether the request comes from the platform. Without any secret (ses: topic) everything is denied. Texts of
 * *out are in the arena or the request. Compares in constant time. */
enum esp_answer esp_verify(const struct esp *esp, const struct esp_request *request, const struct esp_trust *trust,
                           int64_t now_us, arena *a, struct esp_check *out);

/* ---- parsing -------------------------------------------------------------------------------------------------- */

struct esp_options {
    slice tenant, stream, campaign; /* where the event tells none */
    slice feed;                     /* observation.feed; empty: "webhook:NAME" */
    enum trust trust;               /* TRUST_PROVEN when esp_verify found it genuine */
};

/* Odd things met, bits: of a body (up to NO_EVENT), of one event in it (from NO_EVENT on). */
enum esp_diag {
    ESP_DIAG_NO_JSON = 1 << 0,
    ESP_DIAG_DEEP = 1 << 1,
    ESP_DIAG_MANY = 1 << 2,
    ESP_DIAG_REPEATED = 1 << 3,
    ESP_DIAG_UTF8 = 1 << 4,
    ESP_DIAG_BEHIND = 1 << 5,
    ESP_DIAG_NUMBER = 1 << 6,
    ESP_DIAG_NO_EVENT = 1 << 7,
    ESP_DIAG_UNKNOWN_EVENT = 1 << 8, /* a word that the tables do not have */
    ESP_DIAG_NO_RECIPIENT = 1 << 9,
    ESP_DIAG_BAD_RECIPIENT = 1 << 10, /* no address: control bytes, no domain, ... */
    ESP_DIAG_UNSURE = 1 << 11,        /* several recipients are named, and which one it was is not: trust is bare */
    ESP_DIAG_NO_TIME = 1 << 12,
    ESP_DIAG_NO_ID = 1 << 13, /* no id of the event: the source key is a hash of the whole event */
    ESP_DIAG_CUT = 1 << 14    /* a text was longer than its limit */
};
#define ESP_DIAGS 15
/* Word of bit number `bit` ("no-json"). */
const char *esp_diag_word(unsigned bit);

/* One event of the body, in its order. */
struct esp_event {
    slice word;      /* as the platform says it, parts with "/" between: "bounce/blocked", "Bounce/Permanent/General" */
    slice id;        /* the platform's id of the event; empty when it has none */
    unsigned diag;   /* bits of enum esp_diag */
    size_t first, n; /* its observations in esp_result.list; 0 of them: nothing that concerns an address, or see diag */
};

struct esp_result {
    struct feed_list list;
    struct esp_event *events;
    size_t event_count, event_room;
    unsigned diag; /* of the body */
};

/* Reads a body. Everything in *out is in the arena, and of an event with many recipients what they share is there once; give it a
 * cap nevertheless. False when memory was refused (what was found is there). The source
 * key of an observation is made of platform, event word, event id and recipient, so that a repeat is known as such. */
NODISCARD bool esp_parse(const struct esp *esp, slice body, const struct esp_options *options, arena *a,
                         struct esp_result *out);

#endif
