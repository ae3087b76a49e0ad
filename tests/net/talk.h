/* A talk with a protocol over a connection that is none, and a mail server's question answered by its recipient's local part:
 *
 *   send@, reject@, defer@, discard@, tag@ (in front of an extension "+..." too), hostile@ (a text that tries to break out)
 */
#ifndef TESTS_NET_TALK_H
#define TESTS_NET_TALK_H

#include "check.h"

#include "base/buf.h"
#include "net/ask.h"
#include "net/conn.h"

struct talk {
    struct asker asker;
    buf said;  /* what the protocol wrote */
    buf asked; /* the questions, one a line: "recipient sender user client queue-id size count" */
    unsigned questions, troubles;
    bool rename; /* ASK_MESSAGE: a new sender and a header */
    bool warn;
};

#define HOSTILE "a\r\nb\0c,\n\ndone%|\x7f\xc3\xa9"
#define HOSTILE_SHOWN "a b c, done%| ??" /* what must become of it */

static inline slice hostile_text(void)
{
    return (slice){HOSTILE, sizeof HOSTILE - 1};
}

static const struct {
    const char *local;
    enum ask_word word;
} talk_words[] = {
    {"reject", ASK_REJECT}, {"defer", ASK_DEFER}, {"discard", ASK_DISCARD}, {"tag", ASK_TAG}, {"hostile", ASK_REJECT},
};

static inline void talk_message(const struct talk *t, struct ask_answer *out)
{
    if (t->rename) {
        out->new_sender = S("b+signed@bounces.example");
        out->headers[0] = (struct ask_header){S("X-Bounced-Ref"), S("b+signed@bounces.example")};
        out->header_count = 1;
    }
    if (t->warn)
        out->warning = S("a large message");
}

static inline void talk_answer(void *ctx, const struct ask *q, struct ask_answer *out)
{
    struct talk *t = ctx;
    t->questions++;
    buf_printf(&t->asked, "%s%.*s %.*s %.*s %.*s %.*s %llu %u\n", q->stage == ASK_MESSAGE ? "message " : "",
               SLICE_FMT(q->recipient), SLICE_FMT(q->sender), SLICE_FMT(q->sasl_user), SLICE_FMT(q->client_address),
               SLICE_FMT(q->queue_id), (unsigned long long)q->size_bytes, q->recipient_count);
    if (q->stage == ASK_MESSAGE) {
        talk_message(t, out);
        return;
    }
    slice local = slice_sub(q->recipient, 0, slice_either(q->recipient, '@', '+'));
    for (size_t i = 0; i < ARRAY_LEN(talk_words); i++) {
        if (!slice_eq(local, slice_str(talk_words[i].local)))
            continue;
        out->word = talk_words[i].word;
        out->code = out->word == ASK_DEFER ? 450 : 550;
        out->enhanced = out->word == ASK_DEFER ? S("4.7.1") : S("5.7.1");
        out->text = slice_eq(local, S("hostile")) ? hostile_text() : S("no more");
        out->headers[0] = (struct ask_header){S("X-Bounced-Suppressed"), S("hard")};
        out->header_count = out->word == ASK_TAG;
    }
}

static inline void talk_trouble(void *ctx, const struct conn_peer *peer, const char *what)
{
    struct talk *t = ctx;
    assert_true(peer != NULL && what[0] != '\0');
    t->troubles++;
}

static inline void talk_wrote(void *ctx, slice bytes)
{
    buf_add(&((struct talk *)ctx)->said, bytes);
}

static inline void talk_init(struct talk *t)
{
    *t = (struct talk){.questions = 0};
    asker_init(&t->asker, talk_answer, talk_trouble, t);
    buf_init(&t->said, 0);
    buf_init(&t->asked, 0);
}

static inline void talk_clear(struct talk *t)
{
    buf_clear(&t->said);
    buf_clear(&t->asked);
    t->questions = t->troubles = 0;
}

static inline void talk_fini(struct talk *t)
{
    asker_fini(&t->asker);
    buf_fini(&t->said);
    buf_fini(&t->asked);
}

#endif
