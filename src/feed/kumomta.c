#include "bounce/address.h"
#include "bounce/judge.h"
#include "feed/dialects.h"
#include "feed/json_read.h"

/* KumoMTA's log records, one JSON object a line (docs/reference/log_record.md of that project; segments are zstd, which the
 * reader undoes). Operators may template the record: what is missing is empty, and `type` and `recipient` must be there.
 * From documentation: there is no copy that could be run here.
 *
 * What mails brought (OOB, Feedback) is TRUST_BARE: anybody may have sent them.
 */

#define MAX_RECIPIENTS 10000u
#define MAX_ID_BYTES 128u
#define OWN_CERTAINTY 90
#define MAX_HEADER_LINES 500u
#define MAX_ORIGINAL_BYTES (64u * 1024) /* of a returned message: its header stands there */

static const struct type_row {
    slice type;
    enum bounce_kind kind;
    enum trust trust;
} types[] = {
    {SLICE_INIT("Delivery"), BOUNCE_KIND_DELIVERED, TRUST_PROVEN},
    {SLICE_INIT("TransientFailure"), BOUNCE_KIND_DEFERRED, TRUST_PROVEN},
    {SLICE_INIT("Bounce"), BOUNCE_KIND_FAILED, TRUST_PROVEN},
    {SLICE_INIT("Expiration"), BOUNCE_KIND_EXPIRED, TRUST_PROVEN},
    {SLICE_INIT("AdminBounce"), BOUNCE_KIND_FAILED, TRUST_PROVEN},
    {SLICE_INIT("Reception"), BOUNCE_KIND_ACCEPTED, TRUST_PROVEN},
    {SLICE_INIT("OOB"), BOUNCE_KIND_FAILED, TRUST_BARE},
    {SLICE_INIT("Feedback"), BOUNCE_KIND_COMPLAINT, TRUST_BARE},
};

bool kumomta_claims_line(const struct maillog *m, const struct syslog_line *line)
{
    static const slice members[] = {SLICE_INIT("\"nodeid\""), SLICE_INIT("\"num_attempts\""),
                                    SLICE_INIT("\"bounce_classification\""), SLICE_INIT("\"egress_pool\"")};
    (void)m;
    if (!slice_starts(line->message, S("{")) || slice_find(line->message, S("\"type\"")) == SLICE_NPOS)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(members); i++)
        if (slice_find(line->message, members[i]) != SLICE_NPOS)
            return true;
    return false;
}

/* One record on its way. */
struct record {
    struct work *w;
    struct json_object *root;
    const struct type_row *type;
};

static slice text(const struct record *r, const char *path, size_t max_bytes)
{
    return json_text(json_find(r->root, NULL, path), r->w->arena, max_bytes);
}

/* ---- the reply ---- */

static int number(const struct record *r, const char *path)
{
    struct json_object *v = json_find(r->root, NULL, path);
    int n = v && json_object_is_type(v, json_type_int) ? json_object_get_int(v) : 0;
    return n < 0 || n > 999 ? 0 : n;
}

static slice status_of(const struct record *r)
{
    int class = number(r, "response.enhanced_code.class");
    if (class != 2 && class != 4 && class != 5)
        return SLICE_EMPTY;
    return arena_printf(r->w->arena, "%d.%d.%d", class, number(r, "response.enhanced_code.subject"),
                        number(r, "response.enhanced_code.detail"));
}

/* As the server said it: "550 5.1.1 no such user". */
static slice reply_of(const struct record *r, slice status)
{
    slice content = text(r, "response.content", LOG_MAX_REPLY_BYTES);
    int code = number(r, "response.code");
    if (code < 200)
        return content;
    return arena_printf(r->w->arena, "%d%s%.*s%s%.*s", code, slice_empty(status) ? "" : " ", SLICE_FMT(status),
                        slice_empty(content) ? "" : " ", SLICE_FMT(content));
}

