#include "core/read_known.h"

struct known_position {
    struct known_position *next;
    slice name;
    buf text;
    bool unsaved;
};

/* Names are hashes of contents: nothing to defend here. */
static const struct sip_key name_key = {1, 2};

void known_init(struct known *k, read_known_fn look_up, void *ctx)
{
    *k = (struct known){.look_up = look_up, .ctx = ctx};
    arena_init(&k->arena, 0);
    map_init(&k->positions, &name_key);
}

void known_fini(struct known *k)
{
    for (struct known_position *p = k->first; p; p = p->next)
        buf_fini(&p->text);
    map_fini(&k->positions);
    arena_fini(&k->arena);
}

bool known_get(struct known *k, slice name, arena *a, slice *position)
{
    struct known_position *p = map_get(&k->positions, name);
    if (p) {
        *position = arena_dup(a, buf_slice(&p->text));
        return true;
    }
    return k->look_up && k->look_up(k->ctx, name, a, position);
}

static struct known_position *entry_of(struct known *k, slice name)
{
    struct known_position *p = map_get(&k->positions, name);
    if (p)
        return p;
    p = ARENA_NEW(&k->arena, struct known_position);
    slice copy = arena_dup(&k->arena, name);
    void **place = p && copy.n == name.n ? map_put(&k->positions, copy) : NULL;
    if (!place)
        return NULL;
    *place = p;
    p->name = copy;
    buf_init(&p->text, 0);
    p->next = k->first;
    k->first = p;
    return p;
}

bool known_put(struct known *k, slice name, slice position)
{
    struct known_position *p = entry_of(k, name);
    if (!p)
        return false;
    buf_clear(&p->text);
    buf_add(&p->text, position);
    p->unsaved = !p->text.failed;
    return p->unsaved;
}

enum status known_store(struct known *k, read_put_fn put, void *ctx, err *e)
{
    for (struct known_position *p = k->first; p; p = p->next) {
        if (!p->unsaved)
            continue;
        enum status status = put(ctx, p->name, buf_slice(&p->text), e);
        if (status != OK)
            return status;
    }
    return OK;
}

void known_stored(struct known *k)
{
    for (struct known_position *p = k->first; p; p = p->next)
        p->unsaved = false;
}

/* Reads what stands before the position and compares it with what stood there. */
static bool still_there(struct read_file *f, const struct position *p, struct tail *tail)
{
    err ignored;
    *tail = (struct tail){0};
    if (read_file_skip(f, p->offset - p->tail_bytes, &ignored) != OK)
        return false;
    while (tail->n < p->tail_bytes) {
        int64_t got = read_file_read(f, tail->bytes + tail->n, p->tail_bytes - tail->n, &ignored);
        if (got <= 0)
            return false;
        tail->n += (size_t)got;
    }
    return position_tail_is(p, slice_of(tail->bytes, tail->n));
}

static enum status reopen(const char *path, struct read_file **f, err *e)
{
    read_file_close(f);
    return read_file_open(path, f, e);
}

enum status known_resume(struct known *k, const char *path, struct read_file **f, uint64_t *offset, struct tail *tail,
                         enum resume *how, err *e)
{
    arena a;
    slice text;
    struct position_name names[POSITION_NAMES], packed;
    enum status status = OK;
    *offset = 0;
    *tail = (struct tail){0};
    *how = RESUME_START;
    arena_init(&a, 0);
    position_packed_name(*f, &packed);
    if (read_file_packed(*f) && known_get(k, slice_of(packed.text, packed.n), &a, &text))
        *how = RESUME_DONE;
    size_t n = *how == RESUME_DONE ? 0 : position_names(read_file_head(*f), names);
    for (size_t i = 0; i < n && status == OK && *how != RESUME_WITHIN; i++) {
        struct position p;
        if (!known_get(k, slice_of(names[i].text, names[i].n), &a, &text) || !position_parse(text, &p))
            continue;
        if (still_there(*f, &p, tail)) {
            *how = RESUME_WITHIN;
            *offset = p.offset;
            break;
        }
        *how = RESUME_REPLACED;
        *tail = (struct tail){0};
        status = reopen(path, f, e);
    }
    arena_fini(&a);
    return status;
}
