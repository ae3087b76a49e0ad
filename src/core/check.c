#include "core/check.h"

#include "bounce/address.h"
#include "core/entry.h"

#define CHECK_AT_ONCE 512u
#define TABLE_AT_ONCE 64u

const char *check_word(enum check_word w)
{
    static const char *const words[] = {"send", "suppressed", "invalid"};
    return w < ARRAY_LEN(words) ? words[w] : "";
}

/* Fills input, address and key; CHECK_SEND or CHECK_INVALID. */
static void name_one(slice input, arena *a, struct check_answer *out)
{
    *out = (struct check_answer){.input = input,
                                 .address = SLICE_EMPTY,
                                 .key = SLICE_EMPTY,
                                 .row = SLICE_EMPTY,
                                 .since_us = TIME_NONE,
                                 .until_us = TIME_NONE};
    out->address = address_normal(a, slice_trim(input), &out->key);
    out->word = slice_empty(out->address) ? CHECK_INVALID : CHECK_SEND;
}

/* The strictest suppression that applies to mail of this stream. */
static bool applies(const struct suppression *s, uint64_t stream)
{
    return s->scope != SCOPE_STREAM || s->stream == stream;
}

static void take_suppression(const struct suppression *s, bool domain, struct check_answer *out)
{
    out->word = CHECK_SUPPRESSED;
    out->cause = s->cause;
    out->scope = s->scope;
    out->domain = domain;
    out->reason = s->reason;
    out->since_us = s->since_us;
    out->until_us = s->until_us;
}

static void take_status(const struct address_status *s, uint64_t stream, bool domain, struct check_answer *out)
{
    for (size_t i = 0; i < s->suppression_count; i++)
        if (applies(&s->suppressions[i], stream)) {
            take_suppression(&s->suppressions[i], domain, out);
            break;
        }
    if (domain)
        return;
    out->known = true;
    out->state = s->state;
    out->hold = s->hold;
    if (s->row != ROWS) {
        out->row_count = s->row_count;
        out->row_needed = s->row_needed;
        out->row = slice_str(row_word(s->row));
        if (out->word == CHECK_SEND)
            out->reason = s->reason;
    }
}

struct check {
    struct ledger *ledger;
    const struct policy *policy;
    slice tenant;
    uint64_t stream;
    int64_t now_us;
    arena *a;
    struct check_answer *answers[CHECK_AT_ONCE]; /* the valid ones of a chunk */
    slice keys[CHECK_AT_ONCE];
    struct ledger_address rows[CHECK_AT_ONCE];
    size_t n;
};

static enum status look(struct check *c, bool domains, err *e)
{
    for (size_t i = 0; i < c->n; i++)
        c->keys[i] = domains ? address_domain(c->answers[i]->key) : c->answers[i]->key;
    enum status st = ledger_addresses(c->ledger, c->tenant, c->keys, c->n, c->a, c->rows, e);
    for (size_t i = 0; i < c->n && st == OK; i++) {
        struct entry n;
        if (!c->rows[i].id || c->answers[i]->word == CHECK_SUPPRESSED)
            continue;
        st = entry_open(&n, c->ledger, c->policy, &c->rows[i], c->a, e);
        if (st == OK)
            st = entry_settle(&n, c->now_us, e);
        if (st == OK)
            take_status(&n.status, c->stream, domains, c->answers[i]);
    }
    return st;
}

enum status check_ledger(struct ledger *l, const struct policy *policy, slice tenant, slice stream, const slice *in,
                         size_t n, int64_t now_us, arena *a, struct check_answer *out, err *e)
{
    struct check *c = ARENA_NEW(a, struct check);
    if (!c)
        return err_set(e, E_MEMORY, "check: out of memory");
    *c = (struct check){
        .ledger = l, .policy = policy, .tenant = tenant, .stream = entry_name_hash(stream), .now_us = now_us, .a = a};
    enum status st = OK;
    for (size_t i = 0; i < n && st == OK;) {
        c->n = 0;
        for (; i < n && c->n < CHECK_AT_ONCE; i++) {
            name_one(in[i], a, &out[i]);
            if (out[i].word == CHECK_SEND)
                c->answers[c->n++] = &out[i];
        }
        st = look(c, false, e);
        if (st == OK)
            st = look(c, true, e);
    }
    return st;
}

static void take_hit(const struct table_hit *hit, struct check_answer *out)
{
    if (!hit->suppressed)
        return;
    out->word = CHECK_SUPPRESSED;
    out->cause = hit->cause;
    out->scope = hit->scope;
    out->domain = hit->domain;
    out->until_us = hit->until_us;
}

enum status check_table(const struct table *t, slice tenant, slice stream, const slice *in, size_t n, int64_t now_us,
                        arena *a, struct check_answer *out)
{
    struct check_answer *asked[TABLE_AT_ONCE];
    struct table_hit hits[TABLE_AT_ONCE];
    slice keys[TABLE_AT_ONCE];
    for (size_t i = 0; i < n;) {
        size_t valid = 0;
        for (; i < n && valid < TABLE_AT_ONCE; i++) {
            name_one(in[i], a, &out[i]);
            if (out[i].word == CHECK_INVALID)
                continue;
            asked[valid] = &out[i];
            keys[valid++] = out[i].key;
        }
        table_check_many(t, tenant, stream, keys, valid, now_us, hits);
        for (size_t k = 0; k < valid; k++)
            take_hit(&hits[k], asked[k]);
    }
    return a->limited ? E_MEMORY : OK;
}
