#include "bounce/reports.h"
#include "check.h"

#define DAEMON(subject) \
    "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org\nTo: us@example.com\nSubject: " subject "\n\n"
#define PERSON(subject) "From: Ann <ann@example.org>\nTo: help@example.com\nSubject: " subject "\n\n"
#define RETURNED "Received: from a by b\nFrom: us@example.com\nTo: joe@example.net\nSubject: Hi\n\nHi\n"

static const struct reports_case dialects[] = {
    {"qmail",
     DAEMON("failure notice") "Hi. This is the qmail-send program at mx.example.org.\nI'm afraid I wasn't able to "
                              "deliver your message to the following addresses.\n\n<joe@example.net>:\n"
                              "192.0.2.1 does not like recipient.\nRemote host said: 550 No such user\n"
                              "Giving up on 192.0.2.1.\n\n--- Below this line is a copy of the message.\n\n" RETURNED,
     "fd",
     "failed joe@example.net format=qmail said=192.0.2.1 does not like recipient. Remote host said: 550 No such user "
     "Giving up on 192.0.2.1."},
    {"Exim",
     DAEMON(
         "Mail delivery failed: returning message to sender") "This message was created automatically by mail delivery "
                                                              "software.\n\nA message that you sent could not be "
                                                              "delivered to one or more of its\nrecipients. This is a "
                                                              "permanent error. The following address(es) "
                                                              "failed:\n\n  joe@example.net\n    (generated from "
                                                              "team@example.net)\n    SMTP error from remote mail "
                                                              "server after RCPT TO:<joe@example.net>:\n    host "
                                                              "mx.example.net [192.0.2.1]: 550 Unknown user\n"
                                                              "  ann@example.net\n    retry timeout exceeded\n\n------ "
                                                              "This is a copy of the message, including all "
                                                              "the headers. ------\n\n" RETURNED,
     "fo", "failed joe@example.net original=team@example.net format=exim | expired ann@example.net format=exim"},
    {"X-Failed-Recipients",
     "Return-Path: <>\nFrom: Mail Delivery System <m@mx.example.org>\nTo: us@example.com\n"
     "Subject: Mail failure\nX-Failed-Recipients: joe@example.net,\n ann@example.net\n\n"
     "It could not be delivered.\n",
     "", "failed joe@example.net | failed ann@example.net"},
    {"sendmail",
     DAEMON("Returned mail: see transcript for details") "The original message was received at Thu, 1 Jan 2026\nfrom "
                                                         "localhost\n\n   ----- The following "
                                                         "addresses had permanent fatal errors "
                                                         "-----\n<joe@example.net>\n    (reason: 550 5.1.1 User "
                                                         "unknown)\n\n   ----- Transcript of session follows "
                                                         "-----\n... while talking to mx.example.net.:\n"
                                                         ">>> DATA\n<<< 550 5.1.1 User unknown\n550 5.1.1 "
                                                         "<joe@example.net>... User unknown\n",
     "d", "failed joe@example.net said=(reason: 550 5.1.1 User unknown)"},
    {"sendmail 5",
     DAEMON("Returned mail: User unknown") "   ----- Transcript of session follows -----\nWhile talking to "
                                           "mx.example.net:\n>>> RCPT "
                                           "To:<joe@example.net>\n<<< 550 No such user\n550 <joe@example.net>... User "
                                           "unknown\n\n"
                                           "   ----- Unsent message follows -----\n" RETURNED,
     "d", "failed joe@example.net said=550 No such user"},
    {"Postfix, text only",
     DAEMON("Undelivered Mail Returned to Sender") "This is the mail system at host mx.example.org.\n\nI'm sorry to "
                                                   "have to inform you that your "
                                                   "message could not\nbe delivered to one or more recipients.\n\nFor "
                                                   "further assistance, "
                                                   "please send mail to <postmaster@example.org>\n\n                   "
                                                   "The mail system\n\n"
                                                   "<joe@example.net>: host mx.example.net[192.0.2.1] said: 550 "
                                                   "5.1.1\n    User unknown (in "
                                                   "reply to RCPT TO command)\n",
     "f", "failed joe@example.net format=postfix"},
    {"GMX",
     DAEMON(
         "Mail delivery failed: returning message to sender") "This message was created automatically by mail delivery "
                                                              "software.\n\nA message that you sent could not be "
                                                              "delivered. The following "
                                                              "address\nfailed:\n\n\"joe@example.net\":\nSMTP error "
                                                              "from remote server after "
                                                              "RCPT command:\nhost: mx.example.net\n5.1.1 "
                                                              "<joe@example.net>... User Unknown\n\n--- The header of "
                                                              "the "
                                                              "original message is following. ---\n\n" RETURNED,
     "", "failed joe@example.net"},
    {"Exchange 5.5",
     DAEMON("Undeliverable: Hi") "Your message\n\n  To:      list@example.com\n  Subject: Hi\n\ndid not reach the "
                                 "following "
                                 "recipient(s):\n\njoe@example.net on Thu, 1 Jan 2026 00:00:00 +0000\n    The "
                                 "recipient name is not "
                                 "recognized\n    MSEXCH:IMS:X:Y:Z 0 (000C05A6) Unknown Recipient\n",
     "", "failed joe@example.net"},
    {"X.400 in Exchange",
     DAEMON("Undeliverable: Hi") "Your message\n\n  To: list@example.com\n\ndid not reach the following "
                                 "recipient(s):\n\nc=US;a= ;p=X;o=Y;dda:SMTP=joe@example.net; on Thu\n"
                                 "    The recipient name is not recognized\n",
     "", "failed joe@example.net"},
    {"Domino",
     DAEMON("DELIVERY FAILURE: User joe not listed in Domino Directory") "Your message\n\n  Subject: Hi\n\nwas not "
                                                                         "delivered to:\n\n  "
                                                                         "joe@example.net\n\nbecause:\n\n  User joe "
                                                                         "(joe@example.net) not listed in Domino "
                                                                         "Directory\n",
     "fd", "failed joe@example.net format=domino said=User joe (joe@example.net) not listed in Domino Directory"},
    {"IMail", DAEMON("Undeliverable Mail") "Unknown user: joe@example.net\n\nOriginal message follows.\n\n" RETURNED,
     "d", "failed joe@example.net said=Unknown user: joe@example.net"},
    {"OpenSMTPD",
     DAEMON("Delivery status notification: error") "    Hi!\n\n    This is the MAILER-DAEMON, please DO NOT REPLY to "
                                                   "this e-mail.\n\n    An error has "
                                                   "occurred while attempting to deliver a message for\n    the "
                                                   "following list of recipients:\n\n"
                                                   "joe@example.net: 550 User unknown\nann@example.net: 552 Mailbox "
                                                   "full\n\n    Below is a copy of the "
                                                   "original message:\n\n" RETURNED,
     "d", "failed joe@example.net said=550 User unknown | failed ann@example.net said=552 Mailbox full"},
    {"MailMarshal",
     DAEMON("Undeliverable Mail: \"Hi\"") "Your message:\n   From:    us@example.com\n   Subject: Hi\n\nCould not be "
                                          "delivered because of\n\n"
                                          "550 5.1.1 User unknown\n\nThe following recipients were affected: \n    "
                                          "joe@example.net\n\n"
                                          "Additional Information\n======\nOriginal Sender:    <us@example.com>\n",
     "d", "failed joe@example.net said=550 5.1.1 User unknown"},
    {"InterScan",
     "Return-Path: <postmaster@example.org>\nFrom: \"InterScan MSS\" <postmaster@example.org>\n"
     "To: us@example.com\nSubject: Mail could not be delivered\n\n****** Message from InterScan ******\n\n"
     "Sent <<< RCPT TO:<joe@example.net>\nReceived >>> 550 5.1.1 unknown user.\n\nUnable to deliver message "
     "to <joe@example.net> (and other recipients in the same domain).\n",
     "d", "failed joe@example.net said=550 5.1.1 unknown user."},
    {"Japanese",
     "Return-Path: <MAILER-DAEMON>\nFrom: Postmaster@example.jp\nTo: us@example.com\nSubject: "
     "=?utf-8?b?6YWN5L+h44Gn44GN44G+44Gb44KT?=\nContent-Type: text/plain; charset=utf-8\n\n"
     "\xe6\xac\xa1\xe3\x81\xae\xe3\x81\x82\xe3\x81\xa6\xe5\x85\x88\n\n<joe@example.net>\n",
     "", "failed joe@example.net"},
    {"nobody but the returned message knows whom",
     DAEMON(
         "Undeliverable Message") "Message could not be delivered to mobile.\nError: No valid recipients\n\n"
                                  "Original Message:\nFrom: us@example.com\nTo: 5550100@pix.example.net\nSubject: Hi\n",
     "", "failed 5550100@pix.example.net"},
    {"HTML only",
     "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org\nTo: us@example.com\nSubject: failure notice\n"
     "Content-Type: text/html\n\n<p>I'm afraid I wasn't able to deliver your message.</p>"
     "<p>&lt;joe@example.net&gt;:<br>No such user</p>\n",
     "", "failed joe@example.net"},
    {"names of the domain that writes",
     "From: MAILER-DAEMON@example.net\nTo: us@example.com\nSubject: Mail Delivery "
     "Problem\n\nYour mail to the following recipients could not be delivered because "
     "they are not accepting mail from us@example.com:\n\tjoe\n",
     "", "failed joe@example.net"},
    {"an address behind full-width punctuation",
     "From: Postmaster@163.example\nTo: us@example.com\nSubject: =?utf-8?b?57O757uf6YCA5L+h?=\n"
     "Content-Type: text/plain; "
     "charset=utf-8\n\n\xe6\x82\xa8\xe7\x9a\x84\xe9\x82\xae\xe4\xbb\xb6\xe8\xa2\xab\xe9\x80\x80\xe5\x9b\x9e\n\n"
     "\xe6\x94\xb6\xe4\xbb\xb6\xe4\xba\xba\xef\xbc\x9ajoe@example.net\nUser not found: joe@example.net\n",
     "", "failed joe@example.net"},
    {"a numbered list",
     DAEMON("Delivery failure") "It could not be delivered:\n\n1) joe@example.net\n   550 user unknown\n"
                                "2) ann@example.net\n   552 mailbox full\n",
     "d", "failed joe@example.net said=550 user unknown | failed ann@example.net said=552 mailbox full"},
    {"delivered, in words only",
     DAEMON("Successful Mail Delivery Report") "Your message was successfully delivered to the destination(s) listed "
                                               "below.\n\n"
                                               "<joe@example.net>: delivery via mx[192.0.2.1]: 250 2.0.0 OK\n",
     "", "delivered joe@example.net"},
    {"a report that names nobody", DAEMON("Mail could not be delivered") "Your mail could not be delivered.\n", "",
     "failed "},
};

