#include "bounce/verp.h"

#include "bounce/address.h"

#define VERP_MAX_UNWRAP 4 /* wrappings of one another: PRVS around SRS1 around SRS0, and one to spare */

/* ---- wrappings ------------------------------------------------------------------------------------------------ */

static slice join(arena *a, slice local, slice domain)
{
    char *out = arena_alloc(a, local.n + 1 + domain.n);
    if (out == NULL || local.n == 0 || domain.n == 0)
        return SLICE_EMPTY;
    memcpy(out, local.p, local.n);
    out[local.n] = '@';
    memcpy(out + local.n + 1, domain.p, domain.n);
    slice joined = slice_of(out, local.n + 1 + domain.n);
    return address_span(joined) == joined.n ? joined : SLICE_EMPTY;
}

static bool all_of(slice s, bool (*is)(char))
{
    for (size_t i = 0; i < s.n; i++)
        if (!is(s.p[i]))
            return false;
    return s.n > 0;
}

static bool is_hex(char c)
{
    return ascii_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

/* Takes what stands before the next separator; false when there is none. */
static bool take_until(slice *s, slice separator, slice *field)
{
    size_t at = slice_find(*s, separator);
    if (at == SLICE_NPOS)
        return false;
    *field = slice_sub(*s, 0, at);
    *s = slice_from(*s, at + separator.n);
    return true;
}

/* "prvs=tag=user" (draft-levine-batv) and "prvs=user/tag" of older senders; Barracuda writes "btv1==tag==user". */
static slice unwrap_tag(arena *a, slice rest, slice domain)
{
    slice tag;
    slice user = rest;
    bool twice = slice_starts(rest, S("="));
    size_t slash = slice_rchr(rest, '/');
    if (twice)
        user = slice_from(rest, 1);
    if (take_until(&user, twice ? S("==") : S("="), &tag) && all_of(tag, ascii_alnum))
        return join(a, user, domain);
    return slash == SLICE_NPOS ? SLICE_EMPTY : join(a, slice_sub(rest, 0, slash), domain);
}

/* "SRS0=hash=day=domain=user": the sender before the forwarder rewrote it. */
static slice unwrap_srs0(arena *a, slice rest, slice domain)
{
    slice hash, day, original;
    (void)domain;
    if (!take_until(&rest, S("="), &hash) || !take_until(&rest, S("="), &day) || !take_until(&rest, S("="), &original))
        return SLICE_EMPTY;
    return join(a, rest, original);
}

/* "SRS1=hash=first.forwarder==hash=day=domain=user"; the separator behind the forwarder may be "=", "+" or "-". */
static slice unwrap_srs1(arena *a, slice rest, slice domain)
{
    slice hash, forwarder;
    if (!take_until(&rest, S("="), &hash) || !take_until(&rest, S("="), &forwarder) || rest.n == 0)
        return SLICE_EMPTY;
    return unwrap_srs0(a, slice_from(rest, 1), domain);
}

static const struct {
    slice mark;
    bool separator; /* one of "=+-" follows the mark */
    slice (*unwrap)(arena *a, slice rest, slice domain);
} wrappings[] = {
    {SLICE_INIT("prvs="), false, unwrap_tag},    {SLICE_INIT("btv1="), false, unwrap_tag},
    {SLICE_INIT("msprvs1="), false, unwrap_tag}, {SLICE_INIT("SRS0"), true, unwrap_srs0},
    {SLICE_INIT("SRS1"), true, unwrap_srs1},
};

static slice unwrap_once(arena *a, slice address)
{
    slice local = address_local(address);
    for (size_t i = 0; i < ARRAY_LEN(wrappings); i++) {
        if (!slice_starts_ci(local, wrappings[i].mark))
            continue;
        slice rest = slice_from(local, wrappings[i].mark.n);
        if (wrappings[i].separator && (rest.n == 0 || strchr("=+-", rest.p[0]) == NULL))
            continue;
        return wrappings[i].unwrap(a, slice_from(rest, wrappings[i].separator ? 1 : 0), address_domain(address));
    }
    return SLICE_EMPTY;
}

/* The address alone. One that stands bare is taken whole: "user=" at its start is no label. */
static slice bare(slice address)
{
    slice s = slice_trim(slice_unwrap(slice_trim(address), '<', '>'));
    return s.n > 0 && address_span(s) == s.n ? s : address_find(s);
}

slice verp_unwrap(arena *a, slice address)
{
    slice s = bare(address);
    for (unsigned i = 0; i < VERP_MAX_UNWRAP; i++) {
        slice inner = unwrap_once(a, s);
        if (inner.n == 0)
            break;
        s = inner;
    }
    return s;
}

/* ---- the recipient inside ------------------------------------------------------------------------------------- */

/* "user=example.com" to "user@example.com"; the domain holds no "=", the user may. */
static slice from_equals(arena *a, slice s)
{
    size_t at = slice_rchr(s, '=');
    if (at == SLICE_NPOS || at == 0)
        return SLICE_EMPTY;
    slice domain = slice_from(s, at + 1);
    if (slice_chr(domain, '.') == SLICE_NPOS || slice_starts(domain, S("[")))
        return SLICE_EMPTY;
    return join(a, slice_sub(s, 0, at), domain);
}

/* Sympa: "bounce+user==a==example.com==list". */
static slice read_sympa(arena *a, slice local)
{
    size_t at = slice_find(local, S("==a=="));
    if (at == SLICE_NPOS)
        return SLICE_EMPTY;
    slice user = slice_sub(local, 0, at);
    size_t plus = slice_chr(user, '+');
    if (plus != SLICE_NPOS)
        user = slice_from(user, plus + (slice_starts(slice_from(user, plus), S("++")) ? 2 : 1));
    slice domain = slice_from(local, at + 5);
    size_t end = slice_find(domain, S("=="));
    return join(a, user, slice_sub(domain, 0, end));
}

/* LISTSERV: "owner-LIST*user**example.com". */
static slice read_listserv(arena *a, slice local)
{
    size_t star = slice_chr(local, '*');
    size_t at = slice_find(local, S("**"));
    if (star == SLICE_NPOS || at == SLICE_NPOS || at <= star + 1 || !slice_starts_ci(local, S("owner-")))
        return SLICE_EMPTY;
    return join(a, slice_sub(local, star + 1, at - star - 1), slice_from(local, at + 2));
}

/* What platforms put between "bounces+" and the recipient. SendGrid: "123456-ab12-"; Mailgun: "ab12cd.7f3e9a-". */
static slice skip_ids(slice s)
{
    slice rest = s;
    slice id, tag;
    if (take_until(&rest, S("-"), &id) && all_of(id, ascii_digit) && take_until(&rest, S("-"), &tag) && tag.n == 4 &&
        all_of(tag, is_hex))
        return rest;
    rest = s;
    if (take_until(&rest, S("."), &id) && all_of(id, is_hex) && take_until(&rest, S("-"), &tag) && all_of(tag, is_hex))
        return rest;
    return s;
}

/* "bounces+user=example.com", "list-bounces+user=example.com" (Mailman, Postfix, Exim): all behind the first "+". */
static slice read_plus(arena *a, slice local)
{
    size_t plus = slice_chr(local, '+');
    slice rest = plus == SLICE_NPOS || plus == 0 ? SLICE_EMPTY : slice_from(local, plus + 1);
    if (slice_starts_ci(rest, S("caf_="))) /* Gmail's forwarding: names where it was forwarded to, not our recipient */
        return SLICE_EMPTY;
    return from_equals(a, skip_ids(rest));
}

/* What ezmlm puts before the recipient: a number, "probe" or "warn", a time with a cookie behind a dot. */
static bool is_return_id(slice s)
{
    size_t dot = slice_chr(s, '.');
    return slice_eq_ci(s, S("probe")) || slice_eq_ci(s, S("warn")) || all_of(s, ascii_digit) ||
           (dot != SLICE_NPOS && all_of(slice_sub(s, 0, dot), ascii_digit) &&
            all_of(slice_from(s, dot + 1), ascii_alnum));
}

/* "list-return-123-user=example.com" (ezmlm, qmail): behind the number. */
static slice read_return(arena *a, slice local)
{
    static const slice marks[] = {SLICE_INIT("-return-"), SLICE_INIT("-bounces-"), SLICE_INIT("-bounce-")};
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        size_t at = slice_find_ci(local, marks[i]);
        slice rest = at == SLICE_NPOS ? SLICE_EMPTY : slice_from(local, at + marks[i].n);
        slice after = rest;
        slice id;
        while (take_until(&after, S("-"), &id) && is_return_id(id))
            rest = after;
        if (rest.n > 0)
            return from_equals(a, rest);
    }
    return SLICE_EMPTY;
}

