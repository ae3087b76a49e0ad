#include "bounce/html.h"

#include "base/text.h"

#define HTML_MAX_NAME 16      /* octets of a tag or entity name that is known */
#define HTML_MAX_ADDRESS 320  /* octets of an address in "<...>" */
#define HTML_META_WITHIN 2048 /* octets at the start that are searched for a charset */

enum effect { EFFECT_NONE, EFFECT_LINE, EFFECT_BLANK, EFFECT_PRE, EFFECT_SKIP };

static const struct {
    slice name;
    enum effect effect;
} tags[] = {
    {SLICE_INIT("address"), EFFECT_LINE}, {SLICE_INIT("article"), EFFECT_LINE}, {SLICE_INIT("blockquote"), EFFECT_LINE},
    {SLICE_INIT("body"), EFFECT_LINE},    {SLICE_INIT("br"), EFFECT_LINE},      {SLICE_INIT("center"), EFFECT_LINE},
    {SLICE_INIT("dd"), EFFECT_LINE},      {SLICE_INIT("div"), EFFECT_LINE},     {SLICE_INIT("dl"), EFFECT_LINE},
    {SLICE_INIT("dt"), EFFECT_LINE},      {SLICE_INIT("footer"), EFFECT_LINE},  {SLICE_INIT("form"), EFFECT_LINE},
    {SLICE_INIT("h1"), EFFECT_LINE},      {SLICE_INIT("h2"), EFFECT_LINE},      {SLICE_INIT("h3"), EFFECT_LINE},
    {SLICE_INIT("h4"), EFFECT_LINE},      {SLICE_INIT("h5"), EFFECT_LINE},      {SLICE_INIT("h6"), EFFECT_LINE},
    {SLICE_INIT("header"), EFFECT_LINE},  {SLICE_INIT("hr"), EFFECT_LINE},      {SLICE_INIT("li"), EFFECT_LINE},
    {SLICE_INIT("ol"), EFFECT_LINE},      {SLICE_INIT("p"), EFFECT_LINE},       {SLICE_INIT("pre"), EFFECT_PRE},
    {SLICE_INIT("script"), EFFECT_SKIP},  {SLICE_INIT("section"), EFFECT_LINE}, {SLICE_INIT("style"), EFFECT_SKIP},
    {SLICE_INIT("table"), EFFECT_LINE},   {SLICE_INIT("tbody"), EFFECT_LINE},   {SLICE_INIT("td"), EFFECT_BLANK},
    {SLICE_INIT("th"), EFFECT_BLANK},     {SLICE_INIT("title"), EFFECT_LINE},   {SLICE_INIT("tr"), EFFECT_LINE},
    {SLICE_INIT("tt"), EFFECT_NONE},      {SLICE_INIT("ul"), EFFECT_LINE},
};

static const struct {
    slice name;
    uint16_t cp;
} entities[] = {
    {SLICE_INIT("amp"), '&'},      {SLICE_INIT("lt"), '<'},       {SLICE_INIT("gt"), '>'},
    {SLICE_INIT("quot"), '"'},     {SLICE_INIT("apos"), '\''},    {SLICE_INIT("nbsp"), ' '},
    {SLICE_INIT("copy"), 0xA9},    {SLICE_INIT("reg"), 0xAE},     {SLICE_INIT("laquo"), 0xAB},
    {SLICE_INIT("raquo"), 0xBB},   {SLICE_INIT("middot"), 0xB7},  {SLICE_INIT("szlig"), 0xDF},
    {SLICE_INIT("agrave"), 0xE0},  {SLICE_INIT("aacute"), 0xE1},  {SLICE_INIT("acirc"), 0xE2},
    {SLICE_INIT("atilde"), 0xE3},  {SLICE_INIT("auml"), 0xE4},    {SLICE_INIT("aring"), 0xE5},
    {SLICE_INIT("aelig"), 0xE6},   {SLICE_INIT("ccedil"), 0xE7},  {SLICE_INIT("egrave"), 0xE8},
    {SLICE_INIT("eacute"), 0xE9},  {SLICE_INIT("ecirc"), 0xEA},   {SLICE_INIT("euml"), 0xEB},
    {SLICE_INIT("igrave"), 0xEC},  {SLICE_INIT("iacute"), 0xED},  {SLICE_INIT("icirc"), 0xEE},
    {SLICE_INIT("iuml"), 0xEF},    {SLICE_INIT("ntilde"), 0xF1},  {SLICE_INIT("ograve"), 0xF2},
    {SLICE_INIT("oacute"), 0xF3},  {SLICE_INIT("ocirc"), 0xF4},   {SLICE_INIT("otilde"), 0xF5},
    {SLICE_INIT("ouml"), 0xF6},    {SLICE_INIT("oslash"), 0xF8},  {SLICE_INIT("ugrave"), 0xF9},
    {SLICE_INIT("uacute"), 0xFA},  {SLICE_INIT("ucirc"), 0xFB},   {SLICE_INIT("uuml"), 0xFC},
    {SLICE_INIT("Agrave"), 0xC0},  {SLICE_INIT("Aacute"), 0xC1},  {SLICE_INIT("Acirc"), 0xC2},
    {SLICE_INIT("Auml"), 0xC4},    {SLICE_INIT("Ccedil"), 0xC7},  {SLICE_INIT("Egrave"), 0xC8},
    {SLICE_INIT("Eacute"), 0xC9},  {SLICE_INIT("Ecirc"), 0xCA},   {SLICE_INIT("Ouml"), 0xD6},
    {SLICE_INIT("Uuml"), 0xDC},    {SLICE_INIT("ndash"), 0x2013}, {SLICE_INIT("mdash"), 0x2014},
    {SLICE_INIT("lsquo"), 0x2018}, {SLICE_INIT("rsquo"), 0x2019}, {SLICE_INIT("ldquo"), 0x201C},
    {SLICE_INIT("rdquo"), 0x201D}, {SLICE_INIT("bull"), 0x2022},  {SLICE_INIT("hellip"), 0x2026},
    {SLICE_INIT("euro"), 0x20AC},  {SLICE_INIT("trade"), 0x2122}, {SLICE_INIT("commat"), '@'},
    {SLICE_INIT("period"), '.'},   {SLICE_INIT("lowbar"), '_'},   {SLICE_INIT("colon"), ':'},
};

