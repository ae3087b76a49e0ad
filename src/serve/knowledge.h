/* What is known and may be swapped while the daemon runs: rules, policy, keys of signed return paths. Immutable once made; who uses
 * it holds it, and the last one to let go frees it. All calls are safe from any thread.
 */
#ifndef SERVE_KNOWLEDGE_H
#define SERVE_KNOWLEDGE_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/err.h"
#include "bounce.h"
#include "core/breaker.h"
#include "core/intake.h"
#include "policy/policy.h"

struct knowledge {
    struct bounce_rules *rules;
    struct policy policy;
    struct breaker_limits breaker;
    struct incident_settings incidents;
    const struct bounce_verp_key *verp_keys; /* in the arena, as all of their texts */
    size_t verp_key_count;
    uint32_t verp_max_days; /* 0: any age */
    arena a;
    atomic_uint holders;
};

/* An empty one, held once, with the policy's defaults; its maker fills it before anybody else sees it. */
NODISCARD struct knowledge *knowledge_new(void);
/* Another hold on what the caller holds already. */
const struct knowledge *knowledge_keep(const struct knowledge *k);
void knowledge_release(const struct knowledge **k);

/* Where the present one is kept. */
struct knowledge_box;
/* Takes over the maker's hold on `first`, also when it fails. */
NODISCARD enum status knowledge_box_new(struct knowledge *first, struct knowledge_box **out, err *e);
void knowledge_box_free(struct knowledge_box **b);
/* Takes over the maker's hold on `k`; holders of the old one go on with it. */
void knowledge_swap(struct knowledge_box *b, struct knowledge *k);
/* The present one, held for the caller. */
const struct knowledge *knowledge_hold(struct knowledge_box *b);

#endif
