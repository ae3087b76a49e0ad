/* Figures by name out of the tallies, and the likelier cause of failures. */
#include "core/alert_find.h"

struct gathering {
    struct alert_search *s;
    struct figures *out;
    size_t room;
    enum tally_by by, second;
    struct figure_row *row; /* the last one: rows of one name come behind each other */
    bool limited;
};

static slice row_key(arena *a, slice tenant, slice name, slice second)
{
    return arena_printf(a, "%.*s\n%.*s\n%.*s", SLICE_FMT(tenant), SLICE_FMT(name), SLICE_FMT(second));
}

static struct figure_row *row_of(struct gathering *g, const struct ledger_sum *t)
{
    slice name = t->by[g->by], second = g->second < TALLY_DIMENSIONS ? t->by[g->second] : SLICE_EMPTY;
    arena *a = g->s->a;
    if (g->row && slice_eq(g->row->name, name) && slice_eq(g->row->second, second) &&
        slice_eq(g->row->tenant, t->tenant))
        return g->row;
    struct figure_row *grown = arena_grow(a, g->out->rows, g->out->n, &g->room, sizeof *grown);
    if (!grown)
        return NULL;
    g->out->rows = grown;
    g->row = &grown[g->out->n++];
    *g->row = (struct figure_row){.tenant = arena_dup(a, t->tenant),
                                  .name = arena_dup(a, name),
                                  .second = arena_dup(a, second),
                                  .first_us = t->first_us,
                                  .last_us = t->last_us};
    return g->row;
}

static bool add_sum(void *ctx, const struct ledger_sum *t)
{
    struct gathering *g = ctx;
    struct figure_row *row = row_of(g, t);
    g->limited = !row;
    if (!row)
        return false;
    rates_add(&row->rates, t->kind, t->reason, t->count);
    bool block = bounce_kind_attempt(t->kind) && bounce_reason_class(t->reason) == BOUNCE_CLASS_BLOCK;
    if (bounce_kind_final(t->kind) || block)
        row->reasons[t->reason] += t->count;
    row->first_us = t->first_us < row->first_us ? t->first_us : row->first_us;
    row->last_us = t->last_us > row->last_us ? t->last_us : row->last_us;
    return true;
}

static bool index_rows(struct alert_search *s, struct figures *f)
{
    for (size_t i = 0; i < f->n; i++) {
        slice key = row_key(s->a, f->rows[i].tenant, f->rows[i].name, f->rows[i].second);
        void **place = s->a->limited ? NULL : map_put(&f->by_name, key);
        if (!place)
            return false;
        *place = &f->rows[i];
    }
    return true;
}

static enum status finish(struct gathering *g, enum status so_far)
{
    enum status st = so_far;
    struct alert_search *s = g->s;
    if (st == OK && (g->limited || s->a->limited || !index_rows(s, g->out)))
        st = err_set(s->e, E_MEMORY, "alerts: no memory for the figures");
    if (st != OK)
        figures_free(g->out);
    return st;
}

enum status figures_make(struct alert_search *s, enum tally_by by, enum tally_by second, int64_t from_us, int64_t to_us,
                         struct figures *out)
{
    struct gathering g = {.s = s, .out = out, .by = by, .second = second};
    unsigned dimensions = 1u << by | (second < TALLY_DIMENSIONS ? 1u << second : 0);
    *out = (struct figures){.n = 0};
    map_init(&out->by_name, ledger_key(s->ledger));
    return finish(&g, ledger_sums(s->ledger, dimensions, from_us, to_us, add_sum, &g, s->e));
}

enum status figures_of_months(struct alert_search *s, int64_t from_us, struct figures *out)
{
    struct gathering g = {.s = s, .out = out, .by = TALLY_DOMAIN, .second = TALLY_DIMENSIONS};
    *out = (struct figures){.n = 0};
    map_init(&out->by_name, ledger_key(s->ledger));
    return finish(&g, ledger_domain_sums(s->ledger, from_us, add_sum, &g, s->e));
}

int64_t figures_midnight(int64_t us)
{
    return us - us % TIME_DAY;
}

const struct figure_row *figures_get(const struct figures *f, struct alert_search *s, slice tenant, slice name,
                                     slice second)
{
    return map_get(&f->by_name, row_key(s->a, tenant, name, second));
}

void figures_free(struct figures *f)
{
    map_fini(&f->by_name);
}

bool is_named_provider(slice name)
{
    return slice_chr(name, '.') == SLICE_NPOS;
}

