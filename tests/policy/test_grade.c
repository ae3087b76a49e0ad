/* Grades at their borders; docs/health.md is held against the table. */
#include <stdlib.h>

#include "check.h"
#include "policy/grade.h"

#define PLENTY 100000

static void good(struct grade_rate rates[GRADE_PARTS])
{
    for (unsigned i = 0; i < GRADE_PARTS; i++)
        rates[i] = (struct grade_rate){0, PLENTY};
}

static struct graded with(enum grade_part part, int64_t ppm)
{
    struct grade_rate rates[GRADE_PARTS];
    struct graded g;
    good(rates);
    rates[part].ppm = ppm;
    grade_of(rates, &g);
    return g;
}

static void every_part_at_its_borders(void **state)
{
    unsigned sum = 0;
    (void)state;
    for (unsigned i = 0; i < GRADE_PARTS; i++) {
        const struct grade_border *b = grade_border((enum grade_part)i);
        sum += b->points;
        struct graded g = with((enum grade_part)i, b->good_ppm);
        assert_int_equal(g.points, 100);
        assert_int_equal(g.grade, GRADE_HIGH);
        assert_int_equal(g.cap, GRADE_PARTS);
        assert_true(with((enum grade_part)i, (b->good_ppm + b->bad_ppm) / 2).points < 100);
        assert_int_equal(with((enum grade_part)i, (b->good_ppm + b->bad_ppm) / 2).parts[i].points, b->points / 2);
        g = with((enum grade_part)i, b->bad_ppm - 1);
        assert_true(g.grade >= GRADE_MEDIUM && g.cap == GRADE_PARTS);
        g = with((enum grade_part)i, b->bad_ppm);
        assert_int_equal(g.parts[i].points, 0);
        assert_int_equal(g.grade, GRADE_LOW);
        assert_int_equal(g.cap, i);
        if (b->worst_ppm) {
            assert_int_equal(with((enum grade_part)i, b->worst_ppm - 1).grade, GRADE_LOW);
            assert_int_equal(with((enum grade_part)i, b->worst_ppm).grade, GRADE_BAD);
        } else {
            assert_int_equal(with((enum grade_part)i, 1000000).grade, GRADE_LOW);
        }
    }
    assert_int_equal(sum, 100);
}

static void points_make_the_grade(void **state)
{
    struct grade_rate rates[GRADE_PARTS];
    struct graded g;
    (void)state;
    good(rates); /* 30 + 10 of blocks at 7 % + 20 + 10 + 10 = 80 */
    rates[GRADE_BLOCKS].ppm = 70000;
    grade_of(rates, &g);
    assert_int_equal(g.points, 80);
    assert_int_equal(g.grade, GRADE_HIGH);
    rates[GRADE_BLOCKS].ppm = 75000;
    grade_of(rates, &g);
    assert_int_equal(g.points, 78);
    assert_int_equal(g.grade, GRADE_MEDIUM);
    rates[GRADE_COMPLAINTS].ppm = 2700; /* 4.5 points, rounded up */
    rates[GRADE_HARD].ppm = 18000;
    grade_of(rates, &g);
    assert_int_equal(g.points, 5 + 8 + 3 + 10 + 10);
    assert_int_equal(g.grade, GRADE_LOW);
    rates[GRADE_DEFERRALS].ppm = 450000;
    grade_of(rates, &g);
    assert_int_equal(g.grade, GRADE_BAD);
}

static void little_mail_says_nothing(void **state)
{
    struct grade_rate rates[GRADE_PARTS] = {{0, 0}};
    struct graded g;
    (void)state;
    grade_of(rates, &g);
    assert_int_equal(g.grade, GRADE_NONE);
    rates[GRADE_COMPLAINTS] = (struct grade_rate){900000, 999};
    rates[GRADE_BLOCKS] = (struct grade_rate){1000000, 99};
    rates[GRADE_HARD] = (struct grade_rate){1000000, 99};
    rates[GRADE_REPORTED] = (struct grade_rate){1000000, 1};
    grade_of(rates, &g);
    assert_int_equal(g.grade, GRADE_NONE);
    rates[GRADE_BLOCKS] = (struct grade_rate){0, 100};
    rates[GRADE_REPORTED] = (struct grade_rate){0, 0};
    grade_of(rates, &g);
    assert_int_equal(g.grade, GRADE_HIGH);
    assert_int_equal(g.points, 100); /* scaled over what counts */
    assert_false(g.parts[GRADE_COMPLAINTS].counted || g.parts[GRADE_HARD].counted);
}

