#include "serve/learn.h"

#include <stdlib.h>

#include "core/cadence.h"
#include "core/rule_files.h"
#include "core/verp_keys.h"
#include "serve/answers.h"
#include "serve/conf.h"

struct learning {
    const struct settings *settings;
    struct knowledge *k;
    settings_problem_fn tell;
    void *ctx;
    bool failed;
};

static void problem(struct learning *l, slice text)
{
    l->failed = true;
    if (l->tell)
        l->tell(l->ctx, SLICE_EMPTY, 0, false, text);
}

static void learn_breaker(const struct settings *s, struct breaker_limits *out)
{
    const struct conf_breaker *c = settings_of(s, "breaker");
    *out = (struct breaker_limits){
        .on = c->on,
        .flood = {.count = (uint32_t)c->count, .span_us = c->span_us, .times = (unsigned)c->times},
    };
}

/* What `auto` chose stands in the ledger; where there is none yet, nothing was chosen. */
static void learn_cadences(struct learning *l)
{
    const struct conf_ledger *c = settings_of(l->settings, "ledger");
    struct ledger_options o = {.path = c->path.p, .read_only = true};
    struct ledger *ledger = NULL;
    err e;
    if (!cadence_wanted(&l->k->policy))
        return;
    enum status st = ledger_open(&o, &ledger, &e);
    if (st == OK)
        st = cadence_apply(ledger, &l->k->policy, &l->k->a, &e);
    if (ledger)
        ledger_close(&ledger);
    if (st != OK && st != E_NOT_FOUND && st != E_UNSUPPORTED) /* an older one is brought up to date by who writes */
        problem(l, slice_str(e.text));
}

static void compile(struct learning *l, const struct rule_files *files)
{
    slice problems = SLICE_EMPTY, line;
    enum bounce_status st = bounce_rules_new(files->list, files->n, false, &l->k->a, &l->k->rules, &problems);
    if (st == BOUNCE_LIMIT)
        problem(l, S("out of memory for the rules"));
    while (st == BOUNCE_INVALID && slice_line(&problems, &line))
        problem(l, line);
}

static void learn_rules(struct learning *l)
{
    const struct conf_rules *c = settings_of(l->settings, "rules");
    struct rule_files *files = calloc(1, sizeof *files);
    err e;
    if (!files) {
        problem(l, S("out of memory for the rules"));
        return;
    }
    for (size_t i = 0; i < c->files.n; i++) {
        enum status st = rule_files_add(files, c->files.v[i].p, &l->k->a, &e);
        if (st != OK && !(st == E_NOT_FOUND && slice_eq(c->files.v[i], S(RULE_FILES_DIR))))
            problem(l, slice_str(e.text));
    }
    if (!l->failed)
        compile(l, files);
    free(files);
}

static void learn_keys(struct learning *l)
{
    const struct conf_sign *c = settings_of(l->settings, "sign");
    struct verp_keys *keys = arena_calloc(&l->k->a, 1, sizeof *keys);
    err e;
    if (!keys) {
        problem(l, S("out of memory for the keys"));
        return;
    }
    l->k->verp_max_days = (uint32_t)((c->max_age_us + TIME_DAY - 1) / TIME_DAY);
    if (slice_empty(c->keys))
        return;
    enum status st = verp_keys_read(c->keys.p, keys, &e);
    if (st != OK && !(st == E_NOT_FOUND && slice_eq(c->keys, S(VERP_KEYS_FILE))))
        problem(l, slice_str(e.text));
    l->k->verp_keys = keys->keys;
    l->k->verp_key_count = keys->n;
}

struct incident_settings learn_incidents(const struct settings *s)
{
    const struct conf_incidents *c = settings_of(s, "incidents");
    return (struct incident_settings){
        .off = !c->enabled, .sensitivity = (enum meter_sensitivity)c->sensitivity, .defer = c->answer == 1};
}

struct knowledge *learn(const struct settings *s, settings_problem_fn tell, void *ctx)
{
    err e;
    struct learning l = {.settings = s, .k = knowledge_new(), .tell = tell, .ctx = ctx};
    if (!l.k) {
        problem(&l, S("out of memory"));
        return NULL;
    }
    learn_breaker(s, &l.k->breaker);
    if (learn_policy(s, &l.k->a, &l.k->policy, &e) != OK)
        problem(&l, slice_str(e.text));
    else
        learn_cadences(&l);
    l.k->incidents = learn_incidents(s);
    learn_rules(&l);
    learn_keys(&l);
    l.failed = !answers_check(s, tell, ctx) || l.failed;
    if (!l.failed)
        return l.k;
    const struct knowledge *mine = l.k;
    knowledge_release(&mine);
    return NULL;
}
