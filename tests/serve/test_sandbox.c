#include "check.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "serve/sandbox.h"

/* What may be tried inside: returns an exit status, 0 when all is as it should be. */
typedef int (*attempt)(void);

enum { UNSUPPORTED = 77 };

/* Runs it in a process of its own. */
static int inside(enum sandbox_mode mode, attempt run)
{
    fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        err e;
        enum status st = sandbox_enter(mode, &e);
        _exit(st == E_UNSUPPORTED ? UNSUPPORTED : st != OK ? 99 : run());
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == UNSUPPORTED)
        skip();
    return status;
}

static void *work(void *ctx)
{
    *(int *)ctx = 1;
    return NULL;
}

/* What the daemon does all the time. */
static int daily_work(void)
{
    pthread_t t;
    int done = 0, pair[2];
    char c = 'x';
    void *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pthread_create(&t, NULL, work, &done) != 0 || pthread_join(t, NULL) != 0 || !done)
        return 1;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0 || write(pair[0], &c, 1) != 1 || read(pair[1], &c, 1) != 1)
        return 2;
    int tcp = socket(AF_INET, SOCK_STREAM, 0);
    if (tcp < 0 || close(tcp) != 0)
        return 3;
    FILE *f = tmpfile();
    if (!f || fputs("x", f) < 0 || fclose(f) != 0)
        return 4;
    return code == MAP_FAILED ? 5 : 0;
}

static int start_a_process(void)
{
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    return child < 0 && errno == ENOSYS ? 0 : 1;
}

static int run_a_program(void)
{
    execl("/bin/true", "true", (char *)NULL);
    return errno == ENOSYS ? 0 : 1;
}

static int open_a_raw_socket(void)
{
    return socket(AF_PACKET, SOCK_RAW, 0) < 0 && errno == ENOSYS ? 0 : 1;
}

static int leave_the_root(void)
{
    return chroot("/") < 0 && errno == ENOSYS ? 0 : 1;
}

static void test_the_daily_work_is_allowed(void **state)
{
    (void)state;
    assert_int_equal(inside(SANDBOX_ON, daily_work), 0);
    assert_int_equal(inside(SANDBOX_STRICT, daily_work), 0);
}

static void test_other_calls_are_refused(void **state)
{
    static const attempt attempts[] = {start_a_process, run_a_program, open_a_raw_socket, leave_the_root};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++)
        assert_int_equal(inside(SANDBOX_ON, attempts[i]), 0);
}

static void test_strict_ends_the_process(void **state)
{
    static const attempt attempts[] = {start_a_process, run_a_program, open_a_raw_socket, leave_the_root};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        int status = inside(SANDBOX_STRICT, attempts[i]);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS);
    }
}

static void test_off_is_off(void **state)
{
    (void)state;
    int status = inside(SANDBOX_OFF, start_a_process);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 1); /* it could */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_daily_work_is_allowed),
        cmocka_unit_test(test_other_calls_are_refused),
        cmocka_unit_test(test_strict_ends_the_process),
        cmocka_unit_test(test_off_is_off),
    };
    return cmocka_run_group_tests_name("sandbox", tests, NULL, NULL);
}
