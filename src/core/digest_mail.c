#include "core/digest.h"

#define QP_LINE_CHARACTERS 76 /* RFC 2045 6.7 (5), the soft line break included */

/* Quoted-printable of a text whose lines end in LF; lines go out with CRLF (RFC 2045 6.7). */
static void add_qp(buf *out, slice text)
{
    static const char hex[] = "0123456789ABCDEF";
    size_t used = 0;
    for (size_t i = 0; i < text.n; i++) {
        unsigned char c = (unsigned char)text.p[i];
        bool line_ends = i + 1 == text.n || text.p[i + 1] == '\n';
        bool plain = (c >= 33 && c <= 126 && c != '=') || (c == ' ' && !line_ends);
        if (c == '\n') {
            buf_adds(out, "\r\n");
            used = 0;
            continue;
        }
        if (used + (plain ? 1 : 3) >= QP_LINE_CHARACTERS) {
            buf_adds(out, "=\r\n");
            used = 0;
        }
        if (plain &&
            !(c == '.' && used == 0)) { /* a lone dot at the start of a line ends the message for careless transports */
            buf_addc(out, (char)c);
            used++;
        } else {
            buf_printf(out, "=%c%c", hex[c >> 4], hex[c & 15]);
            used += 3;
        }
    }
}

/* A value of a header field, which must not end it. */
static slice field_text(slice s, arena *a)
{
    char *p = arena_alloc(a, s.n);
    size_t n = 0;
    for (size_t i = 0; p && i < s.n; i++)
        if ((unsigned char)s.p[i] >= ' ' && s.p[i] != 127)
            p[n++] = s.p[i];
    return p ? slice_of(p, n) : SLICE_EMPTY;
}

/* RFC 5322 3.3. */
static void add_date(buf *out, int64_t us)
{
    static const char *const days[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    struct civil c;
    int64_t at = us > 0 ? us : 0;
    civil_from_us(at, &c);
    buf_printf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d +0000\r\n", days[at / TIME_DAY % 7], c.day,
               months[c.month - 1], c.year, c.hour, c.minute, c.second);
}

/* RFC 3834 2: a mail that no person wrote says so, and nobody's holiday notice answers it. */
static void add_head(const struct digest *d, const struct digest_envelope *v, slice boundary, arena *a, buf *out)
{
    slice from = field_text(v->from, a), to = field_text(v->to, a), host = field_text(v->host, a);
    slice subject = digest_subject(d, a);
    if (slice_empty(host))
        host = S("localhost");
    buf_printf(out, "From: %.*s\r\nTo: %.*s\r\nSubject: %.*s\r\n", SLICE_FMT(from), SLICE_FMT(to), SLICE_FMT(subject));
    add_date(out, v->date_us);
    buf_printf(out, "Message-ID: <digest.%016llx.%lld@%.*s>\r\n", (unsigned long long)v->random,
               (long long)(d->day_us / TIME_DAY), SLICE_FMT(host));
    buf_printf(out,
               "Auto-Submitted: auto-generated\r\nMIME-Version: 1.0\r\n"
               "Content-Type: multipart/alternative; boundary=\"%.*s\"\r\n\r\n",
               SLICE_FMT(boundary));
}

static void add_part(buf *out, slice boundary, const char *type, const buf *text)
{
    buf_printf(out,
               "--%.*s\r\nContent-Type: text/%s; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n",
               SLICE_FMT(boundary), type);
    add_qp(out, buf_slice(text));
    buf_adds(out, "\r\n");
}

void digest_mail(const struct digest *d, const struct digest_envelope *v, arena *a, buf *out)
{
    struct paper p;
    buf text;
    /* "=_" stands in no line of quoted-printable (RFC 2045 6.7) */
    slice boundary = arena_printf(a, "=_digest_%016llx", (unsigned long long)v->random);
    paper_init(&p, a);
    digest_paper(d, &p);
    add_head(d, v, boundary, a, out);
    buf_init(&text, 0);
    paper_text(&p, &text);
    add_part(out, boundary, "plain", &text);
    buf_clear(&text);
    paper_html(&p, digest_subject(d, a), &text);
    add_part(out, boundary, "html", &text);
    out->failed |= text.failed || a->limited;
    buf_printf(out, "--%.*s--\r\n", SLICE_FMT(boundary));
    buf_fini(&text);
}
