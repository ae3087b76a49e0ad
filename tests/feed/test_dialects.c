/* Lines as each mail program writes them, and what they tell. Those of programs that the lab cannot run are made after their
 * documentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "feed/log.h"
#include "guard.h"
#include "observation_dump.h"

#define REFERENCE (INT64_C(1764543600) * TIME_SECOND) /* 2025-11-30T23:00:00Z */

static const slice relays[] = {SLICE_INIT("smarthost.example.net"), SLICE_INIT("203.0.113.77")};

static struct charsets *charsets; /* opened once: it takes milliseconds */

static struct maillog *new_log(void)
{
    const struct log_options o = {.charsets = charsets,
                                  .reference_us = REFERENCE,
                                  .relays = relays,
                                  .relay_count = ARRAY_LEN(relays),
                                  .host = S("here")};
    struct maillog *m = maillog_new(&o);
    assert_non_null(m);
    return m;
}

struct example {
    const char *name, *lines, *expected;
};

// clang-format off
static const struct example examples[] = {
{"exim: old and new ids, verbs",
 "2024-03-02 09:44:33 10HmaY-0005vi-00 <= a@x.example H=app (a.b) [1.2.3.4] P=esmtp S=800 id=m1@x.example\n"
 "2024-03-02 09:44:34 10HmaY-0005vi-00 => b@y.example R=all T=smtp H=mx.y.example [192.0.2.1]:25 X=TLS1.3:ECDHE_X25519:256 CV=yes DN=\"/CN=a b: c\" C=\"250 \"quoted\" OK\" QT=1s DT=0s\n"
 "2024-03-02 09:44:34 10HmaY-0005vi-00 -> c@y.example R=all T=smtp H=mx.y.example [192.0.2.1]* C=\"250 OK\"\n"
 "2024-03-02 09:44:34 10HmaY-0005vi-00 *> d@y.example R=all T=smtp\n"
 "2024-03-02 09:44:35 10HmaY-0005vi-00 >> e@y.example R=all T=smtp H=127.0.0.1 [127.0.0.1] C=\"250 OK\"\n"
 "2024-03-02 09:44:35 10HmaY-0005vi-00 => f@y.example R=all T=smtp H=smarthost.example.net [192.0.2.9] C=\"250 OK\"\n"
 "2024-03-02 09:44:35 10HmaY-0005vi-00 => :blackhole: <v@y.example> R=drop\n"
 "2024-03-02 09:44:36 10HmaY-0005vi-00 => |/bin/a b <w@y.example> R=alias T=pipe\n"
 "2024-03-02 09:44:36 10HmaY-0005vi-00 Completed\n"
 "2024-03-02 09:44:37 16VDhn-000000001bo-D342 => g@y.example F=<> R=all T=smtp H=mx.y.example [192.0.2.1] C=\"250 OK\"\n",
 "delivered b@y.example from=a@x.example id=m1@x.example queue=here/exim/10HmaY-0005vi-00 mx=mx.y.example 2024-03-02T09:44:34Z reply=250 \"quoted\" OK\n"
 "delivered c@y.example from=a@x.example id=m1@x.example queue=here/exim/10HmaY-0005vi-00 mx=mx.y.example 2024-03-02T09:44:34Z reply=250 OK\n"
 "relayed e@y.example from=a@x.example id=m1@x.example queue=here/exim/10HmaY-0005vi-00 mx=127.0.0.1 2024-03-02T09:44:35Z reply=250 OK\n"
 "relayed f@y.example from=a@x.example id=m1@x.example queue=here/exim/10HmaY-0005vi-00 mx=smarthost.example.net 2024-03-02T09:44:35Z reply=250 OK\n"
 "relayed v@y.example from=a@x.example id=m1@x.example queue=here/exim/10HmaY-0005vi-00 2024-03-02T09:44:35Z\n"
 "delivered w@y.example from=a@x.example id=m1@x.example queue=here/exim/10HmaY-0005vi-00 2024-03-02T09:44:36Z\n"
 "delivered g@y.example from=<> queue=here/exim/16VDhn-000000001bo-D342 mx=mx.y.example 2024-03-02T09:44:37Z reply=250 OK\n"},
{"exim: failures of all ages",
 "1999-03-02 09:44:33 10HmaX-000000005vi-0000 == userx@domain.com R=all T=smtp defer (-44) H=127.0.0.1 [127.0.0.1]: SMTP error from remote mail server after RCPT TO:<userx@domain.com>: 452 Temporary error\n"
 "1999-03-02 09:44:33 10HmbB-000000005vi-0000 == b@test.ex <B@test.ex> R=client T=send defer (-44) H=m [127.0.0.1]: SMTP error from remote mail server after RCPT TO:<B@test.ex>: 452 4.5.3 Try again\n"
 "1999-03-02 09:44:33 10HmaZ-000000005vi-0000 ** fail@my.ex P=<pqr=fail+my.ex@verp.domain> R=r3 T=t3 H=m [192.0.2.1] : SMTP error from remote mail server after RCPT TO:<fail@my.ex>: 550 Recipient not OK\n"
 "1999-03-02 09:44:33 10HmbA-000000005vi-0000 ** u@my.ex F=<CALLER@my.ex> R=s T=lmtp H=m [192.0.2.1] : LMTP error after DATA: 550-I don't like this user\\n550 Bad user\n"
 "1999-03-02 09:44:33 10HmaX-0005vi-00 == userx@test.ex R=r1 T=smtp defer (-44): SMTP error from remote mail server after RCPT TO:<userx@test.ex>: host 127.0.0.1 [127.0.0.1]: 451 Recipient not OK\n"
 "1999-03-02 09:44:33 10HmaX-000000005vi-0000 == userx@simple R=all T=smtp defer (110): Connection timed out H=mx.sloth.ex [192.0.2.47]: SMTP timeout after RCPT TO:<a@b>\n"
 "1999-03-02 09:44:33 10HmaY-000000005vi-0000 ** userx@bad.ex : Unrouteable address\n"
 "1999-03-02 09:44:33 10HmaY-000000005vi-0000 == q@d.ex R=r T=t defer (-53): retry time not reached for any host for 'd.ex'\n"
 "1999-03-02 09:44:33 10HmaY-000000005vi-0000 ** \"a b\"@d.ex: delivery cancelled by administrator\n",
 "deferred userx@domain.com queue=here/exim/10HmaX-000000005vi-0000 mx=127.0.0.1 phase=rcpt 1999-03-02T09:44:33Z reply=SMTP error from remote mail server after RCPT TO:<userx@domain.com>: 452 Temporary error\n"
 "deferred b@test.ex queue=here/exim/10HmbB-000000005vi-0000 mx=m phase=rcpt 1999-03-02T09:44:33Z reply=SMTP error from remote mail server after RCPT TO:<B@test.ex>: 452 4.5.3 Try again\n"
 "failed fail@my.ex queue=here/exim/10HmaZ-000000005vi-0000 mx=m phase=rcpt 1999-03-02T09:44:33Z reply=SMTP error from remote mail server after RCPT TO:<fail@my.ex>: 550 Recipient not OK\n"
 "failed u@my.ex from=CALLER@my.ex queue=here/exim/10HmbA-000000005vi-0000 mx=m phase=data 1999-03-02T09:44:33Z reply=LMTP error after DATA: 550-I don't like this user\n550 Bad user\n"
 "deferred userx@test.ex queue=here/exim/10HmaX-0005vi-00 phase=rcpt 1999-03-02T09:44:33Z reply=SMTP error from remote mail server after RCPT TO:<userx@test.ex>: host 127.0.0.1 [127.0.0.1]: 451 Recipient not OK\n"
 "deferred userx@simple queue=here/exim/10HmaX-000000005vi-0000 mx=mx.sloth.ex phase=rcpt 1999-03-02T09:44:33Z reply=Connection timed out H=mx.sloth.ex [192.0.2.47]: SMTP timeout after RCPT TO:<a@b>\n"
 "failed userx@bad.ex queue=here/exim/10HmaY-000000005vi-0000 1999-03-02T09:44:33Z reply=Unrouteable address\n"
 "deferred q@d.ex queue=here/exim/10HmaY-000000005vi-0000 nothing-tried 1999-03-02T09:44:33Z reply=retry time not reached for any host for 'd.ex'\n"
 "failed \"a b\"@d.ex queue=here/exim/10HmaY-000000005vi-0000 1999-03-02T09:44:33Z reply=delivery cancelled by administrator\n"},
{"exim: given up, with the last real reply; frozen and abandoned",
 "2024-03-02 09:44:33 10HmaY-0005vi-00 == b@y.example R=all T=smtp defer (-46) H=mx.y.example [192.0.2.1]: SMTP error from remote mail server after end of data: 451 later\n"
 "2024-03-02 10:44:33 10HmaY-0005vi-00 == b@y.example R=all T=smtp defer (-53): retry time not reached for any host\n"
 "2024-03-06 10:44:33 10HmaY-0005vi-00 ** b@y.example: retry timeout exceeded\n"
 "2024-03-06 10:44:33 10HmaY-0005vi-00 *** Frozen (delivery error message)\n"
 "2024-03-06 10:44:33 10HmaZ-0005vi-00 == c@y.example R=all T=smtp defer (111): Connection refused\n"
 "2024-03-06 10:44:33 10HmaZ-0005vi-00 Message abandoned\n"
 "2024-03-06 10:44:34 10HmaZ-0005vi-00 ** c@y.example: retry timeout exceeded\n"
 "2024-03-06 10:44:34 10Hmaa-0005vi-00 H=(x) [192.0.2.3] F=<a@b> rejected RCPT <z@y.example>: relay not permitted\n",
 "deferred b@y.example queue=here/exim/10HmaY-0005vi-00 mx=mx.y.example phase=end 2024-03-02T09:44:33Z reply=SMTP error from remote mail server after end of data: 451 later\n"
 "deferred b@y.example queue=here/exim/10HmaY-0005vi-00 nothing-tried 2024-03-02T10:44:33Z reply=retry time not reached for any host\n"
 "expired b@y.example queue=here/exim/10HmaY-0005vi-00 mx=mx.y.example phase=end 2024-03-06T10:44:33Z reply=SMTP error from remote mail server after end of data: 451 later\n"
 "deferred c@y.example queue=here/exim/10HmaZ-0005vi-00 phase=connect 2024-03-06T10:44:33Z reply=Connection refused\n"
 "expired c@y.example queue=here/exim/10HmaZ-0005vi-00 2024-03-06T10:44:34Z reply=retry timeout exceeded\n"},
{"exim: in syslog, with and without a stamp of its own, in pieces",
 "Jul  1 00:00:01 m exim[7]: 10HmaY-0005vi-00 => b@y.example R=all T=smtp H=mx.y.example [192.0.2.1] C=\"250 OK\"\n"
 "Jul  1 00:00:02 m exim[7]: 2025-07-01 00:00:02 10HmaY-0005vi-00 => c@y.example R=all T=smtp H=mx.y.example [192.0.2.1] C=\"250 OK\"\n"
 "Jul  1 00:00:03 m exim[7]: [1\\2] 10HmaY-0005vi-00 ** d@y.example R=all T=smtp H=mx.y.example [192.0.2.1]: SMTP error from remote mail server after RCPT TO:<d@y.example>: 550 no\n"
 "Jul  1 00:00:03 m exim[7]: [2\\2] such user here\n",
 "delivered b@y.example queue=m/exim/10HmaY-0005vi-00 mx=mx.y.example 2025-07-01T00:00:01Z reply=250 OK\n"
 "delivered c@y.example queue=m/exim/10HmaY-0005vi-00 mx=mx.y.example 2025-07-01T00:00:02Z reply=250 OK\n"
 "failed d@y.example queue=m/exim/10HmaY-0005vi-00 mx=mx.y.example phase=rcpt 2025-07-01T00:00:03Z reply=SMTP error from remote mail server after RCPT TO:<d@y.example>: 550 no\n"},
{"exim: a stranger writes the subject and the reply",
 "2024-03-02 09:44:33 10HmaY-0005vi-00 <= a@x.example H=app [1.2.3.4] P=esmtp S=8 id=m1@x.example T=\"x id=evil@x 2024 ** v@z.example: no\"\n"
 "2024-03-02 09:44:34 10HmaY-0005vi-00 ** b@y.example R=all T=smtp H=mx.y.example [192.0.2.1]: SMTP error from remote mail server after RCPT TO:<b@y.example>: 550 H=evil [6.6.6.6] C=\"250 ok\" : x\n",
 "failed b@y.example from=a@x.example id=m1@x.example queue=here/exim/10HmaY-0005vi-00 mx=mx.y.example phase=rcpt 2024-03-02T09:44:34Z reply=SMTP error from remote mail server after RCPT TO:<b@y.example>: 550 H=evil [6.6.6.6] C=\"250 ok\" : x\n"},
{"opensmtpd: three forms",
 "Jul  1 00:00:01 m smtpd[24]: 1e722991167e2b80 mda delivery evpid=f9293a5cb336a379 from=<me@r.org> to=<p/-/r@f.org> rcpt=<p/-/r@f.org> user=forge delay=40s result=TempFail stat=Error (temporary failure: \"mail.lmtp: LMTP server error: 550 5.7.1 <p> Permanent failure\")\n"
 "Jul  1 00:00:02 m smtpd[24]: relay: PermFail for 6430369adcce4408: session=7818378a988ca63b, from=<me@g.com>, to=<kan@dark.mx>, rcpt=<->, source=192.0.2.1, relay=192.0.2.2 (mx.dark.mx), delay=0s, stat=550 Invalid, recipient\n"
 "Jul  1 00:00:03 m smtpd[24]: relay: TempFail for c534b8c7f5ad4a41: session=a6ee64ec089bf84f, from=<t@e.com>, to=<foo@e.com>, rcpt=<x@e.org>, source=127.0.0.1, relay=127.0.0.1 (localhost), delay=6m41s, stat=451 Temporary failure\n"
 "Jul  1 00:00:04 m smtpd[24]: delivery: Ok for f23a96c23e2500b8: from=<t@e.com>, to=<eric@e.com>, user=eric, method=lmtp, delay=1s, stat=Delivered\n"
 "Jul  1 00:00:05 m smtpd[24]: relay: Expire for c534b8c7f5ad4a41: from=<t@e.com>, to=<foo@e.com>, rcpt=<x@e.org>, delay=4d, stat=Envelope expired\n"
 "Jul  1 00:00:06 m smtpd[24]: 1e722991167e2b80 mta delivery evpid=a091c97560c3d98e from=<> to=<ada@corp.ex> rcpt=<-> source=\"192.0.2.1\" relay=\"203.0.113.77 (mx)\" delay=0s result=\"Ok\" stat=\"250 result=\"PermFail\" stat=\"x\"\n",
 "deferred p/-/r@f.org from=me@r.org provider=opensmtpd/f9293a5c queue=m/opensmtpd/f9293a5c dsn=4.3.0 2025-07-01T00:00:01Z reply=Error (temporary failure: \"mail.lmtp: LMTP server error: 550 5.7.1 <p> Permanent failure\")\n"
 "failed kan@dark.mx from=me@g.com provider=opensmtpd/6430369a queue=m/opensmtpd/6430369a mx=mx.dark.mx 2025-07-01T00:00:02Z reply=550 Invalid, recipient\n"
 "deferred foo@e.com orig=x@e.org from=t@e.com provider=opensmtpd/c534b8c7 queue=m/opensmtpd/c534b8c7 mx=localhost 2025-07-01T00:00:03Z reply=451 Temporary failure\n"
 "delivered eric@e.com from=t@e.com provider=opensmtpd/f23a96c2 queue=m/opensmtpd/f23a96c2 2025-07-01T00:00:04Z reply=Delivered\n"
 "expired foo@e.com orig=x@e.org from=t@e.com provider=opensmtpd/c534b8c7 queue=m/opensmtpd/c534b8c7 mx=localhost 2025-07-01T00:00:05Z reply=451 Temporary failure\n"
 "relayed ada@corp.ex from=<> provider=opensmtpd/a091c975 queue=m/opensmtpd/a091c975 mx=mx 2025-07-01T00:00:06Z reply=250 result=\"PermFail\" stat=\"x\n"},
{"sendmail: several recipients, days of delay, old ids, a reply that looks like a field",
 "Jul 15 17:53:50 thor sendmail[22495]: e6FFrpW22493: from=<a@b.ex>, size=551, class=0, nrcpts=3, msgid=<m1@b.ex>, proto=ESMTP, daemon=MTA, relay=j@o.ex [192.168.1.1]\n"
 "Jul 15 17:53:51 thor sm-mta[22495]: e6FFrpW22493: to=<joost@magnum.ex>, delay=00:00:00, xdelay=00:00:00, mailer=esmtp, pri=30551, relay=frigga.ex. [192.168.1.3], dsn=5.1.2, stat=Host unknown (Name server: magnum.ex.: host not found)\n"
 "Jul 15 17:53:52 thor sm-mta[22495]: e6FFrpW22493: to=<a@x.ex>,<b@x.ex>, delay=1+02:03:04, mailer=esmtp, pri=1, relay=mx.x.ex., dsn=4.0.0, reply=450 try, stat=Sent (x), stat=Deferred: 450 try, stat=Sent (x)\n"
 "Jul 15 17:53:53 thor sm-mta[22495]: e6FFrpW22493: e6FFrpW22499: sender notify: Cannot send message for 5 days\n"
 "Jul 15 17:53:54 thor sm-mta[7425]: l8E3xVpO007423: to=\"|/usr/bin/x\", ctladdr=<a@b.ex> (65534/65534), delay=00:00:03, mailer=prog, pri=120344, dsn=2.0.0, stat=Sent\n"
 "Jul 15 17:53:55 thor sm-mta[7425]: l8E3xVpO007423: to=<x@y.ex>, ctladdr=<a@b.ex> (65534/65534), delay=00:00:03, mailer=relay, pri=120344, relay=hub.ex. [192.0.2.9], dsn=2.0.0, stat=Sent (l8E Message accepted for delivery)\n",
 "failed joost@magnum.ex from=a@b.ex id=m1@b.ex queue=thor/sendmail/e6FFrpW22493 mx=frigga.ex dsn=5.1.2 2025-07-15T17:53:51Z reply=Host unknown (Name server: magnum.ex.: host not found)\n"
 "deferred a@x.ex from=a@b.ex id=m1@b.ex queue=thor/sendmail/e6FFrpW22493 mx=mx.x.ex dsn=4.0.0 2025-07-15T17:53:52Z reply=450 try, stat=Sent (x)\n"
 "deferred b@x.ex from=a@b.ex id=m1@b.ex queue=thor/sendmail/e6FFrpW22493 mx=mx.x.ex dsn=4.0.0 2025-07-15T17:53:52Z reply=450 try, stat=Sent (x)\n"
 "expired a@x.ex from=a@b.ex id=m1@b.ex queue=thor/sendmail/e6FFrpW22493 mx=mx.x.ex dsn=4.0.0 2025-07-15T17:53:53Z reply=450 try, stat=Sent (x)\n"
 "expired b@x.ex from=a@b.ex id=m1@b.ex queue=thor/sendmail/e6FFrpW22493 mx=mx.x.ex dsn=4.0.0 2025-07-15T17:53:53Z reply=450 try, stat=Sent (x)\n"
 "relayed x@y.ex queue=thor/sendmail/l8E3xVpO007423 mx=hub.ex dsn=2.0.0 2025-07-15T17:53:55Z reply=l8E Message accepted for delivery\n"},
{"powermta (from documentation): the guide's records, columns merged",
 "type,timeLogged,timeQueued,orig,rcpt,orcpt,dsnAction,dsnStatus,dsnDiag,dsnMta,bounceCat,srcType,srcMta,dlvType,dlvSourceIp,dlvDestinationIp,vmta,jobId,envId,queue,feedbackType,header_Message-Id,header_X-Campaign\r\n"
 "d,2019-02-08 21:54:05+0000,2019-02-08 21:54:00+0000,AA-D=1181.com@bounce.bar.com,D@1181.com,,relayed,2.0.0 (success),smtp;250 DATA ok,foo.int.port25.com (10.1.2.3),,api,foo,smtp,10.1.2.3,10.1.2.3,vmta48,JoBID29,e1,1181.com/vmta48,,<m1@x>,spring\r\n"
 "b,2019-02-08 21:53:41+0000,,CB@bounce.bar.com,A@yahoo.com,rfc822;a@alias.com,failed,5.7.1 (delivery not authorized),\"smtp;554 5.7.1 Denied, \"\"Spam\"\" Suspected\",mx (10.1.2.3),spam-related,api,,smtp,10.1.2.4,,vmta18,,,,,,\r\n"
 "b,1549662821,,x@y.ex,q@yahoo.com,,failed,4.4.7 (delivery time expired),smtp;451 later,,message-expired,,,,0.0.0.0,,,,,,,,\r\n"
 "t,02/08/2019 21:53:54+0000,,DB@b.com,DA@yahoo.fr,,delayed,4.7.0 (other),smtp;421 4.7.0 too many errors,mx (10.1.2.165),policy-related,,,,,,,,,,,,\r\n"
 "tq,2019-02-08 21:53:39+0000,,,,,,4.4.1 (no answer from host),,mx (87.98.150.101),,,,,,,,,,,,,\r\n"
 "d,2019-02-08 21:55:05+0000,,s@x.ex,R@1181.com,,relayed,2.0.0,smtp;250 ok,smarthost.example.net (10.9.9.9),,,,,,,,,,,,,\r\n"
 "f,2010-04-12 11:40:37-0400,,o@x.ex,c@aol.com,,,,,,,,,,,,,,,,abuse,,\r\n"
 "rb,2010-12-01 14:24:44-0500,,b@b.com,l@s.com,,,5.1.1 (bad destination mailbox address),\"smtp;550 5.1.1 no such <l@s.com> in \"\"RCPT TO:<l@s.com>\"\"\",mail.r.com (169.3.169.30),bad-mailbox,,,,,,,,,,,,\r\n"
 "type,rcpt,timeLogged\r\n",
 "delivered D@1181.com from=AA-D=1181.com@bounce.bar.com id=m1@x campaign=spring mx=foo.int.port25.com dsn=2.0.0 2019-02-08T21:54:05Z reply=250 DATA ok\n"
 "failed A@yahoo.com orig=a@alias.com from=CB@bounce.bar.com mx=mx dsn=5.7.1 2019-02-08T21:53:41Z reply=554 5.7.1 Denied, \"Spam\" Suspected\n"
 "expired q@yahoo.com from=x@y.ex dsn=4.4.7 2019-02-08T21:53:41Z reply=451 later\n"
 "deferred DA@yahoo.fr from=DB@b.com mx=mx dsn=4.7.0 2019-02-08T21:53:54Z reply=421 4.7.0 too many errors\n"
 "relayed R@1181.com from=s@x.ex mx=smarthost.example.net dsn=2.0.0 2019-02-08T21:55:05Z reply=250 ok\n"
 "complaint c@aol.com from=o@x.ex bare 2010-04-12T15:40:37Z\n"
 "failed l@s.com from=b@b.com mx=mail.r.com dsn=5.1.1 bare 2010-12-01T19:24:44Z reply=550 5.1.1 no such <l@s.com> in \"RCPT TO:<l@s.com>\"\n"},
{"kumomta (from documentation): the manual's records",
 "{\"type\":\"Reception\",\"id\":\"f684\",\"sender\":\"wez@example.com\",\"recipient\":\"wez@example.com.org\",\"queue\":\"example.com.org\",\"site\":\"\",\"size\":518,\"response\":{\"code\":250,\"enhanced_code\":null,\"content\":\"\",\"command\":null},\"peer_address\":{\"name\":\"foo.lan\",\"addr\":\"127.0.0.1\"},\"timestamp\":1691595584,\"created\":1691595584,\"num_attempts\":0,\"bounce_classification\":\"Uncategorized\",\"meta\":{},\"headers\":{},\"nodeid\":\"4eb2\"}\n"
 "{\"type\":\"Delivery\",\"id\":\"f684\",\"sender\":\"s@x.ex\",\"recipient\":[\"a@x.ex\",\"b@x.ex\"],\"queue\":\"spring:acme@x.ex\",\"response\":{\"code\":250,\"enhanced_code\":{\"class\":2,\"subject\":0,\"detail\":0},\"content\":\"OK ids=1\",\"command\":\".\"},\"peer_address\":{\"name\":\"mx.x.ex\",\"addr\":\"192.0.2.1\"},\"event_time\":\"2023-08-09T15:39:44.5Z\",\"headers\":{\"Message-ID\":\"<m1@x.ex>\"},\"nodeid\":\"4eb2\"}\n"
 "{\"response\":{\"code\":552,\"enhanced_code\":null,\"content\":\"1 Requested mail action aborted, mailbox not found\",\"command\":\".\\r\\n\"},\"bounce_classification\":\"InvalidRecipient\",\"type\":\"TransientFailure\",\"id\":\"f685\",\"sender\":\"\",\"recipient\":\"c@yahoo.com\",\"timestamp\":1691595584,\"nodeid\":\"4eb2\",\"source_address\":{\"address\":\"192.0.2.9:5587\"},\"meta\":{\"campaign\":\"c9\",\"tenant\":\"t9\"}}\n"
 "{\"type\":\"Bounce\",\"id\":\"f686\",\"recipient\":\"d@x.ex\",\"response\":{\"code\":550,\"enhanced_code\":{\"class\":5,\"subject\":1,\"detail\":1},\"content\":\"no such user\",\"command\":\"RCPT TO:<d@x.ex>\"},\"timestamp\":1691595585,\"nodeid\":\"4eb2\"}\n"
 "{\"type\":\"Expiration\",\"id\":\"f687\",\"recipient\":\"e@x.ex\",\"response\":{\"code\":551,\"enhanced_code\":{\"class\":5,\"subject\":4,\"detail\":7},\"content\":\"Next delivery time would be after expiration\"},\"timestamp\":1691595586,\"nodeid\":\"4eb2\"}\n"
 "{\"type\":\"AdminBounce\",\"id\":\"f688\",\"recipient\":\"f@x.ex\",\"response\":{\"code\":551,\"content\":\"Administrator: purged\"},\"timestamp\":1691595587,\"nodeid\":\"4eb2\"}\n"
 "{\"type\":\"OOB\",\"id\":\"f689\",\"recipient\":\"g@x.ex\",\"response\":{\"code\":550,\"content\":\"unknown\"},\"timestamp\":1691595588,\"nodeid\":\"4eb2\"}\n"
 "{\"type\":\"Feedback\",\"id\":\"f690\",\"recipient\":\"fbl@us.ex\",\"feedback_report\":{\"feedback_type\":\"abuse\",\"original_rcpto_to\":[\"<h@aol.ex>\"],\"original_mail_from\":\"<b@us.ex>\",\"reporting_mta\":{\"mta_type\":\"dns\",\"name\":\"r.aol.ex\"},\"original_message\":\"Subject: hi\\nMessage-ID: <m2@us.ex>\\n\\nMessage-ID: <evil@x>\"},\"timestamp\":1691595589,\"nodeid\":\"4eb2\"}\n"
 "{\"type\":\"Delayed\",\"id\":\"f691\",\"recipient\":\"i@x.ex\",\"nodeid\":\"4eb2\"}\n",
 "accepted wez@example.com.org from=wez@example.com queue=4eb2/kumomta/f684 mx=foo.lan 2023-08-09T15:39:44Z reply=250\n"
 "delivered a@x.ex from=s@x.ex id=m1@x.ex queue=4eb2/kumomta/f684 campaign=spring mx=mx.x.ex dsn=2.0.0 phase=end tenant=acme 2023-08-09T15:39:44.500Z reply=250 2.0.0 OK ids=1\n"
 "delivered b@x.ex from=s@x.ex id=m1@x.ex queue=4eb2/kumomta/f684 campaign=spring mx=mx.x.ex dsn=2.0.0 phase=end tenant=acme 2023-08-09T15:39:44.500Z reply=250 2.0.0 OK ids=1\n"
 "deferred c@yahoo.com from=<> queue=4eb2/kumomta/f685 campaign=c9 phase=end tenant=t9 2023-08-09T15:39:44Z reply=552 1 Requested mail action aborted, mailbox not found\n"
 "failed d@x.ex queue=4eb2/kumomta/f686 dsn=5.1.1 phase=rcpt 2023-08-09T15:39:45Z reply=550 5.1.1 no such user\n"
 "expired e@x.ex queue=4eb2/kumomta/f687 dsn=5.4.7 2023-08-09T15:39:46Z reply=551 5.4.7 Next delivery time would be after expiration\n"
 "failed f@x.ex queue=4eb2/kumomta/f688 verdict=platform:kumomta:AdminBounce 2023-08-09T15:39:47Z reply=551 Administrator: purged\n"
 "failed g@x.ex bare 2023-08-09T15:39:48Z reply=550 unknown\n"
 "complaint h@aol.ex from=b@us.ex id=m2@us.ex bare 2023-08-09T15:39:49Z\n"},
{"events: our own",
 "{\"event\":\"delivered\",\"recipient\":\"Ann <ann@x.ex>\",\"time\":\"2025-07-01T10:00:00Z\",\"message_id\":\"<m1@us.ex>\",\"campaign\":\"c1\",\"tenant\":\"acme\",\"via\":\"haraka\",\"reply\":\"250 ok\"}\n"
 "{\"event\":\"bounced\",\"recipient\":\"bob@x.ex\",\"sent_to\":\"list@x.ex\",\"time\":1751364000,\"reply\":\"550 5.1.1 no\\nsuch user\",\"status\":\"5.1.1\",\"phase\":\"rcpt\",\"remote_mta\":\"mx.x.ex\",\"unheard\":{\"of\":1}}\n"
 "{\"event\":\"failed\",\"recipient\":\"c@x.ex\",\"key\":\"k1\",\"reason\":\"mailbox-full\"}\n"
 "{\"event\":\"clicked\",\"recipient\":\"c@x.ex\",\"key\":7,\"tried_nothing\":false}\n"
 "{\"event\":\"danced\",\"recipient\":\"c@x.ex\",\"key\":\"k2\"}\n",
 "delivered ann@x.ex id=m1@us.ex campaign=c1 tenant=acme 2025-07-01T10:00:00Z reply=250 ok\n"
 "failed bob@x.ex orig=list@x.ex mx=mx.x.ex dsn=5.1.1 phase=rcpt 2025-07-01T10:00:00Z reply=550 5.1.1 no\nsuch user\n"
 "failed c@x.ex verdict=told:events \n"
 "clicked c@x.ex \n"},
};
// clang-format on