static enum bounce_phase phase_of(const struct record *r)
{
    static const struct {
        slice command;
        enum bounce_phase phase;
    } commands[] = {
        {SLICE_INIT("RCPT TO"), BOUNCE_PHASE_RCPT},      {SLICE_INIT("MAIL FROM"), BOUNCE_PHASE_MAIL},
        {SLICE_INIT("DATA"), BOUNCE_PHASE_DATA},         {SLICE_INIT("."), BOUNCE_PHASE_END},
        {SLICE_INIT("BDAT"), BOUNCE_PHASE_END},          {SLICE_INIT("EHLO"), BOUNCE_PHASE_HELO},
        {SLICE_INIT("HELO"), BOUNCE_PHASE_HELO},         {SLICE_INIT("LHLO"), BOUNCE_PHASE_HELO},
        {SLICE_INIT("STARTTLS"), BOUNCE_PHASE_STARTTLS}, {SLICE_INIT("AUTH"), BOUNCE_PHASE_AUTH},
    };
    slice command = text(r, "response.command", MAX_ID_BYTES);
    for (size_t i = 0; i < ARRAY_LEN(commands); i++)
        if (slice_starts_ci(command, commands[i].command))
            return commands[i].phase;
    return BOUNCE_PHASE_NONE;
}

/* ---- where it belongs ---- */

/* meta, else the queue's name: "campaign:tenant@domain". */
static void take_owner(const struct record *r, struct observation *o)
{
    slice queue = text(r, "queue", LOG_MAX_FIELD_BYTES);
    size_t colon = slice_chr(queue, ':'), at = slice_rchr(queue, '@');
    bool named = colon != SLICE_NPOS && (at == SLICE_NPOS || colon < at);
    slice tenant = text(r, "meta.tenant", LOG_MAX_FIELD_BYTES);
    o->campaign = text(r, "meta.campaign | headers.X-Campaign", LOG_MAX_FIELD_BYTES);
    o->stream = text(r, "meta.stream | headers.X-Stream", LOG_MAX_FIELD_BYTES);
    o->source = text(r, "meta.source", LOG_MAX_FIELD_BYTES);
    if (slice_empty(o->campaign) && named)
        o->campaign = slice_sub(queue, 0, colon);
    if (slice_empty(tenant) && at != SLICE_NPOS)
        tenant = slice_sub(queue, named ? colon + 1 : 0, at - (named ? colon + 1 : 0));
    if (slice_empty(o->tenant))
        o->tenant = tenant;
}

/* "192.0.2.1:587" and "[2001:db8::1]:587" without the port */
static slice without_port(slice s)
{
    if (slice_starts(s, S("[")))
        return slice_sub(slice_from(s, 1), 0, slice_chr(slice_from(s, 1), ']'));
    size_t colon = slice_chr(s, ':');
    return colon == slice_rchr(s, ':') ? slice_sub(s, 0, colon) : s;
}

/* nodeid/kumomta/id: what it is called from one record to the next. */
static slice queue_path(const struct record *r)
{
    slice node = text(r, "nodeid", MAX_ID_BYTES), id = text(r, "id", MAX_ID_BYTES);
    if (slice_empty(id))
        return SLICE_EMPTY;
    return arena_printf(r->w->arena, "%.*s/kumomta/%.*s", SLICE_FMT(slice_empty(node) ? r->w->key.host : node),
                        SLICE_FMT(id));
}

static int64_t time_of(const struct record *r, const char *path)
{
    slice s = text(r, path, MAX_ID_BYTES);
    return slice_empty(s) ? TIME_NONE : time_parse_any(s);
}

/* The same record out of a file and of a hook, whatever its template. */
static struct hash128 source_key(const struct record *r, slice recipient)
{
    static const char *const parts[] = {"type",         "nodeid",          "id", "event_time | timestamp",
                                        "num_attempts", "response.content"};
    struct hash128 h = hash128_more(hash128(S("kumomta")), r->w->log->tenant);
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        h = hash128_more(h, text(r, parts[i], LOG_MAX_REPLY_BYTES));
    return hash128_more(h, recipient);
}

