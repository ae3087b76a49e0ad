/* The role that tells other systems: one set of letters for each section [webhook NAME], one fetcher for all. It is there even without
 * such a section, so that endpoints which are no longer wanted get no new letters.
 */
#include <stdlib.h>

#include "core/outbox.h"
#include "serve/conf.h"
#include "serve/letters.h"
#include "serve/roles.h"

#define MAX_ALLOWED 64u

struct outgoing {
    struct unit unit; /* settles the endpoints; first */
    struct daemon *d;
    const struct settings *began;
    struct fetcher *fetcher;
    struct cidr allowed[MAX_ALLOWED];
    size_t allowed_count;
    struct letters *all[LEDGER_MAX_ENDPOINTS];
    int64_t numbers[LEDGER_MAX_ENDPOINTS];
    size_t count;
    bool settling;
};

/* ---- the endpoints in the ledger ---- */

static uint32_t kinds_of(const struct conf_webhook *c)
{
    uint32_t kinds = 0;
    for (size_t i = 0; i < c->kinds.n; i++) {
        enum outbox_kind k = outbox_kind_find(c->kinds.v[i]);
        if (k < OUTBOX_KINDS)
            kinds |= 1u << k;
    }
    return kinds;
}

static enum status put_endpoint(struct ledger *l, const struct section *s, err *e)
{
    const struct conf_webhook *c = s->values;
    buf streams;
    buf_init(&streams, 0);
    for (size_t i = 0; i < c->streams.n; i++)
        buf_printf(&streams, "%.*s\n", SLICE_FMT(c->streams.v[i]));
    struct ledger_endpoint p = {
        .name = s->name, .tenant = c->tenant, .kinds = kinds_of(c), .streams = buf_slice(&streams), .active = true};
    enum status st = streams.failed ? err_set(e, E_MEMORY, "webhook: out of memory") : ledger_put_endpoint(l, &p, e);
    buf_fini(&streams);
    return st;
}

static bool wanted(const struct outgoing *g, slice name)
{
    for (size_t i = 0; i < g->count; i++)
        if (slice_eq(letters_name(g->all[i]), name))
            return true;
    return false;
}

static enum status retire_others(const struct outgoing *g, struct ledger *l, err *e)
{
    const struct ledger_endpoint *all;
    struct ledger_endpoint gone[LEDGER_MAX_ENDPOINTS];
    arena a;
    size_t n, count = 0;
    enum status st = ledger_endpoints(l, &all, &n, e);
    arena_init(&a, 0);
    for (size_t i = 0; i < n && st == OK; i++)
        if (all[i].active && !wanted(g, all[i].name)) {
            gone[count] = all[i]; /* writing one makes the list invalid */
            gone[count].name = arena_dup(&a, all[i].name);
            gone[count].tenant = arena_dup(&a, all[i].tenant);
            gone[count].streams = arena_dup(&a, all[i].streams);
            gone[count++].active = false;
        }
    for (size_t i = 0; i < count && st == OK; i++)
        st = ledger_put_endpoint(l, &gone[i], e);
    arena_fini(&a);
    return st;
}

static enum status find_numbers(struct outgoing *g, struct ledger *l, err *e)
{
    const struct ledger_endpoint *all;
    size_t n;
    enum status st = ledger_endpoints(l, &all, &n, e);
    for (size_t i = 0; i < n && st == OK; i++)
        for (size_t k = 0; k < g->count; k++)
            if (slice_eq(letters_name(g->all[k]), all[i].name))
                g->numbers[k] = all[i].id;
    return st;
}

static enum status settle(struct unit *u, struct ledger *l, err *e)
{
    struct outgoing *g = (struct outgoing *)(void *)u;
    enum status st = OK;
    for (const struct section *s = NULL; st == OK && (s = settings_next(g->began, "webhook", s)) != NULL;)
        st = put_endpoint(l, s, e);
    if (st == OK)
        st = retire_others(g, l, e);
    return st == OK ? find_numbers(g, l, e) : st;
}

static void begin_settling(struct outgoing *g);

static void settled(struct unit *u)
{
    struct outgoing *g = (struct outgoing *)(void *)u;
    struct log_quoted cause;
    g->settling = false;
    if (u->status != OK) {
        log_event(g->d->log, LOG_LEVEL_WARN, "webhook.endpoints", "cause=%s",
                  log_text(&cause, slice_str(u->error.text)));
        if (!g->d->draining)
            begin_settling(g); /* nothing is sent before the ledger knows the endpoints */
        return;
    }
    for (size_t i = 0; i < g->count; i++)
        letters_start(g->all[i], g->numbers[i]);
}

