/* Stored histories that were damaged: read or refused; what is read is written back the same. */
#include "fuzz.h"
#include "policy/history.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice s = fuzz_input(data, size);
    struct policy policy;
    policy_init(&policy);
    const struct fold_rules rules = {.policy = &policy};
    arena a;
    arena_init(&a, 1 << 24);
    struct history h;
    struct address_status status;
    struct history_env env = {TIME_NONE};
    if (history_decode(s, &rules, &a, &h) == OK) {
        MUST(history_state(&h, &env, INT64_C(1760000000) * TIME_SECOND, &status) || a.limited);
        buf first, second;
        buf_init(&first, 0);
        buf_init(&second, 0);
        history_encode(&h, &first);
        MUST(history_decode(buf_slice(&first), &rules, &a, &h) == OK);
        history_encode(&h, &second);
        MUST(slice_eq(buf_slice(&first), buf_slice(&second)));
        buf_fini(&first);
        buf_fini(&second);
    }
    arena_fini(&a);
    return 0;
}
