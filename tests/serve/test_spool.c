/* A spool directory: each event of each file counts once, files go when they are durable, and what is wrong is put away. */
#include <dirent.h>

#include "serve/spool_file.h"
#include "small_daemon.h"

struct spool_world {
    struct small_daemon s;
    struct lossy *disk;
    struct scratch dir;
    buf conf;
};

static void start(struct spool_world *w)
{
    small_start(&w->s, w->disk, &spool_role, buf_slice(&w->conf));
}

static void world_open(struct spool_world *w, const char *more)
{
    memset(w, 0, sizeof *w);
    w->disk = lossy_new(1);
    scratch_init(&w->dir);
    buf_init(&w->conf, 0);
    buf_printf(&w->conf, "[spool in]\npath = %s/spool\n%s", w->dir.dir, more);
}

static void world_close(struct spool_world *w)
{
    small_stop(&w->s);
    lossy_free(&w->disk);
    scratch_fini(&w->dir);
    buf_fini(&w->conf);
}

/* As docs/events.md wants it: written under a name with a dot, and renamed. */
static void put(struct spool_world *w, const char *name, slice text)
{
    char hidden[128], shown[128], from[300];
    snprintf(hidden, sizeof hidden, "spool/.%s", name);
    snprintf(shown, sizeof shown, "spool/%s", name);
    scratch_write(&w->dir, hidden, text);
    snprintf(from, sizeof from, "%s", scratch_path(&w->dir, hidden));
    assert_int_equal(rename(from, scratch_path(&w->dir, shown)), 0);
}

static size_t files_in(struct spool_world *w, const char *folder)
{
    size_t n = 0;
    DIR *d = opendir(scratch_path(&w->dir, folder));
    for (struct dirent *e; d && (e = readdir(d)) != NULL;)
        n += e->d_name[0] != '.' && e->d_type != DT_DIR;
    if (d)
        closedir(d);
    return n;
}

static bool is_empty(void *ctx)
{
    struct spool_world *w = ctx;
    return files_in(w, "spool") == 0 && w->s.role->idle(w->s.self);
}

static void until_empty(struct spool_world *w)
{
    world_until(&w->s.net, is_empty, w);
}

#define EVENT(who)                                   \
    "{\"event\": \"bounced\", \"recipient\": \"" who \
    "\", \"time\": \"2025-11-30T10:00:00Z\", \"reply\": \"550 5.1.1 no such user\"}"

static void files_are_taken_as_they_come(void **state)
{
    struct spool_world w;
    (void)state;
    world_open(&w, "");
    scratch_mkdir(&w.dir, "spool");
    put(&w, "1.ndjson", S(EVENT("a@remote.example") "\n" EVENT("b@remote.example") "\n"));
    start(&w);
    until_empty(&w);
    assert_true(small_suppressed(&w.s, S("a@remote.example")));
    assert_true(small_suppressed(&w.s, S("b@remote.example")));
    put(&w, "2", S("[" EVENT("c@remote.example") ",\n" EVENT("d@remote.example") "]"));
    put(&w, "3", S("{\"events\": [" EVENT("e@remote.example") "]}\n"));
    put(&w, "4", S("{\n\"event\": \"unsubscribed\",\n\"recipient\": \"f@remote.example\",\n\"key\": \"1\"\n}\n"));
    put(&w, "5", S(""));
    until_empty(&w);
    assert_true(small_suppressed(&w.s, S("c@remote.example")));
    assert_true(small_suppressed(&w.s, S("e@remote.example")));
    assert_int_equal(small_events(&w.s), 6);
    assert_int_equal(files_in(&w, "spool/bad"), 0);
    world_close(&w);
}

