#include "feed/queue.h"

#include <stdlib.h>

#include "base/hash.h"

#define FIRST_ROOM 64u
#define MAX_TEXT_BYTES 8192u /* of one text */
#define PIECE_BYTES 16u      /* what the allocator adds to a piece, roughly */

/* Queue ids come from our own MTA, so that the key of the hash need not be secret. */
static const struct sip_key id_key = {UINT64_C(0x62d0f1a6c3b5e487), UINT64_C(0x19a3c75e8bd20f46)};

void queue_init(struct queue *q, size_t max_bytes, int64_t max_age_us)
{
    *q = (struct queue){.max_bytes = max_bytes, .max_age_us = max_age_us};
    buf_init(&q->gone, 0);
}

void queue_fini(struct queue *q)
{
    while (q->oldest)
        queue_close(q, q->oldest);
    free(q->slots);
    buf_fini(&q->gone);
    queue_init(q, q->max_bytes, q->max_age_us);
}

/* ---- what has changed ---- */

void queue_touch(struct queue *q, struct queue_mail *mail)
{
    q->changed = true;
    if (mail->changed)
        return;
    mail->changed = true;
    mail->changed_before = NULL;
    mail->changed_after = q->first_changed;
    if (q->first_changed)
        q->first_changed->changed_before = mail;
    q->first_changed = mail;
}

static void unlist_changed(struct queue *q, struct queue_mail *mail)
{
    if (!mail->changed)
        return;
    *(mail->changed_before ? &mail->changed_before->changed_after : &q->first_changed) = mail->changed_after;
    if (mail->changed_after)
        mail->changed_after->changed_before = mail->changed_before;
    mail->changed = false;
}

void queue_kept(struct queue *q, struct queue_mail *mail)
{
    unlist_changed(q, mail);
    mail->kept = true;
}

/* The row under its present key has to go. */
static void lose_row(struct queue *q, struct queue_mail *mail)
{
    if (mail->kept)
        queue_put_key(&q->gone, mail);
    mail->kept = false;
}

/* ---- what is done ---- */

static void list_done(struct queue *q, struct queue_mail *mail)
{
    mail->done = true;
    mail->done_before = q->last_done;
    mail->done_after = NULL;
    *(q->last_done ? &q->last_done->done_after : &q->first_done) = mail;
    q->last_done = mail;
}

static void unlist_done(struct queue *q, struct queue_mail *mail)
{
    if (!mail->done)
        return;
    *(mail->done_before ? &mail->done_before->done_after : &q->first_done) = mail->done_after;
    *(mail->done_after ? &mail->done_after->done_before : &q->last_done) = mail->done_before;
    mail->done = false;
}

static void close_done(struct queue *q)
{
    while (q->first_done) {
        int64_t from = q->first_done->touched_us, to = q->newest->touched_us;
        if (from == TIME_NONE || to == TIME_NONE || from >= to - QUEUE_DONE_US)
            return;
        queue_close(q, q->first_done);
    }
}

/* ---- texts ---- */

static size_t cost(size_t n)
{
    return n ? n + PIECE_BYTES : 0;
}

static void drop_text(struct queue *q, struct kept *text)
{
    q->bytes -= cost(text->n);
    free(text->p);
    *text = (struct kept){0};
}

bool queue_set(struct queue *q, struct queue_mail *mail, struct kept *text, slice s)
{
    if (slice_eq(kept_slice(*text), s))
        return true;
    if (s.n > MAX_TEXT_BYTES)
        s.n = MAX_TEXT_BYTES;
    char *p = NULL;
    if (s.n) {
        p = malloc(s.n);
        if (!p)
            return false;
        memcpy(p, s.p, s.n);
    }
    drop_text(q, text);
    *text = (struct kept){p, (uint32_t)s.n};
    q->bytes += cost(s.n);
    queue_touch(q, mail);
    return true;
}

/* ---- table ---- */

