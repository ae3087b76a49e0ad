/* The files of rules/ as they were at build time, in the order of rules/meson.build. The table is written by
 * tools/embed.py; texts are not NUL-terminated.
 */
#ifndef BOUNCE_BUILTIN_RULES_H
#define BOUNCE_BUILTIN_RULES_H

#include "base/slice.h"

struct bounce_builtin_rule_file {
    slice name; /* "microsoft.rules" */
    slice text;
};

extern const struct bounce_builtin_rule_file bounce_builtin_rules[];
extern const size_t bounce_builtin_rules_count;

#endif
