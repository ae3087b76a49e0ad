#include "serve/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/json.h"
#include "base/text.h"
#include "base/time.h"
#include "serve/clock.h"

struct log {
    struct log_setup o;
    atomic_int level;
    atomic_ullong lost;
};

struct level {
    const char *word;
    unsigned priority; /* of syslog(3) */
};
static const struct level levels[] = {
    [LOG_LEVEL_DEBUG] = {"debug", 7},
    [LOG_LEVEL_INFO] = {"info", 6},
    [LOG_LEVEL_WARN] = {"warn", 4},
    [LOG_LEVEL_ERROR] = {"error", 3},
};

struct log *log_new(const struct log_setup *o)
{
    struct log *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    l->o = *o;
    atomic_init(&l->level, (int)o->level);
    atomic_init(&l->lost, 0);
    return l;
}

void log_free(struct log **l)
{
    free(*l);
    *l = NULL;
}

void log_set_level(struct log *l, enum log_level level)
{
    atomic_store(&l->level, (int)level);
}

bool log_tells(const struct log *l, enum log_level level)
{
    return (int)level >= atomic_load(&l->level);
}

uint64_t log_lost(const struct log *l)
{
    return atomic_load(&((struct log *)(uintptr_t)l)->lost);
}

/* What the callers' formats make is a line: whatever a text without log_text has brought in becomes a space. */
static void one_line(char *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)p[i] < ' ' || p[i] == 0x7f)
            p[i] = ' ';
}

static void write_line(struct log *l, const buf *line)
{
    ssize_t n;
    do
        n = write(l->o.fd, line->p, line->n);
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)line->n)
        atomic_fetch_add(&l->lost, 1);
}

static void text_line(const struct log *l, enum log_level level, const char *event, slice pairs, buf *out)
{
    if (l->o.stamps) {
        time_add_iso(out, clock_wall_us() / 1000 * 1000);
        buf_addc(out, ' ');
    }
    buf_printf(out, "%s %s", levels[level].word, event);
    if (pairs.n)
        buf_addc(out, ' ');
    buf_add(out, pairs);
}

/* ---- JSON ---- */

/* Takes one value, which ends at a blank outside of quotes. */
static slice take_value(slice *rest)
{
    size_t i = 0;
    bool quoted = false;
    for (; i < rest->n && (quoted || rest->p[i] != ' '); i++) {
        if (rest->p[i] == '\\' && i + 1 < rest->n)
            i++;
        else if (rest->p[i] == '"')
            quoted = !quoted;
    }
    slice value = slice_sub(*rest, 0, i);
    *rest = slice_from(*rest, i + 1);
    return value;
}

static bool take_number(slice s, int64_t *out)
{
    uint64_t v;
    bool minus = s.n && s.p[0] == '-';
    slice digits = slice_from(s, minus);
    if (digits.n > 15 || (digits.n > 1 && digits.p[0] == '0') || !slice_u64(digits, &v))
        return false;
    *out = minus ? -(int64_t)v : (int64_t)v;
    return true;
}

/* What stands in quotes, \" and \\ undone; other escapes stay as they can be read. */
static void json_text(struct jsonw *j, slice value)
{
    char text[LOG_MAX_LINE_BYTES];
    size_t n = 0;
    slice inner = slice_unwrap(value, '"', '"');
    bool quoted = inner.n != value.n;
    for (size_t i = 0; i < inner.n && n < sizeof text; i++) {
        if (quoted && inner.p[i] == '\\' && i + 1 < inner.n && (inner.p[i + 1] == '"' || inner.p[i + 1] == '\\'))
            i++;
        text[n++] = inner.p[i];
    }
    jsonw_str(j, slice_of(text, n));
}

static void json_pairs(struct jsonw *j, slice rest)
{
    while (!slice_empty(rest = slice_ltrim(rest))) {
        size_t equals = slice_chr(rest, '=');
        char name[64];
        if (equals == SLICE_NPOS || equals >= sizeof name) /* the format is wrong: nothing is lost */
            equals = 0;
        snprintf(name, sizeof name, "%.*s", (int)equals, equals ? rest.p : "");
        rest = slice_from(rest, equals ? equals + 1 : 0);
        slice value = take_value(&rest);
        int64_t number;
        jsonw_key(j, equals ? name : "text");
        if (take_number(value, &number))
            jsonw_i64(j, number);
        else
            json_text(j, value);
    }
}

