/* Signed return paths that carry an id instead of their recipient (docs/verp.md). */
#ifndef CORE_OPAQUE_H
#define CORE_OPAQUE_H

#include "base/arena.h"

/* The id, in lower case, of a return path of our form; empty where it carries none. Says nothing about the signature. */
slice opaque_of(slice return_path, arena *a);

#endif
