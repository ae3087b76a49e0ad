/* The daily digest: one mail that tells a person what happened yesterday, what is out of line, and what to do.
 *
 * digest_make reads the ledger (seconds on a large one: for a worker), digest_paper makes a page of it, digest_mail a whole message with
 * that page as text and as HTML (multipart/alternative, RFC 2046 5.1.4; quoted-printable, CRLF), ready for any transport. "Yesterday" is
 * the last whole UTC day before `now_us`; it is held against the mean of the seven days before it.
 */
#ifndef CORE_DIGEST_H
#define CORE_DIGEST_H

#include "core/benchmark.h"
#include "core/paper.h"
#include "core/rates.h"
#include "core/sources.h"
#include "core/threshold.h"
#include "core/typos.h"

#define DIGEST_DAYS_BEFORE 7
#define DIGEST_MAX_CROSSED 10u /* more are only counted */
#define DIGEST_MAX_BLOCKS 5u
#define DIGEST_MAX_FINDINGS 5u /* typo clusters, sources */
#define DIGEST_MAX_INCIDENTS 10u

struct digest_options {
    slice tenant;                     /* empty: all */
    const struct benchmark *industry; /* NULL: none */
    int64_t now_us;
};

/* A limit that some part of the mail has crossed. */
struct digest_crossed {
    const char *what; /* "campaign", "provider", "stream" */
    slice name;
    const struct threshold *threshold;
    struct figure_value value;
};
struct digest_block {
    enum bounce_reason reason;
    int64_t count;
};
struct digest_incident {
    slice about, note;
    int64_t from_us;
    bool open;
};
struct digest {
    struct digest_options options;
    int64_t day_us;           /* the day's beginning */
    struct rates day, before; /* `before`: the sum of the days before it */
    struct digest_crossed crossed[DIGEST_MAX_CROSSED];
    size_t crossed_count, crossed_all;
    int64_t suppressed[CAUSES]; /* that began on that day and hold */
    int64_t held[LEDGER_HOLDS]; /* now */
    struct digest_block blocks[DIGEST_MAX_BLOCKS];
    size_t block_count;
    struct digest_incident incidents[DIGEST_MAX_INCIDENTS];
    size_t incident_count;
    struct typos typos;
    struct sources sources;
    struct benchmark_row benchmark;
};
/* Texts are in the arena. */
NODISCARD enum status digest_make(struct ledger *l, const struct digest_options *o, arena *a, struct digest *out,
                                  err *e);

/* "bounced: 12,345 sent, 1.93 % bounced, 2 limits crossed (2026-11-21)" */
slice digest_subject(const struct digest *d, arena *a);
void digest_paper(const struct digest *d, struct paper *p);

struct digest_envelope {
    slice from, to; /* as in the header fields: addresses, or names and addresses; several with commas between */
    slice host;     /* of the Message-ID; empty: localhost */
    int64_t date_us;
    uint64_t random; /* for boundary and Message-ID */
};
/* The message. Control bytes in `from`, `to` and `host` are dropped. */
void digest_mail(const struct digest *d, const struct digest_envelope *v, arena *a, buf *out);

#endif
