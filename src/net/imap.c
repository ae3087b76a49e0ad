#include "net/imap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/arena.h"
#include "net/imap_wire.h"

#define PASSWORD_MAX_BYTES 4096u

struct imap {
    struct wire wire;
    struct imap_options options; /* its texts are in `arena` */
    arena arena;
    unsigned tag;
    uint32_t validity, last; /* UIDVALIDITY, UID up to which everything was given */
    bool restarted, can_move, can_expunge;

    uint32_t *uids; /* to be read, ascending */
    size_t uid_count, uid_room;
    size_t next, whole; /* the first one that no FETCH has asked for; that is behind a gap in the answers */
    size_t given, committed,
        done; /* mails given, of which are committed, of which the wish is fulfilled; by index in `seen` */
    uint32_t *seen;
    size_t seen_room;
    bool fetching; /* inside of the answer to a FETCH */
    buf mail;
};

/* ---- password ---- */

static enum status first_line_of(const char *path, arena *a, const char **out, err *e)
{
    char text[PASSWORD_MAX_BYTES];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_os(e, errno, "%s: cannot open the password file", path);
    ssize_t n = read(fd, text, sizeof text);
    int errnum = errno;
    (void)close(fd); /* only read */
    if (n < 0)
        return err_os(e, errnum, "%s: cannot read the password file", path);
    slice rest = slice_of(text, (size_t)n), line = SLICE_EMPTY;
    if (!slice_line(&rest, &line) || slice_empty(line))
        return err_set(e, E_INVALID, "%s: holds no password in its first line", path);
    slice copy = arena_dup(a, line);
    *out = copy.p;
    return copy.n ? OK : err_set(e, E_MEMORY, "%s: no memory", path);
}

static enum status find_password(const struct imap_options *o, arena *a, const char **out, err *e)
{
    *out = o->password;
    if (*out)
        return OK;
    if (o->password_file)
        return first_line_of(o->password_file, a, out, e);
    if (o->password_env) {
        *out = getenv(o->password_env);
        return *out ? OK : err_set(e, E_INVALID, "%s: the environment has no such variable", o->password_env);
    }
    return OK;
}

/* ---- commands ---- */

static enum status send_command(struct imap *m, slice command, err *e)
{
    buf b;
    buf_init(&b, 0);
    buf_printf(&b, "b%u ", ++m->tag);
    buf_add(&b, command);
    buf_adds(&b, "\r\n");
    enum status status =
        b.failed ? err_set(e, E_MEMORY, "%s: no memory", m->options.url) : wire_send(&m->wire, buf_slice(&b), e);
    buf_fini(&b);
    return status;
}

/* "b7 OK ..." of the last command: *rest is behind the tag. */
static bool is_tagged(const struct imap *m, slice line, slice *rest)
{
    slice word;
    uint64_t tag;
    *rest = line;
    return slice_word(rest, &word) && word.n > 1 && word.p[0] == 'b' && slice_u64(slice_from(word, 1), &tag) &&
           tag == m->tag;
}

static enum status answer(const struct imap *m, slice rest, err *e)
{
    rest = slice_ltrim(rest);
    if (slice_starts_ci(rest, S("OK")))
        return OK;
    return err_set(e, slice_starts_ci(rest, S("NO")) ? E_DENIED : E_INVALID, "%s: the server says: %.*s",
                   m->options.url, SLICE_FMT(slice_sub(rest, 0, 300)));
}

/* Size of the literal that a line ends with: "{123}", "~{123}". */
static bool literal_size(slice line, uint64_t *n)
{
    size_t open = slice_rchr(line, '{');
    if (open == SLICE_NPOS || line.p[line.n - 1] != '}')
        return false;
    return slice_u64(slice_of(line.p + open + 1, line.n - open - 2), n);
}

typedef enum status (*untagged_fn)(struct imap *m, slice line, err *e);

/* Sends a command and reads all of its answer; untagged lines go to `each` (NULL: nobody). */
static enum status run(struct imap *m, slice command, untagged_fn each, err *e)
{
    enum status status = send_command(m, command, e);
    while (status == OK) {
        slice line, rest;
        uint64_t n;
        status = wire_line(&m->wire, &line, e);
        if (status != OK)
            break;
        if (is_tagged(m, line, &rest))
            return answer(m, rest, e);
        if (each)
            status = each(m, line, e);
        if (status == OK && literal_size(line, &n))
            status = wire_literal(&m->wire, n, 0, &m->mail, e);
    }
    return status;
}

