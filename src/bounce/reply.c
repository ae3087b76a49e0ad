#include "bounce/reply.h"

#include "bounce/eight.h"

/* ---- enhanced codes -------------------------------------------------------------------------------------------- */

static size_t digits_at(slice s, size_t i)
{
    size_t n = 0;
    while (i + n < s.n && ascii_digit(s.p[i + n]))
        n++;
    return n;
}

/* The first digit from i on. */
static size_t next_digit(slice s, size_t i)
{
    while (i + 8 <= s.n) {
        size_t n = eight_before(eight_in_range(eight_get(s.p + i), '0', '9'));
        i += n;
        if (n < 8)
            return i;
    }
    if (i < s.n && s.n >= 8)
        return s.n - 8 + eight_before(eight_in_range(eight_tail(s, i), '0', '9'));
    while (i < s.n && !ascii_digit(s.p[i]))
        i++;
    return i;
}

static uint16_t number_at(slice s, size_t i, size_t n)
{
    unsigned v = 0;
    for (size_t k = 0; k < n; k++)
        v = v * 10 + (unsigned)(s.p[i + k] - '0');
    return (uint16_t)v;
}

size_t bounce_enhanced_parse(struct bounce_slice text, struct bounce_enhanced *out)
{
    if (text.n < 5 || !strchr("245", text.p[0]) || text.p[1] != '.')
        return 0;
    size_t subject = digits_at(text, 2), dot = 2 + subject;
    if (subject < 1 || subject > 3 || dot >= text.n || text.p[dot] != '.')
        return 0;
    size_t detail = digits_at(text, dot + 1), end = dot + 1 + detail;
    if (detail < 1 || detail > 3)
        return 0;
    /* "4.16.55.1" and IP addresses are none. */
    if (end + 1 < text.n && text.p[end] == '.' && ascii_digit(text.p[end + 1]))
        return 0;
    *out = (struct bounce_enhanced){(uint16_t)(text.p[0] - '0'), number_at(text, 2, subject),
                                    number_at(text, dot + 1, detail)};
    return end;
}

/* ---- finding replies ------------------------------------------------------------------------------------------- */

struct part { /* one reply, or one line of one */
    uint16_t code;
    struct bounce_enhanced enhanced;
    size_t from;      /* of the code */
    size_t text_from; /* behind code and enhanced code */
};

struct finder {
    slice text;
    struct part parts[REPLY_MAX_PARTS];
    size_t n;
};

/* Codes that are common enough to be taken for one in the middle of a line. */
static const uint16_t usual_codes[] = {421, 450, 451, 452, 454, 455, 500, 501, 502, 503, 504, 521,
                                       525, 530, 535, 550, 551, 552, 553, 554, 555, 556, 571};

/* What stands behind a number that is a measure and no reply code. */
static const slice units[] = {SLICE_INIT("bytes"),   SLICE_INIT("kb"),         SLICE_INIT("mb"),
                              SLICE_INIT("seconds"), SLICE_INIT("messages"),   SLICE_INIT("recipients"),
                              SLICE_INIT("minutes"), SLICE_INIT("hours"),      SLICE_INIT("connections"),
                              SLICE_INIT("users"),   SLICE_INIT("characters"), SLICE_INIT("error"),
                              SLICE_INIT("mails"),   SLICE_INIT("emails"),     SLICE_INIT("per ")};

static bool usual_code(uint16_t code)
{
    for (size_t i = 0; i < ARRAY_LEN(usual_codes); i++)
        if (usual_codes[i] == code)
            return true;
    return false;
}

static bool is_measure(slice behind)
{
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (slice_starts_ci(behind, units[i]))
            return true;
    return false;
}

static bool blank(char c)
{
    return ascii_space(c);
}

static size_t skip_blanks(slice s, size_t i)
{
    while (i < s.n && blank(s.p[i]))
        i++;
    return i;
}

/* Length of an enhanced code at i, where blanks, "#", "-", quotes or an opening bracket may stand before it. */
static size_t enhanced_behind(slice s, size_t i, struct bounce_enhanced *out, size_t *from)
{
    while (i < s.n && (blank(s.p[i]) || strchr("#-:'\"(", s.p[i])))
        i++;
    *from = i;
    return bounce_enhanced_parse(slice_from(s, i), out);
}

static bool known_code(const struct finder *f, uint16_t code)
{
    for (size_t i = 0; i < f->n; i++)
        if (f->parts[i].code == code)
            return true;
    return false;
}

/* Last character before i that is no blank; 0 at the start. "\n" written out counts as a line's start. */
static char before_blanks(slice s, size_t i)
{
    while (i > 0 && blank(s.p[i - 1])) {
        if (s.p[i - 1] == '\n')
            return 0;
        i--;
    }
    if (i > 1 && s.p[i - 2] == '\\' && s.p[i - 1] == 'n')
        return 0;
    return i ? s.p[i - 1] : 0;
}

