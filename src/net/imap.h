/* Mails out of an IMAP folder (RFC 3501): raw, in the order of their UIDs, from where the last run ended. Knows no bounces.
 *
 * libcurl connects, negotiates TLS and logs in; the few commands behind that are spoken here (BODY.PEEK[], which curl's own
 * fetching lacks). Position: "<UIDVALIDITY> <last UID>"; when the server has given the folder another UIDVALIDITY, it is read
 * from its start (imap_restarted), and the content of the mails must tell what is known already.
 *
 * The way of a batch, as with a reader of files: imap_next ... imap_position into the transaction, commit, imap_committed. Only what
 * was committed is marked, moved or deleted; without such a wish the folder is opened read-only. After an error the session is
 * over: close it; what was given stays valid and can be committed, and the next session goes on behind it.
 *
 * Limits: a mail over max_message_bytes is fetched up to there (truncated); an answer line over IMAP_MAX_LINE_BYTES ends the session.
 * Owner: texts given are copied by imap_open; mails belong to the session until the next call. One thread.
 */
#ifndef NET_IMAP_H
#define NET_IMAP_H

#include "base/buf.h"
#include "base/err.h"

#define IMAP_MAX_LINE_BYTES (32u * 1024 * 1024) /* a SEARCH of some millions of mails */
#define IMAP_MAX_MESSAGE_BYTES (50u * 1024 * 1024)
#define IMAP_FETCH_AT_ONCE 50u /* UIDs in one command */
#define IMAP_TIMEOUT_S 60

enum imap_after { IMAP_KEEP, IMAP_MARK_SEEN, IMAP_MOVE, IMAP_DELETE };

struct imap_options {
    const char *url;    /* "imaps://host[:port]" or "imap://host[:port]" (STARTTLS); no folder in it */
    const char *folder; /* NULL: INBOX; ASCII (modified UTF-7 as the server spells it) */
    const char *user;
    const char *password;      /* NULL: from password_file, else from password_env, else from ~/.netrc */
    const char *password_file; /* its first line */
    const char *password_env;  /* name of an environment variable */
    const char *ca_file;       /* NULL: the system's */
    bool plain_text;           /* imap:// without TLS is allowed */
    enum imap_after after;
    const char *move_to;      /* IMAP_MOVE */
    size_t max_message_bytes; /* 0: IMAP_MAX_MESSAGE_BYTES */
    long timeout_s;           /* of silence; 0: IMAP_TIMEOUT_S */
};

struct imap_mail {
    slice bytes;
    uint32_t uid;
    bool truncated;
};

struct imap;

/* Connects, logs in, opens the folder and looks for mails behind `position` (empty: all). A refused login is E_DENIED. */
NODISCARD enum status imap_open(const struct imap_options *o, slice position, struct imap **out, err *e);
/* A mail: 1, no more: 0, the session has failed: -1. */
NODISCARD int imap_next(struct imap *m, struct imap_mail *out, err *e);
/* Appends the position behind the last mail given. */
void imap_position(const struct imap *m, buf *out);
/* Everything given is durable: marks, moves or deletes it as wished (at the latest when imap_next has returned 0). */
NODISCARD enum status imap_committed(struct imap *m, err *e);
/* The position given was of another UIDVALIDITY. */
bool imap_restarted(const struct imap *m);
/* Mails found when the folder was opened. */
size_t imap_found(const struct imap *m);
void imap_close(struct imap **m);

#endif
