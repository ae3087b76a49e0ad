/* The settings of [alerts], for the daemon and for commands. */
#ifndef SERVE_ALERT_CONF_H
#define SERVE_ALERT_CONF_H

#include "core/alerts.h"
#include "serve/settings.h"

void alert_conf(const struct settings *s, struct alert_settings *out);

#endif
