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

static size_t pack_marks(const uint32_t marks[MARKS], char *out)
{
    uint32_t any = 0;
    for (unsigned i = 0; i < MARKS; i++) {
        uint32_t le = htole32(marks[i]);
        memcpy(out + 4 * i, &le, 4);
        any |= marks[i];
    }
    return any ? 4 * MARKS : 0;
}

static void unpack_marks(slice bytes, uint32_t marks[MARKS])
{
    for (unsigned i = 0; i < MARKS && bytes.n >= 4 * (i + 1); i++) {
        uint32_t le;
        memcpy(&le, bytes.p + 4 * i, 4);
        marks[i] = le32toh(le);
    }
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
    return n + pack_marks(ev->marks, out + n);
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
    memset(ev->marks, 0, sizeof ev->marks);
    if (at < bytes.n)
        unpack_marks(slice_from(bytes, at), ev->marks);
}
