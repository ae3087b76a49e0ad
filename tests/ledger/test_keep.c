/* Erasing, pruning, backup, restore, dump, and ledgers that keep hashes only. */
#include <sys/stat.h>

#include "fixture.h"
#include "ledger/scope.h"

static struct ledger_address find(struct fixture *f, const char *key)
{
    struct ledger_address got;
    slice k = slice_str(key);
    assert_ok(f, ledger_addresses(f->l, SLICE_EMPTY, &k, 1, &f->a, &got, &f->e));
    return got;
}

static int64_t put_address(struct fixture *f, const char *key, enum cause cause)
{
    struct ledger_suppression s = made_suppression(SCOPE_GLOBAL, "", cause);
    struct ledger_address addr = made_address(key);
    addr.suppressions = &s;
    addr.suppression_count = cause != CAUSE_NONE;
    addr.state = cause == CAUSE_NONE ? STATE_ACTIVE : STATE_SUPPRESSED;
    addr.cause = cause;
    assert_ok(f, ledger_put_address(f->l, &addr, &f->e));
    return addr.id;
}

static void put_event_at(struct fixture *f, const char *key, const char *reply, int64_t id, uint64_t source,
                         int64_t time_us)
{
    struct observation o = made_observation(key, reply);
    int64_t seq;
    o.time_us = time_us;
    struct ledger_event ev = made_event(&o, id, source);
    ev.address = slice_str(key);
    assert_ok(f, ledger_put_event(f->l, &ev, &seq, &f->e));
    assert_true(seq > 0);
}

/* True when some byte of the ledger's files spells `text`. */
static bool files_contain(const struct fixture *f, const char *text)
{
    static const char *const ends[] = {"", "-wal"};
    bool found = false;
    for (size_t i = 0; i < ARRAY_LEN(ends) && !found; i++) {
        char path[160];
        struct stat st;
        snprintf(path, sizeof path, "%s%s", f->path, ends[i]);
        FILE *in = fopen(path, "rb");
        if (!in)
            continue;
        assert_int_equal(fstat(fileno(in), &st), 0);
        char *all = malloc((size_t)st.st_size + 1);
        size_t n = fread(all, 1, (size_t)st.st_size, in);
        found = slice_find(slice_of(all, n), slice_str(text)) != SLICE_NPOS;
        free(all);
        assert_int_equal(fclose(in), 0);
    }
    return found;
}

static bool count_event(void *ctx, const struct ledger_event *ev, const struct observation *o)
{
    (void)o;
    size_t *counts = ctx;
    counts[ev->what]++;
    return true;
}

static bool keep_mark(void *ctx, const struct ledger_mark *m)
{
    *(struct ledger_mark *)ctx = *m;
    return true;
}

