#include "net/smtp_content.h"

void smtp_content_init(struct smtp_content *c, bool dots)
{
    *c = (struct smtp_content){.at = SMTP_AT_START, .dots = dots};
}

/* What does not fit is not kept at all: a mail that was cut would be read as another one. */
static void keep(struct smtp_content *c, slice s, buf *out)
{
    if (c->dropped)
        return;
    bool fits = !out->cap || s.n <= out->cap - out->n;
    buf_add(out, s);
    if (!out->failed)
        return;
    c->dropped = true;
    c->no_memory = fits;
    buf_fini(out);
}

static void bare_cr(struct smtp_content *c, buf *out)
{
    c->bare = true;
    keep(c, S("\r"), out);
}

/* A run of text with its end; returns what was used. */
static size_t take_text(struct smtp_content *c, slice in, buf *out)
{
    size_t n = slice_line_end(in);
    if (n == in.n) {
        keep(c, in, out);
        c->at = n ? SMTP_AT_LINE : c->at;
        return n;
    }
    if (in.p[n] == '\n') {
        c->bare = true;
        c->at = SMTP_AT_LINE; /* no start of a line: a dot behind it is text */
        keep(c, slice_sub(in, 0, n + 1), out);
        return n + 1;
    }
    if (in.n > n + 1 && in.p[n + 1] == '\n') { /* the usual end, at once */
        keep(c, slice_sub(in, 0, n), out);
        keep(c, S("\n"), out);
        c->at = SMTP_AT_START;
        return n + 2;
    }
    keep(c, slice_sub(in, 0, n), out);
    c->at = SMTP_AT_CR;
    return n + 1;
}

static size_t take_start(struct smtp_content *c, slice in, buf *out)
{
    if (!c->dots || in.p[0] != '.')
        return take_text(c, in, out);
    c->at = SMTP_AT_DOT;
    return 1;
}

static size_t take_after_cr(struct smtp_content *c, slice in, buf *out)
{
    if (in.p[0] == '\n') {
        keep(c, S("\n"), out);
        c->at = SMTP_AT_START;
        return 1;
    }
    bare_cr(c, out);
    c->at = in.p[0] == '\r' ? SMTP_AT_CR : SMTP_AT_LINE;
    return in.p[0] == '\r';
}

/* The dot is taken off whatever follows it (RFC 5321 4.5.2). */
static size_t take_after_dot(struct smtp_content *c, slice in)
{
    c->at = in.p[0] == '\r' ? SMTP_AT_DOT_CR : SMTP_AT_LINE;
    return in.p[0] == '\r';
}

static size_t take_after_dot_cr(struct smtp_content *c, slice in, buf *out)
{
    if (in.p[0] == '\n') {
        c->ended = true;
        return 1;
    }
    bare_cr(c, out);
    c->at = in.p[0] == '\r' ? SMTP_AT_CR : SMTP_AT_LINE;
    return in.p[0] == '\r';
}

static size_t take_one(struct smtp_content *c, slice in, buf *out)
{
    switch (c->at) {
    case SMTP_AT_START:
        return take_start(c, in, out);
    case SMTP_AT_LINE:
        return take_text(c, in, out);
    case SMTP_AT_CR:
        return take_after_cr(c, in, out);
    case SMTP_AT_DOT:
        return take_after_dot(c, in);
    case SMTP_AT_DOT_CR:
        return take_after_dot_cr(c, in, out);
    }
    return in.n;
}

size_t smtp_content_take(struct smtp_content *c, slice in, buf *out)
{
    size_t used = 0;
    while (used < in.n && !c->ended)
        used += take_one(c, slice_from(in, used), out);
    c->seen += used;
    return used;
}

void smtp_content_end(struct smtp_content *c, buf *out)
{
    if (c->at == SMTP_AT_CR)
        bare_cr(c, out);
    c->ended = true;
}
