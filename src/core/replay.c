#include "core/replay.h"

#include <stdlib.h>

#include "base/map.h"
#include "bounce/observation.h"
#include "core/replay_mail.h"

struct run {
    struct ledger *ledger;
    const struct replay_options *o;
    struct replay *out;
    arena *a;      /* what is told */
    arena address; /* of one address */
    map domains;   /* to struct replay_domain */
    struct replay_domain *other;
    enum status status;
    err *e;
};

/* One address under both policies. */
struct both {
    const struct ledger_address *row;
    struct fold_rules rules[REPLAY_SIDES];
    struct timeline timeline[REPLAY_SIDES];
    struct replay_mail mail;
    /* what its messages say, by the policy that stopped the address when they were sent */
    uint64_t delivered[REPLAY_SIDES], failed[REPLAY_SIDES];
    uint64_t only_delivered, only_failed; /* where one of the policies did and the other did not */
    uint64_t in_vain[REPLAY_SIDES];       /* failed where the other one would have stopped it, and this one did not */
    const struct stopped *wrong[REPLAY_SIDES];
    const struct stopped *now[REPLAY_SIDES];
};

const char *replay_change_word(enum replay_change c)
{
    static const char *const words[] = {"suppressed", "freed"};
    return c < REPLAY_CHANGES ? words[c] : "";
}

const char *replay_proof_word(enum replay_proof p)
{
    static const char *const words[] = {"unproven", "delivered", "failed"};
    return p <= REPLAY_FAILED ? words[p] : "";
}

static enum status no_memory(err *e)
{
    return err_set(e, E_MEMORY, "replay: out of memory");
}

/* ---- what the messages say ---- */

static void judge_message(struct both *b, const struct replay_message *m)
{
    const struct stopped *by[REPLAY_SIDES];
    for (unsigned s = 0; s < REPLAY_SIDES; s++) {
        by[s] = timeline_at(&b->timeline[s], m->sent_us, m->stream);
        b->delivered[s] += by[s] && m->delivered;
        b->failed[s] += by[s] && m->counts;
        if (by[s] && m->delivered && !b->wrong[s])
            b->wrong[s] = by[s];
    }
    if (!by[REPLAY_IS] == !by[REPLAY_IF])
        return;
    b->only_delivered += m->delivered;
    b->only_failed += m->counts;
    b->in_vain[by[REPLAY_IS] ? REPLAY_IF : REPLAY_IS] += m->counts;
}

static void judge_messages(struct both *b, int64_t since_us)
{
    for (size_t i = 0; i < b->mail.n; i++)
        if (since_us == TIME_NONE || b->mail.list[i].sent_us >= since_us)
            judge_message(b, &b->mail.list[i]);
}

static bool ever(const struct timeline *t, int64_t since_us)
{
    for (size_t i = 0; i < t->n; i++)
        if (since_us == TIME_NONE || t->spans[i].until_us == TIME_NONE || t->spans[i].until_us > since_us)
            return true;
    return false;
}

static const struct stopped *still_open(const struct timeline *t)
{
    for (size_t i = 0; i < t->n; i++)
        if (t->spans[i].until_us == TIME_NONE)
            return &t->spans[i];
    return NULL;
}

static void score(struct replay_score *to, const struct both *b, enum replay_side s, int64_t since_us)
{
    enum replay_side other = s == REPLAY_IS ? REPLAY_IF : REPLAY_IS;
    if (b->now[s]) {
        to->stopped++;
        to->by_reason[b->now[s]->reason]++;
    }
    bool was = ever(&b->timeline[s], since_us);
    to->ever += was;
    to->lost += b->delivered[s];
    to->spared += b->failed[s];
    if (b->wrong[s]) {
        to->wrong++;
        to->wrong_by_reason[b->wrong[s]->reason]++;
    } else if (b->failed[s]) {
        to->right++;
    } else if (was) {
        to->unproven++;
    }
    if (b->in_vain[s] && !b->wrong[other]) {
        to->missed++;
        to->in_vain += b->in_vain[s];
    }
}

/* ---- what is different now ---- */

