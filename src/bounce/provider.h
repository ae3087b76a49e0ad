/* Who answered: the provider or the product behind a host name, a recipient's domain or a text.
 *
 * Providers are numbered from 1; 0 is "not known". The table is providers.def. A provider is told by the name of its mail
 * hosts (MX), by the domains of its mailboxes, by a feed's own name for it ("Microsoft (Outlook/Hotmail)"), and by marks
 * that only its replies carry.
 */
#ifndef BOUNCE_PROVIDER_H
#define BOUNCE_PROVIDER_H

#include "base/map.h"

#define PROVIDER_NONE 0u
#define PROVIDER_MAX 128u /* rules keep sets of providers as 128 bits */

struct provider_name {
    slice name;
    unsigned provider;
};

struct provider_index {
    map domains;                 /* "google.com" -> number */
    struct provider_name *names; /* sorted by their first bytes */
    uint16_t first[257];         /* where the names that begin with a byte begin; of the next byte: where they end */
};

unsigned provider_count(void);          /* numbers 1..count */
slice provider_word(unsigned provider); /* "gmail"; empty for PROVIDER_NONE */
unsigned provider_by_word(slice word);
slice provider_marks(unsigned provider); /* literals of its replies, "|" between them; may be empty */

NODISCARD bool provider_index_init(struct provider_index *index);
void provider_index_fini(struct provider_index *index);
/* By host name or domain, whole labels from the right; case ignored. */
unsigned provider_by_domain(const struct provider_index *index, slice domain);
/* By whatever a feed calls it: host name, provider's word or a name as people write it. */
unsigned provider_by_hint(const struct provider_index *index, slice hint);

#endif
