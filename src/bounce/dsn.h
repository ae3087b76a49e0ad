/* Delivery status notifications: RFC 3464, RFC 6533, and what is sent in their name.
 *
 * Takes the fields of a machine part in any order, with or without empty lines between the groups, unfolded or not; the
 * groups are told apart by what repeats. Field names, types and actions are tables in dsn.c.
 */
#ifndef BOUNCE_DSN_H
#define BOUNCE_DSN_H

#include "bounce/reading.h"

/* Adds the reports of all machine parts of the mail; where there are none, of fields that stand in a text part, then of
 * machine parts inside a returned message (only when `deep`). Returns how many were added. */
size_t dsn_read(struct reading *r, bool deep);
/* The fields themselves, e.g. from a part that has no type. Returns how many reports were added. */
size_t dsn_fields(struct reading *r, slice text, slice format);

#endif
