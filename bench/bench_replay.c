/* What it costs to go through all that a ledger has: hold every address against its events (verify), make it anew (rebuild), and
 * fold it under another policy (replay).
 *
 * usage: bench_replay [directory [events [an address]]]
 * Makes a ledger in which the events of one address lie far apart, as campaigns leave them: most are delivered, some addresses
 * are dead, some are full, some mail is deferred or blocked. Yardstick of the same run: a plain scan of the events table that adds
 * up one column. The ledger stays as bench-replay.db where BENCH_KEEP is set, and is used again by the next run.
 */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/time.h"
#include "bench.h"
#include "core/entry.h"
#include "core/keep.h"
#include "core/replay.h"
#include "ledger/ledger.h"

#define START (20000 * TIME_DAY)
#define DOMAINS 5000
#define BATCH 20000u
#define TEXT_BYTES 200
#define AN_ADDRESS 10 /* events of one */

struct work {
    struct ledger *l;
    size_t addresses, campaigns;
    arena a;
};

static void stop(const char *what, const err *e)
{
    fprintf(stderr, "bench_replay: %s: %s\n", what, e->text);
    exit(1);
}

static uint64_t spread(uint64_t i)
{
    i = (i ^ i >> 31) * UINT64_C(0x9e3779b97f4a7c15);
    i = (i ^ i >> 29) * UINT64_C(0xbf58476d1ce4e5b9);
    return i ^ i >> 32;
}

/* What an address is: percent of all, how its mail ends, and what the server says. */
struct fate {
    unsigned percent;
    enum bounce_kind kind;
    enum bounce_reason reason;
    unsigned certainty;
    const char *status, *reply, *rule;
};

static const struct fate fates[] = {
    {88, BOUNCE_KIND_DELIVERED, BOUNCE_REASON_UNKNOWN, 0, "2.0.0", "250 2.0.0 Ok: queued as %llX", ""},
    {3, BOUNCE_KIND_FAILED, BOUNCE_REASON_USER_UNKNOWN, 95, "5.1.1", "550 5.1.1 <u%llx>: User unknown", "a"},
    {3, BOUNCE_KIND_FAILED, BOUNCE_REASON_MAILBOX_FULL, 90, "4.2.2", "452 4.2.2 <u%llx>: Mailbox full", "b"},
    {3, BOUNCE_KIND_DEFERRED, BOUNCE_REASON_CONNECT_FAILED, 90, "4.4.1", "connect to mx %llx: timed out", "c"},
    {3, BOUNCE_KIND_FAILED, BOUNCE_REASON_SPAM_CONTENT, 90, "5.7.1", "550 5.7.1 %llx looks like spam", "d"},
};

static const struct fate *fate_of(uint64_t who, uint64_t campaign)
{
    uint64_t n = spread(who * 31 + 7) % 100;
    if (spread(who + campaign * 977) % 4 == 0)
        return &fates[0]; /* now and then it works */
    for (size_t i = 0; i < ARRAY_LEN(fates); i++) {
        if (n < fates[i].percent)
            return &fates[i];
        n -= fates[i].percent;
    }
    return &fates[0];
}

static void fill(struct observation *o, uint64_t who, uint64_t campaign, arena *a)
{
    const struct fate *f = fate_of(who, campaign);
    char text[TEXT_BYTES];
    uint64_t message = spread(who * 4096 + campaign);
    *o = (struct observation){.kind = f->kind,
                              .tenant = SLICE_EMPTY,
                              .stream = S("news"),
                              .source = SLICE_EMPTY,
                              .sent_to = SLICE_EMPTY,
                              .time_us = START + (int64_t)campaign * 7 * TIME_DAY + (int64_t)who * TIME_SECOND,
                              .sent_us = TIME_NONE,
                              .status = slice_str(f->status),
                              .phase = BOUNCE_PHASE_RCPT,
                              .remote_mta = S("mx.example"),
                              .reporting_mta = S("mail.sender.example"),
                              .provider = S("other"),
                              .sender = S("bounce@sender.example"),
                              .sending_ip = S("192.0.2.1"),
                              .feed = S("postfix"),
                              .format = S("postfix"),
                              .trust = TRUST_PROVEN};
    o->campaign = arena_printf(a, "week %u", (unsigned)campaign);
    o->recipient = arena_printf(a, "u%llx@d%u.example", (unsigned long long)who, (unsigned)(spread(who) % DOMAINS));
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    int n = snprintf(text, sizeof text, f->reply, (unsigned long long)message);
#pragma GCC diagnostic pop
    o->reply = arena_dup(a, slice_of(text, (size_t)n));
    o->ids[ID_QUEUE] = arena_printf(a, "mail/postfix/%llX", (unsigned long long)message);
    o->verdict = (struct bounce_verdict){.reason = f->reason, .certainty = f->certainty, .rule = slice_str(f->rule)};
    o->source_key = hash128(o->ids[ID_QUEUE]);
}

static enum status put(struct work *w, const struct observation *o, uint64_t who, uint64_t campaign, err *e)
{
    struct ledger_event ev = {.source_key = o->source_key,
                              .what = EVENT_OBSERVED,
                              .o = o,
                              .address = o->recipient,
                              .address_id = (int64_t)who + 1,
                              .rules_version = S("0123456789abcdef"),
                              .ingest_us = o->time_us};
    struct ledger_address row = {.key = o->recipient, .address = o->recipient, .since_us = TIME_NONE};
    int64_t seq;
    row.until_us = row.due_us = row.first_seen_us = row.last_delivered_us = row.last_failed_us = TIME_NONE;
    enum status st = campaign == 0 ? ledger_put_address(w->l, &row, e) : OK;
    ev.fold = (struct policy_event){.time_us = o->time_us,
                                    .key = o->source_key.hi,
                                    .ids = {[ID_QUEUE] = o->source_key.lo},
                                    .campaign = entry_name_hash(o->campaign),
                                    .stream = entry_name_hash(o->stream),
                                    .kind = (uint8_t)o->kind,
                                    .reason = (uint8_t)o->verdict.reason,
                                    .certainty = (uint8_t)o->verdict.certainty,
                                    .trust = TRUST_PROVEN};
    return st == OK ? ledger_put_event(w->l, &ev, &seq, e) : st;
}

