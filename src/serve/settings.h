/* The settings of the daemon: one INI file, read through one table (conf.def) that also gives `bounced config`, the manual page, the
 * defaults and the checks. A value that makes no sense names file, line, what was expected, and for a misspelt name the nearest one.
 *
 * A section is single ("[ledger]") or named ("[feed mail]", "[socketmap submission]"): one struct each, found by kind. Settings are
 * immutable once read; a reload makes new ones and keeps the old ones when the new file is wrong.
 */
#ifndef SERVE_SETTINGS_H
#define SERVE_SETTINGS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define SETTINGS_FILE "/etc/bounced/bounced.conf"
#define SETTINGS_MAX_BYTES (1024u * 1024) /* of the file */
#define SETTINGS_MAX_LINE_BYTES 8192u
#define SETTINGS_MAX_SECTIONS 1000u
#define SETTINGS_MAX_NAME_BYTES 64u /* of "NAME" in "[kind NAME]" */
#define SETTINGS_MAX_MEMORY_BYTES (64u * 1024 * 1024)

/* Kinds of sections, each with its struct in conf.h, which is made from conf.def. */
struct section {
    const char *kind; /* "feed" */
    slice name;       /* "mail"; empty for a single section */
    unsigned line;    /* where it begins; 0: not in the file, defaults only */
    const void *values;
};

struct settings {
    arena a;
    slice path;
    const struct section *sections; /* in the order of the file; single ones are always there */
    size_t count;
};

/* Problems are told one by one with file and line, all of them, not the first only. Returns NULL when there was one that is not a
 * mere warning. `path` empty: the defaults. */
typedef void (*settings_problem_fn)(void *ctx, slice path, unsigned line, bool warning, slice text);
NODISCARD struct settings *settings_read(slice path, settings_problem_fn tell, void *ctx);
/* The same from memory, for tests and fuzzing. */
NODISCARD struct settings *settings_parse(slice path, slice text, settings_problem_fn tell, void *ctx);
void settings_free(struct settings **s);
/* The values of a single section; never NULL. */
const void *settings_of(const struct settings *s, const char *kind);
/* The next section of a kind behind `after` (NULL: the first); NULL when there is none. */
const struct section *settings_next(const struct settings *s, const char *kind, const struct section *after);
/* What in `now` takes effect only at the next start of a daemon that began with `began`: sections that are new or gone, settings that
 * are not LIVE. Tells "[smtp inbox] listen", with the line in `now` (of what is gone: in `began`). */
typedef void (*settings_restart_fn)(void *ctx, unsigned line, slice what);
void settings_restart(const struct settings *began, const struct settings *now, settings_restart_fn tell, void *ctx);
/* As INI, with comments from the table: `defaults` writes every setting with its default. Secrets are not shown. */
void settings_print(const struct settings *s, bool defaults, buf *out);

#endif
