#include "core/read_mbox.h"

#define CHUNK_BYTES (256u * 1024)
#define FROM_LINE_MAX_BYTES 1024u

void mbox_init(struct mbox *m, struct read_file *file, size_t max_bytes)
{
    *m = (struct mbox){.file = file, .max_bytes = max_bytes};
    buf_init(&m->window, 0);
}

void mbox_fini(struct mbox *m)
{
    buf_fini(&m->window);
}

static bool is_clock(slice w)
{
    return w.n >= 4 && w.n <= 8 && ascii_digit(w.p[0]) && slice_chr(w, ':') != SLICE_NPOS && ascii_digit(w.p[w.n - 1]);
}

static bool is_year(slice w)
{
    uint64_t year;
    return w.n == 4 && slice_u64(w, &year) && year >= 1970;
}

/* sender, then date: a month, hh:mm and a year among its words. */
bool mbox_from_line(slice text)
{
    if (!slice_starts(text, S("From ")))
        return false;
    slice rest = slice_from(slice_sub(text, 0, FROM_LINE_MAX_BYTES), 5), line, word;
    if (!slice_line(&rest, &line))
        return false;
    bool month = false, clock = false, year = false;
    for (unsigned i = 0; slice_word(&line, &word); i++) {
        month |= i > 0 && word.n == 3 && month_from_name(word) > 0;
        clock |= is_clock(word);
        year |= is_year(word);
    }
    return month && clock && year;
}

static slice view(const struct mbox *m)
{
    return slice_from(buf_slice(&m->window), m->begin);
}

/* More of the file behind the window. False on error. */
static bool more(struct mbox *m, err *e)
{
    buf_consume(&m->window, m->begin);
    m->begin = 0;
    if (!buf_reserve(&m->window, CHUNK_BYTES)) {
        (void)err_set(e, E_MEMORY, "mbox: no memory for a mail of %zu bytes", m->window.n);
        return false;
    }
    int64_t got = read_file_read(m->file, m->window.p + m->window.n, CHUNK_BYTES, e);
    if (got < 0)
        return false;
    m->window.n += (size_t)got;
    m->end = got == 0;
    return true;
}

static void drop(struct mbox *m, size_t n)
{
    m->begin += n;
    m->window_at += n;
}

/* Offset of the next "From " line at or behind `from` that ends a mail; NPOS when there is none so far. *scanned is how far
 * one need not look again. */
static size_t find_end(const struct mbox *m, size_t from, size_t *scanned)
{
    slice w = view(m);
    for (size_t at = from;;) {
        size_t i = slice_find(slice_from(w, at), S("\nFrom "));
        if (i == SLICE_NPOS) {
            *scanned = w.n > from + 5 ? w.n - 5 : from;
            return SLICE_NPOS;
        }
        size_t line = at + i + 1;
        slice before = slice_of(w.p, line);
        bool behind_empty = slice_ends_ci(before, S("\n\n")) || slice_ends_ci(before, S("\n\r\n"));
        bool whole = m->end || memchr(w.p + line, '\n', w.n - line) || w.n - line >= FROM_LINE_MAX_BYTES;
        if (behind_empty && !whole) { /* look again when the line is there */
            *scanned = line - 1;
            return SLICE_NPOS;
        }
        if (behind_empty && mbox_from_line(slice_from(w, line)))
            return line;
        at = line;
    }
}

/* The mail in [0, end) of the window, without its "From " line and the empty line behind it. */
static struct mbox_mail cut_out(const struct mbox *m, size_t end)
{
    slice mail = slice_sub(view(m), 0, end);
    struct mbox_mail out = {.offset = m->window_at};
    if (mbox_from_line(mail)) {
        slice line, rest = mail; /* old Macintosh files end it with CR alone */
        mail = slice_line(&rest, &line) ? rest : SLICE_EMPTY;
    }
    if (slice_ends_ci(mail, S("\r\n\r\n")))
        mail.n -= 2;
    else if (slice_ends_ci(mail, S("\n\n")))
        mail.n -= 1;
    out.truncated = mail.n > m->max_bytes;
    out.bytes = slice_sub(mail, 0, m->max_bytes);
    return out;
}

/* Drops the rest of a cut mail up to the next "From " line. */
static bool skip_rest(struct mbox *m, err *e)
{
    while (m->skipping) {
        size_t scanned;
        size_t line = find_end(m, 0, &scanned);
        if (line != SLICE_NPOS) {
            drop(m, line);
            m->skipping = false;
        } else if (m->end) {
            drop(m, view(m).n);
            m->skipping = false;
        } else {
            drop(m, scanned > 2 ? scanned - 2 : 0); /* the empty line before must stay in sight */
            if (!more(m, e))
                return false;
        }
    }
    return true;
}

int mbox_next(struct mbox *m, struct mbox_mail *out, err *e)
{
    size_t limit = m->max_bytes + FROM_LINE_MAX_BYTES + 8;
    drop(m, m->next);
    m->next = 0;
    if (!skip_rest(m, e))
        return -1;
    for (size_t from = 0;;) {
        size_t end = find_end(m, from, &from);
        bool too_long = end == SLICE_NPOS && view(m).n > limit;
        if (end == SLICE_NPOS && !m->end && !too_long) {
            if (!more(m, e))
                return -1;
            continue;
        }
        if (view(m).n == 0)
            return 0;
        m->skipping = too_long;
        m->next = too_long ? from : end == SLICE_NPOS ? view(m).n : end;
        *out = cut_out(m, m->next);
        if (too_long)
            m->next -= 2;
        return 1;
    }
}
