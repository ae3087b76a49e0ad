/* One delivery record of Postfix and the words in it: pure reading, no memory.
 *
 *   to=<addr>[, orig_to=<addr>], relay=NAME[IP]:PORT|none|NAME[private/x]|NAME, [key=value, ...] status=WORD (text)
 *
 * Slices point into the record. Fields that are new to us are skipped; the text may be cut off.
 */
#ifndef FEED_POSTFIX_RECORD_H
#define FEED_POSTFIX_RECORD_H

#include "base/time.h"
#include "bounce.h"

struct postfix_record {
    slice to, orig_to; /* without brackets */
    slice relay;       /* as written */
    slice dsn, status;
    slice text;       /* within the parentheses */
    int64_t delay_us; /* since the mail came in; TIME_NONE */
};

/* `s` begins behind "QID: ". False when it is no delivery record. */
bool postfix_record_parse(slice s, struct postfix_record *out);

/* "<addr>" at the start of s, quoted local parts with blanks and ">" understood: the address, and *rest behind the
 * bracket. False when there is none. */
bool postfix_bracketed(slice s, slice *addr, slice *rest);

/* "mx.example.com[11.22.33.44]:25" into name and what is in the brackets. */
struct postfix_relay {
    slice name, inside;
    bool loopback; /* 127.0.0.0/8 or ::1 */
    bool socket;   /* private/... or /path */
};
void postfix_relay_parse(slice relay, struct postfix_relay *out);

/* Where in the session the text says it happened. */
enum bounce_phase postfix_phase(slice text);
/* The host that "connect to X[...]", "host X[...] said" and their like name; empty when none. */
slice postfix_text_host(slice text);
/* X of the last "queued as X" (or "forwarded as X"); empty when there is none. */
slice postfix_next_id(slice text);
/* The message id of Amazon SES in "250 Ok 0100...-000000"; empty when it is none. */
slice postfix_ses_id(slice text);
/* "delivery temporarily suspended: ...": nothing was tried. */
bool postfix_suspended(slice text);

#endif
