/* What is known of mailbox providers: days out of the tallies, and their own reports. */
#include "base/buf.h"
#include "fixture.h"

#define DAY (NOON / TIME_DAY)

static void add(struct fixture *f, const char *tenant, const char *provider, int64_t day, enum bounce_kind kind,
                enum bounce_reason reason, int64_t count)
{
    struct ledger_tally t = {.hour = day * 24 + 5,
                             .tenant = slice_str(tenant),
                             .stream = SLICE_EMPTY,
                             .campaign = SLICE_EMPTY,
                             .domain = S("x.ex"),
                             .provider = slice_str(provider),
                             .source = SLICE_EMPTY,
                             .sending_ip = SLICE_EMPTY,
                             .kind = kind,
                             .reason = reason,
                             .count = count};
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_add_tally(f->l, &t, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
}

static bool print_day(void *ctx, const struct ledger_provider_day *d)
{
    buf_printf(ctx, "%.*s %lld %d %d %lld\n", SLICE_FMT(d->provider), (long long)(d->day - DAY), (int)d->kind,
               (int)d->reason, (long long)d->count);
    return true;
}

static void check_days(struct fixture *f, const char *tenant, const char *provider, int64_t from, const char *expected)
{
    buf out;
    buf_init(&out, 0);
    assert_ok(
        f, ledger_provider_days(f->l, slice_str(tenant), slice_str(provider), DAY + from, DAY, print_day, &out, &f->e));
    assert_slice(buf_slice(&out), expected);
    buf_fini(&out);
}

static void days_by_provider(void **state)
{
    struct fixture *f = *state;
    add(f, "", "gmail", DAY, BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN, 7);
    add(f, "t", "gmail", DAY, BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN, 2);
    add(f, "", "gmail", DAY - 3, BOUNCE_KIND_FAILED, BOUNCE_REASON_POLICY, 1);
    add(f, "", "yahoo", DAY, BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN, 1);
    add(f, "", "yahoo", DAY, BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN, -1); /* taken back: no row */
    add(f, "", "", DAY, BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN, 9);
    char all[64];
    snprintf(all, sizeof all, "gmail -3 %d %d 1\ngmail 0 %d %d 9\n", BOUNCE_KIND_FAILED, BOUNCE_REASON_POLICY,
             BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN);
    check_days(f, "", "", -5, all);
    check_days(f, "", "gmail", -5, all);
    check_days(f, "", "nobody", -5, "");
    check_days(f, "nobody", "", -5, "");
    snprintf(all, sizeof all, "gmail 0 %d %d 2\n", BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN);
    check_days(f, "t", "", -2, all);
}

static bool print_report(void *ctx, const struct ledger_provider_report *p)
{
    buf_printf(ctx, "%.*s %.*s %.*s %lld %.*s %d c=%lld dkim=%lld [%.*s]\n", SLICE_FMT(p->provider),
               SLICE_FMT(p->subject), SLICE_FMT(p->tenant), (long long)(p->day - DAY), SLICE_FMT(p->source), p->level,
               (long long)p->complaint_ppm, (long long)p->dkim_ppm, SLICE_FMT(p->detail));
    return true;
}

static void check_reports(struct fixture *f, const char *tenant, const char *provider, const char *expected)
{
    buf out;
    buf_init(&out, 0);
    assert_ok(f, ledger_provider_reports(f->l, slice_str(tenant), slice_str(provider), DAY - 30, DAY, print_report,
                                         &out, &f->e));
    assert_slice(buf_slice(&out), expected);
    buf_fini(&out);
}

static void put(struct fixture *f, const struct ledger_provider_report *p)
{
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_put_provider_report(f->l, p, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
}

static bool keep_all(void *ctx, int64_t address, slice old, const struct policy_event *gone, size_t n, arena *a,
                     slice *out)
{
    (void)ctx, (void)address, (void)old, (void)gone, (void)n, (void)a, (void)out;
    return false;
}

static void reports_replace_what_they_tell(void **state)
{
    struct fixture *f = *state;
    struct ledger_provider_report p = {.provider = S("gmail"),
                                       .source = S("postmaster"),
                                       .tenant = S("t"),
                                       .subject = S("example.org"),
                                       .day = DAY,
                                       .level = 2,
                                       .recipients = -1,
                                       .complaint_ppm = 1300,
                                       .traps = -1,
                                       .spf_ppm = -1,
                                       .dkim_ppm = -1,
                                       .dmarc_ppm = -1,
                                       .error_ppm = -1,
                                       .detail = S("one")};
    put(f, &p);
    check_reports(f, "", "", "gmail example.org t 0 postmaster 2 c=1300 dkim=-1 [one]\n");
    p.level = -1, p.complaint_ppm = 900, p.dkim_ppm = 5, p.detail = SLICE_EMPTY;
    put(f, &p); /* another page of the same day */
    check_reports(f, "t", "gmail", "gmail example.org t 0 postmaster 2 c=900 dkim=5 [one]\n");
    check_reports(f, "t", "yahoo", "");
    check_reports(f, "u", "", "");
    p.day = DAY - 1;
    put(f, &p);
    check_reports(f, "", "gmail",
                  "gmail example.org t 0 postmaster 2 c=900 dkim=5 [one]\n"
                  "gmail example.org t -1 postmaster -1 c=900 dkim=5 []\n");
    struct ledger_retention r = {.events_us = 0, .deliveries_us = 0, .sent_us = 0, .tallies_us = TIME_DAY};
    int64_t removed;
    assert_ok(f, ledger_prune(f->l, &r, NOON + 70 * TIME_DAY, keep_all, NULL, &removed, &f->e));
    check_reports(f, "", "", "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(days_by_provider, fixture_memory, fixture_end),
        cmocka_unit_test_setup_teardown(reports_replace_what_they_tell, fixture_memory, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
