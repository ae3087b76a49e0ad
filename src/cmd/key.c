#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/session.h"
#include "core/apikey.h"

static const struct opt options[] = {
    CMD_OPT_LEDGER,
    {"role", 0, OPT_TEXT, "ROLE", "add: read (default), write or admin"},
    {"tenant", 0, OPT_TEXT, "NAME", "add: the key sees this tenant only"},
    CMD_OPT_JSON,
    OPT_END,
};

static int add(struct session *s, slice name)
{
    char key[APIKEY_BYTES + 1];
    err e;
    buf out;
    enum apikey_role role = apikey_role_find(slice_str(args_text(s->args, "role", "read")));
    if (role == APIKEY_NONE)
        return cmd_usage(s->args, "--role is read, write or admin");
    if (apikey_add(s->ledger, name, role, slice_str(args_text(s->args, "tenant", "")), s->now_us, key, &e) != OK)
        return cmd_fail(s->args, &e);
    buf_init(&out, 0);
    buf_printf(&out, "%s\n", key);
    cmd_write(&out);
    buf_fini(&out);
    cmd_error(s->args, "this is the only time that the key is shown; send it as 'Authorization: Bearer KEY'");
    return EXIT_YES;
}

static int remove_key(struct session *s, slice name)
{
    err e;
    return apikey_remove(s->ledger, name, &e) == OK ? EXIT_YES : cmd_fail(s->args, &e);
}

struct listing {
    buf out;
    bool json;
};

static bool show(void *ctx, const struct ledger_api_key *k)
{
    struct listing *list = ctx;
    const char *role = apikey_role_word(k->role <= APIKEY_ADMIN ? (enum apikey_role)k->role : APIKEY_NONE);
    if (list->json) {
        struct jsonw j;
        jsonw_init(&j, &list->out);
        jsonw_object(&j);
        jsonw_kstr(&j, "name", k->name);
        jsonw_kstr(&j, "id", k->id);
        jsonw_kstr(&j, "role", slice_str(role));
        jsonw_kstr_opt(&j, "tenant", k->tenant);
        jsonw_ktime_opt(&j, "made", k->made_us);
        jsonw_end_object(&j);
        buf_addc(&list->out, '\n');
    } else {
        buf_printf(&list->out, "bnc_%.*s_...  %-5s  ", SLICE_FMT(k->id), role);
        text_add_safe(&list->out, k->name, 80);
        if (!slice_empty(k->tenant)) {
            buf_adds(&list->out, "  tenant ");
            text_add_safe(&list->out, k->tenant, 80);
        }
        buf_addc(&list->out, '\n');
    }
    return true;
}

static int list_keys(struct session *s)
{
    err e;
    struct listing list = {.json = args_flag(s->args, "json")};
    buf_init(&list.out, 0);
    enum status st = ledger_api_keys(s->ledger, show, &list, &e);
    cmd_write(&list.out);
    buf_fini(&list.out);
    return st == OK ? EXIT_YES : cmd_fail(s->args, &e);
}

static int run(struct args *a)
{
    struct session s;
    slice verb = slice_str(args_count(a) ? args_get(a, 0) : "list");
    slice name = slice_str(args_count(a) > 1 ? args_get(a, 1) : "");
    bool adds = slice_eq(verb, S("add")), removes = slice_eq(verb, S("remove")), lists = slice_eq(verb, S("list"));
    if (!adds && !removes && !lists)
        return cmd_usage(a, "add NAME, remove NAME or list");
    if ((adds || removes) && slice_empty(name))
        return cmd_usage(a, "which name?");
    int code = session_open(&s, a, adds ? SESSION_CREATE : removes ? SESSION_WRITE : SESSION_READ);
    if (code)
        return code;
    code = adds ? add(&s, name) : removes ? remove_key(&s, name) : list_keys(&s);
    session_close(&s);
    return code;
}

const struct cmd cmd_key = {
    .name = "key",
    .usage = "[options] add NAME | remove NAME | list",
    .summary = "keys to the HTTP API",
    .details =
        "A key has a role: read (checks, reasons, reports), write (events and suppressions too) or admin (erasing,\n"
        "rules, keys' own affairs too). Only its hash is kept. A running daemon knows of a new or removed key within\n"
        "a second.",
    .options = options,
    .run = run,
};
