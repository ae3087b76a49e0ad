#include "core/why.h"
#include "core/check.h"
#include "base/arena.h"
#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/session.h"
#include "core/show.h"

static const struct opt options[] = {CMD_OPT_LEDGER, CMD_OPT_CONFIG, CMD_OPT_TENANT, CMD_OPT_JSON, OPT_END};

/* ---- JSON: one object for the address, one for each step ---- */

static void all_json(buf *out, const struct why *w, const struct check_answer *domain)
{
    struct jsonw j;
    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kstr(&j, "type", S("address"));
    show_why(&j, w, domain);
    jsonw_end_object(&j);
    buf_addc(out, '\n');
    for (size_t i = 0; i < w->step_count; i++) {
        jsonw_init(&j, out);
        jsonw_object(&j);
        jsonw_kstr(&j, "type", S("event"));
        show_why_step(&j, &w->steps[i]);
        jsonw_end_object(&j);
        buf_addc(out, '\n');
    }
}

/* ---- for people ---- */

static void field(buf *out, const char *label, slice value)
{
    if (slice_empty(value))
        return;
    buf_printf(out, "    %-9s ", label);
    text_add_safe(out, value, 600);
    buf_addc(out, '\n');
}

static void rule_line(buf *out, const struct why_step *t)
{
    if (slice_empty(t->rule))
        return;
    buf_printf(out, "    %-9s %s (%s, %s), %u %% sure, by rule ", "means", bounce_reason_word(t->reason),
               bounce_class_word(t->class_), bounce_blame_word(bounce_reason_blame(t->reason)), t->certainty);
    text_add_safe(out, t->rule, 100);
    if (!slice_empty(t->provider))
        buf_printf(out, ", answered by %.*s", SLICE_FMT(t->provider));
    buf_addc(out, '\n');
}

static void observed_text(buf *out, const struct why_step *t)
{
    buf_printf(out, "  %s", bounce_kind_word(t->kind));
    if (!slice_empty(t->campaign)) {
        buf_adds(out, ", campaign ");
        text_add_safe(out, t->campaign, 80);
    }
    buf_adds(out, "  [");
    text_add_safe(out, slice_empty(t->format) ? t->feed : t->format, 80);
    buf_printf(out, ", %s]\n", trust_word(t->trust));
    field(out, "said", t->reply);
    field(out, "by", t->remote_mta);
    rule_line(out, t);
    field(out, "was", t->was);
}

static void act_text(buf *out, const struct why_step *t)
{
    buf_printf(out, "  %s", event_word(t->what));
    if (t->cause != CAUSE_NONE)
        buf_printf(out, " (%s)", cause_word(t->cause));
    buf_adds(out, " by ");
    text_add_safe(out, t->actor, 80);
    buf_addc(out, '\n');
    field(out, "note", t->note);
    field(out, "verified", t->reverified);
}

static void step_text(buf *out, const struct why_step *t)
{
    if (t->time_us == TIME_NONE)
        buf_adds(out, "(no time)");
    else
        time_add_iso(out, t->time_us);
    if (t->what == EVENT_OBSERVED)
        observed_text(out, t);
    else
        act_text(out, t);
    field(out, "decided", t->decision);
    if (t->held)
        buf_printf(
            out,
            "    held: anybody could have sent this; `bounced review vouch %lld` or `bounced review dismiss %lld`\n",
            (long long)t->seq, (long long)t->seq);
}

static void now_text(buf *out, const struct why *w)
{
    const struct address_status *s = &w->now;
    buf_printf(out, "%s", state_word(s->state));
    if (s->hold != HOLD_NONE)
        buf_printf(out, " (%s)", hold_word(s->hold));
    for (size_t i = 0; i < s->suppression_count; i++) {
        const struct suppression *x = &s->suppressions[i];
        buf_printf(out, "%s %s", i ? ";" : ":", cause_word(x->cause));
        if (x->cause == CAUSE_HARD || x->cause == CAUSE_ESCALATED)
            buf_printf(out, " (%s)", bounce_reason_text(x->reason));
        buf_printf(out, ", %s", scope_word(x->scope));
        if (!slice_empty(w->streams[i])) {
            buf_addc(out, ' ');
            text_add_safe(out, w->streams[i], 80);
        }
        buf_adds(out, ", since ");
        time_add_iso(out, x->since_us);
        if (x->until_us != TIME_NONE) {
            buf_adds(out, ", until ");
            time_add_iso(out, x->until_us);
        }
    }
    buf_addc(out, '\n');
}

