/* Bounces by LMTP and SMTP, over real sockets: what is answered with 250 is in the ledger or in the folder, and all else comes again. */
#include <dirent.h>

#include "small_daemon.h"

struct inbox_world {
    struct small_daemon s;
    struct scratch dir;
    char socket[300];
};

static void world_open(struct inbox_world *w, const struct role *role, const char *more, const char *aside)
{
    buf text;
    memset(w, 0, sizeof *w);
    scratch_init(&w->dir);
    snprintf(w->socket, sizeof w->socket, "unix:%s", scratch_path(&w->dir, "socket"));
    buf_init(&text, 0);
    buf_printf(&text,
               "[%s in]\nlisten = %s\ndomains = bounces.example, .sub.example\n"
               "addresses = fbl@example.org\nhostname = mx.example\n%s[aside]\npath = %s/aside\n%s",
               role->section, w->socket, more, w->dir.dir, aside);
    small_start(&w->s, lossy_new(1), role, buf_slice(&text));
    w->s.net.address = slice_str(w->socket);
    buf_fini(&text);
}

static void world_close(struct inbox_world *w)
{
    small_stop(&w->s);
    lossy_free(&w->s.disk);
    scratch_fini(&w->dir);
}

/* ---- a client ---- */

static slice report_for(buf *b, const char *recipient, const char *more)
{
    small_report(b, recipient, more, "\r\n");
    return buf_slice(b);
}

/* Says LHLO or EHLO, gives one mail to the recipients (each with angle brackets and a blank between), and returns what the mail
 * was answered with, one line for each recipient with LMTP. */
static void deliver(struct inbox_world *w, const char *recipients, slice mail, buf *answers)
{
    struct world *net = &w->s.net;
    bool lmtp = w->s.role == &lmtp_role;
    slice rest = slice_str(recipients), word;
    size_t n = 0;
    buf got;
    buf_init(&got, 0);
    int fd = world_connect(net);
    world_expect(net, fd, &got, S("ready\r\n"));
    assert_true(world_send(net, fd, lmtp ? S("LHLO test.example\r\n") : S("EHLO test.example\r\n")));
    world_expect(net, fd, &got, S("250 CHUNKING\r\n"));
    buf_clear(&got);
    assert_true(world_send(net, fd, S("MAIL FROM:<>\r\n")));
    for (; slice_word(&rest, &word); n++) {
        buf line;
        buf_init(&line, 0);
        buf_printf(&line, "RCPT TO:%.*s\r\n", SLICE_FMT(word));
        assert_true(world_send(net, fd, buf_slice(&line)));
        buf_fini(&line);
    }
    assert_true(world_send(net, fd, S("DATA\r\n")));
    world_expect(net, fd, &got, S("354 end with CR LF . CR LF\r\n"));
    assert_true(world_send(net, fd, mail));
    buf_clear(answers);
    assert_true(world_send(net, fd, S(".\r\nQUIT\r\n")));
    world_read_all(net, fd, answers);
    assert_true(slice_ends_ci(buf_slice(answers), S("221 2.0.0 bye\r\n")));
    answers->n -= strlen("221 2.0.0 bye\r\n");
    buf_fini(&got);
    close(fd);
}

/* Files in the folder of this section; the content of the last one, when `content` is not NULL. */
static size_t aside_files(struct inbox_world *w, buf *content)
{
    char path[600], name[64];
    struct dirent **names;
    size_t files = 0;
    snprintf(name, sizeof name, "aside/%s-in", w->s.role->section);
    snprintf(path, sizeof path, "%s", scratch_path(&w->dir, name));
    int n = scandir(path, &names, NULL, alphasort);
    for (int i = 0; i < n; i++) {
        char file[900], text[4096];
        snprintf(file, sizeof file, "%s/%s", path, names[i]->d_name);
        FILE *f = names[i]->d_name[0] == '.' ? NULL : fopen(file, "r");
        if (f) {
            files++;
            size_t got = fread(text, 1, sizeof text, f);
            if (content) {
                buf_clear(content);
                buf_add(content, slice_of(text, got));
            }
            fclose(f);
        }
        free(names[i]);
    }
    free(names);
    return files;
}

