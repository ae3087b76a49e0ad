/* The positions of a run: what was stored before, what this run has added, and finding the place where a file goes on.
 */
#ifndef CORE_READ_KNOWN_H
#define CORE_READ_KNOWN_H

#include "base/map.h"
#include "core/read_position.h"

struct known {
    arena arena;
    map positions; /* name -> struct known_position, of this run */
    struct known_position *first;
    read_known_fn look_up; /* what was stored before this run */
    void *ctx;
};

void known_init(struct known *k, read_known_fn look_up, void *ctx);
void known_fini(struct known *k);
/* The stored position; false when there is none. */
bool known_get(struct known *k, slice name, arena *a, slice *position);
/* Sets a position, to be stored. False when memory is refused. */
NODISCARD bool known_put(struct known *k, slice name, slice position);
/* Gives all that is to be stored / takes note that it is. */
NODISCARD enum status known_store(struct known *k, read_put_fn put, void *ctx, err *e);
void known_stored(struct known *k);

enum resume { RESUME_START, RESUME_WITHIN, RESUME_REPLACED, RESUME_DONE };
/* Brings *f to the place behind what was read of it. It is opened anew where it must. RESUME_DONE: a compressed file that was
 * read to its end. */
NODISCARD enum status known_resume(struct known *k, const char *path, struct read_file **f, uint64_t *offset,
                                   struct tail *tail, enum resume *how, err *e);

#endif
