/* Decoders never write more than they say, and what was encoded comes back. */
#include <stdlib.h>

#include "base/codec.h"
#include "fuzz.h"

/* Memory of exactly n bytes, so that one byte more is seen. */
static char *room(size_t n)
{
    char *p = malloc(n ? n : 1);
    MUST(p);
    return p;
}

static void round_trips(slice s)
{
    char *code = room((s.n + 2) / 3 * 4), *back = room((s.n + 2) / 3 * 3 + 3);
    size_t n;
    slice got = slice_of(back, base64_decode(slice_of(code, base64_encode(s, code)), back));
    MUST(slice_eq(got, s));
    free(code);
    code = room((s.n * 8 + 4) / 5);
    MUST(base32_decode(slice_of(code, base32_encode(s, code)), back, &n));
    MUST(slice_eq(slice_of(back, n), s));
    free(code);
    code = room(s.n * 2);
    MUST(hex_decode(slice_of(code, hex_encode(s, code)), back, &n));
    MUST(slice_eq(slice_of(back, n), s));
    free(code);
    free(back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice s = fuzz_input(data, size);
    char *out = room(s.n / 4 * 3 + 3);
    (void)base64_decode(s, out);
    free(out);
    out = room(s.n);
    MUST(qp_decode(s, false, out) <= s.n);
    MUST(qp_decode(s, true, out) <= s.n);
    MUST(xtext_decode(s, out) <= s.n);
    free(out);
    out = room(s.n * 5 / 8);
    size_t n;
    if (base32_decode(s, out, &n))
        MUST(n == s.n * 5 / 8);
    free(out);
    out = room(s.n / 2);
    if (hex_decode(s, out, &n))
        MUST(n == s.n / 2);
    free(out);
    round_trips(s);
    return 0;
}
