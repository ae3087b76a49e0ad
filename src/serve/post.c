#include "serve/post.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct post {
    pthread_mutex_t lock;
    struct note *first, **end;
    int fd; /* readable while something may be waiting */
    struct event *event;
};

void post_send(struct post *p, struct note *n)
{
    n->next = NULL;
    pthread_mutex_lock(&p->lock);
    bool was_empty = p->first == NULL;
    *p->end = n;
    p->end = &n->next;
    pthread_mutex_unlock(&p->lock);
    uint64_t one = 1;
    /* the counter cannot overflow: it is written once for each time the list was empty */
    if (was_empty)
        MUST(write(p->fd, &one, sizeof one) == sizeof one);
}

void post_run(struct post *p)
{
    pthread_mutex_lock(&p->lock);
    struct note *n = p->first;
    p->first = NULL;
    p->end = &p->first;
    pthread_mutex_unlock(&p->lock);
    while (n) {
        struct note *next = n->next; /* the note is its sender's again as soon as it runs */
        n->run(n);
        n = next;
    }
}

static void wake(evutil_socket_t fd, short what, void *ctx)
{
    uint64_t count;
    (void)what;
    if (read((int)fd, &count, sizeof count) < 0)
        MUST(errno == EAGAIN || errno == EINTR);
    post_run(ctx);
}

enum status post_new(struct event_base *base, struct post **out, err *e)
{
    struct post *p = calloc(1, sizeof *p);
    *out = p;
    if (!p)
        return err_set(e, E_MEMORY, "post: out of memory");
    pthread_mutex_init(&p->lock, NULL);
    p->end = &p->first;
    p->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (p->fd < 0) {
        enum status st = err_os(e, errno, "eventfd");
        post_free(out);
        return st;
    }
    p->event = event_new(base, p->fd, EV_READ | EV_PERSIST, wake, p);
    if (p->event && event_add(p->event, NULL) == 0)
        return OK;
    post_free(out);
    return err_set(e, E_MEMORY, "post: out of memory");
}

void post_free(struct post **post)
{
    struct post *p = *post;
    if (!p)
        return;
    if (p->event)
        event_free(p->event);
    if (p->fd >= 0)
        close(p->fd);
    pthread_mutex_destroy(&p->lock);
    free(p);
    *post = NULL;
}
