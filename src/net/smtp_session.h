/* One connection of an SMTP or LMTP server: what smtp_server.c (life and framing), smtp_verbs.c (commands) and smtp_data.c
 * (content and answers) share. Nobody else includes this.
 */
#ifndef NET_SMTP_SESSION_H
#define NET_SMTP_SESSION_H

#include "net/peer_rate.h"
#include "net/smtp_content.h"
#include "net/smtp_server.h"

enum smtp_state {
    SMTP_COMMAND, /* the next line is a command */
    SMTP_DROP,    /* the rest of a line that is too long */
    SMTP_DATA,    /* content up to the dot */
    SMTP_CHUNK,   /* content of `chunk_left` bytes */
    SMTP_ANSWER,  /* the mail was handed over */
    SMTP_TLS,     /* STARTTLS was answered: nothing is read in clear any more */
    SMTP_OVER     /* the last word was said */
};

struct smtp_server {
    struct smtp_options o;
    arena a;    /* of texts in the options */
    slice ehlo; /* lines of the answer behind the first one, without STARTTLS */
    struct peer_rate *connects, *mails;
    struct smtp_counts counts;
    struct smtp_session *first; /* open ones */
    bool draining;
};

struct smtp_session {
    struct smtp_server *server;
    struct smtp_session *next, *before;
    struct conn *conn; /* NULL: the peer has gone, and the mail's answer is awaited */
    enum smtp_state state;
    bool greeted, extended, tls, spoken; /* EHLO was said; not HELO; TLS stands; a first byte came */
    char helo[SMTP_MAX_NAME_BYTES + 1];
    struct smtp_mail *mail; /* from MAIL on */
    struct smtp_content content;
    uint64_t chunk_left;
    bool chunk_last, chunks; /* BDAT LAST; the mail comes in chunks */
    slice refusal;           /* not empty: the content is read and thrown away, and answered so */
    size_t held;             /* bytes of content in server->counts.held_bytes */
    size_t dropped;
    unsigned errors, idle_commands;
    bool paused, eof;
    slice behind; /* what came behind the command that runs */
    buf out;      /* replies that are sent together */
};

/* ---- smtp_server.c ---- */
/* A line of reply; it goes out with the others when all input was used. */
void smtp_reply(struct smtp_session *s, slice text);
/* The same for a command that was wrong: closes the connection when there were too many. */
void smtp_error(struct smtp_session *s, slice text);
/* The last reply. */
void smtp_hang_up(struct smtp_session *s, slice text);
/* Sends the replies; behind the last one the connection ends, and the session may be gone. */
void smtp_flush(struct smtp_session *s);
void smtp_session_free(struct smtp_session *s);
/* Takes a token of the peer's mails. */
bool smtp_may_mail(struct smtp_session *s);

/* ---- smtp_verbs.c ---- */
/* One command line, without CR LF. */
void smtp_command(struct smtp_session *s, slice line);

/* ---- smtp_data.c ---- */
/* A mail begins; NULL when memory is refused. */
struct smtp_mail *smtp_mail_new(struct smtp_session *s);
/* Drops the mail of the session that was not handed over. */
void smtp_mail_drop(struct smtp_session *s);
void smtp_begin_data(struct smtp_session *s);
/* `refusal` not empty: the chunk is read, thrown away, and answered so (RFC 3030 2). */
void smtp_begin_chunk(struct smtp_session *s, uint64_t size, bool last, slice refusal);
/* Content that came; returns how much of it was used. */
size_t smtp_take_content(struct smtp_session *s, slice in);

#endif
