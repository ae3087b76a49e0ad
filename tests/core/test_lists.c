/* Lists of other systems: every format in, every format out, and what an import may never do. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/acts.h"
#include "core/check.h"
#include "core/list_apply.h"
#include "core/lists.h"

#define NOW_US (INT64_C(1760000000) * TIME_SECOND)

struct world {
    struct ledger *ledger;
    struct policy policy;
    arena a;
};

static void world_open(struct world *w)
{
    err e;
    struct ledger_options o = {.path = ":memory:", .create = true};
    arena_init(&w->a, 0);
    assert_int_equal(ledger_open(&o, &w->ledger, &e), OK);
    policy_init(&w->policy);
}

static void world_close(struct world *w)
{
    ledger_close(&w->ledger);
    arena_fini(&w->a);
}

struct source {
    slice rest;
    size_t piece; /* bytes given at once */
};

static long give(void *ctx, char *p, size_t n)
{
    struct source *s = ctx;
    if (n > s->piece)
        n = s->piece;
    if (n > s->rest.n)
        n = s->rest.n;
    memcpy(p, s->rest.p, n);
    s->rest = slice_from(s->rest, n);
    return (long)n;
}

static enum status import_with(struct world *w, slice text, size_t piece, bool dry_run, slice stream,
                               struct list_import_result *out)
{
    struct list_import_options o = {
        .actor = S("anna"), .origin = S("test"), .stream = stream, .dry_run = dry_run, .now_us = NOW_US};
    struct source s = {text, piece};
    err e;
    return list_import(w->ledger, &w->policy, &o, give, &s, &w->a, out, &e);
}

static struct list_import_result import(struct world *w, slice text)
{
    struct list_import_result r;
    assert_int_equal(import_with(w, text, 4096, false, SLICE_EMPTY, &r), OK);
    return r;
}

static struct check_answer ask(struct world *w, const char *who)
{
    struct check_answer out;
    err e;
    slice in = slice_str(who);
    assert_int_equal(check_ledger(w->ledger, &w->policy, SLICE_EMPTY, SLICE_EMPTY, &in, 1, NOW_US, &w->a, &out, &e),
                     OK);
    return out;
}

/* Each list suppresses x@example.com for one cause since one time. */
struct sample {
    const char *name;
    slice text;
    enum cause cause;
    int64_t since_s; /* 0: now */
};

