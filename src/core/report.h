/* From the reports of one mail to observations: whom we sent to, which message, how far the mail is to be trusted.
 *
 * Pure. Trust is PROVEN when the signed return path verifies, else MATCHED when the caller vouches for the mailbox,
 * else BARE; the intake raises BARE to MATCHED for a message that it saw sent.
 */
#ifndef CORE_REPORT_H
#define CORE_REPORT_H

#include "bounce/observation.h"

/* Tells whose a return path is that carries only an id; empty when that is not known. What it says is verified. */
typedef slice (*report_opaque_fn)(void *ctx, slice tenant, slice id, arena *a);

struct report_context {
    slice tenant, stream, campaign,
        source; /* what the caller knows of the mailbox; the mail's own campaign comes first */
    slice feed; /* name of the feed, for people */
    const struct bounce_verp_key *verp_keys;
    size_t verp_key_count;
    uint32_t verp_max_days;  /* 0: any age */
    report_opaque_fn opaque; /* NULL: only the recipients that the mail itself names are tried */
    void *opaque_ctx;
    int64_t now_us; /* for the age of a return path, and for a mail that tells no time */
    bool vouched;   /* a person stands up for the mailbox (`--trust matched`) */
};

/* The source key of a mail: its whole content without what an mbox adds (the "From " line, one blank line at the end),
 * line ends as LF. The same mail read from a Maildir, an mbox and standard input has the same key. Headers stay in: two
 * mails with one text are two reports, and what lies below the trace headers cannot tell them apart. The price is that
 * a copy delivered twice (two mailboxes, an alias) is two events; they join to one outcome by the identifiers inside.
 */
struct hash128 report_source_key(slice message);

/* One observation for each report of `result`, in the arena; the key of report i is the mail's with i mixed in.
 * `message` is the raw mail. Returns false when memory was refused: *n tells how many are there. */
NODISCARD bool report_observations(const struct bounce_result *result, slice message,
                                   const struct report_context *context, arena *a, struct observation **out, size_t *n);

#endif
