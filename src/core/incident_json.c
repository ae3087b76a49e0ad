#include "core/incident_json.h"

#include "policy/meter.h"

const char *incident_state(const struct ledger_circumstance *c)
{
    return c->undone ? "undone" : c->c.until_us == TIME_NONE ? "open" : "over";
}

static void put_reasons(struct jsonw *j, uint64_t reasons)
{
    if (reasons == CIRCUMSTANCE_ALL_REASONS)
        return;
    jsonw_key(j, "reasons");
    jsonw_array(j);
    for (unsigned i = 0; i < BOUNCE_REASONS; i++)
        if (reasons >> i & 1)
            jsonw_str(j, slice_str(bounce_reason_word((enum bounce_reason)i)));
    jsonw_end_array(j);
}

static void put_figures(struct jsonw *j, const struct ledger_incident *f)
{
    jsonw_kstr(j, "signal", slice_str(meter_signal_word((enum meter_signal)f->signal)));
    jsonw_kstr(j, "what", slice_str(meter_signal_text((enum meter_signal)f->signal)));
    jsonw_ktime_opt(j, "noticed", f->ending == METER_OPEN ? f->seen_us : TIME_NONE);
    jsonw_ki64(j, "messages", f->messages);
    jsonw_ki64(j, "failed", f->failed);
    jsonw_ki64(j, "share_ppm", f->share_ppm);
    jsonw_ki64(j, "normal_ppm", f->normal_ppm);
    jsonw_kbool(j, "pause", f->pause);
}

void incident_members(struct jsonw *j, const struct ledger_circumstance *c, const struct ledger_incident *figures)
{
    jsonw_ki64(j, "id", c->c.id);
    jsonw_kstr(j, "state", slice_str(incident_state(c)));
    jsonw_kstr_opt(j, "tenant", c->tenant);
    jsonw_kstr_opt(j, "domain", c->domain);
    if (c->c.by < MARK_NONE)
        jsonw_kstr(j, mark_word((enum mark)c->c.by), c->name);
    jsonw_ktime_opt(j, "from", c->c.from_us);
    jsonw_ktime_opt(j, "until", c->c.until_us);
    put_reasons(j, c->c.reasons);
    jsonw_kbool(j, "manual", c->manual);
    if (figures)
        put_figures(j, figures);
    jsonw_kstr_opt(j, "actor", c->actor);
    jsonw_kstr_opt(j, "note", c->note);
    jsonw_kbool(j, "working", c->work_seq != 0); /* addresses wait to be folded anew */
}
