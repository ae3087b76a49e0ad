/* Raw mail and log lines from files, directories, mbox, Maildir, rotated log sets and standard input: piece by piece,
 * in order, with bounded memory. Knows no bounces: what a piece means is for libbounce (messages) and the feeds
 * (lines).
 *
 * What a path is, its content says, never its name (read_form_of). gzip, xz and zstd are undone on the way. Paths are
 * taken in the order given, directories sorted by name; log files among them come last and together, oldest first by
 * the stamps in them, so that `mail.log*` is read in the right order.
 *
 * The way of a batch:
 *   while (reader_next(...) == 1) work on the piece, and every now and then, when all of its facts are in the
 * transaction: ledger_begin; put events; reader_positions(r, put, ctx) stores how far it came; ledger_commit;
 * reader_committed(r). A piece is whole (one message; whole lines; whole journal entries): positions always stand
 * between two pieces. reader_committed marks mail as read (Maildir); before it nothing outside of the ledger has
 * changed.
 *
 * Limits: a message over max_message_bytes is cut (piece.truncated); a line over READ_MAX_LINE_BYTES is dropped and
 * told by reader_counts; at most READ_MAX_DEPTH directories deep; symbolic links to directories are not followed below
 * the paths given. Errors: one source that cannot be read gives -1 with its name in *e; the others go on with the next
 * call. Owner: the reader owns everything it hands out. One thread.
 */
#ifndef CORE_READ_H
#define CORE_READ_H

#include "base/arena.h"
#include "base/err.h"
#include "base/time.h"

#define READ_MAX_LINE_BYTES (1024u * 1024)
#define READ_MAX_ENTRY_BYTES (1024u * 1024) /* one entry of a journal export */
#define READ_MAX_DEPTH 32
#define READ_MAX_FILES 10000000u
#define READ_BLOCK_BYTES (256u * 1024) /* of lines handed out at once */

enum read_form {
    READ_AUTO,      /* find out */
    READ_MESSAGE,   /* one mail */
    READ_MBOX,      /* mails behind "From " lines; pieces are READ_MESSAGE */
    READ_MAILDIR,   /* a directory with new/ and cur/; pieces are READ_MESSAGE */
    READ_DIRECTORY, /* anything below it */
    READ_LOG,       /* syslog lines (BSD, ISO 8601, RFC 5424) and whatever else comes in lines */
    READ_JOURNAL,   /* journald's export format: pieces hold whole entries, each with its empty line */
    READ_NDJSON,    /* one JSON object a line */
    READ_CSV,       /* accounting files: the first line names the columns */
    READ_UNKNOWN    /* none of these: binary */
};
/* "message", "mbox", ...; static. */
const char *read_form_word(enum read_form form);
/* What the first bytes of a (decompressed) file look like; 4 KB are enough. Never READ_AUTO, MAILDIR or DIRECTORY. */
enum read_form read_form_of(slice head);

/* Looks up a stored position by name: true when there is one (*position in the arena given). */
typedef bool (*read_known_fn)(void *ctx, slice name, arena *a, slice *position);

struct read_options {
    enum read_form form; /* READ_AUTO, or what every file given is (READ_MESSAGE, MBOX, LOG, JOURNAL, NDJSON, CSV) */
    bool mail_only;      /* READ_AUTO: what is no mbox is one mail, whatever it looks like */
    size_t max_message_bytes; /* 0: 50 MB */
    bool mark_read;           /* Maildir: move new/x to cur/x:2,S after the commit */
    bool unread_only;         /* Maildir: only new/ and what has no S flag */
    read_known_fn known;      /* NULL: everything from its start */
    void *known_ctx;
};

struct read_piece {
    enum read_form form; /* READ_MESSAGE, READ_LOG, READ_JOURNAL, READ_NDJSON, READ_CSV */
    slice bytes;         /* valid until the next call; a message without its mbox "From " line, lines with their ends */
    slice path;          /* of the file, as given or found; "-" for standard input. Valid until the next call */
    slice head;      /* of lines: the first bytes of the file, at most 4 KB, also when reading goes on behind them */
    uint64_t offset; /* where bytes begins in the decompressed file */
    int64_t reference_us; /* lines without a year are not later than this (time of the file's last change); TIME_NONE:
                             unknown */
    bool first;           /* the first piece of this file in this run */
    bool truncated;       /* the message was longer than max_message_bytes */
};

struct read_counts {
    uint64_t files, messages, lines_dropped, bytes;
    uint64_t known_files;   /* nothing new in them */
    uint64_t resumed_files; /* gone on where the last run ended */
    uint64_t
        replaced_files; /* shorter than, or different from, what was read under the same head: read from the start */
    uint64_t errors;
};

struct reader;

/* Looks at the paths ("-" is standard input), which must live as long as the reader, but reads no content yet except the
 * heads of files. Paths that are missing or unreadable are reported by reader_next. */
NODISCARD enum status reader_open(const char *const *paths, size_t n, const struct read_options *o, struct reader **out,
                                  err *e);
/* One piece: 1. All read: 0. One source failed: -1, *e says which and why; call again for the others. */
NODISCARD int reader_next(struct reader *r, struct read_piece *out, err *e);

/* The file at hand is nothing that the caller reads: it keeps no position, so that a later run that knows better begins at
 * its start. Call it with the first piece. */
void reader_decline(struct reader *r);

typedef enum status (*read_put_fn)(void *ctx, slice name, slice position, err *e);
/* Gives every position that changed since the last reader_committed, as it is behind the last piece. Names identify
 * content
 * ("log:4096:<hash of the first 4096 bytes>"), never a path. */
NODISCARD enum status reader_positions(struct reader *r, read_put_fn put, void *ctx, err *e);
/* What positions told is durable: marks mails as read. A mail that cannot be marked is an error of this call; the rest
 * is marked all the same. */
NODISCARD enum status reader_committed(struct reader *r, err *e);
const struct read_counts *reader_counts(const struct reader *r);
void reader_close(struct reader **r);

#endif
