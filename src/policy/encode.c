#include "policy/encode.h"

#define DECODE_LATEST_US INT64_C(400000000000000000) /* behind the year 9999 and all spans */

void encode_u64(buf *b, uint64_t v)
{
    char bytes[10];
    size_t n = 0;
    while (v >= 0x80) {
        bytes[n++] = (char)(v | 0x80);
        v >>= 7;
    }
    bytes[n++] = (char)v;
    buf_add(b, slice_of(bytes, n));
}

void encode_i64(buf *b, int64_t v)
{
    encode_u64(b, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

uint64_t decode_u64(struct decoder *d)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && d->rest.n; shift += 7) {
        unsigned char c = (unsigned char)d->rest.p[0];
        d->rest = slice_from(d->rest, 1);
        if (shift == 63 && c > 1)
            break;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80)
            return d->bad ? 0 : v;
    }
    d->bad = true;
    return 0;
}

int64_t decode_i64(struct decoder *d)
{
    uint64_t v = decode_u64(d);
    return (int64_t)(v >> 1 ^ (v & 1 ? UINT64_MAX : 0));
}

unsigned decode_below(struct decoder *d, unsigned limit)
{
    uint64_t v = decode_u64(d);
    if (v < limit)
        return (unsigned)v;
    d->bad = true;
    return 0;
}

/* A time as folds keep it: not told, or one that spans can be added to. */
static int64_t decode_time(struct decoder *d)
{
    int64_t t = decode_i64(d);
    if (t == TIME_NONE || (t >= 0 && t <= DECODE_LATEST_US))
        return t;
    d->bad = true;
    return TIME_NONE;
}

static int64_t decode_told_time(struct decoder *d)
{
    int64_t t = decode_time(d);
    if (t != TIME_NONE)
        return t;
    d->bad = true;
    return 0;
}

/* Hashes are as good as random: eight bytes, and only those that are there. */
static void encode_hash(buf *b, uint64_t h)
{
    char bytes[8];
    for (unsigned i = 0; i < 8; i++)
        bytes[i] = (char)(h >> (8 * i));
    buf_add(b, slice_of(bytes, 8));
}

static uint64_t decode_hash(struct decoder *d)
{
    uint64_t h = 0;
    if (d->rest.n < 8) {
        d->bad = true;
        return 0;
    }
    for (unsigned i = 0; i < 8; i++)
        h |= (uint64_t)(unsigned char)d->rest.p[i] << (8 * i);
    d->rest = slice_from(d->rest, 8);
    return h;
}

static void encode_hashes(buf *b, const uint64_t *h, unsigned n)
{
    unsigned present = 0;
    for (unsigned i = 0; i < n; i++)
        present |= (h[i] ? 1u : 0u) << i;
    encode_u64(b, present);
    for (unsigned i = 0; i < n; i++)
        if (h[i])
            encode_hash(b, h[i]);
}

static void decode_hashes(struct decoder *d, uint64_t *h, unsigned n)
{
    unsigned present = decode_below(d, 1u << n);
    for (unsigned i = 0; i < n; i++)
        h[i] = present & 1u << i ? decode_hash(d) : 0;
}

static uint8_t decode_u8(struct decoder *d, unsigned limit)
{
    return (uint8_t)decode_below(d, limit);
}

/* Marks: which are there, then four bytes each. */
static void encode_marks(buf *b, const uint32_t marks[MARKS])
{
    unsigned present = 0;
    for (unsigned i = 0; i < MARKS; i++)
        present |= (marks[i] ? 1u : 0u) << i;
    encode_u64(b, present);
    for (unsigned i = 0; i < MARKS; i++)
        if (marks[i])
            encode_u64(b, marks[i]);
}

