#include "core/list_text.h"

#include <errno.h>

#include "base/text.h"

#define CHUNK_BYTES 65536u

void list_text_init(struct list_text *t, list_read_fn read, void *ctx)
{
    *t = (struct list_text){.read = read, .ctx = ctx, .next_line = 1};
    buf_init(&t->data, 0);
    buf_init(&t->raw, 0);
    buf_init(&t->latin, 0);
}

void list_text_fini(struct list_text *t)
{
    buf_fini(&t->data);
    buf_fini(&t->raw);
    buf_fini(&t->latin);
}

/* ---- encodings ---- */

static uint32_t unit(const struct list_text *t, size_t at)
{
    uint32_t a = (unsigned char)t->raw.p[at], b = (unsigned char)t->raw.p[at + 1];
    return t->encoding == LIST_UTF16LE ? a | b << 8 : a << 8 | b;
}

/* What is whole of the raw UTF-16 goes to data; half a character stays. */
static void from_utf16(struct list_text *t)
{
    size_t i = 0;
    while (i + 2 <= t->raw.n) {
        uint32_t cp = unit(t, i);
        size_t n = 2;
        if (cp >= 0xd800 && cp < 0xdc00) {
            if (i + 4 > t->raw.n && !t->at_end)
                break;
            uint32_t low = i + 4 <= t->raw.n ? unit(t, i + 2) : 0;
            bool pair = low >= 0xdc00 && low < 0xe000;
            cp = pair ? 0x10000 + ((cp - 0xd800) << 10) + (low - 0xdc00) : 0xfffd;
            n = pair ? 4 : 2;
        } else if (cp >= 0xdc00 && cp < 0xe000) {
            cp = 0xfffd;
        }
        char utf8[4];
        buf_add(&t->data, slice_of(utf8, utf8_put(cp, utf8)));
        i += n;
    }
    buf_consume(&t->raw, i);
}

/* The first bytes tell: a byte order mark, or NULs at every other place. */
static void detect(struct list_text *t)
{
    slice s = buf_slice(&t->raw);
    t->begun = true;
    if (slice_starts(s, S("\xff\xfe")) || slice_starts(s, S("\xfe\xff"))) {
        t->encoding = s.p[0] == '\xff' ? LIST_UTF16LE : LIST_UTF16BE;
        buf_consume(&t->raw, 2);
    } else if (slice_starts(s, S("\xef\xbb\xbf"))) {
        buf_consume(&t->raw, 3);
    } else if (s.n >= 4 && s.p[0] && !s.p[1] && s.p[2] && !s.p[3]) {
        t->encoding = LIST_UTF16LE;
    } else if (s.n >= 4 && !s.p[0] && s.p[1] && !s.p[2] && s.p[3]) {
        t->encoding = LIST_UTF16BE;
    }
}

enum status list_text_fill(struct list_text *t, err *e)
{
    buf_consume(&t->data, t->next);
    t->next = 0;
    if (t->at_end)
        return OK;
    char chunk[CHUNK_BYTES];
    long n;
    do
        n = t->read(t->ctx, chunk, sizeof(chunk));
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return err_os(e, errno, "list: read");
    t->at_end = n == 0;
    buf_add(&t->raw, slice_of(chunk, (size_t)n));
    if (!t->begun && (t->raw.n >= 4 || t->at_end))
        detect(t);
    if (t->begun && t->encoding != LIST_UTF8) {
        from_utf16(t);
    } else if (t->begun) {
        buf_add(&t->data, buf_slice(&t->raw));
        buf_clear(&t->raw);
    }
    return t->data.failed || t->raw.failed ? err_set(e, E_MEMORY, "list: out of memory") : OK;
}

slice list_text_rest(const struct list_text *t)
{
    return slice_of(t->data.p + t->next, t->data.n - t->next);
}

void list_text_take(struct list_text *t, size_t n)
{
    t->next += n;
}

/* ---- records ---- */

static bool is_delimiter(const struct list_text *t, char c)
{
    return t->delimiter ? c == t->delimiter : c == ',' || c == ';' || c == '\t';
}

/* The end of the record that starts at s: its length, and in *ends the line ends inside. SLICE_NPOS when it is not all there.
 * A quote opens only at the start of a field, so that a stray one does not swallow the file. */
