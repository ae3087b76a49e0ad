/* JSON from strangers (RFC 8259): read by json-c within limits, and members found by a path.
 *
 * Not for writing (base/json.h). Integers keep all 64 bits; a fraction keeps its digits as written. Of members of the
 * same name the last one counts. Texts come as they are in the JSON, valid UTF-8 or not. Pure.
 *
 * A path is names with dots between: "bounce.bouncedRecipients". A number is the index in an array ("-1" its last
 * element), "*" the first member that is an object, "[name=Message-ID]" the element of an array of objects whose
 * member "name" has that value (case ignored), and a backslash takes the sign behind it as it is. "a | b" is the first
 * of the paths a and b that gives something; "@" in front of a path starts at another object (json_find).
 */
#ifndef FEED_JSON_READ_H
#define FEED_JSON_READ_H

#include <json-c/json.h>

#include "base/arena.h"

#define JSON_READ_MAX_DEPTH 32u       /* objects and arrays in each other */
#define JSON_READ_MAX_VALUES 1000000u /* in one text: some 100 MB of memory */
#define JSON_READ_MAX_NAME_BYTES 128u /* of one name in a path */

/* Odd things met, bits. With the first four there is no value. */
enum json_odd {
    JSON_ODD_SYNTAX = 1 << 0,   /* no JSON, or cut short */
    JSON_ODD_DEEP = 1 << 1,     /* deeper than JSON_READ_MAX_DEPTH */
    JSON_ODD_MANY = 1 << 2,     /* more than JSON_READ_MAX_VALUES */
    JSON_ODD_MEMORY = 1 << 3,   /* refused by the system */
    JSON_ODD_REPEATED = 1 << 4, /* two members of one name in an object */
    JSON_ODD_UTF8 = 1 << 5,     /* bytes that are no UTF-8 */
    JSON_ODD_BEHIND = 1 << 6,   /* more than white space behind the value */
    JSON_ODD_NUMBER = 1 << 7    /* an integer beyond 64 bits: it was cut to the largest one */
};

/* The value in `text`, to be given back with json_object_put; NULL says why in *odd. A value of null is NULL too. */
NODISCARD struct json_object *json_read(slice text, unsigned *odd);

/* What the paths (see above) name in `root`; paths with "@" start at `element`, which may be NULL. NULL where there is
 * nothing, null, an empty text or an empty array. */
struct json_object *json_find(struct json_object *root, struct json_object *element, const char *paths);
/* A text, number or truth value as text in the arena, at most max_bytes; of an array the first element; empty for
 * anything else and where memory is refused. */
slice json_text(struct json_object *value, arena *a, size_t max_bytes);

#endif