static void decode_marks(struct decoder *d, uint32_t marks[MARKS])
{
    unsigned present = d->version > 1 ? decode_below(d, 1u << MARKS) : 0;
    for (unsigned i = 0; i < MARKS; i++)
        marks[i] = 0;
    for (unsigned i = 0; i < MARKS; i++) {
        if (!(present & 1u << i))
            continue;
        uint64_t v = decode_u64(d);
        d->bad |= !v || v > UINT32_MAX;
        marks[i] = d->bad ? 0 : (uint32_t)v;
    }
}

#define EVENT_IDS (sizeof(((struct policy_event *)0)->ids) / sizeof(uint64_t))

void encode_event(buf *b, const struct policy_event *e)
{
    uint64_t hashes[EVENT_IDS + 2];
    memcpy(hashes, e->ids, sizeof(e->ids));
    hashes[EVENT_IDS] = e->campaign;
    hashes[EVENT_IDS + 1] = e->stream;
    encode_i64(b, e->time_us);
    encode_hash(b, e->key);
    encode_hashes(b, hashes, ARRAY_LEN(hashes));
    const uint8_t small[] = {e->what, e->kind, e->reason, e->certainty, e->trust, e->cause, e->scope, e->flags};
    for (size_t i = 0; i < ARRAY_LEN(small); i++)
        encode_u64(b, small[i]);
    encode_marks(b, e->marks);
}

void decode_event(struct decoder *d, struct policy_event *out)
{
    uint64_t hashes[EVENT_IDS + 2];
    memset(out, 0, sizeof(*out));
    out->time_us = decode_told_time(d);
    out->key = decode_hash(d);
    decode_hashes(d, hashes, ARRAY_LEN(hashes));
    memcpy(out->ids, hashes, sizeof(out->ids));
    out->campaign = hashes[EVENT_IDS];
    out->stream = hashes[EVENT_IDS + 1];
    out->what = decode_u8(d, EVENT_WHATS);
    out->kind = decode_u8(d, BOUNCE_KINDS);
    out->reason = decode_u8(d, BOUNCE_REASONS);
    out->certainty = decode_u8(d, 101);
    out->trust = decode_u8(d, 3);
    out->cause = decode_u8(d, CAUSES);
    out->scope = decode_u8(d, SCOPE_STREAM + 1);
    out->flags = decode_u8(d, 256);
    decode_marks(d, out->marks);
}

static void encode_outcome(buf *b, const struct outcome *o)
{
    uint64_t marks[] = {o->campaign, o->stream};
    encode_i64(b, o->first_us);
    encode_hash(b, o->first_key);
    encode_i64(b, o->time_us);
    encode_hash(b, o->key);
    encode_i64(b, o->attempt_us);
    encode_u64(b, o->id_count);
    for (unsigned i = 0; i < o->id_count; i++)
        encode_hash(b, o->ids[i]);
    encode_hashes(b, marks, 2);
    const uint8_t small[] = {o->end, o->kind, o->reason, o->certainty, o->cause, o->scope};
    for (size_t i = 0; i < ARRAY_LEN(small); i++)
        encode_u64(b, small[i]);
    encode_marks(b, o->marks);
}

static void decode_outcome(struct decoder *d, struct outcome *o)
{
    uint64_t marks[2];
    memset(o, 0, sizeof(*o));
    o->first_us = decode_told_time(d);
    o->first_key = decode_hash(d);
    o->time_us = decode_told_time(d);
    o->key = decode_hash(d);
    o->attempt_us = decode_time(d);
    o->id_count = decode_u8(d, OUTCOME_MAX_IDS + 1);
    for (unsigned i = 0; i < o->id_count; i++)
        o->ids[i] = decode_hash(d);
    decode_hashes(d, marks, 2);
    o->campaign = marks[0];
    o->stream = marks[1];
    o->end = decode_u8(d, OUTCOME_NEUTRAL + 1);
    if (o->end == OUTCOME_OPEN && o->attempt_us == TIME_NONE)
        d->bad = true;
    o->kind = decode_u8(d, BOUNCE_KINDS);
    o->reason = decode_u8(d, BOUNCE_REASONS);
    o->certainty = decode_u8(d, 101);
    o->cause = decode_u8(d, CAUSES);
    o->scope = decode_u8(d, SCOPE_STREAM + 1);
    decode_marks(d, o->marks);
}