struct talk {
    struct inbox_world w;
    buf mail, answers;
};

static void talk_open_with(struct talk *t, const struct role *role, const char *more, const char *aside)
{
    world_open(&t->w, role, more, aside);
    buf_init(&t->mail, 0);
    buf_init(&t->answers, 0);
}

static void talk_open(struct talk *t, const struct role *role, const char *more)
{
    talk_open_with(t, role, more, "");
}

static void talk_close(struct talk *t)
{
    world_close(&t->w);
    buf_fini(&t->mail);
    buf_fini(&t->answers);
}

/* ---- cases ---- */

static void a_report_is_durable_when_it_is_answered(void **state)
{
    struct talk t;
    (void)state;
    talk_open(&t, &lmtp_role, "vouched = yes\n");
    deliver(&t.w, "<b@bounces.example>", report_for(&t.mail, "u1@remote.example", ""), &t.answers);
    assert_slice(buf_slice(&t.answers), S("250 2.0.0 taken\r\n"));
    assert_true(small_suppressed(&t.w.s, S("u1@remote.example")));
    assert_int_equal(small_events(&t.w.s), 1);
    assert_int_equal(aside_files(&t.w, NULL), 0);
    talk_close(&t);
}

static void one_mail_to_several_recipients_counts_once(void **state)
{
    struct talk t;
    (void)state;
    talk_open(&t, &lmtp_role, "vouched = yes\n");
    slice mail = report_for(&t.mail, "u1@remote.example", "");
    deliver(&t.w, "<b@bounces.example> <c@x.SUB.example> <FBL@example.org>", mail, &t.answers);
    assert_slice(buf_slice(&t.answers), S("250 2.0.0 taken\r\n250 2.0.0 taken\r\n250 2.0.0 taken\r\n"));
    deliver(&t.w, "<b@bounces.example>", mail, &t.answers); /* its server did not hear the answer */
    assert_slice(buf_slice(&t.answers), S("250 2.0.0 taken\r\n"));
    assert_int_equal(small_events(&t.w.s), 1);
    talk_close(&t);
}

static void smtp_answers_once(void **state)
{
    struct talk t;
    (void)state;
    talk_open(&t, &smtp_role, "");
    deliver(&t.w, "<b@bounces.example> <postmaster>", report_for(&t.mail, "u1@remote.example", ""), &t.answers);
    assert_slice(buf_slice(&t.answers), S("250 2.0.0 taken\r\n"));
    assert_int_equal(small_events(&t.w.s), 1);
    talk_close(&t);
}

static void nothing_is_relayed(void **state)
{
    static const char *const others[] = {"<a@example.com>",
                                         "<a@sub.example>",
                                         "<a@xbounces.example>",
                                         "<a@bounces.example.com>",
                                         "<other@example.org>",
                                         "<\"a@bounces.example\"@example.com>",
                                         "<a%bounces.example@example.com>",
                                         "<root>"};
    struct talk t;
    buf got;
    (void)state;
    talk_open(&t, &lmtp_role, "max_errors = 100\n");
    buf_init(&got, 0);
    int fd = world_connect(&t.w.s.net);
    assert_true(world_send(&t.w.s.net, fd, S("LHLO x\r\n")));
    world_expect(&t.w.s.net, fd, &got, S("CHUNKING\r\n"));
    assert_true(world_send(&t.w.s.net, fd, S("MAIL FROM:<>\r\n")));
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_true(world_send(&t.w.s.net, fd, S("RCPT TO:")));
        assert_true(world_send(&t.w.s.net, fd, slice_str(others[i])));
        assert_true(world_send(&t.w.s.net, fd, S("\r\n")));
    }
    buf_clear(&got);
    assert_true(world_send(&t.w.s.net, fd, S("QUIT\r\n")));
    world_read_all(&t.w.s.net, fd, &got);
    slice rest = buf_slice(&got), line;
    size_t denied = 0;
    while (slice_line(&rest, &line))
        denied += slice_eq(line, S("550 5.7.1 relaying denied"));
    assert_int_equal(denied, ARRAY_LEN(others));
    close(fd);
    buf_fini(&got);
    talk_close(&t);
}

