/* What one transaction adds to counters: gathered, then written in key order, each counter once. */
#include <stdlib.h>

#include "ledger/counter.h"
#include "ledger/watching.h"

#define MAX_PENDING 65536 /* rows gathered before they are written early */

struct group {
    struct hash128 hash;
    struct ledger_group sum;
    int64_t provider;
};

/* The columns of codes, in their order. */
enum { CODE_HOUR, CODE_TENANT, CODE_PROVIDER, CODE_CODE, CODE_PHASE, CODE_REASON, CODE_COLUMNS };

struct code {
    int64_t key[CODE_COLUMNS];
    int64_t count;
};

struct sent {
    int64_t day;
    uint64_t hash;
};

struct pending {
    map counters, groups, codes;
    struct sent *sent;
    size_t sent_count, sent_room;
    arena memory;
};

struct pending *pending_new(const struct sip_key *key)
{
    struct pending *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    map_init(&p->counters, key);
    map_init(&p->groups, key);
    map_init(&p->codes, key);
    arena_init(&p->memory, 0);
    return p;
}

void pending_free(struct pending **pp)
{
    struct pending *p = *pp;
    *pp = NULL;
    if (!p)
        return;
    map_fini(&p->counters);
    map_fini(&p->groups);
    map_fini(&p->codes);
    arena_fini(&p->memory);
    free(p->sent);
    free(p);
}

void pending_forget(struct pending *p)
{
    map_clear(&p->counters);
    map_clear(&p->groups);
    map_clear(&p->codes);
    arena_reset(&p->memory);
    p->sent_count = 0;
}

static enum status no_memory(struct ledger *l, err *e)
{
    return err_set(e, E_MEMORY, "%s: gather: out of memory", l->path);
}

/* ---- gathering ---- */

static enum status make_room(struct ledger *l, err *e)
{
    struct pending *p = l->pending;
    bool full = p->counters.n >= MAX_PENDING || p->groups.n >= MAX_PENDING || p->codes.n >= MAX_PENDING ||
                p->sent_count >= MAX_PENDING;
    return full ? pending_flush(l, e) : OK;
}

static enum status counter_key(struct ledger *l, const struct ledger_tally *t, int64_t key[DIMENSIONS], err *e)
{
    const struct {
        enum dimension d;
        slice text;
    } texts[] = {{D_TENANT, t->tenant},     {D_STREAM, t->stream}, {D_CAMPAIGN, t->campaign}, {D_DOMAIN, t->domain},
                 {D_PROVIDER, t->provider}, {D_SOURCE, t->source}, {D_IP, t->sending_ip}};
    enum status st = OK;
    key[D_HOUR] = t->hour;
    key[D_KIND] = t->kind;
    key[D_REASON] = t->reason;
    for (size_t i = 0; st == OK && i < ARRAY_LEN(texts); i++)
        st = names_id(l, texts[i].text, &key[texts[i].d], e);
    return st;
}

enum status ledger_add_tally(struct ledger *l, const struct ledger_tally *t, err *e)
{
    struct counter c = {.count = 0};
    enum status st = store_writing(l, e);
    if (st == OK)
        st = make_room(l, e);
    if (st == OK)
        st = counter_key(l, t, c.key, e);
    if (st != OK)
        return st;
    struct pending *p = l->pending;
    slice key = slice_of((const char *)c.key, sizeof c.key);
    struct counter *known = map_get(&p->counters, key);
    if (!known) {
        known = ARENA_NEW(&p->memory, struct counter);
        if (!known)
            return no_memory(l, e);
        *known = c;
        void **place = map_put(&p->counters, slice_of((const char *)known->key, sizeof known->key));
        if (!place)
            return no_memory(l, e);
        *place = known;
    }
    known->count += t->count;
    return OK;
}

