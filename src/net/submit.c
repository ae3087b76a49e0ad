#include "net/submit.h"

#include <curl/curl.h>
#include <stdio.h>

#include "base/buf.h"
#include "base/time.h"

struct reading {
    slice rest;
};

static size_t on_read(char *to, size_t size, size_t count, void *ctx)
{
    struct reading *r = ctx;
    size_t n = size * count;
    if (n > r->rest.n)
        n = r->rest.n;
    if (n)
        memcpy(to, r->rest.p, n);
    r->rest = slice_from(r->rest, n);
    return n;
}

/* The last line that the server said, for people: numbers of three digits begin it. */
static int on_debug(CURL *c, curl_infotype type, char *p, size_t n, void *ctx)
{
    buf *said = ctx;
    (void)c;
    if (type == CURLINFO_HEADER_IN && n && p[0] >= '4' && p[0] <= '5') {
        buf_clear(said);
        buf_add(said, slice_trim(slice_of(p, n)));
    }
    return 0;
}

/* Line ends as CRLF. */
static bool with_crlf(slice message, buf *out)
{
    slice line;
    while (slice_line(&message, &line)) {
        buf_add(out, line);
        buf_adds(out, "\r\n");
    }
    return !out->failed;
}

static bool write_url(const char *server, char *url, size_t size)
{
    bool whole = slice_starts(slice_str(server), S("smtp://")) || slice_starts(slice_str(server), S("smtps://"));
    int n = snprintf(url, size, "%s%s", whole ? "" : "smtp://", server);
    return *server && n > 0 && (size_t)n < size;
}

static CURLcode perform(CURL *c, const struct submission *s, const char *url, struct curl_slist *to,
                        struct reading *body, buf *said)
{
    char from[400];
    snprintf(from, sizeof from, "<%s>", s->from);
    curl_easy_setopt(c, CURLOPT_URL, url);
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(c, CURLOPT_USE_SSL, (long)CURLUSESSL_TRY);
    /* a server on this machine has a certificate that nobody has signed; others are asked for a good one by smtps:// */
    bool smtps = slice_starts(slice_str(url), S("smtps://"));
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYPEER, smtps ? 1L : 0L);
    curl_easy_setopt(c, CURLOPT_SSL_VERIFYHOST, smtps ? 2L : 0L);
    curl_easy_setopt(c, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(c, CURLOPT_MAIL_RCPT, to);
    curl_easy_setopt(c, CURLOPT_UPLOAD, 1L);
    curl_easy_setopt(c, CURLOPT_READFUNCTION, on_read);
    curl_easy_setopt(c, CURLOPT_READDATA, body);
    curl_easy_setopt(c, CURLOPT_TIMEOUT_MS, (long)(s->timeout_us / 1000));
    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_VERBOSE, 1L);
    curl_easy_setopt(c, CURLOPT_DEBUGFUNCTION, on_debug);
    curl_easy_setopt(c, CURLOPT_DEBUGDATA, said);
    return curl_easy_perform(c);
}

static enum status submit_bytes(const struct submission *s, const char *url, slice message, err *e)
{
    struct reading body = {message};
    struct curl_slist *to = NULL;
    CURL *c = curl_easy_init();
    buf said;
    buf_init(&said, 1000);
    enum status st = c ? OK : err_set(e, E_MEMORY, "mail: out of memory");
    for (size_t i = 0; i < s->to_count && st == OK; i++) {
        struct curl_slist *grown = curl_slist_append(to, s->to[i]);
        st = grown ? OK : err_set(e, E_MEMORY, "mail: out of memory");
        to = grown ? grown : to;
    }
    if (st == OK) {
        CURLcode code = perform(c, s, url, to, &body, &said);
        if (code != CURLE_OK)
            st = err_set(e, E_IO, "mail to %s: %s%s%.*s", s->server, curl_easy_strerror(code), said.n ? ": " : "",
                         SLICE_FMT(buf_slice(&said)));
    }
    buf_fini(&said);
    curl_slist_free_all(to);
    curl_easy_cleanup(c);
    return st;
}

enum status submit(const struct submission *s, slice message, err *e)
{
    char url[400];
    buf bytes;
    if (!write_url(s->server, url, sizeof url))
        return err_set(e, E_INVALID, "mail: '%s' is no server; write HOST:PORT", s->server);
    if (!s->to_count || s->to_count > SUBMIT_MAX_RECIPIENTS)
        return err_set(e, E_INVALID, "mail: 1 to %u recipients", SUBMIT_MAX_RECIPIENTS);
    buf_init(&bytes, 0);
    enum status st = with_crlf(message, &bytes) ? submit_bytes(s, url, buf_slice(&bytes), e)
                                                : err_set(e, E_MEMORY, "mail: out of memory");
    buf_fini(&bytes);
    return st;
}
