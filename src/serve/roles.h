/* The roles, one each; roles.c has them as the table that the daemon walks. */
#ifndef SERVE_ROLES_H
#define SERVE_ROLES_H

#include "serve/role.h"

extern const struct role tail_role;
extern const struct role outgoing_role;              /* letters to other systems */
extern const struct role alerting_role, notify_role; /* who looks for trouble, and who tells people */
extern const struct role digest_role, sunset_role;   /* once a day */
extern const struct role hook_role, http_role;
extern const struct role smtp_role, lmtp_role, maildir_role, spool_role;
/* Of answering.c: those who are asked before a send. */
extern const struct role socketmap_role, tcp_table_role, postfix_policy_role, line_role, milter_role;

/* Ends with NULL. They are opened and started in this order: feeds before answers, so that what happened while the daemon was away is
 * known as soon as it speaks; drained in this order; closed in the opposite one. */
extern const struct role *const roles[];

#endif
