#include "feed/exim_record.h"

#define OLD_ID_BYTES 16u
#define NEW_ID_BYTES 23u
#define STAMP_BYTES 19u /* "2025-03-04 08:00:02" */

/* ---- the front of a line ---- */

static bool is_stamp(slice s)
{
    if (s.n <= STAMP_BYTES || s.p[4] != '-' || s.p[7] != '-' || s.p[10] != ' ' || s.p[13] != ':' || s.p[16] != ':')
        return false;
    return ascii_digit(s.p[0]) && ascii_digit(s.p[18]) && (s.p[STAMP_BYTES] == ' ' || s.p[STAMP_BYTES] == '.');
}

/* With the fraction and the zone that log_selector and log_timezone add: "2025-03-09 13:01:24.776 +0000". */
static size_t stamp_bytes(slice s)
{
    size_t n = STAMP_BYTES;
    if (s.p[n] == '.')
        for (n++; n < s.n && ascii_digit(s.p[n]);)
            n++;
    if (n + 6 < s.n && s.p[n] == ' ' && (s.p[n + 1] == '+' || s.p[n + 1] == '-') && ascii_digit(s.p[n + 2]) &&
        s.p[n + 6] == ' ')
        n += 6;
    return n;
}

static slice skip_pid(slice s)
{
    size_t close = s.n && s.p[0] == '[' ? slice_chr(s, ']') : SLICE_NPOS;
    if (close == SLICE_NPOS || close < 2)
        return s;
    for (size_t i = 1; i < close; i++)
        if (!ascii_digit(s.p[i]))
            return s;
    return slice_ltrim(slice_from(s, close + 1));
}

static bool is_id(slice s, size_t n, size_t second_dash)
{
    if (s.n < n || (s.n > n && s.p[n] != ' ' && s.p[n] != ':'))
        return false;
    for (size_t i = 0; i < n; i++)
        if (i == 6 || i == second_dash ? s.p[i] != '-' : !ascii_alnum(s.p[i]))
            return false;
    return true;
}

bool exim_line(struct syslog_line *out, slice *id)
{
    slice s = out->message;
    if (is_stamp(s)) {
        size_t n = stamp_bytes(s);
        out->form = STAMP_LOCAL;
        out->stamp = slice_of(s.p, n);
        s = slice_ltrim(slice_from(s, n));
    }
    s = skip_pid(s);
    size_t n = is_id(s, OLD_ID_BYTES, 13) ? OLD_ID_BYTES : is_id(s, NEW_ID_BYTES, 18) ? NEW_ID_BYTES : 0;
    *id = slice_sub(s, 0, n);
    out->message = slice_rtrim(slice_ltrim(slice_from(s, n)));
    return n > 0;
}

/* ---- addresses ---- */

static const slice discarded = SLICE_INIT(":blackhole:");

/* Bytes of an address at the start: up to a blank outside of quotes; of a pipe or file up to what follows it. */
static size_t address_bytes(slice s)
{
    if (slice_starts(s, discarded))
        return discarded.n;
    if (s.n && (s.p[0] == '|' || s.p[0] == '/')) {
        size_t parent = slice_find(s, S(" <")), router = slice_find(s, S(" R="));
        size_t end = parent < router ? parent : router;
        return end == SLICE_NPOS ? s.n : end;
    }
    bool quoted = false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\' && quoted)
            i++;
        else if (s.p[i] == '"')
            quoted = !quoted;
        else if (s.p[i] == ' ' && !quoted)
            return i;
    }
    return quoted ? slice_either(s, ' ', ' ') : s.n;
}

static slice take_bracketed(slice *s, char open, char close)
{
    if (s->n == 0 || s->p[0] != open)
        return SLICE_EMPTY;
    size_t end = slice_chr(*s, close);
    if (end == SLICE_NPOS)
        return SLICE_EMPTY;
    slice inside = slice_of(s->p + 1, end - 1);
    *s = slice_from(*s, end + 1);
    return inside;
}

/* ---- fields ---- */

/* "mx.example.com [192.0.2.1]:25*" or "name (helo) [ip]", at the start of s; what follows is left in *s. */
static void take_host(slice *s, struct exim_record *out)
{
    size_t open = slice_chr(*s, '['), close = slice_chr(*s, ']');
    size_t name = slice_either(*s, ' ', '[');
    out->host = slice_sub(*s, 0, name);
    if (open == SLICE_NPOS || close == SLICE_NPOS || close < open) {
        *s = slice_from(*s, name);
        return;
    }
    out->ip = slice_of(s->p + open + 1, close - open - 1);
    *s = slice_from(*s, close + 1);
}

