/* Reads the text of rule files (docs/rules.md) into rules and patterns. Knows nothing of matching.
 *
 * Sets first, over all files, so that a file may use a set that another one defines; then rules. Each problem is noted as
 * "file:line: what is wrong" and reading goes on.
 */
#ifndef BOUNCE_RULES_PARSE_H
#define BOUNCE_RULES_PARSE_H

#include "base/buf.h"
#include "bounce/rules.h"

#define RULES_MAX_RULES 20000u

struct rules_builder {
    arena *a;
    struct pattern_set *sets;
    size_t set_count, set_room;
    struct rule *rules;
    size_t rule_count, rule_room;
    struct pattern *patterns; /* grouped by rule: fits first, then nots */
    size_t pattern_count, pattern_room;
    buf *problems;
    bool memory; /* refused */
};

struct rules_file {
    slice name, text;
    bool user;
};

void rules_parse_sets(struct rules_builder *b, const struct rules_file *file);
void rules_parse_rules(struct rules_builder *b, const struct rules_file *file);

#endif
