#include "serve/daemon_run.h"

#include <errno.h>
#include <event2/event.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "serve/clock.h"
#include "serve/conf.h"
#include "serve/learn.h"
#include "serve/runner.h"
#include "serve/running.h"
#include "serve/sandbox.h"

static const struct conf_daemon *conf_of(const struct running *r)
{
    return settings_of(r->began, "daemon");
}

/* ---- the log ---- */

enum { STAMPS_AUTO, STAMPS_YES }; /* in the order of conf.def */

static enum status open_log(struct running *r, err *e)
{
    const struct conf_log *c = settings_of(r->began, "log");
    struct log_setup o = {.fd = STDERR_FILENO,
                          .level = (enum log_level)c->level,
                          .json = c->format == 1,
                          .stamps = c->stamps == STAMPS_YES || (c->stamps == STAMPS_AUTO && !r->o->journal),
                          .priority = r->o->journal};
    r->d.log = log_new(&o);
    return r->d.log ? OK : err_set(e, E_MEMORY, "log: out of memory");
}

/* ---- while we may be root ---- */

static enum status find_user(struct running *r, err *e)
{
    return identity_find(&r->identity, conf_of(r)->user, conf_of(r)->group, e);
}

/* Before anything is opened that it should not have. */
static enum status start_runner(struct running *r, err *e)
{
    return runner_start(r->began, &r->identity, &r->d.runner, e);
}

static enum status lock_pid_file(struct running *r, err *e)
{
    return slice_empty(conf_of(r)->pid_file) ? OK : lockfile_open(&r->pid_file, conf_of(r)->pid_file, e);
}

/* A service manager makes it; without one we do. */
static enum status make_run_dir(struct running *r, err *e)
{
    const char *path = conf_of(r)->run_dir.p;
    if (mkdir(path, 0755) != 0)
        return errno == EEXIST ? OK : err_os(e, errno, "%s: the directory cannot be made", path);
    if (r->identity.change && chown(path, r->identity.uid, r->identity.gid) != 0)
        return err_os(e, errno, "%s: cannot be given to the user %s", path, r->identity.user);
    return OK;
}

static enum status make_loop(struct running *r, err *e)
{
    r->d.base = event_base_new();
    enum status st = r->d.base ? post_new(r->d.base, &r->d.post, e) : err_set(e, E_IO, "the event loop cannot be made");
    return st == OK && r->d.runner ? runner_attach(r->d.runner, r->d.base, e) : st;
}

/* ---- as the user that we are to be ---- */

static enum status become(struct running *r, err *e)
{
    enum status st = identity_become(&r->identity, e);
    if (st == OK && r->identity.change && r->identity.uid == 0)
        log_event(r->d.log, LOG_LEVEL_WARN, "daemon.root", "%s", "advice=\"set [daemon] user\"");
    return st == OK && r->pid_file.fd >= 0 ? lockfile_write(&r->pid_file, e) : st;
}

/* The settings must be readable for what we are now, or no reload will ever work. */
static enum status look_at_settings(struct running *r, err *e)
{
    struct log_quoted q;
    (void)e;
    if (!slice_empty(r->began->path) && access(r->began->path.p, R_OK) != 0)
        log_event(r->d.log, LOG_LEVEL_WARN, "settings.unreadable", "file=%s cause=%s advice=%s",
                  log_text(&q, r->began->path), strerrorname_np(errno), "\"let the daemon's group read it\"");
    return OK;
}

static enum status lock_ledger(struct running *r, err *e)
{
    const struct conf_ledger *c = settings_of(r->began, "ledger");
    char path[LOCKFILE_MAX_PATH];
    int n = snprintf(path, sizeof path, "%.*s-daemon", SLICE_FMT(c->path));
    enum status st = lockfile_open(&r->ledger_lock, slice_of(path, (size_t)n), e);
    if (st == E_BUSY) {
        err cause = *e;
        return err_set(e, E_BUSY, "another daemon serves this ledger: %s", cause.text);
    }
    return st == OK ? lockfile_write(&r->ledger_lock, e) : st;
}

static enum status know(struct running *r, err *e)
{
    struct knowledge *k = learn(r->began, r->o->tell, r->o->ctx);
    return k ? knowledge_box_new(k, &r->d.knowledge, e)
             : err_set(e, E_INVALID, "the daemon does not start with these rules or keys");
}

