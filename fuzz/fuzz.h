/* What every fuzz target includes: the one function that libFuzzer and fuzz/replay.c call.
 */
#ifndef FUZZ_H
#define FUZZ_H

#include "base/slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The input as text. */
static inline slice fuzz_input(const uint8_t *data, size_t size)
{
    return slice_of((const char *)data, size);
}

#endif
