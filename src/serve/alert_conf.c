#include "serve/alert_conf.h"

#include "serve/conf.h"

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
