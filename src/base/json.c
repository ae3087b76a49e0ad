#include "base/json.h"

#include "base/text.h"
#include "base/time.h"

void jsonw_init(struct jsonw *j, buf *out)
{
    *j = (struct jsonw){.out = out, .first = true};
}

static void before_value(struct jsonw *j)
{
    if (!j->first && j->depth)
        buf_addc(j->out, ',');
    j->first = false;
}

static void open_with(struct jsonw *j, char c)
{
    before_value(j);
    buf_addc(j->out, c);
    j->depth++;
    j->first = true;
}

static void close_with(struct jsonw *j, char c)
{
    MUST(j->depth > 0);
    buf_addc(j->out, c);
    j->depth--;
    j->first = false;
}

void jsonw_object(struct jsonw *j)
{
    open_with(j, '{');
}

void jsonw_end_object(struct jsonw *j)
{
    close_with(j, '}');
}

void jsonw_array(struct jsonw *j)
{
    open_with(j, '[');
}

void jsonw_end_array(struct jsonw *j)
{
    close_with(j, ']');
}

void jsonw_key(struct jsonw *j, const char *name)
{
    before_value(j);
    buf_addc(j->out, '"');
    buf_adds(j->out, name);
    buf_add(j->out, S("\":"));
    j->first = true; /* no comma before its value */
}

/* Bytes that stand for themselves: ASCII without control bytes, quote and backslash. */
static inline bool is_plain(char c)
{
    return (unsigned char)(c - ' ') < 0x60 && c != '"' && c != '\\';
}

/* The same for eight bytes at once. */
static inline bool are_plain8(const char *p)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = 0x80 * ones;
    uint64_t x;
    memcpy(&x, p, 8);
    uint64_t quote = x ^ ('"' * ones), backslash = x ^ ('\\' * ones);
    uint64_t odd = x | (x - ' ' * ones) | ((quote - ones) & ~quote) | ((backslash - ones) & ~backslash);
    return (odd & high) == 0;
}

static size_t plain_run(slice s)
{
    size_t i = 0;
    while (s.n - i >= 8 && are_plain8(s.p + i))
        i += 8;
    while (i < s.n && is_plain(s.p[i]))
        i++;
    return i;
}

static void add_escaped(buf *b, char c)
{
    static const char from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    const char *at = c ? strchr(from, c) : NULL;
    char text[6] = {'\\', 'u', '0', '0', "01"[(unsigned char)c >> 4 & 1], "0123456789abcdef"[c & 15]};
    if (at) {
        text[1] = to[at - from];
        buf_add(b, (slice){text, 2});
    } else {
        buf_add(b, (slice){text, sizeof text});
    }
}

void jsonw_str(struct jsonw *j, slice s)
{
    before_value(j);
    buf_addc(j->out, '"');
    while (s.n) {
        size_t run = plain_run(s);
        buf_add(j->out, slice_of(s.p, run));
        s = slice_from(s, run);
        if (s.n == 0)
            break;
        size_t used = 1;
        if ((unsigned char)s.p[0] < 0x80) {
            add_escaped(j->out, s.p[0]);
        } else if ((used = utf8_len(s)) != 0) {
            buf_add(j->out, slice_of(s.p, used));
        } else {
            buf_add(j->out, S("\xef\xbf\xbd"));
            used = 1;
        }
        s = slice_from(s, used);
    }
    buf_addc(j->out, '"');
}

void jsonw_i64(struct jsonw *j, int64_t v)
{
    before_value(j);
    buf_addi(j->out, v);
}

/* v >= 0; whole part and millionths. */
static void add_decimal(buf *b, double v)
{
    uint64_t millionths = (uint64_t)(v * 1e6 + 0.5);
    char digits[7] = ".";
    size_t n = 7;
    uint64_t part = millionths % 1000000;
    for (size_t i = 6; i > 0; i--, part /= 10)
        digits[i] = (char)('0' + part % 10);
    while (n > 1 && digits[n - 1] == '0')
        n--;
    buf_addu(b, millionths / 1000000);
    if (n > 1)
        buf_add(b, (slice){digits, n});
}

void jsonw_f64(struct jsonw *j, double v)
{
    before_value(j);
    bool negative = v < 0;
    if (negative)
        v = -v;
    if (!(v <= 1.7976931348623157e308)) {
        buf_adds(j->out, "null"); /* JSON has no word for infinity and NaN */
        return;
    }
    if (negative && v >= 0.0000005)
        buf_addc(j->out, '-');
    if (v < 1e13) {
        add_decimal(j->out, v);
        return;
    }
    unsigned exponent = 0;
    for (; v >= 1e18; v /= 10)
        exponent++;
    buf_addu(j->out, (uint64_t)v);
    if (exponent) {
        buf_addc(j->out, 'e');
        buf_addu(j->out, exponent);
    }
}

void jsonw_bool(struct jsonw *j, bool v)
{
    before_value(j);
    buf_adds(j->out, v ? "true" : "false");
}

void jsonw_null(struct jsonw *j)
{
    before_value(j);
    buf_add(j->out, S("null"));
}

void jsonw_time(struct jsonw *j, int64_t us)
{
    if (us == TIME_NONE) {
        jsonw_null(j);
        return;
    }
    before_value(j);
    buf_addc(j->out, '"');
    time_add_iso(j->out, us);
    buf_addc(j->out, '"');
}

void jsonw_kstr(struct jsonw *j, const char *name, slice s)
{
    jsonw_key(j, name);
    jsonw_str(j, s);
}

void jsonw_kstr_opt(struct jsonw *j, const char *name, slice s)
{
    if (s.n)
        jsonw_kstr(j, name, s);
}

void jsonw_ki64(struct jsonw *j, const char *name, int64_t v)
{
    jsonw_key(j, name);
    jsonw_i64(j, v);
}

void jsonw_ki64_opt(struct jsonw *j, const char *name, int64_t v)
{
    if (v != 0)
        jsonw_ki64(j, name, v);
}

void jsonw_kbool(struct jsonw *j, const char *name, bool v)
{
    jsonw_key(j, name);
    jsonw_bool(j, v);
}

void jsonw_ktime_opt(struct jsonw *j, const char *name, int64_t us)
{
    if (us != TIME_NONE) {
        jsonw_key(j, name);
        jsonw_time(j, us);
    }
}
