#include "cmd/ingest.h"

static void summary_json(struct ingest *g)
{
    const struct intake_counts *c = intake_totals(g->intake);
    struct jsonw j;
    jsonw_init(&j, &g->out);
    jsonw_object(&j);
    jsonw_kstr(&j, "type", S("summary"));
    jsonw_kbool(&j, "dry_run", g->dry_run);
    jsonw_ki64(&j, "files", (int64_t)reader_counts(g->files)->files);
    jsonw_ki64(&j, "mails", (int64_t)g->mails_read);
    jsonw_ki64(&j, "log_lines", (int64_t)maillog_counts(g->logs)->lines);
    jsonw_ki64(&j, "observations", (int64_t)c->observations);
    jsonw_ki64(&j, "new", (int64_t)c->events);
    jsonw_ki64(&j, "repeats", (int64_t)c->repeats);
    jsonw_ki64(&j, "invalid", (int64_t)c->invalid);
    jsonw_ki64(&j, "held", (int64_t)c->held);
    jsonw_ki64(&j, "suppressed", (int64_t)c->suppressed);
    jsonw_ki64(&j, "lifted", (int64_t)c->lifted);
    jsonw_ki64_opt(&j, "incidents_open", (int64_t)intake_open_incidents(g->intake));
    jsonw_key(&j, "kinds");
    jsonw_object(&j);
    for (unsigned k = 0; k < BOUNCE_KINDS; k++)
        jsonw_ki64_opt(&j, bounce_kind_word((enum bounce_kind)k), (int64_t)c->kinds[k]);
    jsonw_end_object(&j);
    jsonw_key(&j, "reasons");
    jsonw_object(&j);
    for (unsigned r = 0; r < BOUNCE_REASONS; r++)
        jsonw_ki64_opt(&j, bounce_reason_word((enum bounce_reason)r), (int64_t)c->reasons[r]);
    jsonw_end_object(&j);
    jsonw_end_object(&j);
    buf_addc(&g->out, '\n');
}

static void reasons_table(struct ingest *g, const struct intake_counts *c)
{
    bool done[BOUNCE_REASONS] = {false};
    for (;;) {
        unsigned best = BOUNCE_REASONS;
        for (unsigned r = 0; r < BOUNCE_REASONS; r++)
            if (!done[r] && c->reasons[r] && (best == BOUNCE_REASONS || c->reasons[r] > c->reasons[best]))
                best = r;
        if (best == BOUNCE_REASONS)
            return;
        enum bounce_reason reason = (enum bounce_reason)best;
        buf_printf(&g->out, "%10llu  %-5s  %-22s  %s\n", (unsigned long long)c->reasons[best],
                   bounce_class_word(bounce_reason_class(reason)), bounce_reason_word(reason),
                   bounce_reason_text(reason));
        done[best] = true;
    }
}

static void what_was_read(struct ingest *g, const struct intake_counts *c)
{
    const struct read_counts *rc = reader_counts(g->files);
    const struct log_counts *lc = maillog_counts(g->logs);
    buf_printf(&g->out, "%llu files", (unsigned long long)rc->files);
    if (g->mails_read)
        buf_printf(&g->out, ", %llu mails", (unsigned long long)g->mails_read);
    if (lc->lines)
        buf_printf(&g->out, ", %llu log lines", (unsigned long long)lc->lines);
    buf_printf(&g->out, ": %llu facts about recipients, %llu of them new", (unsigned long long)c->observations,
               (unsigned long long)c->events);
    if (c->invalid)
        buf_printf(&g->out, ", %llu without an address", (unsigned long long)c->invalid);
    buf_addc(&g->out, '\n');
    for (unsigned k = 0; k < BOUNCE_KINDS; k++)
        if (c->kinds[k])
            buf_printf(&g->out, "%10llu  %s\n", (unsigned long long)c->kinds[k], bounce_kind_word((enum bounce_kind)k));
    if (lc->drop_notices)
        buf_printf(
            &g->out,
            "The log says %llu times that lines were dropped (rate limit of syslog or journald): it has holes.\n",
            (unsigned long long)lc->drop_notices);
}

static void summary_text(struct ingest *g)
{
    const struct intake_counts *c = intake_totals(g->intake);
    const char *verb = g->dry_run ? "would be " : "";
    if (!g->all && g->decisions > INGEST_SHOWN_DECISIONS)
        buf_printf(&g->out, "  ... and %llu more (--all lists them)\n",
                   (unsigned long long)(g->decisions - INGEST_SHOWN_DECISIONS));
    if (g->decisions)
        buf_addc(&g->out, '\n');
    what_was_read(g, c);
    size_t before = g->out.n;
    buf_addc(&g->out, '\n');
    reasons_table(g, c);
    if (g->out.n > before + 1)
        buf_addc(&g->out, '\n');
    buf_printf(&g->out, "%llu addresses %ssuppressed, %llu %slifted", (unsigned long long)c->suppressed, verb,
               (unsigned long long)c->lifted, verb);
    if (c->held)
        buf_printf(&g->out,
                   ", %llu reports held: anybody could have sent them (see `bounced review`, or --trust matched)",
                   (unsigned long long)c->held);
    buf_addc(&g->out, '\n');
    size_t open = intake_open_incidents(g->intake);
    if (open)
        buf_printf(&g->out, "%zu incident%s open, what fails there is held: `bounced incident list --open`\n", open,
                   open == 1 ? " is" : "s are");
    if (g->session.in_memory)
        buf_printf(&g->out, "There is no ledger yet, so nothing was known before. Without --dry-run one is made.\n");
}

void ingest_summary(struct ingest *g)
{
    if (g->json)
        summary_json(g);
    else if (!g->quiet)
        summary_text(g);
}
