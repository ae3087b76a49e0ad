/* How fast the ledger takes what an intake of failing addresses gives it: event, reply, address, suppression, tally,
 * group and sent hash, durable at the end of each batch.
 *
 * usage: bench_ledger [directory [events [batch [rounds]]]]
 * Each round brings new addresses to the same file. Yardsticks of the same run: fdatasync of 4 KB appends, and the same
 * bytes put into one plain SQLite table with the same batches.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/time.h"
#include "bench.h"
#include "ledger/ledger.h"

#define NOON (20000 * TIME_DAY + 12 * TIME_HOUR)
#define DOMAINS 500
#define TEXT_BYTES 160

struct work {
    struct ledger *l;
    size_t events, batch, round;
    arena a;
};

static void stop(const char *what, const err *e)
{
    fprintf(stderr, "bench_ledger: %s: %s\n", what, e->text);
    exit(1);
}

static uint64_t spread(uint64_t i)
{
    i = (i ^ i >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    i = (i ^ i >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return i ^ i >> 32;
}

static size_t reply_text(uint64_t who, char out[TEXT_BYTES])
{
    return (size_t)snprintf(out, TEXT_BYTES,
                            "550 5.1.1 <u%016llx@d%u.example>: Recipient address rejected: User unknown",
                            (unsigned long long)spread(who), (unsigned)(spread(who + 1) % DOMAINS));
}

static void fill(struct observation *o, uint64_t who, arena *a)
{
    char text[TEXT_BYTES];
    *o = (struct observation){.kind = BOUNCE_KIND_FAILED,
                              .tenant = SLICE_EMPTY,
                              .stream = S("news"),
                              .campaign = S("spring"),
                              .source = S("form"),
                              .sent_to = SLICE_EMPTY,
                              .time_us = NOON + (int64_t)who,
                              .sent_us = TIME_NONE,
                              .status = S("5.1.1"),
                              .phase = BOUNCE_PHASE_RCPT,
                              .remote_mta = S("mx.example"),
                              .reporting_mta = S("mail.sender.example"),
                              .provider = S("other"),
                              .sender = S("bounce@sender.example"),
                              .sending_ip = S("192.0.2.1"),
                              .feed = S("postfix"),
                              .format = S("postfix"),
                              .trust = TRUST_PROVEN};
    o->recipient =
        arena_printf(a, "u%016llx@d%u.example", (unsigned long long)spread(who), (unsigned)(spread(who + 1) % DOMAINS));
    o->reply = arena_dup(a, slice_of(text, reply_text(who, text)));
    o->ids[ID_QUEUE] = arena_printf(a, "mail/postfix/%llX", (unsigned long long)who);
    o->verdict =
        (struct bounce_verdict){.reason = BOUNCE_REASON_USER_UNKNOWN, .certainty = 95, .rule = S("general/unknown")};
    o->source_key = hash128(o->reply);
}

static enum status take(struct work *w, const struct observation *o, struct ledger_address *addr, err *e)
{
    static const char history[64];
    struct ledger_suppression s = {.scope = SCOPE_GLOBAL,
                                   .cause = CAUSE_HARD,
                                   .reason = o->verdict.reason,
                                   .since_us = o->time_us,
                                   .until_us = TIME_NONE};
    struct ledger_event ev = {.source_key = o->source_key,
                              .what = EVENT_OBSERVED,
                              .o = o,
                              .rules_version = S("0123456789abcdef"),
                              .ingest_us = NOON,
                              .decision = S("suppressed hard"),
                              .address = o->recipient};
    struct ledger_tally t = {.hour = o->time_us / TIME_HOUR,
                             .stream = o->stream,
                             .campaign = o->campaign,
                             .domain = addr->domain,
                             .provider = o->provider,
                             .source = o->source,
                             .sending_ip = o->sending_ip,
                             .kind = o->kind,
                             .reason = o->verdict.reason,
                             .count = 1};
    struct ledger_group g = {.text = S("<address>: Recipient address rejected: User unknown"),
                             .example = o->reply,
                             .provider = o->provider,
                             .reason = o->verdict.reason,
                             .count = 1,
                             .first_us = o->time_us,
                             .last_us = o->time_us};
    int64_t seq;
    addr->address = o->recipient;
    addr->state = STATE_SUPPRESSED;
    addr->cause = CAUSE_HARD;
    addr->suppressions = &s;
    addr->suppression_count = 1;
    addr->history = slice_of(history, sizeof history);
    addr->since_us = addr->last_failed_us = o->time_us;
    enum status st = ledger_put_address(w->l, addr, e);
    ev.address_id = addr->id;
    ev.fold =
        (struct policy_event){.time_us = o->time_us, .key = o->source_key.hi, .campaign = 1, .ids = {[ID_QUEUE] = 99}};
    if (st == OK)
        st = ledger_put_event(w->l, &ev, &seq, e);
    if (st == OK)
        st = ledger_add_tally(w->l, &t, e);
    if (st == OK)
        st = ledger_add_group(w->l, &g, e);
    return st == OK ? ledger_add_sent(w->l, o->source_key.lo, o->time_us, e) : st;
}

static int by_key(const void *a, const void *b)
{
    return slice_cmp(((const struct observation *)a)->recipient, ((const struct observation *)b)->recipient);
}

static void one_batch(struct work *w, struct observation *o, size_t n)
{
    err e = {0};
    slice *keys = arena_calloc(&w->a, n, sizeof *keys);
    struct ledger_address *addrs = arena_calloc(&w->a, n, sizeof *addrs);
    enum status st = keys && addrs ? OK : E_MEMORY;
    qsort(o, n, sizeof *o, by_key);
    for (size_t i = 0; st == OK && i < n; i++)
        keys[i] = o[i].recipient;
    if (st == OK)
        st = ledger_begin(w->l, &e);
    if (st == OK)
        st = ledger_addresses(w->l, SLICE_EMPTY, keys, n, &w->a, addrs, &e);
    for (size_t i = 0; st == OK && i < n; i++)
        st = take(w, &o[i], &addrs[i], &e);
    if (st == OK)
        st = ledger_commit(w->l, &e);
    if (st != OK)
        stop("write", &e);
}

/* Returns seconds without the making of the data. */
static double one_round(struct work *w)
{
    double spent = 0;
    for (size_t done = 0; done < w->events; done += w->batch) {
        arena_reset(&w->a);
        struct observation *o = arena_calloc(&w->a, w->batch, sizeof *o);
        for (size_t i = 0; o && i < w->batch; i++)
            fill(&o[i], w->round * w->events + done + i, &w->a);
        double from = bench_now();
        one_batch(w, o, w->batch);
        spent += bench_now() - from;
    }
    w->round++;
    return spent;
}

