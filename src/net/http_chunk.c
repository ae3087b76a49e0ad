#include "net/http_chunk.h"
#include "net/http_head.h"

static size_t bad(struct http_chunks *c)
{
    c->state = HTTP_CHUNK_BAD;
    return 0;
}

/* The line at the beginning of `in`, without its CRLF. Returns its length with CRLF; 0 when it is not whole yet or bad. */
static size_t take_line(struct http_chunks *c, slice in, size_t max, slice *line)
{
    size_t end = slice_chr(slice_sub(in, 0, max), '\n');
    if (end == SLICE_NPOS) {
        if (in.n >= max)
            c->state = HTTP_CHUNK_BAD;
        return 0;
    }
    if (end == 0 || in.p[end - 1] != '\r')
        return bad(c);
    *line = slice_sub(in, 0, end - 1);
    return end + 1;
}

static int hex_digit(char c)
{
    if (ascii_digit(c))
        return c - '0';
    c = ascii_lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Behind the digits only an extension may stand: ";" and text without control bytes. */
static bool extension_good(slice s)
{
    if (s.n == 0)
        return true;
    if (s.p[0] != ';')
        return false;
    for (size_t i = 1; i < s.n; i++)
        if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f)
            return false;
    return true;
}

static size_t take_size(struct http_chunks *c, slice in)
{
    slice line = SLICE_EMPTY;
    size_t used = take_line(c, in, HTTP_MAX_CHUNK_LINE_BYTES, &line);
    if (used == 0)
        return 0;
    size_t digits = 0;
    uint64_t size = 0;
    while (digits < line.n && hex_digit(line.p[digits]) >= 0) {
        if (digits == HTTP_MAX_CHUNK_DIGITS)
            return bad(c);
        size = size * 16 + (uint64_t)hex_digit(line.p[digits++]);
    }
    if (digits == 0 || !extension_good(slice_from(line, digits)))
        return bad(c);
    c->left = size;
    c->state = size ? HTTP_CHUNK_DATA : HTTP_CHUNK_TRAILER;
    return used;
}

static size_t take_data(struct http_chunks *c, slice in, slice *data)
{
    *data = slice_sub(in, 0, c->left < in.n ? (size_t)c->left : in.n);
    c->left -= data->n;
    if (c->left == 0)
        c->state = HTTP_CHUNK_DATA_END;
    return data->n;
}

static size_t take_data_end(struct http_chunks *c, slice in)
{
    if (!slice_starts(S("\r\n"), slice_sub(in, 0, 2)))
        return bad(c);
    if (in.n < 2)
        return 0;
    c->state = HTTP_CHUNK_SIZE;
    return 2;
}

static size_t take_trailer(struct http_chunks *c, slice in)
{
    struct http_field f;
    slice line = SLICE_EMPTY;
    size_t used = take_line(c, in, HTTP_MAX_TRAILER_BYTES - c->trailer_bytes, &line);
    if (used == 0)
        return 0;
    if (line.n > 0 && !http_field_parse(line, &f))
        return bad(c);
    c->trailer_bytes += used;
    if (line.n == 0)
        c->state = HTTP_CHUNK_DONE;
    return used;
}

size_t http_chunks_next(struct http_chunks *c, slice in, slice *data)
{
    *data = SLICE_EMPTY;
    if (in.n == 0)
        return 0;
    switch (c->state) {
    case HTTP_CHUNK_SIZE:
        return take_size(c, in);
    case HTTP_CHUNK_DATA:
        return take_data(c, in, data);
    case HTTP_CHUNK_DATA_END:
        return take_data_end(c, in);
    case HTTP_CHUNK_TRAILER:
        return take_trailer(c, in);
    default:
        return 0;
    }
}
