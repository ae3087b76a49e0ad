/* Domains of a list that are slips of the finger (gmial.com), gathered: how many addresses, what became of their mail, and which domain
 * was likely meant.
 *
 * A domain is taken for mistyped when it is one slip (two, from TYPOS_LONG_BYTES on) from a large mail domain or from one of the
 * sender's own frequent domains, takes hardly any mail, is much rarer than the one that was meant, and is not known to exist
 * (core/typo_domains.def). A domain that takes mail well is never called so. Where two domains are equally near, the one that this
 * sender writes to more often was meant.
 */
#ifndef CORE_TYPOS_H
#define CORE_TYPOS_H

#include "core/rates.h"
#include "ledger/ledger.h"

#define TYPOS_LONG_BYTES 10u      /* from here on two slips are likelier than another name */
#define TYPOS_RARER 20            /* the meant domain has at least so many times the messages */
#define TYPOS_TAKES_PPM 500000    /* takes mail well: at least this share is delivered */
#define TYPOS_OWN_MAX 200u        /* frequent domains of the sender that are looked at */
#define TYPOS_OWN_MIN_SENT 1000   /* and how many messages make one frequent */
#define TYPOS_OWN_GOOD_PPM 900000 /* of which this share is delivered */

struct typo_cluster {
    slice domain, meant;
    unsigned slips;
    bool own; /* the meant domain is one of the sender's own frequent ones */
    int64_t addresses;
    struct rates rates; /* of the messages to the mistyped domain */
};
struct typos {
    struct typo_cluster *clusters; /* most addresses first; in the arena */
    size_t n;
    int64_t addresses; /* in all of them */
};
/* Of a tenant (empty: all). */
NODISCARD enum status typos_find(struct ledger *l, slice tenant, arena *a, struct typos *out, err *e);
/* The cluster of a domain; NULL: none. */
const struct typo_cluster *typos_of(const struct typos *t, slice domain);

#endif
