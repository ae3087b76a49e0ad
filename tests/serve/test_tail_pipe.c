/* A named pipe is followed: every line counts once, whoever writes it, and what was read waits for a disk that is full. */
#include <errno.h>

#include "serve/tail_pipe.h"
#include "small_daemon.h"

#define POWERMTA_NAMES "type,timeLogged,orig,rcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat\n"
#define POWERMTA_BOUNCE(who)                                          \
    "b,2025-11-30 11:00:00+0000,news@example.net," who                \
    ",failed,5.1.1 (bad destination mailbox address),smtp;550 5.1.1 " \
    "no such user,mx.remote.example (192.0.2.1),bad-mailbox\n"

struct pipe_world {
    struct small_daemon s;
    struct lossy *disk;
    struct scratch dir;
    buf conf;
    int fd; /* the writer's end */
    unsigned written;
    slice wanted; /* of until_suppressed */
};

static void start(struct pipe_world *w)
{
    small_start(&w->s, w->disk, &tail_role, buf_slice(&w->conf));
}

static void open_writer(struct pipe_world *w)
{
    w->fd = open(scratch_path(&w->dir, "log"), O_RDWR | O_NONBLOCK); /* RDWR: also where nobody reads */
    assert_true(w->fd >= 0);
}

static void world_open(struct pipe_world *w)
{
    memset(w, 0, sizeof *w);
    w->disk = lossy_new(1);
    scratch_init(&w->dir);
    buf_init(&w->conf, 0);
    buf_printf(&w->conf, "[feed mail]\npath = %s/log\nzone = UTC\n", w->dir.dir);
    assert_int_equal(mkfifo(scratch_path(&w->dir, "log"), 0600), 0);
    open_writer(w);
}

static void world_close(struct pipe_world *w)
{
    small_stop(&w->s);
    if (w->fd >= 0)
        close(w->fd);
    lossy_free(&w->disk);
    scratch_fini(&w->dir);
    buf_fini(&w->conf);
}

/* Runs the loop while the pipe is full. */
static void write_all(struct pipe_world *w, slice text)
{
    while (text.n) {
        ssize_t n = write(w->fd, text.p, text.n);
        assert_true(n > 0 || errno == EAGAIN);
        if (n > 0)
            text = slice_from(text, (size_t)n);
        else
            world_run(&w->s.net, 1000);
    }
}

static void add_failure(struct pipe_world *w, buf *out)
{
    unsigned n = w->written++;
    buf_printf(out,
               "Nov 30 11:%02u:%02u mx postfix/smtp[9]: 4%06XZZ: to=<u%u@example.org>, relay=mx.example.org"
               "[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (host mx.example.org[192.0.2.1] "
               "said: 550 5.1.1 User unknown (in reply to RCPT TO command))\n",
               n / 60 % 60, n % 60, n, n);
}

static void write_failures(struct pipe_world *w, unsigned n)
{
    buf text;
    buf_init(&text, 0);
    for (unsigned i = 0; i < n; i++)
        add_failure(w, &text);
    write_all(w, buf_slice(&text));
    buf_fini(&text);
}

static bool is_suppressed(void *ctx)
{
    struct pipe_world *w = ctx;
    return small_suppressed(&w->s, w->wanted) && w->s.role->idle(w->s.self);
}

static void until_suppressed(struct pipe_world *w, slice address)
{
    w->wanted = address;
    world_until(&w->s.net, is_suppressed, w);
}

static void until_all(struct pipe_world *w)
{
    char last[64];
    snprintf(last, sizeof last, "u%u@example.org", w->written - 1);
    until_suppressed(w, slice_str(last));
}

/* ---- tests ---- */

static void writers_come_and_go(void **state)
{
    struct pipe_world w;
    (void)state;
    world_open(&w);
    write_failures(&w, 2); /* before the start */
    start(&w);
    until_all(&w);
    for (unsigned i = 0; i < 3; i++) {
        close(w.fd);
        open_writer(&w);
        write_failures(&w, 3);
        until_all(&w);
    }
    assert_int_equal(small_events(&w.s), w.written);
    world_close(&w);
}

