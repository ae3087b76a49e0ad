/* Lines and CSV records from a file, streamed: for lists of addresses of any length (RFC 4180, and what spreadsheets
 * write).
 */
#ifndef CMD_CSV_H
#define CMD_CSV_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define CSV_MAX_RECORD_BYTES (1024u * 1024)

struct csv_file {
    int fd;
    const char *path;
    buf data;
    size_t next; /* first byte not handed out */
    bool at_end;
    char delimiter; /* ',', ';' or tab, found in the first record */
};

/* "-" is standard input. A byte order mark is skipped. */
NODISCARD enum status csv_open(struct csv_file *f, const char *path, err *e);
void csv_close(struct csv_file *f);
/* 1: a line (a record: line ends inside quotes belong to it) without its end, valid until the next call. 0: no more.
 * -1: error. */
int csv_line(struct csv_file *f, slice *out, err *e);
int csv_record(struct csv_file *f, slice *out, err *e);
/* Field `index` of a record, quotes undone (in the arena where needed); empty when there is none. */
slice csv_field(const struct csv_file *f, slice record, size_t index, arena *a);
/* Finds the column of addresses in a first record: the one called `name`, or when that is empty the first with a usual
 * name (email, e-mail, address, recipient, ...). True when the record is a line of names; false when it is data,
 * *column then is the first field that has an "@". */
bool csv_address_column(const struct csv_file *f, slice header, slice name, arena *a, size_t *column);

#endif
