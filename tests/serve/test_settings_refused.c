#include "check.h"

#include "refuse.h"
#include "serve/settings.h"

static const char file[] =
    "[ledger]\npath = \"a b\" # c\n[rules]\nfiles = a, b, c\nfiles = d\n[log]\nlevl = x\n[feed a]\npath = x\n"
    "[feed b]\npath = y\n[lgo]\n";

/* Memory is refused at every place in turn: it is told, or all is as it is without. */
static void test_reading(void **state)
{
    (void)state;
    bool refused = true;
    unsigned n = 0;
    for (; refused; n++) {
        refuse_after(n);
        struct settings *s = settings_parse(S("/etc/x.conf"), slice_str(file), NULL, NULL);
        settings_free(&s);
        s = settings_parse(S("/etc/x.conf"), S("[feed a]\npath = x\n"), NULL, NULL);
        refused = refuse_end();
        if (s)
            assert_non_null(settings_of(s, "policy"));
        assert_true(s || refused);
        settings_free(&s);
    }
    assert_in_range(n, 5, 1000);
}

static void test_printing(void **state)
{
    (void)state;
    bool refused = true;
    struct settings *s = settings_parse(S("/etc/x.conf"), S("[feed a]\npath = x\n"), NULL, NULL);
    assert_non_null(s);
    for (unsigned n = 0; refused; n++) {
        buf out;
        buf_init(&out, 0);
        refuse_after(n);
        settings_print(s, n % 2, &out);
        refused = refuse_end();
        assert_true(out.failed || !refused);
        buf_fini(&out);
    }
    settings_free(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_reading), cmocka_unit_test(test_printing)};
    return cmocka_run_group_tests_name("settings_refused", tests, NULL, NULL);
}
