#include "serve/watch.h"

#include <errno.h>
#include <event2/event.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHANGES \
    (IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_CLOSE_WRITE | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF)
#define PATTERN_BYTES "*?["

struct watch {
    int fd, wd; /* wd -1: nothing is watched now */
    struct event *event;
    char *directory, *prefix; /* of the names that count */
    void (*changed)(void *ctx);
    void *ctx;
};

static bool counts(const struct watch *w, const struct inotify_event *e)
{
    if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_Q_OVERFLOW | IN_UNMOUNT))
        return true;
    return e->len == 0 || strncmp(e->name, w->prefix, strlen(w->prefix)) == 0;
}

static void readable(evutil_socket_t fd, short what, void *ctx)
{
    struct watch *w = ctx;
    _Alignas(struct inotify_event) char events[16 * (sizeof(struct inotify_event) + NAME_MAX + 1)];
    bool any = false;
    ssize_t n;
    (void)what;
    while ((n = read((int)fd, events, sizeof events)) > 0)
        for (char *p = events; p < events + n;) {
            const struct inotify_event *e = (const struct inotify_event *)(void *)p;
            if (e->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT))
                w->wd = -1;
            any |= counts(w, e);
            p += sizeof *e + e->len;
        }
    if (any)
        w->changed(w->ctx);
}

void watch_again(struct watch *w)
{
    /* adding the same directory again gives the same watch; another one under the same name gives another */
    int wd = inotify_add_watch(w->fd, w->directory, CHANGES);
    if (wd >= 0 && w->wd >= 0 && wd != w->wd)
        inotify_rm_watch(w->fd, w->wd);
    w->wd = wd;
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* "/var/log/mail*" is watched as names in /var/log that begin with "mail". */
static bool take_path(struct watch *w, const char *path)
{
    const char *slash = strrchr(path, '/');
    if (is_directory(path)) {
        w->directory = strdup(path);
        w->prefix = strdup("");
    } else {
        const char *name = slash ? slash + 1 : path;
        w->directory = !slash ? strdup(".") : strndup(path, slash == path ? 1 : (size_t)(slash - path));
        w->prefix = strndup(name, strcspn(name, PATTERN_BYTES));
    }
    return w->directory && w->prefix;
}

enum status watch_new(struct event_base *base, const char *path, void (*changed)(void *ctx), void *ctx,
                      struct watch **out, err *e)
{
    struct watch *w = calloc(1, sizeof *w);
    *out = w;
    if (!w)
        return err_set(e, E_MEMORY, "%s: watch: out of memory", path);
    *w = (struct watch){.fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC), .wd = -1, .changed = changed, .ctx = ctx};
    enum status st = w->fd < 0 ? err_os(e, errno, "%s: inotify", path) : OK;
    if (st == OK && take_path(w, path))
        w->event = event_new(base, w->fd, EV_READ | EV_PERSIST, readable, w);
    if (st == OK && (!w->event || event_add(w->event, NULL) != 0))
        st = err_set(e, E_MEMORY, "%s: watch: out of memory", path);
    if (st != OK)
        watch_free(out);
    else
        watch_again(w);
    return st;
}

void watch_free(struct watch **watch)
{
    struct watch *w = *watch;
    if (!w)
        return;
    if (w->event)
        event_free(w->event);
    if (w->fd >= 0)
        close(w->fd);
    free(w->directory);
    free(w->prefix);
    free(w);
    *watch = NULL;
}
