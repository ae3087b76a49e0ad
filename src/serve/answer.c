#include "serve/answer.h"

#include "bounce/address.h"
#include "serve/answer_sign.h"

static const struct {
    const char *name, *help;
} counts[ANSWER_COUNTS] = {
#define COUNT(id, name, help) [ANSWER_##id] = {name, help},
#include "serve/answer_counts.def"
#undef COUNT
};

const char *answer_count_name(enum answer_count c)
{
    return counts[c].name;
}

const char *answer_count_help(enum answer_count c)
{
    return counts[c].help;
}

void answerer_init(struct answerer *w, const struct answers *answers, const struct answer_listener *listener)
{
    *w = (struct answerer){.answers = answers, .listener = *listener};
    arena_init(&w->a, ANSWER_MEMORY_BYTES);
    buf_init(&w->text, 0);
}

void answerer_fini(struct answerer *w)
{
    arena_fini(&w->a);
    buf_fini(&w->text);
}

/* RFC 5321 4.5.1: postmaster takes mail wherever there is mail. RFC 2142 4: abuse is where complaints go. */
static bool role_never_refused(slice local)
{
    return slice_eq(local, S("postmaster")) || slice_eq(local, S("abuse"));
}

static bool own_domain(const struct answers *a, slice domain)
{
    for (size_t i = 0; i < a->own_domain_count; i++) {
        slice own = a->own_domains[i];
        if (own.p[0] == '.' ? slice_ends_ci(domain, own) && domain.n > own.n : slice_eq(domain, own))
            return true;
    }
    return false;
}

static bool our_network(const struct answers *a, slice client)
{
    struct ip ip;
    if (slice_eq(client, S("unix")) || slice_eq(client, S("local")))
        return a->loopback;
    if (!ip_parse(client, &ip))
        return false;
    for (size_t i = 0; i < a->network_count; i++)
        if (cidr_has(&a->networks[i], &ip))
            return true;
    return a->loopback && ip_is_loopback(&ip);
}

static bool incoming(const struct answers *a, const struct ask *q)
{
    return (q->tells & ASK_TELLS_CLIENT) && slice_empty(q->sasl_user) && !our_network(a, q->client_address);
}

/* Postfix gives the local part without the quotes that it needs: they are put back (RFC 5321 4.1.2). */
static slice quoted(arena *a, slice written)
{
    size_t at = slice_rchr(written, '@');
    char *p = at == SLICE_NPOS || at == 0 ? NULL : arena_alloc(a, 2 * written.n + 2);
    size_t n = 0;
    if (!p)
        return SLICE_EMPTY;
    p[n++] = '"';
    for (size_t i = 0; i < at; i++) {
        if (written.p[i] == '"' || written.p[i] == '\\')
            p[n++] = '\\';
        p[n++] = written.p[i];
    }
    p[n++] = '"';
    memcpy(p + n, written.p + at, written.n - at);
    return slice_of(p, n + written.n - at);
}

/* The key of the recipient; empty when it is no address. */
static slice recipient_key(struct answerer *w, slice written)
{
    slice key = SLICE_EMPTY;
    if (slice_empty(address_normal(&w->a, written, &key)) && !slice_empty(written))
        (void)address_normal(&w->a, quoted(&w->a, written), &key);
    return key;
}

/* user+news@example.org: the key of user@example.org; empty when there is no extension. */
static slice without_extension(struct answerer *w, slice key)
{
    slice local = address_local(key), domain = address_domain(key);
    for (size_t i = 1; i < local.n; i++)
        if (slice_chr(w->answers->extension, local.p[i]) != SLICE_NPOS)
            return arena_printf(&w->a, "%.*s@%.*s", (int)i, local.p, SLICE_FMT(domain));
    return SLICE_EMPTY;
}

static struct table_hit look(struct answerer *w, slice key, int64_t now_us)
{
    if (!w->has_place) {
        w->place = table_place(w->table, w->listener.tenant, w->listener.stream);
        w->has_place = true;
    }
    struct table_hit hit = table_check_at(w->table, &w->place, key, now_us);
    slice base = hit.suppressed || slice_empty(w->answers->extension) ? SLICE_EMPTY : without_extension(w, key);
    return slice_empty(base) ? hit : table_check_at(w->table, &w->place, base, now_us);
}

static void count(struct answerer *w, enum answer_count c)
{
    w->counts[c]++;
}

/* Fills text into w->text, of which the answer shows a part; the buffer keeps its memory. */
static slice fill_in(struct answerer *w, const struct answer_text *t, const struct answer_values *v)
{
    buf_clear(&w->text);
    answer_text_add(&w->text, t, v, ASK_MAX_TEXT_BYTES);
    return buf_slice(&w->text);
}

