#include "serve/settings.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/nearest.h"
#include "base/text.h"
#include "serve/conf_value.h"

#define MAX_ROWS 64u /* settings of one kind of section */

/* One kind of line each, by how it begins. The library for this (inih, as packaged) reads lines of 199 bytes at most and takes " ;"
 * inside of a value for a comment, so these few lines of grammar are our own. */
struct reader {
    struct settings *s;
    settings_problem_fn tell;
    void *ctx;
    unsigned line;
    bool failed;
    bool skipping; /* what follows an unknown section */
    slice base;    /* directory of the file */
    struct section *sections;
    size_t count, room;
    /* the section that is being read */
    const struct conf_section *kind;
    struct section *at;
    void *values;
    unsigned lines[MAX_ROWS]; /* where each setting was given; 0: not yet */
};

static void PRINTF_LIKE(4, 5) problem(struct reader *r, unsigned line, bool warning, const char *fmt, ...)
{
    buf text;
    va_list ap;
    buf_init(&text, 2048);
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    r->failed |= !warning;
    if (r->tell)
        r->tell(r->ctx, r->s->path, line, warning, buf_slice(&text));
    buf_fini(&text);
}

/* Words of strangers in a message: quoted text of at most 64 bytes. */
#define SHOWN(s) (int)((s).n < 64 ? (s).n : 64), (s).p

/* ---- sections ---- */

static void no_memory(struct reader *r)
{
    problem(r, r->line, false, "out of memory");
}

static bool section_add(struct reader *r, const struct conf_section *kind, slice name)
{
    struct section *grown = arena_grow(&r->s->a, r->sections, r->count, &r->room, sizeof *grown);
    void *values = arena_calloc(&r->s->a, 1, kind->size ? kind->size : 1);
    if (!grown || !values) {
        no_memory(r);
        return false;
    }
    r->sections = grown;
    r->at = &grown[r->count++];
    *r->at = (struct section){kind->kind, arena_dup(&r->s->a, name), r->line, values};
    r->kind = kind;
    r->values = values;
    memset(r->lines, 0, sizeof r->lines);
    return true;
}

static void must_be_given(struct reader *r, const struct conf_row *row, unsigned line)
{
    problem(r, line, false, "[%s%s%.*s]: %s must be given: %s", r->kind->kind, slice_empty(r->at->name) ? "" : " ",
            SHOWN(r->at->name), row->name, row->help);
}

/* What was not given gets its default. */
static void section_end(struct reader *r)
{
    err e;
    if (!r->kind)
        return;
    const struct conf_row *rows = r->kind->rows();
    for (unsigned i = 0; rows[i].name; i++) {
        if (r->lines[i])
            continue;
        if ((rows[i].flags & CONF_NEEDED) && !*rows[i].otherwise)
            must_be_given(r, &rows[i], r->at->line);
        else if (conf_value_read(&rows[i], slice_str(rows[i].otherwise), SLICE_EMPTY, r->values, &r->s->a, &e) != OK)
            problem(r, r->line, false, "[%s]: default: %s", r->kind->kind, e.text);
    }
    r->kind = NULL;
}

static const struct section *section_of(const struct reader *r, slice kind, slice name)
{
    for (size_t i = 0; i < r->count; i++)
        if (slice_eq(slice_str(r->sections[i].kind), kind) && slice_eq(r->sections[i].name, name))
            return &r->sections[i];
    return NULL;
}

static bool name_ok(slice name)
{
    for (size_t i = 0; i < name.n; i++)
        if (!ascii_alnum(name.p[i]) && !strchr("._-", name.p[i]))
            return false;
    return name.n <= SETTINGS_MAX_NAME_BYTES;
}

static void unknown_section(struct reader *r, slice kind)
{
    const struct conf_section *best = NULL;
    size_t best_distance = SIZE_MAX;
    for (const struct conf_section *s = conf_sections; s->kind; s++) {
        size_t d = nearest_distance(kind, slice_str(s->kind));
        if (d < best_distance) {
            best = s;
            best_distance = d;
        }
    }
    problem(r, r->line, false, "there is no section [%.*s]%s%s%s", SHOWN(kind), best ? "; did you mean [" : "",
            best ? best->kind : "", best ? "]?" : "");
}