/* "owner-list-user=example.com": with a "-" in the list's or the user's name nobody can tell where the user begins. */
static slice read_owner(arena *a, slice local)
{
    slice list;
    slice rest = slice_starts_ci(local, S("owner-")) ? slice_from(local, 6) : SLICE_EMPTY;
    if (!take_until(&rest, S("-"), &list) || slice_chr(slice_sub(rest, 0, slice_rchr(rest, '=')), '-') != SLICE_NPOS)
        return SLICE_EMPTY;
    return from_equals(a, rest);
}

static bool is_lead_word(slice s)
{
    static const slice words[] = {SLICE_INIT("bounce"),  SLICE_INIT("bounces"), SLICE_INIT("return"),
                                  SLICE_INIT("returns"), SLICE_INIT("sentto"),  SLICE_INIT("verp"),
                                  SLICE_INIT("b"),       SLICE_INIT("errors"),  SLICE_INIT("bo"),
                                  SLICE_INIT("ret"),     SLICE_INIT("rp"),      SLICE_INIT("mailer")};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq_ci(s, words[i]))
            return true;
    return slice_starts_ci(s, S("mc.")); /* Mailchimp: "bounce-mc.us1_123.456-user=example.com" */
}

/* "bounce-123-user=example.com", "sentto-1-2-3-user=example.com": words and numbers, then the recipient. */
static slice read_words(arena *a, slice local)
{
    slice rest = local;
    slice after = local;
    slice word;
    bool any = false;
    while (take_until(&after, S("-"), &word) && (is_lead_word(word) || (any && all_of(word, ascii_digit)))) {
        rest = after;
        any = true;
    }
    return any ? from_equals(a, rest) : SLICE_EMPTY;
}

