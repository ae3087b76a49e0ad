#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "cmd/ingest.h"

#define PASSWORD_VARIABLE "BOUNCED_IMAP_PASSWORD"
#define MAX_URL 1024u

/* scheme://[user@]host[:port][/folder], cut into NUL-terminated words. */
struct folder {
    char base[MAX_URL], user[MAX_URL], name[MAX_URL], feed[2 * MAX_URL];
    char move_to[MAX_URL];
};

bool ingest_is_url(const char *path)
{
    return strncmp(path, "imap://", 7) == 0 || strncmp(path, "imaps://", 8) == 0;
}

static int hex_value(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *at = c ? strchr(digits, ascii_lower(c)) : NULL;
    return at ? (int)(at - digits) : -1;
}

/* Copies with %XX undone. False when it does not fit or has a NUL in it. */
static bool decoded(slice in, char *out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < in.n; i++) {
        unsigned c = (unsigned char)in.p[i];
        if (c == '%' && i + 2 < in.n && hex_value(in.p[i + 1]) >= 0 && hex_value(in.p[i + 2]) >= 0) {
            c = (unsigned)(hex_value(in.p[i + 1]) * 16 + hex_value(in.p[i + 2]));
            i += 2;
        }
        if (c == 0 || n + 1 >= room)
            return false;
        out[n++] = (char)c;
    }
    out[n] = 0;
    return true;
}

/* The last "@" before the folder ends the user, so that user@example.com@imap.example.com does what is meant. */
static bool cut_url(const char *url, struct folder *f)
{
    slice all = slice_str(url), scheme = slice_sub(all, 0, slice_find(all, S("://")) + 3);
    slice rest = slice_from(all, scheme.n), host;
    slice_split(&rest, '/', &host);
    size_t at = host.n;
    while (at > 0 && host.p[at - 1] != '@')
        at--;
    slice user = at ? slice_sub(host, 0, at - 1) : SLICE_EMPTY;
    host = slice_from(host, at);
    if (slice_empty(host) || all.n >= MAX_URL)
        return false;
    snprintf(f->base, sizeof f->base, "%.*s%.*s", SLICE_FMT(scheme), SLICE_FMT(host));
    if (!decoded(user, f->user, sizeof f->user) || !decoded(rest, f->name, sizeof f->name))
        return false;
    if (!*f->name)
        strcpy(f->name, "INBOX");
    snprintf(f->feed, sizeof f->feed, "imap:%s@%.*s/%s", f->user, SLICE_FMT(host), f->name);
    return true;
}

static bool take_after(const struct ingest *g, struct folder *f, struct imap_options *o)
{
    static const struct {
        const char *word;
        enum imap_after after;
    } words[] = {{"keep", IMAP_KEEP}, {"seen", IMAP_MARK_SEEN}, {"delete", IMAP_DELETE}};
    const char *what = args_text(g->args, "after", "keep");
    o->after = IMAP_KEEP;
    if (strncmp(what, "move=", 5) == 0 && what[5] && strlen(what) < sizeof f->move_to) {
        strcpy(f->move_to, what + 5);
        o->after = g->dry_run ? IMAP_KEEP : IMAP_MOVE;
        o->move_to = f->move_to;
        return true;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (strcmp(words[i].word, what) == 0) {
            o->after = g->dry_run ? IMAP_KEEP : words[i].after;
            return true;
        }
    return false;
}

/* Told, kept for the end of the run; what came before it is safe. */
static int trouble(struct ingest *g, const err *e)
{
    progress_hide(&g->progress);
    cmd_fail(g->args, e);
    g->code = e->status == E_DENIED ? EXIT_NOPERM : EXIT_UNAVAILABLE;
    return EXIT_YES;
}

static int read_folder(struct ingest *g, slice path)
{
    err e;
    struct imap_mail mail;
    uint64_t bytes = 0;
    int got, code = EXIT_YES;
    while (code == EXIT_YES && (got = imap_next(g->imap, &mail, &e)) == 1) {
        bytes += mail.bytes.n;
        arena_reset(&g->arena);
        code = ingest_mail(g, path, mail.bytes, TIME_NONE);
        if (code == EXIT_YES && intake_full(g->intake))
            code = ingest_flush(g);
        progress_show(&g->progress, bytes, path);
    }
    if (code == EXIT_YES && got < 0)
        trouble(g, &e);
    return code == EXIT_YES ? ingest_flush(g) : code;
}

static slice known_position(struct ingest *g, arena *a)
{
    struct ledger_feed row;
    err e;
    return ledger_get_feed(g->session.ledger, slice_str(g->imap_name), a, &row, &e) == OK ? row.position : SLICE_EMPTY;
}

int ingest_folder(struct ingest *g, const char *url)
{
    static struct folder f;
    err e;
    struct imap_options o = {.url = f.base,
                             .folder = f.name,
                             .password_file = args_text(g->args, "password-file", NULL),
                             .password_env = PASSWORD_VARIABLE,
                             .ca_file = args_text(g->args, "ca-file", NULL),
                             .plain_text = args_flag(g->args, "plain-text")};
    if (!cut_url(url, &f))
        return cmd_usage(g->args, "'%s' should be imaps://user@host/FOLDER", url);
    if (!take_after(g, &f, &o))
        return cmd_usage(g->args, "--after is keep, seen, delete or move=FOLDER");
    o.user = f.user;
    g->imap_name = f.feed;
    arena_reset(&g->arena);
    if (imap_open(&o, known_position(g, &g->arena), &g->imap, &e) != OK)
        return trouble(g, &e);
    int code = read_folder(g, slice_str(f.feed));
    imap_close(&g->imap);
    return code;
}
