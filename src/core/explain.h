/* The policy in plain sentences: what a stream's mail may meet before an address is suppressed, where, and for how long. Data only;
 * texts lie in the arena. Pure. */
#ifndef CORE_EXPLAIN_H
#define CORE_EXPLAIN_H

#include "base/arena.h"
#include "base/json.h"
#include "policy/policy.h"

#define EXPLAIN_MAX_LINES 64u

/* One stream of one tenant ("" : mail that names none), with whole sentences. *n is 0 when memory was refused. */
struct explained {
    slice tenant, stream;
    bool own_tenant, own_stream; /* it has tolerances of its own */
    const struct tolerances *tolerances;
    const slice *lines;
    size_t n;
};
void explain_stream(const struct policy *p, slice tenant, slice stream, arena *a, struct explained *out);

/* All that have tolerances of their own: mail without a stream first, then the streams, then tenants with theirs. Empty `tenant`: all
 * of them. NULL with *n 0 when memory was refused. */
const struct explained *explain_all(const struct policy *p, slice tenant, arena *a, size_t *n);

/* Preset, tolerances and reasons alone. */
void explain_show_tolerances(struct jsonw *j, const struct explained *x);
/* The same as members of the object that is open: tenant, stream, preset, tolerances, reasons, sentences. */
void explain_show(struct jsonw *j, const struct explained *x);

#endif