/* Whether a section of this kind and name may begin here. */
static bool section_may(struct reader *r, const struct conf_section *kind, slice name)
{
    const struct section *before = section_of(r, slice_str(kind->kind), name);
    if (kind->named && slice_empty(name))
        problem(r, r->line, false, "[%s] wants a name of its own: [%s NAME]", kind->kind, kind->kind);
    else if (!kind->named && !slice_empty(name))
        problem(r, r->line, false, "there is only one [%s]; it has no name", kind->kind);
    else if (!name_ok(name))
        problem(r, r->line, false, "[%s]: a name has letters, digits, '.', '_' and '-', at most %u of them", kind->kind,
                SETTINGS_MAX_NAME_BYTES);
    else if (before)
        problem(r, r->line, false, "[%s%s%.*s] was begun in line %u already", kind->kind, slice_empty(name) ? "" : " ",
                SHOWN(name), before->line);
    else if (r->count == SETTINGS_MAX_SECTIONS)
        problem(r, r->line, false, "more than %u sections", SETTINGS_MAX_SECTIONS);
    else
        return true;
    return false;
}

static void read_header(struct reader *r, slice line)
{
    slice inner, kind = SLICE_EMPTY, name = SLICE_EMPTY;
    size_t close = slice_chr(line, ']');
    section_end(r);
    r->skipping = true;
    slice behind = close == SLICE_NPOS ? SLICE_EMPTY : slice_trim(slice_from(line, close + 1));
    if (close == SLICE_NPOS || (!slice_empty(behind) && behind.p[0] != '#')) {
        problem(r, r->line, false, "expected [section] or [section NAME]");
        return;
    }
    inner = slice_sub(line, 1, close - 1);
    (void)slice_word(&inner, &kind);
    name = slice_trim(inner);
    if (name.n >= 2 && name.p[0] == '"')
        name = slice_unwrap(name, '"', '"');
    const struct conf_section *found = conf_section_find(kind);
    if (!found)
        unknown_section(r, kind);
    else if (section_may(r, found, name))
        r->skipping = !section_add(r, found, name);
}

/* ---- settings ---- */

static const char *section_with(slice name)
{
    for (const struct conf_section *s = conf_sections; s->kind; s++)
        if (conf_row_find(s, name))
            return s->kind;
    return NULL;
}

static void unknown_setting(struct reader *r, slice name)
{
    const char *best = NULL, *elsewhere = section_with(name);
    size_t best_distance = SIZE_MAX;
    for (const struct conf_row *row = r->kind->rows(); row->name; row++) {
        size_t d = nearest_distance(name, slice_str(row->name));
        if (d < best_distance) {
            best = row->name;
            best_distance = d;
        }
    }
    if (elsewhere)
        problem(r, r->line, false, "[%s] has no setting %.*s; [%s] has", r->kind->kind, SHOWN(name), elsewhere);
    else
        problem(r, r->line, false, "[%s] has no setting %.*s%s%s%s", r->kind->kind, SHOWN(name),
                best ? "; did you mean " : "", best ? best : "", best ? "?" : "");
}

/* Up to the closing quote, behind which only a comment may stand; \" and \\ stand for themselves. */
static bool unquote(slice text, arena *a, slice *out)
{
    char *p = arena_alloc(a, text.n);
    size_t n = 0, i = 1;
    if (!p)
        return false;
    for (; i < text.n && text.p[i] != '"'; i++) {
        if (text.p[i] == '\\' && i + 1 < text.n && (text.p[i + 1] == '"' || text.p[i + 1] == '\\'))
            i++;
        p[n++] = text.p[i];
    }
    slice behind = slice_trim(slice_from(text, i + 1));
    *out = slice_of(p, n);
    return i < text.n && (slice_empty(behind) || behind.p[0] == '#');
}