/* ---- observations ---- */

static bool is_relayed(const struct record *r)
{
    slice name = text(r, "peer_address.name", QUEUE_MAX_HOST_BYTES), ip = text(r, "peer_address.addr", MAX_ID_BYTES);
    return slice_starts(ip, S("127.")) || slice_eq(ip, S("::1")) || work_is_relay(r->w->log, name, ip);
}

/* An operator did it: what the record says is a remark, not a reply. */
static void judge_admin(const struct record *r, struct observation *o)
{
    if (slice_eq(r->type->type, S("AdminBounce")))
        judge_told(BOUNCE_REASON_LOCAL_ERROR, OWN_CERTAINTY, S("platform:kumomta:AdminBounce"), &o->verdict);
}

static slice sender_of(const struct record *r)
{
    struct json_object *v = NULL;
    bool empty = json_object_object_get_ex(r->root, "sender", &v) && json_object_is_type(v, json_type_string) &&
                 json_object_get_string_len(v) == 0;
    return empty ? S("<>") : text(r, "sender", LOG_MAX_FIELD_BYTES);
}

/* What every record tells. NULL when memory was refused. */
static struct observation *observe(const struct record *r, slice recipient)
{
    struct observation *o = work_observe(r->w, NULL);
    if (!o)
        return NULL;
    slice classification = text(r, "bounce_classification", MAX_ID_BYTES);
    o->kind = r->type->kind == BOUNCE_KIND_DELIVERED && is_relayed(r) ? BOUNCE_KIND_RELAYED : r->type->kind;
    o->trust = r->type->trust;
    o->recipient = slice_unwrap(slice_trim(recipient), '<', '>');
    take_owner(r, o);
    o->ids[ID_QUEUE] = r->type->trust == TRUST_PROVEN ? queue_path(r) : SLICE_EMPTY;
    o->ids[ID_MESSAGE] = slice_unwrap(
        text(r, "headers.Message-ID | headers.Message-Id | headers.message-id", LOG_MAX_FIELD_BYTES), '<', '>');
    o->subject = text(r, "headers.Subject | headers.subject", LOG_MAX_FIELD_BYTES);
    o->sender = sender_of(r);
    o->status = status_of(r);
    o->reply = work_reply(r->w, reply_of(r, o->status));
    o->phase = phase_of(r);
    o->remote_mta = text(r, "peer_address.name", QUEUE_MAX_HOST_BYTES);
    o->sending_ip = without_port(text(r, "source_address.address", MAX_ID_BYTES));
    o->platform_cause = slice_eq(classification, S("Uncategorized")) ? SLICE_EMPTY : classification;
    o->time_us = time_of(r, "event_time | timestamp");
    o->sent_us = time_of(r, "created");
    o->source_key = source_key(r, o->recipient);
    judge_admin(r, o);
    return o;
}

static bool for_each(const struct record *r, struct json_object *recipients, bool (*one)(const struct record *, slice))
{
    if (!json_object_is_type(recipients, json_type_array))
        return one(r, json_text(recipients, r->w->arena, LOG_MAX_FIELD_BYTES));
    size_t n = json_object_array_length(recipients);
    bool good = true;
    for (size_t i = 0; good && i < n && i < MAX_RECIPIENTS; i++)
        good = one(r, json_text(json_object_array_get_idx(recipients, i), r->w->arena, LOG_MAX_FIELD_BYTES));
    return good;
}

static bool one_recipient(const struct record *r, slice recipient)
{
    return slice_empty(recipient) || observe(r, recipient) != NULL;
}

/* ---- feedback ---- */

/* The value of a field in the header of the returned message. */
static slice header_value(slice message, slice name)
{
    slice line;
    for (unsigned i = 0; i < MAX_HEADER_LINES && slice_line(&message, &line) && line.n; i++)
        if (slice_starts_ci(line, name))
            return slice_trim(slice_from(line, name.n));
    return SLICE_EMPTY;
}

