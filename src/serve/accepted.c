#include "serve/accepted.h"

#include <stdlib.h>

#include "bounce/address.h"

/* As it stands behind the "@" of a key: lower-case A-labels. */
static slice domain_key(arena *a, slice domain)
{
    slice key;
    bool below = slice_starts(domain, S("."));
    slice probe = arena_printf(a, "x@%.*s", SLICE_FMT(slice_from(domain, below)));
    if (slice_empty(address_normal(a, probe, &key)))
        return SLICE_EMPTY;
    return below ? arena_printf(a, ".%.*s", SLICE_FMT(address_domain(key))) : address_domain(key);
}

static slice address_key(arena *a, slice address)
{
    slice key;
    return slice_empty(address_normal(a, address, &key)) ? SLICE_EMPTY : key;
}

static enum status take(const struct conf_list *list, slice (*normal)(arena *, slice), const char *what,
                        const char *where, arena *a, const slice **out, err *e)
{
    slice *keys = arena_calloc(a, list->n, sizeof(*keys));
    for (size_t i = 0; keys && i < list->n; i++) {
        keys[i] = normal(a, list->v[i]);
        if (slice_empty(keys[i]) && !a->limited)
            return err_set(e, E_INVALID, "%s: '%.*s' is no %s", where, SLICE_FMT(list->v[i]), what);
    }
    *out = keys;
    return a->limited ? err_set(e, E_MEMORY, "%s: no memory", where) : OK;
}

enum status accepted_new(const struct conf_list *domains, const struct conf_list *addresses, const char *where,
                         struct accepted **out, err *e)
{
    struct accepted *a = calloc(1, sizeof(*a));
    *out = a;
    if (!a)
        return err_set(e, E_MEMORY, "%s: no memory", where);
    arena_init(&a->a, 0);
    a->domain_count = domains->n;
    a->address_count = addresses->n;
    enum status st = take(domains, domain_key, "domain", where, &a->a, &a->domains, e);
    if (st == OK)
        st = take(addresses, address_key, "address", where, &a->a, &a->addresses, e);
    if (st != OK)
        accepted_free(out);
    return st;
}

void accepted_free(struct accepted **accepted)
{
    struct accepted *a = *accepted;
    *accepted = NULL;
    if (!a)
        return;
    arena_fini(&a->a);
    free(a);
}

static bool in_domain(slice domain, slice rule)
{
    if (!slice_starts(rule, S(".")))
        return slice_eq(domain, rule);
    return domain.n > rule.n && slice_eq(slice_from(domain, domain.n - rule.n), rule);
}

bool accepted_has(const struct accepted *a, slice address, arena *scratch)
{
    if (slice_eq_ci(address, S("postmaster")))
        return true;
    slice key = address_key(scratch, address), domain = address_domain(key);
    if (slice_empty(key))
        return false;
    for (size_t i = 0; i < a->domain_count; i++)
        if (in_domain(domain, a->domains[i]))
            return true;
    for (size_t i = 0; i < a->address_count; i++)
        if (slice_eq(key, a->addresses[i]))
            return true;
    return false;
}
