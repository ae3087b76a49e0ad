#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/map.h"
#include "core/read.h"
#include "scratch.h"

/* What a ledger keeps of a reader, in memory. */
struct store {
    arena arena;
    map positions; /* name -> slice * */
    unsigned puts;
};

static void store_init(struct store *s)
{
    static const struct sip_key key = {3, 4};
    arena_init(&s->arena, 0);
    map_init(&s->positions, &key);
    s->puts = 0;
}

static void store_fini(struct store *s)
{
    map_fini(&s->positions);
    arena_fini(&s->arena);
}

static bool store_known(void *ctx, slice name, arena *a, slice *position)
{
    struct store *s = ctx;
    const slice *p = map_get(&s->positions, name);
    if (p)
        *position = arena_dup(a, *p);
    return p != NULL;
}

static enum status store_put(void *ctx, slice name, slice position, err *e)
{
    (void)e;
    struct store *s = ctx;
    void **place = map_put(&s->positions, arena_dup(&s->arena, name));
    slice *p = arena_alloc(&s->arena, sizeof *p);
    assert_non_null(place);
    assert_non_null(p);
    *p = arena_dup(&s->arena, position);
    *place = p;
    s->puts++;
    return OK;
}

struct reading {
    buf text;         /* of all pieces; mails end in "|" */
    size_t committed; /* bytes of it */
    unsigned pieces, errors;
    err last;
    struct read_counts counts;
};

/* Reads everything there is, commits every `every` pieces (0: at the end), stops without a commit behind `most` pieces (0: never). */
static struct reading read_paths(const char *const *paths, size_t n, struct store *store, struct read_options o,
                                 unsigned every, unsigned most)
{
    struct reading out = {0};
    struct reader *r;
    struct read_piece piece;
    err e;
    buf_init(&out.text, 0);
    if (store) {
        o.known = store_known;
        o.known_ctx = store;
    }
    assert_int_equal(reader_open(paths, n, &o, &r, &e), OK);
    for (int rc; (rc = reader_next(r, &piece, &e)) != 0;) {
        if (rc < 0) {
            out.errors++;
            out.last = e;
            continue;
        }
        out.pieces++;
        buf_add(&out.text, piece.bytes);
        if (piece.form == READ_MESSAGE)
            buf_adds(&out.text, piece.truncated ? "...|" : "|");
        if (most && out.pieces == most) {
            reader_close(&r);
            return out;
        }
        if (store && every && out.pieces % every == 0) {
            assert_int_equal(reader_positions(r, store_put, store, &e), OK);
            assert_int_equal(reader_committed(r, &e), OK);
            out.committed = out.text.n;
        }
    }
    if (store) {
        assert_int_equal(reader_positions(r, store_put, store, &e), OK);
        assert_int_equal(reader_committed(r, &e), OK);
    }
    out.committed = out.text.n;
    out.counts = *reader_counts(r);
    reader_close(&r);
    return out;
}

static struct reading read_one(struct scratch *s, const char *name, struct store *store)
{
    char path[256];
    snprintf(path, sizeof path, "%s", scratch_path(s, name));
    const char *const paths[] = {path};
    return read_paths(paths, 1, store, (struct read_options){0}, 0, 0);
}

static void expect(struct reading *r, const char *text)
{
    buf_addc(&r->text, '\0');
    assert_string_equal(r->text.p, text);
    buf_fini(&r->text);
}

#define LINE(second, text) "Nov 21 20:43:" second " mx postfix/smtp[123]: a line of the log, number " text "\n"

static void a_growing_log_goes_on(void **state)
{
    (void)state;
    struct scratch s;
    struct store store;
    scratch_init(&s);
    store_init(&store);
    scratch_write(&s, "mail.log", S(LINE("00", "one") LINE("01", "two") "Nov 21 20:43:02 mx unfin"));
    struct reading r = read_one(&s, "mail.log", &store);
    expect(&r, LINE("00", "one") LINE("01", "two"));
    unsigned puts = store.puts;
    r = read_one(&s, "mail.log", &store); /* nothing new: nothing read, nothing stored */
    expect(&r, "");
    assert_int_equal(r.counts.known_files, 1);
    assert_int_equal(store.puts, puts);
    scratch_append(&s, "mail.log", S("ished: x\n" LINE("03", "three")));
    r = read_one(&s, "mail.log", &store);
    expect(&r, "Nov 21 20:43:02 mx unfinished: x\n" LINE("03", "three"));
    assert_int_equal(r.counts.resumed_files, 1);
    store_fini(&store);
    scratch_fini(&s);
}

