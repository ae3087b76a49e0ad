/* What happens to an address, told in one line, as src/policy/transitions.def explains it: "d0 failed mailbox-full 90 c=1; d7 ...".
 */
#ifndef TESTS_POLICY_STORY_H
#define TESTS_POLICY_STORY_H

#include "policy/history.h"

#define STORY_START_US (INT64_C(1700000000) * TIME_SECOND)
#define STORY_MAX_EVENTS 24u
#define STORY_MAX_AROUND 8u
#define STORY_MAX_STREAMS 4u

struct story {
    struct policy policy;
    struct policy_stream streams[STORY_MAX_STREAMS];
    struct policy_event events[STORY_MAX_EVENTS];
    size_t n;
    struct history_env env;
    struct circumstance around[STORY_MAX_AROUND];
    size_t around_count;
};

/* Fails the test where the text makes no sense. */
void story_read(struct story *s, const char *text);
/* "d3", "h5" */
int64_t story_time(slice word);
/* The state at a time, fed in the order of the text or backwards. */
void story_look(const struct story *s, int64_t now_us, bool backwards, struct address_status *out);
/* "suppressed escalated tenant until=187", as the table writes it. */
void story_state(const struct address_status *s, char *out, size_t size);

#endif
