/* Making and checking our signed return path; the form is specified in docs/verp.md. */
#include "bounce.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/codec.h"
#include "bounce/address.h"
#include "bounce/verp.h"

#define MAC_BYTES 10         /* of HMAC-SHA-256 that are shown: 80 bits */
#define SHORT_BYTES 5        /* short form of a message id: 40 bits */
#define SECRET_LEAST 16      /* octets of a key */
#define FIELD_MAX (1u << 20) /* octets of a tenant or message id */
#define FIELDS_MAX 8         /* fields of one signature */
#define LENGTH_SHORT 31      /* message length that means "short form follows" */
#define KEY_IDS 32

static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

/* ---- HMAC over named fields ----------------------------------------------------------------------------------- */

static void put_u32(char *out, size_t v)
{
    for (unsigned i = 0; i < 4; i++)
        out[i] = (char)(unsigned char)(v >> (24 - 8 * i));
}

/* The first `bytes` of HMAC-SHA-256 over the fields, as base32. Each field stands behind its length, so that no two
 * lists of fields give the same octets. Empty when memory or libcrypto refuse. */
static slice mac_base32(const struct bounce_verp_key *key, arena *a, const slice *fields, size_t n, size_t bytes)
{
    size_t total = 0;
    MUST(n <= FIELDS_MAX && bytes <= EVP_MAX_MD_SIZE);
    for (size_t i = 0; i < n; i++)
        total += 4 + fields[i].n;
    char *input = arena_alloc(a, total);
    char *out = arena_alloc(a, (bytes * 8 + 4) / 5);
    if (input == NULL || out == NULL)
        return SLICE_EMPTY;
    size_t at = 0;
    for (size_t i = 0; i < n; i++, at += fields[i - 1].n) {
        put_u32(input + at, fields[i].n);
        at += 4;
        memcpy(input + at, fields[i].p, fields[i].n);
    }
    unsigned char full[EVP_MAX_MD_SIZE];
    unsigned length = 0;
    if (HMAC(EVP_sha256(), key->secret, (int)key->secret_bytes, (const unsigned char *)input, total, full, &length) ==
        NULL)
        return SLICE_EMPTY;
    MUST(bytes <= length);
    return slice_of(out, base32_encode((slice){(const char *)full, bytes}, out));
}

/* The signature over what a token says. The first field keeps the three uses of a key apart. */
static slice sign(const struct bounce_verp_key *key, arena *a, slice tenant, const struct verp_parts *v, uint32_t day,
                  slice recipient)
{
    char numbers[5];
    put_u32(numbers, day);
    numbers[4] = (char)key->id;
    const slice fields[] = {S("bounced return path 1"),
                            tenant,
                            v->opaque ? S("opaque") : S("clear"),
                            recipient,
                            v->short_message ? S("short") : S("clear"),
                            v->message,
                            {numbers, sizeof numbers}};
    return mac_base32(key, a, fields, ARRAY_LEN(fields), MAC_BYTES);
}

static slice short_message(const struct bounce_verp_key *key, arena *a, slice tenant, slice message)
{
    const slice fields[] = {S("bounced message id 1"), tenant, message};
    return mac_base32(key, a, fields, ARRAY_LEN(fields), SHORT_BYTES);
}

static slice opaque_id(const struct bounce_verp_key *key, arena *a, slice tenant, slice recipient)
{
    const slice fields[] = {S("bounced recipient 1"), tenant, recipient};
    return mac_base32(key, a, fields, ARRAY_LEN(fields), MAC_BYTES);
}

/* ---- making --------------------------------------------------------------------------------------------------- */

static bool is_clear(char c)
{
    return (c >= 'a' && c <= 'z') || ascii_digit(c) || c == '.' || c == '-' || c == '_';
}

static bool all_clear(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!is_clear(s.p[i]))
            return false;
    return true;
}

/* A local part that may stand in ours as it is: ASCII, no quotes, and dots where RFC 5321 allows them. */
static bool is_dot_atom(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] == '"' || (unsigned char)s.p[i] >= 0x80 || (s.p[i] == '.' && i + 1 < s.n && s.p[i + 1] == '.'))
            return false;
    return s.n > 0 && s.p[s.n - 1] != '.';
}

/* "user=example.com" of the recipient's key form; empty where it cannot be written so. */
static slice equals_form(arena *a, slice key_form)
{
    slice local = address_local(key_form);
    slice domain = address_domain(key_form);
    if (!is_dot_atom(local) || !is_dot_atom(domain) || domain.p[0] == '[' || slice_chr(domain, '.') == SLICE_NPOS)
        return SLICE_EMPTY;
    char *out = arena_alloc(a, key_form.n);
    if (out == NULL)
        return SLICE_EMPTY;
    memcpy(out, key_form.p, key_form.n);
    out[local.n] = '=';
    return slice_of(out, key_form.n);
}

