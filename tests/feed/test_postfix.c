#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "feed/log.h"
#include "guard.h"
#include "observation_dump.h"

#define REFERENCE (INT64_C(1764543600) * TIME_SECOND) /* 2025-11-30T23:00:00Z */

static const slice relays[] = {SLICE_INIT("smarthost.example.net"), SLICE_INIT("[203.0.113.77]"),
                               SLICE_INIT(".relay.example"), SLICE_INIT("spamfilter")};

static struct charsets *charsets; /* opened once: it takes milliseconds */

static struct maillog *new_postfix(void)
{
    const struct log_options o = {.charsets = charsets,
                                  .reference_us = REFERENCE,
                                  .relays = relays,
                                  .relay_count = ARRAY_LEN(relays),
                                  .host = S("here"),
                                  .feed = S("test")};
    struct maillog *p = maillog_new(&o);
    assert_non_null(p);
    return p;
}

struct example {
    const char *name, *lines, *expected;
};

// clang-format off
static const struct example examples[] = {
{"content filter, then a failure",
 "Jun  3 10:40:57 mail postfix/submission/smtpd[9708]: 4AA091855DA0: client=some.domain.name[1.2.3.4], sasl_method=PLAIN, sasl_username=user@sender.com\n"
 "Jun  3 10:40:57 mail postfix/sender-cleanup/cleanup[9709]: 4AA091855DA0: message-id=<ca10035e-2951-bfd5-ec7e-1a5773fce1cd@mail.sender.com>\n"
 "Jun  3 10:40:57 mail postfix/qmgr[1005]: 4AA091855DA0: from=<user@sender.com>, size=391, nrcpt=1 (queue active)\n"
 "Jun  3 10:40:57 mail postfix/smtp[9710]: 4AA091855DA0: to=<invalid.email@example.com>, relay=127.0.0.1[127.0.0.1]:10024, delay=0.23, delays=0.15/0/0/0.08, dsn=2.0.0, status=sent (250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 776E41855DB2)\n"
 "Jun  3 10:40:57 mail postfix/qmgr[1005]: 4AA091855DA0: removed\n"
 "Jun  3 10:40:59 mail postfix/smtp[9890]: 776E41855DB2: to=<invalid.email@example.com>, relay=mx.example.com[11.22.33.44]:25, delay=1.9, delays=0/0/1.5/0.37, dsn=5.1.1, status=bounced (host mx.example.com[11.22.33.44] said: 550 5.1.1 <invalid.email@example.com> User unknown (in reply to RCPT TO command))\n",
 "relayed invalid.email@example.com from=user@sender.com id=ca10035e-2951-bfd5-ec7e-1a5773fce1cd@mail.sender.com queue=mail/postfix/4AA091855DA0 mx=127.0.0.1 dsn=2.0.0 2025-06-03T10:40:57Z reply=250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 776E41855DB2\n"
 "failed invalid.email@example.com from=user@sender.com id=ca10035e-2951-bfd5-ec7e-1a5773fce1cd@mail.sender.com queue=mail/postfix/4AA091855DA0 mx=mx.example.com dsn=5.1.1 phase=rcpt 2025-06-03T10:40:59Z reply=host mx.example.com[11.22.33.44] said: 550 5.1.1 <invalid.email@example.com> User unknown (in reply to RCPT TO command)\n"},
{"instance with an address in its name",
 "Jun 16 00:07:43 smtpnode07 postfix-10.20.30.40/smtp[3022]: 0C31D3D1E6: to=<redacted@aol.com>, relay=mx-aol.mail.gm0.yahoodns.net[11.22.33.44]:25, delay=18910, delays=18900/8.9/0.69/0.03, dsn=4.7.0, status=deferred (host mx-aol.mail.gm0.yahoodns.net[11.22.33.44] said: 421 4.7.0 [TSS04] Messages from 10.20.30.40 temporarily deferred due to user complaints - 4.16.55.1; see https://help.yahoo.com/kb/postmaster/SLN3434.html (in reply to MAIL FROM command))\n",
 "deferred redacted@aol.com queue=smtpnode07/postfix-10.20.30.40/0C31D3D1E6 mx=mx-aol.mail.gm0.yahoodns.net dsn=4.7.0 phase=mail 2025-06-16T00:07:43Z reply=host mx-aol.mail.gm0.yahoodns.net[11.22.33.44] said: 421 4.7.0 [TSS04] Messages from 10.20.30.40 temporarily deferred due to user complaints - 4.16.55.1; see https://help.yahoo.com/kb/postmaster/SLN3434.html (in reply to MAIL FROM command)\n"},
{"quoted local part with blanks; greeting 5xx is deferred",
 "Jul  5 17:24:35 mail postfix/smtp[9635]: D298F2C60812: to=<\"user 1234 with space\"@icloud.com>, relay=mx6.mail.icloud.com[17.178.97.79]:25, delay=428621, delays=428619/0.02/1.9/0, dsn=4.7.0, status=deferred (host mx6.mail.icloud.com[17.178.97.79] refused to talk to me: 550 5.7.0 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip=142.93.169.220)\n",
 "deferred \"user 1234 with space\"@icloud.com queue=mail/postfix/D298F2C60812 mx=mx6.mail.icloud.com dsn=4.7.0 phase=connect 2025-07-05T17:24:35Z reply=host mx6.mail.icloud.com[17.178.97.79] refused to talk to me: 550 5.7.0 Blocked - see https://support.proofpoint.com/dnsbl-lookup.cgi?ip=142.93.169.220\n"},
{"quoted local part that imitates a record",
 "Jul  5 17:24:35 mail postfix/smtp[9635]: D298F2C60812: to=<\"a>, relay=x[1.1.1.1]:25, status=sent (\\\"ok>\"@example.net>, relay=mx.example.net[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, status=bounced (host mx.example.net[192.0.2.1] said: 550 5.1.1 no (in reply to RCPT TO command))\n",
 "failed \"a>, relay=x[1.1.1.1]:25, status=sent (\\\"ok>\"@example.net queue=mail/postfix/D298F2C60812 mx=mx.example.net dsn=5.1.1 phase=rcpt 2025-07-05T17:24:35Z reply=host mx.example.net[192.0.2.1] said: 550 5.1.1 no (in reply to RCPT TO command)\n"},
{"no relay",
 "Aug  3 04:41:17 mail postfix/smtp[10603]: AE8E32C60819: to=<mail@e.mail.com>, relay=none, delay=0.02, delays=0.01/0/0.01/0, dsn=5.4.4, status=bounced (Host or domain name not found. Name service error for name=e.mail.com type=AAAA: Host not found)\n",
 "failed mail@e.mail.com queue=mail/postfix/AE8E32C60819 dsn=5.4.4 2025-08-03T04:41:17Z reply=Host or domain name not found. Name service error for name=e.mail.com type=AAAA: Host not found\n"},
{"expiry takes the last deferral, once",
 "Sep 25 18:26:36 smtpnode16 postfix-239.58.50.50/smtp[5084]: 23EBE3D5C0: to=<h-664d01@h-695da2287.com>, relay=ALT2.ASPMX.L.GOOGLE.com[3.155.237.60]:25, delay=2, delays=0.18/0/1.6/0.19, dsn=4.1.1, status=deferred (host ALT2.ASPMX.L.GOOGLE.com[3.155.237.60] said: 452 4.1.1 <h-664d01@h-695da2287.com> user is over quota, please try again later (in reply to RCPT TO command))\n"
 "Sep 30 20:46:08 smtpnode16 postfix-239.58.50.50/qmgr[31214]: 23EBE3D5C0: from=<h-498b@h-5e67b9b4406.com>, status=expired, returned to sender\n"
 "Sep 30 20:46:08 smtpnode16 postfix-239.58.50.50/bounce[23567]: 23EBE3D5C0: sender non-delivery notification: A7E673C067\n"
 "Sep 30 20:46:08 smtpnode16 postfix-239.58.50.50/qmgr[31214]: 23EBE3D5C0: from=<h-498b@h-5e67b9b4406.com>, status=expired, returned to sender\n"
 "Sep 30 20:46:08 smtpnode16 postfix-239.58.50.50/qmgr[31214]: 23EBE3D5C0: removed\n",
 "deferred h-664d01@h-695da2287.com queue=smtpnode16/postfix-239.58.50.50/23EBE3D5C0 mx=ALT2.ASPMX.L.GOOGLE.com dsn=4.1.1 phase=rcpt 2025-09-25T18:26:36Z reply=host ALT2.ASPMX.L.GOOGLE.com[3.155.237.60] said: 452 4.1.1 <h-664d01@h-695da2287.com> user is over quota, please try again later (in reply to RCPT TO command)\n"
 "expired h-664d01@h-695da2287.com queue=smtpnode16/postfix-239.58.50.50/23EBE3D5C0 mx=ALT2.ASPMX.L.GOOGLE.com dsn=4.1.1 phase=rcpt 2025-09-30T20:46:08Z reply=host ALT2.ASPMX.L.GOOGLE.com[3.155.237.60] said: 452 4.1.1 <h-664d01@h-695da2287.com> user is over quota, please try again later (in reply to RCPT TO command)\n"},
{"forced expiry of two recipients, one of which had an end; a suspension does not hide the last reply",
 "Jan 20 19:48:07 mx postfix/smtp[1]: B54DA300087: to=<a@x.example>, relay=mx.x.example[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=4.2.2, status=deferred (host mx.x.example[192.0.2.1] said: 452 4.2.2 full (in reply to RCPT TO command))\n"
 "Jan 20 19:48:07 mx postfix/smtp[1]: B54DA300087: to=<b@x.example>, relay=mx.x.example[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=4.2.0, status=deferred (host mx.x.example[192.0.2.1] said: 450 4.2.0 grey (in reply to RCPT TO command))\n"
 "Jan 20 19:58:07 mx postfix/error[2]: B54DA300087: to=<a@x.example>, relay=none, delay=600, delays=600/0/0/0, dsn=4.4.1, status=deferred (delivery temporarily suspended: connect to mx.x.example[192.0.2.1]:25: Connection refused)\n"
 "Jan 20 19:58:09 mx postfix/smtp[1]: B54DA300087: to=<b@x.example>, relay=mx.x.example[192.0.2.1]:25, delay=602, delays=600/0/0/1, dsn=2.0.0, status=sent (250 ok)\n"
 "Jan 20 20:48:07 mx postfix/qmgr[3]: B54DA300087: from=<redacted@company.com>, status=force-expired, returned to sender\n",
 "deferred a@x.example queue=mx/postfix/B54DA300087 mx=mx.x.example dsn=4.2.2 phase=rcpt 2025-01-20T19:48:07Z reply=host mx.x.example[192.0.2.1] said: 452 4.2.2 full (in reply to RCPT TO command)\n"
 "deferred b@x.example queue=mx/postfix/B54DA300087 mx=mx.x.example dsn=4.2.0 phase=rcpt 2025-01-20T19:48:07Z reply=host mx.x.example[192.0.2.1] said: 450 4.2.0 grey (in reply to RCPT TO command)\n"
 "deferred a@x.example queue=mx/postfix/B54DA300087 mx=mx.x.example dsn=4.4.1 phase=connect nothing-tried 2025-01-20T19:58:07Z reply=delivery temporarily suspended: connect to mx.x.example[192.0.2.1]:25: Connection refused\n"
 "delivered b@x.example queue=mx/postfix/B54DA300087 mx=mx.x.example dsn=2.0.0 2025-01-20T19:58:09Z reply=250 ok\n"
 "expired a@x.example queue=mx/postfix/B54DA300087 mx=mx.x.example dsn=4.2.2 phase=rcpt 2025-01-20T20:48:07Z reply=host mx.x.example[192.0.2.1] said: 452 4.2.2 full (in reply to RCPT TO command)\n"},
{"delivered to another site, its queue id is not ours",
 "Jan 20 19:48:07 teupos postfix/smtp[2467312]: B9996EABB6: to=<recipient1@external.org>, relay=example-com.mail.protection.outlook.com[12.11.12.13]:25, delay=2.7, delays=1.3/0.06/0.33/1, dsn=2.0.0, status=sent (250 2.0.0 OK  1642704487 v125si7680590wme.216 - smtp)\n",
 "delivered recipient1@external.org queue=teupos/postfix/B9996EABB6 mx=example-com.mail.protection.outlook.com dsn=2.0.0 2025-01-20T19:48:07Z reply=250 2.0.0 OK  1642704487 v125si7680590wme.216 - smtp\n"},
{"pipe to a mailbox, pipe to a named filter",
 "Jan 25 19:25:19 mx postfix/pipe[6221]: 03EAC2E0EDD: to=<h-7abde52c2@h-ffd2115d4f.com>, relay=dovecot, delay=5.5, delays=5.3/0.01/0/0.16, dsn=2.0.0, status=sent (delivered via dovecot service)\n"
 "Jan 25 19:25:19 mx postfix/pipe[6221]: 03EAC2E0EDE: to=<x@example.com>, relay=spamfilter, delay=5.5, delays=5.3/0.01/0/0.16, dsn=2.0.0, status=sent (delivered via spamfilter service)\n",
 "delivered h-7abde52c2@h-ffd2115d4f.com queue=mx/postfix/03EAC2E0EDD mx=dovecot dsn=2.0.0 2025-01-25T19:25:19Z reply=delivered via dovecot service\n"
 "relayed x@example.com queue=mx/postfix/03EAC2E0EDE mx=spamfilter dsn=2.0.0 2025-01-25T19:25:19Z reply=delivered via spamfilter service\n"},
{"alias",
 "Jul 25 06:17:23 mail postfix/virtual[2438]: 9BD26E0D25: to=<reci@pient.com>, orig_to=<orig@recipient.com>, relay=virtual, delay=1.3, delays=1.2/0.02/0/0.04, dsn=2.0.0, status=sent (delivered to maildir)\n"
 "Jul 25 06:17:23 mail postfix/local[2438]: 9BD26E0D26: to=<list@example.org>, relay=local, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (forwarded as 9BD26E0D27)\n",
 "delivered reci@pient.com orig=orig@recipient.com queue=mail/postfix/9BD26E0D25 mx=virtual dsn=2.0.0 2025-07-25T06:17:23Z reply=delivered to maildir\n"
 "expanded list@example.org queue=mail/postfix/9BD26E0D26 mx=local dsn=2.0.0 2025-07-25T06:17:23Z reply=forwarded as 9BD26E0D27\n"},
{"an alias without a domain is no address",
 "Jul 25 06:17:23 mail postfix/local[687]: 4ZBFrl5nmczZq: to=<bounces@example.org>, orig_to=<postmaster>, relay=local, delay=0.03, delays=0.01/0.01/0/0, dsn=2.0.0, status=sent (delivered to maildir)\n",
 "delivered bounces@example.org queue=mail/postfix/4ZBFrl5nmczZq mx=local dsn=2.0.0 2025-07-25T06:17:23Z reply=delivered to maildir\n"},
{"the alias is known behind the filter",
 "Jul 25 06:17:23 mail postfix/lmtp[1]: 9BD26E0D26: to=<t@x.example>, orig_to=<o@example.org>, relay=mail[private/amavis], delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as 9BD26E0D27)\n"
 "Jul 25 06:17:24 mail postfix/smtp[2]: 9BD26E0D27: to=<t@x.example>, relay=mx.x.example[192.0.2.9]:25, delay=0, delays=0/0/0/0, dsn=5.1.1, status=bounced (host mx.x.example[192.0.2.9] said: 550 no (in reply to RCPT TO command))\n"
 "Jul 25 06:17:24 mail postfix/lmtp[1]: 9BD26E0D28: to=<t@x.example>, relay=mail[private/dovecot-lmtp], delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 <t@x.example> abc Saved)\n",
 "relayed t@x.example orig=o@example.org queue=mail/postfix/9BD26E0D26 mx=mail dsn=2.0.0 2025-07-25T06:17:23Z reply=250 2.0.0 Ok: queued as 9BD26E0D27\n"
 "failed t@x.example orig=o@example.org queue=mail/postfix/9BD26E0D26 mx=mx.x.example dsn=5.1.1 phase=rcpt 2025-07-25T06:17:24Z reply=host mx.x.example[192.0.2.9] said: 550 no (in reply to RCPT TO command)\n"
 "delivered t@x.example queue=mail/postfix/9BD26E0D28 mx=mail dsn=2.0.0 2025-07-25T06:17:24Z reply=250 2.0.0 <t@x.example> abc Saved\n"},
{"smarthosts: by name, by address, by domain, Amazon SES by its reply",
 "Jul 25 06:17:23 m postfix/smtp[1]: 9BD26E0D21: to=<t@x.example>, relay=SmartHost.example.net[192.0.2.1]:587, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 2.0.0 Ok: queued as ABC123)\n"
 "Jul 25 06:17:23 m postfix/smtp[1]: 9BD26E0D22: to=<t@x.example>, relay=203.0.113.77[203.0.113.77]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)\n"
 "Jul 25 06:17:23 m postfix/smtp[1]: 9BD26E0D23: to=<t@x.example>, relay=a.relay.example[192.0.2.3]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)\n"
 "Jul 25 06:17:23 m postfix/smtp[1]: 9BD26E0D24: to=<t@x.example>, relay=email-smtp.eu-west-1.amazonaws.com[192.0.2.4]:587, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 Ok 0102018f3c5a1b2c-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9-000000)\n",
 "relayed t@x.example provider=ABC123 queue=m/postfix/9BD26E0D21 mx=SmartHost.example.net dsn=2.0.0 2025-07-25T06:17:23Z reply=250 2.0.0 Ok: queued as ABC123\n"
 "relayed t@x.example queue=m/postfix/9BD26E0D22 mx=203.0.113.77 dsn=2.0.0 2025-07-25T06:17:23Z reply=250 ok\n"
 "relayed t@x.example queue=m/postfix/9BD26E0D23 mx=a.relay.example dsn=2.0.0 2025-07-25T06:17:23Z reply=250 ok\n"
 "relayed t@x.example provider=0102018f3c5a1b2c-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9-000000 queue=m/postfix/9BD26E0D24 mx=email-smtp.eu-west-1.amazonaws.com dsn=2.0.0 2025-07-25T06:17:23Z reply=250 Ok 0102018f3c5a1b2c-0a1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9-000000\n"},
{"long queue ids are told apart by case; a service with its own name finds the mail; ISO stamps",
 "2026-11-21T20:43:24.123456+01:00 mx postfix/cleanup[1]: 4ZBFrz4djFzcs: message-id=<one@x>\n"
 "2026-11-21T20:43:24.123456+01:00 mx postfix/cleanup[1]: 4ZBFrz4DJFzcs: message-id=<two@x>\n"
 "2026-11-21T20:43:24+0100 mx postfix/qmgr[1]: 4ZBFrz4djFzcs: from=<>, size=1, nrcpt=1 (queue active)\n"
 "2026-11-21T20:43:25Z mx polite/smtp[1]: 4ZBFrz4djFzcs: to=<a@b.example>, relay=mx.b.example[192.0.2.1]:25, conn_use=2, delay=0, delays=0/0/0/0, tls=TLSv1.3, dsn=4.0.0, status=SOFTBOUNCE (lost connection with mx.b.example[192.0.2.1] while sending end of data -- message may be sent more than once)\n",
 "deferred a@b.example from=<> id=one@x queue=mx/postfix/4ZBFrz4djFzcs mx=mx.b.example dsn=4.0.0 phase=end 2026-11-21T20:43:25Z reply=lost connection with mx.b.example[192.0.2.1] while sending end of data -- message may be sent more than once\n"},
{"two instances with one queue id",
 "Jul  1 00:00:00 m postfix-a/cleanup[1]: AAAAAAAA: message-id=<a@x>\n"
 "Jul  1 00:00:00 m postfix-a/qmgr[1]: AAAAAAAA: from=<a@a>, size=1, nrcpt=1 (queue active)\n"
 "Jul  1 00:00:00 m postfix-b/cleanup[1]: AAAAAAAA: message-id=<b@x>\n"
 "Jul  1 00:00:00 m postfix-b/qmgr[1]: AAAAAAAA: from=<b@b>, size=1, nrcpt=1 (queue active)\n"
 "Jul  1 00:00:00 m postfix-a/qmgr[1]: AAAAAAAA: removed\n"
 "Jul  1 00:00:01 m postfix-b/smtp[1]: AAAAAAAA: to=<r@x>, relay=mx[192.0.2.1]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)\n",
 "delivered r@x from=b@b id=b@x queue=m/postfix-b/AAAAAAAA mx=mx dsn=2.0.0 2025-07-01T00:00:01Z reply=250 ok\n"},
{"queue id used again after removed",
 "Jul  1 00:00:00 m postfix/cleanup[1]: AAAAAAAA: message-id=<a@x>\n"
 "Jul  1 00:00:00 m postfix/qmgr[1]: AAAAAAAA: removed\n"
 "Jul  1 00:00:00 m postfix/cleanup[1]: AAAAAAAA: message-id=<>\n"
 "Jul  1 00:00:01 m postfix/smtp[1]: AAAAAAAA: to=<r@x>, relay=mx[192.0.2.1]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)\n",
 "delivered r@x queue=m/postfix/AAAAAAAA mx=mx dsn=2.0.0 2025-07-01T00:00:01Z reply=250 ok\n"},
{"headers logged by header_checks; Message-ID without brackets, resent",
 "Jul  1 00:00:00 m postfix/cleanup[1]: AAAAAAAA: info: header X-Campaign: spring from here from app.example.org[192.0.2.5]; from=<a@b> to=<r@x> proto=ESMTP helo=<app>\n"
 "Jul  1 00:00:00 m postfix/cleanup[1]: AAAAAAAA: warning: header X-Stream: news from local; from=<a@b>\n"
 "Jul  1 00:00:00 m postfix/cleanup[1]: AAAAAAAA: info: header Subject: X-Campaign: no from local; from=<a@b>\n"
 "Jul  1 00:00:00 m postfix/cleanup[1]: AAAAAAAA: resent-message-id=<resent@x>\n"
 "Jul  1 00:00:00 m postfix/cleanup[1]: AAAAAAAA: message-id=plain.id\n"
 "Jul  1 00:00:01 m postfix/smtp[1]: AAAAAAAA: to=<r@x>, relay=mx[192.0.2.1]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)\n",
 "delivered r@x id=plain.id queue=m/postfix/AAAAAAAA campaign=spring from here stream=news mx=mx dsn=2.0.0 2025-07-01T00:00:01Z reply=250 ok\n"},
{"address probes: a bad one is recorded as tried nothing",
 "Jul  1 00:00:01 m postfix/smtp[1]: AAAAAAAA: to=<r@x>, relay=mx[192.0.2.1]:25, delay=0, delays=0/0/0/0, dsn=2.1.5, status=deliverable (250 ok)\n"
 "Jul  1 00:00:01 m postfix/smtp[1]: AAAAAAAB: to=<q@x>, relay=mx[192.0.2.1]:25, delay=0, delays=0/0/0/0, dsn=5.1.1, status=undeliverable (host mx[192.0.2.1] said: 550 no (in reply to RCPT TO command))\n",
 "deferred q@x queue=m/postfix/AAAAAAAB mx=mx dsn=5.1.1 phase=rcpt nothing-tried 2025-07-01T00:00:01Z reply=host mx[192.0.2.1] said: 550 no (in reply to RCPT TO command)\n"},
{"noise, lines without host, RFC 5424, cut lines",
 "Jul  1 00:00:01 m postfix/smtpd[1]: NOQUEUE: reject: RCPT from x[1.2.3.4]: 450 4.7.1 <a@b>: no; from=<c@d> to=<a@b> proto=SMTP helo=<x>\n"
 "Jul  1 00:00:01 m postfix/smtp[1]: connect to mx[192.0.2.1]:25: Connection refused\n"
 "Jul  1 00:00:01 m postfix/smtp[1]: AAAAAAAA: host mx[192.0.2.1] said: 451 later (in reply to RCPT TO command)\n"
 "Jul  1 00:00:01 m postfix/smtp[1]: AAAAAAAA: to=<r@x>, relay=mx[192.0.2.1]:25, delay=0\n"
 "Jul  1 00:00:01 m dovecot: lmtp(1): Connect from local\n"
 "\n"
 "last message repeated 3 times\n"
 "Jul  1 00:00:01 postfix/smtp[1]: AAAAAAAA: to=<r@x>, relay=none, delay=0, delays=0/0/0/0, dsn=5.4.6, status=bounced (mail for x loops back to myself\n"
 "<22>1 2025-07-01T00:00:02Z m postfix/smtp 1 - [a b=\"c] \\\" d\"] AAAAAAAB: to=<r@x>, relay=none, delay=0, delays=0/0/0/0, dsn=5.1.0, status=bounced (Domain x does not accept mail (nullMX))\n",
 "failed r@x queue=here/postfix/AAAAAAAA dsn=5.4.6 2025-07-01T00:00:01Z reply=mail for x loops back to myself\n"
 "failed r@x queue=m/postfix/AAAAAAAB dsn=5.1.0 2025-07-01T00:00:02Z reply=Domain x does not accept mail (nullMX)\n"},
};
// clang-format on

