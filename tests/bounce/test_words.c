#include "check.h"

#include "bounce.h"

static void test_round_trip(void **state)
{
    (void)state;
    for (unsigned i = 0; i < BOUNCE_REASONS; i++) {
        enum bounce_reason r = (enum bounce_reason)i;
        assert_int_equal(bounce_reason_find(slice_str(bounce_reason_word(r))), r);
        assert_true(strlen(bounce_reason_text(r)) > 5);
    }
    for (unsigned i = 0; i < BOUNCE_KINDS; i++)
        assert_int_equal(bounce_kind_find(slice_str(bounce_kind_word((enum bounce_kind)i))), i);
    for (unsigned i = 1; i < BOUNCE_PHASES; i++)
        assert_int_equal(bounce_phase_find(slice_str(bounce_phase_word((enum bounce_phase)i))), i);
}

static void test_unknown_words(void **state)
{
    (void)state;
    assert_int_equal(bounce_reason_find(S("nonsense")), BOUNCE_REASONS);
    assert_int_equal(bounce_reason_find(S("user-unknow")), BOUNCE_REASONS);
    assert_int_equal(bounce_kind_find(S("")), BOUNCE_KINDS);
    assert_int_equal(bounce_phase_find(S("")), BOUNCE_PHASES);
}

static void test_phase_aliases(void **state)
{
    (void)state;
    assert_int_equal(bounce_phase_find(S("EHLO")), BOUNCE_PHASE_HELO);
    assert_int_equal(bounce_phase_find(S("mail from")), BOUNCE_PHASE_MAIL);
    assert_int_equal(bounce_phase_find(S("RCPT TO")), BOUNCE_PHASE_RCPT);
    assert_int_equal(bounce_phase_find(S("end of DATA")), BOUNCE_PHASE_END);
    assert_int_equal(bounce_phase_find(S("dot")), BOUNCE_PHASE_END);
    assert_string_equal(bounce_phase_word(BOUNCE_PHASE_NONE), "");
}

static void test_what_follows_from_a_reason(void **state)
{
    (void)state;
    assert_string_equal(bounce_reason_word(BOUNCE_REASON_USER_UNKNOWN), "user-unknown");
    assert_int_equal(bounce_reason_class(BOUNCE_REASON_USER_UNKNOWN), BOUNCE_CLASS_HARD);
    assert_int_equal(bounce_reason_blame(BOUNCE_REASON_USER_UNKNOWN), BOUNCE_BLAME_RECIPIENT);
    assert_int_equal(bounce_reason_counts(BOUNCE_REASON_USER_UNKNOWN), BOUNCE_COUNTS_AT_ONCE);
    assert_int_equal(bounce_reason_class(BOUNCE_REASON_SPAM_CONTENT), BOUNCE_CLASS_BLOCK);
    assert_int_equal(bounce_reason_blame(BOUNCE_REASON_SPAM_CONTENT), BOUNCE_BLAME_MESSAGE);
    assert_int_equal(bounce_reason_counts(BOUNCE_REASON_LOCAL_ERROR), BOUNCE_COUNTS_NEVER);
    assert_string_equal(bounce_class_word(BOUNCE_CLASS_BLOCK), "block");
    assert_string_equal(bounce_blame_word(BOUNCE_BLAME_NETWORK), "network");
    assert_string_equal(bounce_counts_word(BOUNCE_COUNTS_AT_ONCE), "at once");
}

static void test_kinds(void **state)
{
    (void)state;
    assert_true(bounce_kind_final(BOUNCE_KIND_FAILED) && bounce_kind_final(BOUNCE_KIND_EXPIRED));
    assert_true(bounce_kind_attempt(BOUNCE_KIND_DEFERRED) && bounce_kind_attempt(BOUNCE_KIND_DELAYED));
    assert_false(bounce_kind_final(BOUNCE_KIND_DELIVERED) || bounce_kind_attempt(BOUNCE_KIND_DELIVERED));
    assert_false(bounce_kind_final(BOUNCE_KIND_COMPLAINT) || bounce_kind_attempt(BOUNCE_KIND_FAILED));
}

static void test_arena(void **state)
{
    (void)state;
    struct bounce_slice key;
    struct bounce_arena *a = bounce_arena_new(0);
    assert_non_null(a);
    assert_slice(bounce_address(S("A@B.example"), a, &key), S("A@b.example"));
    bounce_arena_clear(a);
    bounce_arena_free(&a);
    assert_null(a);
    bounce_arena_free(&a);
    a = bounce_arena_new(8);
    assert_slice(bounce_address(S("A@B.example"), a, &key), SLICE_EMPTY);
    bounce_arena_free(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_unknown_words),
        cmocka_unit_test(test_phase_aliases), cmocka_unit_test(test_what_follows_from_a_reason),
        cmocka_unit_test(test_kinds),         cmocka_unit_test(test_arena),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
