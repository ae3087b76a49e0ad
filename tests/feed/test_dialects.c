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

static struct maillog *new_log(void)
{
    const struct log_options o = {
        .reference_us = REFERENCE, .relays = relays, .relay_count = ARRAY_LEN(relays), .host = S("here")};
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
 "2024-03-02 09:44:36 10HmaY-0005vi-00 Completed\n"
 "2024-03-02 09:44:37 16VDhn-000000001bo-D342 => g@y.example F=<> R=all T=smtp H=mx.y.example [192.0.2.1] C=\"250 OK\"\n",
 "delivered b@y.example from=a@x.example id=m1@x.example queue=here/exim/10HmaY-0005vi-00 mx=mx.y.example 2024-03-02T09:44:34Z reply=250 \"quoted\" OK\n"
 "delivered c@y.example from=a@x.example id=m1@x.example queue=here/exim/10HmaY-0005vi-00 mx=mx.y.example 2024-03-02T09:44:34Z reply=250 OK\n"
 "relayed e@y.example from=a@x.example id=m1@x.example queue=here/exim/10HmaY-0005vi-00 mx=127.0.0.1 2024-03-02T09:44:35Z reply=250 OK\n"
 "relayed f@y.example from=a@x.example id=m1@x.example queue=here/exim/10HmaY-0005vi-00 mx=smarthost.example.net 2024-03-02T09:44:35Z reply=250 OK\n"
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
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_examples),
        cmocka_unit_test(survives_every_prefix),
        cmocka_unit_test(refused_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
