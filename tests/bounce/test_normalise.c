#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "bounce.h"

static const struct {
    const char *text, *normal;
} cases[] = {{"", ""},
             {"550 5.1.1 <User@Example.com>: User unknown", "550 5.1.1 <{address}>: user unknown"},
             {"Client host [192.0.2.1] blocked using zen.spamhaus.org", "client host [{ip}] blocked using {host}"},
             {"see https://example.com/q?ip=192.0.2.1&x=1.", "see {url}."},
             {"id=20025-09 queued as 4BxY2k1z9 at 2024-05-09 23:34:45", "id={id} queued as {id} at {date} {time}"},
             {"try again in 300 seconds, 20971520 bytes", "try again in 300 seconds, {n} bytes"},
             {"  spaces \t and\r\nlines  ", "spaces and lines"},
             {"mail from 2001:db8::1 refused", "mail from {ip} refused"},
             {"host mx1.example.com[192.0.2.7] said: 452", "host {host}[{ip}] said: 452"}};

static void things_become_placeholders(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        slice got = bounce_normalise(slice_str(cases[i].text), &a);
        if (!slice_eq(got, slice_str(cases[i].normal)))
            fail_msg("%s: got \"%.*s\"", cases[i].text, SLICE_FMT(got));
    }
    arena_fini(&a);
}

static void same_reply_same_group(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    slice one = bounce_normalise(S("550 5.1.1 <ann@example.com> not found, id 7F3A91"), &a);
    slice two = bounce_normalise(S("550 5.1.1 <bob@example.net> not found, id 99B0C2"), &a);
    assert_true(slice_eq(one, two));
    arena_fini(&a);
}

static void refused_memory_gives_nothing(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 1);
    assert_true(slice_empty(bounce_normalise(S("550 text"), &a)));
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(things_become_placeholders),
                                       cmocka_unit_test(same_reply_same_group),
                                       cmocka_unit_test(refused_memory_gives_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