static struct group *new_group(struct ledger *l, const struct ledger_group *g)
{
    arena *a = &l->pending->memory;
    struct group *made = ARENA_NEW(a, struct group);
    if (!made)
        return NULL;
    made->sum = *g;
    made->sum.count = 0;
    made->sum.text = arena_dup(a, slice_sub(g->text, 0, LEDGER_MAX_REPLY_BYTES));
    made->sum.example = arena_dup(a, slice_sub(g->example, 0, LEDGER_MAX_REPLY_BYTES));
    made->hash = hash128(made->sum.text);
    void **place = a->limited ? NULL : map_put(&l->pending->groups, made->sum.text);
    if (!place)
        return NULL;
    *place = made;
    return made;
}

enum status ledger_add_group(struct ledger *l, const struct ledger_group *g, err *e)
{
    int64_t provider = 0;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = make_room(l, e);
    if (st == OK)
        st = names_id(l, g->provider, &provider, e);
    if (st != OK)
        return st;
    struct group *known = map_get(&l->pending->groups, slice_sub(g->text, 0, LEDGER_MAX_REPLY_BYTES));
    if (!known) {
        known = new_group(l, g);
        if (!known)
            return no_memory(l, e);
        known->provider = provider;
    }
    if (known->provider != provider)
        known->provider = 0;
    known->sum.reason = g->reason;
    known->sum.count += g->count;
    if (g->first_us < known->sum.first_us)
        known->sum.first_us = g->first_us;
    if (g->last_us > known->sum.last_us)
        known->sum.last_us = g->last_us;
    return OK;
}

enum status ledger_add_code(struct ledger *l, const struct ledger_code *c, err *e)
{
    struct code made = {
        .key = {[CODE_HOUR] = c->hour, [CODE_CODE] = c->code, [CODE_PHASE] = c->phase, [CODE_REASON] = c->reason}};
    enum status st = store_writing(l, e);
    if (st == OK)
        st = make_room(l, e);
    if (st == OK)
        st = names_id(l, c->tenant, &made.key[CODE_TENANT], e);
    if (st == OK)
        st = names_id(l, c->provider, &made.key[CODE_PROVIDER], e);
    if (st != OK)
        return st;
    struct pending *p = l->pending;
    struct code *known = map_get(&p->codes, slice_of((const char *)made.key, sizeof made.key));
    if (!known) {
        known = ARENA_NEW(&p->memory, struct code);
        if (!known)
            return no_memory(l, e);
        *known = made;
        void **place = map_put(&p->codes, slice_of((const char *)known->key, sizeof known->key));
        if (!place)
            return no_memory(l, e);
        *place = known;
    }
    known->count += c->count;
    return OK;
}

enum status ledger_add_sent(struct ledger *l, uint64_t id_hash, int64_t time_us, err *e)
{
    struct pending *p = l->pending;
    enum status st = store_writing(l, e);
    if (st == OK)
        st = make_room(l, e);
    if (st != OK)
        return st;
    if (p->sent_count == p->sent_room) {
        size_t room = p->sent_room ? 2 * p->sent_room : 1024;
        struct sent *grown = realloc(p->sent, room * sizeof *grown);
        if (!grown)
            return no_memory(l, e);
        p->sent = grown;
        p->sent_room = room;
    }
    p->sent[p->sent_count++] = (struct sent){time_us / TIME_DAY, id_hash};
    return OK;
}

/* ---- writing ---- */

static int by_key(const void *a, const void *b)
{
    const struct counter *x = *(const struct counter *const *)a, *y = *(const struct counter *const *)b;
    for (int i = 0; i < DIMENSIONS; i++)
        if (x->key[i] != y->key[i])
            return x->key[i] < y->key[i] ? -1 : 1;
    return 0;
}

static int by_code(const void *a, const void *b)
{
    const struct code *x = *(const struct code *const *)a, *y = *(const struct code *const *)b;
    for (int i = 0; i < CODE_COLUMNS; i++)
        if (x->key[i] != y->key[i])
            return x->key[i] < y->key[i] ? -1 : 1;
    return 0;
}

static int by_group_hash(const void *a, const void *b)
{
    const struct group *x = *(const struct group *const *)a, *y = *(const struct group *const *)b;
    return x->hash.hi < y->hash.hi ? -1 : x->hash.hi > y->hash.hi;
}

