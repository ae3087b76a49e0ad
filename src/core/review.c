#include "core/review.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/text.h"
#include "bounce/fold.h"
#include "core/atomic_file.h"
#include "core/entry.h"

/* ---- held reports ---- */

struct held_walk {
    struct ledger *ledger;
    const struct policy *policy;
    held_report_fn each;
    void *ctx;
    int64_t limit, given;
    arena a;
    enum status status;
    err *e;
    /* of the address that is looked at */
    struct address_status now;
    int64_t id;
    slice tenant, address;
    bool stopped;
};

static bool give_held(void *ctx, const struct ledger_event *ev, const struct observation *o)
{
    struct held_walk *w = ctx;
    for (size_t i = 0; i < w->now.held_count; i++) {
        if (w->now.held[i] != ev->fold.key || ev->what != EVENT_OBSERVED)
            continue;
        struct held_report h = {ev->seq, w->id, w->tenant, w->address, o};
        w->given++;
        w->stopped = !w->each(w->ctx, &h) || (w->limit && w->given >= w->limit);
    }
    return !w->stopped;
}

static bool look_held(void *ctx, const struct ledger_address *addr)
{
    struct held_walk *w = ctx;
    struct entry n;
    struct history_env env = {TIME_NONE};
    arena_reset(&w->a);
    w->status = entry_open(&n, w->ledger, w->policy, addr, &w->a, w->e);
    if (w->status == OK && !history_state(&n.history, &env, 0, &w->now))
        w->status = err_set(w->e, E_MEMORY, "review: out of memory");
    w->tenant = addr->tenant;
    w->id = addr->id;
    w->address = slice_empty(addr->address) ? addr->key : addr->address;
    if (w->status == OK && w->now.held_count)
        w->status = ledger_events_of(w->ledger, addr->id, give_held, w, w->e);
    return w->status == OK && !w->stopped;
}

enum status held_reports(struct ledger *l, const struct policy *policy, slice tenant, int64_t limit,
                         held_report_fn each, void *ctx, err *e)
{
    /* suppressed addresses may have held reports too */
    static const enum address_state states[] = {STATE_HELD, STATE_SUPPRESSED};
    struct held_walk w = {.ledger = l, .policy = policy, .each = each, .ctx = ctx, .limit = limit, .e = e};
    enum status st = OK;
    arena_init(&w.a, 0);
    for (size_t i = 0; i < ARRAY_LEN(states) && st == OK && !w.stopped; i++) {
        st = ledger_list(l, tenant, states[i], SLICE_EMPTY, 0, look_held, &w, e);
        if (st == OK)
            st = w.status;
    }
    arena_fini(&w.a);
    return st;
}

/* ---- a reason for a reply group ---- */

#define RULES_MAX_BYTES (16u * 1024 * 1024)
#define PATTERN_MAX_WORDS_BYTES 200u
#define RULE_EXAMPLE_MAX_BYTES 1000u

struct group_search {
    int64_t id;
    arena *a;
    struct ledger_group found;
};

static bool match_group(void *ctx, const struct ledger_group *g)
{
    struct group_search *s = ctx;
    if (g->id != s->id)
        return true;
    s->found = *g;
    s->found.text = arena_dup(s->a, g->text);
    s->found.example = arena_dup(s->a, g->example);
    s->found.provider = arena_dup(s->a, g->provider);
    return false;
}

static enum status find_group(struct ledger *l, int64_t id, arena *a, struct ledger_group *out, err *e)
{
    struct group_search s = {.id = id, .a = a};
    enum status st = ledger_groups(l, BOUNCE_REASONS, 0, match_group, &s, e);
    *out = s.found;
    if (st == OK && !s.found.id)
        st = err_set(e, E_NOT_FOUND, "no reply group %lld; the review lists them", (long long)id);
    return st;
}

/* Words with digits or dots, addresses and numbers differ from reply to reply. */
static bool steady(slice word)
{
    for (size_t i = 0; i < word.n; i++)
        if (ascii_digit(word.p[i]) || strchr("@#.\"\\{}|*", word.p[i]))
            return false;
    return true;
}

#define PIECE_MIN_BYTES 6u
#define PIECES_MAX 4u

/* The runs of steady words of a folded reply, as a pattern: one `text`, or a `seq` of several. */
static slice pattern_of(slice reply, arena *a)
{
    slice rest = fold_text(a, reply), word, pieces[PIECES_MAX + 1] = {SLICE_EMPTY};
    size_t n = 0, total = 0;
    while (n <= PIECES_MAX && slice_word(&rest, &word)) {
        slice *piece = &pieces[n];
        if (steady(word) && total + word.n < PATTERN_MAX_WORDS_BYTES) {
            *piece = slice_empty(*piece) ? word : slice_of(piece->p, (size_t)(word.p + word.n - piece->p));
            total += word.n + 1;
        } else if (piece->n >= PIECE_MIN_BYTES) {
            n++;
        } else {
            *piece = SLICE_EMPTY;
        }
    }
    n += n <= PIECES_MAX && pieces[n].n >= PIECE_MIN_BYTES;
    if (n > PIECES_MAX)
        n = PIECES_MAX;
    buf b;
    buf_init(&b, 0);
    buf_adds(&b, n > 1 ? "seq" : "text");
    for (size_t i = 0; i < n; i++)
        buf_printf(&b, " \"%.*s\"", SLICE_FMT(pieces[i]));
    slice out = n ? arena_dup(a, buf_slice(&b)) : SLICE_EMPTY;
    buf_fini(&b);
    return out;
}

