/* Mails set aside: whole, once, within limits, under names that no mail can choose. */
#include <dirent.h>

#include "check.h"
#include "scratch.h"
#include "serve/aside.h"

#define NOW_US (INT64_C(1764504000) * TIME_SECOND)

struct world {
    struct scratch dir;
    char path[256];
    struct aside *aside;
};

static void open_with(struct world *w, size_t mails, uint64_t bytes, bool refuse)
{
    err e;
    struct aside_options o = {.path = slice_str(w->path), .max_mails = mails, .max_bytes = bytes, .refuse_new = refuse};
    if (aside_open(&o, &w->aside, &e) != OK)
        fail_msg("%s", e.text);
}

static void world_init(struct world *w)
{
    scratch_init(&w->dir);
    snprintf(w->path, sizeof w->path, "%s", scratch_path(&w->dir, "aside"));
}

static void world_fini(struct world *w)
{
    aside_close(&w->aside);
    scratch_fini(&w->dir);
}

static enum status put(struct world *w, slice mail, int64_t now_us)
{
    static const slice recipients[] = {SLICE_INIT("b+x@bounces.example"), SLICE_INIT("c@bounces.example")};
    const struct aside_envelope v = {S("a@x.example"), recipients, 2};
    err e;
    return aside_put(w->aside, &v, mail, now_us, &e);
}

static struct aside_counts counts(struct world *w)
{
    struct aside_counts c;
    aside_counts(w->aside, &c);
    return c;
}

/* The names in the folder but "." and "..", and all contents behind each other, in the order of the names. */
static size_t list(struct world *w, buf *contents)
{
    struct dirent **names;
    int n = scandir(w->path, &names, NULL, alphasort);
    size_t files = 0;
    assert_true(n >= 2);
    for (int i = 0; i < n; i++) {
        char path[512], text[4096];
        snprintf(path, sizeof path, "%s/%s", w->path, names[i]->d_name);
        FILE *f = names[i]->d_name[0] == '.' && !names[i]->d_name[2] ? NULL : fopen(path, "r");
        struct stat st;
        if (f && fstat(fileno(f), &st) == 0 && S_ISREG(st.st_mode)) {
            files++;
            buf_add(contents, slice_of(text, fread(text, 1, sizeof text, f)));
        }
        if (f)
            fclose(f);
        free(names[i]);
    }
    free(names);
    return files;
}

static void expect(struct world *w, size_t files, slice contents)
{
    buf b;
    buf_init(&b, 0);
    assert_int_equal(list(w, &b), files);
    assert_slice(buf_slice(&b), contents);
    assert_int_equal(counts(w).mails, files);
    assert_int_equal(counts(w).bytes, contents.n);
    buf_fini(&b);
}

#define HEAD "Return-Path: <a@x.example>\nDelivered-To: b+x@bounces.example\nDelivered-To: c@bounces.example\n"
#define FILE_BYTES (sizeof(HEAD) - 1 + 2)