static size_t record_end(const struct list_text *t, slice s, uint64_t *ends)
{
    bool quoted = false, field_start = true;
    *ends = 0;
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (quoted) {
            if (c == '"' && i + 1 < s.n && s.p[i + 1] == '"')
                i++;
            else if (c == '"')
                quoted = false;
            *ends += c == '\n';
            continue;
        }
        if (c == '\n' || c == '\r')
            return i;
        quoted = field_start && c == '"';
        field_start = is_delimiter(t, c);
    }
    return SLICE_NPOS;
}

static void sniff(struct list_text *t, slice record)
{
    static const char candidates[] = {',', ';', '\t'};
    size_t most = 0;
    t->delimiter = ',';
    for (size_t k = 0; k < ARRAY_LEN(candidates); k++) {
        size_t n = 0;
        for (size_t i = 0; i < record.n; i++)
            n += record.p[i] == candidates[k];
        if (n > most) {
            most = n;
            t->delimiter = candidates[k];
        }
    }
}

/* Latin-1 where a record is no UTF-8: every byte is a character. */
static slice as_utf8(struct list_text *t, slice record)
{
    if (utf8_valid(record))
        return record;
    buf_clear(&t->latin);
    for (size_t i = 0; i < record.n; i++) {
        char utf8[4];
        buf_add(&t->latin, slice_of(utf8, utf8_put((unsigned char)record.p[i], utf8)));
    }
    return t->latin.failed ? record : buf_slice(&t->latin);
}

/* Takes the record of n bytes with its line end. */
static slice take(struct list_text *t, slice s, size_t n, uint64_t ends)
{
    size_t end = n;
    if (end < s.n && s.p[end] == '\r')
        end++;
    if (end < s.n && s.p[end] == '\n')
        end++;
    t->line = t->next_line;
    t->next_line += ends + (end > n);
    t->next += end;
    return slice_of(s.p, n);
}

int list_text_record(struct list_text *t, slice *record, bool *cut, err *e)
{
    for (;;) {
        slice s = list_text_rest(t);
        uint64_t ends;
        size_t n = record_end(t, s, &ends);
        bool crlf_cut = n != SLICE_NPOS && s.p[n] == '\r' && n + 1 == s.n;
        *cut = n == SLICE_NPOS && s.n > LIST_MAX_LINE_BYTES;
        if ((n == SLICE_NPOS || crlf_cut) && !t->at_end && !*cut) {
            if (list_text_fill(t, e) != OK)
                return -1;
            continue;
        }
        if (n == SLICE_NPOS && !s.n)
            return 0;
        if (n ==
            SLICE_NPOS) { /* the last line, or too long, or a quote that is never closed: up to the next line end */
            size_t line = slice_chr(s, '\n');
            n = line != SLICE_NPOS && line <= s.n ? line : s.n;
            ends = 0;
        }
        *record = take(t, s, n, ends);
        if (slice_empty(slice_trim(*record)))
            continue;
        if (!t->delimiter)
            sniff(t, *record);
        *record = as_utf8(t, *record);
        return 1;
    }
}

/* One field from *rest; the delimiter behind it is taken. */
static slice take_field(const struct list_text *t, slice *rest, arena *a, bool *more)
{
    slice s = *rest, out;
    size_t i = 0, n = 0;
    if (s.n && s.p[0] == '"') {
        char *copy = arena_alloc(a, s.n);
        for (i = 1; copy && i < s.n; i++) {
            if (s.p[i] == '"' && (i + 1 >= s.n || s.p[i + 1] != '"'))
                break;
            i += s.p[i] == '"';
            copy[n++] = s.p[i];
        }
        out = copy ? slice_of(copy, n) : SLICE_EMPTY;
        while (i < s.n && s.p[i] != t->delimiter)
            i++;
    } else {
        while (i < s.n && s.p[i] != t->delimiter)
            i++;
        out = slice_sub(s, 0, i);
    }
    *more = i < s.n;
    *rest = slice_from(s, i + 1);
    return slice_trim(out);
}

size_t list_text_fields(const struct list_text *t, slice record, arena *a, slice out[LIST_MAX_FIELDS])
{
    size_t n = 0;
    bool more = true;
    while (more && n < LIST_MAX_FIELDS)
        out[n++] = take_field(t, &record, a, &more);
    return n;
}
