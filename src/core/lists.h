/* Suppression lists of other systems: reading them in and writing them out. An import never lifts anything.
 *
 * Import: delimiter (comma, semicolon, tab), byte order mark, UTF-8, UTF-16 and Latin-1, quotes and the names of
 * columns are found out; JSON documents and NDJSON too; hashed lists (MD5 or SHA-256 of the lower-cased address)
 * suppress addresses that the ledger knows. Export: streamed, and written beside and renamed, so that a reader sees the
 * old list or the new one.
 */
#ifndef CORE_LISTS_H
#define CORE_LISTS_H

#include "ledger/ledger.h"
#include "policy/history.h"

#define LIST_MAX_LINE_BYTES (1024u * 1024)
#define LIST_MAX_JSON_BYTES (256u * 1024 * 1024) /* a JSON document that is one value */
#define LIST_MAX_SHOWN 20u                       /* invalid lines kept for people */

enum list_format {
    LIST_AUTO, /* import: find out */
    LIST_CSV,
    LIST_NDJSON,
    LIST_SES,
    LIST_SENDGRID,
    LIST_MAILGUN,
    LIST_POSTMARK,
    LIST_SPARKPOST,
    LIST_MAILJET,
    LIST_BREVO,
    LIST_KLAVIYO,
    LIST_MAILCHIMP,
    LIST_HUBSPOT,
    LIST_SFMC,
    LIST_MANDRILL,
    LIST_POSTFIX_ACCESS,
    LIST_EXIM,
    LIST_PLAIN,
    LIST_MD5,
    LIST_SHA256,
    LIST_FORMATS
};
const char *list_format_word(enum list_format f); /* "csv", "postfix-access", ... */
enum list_format list_format_find(slice word);    /* LIST_FORMATS when there is none */
bool list_format_importable(enum list_format f);
bool list_format_exportable(enum list_format f);

struct list_import_options {
    enum list_format format;
    slice tenant, stream;             /* stream: of unsubscribes, where the list is for one stream */
    slice actor, origin;              /* who; which platform or file */
    enum cause cause;                 /* where a line tells none: CAUSE_NONE means CAUSE_IMPORTED */
    const struct bounce_rules *rules; /* judge the replies in a list by their words; NULL: by their codes */
    bool dry_run;
    int64_t now_us; /* the date of lines without one */
};
struct list_bad_line {
    uint64_t line;
    slice text;
    const char *what;
};
struct list_import_result {
    uint64_t lines;   /* records read */
    uint64_t fresh;   /* suppressed by this import */
    uint64_t already; /* suppressed for the same cause already */
    uint64_t weaker;  /* suppressed for a stronger cause: recorded, changes nothing */
    uint64_t invalid; /* no address, or a line that makes no sense */
    uint64_t ignored; /* entries that suppress nothing (a whitelist, "delivered", a hash of an unknown address) */
    uint64_t causes[CAUSES];
    struct list_bad_line bad[LIST_MAX_SHOWN]; /* in the arena */
    size_t bad_count;
    enum list_format format; /* what it was taken for */
};

/* Reads n bytes at most; 0 at the end, -1 with errno. */
typedef long (*list_read_fn)(void *ctx, char *p, size_t n);
NODISCARD enum status list_import(struct ledger *l, const struct policy *policy, const struct list_import_options *o,
                                  list_read_fn read, void *ctx, arena *a, struct list_import_result *out, err *e);

struct list_export_options {
    enum list_format format;
    slice tenant, stream; /* stream: with the suppressions of this stream too */
    enum cause cause;     /* CAUSE_NONE: all */
    int64_t now_us;
};
/* To a file: temporary file in the same directory, fsync, rename, fsync of the directory. *count: addresses written. */
NODISCARD enum status list_export_file(struct ledger *l, const struct list_export_options *o, const char *path,
                                       uint64_t *count, err *e);
/* To a descriptor, e.g. standard output. */
NODISCARD enum status list_export_fd(struct ledger *l, const struct list_export_options *o, int fd, uint64_t *count,
                                     err *e);

/* Acquisition facts from CSV: email, source, form, batch, signed_up. */
struct acquired_result {
    uint64_t lines, stored, invalid;
    struct list_bad_line bad[LIST_MAX_SHOWN];
    size_t bad_count;
};
NODISCARD enum status acquired_import(struct ledger *l, slice tenant, slice batch, bool dry_run, list_read_fn read,
                                      void *ctx, arena *a, struct acquired_result *out, err *e);

#endif
