#include "check.h"

#include <dirent.h>
#include <stdlib.h>

#include "base/buf.h"
#include "bounce.h"
#include "bounce/html.h"
#include "bounce/mime.h"

struct fixture {
    struct charsets *cs;
    arena a;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    assert_non_null(f);
    f->cs = charsets_new();
    assert_non_null(f->cs);
    arena_init(&f->a, 0);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    charsets_free(&f->cs);
    arena_fini(&f->a);
    free(f);
    return 0;
}

static const char type_letter[] = {
    [PART_TEXT] = 'T',
    [PART_HTML] = 'H',
    [PART_MULTIPART] = 'M',
    [PART_MESSAGE] = 'R',
    [PART_HEADERS] = 'F',
    [PART_DELIVERY_STATUS] = 'D',
    [PART_FEEDBACK_REPORT] = 'A',
    [PART_DISPOSITION] = 'N',
    [PART_OTHER] = 'O',
};

/* One part as "<letter><parent>.<depth>.<message depth>(text)"; the text with "/" for LF. */
static void show_part(struct fixture *f, struct part *p, buf *out)
{
    unsigned diag = 0;
    slice text = p->type == PART_MESSAGE ? SLICE_EMPTY : part_text(f->cs, &f->a, p, &diag);
    buf_printf(out, "%c%zu.%u.%u(", type_letter[p->type], p->parent, p->depth, p->message_depth);
    for (size_t i = 0; i < text.n; i++)
        buf_addc(out, text.p[i] == '\n' ? '/' : text.p[i]);
    buf_addc(out, ')');
}

static slice shown(struct fixture *f, slice message, unsigned *diag)
{
    struct mime m;
    buf out;
    buf_init(&out, 0);
    assert_true(mime_read(message, &f->a, &m));
    *diag = m.diag;
    for (size_t i = 0; i < m.n; i++)
        show_part(f, &m.parts[i], &out);
    slice s = arena_dup(&f->a, buf_slice(&out));
    buf_fini(&out);
    return s;
}

#define NO_TYPE BOUNCE_DIAG_NO_CONTENT_TYPE
#define NO_BOUNDARY BOUNCE_DIAG_BOUNDARY_MISSING

