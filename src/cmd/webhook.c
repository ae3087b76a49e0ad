#include <string.h>
#include <time.h>

#include "cmd/commands.h"
#include "cmd/print_webhook.h"
#include "core/slurp.h"
#include "feed/esp_mapping.h"

#define MAX_HEADERS 64u
#define MAX_SECRETS_BYTES 65536u

static const struct opt options[] = {
    CMD_OPT_JSON,
    CMD_OPT_RULES,
    {"mapping", 0, OPT_TEXT, "FILE", "a platform of your own; instead of ESP"},
    {"secret", 0, OPT_LIST, "SECRET",
     "verify with this key, or with user:password, \"bearer TOKEN\", \"header NAME: VALUE\""},
    {"secret-file", 0, OPT_TEXT, "FILE", "secrets, one a line; those on a command line can be seen by others"},
    {"header", 0, OPT_LIST, "'NAME: VALUE'", "a header field of the request"},
    {"url", 0, OPT_TEXT, "URL", "our address as the platform knows it (mandrill)"},
    {"topic", 0, OPT_LIST, "ARN", "an SNS topic of ours (ses)"},
    {"certificate", 0, OPT_TEXT, "FILE", "the certificate, in PEM, that SNS signs with (ses)"},
    {"now", 0, OPT_TEXT, "TIME", "verify as if it were this time"},
    {"window", 0, OPT_NUMBER, "SECONDS", "how old a signed time may be"},
    OPT_END,
};

struct webhook {
    struct args *args;
    arena arena;
    const struct esp *esp;
    slice body;
    slice secrets[ESP_MAX_SECRETS], topics[ESP_MAX_SECRETS];
    struct esp_header headers[MAX_HEADERS];
    struct esp_request request;
    struct esp_trust trust;
    buf out;
};

/* ---- what was given ------------------------------------------------------------------------------------------- */

/* A whole file in the arena. Returns an exit code. */
static int read_file(struct webhook *w, const char *path, size_t max, slice *out)
{
    err e;
    bool cut;
    buf text;
    buf_init(&text, 0);
    int code = EXIT_YES;
    if (slurp(path, max, &text, &cut, &e) != OK) {
        code = cmd_fail(w->args, &e);
    } else if (cut) {
        cmd_error(w->args, "%s: longer than %zu octets", path, max);
        code = EXIT_DATA;
    }
    *out = arena_dup(&w->arena, buf_slice(&text));
    buf_fini(&text);
    return code;
}

static int find_platform(struct webhook *w)
{
    err e;
    slice text;
    const char *mapping = args_text(w->args, "mapping", NULL);
    if (!mapping) {
        w->esp = args_count(w->args) == 1 ? esp_find(slice_str(args_get(w->args, 0))) : NULL;
        if (w->esp)
            return EXIT_YES;
        for (size_t i = 0; esp_at(i); i++)
            buf_printf(&w->out, "%s%s", i ? ", " : "", esp_at(i)->name);
        int code = cmd_usage(w->args, "which platform? %s, or --mapping FILE", w->out.p);
        buf_clear(&w->out);
        return code;
    }
    if (args_count(w->args) > 0)
        return cmd_usage(w->args, "--mapping stands in place of a platform");
    int code = read_file(w, mapping, ESP_MAPPING_MAX_BYTES, &text);
    if (!code && esp_mapping_read(text, &w->arena, &w->esp, &e) != OK) {
        cmd_fail_at(w->args, mapping, &e);
        code = EXIT_CONFIG;
    }
    return code;
}

static int take_headers(struct webhook *w)
{
    const char *text;
    size_t n = 0;
    for (; (text = args_list(w->args, "header", n)) != NULL; n++) {
        slice rest = slice_str(text);
        size_t colon = slice_chr(rest, ':');
        if (colon == SLICE_NPOS || n == MAX_HEADERS)
            return cmd_usage(w->args, "--header is 'NAME: VALUE', at most %u times", MAX_HEADERS);
        w->headers[n] =
            (struct esp_header){slice_trim(slice_sub(rest, 0, colon)), slice_trim(slice_from(rest, colon + 1))};
    }
    w->request = (struct esp_request){w->headers, n, w->body};
    return EXIT_YES;
}

static int take_list(struct webhook *w, const char *option, slice *list, size_t *n)
{
    const char *text;
    for (size_t i = 0; (text = args_list(w->args, option, i)) != NULL; i++) {
        if (*n == ESP_MAX_SECRETS)
            return cmd_usage(w->args, "--%s: at most %u", option, ESP_MAX_SECRETS);
        list[(*n)++] = slice_str(text);
    }
    return EXIT_YES;
}

static int take_secret_file(struct webhook *w)
{
    slice text, line;
    const char *path = args_text(w->args, "secret-file", NULL);
    int code = path ? read_file(w, path, MAX_SECRETS_BYTES, &text) : EXIT_YES;
    if (!path || code)
        return code;
    while (slice_line(&text, &line)) {
        if (slice_empty(slice_trim(line)))
            continue;
        if (w->trust.secret_count == ESP_MAX_SECRETS)
            return cmd_usage(w->args, "%s: more than %u secrets", path, ESP_MAX_SECRETS);
        w->secrets[w->trust.secret_count++] = slice_trim(line);
    }
    return EXIT_YES;
}

static int take_trust(struct webhook *w)
{
    struct esp_trust *t = &w->trust;
    const char *certificate = args_text(w->args, "certificate", NULL);
    t->secrets = w->secrets;
    t->topics = w->topics;
    t->url = slice_str(args_text(w->args, "url", ""));
    t->certificate = t->certificate_url = SLICE_EMPTY;
    t->window_us = args_number(w->args, "window", 0) * TIME_SECOND;
    int code = take_list(w, "secret", w->secrets, &t->secret_count);
    code = code ? code : take_list(w, "topic", w->topics, &t->topic_count);
    code = code ? code : take_secret_file(w);
    return code || !certificate ? code : read_file(w, certificate, MAX_SECRETS_BYTES, &t->certificate);
}

