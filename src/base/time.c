#include "base/time.h"

#include "base/text.h"

#define YEAR_MIN 1970
#define YEAR_MAX 9999
#define LAST_SECOND INT64_C(253402300799) /* 9999-12-31T23:59:59Z */

static const char *const month_names[] = {"january", "february", "march",     "april",   "may",      "june",
                                          "july",    "august",   "september", "october", "november", "december"};
static const char *const day_names[] = {"monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};

/* Names of zones in mail, minutes east of UTC (RFC 5322 4.3 and those that programs write). Any other name is -0000. */
static const struct {
    const char *name;
    int minutes;
} zones[] = {
    {"ut", 0},      {"utc", 0},    {"gmt", 0},    {"z", 0},      {"wet", 0},    {"est", -300}, {"edt", -240},
    {"cst", -360},  {"cdt", -300}, {"mst", -420}, {"mdt", -360}, {"pst", -480}, {"pdt", -420}, {"akst", -540},
    {"akdt", -480}, {"hst", -600}, {"ast", -240}, {"adt", -180}, {"nst", -210}, {"ndt", -150}, {"bst", 60},
    {"west", 60},   {"cet", 60},   {"met", 60},   {"mez", 60},   {"cest", 120}, {"mest", 120}, {"mesz", 120},
    {"eet", 120},   {"eest", 180}, {"msk", 180},  {"msd", 240},  {"jst", 540},  {"kst", 540},  {"hkt", 480},
    {"sgt", 480},   {"aest", 600}, {"aedt", 660}, {"acst", 570}, {"acdt", 630}, {"awst", 480}, {"nzst", 720},
    {"nzdt", 780},  {"brt", -180}, {"sast", 120},
};

int64_t civil_days(int year, int month, int day)
{
    /* years that begin in March, in eras of 400 (Howard Hinnant, "chrono-compatible low-level date algorithms") */
    int64_t y = (int64_t)year - (month <= 2);
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719468;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && leap);
}

int64_t civil_to_us(const struct civil *c)
{
    if (c->year < YEAR_MIN || c->year > YEAR_MAX || c->month < 1 || c->month > 12)
        return TIME_NONE;
    if (c->day < 1 || c->day > days_in_month(c->year, c->month))
        return TIME_NONE;
    if (c->hour < 0 || c->hour > 23 || c->minute < 0 || c->minute > 59 || c->second < 0 || c->second > 60)
        return TIME_NONE;
    int64_t seconds = c->hour * 3600 + c->minute * 60 + c->second;
    return civil_days(c->year, c->month, c->day) * TIME_DAY + seconds * TIME_SECOND;
}

void civil_from_us(int64_t us, struct civil *out)
{
    int64_t days = us / TIME_DAY, rest = us % TIME_DAY;
    if (rest < 0) {
        rest += TIME_DAY;
        days--;
    }
    int seconds = (int)(rest / TIME_SECOND);
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int day_of_year = (int)(day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100));
    int from_march = (5 * day_of_year + 2) / 153;
    out->day = day_of_year - (153 * from_march + 2) / 5 + 1;
    out->month = from_march < 10 ? from_march + 3 : from_march - 9;
    out->year = (int)(year_of_era + era * 400 + (out->month <= 2));
    out->hour = seconds / 3600;
    out->minute = seconds / 60 % 60;
    out->second = seconds % 60;
}

/* Index of the name that `word` is or abbreviates to three letters or more; -1 when it is none. */
static int name_index(slice word, const char *const *names, int count)
{
    if (word.n < 3)
        return -1;
    for (int i = 0; i < count; i++) /* most are told apart by their first letter */
        if (names[i][0] == ascii_lower(word.p[0]) && slice_starts_ci(slice_str(names[i]), word))
            return i;
    return -1;
}

int month_from_name(slice s)
{
    return s.n == 3 ? name_index(s, month_names, 12) + 1 : 0;
}