static void run(struct maillog *p, slice lines, buf *out)
{
    arena a;
    struct feed_list list = {0};
    arena_init(&a, 0);
    assert_true(maillog_block(p, lines, &a, &list));
    dump_list(out, &list);
    arena_fini(&a);
}

static void reads_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        struct maillog *p = new_postfix();
        buf out;
        buf_init(&out, 0);
        run(p, slice_str(examples[i].lines), &out);
        buf_addc(&out, '\0');
        if (strcmp(out.p, examples[i].expected) != 0)
            print_error("example: %s\n", examples[i].name);
        assert_string_equal(out.p, examples[i].expected);
        buf_fini(&out);
        maillog_free(&p);
    }
}

/* Whatever line it is cut at: stop, carry the memory over, go on; the observations are the same. */
static void check_resume(slice text, bool every_line)
{
    buf whole, parts, memory;
    buf_init(&whole, 0);
    struct maillog *p = new_postfix();
    run(p, text, &whole);
    maillog_free(&p);
    assert_true(whole.n > 0);
    buf_init(&parts, 0);
    buf_init(&memory, 0);
    p = new_postfix();
    size_t lines = 0;
    for (slice rest = text, line; slice_split(&rest, '\n', &line); lines++) {
        run(p, line, &parts);
        if (!every_line && lines % 7)
            continue;
        buf_clear(&memory);
        maillog_export(p, &memory);
        assert_false(maillog_changed(p));
        size_t open = maillog_open(p);
        maillog_free(&p);
        p = new_postfix();
        assert_true(maillog_import(p, buf_slice(&memory)));
        assert_int_equal(maillog_open(p), open);
    }
    maillog_free(&p);
    assert_int_equal(whole.n, parts.n);
    assert_memory_equal(whole.p, parts.p, whole.n);
    buf_fini(&whole);
    buf_fini(&parts);
    buf_fini(&memory);
}

