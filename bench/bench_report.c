/* How fast reports are over the tallies of many messages, and what keeping the sums costs.
 *
 * usage: bench_report [directory [campaigns [recipients]]]
 * The tallies are those of a sender's year of campaigns to the same list (default: 1,000 to 100,000 recipients: 100 million messages). Of the recipients 70 in 100 are at 20 large domains, the others at domains of a long tail; a campaign is delivered within
 * three hours; 3 in 100 fail, for one of eight reasons; four acquisition sources, two streams, two sending hosts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bench.h"
#include "core/summary.h"

#define FIRST_HOUR (INT64_C(20000) * 24)
#define YEAR_HOURS (365 * 24)
#define BATCH_CAMPAIGNS 5 /* in a transaction */
#define LARGE_DOMAINS 20
#define TAIL_DOMAINS 20000
#define ROUNDS 3

struct work {
    struct ledger *l;
    uint64_t seed;
    size_t campaigns;
    arena a;
};

static void stop(const char *what, const err *e)
{
    fprintf(stderr, "bench_report: %s: %s\n", what, e->text);
    exit(1);
}

static uint64_t next(struct work *w)
{
    w->seed = w->seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return w->seed >> 33;
}

static const enum bounce_reason reasons[] = {
    BOUNCE_REASON_USER_UNKNOWN,   BOUNCE_REASON_MAILBOX_FULL, BOUNCE_REASON_POLICY,       BOUNCE_REASON_UNKNOWN,
    BOUNCE_REASON_DOMAIN_UNKNOWN, BOUNCE_REASON_SPAM_CONTENT, BOUNCE_REASON_SYSTEM_ERROR, BOUNCE_REASON_CONNECT_FAILED};

/* One message. */
static void one(struct work *w, size_t number, err *e)
{
    static const char *const sources[] = {"form", "shop", "partner", "import"};
    static const char *const providers[] = {"gmail", "yahoo", "microsoft", "apple", "gmx"};
    char domain[32], campaign[32];
    bool large = next(w) % 100 < 70, failed = next(w) % 100 < 3;
    uint64_t tail = next(w) % TAIL_DOMAINS;
    unsigned which = (unsigned)(large ? next(w) % LARGE_DOMAINS : tail * tail / TAIL_DOMAINS);
    snprintf(domain, sizeof domain, large ? "large%u.example" : "d%u.example", which);
    snprintf(campaign, sizeof campaign, "campaign-%zu", number);
    struct ledger_tally t = {
        .hour = FIRST_HOUR + (int64_t)(number * YEAR_HOURS / w->campaigns + next(w) % 3),
        .tenant = SLICE_EMPTY,
        .stream = number % 2 ? S("news") : S("shop"),
        .campaign = slice_str(campaign),
        .domain = slice_str(domain),
        .provider = slice_str(large ? providers[which % ARRAY_LEN(providers)] : "other"),
        .source = slice_str(sources[which % ARRAY_LEN(sources)]),
        .sending_ip = which % 2 ? S("192.0.2.1") : S("192.0.2.2"),
        .kind = failed ? BOUNCE_KIND_FAILED : BOUNCE_KIND_DELIVERED,
        .reason = failed ? reasons[next(w) % ARRAY_LEN(reasons)] : BOUNCE_REASON_UNKNOWN,
        .count = 1,
    };
    if (ledger_add_tally(w->l, &t, e) != OK)
        stop("tally", e);
}

static void fill(struct work *w, size_t campaigns, size_t recipients)
{
    err e;
    for (size_t i = 0; i < campaigns; i++) {
        if (i % BATCH_CAMPAIGNS == 0 && ledger_begin(w->l, &e) != OK)
            stop("begin", &e);
        for (size_t k = 0; k < recipients; k++)
            one(w, i, &e);
        if ((i % BATCH_CAMPAIGNS == BATCH_CAMPAIGNS - 1 || i + 1 == campaigns) && ledger_commit(w->l, &e) != OK)
            stop("commit", &e);
    }
}

static void ask(struct work *w, const char *what, const char *by, const struct tally_filter *f)
{
    double best = 0, best_cpu = 0;
    size_t rows = 0;
    for (int i = 0; i < ROUNDS; i++) {
        struct summary s;
        err e;
        arena_reset(&w->a);
        double from = bench_now(), cpu_from = bench_cpu();
        if (summary_of(w->l, summary_by(slice_str(by)), f, &w->a, &s, &e) != OK)
            stop(what, &e);
        double took = (bench_now() - from) * 1e3, cpu = (bench_cpu() - cpu_from) * 1e3;
        if (i == 0 || took < best)
            best = took;
        if (i == 0 || cpu < best_cpu)
            best_cpu = cpu;
        rows = s.n;
    }
    printf("%-44s %8zu rows %9.1f ms wall %9.1f ms of cpu\n", what, rows, best, best_cpu);
}

static void ask_all(struct work *w)
{
    static const char *const by[] = {"campaign", "day", "stream", "provider", "ip", "source", "reason", "domain"};
    struct tally_filter all = TALLY_FILTER_ALL, f;
    char text[64];
    for (size_t i = 0; i < ARRAY_LEN(by); i++) {
        snprintf(text, sizeof text, "by %s, all", by[i]);
        ask(w, text, by[i], &all);
    }
    f = all;
    f.from_us = (FIRST_HOUR + YEAR_HOURS / 48 * 24 + 5) * TIME_HOUR;
    f.to_us = f.from_us + 30 * TIME_DAY;
    ask(w, "by domain, 30 days that begin at 05:00", "domain", &f);
    ask(w, "by campaign, 30 days that begin at 05:00", "campaign", &f);
    f = all;
    f.campaign = S("campaign-7");
    ask(w, "by domain, of one campaign", "domain", &f);
    ask(w, "by reason, of one campaign", "reason", &f);
    f = all;
    f.provider = S("gmail");
    ask(w, "by day, of one provider", "day", &f);
    ask(w, "by domain, of one provider", "domain", &f);
    f = all;
    f.domain = S("large3.example");
    ask(w, "by campaign, of one domain", "campaign", &f);
    ask(w, "by reason, of one domain", "reason", &f);
}

int main(int argc, char **argv)
{
    const char *dir = argc > 1 ? argv[1] : "/tmp";
    size_t campaigns = argc > 2 ? strtoul(argv[2], NULL, 10) : 1000;
    size_t recipients = argc > 3 ? strtoul(argv[3], NULL, 10) : 100000;
    char path[256];
    struct stat st;
    err e;
    snprintf(path, sizeof path, "%s/bench_report.db", dir);
    unlink(path);
    struct ledger_options o = {.path = path, .create = true};
    struct work w = {.seed = 1, .campaigns = campaigns};
    arena_init(&w.a, 0);
    if (ledger_open(&o, &w.l, &e) != OK)
        stop("open", &e);
    double from = bench_now();
    fill(&w, campaigns, recipients);
    double took = bench_now() - from;
    ledger_close(&w.l);
    o.create = false;
    o.read_only = true;
    if (ledger_open(&o, &w.l, &e) != OK || stat(path, &st) != 0)
        stop("open again", &e);
    printf("%zu messages in %zu campaigns: tallied in %.1f s, %.2f us each; %.0f MB\n", campaigns * recipients,
           campaigns, took, took * 1e6 / (double)(campaigns * recipients), (double)st.st_size / 1e6);
    ask_all(&w);
    ledger_close(&w.l);
    arena_fini(&w.a);
    unlink(path);
    return 0;
}