static void erased_address_leaves_no_text_and_stays_suppressed(void **state)
{
    struct fixture *f = *state;
    size_t counts[EVENT_WHATS] = {0};
    struct ledger_mark mark = {0};
    int64_t seq = 0;
    struct ledger_acquired q = {
        SLICE_EMPTY, S("victim@example.com"), S("Victim@example.com"), S("form"), S("f"), S("b"), NOON};
    struct ledger_group g = {.text = S("<address> unknown"),
                             .example = S("<victim@example.com> unknown"),
                             .provider = SLICE_EMPTY,
                             .count = 1,
                             .first_us = NOON,
                             .last_us = NOON};
    assert_ok(f, ledger_begin(f->l, &f->e));
    int64_t id = put_address(f, "victim@example.com", CAUSE_HARD),
            other = put_address(f, "else@example.com", CAUSE_NONE);
    put_event_at(f, "victim@example.com", "550 <VICTIM@example.com> unknown", id, 1, NOON);
    put_event_at(f, "else@example.com", "550 other text", other, 2, NOON);
    assert_ok(f, ledger_put_acquired(f->l, &q, &f->e));
    assert_ok(f, ledger_add_group(f->l, &g, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    if (f->dir[0])
        assert_true(files_contain(f, "victim"));
    assert_ok(f, ledger_erase(f->l, SLICE_EMPTY, S("victim@example.com"), S("operator"), NOON + 9, &f->e));
    if (f->dir[0]) {
        assert_false(files_contain(f, "victim"));
        assert_false(files_contain(f, "VICTIM"));
        assert_true(files_contain(f, "else@example.com"));
    }
    struct ledger_address got = find(f, "victim@example.com");
    assert_int_equal(got.id, id);
    assert_int_equal(got.state, STATE_SUPPRESSED);
    assert_int_equal(got.cause, CAUSE_ERASED);
    assert_slice(got.address, "");
    assert_int_equal(got.suppression_count, 1);
    assert_ok(f, ledger_events_of(f->l, id, count_event, counts, &f->e));
    assert_true(counts[EVENT_ERASE] == 1 && counts[EVENT_OBSERVED] == 0);
    assert_ok(f, ledger_events_of(f->l, other, count_event, counts, &f->e));
    assert_int_equal(counts[EVENT_OBSERVED], 1);
    assert_ok(f, ledger_marks_since(f->l, &seq, keep_mark, &mark, &f->e));
    assert_int_equal(mark.cause, CAUSE_ERASED);
    assert_true(mark.hash ==
                scope_hash(ledger_key(f->l), SCOPE_GLOBAL, SLICE_EMPTY, SLICE_EMPTY, S("victim@example.com")));
    assert_int_equal(ledger_get_acquired(f->l, SLICE_EMPTY, S("victim@example.com"), &f->a, &q, &f->e), E_NOT_FOUND);
}

/* Mail to an alias went on to the erased address; the owner of another one moved to it. */
static void erased_address_goes_from_events_of_others(void **state)
{
    struct fixture *f = *state;
    static const struct {
        slice recipient, new_address, reply;
    } told[] = {
        {SLICE_INIT("Victim@Example.com"), SLICE_INIT(""), SLICE_INIT("550 <victim@example.com> unknown")},
        {SLICE_INIT("alias@example.org"), SLICE_INIT("victim@example.com"), SLICE_INIT("551 now victim@example.com")},
        {SLICE_INIT("other@example.com"), SLICE_INIT("other@example.com"), SLICE_INIT("551 now other@example.com")}};
    int64_t seq;
    assert_ok(f, ledger_begin(f->l, &f->e));
    int64_t alias = put_address(f, "alias@example.org", CAUSE_HARD);
    (void)put_address(f, "victim@example.com", CAUSE_HARD);
    for (size_t i = 0; i < ARRAY_LEN(told); i++) {
        struct observation o = made_observation("alias@example.org", "");
        o.recipient = told[i].recipient;
        o.sent_to = S("alias@example.org");
        o.verdict.new_address = told[i].new_address;
        o.reply = told[i].reply;
        struct ledger_event ev = made_event(&o, alias, i + 1);
        assert_ok(f, ledger_put_event(f->l, &ev, &seq, &f->e));
    }
    assert_ok(f, ledger_commit(f->l, &f->e));
    if (f->dir[0])
        assert_true(files_contain(f, "ictim"));
    assert_ok(f, ledger_erase(f->l, SLICE_EMPTY, S("victim@example.com"), S("operator"), NOON + 9, &f->e));
    if (f->dir[0]) {
        assert_false(files_contain(f, "ictim"));
        assert_true(files_contain(f, "551 now other@example.com"));
    }
    size_t counts[EVENT_WHATS] = {0};
    assert_ok(f, ledger_events_of(f->l, alias, count_event, counts, &f->e));
    assert_int_equal(counts[EVENT_OBSERVED], 3);
}

static void erasing_a_stranger_marks_it(void **state)
{
    struct fixture *f = *state;
    assert_ok(f, ledger_erase(f->l, SLICE_EMPTY, S("stranger@example.com"), S("operator"), NOON, &f->e));
    assert_int_equal(find(f, "stranger@example.com").cause, CAUSE_ERASED);
    if (f->dir[0])
        assert_false(files_contain(f, "stranger"));
    assert_ok(f,
              ledger_erase(f->l, SLICE_EMPTY, S("stranger@example.com"), S("operator"), NOON + 1, &f->e)); /* twice */
    assert_int_equal(find(f, "stranger@example.com").suppression_count, 1);
}

static void hidden_event_names_nobody(void **state)
{
    struct fixture *f = *state;
    int64_t seq;
    assert_ok(f, ledger_begin(f->l, &f->e));
    struct observation o = made_observation("hidden@example.com", "550 <Hidden@example.com> user hidden unknown");
    o.sender = S("b+hidden=example.com@example.org");
    struct ledger_event ev = made_event(&o, put_address(f, "x@example.com", CAUSE_NONE), 1);
    ev.hide = true;
    assert_ok(f, ledger_put_event(f->l, &ev, &seq, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_false(files_contain(f, "idden"));
    assert_true(files_contain(f, "550 <<address>> user <address> unknown"));
}

static void hashed_ledger_stores_no_address(void **state)
{
    struct fixture *f = *state;
    struct ledger_options o = {.path = f->path, .create = true, .hash_addresses = true};
    ledger_close(&f->l);
    assert_int_equal(unlink(f->path), 0);
    assert_ok(f, ledger_open(&o, &f->l, &f->e));
    assert_ok(f, ledger_begin(f->l, &f->e));
    int64_t id = put_address(f, "secret@example.com", CAUSE_HARD);
    put_event_at(f, "secret@example.com", "550 <Secret@example.com> unknown", id, 1, NOON);
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_false(files_contain(f, "ecret"));
    fixture_reopen(f); /* the choice was made when it was made */
    struct ledger_address got = find(f, "secret@example.com");
    assert_int_equal(got.id, id);
    assert_int_equal(got.suppression_count, 1);
    assert_slice(got.key, "secret@example.com");
}

/* Counts what it is given and writes it down: "<old>+<n>". */
static bool count_gone(void *ctx, int64_t address, slice old, const struct policy_event *gone, size_t n, arena *a,
                       slice *out)
{
    (void)ctx, (void)address;
    for (size_t i = 1; i < n; i++)
        assert_true(gone[i - 1].time_us <= gone[i].time_us);
    *out = arena_printf(a, "%.*s+%zu", SLICE_FMT(old), n);
    return true;
}

static void pruning_leaves_a_baseline(void **state)
{
    struct fixture *f = *state;
    struct ledger_retention r = {.events_us = 10 * TIME_DAY};
    size_t counts[EVENT_WHATS] = {0}, n;
    int64_t removed;
    slice baseline;
    struct policy_event *events;
    assert_ok(f, ledger_begin(f->l, &f->e));
    int64_t id = put_address(f, "x@example.com", CAUSE_NONE);
    for (uint64_t day = 0; day < 5; day++)
        put_event_at(f, "x@example.com", "550 no", id, day + 1, NOON + (int64_t)day * TIME_DAY);
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_prune(f->l, &r, NOON + 12 * TIME_DAY, count_gone, NULL, &removed, &f->e));
    assert_int_equal(removed, 2);
    assert_ok(f, ledger_baseline(f->l, id, &f->a, &baseline, &f->e));
    assert_slice(baseline, "+2");
    assert_ok(f, ledger_events_of(f->l, id, count_event, counts, &f->e));
    assert_true(counts[EVENT_OBSERVED] == 3 && counts[EVENT_BASELINE] == 1);
    assert_ok(f, ledger_prune(f->l, &r, NOON + 12 * TIME_DAY, count_gone, NULL, &removed, &f->e)); /* nothing new */
    assert_int_equal(removed, 0);
    assert_ok(f, ledger_prune(f->l, &r, NOON + 13 * TIME_DAY, count_gone, NULL, &removed, &f->e));
    assert_int_equal(removed, 1);
    assert_ok(f, ledger_baseline(f->l, id, &f->a, &baseline, &f->e));
    assert_slice(baseline, "+2+1");
    assert_ok(f, ledger_fold_events(f->l, id, &f->a, &events, &n, &f->e));
    assert_int_equal(n, 3);
    assert_int_equal(events[0].what, EVENT_BASELINE);
}

/* In pages, between which others may write; what comes of it is the same. */
static void pruning_goes_on_where_it_was(void **state)
{
    enum { ADDRESSES = 1500 };
    struct fixture *f = *state;
    int64_t resume = 0, removed, all = 0;
    struct ledger_retention r = {.events_us = 10 * TIME_DAY, .resume = &resume};
    unsigned pages = 0;
    char name[40];
    assert_ok(f, ledger_begin(f->l, &f->e));
    for (uint64_t i = 0; i < ADDRESSES; i++) {
        snprintf(name, sizeof name, "x%u@example.com", (unsigned)i);
        put_event_at(f, name, "550 no", put_address(f, name, CAUSE_NONE), i + 1, NOON);
    }
    assert_ok(f, ledger_commit(f->l, &f->e));
    do {
        assert_ok(f, ledger_prune(f->l, &r, NOON + 12 * TIME_DAY, count_gone, NULL, &removed, &f->e));
        all += removed;
        pages++;
        assert_ok(f, ledger_begin(f->l, &f->e)); /* nothing of it is open */
        assert_ok(f, ledger_commit(f->l, &f->e));
    } while (resume);
    assert_int_equal(pages, 2);
    assert_int_equal(all, ADDRESSES);
    assert_ok(f, ledger_prune(f->l, &r, NOON + 12 * TIME_DAY, count_gone, NULL, &removed, &f->e));
    assert_true(removed == 0 && resume == 0);
}

static void add_tally(struct fixture *f, const char *campaign, int64_t hour)
{
    struct ledger_tally t = {.hour = hour,
                             .tenant = SLICE_EMPTY,
                             .stream = SLICE_EMPTY,
                             .campaign = slice_str(campaign),
                             .domain = S("example.com"),
                             .provider = SLICE_EMPTY,
                             .source = SLICE_EMPTY,
                             .sending_ip = SLICE_EMPTY,
                             .count = 1};
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_add_tally(f->l, &t, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
}

static bool last_name(void *ctx, const struct tally_row *row)
{
    snprintf(ctx, 32, "%.*s", SLICE_FMT(row->name));
    return true;
}

/* A handle that was open meanwhile must not go on with numbers that are gone. */
static void pruning_takes_names_away(void **state)
{
    struct fixture *f = *state;
    struct ledger_retention r = {.tallies_us = 10 * TIME_DAY};
    struct ledger_options o = {.path = f->path};
    struct ledger *other;
    int64_t removed;
    char name[32] = "";
    add_tally(f, "old-campaign", 0);
    add_tally(f, "new-campaign", NOON / TIME_HOUR);
    assert_ok(f, ledger_open(&o, &other, &f->e));
    assert_ok(f, ledger_prune(other, &r, NOON, count_gone, NULL, &removed, &f->e));
    ledger_close(&other);
    assert_int_equal(removed, 1);
    add_tally(f, "old-campaign", NOON / TIME_HOUR + 1);
    assert_ok(f, ledger_report(f->l, TALLY_CAMPAIGN, SLICE_EMPTY, NOON + TIME_HOUR, NOON + 2 * TIME_HOUR, last_name,
                               name, &f->e));
    assert_string_equal(name, "old-campaign");
    assert_ok(f, ledger_prune(f->l, &r, NOON + 45 * TIME_DAY, count_gone, NULL, &removed, &f->e));
    assert_true(removed >= 2);
    fixture_reopen(f);
    assert_false(files_contain(f, "new-campaign"));
}

static bool count_listed(void *ctx, const struct ledger_address *addr)
{
    size_t *n = ctx;
    assert_int_equal(addr->state, STATE_SUPPRESSED);
    assert_int_equal(addr->suppression_count, 1);
    ++*n;
    return true;
}

/* Few of many are found another way than all of them; both ways give the same, in order. */
static void few_suppressed_are_listed(void **state)
{
    struct fixture *f = *state;
    char key[32];
    size_t n = 0;
    assert_ok(f, ledger_begin(f->l, &f->e));
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof key, "u%02d@example.com", i);
        put_address(f, key, i % 50 == 7 ? CAUSE_HARD : CAUSE_NONE);
    }
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_list(f->l, SLICE_EMPTY, STATE_SUPPRESSED, SLICE_EMPTY, 0, count_listed, &n, &f->e));
    assert_int_equal(n, 2);
    n = 0;
    assert_ok(f, ledger_list(f->l, SLICE_EMPTY, STATE_SUPPRESSED, S("u07@example.com"), 0, count_listed, &n, &f->e));
    assert_int_equal(n, 1);
}

static void pruning_forgets_sent_and_lifted(void **state)
{
    struct fixture *f = *state;
    struct ledger_retention r = {.sent_us = 40 * TIME_DAY};
    int64_t removed, seq = 0, before;
    bool was;
    struct ledger_mark mark = {0};
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_add_sent(f->l, 1, NOON, &f->e));
    assert_ok(f, ledger_add_sent(f->l, 2, NOON + 30 * TIME_DAY, &f->e));
    put_address(f, "x@example.com", CAUSE_HARD);
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_marks_since(f->l, &seq, keep_mark, &mark, &f->e));
    before = seq;
    struct ledger_address addr = find(f, "x@example.com");
    addr.suppression_count = 0;
    assert_ok(f, ledger_begin(f->l, &f->e));
    assert_ok(f, ledger_put_address(f->l, &addr, &f->e));
    assert_ok(f, ledger_commit(f->l, &f->e));
    assert_ok(f, ledger_prune(f->l, &r, NOON + 50 * TIME_DAY, count_gone, NULL, &removed, &f->e));
    assert_int_equal(removed, 1);
    assert_ok(f, ledger_was_sent(f->l, 1, &was, &f->e));
    assert_false(was);
    assert_ok(f, ledger_was_sent(f->l, 2, &was, &f->e));
    assert_true(was);
    assert_ok(f, ledger_marks_since(f->l, &seq, keep_mark, &mark, &f->e)); /* followers get one round to see it */
    assert_int_equal(mark.cause, CAUSE_NONE);
    assert_true(seq > before);
    assert_ok(f, ledger_prune(f->l, &r, NOON + 50 * TIME_DAY, count_gone, NULL, &removed, &f->e));
    assert_ok(f, ledger_marks_since(f->l, &before, keep_mark, &mark, &f->e)); /* one that slept starts anew */
    assert_int_equal(before, 0);
}

