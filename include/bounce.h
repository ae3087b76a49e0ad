/* libbounce: reads bounces and other delivery reports, and says what they mean.
 *
 * Caveats and limits, first:
 *   - Everything is a slice into the message you gave or into the arena you gave: keep both alive while you use a result.
 *   - The library never exits, logs, opens a file, asks the time or keeps global state. bounce_reader_new opens charset
 *     converters (iconv), the only call that may touch the disk.
 *   - A struct bounce_rules is immutable and may be shared by threads; a struct bounce_reader belongs to one thread.
 *   - A message may have any size up to bounce_options.max_message_bytes (default 50 MB, the rest is not looked at and
 *     BOUNCE_DIAG_TRUNCATED is set). Text parts are decoded up to BOUNCE_MAX_PART_BYTES each.
 *   - A cap of the arena, or memory that the system refuses, gives BOUNCE_LIMIT with what was found so far.
 *   - Text in results is as received (decoded to UTF-8 where a charset said so); make it safe before you show it.
 *
 * The order of work:
 *   rules = bounce_rules_new(...)  once;  reader = bounce_reader_new(rules)  per thread;
 *   bounce_read(reader, message, options, arena, &result)  per message: reports with verdicts;
 *   or bounce_judge(rules, evidence, arena, &verdict)  for a reply from a log or a webhook.
 *
 * The words of kinds, reasons, classes and blames, and what each means: docs/taxonomy.md.
 */
#ifndef BOUNCE_H
#define BOUNCE_H

/* clang-format off */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BOUNCE_API __attribute__((visibility("default")))

#ifndef BOUNCE_SLICE_DEFINED
#define BOUNCE_SLICE_DEFINED
/* A view into text; absent is empty (n == 0), p is never NULL in results. */
struct bounce_slice {
    const char *p;
    size_t n;
};
#endif

#define BOUNCE_MAX_MESSAGE_BYTES (50u * 1024 * 1024)
#define BOUNCE_MAX_PART_BYTES (1024u * 1024)
#define BOUNCE_MAX_REPORTS 10000u /* per message */
#define BOUNCE_TIME_NONE INT64_MIN /* times are microseconds since 1970 UTC */

enum bounce_status {
    BOUNCE_OK = 0,
    BOUNCE_LIMIT,   /* a cap or refused memory; what was found so far is there */
    BOUNCE_INVALID, /* an argument or a rule file makes no sense; see the error text */
};

/* ---- words ---------------------------------------------------------------------------------------------------- */

enum bounce_kind {
    BOUNCE_KIND_FAILED, BOUNCE_KIND_EXPIRED, BOUNCE_KIND_DEFERRED, BOUNCE_KIND_DELAYED, BOUNCE_KIND_DELIVERED,
    BOUNCE_KIND_RELAYED, BOUNCE_KIND_EXPANDED, BOUNCE_KIND_COMPLAINT, BOUNCE_KIND_NOT_SPAM, BOUNCE_KIND_UNSUBSCRIBED,
    BOUNCE_KIND_AUTH_REPORT, BOUNCE_KIND_AUTOREPLY, BOUNCE_KIND_CHALLENGE, BOUNCE_KIND_ACCEPTED, BOUNCE_KIND_OPENED,
    BOUNCE_KIND_CLICKED,
    BOUNCE_KINDS
};

