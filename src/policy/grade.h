/* How a provider seems to think of a sender, as a grade with its parts: High, Medium, Low, Bad.
 *
 * Pure arithmetic over counts; who counts is core/health.h. The parts, their points and borders are grade_parts.def, explained in
 * docs/health.md. Rates are integers in millionths. A part of which there is too little mail counts neither for nor against: the
 * points of the others are scaled to 100. Without blocks and hard bounces, the two that every provider tells, there is no grade.
 */
#ifndef POLICY_GRADE_H
#define POLICY_GRADE_H

#include "base/slice.h"

enum grade {
    GRADE_NONE, /* too little mail to tell */
    GRADE_BAD,
    GRADE_LOW,
    GRADE_MEDIUM,
    GRADE_HIGH,
    GRADES
};
const char *grade_word(enum grade g); /* "", "Bad", ... */

enum grade_part {
#define GRADE_PART(symbol, word, points, good, bad, worst, clean, least, what, from) GRADE_##symbol,
#include "policy/grade_parts.def"
#undef GRADE_PART
    GRADE_PARTS
};

struct grade_border {
    const char *word, *what, *from;
    unsigned points;
    int64_t good_ppm, bad_ppm, worst_ppm, clean_ppm;
    int64_t least;
};
const struct grade_border *grade_border(enum grade_part p);

/* From these points on; below GRADE_LOW_POINTS it is Bad. */
#define GRADE_HIGH_POINTS 80u
#define GRADE_MEDIUM_POINTS 60u
#define GRADE_LOW_POINTS 35u
/* A grade of Low or Bad that stands ends only this far above the border, so that it does not come and go with every hour. */
#define GRADE_HYSTERESIS_POINTS 5u

/* What a part is made of: a rate, and of how much. */
struct grade_rate {
    int64_t ppm;
    int64_t whole;
};

struct grade_scored {
    bool counted;    /* there is enough to tell */
    unsigned points; /* of grade_border()->points */
};

struct graded {
    enum grade grade;
    unsigned points; /* 0 to 100, scaled; 0 where there is no grade */
    struct grade_scored parts[GRADE_PARTS];
    enum grade_part cap; /* the part that holds the grade down; GRADE_PARTS: none */
};

void grade_of(const struct grade_rate rates[GRADE_PARTS], struct graded *out);
/* Whether a circumstance of poor health stands from now on; `stands`: it does so far. */
bool grade_tightens(const struct graded *g, bool stands);

/* ---- recovery ---- */

enum grade_week { GRADE_WEEK_EMPTY /* too little mail to tell */, GRADE_WEEK_CLEAN, GRADE_WEEK_DIRTY };
/* *why: bits 1 << enum grade_part of what was not clean. */
enum grade_week grade_week(const struct grade_rate rates[GRADE_PARTS], unsigned *why);

#endif
