/* What is answered when a mail server asks whether it may send: one function from a question (net/ask.h) to an answer, for all
 * protocols. It reads the suppression table in memory and nothing else: no disk, no lock, about half a microsecond.
 *
 * In this order, and the first that applies answers "send": the question is about incoming mail (it tells who the client is, and that
 * is neither logged in, nor of our networks, nor on this machine); its sender is the null sender; the recipient is no address, or is
 * postmaster or abuse (RFC 5321 4.5.1, RFC 2142) or of one of our own domains; the table does not have it. Otherwise the mode of the
 * listener answers: reject, defer, discard or tag, in the words of the settings. A recipient that the table does not have, at a receiver
 * where mail should wait (serve/pauses.h), is deferred whatever the mode.
 *
 * When the table cannot be asked (it is not there yet, memory is refused) the answer is "send", counted, and `failing` is up until one
 * can be given again; with `fail = closed` it is a deferral.
 *
 * Owner: an answerer belongs to one listener and to the loop thread. Answers point into it until the next question.
 */
#ifndef SERVE_ANSWER_H
#define SERVE_ANSWER_H

#include "net/ask.h"
#include "serve/answers.h"
#include "serve/knowledge.h"
#include "serve/pauses.h"

#define ANSWER_MEMORY_BYTES (256u * 1024) /* of one question */
#define ANSWER_REF_HEADER "X-Bounced-Ref"

enum answer_count {
#define COUNT(id, name, help) ANSWER_##id,
#include "serve/answer_counts.def"
#undef COUNT
    ANSWER_COUNTS
};
const char *answer_count_name(enum answer_count c);
const char *answer_count_help(enum answer_count c);

/* What a listener adds to the settings of all. Texts must live as long as the answerer. */
struct answer_listener {
    slice tenant, stream;
    bool has_mode; /* else that of the settings */
    enum answer_mode mode;
    bool change_sender; /* ASK_MESSAGE: a signed return path for mail with one recipient */
    bool reference;     /* ASK_MESSAGE: the same as a header, X-Bounced-Ref */
    slice sender_domain, sender_prefix;
};

struct answerer {
    const struct answers *answers;   /* may be exchanged between two questions */
    const struct table *table;       /* NULL: not filled yet */
    struct pauses *pauses;           /* receivers to whom better nothing is sent just now; NULL: none */
    struct knowledge_box *knowledge; /* the keys that sign; NULL: none */
    /* A return path that carries an id instead of its recipient was given out: keep whose it is. May be NULL. */
    void (*remember)(void *ctx, slice tenant, slice opaque, slice recipient_key);
    void *remember_ctx;
    struct answer_listener listener;
    bool failing;
    uint64_t counts[ANSWER_COUNTS];
    /* private */
    struct scope_salt place;
    bool has_place;
    arena a;
    buf text;
};

void answerer_init(struct answerer *w, const struct answers *answers, const struct answer_listener *listener);
void answerer_fini(struct answerer *w);
void answer_question(struct answerer *w, const struct ask *question, int64_t now_us, struct ask_answer *out);

#endif