static slice load(buf *b, const char *name)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/logs/%s", TEST_SAMPLES, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    buf_init(b, 0);
    for (size_t n = 1; n > 0;) {
        assert_true(buf_reserve(b, 65536));
        n = fread(b->p + b->n, 1, 65536, f);
        b->n += n;
    }
    fclose(f);
    return buf_slice(b);
}

static void resumes_at_every_line(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++)
        check_resume(slice_str(examples[i].lines), true);
    static const char *const logs[] = {"postfix-classic.log", "postfix-iso.log", "postfix-maillog_file.log"};
    for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
        buf b;
        check_resume(load(&b, logs[i]), false);
        buf_fini(&b);
    }
}

static void sample_logs_tell_every_delivery(void **state)
{
    (void)state;
    static const char *const logs[] = {"postfix-classic.log", "postfix-iso.log", "postfix-maillog_file.log"};
    for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
        buf b;
        slice text = load(&b, logs[i]);
        size_t records = 0;
        for (slice rest = text, line; slice_split(&rest, '\n', &line);)
            records += slice_find(line, S(": to=<")) != SLICE_NPOS && slice_find(line, S(" status=")) != SLICE_NPOS;
        struct maillog *p = new_postfix();
        arena a;
        arena_init(&a, 0);
        struct feed_list list = {0};
        assert_true(maillog_block(p, text, &a, &list));
        size_t expired = 0;
        for (size_t k = 0; k < list.n; k++) {
            expired += list.items[k].kind == BOUNCE_KIND_EXPIRED;
            assert_true(list.items[k].recipient.n > 0);
            assert_true(list.items[k].time_us != TIME_NONE);
            assert_int_equal(list.items[k].trust, TRUST_PROVEN);
        }
        assert_int_equal(list.n - expired, records);
        assert_int_equal(maillog_counts(p)->odd, 0);
        assert_int_equal(maillog_counts(p)->orphans, 0);
        assert_int_equal(maillog_counts(p)->evicted, 0);
        arena_fini(&a);
        maillog_free(&p);
        buf_fini(&b);
    }
}