/* No step writes more than it reads, so the output has the size of the input. */
struct writer {
    char *out;
    size_t n;
    unsigned pre; /* open <pre> */
    bool blank;   /* white space is due before the next character */
};

static void end_line(struct writer *w)
{
    w->blank = false;
    while (w->n > 0 && w->out[w->n - 1] == ' ')
        w->n--;
    if (w->n > 0 && !(w->n > 1 && w->out[w->n - 1] == '\n' && w->out[w->n - 2] == '\n'))
        w->out[w->n++] = '\n';
}

static void put_bytes(struct writer *w, const char *p, size_t n)
{
    if (w->blank && w->n > 0 && w->out[w->n - 1] != '\n')
        w->out[w->n++] = ' ';
    w->blank = false;
    memcpy(w->out + w->n, p, n);
    w->n += n;
}

static void put_char(struct writer *w, char c)
{
    if (w->pre > 0 && (c == '\n' || c == ' ' || c == '\t'))
        w->out[w->n++] = c;
    else if (ascii_space(c))
        w->blank = true;
    else
        put_bytes(w, &c, 1);
}

/* Word by word where white space is joined. */
static void put_text(struct writer *w, slice s)
{
    for (size_t i = 0; i < s.n;) {
        size_t from = i;
        while (w->pre == 0 && i < s.n && !ascii_space(s.p[i]))
            i++;
        if (i > from)
            put_bytes(w, s.p + from, i - from);
        else
            put_char(w, s.p[i++]);
    }
}

/* The code point of "&#65;" or "&#x41;" without "&" and ";"; 0 when it is none. */
static uint32_t numeric_entity(slice name)
{
    bool hex = name.n > 1 && ascii_lower(name.p[1]) == 'x';
    uint32_t v = 0;
    for (size_t i = hex ? 2 : 1; i < name.n; i++) {
        char c = ascii_lower(name.p[i]);
        uint32_t digit = ascii_digit(c) ? (uint32_t)(c - '0') : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10) : 99;
        if (digit >= (hex ? 16u : 10u) || v > 0x10FFFF)
            return 0;
        v = v * (hex ? 16 : 10) + digit;
    }
    return v > 0x10FFFF || (v >= 0xD800 && v < 0xE000) ? 0 : v;
}

static uint32_t named_entity(slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(entities); i++)
        if (slice_eq(entities[i].name, name))
            return entities[i].cp;
    return 0;
}

/* Decodes the entity at s, which starts with "&". Returns octets taken. */
static size_t take_entity(struct writer *w, slice s)
{
    size_t n = 1;
    while (n < s.n && n < HTML_MAX_NAME && (ascii_alnum(s.p[n]) || (n == 1 && s.p[n] == '#')))
        n++;
    slice name = slice_sub(s, 1, n - 1);
    bool numeric = slice_starts(name, S("#"));
    uint32_t cp = numeric ? numeric_entity(name) : named_entity(name);
    char utf8[4];
    if (cp == 0 || n == s.n || (s.p[n] != ';' && !numeric)) {
        put_char(w, '&');
        return 1;
    }
    if (cp == 0xA0 || cp < 0x80)
        put_char(w, cp == 0xA0 ? ' ' : (char)cp);
    else
        put_bytes(w, utf8, utf8_put(cp, utf8));
    return s.p[n] == ';' ? n + 1 : n;
}

