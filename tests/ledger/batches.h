/* Batches of events that a test puts into a ledger, and the check of what must be there of them afterwards. */
#ifndef TEST_LEDGER_BATCHES_H
#define TEST_LEDGER_BATCHES_H

#include <sqlite3.h>

#include "fixture.h"
#include "vfs/lossy.h"

#define BATCHES 8
#define BATCH_EVENTS 12

static const struct sip_key batch_sip_key = {1, 2}; /* so that a seed means the same each time */

static inline uint64_t batch_key(size_t batch, size_t i)
{
    return (batch * BATCH_EVENTS + i + 1) * UINT64_C(0x9e3779b97f4a7c15);
}

static inline slice batch_address(char out[64], size_t batch, size_t i)
{
    return slice_of(out, (size_t)snprintf(out, 64, "user%zu-%zu@example.com", batch, i));
}

/* One event with its address, its suppression and its tally. */
static inline enum status put_one(struct ledger *l, size_t batch, size_t i, err *e)
{
    char text[64], reply[128];
    slice key = batch_address(text, batch, i);
    struct ledger_suppression s = made_suppression(SCOPE_GLOBAL, "", CAUSE_HARD);
    struct ledger_address addr = made_address("");
    arena a;
    int64_t seq;
    arena_init(&a, 0);
    enum status st = ledger_addresses(l, SLICE_EMPTY, &key, 1, &a, &addr, e);
    addr.address = key;
    addr.suppressions = &s;
    addr.suppression_count = 1;
    addr.state = STATE_SUPPRESSED;
    if (st == OK)
        st = ledger_put_address(l, &addr, e);
    snprintf(reply, sizeof reply, "550 5.1.1 <%s> unknown", text);
    struct observation o = made_observation(text, reply);
    struct ledger_event ev = made_event(&o, addr.id, batch_key(batch, i));
    struct ledger_tally t = {
        .hour = 1, .tenant = SLICE_EMPTY, .domain = S("example.com"), .kind = BOUNCE_KIND_FAILED, .count = 1};
    if (st == OK)
        st = ledger_put_event(l, &ev, &seq, e);
    struct ledger_group g = {.text = S("<address> unknown"), .example = o.reply, .provider = S("other"), .count = 1};
    if (st == OK && seq)
        st = ledger_add_tally(l, &t, e);
    if (st == OK)
        st = ledger_add_group(l, &g, e);
    if (st == OK)
        st = ledger_add_sent(l, batch_key(batch, i), NOON, e);
    arena_fini(&a);
    return st;
}

/* One transaction; on failure it is aborted. */
static inline enum status put_batch(struct ledger *l, size_t batch, err *e)
{
    char position[32];
    enum status st = ledger_begin(l, e);
    if (st != OK)
        return st;
    for (size_t i = 0; st == OK && i < BATCH_EVENTS; i++)
        st = put_one(l, batch, i, e);
    snprintf(position, sizeof position, "%zu", batch + 1);
    struct ledger_feed f = {S("feed"), slice_str(position), SLICE_EMPTY, NOON};
    if (st == OK)
        st = ledger_put_feed(l, &f, e);
    if (st == OK)
        st = ledger_commit(l, e);
    if (st != OK)
        ledger_abort(l);
    return st;
}

/* Events of one batch that are there. */
static inline size_t count_batch(struct ledger *l, size_t batch)
{
    size_t n = 0;
    for (size_t i = 0; i < BATCH_EVENTS; i++) {
        uint64_t key = batch_key(batch, i);
        bool has = false;
        err e;
        n += ledger_has_event(l, (struct hash128){key, ~key}, &has, &e) == OK && has;
    }
    return n;
}

static inline bool sum_rows(void *ctx, const struct tally_row *row)
{
    *(int64_t *)ctx += row->count;
    return true;
}

static inline bool marks_are(struct ledger *l, int64_t want)
{
    int64_t marks = 0, tallies = 0;
    err e;
    return ledger_mark_count(l, &marks, &e) == OK && marks == want &&
           ledger_report(l, TALLY_DOMAIN, SLICE_EMPTY, TIME_NONE, TIME_NONE, sum_rows, &tallies, &e) == OK &&
           tallies == want;
}

/* What is wrong with a ledger of which `acknowledged` batches were; "" when nothing. Batches are whole or absent and in order; the
 * feed's position, tallies and suppressions agree with them. */
static inline const char *verify(struct ledger *l, size_t acknowledged)
{
    size_t whole = 0;
    arena a;
    struct ledger_feed f = {.position = SLICE_EMPTY};
    err e;
    for (size_t batch = 0; batch < BATCHES; batch++) {
        size_t n = count_batch(l, batch);
        if (n != 0 && n != BATCH_EVENTS)
            return "half a batch";
        if (n && batch != whole)
            return "a batch is missing before another";
        whole += n != 0;
    }
    if (whole < acknowledged)
        return "something acknowledged is missing";
    if (whole > acknowledged + 1)
        return "more than was ever written";
    arena_init(&a, 0);
    enum status st = ledger_get_feed(l, S("feed"), &a, &f, &e);
    uint64_t position = 0;
    bool told = whole == 0 ? st == E_NOT_FOUND : st == OK && slice_u64(f.position, &position) && position == whole;
    arena_fini(&a);
    if (!told)
        return "the feed's position is another batch's";
    return marks_are(l, (int64_t)(whole * BATCH_EVENTS)) ? "" : "suppressions or tallies do not agree with the events";
}

static inline bool integrity_ok(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    bool ok = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, LOSSY_NAME) == SQLITE_OK &&
              sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &s, NULL) == SQLITE_OK &&
              sqlite3_step(s) == SQLITE_ROW && strcmp((const char *)sqlite3_column_text(s, 0), "ok") == 0;
    sqlite3_finalize(s);
    sqlite3_close(db);
    return ok;
}

#endif
