/* The state of reading one message, shared by the readers of report forms (dsn, arf, autoreply, freetext).
 *
 * Lives on bounce_read's stack; everything in it is in the message or in the caller's arena.
 */
#ifndef BOUNCE_READING_H
#define BOUNCE_READING_H

#include "bounce.h"
#include "bounce/facts.h"
#include "bounce/mime.h"

#define READING_MAX_DIAGNOSTIC_BYTES 4096

struct quoted_lines;
struct dialects;

struct reading {
    const struct bounce_rules *rules;
    const struct lexicon *lexicon;
    const struct quoted_lines *quoted;
    const struct dialects *dialects;
    struct charsets *cs;
    arena *a;
    struct facts facts;
    struct mime mime;
    unsigned diag;       /* bits of enum bounce_diag */
    slice text;          /* what the report says in words, without the returned message; reading_text fills it */
    slice returned_text; /* the returned message when it stands in the text */
    slice expired_of;    /* the last text that reading_expired was asked about, and what it said */
    bool expired;
    slice all_text; /* both, before they were told apart */
    bool all_taken, text_taken;
    struct header returned; /* header of the returned message, wherever it was found; reading_returned fills it */
    bool returned_taken;
    slice envelope_id; /* Original-Envelope-Id of the machine part */
    struct bounce_report *reports;
    size_t n, cap;
};

/* A new report of that kind, all else empty; NULL when the cap is reached or memory is refused (told in diag). */
struct bounce_report *reading_add(struct reading *r, enum bounce_kind kind, slice format);

/* The words of the report: text parts outside of returned messages, HTML only where there is no plain text, cut where
 * the returned message begins. */
slice reading_text(struct reading *r);
/* The same not cut: a message without MIME that came back may follow. For what is rare in either. */
slice reading_all_text(struct reading *r);
/* The header of the returned message: a message or headers part, else what follows the report in its text. May be
 * empty. */
const struct header *reading_returned(struct reading *r);
/* To whom the returned message went: its envelope fields (X-Original-To, Delivered-To, "for <a>" of Received), else the
 * only address in To. Empty when that is not clear. */
slice reading_returned_recipient(struct reading *r);

/* Whether a diagnostic says that its server gave up after a time of trying; several readers ask this of one diagnostic. */
bool reading_expired(struct reading *r, slice diagnostic);

/* a, between, b in the arena; a alone when memory is refused, the other where one is empty. */
slice reading_join(struct reading *r, slice a, slice between, slice b);
/* The same address apart from the case of letters. */
bool reading_same(slice a, slice b);
/* Joined to one line and cut to READING_MAX_DIAGNOSTIC_BYTES. */
slice reading_one_line(struct reading *r, slice text);

#endif
