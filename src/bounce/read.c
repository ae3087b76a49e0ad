#include <stdlib.h>

#include "bounce.h"
#include "bounce/address.h"
#include "bounce/arf.h"
#include "bounce/autoreply.h"
#include "bounce/dialect.h"
#include "bounce/dsn.h"
#include "bounce/freetext.h"
#include "bounce/judge.h"
#include "bounce/quoted.h"
#include "bounce/reading.h"
#include "bounce/returned.h"
#include "bounce/sns.h"
#include "bounce/verp.h"
#include "base/text.h"
#include "base/time.h"

struct bounce_reader {
    const struct bounce_rules *rules;
    struct charsets *cs;
    struct lexicon *lexicon;
    struct quoted_lines *quoted;
    struct dialects *dialects;
    struct field_index *facts, *returned;
};

struct bounce_reader *bounce_reader_new(const struct bounce_rules *rules)
{
    struct bounce_reader *reader = calloc(1, sizeof(*reader));
    if (!reader)
        return NULL;
    reader->rules = rules;
    reader->cs = charsets_new();
    reader->lexicon = lexicon_new();
    reader->quoted = quoted_lines_new();
    reader->dialects = dialects_new();
    reader->facts = facts_index_new();
    reader->returned = returned_index_new();
    if (!reader->cs || !reader->lexicon || !reader->quoted || !reader->dialects || !reader->facts || !reader->returned)
        bounce_reader_free(&reader);
    return reader;
}

void bounce_reader_free(struct bounce_reader **reader)
{
    if (!*reader)
        return;
    charsets_free(&(*reader)->cs);
    lexicon_free(&(*reader)->lexicon);
    quoted_lines_free(&(*reader)->quoted);
    dialects_free(&(*reader)->dialects);
    field_index_free(&(*reader)->facts);
    field_index_free(&(*reader)->returned);
    free(*reader);
    *reader = NULL;
}

static void result_init(struct bounce_result *out)
{
    *out = (struct bounce_result){.date_us = BOUNCE_TIME_NONE};
    slice *empty[] = {&out->from,
                      &out->to,
                      &out->subject,
                      &out->message_id,
                      &out->delivered_to,
                      &out->verp_recipient,
                      &out->verp_token,
                      &out->returned.message_id,
                      &out->returned.subject,
                      &out->returned.from,
                      &out->returned.to,
                      &out->returned.date,
                      &out->returned.list_id,
                      &out->returned.list_unsubscribe,
                      &out->returned.feedback_id,
                      &out->returned.campaign,
                      &out->returned.recipient_header,
                      &out->returned.envelope_id,
                      &out->returned.return_path,
                      &out->returned.reference,
                      &out->returned.queue_id};
    for (size_t i = 0; i < ARRAY_LEN(empty); i++)
        *empty[i] = SLICE_EMPTY;
}

/* The address that we used as return path: to where the report was delivered. */
static slice delivered_to(struct facts *f, slice to)
{
    static const enum fact order[] = {FACT_DELIVERED_TO, FACT_X_ORIGINAL_TO, FACT_ENVELOPE_TO, FACT_X_ENVELOPE_TO};
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        slice found = facts_address(f, order[i]);
        if (!slice_empty(found))
            return found;
    }
    return to;
}

/* Date, else the date behind the last ";" of the newest Received. */
static int64_t date_of(const struct facts *f)
{
    int64_t date = time_parse_mail(f->field[FACT_DATE]);
    if (date != TIME_NONE)
        return date;
    slice received = f->field[FACT_RECEIVED];
    size_t semicolon = slice_rchr(received, ';');
    return semicolon == SLICE_NPOS ? TIME_NONE : time_parse_mail(slice_from(received, semicolon + 1));
}

static void set_envelope(struct reading *r, struct bounce_result *out)
{
    struct facts *f = &r->facts;
    out->from = f->from;
    out->subject = f->subject;
    out->to = facts_address(f, FACT_TO);
    out->message_id = slice_unwrap(slice_trim(f->field[FACT_MESSAGE_ID]), '<', '>');
    out->delivered_to = delivered_to(f, out->to);
    out->date_us = date_of(f);
    if (slice_empty(out->delivered_to))
        return;
    if (slice_chr(out->delivered_to, '+') != SLICE_NPOS)
        out->verp_token = verp_token(verp_unwrap(r->a, out->delivered_to));
    out->verp_recipient = verp_recipient(r->a, out->delivered_to);
}

