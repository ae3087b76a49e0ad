#include "bounce/quoted.h"

#include <stdlib.h>

#include "bounce/phrase.h"

enum { BEGINS, ALONE, TOP };
enum { LONGEST = 64 }; /* octets of a line that are looked at */

/* TOP: fields that stand at the top of a message and hardly ever at the start of a sentence. */
static const struct phrase rows[] = {
#define QUOTED(how, text) {"^" text, how},
#include "bounce/quoted.def"
#undef QUOTED
    {"^received:", TOP},        {"^return-path:", TOP},  {"^dkim-signature:", TOP}, {"^message-id:", TOP},
    {"^x-envelope-from:", TOP}, {"^delivered-to:", TOP}, {"^arc-seal:", TOP},       {"^authentication-results:", TOP},
    {"^mime-version:", TOP},
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

/* "Name: value" or a folded line: what may follow the first field of a header. */
static bool goes_on(slice rest)
{
    slice line;
    if (!slice_lf_line(&rest, &line) || slice_empty(line))
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
    while (slice_lf_line(&rest, &line) && !has_letters(line))
        text = rest;
    return text;
}

/* Whether `line` begins the returned message or stands before it: the phrase at its start, NULL when it does neither. */
static const struct phrase *phrase_of(const struct quoted_lines *q, slice line, slice rest)
{
    slice s = without_dashes(line);
    size_t len;
    const struct phrase *row = phrase_at_start(q->set, slice_sub(s, 0, LONGEST), &len);
    if (!row || (row->tag == ALONE && has_letters(slice_from(s, len))) ||
        (row->tag == TOP && (s.p != line.p || !goes_on(rest))))
        return NULL;
    return row;
}

void quoted_split(const struct quoted_lines *q, slice text, slice *says, slice *returned)
{
    slice rest = text, line;
    *says = text;
    *returned = SLICE_EMPTY;
    while (slice_lf_line(&rest, &line)) {
        const struct phrase *row = slice_empty(line) ? NULL : phrase_of(q, line, rest);
        if (!row)
            continue;
        size_t at = (size_t)(line.p - text.p);
        *says = slice_sub(text, 0, at);
        *returned = row->tag == TOP ? slice_from(text, at) : skip_lead(rest);
        return;
    }
}
