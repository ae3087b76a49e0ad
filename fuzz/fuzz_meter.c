/* Rows of meters that were damaged, and whatever is fed to what was read of them: verdicts make sense, and what is saved is read. */
#include <string.h>

#include "fuzz.h"
#include "policy/meter.h"

#define START_US (INT64_C(1700000000) * TIME_SECOND)

static int64_t look(void *ctx, const struct meter_verdict *v)
{
    unsigned *n = ctx;
    MUST(v->by < METERS && v->signal < SIGNALS && v->failed <= v->messages);
    MUST(v->share_ppm <= 1000000 && v->normal_ppm <= 1000000);
    if (v->end == METER_OPEN)
        MUST(v->from_us <= v->seen_us && v->until_us == TIME_NONE);
    else
        MUST(v->until_us <= v->seen_us);
    return ++*n;
}

static bool load_again(void *ctx, uint64_t key, slice bytes)
{
    MUST(meter_set_load(ctx, key, bytes));
    return true;
}

/* Six bytes: kind, reason, seconds since the last one, recipient, when it took mail, domain. */
static void feed(struct meter_set *set, const uint8_t *p, int64_t *now_us)
{
    static const char domains[] = "a.exampleb.examplec.exampled.example";
    *now_us += (int64_t)p[2] * p[2] * TIME_SECOND - TIME_MINUTE;
    struct meter_event e = {.time_us = *now_us,
                            .tenant = p[5] & 8 ? S("t") : SLICE_EMPTY,
                            .domain = slice_of(domains + 9 * (p[5] & 3), 9),
                            .provider = p[5] & 4 ? S("host") : SLICE_EMPTY,
                            .text = p[5] >> 6,
                            .who = p[3],
                            .kind = (enum bounce_kind)(p[0] % BOUNCE_KINDS),
                            .reason = (enum bounce_reason)(p[1] % BOUNCE_REASONS),
                            .tried_nothing = p[5] & 16,
                            .knew_us = p[4] ? *now_us - p[4] * TIME_HOUR : TIME_NONE};
    for (unsigned i = 0; i < 1u + (p[5] & 32u); i++) /* many alike, so that sums rise */
        meter_set_feed(set, &e), e.who += 256;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct sip_key key = {1, 2};
    unsigned n = 0;
    struct meter_options o = {.most = 8, .key = &key, .verdict = look, .ctx = &n};
    struct meter_set *set = meter_set_new(&o), *copy = meter_set_new(&o);
    size_t row = size > 2 ? (size_t)(data[0] | data[1] << 8) : 0;
    int64_t now_us = START_US;
    if (set && copy && size > 2 && row <= size - 2) {
        (void)meter_set_load(set, 77, fuzz_input(data + 2, row));
        for (size_t i = 2 + row; i + 6 <= size; i += 6)
            feed(set, data + i, &now_us);
        meter_set_tick(set, now_us + TIME_DAY);
        MUST(meter_set_save(set, false, load_again, copy));
        MUST(meter_set_count(copy) == meter_set_count(set));
        MUST(meter_set_open_count(copy) == meter_set_open_count(set));
    }
    meter_set_free(&set);
    meter_set_free(&copy);
    return 0;
}
