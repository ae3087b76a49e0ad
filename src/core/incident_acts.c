#include "core/incidents.h"
#include "core/outbox.h"

slice incident_about(const struct ledger_circumstance *c, arena *a)
{
    if (!slice_empty(c->domain))
        return c->domain;
    return arena_printf(a, "%s %.*s", mark_word((enum mark)c->c.by), SLICE_FMT(c->name));
}

static enum status find(struct ledger *l, int64_t id, arena *a, struct ledger_circumstance *c, err *e)
{
    enum status st = ledger_get_circumstance(l, id, a, c, e);
    if (st == OK && c->c.what != CIRCUMSTANCE_INCIDENT)
        return err_set(e, E_NOT_FOUND, "there is no incident %lld", (long long)id);
    if (st == OK && c->undone)
        return err_set(e, E_DENIED, "incident %lld was undone", (long long)id);
    return st;
}

static enum status put(struct ledger *l, struct ledger_circumstance *c, enum outbox_incident what, slice actor,
                       slice note, int64_t now_us, err *e)
{
    struct ledger_incident f;
    if (slice_empty(actor))
        return err_set(e, E_INVALID, "incident: who does this is not told");
    c->actor = actor;
    if (!slice_empty(note))
        c->note = note;
    enum status st = around_put(l, c, e);
    if (st != OK)
        return st;
    st = ledger_get_incident(l, c->c.id, &f, e);
    if (st != OK && st != E_NOT_FOUND)
        return st;
    return outbox_incident(l, c, st == OK ? &f : NULL, what, now_us, e);
}

enum status incident_close(struct ledger *l, int64_t id, int64_t until_us, slice actor, slice note, int64_t now_us,
                           err *e)
{
    struct ledger_circumstance c;
    arena texts;
    arena_init(&texts, 0);
    enum status st = find(l, id, &texts, &c, e);
    if (st == OK && c.c.until_us != TIME_NONE)
        st = err_set(e, E_DENIED, "incident %lld is over", (long long)id);
    if (st == OK && (until_us < c.c.from_us || until_us > now_us))
        st = err_set(e, E_INVALID, "incident %lld: it cannot end before it began, or later than now", (long long)id);
    if (st == OK) {
        c.c.until_us = until_us;
        st = put(l, &c, OUTBOX_INCIDENT_CLOSED, actor, note, now_us, e);
    }
    arena_fini(&texts);
    return st;
}

enum status incident_undo(struct ledger *l, int64_t id, slice actor, slice note, int64_t now_us, err *e)
{
    struct ledger_circumstance c;
    arena texts;
    arena_init(&texts, 0);
    enum status st = find(l, id, &texts, &c, e);
    if (st == OK) {
        c.undone = true;
        st = put(l, &c, OUTBOX_INCIDENT_UNDONE, actor, note, now_us, e);
    }
    arena_fini(&texts);
    return st;
}

enum status incident_open(struct ledger *l, struct ledger_circumstance *c, int64_t now_us, err *e)
{
    bool ends = c->c.until_us != TIME_NONE;
    if (c->c.from_us == TIME_NONE || c->c.from_us > now_us || (ends && c->c.until_us <= c->c.from_us))
        return err_set(e, E_INVALID, "incident: it must begin before now, and before it ends");
    c->c.id = 0;
    c->c.what = CIRCUMSTANCE_INCIDENT;
    c->c.reasons = c->c.reasons ? c->c.reasons : CIRCUMSTANCE_ALL_REASONS;
    c->manual = true;
    c->undone = false;
    c->made_us = now_us;
    return put(l, c, OUTBOX_INCIDENT_OPENED, c->actor, c->note, now_us, e);
}
