#include "core/why.h"

#include "core/entry.h"
#include "core/why_words.h"

/* The replay of one address: the fold goes on event by event, and a copy is looked at after each. */
struct replay {
    struct entry *n;
    arena *a;
    struct fold fold;
    struct address_status before, after;
    struct why_step *steps;
    size_t count, room, skip;
    bool refused;
};

static bool look(struct replay *r, int64_t now_us, struct address_status *out)
{
    struct fold f;
    if (!fold_copy(&f, &r->fold, r->a))
        return false;
    fold_finish(&f, &r->n->history.rules, TIME_NONE, now_us, out);
    return true;
}

static slice keep(struct replay *r, slice s)
{
    return arena_dup(r->a, s);
}

static void copy_observation(struct replay *r, struct why_step *w, const struct observation *o)
{
    w->reply = keep(r, o->reply);
    w->status = keep(r, o->status);
    w->rule = keep(r, o->verdict.rule);
    w->provider = keep(r, o->provider);
    w->remote_mta = keep(r, o->remote_mta);
    w->reporting_mta = keep(r, o->reporting_mta);
    w->phase = o->phase;
    w->campaign = keep(r, o->campaign);
    w->feed = keep(r, o->feed);
    w->format = keep(r, o->format);
    w->message_id = keep(r, o->ids[ID_MESSAGE]);
    w->sent_to = keep(r, o->sent_to);
    w->recipient = keep(r, o->recipient);
}

static bool failure_kind(uint8_t kind)
{
    return bounce_kind_final((enum bounce_kind)kind) || bounce_kind_attempt((enum bounce_kind)kind);
}

/* A failure that lies in an incident, or was told by a feed whose breaker is open: it does not count. */
static const struct circumstance *taken_by(const struct replay *r, const struct ledger_event *ev)
{
    const struct policy_event *f = &ev->fold;
    if (ev->what != EVENT_OBSERVED || !failure_kind(f->kind) ||
        bounce_reason_counts((enum bounce_reason)f->reason) == BOUNCE_COUNTS_NEVER)
        return NULL;
    return circumstance_of(&r->n->history.rules, f->time_us, TIME_NONE, (enum bounce_reason)f->reason, f->marks);
}

static struct why_step make_step(struct replay *r, const struct ledger_event *ev, const struct observation *o)
{
    const struct policy_event *f = &ev->fold;
    struct why_step w = {
        .seq = ev->seq,
        .time_us = f->time_us,
        .ingest_us = ev->ingest_us,
        .what = ev->what,
        .kind = (enum bounce_kind)f->kind,
        .reason = (enum bounce_reason)f->reason,
        .class_ = ev->what == EVENT_OBSERVED && failure_kind(f->kind)
                      ? bounce_reason_class((enum bounce_reason)f->reason)
                      : BOUNCE_CLASS_INFO,
        .certainty = f->certainty,
        .trust = (enum trust)f->trust,
        .rules_version = keep(r, ev->rules_version),
        .stream = keep(r, ev->what == EVENT_OBSERVED && o ? o->stream : ev->stream),
        .was = keep(r, ev->was),
        .actor = keep(r, ev->actor),
        .note = keep(r, ev->note),
        .reverified = keep(r, ev->reverified),
        .cause = (enum cause)f->cause,
        .state = r->after.state,
    };
    w.reply = w.status = w.rule = w.provider = w.remote_mta = w.reporting_mta = SLICE_EMPTY;
    w.campaign = w.feed = w.format = w.message_id = w.sent_to = w.recipient = SLICE_EMPTY;
    if (ev->what == EVENT_OBSERVED && o)
        copy_observation(r, &w, o);
    w.decision = why_decision(f, &r->before, &r->after, r->a);
    const struct circumstance *c = taken_by(r, ev);
    if (c && f->trust != TRUST_BARE && !(f->flags & EVENT_TRIED_NOTHING)) {
        w.circumstance = c->id;
        w.decision = why_taken(f, c, r->a);
    }
    return w;
}

static bool take_step(void *ctx, const struct ledger_event *ev, const struct observation *o)
{
    struct replay *r = ctx;
    if (ev->what == EVENT_BASELINE)
        return true;
    r->refused = !fold_step(&r->fold, &r->n->history.rules, &ev->fold, r->a);
    if (r->refused || r->skip > 1) {
        r->skip -= r->skip > 1;
        return !r->refused;
    }
    r->before = r->after;
    r->refused = !look(r, ev->fold.time_us, &r->after);
    if (r->refused)
        return false;
    if (r->skip) { /* the last one left out: only what it left behind matters */
        r->skip = 0;
        return true;
    }
    struct why_step *grown = arena_grow(r->a, r->steps, r->count, &r->room, sizeof(*grown));
    r->refused = !grown;
    if (r->refused)
        return false;
    r->steps = grown;
    r->steps[r->count++] = make_step(r, ev, o);
    return true;
}