static const struct {
    const char *text, *want;
    unsigned diag;
} cases[] = {
    {"", "T0.0.0()", NO_TYPE},
    {"A: b\n\nhello\n", "T0.0.0(hello/)", NO_TYPE},
    {"Content-Type: text/plain\n\nhello", "T0.0.0(hello)", 0},
    {"Content-Type: TEXT/HTML\n\n<p>a<br>b", "H0.0.0(a/b)", 0},
    {"Content-Type: nonsense\n\nx", "T0.0.0(x)", 0},
    {"Content-Type: image/png\n\nx", "O0.0.0(x)", 0},
    {"Content-Type: text/plain\nContent-Transfer-Encoding: BASE64\n\naGVs\nbG8=\n", "T0.0.0(hello)", 0},
    {"Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\nnot base64: at all\n",
     "T0.0.0(not base64: at all/)", 0},
    {"Content-Type: text/plain\nContent-Transfer-Encoding: Quoted-Printable (x)\n\na=3Db=\nc=E4",
     "T0.0.0(a=bc\xc3\xa4)", 0},
    {"Content-Type: text/plain; charset=koi8-r\nContent-Transfer-Encoding: quoted-printable\n\n=D4=C5\n",
     "T0.0.0(\xd1\x82\xd0\xb5/)", 0},
    {"Content-Type: text/plain\r\n\r\na\r\nb\rc\r\r\nd\r\n", "T0.0.0(a/b/c/d/)", 0},
    /* multiparts */
    {"Content-Type: multipart/mixed; boundary=x\n\npre\n--x\n\none\n--x\nContent-Type: "
     "text/html\n\n<b>two</b>\n--x--\nepilogue",
     "M0.0.0()T0.1.0(one)H0.1.0(two)", 0},
    {"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\none\r\n--x\r\n\r\ntwo\r\n--x--\r\n",
     "M0.0.0()T0.1.0(one)T0.1.0(two)", 0},
    {"Content-Type: multipart/mixed; boundary=x\r\r--x\r\rone\r--x\r\rtwo\r--x--\r", "M0.0.0()T0.1.0(one)T0.1.0(two)",
     0},
    {"Content-Type: multipart/mixed; boundary=x\n\n--x\r\n\r\none\n--x\n\ntwo\r\n\r--x--",
     "M0.0.0()T0.1.0(one)T0.1.0(two/)", 0},
    {"Content-Type: multipart/mixed; boundary=x\n\n--x  \t\n\none\n--x--", "M0.0.0()T0.1.0(one)", 0},
    {"Content-Type: multipart/mixed; boundary=x\n\n--xy\n--x\n\none\na--x\n--xz\n--x--",
     "M0.0.0()T0.1.0(one/a--x/--xz)", 0},
    {"Content-Type: multipart/mixed; boundary=x\n\n--x\n\none", "M0.0.0()T0.1.0(one)", NO_BOUNDARY},
    {"Content-Type: multipart/mixed; boundary=x\n\n--x\n", "M0.0.0()", 0},
    {"Content-Type: multipart/mixed; boundary=x\n\n--x--\n", "M0.0.0()", 0},
    {"Content-Type: multipart/mixed; boundary=x\n\n--x\n--x\n\na\n--x--", "M0.0.0()T0.1.0()T0.1.0(a)", 0},
    {"Content-Type: multipart/mixed; boundary=x\n--x\nContent-Type: text/plain\n\none\n--x--", "M0.0.0()T0.1.0(one)",
     BOUNCE_DIAG_BAD_HEADER},
    {"Content-Type: multipart/mixed; boundary=wrong\n\nhi\n--real\nContent-Type: text/html\n\n<i>a\n--real--",
     "M0.0.0()H0.1.0(a)", NO_BOUNDARY},
    {"Content-Type: multipart/mixed\n\n--real=_1\ncontent-type: text/plain\n\na\n--real=_1--", "M0.0.0()T0.1.0(a)",
     NO_BOUNDARY},
    {"Content-Type: multipart/mixed; boundary=wrong\n\njust text\n", "M0.0.0(just text/)", NO_BOUNDARY},
    {"Subject: x\n\n--b\nContent-Type: text/plain\n\na\n--b--\n", "M0.0.0()T0.1.0(a)", NO_TYPE},
    {"Subject: x\n\ntext\n--b\nContent-Type: text/plain\n\na\n--b--\n",
     "T0.0.0(text/--b/Content-Type: text/plain//a/--b--/)", NO_TYPE},
    {"Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: multipart/alternative; "
     "boundary=y\n\n--y\n\na\n--y\n\nb\n--x\n\nc\n--x--",
     "M0.0.0()M0.1.0()T1.2.0(a)T1.2.0(b)T0.1.0(c)", NO_BOUNDARY},
    {"Content-Type: multipart/digest; boundary=x\n\n--x\n\nSubject: s\n\nb\n--x--", "M0.0.0()R0.1.0()T1.2.1(b)", 0},
    /* reports */
    {"Content-Type: multipart/report; report-type=delivery-status; boundary=\"=_x\"\n\n--=_x\n\nSorry.\n--=_x\n"
     "Content-Type: message/delivery-status\n\nReporting-MTA: dns; a\n\nFinal-Recipient: rfc822; b@c\n--=_x\n"
     "Content-Type: message/rfc822\n\nMessage-ID: <1@a>\n\nbody\n--=_x--",
     "M0.0.0()T0.1.0(Sorry.)D0.1.0(Reporting-MTA: dns; a//Final-Recipient: rfc822; b@c)R0.1.0()T3.2.1(body)", 0},
    {"Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/xdelivery-status\n"
     "Content-Transfer-Encoding: base64\n\nQTogYg==\n--x\nContent-Type: text/rfc822-headers\n\nMessage-ID: "
     "<1@a>\n--x--",
     "M0.0.0()D0.1.0(A: b)F0.1.0(Message-ID: <1@a>)", 0},
    {"Content-Type: multipart/report; boundary=x\n\n--x\nContent-Type: message/rfc822\nContent-Transfer-Encoding: "
     "base64\n\n"
     "U3ViamVjdDogeAoKaGk=\n--x--",
     "M0.0.0()R0.1.0()T1.2.1(hi)", 0},
    {"Content-Type: message/rfc822\n\nContent-Type: multipart/mixed; boundary=x\n\n--x\n\na\n--x--",
     "R0.0.0()M0.1.1()T1.2.1(a)", 0},
    {"Content-Type: text/rfc822-headers\n\nA: b\n\nbody", "F0.0.0(A: b//body)T0.1.1(body)", 0},
    {"Content-Type: message/feedback-report\n\nA: b", "A0.0.0(A: b)", 0},
    {"Content-Type: message/disposition-notification\n\nA: b", "N0.0.0(A: b)", 0},
    {"Content-Type: message/global-delivery-status\n\nA: b", "D0.0.0(A: b)", 0},
    {"Content-Type: message/global-headers\n\nA: b", "F0.0.0(A: b)", 0},
    {"Content-Type: message/global\n\nA: b\n\nc", "R0.0.0()T0.1.1(c)", 0},
};

