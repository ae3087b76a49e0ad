#include "serve/conf_value.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

struct unit {
    const char *name;
    int64_t factor;
};

static const struct unit spans[] = {
    {"us", 1}, {"ms", 1000}, {"s", TIME_SECOND}, {"min", TIME_MINUTE}, {"h", TIME_HOUR}, {"d", TIME_DAY}, {NULL, 0},
};
static const struct unit sizes[] = {
    {"", 1}, {"K", 1024}, {"M", 1024 * 1024}, {"G", 1024 * 1024 * 1024}, {NULL, 0},
};

struct reading {
    const struct conf_row *row;
    slice text, base;
    char *member;
    arena *a;
    err *e;
};

#define MEMBER(r, type) ((type *)(void *)(r)->member)

static enum status no_memory(const struct reading *r)
{
    return err_set(r->e, E_MEMORY, "%s: out of memory", r->row->name);
}

static enum status PRINTF_LIKE(2, 3) expected(const struct reading *r, const char *fmt, ...)
{
    char text[200];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    return err_set(r->e, E_INVALID, "%s: expected %s, not \"%.*s\"", r->row->name, text,
                   (int)(r->text.n < 80 ? r->text.n : 80), r->text.p);
}

/* ---- texts ---- */

static enum status keep(const struct reading *r, slice text, slice *out)
{
    *out = arena_dup(r->a, text);
    return out->n == text.n ? OK : no_memory(r);
}

static enum status read_text(const struct reading *r)
{
    return keep(r, r->text, MEMBER(r, slice));
}

static enum status path_from(const struct reading *r, slice path, slice *out)
{
    if (slice_empty(path) || path.p[0] == '/' || slice_empty(r->base))
        return keep(r, path, out);
    if (slice_starts(path, S("./")))
        path = slice_from(path, 2);
    *out = arena_printf(r->a, "%.*s/%.*s", SLICE_FMT(r->base), SLICE_FMT(path));
    return out->n ? OK : no_memory(r);
}

static enum status read_path(const struct reading *r)
{
    return path_from(r, r->text, MEMBER(r, slice));
}

/* ---- lists ---- */

static enum status list_add(const struct reading *r, slice word)
{
    struct conf_list *list = MEMBER(r, struct conf_list);
    if (list->n == CONF_MAX_LIST)
        return err_set(r->e, E_INVALID, "%s: more than %u of them", r->row->name, CONF_MAX_LIST);
    slice *grown = arena_calloc(r->a, list->n + 1, sizeof *grown);
    if (!grown)
        return no_memory(r);
    if (list->n)
        memcpy(grown, list->v, list->n * sizeof *grown);
    enum status st = r->row->type == CONF_PATHS ? path_from(r, word, &grown[list->n]) : keep(r, word, &grown[list->n]);
    list->v = grown;
    list->n += st == OK;
    return st;
}

static enum status read_list(const struct reading *r)
{
    slice rest = r->text, word;
    enum status st = OK;
    while (st == OK && slice_split(&rest, ',', &word)) {
        word = slice_trim(word);
        if (!slice_empty(word))
            st = list_add(r, word);
    }
    return st;
}

/* ---- secrets ---- */

static enum status secret_from(const struct reading *r, int fd, const char *path)
{
    struct stat st;
    char text[CONF_MAX_VALUE_BYTES];
    if (fstat(fd, &st) != 0)
        return err_os(r->e, errno, "%s: %s", r->row->name, path);
    if (!S_ISREG(st.st_mode))
        return err_set(r->e, E_INVALID, "%s: %s: not a file", r->row->name, path);
    if (st.st_mode & (S_IROTH | S_IWOTH))
        return err_set(r->e, E_INVALID, "%s: %s: everybody may read this secret; chmod 0640 %s", r->row->name, path,
                       path);
    ssize_t n = read(fd, text, sizeof text);
    if (n < 0)
        return err_os(r->e, errno, "%s: %s", r->row->name, path);
    slice rest = slice_of(text, (size_t)n), line = SLICE_EMPTY;
    (void)slice_line(&rest, &line);
    line = slice_trim(line);
    enum status status = slice_empty(line)
                             ? err_set(r->e, E_INVALID, "%s: %s: its first line is empty", r->row->name, path)
                             : keep(r, line, MEMBER(r, slice));
    explicit_bzero(text, sizeof text);
    return status;
}

