/* The addresses that a report written for people names, and what it says about each.
 *
 * Knows no vendor: an address counts by where it stands (first on its line, in a line of an SMTP dialogue, behind words
 * like "your message to"), and what follows it up to the next one is about it. Which of them failed is freetext's
 * decision.
 */
#ifndef BOUNCE_NOTICE_H
#define BOUNCE_NOTICE_H

#include "bounce/reading.h"

#define NOTICE_MAX_ENTRIES 2000u
#define NOTICE_MAX_LINES 20000u /* the rest of a text is not looked at */

enum notice_tier {                  /* best first */
                   NOTICE_LISTED,   /* the line begins with it */
                   NOTICE_REPLY,    /* "550 <a@b>... User unknown" */
                   NOTICE_SENTENCE, /* behind words that lead to a recipient */
                   NOTICE_MENTION,  /* behind words that may lead to one */
                   NOTICE_ROLE,     /* listed, but an address that people write to for help */
                   NOTICE_LOOSE,    /* anywhere else */
                   NOTICE_TIERS
};

struct notice_entry {
    slice address;
    slice original; /* "(generated from c@d)" below it; empty when not told */
    enum notice_tier tier;
    size_t line;  /* offset of its line in the text */
    size_t after; /* offset behind the address */
    slice reply;  /* SMTP dialogue: what the server answered about it; empty when there is none */
};

struct notice {
    slice text;
    struct notice_entry *entries; /* in the order of the text, each address and tier once */
    size_t n, cap;
    slice last_reply; /* of the dialogue, about no one in particular */
    bool transcript;  /* an SMTP dialogue was seen */
};

/* Walks `text`. Entries live in the arena of `r`. */
void notice_read(struct reading *r, slice text, struct notice *out);
/* The first entry with that address, in the best tier; NULL when there is none. */
const struct notice_entry *notice_find(const struct notice *n, slice address);
/* True when `s` begins with a reply code ("550 ", "550-", "5.1.1 "). */
bool notice_is_reply(slice s);

#endif