/* Before there are other threads, which are born with it. A kernel that cannot is no reason not to serve. */
static enum status lock_down(struct running *r, err *e)
{
    struct log_quoted q;
    enum status st = sandbox_enter((enum sandbox_mode)conf_of(r)->seccomp, e);
    if (st == E_UNSUPPORTED)
        log_event(r->d.log, LOG_LEVEL_WARN, "sandbox.off", "cause=%s", log_text(&q, slice_str(e->text)));
    return st == E_UNSUPPORTED ? OK : st;
}

static enum status open_ledger(struct running *r, err *e)
{
    const struct conf_ledger *c = settings_of(r->began, "ledger");
    struct writer_options wo = {.ledger_path = c->path.p,
                                .knowledge = r->d.knowledge,
                                .post = r->d.post,
                                .gather_us = c->gather_us ? c->gather_us : -1,
                                .clock = clock_wall_us};
    struct workers_options ko = {.threads = (unsigned)conf_of(r)->workers,
                                 .ledger_path = c->path.p,
                                 .knowledge = r->d.knowledge,
                                 .post = r->d.post,
                                 .clock = clock_wall_us};
    enum status st = writer_new(&wo, &r->d.writer, e);
    if (st != OK)
        return st;
    r->d.table = writer_table(r->d.writer);
    r->d.pauses = writer_pauses(r->d.writer);
    return workers_new(&ko, &r->d.workers, e);
}

/* ---- signals ---- */

static void on_end(evutil_socket_t number, short what, void *ctx)
{
    (void)what;
    running_end(ctx, number == SIGTERM ? "SIGTERM" : "SIGINT");
}

static void reloaded(void *ctx, bool taken, slice lines)
{
    struct running *r = ctx;
    (void)taken, (void)lines;
    notify_send(&r->notify, "READY=1");
}

/* Type=notify-reload of systemd wants the time, so that an older READY=1 is not taken for the answer. */
static void on_reload(evutil_socket_t number, short what, void *ctx)
{
    struct running *r = ctx;
    (void)number, (void)what;
    notify_send(&r->notify, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_monotonic_us());
    if (daemon_reload(&r->d, reloaded, r) != OK)
        reloaded(r, false, SLICE_EMPTY);
}

static void on_debug(evutil_socket_t number, short what, void *ctx)
{
    struct running *r = ctx;
    const struct conf_log *c = settings_of(r->d.settings, "log");
    (void)number, (void)what;
    r->debug = !r->debug;
    log_set_level(r->d.log, r->debug ? LOG_LEVEL_DEBUG : (enum log_level)c->level);
    log_event(r->d.log, LOG_LEVEL_INFO, "log.debug", "on=%s", r->debug ? "yes" : "no");
}

static enum status catch_signals(struct running *r, err *e)
{
    static const struct {
        int number;
        event_callback_fn run;
    } rows[RUNNING_SIGNALS] = {{SIGTERM, on_end}, {SIGINT, on_end}, {SIGHUP, on_reload}, {SIGUSR1, on_debug}};
    signal(SIGPIPE, SIG_IGN);
    for (size_t i = 0; i < RUNNING_SIGNALS; i++) {
        r->signals[i] = evsignal_new(r->d.base, rows[i].number, rows[i].run, r);
        if (!r->signals[i] || event_add(r->signals[i], NULL) != 0)
            return err_set(e, E_MEMORY, "signals: out of memory");
    }
    return OK;
}

/* ---- reload ---- */

static void take(struct daemon *d, struct settings *s)
{
    struct running *r = (struct running *)(void *)d;
    const struct conf_log *c = settings_of(s, "log");
    struct settings *old = r->reloaded;
    r->reloaded = s;
    d->settings = s;
    r->debug = false;
    log_set_level(d->log, (enum log_level)c->level);
    roles_reload(r);
    settings_free(&old);
}

enum status daemon_reload(struct daemon *d, daemon_reload_fn done, void *ctx)
{
    struct running *r = (struct running *)(void *)d;
    return d->draining ? E_BUSY : reload_begin(r->reload, done, ctx);
}

static enum status make_reload(struct running *r, err *e)
{
    struct reload_options o = {.d = &r->d, .began = r->began, .take = take};
    return reload_new(&o, &r->reload, e);
}

/* ---- the start, step by step ---- */

static enum status open_control(struct running *r, err *e)
{
    return control_open(&r->d, conf_of(r)->run_dir, &r->control, e);
}

