/* New ground has no past: the first GROUND_SENDS messages of an acquisition source, an import batch, a platform (feed), a stream or a
 * country (top-level domain of two letters) are watched, and warned of as soon as they are surely bad (a sequential test: 8 hard bounces
 * among the first 60 are enough).
 *
 * A source or import of which 2 % bounce hard and whose mail nobody opens, though others of the sender do open, looks bought. Its rest can
 * be held: addresses that nothing was delivered to are suppressed by hand, in the ground's name, and freed again when it is released.
 *
 * Counting happens with the tallies (core/tally.h), so that one message counts once and corrections correct; it costs one look into a map
 * for each dimension of an outcome, and a search for the source of an address only while a source or an import is watched.
 */
#ifndef CORE_GROUND_H
#define CORE_GROUND_H

#include "core/entry.h"
#include "ledger/watching.h"

#define GROUND_SENDS 1000             /* watched for so many */
#define GROUND_LEAST 200              /* judged after GROUND_AGE_US with so few */
#define GROUND_AGE_US (30 * TIME_DAY) /* then what has not got so far is judged by what there is */
#define GROUND_OPEN_US (2 * TIME_DAY) /* how long mail may lie until it is opened */
#define GROUND_HARD_PPM 20000         /* a bad ground, and one that looks bought */
#define GROUND_BLOCK_PPM 100000
#define GROUND_COMPLAINT_PPM 5000
#define GROUND_PAGE 500u  /* addresses held or released in one transaction */
#define GROUND_MAX 20000u /* kept in memory; what is beyond is not watched */

enum ground_kind { GROUND_SOURCE, GROUND_IMPORT, GROUND_FEED, GROUND_STREAM, GROUND_COUNTRY, GROUND_KINDS };
const char *ground_kind_word(enum ground_kind k); /* "source", "import", "feed", "stream", "country" */
enum ground_kind ground_kind_find(slice word);    /* GROUND_KINDS when there is none */

/* Numbers are stored. */
enum ground_state { GROUND_WATCHED, GROUND_GOOD, GROUND_BAD, GROUND_HELD, GROUND_RELEASED, GROUND_STATES };
const char *ground_state_word(enum ground_state s);

/* ---- counting, by the intake ---- */

struct grounds;
NODISCARD enum status grounds_new(struct grounds **out, err *e);
void grounds_free(struct grounds **g);
/* A batch begins: what was counted and not written is forgotten. Reads the ledger's grounds from time to time. */
NODISCARD enum status grounds_begin(struct grounds *g, struct ledger *l, int64_t now_us, err *e);
/* One outcome, or the taking back of one (t->count -1), of the address of `n`. */
NODISCARD enum status grounds_count(struct grounds *g, const struct entry *n, const struct observation *o,
                                    const struct ledger_tally *t, err *e);
NODISCARD enum status grounds_write(struct grounds *g, struct ledger *l, int64_t now_us, err *e);

/* ---- judging ---- */

/* What speaks against it; surely, however few there are. Empty: nothing. */
slice ground_trouble(const struct ledger_ground *g, arena *a);
/* `tracks`: somebody opens or clicks this sender's mail, so that silence says something. */
bool ground_looks_bought(const struct ledger_ground *g, bool tracks, int64_t now_us);
/* Whether opens and clicks were heard of in the last 30 days. */
NODISCARD enum status ground_tracks(struct ledger *l, int64_t now_us, bool *tracks, err *e);
/* Those that were watched long enough become good or bad. Inside a transaction. */
NODISCARD enum status grounds_judge(struct ledger *l, int64_t now_us, err *e);

/* ---- holding the rest ---- */

struct ground_act {
    enum ground_kind kind; /* source or import */
    slice tenant, name, actor, note;
    int64_t now_us;
    bool release;
};
struct ground_counts {
    uint64_t looked, changed; /* addresses */
};
/* One transaction of it: goes on behind *after (empty: from the beginning), which gets where to go on in `a`; *more: there is a rest. The
 * last page notes what became of the ground. E_NOT_FOUND: nothing was ever heard of it. E_INVALID: a feed, stream or country. */
NODISCARD enum status ground_act_some(struct ledger *l, const struct policy *policy, const struct ground_act *act,
                                      slice *after, arena *a, struct ground_counts *counts, bool *more, err *e);

/* Members of an open object. */
struct jsonw;
void ground_show(struct jsonw *j, const struct ledger_ground *g, bool tracks, int64_t now_us);

#endif
