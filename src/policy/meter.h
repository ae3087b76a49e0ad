/* Noticing a receiver's bad day: one meter for each domain, each provider and each text of a reply, which holds what is happening
 * against its own past and says when an incident opens and when it is over. What is measured and why: docs/incidents.md.
 *
 * Pure: no clock, no ledger. Events are given in about the order in which they happened; an event more than METER_LATE_US behind the
 * last one of its meter moves nothing. The same events give the same verdicts. Memory is bounded by `most` (about 700 bytes each);
 * the meters not used for longest go, except open ones. Nothing here decides about an address: a verdict becomes a circumstance.
 */
#ifndef POLICY_METER_H
#define POLICY_METER_H

#include "base/buf.h"
#include "base/hash.h"
#include "base/time.h"
#include "bounce.h"

#define METER_MOST 65536u                /* meters kept when nothing else is said */
#define METER_MOST_OPEN 1024u            /* incidents open at one time; no more are opened */
#define METER_LATE_US (15 * TIME_MINUTE) /* an event so far behind moves nothing */
#define METER_ONCE_US (6 * TIME_HOUR)    /* failures of one recipient within this span count once */
#define METER_FRESH_US (5 * TIME_MINUTE) /* took mail just before: a server that bounces what it accepted */
#define METER_RECENT_US (10 * TIME_DAY)  /* "took mail": delivered within this span; */
#define METER_KNEW_US (45 * TIME_DAY)    /* or, with more of them expected to be gone, within this one */
#define METER_LEAST_FAILED 8u            /* recipients that must have failed */
#define METER_LEAST_GONE 4u              /* the same of one domain, who took mail in the last days and are unknown */
#define METER_LEAST_PAST 20u             /* messages that must have gone well before: no past, no incident */
#define METER_MARGIN_US \
    (10 * TIME_MINUTE) /* an incident begins so much before the first failure of its run, and ends so much
                                               behind the first message of what is normal again */
#define METER_NORMAL_US (30 * TIME_MINUTE) /* it must have been normal for so long to be over */
#define METER_QUIET_US (2 * TIME_DAY)      /* without another failure for so long it is over */
#define METER_MUTED_US (6 * TIME_HOUR)     /* after a person ended it, no other one is opened for so long */
#define METER_LONGEST_US (4 * TIME_DAY)    /* then this is no incident any more but how things are */

enum meter_by { METER_DOMAIN, METER_PROVIDER, METER_TEXT, METERS };
const char *meter_word(enum meter_by by); /* "domain", ... */

/* What was seen. Blocks, greylisting and what only concerns the message or us are none of them. */
enum meter_signal {
    SIGNAL_HOST, /* the domain or the network is to blame, or nothing tells who */
    SIGNAL_GONE, /* recipients who took mail in the last days are unknown now */
    SIGNAL_AWAY, /* the same of those who took mail weeks ago: more of them are gone in fact */
    SIGNAL_BOX,  /* recipients who took mail have full or unavailable mailboxes now */
    SIGNALS
};
const char *meter_signal_word(enum meter_signal s); /* "host", ... */
const char *meter_signal_text(enum meter_signal s); /* for people, without the full stop */

enum meter_end {
    METER_OPEN,
    METER_NORMAL,  /* normal again for long enough */
    METER_QUIET,   /* no failure any more, and too little mail to say more */
    METER_LONGEST, /* it goes on: from now on this is normal */
};

/* Proven or matched events only: anybody can mail us a bounce. */
struct meter_event {
    int64_t time_us; /* not after now: what is dated later is given as now */
    slice tenant, domain, provider;
    uint32_t text; /* of the reply as it is grouped (policy_mark); 0: none */
    uint64_t who;  /* stands for tenant and recipient */
    enum bounce_kind kind;
    enum bounce_reason reason;
    bool tried_nothing;
    int64_t knew_us; /* the last delivery to the recipient, when nothing has failed since; TIME_NONE */
};

struct meter_verdict {
    enum meter_end end; /* METER_OPEN: it has just opened; else it is over */
    enum meter_by by;
    enum meter_signal signal;
    slice tenant, name;        /* opened: of the domain or provider; empty for a text */
    uint32_t text;             /* opened: METER_TEXT */
    int64_t id;                /* over: what the callback returned when it opened */
    int64_t from_us, until_us; /* from when on; over: until when */
    int64_t seen_us;           /* the event or time that showed it */
    uint32_t messages, failed; /* since from_us, as far as counted */
    uint32_t normal_ppm;       /* share of failures that would be normal */
    uint32_t share_ppm;        /* and as it was */
    bool pause;                /* many turned unknown: to the receiver we look like somebody who guesses addresses */
};
/* Returns the number by which an opened one is called from then on; ignored for one that is over. Must not call the set. */
typedef int64_t (*meter_fn)(void *ctx, const struct meter_verdict *v);

enum meter_sensitivity { METER_LOW, METER_USUAL, METER_HIGH, METER_SENSITIVITIES };

struct meter_options {
    size_t most; /* 0: METER_MOST */
    enum meter_sensitivity sensitivity;
    const struct sip_key *key; /* for the table; names come from strangers */
    meter_fn verdict;
    void *ctx;
};

struct meter_set;
/* NULL when memory is refused. */
struct meter_set *meter_set_new(const struct meter_options *o);
void meter_set_free(struct meter_set **set);
/* One event; calls `verdict` for what opens or is over with it. */
void meter_set_feed(struct meter_set *set, const struct meter_event *e);
/* Time passes: what is over by then is told. Not before the last event. */
void meter_set_tick(struct meter_set *set, int64_t now_us);
/* The latest event; TIME_NONE: there was none. */
int64_t meter_set_clock(const struct meter_set *set);
/* A person ended it: it is not open here any more, and its meter opens none for METER_MUTED_US. `normal`: it was none, so that what
 * happened is normal from now on. */
void meter_set_release(struct meter_set *set, int64_t id, bool normal);
size_t meter_set_count(const struct meter_set *set);
size_t meter_set_open_count(const struct meter_set *set);
/* True while the incident that the callback called so is open here. */
bool meter_set_has(const struct meter_set *set, int64_t id);
/* True when the domain or the provider has an open incident. */
bool meter_set_is_open(const struct meter_set *set, slice tenant, enum meter_by by, slice name);

/* Keeping it over a restart: each meter is a row of bytes under 8 bytes of key (stable while options.key is). `changed`: only those
 * fed since the last call. Rows are the machine's own bytes behind a version: a cache, not the truth. */
typedef bool (*meter_row_fn)(void *ctx, uint64_t key, slice bytes);
bool meter_set_save(struct meter_set *set, bool changed, meter_row_fn row, void *ctx);
/* Takes a row; false when it is none of ours, or there is no room. */
bool meter_set_load(struct meter_set *set, uint64_t key, slice bytes);

#endif
