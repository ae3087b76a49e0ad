/* What holds for every dialect: the logs of the samples, stopped and resumed anywhere, in both forms of memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/map.h"
#include "feed/log.h"
#include "guard.h"
#include "observation_dump.h"

#define REFERENCE (INT64_C(1742500000) * TIME_SECOND) /* March 2025 */

static const char *const logs[] = {"postfix-classic.log", "postfix-iso.log",  "postfix-maillog_file.log",
                                   "exim-mainlog",        "exim-mainlog-all", "opensmtpd.log",
                                   "sendmail.log"};

static struct charsets *charsets; /* opened once: it takes milliseconds */

static struct maillog *new_log(void)
{
    const struct log_options o = {.charsets = charsets, .reference_us = REFERENCE, .host = S("here")};
    struct maillog *m = maillog_new(&o);
    assert_non_null(m);
    return m;
}

static void run(struct maillog *m, slice lines, buf *out)
{
    arena a;
    struct feed_list list = {0};
    arena_init(&a, 0);
    assert_true(maillog_block(m, lines, &a, &list));
    dump_list(out, &list);
    arena_fini(&a);
}

static slice load(buf *b, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/logs/%s", TEST_SAMPLES, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    buf_init(b, 0);
    for (size_t n = 1; n > 0;) {
        assert_true(buf_reserve(b, 65536));
        n = fread(b->p + b->n, 1, 65536, f);
        b->n += n;
    }
    fclose(f);
    return buf_slice(b);
}

/* ---- rows, as a table would keep them ---- */

struct rows {
    map values;
    arena arena;
    size_t given, deleted;
    size_t fail_at; /* refuse this one; 0: none */
};

static bool keep_row(void *ctx, slice key, slice value)
{
    struct rows *r = ctx;
    assert_true(key.n > 0 && key.n <= LOG_MAX_KEY_BYTES);
    if (r->fail_at && r->given + 1 == r->fail_at)
        return false;
    r->given++;
    if (slice_empty(value)) {
        assert_non_null(map_remove(&r->values, key)); /* only what was given is deleted */
        r->deleted++;
        return true;
    }
    slice *copy = ARENA_NEW(&r->arena, slice);
    *copy = arena_dup(&r->arena, value);
    void **place = map_put(&r->values, map_get(&r->values, key) ? key : arena_dup(&r->arena, key));
    assert_non_null(place);
    *place = copy;
    return true;
}

static void rows_init(struct rows *r)
{
    static const struct sip_key key = {1, 2};
    *r = (struct rows){0};
    map_init(&r->values, &key);
    arena_init(&r->arena, 0);
}

static void rows_fini(struct rows *r)
{
    map_fini(&r->values);
    arena_fini(&r->arena);
}

static struct maillog *from_rows(const struct rows *r)
{
    struct maillog *m = new_log();
    size_t i = 0;
    for (struct map_slot *s; (s = map_next(&r->values, &i)) != NULL;)
        assert_true(maillog_take_row(m, s->key, *(slice *)s->value));
    return m;
}

static void check_rows(slice text, size_t every)
{
    buf whole, parts;
    struct rows rows;
    buf_init(&whole, 0);
    buf_init(&parts, 0);
    rows_init(&rows);
    struct maillog *m = new_log();
    run(m, text, &whole);
    maillog_free(&m);
    assert_true(whole.n > 0);
    m = new_log();
    size_t lines = 0;
    for (slice rest = text, line; slice_split(&rest, '\n', &line); lines++) {
        run(m, line, &parts);
        if (lines % every)
            continue;
        assert_true(maillog_changes(m, keep_row, &rows));
        size_t given = rows.given, open = maillog_open(m);
        assert_true(maillog_changes(m, keep_row, &rows)); /* nothing is given twice */
        assert_int_equal(rows.given, given);
        maillog_free(&m);
        m = from_rows(&rows);
        assert_int_equal(maillog_open(m), open);
    }
    maillog_free(&m);
    assert_int_equal(whole.n, parts.n);
    assert_memory_equal(whole.p, parts.p, whole.n);
    rows_fini(&rows);
    buf_fini(&whole);
    buf_fini(&parts);
}

static void check_blob(slice text, size_t every)
{
    buf whole, parts, memory;
    buf_init(&whole, 0);
    buf_init(&parts, 0);
    buf_init(&memory, 0);
    struct maillog *m = new_log();
    run(m, text, &whole);
    maillog_free(&m);
    m = new_log();
    size_t lines = 0;
    for (slice rest = text, line; slice_split(&rest, '\n', &line); lines++) {
        run(m, line, &parts);
        if (lines % every)
            continue;
        buf_clear(&memory);
        maillog_export(m, &memory);
        maillog_free(&m);
        m = new_log();
        assert_true(maillog_import(m, buf_slice(&memory)));
    }
    maillog_free(&m);
    assert_int_equal(whole.n, parts.n);
    assert_memory_equal(whole.p, parts.p, whole.n);
    buf_fini(&whole);
    buf_fini(&parts);
    buf_fini(&memory);
}

