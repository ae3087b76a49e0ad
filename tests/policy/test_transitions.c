/* Every row of src/policy/transitions.def: told in order and backwards. With the argument "print" the program writes the part of
 * docs/policy.md that is made of it. */
#include "check.h"

#include "story.h"

struct transition {
    const char *group; /* a heading; the others are empty then */
    const char *events, *now, *state, *why;
};

static const struct transition TABLE[] = {
#define GROUP(title) {title, NULL, NULL, NULL, NULL},
#define TRANSITION(events, now, state, why) {NULL, events, now, state, why},
#include "policy/transitions.def"
};

static void run(const struct transition *row, bool backwards)
{
    char got[200];
    struct story s;
    struct address_status status;
    story_read(&s, row->events);
    story_look(&s, story_time(slice_str(row->now)), backwards, &status);
    story_state(&status, got, sizeof got);
    if (strcmp(got, row->state) != 0)
        fail_msg("%s @%s%s: is \"%s\", should be \"%s\"", row->events, row->now, backwards ? " backwards" : "", got,
                 row->state);
}

static void test_rows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++) {
        if (TABLE[i].group)
            continue;
        run(&TABLE[i], false);
        run(&TABLE[i], true);
    }
}

static void print(void)
{
    for (size_t i = 0; i < ARRAY_LEN(TABLE); i++)
        if (TABLE[i].group)
            printf("%s### %s\n\n| what happens | looked at | state then | why |\n|---|---|---|---|\n", i ? "\n" : "",
                   TABLE[i].group);
        else
            printf("| `%s` | %s | %s | %s |\n", TABLE[i].events, TABLE[i].now, TABLE[i].state, TABLE[i].why);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_rows)};
    if (argc > 1 && strcmp(argv[1], "print") == 0) {
        print();
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
