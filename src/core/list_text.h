/* The text of a list file as records: byte order mark, UTF-16 and Latin-1 undone, quotes of CSV understood (RFC 4180), any line
 * ends. Streamed: at most one record of LIST_MAX_LINE_BYTES is kept.
 */
#ifndef CORE_LIST_TEXT_H
#define CORE_LIST_TEXT_H

#include "core/lists.h"

#define LIST_MAX_FIELDS 64u

enum list_encoding { LIST_UTF8 /* or Latin-1, line by line */, LIST_UTF16LE, LIST_UTF16BE };

struct list_text {
    list_read_fn read;
    void *ctx;
    buf data; /* UTF-8 from next on */
    size_t next;
    buf raw; /* UTF-16 that is not whole yet */
    bool begun, at_end;
    enum list_encoding encoding;
    char delimiter; /* ',', ';', tab; 0 before the first record */
    uint64_t line;  /* of the record given last, from 1 */
    uint64_t next_line;
    buf latin; /* a record that was no UTF-8 */
};

void list_text_init(struct list_text *t, list_read_fn read, void *ctx);
void list_text_fini(struct list_text *t);
/* Makes at least one byte available, where there is one. */
NODISCARD enum status list_text_fill(struct list_text *t, err *e);
/* The bytes that are there and not taken; list_text_take takes some. */
slice list_text_rest(const struct list_text *t);
void list_text_take(struct list_text *t, size_t n);
/* 1: the next record that is not blank, valid until the next call. 0: no more. -1: error. A record that is too long is given
 * cut, with *cut set. */
int list_text_record(struct list_text *t, slice *record, bool *cut, err *e);
/* Splits a record at the delimiter, quotes undone in the arena. Returns the number of fields, LIST_MAX_FIELDS at most. */
size_t list_text_fields(const struct list_text *t, slice record, arena *a, slice out[LIST_MAX_FIELDS]);

#endif
