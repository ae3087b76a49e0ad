#include "ledger/table.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "ledger/scope.h"

/* The slots are sorted by hash and stand in lines of the processor's cache, LINE_SLOTS to a line: an entry stands in the
 * line that the upper bits of its hash name or behind it, without a free slot between, and a run is in order. So a search
 * looks at one line nearly always and ends at the first greater hash, an insert shifts the rest of its run up by one, a
 * delete shifts it down by one, and nothing is ever marked as deleted. Runs do not wrap: TAIL_SLOTS follow the last home.
 *
 * Addresses and whole domains have slots of their own: the few domains stay in the cache, so that a check waits for the
 * memory of the addresses only. Within a line and over the scopes a check compares without branches: what an address is
 * cannot be foreseen, and a wrong guess costs more than the comparing.
 *
 * Threads: `generation` is odd while the writer moves slots; a reader that saw it odd or changed reads again (a
 * sequence lock). Slots are read and written as relaxed atomics, ordered by the fences around the generation. */

#define LINE_SLOTS 4u
#define TAIL_SLOTS 1024
#define LEAST_BITS 10u
#define MOST_BITS 40u
#define LOAD_OF_8 7 /* at most 7/8 of the slots are in use */
#define NO_EXPIRY UINT32_MAX
#define LAST_HOUR (INT64_MAX / TIME_HOUR) /* below NO_EXPIRY */
#define IN_USE UINT64_C(0x10000)          /* in every entry, so that none is 0 */
#define MOST_LOOKS 64u                    /* of a reader at a table that is being written, before it makes way */
#define HUGE_PAGE_BYTES (2u * 1024 * 1024)
#define CLASS_DOMAIN 4u /* a class is a scope, and this where it is of a domain */
#define CLASSES 8u
#define MAX_GROWS 48
#define AT_ONCE 16 /* checks of a list whose memory is fetched at the same time */

struct slot {
    _Atomic uint64_t hash;  /* 0: free */
    _Atomic uint64_t entry; /* expiry hour << 32 | IN_USE | class << 8 | cause */
};
_Static_assert(sizeof(struct slot) * LINE_SLOTS == 64, "a line is a line of the cache");

struct space {
    struct slot *slots;
    size_t count; /* homes and tail */
    unsigned shift;
};

/* The slots of the addresses, or of the domains. */
struct half {
    _Atomic(const struct space *) now;
    _Atomic size_t used;
    struct space spaces[MAX_GROWS]; /* all there ever were, the last is in use */
    size_t space_count;
};

struct table {
    struct sip_key key;
    _Atomic uint32_t generation;
    size_t of_class[CLASSES];
    _Atomic unsigned filled; /* bit per class that has any: a probe for an empty one is left out */
    struct half halves[2];   /* [1]: whole domains */
};

static size_t space_bytes(const struct space *s)
{
    size_t bytes = s->count * sizeof(struct slot);
    return (bytes + HUGE_PAGE_BYTES - 1) / HUGE_PAGE_BYTES * HUGE_PAGE_BYTES;
}

