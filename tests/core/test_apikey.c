/* Keys: who has one is known by it, and nobody else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "core/apikey.h"

#define NOW_US (INT64_C(1760000000) * TIME_SECOND)

static struct ledger *open_ledger(void)
{
    struct ledger *l;
    struct ledger_options o = {.path = ":memory:", .create = true};
    err e;
    assert_int_equal(ledger_open(&o, &l, &e), OK);
    return l;
}

static enum apikey_role role_of(struct ledger *l, slice key)
{
    struct apikeys *keys;
    err e;
    assert_int_equal(apikeys_load(l, &keys, &e), OK);
    enum apikey_role r = apikeys_find(keys, key).role;
    apikeys_free(&keys);
    return r;
}

static void keys_open_what_they_may(void **state)
{
    char shop[APIKEY_BYTES + 1], boss[APIKEY_BYTES + 1];
    struct ledger *l = open_ledger();
    err e;
    (void)state;
    assert_int_equal(apikey_add(l, S("shop"), APIKEY_WRITE, S("acme"), NOW_US, shop, &e), OK);
    assert_int_equal(apikey_add(l, S("boss"), APIKEY_ADMIN, SLICE_EMPTY, NOW_US, boss, &e), OK);
    assert_string_not_equal(shop, boss);
    assert_int_equal(role_of(l, slice_str(shop)), APIKEY_WRITE);
    assert_int_equal(role_of(l, slice_str(boss)), APIKEY_ADMIN);
    struct apikeys *keys;
    assert_int_equal(apikeys_load(l, &keys, &e), OK);
    struct apikey k = apikeys_find(keys, slice_str(shop));
    assert_true(slice_eq(k.name, S("shop")) && slice_eq(k.tenant, S("acme")));
    apikeys_free(&keys);
    assert_int_equal(apikey_remove(l, S("shop"), &e), OK);
    assert_int_equal(role_of(l, slice_str(shop)), APIKEY_NONE);
    assert_int_equal(apikey_remove(l, S("shop"), &e), E_NOT_FOUND);
    ledger_close(&l);
}

static void other_texts_open_nothing(void **state)
{
    char key[APIKEY_BYTES + 1];
    struct ledger *l = open_ledger();
    err e;
    (void)state;
    assert_int_equal(apikey_add(l, S("shop"), APIKEY_READ, SLICE_EMPTY, NOW_US, key, &e), OK);
    for (size_t n = 0; n < APIKEY_BYTES; n++)
        assert_int_equal(role_of(l, slice_of(key, n)), APIKEY_NONE);
    for (size_t i = 0; i < APIKEY_BYTES; i++) {
        char other[APIKEY_BYTES + 1];
        memcpy(other, key, sizeof other);
        other[i] = other[i] == 'a' ? 'b' : 'a';
        assert_int_equal(role_of(l, slice_str(other)), APIKEY_NONE);
    }
    ledger_close(&l);
}

static bool has_secret(void *ctx, const struct ledger_api_key *k)
{
    slice secret = slice_from(slice_str(ctx), APIKEY_BYTES - 32);
    assert_true(slice_find(k->hash, secret) == SLICE_NPOS && slice_find(k->id, secret) == SLICE_NPOS);
    return true;
}

static void names_are_taken_once_and_secrets_are_not_kept(void **state)
{
    char key[APIKEY_BYTES + 1], again[APIKEY_BYTES + 1];
    struct ledger *l = open_ledger();
    err e;
    (void)state;
    assert_int_equal(apikey_add(l, S("shop"), APIKEY_READ, SLICE_EMPTY, NOW_US, key, &e), OK);
    assert_int_equal(apikey_add(l, S("shop"), APIKEY_ADMIN, SLICE_EMPTY, NOW_US, again, &e), E_INVALID);
    assert_int_equal(apikey_add(l, S(""), APIKEY_ADMIN, SLICE_EMPTY, NOW_US, again, &e), E_INVALID);
    assert_int_equal(role_of(l, slice_str(key)), APIKEY_READ);
    assert_int_equal(ledger_api_keys(l, has_secret, key, &e), OK);
    ledger_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keys_open_what_they_may),
        cmocka_unit_test(other_texts_open_nothing),
        cmocka_unit_test(names_are_taken_once_and_secrets_are_not_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