static void rotation_compression_and_truncation(void **state)
{
    (void)state;
    struct scratch s;
    struct store store;
    char old[256];
    buf packed;
    scratch_init(&s);
    store_init(&store);
    buf_init(&packed, 0);
    scratch_write(&s, "mail.log", S(LINE("00", "one") LINE("01", "two")));
    struct reading r = read_one(&s, "mail.log", &store);
    expect(&r, LINE("00", "one") LINE("01", "two"));
    scratch_append(&s, "mail.log", S(LINE("02", "three")));
    snprintf(old, sizeof old, "%s", scratch_path(&s, "mail.log"));
    assert_int_equal(rename(old, scratch_path(&s, "mail.log.1")), 0);
    scratch_write(&s, "mail.log", S(LINE("03", "four")));
    r = read_one(&s, "", &store); /* the directory */
    expect(&r, LINE("02", "three") LINE("03", "four"));
    /* compressed meanwhile, all of it read */
    pack_gzip(S(LINE("00", "one") LINE("01", "two") LINE("02", "three")), &packed);
    scratch_write(&s, "mail.log.2.gz", buf_slice(&packed));
    assert_int_equal(remove(scratch_path(&s, "mail.log.1")), 0);
    r = read_one(&s, "", &store);
    expect(&r, "");
    assert_int_equal(r.counts.known_files, 2);
    r = read_one(&s, "", &store); /* now it is not even decompressed */
    expect(&r, "");
    assert_int_equal(r.counts.resumed_files, 1);
    /* truncated in place and begun anew */
    scratch_write(&s, "mail.log", S(LINE("04", "five")));
    r = read_one(&s, "mail.log", &store);
    expect(&r, LINE("04", "five"));
    scratch_write(&s, "mail.log", S(LINE("04", "five") LINE("05", "six")));
    r = read_one(&s, "mail.log", &store);
    expect(&r, LINE("05", "six"));
    scratch_write(&s, "mail.log", S(LINE("07", "a") LINE("08", "b") LINE("09", "c")));
    r = read_one(&s, "mail.log", &store);
    expect(&r, LINE("07", "a") LINE("08", "b") LINE("09", "c"));
    /* the same head, but shorter than what was read */
    scratch_write(&s, "mail.log", S(LINE("07", "a") LINE("08", "b")));
    r = read_one(&s, "mail.log", &store);
    expect(&r, LINE("07", "a") LINE("08", "b"));
    assert_int_equal(r.counts.replaced_files, 1);
    /* the same head and length, but another end */
    scratch_write(&s, "mail.log", S(LINE("07", "a") LINE("08", "b") LINE("09", "d")));
    r = read_one(&s, "mail.log", &store);
    expect(&r, LINE("09", "d"));
    scratch_write(&s, "mail.log", S(LINE("07", "a") LINE("08", "b") LINE("09", "e")));
    r = read_one(&s, "mail.log", &store);
    expect(&r, LINE("07", "a") LINE("08", "b") LINE("09", "e"));
    assert_int_equal(r.counts.replaced_files, 1);
    buf_fini(&packed);
    store_fini(&store);
    scratch_fini(&s);
}