/* Without a comment: '#' at the start or behind white space. */
static slice bare(slice text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] == '#' && (i == 0 || ascii_space(text.p[i - 1])))
            return slice_rtrim(slice_sub(text, 0, i));
    return text;
}

static void set(struct reader *r, const struct conf_row *row, slice text)
{
    err e;
    slice value = text;
    if (!slice_empty(text) && text.p[0] == '"') {
        if (!unquote(text, &r->s->a, &value)) {
            problem(r, r->line, false, "%s: the closing quote is missing, or something stands behind it", row->name);
            return;
        }
    } else {
        value = bare(text);
    }
    if (conf_value_read(row, value, r->base, r->values, &r->s->a, &e) != OK)
        problem(r, r->line, false, "%s", e.text);
    else if ((row->flags & CONF_NEEDED) && conf_value_empty(row, r->values))
        must_be_given(r, row, r->line);
}

static void read_setting(struct reader *r, slice line)
{
    size_t equals = slice_chr(line, '=');
    if (equals == SLICE_NPOS) {
        problem(r, r->line, false, "expected NAME = VALUE, [section] or a comment (#)");
        return;
    }
    slice name = slice_trim(slice_sub(line, 0, equals));
    if (!r->kind) {
        problem(r, r->line, false, "%.*s stands before the first [section]", SHOWN(name));
        return;
    }
    const struct conf_row *row = conf_row_find(r->kind, name);
    if (!row) {
        unknown_setting(r, name);
        return;
    }
    unsigned *given = &r->lines[row - r->kind->rows()];
    if (*given && row->type != CONF_LIST && row->type != CONF_PATHS) {
        problem(r, r->line, false, "%s was given in line %u already", row->name, *given);
        return;
    }
    *given = r->line;
    set(r, row, slice_trim(slice_from(line, equals + 1)));
}

/* ---- the file ---- */

static bool line_ok(struct reader *r, slice line)
{
    if (line.n > SETTINGS_MAX_LINE_BYTES) {
        problem(r, r->line, false, "longer than %u bytes", SETTINGS_MAX_LINE_BYTES);
        return false;
    }
    for (size_t i = 0; i < line.n; i++)
        if (((unsigned char)line.p[i] < ' ' && line.p[i] != '\t') || line.p[i] == 0x7f) {
            problem(r, r->line, false, "a control character stands in this line");
            return false;
        }
    if (!utf8_valid(line)) {
        problem(r, r->line, false, "not UTF-8");
        return false;
    }
    return true;
}

static void read_line(struct reader *r, slice line)
{
    if (!line_ok(r, line))
        return;
    line = slice_trim(line);
    if (slice_empty(line) || line.p[0] == '#' || line.p[0] == ';')
        return;
    if (line.p[0] == '[')
        read_header(r, line);
    else if (!r->skipping)
        read_setting(r, line);
}

static void read_lines(struct reader *r, slice text)
{
    slice line;
    if (slice_starts(text, S("\xEF\xBB\xBF")))
        text = slice_from(text, 3);
    while (slice_line(&text, &line)) {
        r->line++;
        read_line(r, line);
    }
    section_end(r);
}

/* Single sections that the file has not are there with their defaults, line 0. */
static void add_missing(struct reader *r)
{
    r->line = 0;
    for (const struct conf_section *k = conf_sections; k->kind; k++)
        if (!k->named && !section_of(r, slice_str(k->kind), SLICE_EMPTY) && section_add(r, k, SLICE_EMPTY))
            section_end(r);
}

static slice directory_of(slice path)
{
    size_t slash = slice_rchr(path, '/');
    return slash == SLICE_NPOS ? SLICE_EMPTY : slice_sub(path, 0, slash);
}