/* In the order of src/bounce/reasons.def, which also gives class, blame and words. */
enum bounce_reason {
    BOUNCE_REASON_UNKNOWN, BOUNCE_REASON_USER_UNKNOWN, BOUNCE_REASON_USER_DISABLED, BOUNCE_REASON_USER_MOVED,
    BOUNCE_REASON_ADDRESS_INVALID, BOUNCE_REASON_MAILBOX_FULL, BOUNCE_REASON_MAILBOX_UNAVAILABLE,
    BOUNCE_REASON_RECIPIENT_RATE, BOUNCE_REASON_RECIPIENT_REFUSED, BOUNCE_REASON_VERIFICATION_PENDING,
    BOUNCE_REASON_DOMAIN_UNKNOWN, BOUNCE_REASON_DOMAIN_NO_MAIL, BOUNCE_REASON_RELAY_DENIED, BOUNCE_REASON_MAIL_LOOP,
    BOUNCE_REASON_DNS_FAILURE, BOUNCE_REASON_CONNECT_FAILED, BOUNCE_REASON_CONNECTION_LOST, BOUNCE_REASON_TLS_FAILURE,
    BOUNCE_REASON_SYSTEM_FULL, BOUNCE_REASON_SYSTEM_ERROR, BOUNCE_REASON_SYSTEM_BUSY, BOUNCE_REASON_PROTOCOL_ERROR,
    BOUNCE_REASON_EXPIRED, BOUNCE_REASON_GREYLISTED, BOUNCE_REASON_RATE_LIMITED, BOUNCE_REASON_CONNECTION_LIMIT,
    BOUNCE_REASON_TOO_MANY_RECIPIENTS, BOUNCE_REASON_SENDER_IP_LISTED, BOUNCE_REASON_SENDER_REPUTATION,
    BOUNCE_REASON_SENDER_DOMAIN_LISTED, BOUNCE_REASON_AUTHENTICATION_FAILED, BOUNCE_REASON_SENDER_IDENTITY,
    BOUNCE_REASON_SENDER_REFUSED, BOUNCE_REASON_SENDER_AUTH_REQUIRED, BOUNCE_REASON_TLS_REQUIRED,
    BOUNCE_REASON_POLICY, BOUNCE_REASON_SPAM_CONTENT, BOUNCE_REASON_VIRUS, BOUNCE_REASON_ATTACHMENT_REFUSED,
    BOUNCE_REASON_URL_LISTED, BOUNCE_REASON_MESSAGE_TOO_LARGE, BOUNCE_REASON_MESSAGE_MALFORMED,
    BOUNCE_REASON_UPSTREAM_SUPPRESSED, BOUNCE_REASON_LOCAL_ERROR,
    BOUNCE_REASONS
};

enum bounce_class { BOUNCE_CLASS_HARD, BOUNCE_CLASS_SOFT, BOUNCE_CLASS_BLOCK, BOUNCE_CLASS_INFO };
enum bounce_blame {
    BOUNCE_BLAME_RECIPIENT, BOUNCE_BLAME_DOMAIN, BOUNCE_BLAME_SENDER, BOUNCE_BLAME_MESSAGE, BOUNCE_BLAME_NETWORK,
    BOUNCE_BLAME_NONE
};
/* What a failed message does to the address (TAXONOMY, column counts). */
enum bounce_counts {
    BOUNCE_COUNTS_AT_ONCE, BOUNCE_COUNTS_QUOTA, BOUNCE_COUNTS_CAMPAIGN, BOUNCE_COUNTS_SLOW, BOUNCE_COUNTS_NEVER,
    BOUNCE_COUNTS_PLATFORM
};
/* Where in the SMTP session the reply was given. */
enum bounce_phase {
    BOUNCE_PHASE_NONE, /* not told */
    BOUNCE_PHASE_CONNECT, /* connecting and greeting */
    BOUNCE_PHASE_HELO, BOUNCE_PHASE_STARTTLS, BOUNCE_PHASE_AUTH, BOUNCE_PHASE_MAIL, BOUNCE_PHASE_RCPT, BOUNCE_PHASE_DATA,
    BOUNCE_PHASE_END, /* end of DATA */
    BOUNCE_PHASES
};

