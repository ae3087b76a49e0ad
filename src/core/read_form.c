#include "core/read.h"
#include "core/read_mbox.h"
#include "feed/syslog.h"

#define LINES_LOOKED_AT 20

const char *read_form_word(enum read_form form)
{
    static const char *const words[] = {
        [READ_AUTO] = "auto",       [READ_MESSAGE] = "message",     [READ_MBOX] = "mbox",
        [READ_MAILDIR] = "maildir", [READ_DIRECTORY] = "directory", [READ_LOG] = "log",
        [READ_JOURNAL] = "journal", [READ_NDJSON] = "ndjson",       [READ_CSV] = "csv",
        [READ_UNKNOWN] = "unknown",
    };
    return (size_t)form < ARRAY_LEN(words) ? words[form] : "unknown";
}

/* Date and time of a log line: BSD, ISO 8601 (Exim's too). */
static bool begins_with_stamp(slice s)
{
    if (s.n > 15 && s.p[3] == ' ' && s.p[6] == ' ' && s.p[9] == ':' && s.p[12] == ':')
        return month_from_name(slice_sub(s, 0, 3)) > 0;
    return s.n > 19 && ascii_digit(s.p[0]) && ascii_digit(s.p[3]) && s.p[4] == '-' && s.p[7] == '-' && s.p[13] == ':' &&
           s.p[16] == ':' && (s.p[10] == 'T' || s.p[10] == ' ');
}

static bool is_log_line(slice line)
{
    struct syslog_line parsed;
    return begins_with_stamp(line) || syslog_parse(line, &parsed) ||
           slice_starts(line, S("-- ")); /* journalctl's remarks */
}

/* "Name:" as RFC 5322 has it, of the characters that real mail uses. */
static bool is_field(slice line)
{
    size_t n = 0;
    while (n < line.n && (ascii_alnum(line.p[n]) || line.p[n] == '-' || line.p[n] == '_' || line.p[n] == '.'))
        n++;
    size_t name = n;
    while (n < line.n && (line.p[n] == ' ' || line.p[n] == '\t'))
        n++;
    return name > 0 && n < line.n && line.p[n] == ':';
}

/* "__CURSOR=..." or any KEY=VALUE with a stamp among the first fields. */
static bool is_journal(slice head, slice line)
{
    size_t equals = slice_chr(line, '=');
    if (equals == SLICE_NPOS || equals == 0)
        return false;
    for (size_t i = 0; i < equals; i++)
        if (line.p[i] != '_' && !ascii_digit(line.p[i]) && !(line.p[i] >= 'A' && line.p[i] <= 'Z'))
            return false;
    return slice_find(head, S("__REALTIME_TIMESTAMP=")) != SLICE_NPOS;
}

/* A line of column names. */
static bool is_csv_header(slice line)
{
    size_t commas = 0;
    for (size_t i = 0; i < line.n; i++) {
        char c = line.p[i];
        commas += c == ',';
        if (c != ',' && c != '"' && c != '_' && c != '-' && c != ' ' && !ascii_alnum(c))
            return false;
    }
    return commas >= 2 && ascii_alpha(slice_starts(line, S("\"")) ? line.p[1] : line.p[0]);
}

enum read_form read_form_of(slice head)
{
    slice rest = head, line = SLICE_EMPTY;
    if (slice_starts(rest, S("\xef\xbb\xbf")))
        rest = slice_from(rest, 3);
    if (slice_starts(rest, S("From ")))
        return mbox_from_line(rest) ? READ_MBOX : READ_UNKNOWN;
    bool any = false;
    for (int i = 0; i < LINES_LOOKED_AT && slice_line(&rest, &line); i++) {
        if (slice_empty(slice_trim(line)))
            continue;
        any = true;
        if (line.p[0] == '{')
            return READ_NDJSON;
        if (is_log_line(line))
            return READ_LOG;
        if (is_journal(head, line))
            return READ_JOURNAL;
        if (is_field(line) || slice_starts(line, S(">From ")))
            return READ_MESSAGE;
        if (is_csv_header(line))
            return READ_CSV;
        if (memchr(line.p, 0, line.n))
            return READ_UNKNOWN;
    }
    return any ? READ_UNKNOWN : READ_LOG; /* nothing in it yet: as a log after its rotation */
}
