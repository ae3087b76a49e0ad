/* The roles that are asked before a send: one listener each, its protocol, and an answerer that reads the table. */
#include <stdlib.h>

#include "net/line.h"
#include "net/milter.h"
#include "net/postfix_policy.h"
#include "net/socketmap.h"
#include "net/tcp_table.h"
#include "serve/answer.h"
#include "serve/roles.h"

#define IDLE_US (10 * TIME_MINUTE) /* mail servers come again by themselves */
#define FRAME_US (30 * TIME_SECOND)
#define MILTER_IDLE_US TIME_HOUR            /* as long as an SMTP client may think: closing would defer its mail */
#define TROUBLE_EVERY_US (10 * TIME_SECOND) /* one line a role */
#define MAX_INPUT_BYTES (128u * 1024)       /* over the longest frame of each protocol */

/* What the sections have in common. */
struct common {
    slice listen, tenant, stream, group;
    unsigned mode, access;
    int64_t max_connections;
};

#define COMMON(c)                                                                                       \
    {                                                                                                   \
        (c)->listen, (c)->tenant, (c)->stream, (c)->group, (c)->mode, (c)->access, (c)->max_connections \
    }

struct answering {
    struct daemon *d;
    const char *kind;
    slice name;
    struct listener *listener;
    struct asker asker;
    struct answers *answers;
    struct answerer answerer;
    struct tcp_table tcp_table;
    struct milter milter;
    bool told_failing;
    uint64_t troubles;
    int64_t trouble_told_us;
    size_t remembering; /* units under way */
};

/* ---- questions ---- */

static void tell_failing(struct answering *r)
{
    struct log_quoted name;
    if (r->answerer.failing == r->told_failing)
        return;
    r->told_failing = r->answerer.failing;
    if (r->told_failing)
        log_event(r->d->log, LOG_LEVEL_ERROR, "answers.failing", "role=%s name=%s answer=%s", r->kind,
                  log_text(&name, r->name), r->answers->fail_closed ? "defer" : "send");
    else
        log_event(r->d->log, LOG_LEVEL_INFO, "answers.back", "role=%s name=%s", r->kind, log_text(&name, r->name));
}

static void asked(void *ctx, const struct ask *q, struct ask_answer *out)
{
    struct answering *r = ctx;
    uint64_t failed = r->answerer.counts[ANSWER_FAILED];
    r->answerer.table = r->d->table;
    r->answerer.pauses = r->d->pauses;
    answer_question(&r->answerer, q, daemon_now(r->d), out);
    metric_add(r->d->metrics, METRIC_checks_asked, 1);
    if (r->answerer.counts[ANSWER_FAILED] != failed && !r->answerer.answers->fail_closed)
        metric_add(r->d->metrics, METRIC_checks_open, 1);
    tell_failing(r);
}

static void trouble(void *ctx, const struct conn_peer *peer, const char *what)
{
    struct answering *r = ctx;
    struct log_quoted name, from;
    int64_t now_us = daemon_now(r->d);
    r->troubles++;
    if (r->trouble_told_us && now_us - r->trouble_told_us < TROUBLE_EVERY_US && now_us >= r->trouble_told_us)
        return;
    r->trouble_told_us = now_us;
    log_event(r->d->log, LOG_LEVEL_WARN, "answers.peer", "role=%s name=%s peer=%s cause=\"%s\" so_far=%llu", r->kind,
              log_text(&name, r->name), log_text(&from, peer->name), what, (unsigned long long)r->troubles);
}

/* ---- return paths that carry an id: whose it is goes into the ledger ---- */

struct opaque_unit {
    struct unit unit; /* first */
    struct answering *role;
    int64_t now_us;
    slice tenant, opaque, key; /* behind the struct */
};

static enum status write_opaque(struct unit *u, struct ledger *l, err *e)
{
    const struct opaque_unit *o = (const struct opaque_unit *)(const void *)u;
    return ledger_put_opaque(l, o->tenant, o->opaque, o->key, o->now_us, e);
}

static void opaque_done(struct unit *u)
{
    struct opaque_unit *o = (struct opaque_unit *)(void *)u;
    if (u->status != OK)
        log_event(o->role->d->log, LOG_LEVEL_WARN, "sign.forgotten", "status=%s", status_word(u->status));
    o->role->remembering--;
    free(o);
}

static slice copy_behind(char **p, slice s)
{
    memcpy(*p, s.p, s.n);
    slice copy = slice_of(*p, s.n);
    *p += s.n;
    return copy;
}