static enum effect tag_effect(slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(tags); i++)
        if (slice_eq_ci(tags[i].name, name))
            return tags[i].effect;
    return EFFECT_NONE;
}

/* Octets up to the end tag of a <style> or <script> whose content is at s; all when it is never closed. */
static size_t skip_content(slice s, slice name)
{
    for (size_t at = 0; at < s.n;) {
        size_t close = slice_find(slice_from(s, at), S("</"));
        if (close == SLICE_NPOS)
            break;
        at += close + 2;
        if (slice_starts_ci(slice_from(s, at), name))
            return at - 2;
    }
    return s.n;
}

static void apply(struct writer *w, enum effect effect, bool closing)
{
    if (effect == EFFECT_LINE || effect == EFFECT_PRE)
        end_line(w);
    if (effect == EFFECT_BLANK)
        w->blank = true;
    if (effect == EFFECT_PRE)
        w->pre = closing ? 0 : 1;
}

/* Octets of the tag or comment at s, which starts with "<"; 0 when "<" is only a character. */
static size_t tag_span(slice s)
{
    if (slice_starts(s, S("<!--"))) {
        size_t end = slice_find(s, S("-->"));
        return end == SLICE_NPOS ? s.n : end + 3;
    }
    if (s.n < 2 || !(ascii_alpha(s.p[1]) || s.p[1] == '/' || s.p[1] == '!' || s.p[1] == '?'))
        return 0;
    size_t next = slice_chr(slice_from(s, 1), '<'); /* a tag holds no other tag; this also keeps "<<<<" linear */
    size_t end = slice_chr(slice_sub(s, 0, next == SLICE_NPOS ? s.n : next + 1), '>');
    if (end == SLICE_NPOS)
        return 0;
    slice inner = slice_sub(s, 1, end - 1);
    if (inner.n > HTML_MAX_ADDRESS)
        return end + 1;
    size_t at = slice_chr(inner, '@');
    if (at != SLICE_NPOS && slice_chr(inner, '=') == SLICE_NPOS &&
        slice_chr(slice_sub(inner, 0, at), ' ') == SLICE_NPOS)
        return 0; /* <user@example.com> */
    return end + 1;
}

/* Goes past the tag at s. Returns octets taken. */
static size_t take_tag(struct writer *w, slice s)
{
    size_t span = tag_span(s);
    if (span == 0) {
        put_char(w, '<');
        return 1;
    }
    bool closing = s.p[1] == '/';
    size_t start = closing ? 2 : 1;
    size_t end = start;
    while (end < span && end - start < HTML_MAX_NAME && ascii_alnum(s.p[end]))
        end++;
    slice name = slice_sub(s, start, end - start);
    enum effect effect = tag_effect(name);
    if (effect == EFFECT_SKIP && !closing && s.p[span - 2] != '/')
        return span + skip_content(slice_from(s, span), name);
    apply(w, effect, closing);
    return span;
}

slice html_text(arena *a, slice html)
{
    struct writer w = {arena_alloc(a, html.n + 1), 0, 0, false};
    if (w.out == NULL)
        return SLICE_EMPTY;
    for (size_t i = 0; i < html.n;) {
        slice rest = slice_from(html, i);
        size_t text = slice_either(rest, '<', '&');
        put_text(&w, slice_sub(rest, 0, text));
        i += text;
        if (i < html.n)
            i += html.p[i] == '<' ? take_tag(&w, slice_from(html, i)) : take_entity(&w, slice_from(html, i));
    }
    return slice_of(w.out, w.n);
}

slice html_charset(slice html)
{
    slice head = slice_sub(html, 0, HTML_META_WITHIN);
    size_t at = slice_find_ci(head, S("charset="));
    if (at == SLICE_NPOS)
        return SLICE_EMPTY;
    slice s = slice_from(head, at + 8);
    if (s.n > 0 && (s.p[0] == '"' || s.p[0] == '\''))
        s = slice_from(s, 1);
    size_t n = 0;
    while (n < s.n && (ascii_alnum(s.p[n]) || s.p[n] == '-' || s.p[n] == '_' || s.p[n] == ':'))
        n++;
    return slice_sub(s, 0, n);
}