static bool count_step(void *ctx, const struct ledger_event *ev, const struct observation *o)
{
    (void)o;
    *(size_t *)ctx += ev->what != EVENT_BASELINE;
    return true;
}

static bool is_held(const struct address_status *s, uint64_t key)
{
    for (size_t i = 0; i < s->held_count; i++)
        if (s->held[i] == key)
            return true;
    return false;
}

struct mark_held {
    struct replay *r;
    const struct address_status *now;
    size_t at;
};

/* Which of the steps wait for review now; the keys are in the events only. */
static bool mark_step(void *ctx, const struct ledger_event *ev, const struct observation *o)
{
    struct mark_held *m = ctx;
    (void)o;
    for (size_t i = 0; i < m->r->count; i++)
        if (m->r->steps[i].seq == ev->seq)
            m->r->steps[i].held = is_held(m->now, ev->fold.key);
    return true;
}

static enum status begin_fold(struct replay *r, err *e)
{
    slice baseline;
    struct history h;
    enum status st = ledger_baseline(r->n->ledger, r->n->row.id, r->a, &baseline, e);
    if (st != OK)
        return st;
    history_init(&h, &r->n->history.rules, r->a);
    if (history_rebuild_from(&h, baseline, NULL, 0) != OK)
        return err_set(e, E_CORRUPT, "%.*s: its baseline cannot be read", SLICE_FMT(r->n->row.address));
    r->fold = h.base;
    return look(r, 0, &r->after) ? OK : err_set(e, E_MEMORY, "why: out of memory");
}

static enum status timeline(struct replay *r, struct why *out, err *e)
{
    size_t total = 0;
    enum status st = begin_fold(r, e);
    if (st == OK)
        st = ledger_events_of(r->n->ledger, r->n->row.id, count_step, &total, e);
    if (st != OK)
        return st;
    out->cut = r->skip = total > WHY_MAX_STEPS ? total - WHY_MAX_STEPS : 0;
    st = ledger_events_of(r->n->ledger, r->n->row.id, take_step, r, e);
    if (st == OK && r->refused)
        st = err_set(e, E_MEMORY, "why: out of memory");
    struct mark_held m = {r, &r->n->status, 0};
    if (st == OK && r->n->status.held_count)
        st = ledger_events_of(r->n->ledger, r->n->row.id, mark_step, &m, e);
    out->steps = r->steps;
    out->step_count = r->count;
    return st;
}

static bool named_before(const struct why *w, int64_t id)
{
    for (size_t i = 0; i < w->around_count; i++)
        if (w->around[i].c.id == id)
            return true;
    return false;
}

/* What the steps name, as rows. */
static enum status read_around(struct replay *r, struct why *out, err *e)
{
    struct ledger_circumstance *list = arena_alloc(r->a, WHY_MAX_AROUND * sizeof(*list));
    if (!list)
        return err_set(e, E_MEMORY, "why: out of memory");
    out->around = list;
    for (size_t i = r->count; i-- > 0 && out->around_count < WHY_MAX_AROUND;) {
        int64_t id = r->steps[i].circumstance;
        if (!id || named_before(out, id))
            continue;
        enum status st = ledger_get_circumstance(r->n->ledger, id, r->a, &list[out->around_count], e);
        if (st != OK)
            return st;
        out->around_count++;
    }
    return OK;
}

static enum status stream_names(struct entry *n, struct why *out, err *e)
{
    slice *names = arena_calloc(n->a, n->status.suppression_count + 1, sizeof(*names));
    if (!names)
        return err_set(e, E_MEMORY, "why: out of memory");
    enum status st = OK;
    for (size_t i = 0; i < n->status.suppression_count && st == OK; i++) {
        const struct suppression *s = &n->status.suppressions[i];
        names[i] = SLICE_EMPTY;
        if (s->scope == SCOPE_STREAM)
            st = entry_stream(n, s->stream, &names[i], e);
    }
    out->streams = names;
    return st;
}

enum status why(struct ledger *l, const struct policy *policy, slice tenant, slice address, int64_t now_us, arena *a,
                struct why *out, err *e)
{
    struct entry n;
    slice key;
    memset(out, 0, sizeof(*out));
    if (!entry_name(address, a, &out->address, &key))
        return err_set(e, E_INVALID, "%.*s: not an address", SLICE_FMT(address));
    enum status st = entry_find(&n, l, policy, tenant, out->address, key, a, e);
    if (st == OK)
        st = entry_settle(&n, now_us, e);
    if (st != OK)
        return st;
    out->known = n.row.id != 0;
    out->stored = n.row;
    out->now = n.status;
    out->changes = why_changes(&n.status, a, &out->change_count);
    struct replay *r = ARENA_NEW(a, struct replay);
    if (!r || a->limited)
        return err_set(e, E_MEMORY, "why: out of memory");
    if (!out->known)
        return OK;
    r->n = &n;
    r->a = a;
    st = stream_names(&n, out, e);
    if (st == OK)
        st = timeline(r, out, e);
    return st == OK ? read_around(r, out, e) : st;
}
