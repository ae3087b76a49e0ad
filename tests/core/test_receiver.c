/* Whose servers took or refused: every observation gets its provider. */
#include "check.h"
#include "core/intake.h"
#include "core/receiver.h"

static void registered_domains(void **state)
{
    static const struct {
        slice host, domain;
    } rows[] = {
        {SLICE_INIT("mx1.hoster.example.net"), SLICE_INIT("example.net")},
        {SLICE_INIT("MX.Firma.CO.UK."), SLICE_INIT("firma.co.uk")},
        {SLICE_INIT("firma.co.uk"), SLICE_INIT("firma.co.uk")},
        {SLICE_INIT("co.uk"), SLICE_INIT("")},                                 /* a public suffix has no owner */
        {SLICE_INIT("mx.a.city.kawasaki.jp"), SLICE_INIT("city.kawasaki.jp")}, /* exceptions of the list */
        {SLICE_INIT("mx.a.b.kawasaki.jp"), SLICE_INIT("a.b.kawasaki.jp")},
        {SLICE_INIT("mx.someone.github.io"), SLICE_INIT("github.io")}, /* its private part is left aside */
        {SLICE_INIT("mx.example.org[192.0.2.1]:25"), SLICE_INIT("example.org")},
        {SLICE_INIT("mx.example.org (192.0.2.1)"), SLICE_INIT("example.org")},
        {SLICE_INIT("mx.xn--bcher-kva.example"), SLICE_INIT("xn--bcher-kva.example")},
        {SLICE_INIT("mx.test.unknowntld"), SLICE_INIT("test.unknowntld")},
        {SLICE_INIT("[192.0.2.1]"), SLICE_INIT("")},
        {SLICE_INIT("192.0.2.1"), SLICE_INIT("")},
        {SLICE_INIT("2001:db8::1"), SLICE_INIT("")},
        {SLICE_INIT("localhost"), SLICE_INIT("")},
        {SLICE_INIT("mail.localdomain"), SLICE_INIT("")},
        {SLICE_INIT("printer.local"), SLICE_INIT("")},
        {SLICE_INIT("private/dovecot-lmtp"), SLICE_INIT("")},
        {SLICE_INIT(".."), SLICE_INIT("")},
        {SLICE_INIT(".example.org"), SLICE_INIT("")},
        {SLICE_INIT("a..example.org"), SLICE_INIT("")},
        {SLICE_INIT("none"), SLICE_INIT("")},
        {SLICE_INIT(""), SLICE_INIT("")},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char name[RECEIVER_MAX_BYTES + 1];
        assert_slice(registered_domain(rows[i].host, name), rows[i].domain);
    }
}

static void long_names_are_none(void **state)
{
    char host[400], name[RECEIVER_MAX_BYTES + 1];
    (void)state;
    memset(host, 'a', sizeof host);
    for (size_t i = 60; i < sizeof host; i += 60)
        host[i] = '.';
    memcpy(host + 230, ".example.org", 12);
    assert_slice(registered_domain(slice_of(host, 242), name), S("example.org"));
    assert_slice(registered_domain(slice_of(host + 1, 399), name), SLICE_EMPTY);
    memset(host, 'a', 64);
    memcpy(host + 64, ".org", 4);
    assert_slice(registered_domain(slice_of(host, 68), name), SLICE_EMPTY); /* a label of 64 octets */
    assert_slice(registered_domain(slice_of(host + 1, 67), name), slice_of(host + 1, 67));
}

struct seen {
    const char *recipient, *sent_to, *remote, *reply;
    enum bounce_kind kind;
    enum trust trust;
    const char *provider;
};

static void every_observation_has_one(void **state)
{
    static const struct seen rows[] = {
        {"a@gmail.com", "", "", "", BOUNCE_KIND_DELIVERED, TRUST_PROVEN, "gmail"},
        {"a@firma.de", "", "ASPMX.L.GOOGLE.COM", "", BOUNCE_KIND_DELIVERED, TRUST_PROVEN, "gmail"},
        {"a@firma.de", "", "firma-de.mail.protection.outlook.com", "", BOUNCE_KIND_RELAYED, TRUST_PROVEN, "microsoft"},
        {"a@firma.de", "", "firma-de.mail.protection.outlook.com", "450 4.7.1 wait", BOUNCE_KIND_DEFERRED, TRUST_PROVEN,
         "microsoft"},
        {"a@aol.com", "", "", "", BOUNCE_KIND_COMPLAINT, TRUST_BARE, "yahoo"},
        {"a@me.com", "", "", "", BOUNCE_KIND_OPENED, TRUST_PROVEN, "apple"},
        {"a@firma.de", "", "mx7.hoster.co.uk", "", BOUNCE_KIND_DELIVERED, TRUST_PROVEN, "hoster.co.uk"},
        {"a@firma.de", "", "mx7.hoster.co.uk", "550 5.1.1 who?", BOUNCE_KIND_FAILED, TRUST_PROVEN, "hoster.co.uk"},
        {"a@firma.de", "", "mx7.hoster.co.uk", "550 5.1.1 who?", BOUNCE_KIND_FAILED, TRUST_BARE, "firma.de"},
        {"a@firma.de", "", "local", "", BOUNCE_KIND_DELIVERED, TRUST_PROVEN, "firma.de"},
        {"a@mail.firma.de", "", "192.0.2.25", "", BOUNCE_KIND_DELIVERED, TRUST_PROVEN, "firma.de"},
        {"b@intern.local", "a@gmail.com", "", "", BOUNCE_KIND_DELIVERED, TRUST_PROVEN, "gmail"},
        {"a@[192.0.2.1]", "", "[192.0.2.1]", "", BOUNCE_KIND_DELIVERED, TRUST_PROVEN, ""},
        {"a@localhost", "", "", "", BOUNCE_KIND_DELIVERED, TRUST_PROVEN, ""},
    };
    struct bounce_rules *rules;
    arena a;
    slice problem;
    err e;
    (void)state;
    arena_init(&a, 0);
    assert_int_equal(bounce_rules_new(NULL, 0, false, &a, &rules, &problem), BOUNCE_OK);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct observation o = {.kind = rows[i].kind,
                                .recipient = slice_str(rows[i].recipient),
                                .sent_to = slice_str(rows[i].sent_to),
                                .remote_mta = slice_str(rows[i].remote),
                                .reply = slice_str(rows[i].reply),
                                .trust = rows[i].trust};
        assert_int_equal(intake_judge(rules, &o, &a, &e), OK);
        assert_slice(o.provider, slice_str(rows[i].provider));
        assert_int_equal(intake_judge(rules, &o, &a, &e), OK); /* again changes nothing */
        assert_slice(o.provider, slice_str(rows[i].provider));
    }
    bounce_rules_free(&rules);
    arena_fini(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registered_domains),
        cmocka_unit_test(long_names_are_none),
        cmocka_unit_test(every_observation_has_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
