#include <string.h>
#include <sys/random.h>

#include "base/arena.h"
#include "base/codec.h"
#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/keys.h"
#include "cmd/session.h"

#define DEFAULT_PREFIX "b"

static const struct opt options[] = {
    {"verp-keys", 0, OPT_TEXT, "FILE", "the keys (default: " VERP_KEYS_FILE "); the last one signs, all verify"},
    {"domain", 'd', OPT_TEXT, "DOMAIN", "make: the domain that receives bounces"},
    {"prefix", 0, OPT_TEXT, "WORD", "make: the mailbox in front of the token (default: " DEFAULT_PREFIX ")"},
    {"message", 'm', OPT_TEXT, "ID", "id of the message or campaign"},
    {"recipient", 'r', OPT_TEXT, "ADDRESS", "verify: the recipient, where the return path carries only an id"},
    {"ledger", 'l', OPT_TEXT, "FILE", "make: keep whose path it is, where it carries only an id"},
    CMD_OPT_TENANT,
    {"max-days", 0, OPT_NUMBER, "N", "verify: refuse what is older"},
    CMD_OPT_JSON,
    OPT_END,
};

struct verp {
    struct args *args;
    struct verp_keys keys;
    arena arena;
    buf out;
    slice tenant;
    uint32_t today;
};

static int keygen(struct verp *v)
{
    unsigned char secret[KEYS_SECRET_BYTES];
    char text[KEYS_SECRET_BYTES * 8 / 5 + 1];
    unsigned id = v->keys.n ? (v->keys.keys[v->keys.n - 1].id + 1u) % VERP_KEYS_MAX : 0;
    if (getrandom(secret, sizeof secret, 0) != (ssize_t)sizeof secret) {
        cmd_error(v->args, "the system gives no random bytes");
        return EXIT_UNAVAILABLE;
    }
    size_t n = base32_encode((slice){(const char *)secret, sizeof secret}, text);
    buf_printf(&v->out, "%u %.*s\n", id, (int)n, text);
    explicit_bzero(secret, sizeof secret);
    return EXIT_YES;
}

/* An id says whose it is by the ledger only. */
static int remember(struct verp *v, slice opaque, slice key)
{
    struct session s;
    err e;
    if (slice_empty(opaque) || !args_text(v->args, "ledger", NULL))
        return EXIT_YES;
    int code = session_open(&s, v->args, SESSION_WRITE);
    if (code)
        return code;
    enum status st = ledger_begin(s.ledger, &e);
    if (st == OK)
        st = ledger_put_opaque(s.ledger, v->tenant, opaque, key, s.now_us, &e);
    if (st == OK)
        st = ledger_commit(s.ledger, &e);
    if (st != OK)
        code = cmd_fail(v->args, &e);
    else if (ledger_hashed(s.ledger))
        cmd_error(v->args, "%s keeps addresses as hashes only, and so not whose this path is", s.path);
    session_close(&s);
    return code;
}

static int make(struct verp *v)
{
    const char *domain = args_text(v->args, "domain", NULL);
    if (args_count(v->args) != 2 || !domain)
        return cmd_usage(v->args, "verp make ADDRESS --domain DOMAIN [--message ID]");
    slice key;
    slice recipient = bounce_address(slice_str(args_get(v->args, 1)), &v->arena, &key);
    if (slice_empty(recipient)) {
        cmd_error(v->args, "'%s' is no address", args_get(v->args, 1));
        return EXIT_DATA;
    }
    struct bounce_verp what = {.tenant = v->tenant,
                               .recipient = recipient,
                               .message = slice_str(args_text(v->args, "message", "")),
                               .opaque = SLICE_EMPTY,
                               .day = v->today};
    slice path, opaque = SLICE_EMPTY;
    enum bounce_status s =
        bounce_verp_make(&v->keys.keys[v->keys.n - 1], &what, slice_str(args_text(v->args, "prefix", DEFAULT_PREFIX)),
                         slice_str(domain), &v->arena, &path, &opaque);
    if (s != BOUNCE_OK) {
        cmd_error(v->args, "no return path can be made of these; is the prefix longer than a few letters?");
        return EXIT_DATA;
    }
    int code = remember(v, opaque, key);
    if (code)
        return code;
    if (!args_flag(v->args, "json")) {
        buf_add(&v->out, path);
        buf_addc(&v->out, '\n');
        return EXIT_YES;
    }
    struct jsonw j;
    jsonw_init(&j, &v->out);
    jsonw_object(&j);
    jsonw_kstr(&j, "return_path", path);
    jsonw_kstr(&j, "recipient", recipient);
    jsonw_kstr_opt(&j, "opaque", opaque);
    jsonw_end_object(&j);
    buf_addc(&v->out, '\n');
    return EXIT_YES;
}