static const struct sample SAMPLES[] = {
    {"ses csv", SLICE_INIT("x@example.com,BOUNCE\n"), CAUSE_HARD, 0},
    {"ses ndjson", SLICE_INIT("{\"emailAddress\":\"x@example.com\",\"reason\":\"COMPLAINT\"}\n"), CAUSE_COMPLAINT, 0},
    {"ses api",
     SLICE_INIT("{\"SuppressedDestinationSummaries\":[{\"EmailAddress\":\"x@example.com\",\"Reason\":\"BOUNCE\","
                "\"LastUpdateTime\":1700000000}],\"NextToken\":\"t\"}"),
     CAUSE_HARD, 1700000000},
    {"ses one",
     SLICE_INIT("{\"SuppressedDestination\":{\"EmailAddress\":\"x@example.com\",\"Reason\":\"COMPLAINT\","
                "\"LastUpdateTime\":1700000000,\"Attributes\":{\"MessageId\":\"m\"}}}"),
     CAUSE_COMPLAINT, 1700000000},
    {"sendgrid json",
     SLICE_INIT("[{\"created\":1250337600,\"email\":\"x@example.com\",\"reason\":\"550 5.1.1 no such user\",\"status\":"
                "\"5.1.1\"}]"),
     CAUSE_HARD, 1250337600},
    {"sendgrid csv", SLICE_INIT("status,reason,email,created\n5.1.1,\"550 5.1.1, no\",x@example.com,1250337600\n"),
     CAUSE_HARD, 1250337600},
    {"mailgun bounces",
     SLICE_INIT("address,code,error,created_at\nx@example.com,550,No such mailbox,\"Fri, 21 Oct 2011 11:02:55 GMT\"\n"),
     CAUSE_HARD, 1319194975},
    {"mailgun unsubscribes", SLICE_INIT("address,tags,created_at\nx@example.com,*,\"Fri, 21 Oct 2011 11:02:55 GMT\"\n"),
     CAUSE_UNSUBSCRIBED, 1319194975},
    {"mailgun json",
     SLICE_INIT("{\"items\":[{\"address\":\"x@example.com\",\"code\":\"550\",\"error\":\"no\",\"created_at\":\"Fri, 21 "
                "Oct 2011 "
                "11:02:55 GMT\"}],\"paging\":{\"next\":\"u\"}}"),
     CAUSE_HARD, 1319194975},
    {"postmark",
     SLICE_INIT(
         "{\"Suppressions\":[{\"EmailAddress\":\"x@example.com\",\"SuppressionReason\":\"SpamComplaint\",\"Origin\":"
         "\"Recipient\",\"CreatedAt\":\"2019-12-10T08:58:33.1234567-05:00\"}]}"),
     CAUSE_COMPLAINT, 1575986313},
    {"sparkpost csv", SLICE_INIT("recipient,type,description\nx@example.com,transactional,mine\n"), CAUSE_MANUAL, 0},
    {"sparkpost json",
     SLICE_INIT(
         "{\"results\":[{\"recipient\":\"x@example.com\",\"type\":\"non_transactional\",\"source\":\"Bounce Rule\","
         "\"description\":\"d\",\"created\":\"2019-12-10T08:58:33+00:00\"}]}"),
     CAUSE_HARD, 1575968313},
    {"brevo csv", SLICE_INIT("EMAIL;NAME\nx@example.com;Max\n"), CAUSE_IMPORTED, 0},
    {"brevo json",
     SLICE_INIT("{\"contacts\":[{\"email\":\"x@example.com\",\"senderEmail\":\"s@example.org\",\"blockedAt\":\"2020-04-"
                "18T20:33:17Z\","
                "\"reason\":{\"code\":\"unsubscribedViaEmail\",\"message\":\"m\"}}],\"count\":1}"),
     CAUSE_UNSUBSCRIBED, 1587241997},
    {"klaviyo", SLICE_INIT("Email,Suppression reason,Date\nx@example.com,HARD_BOUNCE,2021-01-02 03:04:05\n"),
     CAUSE_HARD, 1609556645},
    {"mailchimp cleaned",
     SLICE_INIT("Email Address,First "
                "Name,MEMBER_RATING,OPTIN_TIME,CLEAN_TIME,CLEAN_CAMPAIGN_TITLE\nx@example.com,Ann,2,2018-01-01 "
                "00:00:00,2021-01-02 03:04:05,News\n"),
     CAUSE_HARD, 1609556645},
    {"mailchimp unsubscribed",
     SLICE_INIT("Email Address,MEMBER_RATING,OPTIN_TIME,UNSUB_TIME,UNSUB_REASON\nx@example.com,2,2018-01-01 "
                "00:00:00,2021-01-02 "
                "03:04:05,no longer interested\n"),
     CAUSE_UNSUBSCRIBED, 1609556645},
    {"hubspot",
     SLICE_INIT("Email,hs_email_hard_bounce_reason_enum,hs_email_bad_address\nx@example.com,UNKNOWN_USER,false\n"),
     CAUSE_HARD, 0},
    {"sfmc",
     SLICE_INIT("ClientID,SendID,SubscriberKey,EmailAddress,SubscriberID,ListID,EventDate,EventType,BounceCategory,"
                "SMTPCode,BounceReason\n"
                "1,2,key-3,x@example.com,4,5,2021-01-02 03:04:05,Bounce,Hard bounce,550,no user\n"),
     CAUSE_HARD, 1609556645},
    {"mandrill",
     SLICE_INIT(
         "email,reason,detail,created_at,last_event_at,expires_at,expired,subaccount\nx@example.com,spam,,2021-01-02 "
         "03:04:05,,,no,\n"),
     CAUSE_COMPLAINT, 1609556645},
    {"plain", SLICE_INIT("x@example.com\n"), CAUSE_IMPORTED, 0},
    {"tabs", SLICE_INIT("e-mail\treason\r\nx@example.com\trole\r\n"), CAUSE_ROLE, 0},
    {"utf-8 mark",
     SLICE_INIT("\xef\xbb\xbf"
                "email;reason\r\nx@example.com;unsubscribe\r\n"),
     CAUSE_UNSUBSCRIBED, 0},
    {"utf-16",
     SLICE_INIT("\xff\xfe"
                "e\0m\0a\0i\0l\0\n\0x\0@\0e\0x\0a\0m\0p\0l\0e\0.\0c\0o\0m\0\n\0"),
     CAUSE_IMPORTED, 0},
    {"utf-16 without mark", SLICE_INIT("\0e\0m\0a\0i\0l\0\n\0x\0@\0e\0x\0a\0m\0p\0l\0e\0.\0c\0o\0m"), CAUSE_IMPORTED,
     0},
    {"latin-1", SLICE_INIT("name,email\nM\xfcller,x@example.com\n"), CAUSE_IMPORTED, 0},
    {"old mac", SLICE_INIT("email,reason\rx@example.com,spam\r"), CAUSE_COMPLAINT, 0},
    {"quoted", SLICE_INIT("\"email\",\"note\"\n\"x@example.com\",\"a \"\"b\"\",\nsecond line\"\n"), CAUSE_IMPORTED, 0},
    {"own ndjson",
     SLICE_INIT("{\"email\":\"x@example.com\",\"cause\":\"spamtrap\",\"since\":\"2021-01-02T03:04:05Z\"}\n"),
     CAUSE_SPAMTRAP, 1609556645},
};

