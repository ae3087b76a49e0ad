#include "check.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "serve/conf_value.h"
#include "serve/learn.h"
#include "serve/settings.h"

/* What was told, "LINE: text" each ("LINE: warning: text"). */
static void gather(void *ctx, slice path, unsigned line, bool warning, slice text)
{
    (void)path;
    buf_printf(ctx, "%u: %s%.*s\n", line, warning ? "warning: " : "", SLICE_FMT(text));
}

static void assert_problems(const char *file, const char *want)
{
    buf told;
    buf_init(&told, 0);
    struct settings *s = settings_parse(S("/etc/x.conf"), slice_str(file), gather, &told);
    assert_slice(buf_slice(&told), slice_str(want));
    assert_true((s == NULL) == (told.n > 0));
    settings_free(&s);
    buf_fini(&told);
}

static struct settings *parsed(const char *file)
{
    buf told;
    buf_init(&told, 0);
    struct settings *s = settings_parse(S("/etc/x.conf"), slice_str(file), gather, &told);
    assert_slice(buf_slice(&told), SLICE_EMPTY);
    assert_non_null(s);
    buf_fini(&told);
    return s;
}

/* ---- every message ---- */

struct wrong {
    const char *file, *told;
};

static const struct wrong wrongs[] = {
    {"[ledgr]\npath = x\n", "1: there is no section [ledgr]; did you mean [ledger]?\n"},
    {"[xyzzy]\na = b\nc\n", "1: there is no section [xyzzy]\n"},
    {"[]\n", "1: there is no section []\n"},
    {"[ledger\n", "1: expected [section] or [section NAME]\n"},
    {"[ledger] x\n", "1: expected [section] or [section NAME]\n"},
    {"\n[ledger]\n[log]\n[ledger]\n", "4: [ledger] was begun in line 2 already\n"},
    {"[ledger main]\n", "1: there is only one [ledger]; it has no name\n"},
    {"path = x\n", "1: path stands before the first [section]\n"},
    {"[ledger]\npth = x\n", "2: [ledger] has no setting pth; did you mean path?\n"},
    {"[ledger]\nxyzzy = x\n", "2: [ledger] has no setting xyzzy\n"},
    {"[ledger]\n = x\n", "2: [ledger] has no setting \n"},
    {"[log]\npath = x\n", "2: [log] has no setting path; [ledger] has\n"},
    {"[log]\nlevel = info\n\nlevel = warn\n", "4: level was given in line 2 already\n"},
    {"[log]\nlevel\n", "2: expected NAME = VALUE, [section] or a comment (#)\n"},
    {"[log]\nlevel = loud\n", "2: level: expected one of debug|info|warn|error, not \"loud\"\n"},
    {"[retention]\nprune = maybe\n", "2: prune: expected yes or no, not \"maybe\"\n"},
    {"[daemon]\nworkers = 0\n", "2: workers: expected a number from 1 to 64, not \"0\"\n"},
    {"[daemon]\nworkers = two\n", "2: workers: expected a number from 1 to 64, not \"two\"\n"},
    {"[daemon]\nworkers = 99999999999999999999\n",
     "2: workers: expected a number from 1 to 64, not \"99999999999999999999\"\n"},
    {"[daemon]\nworkers =\n", "2: workers: expected a number from 1 to 64, not \"\"\n"},
    {"[daemon]\ndrain = 10\n",
     "2: drain: expected a span with its unit (us, ms, s, min, h, d) from 0 to 10min, not \"10\"\n"},
    {"[daemon]\ndrain = 11min\n",
     "2: drain: expected a span with its unit (us, ms, s, min, h, d) from 0 to 10min, not \"11min\"\n"},
    {"[daemon]\ndrain = 10 weeks\n",
     "2: drain: expected a span with its unit (us, ms, s, min, h, d) from 0 to 10min, not \"10 weeks\"\n"},
    {"[daemon]\nuser = \"x\n", "2: user: the closing quote is missing, or something stands behind it\n"},
    {"[daemon]\nuser = \"x\" y\n", "2: user: the closing quote is missing, or something stands behind it\n"},
    {"[policy]\nslow = 41 over 3d\n", "2: slow: expected \"COUNT over SPAN\" with a count from 1 to 40 (\"3 over "
                                      "10d\"), or \"never\", in \"41 over 3d\"\n"},
    {"[policy]\nslow = 3 in 3d\n",
     "2: slow: \"in\" is none of its words: over, gap, within, stale SPAN; engaged COUNT; "
     "resets opens; keep, in \"3 in 3d\"\n"},
    {"[stream x]\nslow = 3 over 40000d\n",
     "2: slow: \"over\" wants a span of time behind it (10d, 36h, 90min), not \"40000d\", in \"3 over 40000d\"\n"},
    {"[ledger]\npath =\n", "2: [ledger]: path must be given: the file; made when it is not there\n"},
    {"[log]\nlevel = in\001fo\n", "2: a control character stands in this line\n"},
    {"# \xff\n", "1: not UTF-8\n"},
    {"[ledgr]\n[lgo]\n[log]\nlevel = x\n",
     "1: there is no section [ledgr]; did you mean [ledger]?\n2: there is no section [lgo]; did you mean [log]?\n"
     "4: level: expected one of debug|info|warn|error, not \"x\"\n"},
};