static void begin_settling(struct outgoing *g)
{
    g->unit = (struct unit){.more = settle, .done = settled};
    g->settling = writer_put(g->d->writer, &g->unit) == OK;
}

/* ---- the role ---- */

static enum status check_kinds(const struct section *s, err *e)
{
    const struct conf_webhook *c = s->values;
    for (size_t i = 0; i < c->kinds.n; i++)
        if (outbox_kind_find(c->kinds.v[i]) == OUTBOX_KINDS)
            return err_set(e, E_INVALID,
                           "[webhook %.*s]: kinds: there is no '%.*s'; suppressed, lifted, held, bounced, complained, "
                           "incident, alert",
                           SLICE_FMT(s->name), SLICE_FMT(c->kinds.v[i]));
    return OK;
}

static enum status take_allowed(struct outgoing *g, const struct section *s, err *e)
{
    const struct conf_webhook *c = s->values;
    for (size_t i = 0; i < c->allow.n; i++) {
        if (g->allowed_count == MAX_ALLOWED || !cidr_parse(c->allow.v[i], &g->allowed[g->allowed_count]))
            return err_set(e, E_INVALID,
                           "[webhook %.*s]: allow: '%.*s' is no network (10.0.0.0/8), or there are over %u",
                           SLICE_FMT(s->name), SLICE_FMT(c->allow.v[i]), MAX_ALLOWED);
        g->allowed_count++;
    }
    return OK;
}

static enum status outgoing_open(struct daemon *d, const struct section *section, void **self, err *e)
{
    struct outgoing *g = calloc(1, sizeof *g);
    enum status st = OK;
    (void)section;
    *self = g;
    if (!g)
        return err_set(e, E_MEMORY, "webhook: out of memory");
    g->d = d;
    g->began = d->settings;
    for (const struct section *s = NULL; st == OK && (s = settings_next(g->began, "webhook", s)) != NULL;) {
        st = check_kinds(s, e);
        if (st == OK)
            st = take_allowed(g, s, e);
    }
    return st;
}

static enum status outgoing_start(void *self, err *e)
{
    struct outgoing *g = self;
    const struct fetch_options fo = {.reach = {g->allowed, g->allowed_count}, .agent = S("bounced")};
    enum status st = fetcher_new(g->d->base, &fo, &g->fetcher, e);
    for (const struct section *s = NULL; st == OK && (s = settings_next(g->began, "webhook", s)) != NULL;) {
        if (g->count == LEDGER_MAX_ENDPOINTS)
            return err_set(e, E_INVALID, "[webhook %.*s]: more than %u", SLICE_FMT(s->name), LEDGER_MAX_ENDPOINTS);
        st = letters_new(g->d, g->fetcher, s, &g->all[g->count], e);
        g->count += st == OK;
    }
    if (st == OK)
        begin_settling(g);
    return st;
}

static void outgoing_drain(void *self)
{
    struct outgoing *g = self;
    for (size_t i = 0; i < g->count; i++)
        letters_drain(g->all[i]);
}

static bool outgoing_idle(const void *self)
{
    const struct outgoing *g = self;
    bool idle = !g->settling;
    for (size_t i = 0; i < g->count; i++)
        idle = idle && letters_idle(g->all[i]);
    return idle;
}

static void outgoing_close(void **self)
{
    struct outgoing *g = *self;
    if (!g)
        return;
    for (size_t i = 0; i < g->count; i++)
        letters_free(&g->all[i]);
    fetcher_free(&g->fetcher);
    free(g);
    *self = NULL;
}

static void outgoing_status(const void *self, struct jsonw *j)
{
    const struct outgoing *g = self;
    jsonw_key(j, "webhooks");
    jsonw_array(j);
    for (size_t i = 0; i < g->count; i++) {
        jsonw_object(j);
        letters_status(g->all[i], j);
        jsonw_end_object(j);
    }
    jsonw_end_array(j);
}

static void outgoing_metrics(const void *self, buf *out)
{
    const struct outgoing *g = self;
    for (size_t i = 0; i < g->count; i++)
        letters_metrics(g->all[i], out);
}

const struct role outgoing_role = {
    .name = "webhooks-out",
    .section = "daemon", /* which is always there, once */
    .open = outgoing_open,
    .start = outgoing_start,
    .drain = outgoing_drain,
    .idle = outgoing_idle,
    .close = outgoing_close,
    .status = outgoing_status,
    .metrics = outgoing_metrics,
};
