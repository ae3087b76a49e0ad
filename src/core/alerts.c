#include "core/alerts.h"

#include "base/text.h"
#include "core/ground.h"
#include "core/outbox.h"

/* Alerts that are not closed, read once for a settling. */
struct settling {
    struct ledger *ledger;
    const struct findings *f;
    const struct alert_channel *channels;
    size_t channel_count;
    int64_t now_us;
    struct alert_counts *counts;
    arena *a;
    struct ledger_alert *live;
    size_t n, room;
    bool *met; /* by index of live: something was found about it */
    bool limited;
    unsigned letters; /* to other systems */
    err *e;
};

bool alert_is_open(const struct ledger_alert *a)
{
    return a->state == ALERT_OPEN || a->state == ALERT_FALLING;
}

static bool copy_alert(arena *a, const struct ledger_alert *from, struct ledger_alert *to)
{
    *to = *from;
    slice *const texts[] = {&to->tenant, &to->rule,   &to->what, &to->name,    &to->cause,
                            &to->why,    &to->advice, &to->look, &to->acked_by};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        *texts[i] = arena_dup(a, *texts[i]);
    return !a->limited;
}

static bool keep(void *ctx, const struct ledger_alert *a)
{
    struct settling *s = ctx;
    struct ledger_alert *grown = arena_grow(s->a, s->live, s->n, &s->room, sizeof *grown);
    s->limited = !grown;
    if (!grown)
        return false;
    s->live = grown;
    s->limited = !copy_alert(s->a, a, &grown[s->n++]);
    return !s->limited;
}

/* ---- telling ---- */

void alert_show(struct jsonw *j, const struct ledger_alert *a)
{
    jsonw_ki64(j, "alert", a->id);
    jsonw_kstr_opt(j, "tenant", a->tenant);
    jsonw_kstr(j, "rule", a->rule);
    jsonw_kstr(j, "about", a->what);
    jsonw_kstr(j, "name", a->name);
    jsonw_kstr(j, "state", slice_str(alert_is_open(a) ? "open" : a->state == ALERT_RISING ? "rising" : "closed"));
    jsonw_ktime_opt(j, "opened", a->opened_us);
    jsonw_ktime_opt(j, "closed", a->closed_us);
    jsonw_ki64(j, "part", a->part);
    jsonw_ki64(j, "whole", a->whole);
    jsonw_ki64(j, "share_ppm", rates_ppm(a->part, a->whole));
    jsonw_ki64(j, "limit_ppm", a->limit_ppm);
    jsonw_ki64_opt(j, "usual_ppm", a->usual_ppm);
    jsonw_kstr_opt(j, "cause", a->cause);
    jsonw_kstr_opt(j, "why", a->why);
    jsonw_kstr_opt(j, "advice", a->advice);
    jsonw_kstr_opt(j, "look", a->look);
    jsonw_ktime_opt(j, "acknowledged", a->acked_us);
    jsonw_kstr_opt(j, "acknowledged_by", a->acked_by);
    jsonw_ktime_opt(j, "silent_until", a->silent_until_us);
    buf line;
    buf_init(&line, 0);
    alert_line(&line, a);
    jsonw_kstr(j, "text", buf_slice(&line));
    buf_fini(&line);
}

static void add_percent(buf *out, int64_t ppm)
{
    buf_printf(out, "%lld.%02lld %%", (long long)(ppm / 10000), (long long)(ppm % 10000 / 100));
}

/* Of some rules there are no shares to tell. */
static bool has_share(enum alert_rule r)
{
    return r <= RULE_SPIKE || r == RULE_REASON || r == RULE_CODE || r == RULE_UNKNOWN || r == RULE_GROUND;
}

void alert_line(buf *out, const struct ledger_alert *a)
{
    enum alert_rule r = alert_rule_find(a->rule);
    text_add_safe(out, a->rule, 40);
    buf_addc(out, ' ');
    text_add_safe(out, a->what, 20);
    buf_addc(out, ' ');
    text_add_safe(out, slice_empty(a->name) ? S("(none)") : a->name, 120);
    if (r < ALERT_RULES && has_share(r)) {
        buf_adds(out, ": ");
        add_percent(out, rates_ppm(a->part, a->whole));
        buf_printf(out, " (%lld of %lld)", (long long)a->part, (long long)a->whole);
    }
    if (r < ALERT_RULES && has_share(r) && r != RULE_GROUND) { /* which has several, told in its reason */
        buf_adds(out, ", limit ");
        add_percent(out, a->limit_ppm);
    }
}

static bool is_silent(const struct settling *s, const struct ledger_alert *a)
{
    return a->silent_until_us != TIME_NONE && a->silent_until_us > s->now_us;
}