static slice rule_text(const struct ledger_group *g, enum bounce_reason reason, slice pattern, arena *a)
{
    buf b;
    buf_init(&b, 0);
    struct hash128 h = hash128(g->text);
    char id[32];
    hash128_hex(h, id);
    buf_printf(&b, "rule user.%s.%.12s\n  reason %s\n  %.*s\n  example \"", bounce_reason_word(reason), id,
               bounce_reason_word(reason), SLICE_FMT(pattern));
    slice safe = text_safe_dup(a, g->example, RULE_EXAMPLE_MAX_BYTES);
    for (size_t i = 0; i < safe.n; i++) {
        if (safe.p[i] == '"' || safe.p[i] == '\\')
            buf_addc(&b, '\\');
        buf_addc(&b, safe.p[i]);
    }
    buf_adds(&b, "\"\n");
    slice out = arena_dup(a, buf_slice(&b));
    buf_fini(&b);
    return out;
}

/* The file as it is; empty when it is not there. */
static enum status read_rules(const char *path, arena *a, slice *out, err *e)
{
    *out = SLICE_EMPTY;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? OK : err_os(e, errno, "%s: open", path);
    char *p = arena_alloc(a, RULES_MAX_BYTES);
    size_t n = 0;
    ssize_t got = p ? 1 : 0;
    while (got > 0 && n < RULES_MAX_BYTES) {
        got = read(fd, p + n, RULES_MAX_BYTES - n);
        n += got > 0 ? (size_t)got : 0;
    }
    enum status st = got < 0 ? err_os(e, errno, "%s: read", path) : OK;
    (void)close(fd);
    if (st == OK && (!p || n == RULES_MAX_BYTES))
        st = err_set(e, E_MEMORY, "%s: too large for a file of rules", path);
    *out = slice_of(p, n);
    return st;
}

/* The rules as they would be must compile, and must judge the example as told. */
static enum status try_rules(slice text, const char *path, const struct ledger_group *g, enum bounce_reason reason,
                             arena *a, err *e)
{
    struct bounce_rule_file file = {slice_str(path), text};
    struct bounce_rules *rules = NULL;
    slice error = SLICE_EMPTY;
    if (bounce_rules_new(&file, 1, false, a, &rules, &error) != BOUNCE_OK)
        return err_set(e, E_INVALID, "%s: the new rule does not fit: %.*s", path, SLICE_FMT(error));
    struct bounce_evidence_set evidence = {.text = g->example,
                                           .phase = BOUNCE_PHASE_RCPT,
                                           .status = SLICE_EMPTY,
                                           .provider = SLICE_EMPTY,
                                           .recipient = SLICE_EMPTY};
    struct bounce_verdict v;
    enum status st = OK;
    if (bounce_judge(rules, &evidence, a, &v) != BOUNCE_OK)
        st = err_set(e, E_MEMORY, "%s: out of memory", path);
    else if (v.reason != reason)
        st = err_set(e, E_INVALID, "%s: rule %.*s would still judge the example as %s; write a rule by hand", path,
                     SLICE_FMT(v.rule), bounce_reason_word(v.reason));
    bounce_rules_free(&rules);
    return st;
}

static enum status write_rules(const char *path, slice text, err *e)
{
    struct atomic_file f;
    enum status st = atomic_open(&f, path, e);
    if (st != OK)
        return st;
    st = atomic_write(f.fd, path, text, e);
    if (st == OK)
        return atomic_commit(&f, e);
    atomic_abort(&f);
    return st;
}

enum status review_assign(struct ledger *l, int64_t group, enum bounce_reason reason, const char *rules_file, arena *a,
                          slice *rule, err *e)
{
    struct ledger_group g;
    slice old;
    *rule = SLICE_EMPTY;
    enum status st = find_group(l, group, a, &g, e);
    if (st == OK && slice_empty(g.example))
        st =
            err_set(e, E_UNSUPPORTED, "group %lld: its example named an address and was not kept; write a rule by hand",
                    (long long)group);
    if (st == OK)
        st = read_rules(rules_file, a, &old, e);
    if (st != OK)
        return st;
    struct bounce_reply reply;
    if (bounce_reply_parse(g.example, a, &reply) != BOUNCE_OK)
        return err_set(e, E_MEMORY, "review: out of memory");
    /* Postfix' own remark is no word of the server; a report of the same reply does not have it. */
    slice pattern = pattern_of(slice_sub(reply.text, 0, slice_find(reply.text, S(" (in reply to "))), a);
    if (slice_empty(pattern))
        return err_set(e, E_INVALID, "group %lld: its reply has no words that a rule could look for", (long long)group);
    *rule = rule_text(&g, reason, pattern, a);
    buf whole;
    buf_init(&whole, 2 * (size_t)RULES_MAX_BYTES);
    buf_add(&whole, old);
    buf_adds(&whole, slice_empty(old) ? "" : "\n");
    buf_add(&whole, *rule);
    st = whole.failed ? err_set(e, E_MEMORY, "review: out of memory") : OK;
    if (st == OK)
        st = try_rules(buf_slice(&whole), rules_file, &g, reason, a, e);
    if (st == OK)
        st = write_rules(rules_file, buf_slice(&whole), e);
    buf_fini(&whole);
    return st;
}
