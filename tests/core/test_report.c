/* From a mail to observations: whom we sent to, and how far the mail is to be trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/time.h"
#include "core/report.h"

#define NOW_US (INT64_C(1760000000) * TIME_SECOND)

static const unsigned char SECRET[] = "0123456789abcdef0123456789abcdef";
static const struct bounce_verp_key KEY = {3, SECRET, sizeof(SECRET) - 1};

struct world {
    struct bounce_rules *rules;
    struct bounce_reader *reader;
    arena a;
};

static void world_open(struct world *w)
{
    slice error;
    arena_init(&w->a, 0);
    assert_int_equal(bounce_rules_new(NULL, 0, false, &w->a, &w->rules, &error), BOUNCE_OK);
    w->reader = bounce_reader_new(w->rules);
    assert_non_null(w->reader);
}

static void world_close(struct world *w)
{
    bounce_reader_free(&w->reader);
    bounce_rules_free(&w->rules);
    arena_fini(&w->a);
}

/* A DSN about `final`, sent back to `to`; `field` stands in the header of the returned message. */
static slice dsn_about(struct world *w, slice to, const char *final, slice field)
{
    return arena_printf(
        &w->a,
        "From: MAILER-DAEMON@mx.example.org\nTo: <%.*s>\nDate: Fri, 20 Nov 2020 10:00:00 +0000\n"
        "Subject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\n"
        "Content-Type: multipart/report; report-type=delivery-status; boundary=b\n\n"
        "--b\nContent-Type: text/plain\n\nSorry.\n\n"
        "--b\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n"
        "Original-Envelope-Id: env-7\n\n"
        "Final-Recipient: rfc822; %s\nAction: failed\nStatus: 5.1.1\n"
        "Diagnostic-Code: smtp; 550 5.1.1 User unknown\n\n"
        "--b\nContent-Type: text/rfc822-headers\n\nMessage-ID: <m1@example.com>\nFrom: news@example.com\n"
        "To: %s\n%.*sSubject: News\n\n--b--\n",
        SLICE_FMT(to), final, final, SLICE_FMT(field));
}

static slice dsn(struct world *w, slice to, const char *final)
{
    return dsn_about(w, to, final, SLICE_EMPTY);
}

static struct observation *observe(struct world *w, slice mail, const struct report_context *c)
{
    struct bounce_result r;
    struct observation *list;
    size_t n;
    assert_int_equal(bounce_read(w->reader, mail, NULL, &w->a, &r), BOUNCE_OK);
    assert_true(report_observations(&r, mail, c, &w->a, &list, &n));
    assert_int_equal(n, 1);
    return list;
}

static slice token_for(struct world *w, slice recipient)
{
    slice out, opaque;
    struct bounce_verp v = {
        .tenant = SLICE_EMPTY, .recipient = recipient, .message = S("m1"), .day = (uint32_t)(NOW_US / TIME_DAY)};
    assert_int_equal(bounce_verp_make(&KEY, &v, S("b"), S("bounces.example.com"), &w->a, &out, &opaque), BOUNCE_OK);
    return out;
}

static void test_bare(void **state)
{
    (void)state;
    struct world w;
    struct report_context c = {.feed = S("dsn"), .now_us = NOW_US};
    world_open(&w);
    slice mail = dsn(&w, S("bounces@example.com"), "a@example.net");
    struct observation *o = observe(&w, mail, &c);
    assert_int_equal(o->trust, TRUST_BARE);
    assert_int_equal(o->kind, BOUNCE_KIND_FAILED);
    assert_int_equal(o->verdict.reason, BOUNCE_REASON_USER_UNKNOWN);
    assert_true(slice_eq(o->recipient, S("a@example.net")));
    assert_true(slice_eq(o->ids[ID_MESSAGE], S("m1@example.com")));
    assert_true(slice_eq(o->ids[ID_ENVID], S("env-7")));
    assert_true(o->time_us == INT64_C(1605866400) * TIME_SECOND);
    c.vouched = true;
    assert_int_equal(observe(&w, mail, &c)->trust, TRUST_MATCHED);
    world_close(&w);
}

