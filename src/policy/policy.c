#include "policy/policy.h"

const char *row_word(enum row_kind row)
{
    static const char *const words[ROWS + 1] = {"second-look", "domain-unknown", "quota", "campaign",
                                                "slow",        "refused",        ""};
    return words[row <= ROWS ? row : ROWS];
}

/* Which rows a failure of a word counts in: its own and the more patient ones. */
static const uint8_t rows_of[ROWS] = {
    [ROW_LOOK] = 1u << ROW_LOOK | 1u << ROW_CAMPAIGN | 1u << ROW_SLOW,
    [ROW_DOMAIN] = 1u << ROW_DOMAIN | 1u << ROW_SLOW,
    [ROW_QUOTA] = 1u << ROW_QUOTA | 1u << ROW_CAMPAIGN | 1u << ROW_SLOW,
    [ROW_CAMPAIGN] = 1u << ROW_CAMPAIGN | 1u << ROW_SLOW,
    [ROW_SLOW] = 1u << ROW_SLOW,
    [ROW_REFUSED] = 1u << ROW_REFUSED,
};

bool row_takes(enum row_kind row, enum row_kind of)
{
    return rows_of[of] >> row & 1;
}

bool row_hard(enum row_kind row)
{
    return row == ROW_LOOK || row == ROW_DOMAIN;
}

/* ---- presets ---- */

struct preset_row {
    const char *word, *rows[ROWS], *text;
};
static const struct preset_row preset_table[PRESETS] = {
#define PRESET(symbol, word, look, domain, quota, campaign, slow, refused, text) \
    {word, {look, domain, quota, campaign, slow, refused}, text},
#include "policy/presets.def"
#undef PRESET
};

const char *preset_word(enum preset preset)
{
    return preset < PRESETS ? preset_table[preset].word : "";
}

const char *preset_text(enum preset preset)
{
    return preset < PRESETS ? preset_table[preset].text : "";
}

enum preset preset_find(slice word)
{
    for (unsigned i = 0; i < PRESETS; i++)
        if (slice_eq_ci(word, slice_str(preset_table[i].word)))
            return (enum preset)i;
    return PRESETS;
}

void preset_tolerances(enum preset preset, struct tolerances *out)
{
    memset(out, 0, sizeof(*out));
    out->preset = (uint8_t)preset;
    for (unsigned i = 0; i < ROWS; i++) {
        const char *text = preset_table[preset].rows[i];
        if (!*text)
            text = preset_table[PRESET_DEFAULT].rows[i];
        MUST(tolerance_parse(slice_str(text), &out->rows[i], NULL) == OK);
    }
}

void policy_preset(struct policy *p, enum preset preset)
{
    *p = (struct policy){
        .sure_certainty = 70,
        .repeat_us = TIME_DAY,
        .open_end_us = 72 * TIME_HOUR,
        .join_us = 14 * TIME_DAY,
        .engaged_us = 90 * TIME_DAY,
        .expiry_us = {[CAUSE_ESCALATED] = 180 * TIME_DAY},
        .probation = 1u << CAUSE_ESCALATED | 1u << CAUSE_HARD,
        .scopes = {[CAUSE_HARD] = SCOPE_GLOBAL,
                   [CAUSE_COMPLAINT] = SCOPE_GLOBAL,
                   [CAUSE_ESCALATED] = SCOPE_STREAM,
                   [CAUSE_UNSUBSCRIBED] = SCOPE_STREAM},
    };
    preset_tolerances(preset, &p->base);
}

void policy_init(struct policy *p)
{
    policy_preset(p, PRESET_DEFAULT);
}

/* ---- choosing ---- */

uint64_t policy_name_hash(slice name)
{
    if (slice_empty(name))
        return 0;
    uint64_t h = hash128(name).lo;
    return h ? h : 1;
}

const struct policy *policy_of_tenant(const struct policy *p, slice tenant)
{
    if (!p->tenant_count || slice_empty(tenant))
        return p;
    uint64_t hash = policy_name_hash(tenant);
    for (size_t i = 0; i < p->tenant_count; i++)
        if (p->tenants[i].tenant == hash)
            return &p->tenants[i].policy;
    return p;
}

