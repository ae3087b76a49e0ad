#include "net/fetch_own.h"

#include <stdlib.h>

#include <event2/event.h>

#define MAX_RUNNING 32u
#define MAX_PER_HOST 4u
#define MAX_WAITING 1000u
#define MAX_KEPT 32u

/* ---- queues ---- */

static void queue_put(struct queue *q, struct fetch *x)
{
    x->next = NULL;
    x->prev = q->last;
    if (q->last)
        q->last->next = x;
    else
        q->first = x;
    q->last = x;
    q->n++;
}

static void queue_take(struct queue *q, struct fetch *x)
{
    if (x->prev)
        x->prev->next = x->next;
    else
        q->first = x->next;
    if (x->next)
        x->next->prev = x->prev;
    else
        q->last = x->prev;
    q->n--;
}

/* Over: a handle of libcurl with all its settings is kept for the next request, which is half of the work. */
static void fetch_end(struct fetch *x)
{
    struct fetcher *f = x->fetcher;
    if (f->kept.n >= MAX_KEPT) {
        fetch_free(x);
        return;
    }
    fetch_clear(x);
    queue_put(&f->kept, x);
}

static struct fetch *take_handle(struct fetcher *f)
{
    struct fetch *x = f->kept.last;
    if (!x)
        return fetch_new(f);
    queue_take(&f->kept, x);
    return x;
}

/* ---- under way ---- */

static bool host_is_full(const struct fetcher *f, uint64_t host)
{
    unsigned n = 0;
    for (const struct fetch *x = f->running.first; x; x = x->next)
        n += x->host == host;
    return n >= f->max_per_host;
}

/* Those of a host that is full stay where they are, so that a slow one holds up nobody else. libcurl, too, could hold back what is
 * too much for a host, but its clocks would run meanwhile. */
static void begin_waiting(struct fetcher *f)
{
    struct fetch *next;
    for (struct fetch *x = f->waiting.first; x && f->running.n < f->max_running; x = next) {
        next = x->next;
        if (host_is_full(f, x->host))
            continue;
        queue_take(&f->waiting, x);
        queue_put(&f->running, x);
        MUST(curl_multi_add_handle(f->multi, x->easy) == CURLM_OK); /* it sets the timer to begin */
    }
}

static void finish(struct fetcher *f)
{
    CURLMsg *m;
    int left;
    f->inside = true;
    while ((m = curl_multi_info_read(f->multi, &left))) {
        struct fetch *x;
        CURLcode code = m->data.result; /* gone with the handle */
        if (m->msg != CURLMSG_DONE || curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &x) != CURLE_OK)
            continue;
        (void)curl_multi_remove_handle(f->multi, x->easy);
        queue_take(&f->running, x);
        fetch_tell(x, code);
        fetch_end(x);
    }
    f->inside = false;
    begin_waiting(f);
}

