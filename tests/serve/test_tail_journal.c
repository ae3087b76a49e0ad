/* The systemd journal is followed: every entry counts once, whenever the daemon begins and ends. Journals are made by
 * systemd-journal-remote; without it these tests are skipped.
 */
#include <spawn.h>
#include <sys/wait.h>

#include "core/slurp.h"
#include "serve/tail_journal.h"
#include "small_daemon.h"

#define REMOTE "/lib/systemd/systemd-journal-remote"
#define FIRST_US (NOW_US - TIME_HOUR)
#define MAIL "SYSLOG_FACILITY=2\nSYSLOG_IDENTIFIER=postfix/"

struct journal_world {
    struct small_daemon s;
    struct lossy *disk;
    struct scratch dir;
    buf conf;
    unsigned entries; /* so far */
    unsigned failures;
};

static bool can_make_journals(void)
{
    err e;
    return access(REMOTE, X_OK) == 0 && tail_journal_can(&e) == OK;
}

static void start(struct journal_world *w)
{
    small_start(&w->s, w->disk, &tail_role, buf_slice(&w->conf));
}

static void world_open(struct journal_world *w)
{
    if (!can_make_journals()) {
        print_message("skipped: systemd-journal-remote is not installed, or the build has no libsystemd\n");
        skip();
    }
    memset(w, 0, sizeof *w);
    w->disk = lossy_new(1);
    scratch_init(&w->dir);
    scratch_mkdir(&w->dir, "journal");
    buf_init(&w->conf, 0);
    buf_printf(&w->conf, "[feed mail]\njournal = yes\npath = %s/journal\nhistory = 3650d\n", w->dir.dir);
}

static void world_close(struct journal_world *w)
{
    small_stop(&w->s);
    lossy_free(&w->disk);
    scratch_fini(&w->dir);
    buf_fini(&w->conf);
}

