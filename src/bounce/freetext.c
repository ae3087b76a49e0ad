#include "bounce/freetext.h"

#include "bounce/address.h"
#include "bounce/diagnosis.h"
#include "bounce/dialect.h"
#include "bounce/judge.h"
#include "bounce/reply.h"

enum {
    WORDS_BYTES = 16384,     /* of the text are searched for words that tell its nature */
    MAX_FAILED_FIELD = 2000, /* addresses of X-Failed-Recipients */
    MAX_BARE_NAME = 64,
    OURS = 8
};

/* A recipient that was chosen. */
struct choice {
    slice address, original;
    const struct notice_entry *entry; /* NULL when only a header names it */
};

struct freetext {
    struct reading *r;
    struct notice notice;
    unsigned words; /* of the text */
    struct choice *choices;
    size_t n, cap;
    slice ours[OURS];
};

/* ---- is it a report? ---- */

static bool has_returned(struct reading *r)
{
    return reading_returned(r)->n > 1 || !slice_empty(r->returned_text);
}

static bool has_entry(const struct notice *n, enum notice_tier worst)
{
    for (size_t i = 0; i < n->n; i++)
        if (n->entries[i].tier <= worst)
            return true;
    return false;
}

/* A mail system's report inside the mail of somebody who is none: a forward. */
static bool returns_a_report(struct reading *r)
{
    slice from = header_get(reading_returned(r), S("from"));
    return lexicon_in(r->lexicon, PLACE_FROM, from) & WORD_DAEMON;
}

/* Whoever writes from an address of a mail system is believed with one more sign. */
static bool daemon_reports(const struct freetext *f, unsigned subject, unsigned text)
{
    if (text)
        return f->r->facts.null_sender || f->r->facts.report || subject || (f->r->facts.from_words & WORD_ROBOT) ||
               has_entry(&f->notice, NOTICE_REPLY);
    return subject && (has_returned(f->r) || has_entry(&f->notice, NOTICE_LOOSE));
}

/* Anybody else needs both, and what a report has: the message, a reply, or somebody whom it is about. */
static bool other_reports(const struct freetext *f, unsigned subject, unsigned text)
{
    const struct facts *h = &f->r->facts;
    bool gateway = h->from_words & WORD_GATEWAY;
    bool someone = has_entry(&f->notice, NOTICE_SENTENCE);
    if ((h->list && !gateway) || returns_a_report(f->r))
        return false;
    if (h->subject_words & WORD_WEAK)
        return someone;
    if (!subject || !(text || someone))
        return false;
    return has_returned(f->r) || (someone && (gateway || slice_empty(h->field[FACT_FROM])));
}

static bool is_report(const struct freetext *f)
{
    const struct facts *h = &f->r->facts;
    unsigned subject = h->subject_words & (WORD_FAILED | WORD_DELAYED);
    unsigned text = f->words & (WORD_FAILED | WORD_DELAYED | WORD_EXPIRED | WORD_DELIVERED);
    if (h->field[FACT_X_FAILED_RECIPIENTS].n)
        return true;
    if (h->answer || ((h->subject_words & WORD_ABSENT) && !subject))
        return false;
    if (h->null_sender || (h->from_words & WORD_DAEMON))
        return daemon_reports(f, subject, text);
    return other_reports(f, subject, text);
}

/* ---- who? ---- */

static bool chosen_already(const struct freetext *f, slice address)
{
    for (size_t i = 0; i < f->n; i++)
        if (reading_same(f->choices[i].address, address) || reading_same(f->choices[i].original, address))
            return true;
    return false;
}

static void choose(struct freetext *f, slice address, slice original, const struct notice_entry *entry)
{
    if (chosen_already(f, address))
        return;
    struct choice *grown = arena_grow(f->r->a, f->choices, f->n, &f->cap, sizeof(*grown));
    if (!grown) {
        f->r->diag |= BOUNCE_DIAG_MEMORY;
        return;
    }
    f->choices = grown;
    grown[f->n++] = (struct choice){.address = address, .original = original, .entry = entry};
}

/* Addresses of our side: who sent the message that came back, and to whom the report went. */
static void gather_ours(struct freetext *f)
{
    static const enum fact to[] = {FACT_TO, FACT_DELIVERED_TO, FACT_X_ORIGINAL_TO, FACT_ENVELOPE_TO};
    static const slice from[] = {SLICE_INIT("from"), SLICE_INIT("sender"), SLICE_INIT("return-path"),
                                 SLICE_INIT("reply-to")};
    _Static_assert(ARRAY_LEN(to) + ARRAY_LEN(from) == OURS, "room for all of them");
    for (size_t i = 0; i < ARRAY_LEN(to); i++)
        f->ours[i] = facts_address(&f->r->facts, to[i]);
    for (size_t i = 0; i < ARRAY_LEN(from); i++)
        f->ours[ARRAY_LEN(to) + i] = address_find(header_get(reading_returned(f->r), from[i]));
}

