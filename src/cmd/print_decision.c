#include "cmd/print_decision.h"
#include "base/text.h"

void json_decision(buf *out, const struct decision *d, bool dry_run)
{
    struct jsonw j;
    jsonw_init(&j, out);
    jsonw_object(&j);
    jsonw_kstr(&j, "type", S("decision"));
    jsonw_kbool(&j, "dry_run", dry_run);
    jsonw_kstr_opt(&j, "tenant", d->tenant);
    jsonw_kstr(&j, "address", d->address);
    jsonw_kstr(&j, "from", slice_str(state_word(d->from)));
    jsonw_kstr(&j, "to", slice_str(state_word(d->to)));
    if (d->to == STATE_SUPPRESSED) {
        jsonw_kstr(&j, "cause", slice_str(cause_word(d->cause)));
        jsonw_kstr(&j, "scope", slice_str(scope_word(d->scope)));
        jsonw_kstr_opt(&j, "stream", d->stream);
    }
    if (d->to == STATE_HELD)
        jsonw_kstr(&j, "hold", slice_str(hold_word(d->hold)));
    jsonw_kstr(&j, "reason", slice_str(bounce_reason_word(d->reason)));
    jsonw_kstr_opt(&j, "rule", d->rule);
    jsonw_kstr_opt(&j, "reply", d->reply);
    jsonw_ktime_opt(&j, "since", d->since_us);
    jsonw_ktime_opt(&j, "until", d->until_us);
    jsonw_end_object(&j);
    buf_addc(out, '\n');
}

void print_decision(buf *out, const struct decision *d, bool dry_run)
{
    const char *verb = d->lifted ? "lift" : d->to == STATE_SUPPRESSED ? "suppress" : "hold";
    buf_printf(out, "%s%s  ", dry_run ? "would " : "", verb);
    text_add_safe(out, d->address, 254);
    if (d->to == STATE_SUPPRESSED)
        buf_printf(out, "  %s: %s", cause_word(d->cause), bounce_reason_word(d->reason));
    else if (d->to == STATE_HELD)
        buf_printf(out, "  %s: %s", hold_word(d->hold), bounce_reason_word(d->reason));
    buf_addc(out, '\n');
    if (!slice_empty(d->reply)) {
        buf_adds(out, "    ");
        text_add_safe(out, d->reply, 160);
        buf_addc(out, '\n');
    }
}
