#include "policy/beat.h"

#define VERSION 1u

void beat_init(struct beat *b)
{
    *b = (struct beat){.since_us = TIME_NONE, .heard_us = TIME_NONE, .slot = INT64_MIN, .usual_us = TIME_NONE};
}

/* Half of it after BEAT_FADE_US, in steps of a thirty-second of that. */
static int64_t fade(int64_t v, int64_t age_us)
{
    for (int64_t steps = age_us / (BEAT_FADE_US / 32); steps > 0 && v > 0; steps--)
        v -= v / 47 > 0 ? v / 47 : 1; /* 1 - 2^(-1/32) is 1/47 */
    return v > 0 ? v : 0;
}

void beat_heard(struct beat *b, int64_t now_us)
{
    if (b->heard_us == TIME_NONE) {
        b->since_us = b->heard_us = now_us;
        b->heard = 1;
        return;
    }
    int64_t gap = now_us - b->heard_us;
    if (gap < 0) /* the clock was set back */
        gap = 0;
    b->gap_us = gap > b->gap_us ? gap : fade(b->gap_us, gap);
    b->heard_us = now_us;
    b->heard += b->heard < UINT32_MAX;
}

static bool has_past(const struct beat *b, int64_t until_us)
{
    return b->since_us != TIME_NONE && until_us - b->since_us >= BEAT_LEARN_US && b->heard >= BEAT_LEAST_HEARD;
}

int64_t beat_patience_us(const struct beat *b, unsigned times)
{
    if (!has_past(b, b->heard_us))
        return TIME_NONE;
    int64_t patience = b->gap_us > INT64_MAX / times ? INT64_MAX : b->gap_us * times;
    return patience > BEAT_LEAST_GAP_US ? patience : BEAT_LEAST_GAP_US;
}

/* ---- suppressions ---- */

uint32_t beat_window(const struct beat *b)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < BEAT_SLOTS; i++)
        sum += b->slots[i];
    return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}

static void forget_slots(struct beat *b)
{
    for (unsigned i = 0; i < BEAT_SLOTS; i++)
        b->slots[i] = 0;
    b->peak = 0;
}

/* A window of which the new slot leaves nothing behind is over: what it was is usual from now on. */
static void move_on(struct beat *b, int64_t slot, int64_t now_us)
{
    uint32_t window = beat_window(b);
    if (window > b->peak) {
        b->peak = window;
        b->peak_slot = b->slot;
    }
    if (b->usual_us != TIME_NONE && now_us > b->usual_us)
        b->usual = (uint32_t)fade(b->usual, now_us - b->usual_us);
    if (b->usual_us == TIME_NONE || now_us - b->usual_us >= BEAT_FADE_US / 32)
        b->usual_us = now_us;
    if (b->peak && slot - b->peak_slot >= BEAT_SLOTS) {
        b->usual = b->peak > b->usual ? b->peak : b->usual;
        b->peak = 0;
    }
    int64_t by = b->slot == INT64_MIN ? BEAT_SLOTS : slot - b->slot;
    for (unsigned i = BEAT_SLOTS; i-- > 0;)
        b->slots[i] = (int64_t)i >= by ? b->slots[i - (unsigned)by] : 0;
    b->slot = slot;
}

static unsigned oldest(const struct beat *b)
{
    unsigned i = BEAT_SLOTS - 1;
    while (i && !b->slots[i])
        i--;
    return i;
}

bool beat_suppressed(struct beat *b, const struct beat_limits *l, int64_t time_us, uint32_t count, int64_t now_us,
                     int64_t *from_us)
{
    int64_t span_us = l->span_us / BEAT_SLOTS;
    MUST(span_us > 0);
    int64_t slot = time_us / span_us;
    if (slot > b->slot)
        move_on(b, slot, now_us);
    int64_t back = b->slot - slot;
    if (back >= BEAT_SLOTS)
        return false; /* older than the window */
    b->slots[back] += count;
    uint32_t window = beat_window(b);
    if (window <= l->count || window / l->times <= b->usual || !has_past(b, now_us))
        return false;
    *from_us = (b->slot - (int64_t)oldest(b)) * span_us;
    b->flood = window;
    forget_slots(b);
    return true;
}

void beat_released(struct beat *b)
{
    b->usual = b->flood > b->usual ? b->flood : b->usual;
}

/* ---- bytes ---- */

static void put_u64(buf *out, uint64_t v)
{
    for (unsigned i = 0; i < 8; i++)
        buf_addc(out, (char)(unsigned char)(v >> (8 * i)));
}

void beat_encode(const struct beat *b, buf *out)
{
    buf_addc(out, (char)VERSION);
    put_u64(out, (uint64_t)b->since_us);
    put_u64(out, (uint64_t)b->heard_us);
    put_u64(out, (uint64_t)b->gap_us);
    put_u64(out, b->heard);
    put_u64(out, (uint64_t)b->slot);
    put_u64(out, b->peak);
    put_u64(out, (uint64_t)b->peak_slot);
    put_u64(out, b->flood);
    put_u64(out, b->usual);
    put_u64(out, (uint64_t)b->usual_us);
    for (unsigned i = 0; i < BEAT_SLOTS; i++)
        put_u64(out, b->slots[i]);
}

static uint64_t get_u64(slice *s)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 8; i++)
        v |= (uint64_t)(unsigned char)s->p[i] << (8 * i);
    *s = slice_from(*s, 8);
    return v;
}

bool beat_decode(slice bytes, struct beat *out)
{
    beat_init(out);
    if (bytes.n != 1 + 8 * (10 + BEAT_SLOTS) || (unsigned char)bytes.p[0] != VERSION)
        return false;
    slice s = slice_from(bytes, 1);
    out->since_us = (int64_t)get_u64(&s);
    out->heard_us = (int64_t)get_u64(&s);
    out->gap_us = (int64_t)get_u64(&s);
    out->heard = (uint32_t)get_u64(&s);
    out->slot = (int64_t)get_u64(&s);
    out->peak = (uint32_t)get_u64(&s);
    out->peak_slot = (int64_t)get_u64(&s);
    out->flood = (uint32_t)get_u64(&s);
    out->usual = (uint32_t)get_u64(&s);
    out->usual_us = (int64_t)get_u64(&s);
    for (unsigned i = 0; i < BEAT_SLOTS; i++)
        out->slots[i] = (uint32_t)get_u64(&s);
    return true;
}