/* Appends entries in export format to a journal file. */
static void put_entries(struct journal_world *w, const char *file, slice entries)
{
    char journal[300], text[300];
    pid_t child;
    int status;
    posix_spawn_file_actions_t quiet;
    snprintf(journal, sizeof journal, "--output=%s", scratch_path(&w->dir, file));
    scratch_write(&w->dir, "export", entries);
    snprintf(text, sizeof text, "%s", scratch_path(&w->dir, "export"));
    char *const args[] = {(char *)(uintptr_t)REMOTE, journal, text, NULL};
    posix_spawn_file_actions_init(&quiet);
    posix_spawn_file_actions_addopen(&quiet, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_adddup2(&quiet, STDOUT_FILENO, STDERR_FILENO);
    assert_int_equal(posix_spawn(&child, REMOTE, &quiet, NULL, args, NULL), 0);
    posix_spawn_file_actions_destroy(&quiet);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void add_entry(struct journal_world *w, buf *out, const char *fields, const char *message)
{
    unsigned n = w->entries++;
    buf_printf(out,
               "__REALTIME_TIMESTAMP=%lld\n__MONOTONIC_TIMESTAMP=%u\n_BOOT_ID=5f0c9d4e5f0c9d4e5f0c9d4e5f0c9d4e\n"
               "_HOSTNAME=mx\n%s\nMESSAGE=%s\n\n",
               (long long)FIRST_US + n * 1000, 1000000 + n * 1000, fields, message);
}

/* One message that is deferred and then fails: four entries, of which each needs those before. */
static void add_failure(struct journal_world *w, buf *out)
{
    char text[400];
    unsigned n = w->failures++;
    snprintf(text, sizeof text, "4%06XZZ: message-id=<%u@news.example>", n, n);
    add_entry(w, out, MAIL "cleanup", text);
    snprintf(text, sizeof text, "4%06XZZ: from=<news@example.net>, size=391, nrcpt=1 (queue active)", n);
    add_entry(w, out, MAIL "qmgr", text);
    snprintf(
        text, sizeof text,
        "4%06XZZ: to=<u%u@example.org>, relay=mx.example.org[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, "
        "status=bounced (host mx.example.org[192.0.2.1] said: 550 5.1.1 User unknown (in reply to RCPT TO command))",
        n, n);
    add_entry(w, out, MAIL "smtp", text);
    snprintf(text, sizeof text, "4%06XZZ: removed", n);
    add_entry(w, out, MAIL "qmgr", text);
}

static void put_failures(struct journal_world *w, const char *file, unsigned n)
{
    buf text;
    buf_init(&text, 0);
    for (unsigned i = 0; i < n; i++)
        add_failure(w, &text);
    put_entries(w, file, buf_slice(&text));
    buf_fini(&text);
}

static bool is_idle(void *ctx)
{
    struct journal_world *w = ctx;
    return w->s.role->idle(w->s.self);
}

static bool knows_the_last(void *ctx)
{
    struct journal_world *w = ctx;
    char last[64];
    snprintf(last, sizeof last, "u%u@example.org", w->failures - 1);
    return small_suppressed(&w->s, slice_str(last)) && is_idle(w);
}

static void until_all(struct journal_world *w)
{
    world_until(&w->s.net, knows_the_last, w);
}

/* ---- tests ---- */

static void entries_are_heard(void **state)
{
    struct journal_world w;
    (void)state;
    world_open(&w);
    put_failures(&w, "journal/system.journal", 3);
    start(&w);
    until_all(&w);
    put_failures(&w, "journal/system.journal", 2);
    until_all(&w);
    put_failures(&w, "journal/another.journal", 2);
    until_all(&w);
    assert_int_equal(small_events(&w.s), w.failures);
    world_close(&w);
}

static void more_than_one_batch(void **state)
{
    struct journal_world w;
    (void)state;
    world_open(&w);
    put_failures(&w, "journal/system.journal", TAIL_BATCH_OBSERVATIONS + 300);
    start(&w);
    until_all(&w);
    assert_int_equal(small_events(&w.s), w.failures);
    world_close(&w);
}

/* A restart between any two entries. */
static void restarts(void **state)
{
    struct journal_world w;
    buf text;
    uint64_t events = 0;
    (void)state;
    world_open(&w);
    buf_init(&text, 0);
    add_failure(&w, &text);
    add_failure(&w, &text);
    for (slice rest = buf_slice(&text); rest.n;) {
        size_t end = slice_find(rest, S("\n\n")) + 2;
        put_entries(&w, "journal/system.journal", slice_sub(rest, 0, end));
        rest = slice_from(rest, end);
        start(&w);
        world_until(&w.s.net, is_idle, &w);
        events += small_events(&w.s);
        small_stop(&w.s);
    }
    buf_fini(&text);
    assert_int_equal(events, 2);
    start(&w); /* nothing is read again */
    until_all(&w);
    assert_int_equal(small_events(&w.s), 0);
    world_close(&w);
}

static void a_vacuumed_cursor_goes_on_at_the_next_entry(void **state)
{
    struct journal_world w;
    (void)state;
    world_open(&w);
    put_failures(&w, "journal/old.journal", 2);
    start(&w);
    until_all(&w);
    small_stop(&w.s);
    assert_int_equal(unlink(scratch_path(&w.dir, "journal/old.journal")), 0);
    put_failures(&w, "journal/system.journal", 3);
    start(&w);
    until_all(&w);
    assert_int_equal(small_events(&w.s), 3);
    world_close(&w);
}

static void other_programs_do_not_count(void **state)
{
    static const char exim[] =
        "1uxbEQ-000000006bN-2aQX ** e@remote.example R=dnslookup T=remote_smtp H=mx.remote.example "
        "[192.0.2.1]: SMTP error from remote mail server after RCPT TO:<e@remote.example>: 550 5.1.1 no";
    struct journal_world w;
    buf text;
    (void)state;
    world_open(&w);
    buf_init(&text, 0);
    add_entry(&w, &text, "SYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=postfix/smtp",
              "4000000ZZ: to=<forged@example.org>, relay=mx[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, "
              "status=bounced (host mx[192.0.2.1] said: 550 5.1.1 User unknown (in reply to RCPT TO command))");
    add_entry(&w, &text, "SYSLOG_FACILITY=9\nSYSLOG_IDENTIFIER=CRON", "a job");
    add_entry(&w, &text, "SYSLOG_FACILITY=3\nSYSLOG_IDENTIFIER=exim", exim);
    add_failure(&w, &text);
    put_entries(&w, "journal/system.journal", buf_slice(&text));
    buf_fini(&text);
    start(&w);
    until_all(&w);
    assert_int_equal(small_events(&w.s), 2);
    assert_true(small_suppressed(&w.s, S("e@remote.example")));
    assert_false(small_suppressed(&w.s, S("forged@example.org")));
    world_close(&w);
}

static void a_full_disk_loses_nothing(void **state)
{
    struct journal_world w;
    struct writer_counts c = {.failures = 0};
    (void)state;
    world_open(&w);
    start(&w);
    put_failures(&w, "journal/system.journal", 1);
    until_all(&w);
    lossy_limit(w.disk, lossy_bytes(w.disk));
    put_failures(&w, "journal/system.journal", 30);
    while (!c.failures) {
        world_run(&w.s.net, 1000);
        writer_counts(w.s.daemon.writer, &c);
    }
    lossy_limit(w.disk, SIZE_MAX);
    until_all(&w);
    assert_int_equal(small_events(&w.s), w.failures);
    world_close(&w);
}

/* A journal file and its export tell the same facts, under the same keys. */
static void a_real_run_is_as_its_export(void **state)
{
    struct journal_world w;
    buf text;
    bool cut;
    err e;
    (void)state;
    world_open(&w);
    buf_init(&text, 0);
    assert_int_equal(slurp(TEST_SAMPLES "/logs/postfix-journal.export", 1 << 24, &text, &cut, &e), OK);
    put_entries(&w, "journal/system.journal", buf_slice(&text));
    start(&w);
    world_until(&w.s.net, is_idle, &w);
    assert_true(small_events(&w.s) > 0);
    small_stop(&w.s);
    buf_clear(&w.conf);
    buf_printf(&w.conf, "[feed mail]\npath = %s/export\nhistory = 36500d\n", w.dir.dir);
    start(&w);
    world_until(&w.s.net, is_idle, &w);
    assert_int_equal(small_events(&w.s), 0);
    buf_fini(&text);
    world_close(&w);
}

static void damaged_files_do_not_stop_the_others(void **state)
{
    struct journal_world w;
    (void)state;
    world_open(&w);
    scratch_write(&w.dir, "journal/broken.journal", S("LPKSHHRH this is no journal"));
    put_failures(&w, "journal/half.journal", 1);
    assert_int_equal(truncate(scratch_path(&w.dir, "journal/half.journal"), 4096), 0);
    start(&w);
    put_failures(&w, "journal/system.journal", 2);
    until_all(&w);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(entries_are_heard),
        cmocka_unit_test(more_than_one_batch),
        cmocka_unit_test(restarts),
        cmocka_unit_test(a_vacuumed_cursor_goes_on_at_the_next_entry),
        cmocka_unit_test(other_programs_do_not_count),
        cmocka_unit_test(a_full_disk_loses_nothing),
        cmocka_unit_test(a_real_run_is_as_its_export),
        cmocka_unit_test(damaged_files_do_not_stop_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