static void test_proven(void **state)
{
    (void)state;
    struct world w;
    struct report_context c = {.feed = S("dsn"), .now_us = NOW_US, .verp_keys = &KEY, .verp_key_count = 1};
    world_open(&w);
    /* the final recipient is where it was forwarded to: we sent to whom the return path names */
    slice token = token_for(&w, S("a@example.net"));
    struct observation *o = observe(&w, dsn(&w, token, "forwarded@elsewhere.example"), &c);
    assert_int_equal(o->trust, TRUST_PROVEN);
    assert_true(slice_eq(o->sent_to, S("a@example.net")));
    assert_true(o->ids[ID_VERP].n > 0);
    /* one letter of it changed */
    char *forged = arena_alloc(&w.a, token.n);
    assert_non_null(forged);
    memcpy(forged, token.p, token.n);
    size_t at = slice_chr(token, '@') - 1;
    forged[at] = forged[at] == 'a' ? 'b' : 'a';
    o = observe(&w, dsn(&w, slice_of(forged, token.n), "a@example.net"), &c);
    assert_int_equal(o->trust, TRUST_BARE);
    c.verp_key_count = 0;
    assert_int_equal(observe(&w, dsn(&w, token, "a@example.net"), &c)->trust, TRUST_BARE);
    world_close(&w);
}

/* The report came somewhere else: the returned message shows the token. */
static void test_proven_by_the_message(void **state)
{
    static const char *const before[] = {"X-Bounced-Ref: ", "Return-Path: <", "x-bounced-ref:\n "};
    (void)state;
    struct world w;
    struct report_context c = {.feed = S("dsn"), .now_us = NOW_US, .verp_keys = &KEY, .verp_key_count = 1};
    world_open(&w);
    slice token = token_for(&w, S("a@example.net"));
    for (size_t i = 0; i < ARRAY_LEN(before); i++) {
        slice field = arena_printf(&w.a, "%s%.*s%s\n", before[i], SLICE_FMT(token), i == 1 ? ">" : "");
        struct observation *o =
            observe(&w, dsn_about(&w, S("postmaster@example.com"), "forwarded@elsewhere.example", field), &c);
        assert_int_equal(o->trust, TRUST_PROVEN);
        assert_true(slice_eq(o->sent_to, S("a@example.net")));
    }
    struct observation *o = observe(
        &w, dsn_about(&w, S("postmaster@example.com"), "a@example.net", S("X-Bounced-Ref: b+x@bounces.example.com\n")),
        &c);
    assert_int_equal(o->trust, TRUST_BARE);
    world_close(&w);
}

static slice remembered(void *ctx, slice tenant, slice id, arena *a)
{
    (void)tenant, (void)a;
    assert_int_equal(id.n, 16);
    return slice_str(ctx);
}

static void test_opaque(void **state)
{
    (void)state;
    struct world w;
    struct report_context c = {.feed = S("dsn"), .now_us = NOW_US, .verp_keys = &KEY, .verp_key_count = 1};
    static const char long_one[] =
        "a.very.long.local.part.that.leaves.no.room.for.anything.else@a-long-domain.example.net";
    world_open(&w);
    slice token = token_for(&w, slice_str(long_one));
    struct observation *o = observe(&w, dsn(&w, token, long_one), &c);
    assert_int_equal(o->trust, TRUST_PROVEN);
    assert_true(slice_eq(o->sent_to, slice_str(long_one)));
    /* somebody else's return path proves nothing about another recipient */
    assert_int_equal(observe(&w, dsn(&w, token, "victim@example.net"), &c)->trust, TRUST_BARE);
    /* forwarded: who received it is told by what was remembered, and only if the id is of that address */
    static char of_long_one[sizeof(long_one)], other[] = "victim@example.net";
    memcpy(of_long_one, long_one, sizeof(long_one));
    c.opaque = remembered;
    c.opaque_ctx = of_long_one;
    o = observe(&w, dsn(&w, token, "victim@example.net"), &c);
    assert_int_equal(o->trust, TRUST_PROVEN);
    assert_true(slice_eq(o->sent_to, slice_str(long_one)));
    c.opaque_ctx = other;
    assert_int_equal(observe(&w, dsn(&w, token, "third@example.net"), &c)->trust, TRUST_BARE);
    world_close(&w);
}

static void test_keys(void **state)
{
    (void)state;
    struct world w;
    struct report_context c = {.feed = S("dsn"), .now_us = NOW_US};
    world_open(&w);
    slice mail = dsn(&w, S("b@example.com"), "a@example.net");
    struct hash128 first = observe(&w, mail, &c)->source_key, again = observe(&w, mail, &c)->source_key;
    struct hash128 other = observe(&w, dsn(&w, S("b@example.com"), "c@example.net"), &c)->source_key;
    assert_true(first.hi == again.hi && first.lo == again.lo);
    assert_true(first.hi != other.hi && first.lo != other.lo);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bare),   cmocka_unit_test(test_proven), cmocka_unit_test(test_proven_by_the_message),
        cmocka_unit_test(test_opaque), cmocka_unit_test(test_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
