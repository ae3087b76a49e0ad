#include "cmd/ask_daemon.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "cmd/config.h"
#include "serve/conf.h"
#include "serve/control.h"

#define ANSWER_S 120 /* how long the daemon may take: a reload compiles rules behind other work */

/* Where the settings say that it lies; where there are none, the default. */
static int find_socket(const struct args *a, char *path, size_t size)
{
    const char *given = args_text(a, "socket", NULL);
    if (given) {
        snprintf(path, size, "%s", given);
        return EXIT_YES;
    }
    bool there = access(config_path(a), F_OK) == 0 || args_text(a, "config", NULL) != NULL;
    struct settings *s = there ? config_read(a) : settings_read(SLICE_EMPTY, config_told, (void *)(uintptr_t)a);
    if (!s)
        return config_exit(a);
    const struct conf_daemon *c = settings_of(s, "daemon");
    snprintf(path, size, "%.*s/" CONTROL_NAME, SLICE_FMT(c->run_dir));
    settings_free(&s);
    return EXIT_YES;
}

static int cannot(const struct args *a, const char *path, int why)
{
    if (why == ENOENT || why == ECONNREFUSED)
        cmd_error(a, "%s: no daemon listens there; is it running? (systemctl status bounced)", path);
    else if (why == EACCES)
        cmd_error(a, "%s: you may not ask the daemon; run as root or as a member of its group", path);
    else
        cmd_error(a, "%s: %s", path, strerror(why));
    return why == EACCES ? EXIT_NOPERM : EXIT_UNAVAILABLE;
}

static int connect_to(const struct args *a, const char *path, int *fd)
{
    const struct timeval patience = {ANSWER_S, 0};
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to.sun_path)
        return cannot(a, path, ENAMETOOLONG);
    strcpy(to.sun_path, path);
    *fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*fd < 0)
        return cannot(a, path, errno);
    if (setsockopt(*fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        connect(*fd, (struct sockaddr *)(void *)&to, sizeof to) != 0) {
        int why = errno;
        close(*fd);
        return cannot(a, path, why);
    }
    return EXIT_YES;
}

static int talk(const struct args *a, const char *path, int fd, const char *word, buf *out)
{
    char line[64];
    ssize_t n = 0;
    int length = snprintf(line, sizeof line, "%s\n", word);
    if (send(fd, line, (size_t)length, MSG_NOSIGNAL) != length)
        return cannot(a, path, errno);
    while (buf_reserve(out, 65536) && ((n = read(fd, out->p + out->n, 65536)) > 0 || (n < 0 && errno == EINTR)))
        out->n += n > 0 ? (size_t)n : 0;
    if (out->failed)
        return cannot(a, path, ENOMEM);
    if (n < 0)
        return cannot(a, path, errno == EAGAIN ? ETIMEDOUT : errno);
    if (out->n == 0)
        return cannot(a, path, ECONNRESET);
    out->p[out->n] = 0;
    return EXIT_YES;
}

int ask_daemon(const struct args *a, const char *word, buf *out)
{
    char path[4096];
    int fd = -1, code = find_socket(a, path, sizeof path);
    if (code == EXIT_YES)
        code = connect_to(a, path, &fd);
    if (code != EXIT_YES)
        return code;
    code = talk(a, path, fd, word, out);
    close(fd);
    return code;
}
