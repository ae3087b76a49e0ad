/* Addresses found in anything are addresses, and a normal form is its own normal form. */
#include "base/text.h"
#include "bounce/address.h"
#include "fuzz.h"

static void use_found(arena *a, slice input, slice found)
{
    MUST(found.p >= input.p && found.p + found.n <= input.p + input.n);
    MUST(address_span(found) == found.n);
    MUST(address_local(found).n + 1 + address_domain(found).n == found.n);
    slice key, again;
    slice normal = address_normal(a, found, &key);
    MUST(a->limited || (normal.n == 0) == (key.n == 0));
    if (normal.n == 0)
        return;
    MUST(slice_eq(address_normal(a, normal, &again), normal) && slice_eq(again, key));
    MUST(slice_eq(address_normal(a, key, &again), key) && slice_eq(again, key));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice input = fuzz_input(data, size);
    slice rest = input;
    slice s;
    arena a;
    arena_init(&a, 1 << 24);
    MUST(address_span(input) <= input.n);
    for (size_t pos = 0; (s = address_next(input, &pos)).n > 0;)
        use_found(&a, input, s);
    while (address_list(&rest, &s))
        use_found(&a, input, s);
    (void)address_from_typed(&a, input);
    (void)address_normal(&a, input, &s);
    arena_fini(&a);
    return 0;
}
