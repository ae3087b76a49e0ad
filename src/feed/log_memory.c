#include "feed/log_work.h"

/* All of it: magic, the newest time told so far, the queue. As rows: the queue's, and one for the time. */

#define TIME_BYTES 8u

static const slice magic = SLICE_INIT("PF1");
static const slice clock_key = SLICE_INIT("clock"); /* no key of the queue: those begin with a length */

static void put_time(buf *out, int64_t us)
{
    for (unsigned i = 0; i < TIME_BYTES; i++)
        buf_addc(out, (char)((uint64_t)us >> (8 * i)));
}

static int64_t get_time(slice s)
{
    uint64_t us = 0;
    for (unsigned i = TIME_BYTES; i-- > 0;)
        us = us << 8 | (unsigned char)s.p[i];
    return (int64_t)us;
}

bool maillog_changed(const struct maillog *m)
{
    return m->queue.changed;
}

void maillog_export(struct maillog *m, buf *out)
{
    buf_add(out, magic);
    put_time(out, m->clock.last_us);
    queue_export(&m->queue, out);
    if (!out->failed)
        m->queue.changed = false;
}

bool maillog_import(struct maillog *m, slice memory)
{
    size_t head = magic.n + TIME_BYTES;
    queue_fini(&m->queue);
    m->clock.cached_us = TIME_NONE;
    bool good = memory.n >= head && slice_starts(memory, magic) && queue_import(&m->queue, slice_from(memory, head));
    if (!good)
        queue_fini(&m->queue);
    m->clock.last_us = good ? get_time(slice_from(memory, magic.n)) : TIME_NONE;
    m->kept_last_us = TIME_NONE;
    m->queue.changed = false;
    return good;
}

static bool give_clock(struct maillog *m, maillog_row_fn row, void *ctx)
{
    buf value;
    buf_init(&value, 0);
    put_time(&value, m->clock.last_us);
    bool good = !value.failed && row(ctx, clock_key, buf_slice(&value));
    buf_fini(&value);
    if (good)
        m->kept_last_us = m->clock.last_us;
    return good;
}

bool maillog_changes(struct maillog *m, maillog_row_fn row, void *ctx)
{
    if (m->clock.last_us != m->kept_last_us && !give_clock(m, row, ctx))
        return false;
    if (!queue_rows(&m->queue, row, ctx))
        return false;
    m->queue.changed = false;
    return true;
}

bool maillog_take_row(struct maillog *m, slice key, slice value)
{
    if (!slice_eq(key, clock_key))
        return queue_take_row(&m->queue, key, value);
    if (value.n != TIME_BYTES)
        return false;
    m->clock.last_us = m->kept_last_us = get_time(value);
    m->clock.cached_us = TIME_NONE;
    return true;
}