static enum status read_secret(const struct reading *r)
{
    slice path;
    if (slice_empty(r->text) || r->text.p[0] != '@')
        return read_text(r);
    enum status st = path_from(r, slice_from(r->text, 1), &path);
    if (st != OK)
        return st;
    int fd = open(path.p, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0)
        return err_os(r->e, errno, "%s: %s", r->row->name, path.p);
    st = secret_from(r, fd, path.p);
    close(fd); /* it was only read */
    return st;
}

/* ---- addresses to listen on ---- */

/* "127.0.0.1" or "[::1]". */
static bool host_ok(slice host)
{
    char text[INET6_ADDRSTRLEN];
    struct in6_addr space;
    slice inner = slice_unwrap(host, '[', ']');
    bool six = inner.n != host.n;
    if (inner.n >= sizeof text || slice_empty(inner))
        return false;
    memcpy(text, inner.p, inner.n);
    text[inner.n] = 0;
    return inet_pton(six ? AF_INET6 : AF_INET, text, &space) == 1;
}

static bool listen_ok(slice text)
{
    uint64_t port;
    struct sockaddr_un sun;
    if (slice_starts(text, S("unix:")))
        return text.n > 6 && text.p[5] == '/' && text.n - 5 < sizeof sun.sun_path;
    size_t colon = slice_rchr(text, ':');
    return colon != SLICE_NPOS && slice_u64(slice_from(text, colon + 1), &port) && port <= 65535 &&
           host_ok(slice_sub(text, 0, colon));
}

static enum status read_listen(const struct reading *r)
{
    if (!slice_empty(r->text) && !listen_ok(r->text))
        return expected(r, "unix:/path, 127.0.0.1:25 or [::1]:25 (all addresses: 0.0.0.0:25, [::]:25)");
    return read_text(r);
}

/* ---- numbers ---- */

static const struct unit *unit_find(const struct unit *units, slice name)
{
    for (; units->name; units++)
        if (slice_eq(name, slice_str(units->name)))
            return units;
    return NULL;
}

/* A number from the start of *rest, at most 18 digits. */
static bool take_digits(slice *rest, int64_t *out)
{
    size_t n = 0;
    uint64_t v;
    while (n < rest->n && ascii_digit(rest->p[n]))
        n++;
    if (n == 0 || n > 18 || !slice_u64(slice_sub(*rest, 0, n), &v))
        return false;
    *out = (int64_t)v;
    *rest = slice_from(*rest, n);
    return true;
}

/* "1h 30min", "64K": numbers with units, added up. "0" needs no unit. */
static bool take_units(slice text, const struct unit *units, int64_t *out)
{
    int64_t sum = 0, v;
    if (slice_eq(text, S("0"))) {
        *out = 0;
        return true;
    }
    if (slice_empty(text))
        return false;
    while (!slice_empty(text)) {
        size_t n = 0;
        if (!take_digits(&text, &v))
            return false;
        text = slice_ltrim(text);
        while (n < text.n && ascii_alpha(text.p[n]))
            n++;
        const struct unit *u = unit_find(units, slice_sub(text, 0, n));
        if (!u || __builtin_mul_overflow(v, u->factor, &v) || __builtin_add_overflow(sum, v, &sum))
            return false;
        text = slice_ltrim(slice_from(text, n));
    }
    *out = sum;
    return true;
}

/* "2.5%" in parts per million: at most four digits behind the point. */
static bool take_percent(slice text, int64_t *out)
{
    int64_t whole, part = 0;
    if (!take_digits(&text, &whole) || whole > 1000000)
        return false;
    if (!slice_empty(text) && text.p[0] == '.') {
        slice digits = slice_from(text, 1);
        text = digits;
        if (!take_digits(&text, &part) || digits.n - text.n > 4)
            return false;
        for (size_t i = digits.n - text.n; i < 4; i++)
            part *= 10;
    }
    *out = whole * 10000 + part;
    return slice_eq(slice_ltrim(text), S("%"));
}