/* Which reader speaks: machine parts first, then what a header says plainly, then words. */
static void read_reports(struct reading *r)
{
    bool deep = r->facts.null_sender || (r->facts.from_words & WORD_DAEMON);
    if (arf_read(r) || sns_read(r))
        return;
    if (!r->facts.answer && dsn_read(r, deep)) {
        freetext_name(r);
        freetext_complete(r);
        return;
    }
    if (autoreply_plain(r) && autoreply_read(r))
        return;
    if (!freetext_read(r))
        autoreply_read(r);
}

/* A report that names nobody is about the one to whom the returned message went, or whom our return path names. */
static void complete_recipients(struct reading *r, struct bounce_result *out)
{
    for (size_t i = 0; i < r->n; i++) {
        struct bounce_report *report = &r->reports[i];
        if (address_domain(report->recipient).n && address_local(report->recipient).n)
            continue;
        if (r->n == 1) {
            slice found = out->verp_recipient;
            if (slice_empty(found))
                found = reading_returned_recipient(r);
            if (!slice_empty(found))
                report->recipient = found;
        }
        if (slice_empty(report->recipient))
            r->diag |= BOUNCE_DIAG_NO_RECIPIENT;
    }
}

/* Some list an address once for each alias on the way to it. Repeats stand near each other. */
static void drop_repeats(struct reading *r)
{
    enum { NEAR = 64 };
    size_t kept = 0;
    for (size_t i = 0; i < r->n; i++) {
        struct bounce_report *report = &r->reports[i];
        bool again = false;
        for (size_t k = kept > NEAR ? kept - NEAR : 0; k < kept && !again; k++) {
            struct bounce_report *before = &r->reports[k];
            again = before->kind == report->kind && reading_same(before->recipient, report->recipient);
            if (again && slice_empty(before->diagnostic))
                before->diagnostic = report->diagnostic;
        }
        if (!again)
            r->reports[kept++] = *report;
    }
    r->n = kept;
}

/* Words like "retry timeout exceeded" tell that nothing will be tried any more, whatever Action and Status say. */
static void set_expired(struct reading *r, struct bounce_report *report)
{
    if (report->kind != BOUNCE_KIND_FAILED && report->kind != BOUNCE_KIND_DELAYED)
        return;
    if (reading_expired(r, report->diagnostic))
        report->kind = BOUNCE_KIND_EXPIRED;
}

static void judge(struct reading *r, struct bounce_report *report)
{
    enum bounce_phase told = report->reply.phase; /* by the text around the reply */
    if (bounce_reply_parse(report->diagnostic, r->a, &report->reply) != BOUNCE_OK)
        r->diag |= BOUNCE_DIAG_MEMORY;
    if (report->reply.phase == BOUNCE_PHASE_NONE)
        report->reply.phase = told;
    if (!bounce_kind_final(report->kind) && !bounce_kind_attempt(report->kind))
        return;
    struct bounce_evidence_set evidence = {
        .text = report->diagnostic,
        .status = report->status,
        .provider = slice_empty(report->remote_mta) ? report->reply.host : report->remote_mta,
        .recipient = report->recipient,
        .phase = report->reply.phase,
        .kind = report->kind,
    };
    if (judge_parsed(r->rules, &evidence, &report->reply, r->a, &report->verdict) != BOUNCE_OK)
        r->diag |= BOUNCE_DIAG_MEMORY;
}

/* A message whose header was read. */
struct letter {
    slice whole, body;
    struct header header;
};

/* Where the report did not come to our signed return path, the message that it is about may show it: in the field that our milter
 * adds (docs/answers.md), or as the return path that a mailbox provider wrote into it. */
static slice token_in_returned(arena *a, const struct bounce_returned *m)
{
    slice token = verp_token(m->reference);
    return slice_empty(token) ? verp_token(verp_unwrap(a, m->return_path)) : token;
}

