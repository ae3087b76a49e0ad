/* The bytes of one file, decompressed on the way (gzip, xz, zstd; several members behind each other), read with read() into a
 * buffer of ours. Knows the beginning before it is read, so that one can find out what the file is.
 */
#ifndef CORE_READ_FILE_H
#define CORE_READ_FILE_H

#include "base/err.h"
#include "base/time.h"

#define READ_HEAD_BYTES 4096u

struct read_file;

/* Opens a regular file ("-": standard input, whatever it is) and reads its head. A FIFO, socket, device or directory is
 * E_INVALID. */
NODISCARD enum status read_file_open(const char *path, struct read_file **out, err *e);
void read_file_close(struct read_file **f);
/* Up to n bytes of the content: how many, 0 at the end, -1 on error (compressed data that is damaged or cut off included). */
NODISCARD int64_t read_file_read(struct read_file *f, char *p, size_t n, err *e);
/* Skips to an offset of the content at or behind the present one. E_INVALID when the file ends before it. */
NODISCARD enum status read_file_skip(struct read_file *f, uint64_t offset, err *e);

/* The first bytes of the content, at most READ_HEAD_BYTES; less only when the file is shorter. */
slice read_file_head(const struct read_file *f);
/* The same of the file as it lies on the disk. */
slice read_file_raw_head(const struct read_file *f);
bool read_file_packed(const struct read_file *f);
uint64_t read_file_raw_bytes(const struct read_file *f); /* size when it was opened */
int64_t read_file_changed_us(const struct read_file *f); /* time of the last change; TIME_NONE for streams */

#endif