static bool is_ours(const struct freetext *f, slice address)
{
    for (size_t i = 0; i < OURS; i++)
        if (reading_same(f->ours[i], address))
            return true;
    return false;
}

static const struct notice_entry *first_listed(const struct notice *n)
{
    for (size_t i = 0; i < n->n; i++)
        if (n->entries[i].tier == NOTICE_LISTED)
            return &n->entries[i];
    return NULL;
}

/* Exim and what took the field over from it name all of them there. */
static void choose_from_field(struct freetext *f)
{
    slice rest = f->r->facts.field[FACT_X_FAILED_RECIPIENTS], address;
    for (unsigned i = 0; i < MAX_FAILED_FIELD && address_list(&rest, &address); i++) {
        const struct notice_entry *e = notice_find(&f->notice, address);
        slice original = e ? e->original : SLICE_EMPTY;
        if (e && reading_same(e->original, address))
            choose(f, e->address, address, e);
        else
            choose(f, address, original, e);
    }
    if (f->n == 1 && !f->choices[0].entry)
        f->choices[0].entry = first_listed(&f->notice);
}

static void choose_tier(struct freetext *f, enum notice_tier tier, slice returned_to)
{
    for (size_t i = 0; i < f->notice.n; i++) {
        const struct notice_entry *e = &f->notice.entries[i];
        if (e->tier == tier && (!is_ours(f, e->address) || reading_same(e->address, returned_to)))
            choose(f, e->address, e->original, e);
    }
    /* people write to themselves, too, but then nobody else stands there */
    for (size_t i = 0; i < f->notice.n && !f->n && tier <= NOTICE_REPLY; i++) {
        const struct notice_entry *e = &f->notice.entries[i];
        if (e->tier == tier)
            choose(f, e->address, e->original, e);
    }
}

/* An address that only stands somewhere counts when the returned message went there, or when it is the only one. */
static void choose_loose(struct freetext *f, slice returned_to)
{
    const struct notice_entry *only = NULL;
    for (size_t i = 0; i < f->notice.n; i++) {
        const struct notice_entry *e = &f->notice.entries[i];
        if (e->tier != NOTICE_LOOSE && e->tier != NOTICE_ROLE)
            continue;
        if (reading_same(e->address, returned_to)) {
            choose(f, e->address, e->original, e);
            return;
        }
        if (!is_ours(f, e->address) && e->tier == NOTICE_LOOSE)
            only = only ? &f->notice.entries[0] : e;
    }
    if (slice_empty(returned_to) && only && only->tier == NOTICE_LOOSE)
        choose(f, only->address, only->original, only);
}

static bool is_bare_name(slice s)
{
    if (slice_empty(s) || s.n > MAX_BARE_NAME)
        return false;
    for (size_t i = 0; i < s.n; i++)
        if (!ascii_alnum(s.p[i]) && s.p[i] != '.' && s.p[i] != '_' && s.p[i] != '-')
            return false;
    return true;
}

/* Names without a domain below a line that ends in ":" belong to the domain that writes. */
static void choose_bare_names(struct freetext *f)
{
    slice domain = address_domain(facts_address(&f->r->facts, FACT_FROM));
    slice rest = f->notice.text, line;
    bool open = false;
    while (!slice_empty(domain) && slice_lf_line(&rest, &line)) {
        slice s = slice_trim(line);
        if (slice_empty(s))
            continue;
        bool name = open && (line.p[0] == ' ' || line.p[0] == '\t') && is_bare_name(s);
        if (name)
            choose(f, reading_join(f->r, s, S("@"), domain), SLICE_EMPTY, NULL);
        open = name || s.p[s.n - 1] == ':';
    }
}

static void choose_all(struct freetext *f)
{
    gather_ours(f);
    if (f->r->facts.field[FACT_X_FAILED_RECIPIENTS].n)
        choose_from_field(f);
    slice returned_to = reading_returned_recipient(f->r);
    for (enum notice_tier t = NOTICE_LISTED; t <= NOTICE_MENTION && !f->n; t++)
        choose_tier(f, t, returned_to);
    if (!f->n)
        choose_loose(f, returned_to);
    if (!f->n)
        choose_bare_names(f);
    if (!f->n && !slice_empty(returned_to) && !is_ours(f, returned_to))
        choose(f, returned_to, SLICE_EMPTY, NULL);
    if (!f->n)
        choose_tier(f, NOTICE_ROLE, returned_to);
}

/* ---- what? ---- */

