/* What the library reads in a mail, as one line of text, so that a case of a test is two strings.
 */
#ifndef TESTS_REPORTS_H
#define TESTS_REPORTS_H

#include "base/arena.h"
#include "bounce.h"

struct reports_fixture {
    struct bounce_rules *rules;
    struct bounce_reader *reader;
    arena arena;
};

/* For cmocka's group fixtures. */
int reports_set_up(void **state);
int reports_tear_down(void **state);

/* Reports as "kind recipient [original=a@b] [status=5.1.1] [format=x] [said=...]", joined by " | "; "" for none. `with` names
 * the parts in brackets that are wanted: letters o, s, f, d. */
slice reports_shown(struct reports_fixture *f, slice message, const char *with);

struct reports_case {
    const char *name, *mail, *with, *want;
};
/* Checks each case as it stands, with CRLF and with CR line ends, and that no prefix of it does any harm. */
void reports_check(struct reports_fixture *f, const struct reports_case *cases, size_t n);

#endif
