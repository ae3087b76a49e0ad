/* Mistyped domains: gmial.com is no reason to lose a subscriber. */
#ifndef CORE_TYPO_H
#define CORE_TYPO_H

#include "base/slice.h"

#define TYPO_MIN_BYTES 6u /* shorter domains differ by one letter from too many others */

/* The large mail domain that was most likely meant: one letter more, less, other, or two swapped (Damerau-Levenshtein distance 1).
 * Empty when the domain is one of those that exist, or resembles none or several. `domain` in lower case; the answer is static. */
slice typo_domain(slice domain);

/* The large ones, one after the other; empty behind the last. */
slice typo_large(size_t i);
/* Whether a domain is known to exist, large or not. */
bool typo_exists(slice domain);

#endif
