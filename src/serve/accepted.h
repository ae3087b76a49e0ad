/* Whose mail is taken: domains of return paths and single addresses. Everything else is refused, so that nobody's mail is relayed.
 */
#ifndef SERVE_ACCEPTED_H
#define SERVE_ACCEPTED_H

#include "base/arena.h"
#include "base/err.h"
#include "serve/conf.h"

struct accepted {
    arena a;
    const slice *domains; /* lower-case A-labels; ".example.org": what is below it */
    size_t domain_count;
    const slice *addresses; /* keys of addresses */
    size_t address_count;
};

/* Copies. E_INVALID names what is no domain or no address; `where` is the section, for the message. Both lists empty: nothing is
 * accepted but <postmaster>. */
NODISCARD enum status accepted_new(const struct conf_list *domains, const struct conf_list *addresses,
                                   const char *where, struct accepted **out, err *e);
void accepted_free(struct accepted **a);
/* `scratch` for the normal form. <postmaster> is always accepted (RFC 5321 4.5.1). */
bool accepted_has(const struct accepted *a, slice address, arena *scratch);

#endif
