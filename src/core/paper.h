/* A page of headings, sentences and tables, which is written as plain text and as HTML from one model: the body of mails to people.
 *
 * Texts are copied into the arena and may come from strangers: both writers make them safe (control bytes, width, HTML). The HTML is one
 * document without anything remote, readable on a narrow screen and in the dark. Nothing fails on the way: what found no memory is told
 * by `limited` of the arena.
 */
#ifndef CORE_PAPER_H
#define CORE_PAPER_H

#include "base/arena.h"
#include "base/buf.h"

#define PAPER_MAX_COLUMNS 6u
#define PAPER_MAX_CELL_BYTES 160u /* longer ones are cut, with "..." */

enum paper_tone { PAPER_PLAIN, PAPER_GOOD, PAPER_BAD };

enum paper_kind { PAPER_TITLE, PAPER_HEADING, PAPER_LINE, PAPER_COMMAND, PAPER_TABLE };

struct paper_row {
    slice cells[PAPER_MAX_COLUMNS];
    enum paper_tone tone;
    struct paper_row *next;
};
struct paper_part {
    enum paper_kind kind;
    slice text; /* of all but tables */
    enum paper_tone tone;
    size_t columns;
    uint32_t numbers; /* bits: columns that are set flush right */
    struct paper_row *head, *first, *last;
    struct paper_part *next;
};
struct paper {
    arena *a;
    struct paper_part *first, *last;
};

void paper_init(struct paper *p, arena *a);
void paper_title(struct paper *p, slice text);
void paper_heading(struct paper *p, slice text);
void paper_line(struct paper *p, enum paper_tone tone, const char *fmt, ...) PRINTF_LIKE(3, 4);
void paper_command(struct paper *p, slice command); /* what to type */
/* Begins a table; `head` has its columns, and those with a bit in `numbers` are flush right. */
void paper_table(struct paper *p, size_t columns, uint32_t numbers, const char *const *head);
/* A row of the table that was begun last, with as many cells. */
void paper_row(struct paper *p, enum paper_tone tone, const slice *cells);

/* Lines end in LF and have at most 78 characters where words allow it. */
void paper_text(const struct paper *p, buf *out);
void paper_html(const struct paper *p, slice title, buf *out);

/* Cells: "12,345", "2.31 %". */
slice paper_count(struct paper *p, int64_t n);
slice paper_percent(struct paper *p, int64_t ppm);

#endif
