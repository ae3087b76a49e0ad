/* A Maildir is read as mails are delivered to it: each counts once, is marked when it is durable, and stays when it is not. */
#include <dirent.h>

#include "small_daemon.h"

struct maildir_world {
    struct small_daemon s;
    struct lossy *disk;
    struct scratch dir;
    buf conf, mail;
};

static void start(struct maildir_world *w)
{
    small_start(&w->s, w->disk, &maildir_role, buf_slice(&w->conf));
}

static void world_open(struct maildir_world *w, const char *more)
{
    memset(w, 0, sizeof *w);
    w->disk = lossy_new(1);
    scratch_init(&w->dir);
    scratch_mkdir(&w->dir, "box");
    scratch_mkdir(&w->dir, "box/new");
    scratch_mkdir(&w->dir, "box/cur");
    scratch_mkdir(&w->dir, "box/tmp");
    buf_init(&w->mail, 0);
    buf_init(&w->conf, 0);
    buf_printf(&w->conf, "[maildir box]\npath = %s/box\nvouched = yes\n%s[aside]\npath = %s/aside\n", w->dir.dir, more,
               w->dir.dir);
}

static void world_close(struct maildir_world *w)
{
    small_stop(&w->s);
    lossy_free(&w->disk);
    scratch_fini(&w->dir);
    buf_fini(&w->conf);
    buf_fini(&w->mail);
}

/* As a delivery agent does it: written in tmp, and moved. */
static void deliver(struct maildir_world *w, const char *folder, const char *name, slice mail)
{
    char from[300], to[128];
    snprintf(to, sizeof to, "box/tmp/%s", name);
    scratch_write(&w->dir, to, mail);
    snprintf(from, sizeof from, "%s", scratch_path(&w->dir, to));
    snprintf(to, sizeof to, "box/%s/%s", folder, name);
    assert_int_equal(rename(from, scratch_path(&w->dir, to)), 0);
}

static slice report(struct maildir_world *w, const char *recipient)
{
    small_report(&w->mail, recipient, "", "\n");
    return buf_slice(&w->mail);
}

