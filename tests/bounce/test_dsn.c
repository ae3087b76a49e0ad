#include "base/buf.h"
#include "bounce/reports.h"
#include "check.h"

#define TOP                                                                                                  \
    "From: MAILER-DAEMON@mx.example.org\nTo: us@example.com\nSubject: Undelivered Mail Returned to Sender\n" \
    "MIME-Version: 1.0\nContent-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
#define MACHINE(fields) TOP "--b\n\nSorry.\n\n--b\nContent-Type: message/delivery-status\n\n" fields "\n--b--\n"

static const struct reports_case well_formed[] = {
    {"RFC 3464",
     MACHINE("Reporting-MTA: dns; mx.example.org\nArrival-Date: Thu, 1 Jan 2026 00:00:00 +0000\n\n"
             "Original-Recipient: rfc822;team@example.net\nFinal-Recipient: rfc822;joe@example.net\n"
             "Action: failed\nStatus: 5.1.1\nRemote-MTA: dns; mx.example.net\n"
             "Diagnostic-Code: smtp; 550 5.1.1 <joe@example.net>... User unknown\n"),
     "osd",
     "failed joe@example.net original=team@example.net status=5.1.1 said=550 5.1.1 <joe@example.net>... User unknown"},
    {"two recipients",
     MACHINE("Reporting-MTA: dns; mx.example.org\n\n"
             "Final-Recipient: rfc822;joe@example.net\nAction: failed\nStatus: 5.1.1\n\n"
             "Final-Recipient: rfc822;ann@example.net\nAction: delayed\nStatus: 4.2.2\n"),
     "s", "failed joe@example.net status=5.1.1 | delayed ann@example.net status=4.2.2"},
    {"every action",
     MACHINE("Reporting-MTA: dns; x\n\n"
             "Final-Recipient: rfc822;a@example.net\nAction: failed\nStatus: 5.0.0\n\n"
             "Final-Recipient: rfc822;b@example.net\nAction: delayed\nStatus: 4.0.0\n\n"
             "Final-Recipient: rfc822;c@example.net\nAction: delivered\nStatus: 2.0.0\n\n"
             "Final-Recipient: rfc822;d@example.net\nAction: relayed\nStatus: 2.0.0\n\n"
             "Final-Recipient: rfc822;e@example.net\nAction: expanded\nStatus: 2.0.0\n"),
     "",
     "failed a@example.net | delayed b@example.net | delivered c@example.net | relayed d@example.net | "
     "expanded e@example.net"},
    {"given up: failed with 4.x.x",
     MACHINE("Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822;a@example.net\n"
             "Action: failed\nStatus: 4.4.1\n"),
     "", "expired a@example.net"},
    {"RFC 6533",
     TOP "--b\nContent-Type: message/global-delivery-status\n\nReporting-MTA: dns; x\n\n"
         "Final-Recipient: utf-8; ren\xc3\xa9@example.net\nAction: failed\nStatus: 5.1.1\n\n--b--\n",
     "", "failed ren\xc3\xa9@example.net"},
    {"a machine part in base64",
     TOP "--b\nContent-Type: message/delivery-status\nContent-Transfer-Encoding: base64\n\n"
         "UmVwb3J0aW5nLU1UQTogZG5zOyB4CgpGaW5hbC1SZWNpcGllbnQ6IHJmYzgyMjsgYUBleGFtcGxl\n"
         "Lm5ldApBY3Rpb246IGZhaWxlZApTdGF0dXM6IDUuMS4xCg==\n--b--\n",
     "s", "failed a@example.net status=5.1.1"},
};

