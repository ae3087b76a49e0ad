#include "core/sunset.h"

#include <stdio.h>

#include "core/acts.h"

#define NOTE_BYTES 120

struct finding {
    const struct sunset_rule *rule;
    const struct segment_filter *filter; /* the rule */
    arena *a;
    struct sunset_list *out;
    bool known, limited;
};

static bool is_sunset(const struct finding *f, const struct segment_member *m)
{
    int64_t engaged = m->record.engaged_us;
    bool old = m->began_us != TIME_NONE && f->filter->now_us - m->began_us >= f->rule->unengaged_us;
    return old && (engaged == TIME_NONE || f->filter->now_us - engaged > f->rule->unengaged_us) &&
           m->record.failures >= f->rule->failing;
}

/* All that may be sent to are looked at: whether opens and clicks are told at all is seen on the others. */
static bool gather(void *ctx, const struct segment_member *m)
{
    struct finding *f = ctx;
    struct sunset_list *out = f->out;
    f->known |= m->record.engaged_us != TIME_NONE;
    if (!is_sunset(f, m))
        return true;
    if (out->n == SUNSET_MAX_FOUND) {
        out->more = true;
        return true;
    }
    struct sunset_found *grown = arena_grow(f->a, out->list, out->n, &out->room, sizeof *grown);
    f->limited |= !grown;
    if (!grown)
        return false;
    out->list = grown;
    grown[out->n++] =
        (struct sunset_found){m->life->id, arena_dup(f->a, m->life->tenant), arena_dup(f->a, m->life->address),
                              m->record.failures, m->record.engaged_us};
    return true;
}

enum status sunset_find(struct ledger *l, const struct policy *policy, const struct sunset_rule *rule, int64_t now_us,
                        arena *a, struct sunset_list *out, err *e)
{
    struct segment_filter filter = {
        .tenant = rule->tenant, .source = SLICE_EMPTY, .form = SLICE_EMPTY, .batch = SLICE_EMPTY, .now_us = now_us};
    struct finding f = {.rule = rule, .filter = &filter, .a = a, .out = out};
    *out = (struct sunset_list){NULL, 0, 0, false, false};
    if (rule->unengaged_us <= 0 || !rule->failing)
        return err_set(e, E_INVALID,
                       "sunset: the rule needs both: for how long unengaged, and how many failures in a row");
    enum status st = segment_walk(l, policy, &filter, gather, &f, e);
    if (st == OK && (f.limited || a->limited))
        return err_set(e, E_MEMORY, "sunset: out of memory");
    out->blind = !f.known;
    if (out->blind)
        out->n = 0;
    return st;
}

static slice note_of(const struct sunset_rule *rule, const struct sunset_found *x, char note[NOTE_BYTES])
{
    int n = snprintf(note, NOTE_BYTES, "sunset: %u failed in a row, unengaged for %lld days", x->failures,
                     (long long)(rule->unengaged_us / TIME_DAY));
    return slice_of(note, n > 0 && n < NOTE_BYTES ? (size_t)n : 0);
}

enum status sunset_apply(struct ledger *l, const struct policy *policy, const struct sunset_rule *rule,
                         const struct sunset_list *list, size_t from, size_t to, int64_t now_us, uint64_t *changed,
                         err *e)
{
    char note[NOTE_BYTES];
    enum status st = OK;
    *changed = 0;
    for (size_t i = from; st == OK && i < to && i < list->n; i++) {
        const struct sunset_found *x = &list->list[i];
        struct act_result result;
        struct act act = {.tenant = x->tenant,
                          .address = x->address,
                          .id = x->id,
                          .actor = S("sunset"),
                          .note = note_of(rule, x, note),
                          .cause = CAUSE_MANUAL,
                          .scope = slice_empty(rule->stream) ? SCOPE_GLOBAL : SCOPE_STREAM,
                          .stream = rule->stream,
                          .reverified = SLICE_EMPTY,
                          .time_us = now_us};
        st = suppress_add(l, policy, &act, &result, e);
        *changed += st == OK && result.changed;
    }
    return st;
}