static uint64_t key_hash(const struct queue_key *key)
{
    char text[QUEUE_MAX_HOST_BYTES + 1 + QUEUE_MAX_ID_BYTES];
    memcpy(text, key->host.p, key->host.n);
    text[key->host.n] = '/';
    memcpy(text + key->host.n + 1, key->id.p, key->id.n);
    return sip_hash(&id_key, slice_of(text, key->host.n + 1 + key->id.n));
}

static bool key_fits(const struct queue_key *key)
{
    return key->host.n <= QUEUE_MAX_HOST_BYTES && key->id.n > 0 && key->id.n <= QUEUE_MAX_ID_BYTES;
}

static bool same_id(const struct queue_mail *mail, const struct queue_key *key)
{
    return slice_eq(mail->id, key->id) && slice_eq(mail->host, key->host);
}

static void place(struct queue_slot *slots, size_t room, struct queue_mail *mail)
{
    size_t i = (size_t)mail->hash & (room - 1);
    while (slots[i].mail)
        i = (i + 1) & (room - 1);
    slots[i] = (struct queue_slot){mail->hash, mail};
}

static bool make_room(struct queue *q)
{
    if (q->room && q->n < q->room / 4 * 3)
        return true;
    size_t room = q->room ? q->room * 2 : FIRST_ROOM;
    struct queue_slot *slots = calloc(room, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < q->room; i++)
        if (q->slots[i].mail)
            place(slots, room, q->slots[i].mail);
    free(q->slots);
    q->bytes += (room - q->room) * sizeof *slots;
    q->slots = slots;
    q->room = room;
    return true;
}

static void take_out(struct queue *q, const struct queue_mail *mail)
{
    size_t mask = q->room - 1;
    size_t gap = (size_t)mail->hash & mask;
    while (q->slots[gap].mail != mail)
        gap = (gap + 1) & mask;
    for (size_t i = (gap + 1) & mask; q->slots[i].mail; i = (i + 1) & mask) {
        size_t home = (size_t)q->slots[i].hash & mask;
        if (((i - home) & mask) >= ((i - gap) & mask)) { /* it may stand at the gap */
            q->slots[gap] = q->slots[i];
            gap = i;
        }
    }
    q->slots[gap] = (struct queue_slot){0};
    q->n--;
}

static struct queue_mail *find(struct queue *q, const struct queue_key *key, uint64_t hash, enum queue_voice voice)
{
    struct queue_mail *other = NULL;
    size_t others = 0;
    if (q->n == 0)
        return NULL;
    for (size_t i = (size_t)hash & (q->room - 1); q->slots[i].mail; i = (i + 1) & (q->room - 1)) {
        struct queue_mail *mail = q->slots[i].mail;
        if (q->slots[i].hash != hash || !same_id(mail, key))
            continue;
        if (slice_eq(kept_slice(mail->instance), key->instance))
            return mail;
        if (voice != QUEUE_AGENT && mail->owned)
            continue;
        other = mail;
        others++;
    }
    return others == 1 ? other : NULL;
}

struct queue_mail *queue_find(struct queue *q, const struct queue_key *key, enum queue_voice voice)
{
    return key_fits(key) ? find(q, key, key_hash(key), voice) : NULL;
}

/* ---- list by age ---- */

static void unlink_mail(struct queue *q, struct queue_mail *mail)
{
    *(mail->older ? &mail->older->newer : &q->oldest) = mail->newer;
    *(mail->newer ? &mail->newer->older : &q->newest) = mail->older;
}

static void link_newest(struct queue *q, struct queue_mail *mail)
{
    mail->older = q->newest;
    mail->newer = NULL;
    *(q->newest ? &q->newest->newer : &q->oldest) = mail;
    q->newest = mail;
}

static void touch(struct queue *q, struct queue_mail *mail, int64_t now_us)
{
    unlist_done(q, mail);
    if (now_us != TIME_NONE)
        mail->touched_us = now_us;
    if (mail != q->newest) {
        unlink_mail(q, mail);
        link_newest(q, mail);
    }
    queue_touch(q, mail);
}

/* As touched last, so that both lists stand in one order. */
void queue_done(struct queue *q, struct queue_mail *mail, int64_t now_us)
{
    touch(q, mail, now_us);
    list_done(q, mail);
}