/* civil time in a zone to UTC, within the years that are allowed */
static int64_t in_zone(const struct civil *c, int64_t fraction_us, int zone_s)
{
    int64_t us = civil_to_us(c);
    if (us == TIME_NONE)
        return TIME_NONE;
    us += fraction_us - zone_s * TIME_SECOND;
    return us < 0 || us / TIME_SECOND > LAST_SECOND ? TIME_NONE : us;
}

/* --- pieces that both grammars share: each takes from the front of *s and says whether it was there --- */

static bool take_char(slice *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    *s = slice_from(*s, 1);
    return true;
}

static size_t digits_at(slice s)
{
    size_t n = 0;
    while (n < s.n && ascii_digit(s.p[n]))
        n++;
    return n;
}

/* A number of min to max digits, with no digit behind it. */
static bool take_number(slice *s, size_t min, size_t max, int *out)
{
    size_t n = digits_at(*s);
    if (n < min || n > max)
        return false;
    int v = 0;
    for (size_t i = 0; i < n; i++)
        v = v * 10 + (s->p[i] - '0');
    *out = v;
    *s = slice_from(*s, n);
    return true;
}

/* Exactly n digits, whatever follows. */
static bool take_digits(slice *s, size_t n, int *out)
{
    slice head = slice_sub(*s, 0, n);
    if (!take_number(&head, n, n, out))
        return false;
    *s = slice_from(*s, n);
    return true;
}

/* ".123" or ",123" of any length, cut to microseconds. */
static int64_t take_fraction(slice *s)
{
    if (s->n < 2 || (s->p[0] != '.' && s->p[0] != ',') || !ascii_digit(s->p[1]))
        return 0;
    int64_t us = 0, unit = 100000;
    size_t i = 1;
    for (; i < s->n && ascii_digit(s->p[i]); i++, unit /= 10)
        us += unit * (s->p[i] - '0');
    *s = slice_from(*s, i);
    return us;
}

/* +hh, +hhmm, +hh:mm (a single digit for the hour too) in seconds. */
static bool take_offset(slice *s, int *zone_s)
{
    slice t = *s;
    int sign = take_char(&t, '+') ? 1 : take_char(&t, '-') ? -1 : 0;
    int hours = 0, minutes = 0;
    size_t n = digits_at(t);
    if (sign == 0 || n == 0 || n > 4)
        return false;
    if (!take_digits(&t, n > 2 ? n - 2 : n, &hours))
        return false;
    if (n > 2 && !take_digits(&t, 2, &minutes))
        return false;
    if (n <= 2 && t.n >= 3 && t.p[0] == ':' && digits_at(slice_from(t, 1)) == 2) {
        t = slice_from(t, 1);
        if (!take_digits(&t, 2, &minutes))
            return false;
    }
    if (hours > 23 || minutes > 59)
        return false;
    *zone_s = sign * (hours * 3600 + minutes * 60);
    *s = t;
    return true;
}

/* --- ISO 8601 --- */

static bool take_iso_date(slice *s, struct civil *c)
{
    return take_digits(s, 4, &c->year) && take_char(s, '-') && take_digits(s, 2, &c->month) && take_char(s, '-') &&
           take_digits(s, 2, &c->day);
}

static bool take_iso_clock(slice *s, struct civil *c, int64_t *fraction_us)
{
    if (!take_digits(s, 2, &c->hour) || !take_char(s, ':') || !take_digits(s, 2, &c->minute))
        return false;
    if (take_char(s, ':')) {
        if (!take_digits(s, 2, &c->second))
            return false;
        *fraction_us = take_fraction(s);
    }
    return true;
}

static bool take_iso_zone(slice *s, int *zone_s)
{
    *s = slice_ltrim(*s);
    if (take_offset(s, zone_s))
        return true;
    if (slice_eq_ci(*s, S("Z")) || slice_eq_ci(*s, S("UTC")) || slice_eq_ci(*s, S("GMT"))) {
        *zone_s = 0;
        *s = SLICE_EMPTY;
    }
    return s->n == 0;
}

