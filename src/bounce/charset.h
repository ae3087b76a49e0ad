/* Text in any charset that mail uses, to UTF-8.
 *
 * Names go through our own table of canonical names, aliases and misspellings; only names of the table reach
 * iconv_open, and all converters are opened by charsets_new, so that no message can make us load files. One struct per
 * thread.
 */
#ifndef BOUNCE_CHARSET_H
#define BOUNCE_CHARSET_H

#include "base/arena.h"

struct charsets;

struct charsets *charsets_new(void);
void charsets_free(struct charsets **cs);

/* Converts to UTF-8 in the arena; returns the input itself where it is ASCII or valid UTF-8 and the charset says so, leaves
 * ASCII alone or is unknown. Wrong bytes become U+FFFD and set *errors; an unknown name sets *unknown and the text is guessed (valid
 * UTF-8, else ISO-2022 escapes, else KOI8-R or windows-1251 where it looks like Russian, else windows-1252). An empty name is guessed without a remark. Either flag may be NULL.
 */
slice charset_decode(struct charsets *cs, arena *a, slice name, slice text, bool *errors, bool *unknown);

#endif