static int by_age(const void *a, const void *b)
{
    const struct queue_mail *const *x = a, *const *y = b;
    return ((*x)->touched_us > (*y)->touched_us) - ((*x)->touched_us < (*y)->touched_us);
}

/* Rows come in any order. Without memory it is put off. */
static void sort_by_age(struct queue *q)
{
    size_t n = 0;
    struct queue_mail **mails = calloc(q->n, sizeof *mails);
    if (!mails)
        return;
    for (struct queue_mail *m = q->oldest; m; m = m->newer)
        mails[n++] = m;
    qsort(mails, n, sizeof *mails, by_age);
    q->oldest = q->newest = NULL;
    for (size_t i = 0; i < n; i++)
        link_newest(q, mails[i]);
    free(mails);
    q->unsorted = false;
}

void queue_trim(struct queue *q)
{
    if (q->unsorted && q->n)
        sort_by_age(q);
    close_done(q);
    while (q->oldest != q->newest) {
        int64_t from = q->oldest->touched_us, to = q->newest->touched_us;
        bool too_old = from != TIME_NONE && to != TIME_NONE && from < to - q->max_age_us;
        if (q->bytes <= q->max_bytes && !too_old)
            return;
        queue_close(q, q->oldest);
        q->evicted++;
    }
}

/* ---- mails ---- */

static struct queue_mail *make(struct queue *q, const struct queue_key *key, uint64_t hash, int64_t now_us)
{
    if (!make_room(q))
        return NULL;
    size_t size = sizeof(struct queue_mail) + key->host.n + key->id.n;
    struct queue_mail *mail = calloc(1, size);
    if (!mail)
        return NULL;
    q->bytes += cost(size);
    if (!queue_set(q, mail, &mail->instance, key->instance)) {
        q->bytes -= cost(size);
        free(mail);
        return NULL;
    }
    char *text = (char *)(mail + 1);
    memcpy(text, key->host.p, key->host.n);
    memcpy(text + key->host.n, key->id.p, key->id.n);
    mail->host = slice_of(text, key->host.n);
    mail->id = slice_of(text + key->host.n, key->id.n);
    mail->hash = hash;
    mail->touched_us = now_us;
    place(q->slots, q->room, mail);
    q->n++;
    link_newest(q, mail);
    queue_touch(q, mail);
    return mail;
}

struct queue_mail *queue_open(struct queue *q, const struct queue_key *key, enum queue_voice voice, int64_t now_us)
{
    if (!key_fits(key))
        return NULL;
    uint64_t hash = key_hash(key);
    struct queue_mail *mail = find(q, key, hash, voice);
    if (mail)
        touch(q, mail, now_us);
    else
        mail = make(q, key, hash, now_us);
    if (mail && voice == QUEUE_MANAGER && !mail->owned) {
        if (!slice_eq(kept_slice(mail->instance), key->instance))
            lose_row(q, mail);
        if (!queue_set(q, mail, &mail->instance, key->instance))
            return NULL;
        mail->owned = true;
    }
    return mail;
}

struct queue_mail *queue_add(struct queue *q, const struct queue_key *key, bool owned, int64_t touched_us)
{
    struct queue_mail *mail = key_fits(key) ? make(q, key, key_hash(key), touched_us) : NULL;
    if (mail)
        mail->owned = owned;
    return mail;
}

static size_t rcpt_bytes(const struct queue_rcpt *r)
{
    size_t n = 0;
    for (size_t i = 0; i < RCPT_TEXTS; i++)
        n += r->bytes[i];
    return n;
}

