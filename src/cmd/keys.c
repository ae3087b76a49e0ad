#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/codec.h"
#include "cmd/keys.h"

#define MAX_FILE 65536

static bool one_key(slice line, struct verp_keys *out)
{
    slice id, secret;
    uint64_t number;
    char raw[MAX_FILE];
    size_t n;
    if (!slice_word(&line, &id) || !slice_word(&line, &secret) || !slice_empty(slice_trim(line)))
        return false;
    if (!slice_u64(id, &number) || number >= KEYS_MAX || out->n == KEYS_MAX || secret.n > sizeof raw)
        return false;
    if (!base32_decode(secret, raw, &n) || n < 16 || n > sizeof out->secrets[0])
        return false;
    memcpy(out->secrets[out->n], raw, n);
    explicit_bzero(raw, sizeof raw);
    out->keys[out->n] = (struct bounce_verp_key){(uint8_t)number, out->secrets[out->n], n};
    out->n++;
    return true;
}

static int read_keys(const struct args *a, const char *path, slice text, struct verp_keys *out)
{
    slice line;
    for (unsigned number = 1; slice_line(&text, &line); number++) {
        line = slice_trim(line);
        if (slice_empty(line) || line.p[0] == '#')
            continue;
        if (!one_key(line, out)) {
            cmd_error(a, "%s:%u: a key is 'ID BASE32', ID 0 to 31, at least 16 bytes; `bounced verp keygen` makes one",
                      path, number);
            return EXIT_CONFIG;
        }
    }
    return EXIT_YES;
}

int keys_load(const struct args *a, struct verp_keys *out)
{
    struct stat st;
    const char *path = args_text(a, "verp-keys", NULL);
    memset(out, 0, sizeof *out);
    if (!path && access(KEYS_FILE, F_OK) != 0)
        return EXIT_YES;
    if (!path)
        path = KEYS_FILE;
    if (stat(path, &st) == 0 && (st.st_mode & (S_IROTH | S_IWOTH)) != 0) {
        cmd_error(a, "%s: everybody may read these keys; chmod 0640 %s", path, path);
        return EXIT_CONFIG;
    }
    err e;
    bool cut;
    buf text;
    buf_init(&text, 0);
    int code =
        cmd_slurp(path, MAX_FILE, &text, &cut, &e) == OK ? read_keys(a, path, buf_slice(&text), out) : cmd_fail(a, &e);
    if (text.p)
        explicit_bzero(text.p, text.room);
    buf_fini(&text);
    return code;
}

void keys_clear(struct verp_keys *k)
{
    explicit_bzero(k, sizeof *k);
}
