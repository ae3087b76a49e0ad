/* Texts of answers with places to fill in: "not sent, suppressed by bounced: {cause}".
 *
 * Places: {address} {domain} (of the recipient, as asked), {cause} {scope} (words of docs/policy.md), {until} (when the suppression
 * ends, or "no end"), {tenant}, {stream}. "{{" is a brace. What is filled in is made safe: no control bytes, ASCII only.
 */
#ifndef SERVE_ANSWER_TEXT_H
#define SERVE_ANSWER_TEXT_H

#include "base/arena.h"
#include "base/err.h"
#include "ledger/table.h"

#define ANSWER_TEXT_PIECES 24u
#define ANSWER_TEXT_BYTES 300u /* as written in the settings */

enum answer_place {
    ANSWER_LITERAL,
    ANSWER_ADDRESS,
    ANSWER_DOMAIN,
    ANSWER_CAUSE,
    ANSWER_SCOPE,
    ANSWER_UNTIL,
    ANSWER_TENANT,
    ANSWER_STREAM,
    ANSWER_PLACES
};

struct answer_text {
    struct answer_piece {
        enum answer_place place;
        slice literal;
    } pieces[ANSWER_TEXT_PIECES];
    size_t n;
};

struct answer_values {
    slice address, tenant, stream;
    const struct table_hit *hit;
};

/* `text` must live as long as *out. E_INVALID says what is wrong with it, after `name`: too long, a place that is none, bytes that are
 * no printable ASCII. */
NODISCARD enum status answer_text_read(slice text, const char *name, struct answer_text *out, err *e);
/* Appends at most max_bytes of the text with its places filled in. */
void answer_text_add(buf *out, const struct answer_text *t, const struct answer_values *v, size_t max_bytes);

#endif
