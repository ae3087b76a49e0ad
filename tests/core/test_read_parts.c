#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "core/read.h"
#include "core/read_maildir.h"
#include "core/read_mbox.h"
#include "core/read_position.h"
#include "guard.h"
#include "scratch.h"

static void forms_by_content(void **state)
{
    (void)state;
    static const struct {
        const char *head;
        enum read_form form;
    } cases[] = {
        {"Return-Path: <>\nSubject: x\n", READ_MESSAGE},
        {"\n\nSubject : x\n", READ_MESSAGE},
        {">From x\nSubject: x\n", READ_MESSAGE},
        {"From MAILER-DAEMON Fri Jul  8 12:08:34 2011\nSubject: x\n", READ_MBOX},
        {"From here on nothing\n", READ_UNKNOWN},
        {"Nov 21 20:43:24 mx postfix/smtp[1]: x\n", READ_LOG},
        {"2026-11-21T20:43:24.1+01:00 mx postfix/smtp[1]: x\n", READ_LOG},
        {"<22>1 2026-11-21T20:43:24Z mx a/b 12 - - hello\n", READ_LOG},
        {"-- Journal begins at Fri 2026-11-20 --\nNov 21 20:43:24 mx a: x\n", READ_LOG},
        {"1999-03-02 09:44:33 10HmaY-000000005vi-0000 Completed\n", READ_LOG},
        {"", READ_LOG},
        {"__CURSOR=x\n__REALTIME_TIMESTAMP=1\n\n", READ_JOURNAL},
        {"{\"type\":\"Bounce\"}\n", READ_NDJSON},
        {"type,timeLogged,orig,rcpt\nd,1,2,3\n", READ_CSV},
        {"Hello, this is a text.\n", READ_UNKNOWN},
        {"A=B\n", READ_UNKNOWN},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum read_form form = read_form_of(slice_str(cases[i].head));
        if (form != cases[i].form)
            print_error("%s: %s\n", cases[i].head, read_form_word(form));
        assert_int_equal(form, cases[i].form);
    }
}

static void form_of_prefix(slice prefix, void *data)
{
    (void)data;
    (void)read_form_of(prefix);
}

static void forms_of_every_prefix(void **state)
{
    (void)state;
    guard_prefixes(S("From MAILER-DAEMON Fri Jul  8 12:08:34 2011\nSubject: x\n"), form_of_prefix, NULL);
    guard_prefixes(S("2026-11-21T20:43:24.1+01:00 mx postfix/smtp[1]: x\n"), form_of_prefix, NULL);
    guard_prefixes(S("Nov 21 20:43:24 mx postfix/smtp[1]: x\n"), form_of_prefix, NULL);
    guard_prefixes(S("__CURSOR=x\n__REALTIME_TIMESTAMP=1\n\n"), form_of_prefix, NULL);
}

static void from_lines(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        bool good;
    } cases[] = {
        {"From MAILER-DAEMON Fri Jul  8 12:08:34 2011", true},
        {"From a@b Fri Jul  8 12:08:34 2011 +0200\nx", true},
        {"From a@b Fri Jul  8 12:08 2011", true},
        {"From - Thu Jan 01 00:00:00 1970", true},
        {"From \"a b\"@c Fri Jul  8 12:08:34 CEST 2011", true},
        {"From now on, in Jul 2011, we meet", false},
        {"From Fri Jul", false},
        {"From ", false},
        {"from a@b Fri Jul  8 12:08:34 2011", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(mbox_from_line(slice_str(cases[i].line)), cases[i].good);
}

/* Mails of a file, each with "|" behind it. */
static void mbox_text(struct scratch *s, slice text, size_t max_bytes, buf *out)
{
    struct read_file *f;
    struct mbox m;
    struct mbox_mail mail;
    err e;
    scratch_write(s, "mbox", text);
    assert_int_equal(read_file_open(scratch_path(s, "mbox"), &f, &e), OK);
    mbox_init(&m, f, max_bytes);
    int rc;
    while ((rc = mbox_next(&m, &mail, &e)) == 1) {
        buf_add(out, mail.bytes);
        buf_adds(out, mail.truncated ? "...|" : "|");
    }
    assert_int_equal(rc, 0);
    mbox_fini(&m);
    read_file_close(&f);
}

#define FROM "From a@b Fri Nov 21 20:43:24 2025\n"

static void mboxes(void **state)
{
    (void)state;
    static const struct {
        const char *text, *mails;
    } cases[] = {
        {FROM "A: 1\n\nx\n\n" FROM "A: 2\n\n", "A: 1\n\nx\n|A: 2\n|"},
        {FROM "A: 1\n\nx\n" FROM "is quoted text\n\n" FROM "A: 2\n\ny",
         "A: 1\n\nx\n" FROM "is quoted text\n|A: 2\n\ny|"},
        {FROM "A: 1\n\nx\n\nFrom here on it is text\n\n", "A: 1\n\nx\n\nFrom here on it is text\n|"},
        {"From a@b Fri Nov 21 20:43:24 2025\r\nA: 1\r\n\r\nx\r\n\r\nFrom a@b Fri Nov 21 20:43:24 2025\r\nA: 2\r\n",
         "A: 1\r\n\r\nx\r\n|A: 2\r\n|"},
        {FROM "A: 1\n\n>From x\n", "A: 1\n\n>From x\n|"},
        {FROM, "|"},
        {"", ""},
    };
    struct scratch s;
    scratch_init(&s);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        buf out;
        buf_init(&out, 0);
        mbox_text(&s, slice_str(cases[i].text), 1000, &out);
        buf_addc(&out, '\0');
        assert_string_equal(out.p, cases[i].mails);
        buf_fini(&out);
    }
    scratch_fini(&s);
}