static bool code_boundaries(slice s, size_t i)
{
    bool escaped = i > 1 && s.p[i - 2] == '\\' && s.p[i - 1] == 'n';
    if (i > 0 && !escaped && (ascii_alnum(s.p[i - 1]) || strchr(".-_/@#=+$%&", s.p[i - 1])))
        return false;
    if (i + 3 >= s.n)
        return true;
    return blank(s.p[i + 3]) || s.p[i + 3] == '-' || s.p[i + 3] == ':' || s.p[i + 3] == '#' || s.p[i + 3] == '\\' ||
           s.p[i + 3] == ',';
}

/* Does a reply start at i, where three digits stand? Near the start or behind a colon and the like they need no proof;
 * in the middle of words they do. */
static bool is_reply_at(const struct finder *f, size_t i, uint16_t code)
{
    slice s = f->text;
    char before = before_blanks(s, i);
    if ((before == 0 || before == ':') && i + 3 < s.n && ascii_alpha(s.p[i + 3])) /* "550no such user" */
        return usual_code(code) && !is_measure(slice_from(s, i + 3));
    if (!code_boundaries(s, i))
        return false;
    if (before == 0)
        return true;
    struct bounce_enhanced e;
    size_t at;
    bool proven = enhanced_behind(s, i + 3, &e, &at) && e.klass == code / 100;
    if (proven || known_code(f, code))
        return true;
    if (!usual_code(code) || is_measure(slice_from(s, skip_blanks(s, i + 3))))
        return false;
    if (strchr(":;<>'\"`({[|\\", before))
        return true;
    return (i + 3 < s.n && s.p[i + 3] == '-') || (f->n > 0 && i + 4 < s.n && !ascii_digit(s.p[i + 4])) ||
           (f->n == 0 && i < 80 && before != ',');
}

/* 1 when the character at i is one of `set`. */
static size_t starts_with_one_of(slice s, size_t i, const char *set)
{
    return i < s.n && strchr(set, s.p[i]) != NULL;
}

static bool add_part(struct finder *f, size_t i, uint16_t code)
{
    struct part *p = &f->parts[f->n++];
    *p = (struct part){.code = code, .from = i, .text_from = i + 3};
    p->text_from += starts_with_one_of(f->text, p->text_from, "-:");
    size_t at, n = enhanced_behind(f->text, p->text_from, &p->enhanced, &at);
    if (n)
        p->text_from = at + n + starts_with_one_of(f->text, at + n, ":");
    return f->n < REPLY_MAX_PARTS;
}

/* The first three digits from i on that may be a code; s.n when there are none. */
static size_t next_code(slice s, size_t i)
{
    while (i + 8 <= s.n) {
        uint64_t v = eight_get(s.p + i), digits = eight_in_range(v, '0', '9');
        size_t n = eight_before(eight_in_range(v, '2', '5') & digits >> 8 & digits >> 16);
        i += n < 8 ? n : 6; /* of the last two the rest is not seen yet */
        if (n < 8)
            return i;
    }
    for (; i + 3 <= s.n; i++)
        if (s.p[i] >= '2' && s.p[i] <= '5' && ascii_digit(s.p[i + 1]) && ascii_digit(s.p[i + 2]))
            return i;
    return s.n;
}

static void find_parts(struct finder *f)
{
    slice s = f->text;
    for (size_t i = next_code(s, 0); i < s.n; i = next_code(s, i + 3)) {
        uint16_t code = number_at(s, i, 3);
        if (is_reply_at(f, i, code) && !add_part(f, i, code))
            return;
    }
}

/* ---- which reply decides --------------------------------------------------------------------------------------- */

static size_t part_end(const struct finder *f, size_t k)
{
    return k + 1 < f->n ? f->parts[k + 1].from : f->text.n;
}

static slice part_text(const struct finder *f, size_t k)
{
    return slice_sub(f->text, f->parts[k].text_from, part_end(f, k) - f->parts[k].text_from);
}

/* Replies to commands that only failed because an earlier one did, and wrappers around the reply that tells why. */
static const slice followers[] = {SLICE_INIT("no valid recipients"),   SLICE_INIT("need rcpt"),
                                  SLICE_INIT("no recipients"),         SLICE_INIT("valid rcpt command must"),
                                  SLICE_INIT("too many errors"),       SLICE_INIT("message expired"),
                                  SLICE_INIT("message timeout"),       SLICE_INIT("session setup failed"),
                                  SLICE_INIT("unknown address error"), SLICE_INIT("other mail system problem")};

static bool is_follower(slice text)
{
    for (size_t i = 0; i < ARRAY_LEN(followers); i++)
        if (slice_find_ci(text, followers[i]) != SLICE_NPOS)
            return true;
    return false;
}