static struct replay_domain *domain_of(struct run *r, slice domain)
{
    struct replay_domain *d = map_get(&r->domains, domain);
    if (d)
        return d;
    bool full = r->domains.n >= REPLAY_MAX_DOMAINS;
    if (full && r->other)
        return r->other;
    d = ARENA_NEW(r->a, struct replay_domain);
    if (!d)
        return NULL;
    d->domain = full ? SLICE_EMPTY : arena_dup(r->a, domain);
    if (full) {
        r->other = d;
        return d;
    }
    void **place = map_put(&r->domains, d->domain);
    if (!place)
        return NULL;
    *place = d;
    return d;
}

static enum replay_proof proof_of(const struct both *b)
{
    return b->only_delivered ? REPLAY_DELIVERED : b->only_failed ? REPLAY_FAILED : REPLAY_UNPROVEN;
}

/* The place for one more: behind the others, or that of one which later mail proved nothing about. */
static struct replay_example *example_place(struct run *r, enum replay_change c, enum replay_proof proof)
{
    size_t most = r->o->examples < REPLAY_MAX_EXAMPLES ? r->o->examples : REPLAY_MAX_EXAMPLES;
    if (r->out->example_count[c] < most)
        return &r->out->examples[c][r->out->example_count[c]++];
    for (size_t i = 0; proof != REPLAY_UNPROVEN && i < most; i++)
        if (r->out->examples[c][i].proof == REPLAY_UNPROVEN)
            return &r->out->examples[c][i];
    return NULL;
}

static void add_example(struct run *r, const struct both *b, enum replay_change c, const struct stopped *span)
{
    enum replay_proof proof = proof_of(b);
    struct replay_example *x = example_place(r, c, proof);
    if (!x)
        return;
    *x = (struct replay_example){
        .tenant = arena_dup(r->a, b->row->tenant),
        .address = arena_dup(r->a, slice_empty(b->row->address) ? b->row->key : b->row->address),
        .reason = span->reason,
        .cause = span->cause,
        .since_us = span->from_us,
        .proof = proof,
        .messages = proof == REPLAY_DELIVERED ? b->only_delivered : b->only_failed,
    };
}

static enum status tell_change(struct run *r, const struct both *b)
{
    if (!b->now[REPLAY_IS] == !b->now[REPLAY_IF])
        return OK;
    enum replay_change c = b->now[REPLAY_IF] ? REPLAY_SUPPRESSED : REPLAY_FREED;
    const struct stopped *span = b->now[b->now[REPLAY_IF] ? REPLAY_IF : REPLAY_IS];
    struct replay_domain *d = domain_of(r, b->row->domain);
    if (!d)
        return no_memory(r->e);
    d->changed[c]++;
    r->out->changed[c]++;
    r->out->changed_by_reason[c][span->reason]++;
    r->out->changed_by_proof[c][proof_of(b)]++;
    add_example(r, b, c, span);
    return r->a->limited ? no_memory(r->e) : OK;
}

/* ---- one address ---- */

/* Nothing but mail that arrived stops nobody, under any policy. */
static bool may_be_stopped(const struct ledger_folds *f)
{
    if (!slice_empty(f->baseline))
        return true;
    for (size_t i = 0; i < f->n; i++) {
        enum bounce_kind kind = (enum bounce_kind)f->events[i].kind;
        if (f->events[i].what != EVENT_OBSERVED || bounce_kind_final(kind) || bounce_kind_attempt(kind))
            return true;
    }
    return false;
}

static enum status fold_side(struct run *r, struct both *b, const struct ledger_folds *f, size_t n, enum replay_side s)
{
    struct history h;
    struct history_env env = {TIME_NONE};
    enum status st = ledger_get_domain(r->ledger, b->row->tenant, b->row->domain, &env.domain_delivered_us, r->e);
    if (st != OK)
        return st;
    history_init(&h, &b->rules[s], &r->address);
    st = history_rebuild_from(&h, f->baseline, NULL, 0);
    if (st != OK)
        return err_set(r->e, st, "%.*s: its baseline cannot be read", SLICE_FMT(b->row->key));
    bool ok = timeline_make(&h.base, f->events, n, &b->rules[s], &env, r->o->now_us, &r->address, &b->timeline[s]);
    b->now[s] = still_open(&b->timeline[s]);
    return ok ? OK : no_memory(r->e);
}

static enum status gather_mail(struct run *r, struct both *b, const struct policy_event *events, size_t n)
{
    bool ok = true;
    replay_mail_begin(&b->mail, &b->rules[REPLAY_IS], &r->address);
    for (size_t i = 0; ok && i < n; i++)
        ok = replay_mail_add(&b->mail, &events[i]);
    return ok && replay_mail_end(&b->mail) ? OK : no_memory(r->e);
}

