#include "policy/tolerance.h"

#include "base/text.h"

struct unit {
    const char *name;
    int64_t us;
};
static const struct unit units[] = {
    {"d", TIME_DAY}, {"h", TIME_HOUR}, {"min", TIME_MINUTE}, {"s", TIME_SECOND}, {"ms", 1000}, {"us", 1}, {NULL, 0},
};

/* ---- reading ---- */

/* "10d", "0"; nothing but one number and one unit. */
static bool take_span(slice word, int64_t *out)
{
    size_t n = 0;
    uint64_t v;
    while (n < word.n && ascii_digit(word.p[n]))
        n++;
    if (n == 0 || n > 18 || !slice_u64(slice_sub(word, 0, n), &v))
        return false;
    *out = 0;
    if (v == 0 && n == word.n)
        return true;
    for (const struct unit *u = units; u->name; u++)
        if (slice_eq_ci(slice_from(word, n), slice_str(u->name)) && v <= (uint64_t)(POLICY_MAX_SPAN_US / u->us)) {
            *out = (int64_t)v * u->us;
            return true;
        }
    return false;
}

static bool take_count(slice word, unsigned *out)
{
    uint64_t v;
    if (!slice_u64(word, &v) || v < 1 || v > POLICY_MAX_COUNT)
        return false;
    *out = (unsigned)v;
    return true;
}

struct words {
    slice rest;
    err *e;
};

/* "7d", "1d 12h": what begins with a digit belongs to it. */
static enum status span_of(struct words *w, const char *word, int64_t *span_us)
{
    slice value = SLICE_EMPTY;
    int64_t more = 0;
    if (*span_us)
        return err_set(w->e, E_INVALID, "\"%s\" stands there twice", word);
    do {
        (void)slice_word(&w->rest, &value);
        if (!take_span(value, &more) || more > POLICY_MAX_SPAN_US - *span_us)
            return err_set(w->e, E_INVALID, "\"%s\" wants a span of time behind it (10d, 36h, 90min), not \"%.*s\"",
                           word, (int)(value.n < 40 ? value.n : 40), value.p);
        *span_us += more;
        w->rest = slice_ltrim(w->rest);
    } while (!slice_empty(w->rest) && ascii_digit(w->rest.p[0]));
    return OK;
}

static enum status engaged_of(struct words *w, struct tolerance *t)
{
    slice value = SLICE_EMPTY;
    (void)slice_word(&w->rest, &value);
    if (t->engaged_count || !take_count(value, &t->engaged_count))
        return err_set(w->e, E_INVALID, "\"engaged\" wants one count from 1 to %u behind it, not \"%.*s\"",
                       POLICY_MAX_COUNT, (int)(value.n < 40 ? value.n : 40), value.p);
    return OK;
}

static enum status resets_of(struct words *w, struct tolerance *t)
{
    slice value = SLICE_EMPTY;
    (void)slice_word(&w->rest, &value);
    t->engaged_resets = slice_eq_ci(value, S("opens"));
    return t->engaged_resets ? OK : err_set(w->e, E_INVALID, "\"resets\" wants \"opens\" behind it");
}

static enum status word_of(struct words *w, slice word, struct tolerance *t)
{
    if (slice_eq_ci(word, S("over")))
        return span_of(w, "over", &t->span_us);
    if (slice_eq_ci(word, S("gap")))
        return span_of(w, "gap", &t->gap_us);
    if (slice_eq_ci(word, S("within")))
        return span_of(w, "within", &t->window_us);
    if (slice_eq_ci(word, S("stale")))
        return span_of(w, "stale", &t->stale_us);
    if (slice_eq_ci(word, S("engaged")))
        return engaged_of(w, t);
    if (slice_eq_ci(word, S("resets")))
        return resets_of(w, t);
    if (slice_eq_ci(word, S("keep"))) {
        t->keeps = true;
        return OK;
    }
    return err_set(w->e, E_INVALID,
                   "\"%.*s\" is none of its words: over, gap, within, stale SPAN; engaged COUNT; resets opens; keep",
                   (int)(word.n < 40 ? word.n : 40), word.p);
}

enum status tolerance_parse(slice text, struct tolerance *out, err *e)
{
    struct words w = {slice_trim(text), e};
    slice word;
    *out = (struct tolerance){0};
    if (slice_eq_ci(w.rest, S("never")))
        return OK;
    if (!slice_word(&w.rest, &word) || !take_count(word, &out->count))
        return err_set(e, E_INVALID,
                       "expected \"COUNT over SPAN\" with a count from 1 to %u (\"3 over 10d\"), or \"never\"",
                       POLICY_MAX_COUNT);
    while (slice_word(&w.rest, &word)) {
        enum status st = word_of(&w, word, out);
        if (st != OK)
            return st;
    }
    const char *wrong = tolerance_wrong(out);
    return wrong ? err_set(e, E_INVALID, "%s", wrong) : OK;
}