static void sets_come_in_the_order_of_their_stamps(void **state)
{
    (void)state;
    struct scratch s;
    buf packed;
    scratch_init(&s);
    buf_init(&packed, 0);
    /* names and arguments say nothing: the shell sorts .10 before .2 */
    pack_xz(S("Dec 30 10:00:00 mx a/b: 1\n"), &packed);
    scratch_put(&s, "mail.log.2.xz", buf_slice(&packed), O_TRUNC, INT64_C(1767225600) * TIME_SECOND);
    buf_clear(&packed);
    pack_zstd(S("Dec 20 10:00:00 mx a/b: 0\n"), &packed);
    scratch_put(&s, "mail.log.10", buf_slice(&packed), O_TRUNC, INT64_C(1766400000) * TIME_SECOND);
    scratch_put(&s, "mail.log.1", S("Jan  2 10:00:00 mx a/b: 2\n"), O_TRUNC, INT64_C(1767571200) * TIME_SECOND);
    scratch_put(&s, "mail.log", S("Jan  5 10:00:00 mx a/b: 3\n"), O_TRUNC, INT64_C(1767700000) * TIME_SECOND);
    scratch_put(&s, "empty.log", S(""), O_TRUNC, INT64_C(1767700000) * TIME_SECOND);
    struct reading r = read_one(&s, "", NULL);
    expect(
        &r,
        "Dec 20 10:00:00 mx a/b: 0\nDec 30 10:00:00 mx a/b: 1\nJan  2 10:00:00 mx a/b: 2\nJan  5 10:00:00 mx a/b: 3\n");
    buf_fini(&packed);
    scratch_fini(&s);
}

static void packed_members_and_damage(void **state)
{
    (void)state;
    typedef void (*packer)(slice, buf *);
    static const packer packers[] = {pack_gzip, pack_xz, pack_zstd};
    for (size_t i = 0; i < ARRAY_LEN(packers); i++) {
        struct scratch s;
        buf b, lines;
        scratch_init(&s);
        buf_init(&b, 0);
        buf_init(&lines, 0);
        for (unsigned k = 0; k < 20000; k++)
            buf_printf(&lines, "Nov 21 20:43:00 mx a/b[%u]: %u\n", k % 7, k * 7919u);
        packers[i](buf_slice(&lines), &b);
        size_t first = b.n;
        packers[i](S("Nov 21 20:43:00 mx a/b: the second member, without an end"), &b);
        scratch_write(&s, "log", buf_slice(&b));
        struct reading r = read_one(&s, "log", NULL);
        buf_adds(&lines, "Nov 21 20:43:00 mx a/b: the second member, without an end");
        assert_int_equal(r.errors, 0);
        assert_int_equal(r.text.n, lines.n);
        assert_memory_equal(r.text.p, lines.p, lines.n);
        buf_fini(&r.text);
        scratch_write(&s, "log", slice_of(b.p, first / 2)); /* still being written, or cut */
        r = read_one(&s, "log", NULL);
        assert_int_equal(r.errors, 1);
        assert_int_equal(r.last.status, E_CORRUPT);
        assert_true(r.text.n == 0 || r.text.p[r.text.n - 1] == '\n');
        assert_memory_equal(r.text.n ? r.text.p : lines.p, lines.p, r.text.n);
        buf_fini(&r.text);
        buf_fini(&lines);
        buf_fini(&b);
        scratch_fini(&s);
    }
}

static void positions_between_blocks(void **state)
{
    (void)state;
    struct scratch s;
    struct store store;
    buf all, got;
    scratch_init(&s);
    store_init(&store);
    buf_init(&all, 0);
    buf_init(&got, 0);
    for (unsigned k = 0; k < 20000; k++)
        buf_printf(&all, "Nov 21 20:43:00 mx postfix/smtp[%u]: line %u\n", k % 9, k);
    scratch_write(&s, "mail.log", buf_slice(&all));
    char path[256];
    snprintf(path, sizeof path, "%s", scratch_path(&s, "mail.log"));
    const char *const paths[] = {path};
    /* each run commits two blocks and is killed with the third in hand */
    for (unsigned i = 0; i < 20; i++) {
        struct reading r = read_paths(paths, 1, &store, (struct read_options){0}, 2, 3);
        buf_add(&got, slice_of(r.text.p, r.committed));
        buf_fini(&r.text);
    }
    assert_int_equal(got.n, all.n);
    assert_memory_equal(got.p, all.p, all.n);
    buf_fini(&all);
    buf_fini(&got);
    store_fini(&store);
    scratch_fini(&s);
}

