/* Our own events: one JSON object for one fact about one recipient. Read by POST /v1/events, from a spool or a file (a
 * dialect of feed/log.h), and written by the hooks in integrations/. The members stand in events.def and docs/events.md.
 *
 * Each item stands for itself: one that is refused is told with its place and why, the others are taken. Members that
 * are not in the list are skipped, so that newer writers may talk to older readers. Pure.
 */
#ifndef FEED_EVENTS_H
#define FEED_EVENTS_H

#include "feed/feed.h"
#include "feed/json_read.h"

#define EVENTS_MAX_ITEMS 20000u /* of one body; more are refused */
#define EVENTS_MAX_BAD 1000u    /* told one by one; more are only counted */
#define EVENTS_MAX_REPLY_BYTES 4096u
#define EVENTS_MAX_TEXT_BYTES 1024u /* any other text; longer ones are refused */

struct events_options {
    slice tenant; /* who sends them: an item that names another one is refused; empty: what the item says */
    slice feed;   /* observation.feed; empty: "events" */
    enum trust trust;
};

struct events_bad {
    size_t item;     /* from 0, in the order of the body */
    const char *why; /* a sentence without the full stop; static */
    slice what;      /* the member's name, or the word that is not known, in the arena or the body; may be empty */
};

struct events_result {
    size_t items, taken;
    struct events_bad *bad;
    size_t bad_count, bad_told;
};

/* A whole body: an array of objects, one object, one object a line, or {"events": [...]}. Appends to *out; what points into
 * the arena lives as long as it. False when memory was refused: what was found is there. */
NODISCARD bool events_read(slice body, const struct events_options *o, arena *a, struct feed_list *out,
                           struct events_result *r);

enum events_took { EVENTS_TAKEN, EVENTS_REFUSED, EVENTS_MEMORY };
/* One item. When refused, bad->why and ->what say why. */
NODISCARD enum events_took events_take(struct json_object *item, const struct events_options *o, arena *a,
                                       struct feed_list *out, struct events_bad *bad);
/* The name of the i-th member, NULL behind the last one. */
const char *events_field(size_t i);

#endif