static void json_line(const struct log *l, enum log_level level, const char *event, slice pairs, buf *out)
{
    struct jsonw j;
    jsonw_init(&j, out);
    jsonw_object(&j);
    if (l->o.stamps) {
        jsonw_key(&j, "time");
        jsonw_time(&j, clock_wall_us() / 1000 * 1000);
    }
    jsonw_kstr(&j, "level", slice_str(levels[level].word));
    jsonw_kstr(&j, "event", slice_str(event));
    json_pairs(&j, pairs);
    jsonw_end_object(&j);
}

void log_event(struct log *l, enum log_level level, const char *event, const char *fmt, ...)
{
    char pairs[LOG_MAX_LINE_BYTES];
    va_list ap;
    buf line;
    if (!log_tells(l, level))
        return;
    va_start(ap, fmt);
    int n = vsnprintf(pairs, sizeof pairs, fmt, ap);
    va_end(ap);
    size_t length = n < 0 ? 0 : (size_t)n < sizeof pairs ? (size_t)n : sizeof pairs - 1;
    one_line(pairs, length);
    buf_init(&line, 0);
    if (l->o.priority)
        buf_printf(&line, "<%u>", levels[level].priority);
    (l->o.json ? json_line : text_line)(l, level, event, slice_of(pairs, length), &line);
    buf_addc(&line, '\n');
    if (line.failed)
        atomic_fetch_add(&l->lost, 1);
    else
        write_line(l, &line);
    buf_fini(&line);
}

/* ---- texts from outside ---- */

/* How much of `s` may be shown as it is, 0: escape its first byte. */
static size_t plain(slice s)
{
    size_t n = utf8_len(s);
    return n && s.p[0] != '"' && s.p[0] != '\\' && text_safe(slice_sub(s, 0, n)) ? n : 0;
}

static size_t escape(slice s, char *out, size_t room)
{
    size_t n;
    if (utf8_len(s) > 1)
        return (size_t)snprintf(out, room, "\\u{%x}", (unsigned)utf8_get(s, &n));
    if (s.p[0] == '"' || s.p[0] == '\\')
        return (size_t)snprintf(out, room, "\\%c", s.p[0]);
    return (size_t)snprintf(out, room, "\\x%02x", (unsigned char)s.p[0]);
}

static bool needs_quotes(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_alnum(s.p[i]) && slice_chr(S("@.:/+-_%<>[]*,;!?~$#&()|"), s.p[i]) == SLICE_NPOS)
            return true;
    return s.n == 0;
}

const char *log_text(struct log_quoted *q, slice s)
{
    enum { LONGEST_ESCAPE = 10, END = sizeof q->text - LONGEST_ESCAPE - 5 };
    bool cut = s.n > LOG_MAX_TEXT_BYTES;
    bool quoted = cut || needs_quotes(s);
    size_t n = 0, used = 0;
    if (quoted)
        q->text[n++] = '"';
    if (cut)
        s.n = LOG_MAX_TEXT_BYTES;
    while (cut && s.n && ((unsigned char)s.p[s.n] & 0xC0) == 0x80) /* not within a character */
        s.n--;
    while (used < s.n && n < END) {
        slice rest = slice_from(s, used);
        size_t length = plain(rest);
        if (length) {
            memcpy(q->text + n, rest.p, length);
            n += length;
        } else {
            n += escape(rest, q->text + n, LONGEST_ESCAPE + 1);
            length = utf8_len(rest) > 1 ? utf8_len(rest) : 1;
        }
        used += length;
    }
    if (cut || used < s.n) {
        memcpy(q->text + n, "...", 3);
        n += 3;
    }
    if (quoted)
        q->text[n++] = '"';
    q->text[n] = 0;
    return q->text;
}