static const struct reports_case broken[] = {
    {"no empty line between the groups",
     MACHINE("Reporting-MTA: dns; x\nFinal-Recipient: rfc822;a@example.net\nAction: failed\nStatus: 5.1.1\n"
             "Final-Recipient: rfc822;b@example.net\nAction: failed\nStatus: 5.2.2\n"),
     "s", "failed a@example.net status=5.1.1 | failed b@example.net status=5.2.2"},
    {"Action first, no empty lines",
     MACHINE("Reporting-MTA: dns; x\nAction: failed\nFinal-Recipient: rfc822;a@example.net\nStatus: 5.1.1\n"
             "Action: delayed\nFinal-Recipient: rfc822;b@example.net\nStatus: 4.2.2\n"),
     "s", "failed a@example.net status=5.1.1 | delayed b@example.net status=4.2.2"},
    {"a group that is torn by an empty line",
     MACHINE("Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822;a@example.net\n\nAction: failed\nStatus: 5.1.1\n"), "s",
     "failed a@example.net status=5.1.1"},
    {"recipient before the fields of the message",
     MACHINE("Final-Recipient: rfc822;a@example.net\nAction: failed\nStatus: 5.1.1\n\nReporting-MTA: dns; x\n"), "s",
     "failed a@example.net status=5.1.1"},
    {"no Action", MACHINE("Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822;a@example.net\nStatus: 5.1.1\n"), "",
     "failed a@example.net"},
    {"Status with a comment",
     MACHINE("Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822;a@example.net\nAction: failed\n"
             "Status: 5.2.2 (mailbox full)\n"),
     "sd", "failed a@example.net status=5.2.2 said=5.2.2 (mailbox full)"},
    {"lower case and blanks before the colon",
     MACHINE("reporting-mta : dns; x\n\nfinal-recipient : rfc822 ; a@example.net\naction : Failed\nstatus : 5.1.1\n"),
     "s", "failed a@example.net status=5.1.1"},
    {"a diagnostic folded without white space",
     MACHINE("Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822;a@example.net\nAction: failed\nStatus: 5.1.1\n"
             "Diagnostic-Code: smtp; 550 no such\nuser here\n"),
     "d", "failed a@example.net said=550 no such user here"},
    {"only Original-Recipient",
     MACHINE("Reporting-MTA: dns; x\n\nOriginal-Recipient: rfc822;a@example.net\nAction: failed\nStatus: 5.1.1\n"), "",
     "failed a@example.net"},
    {"Final-Recipient without a domain",
     MACHINE("Reporting-MTA: dns; x\n\nFinal-Recipient: LOCAL; a\nX-Actual-Recipient: rfc822; a@example.net\n"
             "Action: failed\nStatus: 5.1.1\n"),
     "", "failed a@example.net"},
    {"the machine part as text",
     TOP "--b\nContent-Type: text/plain\n\nReport:\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822;a@example.net\n"
         "Action: failed\nStatus: 5.1.1\n\n--b--\n",
     "", "failed a@example.net"},
    {"an indented block in a text",
     "From: postmaster@example.net\nTo: us@example.com\nSubject: Mail status report\n\n"
     "Your message was not delivered.\n\n  Reporting-MTA: dns; x\n  Final-Recipient: "
     "RFC822; a@example.net\n  Action: failed\n  Status: 5.7.1\n  Diagnostic-Code: SMTP; "
     "550 no\n    more\n",
     "sd", "failed a@example.net status=5.7.1 said=550 no more"},
    {"the same recipient for each alias",
     MACHINE("Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822;a@example.net\nAction: failed\nStatus: 5.1.1\n\n"
             "Final-Recipient: rfc822;A@example.net\nAction: failed\nStatus: 5.1.1\n"),
     "", "failed a@example.net"},
    {"words from the text for people",
     TOP "--b\n\n<a@example.net>: host mx.example.net said: 550 5.1.1 User unknown\n\n--b\n"
         "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n\nFinal-Recipient: rfc822;a@example.net\n"
         "Action: failed\nStatus: 5.0.0\n\n--b--\n",
     "d", "failed a@example.net said=host mx.example.net said: 550 5.1.1 User unknown"},
};

static const struct reports_case none[] = {
    {"a forwarded report",
     "From: Ann <ann@example.com>\nTo: help@example.com\nSubject: Fwd: Undelivered Mail Returned to Sender\n"
     "MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nWhat is this?\n\n--b\n"
     "Content-Type: message/rfc822\n\n" MACHINE("Final-Recipient: rfc822;a@example.net\nAction: failed\n") "--b--\n",
     "", ""},
};

/* What only the words in the text tell. */
#define WITH_TEXT(text, fields) TOP "--b\n\n" text "\n--b\nContent-Type: message/delivery-status\n\n" fields "\n--b--\n"
#define ABOUT(who, more) "Final-Recipient: rfc822;" who "\nAction: failed\nStatus: 5.0.0\n" more

