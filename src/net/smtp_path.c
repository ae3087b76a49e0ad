#include "net/smtp_path.h"

#include "base/codec.h"
#include "base/text.h"

/* ---- the path ---- */

/* RFC 5322 3.2.3, and what RFC 6531 3.3 adds. */
static bool is_atext(char c)
{
    return ascii_alnum(c) || (unsigned char)c >= 0x80 || (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* The length of a quoted string at the start, 0 when it is none (RFC 5321 4.1.2). */
static size_t quoted_bytes(slice s)
{
    for (size_t i = 1; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < ' ' || c == 0x7f)
            return 0;
        if (c == '"')
            return i + 1;
        if (c == '\\' && (++i == s.n || (unsigned char)s.p[i] < ' '))
            return 0;
    }
    return 0;
}

static size_t local_bytes(slice s)
{
    if (s.n && s.p[0] == '"')
        return quoted_bytes(s);
    size_t n = 0;
    while (n < s.n && (is_atext(s.p[n]) || s.p[n] == '.'))
        n++;
    return n;
}

static size_t literal_bytes(slice s)
{
    size_t n = 1;
    while (n < s.n && (ascii_alnum(s.p[n]) || s.p[n] == '.' || s.p[n] == ':' || s.p[n] == '-'))
        n++;
    return n > 1 && n < s.n && s.p[n] == ']' ? n + 1 : 0;
}

static size_t domain_bytes(slice s)
{
    if (s.n && s.p[0] == '[')
        return literal_bytes(s);
    size_t n = 0;
    while (n < s.n && (ascii_alnum(s.p[n]) || (unsigned char)s.p[n] >= 0x80 || strchr("-._", s.p[n])) && s.p[n])
        n++;
    return n;
}

/* The mailbox at the start of `s`; 0 when there is none. */
static size_t mailbox_bytes(slice s, slice *domain)
{
    size_t local = local_bytes(s);
    *domain = SLICE_EMPTY;
    if (!local || local > SMTP_MAX_LOCAL_BYTES)
        return 0;
    if (local == s.n || s.p[local] != '@')
        return local;
    size_t n = domain_bytes(slice_from(s, local + 1));
    *domain = slice_sub(s, local + 1, n);
    return n && n <= SMTP_MAX_DOMAIN_BYTES ? local + 1 + n : 0;
}

/* "@a.example,@b.example:" in front of the mailbox. */
static slice without_route(slice s)
{
    if (!slice_starts(s, S("@")))
        return s;
    size_t colon = slice_chr(s, ':');
    return colon == SLICE_NPOS ? s : slice_from(s, colon + 1);
}

bool smtp_path_parse(slice text, struct smtp_path *out)
{
    slice s = slice_ltrim(text);
    bool bracket = slice_starts(s, S("<"));
    *out = (struct smtp_path){.address = SLICE_EMPTY, .domain = SLICE_EMPTY, .rest = SLICE_EMPTY};
    if (slice_starts(s, S("<>"))) {
        out->rest = slice_from(s, 2);
    } else {
        s = without_route(slice_from(s, bracket ? 1 : 0));
        size_t n = mailbox_bytes(s, &out->domain);
        if (!n || (bracket && (n == s.n || s.p[n] != '>')))
            return false;
        out->address = slice_sub(s, 0, n);
        out->rest = slice_from(s, n + (bracket ? 1 : 0));
    }
    out->utf8 = !text_is_ascii(out->address);
    bool ends = slice_empty(out->rest) || out->rest.p[0] == ' ' || out->rest.p[0] == '\t';
    return ends && utf8_valid(out->address);
}

/* ---- parameters ---- */

static const slice bad_value = SLICE_INIT("501 5.5.4 a parameter makes no sense");
static const slice bad_name = SLICE_INIT("555 5.5.4 a parameter is not known here");
static const slice no_memory = SLICE_INIT("452 4.3.1 no memory, come again later");

static bool take_size(slice v, arena *a, struct smtp_params *out)
{
    (void)a;
    return v.n <= 20 && slice_u64(v, &out->size); /* RFC 1870 */
}

/* BINARYMIME is not offered (RFC 3030 3). */
static bool take_body(slice v, arena *a, struct smtp_params *out)
{
    (void)a;
    out->body = slice_eq_ci(v, S("8BITMIME")) ? SMTP_BODY_8BITMIME : SMTP_BODY_7BIT;
    return out->body == SMTP_BODY_8BITMIME || slice_eq_ci(v, S("7BIT"));
}

static bool take_utf8(slice v, arena *a, struct smtp_params *out)
{
    (void)a;
    out->utf8 = true;
    return slice_empty(v);
}

static bool take_ret(slice v, arena *a, struct smtp_params *out)
{
    (void)a;
    out->ret = slice_eq_ci(v, S("FULL")) ? SMTP_RET_FULL : SMTP_RET_HDRS;
    return out->ret == SMTP_RET_FULL || slice_eq_ci(v, S("HDRS"));
}

static bool all_printable(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    return utf8_valid(s);
}

/* RFC 3461 4; into the arena. A refused allocation shows in a->limited. */
static bool take_xtext(slice v, arena *a, size_t max, slice *out)
{
    char *p = arena_alloc(a, v.n);
    if (!p)
        return true;
    *out = slice_of(p, xtext_decode(v, p));
    return out->n > 0 && out->n <= max && all_printable(*out);
}

static bool take_envid(slice v, arena *a, struct smtp_params *out)
{
    return take_xtext(v, a, SMTP_MAX_ENVID_BYTES, &out->envid);
}

static bool take_orcpt(slice v, arena *a, struct smtp_params *out)
{
    size_t semicolon = slice_chr(v, ';');
    if (semicolon == SLICE_NPOS || semicolon == 0)
        return false;
    out->orcpt_type = slice_sub(v, 0, semicolon);
    for (size_t i = 0; i < semicolon; i++)
        if (!is_atext(v.p[i]))
            return false;
    return take_xtext(slice_from(v, semicolon + 1), a, SMTP_MAX_ORCPT_BYTES, &out->orcpt);
}

static unsigned notify_bit(slice word)
{
    static const slice words[] = {SLICE_INIT("NEVER"), SLICE_INIT("SUCCESS"), SLICE_INIT("FAILURE"),
                                  SLICE_INIT("DELAY")};
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        if (slice_eq_ci(word, words[i]))
            return 1u << i;
    return 0;
}

static bool take_notify(slice v, arena *a, struct smtp_params *out)
{
    slice word;
    (void)a;
    while (slice_split(&v, ',', &word)) {
        unsigned bit = notify_bit(word);
        if (!bit || (out->notify & bit))
            return false;
        out->notify |= bit;
    }
    return out->notify == SMTP_NOTIFY_NEVER || !(out->notify & SMTP_NOTIFY_NEVER);
}

struct param {
    slice name;
    bool (*take)(slice value, arena *a, struct smtp_params *out);
};

static const struct param of_mail[] = {
    {SLICE_INIT("SIZE"), take_size}, {SLICE_INIT("BODY"), take_body},   {SLICE_INIT("SMTPUTF8"), take_utf8},
    {SLICE_INIT("RET"), take_ret},   {SLICE_INIT("ENVID"), take_envid},
};
static const struct param of_rcpt[] = {
    {SLICE_INIT("NOTIFY"), take_notify},
    {SLICE_INIT("ORCPT"), take_orcpt},
};

static slice take_params(slice text, const struct param *table, size_t n, arena *a, struct smtp_params *out)
{
    slice word;
    unsigned seen = 0;
    *out = (struct smtp_params){.envid = SLICE_EMPTY, .orcpt_type = SLICE_EMPTY, .orcpt = SLICE_EMPTY};
    while (slice_word(&text, &word)) {
        size_t equals = slice_chr(word, '='), i = 0;
        slice name = slice_sub(word, 0, equals), value = SLICE_EMPTY;
        if (equals != SLICE_NPOS)
            value = slice_from(word, equals + 1);
        while (i < n && !slice_eq_ci(name, table[i].name))
            i++;
        if (i == n)
            return bad_name;
        if (seen & (1u << i) || !table[i].take(value, a, out))
            return bad_value;
        seen |= 1u << i;
    }
    return a->limited ? no_memory : SLICE_EMPTY;
}

slice smtp_mail_params(slice text, arena *a, struct smtp_params *out)
{
    return take_params(text, of_mail, ARRAY_LEN(of_mail), a, out);
}

slice smtp_rcpt_params(slice text, arena *a, struct smtp_params *out)
{
    return take_params(text, of_rcpt, ARRAY_LEN(of_rcpt), a, out);
}
