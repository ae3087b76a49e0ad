#include "bounce/notice.h"

#include "bounce/address.h"

/* Local parts of addresses that are named for help; they fail only when nobody else is named. */
static const slice roles[] = {
    SLICE_INIT("postmaster"), SLICE_INIT("abuse"),    SLICE_INIT("mailer-daemon"), SLICE_INIT("support"),
    SLICE_INIT("helpdesk"),   SLICE_INIT("noc"),      SLICE_INIT("hostmaster"),    SLICE_INIT("webmaster"),
    SLICE_INIT("postfix"),    SLICE_INIT("security"), SLICE_INIT("mailadmin"),     SLICE_INIT("postmasters"),
};

enum {
    CONTEXT_BYTES = 96, /* of words before an address */
    NEAR_ENTRIES = 64   /* repeats and answers stand near what they belong to */
};

struct walk {
    struct reading *r;
    struct notice *out;
    slice line;           /* this line */
    size_t at;            /* its offset */
    slice before;         /* the line before, trimmed; empty after a blank line */
    size_t indent;        /* of this line */
    size_t listed_indent; /* of the first listed address */
    slice dialogue;       /* whom the SMTP dialogue is about */
    slice pending;        /* the server's last refusal, not yet about anybody */
    slice rest;           /* of the text, behind this line */
    size_t reply_end;     /* offset behind the lines that were taken with the first one of their reply */
};

bool notice_is_reply(slice s)
{
    struct bounce_enhanced e;
    if (s.n >= 3 && (s.p[0] == '4' || s.p[0] == '5') && ascii_digit(s.p[1]) && ascii_digit(s.p[2]) &&
        (s.n == 3 || s.p[3] == ' ' || s.p[3] == '-' || s.p[3] == ':'))
        return true;
    return s.n && (s.p[0] == '4' || s.p[0] == '5') && bounce_enhanced_parse(s, &e);
}

static bool is_role(slice address)
{
    slice local = address_local(address);
    for (size_t i = 0; i < ARRAY_LEN(roles); i++)
        if (slice_eq_ci(local, roles[i]))
            return true;
    return false;
}

static bool named_already(const struct notice *n, slice address, enum notice_tier tier)
{
    size_t first = n->n > NEAR_ENTRIES ? n->n - NEAR_ENTRIES : 0; /* freetext drops the rest */
    for (size_t i = n->n; i-- > first;)
        if (n->entries[i].tier == tier && reading_same(n->entries[i].address, address))
            return true;
    return false;
}

/* The text before an address in languages that set no blank: full-width punctuation and ideographs are not taken for a part of
 * it when the domain is ASCII. */
static slice without_ideographs(slice address)
{
    size_t at = slice_rchr(address, '@'), cut = 0;
    for (size_t i = at == SLICE_NPOS ? address.n : at; i < address.n; i++)
        if ((unsigned char)address.p[i] >= 0x80)
            return address;
    for (size_t i = 0; i < at && i + 3 <= address.n; i++) {
        unsigned char lead = (unsigned char)address.p[i];
        if ((lead >= 0xe3 && lead <= 0xed) || lead == 0xef || (lead == 0xe2 && (unsigned char)address.p[i + 1] == 0x80))
            cut = i + 3; /* U+2000..203F, U+3000..DFFF, U+F000.. */
    }
    return cut < at ? slice_from(address, cut) : address;
}

static struct notice_entry *add(struct walk *w, slice address, enum notice_tier tier)
{
    struct notice *n = w->out;
    if (slice_starts_ci(address, S("smtp="))) /* X.400: dda:SMTP=a@b */
        address = slice_from(address, 5);
    address = without_ideographs(address);
    if (n->n >= NOTICE_MAX_ENTRIES || named_already(n, address, tier))
        return NULL;
    struct notice_entry *grown = arena_grow(w->r->a, n->entries, n->n, &n->cap, sizeof(*grown));
    if (!grown) {
        w->r->diag |= BOUNCE_DIAG_MEMORY;
        return NULL;
    }
    n->entries = grown;
    struct notice_entry *e = &grown[n->n++];
    *e = (struct notice_entry){.address = address,
                               .original = SLICE_EMPTY,
                               .tier = tier,
                               .line = w->at,
                               .after = (size_t)(address.p + address.n - n->text.p),
                               .reply = SLICE_EMPTY};
    return e;
}

static struct notice_entry *last_listed(struct notice *n)
{
    for (size_t i = n->n; i-- > 0;)
        if (n->entries[i].tier == NOTICE_LISTED)
            return &n->entries[i];
    return NULL;
}

/* ---- lines that begin with an address
 * -------------------------------------------------------------------------------- */