static void test_cases(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        unsigned diag;
        slice got = shown(f, slice_str(cases[i].text), &diag);
        if (!slice_eq(got, slice_str(cases[i].want)) || diag != cases[i].diag)
            fail_msg("%s\ngives %.*s, diag %#x", cases[i].text, SLICE_FMT(got), diag);
    }
}

static void test_fields_of_parts(void **state)
{
    struct fixture *f = *state;
    struct mime m;
    slice text = S("Content-Type: Multipart/Report; report-type=\"Delivery-Status\"; boundary=x\n\n--x\n"
                   "Content-Type: Text/Plain; charset=\"UTF-8\"\nContent-Transfer-Encoding: 8BIT\n\na\n--x\n"
                   "Content-Type: message/rfc822\n\nSubject: inner\n\nb\n--x--");
    assert_true(mime_read(text, &f->a, &m));
    assert_int_equal(m.n, 4);
    assert_slice(m.parts[1].media, S("text/plain"));
    assert_slice(m.parts[1].encoding, S("8bit"));
    assert_slice(m.parts[1].raw, S("a"));
    assert_slice(header_get(&m.parts[2].inner, S("subject")), S("inner"));
    assert_slice(header_get(&m.parts[3].header, S("subject")), S("inner"));
    assert_true(mime_read_at(S("A: b\n\nc"), 3, &f->a, &m));
    assert_int_equal(m.parts[0].message_depth, 3);
}

static void test_text_diagnoses(void **state)
{
    struct fixture *f = *state;
    struct mime m;
    unsigned diag = 0;
    assert_true(mime_read(S("Content-Type: text/plain; charset=no-such\n\n\xe4"), &f->a, &m));
    assert_slice(part_text(f->cs, &f->a, &m.parts[0], &diag), S("\xc3\xa4"));
    assert_int_equal(diag, BOUNCE_DIAG_CHARSET_UNKNOWN);
    diag = 0;
    assert_true(mime_read(S("Content-Type: text/plain; charset=utf-8\n\n\xe4"), &f->a, &m));
    slice once = part_text(f->cs, &f->a, &m.parts[0], &diag);
    assert_int_equal(diag, BOUNCE_DIAG_CHARSET_ERRORS);
    assert_ptr_equal(part_text(f->cs, &f->a, &m.parts[0], NULL).p, once.p); /* decoded once */
}

static char *big(size_t n, const char *unit)
{
    char *p = malloc(n);
    assert_non_null(p);
    size_t width = strlen(unit);
    for (size_t i = 0; i < n; i++)
        p[i] = unit[i % width];
    return p;
}

static slice with_body(arena *a, const char *head, slice body)
{
    size_t n = strlen(head);
    char *p = arena_alloc(a, n + body.n);
    assert_non_null(p);
    memcpy(p, head, n);
    memcpy(p + n, body.p, body.n);
    return (slice){p, n + body.n};
}

