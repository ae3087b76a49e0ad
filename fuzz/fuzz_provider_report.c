/* Files that are said to come from a mailbox provider: whatever stands in one, every record names a subject and a day, and rates are
 * rates. */
#include "feed/provider_report.h"
#include "fuzz.h"

static bool rate(int64_t ppm)
{
    return ppm >= PROVIDER_REPORT_NONE && ppm <= 1000000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct provider_report_list list;
    arena a;
    arena_init(&a, 1 << 26);
    enum provider_report_end end = provider_report_read(fuzz_input(data, size), S("example.org"), &a, &list);
    MUST(end != PROVIDER_REPORT_UNKNOWN || list.n == 0);
    for (size_t i = 0; i < list.n; i++) {
        const struct provider_report *r = &list.items[i];
        MUST(r->subject.n > 0 && r->subject.n <= PROVIDER_REPORT_MAX_SUBJECT && r->day >= 0);
        MUST(rate(r->complaint_ppm) && rate(r->spf_ppm) && rate(r->dkim_ppm) && rate(r->dmarc_ppm) &&
             rate(r->error_ppm));
        MUST(r->level >= PROVIDER_LEVEL_NONE && r->level <= PROVIDER_LEVEL_BAD);
        MUST(r->recipients >= PROVIDER_REPORT_NONE && r->traps >= PROVIDER_REPORT_NONE);
    }
    arena_fini(&a);
    return 0;
}
