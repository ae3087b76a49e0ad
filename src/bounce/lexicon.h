/* What the words of a mail tell before anything is parsed: that something failed, is delayed, is a person's absence.
 *
 * The phrases are data (lexicon.def), in the languages that mail systems write; one pass over a text finds them all.
 */
#ifndef BOUNCE_LEXICON_H
#define BOUNCE_LEXICON_H

#include "bounce/phrase.h"

enum word {                      /* bits */
            WORD_FAILED = 1,     /* delivery failed */
            WORD_DELAYED = 2,    /* delivery is still being tried */
            WORD_EXPIRED = 4,    /* given up after a time of trying */
            WORD_ABSENT = 8,     /* vacation, out of office, automatic answer */
            WORD_CHALLENGE = 16, /* "confirm that you are a person" */
            WORD_DAEMON = 32,    /* a mail system writes */
            WORD_PERSON = 64,    /* a person answers or forwards */
            WORD_UNSUBSCRIBE = 128,
            WORD_COMPLAINT = 256, /* a feedback loop writes */
            WORD_DELIVERED = 512, /* it arrived, or was passed on */
            WORD_QUOTE = 1024,    /* what follows is what another server said */
            WORD_CONTACT = 2048,  /* the address that follows is for asking, not the failed one */
            WORD_TARGET = 4096,   /* the address that follows is where the mail went */
            WORD_SENDER = 8192,   /* the address that follows is ours */
            WORD_ALIAS = 16384,   /* the address that follows is what the failed one came from */
            WORD_GATEWAY = 32768, /* a filter writes that often has no null sender */
            WORD_ROBOT = 131072,  /* beside DAEMON: no person has that address */
            WORD_WEAK = 65536     /* beside FAILED: people write these words too */
};

enum word_place {
    PLACE_SUBJECT,
    PLACE_FROM,
    PLACE_TEXT,
    PLACE_NEAR,
    PLACE_EXPIRED, /* of the phrases of PLACE_TEXT those with WORD_EXPIRED, for what is only asked this */
    PLACE_QUOTE,   /* those with WORD_QUOTE */
    PLACES
};

struct lexicon;

/* NULL when memory is refused. */
struct lexicon *lexicon_new(void);
void lexicon_free(struct lexicon **w);
/* All meanings found. */
unsigned lexicon_in(const struct lexicon *w, enum word_place place, slice text);
/* The next phrase at or after *pos, of several there the longest; *pos becomes its end. 0 when there is none. */
unsigned lexicon_next(const struct lexicon *w, enum word_place place, slice text, size_t *pos);

#endif