static void test_caps(void **state)
{
    struct fixture *f = *state;
    struct mime m;
    unsigned diag = 0;
    size_t n = 3u << 20;
    char *p = big(n, "0123456789abcde\n");
    assert_true(mime_read(with_body(&f->a, "Content-Type: text/plain\n\n", (slice){p, n}), &f->a, &m));
    assert_int_equal(part_text(f->cs, &f->a, &m.parts[0], &diag).n, BOUNCE_MAX_PART_BYTES);
    assert_int_equal(diag, BOUNCE_DIAG_PART_TRUNCATED);
    free(p);

    p = big(n = 8000, "\n--x\n\n-");
    for (size_t i = 0; i + 5 <= n; i += 5)
        memcpy(p + i, "--x\n\n", 5);
    assert_true(mime_read(with_body(&f->a, "Content-Type: multipart/mixed; boundary=x\n\n", (slice){p, n}), &f->a, &m));
    assert_int_equal(m.n, MIME_MAX_PARTS);
    assert_true(m.diag & BOUNCE_DIAG_NESTED_TOO_DEEP);
    free(p);

    static const char nest[] = "Content-Type: message/rfc822\n\n";
    p = big(n = 40 * (sizeof nest - 1), nest);
    assert_true(mime_read((slice){p, n}, &f->a, &m));
    assert_int_equal(m.n, MIME_MAX_DEPTH + 1);
    assert_true(m.diag & BOUNCE_DIAG_NESTED_TOO_DEEP);
    free(p);
}

static void use_message(slice message, void *data)
{
    struct fixture *f = data;
    struct mime m;
    unsigned diag = 0;
    arena_reset(&f->a);
    assert_true(mime_read(message, &f->a, &m));
    assert_true(m.n > 0 && m.n <= MIME_MAX_PARTS);
    struct mime behind;
    struct header header;
    slice body = message;
    assert_true(header_read(&body, &f->a, &header));
    assert_true(mime_read_behind(message, &header, body, &f->a, &behind));
    assert_int_equal(behind.n, m.n);
    assert_int_equal(behind.diag, m.diag);
    for (size_t i = 0; i < m.n; i++) {
        assert_slice(behind.parts[i].raw, m.parts[i].raw);
        (void)part_text(f->cs, &f->a, &m.parts[i], &diag);
        assert_true(i == 0 ? m.parts[i].parent == 0 : m.parts[i].parent < i);
        assert_non_null(m.parts[i].raw.p);
    }
}

static void test_every_prefix(void **state)
{
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        guard_prefixes(slice_str(cases[i].text), use_message, *state);
}

/* Prefixes of a whole file: all of them up to 8 KB, then those that end at a line. */
static void prefixes_of_file(struct fixture *f, slice s)
{
    struct guard g;
    guard_init(&g, s.n);
    for (size_t n = 0; n <= s.n; n++)
        if (n < 8192 || n == s.n || s.p[n - 1] == '\n')
            use_message(guard_put(&g, slice_sub(s, 0, n)), f);
    guard_fini(&g);
}

static void test_prefixes_of_samples(void **state)
{
    static const char *const folders[] = {TEST_SAMPLES "/rfc", TEST_SAMPLES "/dsn"};
    unsigned files = 0;
    for (size_t i = 0; i < ARRAY_LEN(folders); i++) {
        DIR *d = opendir(folders[i]);
        if (d == NULL)
            continue;
        for (struct dirent *e; (e = readdir(d)) != NULL && files < 60;) {
            char path[1000];
            static char data[65536];
            if (!slice_ends_ci(slice_str(e->d_name), S(".eml")))
                continue;
            snprintf(path, sizeof path, "%s/%s", folders[i], e->d_name);
            FILE *in = fopen(path, "rb");
            assert_non_null(in);
            size_t n = fread(data, 1, sizeof data, in);
            assert_int_equal(fclose(in), 0);
            if (n > 8192)
                n = 8192;
            prefixes_of_file(*state, (slice){data, n});
            files++;
        }
        assert_int_equal(closedir(d), 0);
    }
}

