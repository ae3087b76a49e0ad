#include <stdlib.h>

#include "bounce/rules_lint.h"
#include "fuzz.h"

/* The text is read as a file of rules; the first line, with whatever rules came out and with the built-in ones, as a reply. */
static void judge(const struct bounce_rules *rules, slice text)
{
    struct bounce_evidence_set e = {.text = text, .status = text, .provider = text, .recipient = text};
    struct bounce_verdict v;
    arena a;
    arena_init(&a, 0);
    MUST(bounce_judge(rules, &e, &a, &v) == BOUNCE_OK);
    MUST(v.class_ == bounce_reason_class(v.reason) && v.blame == bounce_reason_blame(v.reason));
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct bounce_rules *builtin; /* kept between runs: building them takes longer than a run */
    struct bounce_rule_file file = {S("fuzz"), slice_of((const char *)data, size)};
    struct bounce_rules *rules;
    slice error, rest = file.text, line = SLICE_EMPTY;
    arena a;
    arena_init(&a, 0);
    if (!builtin)
        MUST(bounce_rules_new(NULL, 0, false, &a, &builtin, &error) == BOUNCE_OK);
    (void)slice_line(&rest, &line);
    judge(builtin, line);
    if (bounce_rules_new(&file, 1, true, &a, &rules, &error) == BOUNCE_OK) {
        struct lint_messages messages;
        judge(rules, line);
        MUST(rules_lint(rules, &a, &messages));
        bounce_rules_free(&rules);
    }
    arena_fini(&a);
    return 0;
}