/* The word of each value ("user-unknown", "hard", ...); static, NUL-terminated. */
BOUNCE_API const char *bounce_kind_word(enum bounce_kind kind);
BOUNCE_API const char *bounce_reason_word(enum bounce_reason reason);
BOUNCE_API const char *bounce_reason_text(enum bounce_reason reason); /* one sentence without the full stop */
BOUNCE_API const char *bounce_class_word(enum bounce_class c);
BOUNCE_API const char *bounce_blame_word(enum bounce_blame blame);
BOUNCE_API const char *bounce_counts_word(enum bounce_counts counts);
BOUNCE_API const char *bounce_phase_word(enum bounce_phase phase); /* "" for NONE */
/* The other way round; the first value's NUMBER (BOUNCE_KINDS, BOUNCE_REASONS, BOUNCE_PHASES) when there is no such word.
 * Phases also take "ehlo", "mail from", "rcpt to", "end of data", "dot". */
BOUNCE_API enum bounce_kind bounce_kind_find(struct bounce_slice word);
BOUNCE_API enum bounce_reason bounce_reason_find(struct bounce_slice word);
BOUNCE_API enum bounce_phase bounce_phase_find(struct bounce_slice word);
/* What follows from the reason alone. */
BOUNCE_API enum bounce_class bounce_reason_class(enum bounce_reason reason);
BOUNCE_API enum bounce_blame bounce_reason_blame(enum bounce_reason reason);
BOUNCE_API enum bounce_counts bounce_reason_counts(enum bounce_reason reason);
/* True for failed and expired / for deferred and delayed. */
BOUNCE_API bool bounce_kind_final(enum bounce_kind kind);
BOUNCE_API bool bounce_kind_attempt(enum bounce_kind kind);

/* ---- memory --------------------------------------------------------------------------------------------------- */

struct bounce_arena;
/* cap in bytes, 0 for none. NULL when memory is refused. */
BOUNCE_API struct bounce_arena *bounce_arena_new(size_t cap);
BOUNCE_API void bounce_arena_clear(struct bounce_arena *arena); /* forgets all results made in it; keeps a block */
BOUNCE_API void bounce_arena_free(struct bounce_arena **arena);

struct bounce_rules;

/* ---- SMTP replies --------------------------------------------------------------------------------------------- */

/* An enhanced status code (RFC 3463): class 2, 4, 5; all 0 when absent. */
struct bounce_enhanced {
    uint16_t klass, subject, detail;
};

struct bounce_reply {
    uint16_t code;                   /* 200..599 or 0 */
    struct bounce_enhanced enhanced; /* only where it may stand: directly behind the code, or alone at the start */
    enum bounce_phase phase;         /* from "(in reply to RCPT TO command)" and its like */
    struct bounce_slice text;        /* the words, joined to one line, without code and enhanced code */
    struct bounce_slice host;        /* "host X said": X */
    int64_t retry_after_s;           /* advice found in the words ("try again in 5 minutes"); 0 none */
    bool several;                    /* more than one reply stood there; this is the one that decides */
};

/* Reads what an MTA, a DSN or a webhook quotes of the far server: multi-line ("550-..." ), prefixes ("smtp;", "host X said:",
 * "SMTP error from remote mail server after RCPT TO:<a>:"), several replies in one text. A text without any reply gives
 * code 0 and the whole as text. RFC 5321 4.2, RFC 2034. */
BOUNCE_API enum bounce_status bounce_reply_parse(struct bounce_slice text, struct bounce_arena *arena, struct bounce_reply *out);

/* Parses "5.1.1" at the start of `text`, nothing but a non-digit behind it. Returns octets taken, 0 when it is none. */
BOUNCE_API size_t bounce_enhanced_parse(struct bounce_slice text, struct bounce_enhanced *out);

/* ---- verdicts ------------------------------------------------------------------------------------------------- */

enum bounce_evidence { /* bits: what the verdict rests on */
    BOUNCE_EVIDENCE_TEXT = 1, BOUNCE_EVIDENCE_ENHANCED = 2, BOUNCE_EVIDENCE_CODE = 4, BOUNCE_EVIDENCE_PHASE = 8,
    BOUNCE_EVIDENCE_PROVIDER = 16
};
enum bounce_next { /* advice on the next message to this recipient */
    BOUNCE_NEXT_SEND, /* nothing speaks against it */
    BOUNCE_NEXT_WAIT, /* later */
    BOUNCE_NEXT_FIX,  /* somebody on the sending side must act first; blame says on what */
    BOUNCE_NEXT_STOP  /* not again */
};