/* The mail goes out whether or not it can be written: our own log will tell of it again (docs/verp.md). */
static void remember(void *ctx, slice tenant, slice opaque, slice key)
{
    struct answering *r = ctx;
    struct opaque_unit *o = calloc(1, sizeof *o + tenant.n + opaque.n + key.n);
    if (!o)
        return;
    char *behind = (char *)(o + 1);
    o->role = r;
    o->now_us = daemon_now(r->d);
    o->tenant = copy_behind(&behind, tenant);
    o->opaque = copy_behind(&behind, opaque);
    o->key = copy_behind(&behind, key);
    o->unit.more = write_opaque;
    o->unit.done = opaque_done;
    if (writer_put(r->d->writer, &o->unit) == OK)
        r->remembering++;
    else
        free(o);
}

/* ---- the way of a role ---- */

static enum status listen_on(struct answering *r, const struct common *c, const struct protocol *protocol, void *ctx,
                             err *e)
{
    struct listen_options o = {
        .address = c->listen,
        .unix_mode = c->access == 1 ? 0666 : 0660,
        .unix_group = c->group,
        .max_connections = (size_t)c->max_connections,
        .max_input = MAX_INPUT_BYTES,
        .idle_us = protocol == &milter_protocol ? MILTER_IDLE_US : IDLE_US,
        .frame_us = FRAME_US,
        .protocol = protocol,
        .ctx = ctx,
    };
    return listener_open(&o, &r->listener, e);
}

static void set_mode(struct answer_listener *l, unsigned word)
{
    l->has_mode = word > 0; /* 0: "default" */
    l->mode = word > 0 ? (enum answer_mode)(word - 1) : ANSWER_REJECT;
}

static enum status make(struct daemon *d, const struct section *section, const struct common *c,
                        const struct answer_listener *listener, struct answering **out, err *e)
{
    struct answering *r = calloc(1, sizeof *r);
    *out = r;
    if (!r)
        return err_set(e, E_MEMORY, "%s: out of memory", section->kind);
    struct answer_listener l = *listener;
    r->d = d;
    r->kind = section->kind;
    r->name = section->name;
    l.tenant = c->tenant;
    l.stream = c->stream;
    set_mode(&l, c->mode);
    asker_init(&r->asker, asked, trouble, r);
    answerer_init(&r->answerer, NULL, &l);
    enum status st = answers_new(settings_of(d->settings, "answers"), &r->answers, e);
    r->answerer.answers = r->answers;
    r->answerer.remember = remember;
    r->answerer.remember_ctx = r;
    r->tcp_table = (struct tcp_table){&r->asker, ACCESS_ACTION};
    r->milter = (struct milter){.asker = &r->asker};
    return st;
}

static const struct answer_listener plain = {.sender_domain = SLICE_INIT(""), .sender_prefix = SLICE_INIT("")};

static enum status open_plain(struct daemon *d, const struct section *section, const struct common *c,
                              const struct protocol *protocol, void **self, err *e)
{
    struct answering *r;
    enum status st = make(d, section, c, &plain, &r, e);
    *self = r;
    return st == OK ? listen_on(r, c, protocol, &r->asker, e) : st;
}

static enum status socketmap_open(struct daemon *d, const struct section *section, void **self, err *e)
{
    const struct conf_socketmap *conf = section->values;
    struct common c = COMMON(conf);
    return open_plain(d, section, &c, &socketmap_protocol, self, e);
}

static enum status postfix_policy_open(struct daemon *d, const struct section *section, void **self, err *e)
{
    const struct conf_postfix_policy *conf = section->values;
    struct common c = COMMON(conf);
    return open_plain(d, section, &c, &postfix_policy_protocol, self, e);
}

static enum status line_open(struct daemon *d, const struct section *section, void **self, err *e)
{
    const struct conf_line *conf = section->values;
    struct common c = COMMON(conf);
    return open_plain(d, section, &c, &line_protocol, self, e);
}

static enum status tcp_table_open(struct daemon *d, const struct section *section, void **self, err *e)
{
    const struct conf_tcp_table *conf = section->values;
    struct common c = COMMON(conf);
    struct answering *r;
    enum status st = make(d, section, &c, &plain, &r, e);
    *self = r;
    if (st != OK)
        return st;
    r->tcp_table.form = conf->form == 1 ? ACCESS_TRANSPORT : ACCESS_ACTION;
    return listen_on(r, &c, &tcp_table_protocol, &r->tcp_table, e);
}

