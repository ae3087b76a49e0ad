/* Reads every prefix of mails, and every mail with any one byte deleted: nothing may break, whatever is missing.
 *
 * usage: deletions [--most N] PATH...
 *   PATH    mails, or folders of them
 *   --most  at most N places of each mail, chosen by a seed (for runs in bounded time)
 *
 * Mails above 64 KB are cut and shortened at their line ends (at most 2,000 of them) and at 2,000 seeded places only. Each text
 * ends at an unreadable page. Prints how many were read, and in how many the report was lost.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/buf.h"
#include "bounce.h"
#include "guard.h"

enum { ALL_UP_TO = 64 * 1024, SOME = 2000, MAX_MAIL = 8 * 1024 * 1024 };

struct run {
    struct bounce_rules *rules;
    struct bounce_reader *reader;
    arena arena;
    struct guard guard;
    char *copy;
    size_t most;
    uint64_t seed;
    unsigned long mails, read, lost;
    unsigned failures;
};

static uint64_t next_random(struct run *r)
{
    r->seed ^= r->seed << 13;
    r->seed ^= r->seed >> 7;
    r->seed ^= r->seed << 17;
    return r->seed;
}

/* Number of reports; what is wrong with a result is told and counted. */
static size_t read_one(struct run *r, slice mail, const char *path, const char *what, size_t place)
{
    struct bounce_result result;
    arena_reset(&r->arena);
    enum bounce_status s = bounce_read(r->reader, guard_put(&r->guard, mail), NULL, &r->arena, &result);
    bool bad = s != BOUNCE_OK;
    for (size_t i = 0; i < result.report_count; i++) {
        const struct bounce_report *report = &result.reports[i];
        bad |= !report->recipient.p || !report->diagnostic.p;
        if (bounce_kind_final(report->kind))
            bad |= report->verdict.class_ != bounce_reason_class(report->verdict.reason);
    }
    r->read++;
    if (bad) {
        r->failures++;
        printf("%s: %s at %zu: status %d\n", path, what, place, (int)s);
    }
    return result.report_count;
}

static void at_place(struct run *r, slice mail, size_t place, size_t reports, const char *path)
{
    read_one(r, slice_sub(mail, 0, place), path, "cut", place);
    if (place >= mail.n)
        return;
    memcpy(r->copy, mail.p, place);
    memcpy(r->copy + place, mail.p + place + 1, mail.n - place - 1);
    if (reports && !read_one(r, slice_of(r->copy, mail.n - 1), path, "deleted", place))
        r->lost++;
}

static void seeded_places(struct run *r, slice mail, size_t n, size_t reports, const char *path)
{
    for (size_t i = 0; i < n; i++)
        at_place(r, mail, next_random(r) % (mail.n + 1), reports, path);
}

static void line_ends(struct run *r, slice mail, size_t reports, const char *path)
{
    size_t done = 0;
    for (size_t i = 0; i < mail.n && done < SOME; i++)
        if (mail.p[i] == '\n' || (mail.p[i] == '-' && i && mail.p[i - 1] == '\n')) {
            at_place(r, mail, i, reports, path);
            done++;
        }
}

static void one_mail(struct run *r, slice mail, const char *path)
{
    size_t reports = read_one(r, mail, path, "whole", mail.n);
    r->mails++;
    if (r->most && r->most < mail.n) {
        seeded_places(r, mail, r->most, reports, path);
    } else if (mail.n <= ALL_UP_TO) {
        for (size_t i = 0; i <= mail.n; i++)
            at_place(r, mail, i, reports, path);
    } else {
        line_ends(r, mail, reports, path);
        seeded_places(r, mail, SOME, reports, path);
    }
}

static bool one_file(struct run *r, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return false;
    buf b;
    buf_init(&b, MAX_MAIL);
    size_t got = 1;
    while (got > 0 && buf_reserve(&b, 65536)) {
        got = fread(b.p + b.n, 1, 65536, f);
        b.n += got;
    }
    fclose(f);
    one_mail(r, buf_slice(&b), path);
    buf_fini(&b);
    return true;
}

static bool one_path(struct run *r, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    if (!S_ISDIR(st.st_mode))
        return one_file(r, path);
    struct dirent **entries;
    int n = scandir(path, &entries, NULL, alphasort);
    bool ok = n >= 0;
    for (int i = 0; i < n; i++) {
        char name[4096];
        if (ok && entries[i]->d_name[0] != '.') {
            (void)snprintf(name, sizeof(name), "%s/%s", path, entries[i]->d_name);
            ok = one_path(r, name);
        }
        free(entries[i]);
    }
    if (n >= 0)
        free(entries);
    return ok;
}

static bool start(struct run *r)
{
    slice error;
    arena_init(&r->arena, 0);
    guard_init(&r->guard, MAX_MAIL + 1);
    r->copy = malloc(MAX_MAIL + 1);
    if (!r->copy || bounce_rules_new(NULL, 0, false, &r->arena, &r->rules, &error) != BOUNCE_OK)
        return false;
    r->reader = bounce_reader_new(r->rules);
    return r->reader != NULL;
}

static void stop(struct run *r)
{
    bounce_reader_free(&r->reader);
    bounce_rules_free(&r->rules);
    arena_fini(&r->arena);
    guard_fini(&r->guard);
    free(r->copy);
}

int main(int argc, char **argv)
{
    struct run r = {.seed = 88172645463325252u};
    int first = 1;
    if (argc > 3 && strcmp(argv[1], "--most") == 0) {
        r.most = strtoul(argv[2], NULL, 10);
        first = 3;
    }
    if (first >= argc) {
        fputs("usage: deletions [--most N] PATH...\n", stderr);
        return 64;
    }
    if (!start(&r)) {
        fputs("deletions: the library cannot be started\n", stderr);
        return 1;
    }
    bool ok = true;
    for (int i = first; i < argc && ok; i++) {
        ok = one_path(&r, argv[i]);
        if (!ok)
            fprintf(stderr, "deletions: %s: %s\n", argv[i], strerror(errno));
    }
    printf("%lu mails, %lu texts read, %lu of them lost the report by one byte, %u failures\n", r.mails, r.read, r.lost,
           r.failures);
    ok &= r.failures == 0;
    stop(&r);
    return ok ? 0 : 1;
}
