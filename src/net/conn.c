#include "net/conn_own.h"

#include <time.h>

int64_t conn_now(void)
{
    struct timespec t;
    MUST(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return (int64_t)t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

size_t conn_unsent(const struct conn *c)
{
    return c->out.n - c->sent;
}

const struct conn_peer *conn_peer(const struct conn *c)
{
    return &c->peer;
}

static void enter_state(struct conn *c, enum conn_state state)
{
    c->state = state;
    c->since_us = c->last_us = conn_now();
}

static void send_fake(struct conn *c)
{
    slice all = slice_from(buf_slice(&c->out), c->sent);
    if (c->wrote && all.n > 0)
        c->wrote(c->wrote_ctx, all);
    c->sent = c->out.n;
}

/* Asks the loop for a turn. A fake connection has none, but tells at once what was written. */
static void wake(struct conn *c)
{
    if (c->inside || c->woken)
        return;
    if (!c->listener) {
        send_fake(c);
        return;
    }
    c->woken = true;
    event_active(&c->writable, EV_WRITE, 0);
}

/* ---- what a protocol may ask for ---- */

void conn_write(struct conn *c, slice bytes)
{
    if (c->state != CONN_OPEN || bytes.n == 0)
        return;
    if (bytes.n > CONN_MAX_UNSENT_BYTES - conn_unsent(c)) {
        c->counts->overflows++;
        c->state = CONN_DEAD;
    } else {
        if (conn_unsent(c) == 0)
            c->last_us = conn_now();
        buf_add(&c->out, bytes);
        if (c->out.failed)
            c->state = CONN_DEAD;
    }
    wake(c);
}

void conn_pause(struct conn *c)
{
    c->paused = true;
    wake(c);
}

void conn_resume(struct conn *c)
{
    if (!c->paused)
        return;
    c->paused = false;
    c->again = true;
    c->last_us = conn_now();
    if (c->frame_us)
        c->frame_us = c->last_us;
    wake(c);
}

void conn_close(struct conn *c)
{
    if (c->state == CONN_OPEN)
        enter_state(c, CONN_CLOSING);
    else if (c->state == CONN_HANDSHAKE)
        c->state = CONN_DEAD;
    wake(c);
}

void conn_abort(struct conn *c)
{
    c->state = CONN_DEAD;
    wake(c);
}

bool conn_can_starttls(const struct conn *c)
{
    return c->offers_tls && !c->peer.tls && c->state == CONN_OPEN;
}

void conn_starttls(struct conn *c)
{
    MUST(conn_can_starttls(c));
    enter_state(c, CONN_HANDSHAKE);
    wake(c);
}

void conn_idle(struct conn *c, int64_t idle_us)
{
    c->idle_us = idle_us ? idle_us : c->limits->idle_us;
    wake(c);
}

void conn_deadline(struct conn *c, int64_t in_us)
{
    c->deadline_us = in_us ? conn_now() + in_us : 0;
    wake(c);
}

/* ---- input ---- */

/* Gives what is there until the protocol uses no more of it; returns how much it used. What came behind a STARTTLS is used: it was
 * said in clear by whoever (CVE-2011-0411). */
static size_t give(struct conn *c, slice in)
{
    size_t used = 0;
    while (used < in.n && c->state == CONN_OPEN && !c->paused) {
        size_t n = c->protocol->input(c->session, c, slice_from(in, used));
        MUST(n <= in.n - used);
        used += n;
        if (n == 0)
            break;
    }
    return c->state == CONN_OPEN ? used : in.n;
}

/* Keeps the frame clock and the limit, when `used` of the bytes waiting went and `rest` are left. */
static void after_giving(struct conn *c, size_t used, size_t rest)
{
    if (rest == 0)
        c->frame_us = 0;
    else if (used > 0 || c->frame_us == 0)
        c->frame_us = conn_now();
    if (rest > c->limits->max_input && c->state == CONN_OPEN && !c->paused) {
        c->counts->overflows++;
        c->state = CONN_DEAD;
    }
}

static void give_waiting(struct conn *c)
{
    c->again = false;
    size_t used = give(c, buf_slice(&c->in));
    buf_consume(&c->in, used);
    after_giving(c, used, c->in.n);
    if (c->in.n == 0)
        buf_fini(&c->in); /* an idle connection has no buffers */
}

/* New bytes: given where they are when nothing is waiting before them. */
static void take(struct conn *c, slice bytes)
{
    if (c->in.n == 0 && !c->paused) {
        size_t used = give(c, bytes);
        buf_add(&c->in, slice_from(bytes, used));
        after_giving(c, used, bytes.n - used);
    } else {
        buf_add(&c->in, bytes);
        if (!c->paused)
            give_waiting(c);
    }
    if (c->in.failed)
        c->state = CONN_DEAD;
}

static void take_end(struct conn *c)
{
    c->ended = true;
    c->frame_us = 0;
    if (c->protocol->eof)
        c->protocol->eof(c->session, c);
    else
        conn_close(c);
}

static void receive(struct conn *c)
{
    struct conn_scratch *scratch = listener_scratch(c->listener);
    long n = stream_read(&c->stream, scratch->p, sizeof scratch->p);
    if (n == STREAM_AGAIN)
        return;
    if (conn_unsent(c) == 0) /* who only asks and does not read is idle, too */
        c->last_us = conn_now();
    if (n == STREAM_END)
        take_end(c);
    else if (n == STREAM_BROKEN)
        c->state = CONN_DEAD;
    else
        take(c, slice_of(scratch->p, (size_t)n));
}

static void discard(struct conn *c)
{
    struct conn_scratch *scratch = listener_scratch(c->listener);
    long n = stream_discard(&c->stream, scratch->p, sizeof scratch->p);
    if (n == STREAM_AGAIN)
        return;
    c->discarded += n > 0 ? (size_t)n : 0;
    if (n <= 0 || c->discarded > CONN_DISCARD_MAX_BYTES)
        c->state = CONN_DEAD;
}

/* ---- output ---- */

/* Who reads a little now and then holds memory of ours for ever: it takes more than that to set the clock anew. */
static void sent(struct conn *c, size_t n)
{
    c->sent += n;
    c->progress += n;
    if (c->progress < CONN_PROGRESS_BYTES && conn_unsent(c) > 0)
        return;
    c->progress = 0;
    c->last_us = conn_now();
}

static void send_real(struct conn *c)
{
    c->blocked = false;
    while (conn_unsent(c) > 0 && !c->blocked) {
        long n = stream_write(&c->stream, c->out.p + c->sent, conn_unsent(c));
        if (n == STREAM_AGAIN) {
            c->blocked = true;
        } else if (n <= 0) {
            c->state = CONN_DEAD;
            return;
        } else {
            sent(c, (size_t)n);
        }
    }
}

/* Sends what the socket takes. The part that is sent is moved out of the way when it is the larger one. */
static void send_out(struct conn *c)
{
    if (conn_unsent(c) == 0 || c->state == CONN_DEAD)
        return;
    if (c->listener)
        send_real(c);
    else
        send_fake(c);
    if (conn_unsent(c) == 0) {
        buf_fini(&c->out);
        c->sent = 0;
        if (c->state == CONN_OPEN && c->protocol->drained)
            c->protocol->drained(c->session, c);
    } else if (c->sent > c->out.n / 2) {
        buf_consume(&c->out, c->sent);
        c->sent = 0;
    }
}

/* ---- beginning, TLS, end ---- */

/* NULL closes, behind what was written. */
static void open_session(struct conn *c)
{
    enter_state(c, CONN_OPEN);
    c->session = c->protocol->open(c->ctx, c);
    if (!c->session)
        conn_close(c);
}

static void secured(struct conn *c)
{
    enter_state(c, CONN_OPEN);
    c->peer.tls = true;
    c->blocked = false;
    if (!c->session)
        open_session(c);
    else if (c->protocol->secured)
        c->protocol->secured(c->session, c);
}

/* What was written in clear goes first. */
static void go_on_with_tls(struct conn *c)
{
    send_out(c);
    if (conn_unsent(c) > 0 || c->state != CONN_HANDSHAKE)
        return;
    if (!c->listener) {
        secured(c);
        return;
    }
    if (!c->stream.ssl && !stream_secure(&c->stream, listener_tls(c->listener))) {
        c->state = CONN_DEAD;
        return;
    }
    long n = stream_handshake(&c->stream);
    if (n == 1) {
        secured(c);
    } else if (n == STREAM_BROKEN) {
        c->counts->tls_failures++;
        c->state = CONN_DEAD;
    }
}

static void say_the_end(struct conn *c)
{
    if (!c->listener || c->ended) {
        c->state = CONN_DEAD;
        return;
    }
    stream_shutdown(&c->stream);
    enter_state(c, CONN_LINGER);
}

/* ---- turns ---- */

static void watch(struct event *ev, bool *is, bool want)
{
    if (*is == want)
        return;
    *is = want;
    MUST((want ? event_add(ev, NULL) : event_del(ev)) == 0);
}

static bool wants_to_read(const struct conn *c)
{
    switch (c->state) {
    case CONN_HANDSHAKE:
        return conn_unsent(c) == 0;
    case CONN_OPEN:
        return (!c->paused && !c->ended) || (c->blocked && c->stream.wants_read);
    case CONN_LINGER:
        return true;
    default:
        return false;
    }
}

/* When this state has lasted too long; INT64_MAX: never. */
static int64_t due(const struct conn *c)
{
    int64_t at = INT64_MAX;
    if (c->state == CONN_HANDSHAKE)
        return c->since_us + c->limits->frame_us;
    if (c->state == CONN_LINGER)
        return c->since_us + CONN_LINGER_US;
    if (c->state == CONN_CLOSING)
        return c->last_us + c->idle_us;
    if (!c->paused || conn_unsent(c) > 0)
        at = c->last_us + c->idle_us;
    if (c->frame_us && !c->paused && c->frame_us + c->limits->frame_us < at)
        at = c->frame_us + c->limits->frame_us;
    if (c->deadline_us && c->deadline_us < at)
        at = c->deadline_us;
    return at;
}

/* The clock is set anew only when it would ring too late; when it rings too early, it is set again (conn_rings). */
static void set_clock(struct conn *c)
{
    int64_t at = due(c);
    if (at == INT64_MAX || (c->armed_us && c->armed_us <= at))
        return;
    int64_t left = at - conn_now();
    if (left < 1)
        left = 1;
    struct timeval tv = {.tv_sec = left / 1000000, .tv_usec = left % 1000000};
    c->armed_us = at;
    MUST(event_add(&c->clock, &tv) == 0);
}

static void settle(struct conn *c)
{
    if (c->state == CONN_DEAD || !c->listener) {
        if (c->listener)
            listener_gone(c->listener, c);
        return;
    }
    watch(&c->readable, &c->reading, wants_to_read(c));
    watch(&c->writable, &c->writing, c->blocked || c->stream.wants_write);
    set_clock(c);
    bool reads = c->state == CONN_OPEN && !c->paused;
    if ((reads && ((c->again && c->in.n > 0) || stream_pending(&c->stream))) || (conn_unsent(c) > 0 && !c->blocked))
        wake(c);
}

static void end_turn(struct conn *c)
{
    if (c->state == CONN_OPEN || c->state == CONN_CLOSING)
        send_out(c);
    if (c->state == CONN_HANDSHAKE)
        go_on_with_tls(c);
    if (c->state == CONN_CLOSING && conn_unsent(c) == 0)
        say_the_end(c);
    c->inside = false;
    settle(c);
}

static void turn(struct conn *c, bool readable)
{
    MUST(!c->inside);
    c->inside = true;
    c->woken = false;
    readable = readable || stream_pending(&c->stream) || c->stream.wants_write;
    if (c->state == CONN_OPEN && c->again && !c->paused)
        give_waiting(c);
    if (c->state == CONN_OPEN && readable && !c->paused && !c->ended)
        receive(c);
    else if (c->state == CONN_LINGER && readable)
        discard(c);
    end_turn(c);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    turn(arg, true);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
    (void)fd, (void)what;
    turn(arg, false);
}

static void too_late(struct conn *c)
{
    if (c->state == CONN_OPEN) {
        c->counts->timeouts++;
        c->deadline_us = 0;
        if (c->protocol->timeout && !c->blocked)
            c->protocol->timeout(c->session, c);
        conn_close(c);
    } else {
        c->counts->tls_failures += c->state == CONN_HANDSHAKE;
        c->state = CONN_DEAD;
    }
    if (c->blocked) /* who did not read until now will not read last words */
        c->state = CONN_DEAD;
}

void conn_rings(struct conn *c)
{
    c->inside = true;
    too_late(c);
    end_turn(c);
}

static void on_clock(evutil_socket_t fd, short what, void *arg)
{
    struct conn *c = arg;
    (void)fd, (void)what;
    c->armed_us = 0;
    if (due(c) <= conn_now())
        conn_rings(c);
    else
        set_clock(c);
}

void conn_came(struct conn *c, slice bytes)
{
    c->inside = true;
    if (c->state == CONN_OPEN && c->again && !c->paused)
        give_waiting(c);
    if (c->state == CONN_OPEN)
        take(c, bytes);
    end_turn(c);
    while (c->state != CONN_DEAD && conn_unsent(c) > 0) { /* `drained` wrote more */
        c->inside = true;
        end_turn(c);
    }
}

void conn_ends(struct conn *c)
{
    c->inside = true;
    take_end(c);
    end_turn(c);
}

/* ---- life ---- */

void conn_init(struct conn *c, const struct protocol *p, void *ctx, const struct conn_limits *limits,
               struct listener_counts *counts)
{
    *c = (struct conn){.protocol = p, .ctx = ctx, .limits = limits, .counts = counts, .idle_us = limits->idle_us};
    buf_init(&c->in, 0);
    buf_init(&c->out, 0);
    stream_init(&c->stream, -1);
    c->peer = (struct conn_peer){.name = SLICE_EMPTY, .address = SLICE_EMPTY, .uid = -1, .pid = -1};
}

void conn_start(struct conn *c, struct event_base *base, bool tls_at_once)
{
    if (base) {
        MUST(event_assign(&c->readable, base, c->stream.fd, EV_READ | EV_PERSIST, on_readable, c) == 0);
        MUST(event_assign(&c->writable, base, c->stream.fd, EV_WRITE | EV_PERSIST, on_writable, c) == 0);
        MUST(evtimer_assign(&c->clock, base, on_clock, c) == 0);
    }
    c->inside = true;
    if (tls_at_once)
        enter_state(c, CONN_HANDSHAKE);
    else
        open_session(c);
    end_turn(c);
}

void conn_fini(struct conn *c)
{
    MUST(!c->inside);
    if (c->listener) {
        (void)event_del(&c->readable);
        (void)event_del(&c->writable);
        (void)event_del(&c->clock);
    }
    stream_fini(&c->stream);
    buf_fini(&c->in);
    buf_fini(&c->out);
    if (c->session)
        c->protocol->closed(c->session);
    c->session = NULL;
}
