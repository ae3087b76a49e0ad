#include "serve/tail_journal.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-journal.h>

#define ENTRY_BYTES 100u /* what an entry counts for besides its message */

/* Any of these is enough. Names are compared whole: Postfix, whose names are many, is known by its facility. */
// clang-format off
static const char *const programs[] = {
    "SYSLOG_IDENTIFIER=exim",   "SYSLOG_IDENTIFIER=exim4",           "SYSLOG_IDENTIFIER=smtpd",   "SYSLOG_IDENTIFIER=sendmail",
    "SYSLOG_IDENTIFIER=sm-mta", "SYSLOG_IDENTIFIER=systemd-journald", "SYSLOG_IDENTIFIER=rsyslogd",
};
// clang-format on

enum status tail_journal_can(err *e)
{
    (void)e;
    return OK;
}

size_t tail_journal_places(slice path, arena *a, slice places[TAIL_JOURNAL_PLACES])
{
    sd_id128_t id;
    char text[SD_ID128_STRING_MAX];
    if (!slice_empty(path)) {
        places[0] = path;
        return 1;
    }
    if (sd_id128_get_machine(&id) < 0)
        return 0;
    sd_id128_to_string(id, text);
    places[0] = arena_printf(a, "/var/log/journal/%s", text);
    places[1] = arena_printf(a, "/run/log/journal/%s", text);
    return a->limited ? 0 : TAIL_JOURNAL_PLACES;
}

/* ---- opening ---- */

static const char *shown(const char *path)
{
    return path[0] ? path : "the journal";
}

static int add_matches(sd_journal *j)
{
    int r = sd_journal_add_match(j, "SYSLOG_FACILITY=2", 0); /* RFC 5424 6.2.1: mail */
    if (r >= 0)
        r = sd_journal_add_disjunction(j);
    for (size_t i = 0; i < ARRAY_LEN(programs) && r >= 0; i++)
        r = sd_journal_add_match(j, programs[i], 0);
    return r;
}

/* *j may be set when it failed. */
static enum status open_journal(const char *path, sd_journal **j, err *e)
{
    /* SYSTEM: anybody may log what looks like a failure, but what users log is in files of their own */
    int r =
        path[0] ? sd_journal_open_directory(j, path, 0) : sd_journal_open(j, SD_JOURNAL_LOCAL_ONLY | SD_JOURNAL_SYSTEM);
    if (r < 0) {
        *j = NULL;
        return err_os(e, -r, "%s: open", shown(path));
    }
    r = sd_journal_set_data_threshold(*j, READ_MAX_ENTRY_BYTES);
    if (r >= 0)
        r = add_matches(*j);
    return r < 0 ? err_os(e, -r, "%s: open", shown(path)) : OK;
}

/* Files that we may not read are as if they were not there. */
static bool is_nothing(sd_journal *j)
{
    uint64_t bytes = 0;
    return sd_journal_get_usage(j, &bytes) < 0 || bytes == 0;
}

/* ---- entries ---- */

/* To the first entry behind the cursor: 1; 0: there is none. Negative: an errno of libsystemd. */
static int first_entry(sd_journal *j, slice cursor, int64_t since_us)
{
    bool begun = !slice_empty(cursor);
    int r = begun ? sd_journal_seek_cursor(j, cursor.p)
                  : sd_journal_seek_realtime_usec(j, since_us > 0 ? (uint64_t)since_us : 0);
    if (r >= 0)
        r = sd_journal_next(j);
    if (r > 0 && begun && sd_journal_test_cursor(j, cursor.p) > 0) /* else it is gone, and this is the next one */
        r = sd_journal_next(j);
    return r;
}

/* Valid until the next field is asked for. Empty: the entry has none, or none that can be read. */
static slice field(sd_journal *j, const char *name)
{
    const void *data;
    size_t n, prefix = strlen(name) + 1;
    if (sd_journal_get_data(j, name, &data, &n) < 0 || n < prefix)
        return SLICE_EMPTY;
    return slice_of((const char *)data + prefix, n - prefix);
}

static enum status take_entry(sd_journal *j, struct tail_batch *b, struct maillog *logs, arena *a, err *e)
{
    uint64_t us;
    if (sd_journal_get_realtime_usec(j, &us) < 0)
        return OK; /* damaged */
    struct syslog_line line = {.form = STAMP_MICROSECONDS,
                               .stamp = arena_printf(a, "%" PRIu64, us),
                               .host = arena_dup(a, field(j, "_HOSTNAME")),
                               .tag = arena_dup(a, field(j, "SYSLOG_IDENTIFIER")),
                               .message = SLICE_EMPTY};
    line.message = field(j, "MESSAGE"); /* the last one, so it needs no copy */
    b->bytes += line.message.n + ENTRY_BYTES;
    if (a->limited || !maillog_entry(logs, &line, &b->a, &b->list))
        return err_set(e, E_MEMORY, "log: out of memory");
    return OK;
}

/* Until there is no more or the batch is full. */
static enum status take_entries(sd_journal *j, int there, struct tail_batch *b, struct maillog *logs, arena *a,
                                const char *path, err *e)
{
    for (enum status st = OK; there > 0; there = sd_journal_next(j)) {
        st = take_entry(j, b, logs, a, e);
        if (st != OK)
            return st;
        b->more = tail_batch_full(b);
        if (b->more)
            return OK;
    }
    return there < 0 ? err_os(e, -there, "%s: read", path) : OK;
}

/* Behind the last entry, the journal still stands at it. */
static enum status place(sd_journal *j, struct tail_batch *b, slice name, const char *path, err *e)
{
    char *cursor;
    int r = sd_journal_get_cursor(j, &cursor);
    if (r < 0)
        return err_os(e, -r, "%s: cursor", path);
    enum status st = tail_batch_place(b, name, slice_str(cursor), e);
    free(cursor);
    return st;
}

static enum status read_journal(sd_journal *j, struct tail_batch *b, const struct tail_source *s, struct maillog *logs,
                                struct worker *w, err *e)
{
    slice name = arena_printf(w->a, "journal:%.*s", SLICE_FMT(s->feed));
    slice cursor = tail_batch_known(w, name, w->a);
    int there = first_entry(j, cursor, s->since_us);
    if (there < 0)
        return err_os(e, -there, "%s: find the place", shown(s->path));
    if (there == 0)
        return OK;
    maillog_file(logs, s->feed, SLICE_EMPTY, w->now_us);
    enum status st = take_entries(j, there, b, logs, w->a, shown(s->path), e);
    if (st == OK)
        st = place(j, b, name, shown(s->path), e);
    return st == OK ? tail_batch_end(b, s, logs, w, e) : st;
}

void tail_journal_read(struct tail_batch *b, const struct tail_source *s, struct maillog *logs, struct worker *w)
{
    sd_journal *j = NULL;
    b->status = open_journal(s->path, &j, &b->error);
    if (b->status == OK && is_nothing(j))
        (void)err_set(&b->trouble, E_NOT_FOUND, "%s: nothing there that this user may read", shown(s->path));
    else if (b->status == OK)
        b->status = read_journal(j, b, s, logs, w, &b->error);
    sd_journal_close(j);
}