int64_t time_parse_iso(slice s, int zone_s)
{
    struct civil c = {0};
    int64_t fraction_us = 0;
    s = slice_trim(s);
    if (!take_iso_date(&s, &c))
        return TIME_NONE;
    if (s.n) {
        if (!take_char(&s, 'T') && !take_char(&s, 't')) {
            if (!ascii_space(s.p[0]))
                return TIME_NONE;
            s = slice_ltrim(s);
        }
        if (!take_iso_clock(&s, &c, &fraction_us) || !take_iso_zone(&s, &zone_s))
            return TIME_NONE;
    }
    return s.n ? TIME_NONE : in_zone(&c, fraction_us, zone_s);
}

/* --- RFC 5322: words in any order, as programs write them --- */

struct mail_date {
    struct civil c;
    int64_t fraction_us;
    int zone_s;
    bool day, month, year, clock, zone;
};

/* hh:mm[:ss[.frac]], also with full stops between */
static bool take_mail_clock(slice *s, struct mail_date *d)
{
    slice t = *s;
    int hour, minute, second = 0;
    int64_t fraction_us = 0;
    if (!take_number(&t, 1, 2, &hour) || t.n == 0 || (t.p[0] != ':' && t.p[0] != '.'))
        return false;
    char between = t.p[0];
    if (!take_char(&t, between) || !take_number(&t, 1, 2, &minute))
        return false;
    if (take_char(&t, between)) {
        if (!take_number(&t, 1, 2, &second))
            return false;
        fraction_us = take_fraction(&t);
    }
    d->c.hour = hour;
    d->c.minute = minute;
    d->c.second = second;
    d->fraction_us = fraction_us;
    d->clock = true;
    *s = t;
    return true;
}

static bool take_mail_number(slice *s, struct mail_date *d)
{
    size_t n = digits_at(*s);
    if (!d->clock && take_mail_clock(s, d))
        return true;
    int v;
    if (!take_number(s, 1, 4, &v))
        return false;
    if (!d->day && n <= 2) {
        d->c.day = v;
        d->day = true;
    } else if (!d->year && n >= 2) {
        /* RFC 5322 4.3 */
        d->c.year = n == 2 ? v + (v < 50 ? 2000 : 1900) : n == 3 ? v + 1900 : v;
        d->year = true;
    } else {
        return false;
    }
    return true;
}

/* Noon and midnight of the twelve-hour clock. */
static bool set_half(struct mail_date *d, bool pm)
{
    if (d->c.hour < 1 || d->c.hour > 12)
        return false;
    d->c.hour = d->c.hour % 12 + (pm ? 12 : 0);
    return true;
}

static void set_zone(struct mail_date *d, slice name)
{
    d->zone_s = 0;
    for (size_t i = 0; i < ARRAY_LEN(zones); i++)
        if (zones[i].name[0] == ascii_lower(name.p[0]) && slice_eq_ci(name, slice_str(zones[i].name)))
            d->zone_s = zones[i].minutes * 60;
    d->zone = true;
}

static bool take_mail_word(slice *s, struct mail_date *d)
{
    size_t n = 0;
    while (n < s->n && ascii_alpha(s->p[n]))
        n++;
    slice word = slice_sub(*s, 0, n);
    int month = d->month ? -1 : name_index(word, month_names, 12);
    *s = slice_from(*s, n);
    if (n == 0)
        return false;
    if (month >= 0) {
        d->c.month = month + 1;
        d->month = true;
    } else if (d->clock && (slice_eq_ci(word, S("AM")) || slice_eq_ci(word, S("PM")))) {
        return set_half(d, ascii_lower(word.p[0]) == 'p');
    } else if (d->clock && !d->zone) {
        set_zone(d, word);
    } else if (!d->day && !d->month && name_index(word, day_names, 7) >= 0) {
        return true;
    } else if (!slice_eq_ci(word, S("at"))) {
        return false;
    }
    return true;
}