static bool run(struct maillog *m, slice lines, size_t cap, buf *out)
{
    arena a;
    struct feed_list list = {0};
    arena_init(&a, cap);
    bool good = maillog_block(m, lines, &a, &list);
    dump_list(out, &list);
    arena_fini(&a);
    return good;
}

static void reads_examples(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        struct maillog *m = new_log();
        buf out;
        buf_init(&out, 0);
        maillog_file(m, SLICE_EMPTY, slice_str(examples[i].lines), TIME_NONE);
        assert_true(run(m, slice_str(examples[i].lines), 0, &out));
        buf_addc(&out, '\0');
        if (strcmp(out.p, examples[i].expected) != 0)
            print_error("example: %s\n", examples[i].name);
        assert_string_equal(out.p, examples[i].expected);
        buf_fini(&out);
        maillog_free(&m);
    }
}

/* In a stream whose beginning is not known the columns may be named again; in a file only its first line names them, so that
 * reading it may stop and go on anywhere. */
static void columns_are_named_where_they_may(void **state)
{
    (void)state;
    slice lines = S("type,rcpt,timeLogged\nd,a@x.ex,1549662821\ntype,timeLogged,rcpt\nd,1549662821,b@x.ex\n");
    for (int known = 0; known < 2; known++) {
        struct maillog *m = new_log();
        buf out;
        buf_init(&out, 0);
        maillog_file(m, SLICE_EMPTY, known ? lines : SLICE_EMPTY, TIME_NONE);
        assert_true(run(m, lines, 0, &out));
        buf_addc(&out, 0);
        assert_string_equal(out.p, known ? "delivered a@x.ex 2019-02-08T21:53:41Z\ndelivered 1549662821 \n"
                                         : "delivered a@x.ex 2019-02-08T21:53:41Z\n"
                                           "delivered b@x.ex 2019-02-08T21:53:41Z\n");
        assert_int_equal(maillog_counts(m)->odd, known);
        buf_fini(&out);
        maillog_free(&m);
    }
}

static void read_prefix(slice prefix, void *data)
{
    buf out;
    buf_init(&out, 0);
    assert_true(run(data, prefix, 0, &out));
    buf_fini(&out);
}

static void survives_every_prefix(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        slice rest = slice_str(examples[i].lines), head = rest, line;
        while (slice_split(&rest, '\n', &line)) {
            struct maillog *m = new_log();
            maillog_file(m, SLICE_EMPTY, head, TIME_NONE);
            guard_prefixes(line, read_prefix, m);
            maillog_free(&m);
        }
    }
}

static void refused_memory_is_told(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(examples); i++) {
        struct maillog *m = new_log();
        buf out;
        buf_init(&out, 0);
        maillog_file(m, SLICE_EMPTY, slice_str(examples[i].lines), TIME_NONE);
        assert_false(run(m, slice_str(examples[i].lines), 64, &out));
        buf_fini(&out);
        maillog_free(&m);
    }
}

int main(void)
{
    charsets = charsets_new();
    assert_non_null(charsets);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_examples),
        cmocka_unit_test(columns_are_named_where_they_may),
        cmocka_unit_test(survives_every_prefix),
        cmocka_unit_test(refused_memory_is_told),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    charsets_free(&charsets);
    return failed;
}