/* With ever more memory: never a crash, and at last all parts. */
static void test_memory_refused(void **state)
{
    struct fixture *f = *state;
    const char *text = cases[28].text;
    bool done = false;
    for (size_t cap = 16; !done; cap += 64) {
        arena small;
        struct mime m;
        unsigned diag = 0;
        arena_init(&small, cap);
        bool ok = mime_read(slice_str(text), &small, &m);
        assert_true(ok || (m.diag & BOUNCE_DIAG_MEMORY));
        for (size_t i = 0; i < m.n; i++)
            (void)part_text(f->cs, &small, &m.parts[i], &diag);
        done = ok && !small.limited;
        arena_fini(&small);
        assert_true(cap < 100000);
    }
}

static void test_hostile(void **state)
{
    struct fixture *f = *state;
    static const char *const heads[] = {"Content-Type: multipart/mixed; boundary=x\n\n", "Content-Type: text/html\n\n",
                                        "Content-Type: multipart/mixed\n\n", "", "Content-Type: message/rfc822\n\n"};
    static const char *const units[] = {"--x",     "\n--x", "\r--xy", "\r",   "<a",      "<!--",   "&#1",
                                        "<style>", "</",    "<a@b",   "--\n", "\n--a\n", "A: b\n", "A\n",
                                        "<pre>\n", " \n",   "<p> ",   "=\n",  "\r\r\n",  "--x\n"};
    for (size_t h = 0; h < ARRAY_LEN(heads); h++)
        for (size_t u = 0; u < ARRAY_LEN(units); u++) {
            arena_reset(&f->a);
            size_t n = 400000;
            char *p = big(n, units[u]);
            slice s = with_body(&f->a, heads[h], (slice){p, n});
            struct mime m;
            unsigned diag;
            assert_true(mime_read(s, &f->a, &m));
            for (size_t i = 0; i < m.n; i++)
                (void)part_text(f->cs, &f->a, &m.parts[i], &diag);
            free(p);
        }
}

/* ---- HTML ----------------------------------------------------------------------------------------------------- */

static const struct {
    const char *html, *want;
} html[] = {
    {"a  b\n c", "a b c"},
    {"<p>a</p><p>b</p>", "a\n\nb\n"},
    {"a<br>b<BR/>c", "a\nb\nc"},
    {"<td>a</td><td>b</td>", "a b"},
    {"&lt;a&#64;b.c&gt; &amp; &auml;&#x20AC;&nbsp;x", "<a@b.c> & \xc3\xa4\xe2\x82\xac x"},
    {"&unknown; & &; &#xD800; &#99999999;", "&unknown; & &; &#xD800; &#99999999;"},
    {"<style>x{}</style>a<script>if (1<2) {}</script>b<style>", "ab"},
    {"a<!-- <b> -->b<!-- c", "ab"},
    {"<pre>a  b\nc</pre>d  e", "a  b\nc\nd e"},
    {"<user@example.com>: gone", "<user@example.com>: gone"},
    {"<a href=\"mailto:u@e.com\">u@e.com</a>", "u@e.com"},
    {"a < b <3 c", "a < b <3 c"},
    {"<unclosed", "<unclosed"},
    {"<div>a</div>\n<div>b</div>", "a\n\nb\n"},
    {"<title>T</title><body>B", "T\n\nB"},
    {"<", "<"},
    {"", ""},
};

static void test_html(void **state)
{
    struct fixture *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(html); i++)
        assert_slice(html_text(&f->a, slice_str(html[i].html)), slice_str(html[i].want));
    assert_slice(html_charset(S("<meta charset=\"koi8-r\">")), S("koi8-r"));
    assert_slice(html_charset(S("<meta content='text/html; CHARSET=utf-8'>")), S("utf-8"));
    assert_slice(html_charset(S("<html>")), SLICE_EMPTY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),          cmocka_unit_test(test_fields_of_parts),
        cmocka_unit_test(test_text_diagnoses), cmocka_unit_test(test_caps),
        cmocka_unit_test(test_every_prefix),   cmocka_unit_test(test_prefixes_of_samples),
        cmocka_unit_test(test_memory_refused), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_html),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