static enum status milter_open(struct daemon *d, const struct section *section, void **self, err *e)
{
    const struct conf_milter *conf = section->values;
    struct common c = COMMON(conf);
    struct answer_listener listener = {.change_sender = conf->sign_sender,
                                       .reference = conf->reference,
                                       .sender_domain = conf->bounce_domain,
                                       .sender_prefix = conf->bounce_prefix};
    struct answering *r;
    enum status st = make(d, section, &c, &listener, &r, e);
    *self = r;
    if (st != OK)
        return st;
    r->milter.asks_message = conf->sign_sender || conf->reference;
    if (r->milter.asks_message && slice_empty(conf->bounce_domain))
        return err_set(e, E_INVALID, "milter %.*s: bounce_domain is needed for what is signed", SLICE_FMT(r->name));
    return listen_on(r, &c, &milter_protocol, &r->milter, e);
}

static enum status start(void *self, err *e)
{
    struct answering *r = self;
    r->answerer.knowledge = r->d->knowledge;
    return listener_start(r->listener, r->d->base, e);
}

/* Who is connected is answered to the end. */
static void drain(void *self)
{
    struct answering *r = self;
    listener_stop(r->listener);
}

static bool idle(const void *self)
{
    const struct answering *r = self;
    return r->remembering == 0;
}

static void close_role(void **self)
{
    struct answering *r = *self;
    if (!r)
        return;
    listener_close(&r->listener);
    answerer_fini(&r->answerer);
    asker_fini(&r->asker);
    answers_free(&r->answers);
    free(r);
    *self = NULL;
}

/* The mode of a section that is still there. */
static unsigned mode_of(const struct section *s)
{
    static const struct {
        const char *kind;
        size_t at;
    } kinds[] = {
        {"socketmap", offsetof(struct conf_socketmap, mode)},
        {"tcp_table", offsetof(struct conf_tcp_table, mode)},
        {"postfix-policy", offsetof(struct conf_postfix_policy, mode)},
        {"line", offsetof(struct conf_line, mode)},
        {"milter", offsetof(struct conf_milter, mode)},
    };
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (strcmp(s->kind, kinds[i].kind) == 0)
            return *(const unsigned *)(const void *)((const char *)s->values + kinds[i].at);
    return 0;
}

static void reload(void *self, const struct section *section)
{
    struct answering *r = self;
    struct answers *fresh;
    struct log_quoted cause;
    err e;
    if (answers_new(settings_of(r->d->settings, "answers"), &fresh, &e) != OK) {
        log_event(r->d->log, LOG_LEVEL_ERROR, "answers.kept", "role=%s cause=%s", r->kind,
                  log_text(&cause, slice_str(e.text)));
        return;
    }
    answers_free(&r->answers);
    r->answers = fresh;
    r->answerer.answers = fresh;
    if (section)
        set_mode(&r->answerer.listener, mode_of(section));
}

static void show_status(const void *self, struct jsonw *j)
{
    const struct answering *r = self;
    const struct listener_counts *n = listener_counts(r->listener);
    jsonw_kstr(j, "listen", listener_address(r->listener));
    jsonw_kbool(j, "failing", r->answerer.failing);
    jsonw_ki64(j, "connections", (int64_t)n->open);
    jsonw_ki64(j, "accepted", (int64_t)n->accepted);
    jsonw_ki64(j, "sent_away", (int64_t)(r->troubles + n->overflows));
    for (enum answer_count c = 0; c < ANSWER_COUNTS; c++)
        jsonw_ki64(j, answer_count_name(c), (int64_t)r->answerer.counts[c]);
    if (r->milter.not_offered)
        jsonw_ki64(j, "not_offered", (int64_t)r->milter.not_offered);
}

static void add_metrics(const void *self, buf *out)
{
    const struct answering *r = self;
    for (enum answer_count c = 0; c < ANSWER_COUNTS; c++)
        buf_printf(out, "bounced_answers_total{role=\"%s\",name=\"%.*s\",result=\"%s\"} %llu\n", r->kind,
                   SLICE_FMT(r->name), answer_count_name(c), (unsigned long long)r->answerer.counts[c]);
    buf_printf(out, "bounced_answers_failing{role=\"%s\",name=\"%.*s\"} %d\n", r->kind, SLICE_FMT(r->name),
               r->answerer.failing);
    buf_printf(out, "bounced_answers_connections{role=\"%s\",name=\"%.*s\"} %zu\n", r->kind, SLICE_FMT(r->name),
               listener_counts(r->listener)->open);
}

#define ROLE(id, word)                                    \
    const struct role id##_role = {.name = word,          \
                                   .section = word,       \
                                   .open = id##_open,     \
                                   .start = start,        \
                                   .drain = drain,        \
                                   .idle = idle,          \
                                   .close = close_role,   \
                                   .reload = reload,      \
                                   .status = show_status, \
                                   .metrics = add_metrics}
ROLE(socketmap, "socketmap");
ROLE(tcp_table, "tcp_table");
ROLE(postfix_policy, "postfix-policy");
ROLE(line, "line");
ROLE(milter, "milter");
