/* The chunked coding of a request body (RFC 9112 7.1), taken apart strictly and piece by piece. Pure.
 *
 * Sizes are 1 to HTTP_MAX_CHUNK_DIGITS hex digits: no sign, no "0x", no blanks. Extensions are let pass unread, trailers are checked
 * to be fields and thrown away (RFC 9112 7.1.2 allows it), both bounded. Lines end in CRLF and nothing else.
 */
#ifndef NET_HTTP_CHUNK_H
#define NET_HTTP_CHUNK_H

#include "base/slice.h"

#define HTTP_MAX_CHUNK_DIGITS 8u
#define HTTP_MAX_CHUNK_LINE_BYTES 256u /* size and extensions */
#define HTTP_MAX_TRAILER_BYTES 4096u   /* all of them */

enum http_chunk_state {
    HTTP_CHUNK_SIZE,
    HTTP_CHUNK_DATA,
    HTTP_CHUNK_DATA_END, /* CRLF behind the data */
    HTTP_CHUNK_TRAILER,
    HTTP_CHUNK_DONE,
    HTTP_CHUNK_BAD /* answer 400 and close: where the next request begins is unknown */
};

struct http_chunks {
    enum http_chunk_state state; /* all zero in the beginning */
    uint64_t left;               /* bytes of data to come in this chunk */
    size_t trailer_bytes;
};

/* Takes one step: returns how many bytes of `in` it used and puts data of the body (a slice of `in`) in *data, which is often empty.
 * 0 used: it needs more than there is, or it is done, or bad. */
size_t http_chunks_next(struct http_chunks *c, slice in, slice *data);

#endif