static void test_every_problem_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(wrongs); i++)
        assert_problems(wrongs[i].file, wrongs[i].told);
}

static void test_limits(void **state)
{
    (void)state;
    buf file;
    buf_init(&file, 0);
    buf_adds(&file, "# ");
    for (unsigned i = 0; i < SETTINGS_MAX_LINE_BYTES; i++)
        buf_addc(&file, 'x');
    assert_problems(file.p, "1: longer than 8192 bytes\n");
    buf_clear(&file);
    buf_adds(&file, "[daemon]\nuser = ");
    for (unsigned i = 0; i <= CONF_MAX_VALUE_BYTES; i++)
        buf_addc(&file, 'x');
    assert_problems(file.p, "2: user: longer than 4096 bytes\n");
    buf_clear(&file);
    buf_adds(&file, "[rules]\n");
    for (unsigned i = 0; i <= CONF_MAX_LIST; i++)
        buf_adds(&file, "files = x\n");
    assert_problems(file.p, "1002: files: more than 1000 of them\n");
    buf_fini(&file);
}

/* ---- what is taken ---- */

static void test_defaults_are_those_of_the_policy(void **state)
{
    (void)state;
    struct policy p;
    policy_init(&p);
    struct settings *s = settings_read(SLICE_EMPTY, NULL, NULL);
    assert_non_null(s);
    arena a;
    err e;
    struct policy learnt;
    arena_init(&a, 0);
    assert_int_equal(learn_policy(s, &a, &learnt, &e), OK);
    assert_true(policy_fingerprint(&learnt) == policy_fingerprint(&p));
    arena_fini(&a);
    settings_free(&s);
}

/* Words of a setting are numbers of an enum: in its order. */
static void test_words_stand_in_the_order_of_their_enum(void **state)
{
    (void)state;
    buf presets, scopes;
    buf_init(&presets, 0);
    buf_init(&scopes, 0);
    for (unsigned i = 0; i < PRESETS; i++)
        buf_printf(&presets, "%s%s", i ? "|" : "", preset_word((enum preset)i));
    for (unsigned i = 0; i <= SCOPE_STREAM; i++)
        buf_printf(&scopes, "%s%s", i ? "|" : "", scope_word((enum scope)i));
    static const char *const sections[] = {"policy", "tenant", "stream"};
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        const struct conf_row *row = conf_row_find(conf_section_find(slice_str(sections[i])), S("preset"));
        slice words = slice_str(row->words);
        assert_slice(i ? slice_from(words, strlen("inherited|")) : words, buf_slice(&presets));
    }
    static const char *const scoped[] = {"hard_scope", "complaint_scope", "escalated_scope", "unsubscribed_scope"};
    for (size_t i = 0; i < ARRAY_LEN(scoped); i++)
        assert_slice(slice_str(conf_row_find(conf_section_find(S("policy")), slice_str(scoped[i]))->words),
                     buf_slice(&scopes));
    buf_fini(&presets);
    buf_fini(&scopes);
}

static void test_values(void **state)
{
    (void)state;
    struct settings *s = parsed("\xEF\xBB\xBF# a comment\r\n; another\r\n[ledger]\r\n  path = ../led.db # where\r\n"
                                "gather = 1ms 500us\n[daemon]\nuser=\"a # b \\\" \\\\ c\"\nseccomp = NO\n"
                                "run_dir = /run/x#y\ndrain = 1min 30 s\n[rules]\nfiles = a, /b ,\nfiles = ./c\n"
                                "[log] # here\nlevel = WARN\n[policy]\nslow = never\nquota = 3\n");
    const struct conf_ledger *ledger = settings_of(s, "ledger");
    const struct conf_daemon *daemon = settings_of(s, "daemon");
    const struct conf_rules *rules = settings_of(s, "rules");
    const struct conf_log *log = settings_of(s, "log");
    const struct conf_policy *policy = settings_of(s, "policy");
    assert_slice(ledger->path, S("/etc/../led.db"));
    assert_int_equal(ledger->gather_us, 1500);
    assert_slice(daemon->user, S("a # b \" \\ c"));
    assert_slice(daemon->run_dir, S("/run/x#y"));
    assert_int_equal(daemon->seccomp, 1);
    assert_int_equal(daemon->drain_us, 90 * TIME_SECOND);
    assert_int_equal(rules->files.n, 3);
    assert_slice(rules->files.v[0], S("/etc/a"));
    assert_slice(rules->files.v[1], S("/b"));
    assert_slice(rules->files.v[2], S("/etc/c"));
    assert_int_equal(log->level, 2);
    assert_true(policy->slow.given && policy->quota.given && !policy->campaign.given);
    assert_int_equal(policy->slow.value.count, 0);
    assert_int_equal(policy->quota.value.count, 3);
    assert_int_equal(policy->quota.value.span_us, 0);
    settings_free(&s);
}

