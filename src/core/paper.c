#include "core/paper.h"

#include <stdio.h>

#include "base/text.h"

void paper_init(struct paper *p, arena *a)
{
    *p = (struct paper){a, NULL, NULL};
}

/* Without memory a part that nobody sees. */
static struct paper_part *part(struct paper *p, enum paper_kind kind, slice text)
{
    struct paper_part *x = ARENA_NEW(p->a, struct paper_part);
    if (!x)
        return NULL;
    x->kind = kind;
    x->text = text_safe_dup(p->a, text, text.n + 1);
    if (p->last)
        p->last->next = x;
    else
        p->first = x;
    p->last = x;
    return x;
}

void paper_title(struct paper *p, slice text)
{
    (void)part(p, PAPER_TITLE, text);
}

void paper_heading(struct paper *p, slice text)
{
    (void)part(p, PAPER_HEADING, text);
}

void paper_command(struct paper *p, slice command)
{
    (void)part(p, PAPER_COMMAND, command);
}

void paper_line(struct paper *p, enum paper_tone tone, const char *fmt, ...)
{
    buf text;
    va_list ap;
    buf_init(&text, 0);
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    struct paper_part *x = part(p, PAPER_LINE, arena_dup(p->a, buf_slice(&text)));
    if (x)
        x->tone = tone;
    buf_fini(&text);
}

static struct paper_row *row(struct paper *p, size_t columns, const slice *cells)
{
    struct paper_row *r = ARENA_NEW(p->a, struct paper_row);
    for (size_t i = 0; r && i < columns; i++)
        r->cells[i] = text_safe_dup(p->a, cells[i], PAPER_MAX_CELL_BYTES);
    return r;
}

void paper_table(struct paper *p, size_t columns, uint32_t numbers, const char *const *head)
{
    slice cells[PAPER_MAX_COLUMNS];
    MUST(columns && columns <= PAPER_MAX_COLUMNS);
    for (size_t i = 0; i < columns; i++)
        cells[i] = slice_str(head[i]);
    struct paper_part *x = part(p, PAPER_TABLE, SLICE_EMPTY);
    if (!x)
        return;
    x->columns = columns;
    x->numbers = numbers;
    x->head = row(p, columns, cells);
}

void paper_row(struct paper *p, enum paper_tone tone, const slice *cells)
{
    struct paper_part *x = p->last;
    if (p->a->limited)
        return;
    MUST(x && x->kind == PAPER_TABLE);
    struct paper_row *r = row(p, x->columns, cells);
    if (!r)
        return;
    r->tone = tone;
    if (x->last)
        x->last->next = r;
    else
        x->first = r;
    x->last = r;
}

slice paper_count(struct paper *p, int64_t n)
{
    char digits[32], text[48];
    size_t used = 0;
    int len = snprintf(digits, sizeof digits, "%lld", (long long)n);
    for (int i = 0; i < len; i++) {
        int left = len - i;
        if (i && left % 3 == 0 && digits[i - 1] != '-')
            text[used++] = ',';
        text[used++] = digits[i];
    }
    return arena_dup(p->a, slice_of(text, used));
}

slice paper_percent(struct paper *p, int64_t ppm)
{
    int64_t hundredths = (ppm + 50) / 100;
    return arena_printf(p->a, "%lld.%02lld %%", (long long)(hundredths / 100), (long long)(hundredths % 100));
}