static void test_formats_in(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(SAMPLES); i++)
        for (size_t piece = 1; piece < 5000; piece = piece * 7 + 1) {
            struct world w;
            struct list_import_result r;
            world_open(&w);
            if (import_with(&w, SAMPLES[i].text, piece, false, SLICE_EMPTY, &r) != OK || r.fresh != 1 || r.invalid)
                fail_msg("%s: fresh %u, invalid %u", SAMPLES[i].name, (unsigned)r.fresh, (unsigned)r.invalid);
            struct check_answer a = ask(&w, "x@example.com");
            int64_t want = SAMPLES[i].since_s ? SAMPLES[i].since_s * TIME_SECOND : NOW_US;
            if (a.cause != SAMPLES[i].cause || a.since_us / TIME_SECOND != want / TIME_SECOND)
                fail_msg("%s: cause %s since %lld", SAMPLES[i].name, cause_word(a.cause),
                         (long long)(a.since_us / TIME_SECOND));
            world_close(&w);
        }
}

static void test_counts(void **state)
{
    (void)state;
    static const slice list = SLICE_INIT("email,reason,date\n"
                                         "a@example.com,bounce,2020-01-01\n"
                                         "b@example.com,spam,2020-01-01\n"
                                         "not an address,bounce,2020-01-01\n"
                                         "c@example.com,delivered,2020-01-01\n");
    struct world w;
    struct list_import_result r;
    world_open(&w);
    assert_int_equal(import_with(&w, list, 100, true, SLICE_EMPTY, &r), OK);
    assert_int_equal(r.fresh, 2);
    assert_int_equal(r.invalid, 1);
    assert_int_equal(r.ignored, 1);
    assert_int_equal(r.bad[0].line, 4);
    assert_false(ask(&w, "a@example.com").known); /* a dry run keeps nothing */
    r = import(&w, list);
    assert_int_equal(r.fresh, 2);
    r = import(&w, list);
    assert_int_equal(r.fresh, 0);
    assert_int_equal(r.already, 2);
    /* the strongest reason wins, the earliest date stays */
    r = import(&w, S("email,reason,date\na@example.com,manual,2019-01-01\na@example.com,bounce,2018-01-01\n"
                     "a@example.com,bounce,2021-01-01\na@example.com,complaint,2021-01-01\n"));
    assert_int_equal(r.weaker, 1);
    assert_int_equal(r.already, 2);
    assert_int_equal(r.fresh, 1);
    struct check_answer a = ask(&w, "a@example.com");
    assert_int_equal(a.cause, CAUSE_COMPLAINT);
    world_close(&w);
}

