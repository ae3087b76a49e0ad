/* Text made safe is safe, valid and no longer than allowed; the JSON writer only writes valid UTF-8. */
#include "base/json.h"
#include "base/text.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice s = fuzz_input(data, size);
    size_t max = s.n ? (unsigned char)s.p[0] : 0; /* the first byte is the limit */
    s = slice_from(s, 1);
    arena a;
    arena_init(&a, 1 << 24);
    slice safe = text_safe_dup(&a, s, max);
    MUST(safe.n <= max && text_safe(safe) && utf8_valid(safe));
    MUST(slice_eq(text_safe_dup(&a, safe, max), safe));
    buf b;
    buf_init(&b, 0);
    text_add_safe(&b, s, max);
    MUST(slice_eq(buf_slice(&b), safe));
    buf_clear(&b);
    struct jsonw j;
    jsonw_init(&j, &b);
    jsonw_str(&j, s);
    MUST(utf8_valid(buf_slice(&b)));
    slice squeezed = text_squeeze(&a, s);
    MUST(slice_eq(text_squeeze(&a, squeezed), squeezed));
    MUST(slice_eq_ci(text_lower(&a, s), s));
    buf_fini(&b);
    arena_fini(&a);
    return 0;
}
