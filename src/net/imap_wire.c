#include "net/imap_wire.h"

#include <errno.h>
#include <poll.h>

#define CHUNK_BYTES (64u * 1024)

static enum status curl_failed(const struct wire *w, CURLcode code, err *e)
{
    if (code == CURLE_LOGIN_DENIED)
        return err_set(e, E_DENIED, "%s: login refused; check user and password", w->url);
    return err_set(e, code == CURLE_OUT_OF_MEMORY ? E_MEMORY : E_IO, "%s: %s", w->url, curl_easy_strerror(code));
}

/* The URL with the user in it: only so curl looks for that user's password in ~/.netrc. */
static CURLcode set_url_with_user(CURL *c, const struct imap_options *o)
{
    char *url = NULL;
    CURLU *u = curl_url();
    bool good = u && curl_url_set(u, CURLUPART_URL, o->url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
                curl_url_set(u, CURLUPART_USER, o->user, CURLU_URLENCODE) == CURLUE_OK &&
                curl_url_get(u, CURLUPART_URL, &url, 0) == CURLUE_OK;
    CURLcode code = good ? curl_easy_setopt(c, CURLOPT_URL, url) : CURLE_URL_MALFORMAT;
    curl_free(url);
    curl_url_cleanup(u);
    return code;
}

static CURLcode set_options(CURL *c, const struct imap_options *o, const char *password)
{
    const long timeout_s = o->timeout_s ? o->timeout_s : IMAP_TIMEOUT_S;
    CURLcode code = curl_easy_setopt(c, CURLOPT_URL, o->url);
    if (code == CURLE_OK)
        code = curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "imap,imaps");
    if (code == CURLE_OK) /* greeting, STARTTLS and login, then the line is ours */
        code = curl_easy_setopt(c, CURLOPT_CONNECT_ONLY, 1L);
    if (code == CURLE_OK && o->user)
        code = password ? curl_easy_setopt(c, CURLOPT_USERNAME, o->user) : set_url_with_user(c, o);
    if (code == CURLE_OK && password)
        code = curl_easy_setopt(c, CURLOPT_PASSWORD, password);
    if (code == CURLE_OK && !password)
        code = curl_easy_setopt(c, CURLOPT_NETRC, (long)CURL_NETRC_OPTIONAL);
    if (code == CURLE_OK)
        code = curl_easy_setopt(c, CURLOPT_USE_SSL, (long)(o->plain_text ? CURLUSESSL_TRY : CURLUSESSL_ALL));
    if (code == CURLE_OK && o->ca_file)
        code = curl_easy_setopt(c, CURLOPT_CAINFO, o->ca_file);
    if (code == CURLE_OK)
        code = curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    if (code == CURLE_OK)
        code = curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, timeout_s);
    if (code == CURLE_OK)
        code = curl_easy_setopt(c, CURLOPT_TIMEOUT, timeout_s);
    return code;
}

enum status wire_open(struct wire *w, const struct imap_options *o, const char *password, err *e)
{
    *w = (struct wire){.url = o->url, .timeout_ms = (int)(o->timeout_s ? o->timeout_s : IMAP_TIMEOUT_S) * 1000};
    buf_init(&w->in, IMAP_MAX_LINE_BYTES);
    w->curl = curl_easy_init();
    if (!w->curl)
        return err_set(e, E_MEMORY, "%s: no memory", o->url);
    CURLcode code = set_options(w->curl, o, password);
    if (code == CURLE_OK)
        code = curl_easy_perform(w->curl);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(w->curl, CURLINFO_ACTIVESOCKET, &w->socket);
    return code == CURLE_OK ? OK : curl_failed(w, code, e);
}

void wire_close(struct wire *w)
{
    if (w->curl)
        curl_easy_cleanup(w->curl);
    buf_fini(&w->in);
    *w = (struct wire){0};
}

static enum status wait_for(const struct wire *w, short events, err *e)
{
    struct pollfd p = {.fd = w->socket, .events = events};
    int rc;
    do
        rc = poll(&p, 1, w->timeout_ms);
    while (rc < 0 && errno == EINTR);
    if (rc < 0)
        return err_os(e, errno, "%s: cannot wait for the server", w->url);
    return rc > 0 ? OK : err_set(e, E_IO, "%s: the server is silent for %d s", w->url, w->timeout_ms / 1000);
}

enum status wire_send(struct wire *w, slice text, err *e)
{
    enum status status = OK;
    while (text.n > 0 && status == OK) {
        size_t sent = 0;
        CURLcode code = curl_easy_send(w->curl, text.p, text.n, &sent);
        if (code == CURLE_AGAIN)
            status = wait_for(w, POLLOUT, e);
        else if (code != CURLE_OK)
            return curl_failed(w, code, e);
        text = slice_from(text, sent);
    }
    return status;
}

/* More bytes into p; waits for them. */
static enum status receive(struct wire *w, char *p, size_t room, size_t *got, err *e)
{
    for (;;) {
        CURLcode code = curl_easy_recv(w->curl, p, room, got);
        if (code == CURLE_OK && *got == 0)
            return err_set(e, E_IO, "%s: the server has closed the connection", w->url);
        if (code == CURLE_OK)
            return OK;
        if (code != CURLE_AGAIN)
            return curl_failed(w, code, e);
        enum status status = wait_for(w, POLLIN, e);
        if (status != OK)
            return status;
    }
}

static enum status more(struct wire *w, err *e)
{
    size_t got;
    buf_consume(&w->in, w->at);
    w->at = 0;
    if (w->in.n + CHUNK_BYTES > IMAP_MAX_LINE_BYTES || !buf_reserve(&w->in, CHUNK_BYTES))
        return err_set(e, E_FULL, "%s: a line of the server has more than %zu bytes", w->url, w->in.n);
    enum status status = receive(w, w->in.p + w->in.n, CHUNK_BYTES, &got, e);
    if (status == OK)
        w->in.n += got;
    return status;
}

enum status wire_line(struct wire *w, slice *line, err *e)
{
    size_t looked = 0;
    for (;;) {
        slice there = slice_from(buf_slice(&w->in), w->at);
        size_t n = slice_chr(slice_from(there, looked), '\n');
        if (n != SLICE_NPOS) {
            n += looked;
            w->at += n + 1;
            *line = slice_of(there.p, n && there.p[n - 1] == '\r' ? n - 1 : n);
            return OK;
        }
        looked = there.n;
        enum status status = more(w, e);
        if (status != OK)
            return status;
    }
}

static enum status keep_bytes(const struct wire *w, slice bytes, size_t *keep, buf *out, err *e)
{
    slice kept = slice_sub(bytes, 0, *keep);
    *keep -= kept.n;
    buf_add(out, kept);
    return out->failed ? err_set(e, E_MEMORY, "%s: no memory for a mail of %zu bytes", w->url, out->n) : OK;
}

enum status wire_literal(struct wire *w, uint64_t n, size_t keep, buf *out, err *e)
{
    enum status status = OK;
    while (n > 0 && status == OK) {
        slice there = slice_sub(slice_from(buf_slice(&w->in), w->at), 0, n < SIZE_MAX ? (size_t)n : SIZE_MAX);
        if (there.n == 0) {
            status = more(w, e);
            continue;
        }
        status = keep_bytes(w, there, &keep, out, e);
        w->at += there.n;
        n -= there.n;
    }
    return status;
}
