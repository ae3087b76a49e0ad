#include "cmd/csv.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#define CHUNK 65536

enum status csv_open(struct csv_file *f, const char *path, err *e)
{
    bool is_stdin = strcmp(path, "-") == 0;
    *f = (struct csv_file){.fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), .path = path};
    if (f->fd < 0)
        return err_os(e, errno, "%s: cannot be opened", path);
    buf_init(&f->data, 0);
    return OK;
}

void csv_close(struct csv_file *f)
{
    if (f->fd > STDIN_FILENO)
        close(f->fd);
    buf_fini(&f->data);
}

/* Reads more behind what is there. False at the end or on an error (*e filled, status not OK). */
static bool more(struct csv_file *f, err *e)
{
    if (f->at_end)
        return false;
    if (f->next > CHUNK) {
        buf_consume(&f->data, f->next);
        f->next = 0;
    }
    if (f->data.n - f->next > CSV_MAX_RECORD_BYTES) {
        err_set(e, E_INVALID, "%s: a line of more than 1 MB; is this a list of addresses?", f->path);
        return false;
    }
    if (!buf_reserve(&f->data, CHUNK)) {
        err_set(e, E_MEMORY, "%s: no memory", f->path);
        return false;
    }
    ssize_t n;
    do
        n = read(f->fd, f->data.p + f->data.n, CHUNK);
    while (n < 0 && errno == EINTR);
    if (n < 0) {
        err_os(e, errno, "%s: cannot be read", f->path);
        return false;
    }
    bool first = f->data.n == 0 && f->next == 0;
    if (n == 0)
        f->at_end = true;
    f->data.n += (size_t)n;
    slice head = buf_slice(&f->data);
    if (first && (slice_starts(head, S("\xFF\xFE")) || slice_starts(head, S("\xFE\xFF")))) {
        err_set(e, E_INVALID, "%s: is UTF-16; save it as UTF-8 (iconv -f UTF-16 -t UTF-8)", f->path);
        return false;
    }
    return n > 0;
}

/* `delimiter` is 0 as long as it is not known. */
static bool is_delimiter(char c, char delimiter)
{
    return delimiter ? c == delimiter : c == ',' || c == ';' || c == '\t';
}

/* Where in a record one is. A quote opens a field only at its beginning (`5" pipe` is no quoted field), and what stands
 * behind the closing one must be a delimiter: else the quote was never meant, and rows must not vanish in it. */
enum place { AT_START, PLAIN, QUOTED, AFTER_QUOTE, BROKEN };

static enum place step(enum place at, char c, char delimiter)
{
    if (at == QUOTED)
        return c == '"' ? AFTER_QUOTE : QUOTED;
    if (is_delimiter(c, delimiter))
        return AT_START;
    switch (at) {
    case AT_START:
        return c == '"' ? QUOTED : c == ' ' ? AT_START : PLAIN;
    case AFTER_QUOTE:
        return c == '"' ? QUOTED : c == ' ' || c == '\r' ? AFTER_QUOTE : BROKEN;
    default:
        return at;
    }
}

static size_t find_line_end(slice s)
{
    return slice_chr(s, '\n');
}

/* Offset of the record's end; line ends inside quotes belong to it. SLICE_NPOS: not whole yet. */
static size_t find_record_end(slice s, char delimiter)
{
    enum place at = AT_START;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\n' && at != QUOTED)
            return i;
        at = step(at, s.p[i], delimiter);
        if (at == BROKEN)
            return find_line_end(s);
    }
    return SLICE_NPOS;
}

static int take(struct csv_file *f, bool quotes, slice *out, err *e)
{
    e->status = OK;
    for (;;) {
        slice rest = slice_from(buf_slice(&f->data), f->next);
        size_t end = quotes ? find_record_end(rest, f->delimiter) : find_line_end(rest);
        if (end == SLICE_NPOS && more(f, e))
            continue;
        if (e->status != OK)
            return -1;
        rest = slice_from(buf_slice(&f->data), f->next);
        if (slice_empty(rest))
            return 0;
        if (end == SLICE_NPOS) /* the last line has no end, or a quote that is never closed */
            end = find_line_end(rest);
        *out = end == SLICE_NPOS ? rest : slice_sub(rest, 0, end);
        f->next += end == SLICE_NPOS ? rest.n : end + 1;
        if (out->n && out->p[out->n - 1] == '\r')
            out->n--;
        if (slice_starts(*out, S("\xEF\xBB\xBF")))
            *out = slice_from(*out, 3);
        return 1;
    }
}