/* ---- opening ---- */

static enum status on_capability(struct imap *m, slice line, err *e)
{
    slice word;
    (void)e;
    while (slice_word(&line, &word)) {
        m->can_move |= slice_eq_ci(word, S("MOVE"));
        m->can_expunge |= slice_eq_ci(word, S("UIDPLUS"));
    }
    return OK;
}

static enum status on_select(struct imap *m, slice line, err *e)
{
    (void)e;
    size_t at = slice_find_ci(line, S("[UIDVALIDITY "));
    if (at == SLICE_NPOS)
        return OK;
    slice rest = slice_from(line, at + 13);
    uint64_t v;
    if (slice_u64(slice_sub(rest, 0, slice_chr(rest, ']')), &v) && v <= UINT32_MAX)
        m->validity = (uint32_t)v;
    return OK;
}

/* "* SEARCH 4 5 6" */
static enum status on_search(struct imap *m, slice line, err *e)
{
    slice word;
    uint64_t uid;
    if (!slice_starts_ci(line, S("* SEARCH")))
        return OK;
    line = slice_from(line, 8);
    while (slice_word(&line, &word)) {
        if (!slice_u64(word, &uid) || uid <= m->last ||
            uid > UINT32_MAX) /* "9:*" names the last mail even when it is 8 */
            continue;
        uint32_t *uids = arena_grow(&m->arena, m->uids, m->uid_count, &m->uid_room, sizeof *uids);
        if (!uids)
            return err_set(e, E_MEMORY, "%s: no memory for %zu mails", m->options.url, m->uid_count);
        m->uids = uids;
        m->uids[m->uid_count++] = (uint32_t)uid;
    }
    return OK;
}

static int by_uid(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* A quoted string (RFC 3501 4.3); false when the name cannot be one. */
static bool add_quoted(buf *b, slice s)
{
    buf_addc(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < ' ' || c > '~')
            return false;
        if (c == '"' || c == '\\')
            buf_addc(b, '\\');
        buf_addc(b, (char)c);
    }
    buf_addc(b, '"');
    return true;
}

static enum status open_folder(struct imap *m, err *e)
{
    buf b;
    buf_init(&b, 0);
    buf_adds(&b, m->options.after == IMAP_KEEP ? "EXAMINE " : "SELECT ");
    bool good = add_quoted(&b, slice_str(m->options.folder));
    enum status status = good ? run(m, buf_slice(&b), on_select, e)
                              : err_set(e, E_INVALID, "%s: folder names are ASCII (modified UTF-7)", m->options.url);
    buf_fini(&b);
    if (status == OK && m->validity == 0)
        status = err_set(e, E_UNSUPPORTED, "%s: the server gives no UIDVALIDITY", m->options.url);
    return status;
}

static void take_position(struct imap *m, slice position)
{
    slice word;
    uint64_t validity, last;
    if (!slice_word(&position, &word) || !slice_u64(word, &validity) || !slice_word(&position, &word) ||
        !slice_u64(word, &last) || last > UINT32_MAX)
        return;
    m->restarted = validity != m->validity;
    m->last = m->restarted ? 0 : (uint32_t)last;
}

static enum status search(struct imap *m, err *e)
{
    if (m->last == UINT32_MAX)
        return OK;
    char command[64];
    int n = snprintf(command, sizeof command, "UID SEARCH UID %u:*", m->last + 1);
    enum status status = run(m, slice_of(command, (size_t)n), on_search, e);
    if (status == OK && m->uid_count)
        qsort(m->uids, m->uid_count, sizeof *m->uids, by_uid);
    return status;
}

static const char *copy_text(arena *a, const char *s)
{
    return s ? arena_dup(a, slice_str(s)).p : NULL;
}

static void copy_options(struct imap *m, const struct imap_options *o)
{
    m->options = *o;
    m->options.url = copy_text(&m->arena, o->url);
    m->options.folder = copy_text(&m->arena, o->folder ? o->folder : "INBOX");
    m->options.move_to = copy_text(&m->arena, o->move_to);
    m->options.password = m->options.user = NULL; /* needed for the login only */
    if (m->options.max_message_bytes == 0)
        m->options.max_message_bytes = IMAP_MAX_MESSAGE_BYTES;
}

