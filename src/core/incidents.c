#include "core/incidents.h"

#include <stdlib.h>

#include "bounce/address.h"
#include "core/outbox.h"

#define PAGES_AT_ONCE 8u /* of work in the transaction that opens or closes one; the rest with the next ones */

struct incidents {
    struct ledger *ledger;
    enum meter_sensitivity sensitivity;
    struct meter_set *set; /* NULL: not read from the ledger yet */
    int64_t open[METER_MOST_OPEN];
    size_t open_count;
    int64_t kept_us;
    int64_t ticked_us;
    int64_t taken_us;             /* by the clock: when the last batch came */
    int64_t now_us;               /* of the call */
    const struct batch_item *fed; /* the one that the meters look at; NULL: time passes */
    bool moved;                   /* an incident opened or closed in this transaction */
    bool work;                    /* addresses wait to be folded anew */
    enum status status;           /* of writing what a meter told */
    err error;
};

static enum status no_memory(err *e)
{
    return err_set(e, E_MEMORY, "incidents: out of memory");
}

/* ---- what meters tell ---- */

static void write_figures(const struct ledger_incident *f, buf *out)
{
    buf_printf(out, "%u of %u messages failed (%.1f %%; normal is up to %.1f %%): %s", f->failed, f->messages,
               f->share_ppm / 1e4, f->normal_ppm / 1e4, meter_signal_text((enum meter_signal)f->signal));
}

static void fill_figures(const struct meter_verdict *v, int64_t id, struct ledger_incident *f)
{
    bool pause = f->pause || v->pause;
    *f = (struct ledger_incident){.id = id,
                                  .signal = (uint8_t)v->signal,
                                  .ending = (uint8_t)v->end,
                                  .pause = pause,
                                  .messages = v->messages,
                                  .failed = v->failed,
                                  .normal_ppm = v->normal_ppm,
                                  .share_ppm = v->share_ppm,
                                  .seen_us = v->seen_us};
}

static enum status put_with_figures(struct incidents *in, struct ledger_circumstance *c, struct ledger_incident *f,
                                    enum outbox_incident what, err *e)
{
    buf note;
    buf_init(&note, 0);
    write_figures(f, &note);
    c->actor = S("bounced");
    c->note = slice_sub(buf_slice(&note), 0, INCIDENTS_NOTE_BYTES);
    enum status st = note.failed ? no_memory(e) : around_put(in->ledger, c, e);
    f->id = c->c.id;
    if (st == OK)
        st = ledger_put_incident(in->ledger, f, e);
    if (st == OK)
        st = outbox_incident(in->ledger, c, f, what, in->now_us, e);
    buf_fini(&note);
    in->moved = in->work = true;
    return st;
}

static enum status put_opened(struct incidents *in, const struct meter_verdict *v, int64_t *id, err *e)
{
    static const enum mark marks[METERS] = {MARK_NONE, MARK_PROVIDER, MARK_TEXT};
    struct ledger_circumstance c = {.c = {.from_us = v->from_us,
                                          .until_us = TIME_NONE,
                                          .reasons = CIRCUMSTANCE_ALL_REASONS,
                                          .what = CIRCUMSTANCE_INCIDENT,
                                          .by = (uint8_t)marks[v->by]},
                                    .tenant = v->tenant,
                                    .made_us = in->now_us};
    if (v->by == METER_DOMAIN)
        c.domain = v->name;
    else
        c.name = v->by == METER_TEXT ? slice_sub(in->fed->text, 0, LEDGER_MAX_REPLY_BYTES) : v->name;
    struct ledger_incident f = {0};
    fill_figures(v, 0, &f);
    enum status st = put_with_figures(in, &c, &f, OUTBOX_INCIDENT_OPENED, e);
    *id = c.c.id;
    if (st == OK && in->open_count < METER_MOST_OPEN)
        in->open[in->open_count++] = c.c.id;
    return st;
}

static void no_longer_open(struct incidents *in, int64_t id)
{
    for (size_t i = 0; i < in->open_count; i++)
        if (in->open[i] == id)
            in->open[i--] = in->open[--in->open_count];
}

static enum status put_over(struct incidents *in, const struct meter_verdict *v, err *e)
{
    struct ledger_circumstance c;
    struct ledger_incident f;
    arena texts;
    arena_init(&texts, 0);
    enum status st = ledger_get_circumstance(in->ledger, v->id, &texts, &c, e);
    if (st == OK && c.c.until_us == TIME_NONE && !c.undone) {
        st = ledger_get_incident(in->ledger, v->id, &f, e);
        if (st == OK || st == E_NOT_FOUND) {
            fill_figures(v, v->id, &f);
            c.c.until_us = v->until_us > c.c.from_us ? v->until_us : c.c.from_us;
            st = put_with_figures(in, &c, &f, OUTBOX_INCIDENT_CLOSED, e);
        }
    }
    no_longer_open(in, v->id);
    arena_fini(&texts);
    return st == E_NOT_FOUND ? OK : st;
}

