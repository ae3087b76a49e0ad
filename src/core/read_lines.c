#include "core/read_lines.h"

#include "feed/journal.h"

void lines_init(struct lines *l, struct read_file *file, bool journal, bool complete, uint64_t offset)
{
    *l = (struct lines){.file = file, .journal = journal, .complete = complete, .offset = offset};
    buf_init(&l->window, 0);
}

void lines_fini(struct lines *l)
{
    buf_fini(&l->window);
}

static void drop(struct lines *l, size_t n)
{
    buf_consume(&l->window, n);
    l->offset += n;
}

static bool more(struct lines *l, err *e)
{
    if (!buf_reserve(&l->window, READ_BLOCK_BYTES)) {
        (void)err_set(e, E_MEMORY, "no memory for a block of %zu bytes", l->window.n);
        return false;
    }
    int64_t got = read_file_read(l->file, l->window.p + l->window.n, READ_BLOCK_BYTES, e);
    if (got < 0)
        return false;
    l->window.n += (size_t)got;
    l->end = got == 0;
    return true;
}

/* Bytes of the window that are whole lines. */
static size_t whole_lines(const struct lines *l)
{
    slice w = buf_slice(&l->window);
    if (l->end && l->complete)
        return w.n;
    size_t last = slice_rchr(w, '\n');
    return last == SLICE_NPOS ? 0 : last + 1;
}

static size_t whole_entries(const struct lines *l)
{
    slice w = buf_slice(&l->window), rest = w;
    struct journal_entry entry;
    bool last = l->end && l->complete;
    while (journal_next(&rest, last, &entry) != 0)
        ;
    return w.n - rest.n;
}

/* An end of what is being dropped: 0 when it is not in sight. */
static size_t end_of_dropped(const struct lines *l)
{
    slice mark = l->journal ? S("\n\n") : S("\n");
    size_t at = slice_find(buf_slice(&l->window), mark);
    return at == SLICE_NPOS ? 0 : at + mark.n;
}

/* Gets rid of a line that is too long. False on error. */
static bool drop_long(struct lines *l, err *e)
{
    while (l->dropping) {
        size_t n = end_of_dropped(l);
        if (n || l->end) {
            drop(l, n ? n : l->window.n);
            l->dropping = false;
            return true;
        }
        drop(l, l->window.n ? l->window.n - 1 : 0); /* the mark may be cut in two */
        if (!more(l, e))
            return false;
    }
    return true;
}

int lines_next(struct lines *l, slice *bytes, uint64_t *offset, err *e)
{
    size_t cap = l->journal ? READ_MAX_ENTRY_BYTES : READ_MAX_LINE_BYTES;
    drop(l, l->given);
    l->given = 0;
    for (;;) {
        if (!drop_long(l, e))
            return -1;
        size_t n = l->window.n == 0 ? 0 : l->journal ? whole_entries(l) : whole_lines(l);
        if (n > 0) {
            l->given = n;
            *bytes = slice_of(l->window.p, n);
            *offset = l->offset;
            return 1;
        }
        if (l->end)
            return 0;
        if (l->window.n > cap) {
            l->dropping = true;
            l->dropped++;
        } else if (!more(l, e)) {
            return -1;
        }
    }
}
