#include "core/read.h"

#include <stdlib.h>

#include "core/read_known.h"
#include "core/read_lines.h"
#include "core/read_maildir.h"
#include "core/read_mbox.h"
#include "core/read_set.h"
#include "core/read_walk.h"
#include "feed/log.h"

#define MESSAGE_BYTES (50u * 1024 * 1024)
#define KEEP_BYTES (4u * 1024 * 1024) /* of the message buffer from one mail to the next */
#define CHUNK_BYTES (64u * 1024)

enum state { STATE_NEXT, STATE_MBOX, STATE_LINES };

struct reader {
    struct read_options options;
    struct read_counts counts;
    struct walk *walk;
    struct log_set set;
    struct known known;

    /* the file at hand */
    enum state state;
    struct read_file *file;
    buf path;
    enum read_form form;
    bool first, tracked; /* no piece of it was given yet; its position is to be kept */
    struct mbox mbox;
    struct lines lines;
    uint64_t offset; /* behind the last piece */
    struct tail tail;
    slice head; /* copies in `file_arena` */
    arena file_arena;

    buf message;
    arena marks_arena; /* mails to be marked after the commit */
    slice *marks;
    size_t marks_n, marks_cap;
};

/* ---- life ---- */

enum status reader_open(const char *const *paths, size_t n, const struct read_options *o, struct reader **out, err *e)
{
    struct reader *r = calloc(1, sizeof *r);
    *out = NULL;
    if (!r)
        return err_set(e, E_MEMORY, "reader: no memory");
    r->options = *o;
    if (r->options.max_message_bytes == 0)
        r->options.max_message_bytes = MESSAGE_BYTES;
    log_set_init(&r->set);
    known_init(&r->known, o->known, o->known_ctx);
    buf_init(&r->path, 0);
    buf_init(&r->message, 0);
    arena_init(&r->file_arena, 0);
    arena_init(&r->marks_arena, 0);
    r->walk = walk_new(paths, n, o->unread_only);
    if (!r->walk) {
        reader_close(&r);
        return err_set(e, E_MEMORY, "reader: no memory");
    }
    *out = r;
    return OK;
}

static void close_file(struct reader *r)
{
    if (r->state == STATE_MBOX)
        mbox_fini(&r->mbox);
    if (r->state == STATE_LINES)
        lines_fini(&r->lines);
    r->state = STATE_NEXT;
    read_file_close(&r->file);
}

void reader_close(struct reader **out)
{
    struct reader *r = *out;
    if (!r)
        return;
    close_file(r);
    walk_free(&r->walk);
    log_set_fini(&r->set);
    known_fini(&r->known);
    buf_fini(&r->path);
    buf_fini(&r->message);
    arena_fini(&r->file_arena);
    arena_fini(&r->marks_arena);
    free(r);
    *out = NULL;
}

const struct read_counts *reader_counts(const struct reader *r)
{
    return &r->counts;
}

/* ---- positions ---- */

static enum status note_position(struct reader *r, err *e)
{
    struct position_name name;
    if (!r->tracked || r->first || !position_name(r->head, r->offset, &name))
        return OK;
    buf text;
    buf_init(&text, 0);
    position_format(&text, r->offset, &r->tail);
    bool good = !text.failed && known_put(&r->known, slice_of(name.text, name.n), buf_slice(&text));
    buf_fini(&text);
    return good ? OK : err_set(e, E_MEMORY, "reader: no memory for a position");
}

/* A compressed file does not grow: once read, it need not be opened again. */
static enum status note_end(struct reader *r, err *e)
{
    struct position_name name;
    if (!r->tracked || !read_file_packed(r->file))
        return OK;
    position_packed_name(r->file, &name);
    return known_put(&r->known, slice_of(name.text, name.n), S("end"))
               ? OK
               : err_set(e, E_MEMORY, "reader: no memory for a position");
}

void reader_decline(struct reader *r)
{
    r->tracked = false;
}

enum status reader_positions(struct reader *r, read_put_fn put, void *ctx, err *e)
{
    enum status status = r->state == STATE_LINES ? note_position(r, e) : OK;
    return status == OK ? known_store(&r->known, put, ctx, e) : status;
}

enum status reader_committed(struct reader *r, err *e)
{
    enum status status = OK;
    known_stored(&r->known);
    for (size_t i = 0; i < r->marks_n; i++) {
        err this;
        enum status s = maildir_mark(&r->marks_arena, r->marks[i], &this);
        if (s != OK && status == OK) {
            status = s;
            if (e)
                *e = this;
        }
    }
    arena_reset(&r->marks_arena);
    r->marks = NULL;
    r->marks_n = r->marks_cap = 0;
    return status;
}

