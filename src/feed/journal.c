#include "feed/journal.h"

#define LENGTH_BYTES 8u

enum taken { TAKEN_END, TAKEN_FIELD, TAKEN_PART, TAKEN_BAD };

struct journal_field {
    slice key, value;
};

static uint64_t little_endian(const char *p)
{
    uint64_t v = 0;
    for (unsigned i = LENGTH_BYTES; i-- > 0;)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

/* KEY LF, length, bytes, LF. */
static enum taken take_binary(slice *rest, size_t key_bytes, struct journal_field *f)
{
    slice s = slice_from(*rest, key_bytes + 1);
    if (s.n < LENGTH_BYTES)
        return TAKEN_PART;
    uint64_t n = little_endian(s.p);
    s = slice_from(s, LENGTH_BYTES);
    if (n >= s.n)
        return TAKEN_PART;
    if (s.p[n] != '\n')
        return TAKEN_BAD;
    f->key = slice_of(rest->p, key_bytes);
    f->value = slice_of(s.p, (size_t)n);
    *rest = slice_from(s, (size_t)n + 1);
    return TAKEN_FIELD;
}

static enum taken take_field(slice *rest, bool last, struct journal_field *f)
{
    const char *end = memchr(rest->p, '\n', rest->n);
    if (!end && !last)
        return TAKEN_PART;
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    if (n == 0) {
        *rest = slice_from(*rest, 1);
        return TAKEN_END;
    }
    const char *equals = memchr(rest->p, '=', n);
    if (!equals)
        return end ? take_binary(rest, n, f) : TAKEN_PART;
    f->key = slice_of(rest->p, (size_t)(equals - rest->p));
    f->value = slice_of(equals + 1, n - f->key.n - 1);
    *rest = slice_from(*rest, end ? n + 1 : n);
    return TAKEN_FIELD;
}

static void set_field(struct journal_entry *e, const struct journal_field *f)
{
    const struct {
        slice key;
        slice *value;
    } wanted[] = {
        {SLICE_INIT("__REALTIME_TIMESTAMP"), &e->line.stamp},
        {SLICE_INIT("_HOSTNAME"), &e->line.host},
        {SLICE_INIT("SYSLOG_IDENTIFIER"), &e->line.tag},
        {SLICE_INIT("MESSAGE"), &e->line.message},
        {SLICE_INIT("__CURSOR"), &e->cursor},
    };
    for (size_t i = 0; i < ARRAY_LEN(wanted); i++)
        if (slice_eq(f->key, wanted[i].key))
            *wanted[i].value = f->value;
}

/* Leaves a damaged entry behind: on to the next empty line. */
static void skip_entry(slice *rest)
{
    size_t at = slice_find(*rest, S("\n\n"));
    *rest = at == SLICE_NPOS ? SLICE_EMPTY : slice_from(*rest, at + 2);
}

int journal_next(slice *rest, bool last, struct journal_entry *out)
{
    while (rest->n && rest->p[0] == '\n')
        *rest = slice_from(*rest, 1);
    *out = (struct journal_entry){.line = {.form = STAMP_MICROSECONDS,
                                           .stamp = SLICE_EMPTY,
                                           .host = SLICE_EMPTY,
                                           .tag = SLICE_EMPTY,
                                           .message = SLICE_EMPTY},
                                  .cursor = SLICE_EMPTY};
    slice s = *rest;
    unsigned fields = 0;
    for (;;) {
        struct journal_field f;
        enum taken taken = s.n ? take_field(&s, last, &f) : (last && fields ? TAKEN_END : TAKEN_PART);
        if (taken == TAKEN_FIELD) {
            set_field(out, &f);
            fields++;
            continue;
        }
        if (taken == TAKEN_PART && !last)
            return 0;
        if (taken == TAKEN_PART) { /* cut off inside a field */
            bool something = rest->n > 0;
            *rest = SLICE_EMPTY;
            return something ? -1 : 0;
        }
        if (taken == TAKEN_BAD) {
            skip_entry(rest);
            return -1;
        }
        *rest = s;
        return 1;
    }
}