static void add_line(void *ctx, slice text)
{
    buf_add(ctx, text);
    buf_addc(ctx, '\n');
}

static void dump(struct fixture *f, struct ledger *l, buf *out)
{
    buf_init(out, 0);
    assert_ok(f, ledger_dump(l, add_line, out, &f->e));
}

static void fill(struct fixture *f, bool other_way)
{
    static const char *const keys[] = {"a@example.com", "b@example.com"};
    for (size_t i = 0; i < 2; i++) {
        size_t k = other_way ? 1 - i : i;
        assert_ok(f, ledger_begin(f->l, &f->e));
        int64_t id = put_address(f, keys[k], CAUSE_HARD);
        put_event_at(f, keys[k], keys[k], id, k + 1, NOON);
        assert_ok(f, ledger_commit(f->l, &f->e));
    }
}

static void dumps_are_equal_where_the_truth_is(void **state)
{
    struct fixture *f = *state;
    struct fixture *g;
    buf one, two;
    assert_int_equal(fixture_memory((void **)&g), 0);
    fill(f, false);
    fill(g, true);
    dump(f, f->l, &one);
    dump(g, g->l, &two);
    assert_true(one.n > 100);
    assert_true(slice_eq(buf_slice(&one), buf_slice(&two)));
    buf_fini(&two);
    assert_ok(g, ledger_erase(g->l, SLICE_EMPTY, S("a@example.com"), SLICE_EMPTY, NOON, &g->e));
    dump(g, g->l, &two);
    assert_false(slice_eq(buf_slice(&one), buf_slice(&two)));
    buf_fini(&one);
    buf_fini(&two);
    assert_int_equal(fixture_end((void **)&g), 0);
}