static void act(struct fetcher *f, curl_socket_t fd, int what)
{
    int running;
    (void)curl_multi_socket_action(f->multi, fd, what, &running);
    finish(f);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what;
    act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

static void on_ready(evutil_socket_t fd, short what, void *ctx)
{
    act(ctx, fd, (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static int on_set_timer(CURLM *multi, long ms, void *ctx)
{
    struct fetcher *f = ctx;
    const struct timeval tv = {.tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000};
    (void)multi;
    return (ms < 0 ? event_del(f->timer) : event_add(f->timer, &tv)) == 0 ? 0 : -1;
}

static int on_watch(CURL *easy, curl_socket_t fd, int what, void *ctx, void *of_socket)
{
    struct fetcher *f = ctx;
    struct event *ev = of_socket;
    (void)easy;
    if (ev)
        event_free(ev);
    ev = NULL;
    if (what != CURL_POLL_REMOVE) {
        short flags = (short)(EV_PERSIST | (what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0));
        ev = event_new(f->base, fd, flags, on_ready, f);
        if (!ev || event_add(ev, NULL) != 0)
            return -1;
    }
    return curl_multi_assign(f->multi, fd, ev) == CURLM_OK ? 0 : -1;
}

/* ---- starting ---- */

enum status fetch_start(struct fetcher *f, const struct fetch_request *r, uint64_t *id, err *e)
{
    enum status st = fetch_check(r, e);
    if (st != OK)
        return st;
    if (f->waiting.n >= f->max_waiting)
        return err_set(e, E_BUSY, "%.*s: %zu requests wait already", SLICE_FMT(r->url), f->waiting.n);
    struct fetch *x = take_handle(f);
    if (x && !fetch_prepare(x, r)) {
        fetch_free(x);
        x = NULL;
    }
    if (!x)
        return err_set(e, E_MEMORY, "%.*s: libcurl takes no request", SLICE_FMT(r->url));
    x->id = ++f->next_id;
    if (id)
        *id = x->id;
    queue_put(&f->waiting, x);
    if (!f->inside)
        begin_waiting(f);
    return OK;
}

static struct fetch *find(const struct queue *q, uint64_t id)
{
    struct fetch *x = q->first;
    while (x && x->id != id)
        x = x->next;
    return x;
}

void fetch_cancel(struct fetcher *f, uint64_t id)
{
    struct fetch *x = find(&f->waiting, id);
    if (x) {
        queue_take(&f->waiting, x);
    } else {
        x = find(&f->running, id);
        if (!x)
            return;
        queue_take(&f->running, x);
        (void)curl_multi_remove_handle(f->multi, x->easy);
    }
    fetch_end(x);
    if (!f->inside)
        begin_waiting(f);
}

size_t fetcher_running(const struct fetcher *f)
{
    return f->running.n;
}

size_t fetcher_waiting(const struct fetcher *f)
{
    return f->waiting.n;
}

/* ---- life ---- */

static bool set_multi(struct fetcher *f)
{
    return curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_watch) == CURLM_OK &&
           curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f) == CURLM_OK &&
           curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_set_timer) == CURLM_OK &&
           curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f) == CURLM_OK;
}

static bool copy_options(struct fetcher *f, const struct fetch_options *o)
{
    f->reach = o->reach;
    f->max_running = o->max_running ? o->max_running : MAX_RUNNING;
    f->max_per_host = o->max_per_host ? o->max_per_host : MAX_PER_HOST;
    f->max_waiting = o->max_waiting ? o->max_waiting : MAX_WAITING;
    buf_add(&f->agent, o->agent);
    buf_add(&f->ca_file, o->ca_file);
    for (size_t i = 0; o->resolve && o->resolve[i]; i++) {
        struct curl_slist *more = curl_slist_append(f->resolve, o->resolve[i]);
        if (!more)
            return false;
        f->resolve = more;
    }
    return !f->agent.failed && !f->ca_file.failed;
}

enum status fetcher_new(struct event_base *base, const struct fetch_options *o, struct fetcher **out, err *e)
{
    *out = NULL;
    struct fetcher *f = calloc(1, sizeof *f);
    if (!f || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        free(f);
        return err_set(e, E_MEMORY, "no memory for requests of ours");
    }
    f->base = base;
    buf_init(&f->agent, 0);
    buf_init(&f->ca_file, 0);
    f->multi = curl_multi_init();
    f->timer = evtimer_new(base, on_timer, f);
    if (f->multi && f->timer && set_multi(f) && copy_options(f, o)) {
        *out = f;
        return OK;
    }
    fetcher_free(&f);
    return err_set(e, E_MEMORY, "no memory for requests of ours");
}

static void drop_all(struct fetcher *f, struct queue *q, bool running)
{
    while (q->first) {
        struct fetch *x = q->first;
        queue_take(q, x);
        if (running)
            (void)curl_multi_remove_handle(f->multi, x->easy);
        fetch_free(x);
    }
}

void fetcher_free(struct fetcher **out)
{
    struct fetcher *f = *out;
    *out = NULL;
    if (!f)
        return;
    MUST(!f->inside);
    drop_all(f, &f->waiting, false);
    drop_all(f, &f->running, true);
    drop_all(f, &f->kept, false);
    if (f->multi)
        (void)curl_multi_cleanup(f->multi); /* takes its sockets off the loop */
    if (f->timer)
        event_free(f->timer);
    curl_slist_free_all(f->resolve);
    buf_fini(&f->agent);
    buf_fini(&f->ca_file);
    free(f);
    curl_global_cleanup();
}
