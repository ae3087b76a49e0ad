/* Every state and everything that can happen in it, walked with the real code: what src/policy/matrix.def says is what is reached, no
 * more and no less. "print" writes the part of docs/policy.md that is made of it, "def" the rows of matrix.def as the walk finds them.
 *
 * The walk: all stories of three happenings, and behind the first story that reached a state, all of two more. Eight days lie between two
 * happenings. So that rows fill within them, every row but the two hard ones suppresses at two failures over seven days.
 */
#include "check.h"

#include <stdlib.h>

#include "story.h"

#define POLICY "with quota 2 over 7d; with campaign 2 over 7d; with slow 2 over 7d; with refused 2 over 7d"
#define STEP_DAYS 8u
#define LONG_DAYS 200u
#define MAX_STATES 24u
#define MAX_STEPS 8u
#define MAX_TEXT 2048u

/* %d is a number of its own for each happening; %s is when what is around ends. */
struct happening {
    const char *name;
    const char *events[3]; /* the day is put in front of each */
};
enum { TIME_PASSES, OVER };
static const struct happening HAPPENINGS[] = {
    [TIME_PASSES] = {"time passes", {NULL}},
    [OVER] = {"the incident, or the breaker, is over", {NULL}},
    {"delivered", {"delivered m=%d c=%d"}},
    {"failed, surely dead", {"failed user-unknown 90 m=%d c=%d"}},
    {"failed, perhaps dead", {"failed user-unknown 50 m=%d c=%d"}},
    {"failed, no such domain", {"failed domain-unknown 95 m=%d c=%d"}},
    {"failed, mailbox full", {"failed mailbox-full 90 m=%d c=%d"}},
    {"failed, no connection", {"failed connect-failed 90 m=%d c=%d"}},
    {"failed, the recipient refuses this sender", {"failed recipient-refused 90 m=%d c=%d"}},
    {"blocked", {"failed spam-content 95 m=%d c=%d"}},
    {"deferred", {"deferred mailbox-full 90 m=%d c=%d"}},
    {"relayed", {"relayed m=%d c=%d"}},
    {"another platform has it on its list", {"failed upstream-suppressed 95 m=%d c=%d"}},
    {"failed in an incident", {"incident %s p=%d", "failed user-unknown 90 m=%d c=%d p=%d"}},
    {"failed while the feed's breaker is open", {"breaker %s f=%d", "failed user-unknown 90 m=%d c=%d f=%d"}},
    {"a bare report of a failure", {"failed user-unknown 90 m=%d bare"}},
    {"complaint", {"complaint"}},
    {"opt-out", {"unsubscribed"}},
    {"opened or clicked", {"opened"}},
    {"delivered to somebody else at the domain", {"domain-delivered"}},
    {"vouched for", {"vouch"}},
    {"dismissed", {"dismiss"}},
    {"suppressed by a person", {"suppress manual"}},
    {"imported", {"suppress imported"}},
    {"imported as a spam trap", {"suppress spamtrap"}},
    {"lifted", {"lift"}},
    {"lifted and verified again", {"lift reverified"}},
    {"erased", {"erase"}},
};
#define HAPPENS ARRAY_LEN(HAPPENINGS)

struct cell {
    const char *from, *what, *to;
};
static const struct cell MATRIX_ROWS[] = {
#define MATRIX(from, what, to) {from, what, to},
#include "policy/matrix.def"
    {NULL, NULL, NULL},
};

/* ---- stories ---- */

struct steps {
    unsigned v[MAX_STEPS], n;
};

static unsigned days_before(const struct steps *s, unsigned upto)
{
    unsigned days = 0;
    for (unsigned i = 0; i < upto; i++)
        days += s->v[i] == TIME_PASSES ? LONG_DAYS : STEP_DAYS;
    return days;
}

/* When what began with step i ended, as the story writes it; nothing ends behind `upto`. */
static void end_of(const struct steps *s, unsigned i, unsigned upto, char out[16])
{
    for (unsigned k = i + 1; k < upto; k++)
        if (s->v[k] == OVER) {
            snprintf(out, 16, "d%u", days_before(s, k));
            return;
        }
    snprintf(out, 16, "open");
}

static size_t add(char *out, size_t n, size_t room, slice text)
{
    assert_true(n + text.n < room);
    memcpy(out + n, text.p, text.n);
    out[n + text.n] = 0;
    return n + text.n;
}

