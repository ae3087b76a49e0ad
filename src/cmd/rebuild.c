#include <inttypes.h>

#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/session.h"
#include "core/keep.h"

static const struct opt options[] = {CMD_OPT_LEDGER, CMD_OPT_CONFIG, CMD_OPT_TENANT, OPT_END};

struct verify {
    buf out;
    uint64_t different;
};

static int rebuild(struct args *a)
{
    struct session s;
    uint64_t changed;
    err e;
    buf out;
    if (args_count(a))
        return cmd_usage(a, "takes no arguments");
    int code = session_open(&s, a, SESSION_WRITE);
    if (code)
        return code;
    buf_init(&out, 0);
    if (keep_rebuild(s.ledger, &s.policy, s.tenant, s.now_us, &changed, &e) == OK)
        buf_printf(&out, "%" PRIu64 " addresses have another state now\n", changed);
    else
        code = cmd_fail(a, &e);
    cmd_write(&out);
    buf_fini(&out);
    session_close(&s);
    return code;
}

static void add_state(buf *out, const struct ledger_address *a)
{
    buf_adds(out, state_word(a->state));
    if (a->cause != CAUSE_NONE)
        buf_printf(out, " (%s)", cause_word(a->cause));
    if (a->suppression_count)
        buf_printf(out, ", %zu suppressions, since ", a->suppression_count);
    else
        buf_adds(out, ", since ");
    if (a->since_us == TIME_NONE)
        buf_adds(out, "ever");
    else
        time_add_iso(out, a->since_us);
}

static void one_difference(void *ctx, const struct ledger_address *stored, const struct ledger_address *folded)
{
    struct verify *v = ctx;
    v->different++;
    text_add_safe(&v->out, slice_empty(stored->address) ? stored->key : stored->address, 254);
    buf_adds(&v->out, ": stored ");
    add_state(&v->out, stored);
    buf_adds(&v->out, "; its events say ");
    add_state(&v->out, folded);
    buf_addc(&v->out, '\n');
    if (v->out.n > 65536)
        cmd_write(&v->out);
}

static int verify(struct args *a)
{
    struct session s;
    struct verify v = {.different = 0};
    uint64_t folded;
    err e;
    if (args_count(a))
        return cmd_usage(a, "takes no arguments");
    int code = session_open(&s, a, SESSION_READ);
    if (code)
        return code;
    buf_init(&v.out, 0);
    if (keep_verify(s.ledger, &s.policy, s.tenant, s.now_us, one_difference, &v, &folded, &e) == OK)
        buf_printf(&v.out, "%" PRIu64 " addresses folded from their events, %" PRIu64 " differ\n", folded, v.different);
    else
        code = cmd_fail(a, &e);
    if (code == EXIT_YES && v.different)
        code = EXIT_NO;
    cmd_write(&v.out);
    buf_fini(&v.out);
    session_close(&s);
    return code;
}

const struct cmd cmd_rebuild = {
    .name = "rebuild",
    .usage = "[options]",
    .summary = "make the state of every address anew from its events",
    .details = "In pieces; run it again after a crash. Nothing changes where `bounced verify` finds no difference.",
    .options = options,
    .run = rebuild,
};

const struct cmd cmd_verify = {
    .name = "verify",
    .usage = "[options]",
    .summary = "hold the stored state of every address against its events; change nothing",
    .details = "Exit status: 0 all agree, 1 some differ (each is named; `bounced rebuild` mends them).",
    .options = options,
    .run = verify,
};
