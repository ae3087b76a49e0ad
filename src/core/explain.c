#include "core/explain.h"

/* ---- sentences ---- */

struct telling {
    const struct policy *p;
    const struct tolerances *t;
    bool stream; /* of a stream that has a name */
    arena *a;
    buf text;
    slice *lines;
    size_t n;
    bool failed;
};

/* The sentence in `text` becomes a line; its first letter a capital one. */
static void end_line(struct telling *x)
{
    if (x->n == EXPLAIN_MAX_LINES || x->text.failed) {
        x->failed = true;
        return;
    }
    slice line = arena_dup(x->a, buf_slice(&x->text));
    x->failed |= line.n != x->text.n;
    x->lines[x->n++] = line;
    buf_clear(&x->text);
}

static void add_span(struct telling *x, const char *before, int64_t us)
{
    buf_adds(&x->text, before);
    time_add_span(&x->text, us);
}

static const char *where(enum scope scope)
{
    static const char *const words[] = {"everywhere", "for this tenant", "in its stream"};
    return words[scope];
}

struct row_words {
    const char *what, *thing, *never;
};
static const struct row_words row_words[ROWS] = {
    [ROW_LOOK] = {"A hard bounce of which we are not sure (still sent to meanwhile)", "message", ""},
    [ROW_DOMAIN] = {"A domain that does not exist", "message", ""},
    [ROW_QUOTA] = {"A full mailbox", "failed campaign", " by itself: it counts with all other failures below"},
    [ROW_CAMPAIGN] = {"A mailbox that is unavailable, or full, or not surely there", "failed campaign",
                      " by themselves: they count with all other failures below"},
    [ROW_SLOW] = {"Any failure of the address, its domain or the network", "failed campaign", ""},
    [ROW_REFUSED] = {"A recipient who refuses this sender, in each stream by itself", "failed campaign", ""},
};

static void tell_row(struct telling *x, enum row_kind row)
{
    const struct tolerance *t = &x->t->rows[row];
    buf_printf(&x->text, "%s: ", row_words[row].what);
    tolerance_say(t, row_words[row].thing, !row_hard(row), x->p->engaged_us, &x->text);
    if (!t->count)
        buf_adds(&x->text, row_words[row].never);
    buf_addc(&x->text, '.');
    end_line(x);
}

static void tell_reasons(struct telling *x)
{
    for (unsigned i = 0; i < BOUNCE_REASONS; i++) {
        if (!(x->t->own >> i & 1))
            continue;
        buf_printf(&x->text, "Of the reason %s, whatever is said above: ", bounce_reason_word((enum bounce_reason)i));
        tolerance_say(&x->t->reasons[i], "failed campaign", true, x->p->engaged_us, &x->text);
        buf_addc(&x->text, '.');
        end_line(x);
    }
}

static void tell_end(struct telling *x, enum cause cause, const char *what)
{
    enum scope scope = (enum scope)x->p->scopes[cause];
    if (scope == SCOPE_STREAM && !x->stream)
        scope = SCOPE_TENANT; /* without streams all mail is one */
    buf_printf(&x->text, "%s suppresses %s, and ", what, where(scope));
    if (!x->p->expiry_us[cause])
        buf_adds(&x->text, "does not end by itself.");
    else
        add_span(x, "ends after ", x->p->expiry_us[cause]);
    if (x->p->expiry_us[cause])
        buf_adds(&x->text, x->p->probation >> cause & 1
                               ? " into probation: one more failure that counts suppresses again."
                               : ".");
    end_line(x);
}

static void tell_auto(struct telling *x)
{
    const struct cadence *c = &x->t->cadence;
    if (x->t->preset != PRESET_AUTO)
        return;
    if (!c->sendings) {
        buf_adds(&x->text, "Auto: nothing was measured yet; until then the defaults hold (`bounced policy measure`).");
    } else {
        buf_printf(&x->text, "Auto: %s was chosen on ", preset_word((enum preset)c->choice));
        time_add_iso(&x->text, c->since_us);
        buf_printf(&x->text, ", since there were %u sendings within 90 days, ", c->sendings);
        add_span(x, "half of them less than ", c->median_us);
        buf_printf(&x->text, " apart: %s.", preset_text((enum preset)c->choice));
    }
    end_line(x);
}

static void tell_rest(struct telling *x)
{
    enum scope complaint = policy_scope(x->p, CAUSE_COMPLAINT, x->stream);
    enum scope opt_out = policy_scope(x->p, CAUSE_UNSUBSCRIBED, x->stream);
    buf_printf(&x->text, "A complaint suppresses %s at once, an opt-out %s.", where(complaint), where(opt_out));
    end_line(x);
    buf_adds(&x->text, "A block is not the address's fault and never counts.");
    end_line(x);
    add_span(x, "A campaign counts once; mail without a campaign counts once in ", x->p->repeat_us);
    buf_addc(&x->text, '.');
    end_line(x);
    if (x->p->tighten) {
        buf_adds(&x->text, "While a provider's health for us is Low or Bad, half of these counts suffice there.");
        end_line(x);
    }
}

