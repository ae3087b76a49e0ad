#include "bounce/address.h"

#include <idn2.h>

#include "base/codec.h"
#include "base/text.h"
#include "bounce.h"

#define ADDRESS_MAX_LOCAL 64          /* RFC 5321 4.5.3.1.1 */
#define ADDRESS_MAX_DOMAIN 255        /* RFC 5321 4.5.3.1.2 */
#define ADDRESS_MAX_LABEL 63          /* RFC 1035 2.3.4 */
#define ADDRESS_MAX_NAME 512          /* octets of a quoted name or comment in a list */
#define ADDRESS_MAX_LIST (128 * 1024) /* octets of an address list that are read */
#define ADDRESS_MAX_SCAN 320          /* octets looked at on either side of an "@" in running text */

static bool is_utf8_byte(char c)
{
    return (unsigned char)c >= 0x80;
}

/* Sets of octets: the bit of an octet in its row of 64. */
#define BIT(c) (UINT64_C(1) << ((c)&63))
#define DIGITS (BIT('9' + 1) - BIT('0'))
#define LETTERS (BIT('Z' + 1) - BIT('A') + BIT('z' + 1) - BIT('a'))

/* RFC 5322 3.2.3 atext, beyond ASCII too, and dots anywhere: carriers gave out "a..b@" and "a.@", and they get mail. */
static const uint64_t local_set[4] = {
    DIGITS | BIT('!') | BIT('#') | BIT('$') | BIT('%') | BIT('&') | BIT('\'') | BIT('*') | BIT('+') | BIT('-') |
        BIT('.') | BIT('/') | BIT('=') | BIT('?'),
    LETTERS | BIT('^') | BIT('_') | BIT('`') | BIT('{') | BIT('|') | BIT('}') | BIT('~'), UINT64_MAX, UINT64_MAX};
static const uint64_t label_set[4] = {DIGITS | BIT('-'), LETTERS | BIT('_'), UINT64_MAX, UINT64_MAX};

static inline bool in_set(const uint64_t set[4], char c)
{
    unsigned char u = (unsigned char)c;
    return set[u >> 6] >> (u & 63) & 1;
}

static inline bool is_local(char c)
{
    return in_set(local_set, c);
}

static inline bool is_label(char c)
{
    return in_set(label_set, c);
}

static size_t local_span(slice s)
{
    size_t i = 0;
    if (s.n == 0 || s.p[0] != '"') {
        while (i < s.n && is_local(s.p[i]))
            i++;
        return i;
    }
    for (i = 1; i < s.n && i < ADDRESS_MAX_SCAN; i++) {
        if (s.p[i] == '"')
            return i + 1;
        if (s.p[i] == '\\' && ++i == s.n)
            break;
        if ((unsigned char)s.p[i] < 32 || s.p[i] == 127) /* RFC 5321 4.1.2: no control characters, escaped or not */
            break;
    }
    return 0;
}

static size_t literal_span(slice s)
{
    size_t i = 1;
    while (i < s.n && (ascii_alnum(s.p[i]) || s.p[i] == '.' || s.p[i] == ':' || s.p[i] == '-'))
        i++;
    return i > 1 && i < s.n && s.p[i] == ']' ? i + 1 : 0;
}

/* Where the label from start to end ends without the hyphens at its end. */
static size_t label_trim(slice s, size_t start, size_t end)
{
    while (end > start && (s.p[end - 1] == '-' || s.p[end - 1] == '_'))
        end--;
    return end;
}

/* A label that begins in ASCII and goes on in another script is a name with text glued to it ("example.com" and the
 * next word of a language without blanks), where it is the last one; within a name it may be (a German umlaut). */
static size_t last_label_end(slice s, size_t start, size_t end)
{
    if (!ascii_alnum(s.p[start]))
        return end;
    size_t i = start;
    while (i < end && !is_utf8_byte(s.p[i]))
        i++;
    return label_trim(s, start, i);
}

static size_t domain_span(slice s)
{
    if (s.n > 0 && s.p[0] == '[')
        return literal_span(s);
    size_t end = 0;
    size_t last = 0;
    size_t i = 0;
    for (;;) {
        size_t start = i;
        while (i < s.n && is_label(s.p[i]))
            i++;
        size_t stop = label_trim(s, start, i);
        if (stop == start || s.p[start] == '-')
            break;
        last = start;
        end = stop;
        if (stop != i || i == s.n || s.p[i] != '.')
            break;
        i++;
    }
    return end == 0 ? 0 : last_label_end(s, last, end);
}

size_t address_span(slice s)
{
    size_t local = local_span(s);
    if (local == 0 || local >= s.n || s.p[local] != '@')
        return 0;
    size_t domain = domain_span(slice_from(s, local + 1));
    return domain == 0 ? 0 : local + 1 + domain;
}

