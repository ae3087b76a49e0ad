#include "serve/runner.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_CHANNELS 64u
#define MAX_WHY_BYTES 480u
#define MAX_ERRANDS 256u

/* On the wire, both ways: a number (of the channel, or the status), the bytes that follow. */
struct parcel {
    uint32_t number, bytes;
};

struct errand {
    struct errand *next;
    uint32_t channel;
    buf message;
    runner_fn done; /* NULL: forgotten */
    void *ctx;
};

struct runner {
    int fd;
    struct bufferevent *wire;
    slice names[MAX_CHANNELS]; /* texts of the settings that the daemon began with */
    uint32_t count;
    struct errand *first, **end;
    size_t waiting;
    bool under_way, gone;
    struct event *later; /* errands that fail at once are told from the loop */
};

/* ---- the helper ---- */

static bool read_all(int fd, void *to, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t got = read(fd, (char *)to + done, n - done);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return true;
}

static bool write_all(int fd, const void *from, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t put = write(fd, (const char *)from + done, n - done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        done += (size_t)put;
    }
    return true;
}

static bool answer(int fd, enum status st, const err *e)
{
    size_t n = st == OK ? 0 : strlen(e->text);
    struct parcel p = {(uint32_t)st, (uint32_t)n};
    return write_all(fd, &p, sizeof p) && write_all(fd, e->text, n);
}

static bool one_errand(int fd, const struct delivery *all, uint32_t count)
{
    struct parcel p;
    err e = {OK, ""};
    if (!read_all(fd, &p, sizeof p) || p.number >= count || p.bytes > DELIVER_MAX_MESSAGE_BYTES)
        return false;
    char *message = malloc(p.bytes + 1);
    if (!message || !read_all(fd, message, p.bytes)) {
        free(message);
        return false;
    }
    enum status st = deliver(&all[p.number], slice_of(message, p.bytes), &e);
    free(message);
    return answer(fd, st, &e);
}

/* Until the daemon is gone: it alone ends this. */
NORETURN static void live(int fd, const struct delivery *all, uint32_t count, const struct identity *id)
{
    static const int ignored[] = {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGPIPE};
    err e;
    for (size_t i = 0; i < ARRAY_LEN(ignored); i++)
        signal(ignored[i], SIG_IGN);
    (void)prctl(PR_SET_NAME, "bounced-notify", 0, 0, 0);
    if (dup2(fd, 3) != 3 || close_range(4, ~0u, 0) != 0 || identity_drop(id, &e) != OK)
        _exit(1);
    while (one_errand(3, all, count))
        ;
    _exit(0);
}

static enum status gather(const struct settings *s, struct runner *r, struct delivery *all, err *e)
{
    enum status st = OK;
    for (const struct section *at = NULL; st == OK && (at = settings_next(s, "notify", at)) != NULL;) {
        if (r->count == MAX_CHANNELS)
            return err_set(e, E_INVALID, "[notify %.*s]: more than %u of them", SLICE_FMT(at->name), MAX_CHANNELS);
        st = delivery_of(at, &all[r->count], e);
        r->names[r->count++] = at->name;
    }
    return st;
}

static enum status fork_helper(struct runner *r, const struct delivery *all, const struct identity *id, err *e)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return err_os(e, errno, "notify: helper process");
    pid_t pid = fork();
    if (pid == 0)
        live(pair[1], all, r->count, id);
    int why = errno;
    close(pair[1]);
    r->fd = pair[0];
    if (pid < 0)
        return err_os(e, why, "notify: helper process");
    return fcntl(r->fd, F_SETFL, O_NONBLOCK) == 0 ? OK : err_os(e, errno, "notify: helper process");
}

enum status runner_start(const struct settings *s, const struct identity *id, struct runner **out, err *e)
{
    *out = NULL;
    if (!settings_next(s, "notify", NULL))
        return OK;
    struct runner *r = calloc(1, sizeof *r);
    struct delivery *all = calloc(MAX_CHANNELS, sizeof *all);
    enum status st = r && all ? OK : err_set(e, E_MEMORY, "notify: out of memory");
    if (r) {
        r->fd = -1;
        r->end = &r->first;
    }
    if (st == OK)
        st = gather(s, r, all, e);
    if (st == OK)
        st = fork_helper(r, all, id, e);
    free(all);
    *out = r;
    if (st != OK)
        runner_free(out);
    return st;
}

/* ---- the daemon ---- */

static void begin_next(struct runner *r);

