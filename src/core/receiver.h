/* Who received, or refused, for every observation: failures, attempts, deliveries, complaints and opens alike, so that rates by
 * provider have a denominator.
 *
 * In this order: the known provider (bounce/providers.def) of the far server's name; that of the recipient's domain; of a complaint,
 * that of its Reporting-MTA (RFC 5965 3.2: who sends it is who has the mailbox); the registered domain of the far server's name; the
 * registered domain of the recipient's domain. A registered domain is one label more than a
 * public suffix (publicsuffix.org, its ICANN part, as libpsl has it built in). A report that proves nothing may claim any server,
 * so that the names of its servers are no providers of their own: otherwise strangers could fill the ledger with names.
 *
 * A pure function of the observation: batches and their borders change nothing.
 */
#ifndef CORE_RECEIVER_H
#define CORE_RECEIVER_H

#include "bounce/observation.h"

#define RECEIVER_MAX_BYTES 253u /* of a host name, RFC 1035 2.3.4 */

/* The word of the provider or a registered domain in lower case; in `a`, or static. Empty where nothing is told: no server and no
 * domain, or an address literal ("[192.0.2.1]") in place of both. */
slice receiver_of(const struct bounce_rules *rules, const struct observation *o, arena *a);

/* The registered domain of a host or domain in lower case; empty for IP addresses, single labels, names of the local network
 * (RFC 6762, RFC 8375) and what is no name at all. `out` gets it. */
slice registered_domain(slice host, char out[RECEIVER_MAX_BYTES + 1]);

#endif