static void journal_tells_the_same_as_lines(void **state)
{
    (void)state;
    buf b;
    slice text = load(&b, "postfix-journal.export");
    struct maillog *p = new_postfix();
    arena a;
    struct feed_list list = {0};
    arena_init(&a, 0);
    assert_true(maillog_journal(p, text, &a, &list));
    assert_true(list.n >= 20);
    for (size_t i = 0; i < list.n; i++)
        assert_true(list.items[i].time_us > INT64_C(1741608177000000));
    arena_fini(&a);
    maillog_free(&p);
    buf_fini(&b);
}

/* One line in its own life, so that a source key can be compared. */
static struct hash128 key_of(const char *line, int64_t reference_us, const char *feed)
{
    struct maillog *p = new_postfix();
    arena a;
    struct feed_list list = {0};
    arena_init(&a, 0);
    maillog_file(p, slice_str(feed), SLICE_EMPTY, reference_us);
    assert_true(maillog_line(p, slice_str(line), &a, &list));
    assert_int_equal(list.n, 1);
    struct hash128 key = list.items[0].source_key;
    arena_fini(&a);
    maillog_free(&p);
    return key;
}

#define DELIVERY " AAAAAAAA: to=<r@x>, relay=mx[192.0.2.1]:25, delay=0, delays=0/0/0/0, dsn=2.0.0, status=sent (250 ok)"