static enum status start(struct imap *m, const struct imap_options *o, slice position, err *e)
{
    const char *password;
    copy_options(m, o);
    if (o->after == IMAP_MOVE && !o->move_to)
        return err_set(e, E_INVALID, "%s: no folder given to move mails to", o->url);
    enum status status = find_password(o, &m->arena, &password, e);
    if (status == OK)
        status = wire_open(&m->wire, o, password, e);
    if (m->wire.curl)
        m->wire.url = m->options.url;
    if (status == OK && o->after != IMAP_KEEP)
        status = run(m, S("CAPABILITY"), on_capability, e);
    if (status == OK)
        status = open_folder(m, e);
    if (status == OK)
        take_position(m, position);
    return status == OK ? search(m, e) : status;
}

enum status imap_open(const struct imap_options *o, slice position, struct imap **out, err *e)
{
    *out = NULL;
    struct imap *m = calloc(1, sizeof *m);
    if (!m)
        return err_set(e, E_MEMORY, "%s: no memory", o->url);
    arena_init(&m->arena, 0);
    buf_init(&m->mail, 0);
    enum status status = start(m, o, position, e);
    if (status != OK)
        imap_close(&m);
    *out = m;
    return status;
}

void imap_close(struct imap **out)
{
    struct imap *m = *out;
    if (!m)
        return;
    wire_close(&m->wire);
    buf_fini(&m->mail);
    arena_fini(&m->arena);
    free(m);
    *out = NULL;
}

bool imap_restarted(const struct imap *m)
{
    return m->restarted;
}

size_t imap_found(const struct imap *m)
{
    return m->uid_count;
}

void imap_position(const struct imap *m, buf *out)
{
    buf_addu(out, m->validity);
    buf_addc(out, ' ');
    buf_addu(out, m->last);
}

/* ---- what is done with read mails ---- */

static void add_uids(buf *b, const uint32_t *uids, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_addc(b, ',');
        buf_addu(b, uids[i]);
    }
}

/* "UID <verb> <uids><rest>" */
static enum status run_on(struct imap *m, const char *verb, const uint32_t *uids, size_t n, slice rest, err *e)
{
    buf b;
    buf_init(&b, 0);
    buf_printf(&b, "UID %s ", verb);
    add_uids(&b, uids, n);
    buf_add(&b, rest);
    enum status status =
        b.failed ? err_set(e, E_MEMORY, "%s: no memory", m->options.url) : run(m, buf_slice(&b), NULL, e);
    buf_fini(&b);
    return status;
}

/* Without UIDPLUS an EXPUNGE would also remove what others have marked: then the mark must do. */
static enum status delete_mails(struct imap *m, const uint32_t *uids, size_t n, err *e)
{
    enum status status = run_on(m, "STORE", uids, n, S(" +FLAGS.SILENT (\\Seen \\Deleted)"), e);
    return status == OK && m->can_expunge ? run_on(m, "EXPUNGE", uids, n, SLICE_EMPTY, e) : status;
}

static enum status move_mails(struct imap *m, const uint32_t *uids, size_t n, err *e)
{
    buf to;
    buf_init(&to, 0);
    buf_addc(&to, ' ');
    if (!add_quoted(&to, slice_str(m->options.move_to))) {
        buf_fini(&to);
        return err_set(e, E_INVALID, "%s: folder names are ASCII (modified UTF-7)", m->options.url);
    }
    enum status status = run_on(m, m->can_move ? "MOVE" : "COPY", uids, n, buf_slice(&to), e);
    buf_fini(&to);
    return status == OK && !m->can_move ? delete_mails(m, uids, n, e) : status;
}

static enum status fulfil(struct imap *m, const uint32_t *uids, size_t n, err *e)
{
    switch (m->options.after) {
    case IMAP_KEEP:
        return OK;
    case IMAP_MARK_SEEN:
        return run_on(m, "STORE", uids, n, S(" +FLAGS.SILENT (\\Seen)"), e);
    case IMAP_MOVE:
        return move_mails(m, uids, n, e);
    case IMAP_DELETE:
        return delete_mails(m, uids, n, e);
    }
    return OK;
}

/* All that is committed; not while a FETCH is being answered. */
static enum status catch_up(struct imap *m, err *e)
{
    while (m->done < m->committed) {
        size_t n = m->committed - m->done;
        if (n > IMAP_FETCH_AT_ONCE)
            n = IMAP_FETCH_AT_ONCE;
        enum status status = fulfil(m, m->seen + m->done, n, e);
        if (status != OK)
            return status;
        m->done += n;
    }
    return OK;
}

enum status imap_committed(struct imap *m, err *e)
{
    m->committed = m->given;
    return m->fetching ? OK : catch_up(m, e);
}

/* ---- fetching ---- */