static const struct {
    const char *word, *text;
} outcomes[] = {
    [BOUNCE_VERP_OK] = {"ok", "signed by us"},
    [BOUNCE_VERP_NOT] = {"not-ours", "not of our form"},
    [BOUNCE_VERP_FORGED] = {"forged", "of our form, but the signature is wrong: tampered with, or another recipient's"},
    [BOUNCE_VERP_OLD_KEY] = {"old-key", "signed by a key that is not in the file"},
    [BOUNCE_VERP_EXPIRED] = {"expired", "older than --max-days"},
};

static int verify(struct verp *v)
{
    if (args_count(v->args) != 2)
        return cmd_usage(v->args, "verp verify RETURN-PATH");
    struct bounce_verp found;
    enum bounce_verp_status s =
        bounce_verp_verify(v->keys.keys, v->keys.n, v->tenant, slice_str(args_get(v->args, 1)),
                           slice_str(args_text(v->args, "recipient", "")), slice_str(args_text(v->args, "message", "")),
                           v->today, (uint32_t)args_number(v->args, "max-days", 0), &v->arena, &found);
    if (args_flag(v->args, "json")) {
        struct jsonw j;
        jsonw_init(&j, &v->out);
        jsonw_object(&j);
        jsonw_kstr(&j, "result", slice_str(outcomes[s].word));
        if (s == BOUNCE_VERP_OK || s == BOUNCE_VERP_EXPIRED) {
            jsonw_kstr_opt(&j, "recipient", found.recipient);
            jsonw_kstr_opt(&j, "message", found.message);
            jsonw_kstr_opt(&j, "opaque", found.opaque);
            jsonw_ktime_opt(&j, "day", (int64_t)found.day * TIME_DAY);
            jsonw_ki64(&j, "key", found.key_id);
        }
        jsonw_end_object(&j);
    } else {
        buf_printf(&v->out, "%s: %s", outcomes[s].word, outcomes[s].text);
        if (s == BOUNCE_VERP_OK && !slice_empty(found.recipient)) {
            buf_adds(&v->out, " for ");
            text_add_safe(&v->out, found.recipient, 254);
        }
    }
    buf_addc(&v->out, '\n');
    return s == BOUNCE_VERP_OK ? EXIT_YES : EXIT_NO;
}

static int act(struct verp *v)
{
    const char *what = args_get(v->args, 0);
    if (what && strcmp(what, "keygen") == 0)
        return keygen(v);
    if (v->keys.n == 0 && what) {
        cmd_error(v->args, "there are no keys; `bounced verp keygen >> %s` makes one (chmod 0640 it)", VERP_KEYS_FILE);
        return EXIT_CONFIG;
    }
    if (what && strcmp(what, "make") == 0)
        return make(v);
    if (what && strcmp(what, "verify") == 0)
        return verify(v);
    return cmd_usage(v->args, "what to do? make, verify or keygen");
}

static int run(struct args *a)
{
    struct verp v = {
        .args = a, .tenant = slice_str(args_text(a, "tenant", "")), .today = (uint32_t)(session_clock() / TIME_DAY)};
    int code = keys_load(a, &v.keys);
    if (code)
        return code;
    arena_init(&v.arena, 0);
    buf_init(&v.out, 0);
    code = act(&v);
    cmd_write(&v.out);
    buf_fini(&v.out);
    arena_fini(&v.arena);
    verp_keys_clear(&v.keys);
    return code;
}

const struct cmd cmd_verp = {
    .name = "verp",
    .usage = "[options] make ADDRESS | verify RETURN-PATH | keygen",
    .summary = "make and verify signed return paths",
    .details = "A signed return path proves that a bounce answers a message of ours, and to whom it was sent.\n"
               "Exit status of verify: 0 ours, 1 not.",
    .options = options,
    .run = run,
};
