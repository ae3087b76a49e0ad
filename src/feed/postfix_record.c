#include "feed/postfix_record.h"

#define SES_ID_MIN_BYTES 40u

/* End of a quoted local part that begins at s, with its closing quote; 0 when the quote never closes. */
static size_t quoted_bytes(slice s)
{
    for (size_t i = 1; i < s.n; i++) {
        if (s.p[i] == '\\')
            i++;
        else if (s.p[i] == '"')
            return i + 1;
    }
    return 0;
}

/* A bracket that ends an address has ", " or nothing behind it. */
static size_t closing_bracket(slice s, size_t from)
{
    for (size_t i = from; i < s.n; i++) {
        const char *p = memchr(s.p + i, '>', s.n - i);
        if (!p)
            return SLICE_NPOS;
        i = (size_t)(p - s.p);
        if (i + 1 == s.n || s.p[i + 1] == ',')
            return i;
    }
    return SLICE_NPOS;
}

bool postfix_bracketed(slice s, slice *addr, slice *rest)
{
    if (s.n < 2 || s.p[0] != '<')
        return false;
    size_t from = 1;
    if (s.p[1] == '"')
        from += quoted_bytes(slice_from(s, 1));
    size_t end = closing_bracket(s, from);
    if (end == SLICE_NPOS)
        return false;
    *addr = slice_of(s.p + 1, end - 1);
    *rest = slice_from(s, end + 1);
    return true;
}

/* "1.9", "18910" seconds. */
static int64_t delay_of(slice s)
{
    int64_t us = 0, unit = TIME_SECOND;
    bool fraction = false;
    if (s.n == 0 || s.n > 14)
        return TIME_NONE;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '.' && !fraction) {
            fraction = true;
        } else if (!ascii_digit(s.p[i])) {
            return TIME_NONE;
        } else if (!fraction) {
            us = us * 10 + (s.p[i] - '0') * TIME_SECOND;
        } else {
            unit /= 10;
            us += (s.p[i] - '0') * unit;
        }
        if (us > 10000 * TIME_DAY)
            return TIME_NONE;
    }
    return us;
}

/* "WORD (text)" */
static void read_status(slice s, struct postfix_record *out)
{
    size_t space = slice_chr(s, ' ');
    out->status = space == SLICE_NPOS ? s : slice_of(s.p, space);
    out->text = space == SLICE_NPOS ? SLICE_EMPTY : slice_from(s, space + 1);
    if (out->text.n && out->text.p[0] == '(') {
        out->text = slice_from(out->text, 1);
        if (out->text.n && out->text.p[out->text.n - 1] == ')')
            out->text.n--;
    }
}

static void read_value(slice key, slice value, struct postfix_record *out)
{
    if (slice_eq(key, S("relay")))
        out->relay = value;
    else if (slice_eq(key, S("dsn")))
        out->dsn = value;
    else if (slice_eq(key, S("delay")))
        out->delay_us = delay_of(value);
}

bool postfix_record_parse(slice s, struct postfix_record *out)
{
    *out = (struct postfix_record){SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY,
                                   SLICE_EMPTY, SLICE_EMPTY, TIME_NONE};
    if (!slice_starts(s, S("to=")) || !postfix_bracketed(slice_from(s, 3), &out->to, &s))
        return false;
    if (slice_starts(s, S(", orig_to=")) && !postfix_bracketed(slice_from(s, 10), &out->orig_to, &s))
        return false;
    while (slice_starts(s, S(", "))) {
        s = slice_from(s, 2);
        size_t equals = slice_chr(s, '=');
        if (equals == SLICE_NPOS)
            return false;
        slice key = slice_of(s.p, equals);
        s = slice_from(s, equals + 1);
        if (slice_eq(key, S("status"))) {
            read_status(s, out);
            return out->status.n > 0 && out->to.n > 0;
        }
        size_t end = slice_find(s, S(", "));
        if (end == SLICE_NPOS)
            return false;
        read_value(key, slice_of(s.p, end), out);
        s = slice_from(s, end);
    }
    return false;
}

void postfix_relay_parse(slice relay, struct postfix_relay *out)
{
    size_t open = slice_chr(relay, '[');
    size_t close = open == SLICE_NPOS ? SLICE_NPOS : slice_chr(slice_from(relay, open), ']');
    out->name = open == SLICE_NPOS ? relay : slice_of(relay.p, open);
    out->inside = close == SLICE_NPOS ? SLICE_EMPTY : slice_of(relay.p + open + 1, close - 1);
    out->loopback = slice_starts(out->inside, S("127.")) || slice_eq(out->inside, S("::1"));
    out->socket = slice_starts(out->inside, S("private/")) || slice_starts(out->inside, S("/"));
}

struct phase_word {
    slice word;
    enum bounce_phase phase;
};

