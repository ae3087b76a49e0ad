#include "cmd/print_lint.h"

#include <time.h>

#include "base/text.h"
#include "bounce/rules_lint.h"

#define LINE_BYTES 500u

static void message(buf *out, slice file, unsigned line, slice rule, slice text, bool as_json)
{
    if (as_json) {
        struct jsonw j;
        jsonw_init(&j, out);
        jsonw_object(&j);
        jsonw_kstr(&j, "file", file);
        jsonw_ki64(&j, "line", line);
        jsonw_kstr_opt(&j, "rule", rule);
        jsonw_kstr(&j, "text", text);
        jsonw_end_object(&j);
    } else {
        text_add_safe(out, file, LINE_BYTES);
        buf_printf(out, ":%u: ", line);
        text_add_safe(out, text, LINE_BYTES);
    }
    buf_addc(out, '\n');
}

/* ---- slow rules ---- */

static uint64_t now_ns(void *arg)
{
    struct timespec t;
    (void)arg;
    MUST(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t limit_of(const struct bounce_rules *rules, const struct rule *rule)
{
    for (size_t i = 0; i < rule->pattern_count + rule->not_count; i++)
        if (rules_pattern(rules, rule, i)->re)
            return LINT_SLOW_RE_NS;
    return LINT_SLOW_NS;
}

static size_t slow_rules(buf *out, const struct bounce_rules *rules, arena *memory, bool as_json)
{
    size_t n = rules_count(rules), found = 0;
    uint64_t *times = arena_calloc(memory, n + 1, sizeof *times);
    if (!times)
        return 0;
    rules_time(rules, memory, now_ns, NULL, times);
    for (size_t i = 0; i < n; i++) {
        const struct rule *rule = rules_at(rules, i);
        uint64_t limit = limit_of(rules, rule);
        if (times[i] < limit)
            continue;
        slice text = arena_printf(memory, "%.*s is slow: %llu ns a text; it should take less than %llu",
                                  SLICE_FMT(rule->id), (unsigned long long)times[i], (unsigned long long)limit);
        message(out, rule->file, rule->line, rule->id, text, as_json);
        found++;
    }
    return found;
}

int rules_lint_print(buf *out, const struct bounce_rules *rules, arena *memory, bool as_json)
{
    struct lint_messages found = {0};
    bool whole = rules_lint(rules, memory, &found);
    for (size_t i = 0; i < found.n; i++)
        message(out, found.v[i].file, found.v[i].line, found.v[i].rule, found.v[i].text, as_json);
    size_t slow = slow_rules(out, rules, memory, as_json);
    if (!as_json)
        buf_printf(out, "%zu rules, %zu examples: %zu faults, %zu slow%s\n", rules_count(rules), found.examples,
                   found.n, slow, whole ? "" : " (memory was refused: not all was looked at)");
    return found.n || slow || !whole ? EXIT_NO : EXIT_YES;
}

void rules_problems_print(buf *out, slice problems, bool as_json)
{
    slice line, file, number;
    uint64_t n;
    while (slice_line(&problems, &line)) {
        slice rest = line;
        bool told = slice_split(&rest, ':', &file) && slice_split(&rest, ':', &number) && slice_u64(number, &n);
        if (told)
            message(out, file, (unsigned)n, SLICE_EMPTY, slice_trim(rest), as_json);
        else if (!slice_empty(slice_trim(line)))
            message(out, SLICE_EMPTY, 0, SLICE_EMPTY, slice_trim(line), as_json);
    }
}