static void backup_comes_back(void **state)
{
    struct fixture *f = *state;
    char copy[128];
    buf before, after;
    snprintf(copy, sizeof copy, "%s/copy.db", f->dir);
    fill(f, false);
    dump(f, f->l, &before);
    assert_ok(f, ledger_backup(f->l, copy, &f->e));
    assert_int_equal(ledger_backup(f->l, copy, &f->e), E_DENIED); /* never over another file */
    assert_ok(f, ledger_erase(f->l, SLICE_EMPTY, S("a@example.com"), SLICE_EMPTY, NOON, &f->e));
    assert_int_equal(ledger_restore(copy, f->path, false, &f->e), E_DENIED);
    assert_int_equal(ledger_restore(copy, f->path, true, &f->e), E_BUSY); /* it is open */
    assert_int_equal(find(f, "a@example.com").cause, CAUSE_ERASED);
    ledger_close(&f->l);
    assert_ok(f, ledger_restore(copy, f->path, true, &f->e));
    fixture_open(f);
    dump(f, f->l, &after);
    assert_true(slice_eq(buf_slice(&before), buf_slice(&after)));
    assert_int_equal(find(f, "a@example.com").cause, CAUSE_HARD);
    buf_fini(&before);
    buf_fini(&after);
}

static void assert_told(struct fixture *f, const char *words)
{
    if (!strstr(f->e.text, words))
        fail_msg("%s: got %s", words, f->e.text);
}