static void domain_text(buf *out, const struct why *w, const struct check_answer *d)
{
    slice domain = slice_from(w->address, slice_rchr(w->address, '@'));
    buf_adds(out, "  must not be sent to: all of ");
    text_add_safe(out, domain, 254);
    buf_printf(out, " is suppressed, %s, since ", cause_word(d->cause));
    time_add_iso(out, d->since_us);
    buf_adds(out, "; `bounced why ");
    text_add_safe(out, domain, 254);
    buf_adds(out, "` tells more\n");
}

/* "  incident 3: gmail.com, 2020-12-14T22:16:00Z to 2020-12-15T00:38:00Z: 120 of 170 messages failed ..." */
static void around_text(buf *out, const struct ledger_circumstance *c)
{
    buf_printf(out, "  %s %lld: ", circumstance_word((enum circumstance_what)c->c.what), (long long)c->c.id);
    if (c->c.by < MARK_NONE)
        buf_printf(out, "%s ", mark_word((enum mark)c->c.by));
    text_add_safe(out, slice_empty(c->domain) ? c->name : c->domain, 120);
    buf_adds(out, ", ");
    time_add_iso(out, c->c.from_us);
    buf_adds(out, " to ");
    if (c->c.until_us == TIME_NONE)
        buf_adds(out, "now");
    else
        time_add_iso(out, c->c.until_us);
    if (!slice_empty(c->note)) {
        buf_adds(out, ": ");
        text_add_safe(out, c->note, 300);
    }
    buf_addc(out, '\n');
}

static void all_text(buf *out, const struct why *w, const struct check_answer *domain)
{
    text_add_safe(out, w->address, 254);
    if (!w->known) {
        buf_printf(out, ": nothing is known of it%s\n", domain ? "" : "; it may be sent to");
        if (domain)
            domain_text(out, w, domain);
        return;
    }
    buf_adds(out, " is ");
    now_text(out, w);
    if (domain)
        domain_text(out, w, domain);
    for (size_t i = 0; i < w->change_count; i++) {
        buf_adds(out, "  ");
        text_add_safe(out, w->changes[i], 300);
        buf_addc(out, '\n');
    }
    for (size_t i = 0; i < w->around_count; i++)
        around_text(out, &w->around[i]);
    buf_addc(out, '\n');
    if (w->cut)
        buf_printf(out, "(%zu older events are left out)\n", w->cut);
    for (size_t i = 0; i < w->step_count; i++)
        step_text(out, &w->steps[i]);
}

/* The timeline is the address' own; what stops it may be that its whole domain is suppressed. */
static enum status ask_domain(struct session *s, const struct why *w, arena *a, struct check_answer *answer,
                              bool *stopped, err *e)
{
    *stopped = false;
    if (slice_rchr(w->address, '@') == 0 || slice_rchr(w->address, '@') == SLICE_NPOS)
        return OK;
    enum status st =
        check_ledger(s->ledger, &s->policy, s->tenant, SLICE_EMPTY, &w->address, 1, s->now_us, a, answer, e);
    *stopped = st == OK && answer->word == CHECK_SUPPRESSED && answer->domain;
    return st;
}

static int run(struct args *a)
{
    struct session s;
    struct why w;
    struct check_answer answer;
    bool stopped = false;
    err e;
    arena memory;
    buf out;
    if (args_count(a) != 1)
        return cmd_usage(a, "which address? One at a time");
    int code = session_open(&s, a, SESSION_READ);
    if (code)
        return code;
    arena_init(&memory, 0);
    buf_init(&out, 0);
    enum status got = why(s.ledger, &s.policy, s.tenant, slice_str(args_get(a, 0)), s.now_us, &memory, &w, &e);
    if (got == OK)
        got = ask_domain(&s, &w, &memory, &answer, &stopped, &e);
    if (got == OK)
        (args_flag(a, "json") ? all_json : all_text)(&out, &w, stopped ? &answer : NULL);
    else
        code = cmd_fail(a, &e);
    cmd_write(&out);
    if (got == OK && !w.known && !stopped)
        code = EXIT_NO;
    buf_fini(&out);
    arena_fini(&memory);
    session_close(&s);
    return code;
}

const struct cmd cmd_why = {
    .name = "why",
    .usage = "[options] ADDRESS",
    .summary = "the timeline of an address: what was said, what it means, what was decided",
    .details =
        "Every event with the raw reply, the rule that read it, how far it is trusted and what it did; the state\n"
        "now; and what would change it. Exit status: 0, or 1 when nothing is known of the address.",
    .options = options,
    .run = run,
};
