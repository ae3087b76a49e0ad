#include "policy/grade.h"

static const struct grade_border borders[GRADE_PARTS] = {
#define GRADE_PART(symbol, word_, points_, good, bad, worst, clean, least_, what_, from_) \
    [GRADE_##symbol] = {.word = (word_),                                                  \
                        .what = (what_),                                                  \
                        .from = (from_),                                                  \
                        .points = (points_),                                              \
                        .good_ppm = (good),                                               \
                        .bad_ppm = (bad),                                                 \
                        .worst_ppm = (worst),                                             \
                        .clean_ppm = (clean),                                             \
                        .least = (least_)},
#include "policy/grade_parts.def"
#undef GRADE_PART
};

const struct grade_border *grade_border(enum grade_part p)
{
    MUST(p < GRADE_PARTS);
    return &borders[p];
}

const char *grade_word(enum grade g)
{
    static const char *const words[GRADES] = {"", "Bad", "Low", "Medium", "High"};
    MUST(g < GRADES);
    return words[g];
}

static unsigned points_of(const struct grade_border *b, int64_t ppm)
{
    if (ppm <= b->good_ppm)
        return b->points;
    if (ppm >= b->bad_ppm)
        return 0;
    int64_t span = b->bad_ppm - b->good_ppm;
    return (unsigned)((b->points * (b->bad_ppm - ppm) + span / 2) / span);
}

/* The best grade that a part allows. */
static enum grade most(const struct grade_border *b, int64_t ppm)
{
    if (b->worst_ppm && ppm >= b->worst_ppm)
        return GRADE_BAD;
    return ppm >= b->bad_ppm ? GRADE_LOW : GRADE_HIGH;
}

static enum grade by_points(unsigned points)
{
    if (points >= GRADE_HIGH_POINTS)
        return GRADE_HIGH;
    if (points >= GRADE_MEDIUM_POINTS)
        return GRADE_MEDIUM;
    return points >= GRADE_LOW_POINTS ? GRADE_LOW : GRADE_BAD;
}

void grade_of(const struct grade_rate rates[GRADE_PARTS], struct graded *out)
{
    unsigned sum = 0, whole = 0;
    enum grade cap = GRADE_HIGH;
    *out = (struct graded){.grade = GRADE_NONE, .cap = GRADE_PARTS};
    for (unsigned i = 0; i < GRADE_PARTS; i++) {
        const struct grade_border *b = &borders[i];
        struct grade_scored *s = &out->parts[i];
        s->counted = rates[i].whole >= b->least;
        if (!s->counted)
            continue;
        s->points = points_of(b, rates[i].ppm);
        sum += s->points;
        whole += b->points;
        if (most(b, rates[i].ppm) < cap) {
            cap = most(b, rates[i].ppm);
            out->cap = (enum grade_part)i;
        }
    }
    if (!out->parts[GRADE_BLOCKS].counted && !out->parts[GRADE_HARD].counted)
        return;
    out->points = (sum * 100 + whole / 2) / whole;
    out->grade = by_points(out->points);
    if (cap <= out->grade)
        out->grade = cap;
    else
        out->cap = GRADE_PARTS;
}

bool grade_tightens(const struct graded *g, bool stands)
{
    if (g->grade == GRADE_NONE)
        return false;
    if (g->grade <= GRADE_LOW)
        return true;
    return stands && g->points < GRADE_MEDIUM_POINTS + GRADE_HYSTERESIS_POINTS;
}

enum grade_week grade_week(const struct grade_rate rates[GRADE_PARTS], unsigned *why)
{
    *why = 0;
    if (rates[GRADE_BLOCKS].whole < borders[GRADE_BLOCKS].least)
        return GRADE_WEEK_EMPTY;
    for (unsigned i = 0; i < GRADE_PARTS; i++)
        if (borders[i].clean_ppm && rates[i].whole >= borders[i].least && rates[i].ppm > borders[i].clean_ppm)
            *why |= 1u << i;
    return *why ? GRADE_WEEK_DIRTY : GRADE_WEEK_CLEAN;
}