/* A bad hour at a large receiver is not a thousand letters. */
static enum status post_letter(struct settling *s, const struct ledger_alert *a, slice text)
{
    if (s->letters++ >= ALERT_MAX_LETTERS)
        return OK;
    struct outbox_message m = {.tenant = a->tenant, .data = text, .now_us = s->now_us};
    return outbox_message(s->ledger, OUTBOX_ALERT, &m, s->e);
}

static enum status post_rest(struct settling *s)
{
    buf text;
    if (s->letters <= ALERT_MAX_LETTERS)
        return OK;
    buf_init(&text, 0);
    buf_printf(&text, "{\"more\":%u,\"text\":\"and %u more alerts; bounced alerts shows them\"}",
               s->letters - ALERT_MAX_LETTERS, s->letters - ALERT_MAX_LETTERS);
    struct outbox_message m = {.data = buf_slice(&text), .now_us = s->now_us};
    enum status st = text.failed ? err_set(s->e, E_MEMORY, "alerts: out of memory")
                                 : outbox_message(s->ledger, OUTBOX_ALERT, &m, s->e);
    buf_fini(&text);
    return st;
}

static enum status tell(struct settling *s, const struct ledger_alert *a, enum alert_turn turn)
{
    enum alert_rule rule = alert_rule_find(a->rule);
    struct jsonw j;
    buf text;
    enum status st = OK;
    if (is_silent(s, a))
        return OK;
    buf_init(&text, 0);
    jsonw_init(&j, &text);
    jsonw_object(&j);
    alert_show(&j, a);
    jsonw_end_object(&j);
    if (text.failed)
        st = err_set(s->e, E_MEMORY, "alerts: out of memory");
    for (size_t i = 0; i < s->channel_count && st == OK; i++) {
        struct ledger_notice n = {.channel = s->channels[i].name,
                                  .alert = a->id,
                                  .turn = turn,
                                  .text = buf_slice(&text),
                                  .made_us = s->now_us,
                                  .due_us = s->now_us};
        if (turn == ALERT_CLOSES && s->channels[i].not_closed)
            continue;
        if (rule < ALERT_RULES && s->channels[i].rules >> rule & 1)
            st = ledger_put_notice(s->ledger, &n, s->e);
    }
    if (st == OK)
        st = post_letter(s, a, buf_slice(&text));
    buf_fini(&text);
    return st;
}

/* ---- settling ---- */

struct silence_search {
    const struct ledger_alert *like;
    int64_t until_us;
};

static bool same_key(const struct ledger_alert *a, const struct ledger_alert *b)
{
    return slice_eq(a->rule, b->rule) && slice_eq(a->what, b->what) && slice_eq(a->name, b->name) &&
           slice_eq(a->tenant, b->tenant);
}

static bool find_silence(void *ctx, const struct ledger_alert *a)
{
    struct silence_search *q = ctx;
    if (!same_key(a, q->like))
        return true;
    q->until_us = a->silent_until_us;
    return false;
}

static void take_numbers(struct ledger_alert *a, const struct finding *f, int64_t now_us)
{
    a->part = f->figure.part;
    a->whole = f->figure.whole;
    a->limit_ppm = f->limits.open_ppm;
    a->usual_ppm = f->usual_ppm;
    a->cause = f->cause;
    a->why = f->why;
    a->advice = f->advice;
    a->look = f->look;
    a->seen_us = now_us;
}

static enum status write_alert(struct settling *s, struct ledger_alert *a, enum alert_turn turn)
{
    enum status st = ledger_put_alert(s->ledger, a, s->e);
    s->counts->opened += turn == ALERT_OPENS;
    s->counts->closed += turn == ALERT_CLOSES;
    s->counts->open += alert_is_open(a);
    return st == OK && turn != ALERT_STAYS ? tell(s, a, turn) : st;
}

static enum status step(struct settling *s, struct ledger_alert *a, const struct finding *f)
{
    struct alert_machine m = {(enum alert_state)a->state, a->since_us};
    enum alert_turn turn = alert_step(&m, &f->limits, &f->figure, s->now_us);
    if (m.state == ALERT_QUIET && turn == ALERT_STAYS)
        return a->id ? ledger_drop_alert(s->ledger, a->id, s->e) : OK; /* it rose and fell again */
    a->state = m.state;
    a->since_us = m.since_us;
    if (turn == ALERT_OPENS)
        a->opened_us = s->now_us;
    if (turn == ALERT_CLOSES) {
        a->closed_us = s->now_us;
        a->since_us = s->now_us;
    }
    if (f->figure.whole > 0 && turn != ALERT_CLOSES)
        take_numbers(a, f, s->now_us);
    return write_alert(s, a, turn);
}