static enum bounce_kind kind_of_feedback(slice type)
{
    static const struct {
        slice type;
        enum bounce_kind kind;
    } kinds[] = {{SLICE_INIT("not-spam"), BOUNCE_KIND_NOT_SPAM},
                 {SLICE_INIT("auth-failure"), BOUNCE_KIND_AUTH_REPORT},
                 {SLICE_INIT("opt-out"), BOUNCE_KIND_UNSUBSCRIBED},
                 {SLICE_INIT("opt-out-list"), BOUNCE_KIND_UNSUBSCRIBED}};
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        if (slice_eq_ci(type, kinds[i].type))
            return kinds[i].kind;
    return BOUNCE_KIND_COMPLAINT;
}

static bool one_complaint(const struct record *r, slice recipient)
{
    struct observation *o = slice_empty(recipient) ? NULL : observe(r, recipient);
    if (slice_empty(recipient) || !o)
        return slice_empty(recipient);
    slice message = text(r, "feedback_report.original_message", MAX_ORIGINAL_BYTES);
    slice type = text(r, "feedback_report.feedback_type", MAX_ID_BYTES);
    slice arrived = text(r, "feedback_report.arrival_date", MAX_ID_BYTES);
    o->kind = kind_of_feedback(type);
    o->platform_cause = type;
    o->reply = SLICE_EMPTY;
    o->status = SLICE_EMPTY;
    o->phase = BOUNCE_PHASE_NONE;
    o->sender = slice_unwrap(text(r, "feedback_report.original_mail_from", LOG_MAX_FIELD_BYTES), '<', '>');
    o->reporting_mta = text(r, "feedback_report.reporting_mta.name", QUEUE_MAX_HOST_BYTES);
    o->sending_ip = text(r, "feedback_report.source_ip", MAX_ID_BYTES);
    o->ids[ID_MESSAGE] =
        slice_unwrap(slice_sub(header_value(message, S("Message-ID:")), 0, LOG_MAX_FIELD_BYTES), '<', '>');
    o->subject = slice_sub(header_value(message, S("Subject:")), 0, LOG_MAX_FIELD_BYTES);
    o->sent_us = slice_empty(arrived) ? TIME_NONE : time_parse_any(arrived);
    return true;
}

/* ---- records ---- */

static const struct type_row *type_of(slice type)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (slice_eq(types[i].type, type))
            return &types[i];
    return NULL; /* Rejection, Delayed, XferIn, AdminRebind, ...: nothing happened to a delivery */
}

static bool read_record(struct work *w, struct json_object *root)
{
    struct record r = {.w = w, .root = root, .type = NULL};
    slice type = text(&r, "type", MAX_ID_BYTES);
    if (slice_empty(type))
        work_odd(w, "a record without a type");
    r.type = type_of(type);
    if (!r.type)
        return true;
    bool feedback = r.type->kind == BOUNCE_KIND_COMPLAINT;
    struct json_object *to = json_find(root, NULL,
                                       feedback ? "feedback_report.original_rcpto_to | "
                                                  "feedback_report.original_rcpt_to"
                                                : "recipient");
    if (!to)
        work_odd(w, "a record without a recipient");
    return !to || for_each(&r, to, feedback ? one_complaint : one_recipient);
}

/* A record, or an array of them as a hook with batch_size posts it. */
bool kumomta_read(struct work *w)
{
    unsigned odd = 0;
    if (slice_empty(slice_trim(w->line->message)))
        return true;
    struct json_object *root = json_read(w->line->message, &odd);
    bool good = !(odd & JSON_ODD_MEMORY);
    if (!root)
        work_odd(w, "is no JSON, or cut off");
    if (root && json_object_is_type(root, json_type_array))
        for (size_t i = 0; good && i < json_object_array_length(root); i++)
            good = read_record(w, json_object_array_get_idx(root, i));
    else if (root)
        good = read_record(w, root);
    json_object_put(root);
    return good;
}
