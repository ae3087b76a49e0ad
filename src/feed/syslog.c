#include "feed/syslog.h"

#define BSD_STAMP_BYTES 15u /* "Nov 21 20:43:24" */
#define MAX_LEAP_BACK 8     /* years between two 29ths of February at most */

static bool is_bsd_stamp(slice s)
{
    return s.n > BSD_STAMP_BYTES && s.p[3] == ' ' && s.p[6] == ' ' && s.p[9] == ':' && s.p[12] == ':' &&
           s.p[BSD_STAMP_BYTES] == ' ' && ascii_alpha(s.p[0]) && ascii_digit(s.p[5]);
}

/* Bytes of "2026-11-21T20:43:24.5+01:00" or the same with a space in the middle; 0 when there is none. */
static size_t iso_stamp(slice s)
{
    if (s.n < 20 || !ascii_digit(s.p[0]) || s.p[4] != '-' || s.p[7] != '-' || s.p[13] != ':' || s.p[16] != ':')
        return 0;
    if (s.p[10] != 'T' && s.p[10] != ' ')
        return 0;
    const char *end = memchr(s.p + 11, ' ', s.n - 11);
    return end ? (size_t)(end - s.p) : 0;
}

/* "<22>" and, in RFC 5424, the version behind it. */
static slice skip_priority(slice s, bool *rfc5424)
{
    *rfc5424 = false;
    if (s.n < 4 || s.p[0] != '<')
        return s;
    size_t i = 1;
    while (i < s.n && i < 4 && ascii_digit(s.p[i]))
        i++;
    if (i == 1 || i >= s.n || s.p[i] != '>')
        return s;
    s = slice_from(s, i + 1);
    if (s.n > 2 && s.p[0] == '1' && s.p[1] == ' ') {
        *rfc5424 = true;
        s = slice_from(s, 2);
    }
    return s;
}

/* The text up to the next space, which is consumed; all of it when there is none. */
static slice take_token(slice *rest)
{
    const char *space = memchr(rest->p, ' ', rest->n);
    size_t n = space ? (size_t)(space - rest->p) : rest->n;
    slice token = slice_of(rest->p, n);
    *rest = slice_from(*rest, space ? n + 1 : n);
    return token;
}

/* "postfix/smtp[9710]:" to "postfix/smtp"; empty when it is no tag. */
static slice tag_of(slice token)
{
    if (token.n < 2 || token.p[token.n - 1] != ':')
        return SLICE_EMPTY;
    token.n--;
    if (token.p[token.n - 1] == ']') {
        size_t open = slice_rchr(token, '[');
        if (open != SLICE_NPOS)
            token.n = open;
    }
    return token;
}

/* STRUCTURED-DATA of RFC 5424 6.3: "-" or "[id a="b"]"..., with the space behind it. */
static slice skip_structured(slice s)
{
    bool quoted = false, inside = false;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (c == '\\' && quoted)
            i++;
        else if (c == '"')
            quoted = !quoted;
        else if (!quoted && (c == '[' || c == ']'))
            inside = c == '[';
        else if (!quoted && !inside && c == ' ')
            return slice_from(s, i + 1);
    }
    return SLICE_EMPTY;
}

static bool parse_rfc5424(slice rest, struct syslog_line *out)
{
    out->host = take_token(&rest);
    out->tag = take_token(&rest);
    (void)take_token(&rest); /* PROCID */
    (void)take_token(&rest); /* MSGID */
    rest = skip_structured(rest);
    if (slice_starts(rest, S("\xef\xbb\xbf")))
        rest = slice_from(rest, 3);
    out->message = rest;
    return !slice_empty(out->tag);
}

static bool parse_rest(slice rest, struct syslog_line *out)
{
    slice token = take_token(&rest);
    out->tag = tag_of(token);
    if (slice_empty(out->tag)) {
        out->host = token;
        out->tag = tag_of(take_token(&rest));
    } else {
        out->host = SLICE_EMPTY; /* the local form: stamp, tag */
    }
    out->message = rest;
    return !slice_empty(out->tag);
}

bool syslog_parse(slice line, struct syslog_line *out)
{
    while (line.n && ascii_space(line.p[line.n - 1]))
        line.n--;
    bool rfc5424 = false;
    if (line.n && line.p[0] == '<')
        line = skip_priority(line, &rfc5424);
    size_t n = 0;
    if (is_bsd_stamp(line)) {
        n = BSD_STAMP_BYTES;
        out->form = STAMP_BSD;
    } else {
        n = iso_stamp(line);
        out->form = STAMP_ISO;
    }
    if (n == 0)
        return false;
    out->stamp = slice_of(line.p, n);
    slice rest = slice_from(line, n + 1);
    return rfc5424 ? parse_rfc5424(rest, out) : parse_rest(rest, out);
}

/* ---- time ---- */