static void long_lines_are_dropped(void **state)
{
    (void)state;
    struct scratch s;
    buf b;
    scratch_init(&s);
    buf_init(&b, 0);
    buf_adds(&b, "Nov 21 20:43:00 mx a/b: before\n");
    assert_true(buf_reserve(&b, 3 * READ_MAX_LINE_BYTES));
    memset(b.p + b.n, 'x', 3 * READ_MAX_LINE_BYTES);
    b.n += 3 * READ_MAX_LINE_BYTES;
    buf_adds(&b, "\nNov 21 20:43:01 mx a/b: behind\n");
    scratch_write(&s, "log", buf_slice(&b));
    struct reading r = read_one(&s, "log", NULL);
    assert_int_equal(r.counts.lines_dropped, 1);
    expect(&r, "Nov 21 20:43:00 mx a/b: before\nNov 21 20:43:01 mx a/b: behind\n");
    buf_fini(&b);
    scratch_fini(&s);
}

#define MAIL "Subject: x\n\nbody\n"

static void a_directory_of_many_things(void **state)
{
    (void)state;
    struct scratch s;
    scratch_init(&s);
    scratch_mkdir(&s, "a");
    scratch_mkdir(&s, "a/box");
    scratch_mkdir(&s, "a/box/new");
    scratch_mkdir(&s, "a/box/cur");
    scratch_mkdir(&s, "a/box/tmp");
    scratch_write(&s, "a/box/new/1.x", S("Subject: new\n\n"));
    scratch_write(&s, "a/box/cur/0.x:2,FS", S("Subject: seen\n\n"));
    scratch_write(&s, "a/box/tmp/2.x", S("Subject: half"));
    scratch_write(&s, "a/0.eml", S("Subject: first\n\n"));
    scratch_write(
        &s, "a/mbox",
        S("From a@b Fri Nov 21 20:43:24 2025\nSubject: m1\n\n\nFrom a@b Fri Nov 21 20:43:24 2025\nSubject: m2\n\n"));
    scratch_write(&s, "a/.hidden", S("Subject: hidden\n\n"));
    scratch_write(&s, "a/binary", slice_of("\x00\x01\x02\x03xyz\x00\xff", 9));
    scratch_write(&s, "a/aaa.log", S("Nov 21 20:43:00 mx a/b: log\n"));
    scratch_write(&s, "a/events", S("{\"a\":1}\n"));
    assert_int_equal(symlink("..", scratch_path(&s, "a/loop")), 0);
    assert_int_equal(mkfifo(scratch_path(&s, "a/fifo"), 0600), 0);
    struct reading r = read_one(&s, "", NULL);
    assert_int_equal(r.errors, 2); /* the FIFO, the binary */
    expect(&r, "Subject: first\n\n|Subject: seen\n\n|Subject: new\n\n|Subject: m1\n\n|Subject: m2\n|"
               "Nov 21 20:43:00 mx a/b: log\n{\"a\":1}\n");
    scratch_fini(&s);
}

static void missing_things_do_not_stop_the_others(void **state)
{
    (void)state;
    struct scratch s;
    scratch_init(&s);
    scratch_write(&s, "mail", S(MAIL));
    char path[256];
    snprintf(path, sizeof path, "%s", scratch_path(&s, "mail"));
    const char *const paths[] = {"/nowhere/at/all", path, "/nowhere/else"};
    struct reading r = read_paths(paths, 3, NULL, (struct read_options){0}, 0, 0);
    assert_int_equal(r.errors, 2);
    assert_int_equal(r.last.status, E_NOT_FOUND);
    assert_non_null(strstr(r.last.text, "/nowhere/else"));
    expect(&r, MAIL "|");
    scratch_fini(&s);
}