static enum bounce_kind kind_of(const struct freetext *f, slice words)
{
    unsigned subject = f->r->facts.subject_words;
    if ((f->words & WORD_DELIVERED) && !(f->words & (WORD_FAILED | WORD_DELAYED)))
        return BOUNCE_KIND_DELIVERED;
    if (((subject & WORD_DELAYED) && !(subject & WORD_FAILED)) || (f->words & WORD_DELAYED))
        return BOUNCE_KIND_DELAYED;
    bool expired = (f->n == 1 && (f->words & WORD_EXPIRED)) || reading_expired(f->r, words);
    return expired ? BOUNCE_KIND_EXPIRED : BOUNCE_KIND_FAILED;
}

static void add_report(struct freetext *f, const struct choice *c, slice words, slice format)
{
    struct bounce_report *out = reading_add(f->r, kind_of(f, words), format);
    if (!out)
        return;
    out->recipient = c->address;
    if (!reading_same(c->original, c->address))
        out->original_recipient = c->original;
    out->diagnostic = words;
}

static void add_reports(struct freetext *f)
{
    struct reading *r = f->r;
    slice format = dialect_name(r);
    const struct notice_entry **entries = arena_calloc(r->a, f->n + 1, sizeof(*entries));
    slice *words = arena_calloc(r->a, f->n + 1, sizeof(*words));
    if (!entries || !words) {
        r->diag |= BOUNCE_DIAG_MEMORY;
        return;
    }
    size_t n = 0;
    for (size_t i = 0; i < f->n; i++)
        if (f->choices[i].entry)
            entries[n++] = f->choices[i].entry;
    diagnosis_each(r, &f->notice, entries, n, words);
    slice whole = n == f->n ? SLICE_EMPTY : reading_one_line(r, diagnosis_whole(r, &f->notice));
    for (size_t i = 0, k = 0; i < f->n; i++)
        add_report(f, &f->choices[i], f->choices[i].entry ? words[k++] : whole, format);
}

static bool may_name_nobody(struct reading *r)
{
    return has_returned(r) || r->facts.null_sender || (r->facts.from_words & WORD_ROBOT);
}

size_t freetext_read(struct reading *r)
{
    struct freetext f = {.r = r};
    slice text = reading_text(r);
    size_t before = r->n;
    f.words = lexicon_in(r->lexicon, PLACE_TEXT, slice_sub(text, 0, WORDS_BYTES));
    notice_read(r, text, &f.notice);
    if (!is_report(&f))
        return 0;
    choose_all(&f);
    if (f.n) {
        add_reports(&f);
    } else if ((f.words & (WORD_FAILED | WORD_EXPIRED)) && may_name_nobody(r)) {
        struct choice nobody = {.address = SLICE_EMPTY, .original = SLICE_EMPTY};
        add_report(&f, &nobody, reading_one_line(r, diagnosis_whole(r, &f.notice)), dialect_name(r));
    }
    return r->n - before;
}

void freetext_name(struct reading *r)
{
    if (r->n != 1 || (address_domain(r->reports[0].recipient).n && address_local(r->reports[0].recipient).n))
        return;
    struct freetext f = {.r = r};
    notice_read(r, reading_text(r), &f.notice);
    choose_all(&f);
    if (!f.n)
        return;
    struct bounce_report first = r->reports[0];
    r->n = 0;
    for (size_t i = 0; i < f.n; i++) { /* one outcome told for all of them */
        struct bounce_report *out = reading_add(r, first.kind, first.format);
        if (!out)
            return;
        *out = first;
        out->recipient = f.choices[i].address;
        if (!reading_same(f.choices[i].original, f.choices[i].address))
            out->original_recipient = f.choices[i].original;
    }
}

/* Three words or more: the far server's own, though no rule knows them. */
static bool says_enough(slice diagnostic)
{
    enum { ENOUGH = 3 };
    unsigned words = 0;
    slice word;
    while (words < ENOUGH && slice_word(&diagnostic, &word))
        words += ascii_alpha(word.p[0]) && word.n > 1;
    return words == ENOUGH;
}

/* "550-5.7.1 Our system has" and no more: only the first line of the reply was passed on. */
static bool is_cut(slice diagnostic)
{
    if (diagnostic.n < 4 || !notice_is_reply(diagnostic) || diagnostic.p[3] != '-')
        return false;
    for (size_t i = 4; i + 3 < diagnostic.n; i++)
        if (!memcmp(diagnostic.p + i, diagnostic.p, 3) && diagnostic.p[i - 1] == ' ' && diagnostic.p[i + 3] == ' ')
            return false;
    return true;
}

