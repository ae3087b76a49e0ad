/* A header read from anything: fields are slices of the input, decoded text is valid UTF-8 on one line. */
#include "base/text.h"
#include "bounce/charset.h"
#include "bounce/header.h"
#include "fuzz.h"

static void use_field(struct charsets *cs, arena *a, slice input, const struct field *f)
{
    MUST(f->name.n > 0 && f->name.p >= input.p && f->name.p + f->name.n <= input.p + input.n);
    MUST(slice_eq(slice_trim(f->value), f->value));
    slice unfolded = header_unfold(a, f->value);
    MUST(slice_chr(unfolded, '\n') == SLICE_NPOS && slice_chr(unfolded, '\r') == SLICE_NPOS);
    slice text = header_text(cs, a, f->value, f->name);
    MUST(utf8_valid(text) && slice_chr(text, '\n') == SLICE_NPOS);
    MUST(header_main_value(a, f->value).n <= f->value.n);
    (void)header_param(cs, a, f->value, S("charset"));
    (void)header_param(NULL, a, f->value, S("a"));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice input = fuzz_input(data, size);
    slice rest = input;
    struct header h;
    static struct charsets *cs; /* opened once: it costs more than a run */
    if (cs == NULL)
        cs = charsets_new();
    MUST(cs != NULL);
    arena a;
    arena_init(&a, 1 << 24);
    MUST(header_read(&rest, &a, &h) || a.limited);
    MUST(rest.n <= input.n);
    for (size_t i = 0; i < h.n; i++) {
        use_field(cs, &a, input, &h.fields[i]);
        MUST(header_has(&h, h.fields[i].name));
    }
    arena_fini(&a);
    return 0;
}
