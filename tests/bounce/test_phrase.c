#include "check.h"

#include "bounce/phrase.h"
#include "bounce/provider.h"

static const struct phrase rows[] = {{"ab cd", 1},          {"ab cd ef gh ij", 2}, {"^begin", 4},
                                     {"\xc3\xa4hnlich", 8}, {"was refused", 16},   {"x@y", 32}};

/* What phrase_tags must find, looked for byte by byte. */
static uint64_t tags_of(slice text)
{
    uint64_t tags = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        slice want = slice_str(rows[i].text);
        bool anchored = want.p[0] == '^';
        want = slice_from(want, anchored);
        bool there = anchored ? slice_starts_ci(text, want) : slice_find_ci(text, want) != SLICE_NPOS;
        tags |= there ? rows[i].tag : 0;
    }
    return tags;
}

static void use_text(slice text, void *data)
{
    struct phrase_set *set = data;
    uint64_t tags = 0;
    size_t pos = 0, len;
    assert_int_equal(phrase_tags(set, text), tags_of(text));
    for (const struct phrase *row; (row = phrase_next(set, text, &pos, &len)); pos++)
        tags |= row->tag;
    assert_int_equal(tags & ~1u, tags_of(text) & ~1u); /* "ab cd" gives way where the longer one stands */
}

static void phrases_are_found_at_every_end(void **state)
{
    static const char *const texts[] = {"BEGIN with ab CD EF gh ij, was Refused",
                                        "no begin; \xc3\xa4hnlich X@Y",
                                        "ab cd ef gh i",
                                        "`b cd",
                                        "ab\0cd",
                                        "xab cdab cd"};
    struct phrase_set *set = phrase_set_new(rows, ARRAY_LEN(rows));
    (void)state;
    assert_non_null(set);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        guard_prefixes(slice_str(texts[i]), use_text, set);
    phrase_set_free(&set);
    assert_null(set);
}

/* Whole phrases, halves and single bytes of them, in any order. */
static void phrases_are_found_among_their_pieces(void **state)
{
    enum { ROUNDS = 2000, MOST = 120 };
    struct phrase_set *set = phrase_set_new(rows, ARRAY_LEN(rows));
    uint64_t seed = 1;
    (void)state;
    assert_non_null(set);
    for (unsigned round = 0; round < ROUNDS; round++) {
        char text[MOST];
        size_t n = 0;
        for (;;) {
            seed = seed * 6364136223846793005u + 1442695040888963407u;
            slice row = slice_str(rows[(seed >> 33) % ARRAY_LEN(rows)].text);
            slice piece = slice_sub(row, (seed >> 40) % row.n, 1 + (seed >> 48) % row.n);
            if (seed >> 63)
                piece = row;
            if (n + piece.n > MOST)
                break;
            memcpy(text + n, piece.p, piece.n);
            n += piece.n;
        }
        use_text((slice){text, n}, set);
    }
    phrase_set_free(&set);
}

static void longest_phrase_at_the_start(void **state)
{
    struct phrase_set *set = phrase_set_new(rows, ARRAY_LEN(rows));
    size_t len;
    (void)state;
    assert_non_null(set);
    assert_int_equal(phrase_at_start(set, S("Ab cd ef gh ij"), &len)->tag, 2);
    assert_int_equal(len, 14);
    assert_int_equal(phrase_at_start(set, S("AB CD ef"), &len)->tag, 1);
    assert_int_equal(phrase_at_start(set, S("begin"), &len)->tag, 4);
    assert_null(phrase_at_start(set, S(" ab cd"), &len));
    assert_null(phrase_at_start(set, S("x@"), &len));
    phrase_set_free(&set);
}

static void providers_are_found_by_whole_names(void **state)
{
    struct provider_index index;
    (void)state;
    assert_true(provider_index_init(&index));
    unsigned microsoft = provider_by_word(S("microsoft")), gmail = provider_by_word(S("gmail"));
    assert_int_equal(provider_by_hint(&index, S("Microsoft (Outlook/Hotmail)")), microsoft);
    assert_int_equal(provider_by_hint(&index, S("bounces of OUTLOOK")), microsoft);
    assert_int_equal(provider_by_hint(&index, S("Google, Gmail")), gmail);
    assert_int_equal(provider_by_hint(&index, S("xmicrosoft and microsofty")), PROVIDER_NONE);
    assert_int_equal(provider_by_hint(&index, S("nobody we know")), PROVIDER_NONE);
    assert_int_equal(provider_by_hint(&index, S(" -- ")), PROVIDER_NONE);
    provider_index_fini(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phrases_are_found_at_every_end), cmocka_unit_test(phrases_are_found_among_their_pieces),
        cmocka_unit_test(longest_phrase_at_the_start), cmocka_unit_test(providers_are_found_by_whole_names)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
