/* What providers tell of a sender, from the files that they give. */
#include "base/buf.h"
#include "check.h"

#include "feed/provider_report.h"
#include "feed/provider_report_work.h"

#define OLD_SNDS                                                                                                     \
    "192.0.2.10,7/1/2026 12:05 AM,7/1/2026 11:55 PM,12345,12001,12300,GREEN,< 0.1%,,,0,mx1.example.org,"             \
    "news@example.org,\r\n"                                                                                          \
    "192.0.2.11,7/1/2026 12:05 AM,7/1/2026 11:55 PM,2000,1990,2000,YELLOW,0.3%,7/1/2026 1:00 AM,7/1/2026 2:00 AM,3," \
    "mx1.example.org,news@example.org,\"one, \"\"odd\"\" day\"\r\n"                                                  \
    "192.0.2.12,7/2/2026 12:05 AM,7/2/2026 11:55 PM,100,100,100,RED,4.2%,,,12,mx1.example.org,news@example.org,\r\n"
#define PORTAL_SNDS                                                                                                    \
    "\xEF\xBB\xBFIP Address,Activity Start,Activity End,RCPT Commands,DATA Commands,Message Recipients,Filter Result," \
    "Complaint Rate,Trap Hits,Sample HELO,Sample MAIL FROM,Comments\n"                                                 \
    "2001:db8::1,2026-07-01T00:00:00Z,2026-07-01T23:59:00Z,10,9,8,green,< 0.1%,0,mx.example.org,a@example.org,\n"      \
    "192.0.2.13,2026-07-01,2026-07-01,10,9,8,Yellow,0.1% - 0.3%,1,mx.example.org,a@example.org,\n"
#define V1                                                                                                             \
    "{\"trafficStats\": [{\"name\": \"domains/Example.org/trafficStats/20260701\", \"userReportedSpamRatio\": 0.0013," \
    " \"ipReputations\": [{\"reputation\": \"HIGH\", \"ipCount\": \"4\"}, {\"reputation\": \"BAD\", \"ipCount\": 1},"  \
    " {\"reputation\": \"LOW\", \"ipCount\": 0}], \"domainReputation\": \"MEDIUM\", \"spfSuccessRatio\": 1.0,"         \
    " \"dkimSuccessRatio\": 0.998, \"dmarcSuccessRatio\": 1, \"deliveryErrors\": [{\"errorClass\": "                   \
    "\"TEMPORARY_ERROR\","                                                                                             \
    " \"errorType\": \"RATE_LIMIT_EXCEEDED\", \"errorRatio\": 0.025}, {\"errorType\": \"DMARC_POLICY\", "              \
    "\"errorRatio\":"                                                                                                  \
    " 1e-3}]}], \"nextPageToken\": \"\"}"
#define V2                                                                                                         \
    "{\"domainStats\": ["                                                                                          \
    "{\"name\": \"domains/example.org/domainStats/spam_rate_1\", \"metric\": \"spam_rate\", \"date\": {\"year\": " \
    "2026,"                                                                                                        \
    " \"month\": 7, \"day\": 1}, \"value\": {\"doubleValue\": 0.0021}},"                                           \
    "{\"name\": \"domains/example.org/domainStats/a\", \"metric\": \"dkim_success\", \"date\": {\"year\": 2026,"   \
    " \"month\": 7, \"day\": 1}, \"value\": {\"doubleValue\": 0.99}},"                                             \
    "{\"name\": \"domains/example.org/domainStats/b\", \"metric\": \"delivery_error_rate\", \"date\": {\"year\": " \
    "2026,"                                                                                                        \
    " \"month\": 7, \"day\": 2}, \"value\": {\"floatValue\": 0.5}},"                                               \
    "{\"name\": \"nonsense\", \"metric\": \"spam_rate\", \"value\": {\"doubleValue\": 1}}]}"
#define CSV                                                                                                         \
    "Date,Domain,User Reported Spam Rate,Domain Reputation,SPF Success Rate,DKIM Success Rate,DMARC Success Rate\n" \
    "2026-07-01,example.org,0.12%,HIGH,100%,99.5%,100%\n"                                                           \
    "20260702,example.org,0.003,Bad,1,1,1\n"                                                                        \
    "soon,example.org,0.1%,HIGH,1,1,1\n"                                                                            \
    "2026-07-03,example.org,many,HIGH,1,1,1\n"