struct bounce_verdict {
    enum bounce_reason reason;
    enum bounce_class class_;
    enum bounce_blame blame;
    unsigned certainty;             /* 0 to 100 */
    unsigned evidence;              /* bits of enum bounce_evidence */
    struct bounce_slice rule;       /* id of the rule, or of the built-in code table ("code:5.1.1", "code:550") */
    struct bounce_slice matched;    /* the words that the rule matched, in the text */
    int64_t retry_after_s;          /* this message: seconds to wait; 0 retry as usual; -1 never */
    enum bounce_next next;          /* the next message */
    struct bounce_slice new_address; /* user-moved: where to, when the words say so */
    struct bounce_slice provider;   /* who answered, as the rules name it ("gmail", "microsoft"); empty when not known */
};

/* What a verdict is made from. Empty and 0 mean "not told". */
struct bounce_evidence_set {
    struct bounce_slice text;       /* the reply as received, codes and all, or the diagnostic text */
    struct bounce_slice status;     /* a Status: field or dsn= ("5.1.1"), weaker than the codes in the text */
    struct bounce_slice provider;   /* MX host, provider name or ESP, as the feed knows it */
    struct bounce_slice recipient;  /* to know the provider by its domain */
    enum bounce_phase phase;
    enum bounce_kind kind;          /* FAILED or EXPIRED (the default is 0, FAILED), DEFERRED, DELAYED */
};

/* Judges one failure. Always gives a verdict; `unknown` when nothing decides. A pure function of evidence and rules. */
BOUNCE_API enum bounce_status bounce_judge(const struct bounce_rules *rules, const struct bounce_evidence_set *evidence,
                                           struct bounce_arena *arena, struct bounce_verdict *out);

/* The reply with addresses, IPs, host names, URLs, ids, dates and numbers replaced by placeholders, for grouping only. */
BOUNCE_API struct bounce_slice bounce_normalise(struct bounce_slice text, struct bounce_arena *arena);

/* ---- other vocabularies --------------------------------------------------------------------------------------- */

enum bounce_vocabulary {
    BOUNCE_VOCAB_SES,       /* "Permanent/General" */
    BOUNCE_VOCAB_SPARKPOST, /* "10" */
    BOUNCE_VOCAB_POWERMTA,  /* "bad-mailbox" */
    BOUNCE_VOCAB_KUMOMTA,   /* "InvalidRecipient" */
    BOUNCE_VOCAB_SISIMAI,   /* "userunknown" */
    BOUNCE_VOCAB_PLAIN,     /* "hard" or "soft" */
    BOUNCE_VOCABULARIES
};
/* The word of a reason in another tool's vocabulary; static, never NULL. docs/vocabularies.md has the table. */
BOUNCE_API const char *bounce_vocab(enum bounce_vocabulary v, enum bounce_reason reason);
BOUNCE_API const char *bounce_vocab_name(enum bounce_vocabulary v); /* "ses", ... */

/* ---- rules ---------------------------------------------------------------------------------------------------- */

struct bounce_rule_file {
    struct bounce_slice name; /* for messages */
    struct bounce_slice text; /* format: docs/rules.md */
};

/* Compiles the built-in rules (unless without_builtin) and `files`, in this order; a later file's rules go before the
 * built-in ones of the same rank. On BOUNCE_INVALID *error (in the arena) says file, line and what is wrong, one problem a line.
 * The texts are copied. Free with bounce_rules_free. */
BOUNCE_API enum bounce_status bounce_rules_new(const struct bounce_rule_file *files, size_t n, bool without_builtin,
                                               struct bounce_arena *arena, struct bounce_rules **out,
                                               struct bounce_slice *error);
BOUNCE_API void bounce_rules_free(struct bounce_rules **rules);
/* Stands for the exact set of rules (hash of the texts, 16 hex digits), kept with each event. */
BOUNCE_API struct bounce_slice bounce_rules_version(const struct bounce_rules *rules);

