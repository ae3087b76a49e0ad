/* A whole file in memory.
 */
#ifndef CORE_SLURP_H
#define CORE_SLURP_H

#include "base/buf.h"
#include "base/err.h"

/* Reads a file ("-" is standard input) behind what `out` holds, until that is `max` bytes (longer: cut, *cut set). */
NODISCARD enum status slurp(const char *path, size_t max, buf *out, bool *cut, err *e);

#endif