static void encode_failures(buf *b, const struct failures *f)
{
    encode_u64(b, f->n);
    for (unsigned i = 0; i < f->n; i++) {
        const struct row_failure *one = &f->v[i];
        const uint64_t hashes[] = {one->campaign, one->stream};
        encode_i64(b, one->time_us);
        encode_hashes(b, hashes, 2);
        encode_u64(b, one->reason);
        encode_u64(b, one->row);
        encode_u64(b, one->cleared);
    }
}

static void decode_failures(struct decoder *d, struct failures *f)
{
    f->n = decode_below(d, ROW_MAX_FAILURES + 1);
    for (unsigned i = 0; i < f->n; i++) {
        struct row_failure *one = &f->v[i];
        uint64_t hashes[2];
        one->time_us = decode_told_time(d);
        decode_hashes(d, hashes, 2);
        one->campaign = hashes[0];
        one->stream = hashes[1];
        one->reason = decode_u8(d, BOUNCE_REASONS);
        one->row = decode_u8(d, ROWS);
        one->cleared = decode_u8(d, (CLEARED_DELIVERY | CLEARED_ENGAGED) + 1);
        d->bad |= i && one->time_us < f->v[i - 1].time_us;
    }
}

/* ---- what versions 1 and 2 wrote: five rows, each with its own copy of the failures, and rows of refusals by stream ---- */

#define OLD_ROWS 5u
#define OLD_ENTRIES 16u
#define OLD_STREAMS 8u

static bool has_failure(const struct failures *f, const struct row_failure *like)
{
    for (unsigned i = 0; i < f->n; i++)
        if (f->v[i].time_us == like->time_us && f->v[i].campaign == like->campaign && f->v[i].row != ROW_REFUSED)
            return true;
    return false;
}

/* The reason of the last failure stood for the row; that a domain or the network was to blame stood with each. */
static uint8_t old_reason(uint8_t reason, bool domain)
{
    enum bounce_blame blame = bounce_reason_blame((enum bounce_reason)reason);
    bool blamed = blame == BOUNCE_BLAME_DOMAIN || blame == BOUNCE_BLAME_NETWORK;
    if (domain == blamed)
        return reason;
    return domain ? BOUNCE_REASON_EXPIRED : BOUNCE_REASON_UNKNOWN;
}

static void decode_old_row(struct decoder *d, enum row_kind kind, uint64_t stream, struct failures *f)
{
    unsigned n = decode_below(d, OLD_ENTRIES + 1), at;
    uint8_t reason = n ? decode_u8(d, BOUNCE_REASONS) : 0;
    for (unsigned i = 0; i < n; i++) {
        struct row_failure one = {.row = (uint8_t)kind, .stream = stream};
        one.time_us = decode_told_time(d);
        decode_hashes(d, &one.campaign, 1);
        bool domain = decode_below(d, 2) != 0;
        one.reason = row_hard(kind) || kind == ROW_REFUSED ? reason : old_reason(reason, domain);
        if (kind == ROW_REFUSED || !has_failure(f, &one))
            (void)failures_add(f, &one, 0, &at);
    }
}

static void decode_old_rows(struct decoder *d, struct failures *f)
{
    for (unsigned i = 0; i < OLD_ROWS; i++)
        decode_old_row(d, (enum row_kind)i, 0, f);
    unsigned streams = decode_below(d, OLD_STREAMS + 1);
    for (unsigned i = 0; i < streams; i++) {
        uint64_t stream;
        decode_hashes(d, &stream, 1);
        decode_old_row(d, ROW_REFUSED, stream, f);
    }
}

/* ---- the rest of a fold ---- */

