/* A question that a mail server asks before it sends, and the answer: what all protocols of the check have in common (socketmap,
 * tcp_table, policy delegation, line, milter, OpenSMTPD filter). Each of them turns bytes into a `struct ask`, has it answered at
 * once, and turns the answer into bytes; what is behind the answer it does not know.
 *
 * Everything runs on the loop thread. Slices of a question live until its answer is written, so that an answer may point into it;
 * slices of an answer until the next question is asked of the same asker.
 *
 * Safety: what comes out of an answer goes through ask_add_text, so that no text from outside can end a line, a netstring or a
 * header of the protocol, whatever it is.
 */
#ifndef NET_ASK_H
#define NET_ASK_H

#include "base/buf.h"
#include "net/conn.h"

#define ASK_MAX_ADDRESS_BYTES 1024u /* longer than any address of RFC 5321 4.5.3.1.3 in any quoting */
#define ASK_MAX_TEXT_BYTES \
    400u /* of a reply behind its codes: its line stays below the 512 octets of RFC 5321 4.5.3.1.5 */
#define ASK_MAX_ENHANCED_BYTES 9u /* "5.123.123", RFC 3463 2 */
#define ASK_MAX_HEADERS 4u
#define ASK_MAX_OUT_BYTES (4u * 1024 * 1024) /* answers to what came in one piece */

enum ask_stage {
    ASK_RECIPIENT, /* may this recipient be sent to? */
    ASK_MESSAGE    /* all recipients are known: what is to be changed or told about the message? */
};

/* What the protocol can tell at all: what it cannot is not held against the question. */
enum ask_tells {
    ASK_TELLS_SENDER = 1 << 0, /* an empty sender is the null sender */
    ASK_TELLS_CLIENT = 1 << 1  /* an empty user and client are what they seem: an unknown client */
};

struct ask {
    enum ask_stage stage;
    unsigned tells;  /* bits of enum ask_tells */
    slice recipient; /* as the client wrote it, without angle brackets; ASK_MESSAGE: empty unless it is the only one */
    slice sender;    /* envelope sender, without angle brackets */
    slice sasl_user; /* empty: not logged in */
    slice client_address; /* "203.0.113.7", "2001:db8::1", "unix" or "local" for one on this machine */
    slice queue_id;
    slice message_id;    /* ASK_MESSAGE: without angle brackets, where the protocol shows headers */
    uint64_t size_bytes; /* 0: not told */
    unsigned recipient_count;
};

enum ask_word { ASK_SEND, ASK_REJECT, ASK_DEFER, ASK_DISCARD, ASK_TAG, ASK_WORDS };

struct ask_header {
    slice name, value;
};

struct ask_answer {
    enum ask_word word;
    /* Of reject and defer; of discard too, for protocols that cannot discard for one recipient of several: they refuse. */
    unsigned code;  /* 400 to 599 */
    slice enhanced; /* "5.7.1"; may be empty */
    slice text;
    struct ask_header headers[ASK_MAX_HEADERS]; /* to add to the message */
    size_t header_count;
    slice new_sender; /* ASK_MESSAGE: another envelope sender; empty: as it is */
    slice warning;    /* for the mail server's own log; may be empty */
};

struct asker {
    void (*ask)(void *ctx, const struct ask *question, struct ask_answer *out);
    /* A peer does not speak the protocol and is sent away. `what` is static text. */
    void (*trouble)(void *ctx, const struct conn_peer *peer, const char *what);
    void *ctx;
    buf out, piece, key; /* scratch of the protocols: what goes out next, a part of it, a decoded recipient */
};

/* `trouble` may be NULL. */
void asker_init(struct asker *a, void (*ask)(void *, const struct ask *, struct ask_answer *),
                void (*trouble)(void *, const struct conn_peer *, const char *), void *ctx);
void asker_fini(struct asker *a);

/* A question about nothing yet: every slice empty. */
struct ask ask_blank(enum ask_stage stage);
/* "Send it as it is." */
struct ask_answer ask_answer_blank(void);
/* Has `question` answered. A recipient longer than ASK_MAX_ADDRESS_BYTES is not asked about: no mail server takes it. The other texts
 * are cut there, so that none of them can be made so long that the recipient goes unasked. */
void asker_answer(struct asker *a, const struct ask *question, struct ask_answer *out);
/* Tells of the trouble and closes behind what was written. */
void asker_sends_away(struct asker *a, struct conn *c, const char *what);
/* Writes what was gathered in `out`. */
void asker_flush(struct asker *a, struct conn *c);

/* "send", "reject", "defer", "discard", "tag". */
const char *ask_word(enum ask_word w);
/* Appends printable ASCII only: a run of anything below blank, and DEL, becomes one blank, each byte above becomes "?". At most
 * max_bytes. */
void ask_add_text(buf *out, slice text, size_t max_bytes);
/* "550 5.7.1 text" */
void ask_add_reply(buf *out, const struct ask_answer *a);
/* "Name: value"; false, and nothing appended, when the name is none (RFC 5322 2.2) or the value blank. */
bool ask_add_header(buf *out, const struct ask_header *h);
/* The header of a tag; NULL when it is no tag, or none that can be written. */
const struct ask_header *ask_tag(const struct ask_answer *a);
/* Without blanks around and one pair of angle brackets: "<>" is empty. */
slice ask_address(slice written);

#endif