static size_t files_in(struct maildir_world *w, const char *folder)
{
    size_t n = 0;
    DIR *d = opendir(scratch_path(&w->dir, folder));
    for (struct dirent *e; d && (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.';
    if (d)
        closedir(d);
    return n;
}

struct wish {
    struct maildir_world *w;
    const char *folder;
    size_t files;
};

static bool has_files(void *ctx)
{
    const struct wish *x = ctx;
    return files_in(x->w, x->folder) == x->files && x->w->s.role->idle(x->w->s.self);
}

/* Until `folder` holds so many files and nothing is under way. */
static void until(struct maildir_world *w, const char *folder, size_t files)
{
    struct wish x = {w, folder, files};
    world_until(&w->s.net, has_files, &x);
}

static void mails_are_read_as_they_come(void **state)
{
    struct maildir_world w;
    (void)state;
    world_open(&w, "");
    deliver(&w, "new", "1.a.host", report(&w, "u1@remote.example"));
    deliver(&w, "cur", "2.a.host:2,", report(&w, "u2@remote.example")); /* a mail program looked, nobody read */
    deliver(&w, "cur", "3.a.host:2,S", report(&w, "u3@remote.example"));
    start(&w);
    until(&w, "box/new", 0);
    assert_true(small_suppressed(&w.s, S("u1@remote.example")));
    assert_true(small_suppressed(&w.s, S("u2@remote.example")));
    assert_false(small_suppressed(&w.s, S("u3@remote.example")));
    assert_int_equal(access(scratch_path(&w.dir, "box/cur/1.a.host:2,S"), F_OK), 0);
    assert_int_equal(access(scratch_path(&w.dir, "box/cur/2.a.host:2,S"), F_OK), 0);
    deliver(&w, "new", "4.a.host", report(&w, "u4@remote.example"));
    until(&w, "box/new", 0);
    assert_true(small_suppressed(&w.s, S("u4@remote.example")));
    assert_int_equal(small_events(&w.s), 3);
    world_close(&w);
}

static void mails_are_deleted_where_wanted(void **state)
{
    struct maildir_world w;
    (void)state;
    world_open(&w, "after = delete\n");
    deliver(&w, "new", "1.a.host", report(&w, "u1@remote.example"));
    deliver(&w, "new", "2.a.host", S("Subject: lunch\n\nAt one?\n"));
    start(&w);
    until(&w, "box/new", 0);
    assert_int_equal(files_in(&w, "box/cur"), 0);
    assert_int_equal(files_in(&w, "aside/maildir-box"), 1);
    assert_true(small_suppressed(&w.s, S("u1@remote.example")));
    world_close(&w);
}

static void more_than_one_batch(void **state)
{
    struct maildir_world w;
    char name[64];
    (void)state;
    world_open(&w, "");
    for (int i = 0; i < 450; i++) {
        snprintf(name, sizeof name, "u%d@remote.example", i);
        slice mail = report(&w, name);
        snprintf(name, sizeof name, "%d.a.host", i);
        deliver(&w, "new", name, mail);
    }
    start(&w);
    until(&w, "box/cur", 450);
    assert_int_equal(small_events(&w.s), 450);
    world_close(&w);
}

/* Nothing is marked before it is durable: a full disk leaves the mails where they are, and they count when there is room. */
static void a_full_disk_leaves_the_mails(void **state)
{
    struct maildir_world w;
    (void)state;
    world_open(&w, "");
    start(&w);
    until(&w, "box/new", 0);
    lossy_limit(w.disk, lossy_bytes(w.disk));
    deliver(&w, "new", "1.a.host", report(&w, "u1@remote.example"));
    struct writer_counts c = {.failures = 0};
    while (!c.failures) {
        world_run(&w.s.net, 1000);
        writer_counts(w.s.daemon.writer, &c);
    }
    assert_int_equal(files_in(&w, "box/new"), 1);
    lossy_limit(w.disk, SIZE_MAX);
    until(&w, "box/new", 0);
    assert_true(small_suppressed(&w.s, S("u1@remote.example")));
    assert_int_equal(small_events(&w.s), 1);
    world_close(&w);
}

/* The marks of a batch were lost in a crash: its mails are read again, and known. */
static void what_was_not_marked_counts_once(void **state)
{
    struct maildir_world w;
    (void)state;
    world_open(&w, "");
    deliver(&w, "new", "1.a.host", report(&w, "u1@remote.example"));
    start(&w);
    until(&w, "box/new", 0);
    small_stop(&w.s);
    deliver(&w, "new", "1.a.host", report(&w, "u1@remote.example"));
    start(&w);
    until(&w, "box/new", 0);
    assert_int_equal(small_events(&w.s), 0);
    assert_true(small_suppressed(&w.s, S("u1@remote.example")));
    world_close(&w);
}

static void what_is_no_file_is_left_alone(void **state)
{
    struct maildir_world w;
    char target[300];
    (void)state;
    world_open(&w, "");
    scratch_write(&w.dir, "secret", report(&w, "secret@remote.example"));
    snprintf(target, sizeof target, "%s", scratch_path(&w.dir, "secret"));
    assert_int_equal(symlink(target, scratch_path(&w.dir, "box/new/1.link")), 0);
    assert_int_equal(mkfifo(scratch_path(&w.dir, "box/new/2.fifo"), 0600), 0);
    scratch_mkdir(&w.dir, "box/new/3.folder");
    deliver(&w, "new", "4.a.host", report(&w, "u4@remote.example"));
    start(&w);
    until(&w, "box/new", 3);
    assert_true(small_suppressed(&w.s, S("u4@remote.example")));
    assert_false(small_suppressed(&w.s, S("secret@remote.example")));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mails_are_read_as_they_come),
        cmocka_unit_test(mails_are_deleted_where_wanted),
        cmocka_unit_test(more_than_one_batch),
        cmocka_unit_test(a_full_disk_leaves_the_mails),
        cmocka_unit_test(what_was_not_marked_counts_once),
        cmocka_unit_test(what_is_no_file_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
