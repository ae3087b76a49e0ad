#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "core/zone.h"

#define YEARS_BACK 12
#define ZONE_FILES "/usr/share/zoneinfo/"

static int32_t offset_at(int64_t second)
{
    time_t t = (time_t)second;
    struct tm tm;
    return localtime_r(&t, &tm) ? (int32_t)tm.tm_gmtoff : 0;
}

/* The second at which the offset changes, between `low` (old offset) and `high` (new one). */
static int64_t find_shift(int64_t low, int64_t high)
{
    int32_t old = offset_at(low);
    while (high - low > 1) {
        int64_t middle = low + (high - low) / 2;
        if (offset_at(middle) == old)
            low = middle;
        else
            high = middle;
    }
    return high;
}

static void from_system(int64_t now_us, struct known_zone *out)
{
    const int64_t day = 86400;
    int64_t end = now_us / TIME_SECOND + 366 * day;
    int64_t at = end - (YEARS_BACK + 1) * 366 * day;
    out->zone.offset_s = offset_at(at);
    for (; at < end && out->zone.n < ZONE_MAX_SHIFTS; at += day) {
        if (offset_at(at) == offset_at(at + day))
            continue;
        int64_t second = find_shift(at, at + day);
        out->shifts[out->zone.n++] = (struct zone_shift){second * TIME_SECOND, offset_at(second)};
    }
}

/* "+hh:mm", "-hhmm", "+hh". */
static bool fixed_offset(slice s, int32_t *seconds)
{
    uint64_t hours, minutes = 0;
    if (s.n < 3 || (s.p[0] != '+' && s.p[0] != '-') || !slice_u64(slice_sub(s, 1, 2), &hours))
        return false;
    slice rest = slice_from(s, 3);
    if (slice_starts(rest, S(":")))
        rest = slice_from(rest, 1);
    if (!slice_empty(rest) && !(rest.n == 2 && slice_u64(rest, &minutes)))
        return false;
    if (hours > 14 || minutes > 59)
        return false;
    *seconds = (int32_t)(hours * 3600 + minutes * 60) * (s.p[0] == '-' ? -1 : 1);
    return true;
}

static bool zone_file_exists(const char *name)
{
    char path[512];
    struct stat st;
    int n = snprintf(path, sizeof path, ZONE_FILES "%s", name);
    return n > 0 && (size_t)n < sizeof path && !strstr(name, "..") && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

enum status zone_find(const char *name, int64_t now_us, struct known_zone *out, err *e)
{
    memset(out, 0, sizeof *out);
    out->zone.shifts = out->shifts;
    if (name && fixed_offset(slice_str(name), &out->zone.offset_s))
        return OK;
    if (name && *name && strcmp(name, "UTC") != 0) {
        if (!zone_file_exists(name))
            return err_set(
                e, E_INVALID,
                "zone '%s' is not known here; use UTC, an offset such as +02:00, or a name such as Europe/Berlin",
                name);
        setenv("TZ", name, 1);
    } else if (name && *name) {
        return OK;
    }
    tzset();
    from_system(now_us, out);
    return OK;
}
