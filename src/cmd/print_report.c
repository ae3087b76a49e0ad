#include "cmd/print_report.h"
#include "base/text.h"

static void enhanced(struct jsonw *j, const char *name, const struct bounce_enhanced *e)
{
    char text[24];
    if (!e->klass)
        return;
    int n = snprintf(text, sizeof text, "%u.%u.%u", e->klass, e->subject, e->detail);
    jsonw_kstr(j, name, slice_of(text, (size_t)n));
}

void json_report(struct jsonw *j, slice file, size_t message, const struct bounce_report *r,
                 const struct bounce_result *result)
{
    bool failure = bounce_kind_final(r->kind) || bounce_kind_attempt(r->kind);
    jsonw_object(j);
    jsonw_kstr(j, "file", file);
    jsonw_ki64(j, "message", (int64_t)message);
    jsonw_kstr(j, "kind", slice_str(bounce_kind_word(r->kind)));
    jsonw_kstr(j, "recipient", r->recipient);
    jsonw_kstr_opt(j, "original_recipient", r->original_recipient);
    if (failure)
        show_verdict(j, &r->verdict);
    else
        jsonw_kstr(j, "class", S("info"));
    jsonw_kstr_opt(j, "status", r->status);
    jsonw_ki64_opt(j, "reply_code", r->reply.code);
    enhanced(j, "enhanced_code", &r->reply.enhanced);
    jsonw_kstr_opt(j, "diagnostic", r->diagnostic);
    jsonw_kstr_opt(j, "phase", slice_str(bounce_phase_word(r->reply.phase)));
    jsonw_kstr_opt(j, "reporting_mta", r->reporting_mta);
    jsonw_kstr_opt(j, "remote_mta", r->remote_mta);
    jsonw_kstr_opt(j, "message_id", result->returned.message_id);
    jsonw_kstr_opt(j, "envelope_id", result->returned.envelope_id);
    jsonw_kstr_opt(j, "subject", result->returned.subject);
    jsonw_kstr_opt(j, "campaign", result->returned.campaign);
    jsonw_kstr_opt(j, "feedback_id", result->returned.feedback_id);
    jsonw_kstr_opt(j, "list_id", result->returned.list_id);
    jsonw_kstr_opt(j, "feedback_type", r->feedback_type);
    jsonw_kstr_opt(j, "source_ip", r->source_ip);
    jsonw_kstr_opt(j, "action", r->action);
    jsonw_kstr_opt(j, "verp_recipient", result->verp_recipient);
    jsonw_kstr_opt(j, "format", r->format);
    jsonw_ktime_opt(j, "arrival", r->arrival_us);
    jsonw_ktime_opt(j, "last_attempt", r->last_attempt_us);
    jsonw_ktime_opt(j, "date", result->date_us);
    jsonw_ki64_opt(j, "diag", result->diag);
    jsonw_end_object(j);
    buf_addc(j->out, '\n');
}

void print_report(buf *out, slice file, size_t message, const struct bounce_report *r)
{
    bool failure = bounce_kind_final(r->kind) || bounce_kind_attempt(r->kind);
    text_add_safe(out, file, 200);
    if (message)
        buf_printf(out, "[%zu]", message);
    buf_printf(out, ": %s <", bounce_kind_word(r->kind));
    text_add_safe(out, r->recipient, 320);
    buf_addc(out, '>');
    if (failure)
        buf_printf(out, " %s (%s, %s, %u %%)", bounce_reason_word(r->verdict.reason),
                   bounce_class_word(r->verdict.class_), bounce_blame_word(r->verdict.blame), r->verdict.certainty);
    buf_addc(out, '\n');
    if (!slice_empty(r->diagnostic)) {
        buf_adds(out, "    ");
        text_add_safe(out, r->diagnostic, 300);
        buf_addc(out, '\n');
    }
}