/* SQLite orders numbers with their sign. */
static int by_day_and_hash(const void *a, const void *b)
{
    const struct sent *s = a, *t = b;
    int64_t x = s->day == t->day ? (int64_t)s->hash : s->day, y = s->day == t->day ? (int64_t)t->hash : t->day;
    return x < y ? -1 : x > y;
}

/* The values of a map in an array of the arena. */
static void **values_of(const map *m, arena *a)
{
    void **values = arena_calloc(a, m->n + 1, sizeof *values);
    size_t n = 0, at = 0;
    for (struct map_slot *slot = map_next(m, &at); values && slot; slot = map_next(m, &at))
        values[n++] = slot->value;
    return values;
}

static enum status write_counter(struct ledger *l, const struct counter *c, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_TALLY_ADD, &r, e);
    if (st != OK)
        return st;
    for (int i = 0; i < DIMENSIONS; i++)
        row_int(&r, c->key[i]);
    row_int(&r, c->count);
    return row_run(&r, e);
}

static enum status write_code(struct ledger *l, const struct code *c, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_CODE_ADD, &r, e);
    if (st != OK)
        return st;
    for (int i = 0; i < CODE_COLUMNS; i++)
        row_int(&r, c->key[i]);
    row_int(&r, c->count);
    return row_run(&r, e);
}

static enum status write_codes(struct ledger *l, err *e)
{
    struct pending *p = l->pending;
    void **codes = values_of(&p->codes, &p->memory);
    enum status st = OK;
    if (!codes)
        return no_memory(l, e);
    qsort(codes, p->codes.n, sizeof *codes, by_code);
    for (size_t i = 0; st == OK && i < p->codes.n; i++)
        st = write_code(l, codes[i], e);
    return st;
}

static enum status write_group(struct ledger *l, const struct group *g, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_GROUP_ADD, &r, e);
    if (st != OK)
        return st;
    row_u64(&r, g->hash.hi);
    row_u64(&r, g->hash.lo);
    row_key(&r, g->sum.text);
    row_text_max(&r, l->hashed ? SLICE_EMPTY : g->sum.example, LEDGER_MAX_REPLY_BYTES);
    row_int(&r, g->provider);
    row_int(&r, g->sum.reason);
    row_int(&r, g->sum.count);
    row_time(&r, g->sum.first_us);
    row_time(&r, g->sum.last_us);
    return row_run(&r, e);
}

static enum status write_sent(struct ledger *l, const struct sent *s, err *e)
{
    struct row r;
    enum status st = row_open(l, STMT_SENT_ADD, &r, e);
    if (st != OK)
        return st;
    row_int(&r, s->day);
    row_u64(&r, s->hash);
    return row_run(&r, e);
}

static enum status write_all(struct ledger *l, err *e)
{
    struct pending *p = l->pending;
    void **counters = values_of(&p->counters, &p->memory), **groups = values_of(&p->groups, &p->memory);
    enum status st = OK;
    if (!counters || !groups)
        return no_memory(l, e);
    qsort(counters, p->counters.n, sizeof *counters, by_key);
    qsort(groups, p->groups.n, sizeof *groups, by_group_hash);
    if (p->sent_count)
        qsort(p->sent, p->sent_count, sizeof *p->sent, by_day_and_hash);
    for (size_t i = 0; st == OK && i < p->counters.n; i++)
        st = write_counter(l, counters[i], e);
    if (st == OK && p->counters.n)
        st = sums_write(l, (struct counter *const *)(void *)counters, p->counters.n, &p->memory, e);
    for (size_t i = 0; st == OK && i < p->groups.n; i++)
        st = write_group(l, groups[i], e);
    for (size_t i = 0; st == OK && i < p->sent_count; i++)
        st = write_sent(l, &p->sent[i], e);
    return st == OK ? write_codes(l, e) : st;
}

enum status pending_flush(struct ledger *l, err *e)
{
    struct pending *p = l->pending;
    if (p->counters.n == 0 && p->groups.n == 0 && p->codes.n == 0 && p->sent_count == 0)
        return OK;
    enum status st = write_all(l, e);
    if (st == OK)
        pending_forget(p);
    return st;
}
