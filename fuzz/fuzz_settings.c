#include "fuzz.h"
#include "serve/learn.h"
#include "serve/settings.h"

/* Whatever is taken is printed, read again, and printed the same; whatever is refused is told with a line of the file. */
static void count(void *ctx, slice path, unsigned line, bool warning, slice text)
{
    (void)path;
    MUST(line <= SETTINGS_MAX_BYTES && !warning && text.n > 0);
    ++*(unsigned *)ctx;
}

/* The policy of whatever was taken is sound, or refused with a word. */
static void judge(const struct settings *s)
{
    err e = {.text = ""};
    struct policy p;
    arena a;
    arena_init(&a, 1 << 26);
    enum status st = learn_policy(s, &a, &p, &e);
    MUST(st == OK ? policy_check(&p, &e) == OK && policy_fingerprint(&p)
                  : (st == E_INVALID || st == E_MEMORY) && *e.text);
    arena_fini(&a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    unsigned problems = 0;
    struct settings *again, *s = settings_parse(SLICE_EMPTY, slice_of((const char *)data, size), count, &problems);
    buf text, second;
    MUST((s == NULL) == (problems > 0));
    if (!s)
        return 0;
    judge(s);
    buf_init(&text, 0);
    buf_init(&second, 0);
    settings_print(s, false, &text);
    again = settings_parse(SLICE_EMPTY, buf_slice(&text), count, &problems);
    MUST(again);
    settings_print(again, false, &second);
    MUST(slice_eq(buf_slice(&text), buf_slice(&second)));
    settings_print(again, true, &second);
    settings_free(&s);
    settings_free(&again);
    buf_fini(&text);
    buf_fini(&second);
    return 0;
}
