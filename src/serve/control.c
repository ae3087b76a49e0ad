#include "serve/control.h"

#include <stdio.h>
#include <stdlib.h>

#define IDLE_US (30 * INT64_C(1000000))

struct control {
    struct daemon *d;
    struct listener *listener;
};

struct talk {
    struct daemon *d;
    struct conn *c; /* NULL when it is gone */
    bool waiting;   /* for a reload */
};

static void *talk_open(void *ctx, struct conn *c)
{
    struct talk *t = calloc(1, sizeof *t);
    if (t)
        *t = (struct talk){.d = ctx, .c = c};
    return t;
}

static void talk_closed(void *session)
{
    struct talk *t = session;
    t->c = NULL;
    if (!t->waiting)
        free(t);
}

static void answer(struct talk *t, void (*write)(struct daemon *d, buf *out))
{
    buf out;
    buf_init(&out, 0);
    write(t->d, &out);
    conn_write(t->c, buf_slice(&out));
    buf_fini(&out);
    conn_close(t->c);
}

static void refuse(struct talk *t, slice why)
{
    conn_write(t->c, S("failed\n"));
    conn_write(t->c, why);
    conn_close(t->c);
}

static void reloaded(void *ctx, bool taken, slice lines)
{
    struct talk *t = ctx;
    t->waiting = false;
    if (!t->c) {
        free(t);
        return;
    }
    conn_write(t->c, taken ? S("ok\n") : S("failed\n"));
    conn_write(t->c, lines);
    conn_close(t->c);
}

static void say_status(struct talk *t)
{
    answer(t, daemon_status);
}

static void say_metrics(struct talk *t)
{
    answer(t, daemon_metrics);
}

static void do_reload(struct talk *t)
{
    t->waiting = true;
    conn_pause(t->c);
    if (daemon_reload(t->d, reloaded, t) == OK)
        return;
    t->waiting = false;
    refuse(t, S("the daemon has too much to do, or is ending\n"));
}

struct order {
    const char *word;
    void (*run)(struct talk *t);
};
static const struct order orders[] = {{"status", say_status}, {"metrics", say_metrics}, {"reload", do_reload}};

static size_t talk_input(void *session, struct conn *c, slice in)
{
    struct talk *t = session;
    size_t end = slice_chr(in, '\n');
    (void)c;
    if (end == SLICE_NPOS)
        return 0;
    slice word = slice_trim(slice_sub(in, 0, end));
    for (size_t i = 0; i < ARRAY_LEN(orders); i++)
        if (slice_eq(word, slice_str(orders[i].word))) {
            orders[i].run(t);
            return in.n;
        }
    refuse(t, S("no such word; there are status, metrics and reload\n"));
    return in.n;
}

const struct protocol control_protocol = {
    .name = "control", .open = talk_open, .input = talk_input, .closed = talk_closed};

enum status control_open(struct daemon *d, slice run_dir, struct control **out, err *e)
{
    char address[200];
    struct control *c = calloc(1, sizeof *c);
    *out = c;
    if (!c)
        return err_set(e, E_MEMORY, "control: out of memory");
    c->d = d;
    int n = snprintf(address, sizeof address, "unix:%.*s/" CONTROL_NAME, SLICE_FMT(run_dir));
    struct listen_options o = {.address = slice_of(address, (size_t)n),
                               .max_connections = 50,
                               .max_input = CONTROL_MAX_LINE_BYTES,
                               .idle_us = IDLE_US,
                               .protocol = &control_protocol,
                               .ctx = d};
    enum status st = (size_t)n < sizeof address ? listener_open(&o, &c->listener, e)
                                                : err_set(e, E_INVALID, "[daemon] run_dir: too long for a socket");
    if (st != OK)
        control_close(out);
    return st;
}

enum status control_start(struct control *c, err *e)
{
    return listener_start(c->listener, c->d->base, e);
}

void control_close(struct control **control)
{
    struct control *c = *control;
    if (!c)
        return;
    if (c->listener)
        listener_close(&c->listener);
    free(c);
    *control = NULL;
}