/* ---- messages ------------------------------------------------------------------------------------------------- */

enum bounce_diag { /* odd things met, bits; docs/wild.md tells of each */
    BOUNCE_DIAG_TRUNCATED = 1 << 0,        /* cut at max_message_bytes */
    BOUNCE_DIAG_PART_TRUNCATED = 1 << 1,   /* a part was longer than BOUNCE_MAX_PART_BYTES */
    BOUNCE_DIAG_NO_CONTENT_TYPE = 1 << 2,
    BOUNCE_DIAG_BOUNDARY_MISSING = 1 << 3, /* boundary never occurs, or its last line is missing */
    BOUNCE_DIAG_CHARSET_UNKNOWN = 1 << 4,
    BOUNCE_DIAG_CHARSET_ERRORS = 1 << 5,   /* bytes that are not of the named charset */
    BOUNCE_DIAG_BAD_HEADER = 1 << 6,       /* a line in the header that is none */
    BOUNCE_DIAG_NESTED_TOO_DEEP = 1 << 7,
    BOUNCE_DIAG_DSN_BROKEN = 1 << 8,       /* a machine part that breaks RFC 3464 */
    BOUNCE_DIAG_TOO_MANY_REPORTS = 1 << 9,
    BOUNCE_DIAG_MEMORY = 1 << 10,
    BOUNCE_DIAG_NO_RECIPIENT = 1 << 11     /* a report was seen, but not whom it is about */
};

struct bounce_report {
    enum bounce_kind kind;
    struct bounce_slice recipient;          /* who the report is about: final recipient, else original */
    struct bounce_slice original_recipient; /* as we sent it, when the report tells (ORCPT, alias, forward); else empty */
    struct bounce_slice status;             /* Status field, "5.1.1" */
    struct bounce_slice diagnostic;         /* what was said, decoded and joined to one line, at most 4 KB */
    struct bounce_reply reply;              /* diagnostic, parsed */
    struct bounce_slice reporting_mta, remote_mta;
    struct bounce_slice feedback_type;      /* ARF: "abuse", "not-spam", ... */
    struct bounce_slice source_ip;          /* ARF */
    struct bounce_slice format;             /* which reader found it: "rfc3464", "arf", "qmail", "exim", ... */
    struct bounce_slice action;             /* RFC 3464 Action as written */
    int64_t arrival_us, last_attempt_us;    /* BOUNCE_TIME_NONE when not told */
    struct bounce_verdict verdict;          /* of kinds that are a failure; others have class info */
};

/* What is known of the message that the report is about. */
struct bounce_returned {
    struct bounce_slice message_id; /* without angle brackets */
    struct bounce_slice subject, from, to, date;
    struct bounce_slice list_id, list_unsubscribe, feedback_id;
    struct bounce_slice campaign;      /* value of the first of options.campaign_headers that is there */
    struct bounce_slice recipient_header; /* value of the first of options.recipient_headers */
    struct bounce_slice envelope_id;   /* Original-Envelope-Id, ENVID */
    struct bounce_slice return_path;
    struct bounce_slice reference;     /* X-Bounced-Ref: our own signed form, not verified */
    struct bounce_slice queue_id;      /* under which a server had it whose log tells no Message-ID: "opensmtpd/6cb1d3a1" */
};

struct bounce_result {
    const struct bounce_report *reports;
    size_t report_count;
    struct bounce_returned returned;
    struct bounce_slice from, to, subject, message_id; /* of the report mail itself; `to` is where it was sent */
    struct bounce_slice delivered_to; /* Delivered-To, X-Original-To, Envelope-To or To: the return path we used, with VERP */
    struct bounce_slice verp_recipient; /* recipient told by delivered_to in one of the usual dialects (docs/verp.md) */
    /* Our own signed form, not verified (give it to bounce_verp_verify): where the report went, else X-Bounced-Ref or the return path
     * of the message that it is about. */
    struct bounce_slice verp_token;
    int64_t date_us;                  /* Date, or the newest Received when Date is none */
    unsigned diag;                    /* bits of enum bounce_diag */
};

