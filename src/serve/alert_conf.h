/* The settings of [alerts], for the daemon and for commands. */
#ifndef SERVE_ALERT_CONF_H
#define SERVE_ALERT_CONF_H

#include "core/alerts.h"
#include "serve/settings.h"

/* Tenants whose settings name an industry; texts are those of the settings. */
size_t alert_conf_industries(const struct settings *s, struct alert_industry out[ALERT_MAX_INDUSTRIES]);
void alert_conf(const struct settings *s, struct alert_settings *out);

#endif