static void a_line_in_pieces(void **state)
{
    struct pipe_world w;
    buf text;
    (void)state;
    world_open(&w);
    start(&w);
    buf_init(&text, 0);
    add_failure(&w, &text);
    add_failure(&w, &text);
    for (size_t at = 0; at < text.n; at += 61) {
        write_all(&w, slice_sub(buf_slice(&text), at, 61));
        world_run(&w.s.net, 3000);
    }
    buf_fini(&text);
    until_all(&w);
    assert_int_equal(small_events(&w.s), 2);
    world_close(&w);
}

/* More than the kernel holds, and more than one batch. */
static void a_flock(void **state)
{
    struct pipe_world w;
    (void)state;
    world_open(&w);
    start(&w);
    write_failures(&w, 2 * TAIL_BATCH_OBSERVATIONS + 100);
    until_all(&w);
    assert_int_equal(small_events(&w.s), w.written);
    world_close(&w);
}

static void what_the_kernel_keeps_is_read_after_a_restart(void **state)
{
    struct pipe_world w;
    (void)state;
    world_open(&w);
    start(&w);
    write_failures(&w, 2);
    until_all(&w);
    small_stop(&w.s);
    write_failures(&w, 3);
    start(&w);
    until_all(&w);
    assert_int_equal(small_events(&w.s), 3);
    world_close(&w);
}

static void a_full_disk_loses_nothing(void **state)
{
    struct pipe_world w;
    struct writer_counts c = {.failures = 0};
    (void)state;
    world_open(&w);
    start(&w);
    write_failures(&w, 1);
    until_all(&w);
    lossy_limit(w.disk, lossy_bytes(w.disk));
    write_failures(&w, 40);
    while (!c.failures) {
        world_run(&w.s.net, 1000);
        writer_counts(w.s.daemon.writer, &c);
    }
    write_failures(&w, 2);
    lossy_limit(w.disk, SIZE_MAX);
    until_all(&w);
    assert_int_equal(small_events(&w.s), w.written);
    world_close(&w);
}

/* The columns are named when the writer begins, not when we do. */
static void columns_are_remembered(void **state)
{
    struct pipe_world w;
    (void)state;
    world_open(&w);
    start(&w);
    write_all(&w, S(POWERMTA_NAMES POWERMTA_BOUNCE("a@remote.example")));
    until_suppressed(&w, S("a@remote.example"));
    small_stop(&w.s);
    start(&w);
    write_all(&w, S(POWERMTA_BOUNCE("b@remote.example")));
    until_suppressed(&w, S("b@remote.example"));
    write_all(&w,
              S("type,rcpt,timeLogged,dsnDiag\nb,c@remote.example,2025-11-30 11:00:00+0000,550 5.1.1 no such user\n"));
    until_suppressed(&w, S("c@remote.example"));
    world_close(&w);
}

static void a_line_that_is_too_long_is_dropped(void **state)
{
    struct pipe_world w;
    buf text;
    (void)state;
    world_open(&w);
    start(&w);
    buf_init(&text, 0);
    add_failure(&w, &text);
    for (unsigned i = 0; i < 3 * READ_MAX_LINE_BYTES / 16; i++)
        buf_adds(&text, "0123456789abcdef");
    buf_addc(&text, '\n');
    add_failure(&w, &text);
    write_all(&w, buf_slice(&text));
    buf_fini(&text);
    until_all(&w);
    assert_int_equal(small_events(&w.s), 2);
    world_close(&w);
}

static void another_pipe_in_its_place(void **state)
{
    struct pipe_world w;
    (void)state;
    world_open(&w);
    start(&w);
    write_failures(&w, 2);
    until_all(&w);
    write_failures(&w, 2); /* not read yet, perhaps */
    assert_int_equal(unlink(scratch_path(&w.dir, "log")), 0);
    assert_int_equal(mkfifo(scratch_path(&w.dir, "log"), 0600), 0);
    write_all(&w, S("the beginning of a line")); /* into the old one */
    close(w.fd);
    open_writer(&w);
    write_failures(&w, 2);
    until_all(&w);
    assert_int_equal(small_events(&w.s), w.written);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writers_come_and_go),
        cmocka_unit_test(a_line_in_pieces),
        cmocka_unit_test(a_flock),
        cmocka_unit_test(what_the_kernel_keeps_is_read_after_a_restart),
        cmocka_unit_test(a_full_disk_loses_nothing),
        cmocka_unit_test(columns_are_remembered),
        cmocka_unit_test(a_line_that_is_too_long_is_dropped),
        cmocka_unit_test(another_pipe_in_its_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
