/* A server of SMTP (RFC 5321) and LMTP (RFC 2033) that takes mails and hands each one over, whole, with its envelope. It relays
 * nothing, keeps nothing and knows no bounces: what is accepted, and when a mail is safe, its owner says through hooks.
 *
 * Offered: PIPELINING (RFC 2920), SIZE (1870), 8BITMIME (6152), SMTPUTF8 (6531), ENHANCEDSTATUSCODES (2034), CHUNKING (3030,
 * without BINARYMIME), DSN (3461), and STARTTLS (3207) when the listener has TLS. Not: AUTH, XCLIENT, VRFY that tells anything.
 *
 * What strangers try is told from what clients do: a command line ends with CR LF only and a content with CR LF . CR LF only
 * (smtp_content.h); HTTP and TLS spoken at this port, and commands behind EHLO or DATA that did not wait for the answer, end the
 * connection; so do too many errors, and too many commands that bring no mail. Nothing that a peer sent stands in a reply.
 *
 * The way of a mail: hooks.recipient for each RCPT; at the end of the content hooks.message gets the mail, the connection waits,
 * and smtp_answer goes on, at once or later, on the loop thread. The mail is its taker's until then. When the peer has gone
 * meanwhile the answer goes nowhere: it will send the mail again, and must find that it is known.
 *
 * Limits: below, and in struct smtp_options. Errors: refused memory is answered with 452 4.3.1. Clocks are those of RFC 5321
 * 4.5.3.2, through conn.h; no clock is read but options.now_us, for the rates. One loop thread.
 */
#ifndef NET_SMTP_SERVER_H
#define NET_SMTP_SERVER_H

#include "base/buf.h"
#include "base/hash.h"
#include "net/conn.h"
#include "net/smtp_path.h"

#define SMTP_MAX_LINE_BYTES 2048u             /* of a command, without CR LF; RFC 5321 and its extensions need 1,500 */
#define SMTP_MAX_DROPPED_BYTES (1024u * 1024) /* of one line that is too long: then the connection is closed */
#define SMTP_MAX_EXCESS_BYTES (64u * 1024 * 1024) /* of a content over the cap that are read to tell so */
#define SMTP_MAX_NAME_BYTES 255u                  /* EHLO name */
#define SMTP_MAX_IDLE_COMMANDS 100u /* NOOP, RSET and so on without a mail between them; more are errors */
#define SMTP_MAX_ENVELOPE_BYTES (4u * 1024 * 1024)

struct smtp_recipient {
    slice address, domain; /* as given, without brackets; domain empty: "<postmaster>" */
    unsigned notify;       /* bits of enum smtp_notify */
    slice orcpt_type, orcpt;
    slice answer; /* LMTP: by the taker, before smtp_answer; must live until then */
};

/* One mail: slices live in `a`. */
struct smtp_mail {
    arena a;
    struct smtp_session *session; /* theirs */
    slice peer, helo;             /* who brought it; helo is as it was told, and printable */
    bool tls, extended;
    slice sender; /* empty: "<>" */
    struct smtp_params params;
    struct smtp_recipient *recipients;
    size_t recipient_count, recipient_room;
    buf content; /* lines end with LF */
    bool bare;   /* there were bare LF or CR in it */
};

/* Replies are "550 5.7.1 text" without CR LF, and must live until they are returned to. */
struct smtp_hooks {
    /* May this recipient be written to? 250 2.1.5 accepts. */
    slice (*recipient)(void *ctx, const struct smtp_mail *m, const struct smtp_recipient *r);
    /* A whole mail. smtp_answer gives it back; it may be called from in here. */
    void (*message)(void *ctx, struct smtp_mail *m);
};

struct smtp_options {
    bool lmtp;
    slice hostname;           /* ours, for the greeting; copied */
    bool strict;              /* a mail with bare LF or CR is refused: 550 5.5.2 */
    bool rate_loopback;       /* rates count for loopback too */
    size_t max_message_bytes; /* 0: 50 MB */
    size_t max_held_bytes;    /* of all mails that are being taken together; 0: 256 MB. Above: 452 4.3.1 */
    unsigned max_recipients;  /* 0: 100; RFC 5321 4.5.3.1.8 wants at least that many */
    unsigned max_errors;      /* 0: 20 */
    unsigned max_connects;    /* of one peer in a minute; 0: no limit */
    unsigned max_mails;       /* the same */
    int64_t command_us;       /* 0: 5 minutes */
    int64_t data_us;          /* between two blocks of content; 0: 3 minutes */
    int64_t content_us;       /* from DATA to the end, and for one BDAT; 0: 10 minutes */
    int64_t (*now_us)(void);  /* a clock that never jumps; needed */
    struct sip_key key;       /* random, for the rates */
    struct smtp_hooks hooks;
    void *ctx; /* for the hooks */
};

/* What happened so far: NAME of smtp_counts.def. */
struct smtp_counts {
#define COUNT(name, text) uint64_t name;
#include "net/smtp_counts.def"
#undef COUNT
    size_t sessions, waiting; /* now: open ones; mails that were handed over */
    size_t held_bytes;
};

struct smtp_server;

NODISCARD enum status smtp_server_new(const struct smtp_options *o, struct smtp_server **out, err *e);
/* When no session is open and every mail was answered. */
void smtp_server_free(struct smtp_server **s);
/* For the listener, whose ctx is the server. */
const struct protocol *smtp_server_protocol(const struct smtp_server *s);
const struct smtp_counts *smtp_server_counts(const struct smtp_server *s);
/* Sessions end with 421 4.3.2: now those that wait for a command and have no mail under way, the others when theirs is answered. */
void smtp_server_drain(struct smtp_server *s);
/* A session is within a mail, or its answer is not sent yet. */
bool smtp_server_busy(const struct smtp_server *s);

/* The answer to a mail. SMTP: `reply`. LMTP: the answer of each recipient, `reply` where that is empty. The mail is gone then. */
void smtp_answer(struct smtp_mail *m, slice reply);

#endif