static void source_key_knows_neither_path_nor_year(void **state)
{
    (void)state;
    const char *line = "Jul  1 00:00:01 m postfix/smtp[1]:" DELIVERY;
    struct hash128 key = key_of(line, REFERENCE, "a");
    struct hash128 other = key_of(line, REFERENCE - 800 * TIME_DAY, "b");
    assert_true(key.hi == other.hi && key.lo == other.lo);
    static const char *const different[] = {
        "Jul  1 00:00:02 m postfix/smtp[1]:" DELIVERY, "Jul  1 00:00:01 n postfix/smtp[1]:" DELIVERY,
        "Jul  1 00:00:01 m postfix-2/smtp[1]:" DELIVERY, "Jul  1 00:00:01 m postfix/smtp[1]:" DELIVERY "."};
    for (size_t i = 0; i < ARRAY_LEN(different); i++) {
        other = key_of(different[i], REFERENCE, "a");
        assert_true(key.hi != other.hi && key.lo != other.lo);
    }
}

static void caps_hold(void **state)
{
    (void)state;
    const struct log_options o = {
        .charsets = charsets, .reference_us = REFERENCE, .max_memory_bytes = 200000, .max_age_us = TIME_DAY};
    struct maillog *p = maillog_new(&o);
    arena a;
    struct feed_list list = {0};
    arena_init(&a, 0);
    char line[256];
    for (unsigned i = 0; i < 5000; i++) {
        snprintf(line, sizeof line, "Jul  1 00:00:01 m postfix/cleanup[1]: AA%06u: message-id=<%u@x>", i, i);
        assert_true(maillog_line(p, slice_str(line), &a, &list));
    }
    assert_true(maillog_open(p) > 100 && maillog_open(p) < 2000);
    assert_int_equal(maillog_counts(p)->evicted + maillog_open(p), 5000);
    assert_true(maillog_line(p, S("Jul  3 00:00:01 m postfix/cleanup[1]: BBBBBBBB: message-id=<y@x>"), &a, &list));
    assert_int_equal(maillog_open(p), 1);
    arena_fini(&a);
    maillog_free(&p);
}

