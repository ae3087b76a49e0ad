#include "policy/alert.h"

#include <math.h>

const char *alert_state_word(enum alert_state s)
{
    static const char *const words[ALERT_STATES] = {"quiet", "rising", "open", "falling"};
    MUST((unsigned)s < ALERT_STATES);
    return words[s];
}

int64_t alert_share_ppm(const struct alert_figure *f)
{
    return f->whole > 0 ? (int64_t)((double)f->part * ALERT_WHOLE_PPM / (double)f->whole) : 0;
}

/* What a figure says by itself. */
enum says { SAYS_NOTHING, SAYS_ABOVE, SAYS_BETWEEN, SAYS_BELOW };

static enum says read_figure(const struct alert_limits *l, const struct alert_figure *f)
{
    int64_t share = alert_share_ppm(f);
    if (f->whole <= 0)
        return SAYS_BELOW;
    if (f->whole < l->least)
        return SAYS_NOTHING;
    return share >= l->open_ppm ? SAYS_ABOVE : share < l->close_ppm ? SAYS_BELOW : SAYS_BETWEEN;
}

static void enter(struct alert_machine *m, enum alert_state s, int64_t now_us)
{
    m->state = s;
    m->since_us = s == ALERT_QUIET ? TIME_NONE : now_us;
}

static enum alert_turn rise(struct alert_machine *m, const struct alert_limits *l, int64_t now_us)
{
    if (m->state == ALERT_QUIET)
        enter(m, ALERT_RISING, now_us);
    if (now_us - m->since_us < l->open_us)
        return ALERT_STAYS;
    enter(m, ALERT_OPEN, now_us);
    return ALERT_OPENS;
}

static enum alert_turn fall(struct alert_machine *m, const struct alert_limits *l, int64_t now_us)
{
    if (m->state == ALERT_OPEN)
        enter(m, ALERT_FALLING, now_us);
    if (now_us - m->since_us < l->close_us)
        return ALERT_STAYS;
    enter(m, ALERT_QUIET, now_us);
    return ALERT_CLOSES;
}

enum alert_turn alert_step(struct alert_machine *m, const struct alert_limits *l, const struct alert_figure *f,
                           int64_t now_us)
{
    enum says says = read_figure(l, f);
    bool open = m->state == ALERT_OPEN || m->state == ALERT_FALLING;
    if (says == SAYS_NOTHING)
        return ALERT_STAYS;
    if (!open && says == SAYS_ABOVE)
        return rise(m, l, now_us);
    if (open && says == SAYS_BELOW)
        return fall(m, l, now_us);
    if (m->state == ALERT_RISING)
        enter(m, ALERT_QUIET, now_us);
    else if (m->state == ALERT_FALLING)
        enter(m, ALERT_OPEN, now_us);
    return ALERT_STAYS;
}

bool alert_unusual(const struct alert_figure *now, const struct alert_figure *usual, unsigned times, unsigned sigmas)
{
    if (now->whole <= 0 || now->part <= 0)
        return false;
    double p = ((double)usual->part + 0.5) / ((double)(usual->whole > 0 ? usual->whole : 0) + 1.0);
    double n = (double)now->whole, expected = n * p, above = (double)now->part - expected;
    if (above <= 0 || (double)now->part < expected * times)
        return false;
    /* the usual share is itself only known from so many messages */
    double spread = n * p * (1.0 - p) * (1.0 + n / ((double)(usual->whole > 0 ? usual->whole : 0) + 1.0));
    return above * above >= (double)sigmas * (double)sigmas * (spread + 1.0); /* counts of one or two prove nothing */
}

int alert_sequential(const struct alert_figure *f, int64_t good_ppm, int64_t bad_ppm)
{
    double good = (double)good_ppm / ALERT_WHOLE_PPM, bad = (double)bad_ppm / ALERT_WHOLE_PPM;
    MUST(good > 0 && good < bad && bad < 1);
    double failed = (double)f->part, passed = (double)(f->whole - f->part);
    double ratio = failed * log(bad / good) + passed * log((1 - bad) / (1 - good));
    const double bound = log(0.99 / 0.01);
    return ratio >= bound ? 1 : ratio <= -bound ? -1 : 0;
}