static void a_circumstance_does_not_flicker(void **state)
{
    static const struct {
        enum grade grade;
        unsigned points;
        bool stands, then;
    } rows[] = {
        {GRADE_HIGH, 90, false, false}, {GRADE_HIGH, 90, true, false},   {GRADE_MEDIUM, 60, false, false},
        {GRADE_MEDIUM, 64, true, true}, {GRADE_MEDIUM, 65, true, false}, {GRADE_LOW, 59, false, true},
        {GRADE_LOW, 90, true, true}, /* held down by a part */
        {GRADE_BAD, 10, false, true},   {GRADE_NONE, 0, false, false},   {GRADE_NONE, 0, true, false},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct graded g = {.grade = rows[i].grade, .points = rows[i].points};
        assert_int_equal(grade_tightens(&g, rows[i].stands), rows[i].then);
    }
}

static void weeks(void **state)
{
    struct grade_rate rates[GRADE_PARTS];
    unsigned why;
    (void)state;
    good(rates);
    rates[GRADE_DEFERRALS].ppm = 900000; /* not asked */
    rates[GRADE_COMPLAINTS].ppm = 1000;
    rates[GRADE_BLOCKS].ppm = 20000;
    assert_int_equal(grade_week(rates, &why), GRADE_WEEK_CLEAN);
    rates[GRADE_BLOCKS].ppm = 20001;
    rates[GRADE_HARD].ppm = 20001;
    assert_int_equal(grade_week(rates, &why), GRADE_WEEK_DIRTY);
    assert_int_equal(why, 1u << GRADE_BLOCKS | 1u << GRADE_HARD);
    rates[GRADE_BLOCKS].whole = 99;
    assert_int_equal(grade_week(rates, &why), GRADE_WEEK_EMPTY);
}

static void add_percent(char *to, size_t room, int64_t ppm)
{
    int64_t whole = ppm / 10000, tenth = ppm % 10000 / 1000;
    if (tenth)
        snprintf(to, room, "%lld.%lld %%", (long long)whole, (long long)tenth);
    else
        snprintf(to, room, "%lld %%", (long long)whole);
}

/* "| 30 | 0.1 % | 0.3 % |" and where it is from stand in one line of docs/health.md. */
static void the_page_says_the_same(void **state)
{
    FILE *f = fopen(TEST_SOURCE "/docs/health.md", "rb");
    static char page[65536];
    (void)state;
    assert_non_null(f);
    size_t n = fread(page, 1, sizeof page - 1, f);
    fclose(f);
    page[n] = '\0';
    for (unsigned i = 0; i < GRADE_REPORTED; i++) {
        const struct grade_border *b = grade_border((enum grade_part)i);
        char good_at[24], bad_at[24], worst_at[24] = "", row[160];
        add_percent(good_at, sizeof good_at, b->good_ppm);
        add_percent(bad_at, sizeof bad_at, b->bad_ppm);
        if (b->worst_ppm)
            add_percent(worst_at, sizeof worst_at, b->worst_ppm);
        snprintf(row, sizeof row, "| %u | %s | %s | %s%s|", b->points, good_at, bad_at, worst_at,
                 b->worst_ppm ? " " : "");
        if (!strstr(page, row) || !strstr(page, b->from))
            fail_msg("docs/health.md lacks: %s ... %s", row, b->from);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_part_at_its_borders),
        cmocka_unit_test(points_make_the_grade),
        cmocka_unit_test(little_mail_says_nothing),
        cmocka_unit_test(a_circumstance_does_not_flicker),
        cmocka_unit_test(weeks),
        cmocka_unit_test(the_page_says_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
