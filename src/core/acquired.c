#include "core/list_text.h"

#include "base/map.h"
#include "base/text.h"
#include "core/entry.h"
#include "ledger/watching.h"

#define ACQUIRED_BATCH 5000u

/* Names of the columns of acquisition facts. */
enum fact { FACT_ADDRESS, FACT_SOURCE, FACT_FORM, FACT_BATCH, FACT_SIGNED_UP, FACTS };
static const struct {
    const char *name;
    enum fact fact;
} NAMES[] = {{"email", FACT_ADDRESS},
             {"e-mail", FACT_ADDRESS},
             {"address", FACT_ADDRESS},
             {"email_address", FACT_ADDRESS},
             {"recipient", FACT_ADDRESS},
             {"source", FACT_SOURCE},
             {"acquisition", FACT_SOURCE},
             {"partner", FACT_SOURCE},
             {"form", FACT_FORM},
             {"signup_form", FACT_FORM},
             {"batch", FACT_BATCH},
             {"import", FACT_BATCH},
             {"signed_up", FACT_SIGNED_UP},
             {"signed_up_at", FACT_SIGNED_UP},
             {"signup_date", FACT_SIGNED_UP},
             {"created", FACT_SIGNED_UP},
             {"created_at", FACT_SIGNED_UP},
             {"date", FACT_SIGNED_UP}};

struct acquired {
    struct ledger *ledger;
    struct list_text text;
    size_t columns[FACTS]; /* index + 1; 0: not there */
    slice tenant, batch;
    bool dry_run;
    size_t in_batch;
    arena scratch, *a;
    map watched; /* sources and imports of this list */
    struct acquired_result *result;
};

static void bad(struct acquired *q, slice record, const char *what)
{
    struct acquired_result *r = q->result;
    r->invalid++;
    if (r->bad_count < LIST_MAX_SHOWN)
        r->bad[r->bad_count++] =
            (struct list_bad_line){q->text.line, arena_dup(q->a, text_safe_dup(q->a, record, 200)), what};
}

static enum status read_names(struct acquired *q, const slice *fields, size_t n, err *e)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < ARRAY_LEN(NAMES); k++)
            if (slice_eq_ci(fields[i], slice_str(NAMES[k].name)) && !q->columns[NAMES[k].fact])
                q->columns[NAMES[k].fact] = i + 1;
    if (q->columns[FACT_ADDRESS])
        return OK;
    return err_set(e, E_INVALID,
                   "the first line must name the columns: email, and of source, form, batch, signed_up what there is");
}

static slice field(const struct acquired *q, const slice *fields, size_t n, enum fact fact)
{
    size_t at = q->columns[fact];
    return at && at <= n ? fields[at - 1] : SLICE_EMPTY;
}

/* A source or an import that is new is watched from now on (core/ground.h). */
static enum status watch(struct acquired *q, const char *kind, slice name, err *e)
{
    struct ledger_ground g = {
        .tenant = q->tenant, .kind = slice_str(kind), .name = name, .first_us = TIME_NONE, .delivered_us = TIME_NONE};
    slice key = arena_printf(&q->scratch, "%s %.*s", kind, SLICE_FMT(name));
    if (slice_empty(name) || map_get(&q->watched, key))
        return OK;
    void **place = map_put(&q->watched, arena_dup(q->a, key));
    if (!place || q->a->limited)
        return err_set(e, E_MEMORY, "acquired: out of memory");
    *place = q;
    return ledger_add_ground(q->ledger, &g, e);
}

static enum status store(struct acquired *q, slice record, const slice *fields, size_t n, err *e)
{
    struct ledger_acquired x = {.tenant = q->tenant};
    if (!entry_name(field(q, fields, n, FACT_ADDRESS), &q->scratch, &x.address, &x.key)) {
        bad(q, record, "no address");
        return OK;
    }
    slice when = field(q, fields, n, FACT_SIGNED_UP), batch = field(q, fields, n, FACT_BATCH);
    x.source = field(q, fields, n, FACT_SOURCE);
    x.form = field(q, fields, n, FACT_FORM);
    x.batch = slice_empty(batch) ? q->batch : batch;
    x.signed_up_us = slice_empty(when) ? TIME_NONE : time_parse_any(when);
    if (!slice_empty(when) && x.signed_up_us == TIME_NONE) {
        bad(q, record, "no date");
        return OK;
    }
    q->result->stored++;
    enum status st = ledger_put_acquired(q->ledger, &x, e);
    if (st == OK)
        st = watch(q, "source", x.source, e);
    if (st == OK)
        st = watch(q, "import", x.batch, e);
    if (st == OK && !q->dry_run && ++q->in_batch == ACQUIRED_BATCH) {
        q->in_batch = 0;
        st = ledger_commit(q->ledger, e);
        if (st == OK)
            st = ledger_begin(q->ledger, e);
    }
    return st;
}

static enum status read_all(struct acquired *q, err *e)
{
    slice record, fields[LIST_MAX_FIELDS];
    bool cut, first = true;
    int got;
    enum status st = OK;
    while (st == OK && (got = list_text_record(&q->text, &record, &cut, e)) != 0) {
        if (got < 0)
            return e->status;
        arena_reset(&q->scratch);
        size_t n = list_text_fields(&q->text, record, &q->scratch, fields);
        if (first) {
            st = read_names(q, fields, n, e);
        } else {
            q->result->lines++;
            if (cut)
                bad(q, slice_sub(record, 0, 200), "line too long");
            else
                st = store(q, record, fields, n, e);
        }
        first = false;
    }
    return st;
}

enum status acquired_import(struct ledger *l, slice tenant, slice batch, bool dry_run, list_read_fn read, void *ctx,
                            arena *a, struct acquired_result *out, err *e)
{
    struct acquired q = {.ledger = l, .tenant = tenant, .batch = batch, .dry_run = dry_run, .a = a, .result = out};
    err own = {.status = OK};
    err *told = e ? e : &own;
    memset(out, 0, sizeof(*out));
    enum status st = ledger_begin(l, told);
    if (st != OK)
        return st;
    arena_init(&q.scratch, 0);
    map_init(&q.watched, ledger_key(l));
    list_text_init(&q.text, read, ctx);
    st = read_all(&q, told);
    if (st == OK && !dry_run)
        st = ledger_commit(l, told);
    if (st != OK || dry_run)
        ledger_abort(l);
    list_text_fini(&q.text);
    arena_fini(&q.scratch);
    map_fini(&q.watched);
    return st;
}
