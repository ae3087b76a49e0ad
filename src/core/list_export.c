#include "core/atomic_file.h"
#include "core/list_apply.h"

#include "base/json.h"
#include "base/text.h"

#define EXPORT_CHUNK_BYTES 65536u

/* One address that goes out, with the suppression that speaks for it. */
struct leaving {
    slice address; /* "@example.org" for a whole domain */
    bool domain;
    const struct ledger_suppression *why;
};

struct export
{
    const struct list_export_options *o;
    int fd;
    const char *path;
    buf out;
    arena scratch;
    uint64_t count;
    enum status status;
    err *e;
};

/* ---- pieces ---- */

static void add_csv(buf *b, slice s)
{
    bool quote = false;
    for (size_t i = 0; i < s.n; i++)
        quote |= strchr(",;\"\t\r\n", s.p[i]) != NULL;
    if (!quote) {
        buf_add(b, s);
        return;
    }
    buf_addc(b, '"');
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] == '"')
            buf_addc(b, '"');
        buf_addc(b, s.p[i]);
    }
    buf_addc(b, '"');
}

static bool has_reason(const struct ledger_suppression *s)
{
    return s->reason != BOUNCE_REASON_UNKNOWN && (s->cause == CAUSE_HARD || s->cause == CAUSE_ESCALATED);
}

static const char *reason_of(const struct ledger_suppression *s)
{
    return has_reason(s) ? bounce_reason_word(s->reason) : "";
}

/* What a platform calls a cause: its word for complaints, opt-outs, and all else. */
static const char *platform_word(const struct ledger_suppression *s, const char *complaint, const char *opt_out,
                                 const char *bounce)
{
    return s->cause == CAUSE_COMPLAINT ? complaint : s->cause == CAUSE_UNSUBSCRIBED ? opt_out : bounce;
}

/* RFC 5322, as Mailgun writes and reads dates. */
static void add_mail_date(buf *b, int64_t us)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct civil c;
    if (us == TIME_NONE || us < 0)
        us = 0;
    civil_from_us(us, &c);
    buf_printf(b, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[us / TIME_DAY % 7], c.day, months[c.month - 1], c.year,
               c.hour, c.minute, c.second);
}

/* ---- one writer for each format ---- */

static void write_csv(struct export *x, const struct leaving *l)
{
    add_csv(&x->out, l->address);
    buf_printf(&x->out, ",%s,%s,", cause_word(l->why->cause), scope_word(l->why->scope));
    add_csv(&x->out, l->why->stream);
    buf_printf(&x->out, ",%s,", reason_of(l->why));
    time_add_iso(&x->out, l->why->since_us);
    buf_addc(&x->out, ',');
    time_add_iso(&x->out, l->why->until_us);
    buf_addc(&x->out, '\n');
}

static void write_ndjson(struct export *x, const struct leaving *l)
{
    struct jsonw j;
    jsonw_init(&j, &x->out);
    jsonw_object(&j);
    jsonw_kstr(&j, "email", l->address);
    jsonw_kstr(&j, "cause", slice_str(cause_word(l->why->cause)));
    jsonw_kstr(&j, "scope", slice_str(scope_word(l->why->scope)));
    jsonw_kstr_opt(&j, "stream", l->why->stream);
    jsonw_kstr_opt(&j, "reason", slice_str(reason_of(l->why)));
    jsonw_ktime_opt(&j, "since", l->why->since_us);
    jsonw_ktime_opt(&j, "until", l->why->until_us);
    jsonw_end_object(&j);
    buf_addc(&x->out, '\n');
}

static void write_ses(struct export *x, const struct leaving *l)
{
    add_csv(&x->out, l->address);
    buf_printf(&x->out, ",%s\n", platform_word(l->why, "COMPLAINT", "COMPLAINT", "BOUNCE"));
}

