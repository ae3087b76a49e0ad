#include "bounce/reports.h"
#include "check.h"

#define MAIL(fields, text) "From: Joe <joe@example.net>\nTo: us@example.com\n" fields "\n" text "\n"

static const struct reports_case away[] = {
    {"RFC 3834", MAIL("Subject: Re: Hi\nAuto-Submitted: auto-replied\n", "I am away."), "f",
     "autoreply joe@example.net format=rfc3834"},
    {"X-Autoreply", MAIL("Subject: Re: Hi\nX-Autoreply: yes\n", "I am away."), "", "autoreply joe@example.net"},
    {"X-Autorespond", MAIL("Subject: Re: Hi\nX-Autorespond: Hi\n", "I am away."), "", "autoreply joe@example.net"},
    {"Precedence", MAIL("Subject: Thank you\nPrecedence: auto_reply\n", "Thank you."), "", "autoreply joe@example.net"},
    {"English", MAIL("Subject: Out of Office: Hi\n", "Back on Monday."), "", "autoreply joe@example.net"},
    {"English, Exchange", MAIL("Subject: Automatic reply: Hi\n", "Back on Monday."), "", "autoreply joe@example.net"},
    {"German", MAIL("Subject: Abwesenheitsnotiz: Hi\n", "Wieder da am Montag."), "", "autoreply joe@example.net"},
    {"French", MAIL("Subject: =?utf-8?q?R=C3=A9ponse_automatique?= : Hi\n", "Absent."), "",
     "autoreply joe@example.net"},
    {"Spanish", MAIL("Subject: =?iso-8859-1?q?Respuesta_autom=E1tica?=: Hi\n", "Fuera."), "",
     "autoreply joe@example.net"},
    {"Italian", MAIL("Subject: Risposta automatica: Hi\n", "Assente."), "", "autoreply joe@example.net"},
    {"Dutch", MAIL("Subject: Automatisch antwoord: Hi\n", "Afwezig."), "", "autoreply joe@example.net"},
    {"Swedish", MAIL("Subject: Autosvar: Hi\n", "Borta."), "", "autoreply joe@example.net"},
    {"Finnish", MAIL("Subject: Automaattinen vastaus: Hi\n", "Poissa."), "", "autoreply joe@example.net"},
    {"Polish", MAIL("Subject: =?utf-8?q?Autoodpowied=C5=BA?=: Hi\n", "Nie ma mnie."), "", "autoreply joe@example.net"},
    {"Russian", MAIL("Subject: =?utf-8?b?0JDQstGC0L7QvtGC0LLQtdGC?=: Hi\n", "."), "", "autoreply joe@example.net"},
    {"Japanese", MAIL("Subject: =?utf-8?b?6Ieq5YuV5b+c562U?=: Hi\n", "."), "", "autoreply joe@example.net"},
    {"Chinese", MAIL("Subject: =?utf-8?b?6Ieq5Yqo5Zue5aSN?=: Hi\n", "."), "", "autoreply joe@example.net"},
    {"Korean", MAIL("Subject: =?utf-8?b?7J6Q64+Z7J2R64u1?=: Hi\n", "."), "", "autoreply joe@example.net"},
    {"gone for good, but answered",
     MAIL("Subject: Re: Hi\nAuto-Submitted: auto-replied\n",
          "This address joe@example.net could not be delivered to any longer."),
     "", "autoreply joe@example.net"},
    {"challenge", MAIL("Subject: Please confirm your mail to joe\n", "Click."), "", "challenge joe@example.net"},
};

static const struct reports_case bounces[] = {
    {"a failure that calls itself generated",
     "From: MAILER-DAEMON@mx.example.net\nTo: us@example.com\nSubject: Mail delivery failed\n"
     "Auto-Submitted: auto-replied\n\nYour message could not be delivered.\n\n<joe@example.net>:\n550 User unknown\n",
     "", "failed joe@example.net"},
};

static const struct reports_case persons[] = {
    {"a letter", MAIL("Subject: Hi\n", "I was out of the office."), "", ""},
    {"Auto-Submitted: no", MAIL("Subject: Hi\nAuto-Submitted: no\n", "Hi."), "", ""},
    {"cron",
     "From: root@host.example.com (Cron Daemon)\nTo: root@host.example.com\nSubject: Cron <root@host> backup\n"
     "Auto-Submitted: auto-generated\n\nbackup: delivery failed for joe@example.net\n",
     "", ""},
    {"a list", MAIL("Subject: Automatic reply filters\nList-Id: <talk.example.org>\n", "How do you?"), "", ""},
};

static void test_away(void **state)
{
    reports_check(*state, away, ARRAY_LEN(away));
}

static void test_bounces(void **state)
{
    reports_check(*state, bounces, ARRAY_LEN(bounces));
}

static void test_persons(void **state)
{
    reports_check(*state, persons, ARRAY_LEN(persons));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_away),
        cmocka_unit_test(test_bounces),
        cmocka_unit_test(test_persons),
    };
    return cmocka_run_group_tests(tests, reports_set_up, reports_tear_down);
}
