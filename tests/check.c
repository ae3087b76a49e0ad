#include "check.h"

void check_slice(const char *file, int line, slice got, slice want)
{
    if (slice_eq(got, want))
        return;
    print_error("%s:%d: got \"%.*s\" (%zu bytes), want \"%.*s\" (%zu bytes)\n", file, line, SLICE_FMT(got), got.n,
                SLICE_FMT(want), want.n);
    _fail(file, line);
}