static void maildir_marks_after_the_commit_only(void **state)
{
    (void)state;
    struct scratch s;
    struct store store;
    scratch_init(&s);
    store_init(&store);
    scratch_mkdir(&s, "new");
    scratch_mkdir(&s, "cur");
    scratch_mkdir(&s, "tmp");
    scratch_write(&s, "new/1.x", S("Subject: 1\n\n"));
    scratch_write(&s, "cur/2.x:2,FT", S("Subject: 2\n\n"));
    scratch_write(&s, "cur/3.x:2,S", S("Subject: 3\n\n"));
    const char *const paths[] = {s.dir};
    const struct read_options o = {.mark_read = true, .unread_only = true};
    struct reading r = read_paths(paths, 1, &store, o, 0, 2); /* dies before the commit */
    buf_fini(&r.text);
    assert_int_equal(access(scratch_path(&s, "new/1.x"), F_OK), 0);
    assert_int_equal(access(scratch_path(&s, "cur/2.x:2,FT"), F_OK), 0);
    r = read_paths(paths, 1, &store, o, 0, 0);
    expect(&r, "Subject: 2\n\n|Subject: 1\n\n|");
    assert_int_equal(access(scratch_path(&s, "cur/1.x:2,S"), F_OK), 0);
    assert_int_equal(access(scratch_path(&s, "cur/2.x:2,FST"), F_OK), 0);
    r = read_paths(paths, 1, &store, o, 0, 0);
    expect(&r, "");
    r = read_paths(paths, 1, &store, (struct read_options){0}, 0, 0);
    assert_int_equal(r.pieces, 3);
    buf_fini(&r.text);
    store_fini(&store);
    scratch_fini(&s);
}

static void a_mail_that_moves_meanwhile_is_found(void **state)
{
    (void)state;
    struct scratch s;
    struct reader *r;
    struct read_piece piece;
    char from[256];
    err e;
    scratch_init(&s);
    scratch_mkdir(&s, "new");
    scratch_mkdir(&s, "cur");
    scratch_write(&s, "new/1.x", S("Subject: 1\n\n"));
    scratch_write(&s, "new/2.x", S("Subject: 2\n\n"));
    scratch_write(&s, "new/3.x", S("Subject: 3\n\n"));
    const char *const paths[] = {s.dir};
    const struct read_options o = {.mark_read = true};
    assert_int_equal(reader_open(paths, 1, &o, &r, &e), OK);
    assert_int_equal(reader_next(r, &piece, &e), 1);
    snprintf(from, sizeof from, "%s", scratch_path(&s, "new/2.x"));
    assert_int_equal(rename(from, scratch_path(&s, "cur/2.x:2,F")), 0);
    assert_int_equal(remove(scratch_path(&s, "new/3.x")), 0);
    assert_int_equal(reader_next(r, &piece, &e), 1);
    assert_true(slice_eq(piece.bytes, S("Subject: 2\n\n")));
    assert_int_equal(reader_next(r, &piece, &e), 0);
    assert_int_equal(reader_committed(r, &e), OK);
    assert_int_equal(access(scratch_path(&s, "cur/2.x:2,FS"), F_OK), 0);
    reader_close(&r);
    scratch_fini(&s);
}

static void big_mails_are_cut(void **state)
{
    (void)state;
    struct scratch s;
    buf b;
    scratch_init(&s);
    buf_init(&b, 0);
    buf_adds(&b, "From a@b Fri Nov 21 20:43:24 2025\nSubject: big\n\n");
    for (unsigned i = 0; i < 200000; i++)
        buf_adds(&b, "0123456789 From here on\n");
    buf_adds(&b, "\nFrom a@b Fri Nov 21 20:43:24 2025\nSubject: next\n\n");
    scratch_write(&s, "mbox", buf_slice(&b));
    char path[256];
    snprintf(path, sizeof path, "%s", scratch_path(&s, "mbox"));
    const char *const paths[] = {path};
    const struct read_options o = {.max_message_bytes = 20};
    struct reading r = read_paths(paths, 1, NULL, o, 0, 0);
    expect(&r, "Subject: big\n\n012345...|Subject: next\n|");
    scratch_write(&s, "mbox", S("Subject: 0123456789abcdef\n"));
    r = read_paths(paths, 1, NULL, o, 0, 0);
    expect(&r, "Subject: 0123456789a...|");
    buf_fini(&b);
    scratch_fini(&s);
}

