#include <inttypes.h>
#include <json-c/json.h>
#include <string.h>

#include "base/text.h"
#include "base/time.h"
#include "cmd/ask_daemon.h"
#include "cmd/commands.h"
#include "cmd/config.h"

#define MAX_TEXT 200

static const struct opt options[] = {
    CMD_OPT_CONFIG, CMD_OPT_SOCKET, {"metrics", 0, OPT_FLAG, NULL, "print numbers as Prometheus reads them"},
    CMD_OPT_JSON,   OPT_END,
};

static slice text_of(const struct json_object *o)
{
    return o ? slice_str(json_object_get_string((struct json_object *)(uintptr_t)o)) : SLICE_EMPTY;
}

static slice member(const struct json_object *o, const char *name)
{
    return text_of(json_object_object_get(o, name));
}

static int64_t number(const struct json_object *o, const char *name)
{
    return json_object_get_int64(json_object_object_get(o, name));
}

static void row(buf *out, const char *name, slice value)
{
    buf_printf(out, "%-12s ", name);
    text_add_safe(out, value, MAX_TEXT);
    buf_addc(out, '\n');
}

static void print_process(const struct json_object *o, buf *out)
{
    bool good = slice_eq(member(o, "state"), S("running"));
    buf_printf(out, "%-12s ", "daemon");
    cmd_paint(out, good ? PAINT_GOOD : PAINT_NOTE, good ? "running" : "ending", 0);
    buf_printf(out, " for ");
    time_add_span(out, number(o, "up_s") * TIME_SECOND);
    buf_printf(out, ", process %" PRId64 ", version %.*s\n", number(o, "pid"), SLICE_FMT(member(o, "version")));
    row(out, "settings", member(o, "settings"));
    row(out, "rules", member(o, "rules"));
    buf_printf(out, "%-12s %.1f ms late at most in the last minute\n", "loop",
               (double)number(o, "loop_lag_max_us") / 1000);
}

static void print_ledger(const struct json_object *o, buf *out)
{
    bool good = slice_eq(member(o, "state"), S("ok"));
    row(out, "ledger", member(o, "path"));
    buf_printf(out, "%-12s ", "  commits");
    cmd_paint(out, good ? PAINT_GOOD : PAINT_BAD, good ? "ok" : "failing", 0);
    buf_printf(out, " %" PRId64 ", the last in %.1f ms; %" PRId64 " failures; %" PRId64 " waiting\n",
               number(o, "commits"), (double)number(o, "last_commit_us") / 1000, number(o, "failures"),
               number(o, "waiting"));
    buf_printf(out, "%-12s %" PRId64 " taken, %" PRId64 " of them new\n", "  events", number(o, "observations"),
               number(o, "events"));
    buf_printf(out, "%-12s %" PRId64 " suppressions\n", "  list", number(o, "suppressions"));
    if (number(o, "incidents"))
        buf_printf(out, "%-12s %" PRId64 " open; `bounced incident list --open` shows them\n", "  incidents",
                   number(o, "incidents"));
    if (number(o, "jobs_waiting"))
        buf_printf(out, "%-12s %" PRId64 " waiting\n", "  jobs", number(o, "jobs_waiting"));
}

/* What says nothing: a count of nothing, a flag that is not up. */
static bool is_quiet(slice value)
{
    return slice_eq(value, S("0")) || slice_eq(value, S("false")) || slice_empty(value);
}

/* A role's own members, as they come: "name value, name value". */
static void print_role(const struct json_object *o, buf *out)
{
    char name[64];
    bool first = true;
    snprintf(name, sizeof name, "%.*s %.*s", SLICE_FMT(member(o, "role")), SLICE_FMT(member(o, "name")));
    buf_printf(out, "%-12s ", name);
    json_object_object_foreach((struct json_object *)(uintptr_t)o, key, value)
    {
        if (strcmp(key, "role") == 0 || strcmp(key, "name") == 0 || is_quiet(text_of(value)))
            continue;
        buf_printf(out, "%s%s ", first ? "" : ", ", key);
        text_add_safe(out, text_of(value), MAX_TEXT);
        first = false;
    }
    buf_addc(out, '\n');
}

static void print_restart(const struct json_object *list, buf *out)
{
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        row(out, i ? "" : "at restart", text_of(json_object_array_get_idx(list, i)));
}

static void print_people(const struct json_object *o, buf *out)
{
    const struct json_object *list = json_object_object_get(o, "roles");
    print_process(o, out);
    print_ledger(json_object_object_get(o, "ledger"), out);
    for (size_t i = 0; list && i < json_object_array_length(list); i++)
        print_role(json_object_array_get_idx(list, i), out);
    print_restart(json_object_object_get(o, "restart"), out);
}

static int print(const struct args *a, buf *answer)
{
    if (args_flag(a, "json") || args_flag(a, "metrics")) {
        cmd_write(answer);
        return EXIT_YES;
    }
    struct json_object *o = json_tokener_parse(answer->p);
    if (!o || !json_object_is_type(o, json_type_object) || !json_object_object_get(o, "ledger")) {
        cmd_error(a, "the daemon's answer is not understood; is it of another version?");
        json_object_put(o);
        return EXIT_UNAVAILABLE;
    }
    buf out;
    buf_init(&out, 0);
    print_people(o, &out);
    cmd_write(&out);
    buf_fini(&out);
    json_object_put(o);
    return EXIT_YES;
}

static int run(struct args *a)
{
    buf answer;
    if (args_count(a))
        return cmd_usage(a, "takes no arguments");
    buf_init(&answer, 0);
    int code = ask_daemon(a, args_flag(a, "metrics") ? "metrics" : "status", &answer);
    if (code == EXIT_YES)
        code = print(a, &answer);
    buf_fini(&answer);
    return code;
}

const struct cmd cmd_status = {
    .name = "status",
    .usage = "[options]",
    .summary = "how the daemon is doing",
    .details =
        "Roles, counters, how late the loop is, what waits for a commit. Exit status: 0, or 69 when no daemon runs.",
    .options = options,
    .run = run,
};
