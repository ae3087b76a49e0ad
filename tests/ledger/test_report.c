/* Reports read hours, days and months as fits: whatever is asked, the answer is that of adding up all tallies one by one. */
#include "fixture.h"

#define TALLIES 600
#define FIRST_HOUR (INT64_C(20000) * 24 + 7) /* 2024-10-04T07 */
#define HOURS (100 * 24)
#define NAMES 4 /* of each dimension; number 0 is the empty one */

enum { TENANT, STREAM, CAMPAIGN, DOMAIN_, PROVIDER, SOURCE, IP, TEXTS };

struct made {
    int64_t hour;
    unsigned text[TEXTS];
    enum bounce_kind kind;
    enum bounce_reason reason;
    int64_t count;
};

static uint64_t next(uint64_t *seed)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return *seed >> 33;
}

static slice name(unsigned dimension, unsigned number)
{
    static const char *const names[TEXTS][NAMES] = {
        {"", "t1", "t2", "t3"}, {"", "s1", "s2", "s3"}, {"", "c1", "c2", "c3"}, {"", "d1", "d2", "d3"},
        {"", "p1", "p2", "p3"}, {"", "f1", "f2", "f3"}, {"", "i1", "i2", "i3"},
    };
    return slice_str(names[dimension][number]);
}

static void put(struct fixture *f, const struct made *m, int64_t count)
{
    struct ledger_tally t = {.hour = m->hour,
                             .tenant = name(TENANT, m->text[TENANT]),
                             .stream = name(STREAM, m->text[STREAM]),
                             .campaign = name(CAMPAIGN, m->text[CAMPAIGN]),
                             .domain = name(DOMAIN_, m->text[DOMAIN_]),
                             .provider = name(PROVIDER, m->text[PROVIDER]),
                             .source = name(SOURCE, m->text[SOURCE]),
                             .sending_ip = name(IP, m->text[IP]),
                             .kind = m->kind,
                             .reason = m->reason,
                             .count = count};
    assert_ok(f, ledger_add_tally(f->l, &t, &f->e));
}

static void make(struct fixture *f, struct made *all)
{
    uint64_t seed = 7;
    for (size_t i = 0; i < TALLIES; i++) {
        struct made *m = &all[i];
        if (i % 50 == 0)
            assert_ok(f, ledger_begin(f->l, &f->e));
        m->hour = FIRST_HOUR + (int64_t)(next(&seed) % HOURS);
        for (unsigned k = 0; k < TEXTS; k++)
            m->text[k] = (unsigned)(next(&seed) % NAMES);
        m->kind = next(&seed) % 2 ? BOUNCE_KIND_FAILED : BOUNCE_KIND_DELIVERED;
        m->reason = m->kind == BOUNCE_KIND_FAILED ? BOUNCE_REASON_USER_UNKNOWN : BOUNCE_REASON_UNKNOWN;
        m->count = 1 + (int64_t)(next(&seed) % 5);
        put(f, m, m->count);
        if (i % 7 == 3) { /* one that counted before turned out otherwise */
            put(f, &all[i - 3], -1);
            all[i - 3].count--;
        }
        if (i % 50 == 49)
            assert_ok(f, ledger_commit(f->l, &f->e));
    }
}

/* ---- asking, and adding up by hand ---- */

#define ROWS 512
struct answer {
    char name[ROWS][16];
    int64_t count[ROWS][2]; /* delivered, failed */
    size_t n;
};

static void count(struct answer *a, slice row, enum bounce_kind kind, int64_t by)
{
    char text[16];
    size_t i = 0;
    snprintf(text, sizeof text, "%.*s", SLICE_FMT(row));
    while (i < a->n && strcmp(a->name[i], text) != 0)
        i++;
    assert_true(i < ROWS);
    if (i == a->n)
        memcpy(a->name[a->n++], text, sizeof text);
    a->count[i][kind == BOUNCE_KIND_FAILED] += by;
}

static bool see(void *ctx, const struct tally_row *row)
{
    assert_true(row->count != 0);
    count(ctx, row->name, row->kind, row->count);
    return true;
}

static slice row_of(const struct made *m, enum tally_by by, char day[16])
{
    static const int texts[TALLY_DIMENSIONS] = {
        [TALLY_CAMPAIGN] = CAMPAIGN, [TALLY_DOMAIN] = DOMAIN_, [TALLY_PROVIDER] = PROVIDER,
        [TALLY_SOURCE] = SOURCE,     [TALLY_STREAM] = STREAM,  [TALLY_IP] = IP};
    struct civil c;
    if (by == TALLY_REASON)
        return slice_str(bounce_reason_word(m->reason));
    if (by != TALLY_DAY)
        return name((unsigned)texts[by], m->text[texts[by]]);
    civil_from_us(m->hour * TIME_HOUR, &c);
    return slice_of(day, (size_t)snprintf(day, 16, "%04d-%02d-%02d", c.year % 10000, c.month % 100, c.day % 100));
}

static bool matches(const struct made *m, const struct tally_filter *f)
{
    const slice wanted[TEXTS] = {f->tenant, f->stream, f->campaign, f->domain, f->provider, f->source, f->sending_ip};
    int64_t us = m->hour * TIME_HOUR;
    for (unsigned i = 0; i < TEXTS; i++)
        if (!slice_empty(wanted[i]) && !slice_eq(wanted[i], name(i, m->text[i])))
            return false;
    return (f->from_us == TIME_NONE || us >= f->from_us) && (f->to_us == TIME_NONE || us < f->to_us);
}

