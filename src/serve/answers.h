/* What the settings say about answers ([answers] of bounced.conf), checked and made ready to be used for each question.
 *
 * Owner: answers_new copies everything; immutable afterwards, so that a reload makes another one.
 */
#ifndef SERVE_ANSWERS_H
#define SERVE_ANSWERS_H

#include "net/cidr.h"
#include "serve/answer_text.h"
#include "serve/conf.h"
#include "serve/settings.h"

/* In the order of the words in conf.def. */
enum answer_mode { ANSWER_REJECT, ANSWER_DEFER, ANSWER_DISCARD, ANSWER_TAG, ANSWER_MODES };

struct answer_reply {
    unsigned code;
    slice status; /* enhanced */
    struct answer_text text;
};

struct answers {
    arena a;
    enum answer_mode mode;
    bool fail_closed, loopback;
    struct answer_reply reject, defer;
    slice tag_header;
    struct answer_text tag_text;
    const struct cidr *networks;
    size_t network_count;
    const slice *own_domains; /* as in the key of an address; ".example.org" stands for what is below it */
    size_t own_domain_count;
    slice extension;       /* any of these bytes begins an extension; empty: there are none */
    uint64_t advice_bytes; /* 0: no advice */
};

/* E_INVALID names the setting and what was expected. */
NODISCARD enum status answers_new(const struct conf_answers *c, struct answers **out, err *e);
void answers_free(struct answers **a);
/* False after telling what is wrong with [answers] of `s`, at the line where it begins; `tell` may be NULL. */
bool answers_check(const struct settings *s, settings_problem_fn tell, void *ctx);

#endif
