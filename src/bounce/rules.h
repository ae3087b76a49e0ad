/* Compiled rules: what they are, and which of them fit a text. The format of the files is docs/rules.md.
 *
 * A struct bounce_rules is built once and never changes; any number of threads may match against it. All of it lives in one
 * arena of its own, but for the compiled regular expressions.
 */
#ifndef BOUNCE_RULES_H
#define BOUNCE_RULES_H

#include "bounce.h"
#include "bounce/pattern.h"
#include "bounce/provider.h"

#define RULES_MAX_CODES 12u      /* codes and enhanced codes of one rule */
#define RULES_MAX_HITS 128u      /* rules that one text may fit; more are not looked at */
#define RULES_MAX_LITERALS 1024u /* found in one text; more are not looked at */
#define RULES_MAX_PENDING 1024u  /* patterns to be tried in one text; more are not */
#define RULES_MATCH_LIMIT 20000u /* steps of one regular expression */

struct rule_code {
    uint16_t from, to; /* "5xx" is 500..599 */
};
struct rule_enhanced {
    uint16_t klass, subject, detail; /* RULE_ANY: whatever */
};
#define RULE_ANY UINT16_MAX

struct rule_example {
    slice text, provider;
    enum bounce_phase phase;
    unsigned line;
};

struct rule {              /* what matching asks for first stands first */
    uint64_t providers[2]; /* bit per provider; both 0: any */
    unsigned phases;       /* bit per phase; 0: any */
    enum bounce_reason reason;
    unsigned code_count, enhanced_count;
    uint32_t first_pattern, pattern_count; /* patterns that make it fit, then those that forbid it */
    uint32_t not_count;
    unsigned rank, certainty; /* certainty 0: derived by the judge */
    bool user;                /* from a file of the user, not built in */
    int64_t retry_after_s;    /* RULE_RETRY_USUAL, -1 never */
    slice id, file;
    unsigned line;
    struct rule_code codes[RULES_MAX_CODES];
    struct rule_enhanced enhanced[RULES_MAX_CODES];
    const struct rule_example *examples;
    size_t example_count;
};
#define RULE_RETRY_USUAL INT64_MIN

/* What a rule may ask for besides words. */
struct rule_facts {
    unsigned code;
    struct bounce_enhanced enhanced;
    enum bounce_phase phase;
    unsigned provider; /* PROVIDER_NONE: told by marks in the text, if at all */
    bool all;          /* all rules that fit, not only those of the highest rank that holds */
    bool attempt;      /* not the end: words about giving up are about the future */
};

struct rules_hit {
    const struct rule *rule;
    const struct pattern *pattern;
    struct pattern_match match;
    const char *rejected; /* NULL, or which of its conditions does not hold */
};

struct rules_hits {
    struct rules_hit v[RULES_MAX_HITS];
    size_t n;
    unsigned provider; /* the given one, or the one told by marks */
};

/* Rules whose words fit the folded text, in no order; conditions are looked at and noted in `rejected`. Looks at one rank
 * after the other, the highest first, and stops behind the first in which a rule holds (unless facts->all). */
void rules_match(const struct bounce_rules *rules, slice folded, const struct rule_facts *facts,
                 struct rules_hits *out);
/* True when the words of any rule occur, whatever else the rule asks for. */
bool rules_have_words(const struct bounce_rules *rules, slice folded);
/* The hit that decides; NULL when there is none. */
const struct rules_hit *rules_best(const struct rules_hits *hits);
/* Sorts hits: those that hold first, the one that decides at the top. */
void rules_sort(struct rules_hits *hits);
/* Below 0 when a decides before b; *why (may be NULL) says by what. Never 0 for different rules. */
int rules_order(const struct rules_hit *a, const struct rules_hit *b, const char **why);

size_t rules_count(const struct bounce_rules *rules);
const struct rule *rules_at(const struct bounce_rules *rules, size_t i);
const struct provider_index *rules_providers(const struct bounce_rules *rules);
/* Pattern `i` of a rule (not-patterns behind pattern_count). */
const struct pattern *rules_pattern(const struct bounce_rules *rules, const struct rule *rule, size_t i);
size_t rules_literals(const struct bounce_rules *rules);

#endif
