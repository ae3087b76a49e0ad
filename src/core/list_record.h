/* One entry of a suppression list, whatever the format: names and values in, what it means out. Pure.
 */
#ifndef CORE_LIST_RECORD_H
#define CORE_LIST_RECORD_H

#include "base/arena.h"
#include "policy/state.h"

/* What a column (or a JSON member) holds, found by its name. */
enum list_column {
    COLUMN_OTHER,
    COLUMN_ADDRESS,
    COLUMN_MD5,
    COLUMN_SHA256,
    COLUMN_REASON, /* a word, or the reply of a server */
    COLUMN_STATUS, /* may be a word, an enhanced code, a reply code */
    COLUMN_DATE,
    COLUMN_NOTE,
    COLUMN_EXPIRED,      /* true: the entry does not hold any more */
    COLUMN_CLEANED,      /* a time: was cleaned, which means hard */
    COLUMN_UNSUBSCRIBED, /* a time or true: opted out */
    COLUMN_BAD,          /* true: the address is bad */
    COLUMN_HARD,         /* not empty: why it bounced hard */
    COLUMN_TAGS          /* of unsubscribes */
};
enum list_column list_column_find(slice name);
/* True when the names are those of a list of subscribers, not of suppressions. */
bool list_columns_subscribers(const slice *names, size_t n);

struct list_record {
    slice address;
    slice hash;       /* hex, where there is no address */
    enum cause cause; /* CAUSES: not told */
    bool suppresses;  /* false: delivered, expired, a white list */
    int64_t time_us;  /* TIME_NONE: not told */
    slice note;       /* the reason as written */
    slice reply;      /* the longest value that begins with a reply or enhanced code, or stands beside one */
    bool by_code; /* the cause rests on the first digit of a code alone: what the words of `reply` say counts more */
};

void list_record_init(struct list_record *r);
/* Takes one value in; call in any order. A COLUMN_OTHER value is looked at by itself (lists without names). */
void list_record_take(struct list_record *r, enum list_column column, slice value);

#endif
