#include "core/apikey.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/codec.h"
#include "base/map.h"

#define PREFIX "bnc_"
#define ID_AT (sizeof PREFIX - 1)
#define ID_CHARS 8u      /* 40 random bits */
#define SECRET_CHARS 32u /* 160 random bits */
#define HASH_BYTES 32u

_Static_assert(APIKEY_BYTES == ID_AT + ID_CHARS + 1 + SECRET_CHARS, "the parts of a key");

static const char *const WORDS[] = {
    [APIKEY_NONE] = "none", [APIKEY_READ] = "read", [APIKEY_WRITE] = "write", [APIKEY_ADMIN] = "admin"};

const char *apikey_role_word(enum apikey_role r)
{
    MUST((size_t)r < ARRAY_LEN(WORDS));
    return WORDS[r];
}

enum apikey_role apikey_role_find(slice word)
{
    for (size_t i = APIKEY_READ; i < ARRAY_LEN(WORDS); i++)
        if (slice_eq(word, slice_str(WORDS[i])))
            return (enum apikey_role)i;
    return APIKEY_NONE;
}

static bool hash_of(slice key, unsigned char out[HASH_BYTES])
{
    unsigned n = 0;
    return EVP_Digest(key.p, key.n, out, &n, EVP_sha256(), NULL) == 1 && n == HASH_BYTES;
}

static enum status make(char out[APIKEY_BYTES + 1], err *e)
{
    unsigned char random[(ID_CHARS + SECRET_CHARS) * 5 / 8];
    char text[ID_CHARS + SECRET_CHARS];
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        return err_os(e, errno, "key: random bytes");
    base32_encode(slice_of((const char *)random, sizeof random), text);
    memcpy(out, PREFIX, ID_AT);
    memcpy(out + ID_AT, text, ID_CHARS);
    out[ID_AT + ID_CHARS] = '_';
    memcpy(out + ID_AT + ID_CHARS + 1, text + ID_CHARS, SECRET_CHARS);
    out[APIKEY_BYTES] = '\0';
    return OK;
}

static slice id_of(slice key)
{
    return slice_sub(key, ID_AT, ID_CHARS);
}

enum status apikey_add(struct ledger *l, slice name, enum apikey_role role, slice tenant, int64_t now_us,
                       char out[APIKEY_BYTES + 1], err *e)
{
    unsigned char hash[HASH_BYTES];
    if (slice_empty(name) || role == APIKEY_NONE)
        return err_set(e, E_INVALID, "key: it needs a name and a role (read, write or admin)");
    enum status st = make(out, e);
    if (st == OK && !hash_of(slice_of(out, APIKEY_BYTES), hash))
        st = err_set(e, E_MEMORY, "key: no SHA-256");
    if (st == OK)
        st = ledger_begin(l, e);
    if (st != OK)
        return st;
    struct ledger_api_key k = {.name = name,
                               .id = id_of(slice_of(out, APIKEY_BYTES)),
                               .hash = slice_of((const char *)hash, sizeof hash),
                               .tenant = tenant,
                               .role = role,
                               .made_us = now_us};
    st = ledger_put_api_key(l, &k, e);
    if (st == OK)
        st = ledger_commit(l, e);
    if (st != OK)
        ledger_abort(l);
    return st;
}

enum status apikey_remove(struct ledger *l, slice name, err *e)
{
    enum status st = ledger_begin(l, e);
    if (st == OK)
        st = ledger_drop_api_key(l, name, e);
    if (st == OK)
        st = ledger_commit(l, e);
    if (st != OK)
        ledger_abort(l);
    return st;
}

/* ---- in memory ---- */

struct stored {
    struct apikey key;
    unsigned char hash[HASH_BYTES];
};

struct apikeys {
    arena a;
    map by_id;
    bool refused;
};

static bool keep(void *ctx, const struct ledger_api_key *k)
{
    struct apikeys *all = ctx;
    struct stored *s = ARENA_NEW(&all->a, struct stored);
    void **place = s && k->hash.n == HASH_BYTES ? map_put(&all->by_id, arena_dup(&all->a, k->id)) : NULL;
    all->refused = !place;
    if (!place)
        return false;
    memcpy(s->hash, k->hash.p, HASH_BYTES);
    s->key = (struct apikey){arena_dup(&all->a, k->name), arena_dup(&all->a, k->tenant),
                             k->role <= APIKEY_ADMIN ? (enum apikey_role)k->role : APIKEY_NONE};
    *place = s;
    return true;
}

enum status apikeys_load(struct ledger *l, struct apikeys **out, err *e)
{
    struct apikeys *k = calloc(1, sizeof *k);
    *out = k;
    if (!k)
        return err_set(e, E_MEMORY, "keys: out of memory");
    arena_init(&k->a, 0);
    map_init(&k->by_id, ledger_key(l));
    enum status st = ledger_api_keys(l, keep, k, e);
    if (st == OK && (k->refused || k->a.limited))
        st = err_set(e, E_MEMORY, "keys: out of memory");
    if (st != OK)
        apikeys_free(out);
    return st;
}

void apikeys_free(struct apikeys **keys)
{
    struct apikeys *k = *keys;
    if (!k)
        return;
    map_fini(&k->by_id);
    arena_fini(&k->a);
    free(k);
    *keys = NULL;
}

struct apikey apikeys_find(const struct apikeys *k, slice key)
{
    static const struct apikey nobody = {{"", 0}, {"", 0}, APIKEY_NONE};
    unsigned char hash[HASH_BYTES];
    if (key.n != APIKEY_BYTES || !slice_starts(key, S(PREFIX)) || !hash_of(key, hash))
        return nobody;
    const struct stored *s = map_get(&k->by_id, id_of(key));
    return s && CRYPTO_memcmp(s->hash, hash, HASH_BYTES) == 0 ? s->key : nobody;
}
