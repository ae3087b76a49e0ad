#include "base/text.h"
#include "core/paper.h"

#define LINE_CHARACTERS 78

/* Characters, as most terminals and mail programs count them: those of UTF-8. */
static size_t width_of(slice s)
{
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++)
        n += ((unsigned char)s.p[i] & 0xC0) != 0x80;
    return n;
}

static void pad(buf *out, char c, size_t n)
{
    while (n--)
        buf_addc(out, c);
}

static void underlined(buf *out, slice text, char c)
{
    buf_add(out, text);
    buf_addc(out, '\n');
    pad(out, c, width_of(text));
    buf_addc(out, '\n');
}

/* Words of a text from column `used` on; further lines begin at the same column. */
static void add_words(buf *out, slice text, size_t used)
{
    size_t indent = used;
    slice rest = text, word;
    for (bool first = true; slice_word(&rest, &word); first = false) {
        size_t w = width_of(word);
        if (!first && used + 1 + w > LINE_CHARACTERS) {
            buf_addc(out, '\n');
            pad(out, ' ', indent);
            used = indent;
        } else if (!first) {
            buf_addc(out, ' ');
            used++;
        }
        buf_add(out, word);
        used += w;
    }
}

static void wrapped(buf *out, const char *mark, slice text)
{
    buf_adds(out, mark);
    add_words(out, text, strlen(mark));
    buf_addc(out, '\n');
}

static void widen(size_t *widths, size_t columns, const struct paper_row *r)
{
    for (size_t i = 0; r && i < columns; i++) {
        size_t w = width_of(r->cells[i]);
        widths[i] = w > widths[i] ? w : widths[i];
    }
}

static void table_row(buf *out, const struct paper_part *t, const size_t *widths, const struct paper_row *r)
{
    size_t used = 2;
    buf_adds(out, r->tone == PAPER_BAD ? "! " : "  ");
    for (size_t i = 0; i < t->columns; i++) {
        size_t room = widths[i] - width_of(r->cells[i]);
        bool right = (t->numbers >> i & 1) != 0, last = i + 1 == t->columns;
        if (last && slice_empty(r->cells[i]))
            break;
        pad(out, ' ', (i ? 2 : 0) + (right ? room : 0));
        used += i ? 2 : 0;
        if (last && !right)
            add_words(out, r->cells[i], used);
        else
            buf_add(out, r->cells[i]);
        if (!right && !last)
            pad(out, ' ', room);
        used += widths[i];
    }
    buf_addc(out, '\n');
}

static void table(buf *out, const struct paper_part *t)
{
    size_t widths[PAPER_MAX_COLUMNS] = {0};
    if (!t->head)
        return;
    widen(widths, t->columns, t->head);
    for (const struct paper_row *r = t->first; r; r = r->next)
        widen(widths, t->columns, r);
    table_row(out, t, widths, t->head);
    for (const struct paper_row *r = t->first; r; r = r->next)
        table_row(out, t, widths, r);
}

void paper_text(const struct paper *p, buf *out)
{
    for (const struct paper_part *x = p->first; x; x = x->next) {
        switch (x->kind) {
        case PAPER_TITLE:
            underlined(out, x->text, '*');
            break;
        case PAPER_HEADING:
            buf_addc(out, '\n');
            underlined(out, x->text, '-');
            break;
        case PAPER_LINE:
            wrapped(out, x->tone == PAPER_BAD ? "! " : "", x->text);
            break;
        case PAPER_COMMAND:
            buf_adds(out, "    ");
            buf_add(out, x->text);
            buf_addc(out, '\n');
            break;
        case PAPER_TABLE:
            table(out, x);
            break;
        }
    }
}
