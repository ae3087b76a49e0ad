#include "cmd/keys.h"

int keys_load(const struct args *a, struct verp_keys *out)
{
    const char *path = args_text(a, "verp-keys", NULL);
    err e;
    enum status st = verp_keys_read(path ? path : VERP_KEYS_FILE, out, &e);
    if (st == OK || (!path && st == E_NOT_FOUND))
        return EXIT_YES;
    int code = cmd_fail(a, &e);
    return st == E_INVALID ? EXIT_CONFIG : code;
}
