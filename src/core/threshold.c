#include "core/threshold.h"

#include "base/defs.h"

static const struct threshold table[] = {
#define THRESHOLD(who, figure, ppm, level, says, where) {who, FIGURE_##figure, ppm, THRESHOLD_##level, says, where},
#include "core/thresholds.def"
#undef THRESHOLD
};

const char *figure_word(enum figure f)
{
    static const char *const words[FIGURES] = {"hard", "soft", "bounce", "complaint"};
    MUST((unsigned)f < FIGURES);
    return words[f];
}

const char *figure_text(enum figure f)
{
    static const char *const texts[FIGURES] = {"hard", "soft and block", "all bounces", "complaints"};
    MUST((unsigned)f < FIGURES);
    return texts[f];
}

struct figure_value figure_of(const struct rates *r, enum figure f)
{
    int64_t sent = rates_sent(r);
    struct figure_value v = {0, sent, 0};
    switch (f) {
    case FIGURE_HARD:
        v.events = r->hard;
        break;
    case FIGURE_SOFT:
        v.events = r->soft + r->block;
        break;
    case FIGURE_BOUNCE:
        v.events = rates_bounced(r);
        break;
    case FIGURE_COMPLAINT:
        v = (struct figure_value){r->complaint, r->delivered, 0};
        break;
    case FIGURES:
        MUST(f < FIGURES);
    }
    v.ppm = rates_ppm(v.events, v.messages);
    return v;
}

const struct threshold *threshold_all(size_t *n)
{
    *n = ARRAY_LEN(table);
    return table;
}

bool threshold_crossed(const struct threshold *t, const struct rates *r)
{
    struct figure_value v = figure_of(r, t->figure);
    return v.messages >= THRESHOLD_MIN_MESSAGES && v.events >= THRESHOLD_MIN_EVENTS && v.ppm > t->ppm;
}

const struct threshold *threshold_worst(const struct rates *r, enum figure f)
{
    const struct threshold *worst = NULL;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        const struct threshold *t = &table[i];
        if (t->figure != f || !threshold_crossed(t, r))
            continue;
        if (!worst || t->level > worst->level || (t->level == worst->level && t->ppm > worst->ppm))
            worst = t;
    }
    return worst;
}
