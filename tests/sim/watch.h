/* Noticing incidents: drives the meters of policy/meter.h with what the feeds tell, and makes spans of what they say.
 */
#ifndef SIM_WATCH_H
#define SIM_WATCH_H

#include "policy/meter.h"
#include "score.h"

struct watch {
    struct opinion *opinion;
    struct score *score;
    struct meter_set *meters;
    struct sip_key key;
    char (*names)[16];            /* of domains: "d12.example" */
    struct watch_change *changes; /* opened and over since watch_apply */
    size_t change_count, change_room;
    int64_t now_us;
};

void watch_init(struct watch *w, struct opinion *o, struct score *s);
void watch_fini(struct watch *w);
/* A log line becomes known. `knew` is the minute of the last delivery when nothing failed since, else WORLD_NEVER. */
void watch_feed(struct watch *w, uint32_t address, const struct note *n, uint32_t knew, int64_t now_us);
/* Time passes; what opened or closed is put around the addresses it concerns. */
void watch_tick(struct watch *w, int64_t now_us);

#endif