static void test_never_lifts(void **state)
{
    (void)state;
    struct world w;
    struct act_result done;
    err e;
    world_open(&w);
    import(&w, S("email,reason\na@example.com,spam\n"));
    import(&w, S("email,reason\na@example.com,delivered\n"));
    import(&w, S("email,reason\na@example.com,softbounce\n"));
    assert_int_equal(ask(&w, "a@example.com").cause, CAUSE_COMPLAINT);
    /* nor does an old list suppress what was lifted later */
    struct act act = {.address = S("b@example.com"),
                      .actor = S("anna"),
                      .note = S("n"),
                      .reverified = S("verification"),
                      .scope = SCOPE_TENANT,
                      .time_us = NOW_US};
    import(&w, S("email,reason,date\nb@example.com,bounce,2020-01-01\n"));
    assert_int_equal(suppress_lift(w.ledger, &w.policy, &act, &done, &e), OK);
    struct list_import_result r =
        import(&w, S("email,reason,date\nb@example.com,bounce,2020-01-01\nb@example.com,bounce,2021-01-01\n"));
    assert_int_equal(r.fresh, 0);
    assert_int_equal(ask(&w, "b@example.com").word, CHECK_SEND);
    world_close(&w);
}

static void test_refused(void **state)
{
    (void)state;
    struct world w;
    struct list_import_result r;
    world_open(&w);
    assert_int_equal(import_with(&w, S("Email Address,MEMBER_RATING,OPTIN_TIME\na@example.com,2,2020-01-01\n"), 100,
                                 false, SLICE_EMPTY, &r),
                     E_INVALID);
    assert_int_equal(import_with(&w, S("{\"email\": \"a@example.com\""), 100, false, SLICE_EMPTY, &r), E_INVALID);
    assert_int_equal(import_with(&w, S("[{]"), 100, false, SLICE_EMPTY, &r), E_INVALID);
    assert_false(ask(&w, "a@example.com").known);
    assert_int_equal(import_with(&w, S(""), 100, false, SLICE_EMPTY, &r), OK);
    assert_int_equal(r.lines, 0);
    world_close(&w);
}

static void test_stray_quote(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    struct list_import_result r =
        import(&w, S("email,name\na@example.com,the \"b\" man\n\"b@example.com,open\nc@example.com,x\n"));
    assert_int_equal(r.lines, 3);
    assert_int_equal(ask(&w, "a@example.com").word, CHECK_SUPPRESSED);
    assert_int_equal(ask(&w, "c@example.com").word, CHECK_SUPPRESSED);
    world_close(&w);
}

static void test_hashes(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    import(&w, S("email,reason\nx@example.com,delivered\n"));
    /* known, but not suppressed */
    struct act act = {.address = S("x@example.com"),
                      .actor = S("anna"),
                      .note = S("n"),
                      .scope = SCOPE_TENANT,
                      .time_us = NOW_US - 1};
    struct act_result done;
    err e;
    assert_int_equal(suppress_add(w.ledger, &w.policy, &act, &done, &e), OK);
    act.time_us++;
    assert_int_equal(suppress_lift(w.ledger, &w.policy, &act, &done, &e), OK);
    /* md5 and sha-256 of x@example.com, and of nobody */
    struct list_import_result r = import(&w, S("md5\n00000000000000000000000000000000\n"));
    assert_int_equal(r.ignored, 1);
    assert_int_equal(r.fresh, 0);
    char hex[200];
    FILE *p = popen("printf x@example.com | sha256sum", "r");
    assert_non_null(p);
    assert_non_null(fgets(hex, sizeof(hex), p));
    pclose(p);
    struct list_import_options o = {.actor = S("anna"), .now_us = NOW_US + 10};
    slice text = arena_printf(&w.a, "hash\n%.64s\n", hex);
    struct source s = {text, 7};
    assert_int_equal(list_import(w.ledger, &w.policy, &o, give, &s, &w.a, &r, &e), OK);
    assert_int_equal(r.fresh, 1);
    assert_int_equal(r.ignored, 0);
    world_close(&w);
}