static void resumes_anywhere(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
        buf b;
        slice text = load(&b, logs[i]);
        check_rows(text, 5);
        check_blob(text, 7);
        buf_fini(&b);
    }
}

static void short_lives_make_no_rows(void **state)
{
    (void)state;
    struct rows rows;
    buf out;
    buf_init(&out, 0);
    rows_init(&rows);
    struct maillog *m = new_log();
    run(m,
        S("Mar  4 08:00:01 mail postfix/qmgr[1]: AAAAAAAA: from=<a@x>, size=1, nrcpt=1 (queue active)\n"
          "Mar  4 08:00:01 mail postfix/smtp[1]: AAAAAAAA: to=<b@y>, relay=m[192.0.2.1]:25, delay=1, dsn=2.0.0, "
          "status=sent (250 ok)\n"
          "Mar  4 08:00:01 mail postfix/qmgr[1]: AAAAAAAA: removed\n"
          "Mar  4 08:00:01 mail postfix/qmgr[1]: BBBBBBBB: from=<a@x>, size=1, nrcpt=1 (queue active)\n"),
        &out);
    assert_true(maillog_changes(m, keep_row, &rows));
    assert_int_equal(rows.given, 2); /* the clock, BBBBBBBB */
    run(m, S("Mar  4 08:00:01 mail postfix/qmgr[1]: BBBBBBBB: removed\n"), &out);
    assert_true(maillog_changes(m, keep_row, &rows));
    assert_int_equal(rows.deleted, 1);
    assert_int_equal(rows.values.n, 1);
    maillog_free(&m);
    rows_fini(&rows);
    buf_fini(&out);
}

/* A refused row and all behind it come again. */
static void refused_rows_come_again(void **state)
{
    (void)state;
    buf b, first, second;
    slice text = load(&b, logs[0]);
    text = slice_sub(text, 0, text.n / 2);
    buf_init(&first, 0);
    buf_init(&second, 0);
    struct rows rows;
    rows_init(&rows);
    struct maillog *m = new_log();
    run(m, text, &first);
    size_t refusals = 0;
    for (rows.fail_at = 1; !maillog_changes(m, keep_row, &rows); rows.fail_at += 2)
        refusals++;
    assert_true(refusals > 3);
    struct maillog *again = from_rows(&rows);
    assert_int_equal(maillog_open(again), maillog_open(m));
    maillog_free(&m);
    maillog_free(&again);
    rows_fini(&rows);
    buf_fini(&first);
    buf_fini(&second);
    buf_fini(&b);
}

static void damaged_rows_do_no_harm(void **state)
{
    (void)state;
    buf b, out;
    slice text = load(&b, logs[0]);
    buf_init(&out, 0);
    struct rows rows;
    rows_init(&rows);
    struct maillog *m = new_log();
    run(m, slice_sub(text, 0, text.n / 3), &out);
    assert_true(maillog_changes(m, keep_row, &rows));
    maillog_free(&m);
    size_t i = 0;
    for (struct map_slot *s; (s = map_next(&rows.values, &i)) != NULL;) {
        slice value = *(slice *)s->value;
        m = new_log();
        for (size_t n = 0; n < value.n; n++)
            assert_false(maillog_take_row(m, s->key, slice_sub(value, 0, n)));
        assert_false(maillog_take_row(m, slice_from(s->key, 1), value));
        assert_int_equal(maillog_open(m), 0);
        assert_true(maillog_take_row(m, s->key, value));
        size_t open = maillog_open(m);
        assert_true(open == 0 || !maillog_take_row(m, s->key, value));
        assert_int_equal(maillog_open(m), open);
        maillog_free(&m);
    }
    rows_fini(&rows);
    buf_fini(&out);
    buf_fini(&b);
}

static void dialects_are_detected(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
        buf b;
        slice text = load(&b, logs[i]);
        const struct log_dialect *d = log_dialect_detect(slice_sub(text, 0, 4096));
        assert_non_null(d);
        assert_true(slice_starts(slice_str(logs[i]), slice_str(log_dialect_name(d))));
        assert_ptr_equal(log_dialect_find(slice_str(log_dialect_name(d))), d);
        buf_fini(&b);
    }
    assert_null(log_dialect_detect(S("")));
    assert_null(log_dialect_detect(S("Mar  4 08:00:00 mail cron[1]: hello\n")));
    assert_null(log_dialect_find(S("none")));
}

int main(void)
{
    charsets = charsets_new();
    assert_non_null(charsets);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(resumes_anywhere),        cmocka_unit_test(short_lives_make_no_rows),
        cmocka_unit_test(refused_rows_come_again), cmocka_unit_test(damaged_rows_do_no_harm),
        cmocka_unit_test(dialects_are_detected),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    charsets_free(&charsets);
    return failed;
}
