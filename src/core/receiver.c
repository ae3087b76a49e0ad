#include "core/receiver.h"

#include <libpsl.h>

#include "bounce/address.h"
#include "bounce/rules.h"

#define MAX_LABEL_BYTES 63u

/* What stands behind the last dot of names that mean something in one network only. */
static const slice local_endings[] = {
    SLICE_INIT("local"), SLICE_INIT("localdomain"), SLICE_INIT("localhost"), SLICE_INIT("lan"),
    SLICE_INIT("home"),  SLICE_INIT("internal"),    SLICE_INIT("intranet"),  SLICE_INIT("arpa"),
};

/* The name in what witnesses write: "mx.example.org", "mx.example.org.", "mx.example.org (192.0.2.1)", "mx.example.org[192.0.2.1]:25". */
static slice host_of(slice text)
{
    size_t n = 0;
    text = slice_ltrim(text);
    while (n < text.n && (ascii_alnum(text.p[n]) || text.p[n] == '.' || text.p[n] == '-' || text.p[n] == '_'))
        n++;
    slice host = slice_sub(text, 0, n);
    return host.n && host.p[host.n - 1] == '.' ? slice_sub(host, 0, host.n - 1) : host;
}

static bool good_labels(slice host)
{
    slice rest = host, label;
    size_t labels = 0;
    while (slice_split(&rest, '.', &label)) {
        if (label.n == 0 || label.n > MAX_LABEL_BYTES)
            return false;
        labels++;
    }
    return labels > 1;
}

static bool is_name(slice host)
{
    if (host.n > RECEIVER_MAX_BYTES || !good_labels(host))
        return false;
    slice last = slice_from(host, slice_rchr(host, '.') + 1);
    if (!ascii_alpha(last.p[0])) /* 192.0.2.1 */
        return false;
    for (size_t i = 0; i < ARRAY_LEN(local_endings); i++)
        if (slice_eq_ci(last, local_endings[i]))
            return false;
    return true;
}

/* A single label always is one: the list's own rule for what it does not name. */
static bool is_suffix(const psl_ctx_t *psl, const char *name)
{
    return !strchr(name, '.') || psl_is_public_suffix2(psl, name, PSL_TYPE_ICANN) != 0;
}

slice registered_domain(slice host, char out[RECEIVER_MAX_BYTES + 1])
{
    host = host_of(host);
    if (!is_name(host))
        return SLICE_EMPTY;
    for (size_t i = 0; i < host.n; i++)
        out[i] = ascii_lower(host.p[i]);
    out[host.n] = '\0';
    const psl_ctx_t *psl = psl_builtin();
    const char *name = out, *dot = strchr(name, '.');
    while (dot && !is_suffix(psl, dot + 1)) {
        name = dot + 1;
        dot = strchr(name, '.');
    }
    bool looked_at = name != out; /* and found to be no suffix */
    return dot && (looked_at || !is_suffix(psl, name)) ? slice_str(name) : SLICE_EMPTY;
}

slice receiver_of(const struct bounce_rules *rules, const struct observation *o, arena *a)
{
    char name[RECEIVER_MAX_BYTES + 1];
    slice host = host_of(o->remote_mta), domain = address_domain(slice_empty(o->sent_to) ? o->recipient : o->sent_to);
    const struct provider_index *index = rules_providers(rules);
    unsigned provider = provider_by_domain(index, host);
    if (provider == PROVIDER_NONE)
        provider = provider_by_domain(index, domain);
    if (provider == PROVIDER_NONE && (o->kind == BOUNCE_KIND_COMPLAINT || o->kind == BOUNCE_KIND_NOT_SPAM))
        provider = provider_by_domain(index, host_of(o->reporting_mta));
    if (provider != PROVIDER_NONE)
        return provider_word(provider);
    slice own = o->trust == TRUST_BARE ? SLICE_EMPTY : registered_domain(host, name);
    if (slice_empty(own))
        own = registered_domain(domain, name);
    return slice_empty(own) ? SLICE_EMPTY : arena_dup(a, own);
}
