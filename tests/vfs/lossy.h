/* A file system for SQLite that loses what was not synced: kept in memory, cut at a chosen operation, and mounted again with a
 * random part of the writes since the last sync dropped or torn. Also fills up, and fails at a chosen operation.
 *
 * Operations that count: write, truncate, sync, delete, create. Entries of the directory become durable in their order, by the
 * sync of a new journal or log and by deletes that ask for it, as in SQLite's own Unix layer; after a cut a prefix of the others
 * is there. Everything follows from the seed. One thread. Locks work between handles of this process.
 */
#ifndef TESTS_VFS_LOSSY_H
#define TESTS_VFS_LOSSY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LOSSY_NAME "lossy"

struct lossy;

/* Registers the VFS LOSSY_NAME; one at a time. */
struct lossy *lossy_new(uint64_t seed);
/* All databases on it must be closed. */
void lossy_free(struct lossy **disk);

/* Operations so far. */
uint64_t lossy_operations(const struct lossy *disk);
/* The power goes at operation `at` (which may still be done in part); everything fails from there on. */
void lossy_cut_at(struct lossy *disk, uint64_t at);
bool lossy_is_cut(const struct lossy *disk);
/* Mounts what was left. Databases of the time before must be closed. */
void lossy_restart(struct lossy *disk);

/* Length of all files together. */
size_t lossy_bytes(const struct lossy *disk);
/* Writes that would make all files together longer than this give SQLITE_FULL; SIZE_MAX: no limit. */
void lossy_limit(struct lossy *disk, size_t bytes);
/* Operation `at` and `times - 1` behind it give `rc` and do nothing. */
void lossy_fail_at(struct lossy *disk, uint64_t at, uint64_t times, int rc);

#endif