static enum status both_rules(struct run *r, struct both *b)
{
    const struct circumstance *around;
    size_t count;
    enum status st = ledger_around(r->ledger, b->row->tenant, b->row->domain, &r->address, &around, &count, r->e);
    for (unsigned s = 0; s < REPLAY_SIDES; s++)
        b->rules[s] = (struct fold_rules){
            .policy = policy_of_tenant(r->o->policy[s], b->row->tenant), .around = around, .around_count = count};
    return st;
}

static enum status compare(struct run *r, const struct ledger_folds *f)
{
    arena_reset(&r->address);
    struct both *b = ARENA_NEW(&r->address, struct both);
    if (!b)
        return no_memory(r->e);
    b->row = f->row;
    size_t n = history_tidy(f->events, f->n);
    enum status st = both_rules(r, b);
    for (unsigned s = 0; st == OK && s < REPLAY_SIDES; s++)
        st = fold_side(r, b, f, n, (enum replay_side)s);
    if (st == OK && (b->timeline[REPLAY_IS].n || b->timeline[REPLAY_IF].n))
        st = gather_mail(r, b, f->events, n);
    if (st != OK)
        return st;
    judge_messages(b, r->o->since_us);
    for (unsigned s = 0; s < REPLAY_SIDES; s++)
        score(&r->out->score[s], b, (enum replay_side)s, r->o->since_us);
    return tell_change(r, b);
}

static bool one_address(void *ctx, const struct ledger_folds *f)
{
    struct run *r = ctx;
    if (f->row->cause == CAUSE_ERASED)
        return true;
    r->out->addresses++;
    r->out->events += f->n;
    if (may_be_stopped(f))
        r->status = compare(r, f);
    return r->status == OK;
}

/* ---- the whole ---- */

static int by_changes(const void *x, const void *y)
{
    const struct replay_domain *a = x, *b = y;
    uint64_t na = a->changed[REPLAY_SUPPRESSED] + a->changed[REPLAY_FREED];
    uint64_t nb = b->changed[REPLAY_SUPPRESSED] + b->changed[REPLAY_FREED];
    return na != nb ? (na < nb ? 1 : -1) : slice_cmp(a->domain, b->domain);
}

static enum status list_domains(struct run *r)
{
    size_t at = 0, n = r->domains.n + (r->other ? 1 : 0);
    struct replay_domain *list = n ? arena_calloc(r->a, n, sizeof(*list)) : NULL;
    if (n && !list)
        return no_memory(r->e);
    r->out->domains = list;
    for (struct map_slot *s; (s = map_next(&r->domains, &at)) != NULL;)
        list[r->out->domain_count++] = *(struct replay_domain *)s->value;
    if (r->other)
        list[r->out->domain_count++] = *r->other;
    if (n)
        qsort(list, n, sizeof(*list), by_changes);
    return OK;
}

/* What is proven first, the strongest proof before weaker ones. */
static int by_proof(const void *x, const void *y)
{
    const struct replay_example *a = x, *b = y;
    if ((a->proof == REPLAY_UNPROVEN) != (b->proof == REPLAY_UNPROVEN))
        return a->proof == REPLAY_UNPROVEN ? 1 : -1;
    if (a->messages != b->messages)
        return a->messages < b->messages ? 1 : -1;
    return slice_cmp(a->address, b->address);
}

static void order_examples(struct replay *out)
{
    for (unsigned c = 0; c < REPLAY_CHANGES; c++)
        qsort(out->examples[c], out->example_count[c], sizeof(out->examples[c][0]), by_proof);
}

enum status replay_run(struct ledger *l, const struct replay_options *o, arena *a, struct replay *out, err *e)
{
    struct run r = {.ledger = l, .o = o, .out = out, .a = a, .e = e};
    memset(out, 0, sizeof(*out));
    arena_init(&r.address, 0);
    map_init(&r.domains, ledger_key(l));
    enum status st = ledger_walk_folds(l, o->tenant, 0, one_address, &r, e);
    if (st == OK)
        st = r.status;
    if (st == OK)
        st = list_domains(&r);
    order_examples(out);
    map_fini(&r.domains);
    arena_fini(&r.address);
    return st;
}
