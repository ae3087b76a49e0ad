#include "feed/queue.h"

/* "PQ1", number of mails, mails. Numbers are LEB128, texts a length and bytes. */

#define MAGIC S("PQ1")

enum mail_flag { MAIL_OWNED = 1, MAIL_HAS_SENDER = 2, MAIL_LEFT = 4, MAIL_DONE = 8 };
enum rcpt_flag { RCPT_WAITS = 1, RCPT_TRIED = 2 };

static void put_number(buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_addc(out, (char)(v | 0x80));
    buf_addc(out, (char)v);
}

static void put_text(buf *out, slice s)
{
    put_number(out, s.n);
    buf_add(out, s);
}

static void put_rcpt(buf *out, const struct queue_rcpt *r)
{
    put_number(out, (r->waits ? RCPT_WAITS : 0u) | (r->tried ? RCPT_TRIED : 0u));
    put_number(out, r->phase);
    for (enum rcpt_text i = 0; i < RCPT_TEXTS; i++)
        put_text(out, queue_rcpt_text(r, i));
}

static void put_mail(buf *out, const struct queue_mail *m)
{
    const struct kept texts[] = {m->instance, m->sender, m->message_id, m->campaign, m->stream, m->root};
    put_number(out, (m->owned ? MAIL_OWNED : 0u) | (m->has_sender ? MAIL_HAS_SENDER : 0u) | (m->left ? MAIL_LEFT : 0u) |
                        (m->done ? MAIL_DONE : 0u));
    put_number(out, (uint64_t)m->touched_us);
    put_text(out, m->host);
    put_text(out, m->id);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        put_text(out, kept_slice(texts[i]));
    if (m->left)
        put_number(out, m->left);
    put_number(out, m->rcpt_count);
    for (uint32_t i = 0; i < m->rcpt_count; i++)
        put_rcpt(out, &m->rcpts[i]);
}

void queue_export(const struct queue *q, buf *out)
{
    buf_add(out, MAGIC);
    put_number(out, q->n);
    for (const struct queue_mail *m = q->oldest; m; m = m->newer)
        put_mail(out, m);
}

static bool get_number(slice *in, uint64_t *v)
{
    *v = 0;
    for (unsigned shift = 0; in->n && shift < 64; shift += 7) {
        unsigned char c = (unsigned char)in->p[0];
        *in = slice_from(*in, 1);
        *v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80)
            return true;
    }
    return false;
}

static bool get_text(slice *in, slice *text)
{
    uint64_t n;
    if (!get_number(in, &n) || n > in->n)
        return false;
    *text = slice_of(in->p, (size_t)n);
    *in = slice_from(*in, (size_t)n);
    return true;
}

static bool get_rcpt(struct queue *q, struct queue_mail *m, slice *in)
{
    uint64_t flags, phase;
    slice texts[RCPT_TEXTS];
    if (!get_number(in, &flags) || !get_number(in, &phase) || phase >= BOUNCE_PHASES)
        return false;
    for (size_t i = 0; i < RCPT_TEXTS; i++)
        if (!get_text(in, &texts[i]))
            return false;
    struct queue_rcpt *r = queue_put_rcpt(q, m, texts);
    if (!r)
        return false;
    r->waits = flags & RCPT_WAITS;
    r->tried = flags & RCPT_TRIED;
    r->phase = (enum bounce_phase)phase;
    return true;
}

static bool get_rcpts(struct queue *q, struct queue_mail *m, slice *in)
{
    uint64_t rcpts;
    if (!get_number(in, &rcpts))
        return false;
    for (uint64_t i = 0; i < rcpts; i++)
        if (!get_rcpt(q, m, in))
            return false;
    return true;
}

