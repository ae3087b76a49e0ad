/* Log lines: one line, one event with a stable name, then key=value (or one JSON object a line). Any thread; each line is one write,
 * and one that cannot be written is counted, not waited for.
 *
 *   log_event(log, LOG_WARN, "commit.failed", "status=%s waiting=%zu", status_word(st), n)
 *
 * Texts from outside go through log_text as an argument of %s: quoted, control bytes and invalid UTF-8 escaped, cut at
 * LOG_MAX_TEXT_BYTES, so that an address cannot forge a line.
 */
#ifndef SERVE_LOG_H
#define SERVE_LOG_H

#include "base/slice.h"

#define LOG_MAX_TEXT_BYTES 256u
#define LOG_MAX_LINE_BYTES 4096u

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
struct log;

struct log_setup {
    int fd; /* standard error */
    enum log_level level;
    bool json;     /* one object a line */
    bool stamps;   /* begin with the time: off under a journal, which has its own */
    bool priority; /* "<4>" in front, as journald reads it from standard error */
};
/* NULL when memory is refused. */
struct log *log_new(const struct log_setup *o);
void log_free(struct log **l);
void log_set_level(struct log *l, enum log_level level);
/* Whether events of this level are told now: for who would spend much on their texts. */
bool log_tells(const struct log *l, enum log_level level);
/* Lines that could not be written. */
uint64_t log_lost(const struct log *l);
/* `fmt` gives key=value pairs, one blank between. */
void log_event(struct log *l, enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(4, 5);

struct log_quoted {
    char text[2 * LOG_MAX_TEXT_BYTES + 8];
};
/* The value as it stands in a line: bare when it is plain, else in quotes. Returns q->text. */
const char *log_text(struct log_quoted *q, slice s);

#endif