/* One word, number or mark; false when it has no place in a date. */
static bool take_mail_token(slice *s, struct mail_date *d)
{
    char c = s->p[0];
    if (c == '(') {
        *s = slice_from(*s, text_comment_span(*s));
        return true;
    }
    if (d->clock && (c == '+' || c == '-') && take_offset(s, &d->zone_s)) {
        d->zone = true;
        return true;
    }
    if (c == ',' || c == '-' || c == '.' || c == '/') { /* 21-Nov-2026, Nov. 21 */
        *s = slice_from(*s, 1);
        return true;
    }
    return ascii_digit(c) ? take_mail_number(s, d) : take_mail_word(s, d);
}

/* --- the same as nearly all write it: "Thu, 21 Nov 2026 20:43:24 +0100" --- */

/* Index of the three letters at p in a row of such names, case ignored; -1 when they are none. */
static int letters_index(const char *p, const char *names)
{
    for (int i = 0; names[i]; i += 3)
        if ((p[0] | 0x20) == names[i] && (p[1] | 0x20) == names[i + 1] && (p[2] | 0x20) == names[i + 2])
            return i / 3;
    return -1;
}

/* The two digits at p; *ok is cleared when they are none. */
static int two_digits(const char *p, bool *ok)
{
    *ok = *ok && ascii_digit(p[0]) && ascii_digit(p[1]);
    return (p[0] - '0') * 10 + (p[1] - '0');
}

/* True when nothing but white space and one comment stands there. */
static bool only_comment(slice s)
{
    s = slice_trim(s);
    return s.n == 0 || (s.p[0] == '(' && text_comment_span(s) == s.n);
}

/* Reads that form and no other; what it does not take the grammar of words reads. */
static bool parse_usual(slice s, struct mail_date *d)
{
    enum { BEHIND_DAY = 24 }; /* octets of " Nov 2026 20:43:24 +0100" */
    if (s.n > 5 && s.p[3] == ',' && s.p[4] == ' ' && letters_index(s.p, "montuewedthufrisatsun") >= 0)
        s = slice_from(s, 5);
    size_t day = s.n > 1 && ascii_digit(s.p[1]) ? 2 : 1;
    if (s.n < day + BEHIND_DAY || !ascii_digit(s.p[0]) || !only_comment(slice_from(s, day + BEHIND_DAY)))
        return false;
    const char *p = s.p + day;
    bool ok = p[0] == ' ' && p[4] == ' ' && p[9] == ' ' && p[12] == ':' && p[15] == ':' && p[18] == ' ' &&
              (p[19] == '+' || p[19] == '-');
    int zone_hours = two_digits(p + 20, &ok), zone_minutes = two_digits(p + 22, &ok);
    int zone = zone_hours * 3600 + zone_minutes * 60;
    d->c.day = day == 2 ? two_digits(s.p, &ok) : s.p[0] - '0';
    d->c.month = letters_index(p + 1, "janfebmaraprmayjunjulaugsepoctnovdec") + 1;
    d->c.year = two_digits(p + 5, &ok) * 100 + two_digits(p + 7, &ok);
    d->c.hour = two_digits(p + 10, &ok);
    d->c.minute = two_digits(p + 13, &ok);
    d->c.second = two_digits(p + 16, &ok);
    d->zone_s = p[19] == '-' ? -zone : zone;
    return ok && d->c.month > 0 && zone_hours < 24 && zone_minutes < 60;
}