/* 3 final, 2 for now, 1 follows from another one, 0 no failure. */
static int part_weight(const struct finder *f, size_t k)
{
    uint16_t code = f->parts[k].code;
    if (code < 400)
        return 0;
    if (code == 503 || is_follower(part_text(f, k)))
        return 1;
    return code >= 500 ? 3 : 2;
}

static size_t choose_part(const struct finder *f)
{
    size_t best = 0;
    for (size_t k = 1; k < f->n; k++)
        if (part_weight(f, k) > part_weight(f, best))
            best = k;
    return best;
}

/* ---- the words ------------------------------------------------------------------------------------------------- */

#define WORDS_SLACK 9u /* room behind the words: a blank, and what is written ahead of the last byte */

struct words {
    char *p;
    size_t n;
};

/* Appends with white space squeezed and "\n" written out taken for a blank. */
static void add_words(struct words *w, slice s)
{
    const char *p = s.p, *end = s.p + s.n;
    char *o = w->p + w->n;
    while (p < end) {
        size_t n = 8; /* the common case eight bytes at once: words with single blanks between */
        while (n == 8 && end - p >= 8) {
            uint64_t v = eight_get(p), blanks = eight_equal(v, ' ');
            uint64_t again = blanks & (blanks << 8 | (o == w->p || o[-1] == ' ' ? 0x80 : 0));
            n = eight_before(((eight_in_range(v, 0, ' ') | eight_equal(v, '\\')) ^ blanks) | again);
            eight_put(o, v);
            o += n;
            p += n;
        }
        while (p < end && *p != '\\' && !blank(*p))
            *o++ = *p++;
        if (p == end)
            break;
        bool escape = *p == '\\' && p + 1 < end && (p[1] == 'n' || p[1] == 'r');
        if (*p == '\\' && !escape)
            *o++ = '\\';
        else if (o > w->p && o[-1] != ' ')
            *o++ = ' ';
        p += escape ? 2 : 1;
    }
    if (o > w->p && o[-1] != ' ')
        *o++ = ' ';
    w->n = (size_t)(o - w->p);
}

static slice clean_ends(slice s)
{
    s = slice_trim(s);
    while (s.n && strchr(";,-", s.p[0])) /* a colon tells that an address was left out */
        s = slice_ltrim(slice_from(s, 1));
    while (s.n && strchr("'`", s.p[s.n - 1]))
        s = slice_rtrim(slice_sub(s, 0, s.n - 1));
    return s;
}

/* All lines of the reply with this code, joined; lines said twice once. */
static slice join_parts(const struct finder *f, uint16_t code, arena *a)
{
    struct words w = {arena_alloc(a, f->text.n + f->n + WORDS_SLACK), 0};
    slice last = SLICE_EMPTY;
    if (!w.p)
        return SLICE_EMPTY;
    for (size_t k = 0; k < f->n; k++) {
        slice text = slice_trim(part_text(f, k));
        if (f->parts[k].code != code || (!slice_empty(last) && slice_eq(last, text)))
            continue;
        add_words(&w, text);
        last = text;
    }
    return clean_ends(slice_of(w.p, w.n));
}

static slice join_all(slice text, arena *a)
{
    struct words w = {arena_alloc(a, text.n + WORDS_SLACK), 0};
    if (!w.p)
        return SLICE_EMPTY;
    add_words(&w, text);
    return clean_ends(slice_of(w.p, w.n));
}

/* "#5.1.1" in brackets at the end, as qmail writes it. */
static void qmail_enhanced(slice text, struct bounce_enhanced *out)
{
    size_t at = slice_rchr(text, '#');
    if (at == SLICE_NPOS || at == 0 || text.p[at - 1] != '(')
        return;
    struct bounce_enhanced e;
    size_t n = bounce_enhanced_parse(slice_from(text, at + 1), &e);
    if (n && at + 1 + n < text.n && text.p[at + 1 + n] == ')')
        *out = e;
}

/* ---- host ------------------------------------------------------------------------------------------------------ */

/* "host mx.example.com[1.2.3.4] said:", "while talking to mx.example.com.:", "host X [1.2.3.4]:" */
static slice find_host(slice before)
{
    static const slice marks[] = {SLICE_INIT("while talking to "), SLICE_INIT("host ")};
    for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
        size_t at = slice_find_ci(before, marks[i]);
        if (at == SLICE_NPOS || (at > 0 && ascii_alnum(before.p[at - 1])))
            continue;
        slice rest = slice_from(before, at + marks[i].n), word;
        if (!slice_word(&rest, &word))
            continue;
        size_t end = 0;
        while (end < word.n && (ascii_alnum(word.p[end]) || strchr(".-_", word.p[end])))
            end++;
        while (end > 0 && word.p[end - 1] == '.')
            end--;
        if (end && slice_chr(slice_sub(word, 0, end), '.') != SLICE_NPOS)
            return slice_sub(word, 0, end);
    }
    return SLICE_EMPTY;
}

