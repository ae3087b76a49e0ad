#include "base/hash.h"
#include "check.h"

static const struct sip_key counting = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};

/* Vectors of the reference implementation: key and input are the bytes 00, 01, 02, ... */
static void test_vectors(void **state)
{
    (void)state;
    static const struct {
        size_t n;
        uint64_t hash64, hi, lo;
    } cases[] = {
        {0, 0x726fdb47dd0e0e31, 0xe6a825ba047f81a3, 0x930255c71472f66d},
        {3, 0x85676696d7fb7e2d, 0x4ea967520cb6709c, 0x51ed8529b0b6335f},
        {15, 0xa129ca6149be45e5, 0x11a8b03399e99354, 0xd9c3cf970fec087e},
        {20, 0xbed65cf21aa2ee98, 0x7390223f83fc259e, 0xeb3938e8a544933e},
    };
    char text[20];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)i;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        slice s = {text, cases[i].n};
        assert_true(sip_hash(&counting, s) == cases[i].hash64);
        struct hash128 h = hash128_more((struct hash128){counting.k0, counting.k1}, s);
        assert_true(h.hi == cases[i].hi);
        assert_true(h.lo == cases[i].lo);
    }
}

/* Every number of bytes behind the last word of eight. */
static void test_short_vectors(void **state)
{
    (void)state;
    static const uint64_t cases[] = {0x726fdb47dd0e0e31, 0x74f839c593dc67fd, 0x0d6c8009d9a94f5a,
                                     0x85676696d7fb7e2d, 0xcf2794e0277187b7, 0x18765564cd99a68d,
                                     0xcbc9466e58fee3ce, 0xab0200f58b01d137, 0x93f5f5799a932462};
    char text[8];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)i;
    for (size_t n = 0; n < ARRAY_LEN(cases); n++)
        assert_true(sip_hash(&counting, slice_of(text, n)) == cases[n]);
}

/* Lower-casing inside of the hash is the same as before it, for every byte at every place. */
static void test_ci(void **state)
{
    (void)state;
    char text[19], lower[19];
    for (int c = 0; c < 256; c++) {
        for (size_t i = 0; i < sizeof text; i++) {
            text[i] = (char)(c + (int)i);
            lower[i] = ascii_lower(text[i]);
        }
        for (size_t n = 0; n <= sizeof text; n++)
            assert_true(sip_hash_ci(&counting, slice_of(text, n)) == sip_hash(&counting, slice_of(lower, n)));
    }
    assert_true(sip_hash_ci(&counting, S("USER@EXAMPLE.ORG")) == sip_hash_ci(&counting, S("user@example.org")));
    assert_true(sip_hash(&counting, S("A")) != sip_hash(&counting, S("a")));
}

static void test_more(void **state)
{
    (void)state;
    struct hash128 a = hash128_more(hash128(S("a")), S("bc")), b = hash128_more(hash128(S("ab")), S("c"));
    assert_true(a.hi != b.hi && a.lo != b.lo);
    struct hash128 empty = hash128(SLICE_EMPTY), more = hash128_more(empty, SLICE_EMPTY);
    assert_true(empty.hi != more.hi && empty.lo != more.lo);
}

/* Stored values: they must never change. */
static void test_stable(void **state)
{
    (void)state;
    char hex[32];
    hash128_hex(hash128(S("bounced")), hex);
    assert_slice(slice_of(hex, 32), S("b0d9d620cee69c3f60df241db9a42be0"));
    hash128_hex((struct hash128){1, UINT64_C(0xfedcba9876543210)}, hex);
    assert_slice(slice_of(hex, 32), S("0000000000000001fedcba9876543210"));
}

static void hash_it(slice s, void *data)
{
    (void)data;
    (void)sip_hash(&counting, s);
    (void)sip_hash_ci(&counting, s);
    (void)hash128(s);
}

static void test_prefixes(void **state)
{
    (void)state;
    guard_prefixes(S("The quick brown fox jumps"), hash_it, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors), cmocka_unit_test(test_short_vectors), cmocka_unit_test(test_ci),
        cmocka_unit_test(test_more),    cmocka_unit_test(test_stable),        cmocka_unit_test(test_prefixes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