/* Octets of the whole local part. */
static size_t local_length(const struct verp_parts *v)
{
    size_t head = 1 + 3 + 1 + VERP_MAC_CHARS;
    return v->prefix.n + 1 + head + 1 + (v->message.n > 0 ? v->message.n + 1 : 0) + v->recipient.n;
}

/* Chooses the first of the four forms that fits: recipient in clear before opaque, and for each the message in clear before
 * its short form. False when none does, or memory was refused. */
static bool choose_form(const struct bounce_verp_key *key, arena *a, const struct bounce_verp *what, slice recipient,
                        struct verp_parts *v)
{
    bool readable = what->message.n <= VERP_MAX_MESSAGE && all_clear(what->message);
    slice clear = equals_form(a, recipient);
    for (unsigned form = 0; form < 4; form++) {
        v->opaque = form >= 2;
        v->short_message = form % 2 == 1;
        if (!v->short_message && !readable)
            continue;
        if (!v->opaque && clear.n == 0)
            continue;
        v->recipient = v->opaque ? opaque_id(key, a, what->tenant, recipient) : clear;
        v->message = v->short_message ? short_message(key, a, what->tenant, what->message) : what->message;
        if (v->recipient.n > 0 && (!v->short_message || v->message.n > 0) && local_length(v) <= VERP_MAX_LOCAL)
            return true;
    }
    return false;
}

static void put(char **to, slice s)
{
    memcpy(*to, s.p, s.n);
    *to += s.n;
}

static slice write_address(arena *a, const struct verp_parts *v, uint32_t day, slice domain)
{
    size_t n = local_length(v) + 1 + domain.n;
    char *out = arena_alloc(a, n);
    char *to = out;
    if (out == NULL)
        return SLICE_EMPTY;
    size_t length = v->short_message ? LENGTH_SHORT : v->message.n;
    const char head[] = {'+',
                         alphabet[v->key_id],
                         alphabet[day / 1024 % 32],
                         alphabet[day / 32 % 32],
                         alphabet[day % 32],
                         alphabet[length]};
    put(&to, v->prefix);
    put(&to, (slice){head, sizeof head});
    put(&to, v->mac);
    put(&to, S("-"));
    put(&to, v->message);
    if (v->message.n > 0)
        put(&to, S("-"));
    put(&to, v->recipient);
    put(&to, S("@"));
    put(&to, domain);
    MUST(to == out + n);
    return slice_of(out, n);
}

static bool key_usable(const struct bounce_verp_key *key)
{
    return key->id < KEY_IDS && key->secret != NULL && key->secret_bytes >= SECRET_LEAST &&
           key->secret_bytes <= FIELD_MAX;
}

/* The domain in its normal form; empty when it is none. */
static slice normal_domain(arena *a, slice domain)
{
    slice probe = arena_printf(a, "x@%.*s", SLICE_FMT(domain));
    return address_domain(address_normal(a, probe, NULL));
}

enum bounce_status bounce_verp_make(const struct bounce_verp_key *key, const struct bounce_verp *what,
                                    struct bounce_slice prefix, struct bounce_slice domain, struct bounce_arena *a,
                                    struct bounce_slice *out, struct bounce_slice *opaque)
{
    slice recipient = SLICE_EMPTY;
    struct verp_parts v = {.prefix = prefix, .key_id = key->id};
    *out = SLICE_EMPTY;
    if (opaque != NULL)
        *opaque = SLICE_EMPTY;
    slice host = normal_domain(a, domain);
    (void)address_normal(a, what->recipient, &recipient);
    if (a->limited)
        return BOUNCE_LIMIT;
    if (!key_usable(key) || recipient.n == 0 || host.n == 0 || prefix.n == 0 || !all_clear(prefix) ||
        !is_dot_atom(prefix) || prefix.p[0] == '.' || what->message.n > FIELD_MAX || what->tenant.n > FIELD_MAX)
        return BOUNCE_INVALID;
    if (!choose_form(key, a, what, recipient, &v))
        return a->limited ? BOUNCE_LIMIT : BOUNCE_INVALID; /* invalid: the prefix is too long */
    v.mac = sign(key, a, what->tenant, &v, what->day, v.opaque ? v.recipient : recipient);
    *out = v.mac.n == 0 ? SLICE_EMPTY : write_address(a, &v, what->day, host);
    if (out->n == 0)
        return BOUNCE_LIMIT;
    if (v.opaque && opaque != NULL)
        *opaque = v.recipient;
    return BOUNCE_OK;
}

