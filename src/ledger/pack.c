#include "ledger/pack.h"

#include <endian.h>

_Static_assert(sizeof(((struct policy_event *)0)->ids) == 5 * sizeof(uint64_t), "the mask has one bit for each number");

static void gather(const struct policy_event *ev, uint64_t numbers[PACK_NUMBERS])
{
    numbers[0] = ev->key;
    numbers[1] = ev->campaign;
    numbers[2] = ev->stream;
    memcpy(numbers + 3, ev->ids, sizeof ev->ids);
}

size_t pack_event(const struct policy_event *ev, char out[PACK_MAX_BYTES])
{
    uint64_t numbers[PACK_NUMBERS];
    unsigned mask = 0;
    size_t n = 1;
    gather(ev, numbers);
    for (unsigned i = 0; i < PACK_NUMBERS; i++) {
        if (numbers[i] == 0)
            continue;
        uint64_t le = htole64(numbers[i]);
        memcpy(out + n, &le, 8);
        n += 8;
        mask |= 1U << i;
    }
    out[0] = (char)mask;
    return n;
}

void unpack_event(slice bytes, struct policy_event *ev)
{
    uint64_t numbers[PACK_NUMBERS] = {0};
    unsigned mask = bytes.n ? (unsigned char)bytes.p[0] : 0;
    size_t at = 1;
    for (unsigned i = 0; i < PACK_NUMBERS; i++) {
        if (!(mask >> i & 1) || bytes.n < at + 8)
            continue;
        uint64_t le;
        memcpy(&le, bytes.p + at, 8);
        numbers[i] = le64toh(le);
        at += 8;
    }
    ev->key = numbers[0];
    ev->campaign = numbers[1];
    ev->stream = numbers[2];
    memcpy(ev->ids, numbers + 3, sizeof ev->ids);
}