/* Behind "(in reply to " and behind "while " (smtp_chat.c, smtp_proto.c, smtp_trouble.c). */
static const struct phase_word commands[] = {
    {SLICE_INIT("EHLO"), BOUNCE_PHASE_HELO},       {SLICE_INIT("HELO"), BOUNCE_PHASE_HELO},
    {SLICE_INIT("LHLO"), BOUNCE_PHASE_HELO},       {SLICE_INIT("STARTTLS"), BOUNCE_PHASE_STARTTLS},
    {SLICE_INIT("AUTH"), BOUNCE_PHASE_AUTH},       {SLICE_INIT("MAIL FROM"), BOUNCE_PHASE_MAIL},
    {SLICE_INIT("RCPT TO"), BOUNCE_PHASE_RCPT},    {SLICE_INIT("DATA"), BOUNCE_PHASE_DATA},
    {SLICE_INIT("end of DATA"), BOUNCE_PHASE_END},
};
static const struct phase_word activities[] = {
    {SLICE_INIT("receiving the initial"), BOUNCE_PHASE_CONNECT},
    {SLICE_INIT("performing the EHLO"), BOUNCE_PHASE_HELO},
    {SLICE_INIT("performing the HELO"), BOUNCE_PHASE_HELO},
    {SLICE_INIT("performing the LHLO"), BOUNCE_PHASE_HELO},
    {SLICE_INIT("sending MAIL FROM"), BOUNCE_PHASE_MAIL},
    {SLICE_INIT("sending RCPT TO"), BOUNCE_PHASE_RCPT},
    {SLICE_INIT("receiving the STARTTLS"), BOUNCE_PHASE_STARTTLS},
    {SLICE_INIT("sending the STARTTLS"), BOUNCE_PHASE_STARTTLS},
    {SLICE_INIT("receiving the SASL"), BOUNCE_PHASE_AUTH},
    {SLICE_INIT("sending DATA"), BOUNCE_PHASE_DATA},
    {SLICE_INIT("sending message body"), BOUNCE_PHASE_DATA},
    {SLICE_INIT("sending end of data"), BOUNCE_PHASE_END},
};
static const struct phase_word openings[] = {
    {SLICE_INIT("connect to "), BOUNCE_PHASE_CONNECT},
    {SLICE_INIT("TLS is required"), BOUNCE_PHASE_STARTTLS},
    {SLICE_INIT("Server certificate not "), BOUNCE_PHASE_STARTTLS},
    {SLICE_INIT("Cannot start TLS"), BOUNCE_PHASE_STARTTLS},
    {SLICE_INIT("SASL authentication failed"), BOUNCE_PHASE_AUTH},
};

static enum bounce_phase starting_with(const struct phase_word *words, size_t n, slice s)
{
    for (size_t i = 0; i < n; i++)
        if (slice_starts(s, words[i].word))
            return words[i].phase;
    return BOUNCE_PHASE_NONE;
}

/* Offset behind the last occurrence of `mark`, which our MTA wrote behind what strangers said. */
static size_t behind_last(slice s, slice mark)
{
    size_t found = SLICE_NPOS;
    for (size_t at = 0;;) {
        size_t i = slice_find(slice_from(s, at), mark);
        if (i == SLICE_NPOS)
            return found;
        at += i + mark.n;
        found = at;
    }
}

static slice skip_suspended(slice text)
{
    return postfix_suspended(text) ? slice_ltrim(slice_from(text, S("delivery temporarily suspended:").n)) : text;
}

enum bounce_phase postfix_phase(slice text)
{
    text = skip_suspended(text);
    size_t at = behind_last(text, S("(in reply to "));
    if (at != SLICE_NPOS)
        return starting_with(commands, ARRAY_LEN(commands), slice_from(text, at));
    if (slice_starts(text, S("host ")) && slice_find(text, S(" refused to talk to me")) != SLICE_NPOS)
        return BOUNCE_PHASE_CONNECT;
    if (slice_starts(text, S("lost connection with ")) || slice_starts(text, S("conversation with "))) {
        at = behind_last(text, S(" while "));
        if (at != SLICE_NPOS)
            return starting_with(activities, ARRAY_LEN(activities), slice_from(text, at));
    }
    return starting_with(openings, ARRAY_LEN(openings), text);
}

slice postfix_text_host(slice text)
{
    static const slice before[] = {SLICE_INIT("host "), SLICE_INIT("connect to "), SLICE_INIT("lost connection with "),
                                   SLICE_INIT("conversation with ")};
    text = skip_suspended(text);
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        if (!slice_starts(text, before[i]))
            continue;
        slice rest = slice_from(text, before[i].n);
        size_t open = slice_chr(rest, '[');
        size_t space = slice_chr(rest, ' ');
        if (open != SLICE_NPOS && open > 0 && (space == SLICE_NPOS || open < space))
            return slice_of(rest.p, open);
    }
    return SLICE_EMPTY;
}

static slice queue_id_at(slice s)
{
    size_t n = 0;
    while (n < s.n && (ascii_alnum(s.p[n]) || s.p[n] == '-' || s.p[n] == '.' || s.p[n] == '_'))
        n++;
    while (n && s.p[n - 1] == '.')
        n--;
    return slice_of(s.p, n);
}

slice postfix_next_id(slice text)
{
    size_t at = behind_last(text, S("queued as "));
    if (at == SLICE_NPOS)
        at = behind_last(text, S("forwarded as "));
    return at == SLICE_NPOS ? SLICE_EMPTY : queue_id_at(slice_from(text, at));
}

slice postfix_ses_id(slice text)
{
    if (!slice_starts_ci(text, S("250 ok ")))
        return SLICE_EMPTY;
    slice id = slice_from(text, 7);
    size_t n = 0;
    while (n < id.n && (ascii_digit(id.p[n]) || (id.p[n] >= 'a' && id.p[n] <= 'f') || id.p[n] == '-'))
        n++;
    if (n < SES_ID_MIN_BYTES || n != id.n || slice_chr(id, '-') != 16 || slice_rchr(id, '-') != n - 7)
        return SLICE_EMPTY;
    return id;
}

bool postfix_suspended(slice text)
{
    return slice_starts(text, S("delivery temporarily suspended:"));
}