/* Mails that are open grow by their recipients: the cap holds then too. */
static void growing_mails_are_capped(void **state)
{
    (void)state;
    const struct log_options o = {.charsets = charsets, .reference_us = REFERENCE, .max_memory_bytes = 300000};
    struct maillog *p = maillog_new(&o);
    arena a;
    buf line, memory;
    arena_init(&a, 0);
    buf_init(&line, 0);
    buf_init(&memory, 0);
    for (unsigned i = 0; i < 4000; i++) {
        struct feed_list list = {0};
        buf_clear(&line);
        buf_printf(
            &line,
            "Jul  1 00:00:01 m postfix/smtp[1]: AA%06u: to=<%u@x>, relay=none, delay=1, dsn=4.0.0, status=deferred (",
            i % 20, i);
        for (unsigned k = 0; k < 50; k++)
            buf_adds(&line, "a long reply ");
        assert_true(maillog_line(p, buf_slice(&line), &a, &list));
        assert_int_equal(list.n, 1);
        arena_reset(&a);
    }
    maillog_export(p, &memory);
    assert_true(memory.n < 320000);
    assert_true(maillog_counts(p)->evicted > 10);
    buf_fini(&memory);
    buf_fini(&line);
    arena_fini(&a);
    maillog_free(&p);
}