static struct errand *take_first(struct runner *r)
{
    struct errand *x = r->first;
    r->first = x->next;
    if (!r->first)
        r->end = &r->first;
    r->waiting--;
    return x;
}

static void end_first(struct runner *r, enum status st, slice why)
{
    struct errand *x = take_first(r);
    r->under_way = false;
    if (x->done)
        x->done(x->ctx, st, why);
    buf_fini(&x->message);
    free(x);
}

static void on_answer(struct bufferevent *wire, void *ctx)
{
    struct runner *r = ctx;
    struct evbuffer *in = bufferevent_get_input(wire);
    struct parcel p;
    char why[MAX_WHY_BYTES];
    while (evbuffer_copyout(in, &p, sizeof p) == (ssize_t)sizeof p) {
        if (p.bytes > MAX_WHY_BYTES || evbuffer_get_length(in) < sizeof p + p.bytes)
            return;
        (void)evbuffer_drain(in, sizeof p);
        (void)evbuffer_remove(in, why, p.bytes);
        if (r->first)
            end_first(r, (enum status)p.number, slice_of(why, p.bytes));
    }
    begin_next(r);
}

static void on_end(struct bufferevent *wire, short what, void *ctx)
{
    struct runner *r = ctx;
    (void)wire, (void)what;
    r->gone = true;
    begin_next(r);
}

static void fail_all(evutil_socket_t fd, short what, void *ctx)
{
    struct runner *r = ctx;
    (void)fd, (void)what;
    for (size_t n = r->waiting; n > 0 && r->first; n--)
        end_first(r, E_IO, S("the helper process for notices is gone; it comes back with the next start"));
}

static void begin_next(struct runner *r)
{
    static const struct timeval now = {0, 0};
    if (r->gone && r->first) {
        (void)event_add(r->later, &now);
        return;
    }
    if (r->gone || r->under_way || !r->first)
        return;
    struct parcel p = {r->first->channel, (uint32_t)r->first->message.n};
    r->under_way = true;
    if (bufferevent_write(r->wire, &p, sizeof p) != 0 ||
        bufferevent_write(r->wire, r->first->message.p, r->first->message.n) != 0)
        on_end(r->wire, 0, r);
}

enum status runner_attach(struct runner *r, struct event_base *base, err *e)
{
    r->wire = bufferevent_socket_new(base, r->fd, 0);
    r->later = event_new(base, -1, 0, fail_all, r);
    if (!r->wire || !r->later)
        return err_set(e, E_MEMORY, "notify: out of memory");
    bufferevent_setcb(r->wire, on_answer, NULL, on_end, r);
    return bufferevent_enable(r->wire, EV_READ | EV_WRITE) == 0 ? OK : err_set(e, E_IO, "notify: the loop refuses it");
}

enum status runner_send(struct runner *r, slice name, slice message, runner_fn done, void *ctx, err *e)
{
    uint32_t channel = 0;
    while (r && channel < r->count && !slice_eq(r->names[channel], name))
        channel++;
    if (!r || channel == r->count)
        return err_set(e, E_NOT_FOUND, "there was no [notify %.*s] when the daemon was started", SLICE_FMT(name));
    if (r->waiting >= MAX_ERRANDS || message.n > DELIVER_MAX_MESSAGE_BYTES)
        return err_set(e, E_BUSY, "[notify %.*s]: too much is waiting, or the message is too large", SLICE_FMT(name));
    struct errand *x = calloc(1, sizeof *x);
    if (!x)
        return err_set(e, E_MEMORY, "notify: out of memory");
    buf_init(&x->message, 0);
    buf_add(&x->message, message);
    if (x->message.failed) {
        free(x);
        return err_set(e, E_MEMORY, "notify: out of memory");
    }
    x->channel = channel;
    x->done = done;
    x->ctx = ctx;
    *r->end = x;
    r->end = &x->next;
    r->waiting++;
    begin_next(r);
    return OK;
}

void runner_forget(struct runner *r, const void *ctx)
{
    for (struct errand *x = r ? r->first : NULL; x; x = x->next)
        if (x->ctx == ctx)
            x->done = NULL;
}

void runner_free(struct runner **runner)
{
    struct runner *r = *runner;
    if (!r)
        return;
    while (r->first) {
        struct errand *x = take_first(r);
        buf_fini(&x->message);
        free(x);
    }
    if (r->later)
        event_free(r->later);
    if (r->wire)
        bufferevent_free(r->wire);
    if (r->fd >= 0)
        close(r->fd); /* which ends the helper */
    free(r);
    *runner = NULL;
}
