#include <stdlib.h>

#include "serve/roles.h"
#include "serve/running.h"

static size_t count_instances(const struct settings *s)
{
    size_t n = 0;
    for (const struct role *const *role = roles; *role; role++)
        for (const struct section *at = NULL; (at = settings_next(s, (*role)->section, at)) != NULL;)
            n += at->line > 0; /* a single section that is not in the file makes no instance */
    return n;
}

/* "[feed mail]: " in front of what a role says. */
static enum status at_fault(const struct instance *i, enum status st, err *e)
{
    err cause = *e;
    return err_set(e, st, "[%s%s%.*s]: %s", i->section->kind, slice_empty(i->section->name) ? "" : " ",
                   SLICE_FMT(i->section->name), cause.text);
}

static enum status open_one(struct running *r, const struct role *role, const struct section *at, err *e)
{
    struct instance *i = &r->instances[r->instance_count++];
    *i = (struct instance){.role = role, .section = at};
    enum status st = role->open(&r->d, at, &i->self, e);
    return st == OK ? OK : at_fault(i, st, e);
}

enum status roles_open(struct running *r, err *e)
{
    size_t n = count_instances(r->began);
    enum status st = OK;
    r->instances = calloc(n ? n : 1, sizeof *r->instances);
    if (!r->instances)
        return err_set(e, E_MEMORY, "roles: out of memory");
    for (const struct role *const *role = roles; *role; role++)
        for (const struct section *at = NULL; st == OK && (at = settings_next(r->began, (*role)->section, at)) != NULL;)
            if (at->line)
                st = open_one(r, *role, at, e);
    return st;
}

enum status roles_start(struct running *r, err *e)
{
    for (size_t k = 0; k < r->instance_count; k++) {
        struct instance *i = &r->instances[k];
        enum status st = i->role->start ? i->role->start(i->self, e) : OK;
        if (st != OK)
            return at_fault(i, st, e);
    }
    return OK;
}

void roles_drain(struct running *r)
{
    for (size_t k = 0; k < r->instance_count; k++)
        if (r->instances[k].role->drain)
            r->instances[k].role->drain(r->instances[k].self);
}

const struct instance *roles_busy(const struct running *r)
{
    for (size_t k = 0; k < r->instance_count; k++)
        if (r->instances[k].role->idle && !r->instances[k].role->idle(r->instances[k].self))
            return &r->instances[k];
    return NULL;
}

static const struct section *now_of(const struct running *r, const struct section *began)
{
    const struct section *at = NULL;
    while ((at = settings_next(r->d.settings, began->kind, at)) && !slice_eq(at->name, began->name))
        ;
    return at && at->line ? at : NULL;
}

void roles_reload(struct running *r)
{
    for (size_t k = 0; k < r->instance_count; k++)
        if (r->instances[k].role->reload)
            r->instances[k].role->reload(r->instances[k].self, now_of(r, r->instances[k].section));
}

void roles_close(struct running *r)
{
    while (r->instance_count) {
        struct instance *i = &r->instances[--r->instance_count];
        i->role->close(&i->self);
    }
    free(r->instances);
    r->instances = NULL;
}
