#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "bounce.h"

static void every_reason_has_every_word(void **state)
{
    (void)state;
    for (int v = 0; v < BOUNCE_VOCABULARIES; v++) {
        assert_true(strlen(bounce_vocab_name((enum bounce_vocabulary)v)) > 0);
        for (int r = 0; r < BOUNCE_REASONS; r++)
            assert_true(strlen(bounce_vocab((enum bounce_vocabulary)v, (enum bounce_reason)r)) > 0);
    }
}

/* The usual two words know no block: it is shown as soft. */
static void plain_words_follow_the_class(void **state)
{
    (void)state;
    for (int r = 0; r < BOUNCE_REASONS; r++) {
        bool hard = bounce_reason_class((enum bounce_reason)r) == BOUNCE_CLASS_HARD;
        assert_string_equal(bounce_vocab(BOUNCE_VOCAB_PLAIN, (enum bounce_reason)r), hard ? "hard" : "soft");
    }
}

static void read_file(const char *name, buf *out)
{
    FILE *in = fopen(name, "r");
    char chunk[4096];
    size_t n;
    assert_non_null(in);
    while ((n = fread(chunk, 1, sizeof chunk, in)) > 0)
        buf_add(out, slice_of(chunk, n));
    fclose(in);
}

static void document_has_the_table(void **state)
{
    (void)state;
    buf text, row;
    buf_init(&text, 0);
    buf_init(&row, 0);
    read_file(TEST_SOURCE "/docs/vocabularies.md", &text);
    for (int r = 0; r < BOUNCE_REASONS; r++) {
        buf_clear(&row);
        buf_printf(&row, "| `%s` |", bounce_reason_word((enum bounce_reason)r));
        for (int v = 0; v < BOUNCE_VOCABULARIES; v++)
            buf_printf(&row, " %s |", bounce_vocab((enum bounce_vocabulary)v, (enum bounce_reason)r));
        if (slice_find(buf_slice(&text), buf_slice(&row)) == SLICE_NPOS)
            fail_msg("docs/vocabularies.md lacks: %.*s", SLICE_FMT(buf_slice(&row)));
    }
    buf_fini(&text);
    buf_fini(&row);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_reason_has_every_word),
                                       cmocka_unit_test(plain_words_follow_the_class),
                                       cmocka_unit_test(document_has_the_table)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
