/* The lines that the field and large receivers draw for rates (thresholds.def), and which of them a row of a report has crossed.
 *
 * A line is crossed when the rate is above it, rests on at least THRESHOLD_MIN_MESSAGES messages and comes from at least
 * THRESHOLD_MIN_EVENTS of them: one failure of ten is no rate of 10 %. Pure; rates are parts per million.
 */
#ifndef CORE_THRESHOLD_H
#define CORE_THRESHOLD_H

#include "core/rates.h"

#define THRESHOLD_MIN_MESSAGES 100
#define THRESHOLD_MIN_EVENTS 3

enum figure {
    FIGURE_HARD,
    FIGURE_SOFT,   /* what two-word guides call so: soft and block */
    FIGURE_BOUNCE, /* hard, soft and block */
    FIGURE_COMPLAINT,
    FIGURES
};
enum threshold_level { THRESHOLD_NONE, THRESHOLD_AIM, THRESHOLD_LIMIT };

struct threshold {
    const char *who; /* "the field", "Gmail" */
    enum figure figure;
    int64_t ppm;
    enum threshold_level level;
    const char *says;  /* "sending may be paused" */
    const char *where; /* who says so: a document, not a link */
};

const char *figure_word(enum figure f); /* "hard", "soft", "bounce", "complaint" */
const char *figure_text(enum figure f); /* "hard", "soft and block", "all bounces", "complaints" */
/* What a figure is of these messages: the events, what they are parts of, and the rate. */
struct figure_value {
    int64_t events, messages, ppm;
};
struct figure_value figure_of(const struct rates *r, enum figure f);

/* All of them, in the order of the table. */
const struct threshold *threshold_all(size_t *n);
bool threshold_crossed(const struct threshold *t, const struct rates *r);
/* Of those of a figure that were crossed, the one with the highest line; limits go before aims, and `the field` before others with
 * the same line. NULL: none. */
const struct threshold *threshold_worst(const struct rates *r, enum figure f);

#endif
