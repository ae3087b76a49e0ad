/* Suppression lists of strangers: whatever stands in one, every record is counted once, and what comes in is an address. */
#include "core/lists.h"
#include "fuzz.h"

struct source {
    slice rest;
    size_t piece;
};

static long give(void *ctx, char *p, size_t n)
{
    struct source *s = ctx;
    n = n > s->piece ? s->piece : n;
    n = n > s->rest.n ? s->rest.n : n;
    if (n)
        memcpy(p, s->rest.p, n);
    s->rest = slice_from(s->rest, n);
    return (long)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct ledger *ledger; /* a dry run leaves nothing in it */
    err e;
    if (!ledger) {
        struct ledger_options o = {.path = ":memory:", .create = true};
        MUST(ledger_open(&o, &ledger, &e) == OK);
    }
    slice s = fuzz_input(data, size);
    struct policy policy;
    policy_init(&policy);
    arena a;
    arena_init(&a, 1 << 26);
    struct list_import_options o = {.actor = S("fuzz"), .dry_run = true, .now_us = INT64_C(1760000000) * TIME_SECOND};
    struct list_import_result r, again;
    struct source whole = {s, 65536}, pieces = {s, 3};
    enum status st = list_import(ledger, &policy, &o, give, &whole, &a, &r, &e);
    MUST(st == OK || st == E_INVALID);
    if (st == OK)
        MUST(r.fresh + r.already + r.weaker + r.ignored + r.invalid >= r.lines);
    enum status st_pieces = list_import(ledger, &policy, &o, give, &pieces, &a, &again, &e);
    /* How a list arrives changes nothing. A malformed number cut in two may pass json-c, or fail in it, in pieces only. */
    MUST(st_pieces == OK || st_pieces == E_INVALID);
    if (st == OK && st_pieces == OK)
        MUST(r.lines == again.lines && r.fresh == again.fresh && r.invalid == again.invalid &&
             r.ignored == again.ignored);
    arena_fini(&a);
    return 0;
}
