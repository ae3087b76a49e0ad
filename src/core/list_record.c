#include "core/list_record.h"

#include "base/time.h"
#include "core/cause_words.h"

#define NAME_MAX_BYTES 40u
#define MD5_HEX 32u
#define SHA256_HEX 64u

struct column_name {
    const char *name;
    enum list_column column;
};

static const struct column_name NAMES[] = {
#define COLUMN(name, kind) {name, COLUMN_##kind},
#include "core/list_columns.def"
#undef COLUMN
};

/* Words of entries that suppress nothing. */
static const char *const HARMLESS[] = {
    "delivered", "subscribed",           "active",    "whitelist", "allowed", "blockbounce", "sent",
    "open",      "technicalotherbounce", "allowlist", NULL};

/* Lower case, letters and digits only. */
static slice plain(slice s, char out[NAME_MAX_BYTES])
{
    size_t n = 0;
    for (size_t i = 0; i < s.n && n < NAME_MAX_BYTES; i++)
        if (ascii_alnum(s.p[i]))
            out[n++] = ascii_lower(s.p[i]);
    return slice_of(out, n);
}

enum list_column list_column_find(slice name)
{
    char text[NAME_MAX_BYTES];
    slice p = plain(name, text);
    for (size_t i = 0; i < ARRAY_LEN(NAMES); i++)
        if (slice_eq(p, slice_str(NAMES[i].name)))
            return NAMES[i].column;
    return COLUMN_OTHER;
}

bool list_columns_subscribers(const slice *names, size_t n)
{
    static const slice marks[] = {SLICE_INIT("optintime"), SLICE_INIT("confirmtime"), SLICE_INIT("memberrating")};
    size_t found = 0;
    for (size_t i = 0; i < n; i++) {
        char text[NAME_MAX_BYTES];
        slice p = plain(names[i], text);
        if (list_column_find(names[i]) == COLUMN_CLEANED || list_column_find(names[i]) == COLUMN_UNSUBSCRIBED)
            return false;
        for (size_t k = 0; k < ARRAY_LEN(marks); k++)
            found += slice_eq(p, marks[k]);
    }
    return found >= 2;
}

void list_record_init(struct list_record *r)
{
    *r = (struct list_record){.address = SLICE_EMPTY,
                              .hash = SLICE_EMPTY,
                              .cause = CAUSES,
                              .suppresses = true,
                              .time_us = TIME_NONE,
                              .note = SLICE_EMPTY,
                              .reply = SLICE_EMPTY};
}

static bool is_yes(slice v)
{
    return slice_eq_ci(v, S("true")) || slice_eq_ci(v, S("yes")) || slice_eq(v, S("1"));
}

static bool is_no(slice v)
{
    return slice_empty(v) || slice_eq_ci(v, S("false")) || slice_eq_ci(v, S("no")) || slice_eq(v, S("0")) ||
           slice_eq_ci(v, S("null"));
}

static bool is_hash(slice v)
{
    if (v.n != MD5_HEX && v.n != SHA256_HEX)
        return false;
    for (size_t i = 0; i < v.n; i++)
        if (!ascii_digit(v.p[i]) && (ascii_lower(v.p[i]) < 'a' || ascii_lower(v.p[i]) > 'f'))
            return false;
    return true;
}

static bool is_harmless(slice v)
{
    char text[NAME_MAX_BYTES];
    slice p = plain(v, text);
    for (size_t i = 0; HARMLESS[i]; i++)
        if (slice_eq(p, slice_str(HARMLESS[i])))
            return true;
    return false;
}

/* "550 5.1.1 ...", "5.1.1", "550": 5 is for good, 4 is not. */
static enum cause cause_of_code(slice v)
{
    bool code = v.n >= 3 && (v.p[0] == '5' || v.p[0] == '4') &&
                ((ascii_digit(v.p[1]) && ascii_digit(v.p[2]) && (v.n == 3 || !ascii_digit(v.p[3]))) || v.p[1] == '.');
    return !code ? CAUSES : v.p[0] == '5' ? CAUSE_HARD : CAUSE_ESCALATED;
}

static enum cause stronger(enum cause a, enum cause b)
{
    if (a == CAUSES || b == CAUSES)
        return a == CAUSES ? b : a;
    return cause_rank(a) <= cause_rank(b) ? a : b;
}

static void take_reason(struct list_record *r, slice v)
{
    enum cause cause = cause_of_word(v);
    bool word = cause != CAUSES;
    if (!word)
        cause = cause_of_code(v);
    if (is_harmless(v))
        r->suppresses = false;
    if (!word && cause != CAUSES)
        r->by_code = r->cause == CAUSES || r->by_code;
    else if (word)
        r->by_code = false;
    r->cause = stronger(r->cause, cause);
    if (!word && v.n > r->reply.n)
        r->reply = v;
    if (slice_empty(r->note))
        r->note = v;
}

static void take_date(struct list_record *r, slice v)
{
    int64_t t = time_parse_any(v);
    if (t != TIME_NONE && (r->time_us == TIME_NONE || t < r->time_us))
        r->time_us = t;
}

/* A value without a name: what it looks like. */
static void take_unnamed(struct list_record *r, slice v)
{
    if (slice_empty(r->address) && slice_chr(v, '@') != SLICE_NPOS)
        r->address = v;
    else if (is_hash(v) && slice_empty(r->hash))
        r->hash = v;
    else if (cause_of_word(v) != CAUSES || is_harmless(v))
        take_reason(r, v);
    else
        take_date(r, v);
}

static void take_flag(struct list_record *r, slice v, enum cause cause)
{
    if (is_no(v))
        return;
    r->cause = stronger(r->cause, cause);
    take_date(r, v);
}

void list_record_take(struct list_record *r, enum list_column column, slice value)
{
    slice v = slice_trim(value);
    if (slice_empty(v))
        return;
    switch (column) {
    case COLUMN_ADDRESS:
        if (is_hash(v))
            r->hash = v;
        else if (slice_empty(r->address) || slice_chr(r->address, '@') == SLICE_NPOS)
            r->address = v;
        break;
    case COLUMN_MD5:
    case COLUMN_SHA256:
        r->hash = v;
        break;
    case COLUMN_REASON:
    case COLUMN_STATUS:
        take_reason(r, v);
        break;
    case COLUMN_DATE:
        take_date(r, v);
        break;
    case COLUMN_NOTE:
        r->note = v;
        if (v.n > r->reply.n)
            r->reply = v;
        break;
    case COLUMN_EXPIRED:
        r->suppresses = r->suppresses && !is_yes(v);
        break;
    case COLUMN_CLEANED:
    case COLUMN_HARD:
        take_flag(r, v, CAUSE_HARD);
        break;
    case COLUMN_UNSUBSCRIBED:
        take_flag(r, v, CAUSE_UNSUBSCRIBED);
        break;
    case COLUMN_BAD:
        take_flag(r, v, CAUSE_INVALID);
        break;
    case COLUMN_TAGS:
        r->cause = stronger(r->cause, CAUSE_UNSUBSCRIBED);
        break;
    case COLUMN_OTHER:
        take_unnamed(r, v);
        break;
    }
}