void zone_to_utc(const struct zone *z, int64_t local_us, int64_t *earlier, int64_t *later)
{
    int64_t from = INT64_MIN, offset_us = z->offset_s * TIME_SECOND, before_gap = offset_us;
    *earlier = *later = TIME_NONE;
    for (size_t i = 0; i <= z->n; i++) {
        int64_t until = i < z->n ? z->shifts[i].from_us : INT64_MAX;
        int64_t utc = local_us - offset_us;
        if (utc >= from && utc < until) {
            if (*earlier == TIME_NONE)
                *earlier = utc;
            *later = utc;
        }
        if (utc >= until) /* the last regime that ended before it */
            before_gap = offset_us;
        if (i < z->n) {
            from = until;
            offset_us = z->shifts[i].offset_s * TIME_SECOND;
        }
    }
    if (*earlier == TIME_NONE)
        *earlier = *later = local_us - before_gap;
}

void stamp_clock_init(struct stamp_clock *c, int64_t reference_us, const struct zone *zone)
{
    *c = (struct stamp_clock){.reference_us = reference_us, .last_us = TIME_NONE, .cached_us = TIME_NONE};
    if (zone)
        c->zone = *zone;
}

static int two_digits(const char *p)
{
    int tens = p[0] == ' ' ? 0 : p[0] - '0';
    int ones = p[1] - '0';
    return tens < 0 || tens > 9 || ones < 0 || ones > 9 ? -1 : tens * 10 + ones;
}

static bool bsd_fields(slice stamp, struct civil *out)
{
    *out = (struct civil){.month = month_from_name(slice_sub(stamp, 0, 3)),
                          .day = two_digits(stamp.p + 4),
                          .hour = two_digits(stamp.p + 7),
                          .minute = two_digits(stamp.p + 10),
                          .second = two_digits(stamp.p + 13)};
    return out->month > 0 && out->day > 0 && out->hour >= 0 && out->minute >= 0 && out->second >= 0;
}

/* Logs run forward: the second reading when the first one lies behind what was told. Five minutes allow for several
 * hosts in one file; a clock that is hours ahead belongs to another file. */
static int64_t choose(const struct stamp_clock *c, int64_t earlier, int64_t later)
{
    if (earlier == later || c->last_us == TIME_NONE)
        return earlier;
    return c->last_us > earlier + 5 * TIME_MINUTE && c->last_us < later + 2 * TIME_HOUR ? later : earlier;
}

static int64_t bsd_time(const struct stamp_clock *c, slice stamp)
{
    struct civil fields, now;
    if (c->reference_us == TIME_NONE || !bsd_fields(stamp, &fields))
        return TIME_NONE;
    civil_from_us(c->reference_us, &now);
    for (int back = -1; back <= MAX_LEAP_BACK; back++) {
        fields.year = now.year - back;
        int64_t local = civil_to_us(&fields);
        if (local == TIME_NONE) /* 29 February of another year */
            continue;
        int64_t earlier, later;
        zone_to_utc(&c->zone, local, &earlier, &later);
        if (earlier <= c->reference_us + TIME_DAY)
            return choose(c, earlier, later);
    }
    return TIME_NONE;
}

static int64_t local_time(const struct stamp_clock *c, slice stamp)
{
    int64_t as_utc = time_parse_iso(stamp, 0), elsewhere = time_parse_iso(stamp, 3600), earlier, later;
    if (as_utc == TIME_NONE || as_utc == elsewhere) /* it names its zone */
        return as_utc;
    zone_to_utc(&c->zone, as_utc, &earlier, &later);
    return choose(c, earlier, later);
}

static int64_t microseconds(slice stamp)
{
    uint64_t us;
    return slice_u64(stamp, &us) && us < (uint64_t)INT64_MAX ? (int64_t)us : TIME_NONE;
}

int64_t stamp_time(struct stamp_clock *c, const struct syslog_line *line)
{
    int64_t us = TIME_NONE;
    switch (line->form) {
    case STAMP_BSD:
        if (line->stamp.n != BSD_STAMP_BYTES)
            return TIME_NONE;
        if (c->cached_us != TIME_NONE && memcmp(c->cached, line->stamp.p, BSD_STAMP_BYTES) == 0)
            return c->cached_us;
        us = bsd_time(c, line->stamp);
        memcpy(c->cached, line->stamp.p, BSD_STAMP_BYTES);
        c->cached_us = us;
        break;
    case STAMP_ISO:
        us = time_parse_iso(line->stamp, 0);
        break;
    case STAMP_LOCAL:
        us = local_time(c, line->stamp);
        break;
    case STAMP_MICROSECONDS:
        us = microseconds(line->stamp);
        break;
    case STAMP_NONE:
        break;
    }
    if (us != TIME_NONE && (c->last_us == TIME_NONE || us > c->last_us))
        c->last_us = us;
    return us;
}