static enum status start_pulse(struct running *r, err *e)
{
    return pulse_new(&r->d, &r->notify, r->o->watchdog_us, &r->pulse, e);
}

static enum status start_upkeep(struct running *r, err *e)
{
    return upkeep_new(&r->d, &r->upkeep, e);
}

static enum status start_grades(struct running *r, err *e)
{
    return grades_new(&r->d, &r->grades, e);
}

static enum status start_control(struct running *r, err *e)
{
    return control_start(r->control, e);
}

// clang-format off
static enum status (*const steps[])(struct running *, err *) = {
    open_log,
    find_user,
    start_runner,
    lock_pid_file,
    make_run_dir,
    make_loop,
    roles_open,
    become, /* no root from here on */
    look_at_settings,
    lock_ledger,
    open_control,
    know,
    lock_down, /* no calls but those of the list from here on */
    open_ledger,
    make_reload,
    catch_signals,
    start_pulse,
    roles_start,
    start_upkeep,
    start_grades,
    start_control,
};
// clang-format on

static enum status begin(struct running *r, err *e)
{
    enum status st = OK;
    umask(027);
    (void)identity_raise_files();
    for (size_t i = 0; i < ARRAY_LEN(steps) && st == OK; i++)
        st = steps[i](r, e);
    return st;
}

static void serve(struct running *r)
{
    const struct conf_ledger *c = settings_of(r->began, "ledger");
    struct log_quoted q;
    log_event(r->d.log, LOG_LEVEL_INFO, "daemon.ready", "pid=%ld version=%s ledger=%s roles=%zu suppressions=%zu",
              (long)getpid(), r->o->version, log_text(&q, c->path), r->instance_count, table_count(r->d.table));
    notify_send(&r->notify, "READY=1\nSTATUS=%zu roles", r->instance_count);
    event_base_dispatch(r->d.base);
}

/* ---- the end: in the opposite order, with whatever there is ---- */

/* Nothing can be put any more, and everything that was put comes back to roles that are still there. */
static void end_threads(struct running *r)
{
    if (r->d.workers)
        workers_end(r->d.workers);
    if (r->d.post)
        post_run(r->d.post);
    if (r->d.writer)
        writer_end(r->d.writer);
    if (r->d.post)
        post_run(r->d.post);
}

static void free_events(struct running *r)
{
    for (size_t i = 0; i < RUNNING_SIGNALS; i++)
        if (r->signals[i])
            event_free(r->signals[i]);
    if (r->drain_timer)
        event_free(r->drain_timer);
}

static void finish(struct running *r)
{
    sigset_t all;
    sigfillset(&all);
    sigdelset(&all, SIGALRM);
    (void)sigprocmask(SIG_BLOCK, &all, NULL); /* one more SIGTERM makes it no quicker */
    alarm(DAEMON_CLOSE_S); /* a disk that hangs ends us the hard way, which costs nothing that was acknowledged */
    end_threads(r);
    control_close(&r->control);
    upkeep_free(&r->upkeep);
    grades_free(&r->grades);
    roles_close(r);
    pulse_free(&r->pulse);
    runner_free(&r->d.runner);
    reload_free(&r->reload);
    workers_free(&r->d.workers);
    writer_free(&r->d.writer);
    knowledge_box_free(&r->d.knowledge);
    free_events(r);
    post_free(&r->d.post);
    if (r->d.base)
        event_base_free(r->d.base);
    settings_free(&r->reloaded);
    settings_free(&r->began);
    lockfile_close(&r->ledger_lock, false);
    lockfile_close(&r->pid_file, true);
    notify_close(&r->notify);
}

enum status daemon_run(const struct daemon_options *o, err *e)
{
    struct running *r = calloc(1, sizeof *r);
    if (!r) {
        struct settings *s = o->settings;
        settings_free(&s);
        return err_set(e, E_MEMORY, "daemon: out of memory");
    }
    r->o = o;
    r->began = o->settings;
    r->d.settings = o->settings;
    r->d.metrics = &r->metrics;
    r->started_us = clock_wall_us();
    r->pid_file.fd = r->ledger_lock.fd = -1;
    notify_open(&r->notify, o->notify_socket);
    enum status st = begin(r, e);
    if (st == OK)
        serve(r);
    finish(r);
    if (st == OK)
        log_event(r->d.log, LOG_LEVEL_INFO, "daemon.ended", "%s", "");
    log_free(&r->d.log);
    free(r);
    return st;
}
