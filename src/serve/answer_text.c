#include "serve/answer_text.h"

#include "base/buf.h"
#include "bounce/address.h"
#include "net/ask.h"

static const slice place_names[ANSWER_PLACES] = {
    [ANSWER_ADDRESS] = SLICE_INIT("address"), [ANSWER_DOMAIN] = SLICE_INIT("domain"),
    [ANSWER_CAUSE] = SLICE_INIT("cause"),     [ANSWER_SCOPE] = SLICE_INIT("scope"),
    [ANSWER_UNTIL] = SLICE_INIT("until"),     [ANSWER_TENANT] = SLICE_INIT("tenant"),
    [ANSWER_STREAM] = SLICE_INIT("stream"),
};

static enum answer_place find_place(slice name)
{
    for (enum answer_place p = ANSWER_LITERAL + 1; p < ANSWER_PLACES; p++)
        if (slice_eq(name, place_names[p]))
            return p;
    return ANSWER_PLACES;
}

static bool add_piece(struct answer_text *t, enum answer_place place, slice literal)
{
    if (place == ANSWER_LITERAL && slice_empty(literal))
        return true;
    if (t->n == ANSWER_TEXT_PIECES)
        return false;
    t->pieces[t->n++] = (struct answer_piece){place, literal};
    return true;
}

static bool printable(slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] < ' ' || text.p[i] > '~')
            return false;
    return true;
}

/* The place at the start of `rest` ("{name}"), or a brace that is doubled; *used is how long it is. */
static enum status read_place(slice rest, const char *name, struct answer_text *out, size_t *used, err *e)
{
    size_t end = slice_chr(rest, '}');
    if (slice_starts(rest, S("{{"))) {
        *used = 2;
        return add_piece(out, ANSWER_LITERAL, S("{")) ? OK : err_set(e, E_INVALID, "%s: too many places", name);
    }
    slice word = end == SLICE_NPOS ? slice_from(rest, 1) : slice_sub(rest, 1, end - 1);
    enum answer_place place = end == SLICE_NPOS ? ANSWER_PLACES : find_place(word);
    if (place == ANSWER_PLACES)
        return err_set(e, E_INVALID,
                       "%s: {%.*s} is no place to fill in; there are {address}, {domain}, {cause}, {scope}, {until}, "
                       "{tenant} and {stream}, and {{ is a brace",
                       name, SLICE_FMT(word));
    *used = end + 1;
    return add_piece(out, place, SLICE_EMPTY) ? OK : err_set(e, E_INVALID, "%s: too many places", name);
}

enum status answer_text_read(slice text, const char *name, struct answer_text *out, err *e)
{
    enum status st = OK;
    out->n = 0;
    if (text.n > ANSWER_TEXT_BYTES)
        return err_set(e, E_INVALID, "%s: longer than %u bytes", name, ANSWER_TEXT_BYTES);
    if (!printable(text))
        return err_set(e, E_INVALID, "%s: a reply is printable ASCII on one line", name);
    while (st == OK && text.n > 0) {
        size_t brace = slice_chr(text, '{'), used = 0;
        if (!add_piece(out, ANSWER_LITERAL, slice_sub(text, 0, brace)))
            return err_set(e, E_INVALID, "%s: too many places", name);
        text = brace == SLICE_NPOS ? SLICE_EMPTY : slice_from(text, brace);
        if (text.n > 0)
            st = read_place(text, name, out, &used, e);
        text = slice_from(text, used);
    }
    return st;
}

static void add_place(buf *out, enum answer_place place, const struct answer_values *v, size_t max_bytes)
{
    switch (place) {
    case ANSWER_ADDRESS:
        ask_add_text(out, v->address, max_bytes);
        break;
    case ANSWER_DOMAIN:
        ask_add_text(out, address_domain(v->address), max_bytes);
        break;
    case ANSWER_CAUSE:
        buf_adds(out, cause_word(v->hit->cause));
        break;
    case ANSWER_SCOPE:
        buf_adds(out, v->hit->domain ? "domain, " : "");
        buf_adds(out, scope_word(v->hit->scope));
        break;
    case ANSWER_UNTIL:
        if (v->hit->until_us == TIME_NONE)
            buf_adds(out, "no end");
        else
            time_add_iso(out, v->hit->until_us);
        break;
    case ANSWER_TENANT:
        ask_add_text(out, v->tenant, max_bytes);
        break;
    case ANSWER_STREAM:
        ask_add_text(out, v->stream, max_bytes);
        break;
    case ANSWER_LITERAL:
    case ANSWER_PLACES:
        break;
    }
}

void answer_text_add(buf *out, const struct answer_text *t, const struct answer_values *v, size_t max_bytes)
{
    size_t before = out->n;
    for (size_t i = 0; i < t->n; i++) {
        buf_add(out, t->pieces[i].literal);
        add_place(out, t->pieces[i].place, v, max_bytes);
    }
    if (out->n - before > max_bytes)
        out->n = before + max_bytes;
}
