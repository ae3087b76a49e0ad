#include "bounce/reports.h"

#include <stdlib.h>

#include "base/buf.h"
#include "check.h"

int reports_set_up(void **state)
{
    struct reports_fixture *f = calloc(1, sizeof(*f));
    assert_non_null(f);
    arena_init(&f->arena, 0);
    slice error;
    if (bounce_rules_new(NULL, 0, false, &f->arena, &f->rules, &error) != BOUNCE_OK)
        fail_msg("%.*s", SLICE_FMT(error));
    f->reader = bounce_reader_new(f->rules);
    assert_non_null(f->reader);
    *state = f;
    return 0;
}

int reports_tear_down(void **state)
{
    struct reports_fixture *f = *state;
    bounce_reader_free(&f->reader);
    bounce_rules_free(&f->rules);
    arena_fini(&f->arena);
    free(f);
    return 0;
}

static void add_part(buf *b, const char *with, char letter, const char *name, slice value)
{
    if (strchr(with, letter) && value.n)
        buf_printf(b, " %s=%.*s", name, SLICE_FMT(value));
}

static void add_report(buf *b, const struct bounce_report *r, const char *with)
{
    buf_printf(b, "%s%s %.*s", b->n ? " | " : "", bounce_kind_word(r->kind), SLICE_FMT(r->recipient));
    add_part(b, with, 'o', "original", r->original_recipient);
    add_part(b, with, 's', "status", r->status);
    add_part(b, with, 'f', "format", r->format);
    add_part(b, with, 'd', "said", r->diagnostic);
}

slice reports_shown(struct reports_fixture *f, slice message, const char *with)
{
    struct bounce_result result;
    arena_reset(&f->arena);
    assert_int_equal(bounce_read(f->reader, message, NULL, &f->arena, &result), BOUNCE_OK);
    buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < result.report_count; i++)
        add_report(&b, &result.reports[i], with);
    slice shown = arena_dup(&f->arena, buf_slice(&b));
    buf_fini(&b);
    return shown;
}

static slice with_line_ends(buf *b, slice mail, const char *end)
{
    buf_clear(b);
    for (size_t i = 0; i < mail.n; i++)
        if (mail.p[i] == '\n')
            buf_adds(b, end);
        else
            buf_addc(b, mail.p[i]);
    return buf_slice(b);
}

static void read_prefix(slice prefix, void *data)
{
    (void)reports_shown(data, prefix, "");
}

static void check_shown(struct reports_fixture *f, const struct reports_case *c, slice mail, const char *ends)
{
    slice got = reports_shown(f, mail, c->with);
    if (!slice_eq(got, slice_str(c->want)))
        fail_msg("%s, %s:\n got: %.*s\nwant: %s", c->name, ends, SLICE_FMT(got), c->want);
}

void reports_check(struct reports_fixture *f, const struct reports_case *cases, size_t n)
{
    buf b;
    buf_init(&b, 0);
    for (size_t i = 0; i < n; i++) {
        slice mail = slice_str(cases[i].mail);
        check_shown(f, &cases[i], mail, "LF");
        check_shown(f, &cases[i], with_line_ends(&b, mail, "\r\n"), "CRLF");
        check_shown(f, &cases[i], with_line_ends(&b, mail, "\r"), "CR");
        guard_prefixes(mail, read_prefix, f);
    }
    buf_fini(&b);
}
