#include "serve/knowledge.h"

#include <pthread.h>
#include <stdlib.h>

struct knowledge_box {
    pthread_mutex_t lock;
    struct knowledge *present;
};

struct knowledge *knowledge_new(void)
{
    struct knowledge *k = calloc(1, sizeof *k);
    if (!k)
        return NULL;
    arena_init(&k->a, 0);
    policy_init(&k->policy);
    atomic_init(&k->holders, 1);
    return k;
}

/* Holding changes the count only, which is no part of what is known. */
static struct knowledge *counted(const struct knowledge *k)
{
    return (struct knowledge *)(uintptr_t)k;
}

const struct knowledge *knowledge_keep(const struct knowledge *k)
{
    atomic_fetch_add(&counted(k)->holders, 1);
    return k;
}

void knowledge_release(const struct knowledge **held)
{
    struct knowledge *k = counted(*held);
    *held = NULL;
    if (!k || atomic_fetch_sub(&k->holders, 1) != 1)
        return;
    if (k->rules)
        bounce_rules_free(&k->rules);
    arena_fini(&k->a);
    free(k);
}

enum status knowledge_box_new(struct knowledge *first, struct knowledge_box **out, err *e)
{
    struct knowledge_box *b = calloc(1, sizeof *b);
    *out = b;
    if (!b) {
        const struct knowledge *mine = first;
        knowledge_release(&mine);
        return err_set(e, E_MEMORY, "rules: out of memory");
    }
    pthread_mutex_init(&b->lock, NULL);
    b->present = first;
    return OK;
}

void knowledge_box_free(struct knowledge_box **box)
{
    struct knowledge_box *b = *box;
    if (!b)
        return;
    const struct knowledge *last = b->present;
    knowledge_release(&last);
    pthread_mutex_destroy(&b->lock);
    free(b);
    *box = NULL;
}

void knowledge_swap(struct knowledge_box *b, struct knowledge *k)
{
    pthread_mutex_lock(&b->lock);
    const struct knowledge *old = b->present;
    b->present = k;
    pthread_mutex_unlock(&b->lock);
    knowledge_release(&old);
}

const struct knowledge *knowledge_hold(struct knowledge_box *b)
{
    pthread_mutex_lock(&b->lock);
    const struct knowledge *k = knowledge_keep(b->present);
    pthread_mutex_unlock(&b->lock);
    return k;
}