static void dump(const struct provider_report_list *list, enum provider_report_end end, buf *out)
{
    buf_printf(out, "end %d\n", (int)end);
    for (size_t i = 0; i < list->n; i++) {
        const struct provider_report *r = &list->items[i];
        buf_printf(out, "%s %.*s %lld %s n=%lld c=%lld t=%lld %lld/%lld/%lld e=%lld [%.*s]\n",
                   provider_source_word(r->source), SLICE_FMT(r->subject), (long long)r->day,
                   provider_level_word(r->level), (long long)r->recipients, (long long)r->complaint_ppm,
                   (long long)r->traps, (long long)r->spf_ppm, (long long)r->dkim_ppm, (long long)r->dmarc_ppm,
                   (long long)r->error_ppm, SLICE_FMT(r->detail));
    }
    for (size_t i = 0; i < list->bad_count && i < PROVIDER_REPORT_MAX_BAD; i++)
        buf_printf(out, "line %zu: %.*s: %s\n", list->bad[i].line, SLICE_FMT(list->bad[i].what), list->bad[i].why);
}

static void check(const char *text, const char *domain, const char *expected)
{
    struct provider_report_list list;
    arena a;
    buf out;
    arena_init(&a, 0);
    buf_init(&out, 0);
    dump(&list, provider_report_read(slice_str(text), slice_str(domain), &a, &list), &out);
    assert_slice(buf_slice(&out), slice_str(expected));
    buf_fini(&out);
    arena_fini(&a);
}

/* 2026-07-01 is day 20635. */
static void snds(void **state)
{
    (void)state;
    check(OLD_SNDS, "",
          "end 0\n"
          "snds 192.0.2.10 20635 good n=12300 c=1000 t=0 -1/-1/-1 e=-1 [GREEN, complaints < 0.1%]\n"
          "snds 192.0.2.11 20635 fair n=2000 c=3000 t=3 -1/-1/-1 e=-1 [YELLOW, complaints 0.3%; one, \"odd\" day]\n"
          "snds 192.0.2.12 20636 bad n=100 c=42000 t=12 -1/-1/-1 e=-1 [RED, complaints 4.2%]\n");
    check(PORTAL_SNDS, "",
          "end 0\n"
          "snds 2001:db8::1 20635 good n=8 c=1000 t=0 -1/-1/-1 e=-1 [green, complaints < 0.1%]\n"
          "snds 192.0.2.13 20635 fair n=8 c=3000 t=1 -1/-1/-1 e=-1 [Yellow, complaints 0.1% - 0.3%]\n");
    check("192.0.2.1,7/1/2026 1:00 AM,7/1/2026,1,1,1,GREEN,< 0.1%,0,h,s,\n"
          "192.0.2.x,7/1/2026 1:00 AM,7/1/2026,1,1,1,GREEN,< 0.1%,0,h,s,\n"
          "192.0.2.1,13/41/2026,7/1/2026,1,1,1,GREEN,< 0.1%,0,h,s,\n"
          "\n"
          "192.0.2.1,7/1/2026,7/1/2026,1,1,1,BLUE,< 0.1%,0,h,s,\n"
          "192.0.2.1,7/1/2026,7/1/2026,1,1,1,RED,often,0,h,s,\n",
          "",
          "end 0\n"
          "snds 192.0.2.1 20635 good n=1 c=1000 t=0 -1/-1/-1 e=-1 [GREEN, complaints < 0.1%]\n"
          "line 2: 192.0.2.x: this is no IP address\n"
          "line 3: 13/41/2026: this is no date\n"
          "line 5: BLUE: a filter result is GREEN, YELLOW or RED\n"
          "line 6: often: a complaint rate is a percentage\n");
}

