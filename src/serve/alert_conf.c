#include "serve/alert_conf.h"

#include "core/benchmark.h"
#include "serve/conf.h"

size_t alert_conf_industries(const struct settings *s, struct alert_industry out[ALERT_MAX_INDUSTRIES])
{
    size_t n = 0;
    for (const struct section *at = NULL; n < ALERT_MAX_INDUSTRIES && (at = settings_next(s, "tenant", at)) != NULL;) {
        const struct conf_tenant *c = at->values;
        const struct benchmark *b = benchmark_at(c->industry);
        if (b)
            out[n++] = (struct alert_industry){slice_empty(c->tenant) ? at->name : c->tenant, b};
    }
    return n;
}

void alert_conf(const struct settings *s, struct alert_settings *out)
{
    const struct conf_alerts *c = settings_of(s, "alerts");
    *out = (struct alert_settings){.hard_ppm = c->hard_ppm,
                                   .soft_ppm = c->soft_ppm,
                                   .together_ppm = c->bounces_ppm,
                                   .block_ppm = c->block_ppm,
                                   .complaint_ppm = c->complaint_ppm,
                                   .least = c->least,
                                   .open_us = c->open_us,
                                   .close_us = c->close_us,
                                   .window_us = c->window_us,
                                   .campaign_us = c->campaign_us,
                                   .past_us = c->past_us,
                                   .times = (unsigned)c->times,
                                   .row = (unsigned)c->row,
                                   .unknown_ppm = c->unknown_ppm,
                                   .silent = (unsigned)c->silent};
}