static void a_mail_is_kept_with_its_envelope(void **state)
{
    struct world w;
    struct stat st;
    (void)state;
    world_init(&w);
    open_with(&w, 10, 1000000, false);
    assert_int_equal(stat(w.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_int_equal(put(&w, S("Subject: x\n\ny\n"), NOW_US), OK);
    expect(&w, 1, S(HEAD "Subject: x\n\ny\n"));
    world_fini(&w);
}

static void the_same_mail_is_kept_once(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    open_with(&w, 10, 1000000, false);
    assert_int_equal(put(&w, S("a\n"), NOW_US), OK);
    assert_int_equal(put(&w, S("a\r\n"), NOW_US + 1), OK);
    expect(&w, 1, S(HEAD "a\n"));
    assert_int_equal(counts(&w).repeats, 1);
    aside_close(&w.aside);
    open_with(&w, 10, 1000000, false); /* known after a restart */
    assert_int_equal(put(&w, S("a\n"), NOW_US + 2), OK);
    expect(&w, 1, S(HEAD "a\n"));
    world_fini(&w);
}

static void the_oldest_make_room(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    open_with(&w, 2, 1000000, false);
    assert_int_equal(put(&w, S("1\n"), NOW_US), OK);
    assert_int_equal(put(&w, S("2\n"), NOW_US + 1), OK);
    assert_int_equal(put(&w, S("3\n"), NOW_US + 2), OK);
    expect(&w, 2, S(HEAD "2\n" HEAD "3\n"));
    assert_int_equal(counts(&w).removed, 1);
    assert_int_equal(put(&w, S("1\n"), NOW_US + 3), OK); /* one that has gone is a new one */
    expect(&w, 2, S(HEAD "3\n" HEAD "1\n"));
    aside_close(&w.aside);
    open_with(&w, 2, 2 * FILE_BYTES, false);
    assert_int_equal(put(&w, S("4\n"), NOW_US + 4), OK);
    expect(&w, 2, S(HEAD "1\n" HEAD "4\n"));
    assert_int_equal(put(&w,
                         S("a larger mail, for which both must go, and still too large for the folder\n"
                           "0123456789012345678901234567890123456789012345678901234567890123456789\n"
                           "0123456789012345678901234567890123456789012345678901234567890123456789\n"),
                         NOW_US + 5),
                     E_FULL);
    expect(&w, 2, S(HEAD "1\n" HEAD "4\n"));
    world_fini(&w);
}

static void new_ones_are_refused(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    open_with(&w, 1, 1000000, true);
    assert_int_equal(put(&w, S("1\n"), NOW_US), OK);
    assert_int_equal(put(&w, S("2\n"), NOW_US + 1), E_FULL);
    assert_int_equal(put(&w, S("1\n"), NOW_US + 1), OK);
    expect(&w, 1, S(HEAD "1\n"));
    assert_int_equal(counts(&w).refused, 1);
    world_fini(&w);
}

static void what_a_crash_left_is_removed_and_what_others_put_is_not(void **state)
{
    struct world w;
    (void)state;
    world_init(&w);
    scratch_mkdir(&w.dir, "aside");
    scratch_write(&w.dir, "aside/.0006000000000000-0123456789abcdef0123456789abcdef.eml.new-77", S("half"));
    scratch_write(&w.dir, "aside/0006000000000000-0123456789abcdef0123456789abcdef.eml", S("whole"));
    scratch_write(&w.dir, "aside/notes.txt", S("notes"));
    open_with(&w, 1, 1000000, false);
    assert_int_equal(counts(&w).mails, 1);
    assert_int_equal(put(&w, S("1\n"), NOW_US), OK);
    buf b;
    buf_init(&b, 0);
    assert_int_equal(list(&w, &b), 2);
    assert_slice(buf_slice(&b), S(HEAD "1\nnotes"));
    buf_fini(&b);
    world_fini(&w);
}

static void a_failed_write_takes_no_room(void **state)
{
    struct world w;
    (void)state;
    if (geteuid() == 0) {
        /* root may write everywhere: take the folder away instead */
        world_init(&w);
        open_with(&w, 1, 1000000, false);
        assert_int_equal(rmdir(w.path), 0);
    } else {
        world_init(&w);
        open_with(&w, 1, 1000000, false);
        assert_int_equal(chmod(w.path, 0500), 0);
    }
    assert_int_not_equal(put(&w, S("1\n"), NOW_US), OK);
    assert_int_equal(counts(&w).mails, 0);
    assert_int_equal(counts(&w).bytes, 0);
    assert_int_equal(counts(&w).kept, 0);
    aside_close(&w.aside);
    (void)chmod(w.path, 0700);
    open_with(&w, 1, 1000000, false);
    assert_int_equal(put(&w, S("1\n"), NOW_US), OK);
    world_fini(&w);
}

static void an_envelope_forges_no_fields(void **state)
{
    const slice evil = S("x\r\nSubject: forged\n\n@bounces.example");
    struct world w;
    err e;
    (void)state;
    world_init(&w);
    open_with(&w, 1, 1000000, false);
    assert_int_equal(aside_put(w.aside, &(struct aside_envelope){evil, &evil, 1}, S("1\n"), NOW_US, &e), OK);
    expect(
        &w, 1,
        S("Return-Path: <x Subject: forged @bounces.example>\nDelivered-To: x Subject: forged @bounces.example\n1\n"));
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mail_is_kept_with_its_envelope),
        cmocka_unit_test(the_same_mail_is_kept_once),
        cmocka_unit_test(the_oldest_make_room),
        cmocka_unit_test(new_ones_are_refused),
        cmocka_unit_test(what_a_crash_left_is_removed_and_what_others_put_is_not),
        cmocka_unit_test(a_failed_write_takes_no_room),
        cmocka_unit_test(an_envelope_forges_no_fields),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