static bool space_map(struct space *s, unsigned bits)
{
    s->shift = 64 - bits;
    s->count = ((size_t)1 << bits) + TAIL_SLOTS;
    void *p = mmap(NULL, space_bytes(s), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return false;
    s->slots = p;
    if (s->count * sizeof(struct slot) >= HUGE_PAGE_BYTES)
        (void)madvise(p, space_bytes(s), MADV_HUGEPAGE); /* a wish: random reads miss the TLB less */
    return true;
}

/* The first slot of the line where `hash` belongs. */
static size_t home_of(const struct space *s, uint64_t hash)
{
    return (hash >> s->shift) & ~(size_t)(LINE_SLOTS - 1);
}

static uint64_t hash_at(const struct space *s, size_t i)
{
    return atomic_load_explicit(&s->slots[i].hash, memory_order_relaxed);
}

static uint64_t entry_at(const struct space *s, size_t i)
{
    return atomic_load_explicit(&s->slots[i].entry, memory_order_relaxed);
}

static void set_slot(const struct space *s, size_t i, uint64_t hash, uint64_t entry)
{
    atomic_store_explicit(&s->slots[i].hash, hash, memory_order_relaxed);
    atomic_store_explicit(&s->slots[i].entry, entry, memory_order_relaxed);
}

/* First slot at or behind the home of `hash` that is free or not smaller. */
static size_t seek(const struct space *s, uint64_t hash)
{
    size_t i = home_of(s, hash);
    while (i < s->count) {
        uint64_t h = hash_at(s, i);
        if (h == 0 || h >= hash)
            break;
        i++;
    }
    return i;
}

/* ---- the writer ---- */

static void writing_begin(struct table *t)
{
    uint32_t g = atomic_load_explicit(&t->generation, memory_order_relaxed);
    atomic_store_explicit(&t->generation, g + 1, memory_order_relaxed);
    atomic_thread_fence(memory_order_release);
}

static void writing_end(struct table *t)
{
    uint32_t g = atomic_load_explicit(&t->generation, memory_order_relaxed);
    atomic_store_explicit(&t->generation, g + 1, memory_order_release);
}

static struct space *current(struct half *h)
{
    return &h->spaces[h->space_count - 1];
}

/* Puts a hash that is not there at slot i; false when its run has reached the end of the tail. */
static bool insert_at(const struct space *s, size_t i, uint64_t hash, uint64_t entry)
{
    size_t end = i;
    while (end < s->count && hash_at(s, end) != 0)
        end++;
    if (end == s->count)
        return false;
    for (; end > i; end--)
        set_slot(s, end, hash_at(s, end - 1), entry_at(s, end - 1));
    set_slot(s, i, hash, entry);
    return true;
}

static void remove_at(const struct space *s, size_t i)
{
    for (; i + 1 < s->count; i++) {
        uint64_t next = hash_at(s, i + 1);
        if (next == 0 || home_of(s, next) > i)
            break;
        set_slot(s, i, next, entry_at(s, i + 1));
    }
    set_slot(s, i, 0, 0);
}

/* In order, so that each goes behind the last one. */
static bool copy_all(const struct space *from, const struct space *to)
{
    size_t next = 0;
    for (size_t i = 0; i < from->count; i++) {
        uint64_t h = hash_at(from, i);
        if (h == 0)
            continue;
        size_t home = home_of(to, h);
        size_t at = home > next ? home : next;
        if (at >= to->count)
            return false;
        set_slot(to, at, h, entry_at(from, i));
        next = at + 1;
    }
    return true;
}

static enum status no_memory(err *e)
{
    return err_set(e, E_MEMORY, "suppression table: out of memory");
}

/* Readers that still look at the old slots see them empty, find the generation changed and read again. */
static enum status grow(struct table *t, struct half *half, err *e)
{
    const struct space *old = current(half);
    unsigned bits = 64 - old->shift + 1;
    if (half->space_count == MAX_GROWS || bits > MOST_BITS || !space_map(&half->spaces[half->space_count], bits))
        return no_memory(e);
    struct space *wider = &half->spaces[half->space_count];
    if (!copy_all(old, wider)) {
        munmap(wider->slots, space_bytes(wider));
        return no_memory(e);
    }
    half->space_count++;
    writing_begin(t);
    atomic_store_explicit(&half->now, wider, memory_order_release);
    writing_end(t);
    (void)madvise(old->slots, space_bytes(old), MADV_DONTNEED);
    return OK;
}

static unsigned class_of(enum scope scope, bool domain)
{
    _Static_assert(SCOPES <= CLASS_DOMAIN, "scopes and the bit of domains stand apart");
    return (unsigned)scope | (domain ? CLASS_DOMAIN : 0);
}

/* One more of a class, or one less. */
static void count_class(struct table *t, unsigned class, bool more)
{
    unsigned filled = atomic_load_explicit(&t->filled, memory_order_relaxed), bit = 1u << class;
    t->of_class[class] += more ? 1 : SIZE_MAX;
    filled = t->of_class[class] ? filled | bit : filled & ~bit;
    atomic_store_explicit(&t->filled, filled, memory_order_relaxed);
}

static uint64_t entry_of(unsigned class, enum cause cause, int64_t until_us)
{
    uint64_t hour = NO_EXPIRY;
    if (until_us != TIME_NONE) {
        int64_t h = until_us <= 0 ? 0 : (until_us - 1) / TIME_HOUR + 1;
        hour = h < LAST_HOUR ? (uint64_t)h : LAST_HOUR;
    }
    return hour << 32 | IN_USE | (uint64_t) class << 8 | (uint64_t)cause;
}

static enum status put_hash(struct table *t, uint64_t hash, unsigned class, uint64_t entry, err *e)
{
    struct half *half = &t->halves[class / CLASS_DOMAIN];
    size_t used = atomic_load_explicit(&half->used, memory_order_relaxed);
    for (;;) {
        const struct space *s = current(half);
        size_t i = seek(s, hash);
        bool there = i < s->count && hash_at(s, i) == hash;
        if (!there && used + 1 > (s->count - TAIL_SLOTS) / 8 * LOAD_OF_8) {
            enum status st = grow(t, half, e);
            if (st != OK)
                return st;
            continue;
        }
        if (!there)
            count_class(t, class, true);
        writing_begin(t);
        bool done = there || insert_at(s, i, hash, entry);
        if (there)
            set_slot(s, i, hash, entry);
        writing_end(t);
        if (done) {
            atomic_store_explicit(&half->used, used + !there, memory_order_relaxed);
            return OK;
        }
        count_class(t, class, false);
        enum status st = grow(t, half, e); /* a run met the end of the tail */
        if (st != OK)
            return st;
    }
}

static void remove_hash(struct table *t, uint64_t hash, bool domain)
{
    struct half *half = &t->halves[domain];
    const struct space *s = current(half);
    size_t i = seek(s, hash);
    if (i >= s->count || hash_at(s, i) != hash)
        return;
    unsigned class = (unsigned)(entry_at(s, i) >> 8) % CLASSES;
    writing_begin(t);
    remove_at(s, i);
    writing_end(t);
    count_class(t, class, false);
    atomic_fetch_sub_explicit(&half->used, 1, memory_order_relaxed);
}

static bool is_domain(slice address_or_domain)
{
    return slice_chr(address_or_domain, '@') == SLICE_NPOS;
}

enum status table_put(struct table *t, enum scope scope, slice tenant, slice stream, slice address_or_domain,
                      enum cause cause, int64_t until_us, err *e)
{
    uint64_t hash = scope_hash(&t->key, scope, tenant, stream, address_or_domain);
    unsigned class = class_of(scope, is_domain(address_or_domain));
    return put_hash(t, hash, class, entry_of(class, cause, until_us), e);
}

void table_remove(struct table *t, enum scope scope, slice tenant, slice stream, slice address_or_domain)
{
    uint64_t hash = scope_hash(&t->key, scope, tenant, stream, address_or_domain);
    remove_hash(t, hash, is_domain(address_or_domain));
}

/* ---- following the ledger ---- */

struct follower {
    struct table *t;
    enum status st;
    err *e;
};

static bool follow_mark(void *ctx, const struct ledger_mark *m)
{
    struct follower *f = ctx;
    unsigned class = class_of(m->scope, m->domain);
    if (m->cause == CAUSE_NONE)
        remove_hash(f->t, m->hash, m->domain);
    else
        f->st = put_hash(f->t, m->hash, class, entry_of(class, m->cause, m->until_us), f->e);
    return f->st == OK;
}

static void forget_all(struct table *t)
{
    writing_begin(t);
    for (size_t k = 0; k < ARRAY_LEN(t->halves); k++) {
        const struct space *s = current(&t->halves[k]);
        for (size_t i = 0; i < s->count; i++)
            set_slot(s, i, 0, 0);
        atomic_store_explicit(&t->halves[k].used, 0, memory_order_relaxed);
    }
    writing_end(t);
    memset(t->of_class, 0, sizeof t->of_class);
    atomic_store_explicit(&t->filled, 0, memory_order_relaxed);
}

enum status table_follow(struct table *t, struct ledger *l, int64_t *seq, err *e)
{
    struct follower f = {t, OK, e};
    int64_t at = *seq;
    MUST(t->key.k0 == ledger_key(l)->k0 && t->key.k1 == ledger_key(l)->k1);
    enum status st = ledger_marks_since(l, &at, follow_mark, &f, e);
    if (st == OK && at == 0 && *seq > 0) { /* pruning forgot what we missed */
        forget_all(t);
        st = ledger_marks_since(l, &at, follow_mark, &f, e);
    }
    if (st == OK)
        st = f.st;
    if (st == OK)
        *seq = at;
    return st;
}

/* ---- readers ---- */

static uint32_t reading_begin(const struct table *t)
{
    for (unsigned looks = 0;; looks++) {
        uint32_t g = atomic_load_explicit(&t->generation, memory_order_acquire);
        if (!(g & 1))
            return g;
        if (looks >= MOST_LOOKS) /* the writer was stopped in the middle: it may need this processor */
            (void)sched_yield();
    }
}

static bool reading_valid(const struct table *t, uint32_t g)
{
    atomic_thread_fence(memory_order_acquire);
    return atomic_load_explicit(&t->generation, memory_order_relaxed) == g;
}

/* The hashes to look for, for one key; their memory is fetched while the next one is computed. In the order of the
 * answers: [0] addresses before [1] domains, and within them by scope. */
struct query {
    uint64_t hashes[2][SCOPES];
    unsigned n[2];
};

/* One probe for each of `scopes`, a bit per scope. */
static inline void add_probes(const struct table *t, const struct scope_salt *salt, uint64_t text_hash, bool domain,
                              unsigned scopes, struct query *q)
{
    /* `now` may change behind this: then the fetches were in vain, nothing else */
    const struct space *s = atomic_load_explicit(&t->halves[domain].now, memory_order_acquire);
    const struct slot *slots = s->slots;
    unsigned shift = s->shift, n = 0;
    for (; scopes; scopes &= scopes - 1) {
        uint64_t hash = scope_mix(salt->of[__builtin_ctz(scopes)], text_hash);
        __builtin_prefetch(&slots[hash >> shift & ~(uint64_t)(LINE_SLOTS - 1)]);
        q->hashes[domain][n++] = hash;
    }
    q->n[domain] = n;
}

/* The whole key is hashed before it is looked into, so that the memory of its address is asked for as early as can be. */
static inline void prepare(const struct table *t, const struct scope_salt *salt, slice key, struct query *q)
{
    unsigned filled = atomic_load_explicit(&t->filled, memory_order_relaxed);
    uint64_t text_hash = sip_hash(&t->key, key);
    add_probes(t, salt, text_hash, false, filled % (1u << CLASS_DOMAIN), q);
    q->n[1] = 0;
    size_t at = slice_rchr(key, '@');
    if (at == SLICE_NPOS)
        q->n[0] = 0; /* a domain */
    if (filled >> CLASS_DOMAIN == 0)
        return;
    if (at != SLICE_NPOS)
        text_hash = sip_hash(&t->key, slice_from(key, at + 1));
    add_probes(t, salt, text_hash, true, filled >> CLASS_DOMAIN, q);
}

static inline const struct slot *pick(const struct slot *s, uint64_t hash, const struct slot *other)
{
    return atomic_load_explicit(&s->hash, memory_order_relaxed) == hash ? s : other;
}

/* The entry of a hash; 0 when it is not there. Which slot of the line it is decides no branch. */
static inline uint64_t find(const struct space *s, uint64_t hash)
{
    _Static_assert(LINE_SLOTS == 4, "all slots of a line are looked at");
    static const struct slot none;
    const struct slot *end = s->slots + s->count;
    for (const struct slot *line = s->slots + home_of(s, hash); line < end; line += LINE_SLOTS) {
        const struct slot *found =
            pick(line, hash, pick(line + 1, hash, pick(line + 2, hash, pick(line + 3, hash, &none))));
        uint64_t last = atomic_load_explicit(&line[LINE_SLOTS - 1].hash, memory_order_relaxed);
        if (last - 1 >= hash - 1 || found != &none) /* 0, a free slot, ends a run as the greatest hash would */
            return atomic_load_explicit(&found->entry, memory_order_relaxed);
    }
    return 0;
}

/* The first entry of one half that counts at `hour`; `other` where there is none. */
static inline uint64_t find_in(const struct table *t, const struct query *q, bool domain, uint64_t hour, uint64_t other)
{
    const struct space *s = atomic_load_explicit(&t->halves[domain].now, memory_order_acquire);
    for (unsigned k = q->n[domain]; k-- > 0;) {
        uint64_t entry = find(s, q->hashes[domain][k]);
        other = entry >> 32 > hour ? entry : other; /* NO_EXPIRY is behind all hours */
    }
    return other;
}

/* No branch: whether an address is found is as hard to foresee as the address. */
static inline struct table_hit hit_of(uint64_t entry)
{
    uint64_t hour = entry >> 32;
    unsigned class = (unsigned)(entry >> 8) % CLASSES;
    uint64_t ends = -(uint64_t)((entry != 0) & (hour != NO_EXPIRY));
    return (struct table_hit){.suppressed = entry != 0,
                              .cause = (enum cause)(entry & 0xff),
                              .scope = (enum scope)(class % CLASS_DOMAIN),
                              .domain = class / CLASS_DOMAIN,
                              .until_us = (int64_t)(hour & ends) * TIME_HOUR + (ends ? 0 : TIME_NONE)};
}

static inline struct table_hit look_up(const struct table *t, const struct query *q, int64_t now_us)
{
    uint64_t hour = now_us <= 0 ? 0 : (uint64_t)(now_us / TIME_HOUR);
    for (;;) {
        uint32_t g = reading_begin(t);
        uint64_t entry = find_in(t, q, false, hour, find_in(t, q, true, hour, 0));
        if (reading_valid(t, g))
            return hit_of(entry);
    }
}

struct scope_salt table_place(const struct table *t, slice tenant, slice stream)
{
    return scope_salts(&t->key, tenant, stream);
}

struct table_hit table_check_at(const struct table *t, const struct scope_salt *place, slice key, int64_t now_us)
{
    struct query q;
    prepare(t, place, key, &q);
    return look_up(t, &q, now_us);
}

struct table_hit table_check(const struct table *t, slice tenant, slice stream, slice key, int64_t now_us)
{
    struct scope_salt place = table_place(t, tenant, stream);
    return table_check_at(t, &place, key, now_us);
}

void table_check_many(const struct table *t, slice tenant, slice stream, const slice *keys, size_t n, int64_t now_us,
                      struct table_hit *hits)
{
    struct query q[AT_ONCE];
    struct scope_salt salt = scope_salts(&t->key, tenant, stream);
    for (size_t done = 0; done < n; done += AT_ONCE) {
        size_t some = n - done < AT_ONCE ? n - done : AT_ONCE;
        for (size_t i = 0; i < some; i++)
            prepare(t, &salt, keys[done + i], &q[i]);
        for (size_t i = 0; i < some; i++)
            hits[done + i] = look_up(t, &q[i], now_us);
    }
}

size_t table_count(const struct table *t)
{
    return atomic_load_explicit(&t->halves[0].used, memory_order_relaxed) +
           atomic_load_explicit(&t->halves[1].used, memory_order_relaxed);
}

/* ---- life ---- */

static bool half_init(struct half *half, size_t expected)
{
    unsigned bits = LEAST_BITS;
    while (bits < MOST_BITS && ((size_t)1 << bits) / 8 * LOAD_OF_8 < expected)
        bits++;
    if (!space_map(&half->spaces[0], bits))
        return false;
    half->space_count = 1;
    atomic_store_explicit(&half->now, &half->spaces[0], memory_order_release);
    return true;
}

enum status table_new(const struct sip_key *key, size_t expected, struct table **out, err *e)
{
    *out = NULL;
    struct table *t = calloc(1, sizeof *t);
    if (!t)
        return no_memory(e);
    t->key = *key;
    if (!half_init(&t->halves[0], expected) || !half_init(&t->halves[1], 0)) {
        table_free(&t);
        return no_memory(e);
    }
    *out = t;
    return OK;
}

void table_free(struct table **tp)
{
    struct table *t = *tp;
    *tp = NULL;
    if (!t)
        return;
    for (size_t k = 0; k < ARRAY_LEN(t->halves); k++)
        for (size_t i = 0; i < t->halves[k].space_count; i++)
            munmap(t->halves[k].spaces[i].slots, space_bytes(&t->halves[k].spaces[i]));
    free(t);
}
