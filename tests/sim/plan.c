#include "plan.h"

struct plan_row {
    const char *name;
    enum preset preset;
    const char *look, *full, *campaign, *slow;
    unsigned sure;
    bool watching;
};
static const struct plan_row PLAN_ROWS[PLANS] = {
#define PLAN(symbol, name, preset, ...) {name, PRESET_##preset, __VA_ARGS__},
#include "plans.def"
#undef PLAN
};

const char *plan_word(enum plan p)
{
    return PLAN_ROWS[p].name;
}

static void set(struct tolerance *t, const char *text)
{
    err e = {0};
    if (*text)
        MUST(tolerance_parse(slice_str(text), t, &e) == OK);
}

/* What `auto` chooses once it has measured the streams. */
static void choose(struct year_options *o)
{
    for (unsigned i = 0; i < STREAMS; i++) {
        enum preset preset = i == STREAM_DAILY     ? PRESET_AUTO_DAILY
                             : i >= STREAM_MONTHLY ? PRESET_AUTO_MONTHLY
                                                   : PRESET_AUTO;
        o->streams[i].stream = opinion_stream_hash(i);
        preset_tolerances(preset, &o->streams[i].tolerances);
    }
    o->policy.streams = o->streams;
    o->policy.stream_count = STREAMS;
}

void plan_options(enum plan p, struct year_options *out)
{
    const struct plan_row *r = &PLAN_ROWS[p];
    *out = (struct year_options){.watching = r->watching};
    policy_preset(&out->policy, r->preset);
    struct tolerances *t = &out->policy.base;
    set(&t->rows[ROW_LOOK], r->look);
    set(&t->rows[ROW_CAMPAIGN], r->campaign);
    set(&t->rows[ROW_SLOW], r->slow);
    if (*r->full) {
        set(&t->reasons[BOUNCE_REASON_MAILBOX_FULL], r->full);
        t->own |= UINT64_C(1) << BOUNCE_REASON_MAILBOX_FULL;
    }
    if (r->preset == PRESET_AUTO)
        choose(out);
    if (r->sure)
        out->policy.sure_certainty = r->sure;
    out->forgets = !policy_keeps(&out->policy);
}