static void print_units(int64_t v, const struct unit *units, buf *out)
{
    const struct unit *best = units;
    for (const struct unit *u = units; u->name; u++)
        if (v % u->factor == 0)
            best = u;
    buf_printf(out, "%" PRId64 "%s", v / best->factor, v ? best->name : "");
}

void conf_span_print(int64_t us, buf *out)
{
    print_units(us, spans, out);
}

static void print_percent(int64_t ppm, buf *out)
{
    char part[8];
    int n = snprintf(part, sizeof part, ".%04d", (int)(ppm % 10000));
    while (n > 1 && part[n - 1] == '0')
        n--;
    buf_printf(out, "%" PRId64 "%.*s%%", ppm / 10000, n > 1 ? n : 0, part);
}

static void print_number(const struct conf_row *row, int64_t v, buf *out)
{
    if (row->type == CONF_SPAN)
        print_units(v, spans, out);
    else if (row->type == CONF_SIZE)
        print_units(v, sizes, out);
    else if (row->type == CONF_PERCENT)
        print_percent(v, out);
    else
        buf_addi(out, v);
}

static bool take_number(const struct reading *r, int64_t *v)
{
    slice rest = r->text;
    switch (r->row->type) {
    case CONF_SPAN:
        return take_units(r->text, spans, v);
    case CONF_SIZE:
        return take_units(r->text, sizes, v);
    case CONF_PERCENT:
        return take_percent(r->text, v);
    default:
        return take_digits(&rest, v) && slice_empty(rest);
    }
}

static const char *number_form(enum conf_type type)
{
    switch (type) {
    case CONF_SPAN:
        return "a span with its unit (us, ms, s, min, h, d)";
    case CONF_SIZE:
        return "a size (64K, 16M, 1G)";
    case CONF_PERCENT:
        return "a share like 2.5%";
    default:
        return "a number";
    }
}

static enum status read_number(const struct reading *r)
{
    int64_t v;
    if (take_number(r, &v) && v >= r->row->low && v <= r->row->high) {
        *MEMBER(r, int64_t) = v;
        return OK;
    }
    buf range;
    buf_init(&range, 100);
    buf_adds(&range, " from ");
    print_number(r->row, r->row->low, &range);
    buf_adds(&range, " to ");
    print_number(r->row, r->row->high, &range);
    enum status st = expected(r, "%s%.*s", number_form(r->row->type), SLICE_FMT(buf_slice(&range)));
    buf_fini(&range);
    return st;
}

/* ---- words ---- */

static enum status read_switch(const struct reading *r)
{
    static const char *const yes[] = {"yes", "on", "true", "1"}, *const no[] = {"no", "off", "false", "0"};
    for (size_t i = 0; i < ARRAY_LEN(yes); i++) {
        bool is_yes = slice_eq_ci(r->text, slice_str(yes[i]));
        if (is_yes || slice_eq_ci(r->text, slice_str(no[i]))) {
            *MEMBER(r, bool) = is_yes;
            return OK;
        }
    }
    return expected(r, "yes or no");
}

static enum status read_word(const struct reading *r)
{
    slice rest = slice_str(r->row->words), word;
    for (unsigned i = 0; slice_split(&rest, '|', &word); i++)
        if (slice_eq_ci(r->text, word)) {
            *MEMBER(r, unsigned) = i;
            return OK;
        }
    return expected(r, "one of %s", r->row->words);
}

/* policy/tolerance.h has the grammar; empty: not given. */
static enum status read_tolerance(const struct reading *r)
{
    struct conf_tolerance *t = MEMBER(r, struct conf_tolerance);
    err why = {OK, ""};
    t->given = !slice_empty(r->text);
    if (t->given && tolerance_parse(r->text, &t->value, &why) != OK)
        return err_set(r->e, E_INVALID, "%s: %s, in \"%.*s\"", r->row->name, why.text,
                       (int)(r->text.n < 80 ? r->text.n : 80), r->text.p);
    return OK;
}

/* ---- the table of types ---- */

