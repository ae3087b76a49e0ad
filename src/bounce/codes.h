/* What codes alone say, where no words do: enhanced status codes (RFC 3463, 5248 and the IANA registry), what providers use
 * them for, and reply codes (RFC 5321). The tables are codes.def.
 */
#ifndef BOUNCE_CODES_H
#define BOUNCE_CODES_H

#include "bounce.h"
#include "base/slice.h"

struct code_verdict {
    enum bounce_reason reason; /* BOUNCE_REASON_UNKNOWN: nothing follows */
    unsigned certainty;
};

/* A provider's own use of a code first; `provider` may be PROVIDER_NONE. */
struct code_verdict code_of_enhanced(struct bounce_enhanced e, unsigned provider);
/* An enhanced code that is hard for a recipient, said at MAIL FROM, is about the sender. */
struct code_verdict code_in_phase(struct code_verdict v, enum bounce_phase phase);
struct code_verdict code_of_reply(unsigned code, enum bounce_phase phase);

#endif