/* ---- in running text ------------------------------------------------------------------------------------------ */

/* What is glued in front of an address: "rcpt=user@x", "mailto:user@x" ends at the colon by itself. */
static const slice glued[] = {
    SLICE_INIT("to="),     SLICE_INIT("from="), SLICE_INIT("rcpt="),    SLICE_INIT("recipient="), SLICE_INIT("email="),
    SLICE_INIT("mail="),   SLICE_INIT("user="), SLICE_INIT("address="), SLICE_INIT("orig_to="),   SLICE_INIT("orcpt="),
    SLICE_INIT("sender="), SLICE_INIT("addr="), SLICE_INIT("mailbox="), SLICE_INIT("account=")};

/* Octets of the quotation mark or other punctuation beyond ASCII at s, or of a CJK character; 0 when it is a letter
 * that a local part may well begin with. */
static size_t foreign_lead(slice s)
{
    size_t n = utf8_len(s);
    if (n < 2)
        return n == 0 && s.n > 0 && is_utf8_byte(s.p[0]) ? 1 : 0;
    uint32_t c = utf8_get(s, &n);
    return c < 0xC0 || c >= 0x2000 ? n : 0;
}

/* Cuts from the left what is no part of the address in prose. */
static slice local_trim(slice s)
{
    for (;;) {
        size_t cut = 0;
        if (s.n > 0 && strchr("'`*=?/|&{}!#.~^", s.p[0]) != NULL)
            cut = 1;
        for (size_t i = 0; cut == 0 && i < ARRAY_LEN(glued); i++)
            if (slice_starts_ci(s, glued[i]))
                cut = glued[i].n;
        if (cut == 0 && s.n > 0 && is_utf8_byte(s.p[0]))
            cut = foreign_lead(s);
        if (cut == 0 || cut >= s.n || s.p[cut] == '@')
            return s;
        s = slice_from(s, cut);
    }
}

/* Where the quoted local part that ends in front of `at` begins; `at` when it is none. */
static size_t quoted_start(slice text, size_t from, size_t at)
{
    size_t least = at - from > ADDRESS_MAX_SCAN ? at - ADDRESS_MAX_SCAN : from;
    for (size_t i = at - 1; i-- > least;) {
        if (text.p[i] == '"' && (i == from || text.p[i - 1] != '\\'))
            return local_span(slice_from(text, i)) == at - i ? i : at;
        if (text.p[i] == '\n' || text.p[i] == '\r')
            break;
    }
    return at;
}

static size_t local_start(slice text, size_t from, size_t at)
{
    if (at > from && text.p[at - 1] == '"')
        return quoted_start(text, from, at);
    size_t i = at;
    while (i > from && at - i < ADDRESS_MAX_SCAN && is_local(text.p[i - 1]))
        i--;
    return at - local_trim(slice_sub(text, i, at - i)).n;
}

slice address_next(slice text, size_t *pos)
{
    size_t from = *pos;
    while (*pos < text.n) {
        size_t at = slice_chr(slice_from(text, *pos), '@');
        if (at == SLICE_NPOS)
            break;
        at += *pos;
        *pos = at + 1;
        size_t start = local_start(text, from, at);
        size_t domain = start < at ? domain_span(slice_from(text, at + 1)) : 0;
        if (domain > 0) {
            *pos = at + 1 + domain;
            return slice_sub(text, start, *pos - start);
        }
    }
    *pos = text.n;
    return SLICE_EMPTY;
}

/* Inside <...>: "mailto:", a source route "@a,@b:" and blanks go. */
static slice bracketed(slice s)
{
    s = slice_trim(s);
    if (slice_starts_ci(s, S("mailto:")) || slice_starts_ci(s, S("smtp:")))
        s = slice_from(s, slice_chr(s, ':') + 1);
    size_t colon = slice_starts(s, S("@")) ? slice_chr(s, ':') : SLICE_NPOS;
    if (colon != SLICE_NPOS)
        s = slice_from(s, colon + 1);
    s = slice_trim(s);
    size_t n = address_span(s);
    return n > 0 && (n == s.n || s.p[n] == '.' || ascii_space(s.p[n]) || s.p[n] == '?') ? slice_sub(s, 0, n)
                                                                                        : SLICE_EMPTY;
}

