#include <string.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/csv.h"
#include "cmd/session.h"
#include "core/lists.h"

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    CMD_OPT_TENANT,
    {"batch", 0, OPT_TEXT, "NAME", "name of this import, for lines that tell none"},
    {"dry-run", 'n', OPT_FLAG, NULL, "count, change nothing"},
    CMD_OPT_JSON,
    OPT_END,
};

static long read_fd(void *ctx, char *p, size_t n)
{
    const int *fd = ctx;
    return (long)read(*fd, p, n);
}

static void told(buf *out, const char *path, const struct acquired_result *r, bool as_json, bool dry_run)
{
    if (as_json) {
        struct jsonw j;
        jsonw_init(&j, out);
        jsonw_object(&j);
        jsonw_kstr(&j, "file", slice_str(path));
        jsonw_kbool(&j, "dry_run", dry_run);
        jsonw_ki64(&j, "lines", (int64_t)r->lines);
        jsonw_ki64(&j, "stored", (int64_t)r->stored);
        jsonw_ki64(&j, "invalid", (int64_t)r->invalid);
        jsonw_end_object(&j);
        buf_addc(out, '\n');
        return;
    }
    text_add_safe(out, slice_str(path), 200);
    buf_printf(out, ": %llu lines, %llu %sstored, %llu without an address\n", (unsigned long long)r->lines,
               (unsigned long long)r->stored, dry_run ? "would be " : "", (unsigned long long)r->invalid);
    for (size_t i = 0; i < r->bad_count; i++) {
        buf_printf(out, "  line %llu: %s: ", (unsigned long long)r->bad[i].line, r->bad[i].what);
        text_add_safe(out, r->bad[i].text, 80);
        buf_addc(out, '\n');
    }
}

static int one_file(struct session *s, const char *path, arena *a, buf *out)
{
    struct csv_file in;
    struct acquired_result r;
    err e;
    if (csv_open(&in, path, &e) != OK)
        return cmd_fail(s->args, &e);
    enum status got = acquired_import(s->ledger, s->tenant, slice_str(args_text(s->args, "batch", "")),
                                      args_flag(s->args, "dry-run"), read_fd, &in.fd, a, &r, &e);
    csv_close(&in);
    if (got != OK)
        return cmd_fail_at(s->args, path, &e);
    told(out, path, &r, args_flag(s->args, "json"), args_flag(s->args, "dry-run"));
    return EXIT_YES;
}

static int run(struct args *a)
{
    struct session s;
    arena memory;
    buf out;
    if (args_count(a) == 0)
        return cmd_usage(a, "which CSV? (- is standard input)");
    int code = session_open(&s, a, args_flag(a, "dry-run") ? SESSION_TRY : SESSION_CREATE);
    if (code)
        return code;
    arena_init(&memory, 0);
    buf_init(&out, 0);
    for (size_t i = 0; i < args_count(a); i++) {
        int one = one_file(&s, args_get(a, i), &memory, &out);
        code = one ? one : code;
        arena_reset(&memory);
    }
    cmd_write(&out);
    buf_fini(&out);
    arena_fini(&memory);
    session_close(&s);
    return code;
}

const struct cmd cmd_acquired = {
    .name = "acquired",
    .usage = "[options] FILE...",
    .summary = "tell where addresses come from: source, form, batch, date of sign-up (CSV)",
    .details =
        "Columns by name: email, source, form, batch, signed_up. `bounced report --by source` then shows which source\n"
        "brings dead addresses.",
    .options = options,
    .run = run,
};
