/* The world: who has a mailbox where, what happens to mailboxes, domains and providers in a year, and what becomes of one attempt to
 * deliver one message. It knows nothing of policies, and no policy changes it: docs/simulation.md.
 *
 * Times are minutes since the start of the year; WORLD_NEVER stands for "not". A world is drawn once and read-only then, but for
 * the clock (world_tick). Memory that is refused ends the program: this is a tool.
 */
#ifndef SIM_WORLD_H
#define SIM_WORLD_H

#include "base/time.h"
#include "replies.h"

#define WORLD_NEVER UINT32_MAX
#define WORLD_MONTH (1440u * 365u / 12u)
#define WORLD_YEAR (1440u * 365u)
#define WORLD_START_US (INT64_C(1767225600) * TIME_SECOND) /* 2026-01-01 */

#define STREAM_DAILY 0u
#define STREAM_WEEKLY 1u /* and the four behind it: one for each weekday */
#define STREAM_MONTHLY 6u
#define STREAMS 9u

struct params {
#define PARAM(name, unit, value, low, high, source, meaning) uint32_t name;
#include "world.def"
#undef PARAM
};

struct domain {
    uint32_t
        provider; /* the number of the domain that stands for it: its own, or that of the large one that keeps its mail */
    bool giant, low, low_temporary, catch_all, late_word, greylist, full_temporary;
};

/* Something is the matter with a mailbox for a while. */
struct spell {
    uint32_t from, until;
    uint8_t situation; /* FULL, UNAVAILABLE */
    bool abandoned;
};

struct address {
    uint32_t domain, joined, dead; /* WORLD_NEVER: not this year */
    uint32_t first_spell;
    uint16_t streams; /* bits */
    uint8_t spell_count;
    bool closed;     /* when dead: the words are "closed" */
    uint32_t forged; /* when somebody forges a bounce about it */
};

/* Something is the matter with a domain or a provider for a while. */
struct trouble {
    uint32_t from, until;
    uint32_t place; /* domain, or the domain that stands for the provider */
    bool of_provider;
    enum situation situation;
    uint32_t share;  /* of messages that it hits, in a million */
    uint32_t number; /* its own, for chance */
};

struct world {
    struct params p;
    uint64_t seed;
    uint32_t n;
    struct address *addresses;
    struct domain *domains;
    struct spell *spells;
    size_t spell_count, spell_room;
    struct trouble *troubles; /* in the order of their beginning */
    size_t trouble_count, trouble_room;
    const struct trouble **now; /* of each domain */
    size_t next_trouble;        /* that will begin */
    uint32_t *list[STREAMS];    /* who is on it */
    uint32_t list_count[STREAMS];
    bool no_troubles; /* a world without outages and blocks */
};

/* The parameters of docs/simulation.md; with `anew` each is drawn within its range by the seed. */
void params_init(struct params *p, bool anew, uint64_t seed);
/* Sets one by "name=value"; false when there is no such parameter. */
bool params_set(struct params *p, const char *assignment);
void world_init(struct world *w, const struct params *p, uint64_t seed, uint32_t addresses, bool no_troubles);
void world_fini(struct world *w);
/* Back to the first minute. */
void world_rewind(struct world *w);
/* Begins and ends troubles; minutes are given in order. */
void world_tick(struct world *w, uint32_t minute);

/* One attempt at a message. `taken` is when the recipient last took mail, WORLD_NEVER for never; *trouble gets what was the reason,
 * NULL for none that concerns others. */
enum situation world_attempt(const struct world *w, uint32_t address, uint32_t minute, uint64_t message, uint32_t taken,
                             const struct trouble **trouble);
/* What is the matter with the mailbox itself. */
enum situation world_mailbox(const struct world *w, uint32_t address, uint32_t minute);
/* Somebody lives there, who reads mail now or will within the bounds of docs/simulation.md. */
bool world_good(const struct world *w, uint32_t address, uint32_t minute);
bool world_abandoned(const struct world *w, uint32_t address, uint32_t minute);
/* April, August and December have no troubles. */
bool world_calm(uint32_t minute);

/* The table of parameters in Markdown. */
void world_describe(buf *out);

#endif