static void tell(struct telling *x)
{
    tell_auto(x);
    buf_printf(&x->text, "A hard bounce of which we are sure (certainty %u or more): at the first message.",
               x->p->sure_certainty);
    end_line(x);
    for (unsigned i = 0; i < ROWS; i++)
        tell_row(x, (enum row_kind)i);
    tell_reasons(x);
    tell_end(x, CAUSE_HARD, "A hard bounce");
    tell_end(x, CAUSE_ESCALATED, "A row of failures");
    tell_rest(x);
}

/* ---- which streams ---- */

static void explain(const struct policy *p, const struct tolerances *t, arena *a, struct explained *out)
{
    struct telling x = {.p = p, .t = t, .stream = !slice_empty(out->stream), .a = a};
    x.lines = arena_calloc(a, EXPLAIN_MAX_LINES, sizeof(*x.lines));
    buf_init(&x.text, 0);
    x.failed = !x.lines;
    if (x.lines)
        tell(&x);
    buf_fini(&x.text);
    out->tolerances = t;
    out->lines = x.lines;
    out->n = x.failed ? 0 : x.n;
}

static const struct policy_stream *own_stream(const struct policy *p, slice stream)
{
    uint64_t hash = policy_name_hash(stream);
    for (size_t i = 0; hash && i < p->stream_count; i++)
        if (p->streams[i].stream == hash)
            return &p->streams[i];
    return NULL;
}

void explain_stream(const struct policy *p, slice tenant, slice stream, arena *a, struct explained *out)
{
    const struct policy *mine = policy_of_tenant(p, tenant);
    *out = (struct explained){
        .tenant = tenant, .stream = stream, .own_tenant = mine != p, .own_stream = own_stream(mine, stream) != NULL};
    explain(mine, policy_stream(mine, policy_name_hash(stream)), a, out);
}

struct list {
    struct explained *v;
    size_t n;
    bool failed;
};

static void add_one(struct list *l, const struct policy *p, slice tenant, slice stream, arena *a)
{
    struct explained *x = &l->v[l->n++];
    explain_stream(p, tenant, stream, a, x);
    l->failed |= !x->n;
}

static void add_tenant(struct list *l, const struct policy *p, slice tenant, arena *a)
{
    const struct policy *mine = policy_of_tenant(p, tenant);
    add_one(l, p, tenant, SLICE_EMPTY, a);
    for (size_t i = 0; i < mine->stream_count; i++)
        add_one(l, p, tenant, mine->streams[i].name, a);
}

const struct explained *explain_all(const struct policy *p, slice tenant, arena *a, size_t *n)
{
    size_t room = 1 + policy_of_tenant(p, tenant)->stream_count;
    for (size_t i = 0; i < p->tenant_count && slice_empty(tenant); i++)
        room += 1 + p->tenants[i].policy.stream_count;
    struct list l = {.v = arena_calloc(a, room, sizeof(*l.v))};
    *n = 0;
    if (!l.v)
        return NULL;
    add_tenant(&l, p, tenant, a);
    for (size_t i = 0; i < p->tenant_count && slice_empty(tenant); i++)
        add_tenant(&l, p, p->tenants[i].name, a);
    *n = l.failed ? 0 : l.n;
    return l.failed ? NULL : l.v;
}

/* ---- as JSON ---- */

static void show_tolerance(struct jsonw *j, const char *name, const struct tolerance *t)
{
    buf text;
    buf_init(&text, 0);
    tolerance_print(t, &text);
    jsonw_kstr(j, name, buf_slice(&text));
    buf_fini(&text);
}

static void show_auto(struct jsonw *j, const struct cadence *c)
{
    jsonw_key(j, "auto");
    jsonw_object(j);
    jsonw_kstr(j, "choice", slice_str(preset_word((enum preset)c->choice)));
    jsonw_ki64(j, "sendings", c->sendings);
    if (c->sendings) {
        jsonw_ki64(j, "median_s", c->median_us / TIME_SECOND);
        jsonw_ktime_opt(j, "since", c->since_us);
    }
    jsonw_end_object(j);
}

void explain_show_tolerances(struct jsonw *j, const struct explained *x)
{
    jsonw_kstr(j, "preset", slice_str(preset_word((enum preset)x->tolerances->preset)));
    jsonw_key(j, "tolerances");
    jsonw_object(j);
    for (unsigned i = 0; i < ROWS; i++)
        show_tolerance(j, row_word((enum row_kind)i), &x->tolerances->rows[i]);
    jsonw_end_object(j);
    jsonw_key(j, "reasons");
    jsonw_object(j);
    for (unsigned i = 0; i < BOUNCE_REASONS; i++)
        if (x->tolerances->own >> i & 1)
            show_tolerance(j, bounce_reason_word((enum bounce_reason)i), &x->tolerances->reasons[i]);
    jsonw_end_object(j);
}

void explain_show(struct jsonw *j, const struct explained *x)
{
    jsonw_kstr(j, "tenant", x->tenant);
    jsonw_kstr(j, "stream", x->stream);
    explain_show_tolerances(j, x);
    if (x->tolerances->preset == PRESET_AUTO)
        show_auto(j, &x->tolerances->cadence);
    jsonw_key(j, "sentences");
    jsonw_array(j);
    for (size_t i = 0; i < x->n; i++)
        jsonw_str(j, x->lines[i]);
    jsonw_end_array(j);
}
