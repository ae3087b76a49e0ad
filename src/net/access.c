#include "net/access.h"

static bool add_action(buf *out, const struct ask_answer *a)
{
    if (a->word == ASK_SEND)
        return false;
    if (a->word != ASK_TAG) {
        ask_add_reply(out, a);
        return true;
    }
    const struct ask_header *tag = ask_tag(a);
    if (!tag)
        return false;
    buf_adds(out, "PREPEND ");
    return ask_add_header(out, tag);
}

/* error(8) and retry(8) of Postfix: "transport:dsn text". */
static bool add_transport(buf *out, const struct ask_answer *a)
{
    static const char *const transports[ASK_WORDS] = {
        [ASK_REJECT] = "error:", [ASK_DEFER] = "retry:", [ASK_DISCARD] = "discard:"};
    const char *transport = transports[a->word];
    if (!transport)
        return false;
    buf_adds(out, transport);
    if (a->word != ASK_DISCARD && !slice_empty(a->enhanced)) {
        ask_add_text(out, a->enhanced, ASK_MAX_ENHANCED_BYTES);
        buf_addc(out, ' ');
    }
    ask_add_text(out, a->text, ASK_MAX_TEXT_BYTES);
    return true;
}

bool access_add(buf *out, const struct ask_answer *a, enum access_form form)
{
    return form == ACCESS_TRANSPORT ? add_transport(out, a) : add_action(out, a);
}