static const struct reports_case completed[] = {
    {"each its own paragraph",
     WITH_TEXT("Failed:\n\nann@example.net: 550 mailbox full\n\njoe@example.net: Domain does not exist\n",
               "Reporting-MTA: dns; x\n\n" ABOUT("joe@example.net", "\n") ABOUT("ann@example.net", "")),
     "d", "failed joe@example.net said=Domain does not exist | failed ann@example.net said=550 mailbox full"},
    {"the rest of a reply of which the first line was passed on",
     WITH_TEXT(
         "   ----- Transcript of session follows -----\n>>> DATA\n<<< 550-5.7.1 Our system has\n"
         "<<< 550 5.7.1 detected spam\n554 5.0.0 Service unavailable\n",
         "Reporting-MTA: dns; x\n\n" ABOUT("joe@example.net", "Diagnostic-Code: SMTP; 550-5.7.1 Our system has\n")),
     "d", "failed joe@example.net said=550-5.7.1 Our system has 550 5.7.1 detected spam"},
    {"Exim: given up, status 5.0.0",
     MACHINE("Reporting-MTA: dns; x\n\n" ABOUT("joe@example.net", "Diagnostic-Code: smtp; 451 4.7.1 Greylisted: retry "
                                                                  "timeout exceeded\n")),
     "", "expired joe@example.net"},
    {"OpenSMTPD: given up, called delayed",
     WITH_TEXT("A message is delayed for the following recipients:\n\njoe@example.net: Envelope expired\n",
               "Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822;joe@example.net\nAction: delayed\nStatus: 4.4.7\n"),
     "d", "expired joe@example.net said=Envelope expired"},
    {"delayed with 4.4.7 and still tried",
     MACHINE("Reporting-MTA: dns; x\n\nFinal-Recipient: rfc822;joe@example.net\nAction: delayed\nStatus: 4.4.7\n"
             "Will-Retry-Until: Thu, 1 Jan 2026 00:00:00 +0000\n"),
     "", "delayed joe@example.net"},
    {"Exim: octets as \\ooo",
     MACHINE("Reporting-MTA: dns; x\n\n" ABOUT(
         "joe@example.net",
         "Diagnostic-Code: smtp; 550 \\316\\305\\324 \\324\\301\\313\\317\\307\\317 \\321\\335\\311\\313\\301\n")),
     "d", "failed joe@example.net said=550 нет такого ящика"},
    {"a bare reply and the command that it answered",
     WITH_TEXT("<joe@example.net>: host mx.example.net[192.0.2.1] said: 550 (in reply to end of DATA command)\n",
               "Reporting-MTA: dns; x\n\n" ABOUT("joe@example.net", "Diagnostic-Code: smtp; 550\n")),
     "d", "failed joe@example.net said=host mx.example.net[192.0.2.1] said: 550 (in reply to end of DATA command)"},
};

static void test_completed(void **state)
{
    reports_check(*state, completed, ARRAY_LEN(completed));
}

static void test_well_formed(void **state)
{
    reports_check(*state, well_formed, ARRAY_LEN(well_formed));
}

static void test_broken(void **state)
{
    reports_check(*state, broken, ARRAY_LEN(broken));
}

static void test_none(void **state)
{
    reports_check(*state, none, ARRAY_LEN(none));
}

/* More groups than a message may have reports: a limit, with what was found so far. */
static void test_too_many(void **state)
{
    struct reports_fixture *f = *state;
    buf b;
    buf_init(&b, 0);
    buf_adds(&b, TOP "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; x\n");
    for (unsigned i = 0; i < BOUNCE_MAX_REPORTS + 1000; i++)
        buf_printf(&b, "\nFinal-Recipient: rfc822;u%u@x.example\nAction: failed\n", i);
    struct bounce_result r;
    arena_reset(&f->arena);
    assert_int_equal(bounce_read(f->reader, buf_slice(&b), NULL, &f->arena, &r), BOUNCE_LIMIT);
    assert_int_equal(r.report_count, BOUNCE_MAX_REPORTS);
    assert_true(r.diag & BOUNCE_DIAG_TOO_MANY_REPORTS);
    buf_fini(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_well_formed), cmocka_unit_test(test_broken),   cmocka_unit_test(test_completed),
        cmocka_unit_test(test_none),        cmocka_unit_test(test_too_many),
    };
    return cmocka_run_group_tests(tests, reports_set_up, reports_tear_down);
}
