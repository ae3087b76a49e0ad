/* One value of a setting: from text into its member, and back into text. No value is taken that would not be written the same way
 * again. A default is read by the same code as what stands in a file.
 */
#ifndef SERVE_CONF_VALUE_H
#define SERVE_CONF_VALUE_H

#include "base/arena.h"
#include "base/buf.h"
#include "serve/conf.h"

#define CONF_MAX_VALUE_BYTES 4096u
#define CONF_MAX_LIST 1000u
#define CONF_MAX_SECRET_FILE (64u * 1024)

/* Reads `text` (UTF-8, trimmed, unquoted) for `row` into the struct at `values`; texts are copied to `a`. Lists grow by each call.
 * `base`: the directory where a relative path begins. OK; E_INVALID with what was expected; E_MEMORY; for a secret in a file the
 * status of reading it. The text of *e has no file and line, which the caller knows. */
NODISCARD enum status conf_value_read(const struct conf_row *row, slice text, slice base, void *values, arena *a,
                                      err *e);
/* Appends the value as it would be written; nothing for a secret. One list element: `i`; see conf_value_count. */
void conf_value_print(const struct conf_row *row, const void *values, size_t i, buf *out);
/* How many lines it takes: 1, or the length of a list. */
size_t conf_value_count(const struct conf_row *row, const void *values);
/* An empty text or list: what a setting that must be given may not be. */
bool conf_value_empty(const struct conf_row *row, const void *values);
bool conf_value_same(const struct conf_row *row, const void *a, const void *b);
/* "10s", "36h", "0": the largest unit that divides it. */
void conf_span_print(int64_t us, buf *out);

#endif
