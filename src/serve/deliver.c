#include "serve/deliver.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "net/submit.h"
#include "serve/clock.h"
#include "serve/conf.h"

#define SAID_BYTES 300u /* of what a program says to standard error */

enum { TYPE_MAIL, TYPE_COMMAND }; /* in the order of conf.def */

/* ---- from the settings ---- */

static enum status take_command(const struct section *s, const struct conf_notify *c, struct delivery *out, err *e)
{
    if (!c->command.n || c->command.n > DELIVER_MAX_WORDS)
        return err_set(e, E_INVALID, "[notify %.*s]: command: a program and its arguments, %u words at most",
                       SLICE_FMT(s->name), DELIVER_MAX_WORDS);
    if (c->command.v[0].n == 0 || c->command.v[0].p[0] != '/')
        return err_set(e, E_INVALID, "[notify %.*s]: command: the program is named by its whole path",
                       SLICE_FMT(s->name));
    for (size_t i = 0; i < c->command.n; i++)
        out->words[i] = c->command.v[i].p;
    return OK;
}

/* What would be taken for an option, or for another line of the dialogue. */
static bool is_recipient(slice to)
{
    bool good = to.n > 2 && to.p[0] != '-' && slice_chr(to, '@') != SLICE_NPOS;
    for (size_t i = 0; i < to.n; i++)
        good = good && (unsigned char)to.p[i] > ' ' && to.p[i] != '<' && to.p[i] != '>';
    return good;
}

static enum status take_mail(const struct section *s, const struct conf_notify *c, struct delivery *out, err *e)
{
    size_t n = 0;
    if (!c->to.n || c->to.n > DELIVER_MAX_WORDS - 8)
        return err_set(e, E_INVALID, "[notify %.*s]: to: who gets the mail?", SLICE_FMT(s->name));
    if (!slice_empty(c->sendmail)) {
        out->words[n++] = c->sendmail.p;
        out->words[n++] = "-i";
        out->words[n++] = "-f";
        out->words[n++] = c->from.p;
        out->words[n++] = "--";
    }
    for (size_t i = 0; i < c->to.n; i++) {
        if (!is_recipient(c->to.v[i]))
            return err_set(e, E_INVALID, "[notify %.*s]: to: '%.*s' is no address", SLICE_FMT(s->name),
                           SLICE_FMT(c->to.v[i]));
        out->to[out->to_count++] = c->to.v[i].p;
        if (n)
            out->words[n++] = c->to.v[i].p;
    }
    if (!is_recipient(c->from))
        return err_set(e, E_INVALID, "[notify %.*s]: from: '%.*s' is no address", SLICE_FMT(s->name),
                       SLICE_FMT(c->from));
    return OK;
}

enum status delivery_of(const struct section *s, struct delivery *out, err *e)
{
    const struct conf_notify *c = s->values;
    *out = (struct delivery){
        .server = c->server.p, .from = c->from.p, .timeout_us = c->timeout_us, .mail = c->type == TYPE_MAIL};
    return out->mail ? take_mail(s, c, out, e) : take_command(s, c, out, e);
}

/* ---- a program ---- */

struct program {
    pid_t pid;
    int in, said; /* what it reads, what it says */
    char text[SAID_BYTES];
    size_t n;
};

static void close_one(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* The child: only what it needs. */
NORETURN static void become_program(const struct delivery *d, int in, int said)
{
    static const char *const environment[] = {"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", NULL};
    sigset_t none;
    sigemptyset(&none);
    for (int number = 1; number < SIGRTMIN; number++)
        signal(number, SIG_DFL);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (dup2(in, 0) >= 0 && dup2(said, 1) >= 0 && dup2(said, 2) >= 0) {
        (void)close_range(3, ~0u, 0);
        execve(d->words[0], (char *const *)(uintptr_t)d->words, (char *const *)(uintptr_t)environment);
        const char *why = strerror(errno); /* the only thread there is */
        if (write(2, why, strlen(why)) < 0)
            _exit(126);
    }
    _exit(127);
}

static enum status start(const struct delivery *d, struct program *p, err *e)
{
    int in[2] = {-1, -1}, said[2] = {-1, -1};
    *p = (struct program){.pid = -1, .in = -1, .said = -1};
    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(said, O_CLOEXEC) != 0 || (p->pid = fork()) < 0) {
        int why = errno;
        close_one(&in[0]), close_one(&in[1]), close_one(&said[0]), close_one(&said[1]);
        return err_os(e, why, "%s: cannot be started", d->words[0]);
    }
    if (p->pid == 0)
        become_program(d, in[0], said[1]);
    close_one(&in[0]), close_one(&said[1]);
    p->in = in[1];
    p->said = said[0];
    (void)fcntl(p->in, F_SETFL, O_NONBLOCK);
    (void)fcntl(p->said, F_SETFL, O_NONBLOCK);
    return OK;
}

