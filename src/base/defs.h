/* What every file may lean on: assertions that stay on, attributes, counts.
 *
 * Not for: helpers of any one subject; those live with their noun.
 */
#ifndef BASE_DEFS_H
#define BASE_DEFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define NODISCARD __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args) __attribute__((format(printf, fmt, args)))
#define ALWAYS_INLINE static inline __attribute__((always_inline)) /* where the work is measured in instructions */
#define NORETURN __attribute__((noreturn))
#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

/* A condition that only a bug can break; checked in every build. */
#define MUST(cond)                                  \
    do {                                            \
        if (__builtin_expect(!(cond), 0))           \
            must_failed(#cond, __FILE__, __LINE__); \
    } while (0)

/* Writes the condition and its place to standard error and traps. */
NORETURN void must_failed(const char *cond, const char *file, int line);

#endif
