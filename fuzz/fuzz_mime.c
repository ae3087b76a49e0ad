/* A message of anything: parts are in order, inside their limits, and their text is valid UTF-8 with LF only. */
#include "base/text.h"
#include "bounce.h"
#include "bounce/mime.h"
#include "bounce/returned.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice input = fuzz_input(data, size);
    static struct charsets *cs; /* made once: it costs more than a run */
    static struct field_index *index;
    if (cs == NULL) {
        cs = charsets_new();
        index = returned_index_new();
    }
    MUST(cs != NULL && index != NULL);
    struct mime m;
    arena a;
    arena_init(&a, 1 << 26);
    MUST(mime_read(input, &a, &m) || a.limited);
    MUST(m.n <= MIME_MAX_PARTS);
    for (size_t i = 0; i < m.n; i++) {
        struct part *p = &m.parts[i];
        unsigned diag = 0;
        struct bounce_returned r;
        MUST(p->depth <= MIME_MAX_DEPTH && (i == 0 ? p->parent == 0 : p->parent < i));
        MUST(p->message_depth >= m.parts[p->parent].message_depth);
        slice text = part_text(cs, &a, p, &diag);
        MUST(text.n <= 3 * (size_t)BOUNCE_MAX_PART_BYTES + 64);
        MUST(slice_chr(text, '\r') == SLICE_NPOS);
        MUST(utf8_valid(text));
        returned_read(index, cs, &a, &p->inner, NULL, &r);
    }
    arena_fini(&a);
    return 0;
}
