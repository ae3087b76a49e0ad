/* The exact bytes of events and folds, for history's encoding: variable-length integers, small and the same on every
 * machine.
 */
#ifndef POLICY_ENCODE_H
#define POLICY_ENCODE_H

#include "base/buf.h"
#include "policy/fold.h"

/* Reading: `bad` stays set after the first byte that does not fit; everything read behind it is 0. */
struct decoder {
    slice rest;
    bool bad;
    unsigned version; /* HISTORY_VERSION of who wrote it; 1 knows no marks and nothing excused */
};

void encode_u64(buf *b, uint64_t v);
void encode_i64(buf *b, int64_t v);
uint64_t decode_u64(struct decoder *d);
int64_t decode_i64(struct decoder *d);
/* A number below `limit`, else bad. */
unsigned decode_below(struct decoder *d, unsigned limit);

void encode_event(buf *b, const struct policy_event *e);
void decode_event(struct decoder *d, struct policy_event *out);

void encode_fold(buf *b, const struct fold *f);
/* Returns false when memory was refused; odd bytes set d->bad. */
NODISCARD bool decode_fold(struct decoder *d, arena *a, struct fold *out);

#endif