void queue_close(struct queue *q, struct queue_mail *mail)
{
    struct kept *texts[] = {&mail->instance, &mail->sender, &mail->message_id,
                            &mail->campaign, &mail->stream, &mail->root};
    take_out(q, mail);
    unlink_mail(q, mail);
    unlist_changed(q, mail);
    unlist_done(q, mail);
    lose_row(q, mail);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        drop_text(q, texts[i]);
    for (size_t i = 0; i < mail->rcpt_count; i++) {
        q->bytes -= cost(rcpt_bytes(&mail->rcpts[i]));
        free(mail->rcpts[i].text);
    }
    q->bytes -= mail->rcpt_room * sizeof *mail->rcpts;
    free(mail->rcpts);
    q->bytes -= cost(sizeof *mail + mail->host.n + mail->id.n);
    q->changed = true;
    free(mail);
}

/* ---- recipients ---- */

static uint32_t rcpt_hash(slice to)
{
    return (uint32_t)sip_hash(&id_key, to);
}

slice queue_rcpt_text(const struct queue_rcpt *r, enum rcpt_text which)
{
    size_t at = 0;
    for (size_t i = 0; i < which; i++)
        at += r->bytes[i];
    return slice_of(r->text + at, r->bytes[which]);
}

struct queue_rcpt *queue_rcpt(struct queue_mail *mail, slice to)
{
    if (mail->rcpt_count == 0)
        return NULL;
    uint32_t hash = rcpt_hash(to);
    for (uint32_t i = 0; i < mail->rcpt_count;
         i++) { /* recipients come in the same order each time: begin at the last hit */
        uint32_t at = mail->rcpt_hint + i;
        if (at >= mail->rcpt_count)
            at -= mail->rcpt_count;
        struct queue_rcpt *r = &mail->rcpts[at];
        if (r->hash == hash && slice_eq(queue_rcpt_text(r, RCPT_TO), to)) {
            mail->rcpt_hint = at;
            return r;
        }
    }
    return NULL;
}

static struct queue_rcpt *add_rcpt(struct queue *q, struct queue_mail *mail, slice to)
{
    if (mail->rcpt_count >= QUEUE_MAX_RCPTS)
        return NULL;
    if (mail->rcpt_count == mail->rcpt_room) {
        uint32_t room = mail->rcpt_room ? mail->rcpt_room * 2 : 1;
        struct queue_rcpt *rcpts = realloc(mail->rcpts, room * sizeof *rcpts);
        if (!rcpts)
            return NULL;
        q->bytes += (room - mail->rcpt_room) * sizeof *rcpts;
        mail->rcpts = rcpts;
        mail->rcpt_room = room;
    }
    struct queue_rcpt *r = &mail->rcpts[mail->rcpt_count];
    *r = (struct queue_rcpt){.hash = rcpt_hash(to)};
    return r;
}

struct queue_rcpt *queue_put_rcpt(struct queue *q, struct queue_mail *mail, const slice texts[RCPT_TEXTS])
{
    size_t total = 0;
    for (size_t i = 0; i < RCPT_TEXTS; i++) {
        if (texts[i].n > MAX_TEXT_BYTES)
            return NULL;
        total += texts[i].n;
    }
    char *text = malloc(total + 1);
    struct queue_rcpt *r = text ? queue_rcpt(mail, texts[RCPT_TO]) : NULL;
    bool is_new = !r;
    if (text && !r)
        r = add_rcpt(q, mail, texts[RCPT_TO]);
    if (!r) {
        free(text);
        return NULL;
    }
    size_t at = 0, before = rcpt_bytes(r);
    for (size_t i = 0; i < RCPT_TEXTS; i++) {
        memcpy(text + at, texts[i].p, texts[i].n);
        at += texts[i].n;
        r->bytes[i] = (uint32_t)texts[i].n;
    }
    free(r->text);
    r->text = text;
    q->bytes += cost(total);
    q->bytes -= is_new ? 0 : cost(before);
    if (is_new)
        mail->rcpt_count++;
    queue_touch(q, mail);
    return r;
}

void queue_drop_rcpt(struct queue *q, struct queue_mail *mail, struct queue_rcpt *r)
{
    q->bytes -= cost(rcpt_bytes(r));
    free(r->text);
    *r = mail->rcpts[--mail->rcpt_count];
    if (mail->rcpt_hint >= mail->rcpt_count)
        mail->rcpt_hint = 0;
    queue_touch(q, mail);
}