static const struct reports_case later[] = {
    {"Exim",
     DAEMON("Warning: message 1abc-000 delayed 24 hours") "A message that you sent has not yet been delivered to one "
                                                          "or more of its\nrecipients.\n\nThe address to "
                                                          "which the message has not yet been delivered is:\n\n  "
                                                          "joe@example.net\n    Delay reason: host "
                                                          "mx.example.net [192.0.2.1]: 450 try later\n\nNo action is "
                                                          "required on your part.\n",
     "", "delayed joe@example.net"},
    {"Gmail",
     DAEMON("Delivery Status Notification (Delay)") "THIS IS A WARNING MESSAGE ONLY.\n\nDelivery to the following "
                                                    "recipient has been delayed:\n\n     "
                                                    "joe@example.net\n\nMessage will be retried for 2 more day(s)\n",
     "", "delayed joe@example.net"},
    {"given up",
     DAEMON("Mail delivery failed") "There was an error delivering your mail to <joe@example.net>.\n\nCould not "
                                    "deliver for the last 432000 seconds. Giving up.\n",
     "", "expired joe@example.net"},
};

static const struct reports_case none[] = {
    {"a person asks about a failure",
     PERSON("Undelivered mail") "Hi, my mail to joe@example.net could not be delivered.\nCan you help?\n", "", ""},
    {"an answer that quotes a report",
     "From: Ann <ann@example.org>\nTo: us@example.com\nSubject: Re: Undelivered Mail Returned to Sender\nIn-Reply-To: "
     "<1@mx>\n\nThat one is gone.\n\n> <joe@example.net>: host mx said: 550 User unknown\n> could not be delivered\n",
     "", ""},
    {"a forward",
     PERSON("Fwd: failure notice") "> Hi. This is the qmail-send program\n> <joe@example.net>:\n> No such user\n", "",
     ""},
    {"a person pastes a report",
     PERSON("Undelivered Mail Returned to Sender") "What now?\n\n<joe@example.net>: host mx said: 550 5.1.1 User "
                                                   "unknown\n",
     "", ""},
    {"a report as attachment of a letter",
     "From: Ann <ann@example.org>\nTo: help@example.com\nSubject: delivery failure for Joe\nMIME-Version: "
     "1.0\nContent-Type: "
     "multipart/mixed; boundary=q\n\n--q\n\nMail to joe@example.net could not be delivered, see below.\n--q\n"
     "Content-Type: message/rfc822\n\nFrom: MAILER-DAEMON@mx.example.org\nSubject: Undelivered Mail\n\n"
     "<joe@example.net>: 550 User unknown\n--q--\n",
     "", ""},
    {"a parcel",
     "From: Parcels <noreply@parcels.example>\nTo: us@example.com\nSubject: Delivery failed: your parcel\n\nDear "
     "us@example.com,\nyour parcel could not be delivered. Contact help@parcels.example.\n",
     "", ""},
    {"a postmaster writes about an outage",
     "From: Postmaster <postmaster@example.org>\nTo: us@example.com\nSubject: Delivery problems last night\n\nSome "
     "messages could not be delivered. Questions: help@example.org\n",
     "", ""},
    {"a newsletter",
     "From: News <news@example.org>\nTo: us@example.com\nList-Unsubscribe: <mailto:u@example.org>\nSubject: "
     "How to read bounces\n\nA mail that could not be delivered: <joe@example.net>: 550 User unknown\n",
     "", ""},
    {"a mailing list about mail",
     "From: Ann <ann@example.org>\nTo: users@lists.example.org\nList-Id: <users.example.org>\n"
     "Subject: delivery failed with 550\n\n<joe@example.net>: 550 5.1.1 User unknown\n",
     "", ""},
    {"a postmaster writes",
     "From: Postmaster <postmaster@example.org>\nTo: us@example.com\nSubject: Maintenance on Sunday\n\n"
     "Questions? Write to help@example.org\n",
     "", ""},
    {"a receipt",
     "Return-Path: <>\nFrom: Joe <joe@example.net>\nTo: us@example.com\nSubject: Read: Hi\n\nYour message was "
     "read on Monday.\n",
     "", ""},
};

static void test_dialects(void **state)
{
    reports_check(*state, dialects, ARRAY_LEN(dialects));
}

static void test_later(void **state)
{
    reports_check(*state, later, ARRAY_LEN(later));
}

static void test_none(void **state)
{
    reports_check(*state, none, ARRAY_LEN(none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dialects),
        cmocka_unit_test(test_later),
        cmocka_unit_test(test_none),
    };
    return cmocka_run_group_tests(tests, reports_set_up, reports_tear_down);
}
