/* Time values: wall time is int64_t microseconds since 1970 UTC; no clock is read here.
 *
 * TIME_NONE stands for "not told".
 */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include "base/buf.h"

#define TIME_NONE INT64_MIN
#define TIME_SECOND INT64_C(1000000)
#define TIME_MINUTE (60 * TIME_SECOND)
#define TIME_HOUR (60 * TIME_MINUTE)
#define TIME_DAY (24 * TIME_HOUR)

struct civil {
    int year, month, day, hour, minute, second; /* month 1..12, second 0..60 */
};

/* Days since 1970-01-01 of the proleptic Gregorian calendar; month and day must be in range. */
int64_t civil_days(int year, int month, int day);
/* Microseconds of c read as UTC; TIME_NONE when a field is out of range or the year is outside 1970..9999. */
int64_t civil_to_us(const struct civil *c);
void civil_from_us(int64_t us, struct civil *out);

/* RFC 5322 3.3 with its obsolete forms and what mail programs really write (names of zones, no seconds, two-digit
 * years, comments, missing weekday, ctime's order, 21-Nov-2026, AM and PM, a fraction, ISO 8601). Without a zone, or
 * with the name of an unknown one, UTC is taken; without a clock, midnight; what follows a whole date is ignored.
 * TIME_NONE when it is no date or lies outside of the years 1970..9999. */
int64_t time_parse_mail(slice s);
/* RFC 3339 and ISO 8601 (T or space, fraction of any length, Z, +hh:mm, +hhmm; without a zone: zone_s seconds east of
 * UTC; without a clock: midnight there). TIME_NONE for anything else, also for anything behind it. */
int64_t time_parse_iso(slice s, int zone_s);
/* Any of: Unix seconds (with or without a fraction), milliseconds (from 1e11 on), RFC 2822, ISO 8601, "YYYY-MM-DD
 * hh:mm:ss", "YYYY-MM-DD". TIME_NONE otherwise. */
int64_t time_parse_any(slice s);
/* "2026-11-21T20:43:24Z"; a fraction of 3 or 6 digits only where it is not zero. TIME_NONE appends nothing. */
void time_add_iso(buf *b, int64_t us);
/* "36 h", "5 min", "12 days": the largest unit in which rounding changes no more than 2 %, for people. */
void time_add_span(buf *b, int64_t us);

/* Three letters of a month, case ignored, to 1..12; 0 when it is none. */
int month_from_name(slice s);

#endif