int csv_line(struct csv_file *f, slice *out, err *e)
{
    return take(f, false, out, e);
}

static char find_delimiter(slice record)
{
    static const char candidates[] = {',', ';', '\t'};
    char best = ',';
    size_t most = 0;
    for (size_t c = 0; c < sizeof candidates; c++) {
        size_t count = 0;
        enum place at = AT_START;
        for (size_t i = 0; i < record.n; i++) {
            count += at != QUOTED && record.p[i] == candidates[c];
            at = step(at, record.p[i], candidates[c]);
        }
        if (count > most) {
            most = count;
            best = candidates[c];
        }
    }
    return best;
}

int csv_record(struct csv_file *f, slice *out, err *e)
{
    int got = take(f, true, out, e);
    if (got > 0 && !f->delimiter)
        f->delimiter = find_delimiter(*out);
    return got;
}

static slice unquote(slice field, arena *a)
{
    slice s = slice_trim(field);
    if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
        return s;
    s = slice_sub(s, 1, s.n - 2);
    if (slice_find(s, S("\"\"")) == SLICE_NPOS)
        return s;
    char *p = arena_alloc(a, s.n);
    size_t n = 0;
    if (!p)
        return SLICE_EMPTY;
    for (size_t i = 0; i < s.n; i++) {
        p[n++] = s.p[i];
        if (s.p[i] == '"' && i + 1 < s.n && s.p[i + 1] == '"')
            i++;
    }
    return slice_of(p, n);
}

/* Takes the next raw field. False when there is none. */
static bool next_field(slice *rest, char delimiter, slice *field)
{
    enum place at = AT_START;
    if (!rest->p)
        return false;
    for (size_t i = 0; i < rest->n; i++) {
        bool ends = at != QUOTED && rest->p[i] == delimiter;
        at = step(at, rest->p[i], delimiter);
        if (!ends)
            continue;
        *field = slice_sub(*rest, 0, i);
        *rest = slice_from(*rest, i + 1);
        return true;
    }
    *field = *rest;
    rest->p = NULL;
    rest->n = 0;
    return true;
}

slice csv_field(const struct csv_file *f, slice record, size_t index, arena *a)
{
    slice field;
    for (size_t i = 0; next_field(&record, f->delimiter, &field); i++)
        if (i == index)
            return unquote(field, a);
    return SLICE_EMPTY;
}

static bool usual_name(slice s)
{
    static const slice names[] = {SLICE_INIT("email"),        SLICE_INIT("e-mail"),        SLICE_INIT("email address"),
                                  SLICE_INIT("emailaddress"), SLICE_INIT("email_address"), SLICE_INIT("e-mail address"),
                                  SLICE_INIT("address"),      SLICE_INIT("recipient"),     SLICE_INIT("mail"),
                                  SLICE_INIT("subscriber"),   SLICE_INIT("subscriberkey"), SLICE_INIT("rcpt")};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (slice_eq_ci(s, names[i]))
            return true;
    return false;
}

bool csv_address_column(const struct csv_file *f, slice header, slice name, arena *a, size_t *column)
{
    slice rest = header, raw;
    *column = 0;
    for (size_t i = 0; next_field(&rest, f->delimiter, &raw); i++) {
        slice field = unquote(raw, a);
        bool hit = slice_empty(name) ? usual_name(field) : slice_eq_ci(field, name);
        if (hit) {
            *column = i;
            return true;
        }
    }
    rest = header;
    for (size_t i = 0; next_field(&rest, f->delimiter, &raw); i++)
        if (slice_chr(raw, '@') != SLICE_NPOS) {
            *column = i;
            break;
        }
    return false;
}