/* ---- checking ---- */

static bool span_ok(int64_t us)
{
    return us >= 0 && us <= POLICY_MAX_SPAN_US;
}

const char *tolerance_wrong(const struct tolerance *t)
{
    if (t->count > POLICY_MAX_COUNT || t->engaged_count > POLICY_MAX_COUNT)
        return "the count is higher than may be asked for";
    if (!span_ok(t->span_us) || !span_ok(t->gap_us) || !span_ok(t->window_us) || !span_ok(t->stale_us))
        return "a span of time is negative or over 100 years";
    if (t->engaged_count && t->engaged_count < t->count)
        return "engaged addresses would be suppressed sooner than others";
    if (t->window_us && t->span_us > t->window_us)
        return "the span of \"over\" is longer than that of \"within\": this could never suppress";
    if (t->window_us && t->count > 1 && t->gap_us > t->window_us / (int64_t)(t->count - 1))
        return "so many with that \"gap\" do not fit \"within\" that span: this could never suppress";
    if (t->stale_us && t->gap_us > t->stale_us)
        return "the \"gap\" is longer than \"stale\": this could never suppress";
    if (t->keeps && t->engaged_resets)
        return "\"keep\" and \"resets opens\" exclude each other";
    return NULL;
}

bool tolerance_same(const struct tolerance *a, const struct tolerance *b)
{
    return a->count == b->count && a->span_us == b->span_us && a->engaged_count == b->engaged_count &&
           a->gap_us == b->gap_us && a->window_us == b->window_us && a->stale_us == b->stale_us &&
           a->keeps == b->keeps && a->engaged_resets == b->engaged_resets;
}

unsigned tolerance_needed(const struct tolerance *t, bool engaged, bool doubles, bool tight)
{
    unsigned n = t->count;
    if (engaged && t->count && t->engaged_count)
        n = t->engaged_count;
    else if (engaged && doubles)
        n = 2 * n < POLICY_MAX_COUNT ? 2 * n : POLICY_MAX_COUNT;
    return tight ? (n + 1) / 2 : n;
}

/* ---- writing ---- */

static void print_span(const char *word, int64_t us, buf *out)
{
    const struct unit *u = units;
    if (!us)
        return;
    while (us % u->us)
        u++;
    buf_printf(out, " %s %lld%s", word, (long long)(us / u->us), u->name);
}

void tolerance_print(const struct tolerance *t, buf *out)
{
    if (!t->count) {
        buf_adds(out, "never");
        return;
    }
    buf_printf(out, "%u", t->count);
    if (t->engaged_count)
        buf_printf(out, " engaged %u", t->engaged_count);
    print_span("over", t->span_us, out);
    print_span("gap", t->gap_us, out);
    print_span("within", t->window_us, out);
    print_span("stale", t->stale_us, out);
    if (t->engaged_resets)
        buf_adds(out, " resets opens");
    if (t->keeps)
        buf_adds(out, " keep");
}

static void say_span(const char *before, int64_t us, const char *behind, buf *out)
{
    if (!us)
        return;
    buf_adds(out, before);
    time_add_span(out, us);
    buf_adds(out, behind);
}

void tolerance_say(const struct tolerance *t, const char *things, bool doubles, int64_t engaged_us, buf *out)
{
    unsigned engaged = tolerance_needed(t, true, doubles, false);
    if (!t->count) {
        buf_adds(out, "never");
        return;
    }
    buf_printf(out, "%u %s%s%s", t->count, things, t->count == 1 ? "" : "s",
               t->count == 1 ? "" : (t->keeps ? " in all" : " in a row"));
    say_span(", the last at least ", t->span_us, " behind the first", out);
    say_span(", at least ", t->gap_us, " apart", out);
    say_span(", all within ", t->window_us, "", out);
    if (engaged != t->count) {
        buf_printf(out, "; %u for an address that opened or clicked", engaged);
        say_span(" within ", engaged_us, "", out);
    }
    say_span("; ", t->stale_us, " without a failure begin the row anew", out);
    buf_adds(out, t->keeps            ? "; nothing begins it anew"
                  : t->engaged_resets ? "; a delivery, an open or a click begins the row anew"
                                      : "; a delivery begins the row anew");
}
