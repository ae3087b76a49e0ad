#include "feed/feed.h"

#include "base/time.h"

struct observation *feed_add(struct feed_list *list, arena *a)
{
    struct observation *items = arena_grow(a, list->items, list->n, &list->cap, sizeof *items);
    if (!items)
        return NULL;
    list->items = items;
    struct observation *o = &items[list->n++];
    memset(o, 0, sizeof *o);
    slice *const texts[] = {
        &o->tenant,          &o->stream,         &o->campaign,     &o->source,          &o->recipient,
        &o->sent_to,         &o->reply,          &o->status,       &o->remote_mta,      &o->reporting_mta,
        &o->provider,        &o->sender,         &o->sending_ip,   &o->subject,         &o->feed,
        &o->format,          &o->platform_cause, &o->verdict.rule, &o->verdict.matched, &o->verdict.new_address,
        &o->verdict.provider};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = SLICE_EMPTY;
    for (size_t i = 0; i < ID_KINDS; i++)
        o->ids[i] = SLICE_EMPTY;
    o->time_us = o->sent_us = TIME_NONE;
    return o;
}
