/* Observations as lines of text, so that an expectation can be read. Header-only: shared by the tests of this folder.
 */
#ifndef TESTS_OBSERVATION_DUMP_H
#define TESTS_OBSERVATION_DUMP_H

#include "base/time.h"
#include "feed/feed.h"

static const char *const phase_names[BOUNCE_PHASES] = {
    [BOUNCE_PHASE_NONE] = "none",         [BOUNCE_PHASE_CONNECT] = "connect", [BOUNCE_PHASE_HELO] = "helo",
    [BOUNCE_PHASE_STARTTLS] = "starttls", [BOUNCE_PHASE_AUTH] = "auth",       [BOUNCE_PHASE_MAIL] = "mail",
    [BOUNCE_PHASE_RCPT] = "rcpt",         [BOUNCE_PHASE_DATA] = "data",       [BOUNCE_PHASE_END] = "end",
};

static inline void dump_field(buf *b, const char *name, slice value)
{
    if (slice_empty(value))
        return;
    buf_printf(b, " %s=", name);
    buf_add(b, value);
}

static inline void dump_observation(buf *b, const struct observation *o)
{
    buf_printf(b, "%s ", bounce_kind_word(o->kind));
    buf_add(b, o->recipient);
    dump_field(b, "orig", o->sent_to);
    dump_field(b, "from", o->sender);
    dump_field(b, "id", o->ids[ID_MESSAGE]);
    dump_field(b, "provider", o->ids[ID_PROVIDER]);
    dump_field(b, "queue", o->ids[ID_QUEUE]);
    dump_field(b, "campaign", o->campaign);
    dump_field(b, "stream", o->stream);
    dump_field(b, "mx", o->remote_mta);
    dump_field(b, "dsn", o->status);
    if (o->phase != BOUNCE_PHASE_NONE)
        dump_field(b, "phase", slice_str(phase_names[o->phase]));
    if (o->tried_nothing)
        buf_adds(b, " nothing-tried");
    dump_field(b, "tenant", o->tenant);
    dump_field(b, "verdict", o->verdict.rule);
    if (o->trust == TRUST_BARE)
        buf_adds(b, " bare");
    buf_addc(b, ' ');
    time_add_iso(b, o->time_us);
    dump_field(b, "reply", o->reply);
    buf_addc(b, '\n');
}

static inline void dump_list(buf *b, const struct feed_list *list)
{
    for (size_t i = 0; i < list->n; i++)
        dump_observation(b, &list->items[i]);
}

#endif
