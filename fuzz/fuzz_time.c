/* Every time that is read lies within the years allowed and survives being written and read again. */
#include "base/time.h"
#include "fuzz.h"

static void again(int64_t us)
{
    if (us == TIME_NONE)
        return;
    MUST(us >= 0 && us < INT64_C(253402300800) * TIME_SECOND);
    buf b;
    buf_init(&b, 0);
    time_add_iso(&b, us);
    MUST(time_parse_iso(buf_slice(&b), 0) == us);
    buf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice s = fuzz_input(data, size);
    again(time_parse_mail(s));
    again(time_parse_iso(s, 3600));
    again(time_parse_any(s));
    int64_t any = 0;
    memcpy(&any, s.p, s.n < sizeof any ? s.n : sizeof any);
    buf b;
    buf_init(&b, 0);
    time_add_iso(&b, any);
    time_add_span(&b, any);
    buf_fini(&b);
    return 0;
}
