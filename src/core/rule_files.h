/* Files of rules as they lie on the disk: single ones, and directories of *.rules in the order of their names.
 */
#ifndef CORE_RULE_FILES_H
#define CORE_RULE_FILES_H

#include "base/arena.h"
#include "base/err.h"
#include "bounce.h"

#define RULE_FILES_DIR "/etc/bounced/rules.d"
#define RULE_FILES_MAX 256u
#define RULE_FILE_MAX_BYTES (16u * 1024 * 1024)

struct rule_files {
    struct bounce_rule_file list[RULE_FILES_MAX]; /* names and texts in the arena */
    size_t n;
};

/* Adds a file, or what a directory holds (hidden files are passed over). E_NOT_FOUND when `path` is not there. The texts are in `a`. */
NODISCARD enum status rule_files_add(struct rule_files *f, const char *path, arena *a, err *e);

#endif
