/* Runs an IMAP session for test_imap.py and prints what came out.
 *
 * usage: imap_probe URL FOLDER USER PASSWORD keep|seen|move:FOLDER|delete COMMIT_EVERY MAX_BYTES POSITION [CA_FILE]
 * PASSWORD may be file:PATH, env:NAME or netrc:. COMMIT_EVERY 0: at the end only; -1: never.
 */
#include <stdio.h>
#include <stdlib.h>

#include "net/imap.h"

static int failed(const err *e)
{
    printf("error %s %s\n", status_word(e->status), e->text);
    return 1;
}

static struct imap_options options_of(char **argv)
{
    struct imap_options o = {.url = argv[1], .folder = argv[2], .user = argv[3], .timeout_s = 5};
    slice password = slice_str(argv[4]), after = slice_str(argv[5]);
    if (slice_starts(password, S("file:")))
        o.password_file = argv[4] + 5;
    else if (slice_starts(password, S("env:")))
        o.password_env = argv[4] + 4;
    else if (!slice_eq(password, S("netrc:")))
        o.password = argv[4];
    o.after = slice_eq(after, S("seen"))        ? IMAP_MARK_SEEN
              : slice_eq(after, S("delete"))    ? IMAP_DELETE
              : slice_starts(after, S("move:")) ? IMAP_MOVE
                                                : IMAP_KEEP;
    o.move_to = o.after == IMAP_MOVE ? argv[5] + 5 : NULL;
    o.max_message_bytes = strtoul(argv[7], NULL, 10);
    o.plain_text = slice_starts(slice_str(argv[1]), S("imap://"));
    return o;
}

static void print_mail(const struct imap_mail *mail)
{
    printf("mail %u %s", mail->uid, mail->truncated ? "cut " : "");
    for (size_t i = 0; i < mail->bytes.n; i++) {
        if (mail->bytes.p[i] == '\n')
            fputs("\\n", stdout);
        else if (mail->bytes.p[i] != '\r')
            putchar(mail->bytes.p[i]);
    }
    putchar('\n');
}

static int session(struct imap *m, long every)
{
    struct imap_mail mail;
    err e;
    int rc;
    printf("found %zu%s\n", imap_found(m), imap_restarted(m) ? " restarted" : "");
    for (long n = 1; (rc = imap_next(m, &mail, &e)) == 1; n++) {
        print_mail(&mail);
        if (every > 0 && n % every == 0 && imap_committed(m, &e) != OK)
            return failed(&e);
    }
    buf position;
    buf_init(&position, 0);
    imap_position(m, &position);
    printf("position %s\n", position.p);
    buf_fini(&position);
    if (rc < 0)
        return failed(&e);
    return every >= 0 && imap_committed(m, &e) != OK ? failed(&e) : 0;
}

int main(int argc, char **argv)
{
    struct imap *m;
    err e;
    MUST(argc >= 9);
    struct imap_options o = options_of(argv);
    o.ca_file = argc > 9 ? argv[9] : NULL;
    if (imap_open(&o, slice_str(argv[8]), &m, &e) != OK)
        return failed(&e);
    int rc = session(m, strtol(argv[6], NULL, 10));
    imap_close(&m);
    return rc;
}