static void encode_standing(buf *b, const struct standing *s)
{
    encode_u64(b, s->s.cause);
    encode_u64(b, s->s.scope);
    encode_hashes(b, &s->s.stream, 1);
    encode_u64(b, s->s.reason);
    encode_i64(b, s->s.since_us);
    encode_i64(b, s->s.until_us);
    encode_i64(b, s->domain_from_us);
    encode_u64(b, (s->s.tight ? 1u : 0u) | (s->keeps ? 2u : 0u) | (s->opens_end ? 4u : 0u));
}

static void decode_standing(struct decoder *d, struct standing *s)
{
    s->s.cause = (enum cause)decode_below(d, CAUSES);
    s->s.scope = (enum scope)decode_below(d, SCOPE_STREAM + 1);
    decode_hashes(d, &s->s.stream, 1);
    s->s.reason = (enum bounce_reason)decode_below(d, BOUNCE_REASONS);
    s->s.since_us = decode_told_time(d);
    s->s.until_us = decode_time(d);
    s->domain_from_us = decode_time(d);
    unsigned flags = d->version > 2 ? decode_below(d, 8) : 0;
    s->s.tight = flags & 1;
    s->keeps = flags & 2;
    s->opens_end = flags & 4;
}

void encode_fold(buf *b, const struct fold *f)
{
    const int64_t times[] = {f->first_us, f->delivered_us, f->failed_us, f->engaged_us};
    for (size_t i = 0; i < ARRAY_LEN(times); i++)
        encode_i64(b, times[i]);
    encode_failures(b, &f->failures);
    encode_u64(b, f->standing_count);
    for (unsigned i = 0; i < f->standing_count; i++)
        encode_standing(b, &f->standing[i]);
    encode_u64(b, f->held_count);
    for (unsigned i = 0; i < f->held_count; i++)
        encode_event(b, &f->held[i]);
    encode_u64(b, f->pending_count);
    for (unsigned i = 0; i < f->pending_count; i++) {
        encode_u64(b, f->pending[i].act);
        if (f->pending[i].act)
            encode_event(b, &f->pending[i].event);
        else
            encode_outcome(b, &f->pending[i].outcome);
    }
    encode_i64(b, f->excused.circumstance);
    if (f->excused.circumstance) {
        encode_i64(b, f->excused.since_us);
        encode_u64(b, f->excused.reason);
    }
}

static bool decode_pending(struct decoder *d, arena *a, struct fold *out)
{
    unsigned n = decode_below(d, FOLD_MAX_OPEN + 1);
    if (!n)
        return true;
    out->pending = arena_calloc(a, n, sizeof(*out->pending));
    if (!out->pending)
        return false;
    out->pending_count = out->pending_room = n;
    for (unsigned i = 0; i < n; i++) {
        struct pending *w = &out->pending[i];
        w->act = decode_below(d, 2) != 0;
        if (w->act)
            decode_event(d, &w->event);
        else
            decode_outcome(d, &w->outcome);
    }
    return true;
}

static void decode_excused(struct decoder *d, struct fold *out)
{
    if (d->version > 1)
        out->excused.circumstance = decode_i64(d);
    if (out->excused.circumstance) {
        out->excused.since_us = decode_told_time(d);
        out->excused.reason = decode_u8(d, BOUNCE_REASONS);
    }
}

bool decode_fold(struct decoder *d, arena *a, struct fold *out)
{
    fold_init(out);
    out->first_us = decode_time(d);
    out->delivered_us = decode_time(d);
    out->failed_us = decode_time(d);
    out->engaged_us = decode_time(d);
    if (d->version > 2)
        decode_failures(d, &out->failures);
    else
        decode_old_rows(d, &out->failures);
    out->standing_count = decode_below(d, STATUS_MAX_SUPPRESSIONS + 1);
    for (unsigned i = 0; i < out->standing_count; i++)
        decode_standing(d, &out->standing[i]);
    out->held_count = decode_below(d, STATUS_MAX_HELD + 1);
    for (unsigned i = 0; i < out->held_count; i++)
        decode_event(d, &out->held[i]);
    if (!decode_pending(d, a, out))
        return false;
    decode_excused(d, out);
    return true;
}