/* ---- causes ---- */

enum side { SIDE_DATA, SIDE_INFRASTRUCTURE, SIDE_REPUTATION, SIDES };
static const char *const SIDE_WORDS[SIDES] = {"data quality", "infrastructure", "reputation"};

/* Refusals of the sender that are a matter of set-up, not of standing. */
static bool is_setup(enum bounce_reason r)
{
    switch (r) {
    case BOUNCE_REASON_AUTHENTICATION_FAILED:
    case BOUNCE_REASON_SENDER_IDENTITY:
    case BOUNCE_REASON_SENDER_AUTH_REQUIRED:
    case BOUNCE_REASON_TLS_REQUIRED:
    case BOUNCE_REASON_MESSAGE_MALFORMED:
    case BOUNCE_REASON_LOCAL_ERROR:
        return true;
    default:
        return false;
    }
}

static enum side side_of_reason(enum bounce_reason r)
{
    if (r == BOUNCE_REASON_UNKNOWN || is_setup(r))
        return r == BOUNCE_REASON_UNKNOWN ? SIDES : SIDE_INFRASTRUCTURE;
    if (bounce_reason_class(r) == BOUNCE_CLASS_HARD)
        return SIDE_DATA;
    switch (bounce_reason_blame(r)) {
    case BOUNCE_BLAME_RECIPIENT:
        return SIDE_DATA;
    case BOUNCE_BLAME_SENDER:
    case BOUNCE_BLAME_MESSAGE:
        return SIDE_REPUTATION;
    default:
        return SIDE_INFRASTRUCTURE;
    }
}

/* Where nothing is understood: who is refused before a recipient is named, is refused for who he is or because nothing works. */
static enum side side_of_phase(enum bounce_phase p)
{
    switch (p) {
    case BOUNCE_PHASE_RCPT:
        return SIDE_DATA;
    case BOUNCE_PHASE_MAIL:
    case BOUNCE_PHASE_DATA:
    case BOUNCE_PHASE_END:
        return SIDE_REPUTATION;
    default:
        return SIDE_INFRASTRUCTURE;
    }
}

#define REASONS_SHOWN 3

slice reasons_line(const int64_t reasons[BOUNCE_REASONS], arena *a)
{
    bool told[BOUNCE_REASONS] = {false};
    slice line = SLICE_EMPTY;
    for (unsigned k = 0; k < REASONS_SHOWN; k++) {
        unsigned most = BOUNCE_REASONS;
        for (unsigned r = 0; r < BOUNCE_REASONS; r++)
            if (!told[r] && reasons[r] > 0 && (most == BOUNCE_REASONS || reasons[r] > reasons[most]))
                most = r;
        if (most == BOUNCE_REASONS)
            break;
        told[most] = true;
        line = arena_printf(a, "%.*s%s%s %lld", SLICE_FMT(line), line.n ? ", " : "",
                            bounce_reason_word((enum bounce_reason)most), (long long)reasons[most]);
    }
    return line;
}

slice cause_of(const int64_t reasons[BOUNCE_REASONS], const int64_t phases[BOUNCE_PHASES], arena *a, slice *why)
{
    int64_t sides[SIDES + 1] = {0}, all = 0;
    unsigned most = 0;
    for (unsigned r = 0; r < BOUNCE_REASONS; r++) {
        sides[side_of_reason((enum bounce_reason)r)] += reasons[r];
        all += reasons[r];
    }
    *why = SLICE_EMPTY;
    if (all <= 0)
        return SLICE_EMPTY;
    bool by_phase = phases && sides[SIDES] * 2 > all;
    for (unsigned p = 0; by_phase && p < BOUNCE_PHASES; p++)
        sides[side_of_phase((enum bounce_phase)p)] += p == BOUNCE_PHASE_NONE ? 0 : phases[p];
    for (unsigned i = 1; i < SIDES; i++)
        most = sides[i] > sides[most] ? i : most;
    if (sides[most] <= 0)
        return SLICE_EMPTY;
    *why = arena_printf(a, "%s%.*s", by_phase ? "by where in the session it was said; " : "",
                        SLICE_FMT(reasons_line(reasons, a)));
    return slice_str(SIDE_WORDS[most]);
}

slice percent_text(arena *a, int64_t ppm)
{
    return arena_printf(a, "%lld.%02lld %%", (long long)(ppm / 10000), (long long)(ppm % 10000 / 100));
}
