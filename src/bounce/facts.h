/* What the header of a mail tells about its nature, taken in one walk over the fields.
 *
 * Decides cheaply whether a mail can be a report at all (facts_hint), so that newsletters and letters are let go before
 * their bodies are looked at.
 */
#ifndef BOUNCE_FACTS_H
#define BOUNCE_FACTS_H

#include "bounce/field_index.h"
#include "bounce/lexicon.h"

/* Fields that the readers ask for, in the order of facts.def. */
enum fact {
#define FACT(id, name) FACT_##id,
#include "bounce/facts.def"
#undef FACT
    FACTS
};

struct facts {
    slice field[FACTS];   /* raw value of the first of that name that is not empty; empty when there is none */
    slice address[FACTS]; /* in them, where facts_address was asked before */
    uint64_t addresses;   /* bits of these */
    slice subject, from;  /* unfolded and decoded */
    unsigned subject_words, from_words;
    bool null_sender; /* an empty or daemon's Return-Path, an mbox line of a daemon */
    bool report;      /* multipart/report */
    bool machine;     /* Auto-Submitted and its like: no person typed this */
    bool list;        /* came through a mailing list or is bulk with a way to unsubscribe */
    bool answer;      /* a person's answer or forward */
};

/* The index of the fields in facts.def, for facts_read; NULL when memory is refused. */
struct field_index *facts_index_new(void);
/* Fills all of *out but `address`. `message` begins with an mbox line where it has one. */
void facts_read(const struct field_index *index, const struct header *h, slice message, const struct lexicon *lexicon,
                struct charsets *cs, arena *a, struct facts *out);
/* True when anything at all speaks for a report, an automatic answer or a complaint. */
bool facts_hint(const struct facts *f);
/* The address in the value of a field; empty when there is none. */
slice facts_address(struct facts *f, enum fact id);

#endif