enum status conf_value_read(const struct conf_row *row, slice text, slice base, void *values, arena *a, err *e)
{
    static enum status (*const readers[])(const struct reading *) = {
        [CONF_TEXT] = read_text,           [CONF_PATH] = read_path,      [CONF_PATHS] = read_list,
        [CONF_LIST] = read_list,           [CONF_SECRET] = read_secret,  [CONF_LISTEN] = read_listen,
        [CONF_SWITCH] = read_switch,       [CONF_NUMBER] = read_number,  [CONF_SIZE] = read_number,
        [CONF_SPAN] = read_number,         [CONF_PERCENT] = read_number, [CONF_WORD] = read_word,
        [CONF_TOLERANCE] = read_tolerance,
    };
    struct reading r = {.row = row, .text = text, .base = base, .member = (char *)values + row->at, .a = a, .e = e};
    if (text.n > CONF_MAX_VALUE_BYTES)
        return err_set(e, E_INVALID, "%s: longer than %u bytes", row->name, CONF_MAX_VALUE_BYTES);
    return readers[row->type](&r);
}

static bool is_list(const struct conf_row *row)
{
    return row->type == CONF_LIST || row->type == CONF_PATHS;
}

#define VALUE(row, values, type) (*(const type *)(const void *)((const char *)(values) + (row)->at))

size_t conf_value_count(const struct conf_row *row, const void *values)
{
    return is_list(row) ? VALUE(row, values, struct conf_list).n : 1;
}

bool conf_value_empty(const struct conf_row *row, const void *values)
{
    switch (row->type) {
    case CONF_TEXT:
    case CONF_PATH:
    case CONF_SECRET:
    case CONF_LISTEN:
        return slice_empty(VALUE(row, values, slice));
    default:
        return conf_value_count(row, values) == 0;
    }
}

static bool is_bare(slice s)
{
    return slice_eq(slice_trim(s), s) && slice_find(s, S(" #")) == SLICE_NPOS &&
           slice_find(s, S("\t#")) == SLICE_NPOS && (s.n == 0 || (s.p[0] != '"' && s.p[0] != '#'));
}

/* In quotes where the bare text would be read as something else. */
static void print_text(slice s, buf *out)
{
    if (is_bare(s)) {
        buf_add(out, s);
        return;
    }
    buf_addc(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"' || s.p[i] == '\\')
            buf_addc(out, '\\');
        buf_addc(out, s.p[i]);
    }
    buf_addc(out, '"');
}

void conf_value_print(const struct conf_row *row, const void *values, size_t i, buf *out)
{
    slice rest = slice_str(row->words), word = SLICE_EMPTY;
    switch (row->type) {
    case CONF_SECRET:
        break;
    case CONF_TEXT:
    case CONF_PATH:
    case CONF_LISTEN:
        print_text(VALUE(row, values, slice), out);
        break;
    case CONF_LIST:
    case CONF_PATHS:
        print_text(VALUE(row, values, struct conf_list).v[i], out);
        break;
    case CONF_SWITCH:
        buf_adds(out, VALUE(row, values, bool) ? "yes" : "no");
        break;
    case CONF_WORD:
        for (unsigned k = 0; k <= VALUE(row, values, unsigned) && slice_split(&rest, '|', &word); k++)
            ;
        buf_add(out, word);
        break;
    case CONF_TOLERANCE:
        if (VALUE(row, values, struct conf_tolerance).given)
            tolerance_print(&VALUE(row, values, struct conf_tolerance).value, out);
        break;
    default:
        print_number(row, VALUE(row, values, int64_t), out);
        break;
    }
}

bool conf_value_same(const struct conf_row *row, const void *a, const void *b)
{
    size_t n = conf_value_count(row, a);
    if (row->type == CONF_SECRET)
        return slice_eq(VALUE(row, a, slice), VALUE(row, b, slice));
    if (n != conf_value_count(row, b))
        return false;
    bool same = true;
    buf one, other;
    buf_init(&one, 0);
    buf_init(&other, 0);
    for (size_t i = 0; same && i < n; i++) {
        buf_clear(&one);
        buf_clear(&other);
        conf_value_print(row, a, i, &one);
        conf_value_print(row, b, i, &other);
        same = slice_eq(buf_slice(&one), buf_slice(&other));
    }
    buf_fini(&one);
    buf_fini(&other);
    return same;
}
