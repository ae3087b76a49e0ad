/* A year of sending into a world under one policy: campaigns, retries, reports on their way, what we make of them.
 */
#ifndef SIM_YEAR_H
#define SIM_YEAR_H

#include "score.h"
#include "watch.h"

struct coming;

struct year {
    struct world *world;
    const struct replies *replies;
    struct opinion opinion;
    struct score score;
    struct watch watch;
    bool watching, all;
    uint32_t *taken;       /* by address: minute of the last delivery */
    uint32_t *knew;        /* the same, as long as nothing failed since */
    struct coming *coming; /* a heap of what is due later */
    size_t coming_count, coming_room;
    uint64_t coming_number;
    uint32_t minute;
    /* Where each note goes as well, when it becomes known; NULL: nowhere. */
    void (*told)(void *ctx, uint32_t address, const struct note *n, int64_t now_us);
    void *ctx;
};

struct year_options {
    bool all; /* every delivery is told, also where nothing failed: for a ledger beside it */
    struct policy policy;
    struct policy_stream streams[STREAMS]; /* what the policy may point to */
    bool forgets;                          /* see struct opinion */
    bool watching;                         /* incidents are looked for */
    void (*told)(void *ctx, uint32_t address, const struct note *n, int64_t now_us);
    void *ctx;
};

/* Runs it; year_fini when the score was read. */
void year_run(struct year *y, struct world *w, const struct replies *replies, const struct year_options *options);
void year_fini(struct year *y);

#endif