static void test_an_empty_list_takes_the_place_of_the_default(void **state)
{
    (void)state;
    struct settings *s = parsed("[rules]\nfiles =\n");
    const struct conf_rules *rules = settings_of(s, "rules");
    assert_int_equal(rules->files.n, 0);
    settings_free(&s);
    s = parsed("");
    rules = settings_of(s, "rules");
    assert_slice(rules->files.v[0], S("/etc/bounced/rules.d"));
    settings_free(&s);
}

static void test_every_prefix_of_a_file(void **state)
{
    (void)state;
    static const char file[] =
        "\xEF\xBB\xBF[ledger]\npath = \"a\\\"b\" # c\n[daemon]\ndrain = 1min 30s\n[policy]\nslow = 3 over 2d\n";
    struct guard g;
    guard_init(&g, sizeof file);
    for (size_t n = 0; n < sizeof file; n++) {
        slice text = guard_put(&g, slice_of(file, n));
        struct settings *s = settings_parse(S("x"), text, NULL, NULL);
        settings_free(&s);
    }
    guard_fini(&g);
}

/* ---- printing ---- */

static void assert_round_trip(const struct settings *s)
{
    buf text, again;
    buf_init(&text, 0);
    buf_init(&again, 0);
    settings_print(s, false, &text);
    struct settings *second = settings_parse(SLICE_EMPTY, buf_slice(&text), gather, &again);
    assert_slice(buf_slice(&again), SLICE_EMPTY);
    assert_non_null(second);
    settings_print(second, false, &again);
    assert_slice(buf_slice(&again), buf_slice(&text));
    settings_free(&second);
    buf_fini(&text);
    buf_fini(&again);
}

static void test_what_is_printed_reads_the_same(void **state)
{
    (void)state;
    struct settings *s = settings_read(SLICE_EMPTY, NULL, NULL);
    assert_round_trip(s);
    settings_free(&s);
    s = parsed(
        "[daemon]\nuser = \" \\\" # \\\\\"\ndrain = 1500ms\n[rules]\nfiles = a b, \"c\"\n[policy]\nslow = never\n"
        "quota = 2\n");
    assert_round_trip(s);
    settings_free(&s);
}

static void test_defaults_printed_name_every_setting(void **state)
{
    (void)state;
    struct settings *s = settings_read(SLICE_EMPTY, NULL, NULL);
    buf text;
    buf_init(&text, 0);
    settings_print(s, true, &text);
    for (const struct conf_section *k = conf_sections; k->kind; k++) {
        unsigned count = 0;
        for (const struct conf_row *row = k->rows(); row->name; row++, count++) {
            char line[200];
            snprintf(line, sizeof line, "%s =", row->name);
            assert_true(row->type == CONF_SECRET || slice_find(buf_slice(&text), slice_str(line)) != SLICE_NPOS);
            assert_true(row->flags & (CONF_LIVE | CONF_START));
        }
        assert_in_range(count, 1, 64);
    }
    buf_fini(&text);
    settings_free(&s);
}

/* ---- files ---- */

