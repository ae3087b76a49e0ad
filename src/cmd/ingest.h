/* What the files of `bounced ingest` share: one run of it.
 *
 * Mails and log lines become observations; the intake judges them and writes them in batches, each with the positions of
 * the feeds; only then is anything marked in a mailbox.
 */
#ifndef CMD_INGEST_H
#define CMD_INGEST_H

#include "base/arena.h"
#include "cmd/keys.h"
#include "cmd/progress.h"
#include "cmd/session.h"
#include "core/zone.h"
#include "core/intake.h"
#include "core/read.h"
#include "feed/log.h"
#include "net/imap.h"

#define INGEST_MAX_RELAYS 256
#define INGEST_SHOWN_DECISIONS 50
#define INGEST_SHOWN_INVALID 3 /* of each batch: recipients that are no address */

struct ingest {
    struct args *args;
    struct session session;
    struct bounce_rules *rules;
    struct bounce_reader *mails;
    struct maillog *logs;
    const struct log_dialect *dialect; /* of all logs; NULL: find out */
    struct reader *files;
    const char **paths;    /* of files: the operands that are no URL */
    struct imap *imap;     /* the folder at hand, NULL otherwise */
    const char *imap_name; /* of its feed row */
    struct intake *intake;
    struct verp_keys keys;
    struct known_zone zone;
    struct progress progress;
    arena arena; /* of one piece */
    buf out;
    slice relays[INGEST_MAX_RELAYS];
    size_t relay_count;
    enum read_form form;
    char host[256];
    bool dry_run, json, quiet, all, vouched;
    bool old_memory; /* the logs' memory still stands where it was kept once */
    uint64_t decisions, mails_read, odd_pieces, odd_rows;
    int code;
};

/* The reports of one mail, to the intake; `path` for messages, `arrived_us` (TIME_NONE: now) for a mail that tells no
 * time. Returns an exit code that ends the run, or EXIT_YES. */
int ingest_mail(struct ingest *g, slice path, slice bytes, int64_t arrived_us);
/* Commits what was gathered with the positions of all feeds, shows the decisions, and then marks mails. */
int ingest_flush(struct ingest *g);
/* True for imap:// and imaps:// URLs. */
bool ingest_is_url(const char *path);
/* Reads one IMAP folder to its end. Returns an exit code that ends the run; trouble with the server is told, kept in
 * g->code, and does not. */
int ingest_folder(struct ingest *g, const char *url);
void ingest_summary(struct ingest *g);

#endif