/* A program that does not read its input may be content with that. */
static void feed(struct program *p, slice *rest)
{
    ssize_t n = write(p->in, rest->p, rest->n < 65536 ? rest->n : 65536);
    if (n > 0)
        *rest = slice_from(*rest, (size_t)n);
    if (!rest->n || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_one(&p->in);
}

static void hear(struct program *p)
{
    char more[512];
    ssize_t n = read(p->said, more, sizeof more);
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        close_one(&p->said);
    for (ssize_t i = 0; i < n && p->n < SAID_BYTES; i++)
        p->text[p->n++] = more[i];
}

/* Until it has closed its end, or the time is over. */
static bool converse(struct program *p, slice message, int64_t until_us)
{
    while (p->said >= 0) {
        int64_t left_us = until_us - clock_monotonic_us();
        struct pollfd fds[2] = {{p->said, POLLIN, 0}, {p->in, POLLOUT, 0}};
        if (left_us <= 0)
            return false;
        if (poll(fds, 2, (int)(left_us / 1000) + 1) < 0 && errno != EINTR)
            return false;
        if (fds[1].revents)
            feed(p, &message);
        if (fds[0].revents)
            hear(p);
    }
    return true;
}

/* Programs that closed their standard error and go on are waited for too, within the time. */
static bool wait_for(struct program *p, int64_t until_us, int *status)
{
    pid_t done;
    while ((done = waitpid(p->pid, status, WNOHANG)) == 0 && clock_monotonic_us() < until_us)
        (void)poll(NULL, 0, 5);
    return done == p->pid;
}

static enum status finish(const struct delivery *d, struct program *p, bool in_time, int status, err *e)
{
    char text[SAID_BYTES * 3 + 1];
    buf said;
    buf_init(&said, sizeof text - 1);
    text_add_safe(&said, slice_trim(slice_of(p->text, p->n)), SAID_BYTES);
    int n = snprintf(text, sizeof text, "%.*s", SLICE_FMT(buf_slice(&said)));
    buf_fini(&said);
    const char *colon = n > 0 ? ": " : "";
    if (!in_time)
        return err_set(e, E_IO, "%s: it took too long, and was ended%s%s", d->words[0], colon, text);
    if (WIFSIGNALED(status))
        return err_set(e, E_IO, "%s: ended by signal %d%s%s", d->words[0], WTERMSIG(status), colon, text);
    if (WEXITSTATUS(status) != 0)
        return err_set(e, E_IO, "%s: exit status %d%s%s", d->words[0], WEXITSTATUS(status), colon, text);
    return OK;
}

static enum status run_program(const struct delivery *d, slice message, err *e)
{
    struct program p;
    int status = 0;
    int64_t until_us = clock_monotonic_us() + d->timeout_us;
    enum status st = start(d, &p, e);
    if (st != OK)
        return st;
    bool in_time = converse(&p, message, until_us);
    close_one(&p.in), close_one(&p.said);
    in_time = in_time && wait_for(&p, until_us, &status);
    if (!in_time) {
        (void)kill(p.pid, SIGKILL);
        (void)waitpid(p.pid, &status, 0);
    }
    return finish(d, &p, in_time, status, e);
}

enum status deliver(const struct delivery *d, slice message, err *e)
{
    struct submission s = {
        .server = d->server, .from = d->from, .to = d->to, .to_count = d->to_count, .timeout_us = d->timeout_us};
    if (message.n > DELIVER_MAX_MESSAGE_BYTES)
        return err_set(e, E_INVALID, "notify: a message of over %u MB", DELIVER_MAX_MESSAGE_BYTES >> 20);
    return d->words[0] ? run_program(d, message, e) : submit(&s, message, e);
}
