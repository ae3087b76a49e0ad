#include "bounce/observation.h"

const char *trust_word(enum trust t)
{
    static const char *const words[] = {[TRUST_BARE] = "bare", [TRUST_MATCHED] = "matched", [TRUST_PROVEN] = "proven"};
    MUST((size_t)t < ARRAY_LEN(words));
    return words[t];
}

static slice bare_message_id(slice id)
{
    return slice_trim(slice_unwrap(slice_trim(id), '<', '>'));
}

uint64_t observation_id_hash(const struct observation *o, slice recipient_key, enum id_kind kind)
{
    slice id = kind == ID_MESSAGE ? bare_message_id(o->ids[kind]) : slice_trim(o->ids[kind]);
    if (slice_empty(id))
        return 0;
    char mark = (char)('a' + (int)kind);
    struct hash128 h = hash128(slice_of(&mark, 1));
    h = hash128_more(h, o->tenant);
    h = hash128_more(h, recipient_key);
    h = hash128_more(h, id);
    return h.lo ? h.lo : 1;
}
