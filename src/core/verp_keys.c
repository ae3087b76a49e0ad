#include "core/verp_keys.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/codec.h"
#include "core/slurp.h"

#define MAX_FILE 65536

static bool one_key(slice line, struct verp_keys *out)
{
    slice id, secret;
    uint64_t number;
    char raw[MAX_FILE];
    size_t n;
    if (!slice_word(&line, &id) || !slice_word(&line, &secret) || !slice_empty(slice_trim(line)))
        return false;
    if (!slice_u64(id, &number) || number >= VERP_KEYS_MAX || out->n == VERP_KEYS_MAX || secret.n > sizeof raw)
        return false;
    if (!base32_decode(secret, raw, &n) || n < 16 || n > VERP_KEY_MAX_BYTES)
        return false;
    memcpy(out->secrets[out->n], raw, n);
    explicit_bzero(raw, sizeof raw);
    out->keys[out->n] = (struct bounce_verp_key){(uint8_t)number, out->secrets[out->n], n};
    out->n++;
    return true;
}

static enum status read_keys(const char *path, slice text, struct verp_keys *out, err *e)
{
    slice line;
    for (unsigned number = 1; slice_line(&text, &line); number++) {
        line = slice_trim(line);
        if (slice_empty(line) || line.p[0] == '#')
            continue;
        if (!one_key(line, out))
            return err_set(
                e, E_INVALID,
                "%s:%u: a key is 'ID BASE32', ID 0 to 31, at least 16 bytes; `bounced verp keygen` makes one", path,
                number);
    }
    return OK;
}

enum status verp_keys_read(const char *path, struct verp_keys *out, err *e)
{
    struct stat st;
    bool cut;
    buf text;
    memset(out, 0, sizeof *out);
    if (stat(path, &st) != 0)
        return err_os(e, errno, "%s: cannot be opened", path);
    if (st.st_mode & (S_IROTH | S_IWOTH))
        return err_set(e, E_INVALID, "%s: everybody may read these keys; chmod 0640 %s", path, path);
    buf_init(&text, 0);
    enum status status = slurp(path, MAX_FILE, &text, &cut, e);
    if (status == OK)
        status = read_keys(path, buf_slice(&text), out, e);
    if (text.p)
        explicit_bzero(text.p, text.room);
    buf_fini(&text);
    return status;
}

void verp_keys_clear(struct verp_keys *k)
{
    explicit_bzero(k, sizeof *k);
}
