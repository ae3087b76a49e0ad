#include "feed/dialects.h"

#define LINES_LOOKED_AT 50

static const struct log_dialect dialects[] = {
    {"postfix", NULL, postfix_claims_tag, postfix_read},       {"exim", exim_claims_line, exim_claims_tag, exim_read},
    {"opensmtpd", NULL, opensmtpd_claims_tag, opensmtpd_read}, {"sendmail", NULL, sendmail_claims_tag, sendmail_read},
    {"powermta", powermta_claims_line, NULL, powermta_read},   {"kumomta", kumomta_claims_line, NULL, kumomta_read},
    {"events", events_claims_line, NULL, events_read_line},
};

const struct log_dialect *log_dialect_at(size_t i)
{
    return i < ARRAY_LEN(dialects) ? &dialects[i] : NULL;
}

const char *log_dialect_name(const struct log_dialect *d)
{
    return d->name;
}

const struct log_dialect *log_dialect_find(slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        if (slice_eq(slice_str(dialects[i].name), name))
            return &dialects[i];
    return NULL;
}

const struct log_dialect *log_dialect_of_line(const struct maillog *m, const struct syslog_line *line)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        if (dialects[i].claims_line && dialects[i].claims_line(m, line))
            return &dialects[i];
    return NULL;
}

const struct log_dialect *log_dialect_of_tag(const struct syslog_line *line)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        if (dialects[i].claims_tag && dialects[i].claims_tag(line))
            return &dialects[i];
    return NULL;
}

static const struct log_dialect *dialect_of_line(slice text)
{
    struct syslog_line line = syslog_bare(text);
    const struct log_dialect *d = log_dialect_of_line(NULL, &line);
    if (!d && syslog_parse(text, &line))
        d = log_dialect_of_tag(&line);
    return d;
}

static const struct log_dialect *dialect_of_journal(slice head)
{
    const struct log_dialect *d = NULL;
    struct journal_entry entry;
    while (!d && journal_next(&head, true, &entry) > 0)
        d = log_dialect_of_tag(&entry.line);
    return d;
}

const struct log_dialect *log_dialect_detect(slice head)
{
    const struct log_dialect *d = NULL;
    slice rest = head, line;
    if (slice_find(head, S("__REALTIME_TIMESTAMP=")) != SLICE_NPOS)
        return dialect_of_journal(head);
    for (int i = 0; !d && i < LINES_LOOKED_AT && slice_line(&rest, &line); i++)
        d = dialect_of_line(line);
    return d;
}

bool log_names_columns(slice text)
{
    struct syslog_line line = syslog_bare(text);
    return powermta_claims_line(NULL, &line);
}