static slice export_as(struct world *w, enum list_format format, enum cause cause, slice stream, const char *path)
{
    struct list_export_options o = {.format = format, .cause = cause, .stream = stream, .now_us = NOW_US};
    uint64_t n;
    err e = {.text = ""};
    if (list_export_file(w->ledger, &o, path, &n, &e) != OK)
        fail_msg("%s", e.text);
    char *text = arena_alloc(&w->a, 65536);
    assert_non_null(text);
    int fd = open(path, O_RDONLY);
    ssize_t got = read(fd, text, 65536);
    assert_true(got >= 0);
    close(fd);
    return slice_of(text, (size_t)got);
}

static void test_formats_out(void **state)
{
    (void)state;
    struct world w;
    world_open(&w);
    char dir[] = "/tmp/bounced-test-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/list", dir);
    import(&w,
           S("email,reason,date\na@example.com,bounce,2021-01-02T03:04:05Z\nb@example.com,spam,2021-01-02T03:04:05Z\n"
             "\"o,d\"@example.com,bounce,2021-01-02T03:04:05Z\n\"\"\"o,d\"\"@example.com\",manual,2021-01-02T03:04:"
             "05Z\n"));
    struct list_import_result r;
    assert_int_equal(import_with(&w, S("email,reason\nc@example.com,unsubscribe\n"), 9, false, S("news"), &r), OK);
    struct act act = {
        .address = S("@example.net"), .actor = S("anna"), .note = S("n"), .scope = SCOPE_TENANT, .time_us = NOW_US};
    struct act_result done;
    err e;
    assert_int_equal(suppress_add(w.ledger, &w.policy, &act, &done, &e), OK);

    slice csv = export_as(&w, LIST_CSV, CAUSE_NONE, SLICE_EMPTY, path);
    assert_true(slice_find(csv, S("\"\"\"o,d\"\"@example.com\",manual,tenant,,,2021-01-02T03:04:05Z,\n")) !=
                SLICE_NPOS);
    assert_true(slice_find(csv, S("a@example.com,hard,global,,,2021-01-02T03:04:05Z,\n")) != SLICE_NPOS);
    assert_true(slice_find(csv, S("@example.net,manual")) != SLICE_NPOS);
    assert_true(slice_find(csv, S("c@example.com")) == SLICE_NPOS);
    assert_true(slice_find(export_as(&w, LIST_CSV, CAUSE_NONE, S("news"), path),
                           S("c@example.com,unsubscribed,stream,news")) != SLICE_NPOS);
    slice access = export_as(&w, LIST_POSTFIX_ACCESS, CAUSE_NONE, SLICE_EMPTY, path);
    assert_true(
        slice_eq(access, S("a@example.com\tREJECT suppressed: hard\nb@example.com\tREJECT suppressed: complaint\n"
                           "example.net\tREJECT suppressed: manual\n")));
    assert_true(slice_eq(export_as(&w, LIST_EXIM, CAUSE_NONE, SLICE_EMPTY, path),
                         S("a@example.com: hard\nb@example.com: complaint\n*@example.net: manual\n")));
    assert_true(slice_eq(export_as(&w, LIST_SES, CAUSE_COMPLAINT, SLICE_EMPTY, path), S("b@example.com,COMPLAINT\n")));
    assert_true(
        slice_eq(export_as(&w, LIST_MAILGUN, CAUSE_HARD, SLICE_EMPTY, path),
                 S("address,code,error,created_at\na@example.com,550,hard,\"Sat, 02 Jan 2021 03:04:05 GMT\"\n")));
    /* of "abc" by RFC 1321, of "abc" by FIPS 180-4, and of lower case only */
    char hex[64], lower[64];
    assert_int_equal(list_address_hash(S("abc"), false, hex), 32);
    assert_memory_equal(hex, "900150983cd24fb0d6963f7d28e17f72", 32);
    assert_int_equal(list_address_hash(S("ABC"), true, hex), 64);
    assert_int_equal(list_address_hash(S("abc"), true, lower), 64);
    assert_memory_equal(hex, lower, 64);
    assert_memory_equal(hex, "ba7816bf8f01cfea414140de5dae2223", 32);
    assert_int_equal(export_as(&w, LIST_MD5, CAUSE_COMPLAINT, SLICE_EMPTY, path).n, 33);
    /* what goes out comes in again */
    for (unsigned f = LIST_CSV; f < LIST_FORMATS; f++) {
        if (!list_format_exportable((enum list_format)f) || !list_format_importable((enum list_format)f))
            continue;
        struct world other;
        slice text = export_as(&w, (enum list_format)f, CAUSE_NONE, SLICE_EMPTY, path);
        world_open(&other);
        struct list_import_result in = import(&other, text);
        if (f != LIST_MD5 && f != LIST_SHA256 && (in.invalid || ask(&other, "b@example.com").word != CHECK_SUPPRESSED))
            fail_msg("%s does not come in again", list_format_word((enum list_format)f));
        world_close(&other);
    }
    /* nothing but the list is left in the directory */
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(dir), 0);
    world_close(&w);
}

