#include "cmd/postconf.h"

#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_VALUE 65536

extern char **environ;

/* sbin is not on the path of ordinary users. */
static const char *find_postconf(void)
{
    static const char *const places[] = {"/usr/sbin/postconf", "/usr/local/sbin/postconf", "/sbin/postconf"};
    for (size_t i = 0; i < ARRAY_LEN(places); i++)
        if (access(places[i], X_OK) == 0)
            return places[i];
    return NULL;
}

static bool start(const char *program, char *const argv[], pid_t *pid, int *from)
{
    int ends[2];
    posix_spawn_file_actions_t actions;
    if (pipe(ends) != 0)
        return false;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", 1, 0);
    posix_spawn_file_actions_addclose(&actions, ends[0]);
    bool ok = posix_spawn(pid, program, &actions, NULL, argv, environ) == 0;
    posix_spawn_file_actions_destroy(&actions);
    close(ends[1]);
    *from = ends[0];
    if (!ok)
        close(ends[0]);
    return ok;
}

bool postconf_get(const char *parameter, buf *value)
{
    const char *program = find_postconf();
    char name[64];
    pid_t pid;
    int from, how;
    buf_clear(value);
    if (!program || (size_t)snprintf(name, sizeof name, "%s", parameter) >= sizeof name)
        return false;
    char *argv[] = {(char[]){"postconf"}, (char[]){"-h"}, name, NULL};
    if (!start(program, argv, &pid, &from))
        return false;
    while (value->n < MAX_VALUE && buf_reserve(value, 4096)) {
        ssize_t n = read(from, value->p + value->n, 4096);
        if (n <= 0)
            break;
        value->n += (size_t)n;
    }
    close(from);
    bool ok = waitpid(pid, &how, 0) == pid && WIFEXITED(how) && WEXITSTATUS(how) == 0;
    slice trimmed = slice_trim(buf_slice(value));
    buf_consume(value, (size_t)(trimmed.n ? trimmed.p - value->p : (ptrdiff_t)value->n));
    value->n = trimmed.n;
    return ok;
}
