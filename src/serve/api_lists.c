/* Whole suppression lists, in and out. Both go through a file without a name beside the ledger: what comes in is read when it is all
 * there, what goes out is written by a worker and sent from the file, so that neither a slow peer nor a long list holds up anybody.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/show.h"
#include "serve/api.h"
#include "serve/conf.h"

#define SEND_BYTES 65536u

struct transfer {
    struct api_call *c;
    int fd;
    off_t at, size; /* of what is being sent */
    struct list_import_options import;
    struct list_export_options export;
    bool broken; /* writing what came has failed */
    err error;
};

static const char *ledger_path(const struct api *api)
{
    const struct conf_ledger *l = settings_of(api->d->settings, "ledger");
    return l->path.p;
}

static int nameless_file(const struct api *api)
{
    char *copy = strdup(ledger_path(api));
    int fd = copy ? open(dirname(copy), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
    free(copy);
    return fd;
}

static struct transfer *transfer_new(struct http_request *r)
{
    struct transfer *t = ARENA_NEW(&r->a, struct transfer);
    struct api *api = api_of(r);
    if (t)
        t->fd = nameless_file(api);
    if (t && t->fd >= 0)
        t->c = api_call_new(r);
    else
        http_problem(r, 507, S("full"), S("no room beside the ledger for this list"));
    if (t && t->fd >= 0 && t->c) {
        t->c->user = t;
        return t;
    }
    if (t && t->fd >= 0)
        close(t->fd);
    return NULL;
}

/* ---- in ---- */

static long read_fd(void *ctx, char *p, size_t n)
{
    const int *fd = ctx;
    return (long)read(*fd, p, n);
}

/* With a handle of its own: a long import takes turns with the writer, batch by batch. */
static void import(struct api_call *c, struct worker *w)
{
    struct transfer *t = c->user;
    struct list_import_result result;
    struct ledger *l = NULL;
    struct ledger_options lo = {.path = ledger_path(c->api)};
    struct jsonw j;
    c->failed = ledger_open(&lo, &l, &c->error);
    t->import.rules = w->knowledge->rules;
    if (c->failed == OK)
        c->failed = list_import(l, &w->knowledge->policy, &t->import, read_fd, &t->fd, w->a, &result, &c->error);
    ledger_close(&l);
    close(t->fd);
    if (c->failed != OK)
        return;
    jsonw_init(&j, &c->out);
    jsonw_object(&j);
    jsonw_kbool(&j, "dry_run", t->import.dry_run);
    show_import_result(&j, &result);
    jsonw_key(&j, "bad");
    jsonw_array(&j);
    for (size_t i = 0; i < result.bad_count; i++) {
        jsonw_object(&j);
        jsonw_ki64(&j, "line", (int64_t)result.bad[i].line);
        jsonw_kstr(&j, "text", result.bad[i].text);
        jsonw_kstr(&j, "what", slice_str(result.bad[i].what));
        jsonw_end_object(&j);
    }
    jsonw_end_array(&j);
    jsonw_end_object(&j);
}

static bool take_format(struct http_request *r, enum list_format otherwise, bool (*able)(enum list_format),
                        enum list_format *out)
{
    slice word = api_query(r, "format");
    *out = slice_empty(word) ? otherwise : list_format_find(word);
    if (*out != LIST_FORMATS && (*out == otherwise || able(*out)))
        return true;
    http_problem(r, 400, S("invalid"), S("format: none of those that can be used here; docs/lists.md names them"));
    return false;
}

void api_list_import(struct http_request *r)
{
    enum list_format format;
    slice cause = api_query(r, "cause");
    enum cause c = slice_empty(cause) ? CAUSE_NONE : cause_find(cause);
    r->user = NULL;
    if (c == CAUSES || c == CAUSE_ERASED) {
        http_problem(r, 400, S("invalid"), S("there is no such cause to set; docs/policy.md lists them"));
        return;
    }
    if (!take_format(r, LIST_AUTO, list_format_importable, &format))
        return;
    struct transfer *t = transfer_new(r);
    if (!t)
        return;
    r->user = t;
    t->import = (struct list_import_options){.format = format,
                                             .tenant = t->c->tenant,
                                             .stream = t->c->stream,
                                             .actor = api_who(r)->name,
                                             .origin = api_query(r, "origin"),
                                             .cause = c,
                                             .dry_run = slice_eq(api_query(r, "dry_run"), S("true")),
                                             .now_us = t->c->now_us};
}

static void piece(struct http_request *r, slice bytes)
{
    struct transfer *t = r->user;
    while (!t->broken && bytes.n) {
        ssize_t n = write(t->fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        t->broken = n < 0;
        if (t->broken)
            (void)err_os(&t->error, errno, "the list could not be set aside");
        else
            bytes = slice_from(bytes, (size_t)n);
    }
}

static void give_up(struct transfer *t, enum status st, const char *why)
{
    close(t->fd);
    api_fail(t->c, st, "%s", why);
    api_call_end(t->c);
}

static void end(struct http_request *r)
{
    struct transfer *t = r->user;
    if (t->broken)
        give_up(t, t->error.status, t->error.text);
    else if (lseek(t->fd, 0, SEEK_SET) != 0)
        give_up(t, E_IO, "the list could not be read back");
    else
        api_call_read(t->c, import);
}

static void gone(struct http_request *r)
{
    give_up(r->user, E_INVALID, "the list broke off in the middle");
}

const struct http_body api_list_body = {piece, end, gone};

/* ---- out ---- */

static void export(struct api_call *c, struct worker *w)
{
    struct transfer *t = c->user;
    struct stat st;
    uint64_t count;
    c->failed = list_export_fd(w->ledger, &t->export, t->fd, &count, &c->error);
    if (c->failed == OK && fstat(t->fd, &st) != 0)
        c->failed = err_os(&c->error, errno, "the list");
    t->size = c->failed == OK ? st.st_size : 0;
}

static void more(struct http_request *r)
{
    struct transfer *t = r->user;
    char bytes[SEND_BYTES];
    ssize_t n = http_gone(r) || t->at >= t->size ? 0 : pread(t->fd, bytes, sizeof bytes, t->at);
    if (n > 0) {
        t->at += n;
        http_write(r, slice_of(bytes, (size_t)n));
        return;
    }
    close(t->fd);
    http_end(r, n == 0 && t->at >= t->size);
}

static void exported(struct job *j)
{
    struct api_call *c = (struct api_call *)(void *)j;
    struct transfer *t = c->user;
    struct http_request *r = c->r;
    if (c->failed != OK) {
        close(t->fd);
        api_call_end(c);
        return;
    }
    buf_fini(&c->out);
    c->api->working--;
    r->user = t;
    const struct http_answer a = {.status = 200,
                                  .type = t->export.format == LIST_NDJSON ? S("application/x-ndjson")
                                                                          : S("text/plain; charset=utf-8")};
    http_begin(r, &a, more);
}

static void run_export(struct job *j, struct worker *w)
{
    struct api_call *c = (struct api_call *)(void *)j;
    export(c, w);
}

void api_list_export(struct http_request *r)
{
    enum list_format format;
    slice cause = api_query(r, "cause");
    enum cause only = slice_empty(cause) ? CAUSE_NONE : cause_find(cause);
    if (only == CAUSES) {
        http_problem(r, 400, S("invalid"), S("there is no such cause; docs/policy.md lists them"));
        return;
    }
    if (!take_format(r, LIST_CSV, list_format_exportable, &format))
        return;
    struct transfer *t = transfer_new(r);
    if (!t)
        return;
    t->export = (struct list_export_options){
        .format = format, .tenant = t->c->tenant, .stream = t->c->stream, .cause = only, .now_us = t->c->now_us};
    t->c->job.run = run_export;
    t->c->job.done = exported;
    if (workers_put(t->c->api->d->workers, &t->c->job) != OK)
        give_up(t, E_BUSY, "too much is waiting already; try again in a moment");
}
