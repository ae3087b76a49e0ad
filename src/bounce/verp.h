/* Return paths that carry the recipient (VERP): the dialects of other senders, and our own signed form.
 *
 * Nothing here trusts what it reads: an address in a dialect is what anybody may have written, and only
 * bounce_verp_verify of bounce.h proves anything. docs/verp.md lists the dialects and specifies our form.
 */
#ifndef BOUNCE_VERP_H
#define BOUNCE_VERP_H

#include "base/arena.h"

/* The recipient that a return path names; empty when it names none, or more than one reading is possible. */
slice verp_recipient(arena *a, slice address);
/* The return path inside PRVS, BATV, msprvs1, SRS0 and SRS1; the address itself when it is none of them. */
slice verp_unwrap(arena *a, slice address);
/* The bare address when it has the shape of our signed form, else empty. Says nothing about the signature. Takes no wrapping
 * off: give it what verp_unwrap returned. */
slice verp_token(slice address);

/* The parts of our form, as they stand in the local part: verp_sign.c makes and checks them. */
struct verp_parts {
    slice prefix;
    uint8_t key_id;
    uint32_t day;  /* modulo VERP_DAYS */
    slice mac;     /* base32 */
    slice message; /* id in clear, or its short form */
    bool short_message;
    slice recipient; /* "user=example.com", or the opaque id */
    bool opaque;
};

#define VERP_MAX_LOCAL 64    /* RFC 5321 4.5.3.1.1 */
#define VERP_DAYS 32768      /* the day is given modulo this: 89 years */
#define VERP_MAC_CHARS 16    /* base32 of 80 bits */
#define VERP_SHORT_CHARS 8   /* base32 of 40 bits: short form of a message id */
#define VERP_OPAQUE_CHARS 16 /* base32 of 80 bits: stands for a recipient */
#define VERP_MAX_MESSAGE 30  /* octets of a message id in clear */

/* Splits an address of our form; false when it is none. Upper case is taken as lower: slices come out as they stand. */
bool verp_split(slice address, struct verp_parts *out);

#endif
