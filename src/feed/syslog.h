/* The outside of a syslog line: stamp, host, tag, message; and what a stamp without year and zone means.
 *
 * Takes BSD stamps (RFC 3164, Postfix maillog_file), ISO 8601 with fraction and zone (rsyslog, journalctl -o
 * short-iso), RFC 5424 lines, and a "<PRI>" in front of any of them. Pure: reference time and zone are arguments.
 * Slices point into the line.
 */
#ifndef FEED_SYSLOG_H
#define FEED_SYSLOG_H

#include "base/slice.h"
#include "base/time.h"

enum stamp_form {
    STAMP_NONE,
    STAMP_BSD,
    STAMP_ISO,   /* without a zone: UTC */
    STAMP_LOCAL, /* the same, without a zone in that of the clock */
    STAMP_MICROSECONDS
};

struct syslog_line {
    enum stamp_form form;
    slice stamp; /* as written */
    slice host;
    slice tag;     /* "postfix/smtp", without [pid] */
    slice message; /* behind ": ", right-trimmed */
};

/* A line of no such form, all of it its message. */
static inline struct syslog_line syslog_bare(slice text)
{
    return (struct syslog_line){STAMP_NONE, SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY, text};
}

/* False when the line has no stamp and tag. */
bool syslog_parse(slice line, struct syslog_line *out);

/* A zone as its changes: offset_s east of UTC from `from_us` on. */
struct zone_shift {
    int64_t from_us;
    int32_t offset_s;
};
struct zone {
    int32_t offset_s; /* before the first shift */
    const struct zone_shift *shifts;
    size_t n;
};

/* UTC of a local time, both readings of an hour that comes twice; *later is *earlier elsewhere. A local time that a
 * shift leaps over is read with the offset before it. */
void zone_to_utc(const struct zone *z, int64_t local_us, int64_t *earlier, int64_t *later);

/* Remembers what is needed to read stamps one after the other. */
struct stamp_clock {
    int64_t reference_us; /* BSD stamps: the latest year that is not more than a day behind this */
    struct zone zone;
    int64_t last_us; /* newest time told so far: decides between the two readings of a repeated hour */
    char cached[16];
    int64_t cached_us;
};
void stamp_clock_init(struct stamp_clock *c, int64_t reference_us, const struct zone *zone); /* zone NULL: UTC */
/* TIME_NONE when the stamp makes no sense. */
int64_t stamp_time(struct stamp_clock *c, const struct syslog_line *line);

#endif
