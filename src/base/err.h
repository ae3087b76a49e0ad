/* An error of the environment: which object, what happened, what to do next. Filled where it happens, printed once by
 * whoever decides (STYLE: errors). Odd input is no error; a bug is MUST.
 *
 * An err is a value of fixed size, so that telling of refused memory needs none. Longer texts are cut; control bytes
 * become spaces.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/slice.h"

enum status {
    OK = 0,
    E_IO,          /* the operating system refused; `cause` is strerror */
    E_MEMORY,      /* memory refused or a cap reached */
    E_NOT_FOUND,   /* the named object does not exist */
    E_INVALID,     /* an argument, setting or file does not make sense */
    E_BUSY,        /* somebody else holds it; try again */
    E_FULL,        /* disk or table full; nothing was taken */
    E_CORRUPT,     /* stored data contradicts itself */
    E_UNSUPPORTED, /* newer format, missing feature */
    E_DENIED,      /* refused by a rule of ours (an import may not lift, ...) */
    E_ACCESS       /* this user may not */
};

typedef struct err {
    enum status status;
    char text[480]; /* one line: "object: what: cause; what to do" */
} err;

/* Fills *e (which may be NULL) and returns `status`, so that `return err_set(...)` works. */
enum status err_set(err *e, enum status status, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* The same for a failed system call: appends ": " and the text of `errnum` (in English, and never cut off). ENOSPC and
 * EDQUOT become E_FULL, ENOENT E_NOT_FOUND, EACCES and EPERM E_ACCESS, ENOMEM E_MEMORY, all others E_IO. */
enum status err_os(err *e, int errnum, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* A status' own word ("io", "not-found", ...); "unknown" for a number that is none. */
const char *status_word(enum status status);

#endif
