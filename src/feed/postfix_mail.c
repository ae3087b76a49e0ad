#include "feed/postfix_record.h"
#include "feed/postfix_work.h"

#define MAX_HEADER_VALUE_BYTES 256u

/* qmgr: "from=<a@b>, size=1, nrcpt=1 (queue active)" or "from=<a@b>, status=expired, returned to sender" */
bool postfix_queue_manager(struct work *w, enum daemon daemon)
{
    (void)daemon;
    slice sender, rest;
    struct queue *q = &w->log->queue;
    if (slice_starts(w->rest, S("removed"))) {
        struct queue_mail *mail = queue_find(q, &w->key, QUEUE_MANAGER);
        if (mail)
            queue_close(q, mail);
        return true;
    }
    if (!slice_starts(w->rest, S("from=")) || !postfix_bracketed(slice_from(w->rest, 5), &sender, &rest))
        return true;
    if (slice_starts(rest, S(", status=expired")) || slice_starts(rest, S(", status=force-expired")))
        return work_expire(w, queue_find(q, &w->key, QUEUE_MANAGER));
    struct queue_mail *mail = queue_open(q, &w->key, QUEUE_MANAGER, work_time(w));
    if (!mail)
        return false;
    mail->has_sender = true;
    return queue_set(q, mail, &mail->sender, slice_sub(sender, 0, LOG_MAX_FIELD_BYTES));
}

static bool names_header(const struct names *names, slice name)
{
    for (size_t i = 0; i < names->n; i++)
        if (slice_eq_ci(names->items[i], name))
            return true;
    return false;
}

/* header_checks: "info: header X-Campaign: spring from localhost[127.0.0.1]; from=<a> to=<b> proto=ESMTP helo=<x>" */
static bool logged_header(struct work *w, slice s)
{
    struct queue *q = &w->log->queue;
    size_t colon = slice_chr(s, ':');
    if (colon == SLICE_NPOS)
        return true;
    slice name = slice_of(s.p, colon);
    bool campaign = names_header(&w->log->campaign_headers, name);
    if (!campaign && !names_header(&w->log->stream_headers, name))
        return true;
    slice value = slice_from(s, colon + 1);
    size_t end = slice_find(value, S("; from=<"));
    if (end != SLICE_NPOS)
        value.n = end;
    for (size_t i = value.n; i-- > 0;) /* what stands in front of "; from=" is the client */
        if (slice_starts(slice_from(value, i), S(" from "))) {
            value.n = i;
            break;
        }
    struct queue_mail *mail = queue_open(q, &w->key, QUEUE_CLEANUP, work_time(w));
    value = slice_sub(slice_trim(value), 0, MAX_HEADER_VALUE_BYTES);
    return mail && queue_set(q, mail, campaign ? &mail->campaign : &mail->stream, value);
}

static bool message_id(struct work *w, slice id, bool resent)
{
    id = slice_trim(id);
    if (id.n && id.p[0] == '<')
        id = slice_from(id, 1);
    if (id.n && id.p[id.n - 1] == '>')
        id.n--;
    struct queue_mail *mail = queue_open(&w->log->queue, &w->key, QUEUE_CLEANUP, work_time(w));
    if (!mail)
        return false;
    if (resent && mail->message_id.n)
        return true;
    return queue_set(&w->log->queue, mail, &mail->message_id, slice_sub(id, 0, LOG_MAX_FIELD_BYTES));
}

bool postfix_cleanup(struct work *w, enum daemon daemon)
{
    (void)daemon;
    static const slice headers[] = {SLICE_INIT("info: header "), SLICE_INIT("warning: header ")};
    if (slice_starts(w->rest, S("message-id=")))
        return message_id(w, slice_from(w->rest, 11), false);
    if (slice_starts(w->rest, S("resent-message-id=")))
        return message_id(w, slice_from(w->rest, 18), true);
    for (size_t i = 0; i < ARRAY_LEN(headers); i++)
        if (slice_starts(w->rest, headers[i]))
            return logged_header(w, slice_from(w->rest, headers[i].n));
    return true;
}
