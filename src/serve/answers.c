#include "serve/answers.h"

#include <stdio.h>
#include <stdlib.h>

#include "bounce/address.h"
#include "net/ask.h"

static enum status read_networks(struct answers *a, const struct conf_list *list, err *e)
{
    struct cidr *networks = arena_calloc(&a->a, list->n, sizeof *networks);
    if (!networks)
        return err_set(e, E_MEMORY, "answers: out of memory");
    for (size_t i = 0; i < list->n; i++)
        if (!cidr_parse(list->v[i], &networks[i]))
            return err_set(e, E_INVALID,
                           "mynetworks: '%.*s' is no network; expected one like 192.0.2.0/24, 2001:db8::/32 or "
                           "192.0.2.7, without bits behind its length",
                           SLICE_FMT(list->v[i]));
    a->networks = networks;
    a->network_count = list->n;
    return OK;
}

/* The domain as it stands in keys; empty when it is none. */
static slice domain_key(arena *a, slice domain)
{
    slice key = SLICE_EMPTY;
    (void)address_normal(a, arena_printf(a, "a@%.*s", SLICE_FMT(domain)), &key);
    return address_domain(key);
}

static enum status read_domains(struct answers *a, const struct conf_list *list, err *e)
{
    slice *domains = arena_calloc(&a->a, list->n, sizeof *domains);
    if (!domains)
        return err_set(e, E_MEMORY, "answers: out of memory");
    for (size_t i = 0; i < list->n; i++) {
        bool below = slice_starts(list->v[i], S("."));
        slice key = domain_key(&a->a, below ? slice_from(list->v[i], 1) : list->v[i]);
        if (slice_empty(key))
            return err_set(e, E_INVALID, "own_domains: '%.*s' is no domain", SLICE_FMT(list->v[i]));
        domains[i] = below ? arena_printf(&a->a, ".%.*s", SLICE_FMT(key)) : key;
    }
    a->own_domains = domains;
    a->own_domain_count = list->n;
    return OK;
}

/* "5.7.1": class, subject, detail (RFC 3463 2), of the class of its code. Empty is allowed. */
static bool status_fits(slice status, char class)
{
    slice rest = status, part;
    unsigned parts = 0;
    if (slice_empty(status))
        return true;
    for (uint64_t n; slice_split(&rest, '.', &part); parts++)
        if (part.n > 3 || !slice_u64(part, &n))
            return false;
    return parts == 3 && status.p[0] == class && status.p[1] == '.';
}

static enum status read_reply(struct answers *a, int64_t code, slice status, slice text, const char *name, bool hard,
                              struct answer_reply *out, err *e)
{
    if (!status_fits(status, hard ? '5' : '4'))
        return err_set(e, E_INVALID, "%s_status: expected an enhanced status code like %s, or nothing", name,
                       hard ? "5.7.1" : "4.7.1");
    char of[32];
    (void)snprintf(of, sizeof of, "%s_text", name);
    out->code = (unsigned)code;
    out->status = arena_dup(&a->a, status);
    return answer_text_read(arena_dup(&a->a, text), of, &out->text, e);
}

static enum status read_tag(struct answers *a, const struct conf_answers *c, err *e)
{
    struct ask_answer probe = ask_answer_blank();
    probe.word = ASK_TAG;
    probe.header_count = 1;
    probe.headers[0] = (struct ask_header){c->tag_header, S("x")};
    if (!ask_tag(&probe))
        return err_set(e, E_INVALID, "tag_header: '%.*s' is no name of a header field", SLICE_FMT(c->tag_header));
    a->tag_header = arena_dup(&a->a, c->tag_header);
    return answer_text_read(arena_dup(&a->a, c->tag_text), "tag_text", &a->tag_text, e);
}

static enum status fill(struct answers *a, const struct conf_answers *c, err *e)
{
    a->mode = (enum answer_mode)c->mode;
    a->fail_closed = c->fail == 1;
    a->loopback = c->loopback;
    a->extension = arena_dup(&a->a, c->extension);
    a->advice_bytes = (uint64_t)c->size_advice_bytes;
    enum status st = read_reply(a, c->reject_code, c->reject_status, c->reject_text, "reject", true, &a->reject, e);
    if (st == OK)
        st = read_reply(a, c->defer_code, c->defer_status, c->defer_text, "defer", false, &a->defer, e);
    if (st == OK)
        st = read_tag(a, c, e);
    if (st == OK)
        st = read_networks(a, &c->mynetworks, e);
    if (st == OK)
        st = read_domains(a, &c->own_domains, e);
    return st == OK && a->a.limited ? err_set(e, E_MEMORY, "answers: out of memory") : st;
}

enum status answers_new(const struct conf_answers *c, struct answers **out, err *e)
{
    struct answers *a = calloc(1, sizeof *a);
    *out = NULL;
    if (!a)
        return err_set(e, E_MEMORY, "answers: out of memory");
    arena_init(&a->a, 0);
    enum status st = fill(a, c, e);
    if (st != OK)
        answers_free(&a);
    *out = a;
    return st;
}

void answers_free(struct answers **a)
{
    if (!*a)
        return;
    arena_fini(&(*a)->a);
    free(*a);
    *a = NULL;
}

bool answers_check(const struct settings *s, settings_problem_fn tell, void *ctx)
{
    const struct section *section = settings_next(s, "answers", NULL);
    struct answers *a;
    err e;
    if (answers_new(section->values, &a, &e) != OK) {
        if (tell)
            tell(ctx, s->path, section->line, false, slice_str(e.text));
        return false;
    }
    answers_free(&a);
    return true;
}