/* ---- mails ---- */

static int failed(struct reader *r)
{
    r->counts.errors++;
    close_file(r);
    return -1;
}

static bool set_path(struct reader *r, slice path)
{
    buf_clear(&r->path);
    buf_add(&r->path, path);
    return !r->path.failed;
}

static void fill_piece(const struct reader *r, struct read_piece *out)
{
    *out = (struct read_piece){.form = READ_MESSAGE,
                               .bytes = SLICE_EMPTY,
                               .path = buf_slice(&r->path),
                               .head = SLICE_EMPTY,
                               .reference_us = r->file ? read_file_changed_us(r->file) : TIME_NONE,
                               .first = r->first};
}

static bool mark_later(struct reader *r, slice path)
{
    slice *marks = arena_grow(&r->marks_arena, r->marks, r->marks_n, &r->marks_cap, sizeof *marks);
    slice copy = arena_dup(&r->marks_arena, path);
    if (!marks || copy.n != path.n)
        return false;
    r->marks = marks;
    r->marks[r->marks_n++] = copy;
    return true;
}

/* All of the file, up to one byte more than a message may have. */
static bool read_message(struct reader *r, err *e)
{
    if (r->message.room > KEEP_BYTES) {
        buf_fini(&r->message);
        buf_init(&r->message, 0);
    }
    buf_clear(&r->message);
    while (r->message.n <= r->options.max_message_bytes) {
        if (!buf_reserve(&r->message, CHUNK_BYTES)) {
            (void)err_set(e, E_MEMORY, "%s: no memory for a mail of %zu bytes", r->path.p, r->message.n);
            return false;
        }
        int64_t got = read_file_read(r->file, r->message.p + r->message.n, CHUNK_BYTES, e);
        if (got < 0)
            return false;
        if (got == 0)
            break;
        r->message.n += (size_t)got;
    }
    return true;
}

static int give_message(struct reader *r, bool in_maildir, struct read_piece *out, err *e)
{
    if (!read_message(r, e))
        return failed(r);
    if (in_maildir && r->options.mark_read && !mark_later(r, buf_slice(&r->path))) {
        (void)err_set(e, E_MEMORY, "%s: no memory", r->path.p);
        return failed(r);
    }
    fill_piece(r, out);
    out->truncated = r->message.n > r->options.max_message_bytes;
    out->bytes = slice_sub(buf_slice(&r->message), 0, r->options.max_message_bytes);
    out->first = true;
    r->counts.messages++;
    r->counts.bytes += out->bytes.n;
    close_file(r);
    return 1;
}

static int give_mbox(struct reader *r, struct read_piece *out, err *e)
{
    struct mbox_mail mail;
    int rc = mbox_next(&r->mbox, &mail, e);
    if (rc < 0)
        return failed(r);
    if (rc == 0) {
        close_file(r);
        return 0;
    }
    fill_piece(r, out);
    out->bytes = mail.bytes;
    out->offset = mail.offset;
    out->truncated = mail.truncated;
    r->first = false;
    r->counts.messages++;
    r->counts.bytes += mail.bytes.n;
    return 1;
}

/* ---- lines ---- */

static int end_of_lines(struct reader *r, err *e)
{
    r->counts.lines_dropped += r->lines.dropped;
    r->counts.known_files += r->first;
    if (note_position(r, e) != OK || note_end(r, e) != OK)
        return failed(r);
    close_file(r);
    return 0;
}

static int give_lines(struct reader *r, struct read_piece *out, err *e)
{
    uint64_t offset;
    slice bytes;
    int rc = lines_next(&r->lines, &bytes, &offset, e);
    if (rc == 0)
        return end_of_lines(r, e);
    if (rc < 0) {
        err ignored;
        r->counts.lines_dropped += r->lines.dropped;
        (void)note_position(r, &ignored); /* what came before the damage stays read */
        return failed(r);
    }
    fill_piece(r, out);
    out->form = r->form;
    out->bytes = bytes;
    out->offset = offset;
    out->head = r->head;
    r->first = false;
    r->offset = offset + bytes.n;
    tail_add(&r->tail, bytes);
    r->counts.bytes += bytes.n;
    return 1;
}

static bool copy_head(struct reader *r)
{
    slice head = read_file_head(r->file);
    arena_reset(&r->file_arena);
    r->head = arena_dup(&r->file_arena, head);
    return r->head.n == head.n;
}

