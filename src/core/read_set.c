#include "core/read_set.h"

#include <stdlib.h>

#include "feed/journal.h"

void log_set_init(struct log_set *s)
{
    *s = (struct log_set){0};
    arena_init(&s->arena, 0);
}

void log_set_fini(struct log_set *s)
{
    arena_fini(&s->arena);
}

static int64_t first_of_journal(slice head, struct stamp_clock *clock)
{
    struct journal_entry entry;
    return journal_next(&head, true, &entry) > 0 ? stamp_time(clock, &entry.line) : TIME_NONE;
}

int64_t log_first_us(slice head, enum read_form form, int64_t changed_us)
{
    struct stamp_clock clock;
    stamp_clock_init(&clock, changed_us, NULL);
    if (form == READ_JOURNAL)
        return first_of_journal(head, &clock);
    if (form != READ_LOG)
        return TIME_NONE;
    for (slice line; slice_line(&head, &line);) {
        struct syslog_line parsed;
        int64_t us = syslog_parse(line, &parsed) ? stamp_time(&clock, &parsed) : TIME_NONE;
        if (us == TIME_NONE && line.n >= 19) /* "1999-03-02 09:44:33 ..." */
            us = time_parse_iso(slice_sub(line, 0, 19), 0);
        if (us != TIME_NONE)
            return us;
    }
    return TIME_NONE;
}

bool log_set_add(struct log_set *s, slice path, enum read_form form, slice head, int64_t changed_us)
{
    struct log_file *files = arena_grow(&s->arena, s->files, s->n, &s->cap, sizeof *files);
    slice copy = arena_dup(&s->arena, path);
    if (!files || copy.n != path.n)
        return false;
    s->files = files;
    int64_t first_us = log_first_us(head, form, changed_us);
    files[s->n] = (struct log_file){copy, form, first_us == TIME_NONE ? changed_us : first_us, changed_us, s->n};
    s->n++;
    s->sorted = false;
    return true;
}

/* Same first stamp (a file without lines, a busy second): the one that was changed first, then as found. */
static int by_age(const void *a, const void *b)
{
    const struct log_file *x = a, *y = b;
    if (x->first_us != y->first_us)
        return x->first_us < y->first_us ? -1 : 1;
    if (x->changed_us != y->changed_us)
        return x->changed_us < y->changed_us ? -1 : 1;
    return (x->order > y->order) - (x->order < y->order);
}

const struct log_file *log_set_next(struct log_set *s)
{
    if (!s->sorted && s->n > s->i)
        qsort(s->files + s->i, s->n - s->i, sizeof *s->files, by_age);
    s->sorted = true;
    return s->i < s->n ? &s->files[s->i++] : NULL;
}
