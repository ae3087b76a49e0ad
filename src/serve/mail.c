#include "serve/mail.h"

#include "bounce/header.h"
#include "bounce/verp.h"
#include "core/report.h"

static struct mail *of_job(struct job *j)
{
    return (struct mail *)(void *)((char *)j - offsetof(struct mail, job));
}

static struct mail *of_unit(struct unit *u)
{
    return (struct mail *)(void *)((char *)u - offsetof(struct mail, unit));
}

static void fail(struct mail *m, enum status st)
{
    m->fate = MAIL_FAILED;
    m->status = st;
}

/* ---- on a worker ---- */

/* RFC 5321 6.3. */
static bool has_looped(const struct mail *m, arena *scratch)
{
    slice rest = m->bytes;
    struct header h;
    size_t hops = 0;
    bool whole = header_read(&rest, scratch, &h);
    (void)whole; /* what was read of it counts */
    for (size_t i = 0; i < h.n; i++)
        hops += slice_eq_ci(h.fields[i].name, S("Received"));
    return m->source->max_hops && hops > m->source->max_hops;
}

/* The envelope says where the mail came to; its own fields are what others wrote. */
static void take_envelope(const struct mail *m, arena *a, struct bounce_result *r)
{
    for (size_t i = 0; i < m->recipient_count; i++) {
        slice path = verp_unwrap(a, m->recipients[i]);
        slice token = verp_token(path), recipient = verp_recipient(a, path);
        if (slice_empty(token) && slice_empty(recipient))
            continue;
        r->delivered_to = m->recipients[i];
        r->verp_token = slice_empty(token) ? r->verp_token : token;
        r->verp_recipient = slice_empty(recipient) ? r->verp_recipient : recipient;
        return;
    }
}

struct lookup {
    struct ledger *ledger;
    enum status status; /* of the first one that failed */
    err *error;
};

static slice opaque_recipient(void *ctx, slice tenant, slice id, arena *a)
{
    struct lookup *l = ctx;
    slice key;
    err e;
    enum status st = ledger_get_opaque(l->ledger, tenant, id, a, &key, &e);
    if (st == OK)
        return key;
    if (l->status == OK) {
        l->status = st;
        *l->error = e;
    }
    return SLICE_EMPTY;
}

static bool names_somebody(const struct observation *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (slice_empty(list[i].recipient) && slice_empty(list[i].sent_to))
            return false;
    return n > 0;
}

/* The observations, into the unit. False: memory or the ledger failed, see m->status. */
static bool observe(struct mail *m, const struct worker *w, const struct bounce_result *r)
{
    const struct mail_source *s = m->source;
    struct lookup lookup = {.ledger = w->ledger, .status = OK, .error = &m->error};
    struct report_context c = {
        .tenant = s->tenant,
        .stream = s->stream,
        .campaign = s->campaign,
        .source = s->source,
        .feed = s->feed,
        .verp_keys = w->knowledge->verp_keys,
        .verp_key_count = w->knowledge->verp_key_count,
        .verp_max_days = w->knowledge->verp_max_days,
        .opaque = opaque_recipient,
        .opaque_ctx = &lookup,
        .now_us = w->now_us,
        .vouched = s->vouched,
    };
    struct observation *list;
    if (!report_observations(r, m->bytes, &c, &m->a, &list, &m->reports)) {
        fail(m, err_set(&m->error, E_MEMORY, "a mail of %zu bytes: no memory for its reports", m->bytes.n));
        return false;
    }
    if (lookup.status != OK) {
        fail(m, lookup.status); /* not to know whose return path it is would be to hold a proven report */
        return false;
    }
    m->unit.observations = list;
    m->unit.count = m->reports;
    return true;
}

static void set_aside(struct mail *m, int64_t now_us)
{
    const struct aside_envelope v = {m->sender, m->recipients, m->recipient_count};
    enum status st = m->source->aside ? aside_put(m->source->aside, &v, m->bytes, now_us, &m->error) : OK;
    m->fate = MAIL_ASIDE;
    if (st != OK)
        fail(m, st);
}

static void run(struct job *j, struct worker *w)
{
    struct mail *m = of_job(j);
    struct bounce_result r;
    if (has_looped(m, w->a)) {
        m->fate = MAIL_LOOPED;
        return;
    }
    bool whole = bounce_read(w->reader, m->bytes, NULL, &m->a, &r) == BOUNCE_OK;
    take_envelope(m, &m->a, &r);
    if (!observe(m, w, &r))
        return;
    if (!whole || !names_somebody(m->unit.observations, m->unit.count))
        set_aside(m, w->now_us);
    if (m->unit.count && m->fate != MAIL_FAILED) {
        m->fate = MAIL_COMMITTED;
        m->unit.knowledge = knowledge_keep(w->knowledge);
    }
}

/* ---- on the loop ---- */

static void committed(struct unit *u)
{
    struct mail *m = of_unit(u);
    if (u->status != OK) {
        m->error = u->error;
        fail(m, u->status);
    }
    m->done(m);
}

static void read_and_judged(struct job *j)
{
    struct mail *m = of_job(j);
    if (m->fate == MAIL_COMMITTED) {
        if (writer_put(m->daemon->writer, &m->unit) == OK)
            return;
        knowledge_release(&m->unit.knowledge);
        fail(m, err_set(&m->error, E_BUSY, "too much waits to be written"));
    }
    m->done(m);
}

enum status mail_put(struct daemon *d, struct mail *m)
{
    m->daemon = d;
    m->fate = MAIL_COMMITTED;
    m->status = OK;
    m->reports = 0;
    m->job = (struct job){.run = run, .done = read_and_judged};
    m->unit = (struct unit){.done = committed};
    arena_init(&m->a, MAIL_MAX_ARENA_BYTES);
    return workers_put(d->workers, &m->job);
}

void mail_fini(struct mail *m)
{
    arena_fini(&m->a);
}