static slice signed_path(arena *a, const char *recipient)
{
    struct bounce_verp what = {.tenant = SLICE_EMPTY,
                               .recipient = slice_str(recipient),
                               .message = S("m1"),
                               .opaque = SLICE_EMPTY,
                               .day = (uint32_t)(NOW_US / TIME_DAY),
                               .key_id = 1};
    slice path, opaque;
    assert_int_equal(bounce_verp_make(&small_key, &what, S("b"), S("bounces.example"), a, &path, &opaque), BOUNCE_OK);
    return arena_printf(a, "<%.*s>", SLICE_FMT(path));
}

/* Nobody vouches for the mailbox: only what came to our own signed path suppresses. */
static void the_return_path_proves_the_report(void **state)
{
    struct talk t;
    arena a;
    (void)state;
    arena_init(&a, 0);
    talk_open(&t, &lmtp_role, "");
    slice path = signed_path(&a, "u@remote.example");
    deliver(&t.w, "<b@bounces.example>", report_for(&t.mail, "u@remote.example", ""), &t.answers);
    assert_slice(buf_slice(&t.answers), S("250 2.0.0 taken\r\n"));
    assert_false(small_suppressed(&t.w.s, S("u@remote.example")));
    char forged[200];
    snprintf(forged, sizeof forged, "%.*s", SLICE_FMT(path));
    forged[5] = forged[5] == 'a' ? 'b' : 'a';
    deliver(&t.w, forged, report_for(&t.mail, "u@remote.example", "X-Note: 2\r\n"), &t.answers);
    assert_slice(buf_slice(&t.answers), S("250 2.0.0 taken\r\n"));
    assert_false(small_suppressed(&t.w.s, S("u@remote.example")));
    deliver(&t.w, path.p, report_for(&t.mail, "u@remote.example", "X-Note: 3\r\n"), &t.answers);
    assert_slice(buf_slice(&t.answers), S("250 2.0.0 taken\r\n"));
    assert_true(small_suppressed(&t.w.s, S("u@remote.example")));
    talk_close(&t);
    arena_fini(&a);
}

static void what_is_no_report_is_kept_for_a_person(void **state)
{
    struct talk t;
    buf kept;
    (void)state;
    buf_init(&kept, 0);
    talk_open(&t, &lmtp_role, "");
    deliver(&t.w, "<b+../../x@bounces.example>",
            S("Subject: ../../evil\r\nMessage-ID: </etc/passwd>\r\n\r\nBuy this\r\n"), &t.answers);
    assert_slice(buf_slice(&t.answers), S("250 2.0.0 kept for a person\r\n"));
    assert_int_equal(aside_files(&t.w, &kept), 1);
    assert_slice(buf_slice(&kept), S("Return-Path: <>\nDelivered-To: b+../../x@bounces.example\nSubject: "
                                     "../../evil\nMessage-ID: </etc/passwd>\n\nBuy this\n"));
    assert_int_equal(small_events(&t.w.s), 0);
    buf_fini(&kept);
    talk_close(&t);
}

static void a_report_about_nobody_is_kept_too(void **state)
{
    struct talk t;
    (void)state;
    talk_open(&t, &lmtp_role, "vouched = yes\n");
    deliver(&t.w, "<b@bounces.example>", report_for(&t.mail, "", ""), &t.answers);
    assert_true(slice_starts(buf_slice(&t.answers), S("250 2.0.0 ")));
    assert_int_equal(aside_files(&t.w, NULL), 1);
    talk_close(&t);
}