static slice without_bullet(slice s)
{
    size_t i = 0;
    while (i < s.n && (ascii_space(s.p[i]) || s.p[i] == '*' || s.p[i] == '-' || s.p[i] == '>' || s.p[i] == '|' ||
                       s.p[i] == '<' || s.p[i] == '"' || s.p[i] == '\'' || s.p[i] == '[' || s.p[i] == '('))
        i++;
    s = slice_from(s, i);
    size_t digits = 0;
    while (digits < 4 && digits < s.n && ascii_digit(s.p[digits]))
        digits++;
    if (digits && digits + 1 < s.n && (s.p[digits] == ')' || s.p[digits] == '.') && s.p[digits + 1] == ' ') /* "1) " */
        s = slice_ltrim(slice_from(s, digits + 1));
    if (slice_starts(s, S("\xe2\x80\xa2"))) /* U+2022 */
        s = slice_ltrim(slice_from(s, 3));
    return slice_starts_ci(s, S("smtp:")) ? slice_from(s, 5) : s;
}

/* Whether what stands behind an address at the start of a line lets it be an entry of a list. */
static bool lists(const struct walk *w, slice rest)
{
    size_t i = 0;
    while (i < rest.n &&
           (rest.p[i] == '>' || rest.p[i] == '"' || rest.p[i] == '\'' || rest.p[i] == ')' || rest.p[i] == ']'))
        i++;
    rest = slice_from(rest, i);
    slice words = slice_trim(rest);
    if (slice_empty(words) || strchr(":;[(<-=|", words.p[0]))
        return true;
    if (slice_starts(words, S("...")) || slice_starts(words, S("on ")) ||
        (rest.p[0] == ' ' && rest.n > 1 && rest.p[1] == ' '))
        return true;
    if (words.p[0] == ',' || words.p[0] == '.')
        return slice_empty(w->before) && words.n < 2;
    return slice_empty(w->before) || w->before.p[w->before.n - 1] == ':' || w->listed_indent != SLICE_NPOS;
}

/* An address that is indented deeper than the list belongs to the words about the entry above it. */
static bool belongs_above(const struct walk *w)
{
    return w->listed_indent != SLICE_NPOS && w->indent > w->listed_indent && !slice_empty(w->before);
}

static bool listed_line(struct walk *w)
{
    slice s = without_bullet(w->line);
    size_t n = address_span(s);
    if (!n || belongs_above(w) || !lists(w, slice_from(s, n)))
        return false;
    slice address = slice_sub(s, 0, n);
    bool role = is_role(address);
    if (role || w->before.n) {
        /* "please contact" at the end of the line above */
        size_t pos = 0;
        slice tail = slice_from(w->before, w->before.n > CONTEXT_BYTES ? w->before.n - CONTEXT_BYTES : 0);
        unsigned last = 0, tag;
        while ((tag = lexicon_next(w->r->lexicon, PLACE_NEAR, tail, &pos)))
            last = tag;
        if (last & (WORD_CONTACT | WORD_SENDER))
            return true;
    }
    if (add(w, address, role ? NOTICE_ROLE : NOTICE_LISTED) && w->listed_indent == SLICE_NPOS && !role)
        w->listed_indent = w->indent;
    return true;
}

/* ---- SMTP dialogue -------------------------------------------------------------------------------------------------
 */

/* "<<< 550 ...", "Received >>> 550 ...": the answer itself. */
static slice answer_of(slice line)
{
    static const slice arrows[] = {SLICE_INIT("<<<"), SLICE_INIT("received >>>"), SLICE_INIT("response:")};
    slice s = slice_ltrim(line);
    if (slice_empty(s) || (s.p[0] != '<' && ascii_lower(s.p[0]) != 'r'))
        return SLICE_EMPTY;
    for (size_t i = 0; i < ARRAY_LEN(arrows); i++)
        if (slice_starts_ci(s, arrows[i]))
            return slice_trim(slice_from(s, arrows[i].n));
    return SLICE_EMPTY;
}

/* All lines of the reply that begins with `first`: the same code again, each behind its arrow. */
static slice whole_reply(struct walk *w, slice first)
{
    enum { MAX_LINES = 32 };
    slice whole = first, last = first, rest = w->rest, line;
    for (unsigned i = 0; last.n > 3 && last.p[3] == '-' && i < MAX_LINES && slice_lf_line(&rest, &line); i++) {
        last = answer_of(line);
        if (!notice_is_reply(last) || !slice_starts(last, slice_sub(first, 0, 3)))
            break;
        whole = reading_join(w->r, whole, S("\n"), last);
        w->reply_end = (size_t)(line.p + line.n - w->out->text.p);
    }
    return whole;
}

static void keep_reply(struct walk *w, slice first)
{
    slice reply = whole_reply(w, first);
    w->out->transcript = true;
    if (slice_empty(w->out->last_reply))
        w->out->last_reply = reply;
    w->pending = reply;
    size_t near = w->out->n > NEAR_ENTRIES ? w->out->n - NEAR_ENTRIES : 0;
    for (size_t i = near; i < w->out->n; i++) {
        struct notice_entry *e = &w->out->entries[i];
        if (slice_empty(e->reply) && reading_same(e->address, w->dialogue))
            e->reply = reply;
    }
}

