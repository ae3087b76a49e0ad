#include "core/entry.h"
#include "core/list_apply.h"
#include "core/list_json.h"
#include "core/list_text.h"

/* ---- CSV ---- */

struct csv {
    struct list_text *text;
    struct list_apply *apply;
    enum list_column columns[LIST_MAX_FIELDS];
    size_t column_count;
    bool named;
    arena fields;
};

/* The first record is a line of names when a field is one of them and none is an address. */
static bool read_names(struct csv *c, const slice *fields, size_t n)
{
    bool any = false;
    for (size_t i = 0; i < n; i++) {
        c->columns[i] = list_column_find(fields[i]);
        any |= c->columns[i] == COLUMN_ADDRESS || c->columns[i] == COLUMN_MD5 || c->columns[i] == COLUMN_SHA256;
        if (slice_chr(fields[i], '@') != SLICE_NPOS)
            return false;
    }
    c->column_count = n;
    return any;
}

static struct list_record make_record(const struct csv *c, const slice *fields, size_t n)
{
    struct list_record r;
    list_record_init(&r);
    for (size_t i = 0; i < n; i++) {
        enum list_column column = !c->named ? COLUMN_OTHER : i < c->column_count ? c->columns[i] : COLUMN_OTHER;
        if (c->named && column == COLUMN_OTHER)
            continue; /* somebody's birthday is no date of a suppression */
        list_record_take(&r, column, fields[i]);
    }
    return r;
}

static enum status csv_record(struct csv *c, slice record, bool first, err *e)
{
    slice fields[LIST_MAX_FIELDS];
    arena_reset(&c->fields);
    slice whole, key;
    if (!c->named && entry_name(record, &c->fields, &whole, &key)) { /* one address a line, commas and quotes and all */
        struct list_record r;
        list_record_init(&r);
        r.address = whole;
        return list_apply_record(c->apply, &r, c->text->line, record, e);
    }
    size_t n = list_text_fields(c->text, record, &c->fields, fields);
    if (first && read_names(c, fields, n)) {
        c->named = true;
        if (list_columns_subscribers(fields, n))
            return err_set(e, E_INVALID, "this is a list of subscribers, not of suppressions; nothing was imported");
        return OK;
    }
    struct list_record r = make_record(c, fields, n);
    if (slice_empty(r.address) && slice_empty(r.hash) && !c->named)
        r.address = fields[0];
    return list_apply_record(c->apply, &r, c->text->line, record, e);
}

static enum status import_csv(struct list_text *t, struct list_apply *p, err *e)
{
    struct csv *c = ARENA_NEW(p->a, struct csv);
    if (!c)
        return err_set(e, E_MEMORY, "list: out of memory");
    c->text = t;
    c->apply = p;
    arena_init(&c->fields, 0);
    slice record;
    bool cut, first = true;
    int got;
    enum status st = OK;
    while (st == OK && (got = list_text_record(t, &record, &cut, e)) != 0) {
        if (got < 0) {
            st = e ? e->status : E_IO;
        } else if (cut) {
            p->result->lines++;
            list_apply_bad(p, t->line, slice_sub(record, 0, 100), "line too long");
        } else {
            st = csv_record(c, record, first, e);
        }
        first = false;
    }
    arena_fini(&c->fields);
    return st;
}

/* ---- which ---- */

/* JSON begins with a brace or a bracket; nothing else does. */
static enum status looks_like_json(struct list_text *t, bool *json, err *e)
{
    *json = false;
    for (;;) {
        slice s = slice_ltrim(list_text_rest(t));
        if (s.n || t->at_end) {
            *json = s.n && (s.p[0] == '{' || s.p[0] == '[');
            return OK;
        }
        enum status st = list_text_fill(t, e);
        if (st != OK)
            return st;
    }
}

static enum status import_text(struct list_text *t, struct list_apply *p, err *e)
{
    bool json;
    enum status st = looks_like_json(t, &json, e);
    if (st != OK)
        return st;
    if (p->result->format == LIST_AUTO)
        p->result->format = json ? LIST_NDJSON : LIST_CSV;
    return json ? list_json_import(t, p, e) : import_csv(t, p, e);
}

enum status list_import(struct ledger *l, const struct policy *policy, const struct list_import_options *o,
                        list_read_fn read, void *ctx, arena *a, struct list_import_result *out, err *e)
{
    struct list_text text;
    struct list_apply apply = {.ledger = l, .policy = policy, .o = o, .result = out, .a = a};
    err own;
    memset(out, 0, sizeof(*out));
    out->format = o->format;
    if (!list_format_importable(o->format))
        return err_set(e, E_INVALID, "%s: lists of this format can only be written", list_format_word(o->format));
    if (slice_empty(o->actor))
        return err_set(e, E_INVALID, "list: who imports it? name the actor");
    list_text_init(&text, read, ctx);
    enum status st = list_apply_begin(&apply, e ? e : &own);
    if (st == OK)
        st = import_text(&text, &apply, e ? e : &own);
    st = list_apply_end(&apply, st, e ? e : &own);
    list_text_fini(&text);
    return st;
}
