#include "core/read_position.h"

#include <stdio.h>

#include "base/hash.h"

#define NAME_MIN_BYTES 64u
#define HASH_DIGITS 32u

void tail_add(struct tail *t, slice bytes)
{
    if (bytes.n >= sizeof t->bytes) {
        memcpy(t->bytes, bytes.p + bytes.n - sizeof t->bytes, sizeof t->bytes);
        t->n = sizeof t->bytes;
        return;
    }
    size_t keep = t->n + bytes.n > sizeof t->bytes ? sizeof t->bytes - bytes.n : t->n;
    memmove(t->bytes, t->bytes + (t->n - keep), keep);
    memcpy(t->bytes + keep, bytes.p, bytes.n);
    t->n = keep + bytes.n;
}

static void name_of(const char *kind, uint64_t number, slice bytes, struct position_name *out)
{
    char hex[HASH_DIGITS];
    *out = (struct position_name){.n = 0};
    hash128_hex(hash128(bytes), hex);
    int n =
        snprintf(out->text, sizeof out->text, "%s:%llu:%.*s", kind, (unsigned long long)number, (int)HASH_DIGITS, hex);
    MUST(n > 0 && (size_t)n < sizeof out->text);
    out->n = (size_t)n;
}

bool position_name(slice head, uint64_t offset, struct position_name *out)
{
    uint64_t there = offset < head.n ? offset : head.n;
    size_t k = READ_HEAD_BYTES;
    while (k > there)
        k /= 2;
    if (k < NAME_MIN_BYTES)
        return false;
    name_of("log", k, slice_sub(head, 0, k), out);
    return true;
}

size_t position_names(slice head, struct position_name out[POSITION_NAMES])
{
    size_t n = 0;
    for (size_t k = READ_HEAD_BYTES; k >= NAME_MIN_BYTES; k /= 2)
        if (k <= head.n)
            name_of("log", k, slice_sub(head, 0, k), &out[n++]);
    return n;
}

void position_packed_name(const struct read_file *f, struct position_name *out)
{
    name_of("zip", read_file_raw_bytes(f), read_file_raw_head(f), out);
}

void position_format(buf *out, uint64_t offset, const struct tail *tail)
{
    char hex[HASH_DIGITS];
    hash128_hex(hash128(slice_of(tail->bytes, tail->n)), hex);
    buf_addu(out, offset);
    buf_addc(out, ' ');
    buf_addu(out, tail->n);
    buf_addc(out, ' ');
    buf_add(out, slice_of(hex, sizeof hex));
}

bool position_parse(slice text, struct position *out)
{
    slice word;
    uint64_t bytes = 0;
    bool good = slice_word(&text, &word) && slice_u64(word, &out->offset);
    good = good && slice_word(&text, &word) && slice_u64(word, &bytes) && bytes <= POSITION_TAIL_BYTES &&
           bytes <= out->offset;
    good = good && slice_word(&text, &out->tail_hash) && out->tail_hash.n == HASH_DIGITS;
    out->tail_bytes = (size_t)bytes;
    return good;
}

bool position_tail_is(const struct position *p, slice bytes)
{
    char hex[HASH_DIGITS];
    hash128_hex(hash128(bytes), hex);
    return bytes.n == p->tail_bytes && slice_eq(p->tail_hash, slice_of(hex, sizeof hex));
}
