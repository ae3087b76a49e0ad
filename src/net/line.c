#include "net/line.h"

#include <stdlib.h>

struct session {
    struct asker *asker;
    bool over; /* the rest of a line that is too long */
    size_t n;  /* of the line that is not whole yet */
    char line[LINE_MAX_BYTES];
};

static const struct {
    slice name;
    size_t offset;
    unsigned tells;
} fields[] = {
    {SLICE_INIT("recipient"), offsetof(struct ask, recipient), 0},
    {SLICE_INIT("sender"), offsetof(struct ask, sender), ASK_TELLS_SENDER},
    {SLICE_INIT("user"), offsetof(struct ask, sasl_user), ASK_TELLS_CLIENT},
    {SLICE_INIT("client"), offsetof(struct ask, client_address), ASK_TELLS_CLIENT},
    {SLICE_INIT("queue-id"), offsetof(struct ask, queue_id), 0},
};

static void set_field(struct ask *q, slice name, slice value)
{
    for (size_t i = 0; i < ARRAY_LEN(fields); i++)
        if (slice_eq(fields[i].name, name)) {
            *(slice *)(void *)((char *)q + fields[i].offset) = value;
            q->tells |= fields[i].tells;
        }
}

/* False when something in it is no NAME=VALUE. Names that are not known are passed over: a newer client may ask. */
static bool read_fields(slice text, struct ask *q)
{
    slice field;
    while (slice_split(&text, '\t', &field)) {
        size_t equals = slice_chr(field, '=');
        if (equals == SLICE_NPOS || equals == 0)
            return false;
        set_field(q, slice_sub(field, 0, equals), slice_from(field, equals + 1));
    }
    return true;
}

static bool read_question(slice line, struct ask *q)
{
    slice verb;
    if (!slice_split(&line, ' ', &verb) || !line.p)
        return false;
    if (slice_eq(verb, S("ask")))
        return read_fields(line, q);
    q->recipient = line;
    return slice_eq(verb, S("check"));
}

static void add_answer(buf *out, const struct ask_answer *a)
{
    const struct ask_header *tag = ask_tag(a);
    enum ask_word word = a->word == ASK_TAG && !tag ? ASK_SEND : a->word;
    buf_adds(out, ask_word(word));
    if (word != ASK_SEND)
        buf_addc(out, ' ');
    if (tag)
        (void)ask_add_header(out, tag);
    else if (word != ASK_SEND)
        ask_add_reply(out, a);
    buf_addc(out, '\n');
}

static void answer(struct asker *a, slice line)
{
    struct ask question = ask_blank(ASK_RECIPIENT);
    struct ask_answer found;
    if (!read_question(slice_rtrim(line), &question)) {
        buf_add(&a->out, S("error check ADDRESS or ask NAME=VALUE is understood\n"));
        return;
    }
    question.recipient = ask_address(question.recipient);
    question.sender = ask_address(question.sender);
    asker_answer(a, &question, &found);
    add_answer(&a->out, &found);
}

static void *open_session(void *ctx, struct conn *c)
{
    (void)c;
    struct session *s = malloc(sizeof *s);
    if (s) {
        s->asker = ctx;
        s->over = false;
        s->n = 0;
    }
    return s;
}

/* Keeps the part of a line, or passes over what is too much of it. */
static void gather(struct session *s, slice part)
{
    s->over = s->over || part.n > sizeof s->line - s->n;
    if (s->over || part.n == 0)
        return;
    memcpy(s->line + s->n, part.p, part.n);
    s->n += part.n;
}

static void end_line(struct session *s)
{
    if (s->over)
        buf_add(&s->asker->out, S("error the line is too long\n"));
    else
        answer(s->asker, slice_of(s->line, s->n));
    s->over = false;
    s->n = 0;
}

static size_t input(void *session, struct conn *c, slice in)
{
    struct session *s = session;
    slice rest = in;
    for (size_t end; (end = slice_chr(rest, '\n')) != SLICE_NPOS; rest = slice_from(rest, end + 1)) {
        gather(s, slice_sub(rest, 0, end));
        end_line(s);
    }
    gather(s, rest);
    asker_flush(s->asker, c);
    return in.n;
}

static void eof(void *session, struct conn *c)
{
    struct session *s = session;
    if (s->n > 0 || s->over)
        end_line(s);
    asker_flush(s->asker, c);
    conn_close(c);
}

static void closed(void *session)
{
    free(session);
}

const struct protocol line_protocol = {
    .name = "line", .open = open_session, .input = input, .eof = eof, .closed = closed};

/* "550 5.7.1 text"; the enhanced code may be missing. */
static bool read_reply(slice rest, struct ask_answer *out)
{
    slice code, word, behind;
    uint64_t number;
    if (!slice_split(&rest, ' ', &code) || !slice_u64(code, &number) || number < 400 || number > 599)
        return false;
    out->code = (unsigned)number;
    behind = rest;
    out->text = rest.p ? rest : SLICE_EMPTY;
    if (rest.p && slice_split(&behind, ' ', &word) && word.n >= 5 && word.p[1] == '.' && behind.p) {
        out->enhanced = word;
        out->text = behind;
    }
    return true;
}

static bool read_tag(slice rest, struct ask_answer *out)
{
    size_t colon = slice_chr(rest, ':');
    if (colon == SLICE_NPOS)
        return false;
    out->headers[0] = (struct ask_header){slice_sub(rest, 0, colon), slice_trim(slice_from(rest, colon + 1))};
    out->header_count = 1;
    return ask_tag(out) != NULL;
}

bool line_read_answer(slice line, struct ask_answer *out)
{
    slice word, rest = slice_rtrim(line);
    *out = ask_answer_blank();
    if (!slice_split(&rest, ' ', &word))
        return false;
    while (out->word < ASK_WORDS && !slice_eq(word, slice_str(ask_word(out->word))))
        out->word++;
    switch (out->word) {
    case ASK_SEND:
        return true;
    case ASK_TAG:
        return rest.p && read_tag(rest, out);
    case ASK_REJECT:
    case ASK_DEFER:
    case ASK_DISCARD:
        return rest.p && read_reply(rest, out);
    case ASK_WORDS:
        break;
    }
    return false;
}

bool line_add_question(buf *out, const struct ask *question)
{
    const char *between = "ask ";
    size_t before = out->n;
    for (size_t i = 0; i < ARRAY_LEN(fields); i++) {
        slice value = *(const slice *)(const void *)((const char *)question + fields[i].offset);
        value = slice_sub(value, 0, LINE_MAX_VALUE_BYTES);
        if (slice_chr(value, '\n') != SLICE_NPOS || slice_chr(value, '\t') != SLICE_NPOS ||
            slice_chr(value, '\r') != SLICE_NPOS)
            return false;
        if (fields[i].tells && !(question->tells & fields[i].tells))
            continue;
        buf_adds(out, between);
        buf_add(out, fields[i].name);
        buf_addc(out, '=');
        buf_add(out, value);
        between = "\t";
    }
    buf_addc(out, '\n');
    return !out->failed && out->n - before <= LINE_MAX_BYTES;
}