/* NULL when it is damaged or memory is refused; nothing of it stays then. */
static struct queue_mail *get_mail(struct queue *q, slice *in)
{
    uint64_t flags, touched;
    slice host, id, texts[6];
    if (!get_number(in, &flags) || !get_number(in, &touched) || !get_text(in, &host) || !get_text(in, &id))
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        if (!get_text(in, &texts[i]))
            return NULL;
    const struct queue_key key = {host, texts[0], id};
    struct queue_mail *m = queue_add(q, &key, flags & MAIL_OWNED, (int64_t)touched);
    if (!m)
        return NULL;
    struct kept *kept[] = {&m->sender, &m->message_id, &m->campaign, &m->stream, &m->root};
    bool good = true;
    for (size_t i = 0; good && i < ARRAY_LEN(kept); i++)
        good = queue_set(q, m, kept[i], texts[i + 1]);
    m->has_sender = flags & MAIL_HAS_SENDER;
    uint64_t left = 0;
    good = good && (!(flags & MAIL_LEFT) || (get_number(in, &left) && left <= QUEUE_MAX_RCPTS));
    m->left = (uint32_t)left;
    if (flags & MAIL_DONE)
        queue_done(q, m, TIME_NONE);
    if (good && get_rcpts(q, m, in))
        return m;
    queue_close(q, m);
    return NULL;
}

bool queue_import(struct queue *q, slice bytes)
{
    uint64_t n = 0;
    bool good = slice_starts(bytes, MAGIC);
    bytes = slice_from(bytes, MAGIC.n);
    good = good && get_number(&bytes, &n);
    for (uint64_t i = 0; good && i < n; i++)
        good = get_mail(q, &bytes) != NULL;
    return good && bytes.n == 0;
}

/* ---- row by row ---- */

void queue_put_key(buf *out, const struct queue_mail *mail)
{
    put_text(out, mail->host);
    put_text(out, kept_slice(mail->instance));
    put_text(out, mail->id);
}

/* Takes one key off the list of those that are gone; the slice is its bytes. */
static slice next_gone(slice list)
{
    slice rest = list, text;
    for (unsigned i = 0; i < 3; i++)
        MUST(get_text(&rest, &text));
    return slice_sub(list, 0, list.n - rest.n);
}

static bool give_gone(struct queue *q, queue_row_fn row, void *ctx)
{
    if (q->gone.failed)
        return false;
    size_t at = 0;
    bool good = true;
    while (good && at < q->gone.n) {
        slice key = next_gone(slice_from(buf_slice(&q->gone), at));
        good = row(ctx, key, SLICE_EMPTY);
        at += good ? key.n : 0;
    }
    buf_consume(&q->gone, at);
    return good;
}

bool queue_rows(struct queue *q, queue_row_fn row, void *ctx)
{
    buf key, value;
    buf_init(&key, 0);
    buf_init(&value, 0);
    bool good = give_gone(q, row, ctx);
    while (good && q->first_changed) {
        struct queue_mail *mail = q->first_changed;
        buf_clear(&key);
        buf_clear(&value);
        queue_put_key(&key, mail);
        put_mail(&value, mail);
        good = !key.failed && !value.failed && row(ctx, buf_slice(&key), buf_slice(&value));
        if (good)
            queue_kept(q, mail);
    }
    buf_fini(&key);
    buf_fini(&value);
    return good;
}

bool queue_take_row(struct queue *q, slice key, slice value)
{
    struct queue_key k;
    slice rest = key;
    if (!get_text(&rest, &k.host) || !get_text(&rest, &k.instance) || !get_text(&rest, &k.id) || rest.n)
        return false;
    struct queue_mail *there = queue_find(q, &k, QUEUE_AGENT);
    if (there && slice_eq(kept_slice(there->instance), k.instance))
        return false;
    struct queue_mail *mail = get_mail(q, &value);
    if (!mail)
        return false;
    buf told;
    buf_init(&told, 0);
    queue_put_key(&told, mail);
    bool good = value.n == 0 && !told.failed && slice_eq(buf_slice(&told), key);
    buf_fini(&told);
    if (good)
        queue_kept(q, mail);
    else
        queue_close(q, mail);
    q->unsorted = true;
    return good;
}