static const struct {
    enum ask_word word;
    enum answer_count count;
} modes[ANSWER_MODES] = {
    [ANSWER_REJECT] = {ASK_REJECT, ANSWER_REJECTED},
    [ANSWER_DEFER] = {ASK_DEFER, ANSWER_DEFERRED},
    [ANSWER_DISCARD] = {ASK_DISCARD, ANSWER_DISCARDED},
    [ANSWER_TAG] = {ASK_TAG, ANSWER_TAGGED},
};

static void refuse(struct answerer *w, const struct ask *q, const struct table_hit *hit, struct ask_answer *out)
{
    const struct answers *a = w->answers;
    enum answer_mode mode = w->listener.has_mode ? w->listener.mode : a->mode;
    struct answer_values v = {q->recipient, w->listener.tenant, w->listener.stream, hit};
    out->word = modes[mode].word;
    count(w, modes[mode].count);
    if (mode == ANSWER_TAG) {
        out->headers[0] = (struct ask_header){a->tag_header, fill_in(w, &a->tag_text, &v)};
        out->header_count = 1;
        return;
    }
    const struct answer_reply *r = mode == ANSWER_DEFER ? &a->defer : &a->reject;
    out->code = r->code;
    out->enhanced = r->status;
    out->text = fill_in(w, &r->text, &v);
}

/* RFC 3463 3.5: a temporary condition of the delivery, not of the mailbox. */
static void pause_it(struct answerer *w, struct ask_answer *out)
{
    count(w, ANSWER_PAUSED);
    out->word = ASK_DEFER;
    out->code = w->answers->defer.code;
    out->enhanced = w->answers->defer.status;
    out->text = S("not sent now: mail to this receiver waits for the end of an incident");
}

static void fail(struct answerer *w, struct ask_answer *out)
{
    count(w, ANSWER_FAILED);
    w->failing = true;
    *out = ask_answer_blank();
    if (!w->answers->fail_closed)
        return;
    out->word = ASK_DEFER;
    out->code = 451;
    out->enhanced = S("4.3.0");
    out->text = S("it cannot be told now whether this may be sent");
}

static void answer_recipient(struct answerer *w, const struct ask *q, int64_t now_us, struct ask_answer *out)
{
    slice key = recipient_key(w, q->recipient);
    if (w->a.limited) {
        fail(w, out);
    } else if (slice_empty(key)) {
        count(w, ANSWER_NO_ADDRESS);
    } else if (role_never_refused(address_local(key)) || own_domain(w->answers, address_domain(key))) {
        count(w, ANSWER_NEVER_REFUSED);
    } else if (!w->table) {
        fail(w, out);
    } else {
        struct table_hit hit = look(w, key, now_us);
        w->failing = false;
        if (hit.suppressed)
            refuse(w, q, &hit, out);
        else if (pauses_has_now(w->pauses, w->knowledge, w->listener.tenant, key))
            pause_it(w, out);
        else
            count(w, ANSWER_SENT);
    }
}

static void answer_message(struct answerer *w, const struct ask *q, int64_t now_us, struct ask_answer *out)
{
    uint64_t limit = w->answers->advice_bytes;
    count(w, ANSWER_MESSAGES);
    if (limit > 0 && q->size_bytes > limit) {
        count(w, ANSWER_LARGE);
        buf_clear(&w->text);
        buf_printf(&w->text, "message of %llu KB: mail over %llu KB is filtered and refused more often",
                   (unsigned long long)q->size_bytes / 1024, (unsigned long long)limit / 1024);
        out->warning = buf_slice(&w->text);
    }
    slice key = recipient_key(w, q->recipient);
    if (!slice_empty(key) && own_domain(w->answers, address_domain(key)))
        return;
    if (w->listener.change_sender || w->listener.reference)
        answer_sign(w, q, key, now_us, out);
}

void answer_question(struct answerer *w, const struct ask *q, int64_t now_us, struct ask_answer *out)
{
    arena_reset(&w->a);
    *out = ask_answer_blank();
    count(w, ANSWER_ASKED);
    if (incoming(w->answers, q))
        count(w, ANSWER_INCOMING);
    else if ((q->tells & ASK_TELLS_SENDER) && slice_empty(q->sender))
        count(w, ANSWER_NULL_SENDER);
    else if (q->stage == ASK_MESSAGE)
        answer_message(w, q, now_us, out);
    else
        answer_recipient(w, q, now_us, out);
}
