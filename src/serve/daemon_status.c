#include <unistd.h>

#include "serve/conf.h"
#include "serve/running.h"

static struct running *running_of(struct daemon *d)
{
    return (struct running *)(void *)d;
}

static void status_process(struct running *r, struct jsonw *j)
{
    int64_t now_us = daemon_now(&r->d);
    jsonw_kstr(j, "state", r->d.draining ? S("draining") : S("running"));
    jsonw_kstr(j, "version", slice_str(r->o->version));
    jsonw_ki64(j, "pid", getpid());
    jsonw_ktime_opt(j, "started", r->started_us);
    jsonw_ki64(j, "up_s", (now_us - r->started_us) / TIME_SECOND);
    jsonw_kstr(j, "settings", r->began->path);
    jsonw_ki64(j, "loop_lag_us", (int64_t)metric_get(&r->metrics, METRIC_loop_lag));
    jsonw_ki64(j, "loop_lag_max_us", (int64_t)metric_get(&r->metrics, METRIC_loop_lag_max));
    jsonw_ki64(j, "clock_steps", (int64_t)metric_get(&r->metrics, METRIC_clock_steps));
}

static void add_restart(void *ctx, unsigned line, slice what)
{
    (void)line;
    jsonw_str(ctx, what);
}

/* What a reload could not bring into force. */
static void status_restart(struct running *r, struct jsonw *j)
{
    jsonw_key(j, "restart");
    jsonw_array(j);
    if (r->d.settings != r->began)
        settings_restart(r->began, r->d.settings, add_restart, j);
    jsonw_end_array(j);
}

static void status_rules(struct running *r, struct jsonw *j)
{
    const struct knowledge *k = knowledge_hold(r->d.knowledge);
    jsonw_kstr(j, "rules", bounce_rules_version(k->rules));
    jsonw_ki64(j, "keys", (int64_t)k->verp_key_count);
    knowledge_release(&k);
}

static void status_ledger(struct running *r, struct jsonw *j)
{
    const struct conf_ledger *c = settings_of(r->began, "ledger");
    struct writer_counts w;
    writer_counts(r->d.writer, &w);
    jsonw_key(j, "ledger");
    jsonw_object(j);
    jsonw_kstr(j, "path", c->path);
    jsonw_kstr(j, "state", slice_str(w.state == OK ? "ok" : status_word(w.state)));
    jsonw_ki64(j, "suppressions", (int64_t)w.suppressions);
    jsonw_ki64(j, "incidents", (int64_t)w.incidents);
    jsonw_ki64(j, "commits", (int64_t)w.commits);
    jsonw_ki64(j, "failures", (int64_t)w.failures);
    jsonw_ki64(j, "last_commit_us", (int64_t)w.last_commit_us);
    jsonw_ki64(j, "observations", (int64_t)w.intake.observations);
    jsonw_ki64(j, "events", (int64_t)w.intake.events);
    jsonw_ki64(j, "repeats", (int64_t)w.intake.repeats);
    jsonw_ki64(j, "waiting", (int64_t)w.waiting);
    jsonw_ki64(j, "jobs_waiting", (int64_t)workers_waiting(r->d.workers));
    jsonw_end_object(j);
}

static void status_roles(struct running *r, struct jsonw *j)
{
    jsonw_key(j, "roles");
    jsonw_array(j);
    for (size_t k = 0; k < r->instance_count; k++) {
        const struct instance *i = &r->instances[k];
        jsonw_object(j);
        jsonw_kstr(j, "role", slice_str(i->role->name));
        jsonw_kstr_opt(j, "name", i->section->name);
        if (i->role->status)
            i->role->status(i->self, j);
        jsonw_end_object(j);
    }
    jsonw_end_array(j);
}

void daemon_status(struct daemon *d, buf *out)
{
    struct running *r = running_of(d);
    struct jsonw j;
    jsonw_init(&j, out);
    jsonw_object(&j);
    status_process(r, &j);
    status_rules(r, &j);
    status_restart(r, &j);
    status_ledger(r, &j);
    status_roles(r, &j);
    jsonw_end_object(&j);
    buf_addc(out, '\n');
}

/* What others keep goes into the table when somebody asks. */
static void take_counts(struct running *r)
{
    struct writer_counts w;
    writer_counts(r->d.writer, &w);
    const struct {
        enum metric which;
        uint64_t value;
    } rows[] = {
        {METRIC_commits, w.commits},
        {METRIC_commit_time, w.commit_us},
        {METRIC_commit_last, w.last_commit_us},
        {METRIC_units, w.units},
        {METRIC_unit_failures, w.failures},
        {METRIC_observations, w.intake.observations},
        {METRIC_events, w.intake.events},
        {METRIC_repeats, w.intake.repeats},
        {METRIC_suppressed, w.intake.suppressed},
        {METRIC_lifted, w.intake.lifted},
        {METRIC_writer_waiting, w.waiting},
        {METRIC_writer_failing, w.state != OK},
        {METRIC_workers_waiting, workers_waiting(r->d.workers)},
        {METRIC_suppressions, w.suppressions},
        {METRIC_incidents, w.incidents},
        {METRIC_log_lost, log_lost(r->d.log)},
        {METRIC_started, (uint64_t)(r->started_us / TIME_SECOND)},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        metric_set(&r->metrics, rows[i].which, rows[i].value);
}

void daemon_metrics(struct daemon *d, buf *out)
{
    struct running *r = running_of(d);
    buf lines;
    buf_init(&lines, 0);
    take_counts(r);
    metrics_print(&r->metrics, out);
    for (size_t k = 0; k < r->instance_count; k++)
        if (r->instances[k].role->metrics)
            r->instances[k].role->metrics(r->instances[k].self, &lines);
    grades_metrics(r->grades, &lines);
    metrics_group(buf_slice(&lines), out);
    buf_fini(&lines);
}
