#include "base/arena.h"
#include "bounce/fold.h"
#include "bounce/reply.h"
#include "fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice text = slice_of((const char *)data, size);
    arena a;
    struct bounce_reply r;
    arena_init(&a, 0);
    MUST(bounce_reply_parse(text, &a, &r) == BOUNCE_OK);
    MUST(r.code == 0 || (r.code >= 200 && r.code < 600));
    slice folded = fold_text(&a, text);
    MUST(folded.n > 0 && folded.p[0] == ' ' && folded.p[folded.n - 1] == ' ');
    (void)bounce_normalise(text, &a);
    arena_fini(&a);
    return 0;
}