/* One field of a deferral made longer and longer: never an error, and told at most once. */
static void long_fields_are_no_error(void **state)
{
    (void)state;
    static const char *const forms[] = {"Jul  1 00:00:01 m% postfix/smtp[1]:",
                                        " AAAAAAAA: to=<a%@x>, ",
                                        "orig_to=<b%@x>, ",
                                        "relay=mx%[192.0.2.1]:25, ",
                                        "dsn=4.0.%, ",
                                        "status=deferred (no%)"};
    for (size_t form = 0; form < ARRAY_LEN(forms); form++) {
        for (size_t n = 1; n < 40000; n = n * 3 + 1) {
            struct maillog *p = new_postfix();
            arena a;
            buf line;
            struct feed_list list = {0};
            arena_init(&a, 0);
            buf_init(&line, 0);
            for (size_t i = 0; i < ARRAY_LEN(forms); i++) {
                slice s = slice_str(forms[i]);
                size_t at = slice_chr(s, '%');
                buf_add(&line, slice_of(s.p, at));
                for (size_t k = 0; i == form && k < n; k++)
                    buf_addc(&line, '7');
                buf_add(&line, slice_from(s, at + 1));
            }
            assert_true(maillog_line(p, buf_slice(&line), &a, &list));
            assert_int_equal(list.n + maillog_counts(p)->odd, 1);
            assert_true(n > 200 || list.n == 1);
            assert_true(maillog_line(
                p, S("Jul  1 00:00:02 m postfix/qmgr[1]: AAAAAAAA: from=<a@b>, status=expired, returned"), &a, &list));
            buf_fini(&line);
            arena_fini(&a);
            maillog_free(&p);
        }
    }
}