/* Separators at every place relative to the blocks in which the file is read, and around the cap. */
static void mbox_at_every_block_border(void **state)
{
    (void)state;
    struct scratch s;
    scratch_init(&s);
    static const size_t borders[] = {4096, 256 * 1024 + 4096};
    for (size_t b = 0; b < ARRAY_LEN(borders); b++) {
        for (size_t shift = 0; shift < 60; shift++) {
            buf text, out;
            buf_init(&text, 0);
            buf_init(&out, 0);
            buf_adds(&text, FROM "A: 1\n\n");
            while (text.n + 2 < borders[b] - shift)
                buf_addc(&text, text.n % 70 ? 'x' : '\n');
            buf_adds(&text, "\n\n" FROM "A: 2\n\n");
            mbox_text(&s, buf_slice(&text), 1 << 20, &out);
            assert_true(slice_ends_ci(buf_slice(&out), S("\n|A: 2\n|")));
            size_t whole = out.n;
            buf_clear(&out);
            size_t body = whole - strlen("|A: 2\n|");
            mbox_text(&s, buf_slice(&text), body - 1, &out); /* one byte too long */
            assert_int_equal(out.n, whole - 1 + 3);
            assert_true(slice_find(buf_slice(&out), S("...|A: 2\n|")) != SLICE_NPOS);
            buf_clear(&out);
            mbox_text(&s, buf_slice(&text), 100, &out);
            assert_true(slice_ends_ci(buf_slice(&out), S("...|A: 2\n|")));
            buf_fini(&text);
            buf_fini(&out);
        }
    }
    scratch_fini(&s);
}

static void maildir_names(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        {"d/new/1.x", "d/cur/1.x:2,S"},
        {"d/cur/1.x:2,", "d/cur/1.x:2,S"},
        {"d/cur/1.x:2,DFT", "d/cur/1.x:2,DFST"},
        {"d/cur/1.x:2,S", ""},
        {"d/new/1.x:2,F", "d/cur/1.x:2,FS"},
        {"new/1.x", "cur/1.x:2,S"},
        {"d/cur/1.x:2,RSa", ""},
        {"d/other/1.x", ""},
        {"x", ""},
        {"d/cur/1.x:1,exp", "d/cur/1.x:2,S"},
    };
    arena a;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_true(slice_eq(maildir_read_path(&a, slice_str(cases[i][0])), slice_str(cases[i][1])));
    arena_fini(&a);
    assert_true(maildir_seen(S("1.x:2,FS")));
    assert_false(maildir_seen(S("1.S:2,F")));
    assert_false(maildir_seen(S("1.S")));
}

static void tails_keep_the_last_bytes(void **state)
{
    (void)state;
    char text[2000];
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)(i * 31 % 251);
    for (size_t step = 1; step < 600; step += 7) {
        struct tail t = {0};
        size_t at = 0;
        while (at < sizeof text) {
            size_t n = at + step > sizeof text ? sizeof text - at : step;
            tail_add(&t, slice_of(text + at, n));
            at += n;
            size_t want = at < POSITION_TAIL_BYTES ? at : POSITION_TAIL_BYTES;
            assert_int_equal(t.n, want);
            assert_memory_equal(t.bytes, text + at - want, want);
        }
    }
}

static void positions_as_text(void **state)
{
    (void)state;
    struct tail t = {0};
    struct position p;
    buf b;
    tail_add(&t, S("hello"));
    buf_init(&b, 0);
    position_format(&b, 12345678901, &t);
    assert_true(position_parse(buf_slice(&b), &p));
    assert_int_equal(p.offset, 12345678901);
    assert_true(position_tail_is(&p, S("hello")));
    assert_false(position_tail_is(&p, S("hellp")));
    assert_false(position_parse(S(""), &p));
    assert_false(position_parse(S("12 300 0123456789abcdef0123456789abcdef"), &p));
    assert_false(position_parse(S("1 2 0123456789abcdef0123456789abcdef"), &p));
    assert_false(position_parse(S("end"), &p));
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(forms_by_content),
        cmocka_unit_test(forms_of_every_prefix),
        cmocka_unit_test(from_lines),
        cmocka_unit_test(mboxes),
        cmocka_unit_test(mbox_at_every_block_border),
        cmocka_unit_test(maildir_names),
        cmocka_unit_test(tails_keep_the_last_bytes),
        cmocka_unit_test(positions_as_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