static void write_mailgun(struct export *x, const struct leaving *l)
{
    add_csv(&x->out, l->address);
    buf_printf(&x->out, ",550,%s,\"", cause_word(l->why->cause));
    add_mail_date(&x->out, l->why->since_us);
    buf_adds(&x->out, "\"\n");
}

static void write_sparkpost(struct export *x, const struct leaving *l)
{
    static const char *const types[] = {"transactional", "non_transactional"};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        if (i == 0 && l->why->cause == CAUSE_UNSUBSCRIBED)
            continue; /* an opt-out does not stop an order confirmation */
        add_csv(&x->out, l->address);
        buf_printf(&x->out, ",%s,%s\n", types[i], cause_word(l->why->cause));
    }
}

static void write_mandrill(struct export *x, const struct leaving *l)
{
    add_csv(&x->out, l->address);
    buf_printf(&x->out, ",%s\n", cause_word(l->why->cause));
}

static void write_column(struct export *x, const struct leaving *l)
{
    add_csv(&x->out, l->address);
    buf_addc(&x->out, '\n');
}

/* Keys of lookup tables: no white space, no comment, no quotes. Returns false for what cannot stand in one. */
static bool add_key(struct export *x, slice s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= ' ' || s.p[i] == 127 || strchr("\"#:\\<>,", s.p[i]))
            return false;
    buf_add(&x->out, text_lower(&x->scratch, s));
    return s.n > 0;
}

/* access(5) */
static void write_postfix(struct export *x, const struct leaving *l)
{
    if (add_key(x, l->domain ? slice_from(l->address, 1) : l->address))
        buf_printf(&x->out, "\tREJECT suppressed: %s\n", cause_word(l->why->cause));
    else
        x->count--;
}

/* For lsearch; a domain is written for nwildlsearch as "*@example.org". */
static void write_exim(struct export *x, const struct leaving *l)
{
    slice key = l->domain ? arena_printf(&x->scratch, "*%.*s", SLICE_FMT(l->address)) : l->address;
    if (add_key(x, key))
        buf_printf(&x->out, ": %s\n", cause_word(l->why->cause));
    else
        x->count--;
}

static void write_plain(struct export *x, const struct leaving *l)
{
    buf_add(&x->out, l->address);
    buf_addc(&x->out, '\n');
}

static void write_hash(struct export *x, const struct leaving *l)
{
    char hex[64];
    buf_add(&x->out, slice_of(hex, list_address_hash(l->address, x->o->format == LIST_SHA256, hex)));
    buf_addc(&x->out, '\n');
}

struct writer {
    void (*row)(struct export *x, const struct leaving *l);
    const char *header;
    bool domains; /* can tell of whole domains */
};

static const struct writer WRITERS[LIST_FORMATS] = {
    [LIST_CSV] = {write_csv, "email,cause,scope,stream,reason,since,until\n", true},
    [LIST_NDJSON] = {write_ndjson, "", true},
    [LIST_SES] = {write_ses, "", false},
    [LIST_SENDGRID] = {write_column, "email\n", false},
    [LIST_MAILGUN] = {write_mailgun, "address,code,error,created_at\n", false},
    [LIST_POSTMARK] = {write_column, "", false},
    [LIST_SPARKPOST] = {write_sparkpost, "recipient,type,description\n", false},
    [LIST_MAILJET] = {write_column, "email\n", false},
    [LIST_BREVO] = {write_column, "EMAIL\n", false},
    [LIST_KLAVIYO] = {write_column, "Email\n", false},
    [LIST_MAILCHIMP] = {write_column, "Email Address\n", false},
    [LIST_HUBSPOT] = {write_column, "Email\n", false},
    [LIST_SFMC] = {write_column, "EmailAddress\n", false},
    [LIST_MANDRILL] = {write_mandrill, "email,comment\n", false},
    [LIST_POSTFIX_ACCESS] = {write_postfix, "", true},
    [LIST_EXIM] = {write_exim, "", true},
    [LIST_PLAIN] = {write_plain, "", false},
    [LIST_MD5] = {write_hash, "", false},
    [LIST_SHA256] = {write_hash, "", false},
};