/* "(N)" behind "defer ". */
static void take_defer(slice *s, struct exim_record *out)
{
    slice number = take_bracketed(s, '(', ')');
    uint64_t v = 0;
    bool negative = slice_starts(number, S("-"));
    out->deferred = true;
    if (slice_u64(slice_from(number, negative), &v) && v < 10000)
        out->defer = negative ? -(int)v : (int)v;
}

/* C="250 OK": Exim does not escape quotes in it; only QT=, DT= and the like may follow. */
static void take_confirmation(slice *s, struct exim_record *out)
{
    size_t close = slice_rchr(*s, '"');
    out->confirmed = true;
    out->confirmation = close ? slice_of(s->p + 1, close - 1) : slice_from(*s, 1);
    *s = close ? slice_from(*s, close + 1) : SLICE_EMPTY;
}

static slice value_of(slice s, slice key)
{
    return slice_starts(s, key) ? slice_from(s, key.n) : SLICE_EMPTY;
}

/* One field off the front; behind it stands ":" or a blank. */
static void take_field(slice *s, struct exim_record *out)
{
    slice v;
    if ((v = value_of(*s, S("H="))).n) {
        take_host(&v, out);
    } else if ((v = value_of(*s, S("F=<"))).n) {
        v.p--;
        v.n++;
        out->has_sender = true;
        out->sender = take_bracketed(&v, '<', '>');
    } else if ((v = value_of(*s, S("C=\""))).n) {
        v.p--;
        v.n++;
        take_confirmation(&v, out);
    } else if ((v = value_of(*s, S("DN=\""))).n) {
        size_t close = slice_chr(v, '"');
        v = close == SLICE_NPOS ? SLICE_EMPTY : slice_from(v, close + 1);
    } else if ((v = value_of(*s, S("defer "))).n) {
        take_defer(&v, out);
    } else {
        size_t space = slice_chr(*s, ' ');
        size_t n = space == SLICE_NPOS ? s->n : space;
        bool colon = n > 0 && s->p[n - 1] == ':';
        v = slice_from(*s, colon ? n - 1 : n);
    }
    *s = v;
}

/* Times that log_selector puts behind the text of a failure. */
static slice without_times(slice text)
{
    for (;;) {
        size_t at = slice_rchr(text, ' ');
        slice last = at == SLICE_NPOS ? SLICE_EMPTY : slice_from(text, at + 1);
        if (!slice_starts(last, S("DT=")) && !slice_starts(last, S("QT=")))
            return text;
        text = slice_rtrim(slice_sub(text, 0, at));
    }
}

/* A failure before any attempt: the host stands in the text, "Connection timed out H=mx [ip]: SMTP timeout ...". */
static void host_of_text(struct exim_record *out)
{
    size_t at = slice_empty(out->host) ? slice_find(out->text, S(" H=")) : SLICE_NPOS;
    if (at == SLICE_NPOS)
        return;
    slice rest = slice_from(out->text, at + 3);
    take_host(&rest, out);
}

static void read_fields(slice s, struct exim_record *out)
{
    while (s.n) {
        slice before = s;
        if (s.p[0] == ' ' || s.p[0] == '*') {
            s = slice_from(s, 1);
            continue;
        }
        if (s.p[0] == ':' && (s.n == 1 || s.p[1] == ' ')) {
            out->text = without_times(slice_trim(slice_from(s, 1)));
            host_of_text(out);
            return;
        }
        take_field(&s, out);
        if (s.n >= before.n) /* a lone colon within a token */
            s = slice_from(s, 1);
    }
}

bool exim_record_parse(slice s, struct exim_record *out)
{
    *out = (struct exim_record){.to = SLICE_EMPTY,
                                .parent = SLICE_EMPTY,
                                .sender = SLICE_EMPTY,
                                .host = SLICE_EMPTY,
                                .ip = SLICE_EMPTY,
                                .confirmation = SLICE_EMPTY,
                                .text = SLICE_EMPTY};
    size_t n = address_bytes(s);
    bool colon = n > 1 && s.p[n - 1] == ':' && !slice_starts(s, discarded); /* "a@b: retry timeout exceeded" */
    out->to = slice_unwrap(slice_of(s.p, colon ? n - 1 : n), '<', '>');
    s = slice_from(s, colon ? n - 1 : n);
    if (slice_starts(s, S(" ("))) {
        s = slice_from(s, 1);
        (void)take_bracketed(&s, '(', ')');
    }
    if (slice_starts(s, S(" <"))) {
        s = slice_from(s, 1);
        out->parent = take_bracketed(&s, '<', '>');
    }
    read_fields(s, out);
    return out->to.n > 0;
}

/* ---- arrivals ---- */