const struct tolerances *policy_stream(const struct policy *p, uint64_t stream)
{
    for (size_t i = 0; stream && i < p->stream_count; i++)
        if (p->streams[i].stream == stream)
            return &p->streams[i].tolerances;
    return &p->base;
}

bool tolerances_fill(const struct tolerances *t, enum bounce_reason reason, enum row_kind own, enum row_kind row)
{
    bool alone = t->own >> reason & 1 || (own == ROW_QUOTA && t->rows[ROW_QUOTA].count);
    return row == own || (!alone && row_takes(row, own));
}

const struct tolerance *tolerances_of(const struct tolerances *t, enum bounce_reason reason, enum row_kind row)
{
    return t->own >> reason & 1 ? &t->reasons[reason] : &t->rows[row];
}

/* Calls nothing: whether any tolerance of the set has the property. */
static bool any_of(const struct tolerances *t, bool opens)
{
    for (unsigned i = 0; i < ROWS; i++)
        if (opens ? t->rows[i].engaged_resets : t->rows[i].keeps)
            return true;
    for (unsigned i = 0; t->own >> i && i < BOUNCE_REASONS; i++)
        if (t->own >> i & 1 && (opens ? t->reasons[i].engaged_resets : t->reasons[i].keeps))
            return true;
    return false;
}

static bool any(const struct policy *p, bool opens)
{
    bool found = any_of(&p->base, opens);
    for (size_t i = 0; i < p->stream_count && !found; i++)
        found = any_of(&p->streams[i].tolerances, opens);
    return found;
}

bool policy_keeps(const struct policy *p)
{
    return any(p, false);
}

bool policy_minds_opens(const struct policy *p)
{
    return any(p, true);
}

bool policy_engaged(const struct policy *p, int64_t engaged_us, int64_t t_us)
{
    return engaged_us != TIME_NONE && p->engaged_us && t_us - engaged_us <= p->engaged_us;
}

enum scope policy_scope(const struct policy *p, enum cause cause, uint64_t stream)
{
    enum scope scope = (enum scope)p->scopes[cause];
    return scope == SCOPE_STREAM && !stream ? SCOPE_TENANT : scope; /* without streams all mail is one */
}

/* ---- checking ---- */

static bool counts(enum bounce_reason reason)
{
    enum bounce_counts word = bounce_reason_counts(reason);
    return word != BOUNCE_COUNTS_NEVER && word != BOUNCE_COUNTS_PLATFORM;
}

static enum status check_tolerances(const struct tolerances *t, slice of, err *e)
{
    for (unsigned i = 0; i < ROWS; i++)
        if (tolerance_wrong(&t->rows[i]))
            return err_set(e, E_INVALID, "policy: %.*s%srow %s: %s", SLICE_FMT(of), slice_empty(of) ? "" : ": ",
                           row_word((enum row_kind)i), tolerance_wrong(&t->rows[i]));
    for (unsigned i = 0; i < BOUNCE_REASONS; i++) {
        if (!(t->own >> i & 1))
            continue;
        const char *wrong = tolerance_wrong(&t->reasons[i]);
        if (!counts((enum bounce_reason)i))
            wrong = "it never counts against an address";
        if (wrong)
            return err_set(e, E_INVALID, "policy: %.*s%sreason %s: %s", SLICE_FMT(of), slice_empty(of) ? "" : ": ",
                           bounce_reason_word((enum bounce_reason)i), wrong);
    }
    return OK;
}

static enum status check_spans(const struct policy *p, err *e)
{
    const int64_t spans[] = {p->repeat_us, p->open_end_us, p->join_us, p->engaged_us};
    bool negative = false, long_ = false;
    for (unsigned i = 0; i < ARRAY_LEN(spans); i++) {
        negative |= spans[i] < 0;
        long_ |= spans[i] > POLICY_MAX_SPAN_US;
    }
    for (unsigned i = 0; i < CAUSES; i++) {
        negative |= p->expiry_us[i] < 0;
        long_ |= p->expiry_us[i] > POLICY_MAX_SPAN_US;
    }
    if (long_)
        return err_set(e, E_INVALID, "policy: a span of time is over 100 years");
    return negative ? err_set(e, E_INVALID, "policy: a span of time is negative") : OK;
}