/* One event of step i: %d and %s are filled in. */
static size_t add_event(const struct steps *s, unsigned i, unsigned upto, const char *event, char *out, size_t n)
{
    char word[32];
    snprintf(word, sizeof word, "; d%u ", days_before(s, i));
    n = add(out, n, MAX_TEXT, slice_str(word));
    for (slice rest = slice_str(event); rest.n; rest = slice_from(rest, 1)) {
        if (rest.p[0] != '%') {
            n = add(out, n, MAX_TEXT, slice_sub(rest, 0, 1));
            continue;
        }
        rest = slice_from(rest, 1);
        if (rest.p[0] == 's')
            end_of(s, i, upto, word);
        else
            snprintf(word, sizeof word, "%u", i + 1);
        n = add(out, n, MAX_TEXT, slice_str(word));
    }
    return n;
}

static void state_of(const struct address_status *s, char out[80])
{
    snprintf(out, 80, "%s%s%s%s%s%s", state_word(s->state), s->cause ? " " : "", cause_word(s->cause),
             s->hold ? " " : "", hold_word(s->hold),
             s->probation && s->state != STATE_SUPPRESSED ? " on probation" : "");
}

/* The state `hours` after (before) the time of step `at`, when only the first `upto` have happened. */
static void look(const struct steps *s, unsigned upto, unsigned at, int hours, char out[80])
{
    static struct story story;
    char text[MAX_TEXT];
    size_t n = add(text, 0, sizeof text, S(POLICY));
    struct address_status status;
    for (unsigned i = 0; i < upto; i++)
        for (unsigned k = 0; k < ARRAY_LEN(HAPPENINGS[0].events) && HAPPENINGS[s->v[i]].events[k]; k++)
            n = add_event(s, i, upto, HAPPENINGS[s->v[i]].events[k], text, n);
    story_read(&story, text);
    story_look(&story, STORY_START_US + days_before(s, at) * TIME_DAY + hours * TIME_HOUR, false, &status);
    state_of(&status, out);
}

/* ---- the walk ---- */

struct found {
    char state[80];
    struct steps first;           /* a story that leads to it */
    bool to[HAPPENS][MAX_STATES]; /* what follows */
};

struct walk {
    struct found v[MAX_STATES];
    unsigned n;
};

static unsigned state_at(struct walk *w, const char *state, const struct steps *story)
{
    for (unsigned i = 0; i < w->n; i++)
        if (strcmp(w->v[i].state, state) == 0)
            return i;
    assert_true(w->n < MAX_STATES);
    struct found *f = &w->v[w->n];
    memset(f, 0, sizeof *f);
    snprintf(f->state, sizeof f->state, "%s", state);
    f->first = *story;
    return w->n++;
}

/* What the last step did, and what the days before it did. */
static void take_story(struct walk *w, const struct steps *s)
{
    char before[80], after[80], previous[80];
    struct steps shorter = *s;
    unsigned last = s->n - 1, what = s->v[last];
    shorter.n = last;
    look(s, last, last, -1, before);
    unsigned from = state_at(w, before, &shorter);
    if (what == TIME_PASSES)
        look(s, s->n, s->n, -1, after);
    else
        look(s, s->n, last, 1, after);
    unsigned to = state_at(w, after, s);
    w->v[from].to[what][to] = true;
    if (last) {
        look(s, last, last - 1, 1, previous);
        w->v[state_at(w, previous, &shorter)].to[TIME_PASSES][from] = true;
    }
}

static void extend(struct walk *w, const struct steps *s, unsigned more)
{
    struct steps next = *s;
    next.n++;
    for (unsigned i = 0; i < HAPPENS && more; i++) {
        next.v[s->n] = i;
        take_story(w, &next);
        extend(w, &next, more - 1);
    }
}

static struct walk *walk(void)
{
    struct walk *w = calloc(1, sizeof *w);
    struct steps none = {.n = 0};
    assert_non_null(w);
    extend(w, &none, 3);
    for (unsigned i = 0; i < w->n; i++) {
        struct steps first = w->v[i].first;
        if (first.n > 1)
            extend(w, &first, 2);
    }
    return w;
}

/* ---- as rows ---- */

