#include "serve/pauses.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "bounce/address.h"
#include "core/receiver.h"

struct pause {
    slice tenant, name;
    bool provider;
};

struct pauses {
    pthread_mutex_t lock; /* of the list, not of the count */
    atomic_size_t n;
    struct pause list[PAUSES_MOST];
    arena texts;
};

struct pauses *pauses_new(void)
{
    struct pauses *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    pthread_mutex_init(&p->lock, NULL);
    arena_init(&p->texts, 0);
    return p;
}

void pauses_free(struct pauses **pauses)
{
    struct pauses *p = *pauses;
    if (!p)
        return;
    pthread_mutex_destroy(&p->lock);
    arena_fini(&p->texts);
    free(p);
    *pauses = NULL;
}

/* ---- reading the ledger ---- */

struct follow {
    struct ledger *ledger;
    struct pause list[PAUSES_MOST];
    size_t n;
    arena texts;
    enum status status;
    err *e;
};

static bool take(void *ctx, const struct ledger_circumstance *c)
{
    struct follow *f = ctx;
    struct ledger_incident figures;
    bool open = c->c.what == CIRCUMSTANCE_INCIDENT && !c->undone && c->c.until_us == TIME_NONE;
    if (!open || (c->c.by != MARK_NONE && c->c.by != MARK_PROVIDER))
        return true;
    enum status st = ledger_get_incident(f->ledger, c->c.id, &figures, f->e);
    f->status = st == E_NOT_FOUND ? OK : st;
    if (st == OK && figures.pause)
        f->list[f->n++] = (struct pause){arena_dup(&f->texts, c->tenant),
                                         arena_dup(&f->texts, slice_empty(c->domain) ? c->name : c->domain),
                                         c->c.by == MARK_PROVIDER};
    return f->status == OK && f->n < PAUSES_MOST;
}

static void publish(struct pauses *p, const struct follow *f)
{
    pthread_mutex_lock(&p->lock);
    arena old = p->texts;
    memcpy(p->list, f->list, f->n * sizeof p->list[0]);
    p->texts = f->texts;
    atomic_store(&p->n, f->n);
    pthread_mutex_unlock(&p->lock);
    arena_fini(&old);
}

enum status pauses_follow(struct pauses *p, struct ledger *l, bool defer, err *e)
{
    if (!defer && !atomic_load(&p->n))
        return OK;
    struct follow *f = calloc(1, sizeof *f);
    if (!f)
        return err_set(e, E_MEMORY, "pauses: out of memory");
    f->ledger = l;
    f->e = e;
    arena_init(&f->texts, 0);
    enum status st = defer ? ledger_circumstances(l, PAUSES_LOOK_AT, take, f, e) : OK;
    if (st == OK)
        st = f->status;
    if (st == OK && f->texts.limited)
        st = err_set(e, E_MEMORY, "pauses: out of memory");
    if (st == OK)
        publish(p, f);
    else
        arena_fini(&f->texts);
    free(f);
    return st;
}

/* ---- asking ---- */

static slice provider_of(const struct bounce_rules *rules, slice key, arena *a)
{
    struct observation o = {.kind = BOUNCE_KIND_DELIVERED, .recipient = key, .trust = TRUST_PROVEN};
    return rules ? receiver_of(rules, &o, a) : SLICE_EMPTY;
}

static bool has(const struct pauses *p, slice tenant, slice domain, slice provider)
{
    for (size_t i = 0, n = atomic_load(&p->n); i < n; i++) {
        const struct pause *one = &p->list[i];
        if ((slice_empty(one->tenant) || slice_eq(one->tenant, tenant)) &&
            slice_eq(one->name, one->provider ? provider : domain))
            return true;
    }
    return false;
}

bool pauses_has(struct pauses *p, const struct bounce_rules *rules, slice tenant, slice key)
{
    arena a;
    if (!atomic_load(&p->n))
        return false;
    arena_init(&a, 0);
    slice domain = address_domain(key), provider = provider_of(rules, key, &a);
    pthread_mutex_lock(&p->lock);
    bool found = has(p, tenant, domain, provider);
    pthread_mutex_unlock(&p->lock);
    arena_fini(&a);
    return found;
}

bool pauses_has_now(struct pauses *p, struct knowledge_box *knowledge, slice tenant, slice key)
{
    if (!p || !atomic_load(&p->n))
        return false;
    const struct knowledge *k = knowledge ? knowledge_hold(knowledge) : NULL;
    bool found = pauses_has(p, k ? k->rules : NULL, tenant, key);
    if (k)
        knowledge_release(&k);
    return found;
}

size_t pauses_count(const struct pauses *p)
{
    return atomic_load(&p->n);
}
