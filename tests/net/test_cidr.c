/* Networks and addresses as text. */
#include "check.h"

#include "net/cidr.h"

static void networks_hold_their_addresses(void **state)
{
    static const struct {
        const char *net, *ip;
        bool inside;
    } pairs[] = {
        {"192.0.2.0/24", "192.0.2.255", true},
        {"192.0.2.0/24", "192.0.3.0", false},
        {"192.0.2.128/25", "192.0.2.127", false},
        {"192.0.2.128/25", "192.0.2.128", true},
        {"192.0.2.7", "192.0.2.7", true},
        {"192.0.2.7", "192.0.2.6", false},
        {"0.0.0.0/0", "203.0.113.9", true},
        {"0.0.0.0/0", "2001:db8::1", false},
        {"::/0", "203.0.113.9", true},
        {"2001:db8::/32", "2001:db8:ffff::1", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"[2001:db8::]/32", "[2001:db8::1]", true},
        {"2001:db8::1", "2001:db8::1%eth0", true},
        {"192.0.2.0/24", "::ffff:192.0.2.9", true},
        {"::ffff:192.0.2.0/120", "192.0.2.9", true},
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct cidr net;
        struct ip ip;
        assert_true(cidr_parse(slice_str(pairs[i].net), &net));
        assert_true(ip_parse(slice_str(pairs[i].ip), &ip));
        assert_int_equal(cidr_has(&net, &ip), pairs[i].inside);
    }
}

static void what_is_no_network_is_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        "192.0.2.1/24",
                                        "192.0.2.0/33",
                                        "192.0.2.0/",
                                        "192.0.2/24",
                                        "2001:db8::1/32",
                                        "2001:db8::/129",
                                        "example.org",
                                        "192.0.2.0/-1",
                                        "1.2.3.4/24x",
                                        "192.0.2.0/255.255.255.0"};
    (void)state;
    struct cidr net;
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
        assert_false(cidr_parse(slice_str(wrong[i]), &net));
    struct ip ip;
    assert_false(ip_parse(S("127.0.0.1\0x"), &ip));
    assert_false(ip_parse(S("1111:2222:3333:4444:5555:6666:7777:8888:9999:aaaa:bbbb"), &ip));
}

static void loopback_is_known(void **state)
{
    static const struct {
        const char *ip;
        bool loopback;
    } some[] = {{"127.0.0.1", true},  {"127.255.1.2", true}, {"::1", true}, {"::ffff:127.0.0.1", true},
                {"128.0.0.1", false}, {"::2", false},        {"::", false}, {"::7f00:1", false}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(some); i++) {
        struct ip ip;
        assert_true(ip_parse(slice_str(some[i].ip), &ip));
        assert_int_equal(ip_is_loopback(&ip), some[i].loopback);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(networks_hold_their_addresses),
        cmocka_unit_test(what_is_no_network_is_refused),
        cmocka_unit_test(loopback_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