/* ">>> RCPT To:<a>" and "Sent <<< RCPT TO:<a>": whom the next answer is about. */
static bool command_line(struct walk *w)
{
    size_t at = slice_find_ci(w->line, S("rcpt to:"));
    if (at == SLICE_NPOS)
        return false;
    slice rest = slice_ltrim(slice_from(w->line, at + 8));
    rest = rest.n && rest.p[0] == '<' ? slice_from(rest, 1) : rest;
    size_t n = address_span(rest);
    if (!n)
        return false;
    w->dialogue = slice_sub(rest, 0, n);
    add(w, w->dialogue, NOTICE_SENTENCE);
    return true;
}

/* "550 5.1.1 <a@b>... User unknown": the code first, then the address, three dots behind it. */
static bool reply_line(struct walk *w)
{
    slice s = slice_ltrim(w->line);
    if (!notice_is_reply(s))
        return false;
    size_t pos = 0;
    slice address = address_next(slice_sub(s, 0, 512), &pos);
    if (slice_empty(address))
        return false;
    slice rest = slice_from(s, (size_t)(address.p + address.n - s.p));
    if (rest.n && rest.p[0] == '>')
        rest = slice_from(rest, 1);
    if (!slice_starts(rest, S("...")))
        return false;
    struct notice_entry *e = add(w, address, NOTICE_REPLY);
    if (e) {
        e->after = w->at;
        e->reply = slice_empty(w->pending) ? slice_trim(w->line) : w->pending; /* the far server's words go first */
        w->pending = SLICE_EMPTY;
    }
    return true;
}

/* ---- addresses in sentences
 * ------------------------------------------------------------------------------------------- */

/* The meaning of the words closest before an address. */
static unsigned words_before(const struct walk *w, slice here)
{
    slice before = slice_sub(w->line, 0, (size_t)(here.p - w->line.p));
    if (before.n > CONTEXT_BYTES)
        before = slice_from(before, before.n - CONTEXT_BYTES);
    unsigned last = 0, tag;
    size_t pos = 0;
    while ((tag = lexicon_next(w->r->lexicon, PLACE_NEAR, before, &pos)))
        last = tag;
    if (last || slice_trim(before).n > 8)
        return last;
    slice above = w->before.n > CONTEXT_BYTES ? slice_from(w->before, w->before.n - CONTEXT_BYTES) : w->before;
    pos = 0;
    while ((tag = lexicon_next(w->r->lexicon, PLACE_NEAR, above, &pos)))
        last = tag;
    return last;
}

static void sentence_address(struct walk *w, slice address)
{
    unsigned words = words_before(w, address);
    if (words & WORD_ALIAS) {
        struct notice_entry *e = last_listed(w->out);
        if (!e)
            e = add(w, address, NOTICE_LISTED);
        else if (slice_empty(e->original))
            e->original = address;
        return;
    }
    if (words & (WORD_CONTACT | WORD_SENDER))
        return;
    add(w, address, words & WORD_TARGET ? words & WORD_WEAK ? NOTICE_MENTION : NOTICE_SENTENCE : NOTICE_LOOSE);
}

static void sentence_line(struct walk *w)
{
    size_t pos = 0;
    slice address;
    for (unsigned found = 0; found < 64 && !slice_empty(address = address_next(w->line, &pos)); found++)
        sentence_address(w, address);
}

/* ---- the walk
 * --------------------------------------------------------------------------------------------------------- */

static void take_line(struct walk *w)
{
    if (w->at < w->reply_end)
        return;
    slice answer = answer_of(w->line);
    if (!slice_empty(answer)) {
        if (notice_is_reply(answer))
            keep_reply(w, answer);
        return;
    }
    if (slice_chr(w->line, '@') == SLICE_NPOS)
        return;
    if (listed_line(w) || command_line(w) || reply_line(w))
        return;
    sentence_line(w);
}

void notice_read(struct reading *r, slice text, struct notice *out)
{
    *out = (struct notice){.text = text, .last_reply = SLICE_EMPTY};
    struct walk w = {.r = r,
                     .out = out,
                     .before = SLICE_EMPTY,
                     .listed_indent = SLICE_NPOS,
                     .dialogue = SLICE_EMPTY,
                     .pending = SLICE_EMPTY,
                     .rest = text};
    for (unsigned lines = 0; lines < NOTICE_MAX_LINES && slice_lf_line(&w.rest, &w.line); lines++) {
        w.at = (size_t)(w.line.p - text.p);
        slice words = slice_ltrim(w.line);
        w.indent = w.line.n - words.n;
        take_line(&w);
        w.before = slice_rtrim(words);
    }
}

const struct notice_entry *notice_find(const struct notice *n, slice address)
{
    const struct notice_entry *best = NULL;
    for (size_t i = 0; i < n->n; i++) {
        const struct notice_entry *e = &n->entries[i];
        if ((!best || e->tier < best->tier) &&
            (reading_same(e->address, address) || reading_same(e->original, address)))
            best = e;
    }
    return best;
}