static enum status settle_finding(struct settling *s, const struct finding *f)
{
    struct ledger_alert made = {.tenant = f->tenant,
                                .rule = slice_str(alert_rule_word(f->rule)),
                                .what = slice_str(alert_what_word(f->what)),
                                .name = f->name,
                                .state = ALERT_QUIET,
                                .since_us = TIME_NONE,
                                .opened_us = TIME_NONE,
                                .closed_us = TIME_NONE,
                                .acked_us = TIME_NONE,
                                .silent_until_us = TIME_NONE};
    for (size_t i = 0; i < s->n; i++)
        if (!s->met[i] && same_key(&s->live[i], &made)) {
            s->met[i] = true;
            return step(s, &s->live[i], f);
        }
    struct silence_search q = {&made, TIME_NONE};
    enum status st = ledger_alerts(s->ledger, true, 0, find_silence, &q, s->e);
    made.silent_until_us = q.until_us;
    return st == OK ? step(s, &made, f) : st;
}

/* Nothing was found about it where it was looked for: nothing happens there any more. */
static enum status settle_rest(struct settling *s)
{
    const struct finding nothing = {.limits = {.open_ppm = ALERT_WHOLE_PPM, .close_ppm = 1, .least = 1}};
    enum status st = OK;
    for (size_t i = 0; i < s->n && st == OK; i++) {
        enum alert_rule rule = alert_rule_find(s->live[i].rule);
        if (s->met[i])
            continue;
        if (rule < ALERT_RULES && s->f->rules >> rule & 1)
            st = step(s, &s->live[i], &nothing);
        else
            s->counts->open += alert_is_open(&s->live[i]);
    }
    return st;
}

enum status alerts_settle(struct ledger *l, const struct findings *f, const struct alert_channel *channels,
                          size_t channel_count, int64_t now_us, struct alert_counts *out, err *e)
{
    arena a;
    struct settling s = {.ledger = l,
                         .f = f,
                         .channels = channels,
                         .channel_count = channel_count,
                         .now_us = now_us,
                         .counts = out,
                         .a = &a,
                         .e = e};
    *out = (struct alert_counts){0};
    arena_init(&a, 0);
    enum status st = ledger_alerts(l, false, 0, keep, &s, e);
    s.met = st == OK ? arena_calloc(&a, s.n + 1, sizeof *s.met) : NULL;
    if (st == OK && (s.limited || !s.met))
        st = err_set(e, E_MEMORY, "alerts: out of memory");
    for (size_t i = 0; i < f->n && st == OK; i++)
        st = settle_finding(&s, &f->list[i]);
    if (st == OK)
        st = settle_rest(&s);
    if (st == OK)
        st = post_rest(&s);
    if (st == OK && (f->rules >> RULE_GROUND & 1))
        st = grounds_judge(l, now_us, e);
    arena_fini(&a);
    return st;
}

/* ---- people ---- */

struct one_alert {
    arena a;
    struct ledger_alert alert;
    bool found;
};

static bool keep_one(void *ctx, const struct ledger_alert *a)
{
    struct one_alert *one = ctx;
    one->found = copy_alert(&one->a, a, &one->alert);
    return false;
}

static enum status change(struct ledger *l, int64_t id, struct one_alert *one, err *e)
{
    enum status st = ledger_begin(l, e);
    arena_init(&one->a, 0);
    one->found = false;
    if (st == OK)
        st = ledger_alerts(l, true, id, keep_one, one, e);
    if (st == OK && !one->found)
        st = err_set(e, E_NOT_FOUND, "there is no alert %lld", (long long)id);
    return st;
}

static enum status finish(struct ledger *l, struct one_alert *one, enum status st, err *e)
{
    if (st == OK)
        st = ledger_put_alert(l, &one->alert, e);
    if (st == OK)
        st = ledger_commit(l, e);
    if (st != OK)
        ledger_abort(l);
    arena_fini(&one->a);
    return st;
}

enum status alert_acknowledge(struct ledger *l, int64_t id, slice actor, int64_t now_us, err *e)
{
    struct one_alert one;
    enum status st = change(l, id, &one, e);
    if (st == OK) {
        one.alert.acked_us = now_us;
        one.alert.acked_by = actor;
    }
    return finish(l, &one, st, e);
}

enum status alert_silence(struct ledger *l, int64_t id, slice actor, int64_t until_us, int64_t now_us, err *e)
{
    struct one_alert one;
    enum status st = change(l, id, &one, e);
    if (st == OK) {
        one.alert.acked_us = now_us;
        one.alert.acked_by = actor;
        one.alert.silent_until_us = until_us;
    }
    return finish(l, &one, st, e);
}