/* "user=example.com" alone. */
static slice read_bare(arena *a, slice local)
{
    return slice_chr(local, '-') == SLICE_NPOS && slice_chr(local, '+') == SLICE_NPOS ? from_equals(a, local)
                                                                                      : SLICE_EMPTY;
}

typedef slice dialect(arena *a, slice local);

/* In this order; the first that gives an address is right. */
static dialect *const dialects[] = {read_sympa, read_listserv, read_plus, read_return,
                                    read_owner, read_words,    read_bare};

/* Our own form says by itself where the recipient stands. */
static slice read_own(arena *a, slice address)
{
    struct verp_parts v;
    return verp_split(address, &v) && !v.opaque ? from_equals(a, v.recipient) : SLICE_EMPTY;
}

slice verp_recipient(arena *a, slice address)
{
    if (slice_chr(address, '=') == SLICE_NPOS && slice_chr(address, '*') == SLICE_NPOS) /* one is in every form */
        return SLICE_EMPTY;
    slice s = verp_unwrap(a, address);
    slice local = address_local(s);
    slice found = read_own(a, s);
    if (verp_token(s).n > 0 || address_domain(s).n == 0)
        return found;
    for (size_t i = 0; i < ARRAY_LEN(dialects) && found.n == 0; i++)
        found = dialects[i](a, local);
    return found;
}

/* ---- our own form --------------------------------------------------------------------------------------------- */

static int base32_value(char c)
{
    char l = ascii_lower(c);
    return l >= 'a' && l <= 'z' ? l - 'a' : l >= '2' && l <= '7' ? l - '2' + 26 : -1;
}

static bool all_base32(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (base32_value(s.p[i]) < 0)
            return false;
    return true;
}

#define HEAD_CHARS (1 + 3 + 1 + VERP_MAC_CHARS) /* key id, day, message length, signature */
#define LENGTH_SHORT 31                         /* message length that means "short form follows" */

/* Reads the message that `length` promises and the "-" behind it. */
static bool split_message(slice *rest, unsigned length, struct verp_parts *out)
{
    out->short_message = length == LENGTH_SHORT;
    size_t n = out->short_message ? VERP_SHORT_CHARS : length;
    if (n > 0 && (rest->n <= n || rest->p[n] != '-'))
        return false;
    out->message = slice_sub(*rest, 0, n);
    if (out->short_message && !all_base32(out->message))
        return false;
    if (n > 0)
        *rest = slice_from(*rest, n + 1);
    return true;
}

bool verp_split(slice address, struct verp_parts *out)
{
    slice local = address_local(address);
    size_t plus = slice_chr(local, '+');
    if (address_domain(address).n == 0 || local.n > VERP_MAX_LOCAL || plus == SLICE_NPOS || plus == 0)
        return false;
    out->prefix = slice_sub(local, 0, plus);
    slice rest = slice_from(local, plus + 1);
    slice head = slice_sub(rest, 0, HEAD_CHARS);
    if (head.n < HEAD_CHARS || rest.n <= HEAD_CHARS || rest.p[HEAD_CHARS] != '-' || !all_base32(head))
        return false;
    out->key_id = (uint8_t)base32_value(head.p[0]);
    out->day = 0;
    for (size_t i = 1; i <= 3; i++)
        out->day = out->day * 32 + (uint32_t)base32_value(head.p[i]);
    out->mac = slice_from(head, 5);
    rest = slice_from(rest, HEAD_CHARS + 1);
    if (!split_message(&rest, (unsigned)base32_value(head.p[4]), out))
        return false;
    out->recipient = rest;
    out->opaque = slice_chr(rest, '=') == SLICE_NPOS;
    return out->opaque ? rest.n == VERP_OPAQUE_CHARS && all_base32(rest) : rest.n > 2;
}

slice verp_token(slice address)
{
    struct verp_parts v;
    if (slice_chr(address, '+') == SLICE_NPOS)
        return SLICE_EMPTY;
    slice s = bare(address);
    return s.n > 0 && verp_split(s, &v) ? s : SLICE_EMPTY;
}