/* ---- walking ---- */

static const struct ledger_suppression *choose(const struct export *x, const struct ledger_address *addr)
{
    for (size_t i = 0; i < addr->suppression_count; i++) {
        const struct ledger_suppression *s = &addr->suppressions[i];
        bool holds = s->until_us == TIME_NONE || s->until_us > x->o->now_us;
        bool ours = s->scope != SCOPE_STREAM || (!slice_empty(x->o->stream) && slice_eq(s->stream, x->o->stream));
        if (holds && ours && (x->o->cause == CAUSE_NONE || x->o->cause == s->cause))
            return s;
    }
    return NULL;
}

static bool flush(struct export *x, size_t above)
{
    if (x->status == OK && x->out.failed)
        x->status = err_set(x->e, E_MEMORY, "%s: out of memory", x->path);
    if (x->status == OK && x->out.n > above) {
        x->status = atomic_write(x->fd, x->path, buf_slice(&x->out), x->e);
        buf_clear(&x->out);
    }
    return x->status == OK;
}

static bool export_one(void *ctx, const struct ledger_address *addr)
{
    struct export *x = ctx;
    const struct writer *w = &WRITERS[x->o->format];
    const struct ledger_suppression *s = choose(x, addr);
    bool domain = slice_chr(addr->key, '@') == SLICE_NPOS;
    if (!s || (domain && !w->domains) || (domain && addr->key.p[0] == '#'))
        return true; /* of an erased address only a keyed hash is left: nobody else could use it */
    arena_reset(&x->scratch);
    struct leaving l = {addr->address, domain, s};
    if (domain)
        l.address = arena_printf(&x->scratch, "@%.*s", SLICE_FMT(addr->key));
    x->count++;
    w->row(x, &l);
    return flush(x, EXPORT_CHUNK_BYTES);
}

static enum status export_to(struct ledger *l, const struct list_export_options *o, int fd, const char *path,
                             uint64_t *count, err *e)
{
    struct export x = {.o = o, .fd = fd, .path = path, .e = e};
    buf_init(&x.out, 0);
    arena_init(&x.scratch, 0);
    buf_adds(&x.out, WRITERS[o->format].header);
    enum status st = ledger_list(l, o->tenant, STATE_SUPPRESSED, SLICE_EMPTY, 0, export_one, &x, e);
    if (st == OK && flush(&x, 0))
        *count = x.count;
    if (st == OK)
        st = x.status;
    buf_fini(&x.out);
    arena_fini(&x.scratch);
    return st;
}

static enum status exportable(const struct ledger *l, const struct list_export_options *o, err *e)
{
    if (ledger_hashed(l))
        return err_set(e, E_UNSUPPORTED,
                       "this ledger keeps addresses as hashes only: it can be asked for an address, not for a list");
    if (list_format_exportable(o->format))
        return OK;
    return err_set(e, E_INVALID, "%s: lists of this format can only be read", list_format_word(o->format));
}

enum status list_export_fd(struct ledger *l, const struct list_export_options *o, int fd, uint64_t *count, err *e)
{
    enum status st = exportable(l, o, e);
    *count = 0;
    return st == OK ? export_to(l, o, fd, "list", count, e) : st;
}

enum status list_export_file(struct ledger *l, const struct list_export_options *o, const char *path, uint64_t *count,
                             err *e)
{
    struct atomic_file f;
    enum status st = exportable(l, o, e);
    *count = 0;
    if (st == OK)
        st = atomic_open(&f, path, e);
    if (st != OK)
        return st;
    st = export_to(l, o, f.fd, path, count, e);
    if (st == OK)
        return atomic_commit(&f, e);
    atomic_abort(&f);
    return st;
}
