/* Entries of a list into the ledger: counts, transactions, hashed entries. Used by list_import only.
 */
#ifndef CORE_LIST_APPLY_H
#define CORE_LIST_APPLY_H

#include "base/map.h"
#include "core/list_record.h"
#include "core/lists.h"

#define LIST_BATCH 2000u /* entries in one transaction */

struct list_apply {
    struct ledger *ledger;
    const struct policy *policy;
    const struct list_import_options *o;
    struct list_import_result *result;
    arena *a;      /* the result's */
    arena scratch; /* of one entry */
    arena hashes;  /* of hashed entries, with their texts */
    map by_hash;   /* to struct list_record */
    size_t in_batch;
    bool writing;
};

NODISCARD enum status list_apply_begin(struct list_apply *p, err *e);
/* One entry; `line` and `text` are for the list of bad ones. */
NODISCARD enum status list_apply_record(struct list_apply *p, const struct list_record *as_read, uint64_t line,
                                        slice text, err *e);
void list_apply_bad(struct list_apply *p, uint64_t line, slice text, const char *what);
/* Looks up the hashed entries and ends the transaction; after an error it undoes what is not committed. */
NODISCARD enum status list_apply_end(struct list_apply *p, enum status so_far, err *e);

/* Lower-case hex of the digest of the lower-cased address: MD5 (32 digits) or SHA-256 (64). Returns its length, 0 on refusal. */
size_t list_address_hash(slice address, bool sha256, char out[64]);

#endif