static void more_than_one_batch(void **state)
{
    struct spool_world w;
    buf text;
    (void)state;
    world_open(&w, "");
    scratch_mkdir(&w.dir, "spool");
    buf_init(&text, 0);
    for (unsigned i = 0; i < SPOOL_BATCH_EVENTS + 500; i++)
        buf_printf(&text, "{\"event\": \"delivered\", \"recipient\": \"u%u@remote.example\", \"key\": \"%u\"}\n", i, i);
    put(&w, "big", buf_slice(&text));
    start(&w);
    until_empty(&w);
    assert_int_equal(small_events(&w.s), SPOOL_BATCH_EVENTS + 500);
    buf_fini(&text);
    world_close(&w);
}

static void what_is_wrong_is_put_away_and_the_rest_counts(void **state)
{
    struct spool_world w;
    char target[300];
    (void)state;
    world_open(&w, "");
    scratch_mkdir(&w.dir, "spool");
    put(&w, "1", S("no json\n" EVENT("a@remote.example") "\n{\"event\": \"exploded\"}\n"));
    scratch_write(&w.dir, "secret", S(EVENT("secret@remote.example") "\n"));
    snprintf(target, sizeof target, "%s", scratch_path(&w.dir, "secret"));
    assert_int_equal(symlink(target, scratch_path(&w.dir, "spool/2.link")), 0);
    assert_int_equal(mkfifo(scratch_path(&w.dir, "spool/3.fifo"), 0600), 0);
    scratch_write(&w.dir, "spool/.hidden", S(EVENT("hidden@remote.example") "\n"));
    put(&w, "4", S(EVENT("b@remote.example") "\n"));
    start(&w);
    until_empty(&w);
    assert_true(small_suppressed(&w.s, S("a@remote.example")));
    assert_true(small_suppressed(&w.s, S("b@remote.example")));
    assert_false(small_suppressed(&w.s, S("secret@remote.example")));
    assert_false(small_suppressed(&w.s, S("hidden@remote.example")));
    assert_int_equal(files_in(&w, "spool/bad"), 3);
    world_close(&w);
}

static void a_full_disk_leaves_the_file(void **state)
{
    struct spool_world w;
    struct writer_counts c = {.failures = 0};
    (void)state;
    world_open(&w, "");
    start(&w);
    until_empty(&w);
    lossy_limit(w.disk, lossy_bytes(w.disk));
    put(&w, "1", S(EVENT("a@remote.example") "\n"));
    while (!c.failures) {
        world_run(&w.s.net, 1000);
        writer_counts(w.s.daemon.writer, &c);
    }
    assert_int_equal(files_in(&w, "spool"), 1);
    lossy_limit(w.disk, SIZE_MAX);
    until_empty(&w);
    assert_true(small_suppressed(&w.s, S("a@remote.example")));
    assert_int_equal(small_events(&w.s), 1);
    world_close(&w);
}

/* The file was not removed before a crash: the events are known. */
static void a_file_twice_counts_once(void **state)
{
    struct spool_world w;
    (void)state;
    world_open(&w, "");
    start(&w);
    put(&w, "1", S(EVENT("a@remote.example") "\n"));
    until_empty(&w);
    assert_int_equal(small_events(&w.s), 1);
    small_stop(&w.s);
    start(&w);
    put(&w, "1", S(EVENT("a@remote.example") "\n"));
    until_empty(&w);
    assert_int_equal(small_events(&w.s), 0);
    world_close(&w);
}

static void trust_is_what_the_settings_say(void **state)
{
    struct spool_world w;
    (void)state;
    world_open(&w, "trust = bare\n");
    start(&w);
    put(&w, "1", S(EVENT("a@remote.example") "\n"));
    until_empty(&w);
    assert_int_equal(small_events(&w.s), 1);
    assert_false(small_suppressed(&w.s, S("a@remote.example")));
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_taken_as_they_come),
        cmocka_unit_test(more_than_one_batch),
        cmocka_unit_test(what_is_wrong_is_put_away_and_the_rest_counts),
        cmocka_unit_test(a_full_disk_leaves_the_file),
        cmocka_unit_test(a_file_twice_counts_once),
        cmocka_unit_test(trust_is_what_the_settings_say),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