static enum status ask(struct imap *m, err *e)
{
    buf b;
    size_t n = m->uid_count - m->next;
    if (n > IMAP_FETCH_AT_ONCE)
        n = IMAP_FETCH_AT_ONCE;
    buf_init(&b, 0);
    buf_adds(&b, "UID FETCH ");
    add_uids(&b, m->uids + m->next, n);
    buf_printf(&b, " (UID BODY.PEEK[]<0.%zu>)", m->options.max_message_bytes + 1);
    enum status status =
        b.failed ? err_set(e, E_MEMORY, "%s: no memory", m->options.url) : send_command(m, buf_slice(&b), e);
    buf_fini(&b);
    m->next += n;
    m->fetching = status == OK;
    return status;
}

static void find_uid(slice line, uint32_t *uid)
{
    size_t at = slice_find_ci(line, S("UID "));
    uint64_t v;
    if (at == SLICE_NPOS)
        return;
    slice digits = slice_from(line, at + 4);
    size_t n = 0;
    while (n < digits.n && ascii_digit(digits.p[n]))
        n++;
    if (slice_u64(slice_of(digits.p, n), &v) && v <= UINT32_MAX)
        *uid = (uint32_t)v;
}

/* The rest of "* 12 FETCH (UID 4 BODY[]<0> {123}": literals and what follows them, up to the line that ends it. */
static enum status read_fetch(struct imap *m, slice line, uint32_t *uid, bool *body, err *e)
{
    uint64_t n;
    *uid = 0;
    *body = false;
    buf_clear(&m->mail);
    for (;;) {
        find_uid(line, uid);
        bool is_body = slice_find_ci(line, S("BODY[]")) != SLICE_NPOS;
        if (!literal_size(line, &n)) {
            *body |= is_body; /* NIL or "": an empty mail */
            return OK;
        }
        enum status status = wire_literal(&m->wire, n, is_body ? m->options.max_message_bytes + 1 : 0, &m->mail, e);
        *body |= is_body;
        if (status == OK)
            status = wire_line(&m->wire, &line, e);
        if (status != OK)
            return status;
    }
}

static bool remember(struct imap *m, uint32_t uid)
{
    uint32_t *seen = arena_grow(&m->arena, m->seen, m->given, &m->seen_room, sizeof *seen);
    if (!seen)
        return false;
    m->seen = seen;
    m->seen[m->given++] = uid;
    return true;
}

static int give(struct imap *m, uint32_t uid, struct imap_mail *out, err *e)
{
    if (!remember(m, uid)) {
        (void)err_set(e, E_MEMORY, "%s: no memory", m->options.url);
        return -1;
    }
    if (uid == m->uids[m->whole]) { /* behind a gap the answers may be out of order: wait for the end of them */
        m->last = uid;
        m->whole++;
    }
    out->uid = uid;
    out->truncated = m->mail.n > m->options.max_message_bytes;
    out->bytes = slice_sub(buf_slice(&m->mail), 0, m->options.max_message_bytes);
    return 1;
}

static bool asked_for(const struct imap *m, uint32_t uid)
{
    for (size_t i = m->whole; i < m->next; i++)
        if (m->uids[i] == uid)
            return true;
    return false;
}

/* One line of the answer to a FETCH. 1: a mail, 0: go on, -1: failed. */
static int take_line(struct imap *m, struct imap_mail *out, err *e)
{
    slice line, rest;
    uint32_t uid;
    bool body;
    if (wire_line(&m->wire, &line, e) != OK)
        return -1;
    if (is_tagged(m, line, &rest)) {
        m->fetching = false;
        if (answer(m, rest, e) != OK)
            return -1;
        m->whole = m->next;
        m->last = m->uids[m->next - 1];
        return 0;
    }
    if (slice_starts_ci(line, S("* BYE"))) {
        (void)err_set(e, E_IO, "%s: the server says: %.*s", m->options.url, SLICE_FMT(slice_sub(line, 0, 300)));
        return -1;
    }
    if (read_fetch(m, line, &uid, &body, e) != OK)
        return -1;
    return body && asked_for(m, uid) ? give(m, uid, out, e) : 0;
}

int imap_next(struct imap *m, struct imap_mail *out, err *e)
{
    for (int rc = 0;;) {
        if (m->fetching)
            rc = take_line(m, out, e);
        else if (catch_up(m, e) != OK || (m->next < m->uid_count && ask(m, e) != OK))
            rc = -1;
        else if (!m->fetching)
            return 0;
        if (rc != 0)
            return rc;
    }
}