static double plain_insert(const char *path, size_t events, size_t batch)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    char bytes[700];
    memset(bytes, 'x', sizeof bytes);
    if (sqlite3_open(path, &db) ||
        sqlite3_exec(db,
                     "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; CREATE TABLE t(k INTEGER PRIMARY KEY, v BLOB)",
                     0, 0, 0) ||
        sqlite3_prepare_v2(db, "INSERT INTO t VALUES(NULL, ?)", -1, &s, NULL))
        return 0;
    double from = bench_now();
    for (size_t i = 0; i < events; i++) {
        if (i % batch == 0)
            sqlite3_exec(db, "BEGIN", 0, 0, 0);
        sqlite3_bind_blob(s, 1, bytes, sizeof bytes, SQLITE_STATIC);
        sqlite3_step(s);
        sqlite3_reset(s);
        if (i % batch == batch - 1 || i + 1 == events)
            sqlite3_exec(db, "COMMIT", 0, 0, 0);
    }
    double spent = bench_now() - from;
    sqlite3_finalize(s);
    sqlite3_close(db);
    return (double)events / spent;
}

static void drop(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[512];
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
}

int main(int argc, char **argv)
{
    const char *directory = argc > 1 ? argv[1] : access("build-bench", W_OK) == 0 ? "build-bench" : ".";
    char path[400], plain[400];
    struct work w = {.events = argc > 2 ? strtoul(argv[2], NULL, 10) : 20000,
                     .batch = argc > 3 ? strtoul(argv[3], NULL, 10) : 5000};
    unsigned long rounds = argc > 4 ? strtoul(argv[4], NULL, 10) : 5;
    err e = {0};
    snprintf(path, sizeof path, "%s/bench-ledger.db", directory);
    snprintf(plain, sizeof plain, "%s/bench-plain.db", directory);
    drop(path);
    drop(plain);
    if (w.batch == 0 || w.events < w.batch)
        w.batch = w.events;
    printf("fdatasync of 4 KB: %.0f us median\n", bench_fdatasync_us(directory, 200));
    double yardstick = plain_insert(plain, w.events, w.batch);
    if (ledger_open(&(struct ledger_options){.path = path, .create = true}, &w.l, &e) != OK)
        stop("open", &e);
    arena_init(&w.a, 0);
    for (unsigned long i = 0; i < rounds; i++) {
        struct timespec c0, c1;
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &c0);
        double spent = one_round(&w);
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &c1);
        double cpu = (double)(c1.tv_sec - c0.tv_sec) + (double)(c1.tv_nsec - c0.tv_nsec) / 1e9;
        printf("%9zu there  %5.1f us wall an event, %5.1f us of cpu  ", w.round * w.events,
               spent / (double)w.events * 1e6, cpu / (double)w.events * 1e6);
        bench_print("ledger, new failing addresses", (double)w.events / spent, "events", "plain insert of the bytes",
                    yardstick);
    }
    ledger_close(&w.l);
    arena_fini(&w.a);
    drop(path);
    drop(plain);
    return 0;
}
