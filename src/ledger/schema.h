/* The tables of the SQLite store and how an older file becomes a newer one.
 *
 * `application_id` tells our files from others, `user_version` is the number of the last migration that ran.
 * docs/ledger.md describes each table.
 */
#ifndef LEDGER_SCHEMA_H
#define LEDGER_SCHEMA_H

#include <sqlite3.h>

#include "base/err.h"

#define SCHEMA_APPLICATION_ID 0x626e6364 /* "bncd" */

/* The version that this program writes. */
int schema_version(void);
/* E_INVALID when the file is somebody else's, E_CORRUPT when it is a ledger that was cut off or damaged, E_UNSUPPORTED when it is
 * newer than this program. *version is 0 when it is empty. */
NODISCARD enum status schema_check(sqlite3 *db, const char *path, int *version, err *e);
/* Runs what is missing from `version` up to `to`, each migration in a transaction of its own. */
NODISCARD enum status schema_migrate(sqlite3 *db, const char *path, int version, int to, err *e);

#endif
