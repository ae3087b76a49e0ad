/* How far a file was read, under a name that its content gives: the hash of its first bytes. So a file that was rotated, copied
 * or compressed is known again, wherever it lies; a hash of the last bytes read proves that it is the same one.
 *
 * Names: "log:<k>:<hash of the first k bytes>", k the largest power of two from 64 to 4096 that was read ("zip:<size>:<hash>" for a
 * compressed file that was read to its end). Position: "<offset> <bytes> <hash of so many bytes before offset>".
 */
#ifndef CORE_READ_POSITION_H
#define CORE_READ_POSITION_H

#include "base/buf.h"
#include "core/read.h"
#include "core/read_file.h"

#define POSITION_TAIL_BYTES 256u
#define POSITION_NAME_BYTES 64u

struct tail { /* the last bytes read */
    char bytes[POSITION_TAIL_BYTES];
    size_t n;
};
void tail_add(struct tail *t, slice bytes);

struct position_name {
    char text[POSITION_NAME_BYTES];
    size_t n;
};
/* The name for a file of which `offset` bytes were read; false when that is too little for one. */
bool position_name(slice head, uint64_t offset, struct position_name *out);
/* All names that such a file may have, the best first; returns how many (at most POSITION_NAMES). */
#define POSITION_NAMES 7
size_t position_names(slice head, struct position_name out[POSITION_NAMES]);
/* The name of a compressed file as it lies on the disk. */
void position_packed_name(const struct read_file *f, struct position_name *out);

void position_format(buf *out, uint64_t offset, const struct tail *tail);
struct position {
    uint64_t offset;
    size_t tail_bytes;
    slice tail_hash; /* 32 hex digits */
};
bool position_parse(slice text, struct position *out);
bool position_tail_is(const struct position *p, slice bytes);

#endif
