/* Any bytes as a mail: an answer, reports that keep their promises, and the same answer again. */
#include "base/arena.h"
#include "bounce.h"
#include "fuzz.h"

enum { ARENA_CAP = 64 * 1024 * 1024 };

static struct bounce_reader *reader(void)
{
    static struct bounce_rules *rules;
    static struct bounce_reader *made;
    if (!made) {
        arena a;
        slice error;
        arena_init(&a, 0);
        MUST(bounce_rules_new(NULL, 0, false, &a, &rules, &error) == BOUNCE_OK);
        made = bounce_reader_new(rules);
        MUST(made);
        arena_fini(&a);
    }
    return made;
}

static void check(const struct bounce_result *r)
{
    MUST(r->report_count <= BOUNCE_MAX_REPORTS);
    MUST(r->subject.p && r->from.p && r->returned.message_id.p);
    for (size_t i = 0; i < r->report_count; i++) {
        const struct bounce_report *report = &r->reports[i];
        MUST(report->recipient.p && report->original_recipient.p && report->status.p && report->action.p);
        MUST(report->diagnostic.p && report->diagnostic.n <= 4096);
        MUST(report->format.n > 0 && report->verdict.certainty <= 100);
        if (bounce_kind_final(report->kind))
            MUST(report->verdict.class_ == bounce_reason_class(report->verdict.reason));
        else if (!bounce_kind_attempt(report->kind))
            MUST(report->verdict.class_ == BOUNCE_CLASS_INFO);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice mail = fuzz_input(data, size);
    arena a, b;
    struct bounce_result first, again;
    arena_init(&a, ARENA_CAP);
    arena_init(&b, ARENA_CAP);
    enum bounce_status s = bounce_read(reader(), mail, NULL, &a, &first);
    MUST(s == BOUNCE_OK || s == BOUNCE_LIMIT);
    check(&first);
    MUST(bounce_read(reader(), mail, NULL, &b, &again) == s);
    MUST(again.report_count == first.report_count && again.diag == first.diag);
    arena_fini(&b);
    arena_fini(&a);
    return 0;
}