static void counts_what_is_missing(void **state)
{
    (void)state;
    struct maillog *p = new_postfix();
    arena a;
    struct feed_list list = {0};
    arena_init(&a, 0);
    assert_true(maillog_block(
        p,
        S("Jul  1 00:00:01 m rsyslogd-2177: imuxsock begins to drop messages from pid 12 due to rate-limiting\n"
          "Jul  1 00:00:01 m rsyslogd: imjournal: begin to drop messages due to rate-limiting\n"
          "Jul  1 00:00:01 m systemd-journald[3]: Suppressed 1024 messages from postfix@-.service\n"
          "Jul  1 00:00:01 m rsyslogd: started\n"
          "Jul  1 00:00:01 m postfix/qmgr[1]: AAAAAAAA: from=<a@b>, status=expired, returned to sender\n"),
        &a, &list));
    assert_int_equal(maillog_counts(p)->drop_notices, 3);
    assert_int_equal(maillog_counts(p)->orphans, 1);
    assert_int_equal(list.n, 0);
    arena_fini(&a);
    maillog_free(&p);
}

static void try_line(slice line, void *data)
{
    arena *a = data;
    struct feed_list list = {0};
    struct maillog *p = new_postfix();
    assert_true(maillog_line(p, line, a, &list));
    buf b;
    buf_init(&b, 0);
    dump_list(&b, &list); /* reads every slice */
    buf_fini(&b);
    maillog_free(&p);
    arena_reset(a);
}

static void try_split(slice head, slice tail, void *data)
{
    try_line(head, data);
    try_line(tail, data);
}

static void survives_every_prefix_and_split(void **state)
{
    (void)state;
    arena a;
    arena_init(&a, 0);
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        for (slice rest = slice_str(examples[i].lines), line; slice_split(&rest, '\n', &line);) {
            guard_prefixes(line, try_line, &a);
            guard_splits(line, try_split, &a);
        }
    }
    arena_fini(&a);
}

static void damaged_memory_is_refused(void **state)
{
    (void)state;
    struct maillog *p = new_postfix();
    buf out, memory;
    buf_init(&out, 0);
    buf_init(&memory, 0);
    run(p, slice_str(examples[0].lines), &out);
    run(p, slice_str(examples[1].lines), &out);
    maillog_export(p, &memory);
    assert_true(memory.n > 50);
    for (size_t n = 0; n < memory.n; n++) {
        assert_false(maillog_import(p, slice_of(memory.p, n)));
        assert_int_equal(maillog_open(p), 0);
    }
    for (size_t i = 0; i < memory.n; i++) { /* a flipped byte may be text: it must only not crash */
        memory.p[i] ^= 0x55;
        (void)!maillog_import(p, buf_slice(&memory));
        memory.p[i] ^= 0x55;
    }
    assert_true(maillog_import(p, buf_slice(&memory)));
    buf_fini(&out);
    buf_fini(&memory);
    maillog_free(&p);
}

static void refused_memory_is_told(void **state)
{
    (void)state;
    struct maillog *p = new_postfix();
    arena a;
    struct feed_list list = {0};
    arena_init(&a, 64);
    assert_false(maillog_block(p, slice_str(examples[1].lines), &a, &list));
    arena_fini(&a);
    maillog_free(&p);
}

int main(void)
{
    charsets = charsets_new();
    assert_non_null(charsets);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_examples),
        cmocka_unit_test(resumes_at_every_line),
        cmocka_unit_test(sample_logs_tell_every_delivery),
        cmocka_unit_test(journal_tells_the_same_as_lines),
        cmocka_unit_test(source_key_knows_neither_path_nor_year),
        cmocka_unit_test(caps_hold),
        cmocka_unit_test(long_fields_are_no_error),
        cmocka_unit_test(growing_mails_are_capped),
        cmocka_unit_test(counts_what_is_missing),
        cmocka_unit_test(survives_every_prefix_and_split),
        cmocka_unit_test(damaged_memory_is_refused),
        cmocka_unit_test(refused_memory_is_told),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    charsets_free(&charsets);
    return failed;
}
