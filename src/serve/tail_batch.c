#include "serve/tail_batch.h"

#include "core/intake.h"

void tail_batch_init(struct tail_batch *b)
{
    *b = (struct tail_batch){0};
    arena_init(&b->a, 0);
}

void tail_batch_fini(struct tail_batch *b)
{
    if (b->knowledge)
        knowledge_release(&b->knowledge);
    arena_fini(&b->a);
}

static enum status no_memory(err *e)
{
    return err_set(e, E_MEMORY, "log: out of memory");
}

/* ---- what the ledger has ---- */

struct remembering {
    struct maillog *logs;
    size_t odd;
};

static bool take_row(void *ctx, slice key, slice value)
{
    struct remembering *r = ctx;
    r->odd += !maillog_take_row(r->logs, key, value);
    return true;
}

enum status tail_remember(struct maillog *logs, struct ledger *l, slice memory, err *e)
{
    struct remembering r = {logs, 0};
    return ledger_memory(l, memory, take_row, &r, e);
}

static bool known(void *ctx, slice name, arena *a, slice *position)
{
    struct ledger_feed f;
    err e;
    if (ledger_get_feed(ctx, name, a, &f, &e) != OK)
        return false;
    *position = f.position;
    return true;
}

slice tail_batch_known(struct worker *w, slice name, arena *a)
{
    slice position;
    return known(w->ledger, name, a, &position) ? position : SLICE_EMPTY;
}

/* ---- what goes into it ---- */

enum status tail_batch_place(struct tail_batch *b, slice name, slice position, err *e)
{
    struct ledger_feed *grown = arena_grow(&b->a, b->feeds, b->feed_count, &b->feed_room, sizeof *grown);
    if (!grown)
        return no_memory(e);
    b->feeds = grown;
    grown[b->feed_count++] =
        (struct ledger_feed){arena_dup(&b->a, name), arena_dup(&b->a, position), SLICE_EMPTY, TIME_NONE};
    return b->a.limited ? no_memory(e) : OK;
}

static enum status put_position(void *ctx, slice name, slice position, err *e)
{
    return tail_batch_place(ctx, name, position, e);
}

static bool put_row(void *ctx, slice key, slice value)
{
    struct tail_batch *b = ctx;
    struct tail_row *grown = arena_grow(&b->a, b->rows, b->row_count, &b->row_room, sizeof *grown);
    if (!grown)
        return false;
    b->rows = grown;
    grown[b->row_count++] = (struct tail_row){arena_dup(&b->a, key), arena_dup(&b->a, value)};
    return !b->a.limited;
}

static bool take_piece(struct tail_batch *b, const struct read_piece *piece, const struct tail_source *s,
                       struct maillog *logs)
{
    if (piece->form == READ_MESSAGE || piece->form == READ_UNKNOWN)
        return true; /* no log */
    if (piece->first)
        maillog_file(logs, s->feed, piece->head, piece->reference_us);
    b->bytes += piece->bytes.n;
    return piece->form == READ_JOURNAL ? maillog_journal(logs, piece->bytes, &b->a, &b->list)
                                       : maillog_block(logs, piece->bytes, &b->a, &b->list);
}

static enum status judge(struct tail_batch *b, const struct tail_source *s, struct worker *w, err *e)
{
    enum status st = OK;
    for (size_t i = 0; i < b->list.n && st == OK; i++) {
        struct observation *o = &b->list.items[i];
        if (slice_empty(o->stream))
            o->stream = s->stream;
        st = intake_judge(w->knowledge->rules, o, &b->a, e);
    }
    b->knowledge = knowledge_keep(w->knowledge);
    return st;
}

enum status tail_batch_end(struct tail_batch *b, const struct tail_source *s, struct maillog *logs, struct worker *w,
                           err *e)
{
    enum status st = judge(b, s, w, e);
    return st == OK && !maillog_changes(logs, put_row, b) ? no_memory(e) : st;
}

/* ---- reading ---- */

static enum status read_pieces(struct tail_batch *b, const struct tail_source *s, struct maillog *logs,
                               struct reader *r, err *e)
{
    while (!tail_batch_full(b)) {
        struct read_piece piece;
        int got = reader_next(r, &piece, e);
        if (got == 0)
            return reader_positions(r, put_position, b, e);
        if (got < 0)
            b->trouble = *e;
        else if (!take_piece(b, &piece, s, logs))
            return no_memory(e);
    }
    b->more = true;
    return reader_positions(r, put_position, b, e);
}

static enum status read_files(struct tail_batch *b, const struct tail_source *s, const struct tail_paths *paths,
                              struct maillog *logs, struct worker *w, err *e)
{
    struct reader *r;
    struct read_options ro = {.form = s->form, .known = known, .known_ctx = w->ledger};
    enum status st = reader_open(paths->v, paths->n, &ro, &r, e);
    if (st != OK)
        return st;
    st = read_pieces(b, s, logs, r, e);
    b->replaced = reader_counts(r)->replaced_files > 0;
    reader_close(&r);
    return st == OK ? tail_batch_end(b, s, logs, w, e) : st;
}

void tail_read(struct tail_batch *b, const struct tail_source *s, struct maillog *logs, struct worker *w)
{
    struct tail_paths paths;
    if (!tail_paths_find(s->path, s->rotated, s->since_us, w->a, &paths))
        b->status = no_memory(&b->error);
    else if (paths.n)
        b->status = read_files(b, s, &paths, logs, w, &b->error);
}
