#include "core/opaque.h"

#include "base/text.h"
#include "bounce/verp.h"

slice opaque_of(slice return_path, arena *a)
{
    struct verp_parts v;
    if (slice_chr(return_path, '+') == SLICE_NPOS) /* nearly all mail */
        return SLICE_EMPTY;
    slice token = verp_token(verp_unwrap(a, return_path));
    return !slice_empty(token) && verp_split(token, &v) && v.opaque ? text_lower(a, v.recipient) : SLICE_EMPTY;
}
