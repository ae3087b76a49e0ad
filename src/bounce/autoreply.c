#include "bounce/autoreply.h"

#include "bounce/address.h"

enum { TEXT_BYTES = 4096 }; /* of the text are looked at */

static bool starts(const struct facts *f, enum fact id, slice with)
{
    return slice_starts_ci(slice_trim(f->field[id]), with);
}

/* Fields that only vacation programs write (RFC 3834 5, and the conventions before it). */
static bool vacation_field(const struct facts *f)
{
    return starts(f, FACT_AUTO_SUBMITTED, S("auto-replied")) || starts(f, FACT_AUTO_SUBMITTED, S("auto_replied")) ||
           f->field[FACT_X_AUTOREPLY].n || f->field[FACT_X_AUTORESPOND].n || f->field[FACT_X_AUTO_REPLY].n ||
           f->field[FACT_X_AUTOREPLY_FROM].n || f->field[FACT_X_VACATION].n || f->field[FACT_X_MAIL_AUTOREPLY].n ||
           starts(f, FACT_PRECEDENCE, S("auto_reply")) || starts(f, FACT_PRECEDENCE, S("auto-reply"));
}

static bool failure_subject(const struct facts *f)
{
    return f->subject_words & (WORD_FAILED | WORD_DELAYED);
}

bool autoreply_plain(const struct reading *r)
{
    const struct facts *f = &r->facts;
    if (f->report || f->field[FACT_X_FAILED_RECIPIENTS].n || failure_subject(f))
        return false;
    if (f->subject_words & (WORD_ABSENT | WORD_CHALLENGE))
        return !(f->from_words & WORD_DAEMON) || vacation_field(f);
    return vacation_field(f) && !(f->from_words & WORD_DAEMON);
}

static size_t add(struct reading *r, enum bounce_kind kind, slice format)
{
    struct bounce_report *out = reading_add(r, kind, format);
    if (!out)
        return 0;
    out->recipient = facts_address(&r->facts, FACT_FROM);
    return 1;
}

/* RFC 8098: tells that the mail was shown, which is no answer. */
static bool is_receipt(const struct reading *r)
{
    for (size_t i = 0; i < r->mime.n; i++)
        if (r->mime.parts[i].type == PART_DISPOSITION && !r->mime.parts[i].message_depth)
            return true;
    return false;
}

size_t autoreply_read(struct reading *r)
{
    const struct facts *f = &r->facts;
    if (f->list || is_receipt(r))
        return 0;
    unsigned text = lexicon_in(r->lexicon, PLACE_TEXT, slice_sub(reading_text(r), 0, TEXT_BYTES));
    if ((f->subject_words & WORD_CHALLENGE) || (f->machine && (text & WORD_CHALLENGE)))
        return add(r, BOUNCE_KIND_CHALLENGE, S("challenge"));
    bool suppress = f->field[FACT_X_AUTO_RESPONSE_SUPPRESS].n && f->field[FACT_X_OOF].n;
    bool absent = f->subject_words & WORD_ABSENT;
    if (vacation_field(f) || suppress)
        return add(r, BOUNCE_KIND_AUTOREPLY, S("rfc3834"));
    if (absent || ((f->machine || f->null_sender) && (text & WORD_ABSENT)))
        return add(r, BOUNCE_KIND_AUTOREPLY, S("autoreply"));
    return 0;
}
