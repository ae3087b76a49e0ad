#include "bounce/reports.h"
#include "check.h"

#define TOP(subject)                                                                                          \
    "From: fbl@example.org\nTo: abuse@example.com\nSubject: " subject "\nMIME-Version: 1.0\n"                 \
    "Content-Type: multipart/report; report-type=feedback-report; boundary=b\n\n--b\n\nA complaint.\n\n--b\n" \
    "Content-Type: message/feedback-report\n\n"
#define RETURNED(fields) \
    "\n--b\nContent-Type: message/rfc822\n\nFrom: us@example.com\n" fields "Subject: Hi\n\nHi\n--b--\n"

static const struct reports_case cases[] = {
    {"Original-Rcpt-To",
     TOP("x") "Feedback-Type: abuse\nVersion: 1\nOriginal-Rcpt-To: <joe@example.net>\n" RETURNED(
         "To: list@example.com\n"),
     "f", "complaint joe@example.net format=arf"},
    {"several of them",
     TOP("x") "Feedback-Type: abuse\nOriginal-Rcpt-To: joe@example.net\nOriginal-Rcpt-To: "
              "ann@example.net\n" RETURNED("To: list@example.com\n"),
     "", "complaint joe@example.net | complaint ann@example.net"},
    {"Removal-Recipient", TOP("x") "Feedback-Type: abuse\nRemoval-Recipient: joe@example.net\n" RETURNED(""), "",
     "complaint joe@example.net"},
    {"To of the returned mail", TOP("x") "Feedback-Type: abuse\n" RETURNED("To: Joe <joe@example.net>\n"), "",
     "complaint joe@example.net"},
    {"redacted", TOP("FW: x") "Feedback-Type: abuse\n" RETURNED("To: <Undisclosed Recipients>\n"), "", "complaint "},
    {"not spam", TOP("x") "Feedback-Type: not-spam\nOriginal-Rcpt-To: joe@example.net\n" RETURNED(""), "",
     "not-spam joe@example.net"},
    {"opt-out", TOP("x") "Feedback-Type: opt-out\nOriginal-Rcpt-To: joe@example.net\n" RETURNED(""), "",
     "unsubscribed joe@example.net"},
    {"RFC 6591", TOP("x") "Feedback-Type: auth-failure\nOriginal-Rcpt-To: joe@example.net\n" RETURNED(""), "",
     "auth-report joe@example.net"},
    {"MIME fields once more in the machine part",
     TOP("x") "Content-Type: text/plain\nMIME-Version: 1.0\n\nFeedback-Type: fraud\n"
              "Original-Rcpt-To: joe@example.net\n" RETURNED(""),
     "", "complaint joe@example.net"},
    {"JMRP before ARF",
     "From: staff@hotmail.com\nTo: us@example.com\nSubject: complaint about message from 192.0.2.1\nMIME-Version: 1.0\n"
     "Content-Type: multipart/mixed; boundary=b\n\n--b\nContent-Type: message/rfc822\n\n"
     "X-HmXmrOriginalRecipient: joe@hotmail.example\nFrom: us@example.com\nTo: undisclosed\n\nHi\n--b--\n",
     "", "complaint joe@hotmail.example"},
    {"opt-out by mail", "From: Joe <joe@example.net>\nTo: unsubscribe-17@example.com\nSubject: unsubscribe\n\n\n", "f",
     "unsubscribed joe@example.net format=unsubscribe"},
    {"talk about opt-outs",
     "From: Joe <joe@example.net>\nTo: ann@example.com\nSubject: unsubscribe links\n\nShould we show them?\n", "", ""},
};

static void test_cases(void **state)
{
    reports_check(*state, cases, ARRAY_LEN(cases));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),
    };
    return cmocka_run_group_tests(tests, reports_set_up, reports_tear_down);
}
