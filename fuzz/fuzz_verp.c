/* Return paths of anything name addresses or nothing, and nothing verifies that we did not sign. With the first byte odd the
 * rest is a recipient and a message: what is made for them must verify and give them back. */
#include "bounce.h"
#include "bounce/address.h"
#include "bounce/verp.h"
#include "fuzz.h"

#define DAY 20778u

static const struct bounce_verp_key key = {7, (const unsigned char *)"0123456789abcdef", 16};

static void read_any(arena *a, slice s)
{
    struct bounce_verp v;
    slice recipient = verp_recipient(a, s);
    MUST(recipient.n == 0 || address_span(recipient) == recipient.n);
    MUST(verp_token(s).n <= s.n);
    MUST(bounce_verp_verify(&key, 1, S("t"), s, S(""), S(""), DAY, 30, a, &v) != BOUNCE_VERP_OK);
}

static void make_and_verify(arena *a, slice s)
{
    size_t cut = slice_chr(s, '\n');
    struct bounce_verp what = {.tenant = S("t"), .day = DAY, .recipient = slice_sub(s, 0, cut), .message = S("")};
    struct bounce_verp v;
    slice made, opaque, want;
    if (cut != SLICE_NPOS)
        what.message = slice_from(s, cut + 1);
    if (bounce_verp_make(&key, &what, S("b"), S("e.example"), a, &made, &opaque) != BOUNCE_OK)
        return;
    MUST(slice_chr(made, '@') <= VERP_MAX_LOCAL && slice_eq(verp_token(made), made));
    MUST(bounce_verp_verify(&key, 1, S("t"), made, what.recipient, what.message, DAY, 30, a, &v) == BOUNCE_VERP_OK);
    MUST(bounce_verp_verify(&key, 1, S("t"), made, S(""), S(""), DAY, 30, a, &v) == BOUNCE_VERP_OK);
    MUST(slice_eq(v.opaque, opaque));
    MUST(address_normal(a, what.recipient, &want).n > 0);
    MUST(v.opaque.n > 0 ? v.recipient.n == 0 : slice_eq(v.recipient, want));
    MUST(v.message.n == 0 || slice_eq(v.message, what.message));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice s = fuzz_input(data, size);
    bool make = s.n > 0 && s.p[0] % 2 != 0;
    arena a;
    arena_init(&a, 1 << 24);
    if (make)
        make_and_verify(&a, slice_from(s, 1));
    else
        read_any(&a, slice_from(s, 1));
    arena_fini(&a);
    return 0;
}
