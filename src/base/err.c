#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

static const char *const words[] = {
    [OK] = "ok",
    [E_IO] = "io",
    [E_MEMORY] = "memory",
    [E_NOT_FOUND] = "not-found",
    [E_INVALID] = "invalid",
    [E_BUSY] = "busy",
    [E_FULL] = "full",
    [E_CORRUPT] = "corrupt",
    [E_UNSUPPORTED] = "unsupported",
    [E_DENIED] = "denied",
    [E_ACCESS] = "access",
};

/* The text is one line, whatever a file name or a server had in it. */
static void make_one_line(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = ' ';
}

enum status err_set(err *e, enum status status, const char *fmt, ...)
{
    if (e) {
        va_list ap;
        va_start(ap, fmt);
        e->status = status;
        if (vsnprintf(e->text, sizeof e->text, fmt, ap) < 0)
            e->text[0] = '\0';
        va_end(ap);
        make_one_line(e->text);
    }
    return status;
}

static enum status status_of(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
        return E_FULL;
    case ENOENT:
        return E_NOT_FOUND;
    case ENOMEM:
        return E_MEMORY;
    case EACCES:
    case EPERM:
        return E_ACCESS;
    default:
        return E_IO;
    }
}

enum status err_os(err *e, int errnum, const char *fmt, ...)
{
    enum status status = status_of(errnum);
    if (e) {
        va_list ap;
        va_start(ap, fmt);
        e->status = status;
        int n = vsnprintf(e->text, sizeof e->text, fmt, ap);
        va_end(ap);
        const char *cause = strerrordesc_np(errnum);
        char number[40];
        if (!cause) {
            snprintf(number, sizeof number, "error %d of the system", errnum);
            cause = number;
        }
        size_t room = sizeof e->text - 3 - strlen(cause); /* the cause is worth more than the end of a long name */
        size_t at = n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
        snprintf(e->text + at, sizeof e->text - at, ": %s", cause);
        make_one_line(e->text);
    }
    return status;
}

const char *status_word(enum status status)
{
    size_t i = (size_t)status;
    return i < ARRAY_LEN(words) ? words[i] : "unknown";
}