slice address_find(slice text)
{
    for (size_t open = slice_chr(text, '<'); open != SLICE_NPOS;) {
        slice inner = slice_from(text, open + 1);
        size_t close = slice_chr(slice_sub(inner, 0, 2 * ADDRESS_MAX_SCAN), '>');
        slice found = close == SLICE_NPOS ? SLICE_EMPTY : bracketed(slice_sub(inner, 0, close));
        if (!slice_empty(found))
            return found;
        size_t next = slice_chr(inner, '<');
        open = next == SLICE_NPOS ? SLICE_NPOS : open + 1 + next;
    }
    size_t pos = 0;
    return address_next(text, &pos);
}

/* ---- address lists -------------------------------------------------------------------------------------------- */

/* Octets of the quoted string or comment at s. */
static size_t enclosed_span(slice s)
{
    unsigned depth = 0;
    char open = s.p[0];
    for (size_t i = 0; i < s.n && i < ADDRESS_MAX_NAME; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (open == '"' && i > 0 && s.p[i] == '"')
            return i + 1;
        else if (open == '(' && s.p[i] == '(')
            depth++;
        else if (open == '(' && s.p[i] == ')' && --depth == 0)
            return i + 1;
    }
    return 1; /* never closed: an odd character, nothing more */
}

/* Where the element at the start of s ends; *name_end is where the name of a group or a comment that comes first ends.
 */
static size_t element_end(slice s, size_t *begin)
{
    bool angle = false;
    size_t i = 0;
    *begin = 0;
    while (i < s.n) {
        char c = s.p[i];
        if (c == '"' || c == '(') {
            size_t n = enclosed_span(slice_from(s, i));
            if (c == '(' && slice_empty(slice_trim(slice_sub(s, *begin, i - *begin))))
                *begin = i + n;
            i += n;
            continue;
        }
        if (c == '<')
            angle = true;
        else if (c == '>')
            angle = false;
        else if (!angle && (c == ',' || c == ';'))
            return i;
        else if (!angle && c == ':')
            *begin = i + 1;
        i++;
    }
    return i;
}

bool address_list(slice *rest, slice *address)
{
    *rest = slice_sub(*rest, 0, ADDRESS_MAX_LIST);
    while (rest->n > 0) {
        size_t begin;
        size_t end = element_end(*rest, &begin);
        slice element = begin < end ? slice_sub(*rest, begin, end - begin) : SLICE_EMPTY;
        *rest = slice_from(*rest, end + 1);
        *address = address_find(element);
        if (!slice_empty(*address))
            return true;
    }
    *address = SLICE_EMPTY;
    return false;
}

/* ---- fields of a DSN ------------------------------------------------------------------------------------------ */

/* In an address of type rfc822 only what xtext must escape is undone: "+41" may be part of a real address. */
static slice unescape_plus(arena *a, slice s)
{
    if (slice_chr(s, '+') == SLICE_NPOS)
        return s;
    char *out = arena_alloc(a, s.n);
    if (out == NULL)
        return s;
    size_t n = 0;
    for (size_t i = 0; i < s.n; i++) {
        slice here = slice_from(s, i);
        bool plus = slice_starts(here, S("+2B"));
        bool equals = slice_starts(here, S("+3D"));
        out[n++] = plus ? '+' : equals ? '=' : s.p[i];
        i += plus || equals ? 2 : 0;
    }
    return slice_of(out, n);
}

static slice undo_xtext(arena *a, slice s)
{
    if (slice_chr(s, '+') == SLICE_NPOS && slice_chr(s, '\\') == SLICE_NPOS)
        return s;
    char *out = arena_alloc(a, s.n);
    return out == NULL ? s : slice_of(out, xtext_decode(s, out));
}

/* The address type in front of ";" (RFC 3464 2.1.2): an atom; empty when there is none. */
static slice take_type(slice *s)
{
    size_t semicolon = slice_chr(*s, ';');
    if (semicolon == SLICE_NPOS)
        return SLICE_EMPTY;
    slice type = slice_trim(slice_sub(*s, 0, semicolon));
    for (size_t i = 0; i < type.n; i++)
        if (!is_label(type.p[i]) || is_utf8_byte(type.p[i]))
            return SLICE_EMPTY;
    *s = slice_trim(slice_from(*s, semicolon + 1));
    return type;
}

slice address_from_typed(arena *a, slice value)
{
    slice s = text_squeeze(a, value);
    slice type = take_type(&s);
    if (slice_eq_ci(type, S("rfc822")))
        s = unescape_plus(a, s);
    else if (slice_starts_ci(type, S("utf-8")) || slice_eq_ci(type, S("xtext")) || slice_eq_ci(type, S("orcpt")))
        s = undo_xtext(a, s);
    size_t whole = address_span(s);
    if (whole > 0 && whole == s.n)
        return s; /* nothing around it: as it stands, odd first characters and all */
    slice found = address_find(s);
    if (!slice_empty(found))
        return found;
    slice bare = slice_trim(slice_unwrap(s, '<', '>'));
    size_t comment = slice_find(bare, S(" ("));
    return comment == SLICE_NPOS ? bare : slice_trim(slice_sub(bare, 0, comment));
}

