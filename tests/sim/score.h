/* What a year under a policy came to, against the truth: docs/simulation.md says what each number means.
 */
#ifndef SIM_SCORE_H
#define SIM_SCORE_H

#include "opinion.h"

/* How an outage was noticed, one for each trouble of the world. */
struct noticed {
    uint32_t first;      /* minute of the first message that it hit; WORLD_NEVER: none */
    uint32_t first_hour; /* messages hit in the hour from then on */
    uint32_t hit;        /* messages so far */
    uint32_t at_hit;     /* messages so far when an incident opened; WORLD_NEVER: none did */
    uint32_t at;         /* minute */
};

struct score {
    struct opinion *opinion;
    struct noticed *noticed;
    uint64_t sent, delivered, failed, deferred, withheld;
    uint32_t good; /* addresses with a living recipient at the end, or until they died */
    uint32_t wrong_ever, wrong, wrong_by[SITUATIONS];
    uint32_t wrong_open; /* of `wrong`, those still suppressed at the end */
    uint64_t withheld_good;
    uint32_t *wrong_minutes; /* of each that ended, for the median */
    uint32_t wrong_span_count;
    size_t wrong_span_room;
    uint32_t plain, plain_missed, low, low_missed, full, full_missed, returned;
    uint32_t opened, false_opened, calm_opened;
    uint32_t outages, outages_noticed; /* above 100 messages an hour */
    uint32_t worst_hit, worst_minutes; /* of those noticed */
};

void score_init(struct score *s, struct opinion *o);
void score_fini(struct score *s);
/* A message is sent to an address of which we know something. */
void score_sent(struct score *s, struct record *r, uint32_t minute);
void score_withheld(struct score *s, struct record *r, uint32_t minute);
/* A failure was told. */
void score_told(struct score *s, struct record *r, const struct note *n, uint32_t minute);
void score_hit(struct score *s, const struct trouble *t, uint32_t minute);
/* An incident opened. */
void score_opened(struct score *s, struct span *span);
/* The end of the year. */
void score_close(struct score *s);

void score_head(buf *out);
void score_line(const struct score *s, const char *name, buf *out);
/* The rest: by what the wrong ones came about, outages one by one. */
void score_details(const struct score *s, buf *out);
/* Per 100,000 good addresses, in thousandths. */
uint64_t score_wrong_milli(const struct score *s);

#endif
