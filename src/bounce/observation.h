/* One fact from one feed about one recipient: what every feed gives, and what the intake judges, keys and commits.
 *
 * Plain data; slices live in the arena of the batch. Feeds fill everything but the verdict and the keys; intake fills those
 * (observation_keys). Empty and TIME_NONE mean "not told".
 */
#ifndef BOUNCE_OBSERVATION_H
#define BOUNCE_OBSERVATION_H

#include "base/arena.h"
#include "base/hash.h"
#include "bounce.h"

/* How far a report may change an address (DESIGN: Trust). Order matters: more is better. */
enum trust {
    TRUST_BARE,    /* anybody could have mailed it: failures, complaints, opt-outs are held for review */
    TRUST_MATCHED, /* names a message that we saw sent to this recipient, or a person vouched for the mailbox */
    TRUST_PROVEN   /* our own MTA's log, signed return path, verified webhook */
};

const char *trust_word(enum trust t); /* "bare", "matched", "proven" */

/* Identifiers of one message, strongest first; an outcome joins witnesses that share one for the same recipient. */
enum id_kind { ID_VERP, ID_ENVID, ID_MESSAGE, ID_PROVIDER, ID_QUEUE, ID_KINDS };

struct observation {
    enum bounce_kind kind;
    slice tenant, stream, campaign, source; /* source: acquisition (form, import, partner) */
    slice recipient;                        /* as the witness calls it */
    slice sent_to;                          /* as we sent it (ORCPT, orig_to); empty: the same as recipient */
    int64_t time_us;                        /* when it happened, UTC */
    int64_t sent_us;                        /* when the message was sent, where told */
    slice ids
        [ID_KINDS]; /* as the feed tells them; Message-ID without brackets; ID_QUEUE as host/instance/queue-id, valid within its life only */
    slice reply;    /* raw text of the far server or the diagnostic, at most 4 KB */
    slice status;   /* dsn=, Status: */
    enum bounce_phase phase;
    slice remote_mta, reporting_mta;
    slice
        provider; /* who received or refused: what the rules call it, else a registered domain (core/receiver.h); by intake when
                       empty */
    slice sender; /* envelope sender */
    slice sending_ip;
    slice subject;        /* of our message, where known */
    slice feed;           /* name of the feed ("postfix:/var/log/mail.log", "dsn") */
    slice format;         /* reader that found it ("postfix", "rfc3464", "arf", ...) */
    slice platform_cause; /* upstream-suppressed: that platform's word for the cause */
    enum trust trust;
    struct hash128
        source_key; /* stops repeats of one feed: set by the feed (content of the mail and index of the report in it; host, instance, queue id, stamp as written and line for logs) */
    bool
        tried_nothing; /* the MTA made no attempt ("delivery temporarily suspended", retry time not reached): recorded only */
    struct bounce_verdict verdict; /* by intake */
};

/* Typed hash of one identifier for this recipient ((tenant, recipient key, kind, id) -> 64 bit, never 0), 0 when it is empty. */
uint64_t observation_id_hash(const struct observation *o, slice recipient_key, enum id_kind kind);

#endif