static void same(const struct answer *got, const struct answer *want)
{
    for (size_t i = 0; i < want->n; i++) {
        size_t k = 0;
        if (!want->count[i][0] && !want->count[i][1])
            continue;
        while (k < got->n && strcmp(got->name[k], want->name[i]) != 0)
            k++;
        assert_true(k < got->n);
        assert_int_equal(got->count[k][0], want->count[i][0]);
        assert_int_equal(got->count[k][1], want->count[i][1]);
    }
    for (size_t k = 0; k < got->n; k++) {
        size_t i = 0;
        while (i < want->n && strcmp(got->name[k], want->name[i]) != 0)
            i++;
        assert_true(i < want->n && (want->count[i][0] || want->count[i][1]));
    }
}

static void ask(struct fixture *f, const struct made *all, enum tally_by by, const struct tally_filter *filter)
{
    static struct answer got, want;
    char day[16];
    memset(&got, 0, sizeof got);
    memset(&want, 0, sizeof want);
    for (size_t i = 0; i < TALLIES; i++)
        if (matches(&all[i], filter))
            count(&want, row_of(&all[i], by, day), all[i].kind, all[i].count);
    assert_ok(f, ledger_report_of(f->l, by, filter, see, &got, &f->e));
    same(&got, &want);
}

/* Whole hours; now and then whole days and months. */
static int64_t some_time(uint64_t *seed)
{
    int64_t hour = FIRST_HOUR - 100 + (int64_t)(next(seed) % (HOURS + 200));
    struct civil c;
    switch (next(seed) % 4) {
    case 0:
        return TIME_NONE;
    case 1:
        return hour / 24 * 24 * TIME_HOUR;
    case 2:
        civil_from_us(hour * TIME_HOUR, &c);
        return civil_days(c.year, c.month, 1) * TIME_DAY;
    default:
        return hour * TIME_HOUR;
    }
}

static void reports_agree_with_the_tallies(void **state)
{
    struct fixture *f = *state;
    static struct made all[TALLIES];
    uint64_t seed = 11;
    make(f, all);
    for (unsigned round = 0; round < 2000; round++) {
        slice wanted[TEXTS];
        for (unsigned i = 0; i < TEXTS; i++)
            wanted[i] = next(&seed) % 3 ? SLICE_EMPTY : name(i, (unsigned)(next(&seed) % NAMES));
        struct tally_filter filter = {wanted[0], wanted[1], wanted[2], wanted[3], wanted[4],
                                      wanted[5], wanted[6], TIME_NONE, TIME_NONE};
        filter.from_us = some_time(&seed);
        filter.to_us = some_time(&seed);
        ask(f, all, (enum tally_by)(next(&seed) % TALLY_DIMENSIONS), &filter);
    }
}

static bool first_hour(void *ctx, const struct tally_row *row)
{
    int64_t *first = ctx;
    if (row->first_us < *first)
        *first = row->first_us;
    return true;
}

static void a_campaign_tells_when_it_began(void **state)
{
    struct fixture *f = *state;
    struct made m = {FIRST_HOUR + 5, {0, 0, 1, 1, 0, 0, 0}, BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN, 1};
    int64_t first = INT64_MAX;
    assert_ok(f, ledger_begin(f->l, &f->e));
    put(f, &m, 1);
    m.hour -= 3;
    put(f, &m, 1);
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_report(f->l, TALLY_CAMPAIGN, SLICE_EMPTY, TIME_NONE, TIME_NONE, first_hour, &first, &f->e));
    assert_true(first == m.hour * TIME_HOUR);
}

static void unknown_names_match_nothing(void **state)
{
    struct fixture *f = *state;
    static struct made all[TALLIES];
    static struct answer got;
    make(f, all);
    struct tally_filter filter = TALLY_FILTER_ALL;
    filter.campaign = S("never sent");
    for (int by = 0; by < TALLY_DIMENSIONS; by++)
        assert_ok(f, ledger_report_of(f->l, (enum tally_by)by, &filter, see, &got, &f->e));
    assert_int_equal(got.n, 0);
}

static bool keep_events(void *ctx, int64_t address, slice old, const struct policy_event *gone, size_t n, arena *a,
                        slice *out)
{
    (void)ctx, (void)address, (void)old, (void)gone, (void)n, (void)a, (void)out;
    return false;
}

/* Hours and their sums go together, by whole months. */
static void pruned_tallies_still_agree(void **state)
{
    struct fixture *f = *state;
    static struct made all[TALLIES];
    struct tally_filter filter = TALLY_FILTER_ALL;
    const struct ledger_retention r = {.tallies_us = 30 * TIME_DAY};
    const int64_t now_us = (FIRST_HOUR + HOURS) * TIME_HOUR; /* 2025-01-12: what is of December stays whole */
    int64_t removed;
    size_t gone = 0;
    make(f, all);
    assert_ok(f, ledger_prune(f->l, &r, now_us, keep_events, NULL, &removed, &f->e));
    assert_true(removed > 0);
    for (size_t i = 0; i < TALLIES; i++)
        if (all[i].hour * TIME_HOUR < civil_days(2024, 12, 1) * TIME_DAY) {
            all[i].count = 0;
            gone++;
        }
    assert_true(gone > 0 && gone < TALLIES);
    for (int by = 0; by < TALLY_DIMENSIONS; by++)
        ask(f, all, (enum tally_by)by, &filter);
    filter.domain = S("d1");
    ask(f, all, TALLY_REASON, &filter);
    ask(f, all, TALLY_CAMPAIGN, &filter);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(reports_agree_with_the_tallies, fixture_memory, fixture_end),
        cmocka_unit_test_setup_teardown(pruned_tallies_still_agree, fixture_memory, fixture_end),
        cmocka_unit_test_setup_teardown(a_campaign_tells_when_it_began, fixture_memory, fixture_end),
        cmocka_unit_test_setup_teardown(unknown_names_match_nothing, fixture_memory, fixture_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