static void a_mail_in_a_loop_is_refused(void **state)
{
    struct talk t;
    buf hops;
    (void)state;
    buf_init(&hops, 0);
    talk_open(&t, &lmtp_role, "vouched = yes\nmax_hops = 5\n");
    for (int i = 0; i < 5; i++)
        buf_adds(&hops, "Received: from a.example by b.example;\r\n\tSun, 30 Nov 2025 10:00:00 +0000\r\n");
    deliver(&t.w, "<b@bounces.example>", report_for(&t.mail, "u5@remote.example", hops.p), &t.answers);
    assert_slice(buf_slice(&t.answers), S("250 2.0.0 taken\r\n"));
    buf_adds(&hops, "received: from c.example by d.example; Sun, 30 Nov 2025 10:00:00 +0000\r\n");
    deliver(&t.w, "<b@bounces.example>", report_for(&t.mail, "u6@remote.example", hops.p), &t.answers);
    assert_slice(buf_slice(&t.answers), S("554 5.4.6 too many hops\r\n"));
    assert_false(small_suppressed(&t.w.s, S("u6@remote.example")));
    buf_fini(&hops);
    talk_close(&t);
}

static void a_full_disk_is_told_and_the_mail_comes_again(void **state)
{
    struct talk t;
    (void)state;
    talk_open(&t, &lmtp_role, "vouched = yes\n");
    slice mail = report_for(&t.mail, "u1@remote.example", "");
    lossy_limit(t.w.s.disk, lossy_bytes(t.w.s.disk));
    deliver(&t.w, "<b@bounces.example> <c@bounces.example>", mail, &t.answers);
    assert_slice(buf_slice(&t.answers),
                 S("452 4.3.1 no room, come again later\r\n452 4.3.1 no room, come again later\r\n"));
    assert_false(small_suppressed(&t.w.s, S("u1@remote.example")));
    lossy_limit(t.w.s.disk, SIZE_MAX);
    deliver(&t.w, "<b@bounces.example>", mail, &t.answers);
    assert_slice(buf_slice(&t.answers), S("250 2.0.0 taken\r\n"));
    assert_true(small_suppressed(&t.w.s, S("u1@remote.example")));
    talk_close(&t);
}

static void a_full_folder_is_told(void **state)
{
    struct talk t;
    (void)state;
    talk_open_with(&t, &lmtp_role, "", "max_mails = 1\nfull = refuse\n");
    deliver(&t.w, "<b@bounces.example>", S("Subject: 1\r\n\r\n1\r\n"), &t.answers);
    assert_slice(buf_slice(&t.answers), S("250 2.0.0 kept for a person\r\n"));
    deliver(&t.w, "<b@bounces.example>", S("Subject: 2\r\n\r\n2\r\n"), &t.answers);
    assert_slice(buf_slice(&t.answers), S("452 4.3.1 no room, come again later\r\n"));
    assert_int_equal(aside_files(&t.w, NULL), 1);
    talk_close(&t);
}

/* The daemon ends while a mail is under way: it is finished and answered. */
static void draining_answers_what_was_begun(void **state)
{
    struct talk t;
    buf got;
    (void)state;
    buf_init(&got, 0);
    talk_open(&t, &lmtp_role, "vouched = yes\n");
    int fd = world_connect(&t.w.s.net), idle = world_connect(&t.w.s.net);
    assert_true(world_send(&t.w.s.net, fd, S("LHLO x\r\n")));
    world_expect(&t.w.s.net, fd, &got, S("CHUNKING\r\n"));
    assert_true(world_send(&t.w.s.net, fd, S("MAIL FROM:<>\r\nRCPT TO:<b@bounces.example>\r\nDATA\r\n")));
    world_expect(&t.w.s.net, fd, &got, S("354 end with CR LF . CR LF\r\n"));
    buf_clear(&got);
    t.w.s.role->drain(t.w.s.self);
    assert_true(world_send(&t.w.s.net, fd, report_for(&t.mail, "u1@remote.example", "")));
    assert_true(world_send(&t.w.s.net, fd, S(".\r\n")));
    world_read_all(&t.w.s.net, fd, &got);
    assert_slice(buf_slice(&got), S("250 2.0.0 taken\r\n421 4.3.2 going down, come again later\r\n"));
    assert_true(small_suppressed(&t.w.s, S("u1@remote.example")));
    buf_clear(&got);
    world_read_all(&t.w.s.net, idle, &got);
    assert_true(slice_ends_ci(buf_slice(&got), S("421 4.3.2 going down, come again later\r\n")));
    close(fd);
    close(idle);
    buf_fini(&got);
    talk_close(&t);
}

