/* Every subcommand, one line each. */
#ifndef CMD_COMMANDS_H
#define CMD_COMMANDS_H

#include "cmd/cmd.h"

extern const struct cmd cmd_ingest, cmd_check, cmd_why, cmd_suppress, cmd_report, cmd_review, cmd_events;
extern const struct cmd cmd_parse, cmd_webhook, cmd_classify, cmd_rules, cmd_policy, cmd_verp, cmd_filter;
extern const struct cmd cmd_key, cmd_webhooks, cmd_alerts, cmd_segment, cmd_health;
extern const struct cmd cmd_digest, cmd_breaker, cmd_ground, cmd_advice;
extern const struct cmd cmd_acquired, cmd_erase, cmd_backup, cmd_restore, cmd_doctor, cmd_dump;
extern const struct cmd cmd_prune, cmd_verify, cmd_rebuild, cmd_replay, cmd_reclassify;
extern const struct cmd cmd_incident;
extern const struct cmd cmd_serve, cmd_status, cmd_reload, cmd_config;

#endif
