#include "core/why_words.h"

#include "base/buf.h"
#include "bounce/observation.h"

#define MAX_CHANGES 8u

static slice date_of(int64_t us, arena *a)
{
    buf b;
    buf_init(&b, 64);
    time_add_iso(&b, us - us % TIME_SECOND);
    slice s = arena_dup(a, slice_sub(buf_slice(&b), 0, 10));
    buf_fini(&b);
    return s;
}

static const char *where(enum scope scope)
{
    static const char *const words[] = {"everywhere", "for all streams", "in its stream"};
    return words[scope <= SCOPE_STREAM ? scope : SCOPE_GLOBAL];
}

static const char *tight_text(const struct suppression *x)
{
    return x->tight ? "; half the count sufficed, since the provider's health for us is poor" : "";
}

static slice suppressed(const struct address_status *s, arena *a)
{
    const struct suppression *x = &s->suppressions[0];
    bool reason = x->cause == CAUSE_HARD || x->cause == CAUSE_ESCALATED;
    slice until =
        x->until_us == TIME_NONE ? SLICE_EMPTY : arena_printf(a, " until %.*s", SLICE_FMT(date_of(x->until_us, a)));
    return arena_printf(a, "suppressed %s%.*s: %s%s%s%s", where(x->scope), SLICE_FMT(until), cause_word(x->cause),
                        reason ? ", " : "", reason ? bounce_reason_word(x->reason) : "", tight_text(x));
}

static slice row_text(const struct address_status *s, arena *a)
{
    return arena_printf(a, "counted: %u of %u in a row (%s)", s->row_count, s->row_needed, row_word(s->row));
}

static slice unchanged(const struct policy_event *ev, const struct address_status *after)
{
    enum bounce_kind kind = (enum bounce_kind)ev->kind;
    if (ev->what == EVENT_RECLASSIFY)
        return S("recorded: the events above stand with their new verdicts");
    if (ev->what != EVENT_OBSERVED)
        return S("recorded: changes nothing");
    if (ev->flags & EVENT_TRIED_NOTHING)
        return S("recorded: nothing was tried");
    if (bounce_kind_attempt(kind))
        return S("recorded: an attempt does not count before the message ends");
    if (kind == BOUNCE_KIND_DELIVERED)
        return ev->trust == TRUST_BARE ? S("recorded: anybody may say so") : S("delivered: nothing to clear");
    if (kind == BOUNCE_KIND_RELAYED || kind == BOUNCE_KIND_EXPANDED)
        return S("recorded: no promise beyond the next hop");
    if (!bounce_kind_final(kind))
        return S("recorded");
    if (after->state == STATE_SUPPRESSED)
        return S("recorded: suppressed already");
    if (bounce_reason_class((enum bounce_reason)ev->reason) == BOUNCE_CLASS_BLOCK)
        return S("recorded: a block is not the address's fault");
    if (bounce_reason_counts((enum bounce_reason)ev->reason) == BOUNCE_COUNTS_NEVER)
        return S("recorded: does not count against the address");
    return S("recorded: counted already (same message, campaign or day)");
}

static bool same_suppression(const struct address_status *a, const struct address_status *b)
{
    return a->suppression_count == b->suppression_count && a->cause == b->cause && a->since_us == b->since_us &&
           a->until_us == b->until_us;
}

slice why_taken(const struct policy_event *ev, const struct circumstance *c, arena *a)
{
    return arena_printf(a, "%s %s %lld: does not count",
                        bounce_kind_attempt((enum bounce_kind)ev->kind) ? "recorded, in"
                        : c->until_us == TIME_NONE                      ? "held by"
                                                                        : "in",
                        circumstance_word((enum circumstance_what)c->what), (long long)c->id);
}

slice why_decision(const struct policy_event *ev, const struct address_status *before,
                   const struct address_status *after, arena *a)
{
    if (after->held_count > before->held_count)
        return S("held for review: the report does not prove itself");
    if (after->circumstance && after->last_failed_us == ev->time_us)
        return arena_printf(a, "held by %s %lld: does not count", after->hold == HOLD_BREAKER ? "breaker" : "incident",
                            (long long)after->circumstance);
    if (after->state == STATE_SUPPRESSED)
        return same_suppression(before, after) && before->state == STATE_SUPPRESSED ? unchanged(ev, after)
                                                                                    : suppressed(after, a);
    if (before->state == STATE_SUPPRESSED)
        return S("no longer suppressed");
    if (after->held_count < before->held_count && after->row == before->row && after->row_count == before->row_count)
        return S("no longer held");
    if (after->row == before->row && after->row_count == before->row_count)
        return unchanged(ev, after);
    if (after->row == ROWS)
        return S("cleared: nothing counts against the address any more");
    if (after->state == STATE_HELD && after->hold == HOLD_SECOND_LOOK)
        return arena_printf(a, "held for a second look, still sent to: %u of %u (%s)", after->row_count,
                            after->row_needed, row_word(after->row));
    return row_text(after, a);
}

/* ---- what would change it ---- */

static slice more_failures(const struct address_status *s, arena *a)
{
    if (s->probation && s->row == ROWS)
        return S("one more failure that counts suppresses it again: it is on probation");
    unsigned left = s->row_count < s->row_needed ? s->row_needed - s->row_count : 1;
    return arena_printf(a, "%u more failed message%s in a row suppress%s it, not before %.*s (%s: %u in a row)", left,
                        left == 1 ? "" : "s", left == 1 ? "es" : "", SLICE_FMT(date_of(s->row_not_before_us, a)),
                        row_word(s->row), s->row_needed);
}

static slice by_time(const struct address_status *s, arena *a)
{
    if (s->until_us != TIME_NONE)
        return arena_printf(a, "ends by itself on %.*s%s", SLICE_FMT(date_of(s->until_us, a)),
                            s->then_probation ? ", then one more failure suppresses it again" : "");
    return arena_printf(a, "a message is still deferred: it counts as failed on %.*s if it does not end before",
                        SLICE_FMT(date_of(s->due_us, a)));
}

static slice change_text(const struct address_status *s, enum change c, arena *a)
{
    switch (c) {
    case CHANGE_DELIVERY:
        return S("a delivery to it clears it");
    case CHANGE_FAILURE:
        return more_failures(s, a);
    case CHANGE_TIME:
        return by_time(s, a);
    case CHANGE_LIFT:
        return S("a person may lift it with a reason");
    case CHANGE_REVERIFIED:
        return S("a person may lift it with a reason and how it was verified again (confirmed-opt-in, verification, "
                 "wrong-verdict)");
    case CHANGE_REVIEW:
        return S("a held report waits: vouch for it or dismiss it");
    case CHANGE_DOMAIN:
        return S("a delivery to anybody at its domain clears it");
    case CHANGE_NEVER:
        return S("nothing: it was erased");
    case CHANGE_OVER:
        return arena_printf(a, "the end of the %s %lld that holds its failure, which then does not count",
                            s->hold == HOLD_BREAKER ? "breaker" : "incident", (long long)s->circumstance);
    }
    return SLICE_EMPTY;
}

const slice *why_changes(const struct address_status *s, arena *a, size_t *n)
{
    slice *list = arena_calloc(a, MAX_CHANGES, sizeof(*list));
    *n = 0;
    for (unsigned bit = 0; list && bit < MAX_CHANGES; bit++)
        if (s->changes & 1u << bit)
            list[(*n)++] = change_text(s, (enum change)(1u << bit), a);
    return list;
}
