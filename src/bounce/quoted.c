#include "bounce/quoted.h"

#include <stdlib.h>

#include "bounce/phrase.h"

enum { BEGINS, ALONE };

static const struct phrase rows[] = {
#define QUOTED(how, text) {"^" text, how},
#include "bounce/quoted.def"
#undef QUOTED
};

/* Fields that stand at the top of a message and hardly ever at the start of a sentence. */
static const slice top_fields[] = {
    SLICE_INIT("received:"),        SLICE_INIT("return-path:"),
    SLICE_INIT("dkim-signature:"),  SLICE_INIT("message-id:"),
    SLICE_INIT("x-envelope-from:"), SLICE_INIT("delivered-to:"),
    SLICE_INIT("arc-seal:"),        SLICE_INIT("authentication-results:"),
    SLICE_INIT("mime-version:"),
};

struct quoted_lines {
    struct phrase_set *set;
};

struct quoted_lines *quoted_lines_new(void)
{
    struct quoted_lines *q = calloc(1, sizeof(*q));
    if (!q)
        return NULL;
    q->set = phrase_set_new(rows, ARRAY_LEN(rows));
    if (!q->set)
        quoted_lines_free(&q);
    return q;
}

void quoted_lines_free(struct quoted_lines **q)
{
    if (*q && (*q)->set)
        phrase_set_free(&(*q)->set);
    free(*q);
    *q = NULL;
}

static bool is_letter(char c)
{
    return ascii_alnum(c) || (unsigned char)c >= 0x80;
}

static slice without_dashes(slice line)
{
    size_t i = 0;
    while (i < line.n && !is_letter(line.p[i]))
        i++;
    return slice_from(line, i);
}

static bool has_letters(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (is_letter(s.p[i]))
            return true;
    return false;
}

static bool is_marker(const struct quoted_lines *q, slice line)
{
    slice s = without_dashes(line);
    slice head = slice_sub(s, 0, 64);
    size_t len;
    const struct phrase *row = phrase_at_start(q->set, head, &len);
    return row && (row->tag == BEGINS || !has_letters(slice_from(s, len)));
}

static bool is_top_field(slice line)
{
    for (size_t i = 0; i < ARRAY_LEN(top_fields); i++)
        if (top_fields[i].p[0] == ascii_lower(line.p[0]) && slice_starts_ci(line, top_fields[i]))
            return true;
    return false;
}

/* "Name: value" or a folded line: what may follow the first field of a header. */
static bool goes_on(slice rest)
{
    slice line;
    if (!slice_line(&rest, &line) || slice_empty(line))
        return false;
    if (line.p[0] == ' ' || line.p[0] == '\t')
        return true;
    size_t colon = slice_chr(slice_sub(line, 0, 64), ':');
    if (colon == SLICE_NPOS || colon == 0)
        return false;
    return slice_chr(slice_sub(line, 0, colon), ' ') == SLICE_NPOS;
}

/* Blank lines, dashes and words in brackets between the marker and the message. */
static slice skip_lead(slice text)
{
    slice rest = text, line;
    while (slice_line(&rest, &line) && !has_letters(line))
        text = rest;
    return text;
}

void quoted_split(const struct quoted_lines *q, slice text, slice *says, slice *returned)
{
    slice rest = text, line;
    *says = text;
    *returned = SLICE_EMPTY;
    while (slice_line(&rest, &line)) {
        if (slice_empty(line))
            continue;
        size_t at = (size_t)(line.p - text.p);
        if (is_marker(q, line))
            *returned = skip_lead(rest);
        else if (ascii_alpha(line.p[0]) && is_top_field(line) && goes_on(rest))
            *returned = slice_from(text, at);
        else
            continue;
        *says = slice_sub(text, 0, at);
        return;
    }
}