/* A peer that goes away behind its mail changes nothing: the mail is known when it comes again. */
static void a_peer_that_goes_away_leaves_its_mail(void **state)
{
    struct talk t;
    buf got;
    (void)state;
    buf_init(&got, 0);
    talk_open(&t, &lmtp_role, "vouched = yes\n");
    slice mail = report_for(&t.mail, "u1@remote.example", "");
    int fd = world_connect(&t.w.s.net);
    assert_true(world_send(&t.w.s.net, fd, S("LHLO x\r\n")));
    world_expect(&t.w.s.net, fd, &got, S("CHUNKING\r\n"));
    assert_true(world_send(&t.w.s.net, fd, S("MAIL FROM:<>\r\nRCPT TO:<b@bounces.example>\r\nDATA\r\n")));
    world_expect(&t.w.s.net, fd, &got, S("354 end with CR LF . CR LF\r\n"));
    assert_true(world_send(&t.w.s.net, fd, mail));
    assert_true(world_send(&t.w.s.net, fd, S(".\r\n")));
    close(fd);
    deliver(&t.w, "<b@bounces.example>", mail, &t.answers);
    assert_slice(buf_slice(&t.answers), S("250 2.0.0 taken\r\n"));
    assert_int_equal(small_events(&t.w.s), 1);
    buf_fini(&got);
    talk_close(&t);
}

static void figures_are_told(void **state)
{
    struct talk t;
    buf out;
    struct jsonw w;
    (void)state;
    buf_init(&out, 0);
    talk_open(&t, &lmtp_role, "vouched = yes\n");
    deliver(&t.w, "<b@bounces.example>", report_for(&t.mail, "u1@remote.example", ""), &t.answers);
    lmtp_role.metrics(t.w.s.self, &out);
    assert_true(slice_find(buf_slice(&out), S("bounced_inbox_accepted_total{feed=\"lmtp:in\"} 1\n")) != SLICE_NPOS);
    assert_true(slice_find(buf_slice(&out), S("bounced_inbox_reports_total{feed=\"lmtp:in\"} 1\n")) != SLICE_NPOS);
    buf_clear(&out);
    jsonw_init(&w, &out);
    jsonw_object(&w);
    lmtp_role.status(t.w.s.self, &w);
    jsonw_end_object(&w);
    assert_true(slice_find(buf_slice(&out), S("\"state\":\"ok\"")) != SLICE_NPOS);
    buf_fini(&out);
    talk_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_report_is_durable_when_it_is_answered),
        cmocka_unit_test(one_mail_to_several_recipients_counts_once),
        cmocka_unit_test(smtp_answers_once),
        cmocka_unit_test(nothing_is_relayed),
        cmocka_unit_test(the_return_path_proves_the_report),
        cmocka_unit_test(what_is_no_report_is_kept_for_a_person),
        cmocka_unit_test(a_report_about_nobody_is_kept_too),
        cmocka_unit_test(a_mail_in_a_loop_is_refused),
        cmocka_unit_test(a_full_disk_is_told_and_the_mail_comes_again),
        cmocka_unit_test(a_full_folder_is_told),
        cmocka_unit_test(draining_answers_what_was_begun),
        cmocka_unit_test(a_peer_that_goes_away_leaves_its_mail),
        cmocka_unit_test(figures_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