static int64_t take_verdict(void *ctx, const struct meter_verdict *v)
{
    struct incidents *in = ctx;
    int64_t id = 0;
    if (in->status == OK)
        in->status = v->end == METER_OPEN ? put_opened(in, v, &id, &in->error) : put_over(in, v, &in->error);
    return id;
}

/* ---- the meters and the ledger ---- */

static bool load_row(void *ctx, uint64_t key, slice bytes)
{
    struct incidents *in = ctx;
    (void)meter_set_load(in->set, key, bytes); /* what is none of ours is learned anew */
    return true;
}

static bool note_open(void *ctx, const struct ledger_circumstance *c)
{
    struct incidents *in = ctx;
    in->work |= c->work_seq != 0;
    if (c->c.what == CIRCUMSTANCE_INCIDENT && !c->manual && !c->undone && c->c.until_us == TIME_NONE &&
        in->open_count < METER_MOST_OPEN)
        in->open[in->open_count++] = c->c.id;
    return true;
}

static enum status load(struct incidents *in, err *e)
{
    if (in->set)
        return OK;
    struct meter_options o = {
        .sensitivity = in->sensitivity, .key = ledger_key(in->ledger), .verdict = take_verdict, .ctx = in};
    in->set = meter_set_new(&o);
    if (!in->set)
        return no_memory(e);
    in->open_count = 0;
    in->kept_us = in->taken_us = in->now_us;
    enum status st = ledger_meters(in->ledger, load_row, in, e);
    if (st == OK)
        st = ledger_circumstances(in->ledger, 0, note_open, in, e);
    return st;
}

struct keeping {
    struct incidents *in;
    enum status st;
    err *e;
};

static bool keep_row(void *ctx, uint64_t key, slice bytes)
{
    struct keeping *k = ctx;
    k->st = ledger_put_meter(k->in->ledger, key, bytes, k->in->now_us, k->e);
    return k->st == OK;
}

static enum status keep(struct incidents *in, err *e)
{
    struct keeping k = {in, OK, e};
    (void)meter_set_save(in->set, true, keep_row, &k);
    in->kept_us = in->now_us;
    return k.st == OK ? ledger_drop_meters(in->ledger, in->now_us - INCIDENTS_FORGET_US, e) : k.st;
}

/* Its meter is lost (it was kept by another version): it ends when no meter would have had it open for longer. */
static enum status end_orphan(struct incidents *in, struct ledger_circumstance *c, err *e)
{
    if (in->now_us - c->made_us < METER_LONGEST_US)
        return OK;
    int64_t clock = meter_set_clock(in->set);
    c->c.until_us = clock > c->c.from_us ? clock : c->c.from_us + METER_LONGEST_US;
    in->work = true;
    enum status st = around_put(in->ledger, c, e);
    return st == OK ? outbox_incident(in->ledger, c, NULL, OUTBOX_INCIDENT_CLOSED, in->now_us, e) : st;
}

/* A person closed or undid it, here or in another process: the meter must know. */
static enum status look_at_open(struct incidents *in, err *e)
{
    enum status st = OK;
    arena texts;
    arena_init(&texts, 0);
    for (size_t i = 0; i < in->open_count && st == OK; i++) {
        struct ledger_circumstance c;
        int64_t id = in->open[i];
        st = ledger_get_circumstance(in->ledger, id, &texts, &c, e);
        bool open = st == OK && !c.undone && c.c.until_us == TIME_NONE;
        if (open && !meter_set_has(in->set, id))
            st = end_orphan(in, &c, e);
        if (open)
            continue;
        if (st != OK && st != E_NOT_FOUND)
            break;
        meter_set_release(in->set, id, st == E_NOT_FOUND || c.undone);
        st = OK;
        in->open[i--] = in->open[--in->open_count];
        in->work = true;
    }
    arena_fini(&texts);
    return st;
}

struct incidents *incidents_new(struct ledger *l, enum meter_sensitivity sensitivity)
{
    struct incidents *in = calloc(1, sizeof(*in));
    if (!in)
        return NULL;
    in->ledger = l;
    in->sensitivity = sensitivity;
    return in;
}

