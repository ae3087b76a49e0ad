#include "bounce/eight.h"
#include "bounce/reply.h"

static const struct {
    slice words;
    enum bounce_phase phase;
} phase_marks[] = {{SLICE_INIT("in reply to end of data"), BOUNCE_PHASE_END},
                   {SLICE_INIT("after end of data"), BOUNCE_PHASE_END},
                   {SLICE_INIT("in reply to rcpt to"), BOUNCE_PHASE_RCPT},
                   {SLICE_INIT("after rcpt to"), BOUNCE_PHASE_RCPT},
                   {SLICE_INIT("in reply to mail from"), BOUNCE_PHASE_MAIL},
                   {SLICE_INIT("after mail from"), BOUNCE_PHASE_MAIL},
                   {SLICE_INIT("in reply to data"), BOUNCE_PHASE_DATA},
                   {SLICE_INIT("after data"), BOUNCE_PHASE_DATA},
                   {SLICE_INIT("in reply to ehlo"), BOUNCE_PHASE_HELO},
                   {SLICE_INIT("after ehlo"), BOUNCE_PHASE_HELO},
                   {SLICE_INIT("in reply to helo"), BOUNCE_PHASE_HELO},
                   {SLICE_INIT("after helo"), BOUNCE_PHASE_HELO},
                   {SLICE_INIT("in reply to lhlo"), BOUNCE_PHASE_HELO},
                   {SLICE_INIT("in reply to starttls"), BOUNCE_PHASE_STARTTLS},
                   {SLICE_INIT("after starttls"), BOUNCE_PHASE_STARTTLS},
                   {SLICE_INIT("in reply to auth"), BOUNCE_PHASE_AUTH},
                   {SLICE_INIT("after auth"), BOUNCE_PHASE_AUTH},
                   {SLICE_INIT("after initial connection"), BOUNCE_PHASE_CONNECT},
                   {SLICE_INIT("refused to talk to me"), BOUNCE_PHASE_CONNECT},
                   {SLICE_INIT("while performing the helo handshake"), BOUNCE_PHASE_HELO},
                   {SLICE_INIT("while receiving the initial server greeting"), BOUNCE_PHASE_CONNECT},
                   {SLICE_INIT(">>> rcpt to"), BOUNCE_PHASE_RCPT},
                   {SLICE_INIT(">>> mail from"), BOUNCE_PHASE_MAIL},
                   {SLICE_INIT(">>> data"), BOUNCE_PHASE_DATA},
                   {SLICE_INIT("rcpt to said"), BOUNCE_PHASE_RCPT},
                   {SLICE_INIT("error during rcpt"), BOUNCE_PHASE_RCPT},
                   {SLICE_INIT("delivery error: dd"), BOUNCE_PHASE_END}};

/* The first word of every mark is told by its last two letters: no bit is set in both where none ends. */
enum lead { IN = 1, AFTER = 2, REFUSED = 4, WHILE = 8, PROMPT = 16, RCPT = 32, ERROR = 64, DELIVERY = 128 };

static const slice leads[] = {SLICE_INIT("in"),  SLICE_INIT("after"), SLICE_INIT("refused"), SLICE_INIT("while"),
                              SLICE_INIT(">>>"), SLICE_INIT("rcpt"),  SLICE_INIT("error"),   SLICE_INIT("delivery")};

static const unsigned char last_letter[256] = {
    ['n'] = IN,      ['N'] = IN,       ['r'] = AFTER | ERROR, ['R'] = AFTER | ERROR, ['d'] = REFUSED,
    ['D'] = REFUSED, ['e'] = WHILE,    ['E'] = WHILE,         ['>'] = PROMPT,        ['t'] = RCPT,
    ['T'] = RCPT,    ['y'] = DELIVERY, ['Y'] = DELIVERY};
static const unsigned char letter_before[256] = {
    ['i'] = IN,      ['I'] = IN,    ['e'] = AFTER | REFUSED, ['E'] = AFTER | REFUSED,
    ['l'] = WHILE,   ['L'] = WHILE, ['>'] = PROMPT,          ['p'] = RCPT,
    ['P'] = RCPT,    ['o'] = ERROR, ['O'] = ERROR,           ['r'] = DELIVERY,
    ['R'] = DELIVERY};

/* The second word begins with one of these. */
static const unsigned char letter_behind[256] = {['r'] = IN | AFTER | WHILE | PROMPT,
                                                 ['R'] = IN | AFTER | WHILE | PROMPT,
                                                 ['e'] = AFTER | DELIVERY,
                                                 ['E'] = AFTER | DELIVERY,
                                                 ['m'] = AFTER | PROMPT,
                                                 ['M'] = AFTER | PROMPT,
                                                 ['d'] = AFTER | PROMPT | ERROR,
                                                 ['D'] = AFTER | PROMPT | ERROR,
                                                 ['h'] = AFTER,
                                                 ['H'] = AFTER,
                                                 ['s'] = AFTER,
                                                 ['S'] = AFTER,
                                                 ['a'] = AFTER,
                                                 ['A'] = AFTER,
                                                 ['i'] = AFTER,
                                                 ['I'] = AFTER,
                                                 ['t'] = REFUSED | RCPT,
                                                 ['T'] = REFUSED | RCPT,
                                                 ['p'] = WHILE,
                                                 ['P'] = WHILE};

/* A bit where a first word may end before the blank at `blank`, before which two bytes stand. */
static inline unsigned leads_before(slice text, size_t blank)
{
    const unsigned char *p = (const unsigned char *)text.p + blank;
    return blank + 1 < text.n ? (unsigned)last_letter[p[-1]] & letter_before[p[-2]] & letter_behind[p[1]] : 0;
}

/* The phase that a mark names whose first word is this one and ends before the blank at `blank`. */
static enum bounce_phase phase_at(slice text, size_t blank, slice lead)
{
    size_t at = blank - lead.n;
    if (blank < lead.n || !slice_starts_ci(slice_from(text, at), lead) || (at > 0 && ascii_alnum(text.p[at - 1])))
        return BOUNCE_PHASE_NONE;
    for (size_t i = 0; i < ARRAY_LEN(phase_marks); i++)
        if (slice_starts_ci(slice_from(text, at), phase_marks[i].words))
            return phase_marks[i].phase;
    return BOUNCE_PHASE_NONE;
}

/* `blanks` are marks of the bytes from `at` on. */
static enum bounce_phase phase_of(slice text, size_t at, uint64_t blanks)
{
    for (; blanks; blanks &= blanks - 1) {
        size_t blank = at + (size_t)__builtin_ctzll(blanks) / 8;
        unsigned bits = leads_before(text, blank);
        if (!bits)
            continue;
        enum bounce_phase phase = phase_at(text, blank, leads[__builtin_ctz(bits)]);
        if (phase != BOUNCE_PHASE_NONE)
            return phase;
    }
    return BOUNCE_PHASE_NONE;
}

enum bounce_phase reply_phase(slice text)
{
    enum bounce_phase phase = BOUNCE_PHASE_NONE;
    size_t at = 2, end = text.n; /* no mark has its first blank before */
    if (end < 8)                 /* shorter than any mark */
        return phase;
    for (; at + 8 <= end && phase == BOUNCE_PHASE_NONE; at += 8)
        phase = phase_of(text, at, eight_equal(eight_get(text.p + at), ' '));
    if (at < end && phase == BOUNCE_PHASE_NONE)
        phase = phase_of(text, end - 8, eight_equal(eight_tail(text, at), ' '));
    return phase;
}