static void read_body(struct reading *r, const struct letter *l, const struct field_index *returned,
                      const struct bounce_options *options, struct bounce_result *out)
{
    if (!mime_read_behind(l->whole, &l->header, l->body, r->a, &r->mime))
        r->diag |= BOUNCE_DIAG_MEMORY;
    r->diag |= r->mime.diag;
    if (!r->mime.n)
        return;
    read_reports(r);
    if (!r->n)
        return;
    complete_recipients(r, out);
    drop_repeats(r);
    for (size_t i = 0; i < r->n; i++) {
        set_expired(r, &r->reports[i]);
        judge(r, &r->reports[i]);
    }
    returned_read(returned, r->cs, r->a, reading_returned(r), options, &out->returned);
    if (slice_empty(out->verp_token))
        out->verp_token = token_in_returned(r->a, &out->returned);
}

/* Fields without which no mail is sent; where they stand behind an empty line, that line is what does not belong there. */
static bool is_torn(const struct header *h, slice rest)
{
    static const slice needed[] = {SLICE_INIT("from"), SLICE_INIT("subject"), SLICE_INIT("content-type"),
                                   SLICE_INIT("to")};
    enum { LOOK_AT = 12 }; /* lines */
    unsigned found = 0;
    slice line;
    for (unsigned i = 0; i < LOOK_AT && slice_line(&rest, &line); i++) {
        size_t colon = slice_chr(line, ':');
        if (slice_empty(line) || (colon == SLICE_NPOS && line.p[0] != ' ' && line.p[0] != '\t'))
            return false;
        slice name = slice_sub(line, 0, colon == SLICE_NPOS ? 0 : colon);
        for (size_t k = 0; k < ARRAY_LEN(needed); k++)
            found += slice_eq_ci(name, needed[k]) && !header_has(h, needed[k]);
        if (found >= 2)
            return h->n > 0;
    }
    return false;
}

static void read_header(struct reading *r, slice message, struct letter *out)
{
    out->whole = out->body = message;
    if (!header_read(&out->body, r->a, &out->header))
        r->diag |= BOUNCE_DIAG_MEMORY;
}

/* Reads the header, without an empty line in its middle where there is one. */
static void read_whole_header(struct reading *r, slice message, struct letter *out)
{
    read_header(r, message, out);
    if (message.n > BOUNCE_MAX_PART_BYTES || !is_torn(&out->header, out->body))
        return;
    slice head = slice_rtrim(slice_sub(message, 0, (size_t)(out->body.p - message.p)));
    r->diag |= BOUNCE_DIAG_BAD_HEADER;
    read_header(r, reading_join(r, head, S("\n"), out->body), out);
}

enum bounce_status bounce_read(struct bounce_reader *reader, struct bounce_slice message,
                               const struct bounce_options *options, struct bounce_arena *a, struct bounce_result *out)
{
    size_t cap = options && options->max_message_bytes ? options->max_message_bytes : BOUNCE_MAX_MESSAGE_BYTES;
    struct reading r = {.rules = reader->rules,
                        .lexicon = reader->lexicon,
                        .quoted = reader->quoted,
                        .dialects = reader->dialects,
                        .cs = reader->cs,
                        .a = a,
                        .text = SLICE_EMPTY,
                        .all_text = SLICE_EMPTY,
                        .expired_of = SLICE_EMPTY,
                        .envelope_id = SLICE_EMPTY,
                        .returned_text = SLICE_EMPTY};
    result_init(out);
    if (message.n > cap) {
        message = slice_sub(message, 0, cap);
        r.diag |= BOUNCE_DIAG_TRUNCATED;
    }
    if (slice_starts(message, S("\xef\xbb\xbf"))) /* a byte order mark of an editor */
        message = slice_from(message, 3);
    struct letter letter;
    read_whole_header(&r, message, &letter);
    facts_read(reader->facts, &letter.header, letter.whole, reader->lexicon, reader->cs, a, &r.facts);
    set_envelope(&r, out);
    if (facts_hint(&r.facts))
        read_body(&r, &letter, reader->returned, options, out);
    if (r.envelope_id.n) /* the reporting MTA knows it better than a header of the message */
        out->returned.envelope_id = r.envelope_id;
    out->reports = r.reports;
    out->report_count = r.n;
    out->diag = r.diag;
    bool limited = a->limited || (r.diag & (BOUNCE_DIAG_MEMORY | BOUNCE_DIAG_TOO_MANY_REPORTS));
    return limited ? BOUNCE_LIMIT : BOUNCE_OK;
}