void incidents_free(struct incidents **incidents, bool keep_them, int64_t now_us)
{
    struct incidents *in = *incidents;
    err e;
    if (!in)
        return;
    in->now_us = now_us;
    if (in->set && keep_them && ledger_begin(in->ledger, &e) == OK &&
        (keep(in, &e) != OK || ledger_commit(in->ledger, &e) != OK))
        ledger_abort(in->ledger);
    meter_set_free(&in->set);
    free(in);
    *incidents = NULL;
}

void incidents_forget(struct incidents *in)
{
    meter_set_free(&in->set);
    in->open_count = 0;
    in->moved = false;
    in->status = OK;
}

/* ---- what the intake commits ---- */

static uint64_t who(const struct incidents *in, const struct batch_item *item)
{
    const struct sip_key *key = ledger_key(in->ledger);
    uint64_t tenant = slice_empty(item->o->tenant) ? 0 : sip_hash(key, item->o->tenant);
    return sip_hash(key, item->key) ^ tenant;
}

static void feed(struct incidents *in, const struct batch *b, const struct batch_item *item)
{
    const struct observation *o = item->o;
    bool failure = bounce_kind_final(o->kind) || bounce_kind_attempt(o->kind);
    if (o->trust == TRUST_BARE || (!failure && o->kind != BOUNCE_KIND_DELIVERED && o->kind != BOUNCE_KIND_RELAYED))
        return;
    struct meter_event ev = {.time_us = item->fold.time_us < b->now_us ? item->fold.time_us : b->now_us,
                             .tenant = o->tenant,
                             .domain = address_domain(item->key),
                             .provider = o->provider,
                             .text = item->fold.marks[MARK_TEXT],
                             .who = failure ? who(in, item) : 0,
                             .kind = o->kind,
                             .reason = o->verdict.reason,
                             .tried_nothing = o->tried_nothing,
                             .knew_us = item->knew_us};
    in->fed = item;
    meter_set_feed(in->set, &ev);
}

static enum status do_work(struct incidents *in, const struct policy *policy, unsigned pages, around_fn each, void *ctx,
                           err *e)
{
    struct around_counts counts = {0};
    enum status st = OK;
    for (unsigned i = 0; i < pages && in->work && st == OK; i++)
        st = around_some(in->ledger, policy, in->now_us, each, ctx, &counts, &in->work, e);
    return st;
}

/* What follows from what the meters told. */
static enum status follow_up(struct incidents *in, const struct policy *policy, around_fn each, void *ctx, err *e)
{
    enum status st = in->status;
    if (st != OK)
        *e = in->error;
    bool moved = in->moved;
    in->moved = false;
    if (st == OK && in->work)
        st = do_work(in, policy, moved ? PAGES_AT_ONCE : 1, each, ctx, e);
    if (st == OK && (moved || in->now_us - in->kept_us >= INCIDENTS_KEEP_US))
        st = keep(in, e);
    return st;
}

enum status incidents_take(struct incidents *in, const struct batch *b, around_fn each, void *ctx, err *e)
{
    in->now_us = b->now_us;
    enum status st = b->item_count ? load(in, e) : OK;
    if (st != OK || !in->set)
        return st;
    st = look_at_open(in, e);
    if (b->item_count)
        in->taken_us = b->now_us;
    for (size_t i = 0; i < b->item_count && st == OK && in->status == OK; i++)
        feed(in, b, &b->items[i]);
    in->fed = NULL;
    return st == OK ? follow_up(in, b->policy, each, ctx, e) : st;
}

static enum status pass_time(struct incidents *in, const struct policy *policy, err *e)
{
    enum status st = ledger_begin(in->ledger, e);
    if (st == OK)
        st = look_at_open(in, e);
    if (st == OK)
        meter_set_tick(in->set, meter_set_clock(in->set) + in->now_us - in->taken_us);
    if (st == OK)
        st = follow_up(in, policy, NULL, NULL, e);
    if (st == OK)
        st = ledger_commit(in->ledger, e);
    if (st != OK) {
        ledger_abort(in->ledger);
        incidents_forget(in);
    }
    return st;
}

enum status incidents_tick(struct incidents *in, const struct policy *policy, int64_t now_us, err *e)
{
    bool again = now_us - in->ticked_us >= TIME_MINUTE || now_us < in->ticked_us;
    in->now_us = now_us;
    if (!again)
        return OK;
    in->ticked_us = now_us;
    enum status st = load(in, e);
    if (st != OK || (!in->open_count && !in->work) || meter_set_clock(in->set) == TIME_NONE ||
        now_us - in->taken_us < INCIDENTS_IDLE_US)
        return st;
    return pass_time(in, policy, e);
}

size_t incidents_open(const struct incidents *in)
{
    return in->open_count;
}