static slice words_about(struct reading *r, const struct notice *n, const struct bounce_report *report)
{
    const struct notice_entry *e = notice_find(n, report->recipient);
    if (!e)
        e = notice_find(n, report->original_recipient);
    if (!e && r->n > 1)
        return SLICE_EMPTY;
    return reading_one_line(r, e ? diagnosis_about(r, n, e) : diagnosis_whole(r, n));
}

/* Whether the words are the same reply, and tell to which command it came. */
static bool names_command(struct reading *r, slice diagnostic, slice words)
{
    struct bounce_reply reply;
    if (!notice_is_reply(diagnostic) || reply_phase(diagnostic) || !reply_phase(words) ||
        slice_find(words, diagnostic) == SLICE_NPOS)
        return false;
    return bounce_reply_parse(words, r->a, &reply) == BOUNCE_OK && !reply.several;
}

/* Whether the words of the text tell more than the Diagnostic-Code did. */
static bool tells_more(struct reading *r, slice diagnostic, slice words)
{
    if (slice_empty(words) || slice_empty(diagnostic))
        return !slice_empty(words);
    if (names_command(r, diagnostic, words))
        return true;
    bool other_reply = notice_is_reply(diagnostic) && diagnosis_has_reply(words) &&
                       !slice_starts(words, slice_sub(diagnostic, 0, 3)); /* our own MTA's summary */
    return !other_reply && judge_has_words(r->rules, words);
}

/* The rest of a reply of which only the first line was passed on. */
static slice whole_reply(struct reading *r, const struct notice *n, slice diagnostic)
{
    for (size_t i = 0; i < n->n; i++) {
        slice reply = reading_one_line(r, n->entries[i].reply);
        if (slice_starts(reply, diagnostic))
            return reply;
    }
    slice reply = reading_one_line(r, n->last_reply);
    return slice_starts(reply, diagnostic) ? reply : diagnostic;
}

static void complete(struct reading *r, struct notice *notice, bool *read, struct bounce_report *report)
{
    bool cut = is_cut(report->diagnostic);
    if (!cut && (says_enough(report->diagnostic) || judge_has_words(r->rules, report->diagnostic)))
        return;
    if (!*read)
        notice_read(r, reading_text(r), notice);
    *read = true;
    if (cut) {
        report->diagnostic = whole_reply(r, notice, report->diagnostic);
        return;
    }
    slice words = words_about(r, notice, report);
    if (!tells_more(r, report->diagnostic, words))
        return;
    if (slice_empty(report->diagnostic) || diagnosis_has_reply(words))
        report->diagnostic = words;
    else
        report->diagnostic = reading_one_line(r, reading_join(r, report->diagnostic, S(" "), words));
}

/* Postfix tells the command in its text only: "<recipient>: host X said: 550 ... (in reply to RCPT TO command)". */
static enum bounce_phase phase_told(struct reading *r, const struct bounce_report *report)
{
    if (slice_find(reading_all_text(r), S("reply to")) == SLICE_NPOS)
        return BOUNCE_PHASE_NONE;
    slice text = reading_text(r);
    if (slice_find(text, S("reply to")) == SLICE_NPOS)
        return BOUNCE_PHASE_NONE;
    for (size_t at; (at = slice_find(text, report->recipient)) != SLICE_NPOS;) {
        slice rest = slice_from(text, at + report->recipient.n);
        bool entry = at > 0 && text.p[at - 1] == '<' && slice_starts(rest, S(">"));
        if (entry) {
            size_t end = slice_find(rest, S("\n<"));
            return reply_phase(reading_one_line(r, end == SLICE_NPOS ? rest : slice_sub(rest, 0, end)));
        }
        text = rest;
    }
    return BOUNCE_PHASE_NONE;
}

/* A server that gave up says so in words where its fields tell of a plain failure (Exim: status 5.0.0) or of a delay
 * (OpenSMTPD: 4.4.7). */
static void settle_kind(struct reading *r, struct bounce_report *report)
{
    bool delayed = report->kind == BOUNCE_KIND_DELAYED;
    if (report->kind != BOUNCE_KIND_FAILED && !(delayed && slice_eq(report->status, S("4.4.7"))))
        return;
    if (reading_expired(r, report->diagnostic))
        report->kind = BOUNCE_KIND_EXPIRED;
}

void freetext_complete(struct reading *r)
{
    struct notice notice;
    bool read = false;
    for (size_t i = 0; i < r->n; i++) {
        struct bounce_report *report = &r->reports[i];
        if (!bounce_kind_final(report->kind) && !bounce_kind_attempt(report->kind))
            continue;
        complete(r, &notice, &read, report);
        settle_kind(r, report);
        if (!slice_empty(report->recipient))
            report->reply.phase = phase_told(r, report);
    }
}