/* ---- retry advice ---------------------------------------------------------------------------------------------- */

static const struct {
    slice word;
    int64_t seconds;
} time_units[] = {{SLICE_INIT("sec"), 1},   {SLICE_INIT("min"), 60},    {SLICE_INIT("hour"), 3600},
                  {SLICE_INIT("hr"), 3600}, {SLICE_INIT("day"), 86400}, {SLICE_INIT("s"), 1},
                  {SLICE_INIT("m"), 60},    {SLICE_INIT("h"), 3600}};

static const slice advice_words[] = {SLICE_INIT("again"),
                                     SLICE_INIT("retry"),
                                     SLICE_INIT("wait"),
                                     SLICE_INIT("later"),
                                     SLICE_INIT("within"),
                                     SLICE_INIT("come back"),
                                     SLICE_INIT("resend"),
                                     SLICE_INIT("accept this mail"),
                                     SLICE_INIT("mail from you in"),
                                     SLICE_INIT("delay"),
                                     SLICE_INIT("greylist"),
                                     SLICE_INIT("expire")};

#define ADVICE_WINDOW 60u
#define ADVICE_MAX_S (7 * 86400)

static int64_t unit_seconds(slice behind)
{
    behind = slice_ltrim(behind);
    if (slice_starts(behind, S("-")))
        behind = slice_from(behind, 1);
    for (size_t i = 0; i < ARRAY_LEN(time_units); i++) {
        slice word = time_units[i].word;
        if (!slice_starts_ci(behind, word))
            continue;
        if (word.n > 1 || behind.n == 1 || !ascii_alnum(behind.p[1]))
            return time_units[i].seconds;
    }
    return 0;
}

static bool is_advice(slice window)
{
    for (size_t i = 0; i < ARRAY_LEN(advice_words); i++)
        if (slice_find_ci(window, advice_words[i]) != SLICE_NPOS)
            return true;
    return false;
}

int64_t reply_retry_after(slice text)
{
    for (size_t i = next_digit(text, 0); i < text.n; i = next_digit(text, i + 1)) {
        size_t n = digits_at(text, i);
        bool word = i == 0 || (!ascii_alnum(text.p[i - 1]) && text.p[i - 1] != '.');
        int64_t unit = word && n <= 6 ? unit_seconds(slice_from(text, i + n)) : 0;
        size_t from = i > ADVICE_WINDOW ? i - ADVICE_WINDOW : 0;
        if (unit && is_advice(slice_sub(text, from, i - from))) {
            int64_t value = 0;
            for (size_t k = 0; k < n; k++)
                value = value * 10 + (text.p[i + k] - '0');
            return value * unit > ADVICE_MAX_S ? ADVICE_MAX_S : value * unit;
        }
        i += n - 1;
    }
    return 0;
}

/* ---- all together ---------------------------------------------------------------------------------------------- */

static void no_reply(slice text, arena *a, struct bounce_reply *out)
{
    slice rest = slice_ltrim(text);
    if (slice_starts_ci(rest, S("smtp;")))
        rest = slice_ltrim(slice_from(rest, 5));
    size_t from, n = enhanced_behind(rest, 0, &out->enhanced, &from);
    out->text = join_all(n ? slice_from(rest, from + n) : rest, a);
}

static void take_reply(const struct finder *f, arena *a, struct bounce_reply *out)
{
    size_t chosen = choose_part(f);
    out->code = f->parts[chosen].code;
    for (size_t k = 0; k < f->n; k++) {
        out->several |= f->parts[k].code != out->code;
        if (f->parts[k].code == out->code && out->enhanced.klass == 0 && k >= chosen)
            out->enhanced = f->parts[k].enhanced;
    }
    out->text = join_parts(f, out->code, a);
    out->host = find_host(slice_sub(f->text, 0, f->parts[0].from));
}

enum bounce_status bounce_reply_parse(struct bounce_slice text, struct bounce_arena *a, struct bounce_reply *out)
{
    struct finder f; /* parts stay uncleared: they are 2 KB, and f.n tells which are there */
    f.text = slice_sub(text, 0, REPLY_MAX_BYTES);
    f.n = 0;
    *out = (struct bounce_reply){.text = SLICE_EMPTY, .host = SLICE_EMPTY};
    find_parts(&f);
    if (f.n)
        take_reply(&f, a, out);
    else
        no_reply(f.text, a, out);
    if (out->enhanced.klass == 0)
        qmail_enhanced(out->text, &out->enhanced);
    out->phase = reply_phase(f.text);
    out->retry_after_s = reply_retry_after(out->text);
    return slice_empty(out->text) && a->limited ? BOUNCE_LIMIT : BOUNCE_OK;
}
