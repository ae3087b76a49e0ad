/* The part of a policy_event that has no column of its own (key, campaign, stream, identifiers), as bytes in the row of
 * its event: one byte that tells which of the eight are there, then 8 bytes little-endian for each; behind them, where
 * there are any, all marks (policy_mark) with 4 bytes each. Times and kinds stand in columns, where SQL can see them.
 */
#ifndef LEDGER_PACK_H
#define LEDGER_PACK_H

#include "policy/state.h"

#define PACK_NUMBERS 8
#define PACK_MAX_BYTES (1 + PACK_NUMBERS * 8 + MARKS * 4)

/* Returns the bytes used of `out`. */
size_t pack_event(const struct policy_event *ev, char out[PACK_MAX_BYTES]);
/* Fills the numbers of *ev; bytes that are missing or broken leave 0. */
void unpack_event(slice bytes, struct policy_event *ev);

#endif