/* ---- checking ------------------------------------------------------------------------------------------------- */

static slice lower(arena *a, slice s)
{
    char *out = arena_alloc(a, s.n);
    if (out == NULL)
        return SLICE_EMPTY;
    for (size_t i = 0; i < s.n; i++)
        out[i] = ascii_lower(s.p[i]);
    return slice_of(out, s.n);
}

/* The whole day behind the one modulo VERP_DAYS: the last that is not after tomorrow (clocks differ). */
static uint32_t whole_day(uint32_t day, uint32_t today)
{
    uint32_t back = (today + 1 - day) % VERP_DAYS;
    return back > today + 1 ? day : today + 1 - back;
}

static bool same(slice a, slice b)
{
    return a.n == b.n && CRYPTO_memcmp(a.p, b.p, a.n) == 0;
}

/* What the caller expects, against what the token says. */
struct expected {
    slice tenant, recipient, message;
};

static bool recipient_agrees(const struct bounce_verp_key *key, arena *a, const struct verp_parts *v,
                             const struct expected *want, slice carried)
{
    slice form = SLICE_EMPTY;
    if (want->recipient.n == 0)
        return true;
    if (slice_empty(address_normal(a, want->recipient, &form)))
        return false;
    return same(v->opaque ? opaque_id(key, a, want->tenant, form) : form, carried);
}

static bool message_agrees(const struct bounce_verp_key *key, arena *a, const struct verp_parts *v,
                           const struct expected *want)
{
    if (want->message.n == 0)
        return true;
    return same(v->short_message ? short_message(key, a, want->tenant, want->message) : want->message, v->message);
}

/* "user=example.com" back to an address in key form; an opaque id stays. */
static slice carried_recipient(arena *a, const struct verp_parts *v)
{
    slice s = lower(a, v->recipient);
    size_t at = slice_rchr(s, '=');
    char *out = v->opaque || at == SLICE_NPOS ? NULL : arena_alloc(a, s.n);
    if (out == NULL)
        return s;
    memcpy(out, s.p, s.n);
    out[at] = '@';
    return slice_of(out, s.n);
}

struct token {
    struct verp_parts v; /* lower-case */
    slice recipient;     /* address in key form, or opaque id */
    uint32_t day;
};

static bool read_token(arena *a, slice address, uint32_t today, struct token *t)
{
    slice bare = lower(a, verp_token(verp_unwrap(a, address)));
    if (bare.n == 0 || !verp_split(bare, &t->v))
        return false;
    t->recipient = carried_recipient(a, &t->v);
    t->day = whole_day(t->v.day, today);
    return true;
}

static bool key_verifies(const struct bounce_verp_key *key, arena *a, const struct token *t,
                         const struct expected *want)
{
    slice mac = sign(key, a, want->tenant, &t->v, t->day, t->recipient);
    return same(mac, t->v.mac) && recipient_agrees(key, a, &t->v, want, t->recipient) &&
           message_agrees(key, a, &t->v, want);
}

static void tell(const struct token *t, const struct expected *want, struct bounce_verp *out)
{
    *out = (struct bounce_verp){.tenant = want->tenant,
                                .recipient = t->v.opaque ? want->recipient : t->recipient,
                                .message = t->v.short_message ? want->message : t->v.message,
                                .opaque = t->v.opaque ? t->recipient : SLICE_EMPTY,
                                .day = t->day,
                                .key_id = t->v.key_id};
}

enum bounce_verp_status bounce_verp_verify(const struct bounce_verp_key *keys, size_t key_count,
                                           struct bounce_slice tenant, struct bounce_slice address,
                                           struct bounce_slice recipient, struct bounce_slice message, uint32_t today,
                                           uint32_t max_days, struct bounce_arena *a, struct bounce_verp *out)
{
    const struct expected want = {tenant, recipient, message};
    struct token t;
    bool known = false;
    const slice none = SLICE_EMPTY;
    *out = (struct bounce_verp){.tenant = none, .recipient = none, .message = none, .opaque = none};
    if (!read_token(a, address, today, &t))
        return BOUNCE_VERP_NOT;
    out->key_id = t.v.key_id;
    for (size_t i = 0; i < key_count; i++) {
        if (keys[i].id != t.v.key_id || !key_usable(&keys[i]))
            continue;
        known = true;
        if (!key_verifies(&keys[i], a, &t, &want))
            continue;
        tell(&t, &want, out);
        return max_days > 0 && t.day < today && today - t.day > max_days ? BOUNCE_VERP_EXPIRED : BOUNCE_VERP_OK;
    }
    return known ? BOUNCE_VERP_FORGED : BOUNCE_VERP_OLD_KEY;
}
