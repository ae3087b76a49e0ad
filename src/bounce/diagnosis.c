#include "bounce/diagnosis.h"

#include "bounce/judge.h"

enum {
    MAX_PARAGRAPHS = 24,  /* of one block */
    MIN_WORDS_BYTES = 12, /* shorter is no explanation */
    WHOLE_BYTES = 2048    /* of a text that quotes no reply */
};

/* What may stand directly before a quoted reply code. */
static bool opens_reply(slice text, size_t i)
{
    if (i == 0)
        return true;
    char c = text.p[i - 1];
    if (c == '\n' || c == ':' || c == '\'' || c == '"' || c == '[' || c == '(' || c == '>' || c == '#' || c == '<')
        return true;
    return c == ' ' || c == '\t';
}

static bool reply_code_at(slice text, size_t i)
{
    slice s = slice_from(text, i);
    if (s.n < 4 || !ascii_digit(s.p[1]) || !ascii_digit(s.p[2]) || s.p[1] > '7')
        return false;
    if (s.p[3] == '-')
        return true;
    if (s.p[3] != ' ' && s.p[3] != ':' && s.p[3] != '\n' && s.p[3] != ',' && s.p[3] != ']')
        return false;
    /* a number in a sentence ("over 500 kB") has words before it and no code behind it */
    if (i == 0 || text.p[i - 1] != ' ' || i < 2)
        return true;
    char before = text.p[i - 2];
    if (!ascii_alpha(before))
        return true;
    slice head = slice_sub(text, 0, i - 1);
    struct bounce_enhanced e;
    return slice_ends_ci(head, S("said")) || slice_ends_ci(head, S("was")) || slice_ends_ci(head, S("error")) ||
           slice_ends_ci(head, S("code")) || bounce_enhanced_parse(slice_ltrim(slice_from(s, 4)), &e) > 0;
}

bool diagnosis_has_reply(slice text)
{
    struct bounce_enhanced e;
    for (size_t i = 0; (i += slice_either(slice_from(text, i), '4', '5')) + 3 <= text.n; i++) {
        if (!opens_reply(text, i))
            continue;
        if (reply_code_at(text, i))
            return true;
        slice s = slice_from(text, i);
        size_t n = bounce_enhanced_parse(s, &e);
        if (n && (n == s.n || s.p[n] != '.'))
            return true;
    }
    return false;
}

static bool next_paragraph(slice *rest, slice *out)
{
    slice line, start = SLICE_EMPTY;
    size_t n = 0;
    while (slice_lf_line(rest, &line)) {
        if (slice_empty(slice_trim(line))) {
            if (n)
                break;
            continue;
        }
        if (!n)
            start = line;
        n = (size_t)(line.p + line.n - start.p);
    }
    *out = slice_of(start.p, n);
    return n > 0;
}

/* Behind "The error that the other server returned was:"; all of it when there is no such lead. */
static slice quoted_part(struct reading *r, slice text)
{
    size_t pos = 0;
    if (!lexicon_next(r->lexicon, PLACE_QUOTE, text, &pos))
        return text;
    slice rest = slice_trim(slice_from(text, pos));
    return slice_empty(rest) ? text : rest;
}

/* The first paragraph with a reply; else the first with words that a rule knows, or the head when that says something. The
 * rules are asked last: that costs most. */
static slice best_of(struct reading *r, slice text, bool head_counts)
{
    slice all[MAX_PARAGRAPHS], rest = text;
    size_t n = 0;
    for (; n < MAX_PARAGRAPHS && next_paragraph(&rest, &all[n]); n++)
        if (diagnosis_has_reply(all[n]))
            return quoted_part(r, all[n]);
    for (size_t i = 0; i < n; i++)
        if ((i == 0 && head_counts) || judge_has_words(r->rules, all[i]))
            return quoted_part(r, all[i]);
    return SLICE_EMPTY;
}

slice diagnosis_best(struct reading *r, slice text)
{
    return best_of(r, text, false);
}

/* Whether words stand behind the address on its very line. */
static bool says_at_once(slice block)
{
    slice line;
    return slice_lf_line(&block, &line) && slice_trim(line).n >= MIN_WORDS_BYTES;
}

static slice behind_address(slice s)
{
    size_t i = 0;
    while (i < s.n && strchr(">\"')]:;, \t", s.p[i]))
        i++;
    return slice_from(s, i);
}

/* The words that belong to one entry: what stands in its line and up to the next one's. */
static slice block_of(const struct notice *n, const struct notice_entry *e, size_t end)
{
    bool whole_line = e->tier >= NOTICE_SENTENCE && e->tier != NOTICE_ROLE;
    size_t from = whole_line ? e->line : e->after;
    slice block = slice_sub(n->text, from, end > from ? end - from : 0);
    return whole_line ? block : behind_address(block);
}

