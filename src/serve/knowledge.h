/* What is known and may be swapped while the daemon runs: rules, policy, keys of signed return paths. Immutable once made; who uses
 * it holds it, and the last one to let go frees it.
 */
#ifndef SERVE_KNOWLEDGE_H
#define SERVE_KNOWLEDGE_H

#include "base/arena.h"
#include "base/err.h"
#include "bounce.h"
#include "policy/policy.h"

struct knowledge {
    struct bounce_rules *rules;
    struct policy policy;
    const struct bounce_verp_key *verp_keys;
    size_t verp_key_count;
    uint32_t verp_max_days;
    unsigned users; /* atomic; through hold and release only */
    arena a;        /* of the keys and names above */
};

/* Where the present one is kept; safe from any thread. */
struct knowledge_box;
NODISCARD enum status knowledge_box_new(struct knowledge *first, struct knowledge_box **out, err *e);
void knowledge_box_free(struct knowledge_box **b);
/* Takes over `k`; holders of the old one go on with it. */
void knowledge_swap(struct knowledge_box *b, struct knowledge *k);
const struct knowledge *knowledge_hold(struct knowledge_box *b);
void knowledge_release(const struct knowledge **k);

#endif
