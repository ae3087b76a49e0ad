/* How many checks a second the suppression table answers, on one core and on several at once.
 *
 * usage: bench_table [entries [threads]]
 * Half of the checks hit. Each hashes tenant, stream, address and domain, and probes four places: global and stream, for address
 * and domain. Yardsticks: reads of 16 bytes at random places of an array as long as the table, for lists as fast as they go, for
 * single checks one after the other, since a check that is asked alone waits for the memory of its slots and no sooner for the
 * next one's.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/time.h"
#include "bench.h"
#include "ledger/table.h"

#define NOON (20000 * TIME_DAY + 12 * TIME_HOUR)
#define ROUND 200000
#define LIST 100
#define ADDRESS_BYTES 40
#define SECONDS 2.0
#define MAX_THREADS 64
#define CHAIN "random 16-byte reads one by one"

struct work {
    struct table *t;
    char (*addresses)[ADDRESS_BYTES];
    unsigned char *lengths;
    unsigned char *array;
    size_t array_mask;
    uint64_t sink;
};

static uint64_t spread(uint64_t i)
{
    i = (i ^ i >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    i = (i ^ i >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return i ^ i >> 32;
}

static size_t address(uint64_t i, char out[ADDRESS_BYTES])
{
    return (size_t)snprintf(out, ADDRESS_BYTES, "user%llu@d%u.example", (unsigned long long)i,
                            (unsigned)(spread(i) % 100000));
}

static void fill(struct table *t, size_t entries)
{
    char text[ADDRESS_BYTES];
    err e;
    for (size_t i = 0; i < entries; i++) {
        slice key = slice_of(text, address(i, text));
        enum scope scope = i % 10 ? SCOPE_GLOBAL : SCOPE_STREAM;
        if (i % 10007 == 0)
            key = slice_from(key, slice_chr(key, '@') + 1);
        MUST(table_put(t, scope, S("t"), S("news"), key, CAUSE_HARD, TIME_NONE, &e) == OK);
    }
}

static size_t check_all(void *ctx)
{
    struct work *w = ctx;
    uint64_t hits = 0;
    for (size_t i = 0; i < ROUND; i++)
        hits += table_check(w->t, S("t"), S("news"), slice_of(w->addresses[i], w->lengths[i]), NOON).suppressed;
    w->sink += hits;
    return ROUND;
}

/* As a listener does, which serves one stream. */
static size_t check_place(void *ctx)
{
    struct work *w = ctx;
    struct scope_salt place = table_place(w->t, S("t"), S("news"));
    uint64_t hits = 0;
    for (size_t i = 0; i < ROUND; i++)
        hits += table_check_at(w->t, &place, slice_of(w->addresses[i], w->lengths[i]), NOON).suppressed;
    w->sink += hits;
    return ROUND;
}

static size_t check_lists(void *ctx)
{
    struct work *w = ctx;
    slice keys[LIST];
    struct table_hit hits[LIST];
    for (size_t i = 0; i < ROUND; i += LIST) {
        for (size_t k = 0; k < LIST; k++)
            keys[k] = slice_of(w->addresses[i + k], w->lengths[i + k]);
        table_check_many(w->t, S("t"), S("news"), keys, LIST, NOON, hits);
        for (size_t k = 0; k < LIST; k++)
            w->sink += hits[k].suppressed;
    }
    return ROUND;
}

static size_t read_all(void *ctx)
{
    struct work *w = ctx;
    uint64_t sum = 0;
    for (size_t i = 0; i < ROUND; i++) {
        uint64_t two[2];
        memcpy(two, w->array + (spread(i + w->sink) & w->array_mask) * 16, sizeof two);
        sum += two[0] + two[1];
    }
    w->sink += sum + 1;
    return ROUND;
}

/* Where to read next is known when the last read is done. */
static size_t read_chain(void *ctx)
{
    struct work *w = ctx;
    uint64_t at = w->sink;
    for (size_t i = 0; i < ROUND; i++) {
        uint64_t two[2];
        memcpy(two, w->array + (spread(at + i) & w->array_mask) * 16, sizeof two);
        at += two[0] + two[1];
    }
    w->sink = at;
    return ROUND;
}

static void *one_thread(void *ctx)
{
    struct work w = *(struct work *)ctx;
    double *rate = malloc(sizeof *rate);
    MUST(rate);
    *rate = bench_rate(check_all, &w, SECONDS);
    return rate;
}

static void many(struct work *w, unsigned threads, double chain)
{
    pthread_t ids[MAX_THREADS];
    double sum = 0;
    char name[64];
    for (unsigned i = 0; i < threads; i++)
        MUST(pthread_create(&ids[i], NULL, one_thread, w) == 0);
    for (unsigned i = 0; i < threads; i++) {
        void *rate;
        MUST(pthread_join(ids[i], &rate) == 0);
        sum += *(double *)rate;
        free(rate);
    }
    snprintf(name, sizeof name, "check, %u threads, per core", threads);
    bench_print(name, sum / threads, "checks", CHAIN, chain);
}

int main(int argc, char **argv)
{
    size_t entries = argc > 1 ? strtoull(argv[1], NULL, 10) : 10000000;
    unsigned threads = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 2;
    struct work w = {0};
    struct sip_key key = {1, 2};
    err e;
    size_t slots = 1;
    while (slots / 8 * 7 < entries)
        slots *= 2;
    w.array_mask = slots - 1;
    w.array = mmap(NULL, slots * 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    w.addresses = calloc(ROUND, ADDRESS_BYTES);
    w.lengths = calloc(ROUND, 1);
    MUST(w.array != MAP_FAILED && w.addresses && w.lengths && threads <= MAX_THREADS);
    (void)madvise(w.array, slots * 16, MADV_HUGEPAGE);
    memset(w.array, 1, slots * 16);
    MUST(table_new(&key, entries, &w.t, &e) == OK);
    double from = bench_now();
    fill(w.t, entries);
    printf("%zu entries put in %.1f s\n", table_count(w.t), bench_now() - from);
    for (size_t i = 0; i < ROUND; i++) {
        uint64_t who = spread(i) % (entries * 2); /* half of them are not there */
        w.lengths[i] = (unsigned char)address(who, w.addresses[i]);
    }
    double reads = bench_rate(read_all, &w, SECONDS), chain = bench_rate(read_chain, &w, SECONDS);
    bench_print("check, one thread", bench_rate(check_all, &w, SECONDS), "checks", CHAIN, chain);
    bench_print("check, one thread, stream known", bench_rate(check_place, &w, SECONDS), "checks", CHAIN, chain);
    bench_print("check, lists of 100", bench_rate(check_lists, &w, SECONDS), "checks", "random 16-byte reads", reads);
    many(&w, threads, chain);
    table_free(&w.t);
    return w.sink == 0;
}