static void write_file(const char *path, const char *text, mode_t mode)
{
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    assert_int_equal(fclose(f), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void test_of_a_file(void **state)
{
    (void)state;
    char directory[] = "/tmp/bounced-settings-XXXXXX", path[100];
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/x.conf", directory);
    buf told;
    buf_init(&told, 0);
    assert_null(settings_read(slice_str(path), gather, &told));
    assert_slice(buf_slice(&told), S("0: cannot be read: No such file or directory\n"));
    buf_clear(&told);
    assert_null(settings_read(slice_str(directory), gather, &told));
    assert_slice(buf_slice(&told), S("0: cannot be read: Is a directory\n"));
    buf_clear(&told);
    write_file(path, "[ledger]\npath = l.db\n", 0644);
    struct settings *s = settings_read(slice_str(path), gather, &told);
    assert_slice(buf_slice(&told), SLICE_EMPTY);
    const struct conf_ledger *ledger = settings_of(s, "ledger");
    assert_true(slice_starts(ledger->path, slice_str(directory)) && slice_ends_ci(ledger->path, S("/l.db")));
    settings_free(&s);
    buf_fini(&told);
    unlink(path);
    rmdir(directory);
}

static enum status read_secret(const char *text, const char *base, slice *out, arena *a, err *e)
{
    static const struct conf_row row = {"token", CONF_SECRET, 0, "", 0, 0, NULL, CONF_LIVE, "a secret"};
    return conf_value_read(&row, slice_str(text), slice_str(base), out, a, e);
}

static void test_secrets_of_files(void **state)
{
    (void)state;
    char directory[] = "/tmp/bounced-settings-XXXXXX", path[100];
    slice value = SLICE_EMPTY;
    arena a;
    err e;
    arena_init(&a, 0);
    assert_non_null(mkdtemp(directory));
    snprintf(path, sizeof path, "%s/token", directory);
    assert_int_equal(read_secret("@token", directory, &value, &a, &e), E_NOT_FOUND);
    write_file(path, " s3cret \nmore\n", 0600);
    assert_int_equal(read_secret("@token", directory, &value, &a, &e), OK);
    assert_slice(value, S("s3cret"));
    write_file(path, "s3cret\n", 0644);
    assert_int_equal(read_secret("@token", directory, &value, &a, &e), E_INVALID);
    assert_non_null(strstr(e.text, "everybody may read this secret; chmod 0640"));
    write_file(path, "\n", 0600);
    assert_int_equal(read_secret("@token", directory, &value, &a, &e), E_INVALID);
    assert_int_equal(read_secret("@.", directory, &value, &a, &e), E_INVALID);
    assert_int_equal(read_secret("plain", directory, &value, &a, &e), OK);
    assert_slice(value, S("plain"));
    unlink(path);
    rmdir(directory);
    arena_fini(&a);
}

/* ---- types that no single section has yet ---- */

struct typed {
    enum conf_type type;
    const char *text;
    bool good;
    int64_t value;
};

static const struct typed types[] = {
    {CONF_SIZE, "64K", true, 65536},
    {CONF_SIZE, "0", true, 0},
    {CONF_SIZE, "1 G", true, 1073741824},
    {CONF_SIZE, "64", true, 64},
    {CONF_SIZE, "64k", false, 0},
    {CONF_SIZE, "9999999999999G", false, 0},
    {CONF_SIZE, "-1", false, 0},
    {CONF_PERCENT, "2.5%", true, 25000},
    {CONF_PERCENT, "0.0001 %", true, 1},
    {CONF_PERCENT, "0.00001%", false, 0},
    {CONF_PERCENT, "100%", true, 1000000},
    {CONF_PERCENT, "5", false, 0},
    {CONF_PERCENT, ".5%", false, 0},
    {CONF_PERCENT, "1.%", false, 0},
    {CONF_LISTEN, "127.0.0.1:25", true, 0},
    {CONF_LISTEN, "[::1]:0", true, 0},
    {CONF_LISTEN, "unix:/run/x", true, 0},
    {CONF_LISTEN, "", true, 0},
    {CONF_LISTEN, "unix:x", false, 0},
    {CONF_LISTEN, "localhost:25", false, 0},
    {CONF_LISTEN, "::1:25", false, 0},
    {CONF_LISTEN, "[127.0.0.1]:25", false, 0},
    {CONF_LISTEN, "127.0.0.1", false, 0},
    {CONF_LISTEN, "127.0.0.1:65536", false, 0},
    {CONF_LISTEN, ":25", false, 0},
};

static void test_types(void **state)
{
    (void)state;
    arena a;
    err e;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        struct conf_row row = {"x", types[i].type, 0, "", 0, INT64_MAX, NULL, CONF_LIVE, ""};
        union {
            int64_t number;
            slice text;
        } v = {0};
        if ((conf_value_read(&row, slice_str(types[i].text), SLICE_EMPTY, &v, &a, &e) == OK) != types[i].good)
            fail_msg("%s", types[i].text);
        if (types[i].good && types[i].type != CONF_LISTEN)
            assert_int_equal(v.number, types[i].value);
    }
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_problem_is_told),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_defaults_are_those_of_the_policy),
        cmocka_unit_test(test_words_stand_in_the_order_of_their_enum),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_an_empty_list_takes_the_place_of_the_default),
        cmocka_unit_test(test_every_prefix_of_a_file),
        cmocka_unit_test(test_what_is_printed_reads_the_same),
        cmocka_unit_test(test_defaults_printed_name_every_setting),
        cmocka_unit_test(test_of_a_file),
        cmocka_unit_test(test_secrets_of_files),
        cmocka_unit_test(test_types),
    };
    return cmocka_run_group_tests_name("settings", tests, NULL, NULL);
}
