/* E-mail addresses: finding them in fields and in running text, and their stored form (RFC 5321 4.1.2, 5322 3.4, 6531).
 */
#ifndef BOUNCE_ADDRESS_H
#define BOUNCE_ADDRESS_H

#include "base/arena.h"

/* Length of the addr-spec that starts at s (local part dot-atom or quoted, "@", domain or address literal), 0 when none
 * does. UTF-8 allowed on both sides. Trailing dots and punctuation are not taken. */
size_t address_span(slice s);
/* The first address anywhere in a text or field value: prefers <...>; undoes "mailto:", "rfc822;", quotes and comments.
 * Empty when there is none. The result is a slice into `text` without brackets. */
slice address_find(slice text);
/* The next address in running text at or after *pos; advances *pos. Empty at the end. */
slice address_next(slice text, size_t *pos);
/* The addresses of an address list field (To, Cc), groups and comments understood, one by one: false at the end. At
 * most 128 KB of it are read. */
bool address_list(slice *rest, slice *address);
/* What address fields of a DSN hold: "rfc822; a@b", "rfc822;<a@b>", "utf-8; ...", xtext undone when the type says so or
 * for ORCPT; the bare address out. May be something without "@" (a local user); then that is given back. */
slice address_from_typed(arena *a, slice value);
slice address_local(slice addr);  /* before the last "@"; all of it when there is none */
slice address_domain(slice addr); /* behind the last "@"; empty when there is none */
/* As bounce_address() of bounce.h. Dots may stand anywhere in the local part ("a..b@": carriers gave such addresses out, and
 * they get mail unquoted); the key folds the case of ASCII letters only. A domain that IDNA refuses is lower-cased in ASCII. */
slice address_normal(arena *a, slice text, slice *key);

#endif