bool exim_arrival_parse(slice s, struct exim_arrival *out)
{
    *out = (struct exim_arrival){SLICE_EMPTY, SLICE_EMPTY};
    size_t n = address_bytes(s);
    if (n == 0)
        return false;
    slice sender = slice_of(s.p, n);
    out->sender = slice_eq(sender, S("<>")) ? SLICE_EMPTY : slice_unwrap(sender, '<', '>');
    slice rest = slice_from(s, n);
    size_t subject = slice_find(rest, S(" T=\"")); /* strangers write what follows */
    rest = slice_sub(rest, 0, subject);
    for (slice word; slice_word(&rest, &word);) {
        slice id = slice_starts(word, S("id=")) ? slice_from(word, 3) : SLICE_EMPTY;
        if (slice_starts(word, S("id*="))) /* made by us, where the mail had none */
            id = slice_from(word, 4);
        if (id.n)
            out->message_id = slice_unwrap(id, '<', '>');
    }
    return true;
}

/* ---- words ---- */

static enum bounce_phase phase_of_command(slice s)
{
    static const struct {
        slice word;
        enum bounce_phase phase;
    } commands[] = {
        {SLICE_INIT("initial connection"), BOUNCE_PHASE_CONNECT},
        {SLICE_INIT("EHLO"), BOUNCE_PHASE_HELO},
        {SLICE_INIT("HELO"), BOUNCE_PHASE_HELO},
        {SLICE_INIT("LHLO"), BOUNCE_PHASE_HELO},
        {SLICE_INIT("STARTTLS"), BOUNCE_PHASE_STARTTLS},
        {SLICE_INIT("AUTH"), BOUNCE_PHASE_AUTH},
        {SLICE_INIT("MAIL FROM"), BOUNCE_PHASE_MAIL},
        {SLICE_INIT("RCPT TO"), BOUNCE_PHASE_RCPT},
        {SLICE_INIT("DATA"), BOUNCE_PHASE_DATA},
        {SLICE_INIT("end of data"), BOUNCE_PHASE_END},
        {SLICE_INIT("sending data block"), BOUNCE_PHASE_DATA},
    };
    if (slice_starts(s, S("pipelined ")) || slice_starts(s, S("pipelining ")))
        s = slice_from(s, slice_chr(s, ' ') + 1);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (slice_starts_ci(s, commands[i].word))
            return commands[i].phase;
    return BOUNCE_PHASE_NONE;
}

enum bounce_phase exim_phase(slice text, int defer)
{
    static const slice before[] = {SLICE_INIT("error from remote mail server after "),
                                   SLICE_INIT("LMTP error after "),
                                   SLICE_INIT("SMTP timeout after "),
                                   SLICE_INIT("SMTP timeout while connected to "),
                                   SLICE_INIT(" in response to "),
                                   SLICE_INIT("Remote host closed connection in response to ")};
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        size_t at = slice_find(text, before[i]);
        if (at != SLICE_NPOS)
            return phase_of_command(slice_from(text, at + before[i].n));
    }
    switch (defer) { /* src/macros.h */
    case -44:
        return BOUNCE_PHASE_RCPT;
    case -45:
        return BOUNCE_PHASE_MAIL;
    case -46:
        return BOUNCE_PHASE_DATA;
    default: /* an errno of the connection */
        return defer > 0 ? BOUNCE_PHASE_CONNECT : BOUNCE_PHASE_NONE;
    }
}

bool exim_tried_nothing(const struct exim_record *r)
{
    return r->deferred && ((r->defer <= -51 && r->defer >= -56) || slice_starts(r->text, S("retry time not reached")));
}

/* One escape at s: the byte and how long it is; 0 when it is none. */
static size_t escape_at(slice s, char *byte)
{
    static const char names[] = "nrt\\", bytes[] = "\n\r\t\\";
    if (s.n < 2 || s.p[0] != '\\')
        return 0;
    const char *name = memchr(names, s.p[1], sizeof names - 1);
    if (name) {
        *byte = bytes[name - names];
        return 2;
    }
    unsigned v = 0;
    for (size_t i = 1; i <= 3; i++) {
        if (i >= s.n || s.p[i] < '0' || s.p[i] > '7')
            return 0;
        v = v * 8 + (unsigned)(s.p[i] - '0');
    }
    *byte = (char)v;
    return v > 0 && v < 256 ? 4 : 0;
}

slice exim_unescape(arena *a, slice text)
{
    if (slice_chr(text, '\\') == SLICE_NPOS)
        return arena_dup(a, text);
    char *out = arena_alloc(a, text.n);
    size_t n = 0;
    for (size_t i = 0; out && i < text.n;) {
        size_t escaped = escape_at(slice_from(text, i), &out[n]);
        if (!escaped)
            out[n] = text.p[i];
        i += escaped ? escaped : 1;
        n++;
    }
    return out ? slice_of(out, n) : SLICE_EMPTY;
}