static void make(struct work *w)
{
    err e = {0};
    enum status st = OK;
    size_t n = w->addresses * w->campaigns;
    for (size_t i = 0; i < n && st == OK; i++) {
        struct observation o;
        uint64_t who = i % w->addresses, campaign = i / w->addresses;
        if (i % BATCH == 0)
            st = ledger_begin(w->l, &e);
        fill(&o, who, campaign, &w->a);
        if (st == OK)
            st = put(w, &o, who, campaign, &e);
        if (st == OK && (i % BATCH == BATCH - 1 || i + 1 == n))
            st = ledger_commit(w->l, &e);
        if (i % BATCH == BATCH - 1)
            arena_reset(&w->a);
    }
    if (st != OK)
        stop("make", &e);
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* The least that anybody pays who looks at every event. */
static double plain_scan(const char *path)
{
    sqlite3 *db = NULL;
    double spent = -1, from = bench_cpu();
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK &&
        sqlite3_exec(db, "SELECT max(time_us) FROM events", NULL, NULL, NULL) == SQLITE_OK)
        spent = bench_cpu() - from;
    sqlite3_close(db);
    return spent;
}

static long peak_kb(void)
{
    char line[128];
    long kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "VmHWM:", 6) == 0)
            kb = strtol(line + 6, NULL, 10);
    if (f)
        fclose(f);
    return kb;
}

struct clocks {
    double wall, cpu;
};

static struct clocks clocks_now(void)
{
    return (struct clocks){bench_now(), bench_cpu()};
}

static void tell(const char *name, const struct work *w, struct clocks from, double scan, uint64_t result)
{
    double n = (double)(w->addresses * w->campaigns), cpu = bench_cpu() - from.cpu;
    printf("%-10s %6.1f s wall, %6.1f s cpu, %5.2f us an event, %4.1f times the scan; peak %ld MB; %llu\n", name,
           bench_now() - from.wall, cpu, cpu / n * 1e6, cpu / scan, peak_kb() / 1024, (unsigned long long)result);
}

static void drop(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    char name[512];
    for (size_t i = 0; i < ARRAY_LEN(ends); i++) {
        snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name);
    }
}

static void measure_replay(struct work *w, const struct policy *policy, int64_t now_us, double scan)
{
    struct policy other = *policy;
    struct replay_options o = {{policy, &other}, SLICE_EMPTY, TIME_NONE, now_us, 10};
    err e = {0};
    arena_reset(&w->a);
    struct replay *r = ARENA_NEW(&w->a, struct replay);
    other.base.rows[ROW_QUOTA] = (struct tolerance){.count = 4, .span_us = 20 * TIME_DAY};
    struct clocks from = clocks_now();
    if (!r || replay_run(w->l, &o, &w->a, r, &e) != OK)
        stop("replay", &e);
    tell("replay", w, from, scan, r->changed[REPLAY_SUPPRESSED] + r->changed[REPLAY_FREED]);
}

static void measure(struct work *w, double scan)
{
    struct policy policy;
    err e = {0};
    uint64_t n = 0;
    int64_t now_us = START + (int64_t)w->campaigns * 7 * TIME_DAY;
    policy_init(&policy);
    struct clocks from = clocks_now();
    if (keep_verify(w->l, &policy, SLICE_EMPTY, now_us, NULL, NULL, &n, &e) != OK)
        stop("verify", &e);
    tell("verify", w, from, scan, n);
    from = clocks_now();
    if (keep_rebuild(w->l, &policy, SLICE_EMPTY, now_us, &n, &e) != OK)
        stop("rebuild", &e);
    tell("rebuild", w, from, scan, n);
    measure_replay(w, &policy, now_us, scan);
}

int main(int argc, char **argv)
{
    const char *directory = argc > 1 ? argv[1] : access("build-bench", W_OK) == 0 ? "build-bench" : ".";
    size_t events = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000000;
    size_t an_address = argc > 3 ? strtoul(argv[3], NULL, 10) : AN_ADDRESS;
    struct work w = {.campaigns = an_address ? an_address : 1};
    char path[400];
    err e = {0};
    w.addresses = events / w.campaigns ? events / w.campaigns : 1;
    snprintf(path, sizeof path, "%s/bench-replay.db", directory);
    bool keep = getenv("BENCH_KEEP") != NULL, there = keep && exists(path);
    if (!there)
        drop(path);
    if (ledger_open(&(struct ledger_options){.path = path, .create = true, .synchronous = "OFF"}, &w.l, &e) != OK)
        stop("open", &e);
    arena_init(&w.a, 0);
    double from = bench_now();
    if (!there)
        make(&w);
    printf("%zu events of %zu addresses, made in %.0f s\n", w.addresses * w.campaigns, w.addresses, bench_now() - from);
    double scan = plain_scan(path);
    printf("plain scan %6.1f s cpu\n", scan);
    measure(&w, scan);
    ledger_close(&w.l);
    arena_fini(&w.a);
    if (!keep)
        drop(path);
    return 0;
}