/* ---- verifying ------------------------------------------------------------------------------------------------ */

static int now(const struct webhook *w, int64_t *us)
{
    const char *text = args_text(w->args, "now", NULL);
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    *us = text ? time_parse_any(slice_str(text)) : (int64_t)t.tv_sec * TIME_SECOND + t.tv_nsec / 1000;
    return *us == TIME_NONE ? cmd_usage(w->args, "--now: no time: %s", text) : EXIT_YES;
}

static void tell_url(struct webhook *w, const char *name, const char *text, slice url)
{
    struct jsonw j;
    jsonw_init(&j, &w->out);
    if (args_flag(w->args, "json")) {
        jsonw_object(&j);
        jsonw_kstr(&j, name, url);
        jsonw_end_object(&j);
    } else {
        buf_printf(&w->out, "%s %.*s", text, SLICE_FMT(url));
    }
    buf_addc(&w->out, '\n');
}

static int verify(struct webhook *w, bool *done)
{
    int64_t now_us;
    struct esp_check check;
    int code = now(w, &now_us);
    if (code)
        return code;
    switch (esp_verify(w->esp, &w->request, &w->trust, now_us, &w->arena, &check)) {
    case ESP_DENIED:
        cmd_error(w->args, "denied (%s): %s", esp_why_word(check.why), esp_why_text(check.why));
        return EXIT_NO;
    case ESP_NEED_CERTIFICATE:
        tell_url(w, "certificate_url",
                 "to verify it, fetch this and give it with --certificate:", check.certificate_url);
        return EXIT_UNAVAILABLE;
    case ESP_GENUINE:
        break;
    }
    if (!slice_empty(check.confirm_url))
        tell_url(w, "confirm_url", "to confirm the subscription, visit", check.confirm_url);
    *done = check.no_events;
    return EXIT_YES;
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

static void judge(const struct bounce_rules *rules, struct observation *o, arena *a)
{
    struct bounce_evidence_set evidence = {.text = o->reply,
                                           .status = o->status,
                                           .provider = slice_empty(o->provider) ? o->remote_mta : o->provider,
                                           .recipient = o->recipient,
                                           .phase = o->phase,
                                           .kind = o->kind};
    bool failure = bounce_kind_final(o->kind) || bounce_kind_attempt(o->kind);
    if (failure && slice_empty(o->verdict.rule))
        MUST(bounce_judge(rules, &evidence, a, &o->verdict) != BOUNCE_INVALID);
}

static void print_event(struct webhook *w, struct esp_result *r, const struct esp_event *event,
                        const struct bounce_rules *rules)
{
    void (*print)(buf *, const struct esp *, const struct esp_event *, const struct observation *) =
        args_flag(w->args, "json") ? json_webhook : print_webhook;
    for (size_t i = 0; i < event->n; i++) {
        struct observation *o = &r->list.items[event->first + i];
        judge(rules, o, &w->arena);
        print(&w->out, w->esp, event, o);
    }
    if (event->n == 0)
        print(&w->out, w->esp, event, NULL);
    if (w->out.n > 65536)
        cmd_write(&w->out);
}

static int print_events(struct webhook *w, const struct bounce_rules *rules, bool verified)
{
    struct esp_result r;
    struct esp_options o = {.trust = verified ? TRUST_PROVEN : TRUST_BARE};
    if (!esp_parse(w->esp, w->body, &o, &w->arena, &r))
        cmd_error(w->args, "a limit was reached; what was found so far is printed");
    for (size_t i = 0; i < r.event_count; i++)
        print_event(w, &r, &r.events[i], rules);
    for (unsigned bit = 0; bit < ESP_DIAGS; bit++)
        if (r.diag & (1u << bit))
            cmd_error(w->args, "the body: %s", esp_diag_word(bit));
    return r.diag & (ESP_DIAG_NO_JSON | ESP_DIAG_DEEP | ESP_DIAG_MANY) ? EXIT_DATA : EXIT_YES;
}

static int act(struct webhook *w)
{
    bool done = false;
    int code = find_platform(w);
    code = code ? code : take_trust(w);
    code = code ? code : read_file(w, "-", ESP_MAX_BODY_BYTES, &w->body);
    code = code ? code : take_headers(w);
    bool asked = w->trust.secret_count + w->trust.topic_count > 0;
    if (!code && asked)
        code = verify(w, &done);
    if (code || done)
        return code;
    struct bounce_rules *rules = cmd_load_rules(w->args, &code);
    if (!rules)
        return code;
    code = print_events(w, rules, asked);
    bounce_rules_free(&rules);
    return code;
}

static int run(struct args *a)
{
    struct webhook w = {.args = a};
    arena_init(&w.arena, 0);
    buf_init(&w.out, 0);
    int code = act(&w);
    cmd_write(&w.out);
    buf_fini(&w.out);
    arena_fini(&w.arena);
    return code;
}

const struct cmd cmd_webhook = {
    .name = "webhook",
    .usage = "[options] ESP < BODY",
    .summary = "read a webhook of a sending platform, and verify it",
    .details =
        "Prints what each event of the body means; needs no ledger and changes none. With a secret or topic the\n"
        "signature is checked first, as the daemon does it: exit status 1 and nothing read when it is denied.\n"
        "ESP is one of ses, sendgrid, mailgun, postmark, sparkpost, mailjet, brevo, mandrill, mailersend, resend\n"
        "and postal.",
    .options = options,
    .run = run,
};