static struct settings *settings_new(struct reader *r, slice path)
{
    r->s = calloc(1, sizeof *r->s);
    if (!r->s)
        return NULL;
    arena_init(&r->s->a, SETTINGS_MAX_MEMORY_BYTES);
    r->s->path = arena_dup(&r->s->a, path);
    r->base = directory_of(r->s->path);
    return r->s;
}

static struct settings *finish(struct reader *r)
{
    add_missing(r);
    r->s->sections = r->sections;
    r->s->count = r->count;
    if (r->failed)
        settings_free(&r->s);
    return r->s;
}

struct settings *settings_parse(slice path, slice text, settings_problem_fn tell, void *ctx)
{
    struct reader r = {.tell = tell, .ctx = ctx};
    if (!settings_new(&r, path))
        return NULL;
    read_lines(&r, text);
    return finish(&r);
}

/* Reads what is there, up to one byte more than may be. */
static enum status slurp(const char *path, buf *out, bool *exposed, err *e)
{
    struct stat st;
    ssize_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) != 0) {
        enum status status = err_os(e, errno, "cannot be read");
        if (fd >= 0)
            close(fd);
        return status;
    }
    *exposed = S_ISREG(st.st_mode) && (st.st_mode & S_IROTH) != 0;
    buf_init(out, 0);
    while (out->n <= SETTINGS_MAX_BYTES && buf_reserve(out, 65536) &&
           ((n = read(fd, out->p + out->n, 65536)) > 0 || (n < 0 && errno == EINTR)))
        out->n += n > 0 ? (size_t)n : 0;
    int why = errno;
    close(fd); /* it was only read */
    if (n < 0)
        return err_os(e, why, "cannot be read");
    if (out->failed)
        return err_set(e, E_MEMORY, "out of memory");
    return out->n > SETTINGS_MAX_BYTES ? err_set(e, E_INVALID, "larger than %u bytes", SETTINGS_MAX_BYTES) : OK;
}

/* A secret that stands in the file itself makes the file a secret. */
static void warn_exposed(struct reader *r)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct conf_section *k = conf_section_find(slice_str(r->sections[i].kind));
        for (const struct conf_row *row = k->rows(); row->name; row++) {
            const slice *secret = (const slice *)(const void *)((const char *)r->sections[i].values + row->at);
            if (row->type == CONF_SECRET && !slice_empty(*secret))
                problem(r, r->sections[i].line, true,
                        "%s: everybody may read this file; chmod 0640 it, or keep the secret elsewhere: %s = @/path",
                        row->name, row->name);
        }
    }
}

struct settings *settings_read(slice path, settings_problem_fn tell, void *ctx)
{
    err e;
    bool exposed = false;
    buf text = {0};
    struct reader r = {.tell = tell, .ctx = ctx};
    if (!settings_new(&r, path))
        return NULL;
    if (slice_empty(path))
        return finish(&r);
    char *absolute = realpath(r.s->path.p, NULL); /* so that relative paths mean the same from everywhere */
    if (absolute)
        r.base = arena_dup(&r.s->a, directory_of(slice_str(absolute)));
    free(absolute);
    if (slurp(r.s->path.p, &text, &exposed, &e) != OK)
        problem(&r, 0, false, "%s", e.text);
    else
        read_lines(&r, buf_slice(&text));
    if (exposed)
        warn_exposed(&r);
    if (text.p)
        explicit_bzero(text.p, text.room);
    buf_fini(&text);
    return finish(&r);
}

void settings_free(struct settings **s)
{
    if (!*s)
        return;
    arena_fini(&(*s)->a);
    free(*s);
    *s = NULL;
}

/* ---- asking ---- */

const void *settings_of(const struct settings *s, const char *kind)
{
    const struct section *found = settings_next(s, kind, NULL);
    MUST(found != NULL);
    return found->values;
}

const struct section *settings_next(const struct settings *s, const char *kind, const struct section *after)
{
    for (size_t i = after ? (size_t)(after - s->sections) + 1 : 0; i < s->count; i++)
        if (strcmp(s->sections[i].kind, kind) == 0)
            return &s->sections[i];
    return NULL;
}