static slice dialogue_reply(const struct notice *n, slice address)
{
    slice found = SLICE_EMPTY;
    for (size_t i = 0; i < n->n && slice_empty(found); i++)
        if (reading_same(n->entries[i].address, address))
            found = n->entries[i].reply;
    return found;
}

/* The last paragraph before the first entry that tells something. */
static slice before_entries(struct reading *r, slice text)
{
    slice all[MAX_PARAGRAPHS], rest = text;
    size_t n = 0;
    while (n < MAX_PARAGRAPHS && next_paragraph(&rest, &all[n]))
        n++;
    while (n-- > 0)
        if (diagnosis_has_reply(all[n]) || judge_has_words(r->rules, all[n]))
            return quoted_part(r, all[n]);
    return SLICE_EMPTY;
}

/* The first paragraph that is more than a lead ("because:"). */
static slice first_words(slice block)
{
    slice p, found = SLICE_EMPTY;
    while (next_paragraph(&block, &p)) {
        found = p;
        slice s = slice_trim(p);
        if (s.n && s.p[s.n - 1] != ':')
            break;
    }
    return found;
}

static slice own_words(struct reading *r, const struct notice *n, const struct notice_entry *e, size_t end,
                       bool several)
{
    if (e->tier != NOTICE_LISTED && !slice_empty(e->reply))
        return e->reply;
    slice block = block_of(n, e, end), rest = block, below;
    /* below the last one of several stands what is about all of them */
    if (several && e->tier == NOTICE_LISTED && !(next_paragraph(&rest, &below) && diagnosis_has_reply(below))) {
        slice reply = dialogue_reply(n, e->address);
        if (!slice_empty(reply))
            return reply;
    }
    slice best = best_of(r, block, e->tier == NOTICE_LISTED && says_at_once(block));
    if (!slice_empty(best) && diagnosis_has_reply(best))
        return best;
    slice reply = dialogue_reply(n, e->address);
    return slice_empty(reply) ? best : reply;
}

slice diagnosis_about(struct reading *r, const struct notice *n, const struct notice_entry *e)
{
    size_t end = n->text.n;
    bool alone = true;
    for (size_t i = 0; i < n->n; i++) {
        const struct notice_entry *other = &n->entries[i];
        if (other->tier != NOTICE_LISTED || reading_same(other->address, e->address))
            continue;
        alone = false;
        if (other->line > e->line && other->line < end)
            end = other->line;
    }
    slice words = own_words(r, n, e, end, !alone);
    if (slice_empty(words) && alone)
        words = before_entries(r, slice_sub(n->text, 0, e->line));
    return slice_empty(words) ? first_words(block_of(n, e, end)) : words;
}

void diagnosis_each(struct reading *r, const struct notice *n, const struct notice_entry *const *chosen, size_t count,
                    slice *out)
{
    if (!count)
        return;
    slice above = slice_sub(n->text, 0, chosen[0]->line), general = SLICE_EMPTY;
    bool above_replies = diagnosis_has_reply(above), searched = false;
    for (size_t i = count; i-- > 0;) {
        size_t end = i + 1 < count ? chosen[i + 1]->line : n->text.n;
        slice words = own_words(r, n, chosen[i], end, count > 1);
        if (slice_empty(words) && i + 1 < count)
            words = out[i + 1]; /* several addresses above one reason */
        bool replied = diagnosis_has_reply(words);
        if (!replied && !searched && (above_replies || slice_empty(words))) {
            general = before_entries(r, above);
            searched = true;
        }
        bool quoted_above = !replied && diagnosis_has_reply(general);
        if (slice_empty(words) || (quoted_above && !says_at_once(block_of(n, chosen[i], end))))
            words = general;
        if (slice_empty(words))
            words = first_words(block_of(n, chosen[i], end));
        if (slice_empty(words))
            words = diagnosis_whole(r, n);
        out[i] = reading_one_line(r, words);
    }
}

slice diagnosis_whole(struct reading *r, const struct notice *n)
{
    if (!slice_empty(n->last_reply))
        return n->last_reply;
    slice best = diagnosis_best(r, n->text);
    if (!slice_empty(best) && diagnosis_has_reply(best))
        return best;
    /* no reply: the rules weigh all of the text */
    slice whole = slice_sub(n->text, 0, WHOLE_BYTES);
    return slice_empty(best) && judge_has_words(r->rules, r->facts.subject) ? r->facts.subject : whole;
}