slice address_local(slice addr)
{
    size_t at = slice_rchr(addr, '@');
    return at == SLICE_NPOS ? addr : slice_sub(addr, 0, at);
}

slice address_domain(slice addr)
{
    size_t at = slice_rchr(addr, '@');
    return at == SLICE_NPOS ? SLICE_EMPTY : slice_from(addr, at + 1);
}

/* ---- stored form ---------------------------------------------------------------------------------------------- */

static bool is_ascii(slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if (is_utf8_byte(s.p[i]))
            return false;
    return true;
}

static bool labels_fit(slice domain)
{
    size_t label = 0;
    if (domain.n > ADDRESS_MAX_DOMAIN)
        return false;
    for (size_t i = 0; i < domain.n; i++) {
        label = domain.p[i] == '.' ? 0 : label + 1;
        if (label > ADDRESS_MAX_LABEL || (label == 0 && (i == 0 || domain.p[i - 1] == '.')))
            return false;
    }
    return true;
}

/* The domain as lower-case A-label; ASCII lower-case where IDNA refuses it. */
static slice domain_normal(arena *a, slice domain)
{
    if (is_ascii(domain))
        return text_lower(a, domain);
    char name[ADDRESS_MAX_DOMAIN + 1];
    uint8_t *ascii = NULL;
    if (domain.n > ADDRESS_MAX_DOMAIN)
        return SLICE_EMPTY;
    memcpy(name, domain.p, domain.n);
    name[domain.n] = '\0';
    if (idn2_lookup_u8((const uint8_t *)name, &ascii, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) != IDN2_OK)
        return text_lower(a, domain);
    slice out = arena_dup(a, slice_str((const char *)ascii));
    idn2_free(ascii);
    return domain_span(out) == out.n ? out : SLICE_EMPTY; /* a mapping may give a blank or an "@" */
}

/* The local part without quotes and backslashes that are not needed. */
static slice local_normal(arena *a, slice local)
{
    if (local.p[0] != '"')
        return local;
    slice inner = slice_sub(local, 1, local.n - 2);
    bool needed = inner.n == 0;
    char *out = arena_alloc(a, local.n * 2);
    if (out == NULL)
        return SLICE_EMPTY;
    size_t n = 0;
    out[n++] = '"';
    for (size_t i = 0; i < inner.n; i++) {
        if (inner.p[i] == '\\' && i + 1 < inner.n)
            i++;
        char c = inner.p[i];
        needed = needed || !is_local(c);
        if (c == '"' || c == '\\')
            out[n++] = '\\';
        out[n++] = c;
    }
    out[n++] = '"';
    return needed ? slice_of(out, n) : slice_of(out + 1, n - 2);
}

static slice join(arena *a, slice local, slice domain)
{
    char *out = arena_alloc(a, local.n + 1 + domain.n);
    if (out == NULL)
        return SLICE_EMPTY;
    memcpy(out, local.p, local.n);
    out[local.n] = '@';
    memcpy(out + local.n + 1, domain.p, domain.n);
    return slice_of(out, local.n + 1 + domain.n);
}

/* Whether the address is all of s; its local part ends at `at`. */
static bool spans_all(slice s, size_t at)
{
    return at > 0 && at + 1 < s.n && s.p[at] == '@' && domain_span(slice_from(s, at + 1)) == s.n - at - 1;
}

slice address_normal(arena *a, slice text, slice *key)
{
    slice s = slice_trim(slice_unwrap(slice_trim(text), '<', '>'));
    if (key != NULL)
        *key = SLICE_EMPTY;
    if (s.n > 0 && s.p[s.n - 1] == '.') /* the root's dot */
        s.n--;
    size_t at = local_span(s);
    if (!spans_all(s, at) || !utf8_valid(s))
        return SLICE_EMPTY;
    slice local = local_normal(a, slice_sub(s, 0, at));
    slice domain = domain_normal(a, slice_from(s, at + 1));
    if (local.n == 0 || local.n > ADDRESS_MAX_LOCAL || domain.n == 0 || (domain.p[0] != '[' && !labels_fit(domain)))
        return SLICE_EMPTY;
    slice folded = text_lower(a, local), out = join(a, local, domain);
    if (key != NULL) /* most have no capitals: one copy is both */
        *key = folded.p == local.p ? out : join(a, folded, domain);
    return out;
}

struct bounce_slice bounce_address(struct bounce_slice text, struct bounce_arena *a, struct bounce_slice *key)
{
    return address_normal(a, text, key);
}