/* The states that follow, " or " between them; empty where nothing was reached. */
static void follow(const struct walk *w, unsigned from, unsigned what, char out[400])
{
    size_t n = 0;
    out[0] = 0;
    for (unsigned i = 0; i < w->n; i++) {
        if (!w->v[from].to[what][i])
            continue;
        if (n)
            n = add(out, n, 400, S(" or "));
        n = add(out, n, 400, slice_str(w->v[i].state));
    }
}

/* Rows: of each state, happenings with the same end in one. Those that stay what they are come last. */
static void rows_of(const struct walk *w, unsigned from, void (*row)(const char *, const char *, const char *, void *),
                    void *ctx)
{
    char ends[HAPPENS][400], what[2000];
    bool told[HAPPENS] = {false};
    for (unsigned i = 0; i < HAPPENS; i++)
        follow(w, from, i, ends[i]);
    for (unsigned i = 0; i < HAPPENS; i++) {
        if (told[i] || !*ends[i])
            continue;
        size_t n = 0;
        for (unsigned k = i; k < HAPPENS; k++) {
            if (strcmp(ends[k], ends[i]) != 0)
                continue;
            told[k] = true;
            if (n)
                n = add(what, n, sizeof what, S("; "));
            n = add(what, n, sizeof what, slice_str(HAPPENINGS[k].name));
        }
        row(w->v[from].state, what, ends[i], ctx);
    }
}

static void print_def(const char *from, const char *what, const char *to, void *ctx)
{
    (void)ctx;
    printf("MATRIX(\"%s\", \"%s\", \"%s\")\n", from, what, to);
}

static void check_row(const char *from, const char *what, const char *to, void *ctx)
{
    size_t *at = ctx;
    const struct cell *c = &MATRIX_ROWS[(*at)++];
    if (!c->from || strcmp(c->from, from) != 0 || strcmp(c->what, what) != 0 || strcmp(c->to, to) != 0)
        fail_msg("row %zu of src/policy/matrix.def should be (tests/policy/test_matrix.c: def)\n%s: %s: %s", *at, from,
                 what, to);
}

static void test_the_table_is_what_is_reached(void **state)
{
    (void)state;
    struct walk *w = walk();
    size_t at = 0;
    for (unsigned i = 0; i < w->n; i++)
        rows_of(w, i, check_row, &at);
    assert_null(MATRIX_ROWS[at].from);
    free(w);
}

/* Everything can happen in every state, and every state is reached. */
static void test_every_pair_is_there(void **state)
{
    (void)state;
    struct walk *w = walk();
    for (unsigned i = 0; i < w->n; i++)
        for (unsigned k = 0; k < HAPPENS; k++) {
            char ends[400];
            follow(w, i, k, ends);
            if (!*ends)
                fail_msg("%s: %s: never tried", w->v[i].state, HAPPENINGS[k].name);
        }
    static const char *const must[] = {"active",
                                       "soft",
                                       "held second-look",
                                       "held trust",
                                       "held incident",
                                       "held breaker",
                                       "suppressed escalated",
                                       "suppressed hard",
                                       "suppressed complaint",
                                       "suppressed unsubscribed",
                                       "suppressed manual",
                                       "suppressed imported",
                                       "suppressed upstream",
                                       "suppressed spamtrap",
                                       "suppressed erased",
                                       "soft on probation"};
    for (size_t i = 0; i < ARRAY_LEN(must); i++) {
        unsigned n = w->n;
        struct steps none = {.n = 0};
        state_at(w, must[i], &none);
        if (w->n != n)
            fail_msg("%s is never reached", must[i]);
    }
    free(w);
}

static void print_page(void)
{
    const char *from = "";
    printf("| in the state | what happens | the state then |\n|---|---|---|\n");
    for (const struct cell *c = MATRIX_ROWS; c->from; c++) {
        printf("| %s | %s | %s |\n", strcmp(from, c->from) == 0 ? "" : c->from, c->what, c->to);
        from = c->from;
    }
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_table_is_what_is_reached),
        cmocka_unit_test(test_every_pair_is_there),
    };
    if (argc > 1 && strcmp(argv[1], "print") == 0) {
        print_page();
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "def") == 0) {
        struct walk *w = walk();
        for (unsigned i = 0; i < w->n; i++)
            rows_of(w, i, print_def, NULL);
        free(w);
        return 0;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