struct bounce_options {
    size_t max_message_bytes; /* 0: BOUNCE_MAX_MESSAGE_BYTES */
    const struct bounce_slice *campaign_headers; /* names, e.g. "X-Campaign"; NULL: a usual list */
    size_t campaign_header_count;
    const struct bounce_slice *recipient_headers;
    size_t recipient_header_count;
};

struct bounce_reader;
/* NULL when memory is refused. The rules must live as long. */
BOUNCE_API struct bounce_reader *bounce_reader_new(const struct bounce_rules *rules);
BOUNCE_API void bounce_reader_free(struct bounce_reader **reader);

/* Reads one message (RFC 5322, any line ends; a leading mbox "From " line is skipped). A mail that is no report gives
 * BOUNCE_OK and no reports. options may be NULL. */
BOUNCE_API enum bounce_status bounce_read(struct bounce_reader *reader, struct bounce_slice message,
                                          const struct bounce_options *options, struct bounce_arena *arena,
                                          struct bounce_result *out);

/* ---- addresses ------------------------------------------------------------------------------------------------ */

/* The form under which an address is stored and compared: domain as lower-case A-label (IDNA 2008), local part as given,
 * quotes dropped where they are not needed. Returns the empty slice when `text` is not one address (RFC 5321 4.1.2,
 * RFC 6531). *key gets the same with the local part case-folded. */
BOUNCE_API struct bounce_slice bounce_address(struct bounce_slice text, struct bounce_arena *arena, struct bounce_slice *key);

/* ---- signed return paths -------------------------------------------------------------------------------------- */

struct bounce_verp_key {
    uint8_t id;             /* 0..31; an old key keeps verifying as long as it is given */
    const unsigned char *secret;
    size_t secret_bytes;    /* at least 16 */
};
struct bounce_verp {
    struct bounce_slice tenant;    /* "" for the only one; not in the token, but signed */
    struct bounce_slice recipient; /* empty after verify when the token carries an opaque id */
    struct bounce_slice message;   /* message or campaign id; may be empty */
    struct bounce_slice opaque;    /* set by verify when the recipient did not fit: look it up */
    uint32_t day;                  /* days since 1970 UTC when it was made */
    uint8_t key_id;
};
enum bounce_verp_status {
    BOUNCE_VERP_OK,
    BOUNCE_VERP_NOT,     /* not of our form at all */
    BOUNCE_VERP_FORGED,  /* our form, wrong signature: another recipient's token, tampered */
    BOUNCE_VERP_OLD_KEY, /* signed by a key that was not given */
    BOUNCE_VERP_EXPIRED  /* older than max_days */
};
/* The local part and domain of a return path for one recipient and message, e.g. "b+...@bounces.example.org". Local part at
 * most 64 octets, lower case, survives case folding; 80 bits of HMAC-SHA-256. *opaque (may be NULL) gets the id to
 * remember when the recipient did not fit. Form: docs/verp.md. */
BOUNCE_API enum bounce_status bounce_verp_make(const struct bounce_verp_key *key, const struct bounce_verp *what,
                                               struct bounce_slice prefix, struct bounce_slice domain,
                                               struct bounce_arena *arena, struct bounce_slice *out,
                                               struct bounce_slice *opaque);
/* Verifies a return path. today: days since 1970; max_days 0: any age. `recipient` and `message`: what the caller expects or
 * has looked up by the opaque id; may be empty where the token carries it. */
BOUNCE_API enum bounce_verp_status bounce_verp_verify(const struct bounce_verp_key *keys, size_t key_count,
                                                      struct bounce_slice tenant, struct bounce_slice address,
                                                      struct bounce_slice recipient, struct bounce_slice message,
                                                      uint32_t today, uint32_t max_days, struct bounce_arena *arena,
                                                      struct bounce_verp *out);

#ifdef __cplusplus
}
#endif
#endif
