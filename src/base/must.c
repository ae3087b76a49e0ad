#include "base/defs.h"

#include <stdio.h>
#include <unistd.h>

void must_failed(const char *cond, const char *file, int line)
{
    char text[512];
    int n = snprintf(text, sizeof text, "bug: %s:%d: MUST(%s)\n", file, line, cond);
    if (n > 0) {
        size_t len = (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
        /* nothing can be done about a closed standard error, the trap follows anyway */
        if (write(STDERR_FILENO, text, len) < 0)
            __builtin_trap();
    }
    __builtin_trap();
}