/* Begins with the file at hand, behind what was read of it. 0: go on with the next piece, -1: error. */
static int begin_lines(struct reader *r, bool stream, err *e)
{
    enum resume how = RESUME_START;
    uint64_t offset = 0;
    r->tail = (struct tail){0};
    r->tracked = !stream;
    if (r->tracked && known_resume(&r->known, r->path.p, &r->file, &offset, &r->tail, &how, e) != OK)
        return failed(r);
    if (how == RESUME_DONE) {
        r->counts.known_files++;
        close_file(r);
        return 0;
    }
    r->counts.resumed_files += how == RESUME_WITHIN;
    r->counts.replaced_files += how == RESUME_REPLACED;
    if (!copy_head(r)) {
        (void)err_set(e, E_MEMORY, "%s: no memory", r->path.p);
        return failed(r);
    }
    r->offset = offset;
    lines_init(&r->lines, r->file, r->form == READ_JOURNAL, stream || read_file_packed(r->file), offset);
    r->state = STATE_LINES;
    return 0;
}

/* ---- files ---- */

static enum status open_file(struct reader *r, slice path, bool in_maildir, err *e)
{
    if (!set_path(r, path))
        return err_set(e, E_MEMORY, "reader: no memory");
    enum status status = read_file_open(r->path.p, &r->file, e);
    if (status != E_NOT_FOUND || !in_maildir)
        return status;
    arena a;
    arena_init(&a, 0);
    slice moved = maildir_find_moved(&a, path);
    if (!slice_empty(moved) && set_path(r, moved))
        status = read_file_open(r->path.p, &r->file, e);
    arena_fini(&a);
    return status;
}

static int begin_mbox(struct reader *r)
{
    mbox_init(&r->mbox, r->file, r->options.max_message_bytes);
    r->state = STATE_MBOX;
    return 0;
}

static int put_off(struct reader *r, err *e)
{
    bool good =
        log_set_add(&r->set, buf_slice(&r->path), r->form, read_file_head(r->file), read_file_changed_us(r->file));
    close_file(r);
    if (good)
        return 0;
    (void)err_set(e, E_MEMORY, "%s: no memory", r->path.p);
    return failed(r);
}

static enum read_form form_of(const struct reader *r, bool in_maildir, bool stream)
{
    if (r->options.form != READ_AUTO)
        return r->options.form;
    if (in_maildir)
        return READ_MESSAGE;
    enum read_form form = read_form_of(read_file_head(r->file));
    bool log = form == READ_LOG || form == READ_JOURNAL ||
               ((form == READ_NDJSON || form == READ_CSV) && log_dialect_detect(read_file_head(r->file)));
    if (form == READ_MBOX || (!r->options.mail_only && (log || !stream)))
        return form;
    return READ_MESSAGE; /* a mail may begin with anything, and what a pipe hands over must not be lost */
}

/* A file that the walk found: mail is given at once, logs wait until all are known. */
static int take_file(struct reader *r, const struct walk_file *found, struct read_piece *out, err *e)
{
    bool stream = slice_eq(found->path, S("-"));
    enum status status = open_file(r, found->path, found->in_maildir, e);
    if (status == E_NOT_FOUND && found->in_maildir) /* somebody deleted it: not ours to complain about */
        return 0;
    if (status != OK)
        return failed(r);
    r->counts.files++;
    r->first = true;
    r->form = form_of(r, found->in_maildir, stream);
    switch (r->form) {
    case READ_MESSAGE:
        return give_message(r, found->in_maildir, out, e);
    case READ_MBOX:
        return begin_mbox(r);
    case READ_LOG:
    case READ_JOURNAL:
    case READ_NDJSON:
    case READ_CSV:
        return stream ? begin_lines(r, true, e) : put_off(r, e);
    case READ_AUTO:
    case READ_MAILDIR:
    case READ_DIRECTORY:
    case READ_UNKNOWN:
        break;
    }
    (void)err_set(e, E_INVALID, "%s: is neither mail nor a log that is known; name its form by --form if it is one",
                  r->path.p);
    return failed(r);
}

static int take_log(struct reader *r, const struct log_file *log, err *e)
{
    if (open_file(r, log->path, false, e) != OK)
        return failed(r);
    r->first = true;
    r->form = log->form;
    return begin_lines(r, false, e);
}

int reader_next(struct reader *r, struct read_piece *out, err *e)
{
    for (;;) {
        int rc = 0;
        const struct log_file *log;
        struct walk_file found;
        if (r->state == STATE_MBOX) {
            rc = give_mbox(r, out, e);
        } else if (r->state == STATE_LINES) {
            rc = give_lines(r, out, e);
        } else if ((rc = walk_next(r->walk, &found, e)) != 0) {
            rc = rc < 0 ? failed(r) : take_file(r, &found, out, e);
        } else if ((log = log_set_next(&r->set))) {
            rc = take_log(r, log, e);
        } else {
            return 0;
        }
        if (rc != 0)
            return rc;
    }
}