static void test_export_keeps_the_old_list(void **state)
{
    (void)state;
    struct world w;
    err e;
    uint64_t n;
    struct list_export_options o = {.format = LIST_PLAIN, .now_us = NOW_US};
    world_open(&w);
    assert_int_equal(list_export_file(w.ledger, &o, "/nonexistent/list", &n, &e), E_NOT_FOUND);
    assert_int_equal(list_export_file(w.ledger, &o, "/dev/null", &n, &e), E_INVALID);
    o.format = LIST_AUTO;
    assert_int_equal(list_export_fd(w.ledger, &o, 1, &n, &e), E_INVALID);
    int fd = open("/dev/full", O_WRONLY);
    if (fd >= 0) {
        import(&w, S("a@example.com\n"));
        o.format = LIST_PLAIN;
        assert_int_equal(list_export_fd(w.ledger, &o, fd, &n, &e), E_FULL);
        close(fd);
    }
    world_close(&w);
}

static void test_acquired(void **state)
{
    (void)state;
    struct world w;
    struct acquired_result r;
    struct ledger_acquired q;
    err e;
    world_open(&w);
    struct source s = {
        S("Email;Source;Form;Signed_Up\nA@Example.com;partner;landing;2021-01-02\nbroken;x;y;2021-01-02\n"
          "b@example.com;form;home;yesterday\n"),
        11};
    assert_int_equal(acquired_import(w.ledger, SLICE_EMPTY, S("2021-1"), false, give, &s, &w.a, &r, &e), OK);
    assert_int_equal(r.lines, 3);
    assert_int_equal(r.stored, 1);
    assert_int_equal(r.invalid, 2);
    assert_int_equal(ledger_get_acquired(w.ledger, SLICE_EMPTY, S("a@example.com"), &w.a, &q, &e), OK);
    assert_true(slice_eq(q.source, S("partner")) && slice_eq(q.batch, S("2021-1")));
    struct source nameless = {S("a@example.com;partner\n"), 100};
    assert_int_equal(acquired_import(w.ledger, SLICE_EMPTY, SLICE_EMPTY, false, give, &nameless, &w.a, &r, &e),
                     E_INVALID);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_formats_in),  cmocka_unit_test(test_counts),
        cmocka_unit_test(test_never_lifts), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_stray_quote), cmocka_unit_test(test_hashes),
        cmocka_unit_test(test_formats_out), cmocka_unit_test(test_export_keeps_the_old_list),
        cmocka_unit_test(test_acquired),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