static void places_that_are_not_there_are_told(void **state)
{
    struct fixture *f = *state;
    char copy[128], lost[160];
    snprintf(copy, sizeof copy, "%s/copy.db", f->dir);
    snprintf(lost, sizeof lost, "%s/none/copy.db", f->dir);
    assert_int_equal(ledger_backup(f->l, lost, &f->e), E_NOT_FOUND);
    assert_told(f, "/none is not there; make it");
    assert_ok(f, ledger_backup(f->l, copy, &f->e));
    assert_int_equal(ledger_restore(copy, lost, false, &f->e), E_NOT_FOUND);
    assert_told(f, "/none is not there; make it");
}

static void broken_copies_are_not_restored(void **state)
{
    struct fixture *f = *state;
    char copy[128], junk[4096];
    snprintf(copy, sizeof copy, "%s/copy.db", f->dir);
    memset(junk, 'j', sizeof junk);
    assert_int_equal(ledger_restore(copy, f->path, true, &f->e), E_NOT_FOUND);
    FILE *out = fopen(copy, "wb");
    assert_int_equal(fwrite(junk, 1, sizeof junk, out), sizeof junk);
    assert_int_equal(fclose(out), 0);
    assert_int_equal(ledger_restore(copy, f->path, true, &f->e), E_INVALID);
    assert_int_equal(unlink(copy), 0);
    fill(f, false);
    assert_ok(f, ledger_backup(f->l, copy, &f->e));
    out = fopen(copy, "r+b"); /* the last page, overwritten */
    assert_int_equal(fseek(out, -4096, SEEK_END), 0);
    assert_int_equal(fwrite(junk, 1, sizeof junk, out), sizeof junk);
    assert_int_equal(fclose(out), 0);
    ledger_close(&f->l);
    assert_int_equal(ledger_restore(copy, f->path, true, &f->e), E_CORRUPT);
    assert_int_equal(truncate(copy, 20000), 0);
    assert_int_equal(ledger_restore(copy, f->path, true, &f->e), E_CORRUPT);
    assert_told(f, "cut off: 20000 of ");
    assert_int_equal(truncate(copy, 0), 0);
    assert_int_equal(ledger_restore(copy, f->path, true, &f->e), E_INVALID);
    assert_told(f, "an empty file");
    fixture_open(f);
    assert_int_equal(find(f, "a@example.com").cause, CAUSE_HARD);
}

#define BOTH(test)                                                      \
    cmocka_unit_test_setup_teardown(test, fixture_memory, fixture_end), \
        cmocka_unit_test_setup_teardown(test, fixture_file, fixture_end)
#define FILED(test) cmocka_unit_test_setup_teardown(test, fixture_file, fixture_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        BOTH(erased_address_leaves_no_text_and_stays_suppressed),
        BOTH(erased_address_goes_from_events_of_others),
        BOTH(erasing_a_stranger_marks_it),
        FILED(hidden_event_names_nobody),
        FILED(hashed_ledger_stores_no_address),
        FILED(pruning_takes_names_away),
        FILED(few_suppressed_are_listed),
        BOTH(pruning_leaves_a_baseline),
        BOTH(pruning_goes_on_where_it_was),
        BOTH(pruning_forgets_sent_and_lifted),
        BOTH(dumps_are_equal_where_the_truth_is),
        FILED(backup_comes_back),
        FILED(broken_copies_are_not_restored),
        FILED(places_that_are_not_there_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
