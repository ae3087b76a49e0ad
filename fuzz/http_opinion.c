#include <http_parser.h>

#include "http_opinion.h"

struct reading {
    struct http_opinion *out;
    bool done;
};

static struct reading *reading_of(http_parser *p)
{
    return p->data;
}

static int on_url(http_parser *p, const char *at, size_t n)
{
    buf_add(&reading_of(p)->out->target, slice_of(at, n));
    return 0;
}

static int on_body(http_parser *p, const char *at, size_t n)
{
    buf_add(&reading_of(p)->out->body, slice_of(at, n));
    return 0;
}

static int on_done(http_parser *p)
{
    reading_of(p)->done = true;
    return 0;
}

bool http_opinion(slice request, struct http_opinion *out)
{
    static const http_parser_settings settings = {.on_url = on_url, .on_body = on_body, .on_message_complete = on_done};
    struct reading r = {.out = out};
    http_parser p;
    buf_init(&out->target, 0);
    buf_init(&out->body, 0);
    http_parser_init(&p, HTTP_REQUEST);
    p.data = &r;
    size_t n = http_parser_execute(&p, &settings, request.p, request.n);
    out->method = http_method_str((enum http_method)p.method);
    return HTTP_PARSER_ERRNO(&p) == HPE_OK && n == request.n && r.done;
}
