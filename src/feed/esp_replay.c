#include "feed/esp_replay.h"

#include <stdlib.h>

#define WAYS 8u /* places that one `once` may have */

struct seen {
    uint64_t once, body;
    int64_t until_us; /* 0: free */
};

struct esp_replay {
    struct seen seen[ESP_REPLAY_ENTRIES];
};

struct esp_replay *esp_replay_new(void)
{
    return calloc(1, sizeof(struct esp_replay));
}

void esp_replay_free(struct esp_replay **r)
{
    free(*r);
    *r = NULL;
}

bool esp_replay_allows(struct esp_replay *r, slice once, slice body, int64_t until_us, int64_t now_us)
{
    struct hash128 name = hash128(once), content = hash128(body);
    struct seen *set = &r->seen[name.hi % (ESP_REPLAY_ENTRIES / WAYS) * WAYS], *oldest = set;
    if (slice_empty(once))
        return true;
    for (size_t i = 0; i < WAYS; i++) {
        if (set[i].until_us >= now_us && set[i].once == name.lo)
            return set[i].body == content.lo;
        if (set[i].until_us < oldest->until_us)
            oldest = &set[i];
    }
    *oldest = (struct seen){name.lo, content.lo, until_us};
    return true;
}