static void postmaster(void **state)
{
    (void)state;
    check(V1, "",
          "end 0\n"
          "postmaster example.org 20635 fair n=-1 c=1300 t=-1 1000000/998000/1000000 e=26000 "
          "[4 IP HIGH; 1 IP BAD; RATE_LIMIT_EXCEEDED 2.50 %; DMARC_POLICY 0.10 %]\n");
    check(V2, "",
          "end 0\n"
          "postmaster example.org 20635  n=-1 c=2100 t=-1 -1/990000/-1 e=-1 []\n"
          "postmaster example.org 20636  n=-1 c=-1 t=-1 -1/-1/-1 e=500000 []\n"
          "line 4: nonsense: a figure has a name (domains/DOMAIN/domainStats/...) and a date\n");
    check(CSV, "",
          "end 0\n"
          "postmaster example.org 20635 good n=-1 c=1200 t=-1 1000000/995000/1000000 e=-1 []\n"
          "postmaster example.org 20636 bad n=-1 c=3000 t=-1 1000000/1000000/1000000 e=-1 []\n"
          "line 4: soon: this is no date\n"
          "line 5: many: a spam rate is a percentage or a ratio\n");
    check("Date;Spam rate\n2026/07/01;0,2%\n", "example.org",
          "end 0\npostmaster example.org 20635  n=-1 c=2000 t=-1 -1/-1/-1 e=-1 []\n");
    check("Date,Spam rate\n2026/07/01,0.2%\n", "",
          "end 0\nline 2: : the file does not say of which domain it is; tell with --domain\n");
    check("{\"name\":\"domains/a.ex/trafficStats/20260701\",\"domainReputation\":\"LOW\"}\n{\"x\":1}\n"
          "{\"name\":\"domains/a.ex/trafficStats/20260702\",\"domainReputation\":\"BAD\"}\n",
          "",
          "end 0\npostmaster a.ex 20635 poor n=-1 c=-1 t=-1 -1/-1/-1 e=-1 []\n"
          "postmaster a.ex 20636 bad n=-1 c=-1 t=-1 -1/-1/-1 e=-1 []\n"
          "line 2: {\"x\":1}: this is no JSON of Postmaster Tools\n");
}

static void others_are_not_known(void **state)
{
    static const char *const texts[] = {"",
                                        "\n\n",
                                        "email,reason\na@example.org,bounced\n",
                                        "{\"events\": []}",
                                        "{",
                                        "192.0.2.1\n192.0.2.2\n",
                                        "Date,Sent\n2026-07-01,5\n",
                                        "<html>"};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        check(texts[i], "", "end 1\n");
}

static void values(void **state)
{
    (void)state;
    assert_int_equal(report_ppm(S("0.1%")), 1000);
    assert_int_equal(report_ppm(S("< 0.1 %")), 1000);
    assert_int_equal(report_ppm(S("100%")), 1000000);
    assert_int_equal(report_ppm(S("101%")), -1);
    assert_int_equal(report_ppm(S("%")), -1);
    assert_int_equal(report_ppm(S("1.5")), -1);
    assert_int_equal(report_ratio(S("1.3e-3")), 1300);
    assert_int_equal(report_ratio(S("1e-400")), 0);
    assert_int_equal(report_ratio(S("1e3")), -1);
    assert_int_equal(report_ratio(S("999999999999999999999")), -1);
    assert_int_equal(report_number(S("1,234,567")), 1234567);
    assert_int_equal(report_number(S("-1")), -1);
    assert_int_equal(report_day(S("12/31/2005 11:00 PM")), 13148);
    assert_int_equal(report_day(S("2005-12-31")), 13148);
    assert_int_equal(report_day(S("2/30/2026")), -1);
    assert_int_equal(report_day(S("0/0/0")), -1);
    assert_true(report_is_ip(S("255.0.0.1")) && report_is_ip(S("::1")) && report_is_ip(S("2001:db8::")));
    assert_false(report_is_ip(S("256.0.0.1")) || report_is_ip(S("1.2.3")) || report_is_ip(S("a:b")) ||
                 report_is_ip(SLICE_EMPTY));
}

static void read_it(slice text, void *data)
{
    struct provider_report_list list;
    arena a;
    (void)data;
    arena_init(&a, 0);
    (void)provider_report_read(text, SLICE_EMPTY, &a, &list);
    for (size_t i = 0; i < list.n; i++)
        assert_true(list.items[i].day >= 0 && list.items[i].subject.n > 0);
    arena_fini(&a);
}

static void every_prefix(void **state)
{
    static const slice samples[] = {SLICE_INIT(OLD_SNDS), SLICE_INIT(PORTAL_SNDS), SLICE_INIT(V1), SLICE_INIT(V2),
                                    SLICE_INIT(CSV)};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(samples); i++)
        guard_prefixes(samples[i], read_it, NULL);
}

static void refused_memory_is_told(void **state)
{
    struct provider_report_list list;
    (void)state;
    for (size_t cap = 0; cap < 6000; cap += 150) {
        arena a;
        arena_init(&a, cap ? cap : 1);
        enum provider_report_end end = provider_report_read(S(OLD_SNDS), SLICE_EMPTY, &a, &list);
        assert_true(end == PROVIDER_REPORT_MEMORY || (end == PROVIDER_REPORT_READ && list.n == 3));
        arena_fini(&a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snds),   cmocka_unit_test(postmaster),   cmocka_unit_test(others_are_not_known),
        cmocka_unit_test(values), cmocka_unit_test(every_prefix), cmocka_unit_test(refused_memory_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
