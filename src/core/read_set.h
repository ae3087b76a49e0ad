/* The log files of a run, put in the order in which they were written.
 */
#ifndef CORE_READ_SET_H
#define CORE_READ_SET_H

#include "core/read.h"

struct log_file {
    slice path; /* NUL behind it */
    enum read_form form;
    int64_t first_us; /* of its first line; else of its last change */
    int64_t changed_us;
    size_t order; /* as found */
};

struct log_set {
    arena arena;
    struct log_file *files;
    size_t n, cap, i; /* i: the next one to read */
    bool sorted;
};

void log_set_init(struct log_set *s);
void log_set_fini(struct log_set *s);
/* False when memory is refused. */
NODISCARD bool log_set_add(struct log_set *s, slice path, enum read_form form, slice head, int64_t changed_us);
/* The next file, oldest first; NULL at the end. */
const struct log_file *log_set_next(struct log_set *s);
/* Time of the first line that has a stamp; TIME_NONE. */
int64_t log_first_us(slice head, enum read_form form, int64_t changed_us);

#endif