int64_t time_parse_mail(slice s)
{
    struct mail_date d = {0};
    s = slice_trim(s);
    if (slice_empty(s))
        return TIME_NONE;
    if (parse_usual(s, &d))
        return in_zone(&d.c, 0, d.zone_s);
    d = (struct mail_date){0};
    if (digits_at(s) == 4) { /* not in any RFC of mail, but written (docs/wild.md) */
        int64_t us = time_parse_iso(s, 0);
        if (us != TIME_NONE)
            return us;
    }
    for (; s.n; s = slice_ltrim(s))
        if (!take_mail_token(&s, &d)) {
            if (d.day && d.month && d.year && d.clock)
                break; /* a date with something behind it */
            return TIME_NONE;
        }
    return d.day && d.month && d.year ? in_zone(&d.c, d.fraction_us, d.zone_s) : TIME_NONE;
}

/* Seconds, with or without a fraction, or milliseconds since 1970. */
static int64_t parse_unix(slice s)
{
    size_t n = digits_at(s);
    uint64_t v;
    if (!slice_u64(slice_sub(s, 0, n), &v))
        return TIME_NONE;
    s = slice_from(s, n);
    int64_t fraction_us = take_fraction(&s);
    if (s.n)
        return TIME_NONE;
    if (v < UINT64_C(100000000000)) /* as seconds: the year 5138 */
        return (int64_t)v * TIME_SECOND + fraction_us;
    return v / 1000 <= (uint64_t)LAST_SECOND ? (int64_t)v * 1000 : TIME_NONE;
}

int64_t time_parse_any(slice s)
{
    s = slice_trim(s);
    int64_t us = parse_unix(s);
    if (us == TIME_NONE)
        us = time_parse_iso(s, 0);
    return us == TIME_NONE ? time_parse_mail(s) : us;
}

/* Appends v with at least `width` digits. */
static void add_padded(buf *b, int64_t v, int width)
{
    int64_t limit = 1;
    for (int i = 1; i < width; i++)
        limit *= 10;
    for (; v < limit && limit > 1; limit /= 10)
        buf_addc(b, '0');
    buf_addi(b, v);
}

void time_add_iso(buf *b, int64_t us)
{
    if (us == TIME_NONE)
        return;
    struct civil c;
    civil_from_us(us, &c);
    int64_t fraction_us = us % TIME_SECOND + (us % TIME_SECOND < 0 ? TIME_SECOND : 0);
    if (c.year < 0)
        buf_addc(b, '-');
    add_padded(b, c.year < 0 ? -(int64_t)c.year : c.year, 4);
    const struct {
        char before;
        int value;
    } parts[] = {{'-', c.month}, {'-', c.day}, {'T', c.hour}, {':', c.minute}, {':', c.second}};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        buf_addc(b, parts[i].before);
        add_padded(b, parts[i].value, 2);
    }
    if (fraction_us) {
        buf_addc(b, '.');
        if (fraction_us % 1000 == 0)
            add_padded(b, fraction_us / 1000, 3);
        else
            add_padded(b, fraction_us, 6);
    }
    buf_addc(b, 'Z');
}

void time_add_span(buf *b, int64_t us)
{
    static const struct {
        uint64_t us;
        const char *one, *many;
    } units[] = {{(uint64_t)TIME_DAY, " day", " days"},
                 {(uint64_t)TIME_HOUR, " h", " h"},
                 {(uint64_t)TIME_MINUTE, " min", " min"},
                 {(uint64_t)TIME_SECOND, " s", " s"},
                 {1000, " ms", " ms"},
                 {1, " us", " us"}};
    uint64_t span = us < 0 ? 0 - (uint64_t)us : (uint64_t)us;
    if (span == 0) {
        buf_adds(b, "0 s");
        return;
    }
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        uint64_t count = (span + units[i].us / 2) / units[i].us;
        uint64_t rounded = count * units[i].us;
        uint64_t lost = rounded > span ? rounded - span : span - rounded;
        if (count == 0 || lost > span / 50)
            continue;
        if (us < 0)
            buf_addc(b, '-');
        buf_addu(b, count);
        buf_adds(b, count == 1 ? units[i].one : units[i].many);
        return;
    }
}