static void csv_keeps_its_header(void **state)
{
    (void)state;
    struct scratch s;
    struct store store;
    struct reader *r;
    struct read_piece piece;
    err e;
    scratch_init(&s);
    store_init(&store);
    scratch_write(&s, "acct.csv",
                  S("type,timeLogged,orig,rcpt\nd,2019-02-08 21:54:05+0000,a@example.com,b@example.com\n"));
    struct reading first = read_one(&s, "acct.csv", &store);
    assert_int_equal(first.pieces, 1);
    buf_fini(&first.text);
    scratch_append(&s, "acct.csv", S("d,2019-02-08 21:54:06+0000,a@b,e@f\n"));
    char path[256];
    snprintf(path, sizeof path, "%s", scratch_path(&s, "acct.csv"));
    const char *const paths[] = {path};
    const struct read_options o = {.known = store_known, .known_ctx = &store};
    assert_int_equal(reader_open(paths, 1, &o, &r, &e), OK);
    assert_int_equal(reader_next(r, &piece, &e), 1);
    assert_int_equal(piece.form, READ_CSV);
    assert_true(slice_starts(piece.head, S("type,timeLogged,orig,rcpt\n")));
    assert_true(slice_eq(piece.bytes, S("d,2019-02-08 21:54:06+0000,a@b,e@f\n")));
    reader_close(&r);
    store_fini(&store);
    scratch_fini(&s);
}

static void standard_input(void **state)
{
    (void)state;
    static const struct {
        const char *text, *expected;
    } cases[] = {
        {MAIL, MAIL "|"},
        {"From a@b Fri Nov 21 20:43:24 2025\nA: 1\n\nx\n\nFrom a@b Fri Nov 21 20:43:24 2025\nA: 2\n",
         "A: 1\n\nx\n|A: 2\n|"},
        {"{\"a\": 1}", "{\"a\": 1}|"},
        {"no header at all", "no header at all|"},
        {"Nov 21 20:43:00 mx a/b: x\nNov 21 20:43:00 mx a/b: y",
         "Nov 21 20:43:00 mx a/b: x\nNov 21 20:43:00 mx a/b: y"},
        {"__CURSOR=1\n__REALTIME_TIMESTAMP=2\n\n", "__CURSOR=1\n__REALTIME_TIMESTAMP=2\n\n"},
    };
    struct scratch s;
    scratch_init(&s);
    int saved = dup(STDIN_FILENO);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *const paths[] = {"-"};
        scratch_write(&s, "in", slice_str(cases[i].text));
        int fd = open(scratch_path(&s, "in"), O_RDONLY);
        assert_int_equal(dup2(fd, STDIN_FILENO), STDIN_FILENO);
        close(fd);
        struct reading r = read_paths(paths, 1, NULL, (struct read_options){0}, 0, 0);
        assert_int_equal(r.errors, 0);
        expect(&r, cases[i].expected);
    }
    assert_int_equal(dup2(saved, STDIN_FILENO), STDIN_FILENO);
    close(saved);
    scratch_fini(&s);
}

static void sample_set_is_in_order(void **state)
{
    (void)state;
    static const char *const paths[] = {TEST_SAMPLES "/logs/rotated/mail.log", TEST_SAMPLES "/logs/rotated/mail.log.1",
                                        TEST_SAMPLES "/logs/rotated/mail.log.2.gz",
                                        TEST_SAMPLES "/logs/rotated/mail.log.3.xz"};
    struct reading r = read_paths(paths, 4, NULL, (struct read_options){0}, 0, 0);
    assert_int_equal(r.errors, 0);
    char last[16] = "";
    for (slice rest = buf_slice(&r.text), line; slice_line(&rest, &line);) {
        assert_true(line.n > 15);
        char stamp[16] = "";
        memcpy(stamp, line.p, 15); /* all of March: text order is time order */
        assert_true(strcmp(stamp, last) >= 0);
        memcpy(last, stamp, sizeof last);
    }
    buf_fini(&r.text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_growing_log_goes_on),
        cmocka_unit_test(rotation_compression_and_truncation),
        cmocka_unit_test(sets_come_in_the_order_of_their_stamps),
        cmocka_unit_test(packed_members_and_damage),
        cmocka_unit_test(positions_between_blocks),
        cmocka_unit_test(long_lines_are_dropped),
        cmocka_unit_test(a_directory_of_many_things),
        cmocka_unit_test(missing_things_do_not_stop_the_others),
        cmocka_unit_test(maildir_marks_after_the_commit_only),
        cmocka_unit_test(a_mail_that_moves_meanwhile_is_found),
        cmocka_unit_test(big_mails_are_cut),
        cmocka_unit_test(csv_keeps_its_header),
        cmocka_unit_test(standard_input),
        cmocka_unit_test(sample_set_is_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