static enum status check_one(const struct policy *p, err *e)
{
    if (p->sure_certainty > 100)
        return err_set(e, E_INVALID, "policy: certainty %u is over 100", p->sure_certainty);
    for (unsigned i = 0; i < CAUSES; i++)
        if (p->scopes[i] > SCOPE_STREAM)
            return err_set(e, E_INVALID, "policy: %s: there is no such scope", cause_word((enum cause)i));
    enum status st = check_spans(p, e);
    if (st == OK)
        st = check_tolerances(&p->base, SLICE_EMPTY, e);
    for (size_t i = 0; i < p->stream_count && st == OK; i++)
        st = check_tolerances(&p->streams[i].tolerances, p->streams[i].name, e);
    return st;
}

enum status policy_check(const struct policy *p, err *e)
{
    enum status st = check_one(p, e);
    for (size_t i = 0; i < p->tenant_count && st == OK; i++)
        st = check_one(&p->tenants[i].policy, e);
    return st;
}

/* ---- fingerprint ---- */

/* The values one after the other in a fixed byte order: the result is stored. */
struct print {
    unsigned char bytes[512];
    size_t n;
    uint64_t hash;
};

static void print_flush(struct print *f)
{
    f->hash = hash128(slice_of((const char *)f->bytes, f->n)).lo;
    for (unsigned i = 0; i < 8; i++)
        f->bytes[i] = (unsigned char)(f->hash >> (8 * i));
    f->n = 8;
}

static void print_u64(struct print *f, uint64_t v)
{
    if (f->n + 8 > sizeof(f->bytes))
        print_flush(f);
    for (unsigned i = 0; i < 8; i++)
        f->bytes[f->n++] = (unsigned char)(v >> (8 * i));
}

static void print_tolerance(struct print *f, const struct tolerance *t)
{
    print_u64(f, t->count | (uint64_t)t->engaged_count << 16 | (uint64_t)t->keeps << 32 |
                     (uint64_t)t->engaged_resets << 33);
    print_u64(f, (uint64_t)t->span_us);
    print_u64(f, (uint64_t)t->gap_us);
    print_u64(f, (uint64_t)t->window_us);
    print_u64(f, (uint64_t)t->stale_us);
}

static void print_tolerances(struct print *f, const struct tolerances *t)
{
    for (unsigned i = 0; i < ROWS; i++)
        print_tolerance(f, &t->rows[i]);
    print_u64(f, t->own);
    for (unsigned i = 0; i < BOUNCE_REASONS; i++)
        if (t->own >> i & 1)
            print_tolerance(f, &t->reasons[i]);
}

static void print_policy(struct print *f, const struct policy *p)
{
    const int64_t spans[] = {p->repeat_us, p->open_end_us, p->join_us, p->engaged_us};
    print_tolerances(f, &p->base);
    for (size_t i = 0; i < p->stream_count; i++) {
        print_u64(f, p->streams[i].stream);
        print_tolerances(f, &p->streams[i].tolerances);
    }
    for (unsigned i = 0; i < ARRAY_LEN(spans); i++)
        print_u64(f, (uint64_t)spans[i]);
    for (unsigned i = 0; i < CAUSES; i++) {
        print_u64(f, (uint64_t)p->expiry_us[i]);
        print_u64(f, p->scopes[i]);
    }
    print_u64(f, p->sure_certainty | (uint64_t)p->probation << 8 | (uint64_t)p->tighten << 40);
}

uint64_t policy_fingerprint(const struct policy *p)
{
    struct print f = {.n = 0};
    print_policy(&f, p);
    for (size_t i = 0; i < p->tenant_count; i++) {
        print_u64(&f, p->tenants[i].tenant);
        print_policy(&f, &p->tenants[i].policy);
    }
    print_flush(&f);
    return f.hash ? f.hash : 1;
}
