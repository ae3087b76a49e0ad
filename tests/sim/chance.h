/* Chance that depends on nothing but what it is asked about: the same message has the same fate under every policy.
 *
 * Not for secrets. The mixing is that of SplitMix64 (Steele, Lea, Flood 2014).
 */
#ifndef SIM_CHANCE_H
#define SIM_CHANCE_H

#include "base/defs.h"

static inline uint64_t chance_mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

/* A value for a question (`what`) about a thing. */
static inline uint64_t chance_of(uint64_t seed, uint64_t thing, uint64_t what)
{
    return chance_mix(chance_mix(seed ^ what * UINT64_C(0xd1342543de82ef95)) ^ thing);
}

/* 0..n-1, of the upper bits. n > 0. */
static inline uint32_t chance_below(uint64_t value, uint32_t n)
{
    return (uint32_t)((value >> 32) * n >> 32);
}

/* True with a probability of so many in a million. */
static inline bool chance_ppm(uint64_t value, uint32_t ppm)
{
    return chance_below(value, 1000000) < ppm;
}

#endif
