/* An HTTP server with routes of every kind, for tests and the fuzzer: what its handlers did can be asked.
 *
 *   GET  /                    "root"
 *   GET  /v1/echo/{a}/{b}     "a|b|value of q"
 *   POST /v1/gather           its body, up to 100 bytes
 *   POST /v1/stream           how many bytes and their sum, up to 1 MB, in pieces
 *   GET  /v1/later            nothing until rig_answer
 *   GET  /v1/secret, POST     "secret", for "Authorization: Bearer good" (POST up to 100 bytes); "Bearer weak" is 403
 *   GET  /v1/text             5000 bytes of text with an ETag
 *   GET  /v1/long             an answer in 50 pieces of 10,000 bytes
 *   GET  /v1/torn             an answer in pieces that breaks off
 */
#ifndef TESTS_NET_HTTP_RIG_H
#define TESTS_NET_HTTP_RIG_H

#include "base/buf.h"
#include "net/http.h"

struct rig {
    struct http_server *server;
    struct http_request *later[64]; /* waiting */
    size_t later_count;
    unsigned gone;   /* streamed bodies that broke off */
    unsigned logged; /* requests */
    bool hold;       /* /v1/stream pauses after each piece */
    struct http_request *held;
};

void rig_init(struct rig *r);
void rig_init_clocks(struct rig *r, int64_t body_us, int64_t answer_us);
void rig_fini(struct rig *r);
/* Answers the oldest that waits with this text. */
void rig_answer(struct rig *r, slice text);

struct rig_reply {
    unsigned status;
    slice head;
    buf body; /* without chunks, still compressed */
    bool whole;
    bool close;
};

/* Takes the next answer off *rest. False: there is none. `to_head`: it answers a HEAD. Free the body with buf_fini. */
bool rig_reply_next(slice *rest, bool to_head, struct rig_reply *out);
/* The statuses of all answers, as "200 404 "; "!" for one that breaks off. */
void rig_statuses(slice all, buf *out);
slice rig_field(const struct rig_reply *r, slice name);

#endif
