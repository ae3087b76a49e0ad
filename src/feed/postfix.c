#include "feed/dialects.h"
#include "feed/postfix_work.h"

typedef bool (*handler)(struct work *w, enum daemon daemon);

static const struct daemon_row {
    slice name;
    enum daemon daemon;
    handler handle;
} daemons[] = {
    {SLICE_INIT("smtp"), DAEMON_SMTP, postfix_delivery},
    {SLICE_INIT("qmgr"), DAEMON_QMGR, postfix_queue_manager},
    {SLICE_INIT("cleanup"), DAEMON_CLEANUP, postfix_cleanup},
    {SLICE_INIT("lmtp"), DAEMON_LMTP, postfix_delivery},
    {SLICE_INIT("local"), DAEMON_LOCAL, postfix_delivery},
    {SLICE_INIT("virtual"), DAEMON_VIRTUAL, postfix_delivery},
    {SLICE_INIT("pipe"), DAEMON_PIPE, postfix_delivery},
    {SLICE_INIT("error"), DAEMON_OTHER_AGENT, postfix_delivery},
    {SLICE_INIT("retry"), DAEMON_OTHER_AGENT, postfix_delivery},
    {SLICE_INIT("discard"), DAEMON_OTHER_AGENT, postfix_delivery},
    {SLICE_INIT("bounce"), DAEMON_OTHER_AGENT, postfix_delivery},
    {SLICE_INIT("oqmgr"), DAEMON_QMGR, postfix_queue_manager},
    {SLICE_INIT("nqmgr"), DAEMON_QMGR, postfix_queue_manager},
    {SLICE_INIT("postsuper"), DAEMON_QMGR, postfix_queue_manager},
};

static const struct daemon_row *find_daemon(slice name)
{
    for (size_t i = 0; i < ARRAY_LEN(daemons); i++)
        if (daemons[i].name.n == name.n && memcmp(daemons[i].name.p, name.p, name.n) == 0)
            return &daemons[i];
    return NULL;
}

/* "postfix/submission/smtpd": the instance is what stands before the first slash. */
static slice instance_of(slice tag)
{
    return slice_of(tag.p, slice_chr(tag, '/'));
}

/* Takes "QID: " off the message. Short ids are hexadecimal, long ones have 52 letters and digits. */
static bool take_queue_id(slice *message, slice *id)
{
    const char *colon =
        memchr(message->p, ':', message->n < QUEUE_MAX_ID_BYTES + 1 ? message->n : QUEUE_MAX_ID_BYTES + 1);
    size_t n = colon ? (size_t)(colon - message->p) : 0;
    if (n < POSTFIX_QUEUE_ID_MIN_BYTES || n + 2 > message->n || message->p[n + 1] != ' ')
        return false;
    for (size_t i = 0; i < n; i++)
        if (!ascii_alnum(message->p[i]))
            return false;
    *id = slice_of(message->p, n);
    *message = slice_from(*message, n + 2);
    return true;
}

bool postfix_claims_tag(const struct syslog_line *line)
{
    return slice_chr(line->tag, '/') != SLICE_NPOS;
}

bool postfix_read(struct work *w)
{
    size_t slash = slice_rchr(w->line->tag, '/');
    const struct daemon_row *row = slash == SLICE_NPOS ? NULL : find_daemon(slice_from(w->line->tag, slash + 1));
    if (!row)
        return true;
    w->key.instance = instance_of(w->line->tag);
    if (!take_queue_id(&w->rest, &w->key.id))
        return true;
    if (w->key.instance.n > QUEUE_MAX_HOST_BYTES) {
        work_odd(w, "the name of its instance is too long");
        return true;
    }
    return row->handle(w, row->daemon);
}
