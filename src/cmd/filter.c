#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "cmd/commands.h"
#include "net/line_client.h"
#include "net/opensmtpd.h"

#define DEFAULT_SOCKET "unix:/run/bounced/line"
#define TIMEOUT_MS 2000
#define BACK_OFF_MS 5000
#define READ_BYTES 65536

static const struct opt options[] = {
    {"socket", 's', OPT_TEXT, "ADDRESS", "a [line] listener of the daemon (default: " DEFAULT_SOCKET ")"},
    {"timeout", 't', OPT_NUMBER, "MS", "wait so long for an answer (default: 2000)"},
    {"discard-to", 0, OPT_TEXT, "ADDRESS", "where the copies of discarded recipients go; without it they are refused"},
    OPT_END,
};

struct filter {
    struct args *args;
    struct line_client client;
    struct asker asker;
    struct opensmtpd *machine;
    buf in;
    bool away; /* told that the daemon is */
};

/* smtpd logs what its filters write to standard error: a line when the daemon goes and when it comes. */
static void tell_of_daemon(struct filter *f)
{
    bool away = f->client.why[0] != '\0';
    if (away && !f->away)
        cmd_error(f->args, "the daemon does not answer (%s); mail is sent unasked", f->client.why);
    else if (!away && f->away)
        cmd_error(f->args, "the daemon answers again; %llu questions went unasked",
                  (unsigned long long)f->client.unasked);
    f->away = away;
}

/* Takes the whole lines out of f->in. False when smtpd speaks something else. */
static bool take_lines(struct filter *f)
{
    size_t used = 0, end;
    bool sound = true;
    while (sound && (end = slice_chr(slice_from(buf_slice(&f->in), used), '\n')) != SLICE_NPOS) {
        sound = opensmtpd_line(f->machine, slice_rtrim(slice_sub(buf_slice(&f->in), used, end)));
        used += end + 1;
        tell_of_daemon(f);
    }
    buf_consume(&f->in, used);
    return sound && f->in.n <= OPENSMTPD_MAX_LINE_BYTES;
}

static bool write_all(buf *out)
{
    for (size_t done = 0; done < out->n;) {
        ssize_t n = write(STDOUT_FILENO, out->p + done, out->n - done);
        if (n < 0 && errno != EINTR)
            return false;
        done += n > 0 ? (size_t)n : 0;
    }
    buf_clear(out);
    return true;
}

/* Until smtpd closes its end. */
static int serve(struct filter *f)
{
    for (;;) {
        if (!buf_reserve(&f->in, READ_BYTES)) {
            cmd_error(f->args, "out of memory");
            return EXIT_TEMPFAIL;
        }
        ssize_t n = read(STDIN_FILENO, f->in.p + f->in.n, READ_BYTES);
        if (n == 0)
            return EXIT_YES;
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            cmd_error(f->args, "standard input: %s", strerror(errno));
            return EXIT_IOERR;
        }
        f->in.n += (size_t)n;
        bool sound = take_lines(f);
        if (!write_all(&f->asker.out)) {
            cmd_error(f->args, "standard output: %s", strerror(errno));
            return EXIT_IOERR;
        }
        if (!sound) {
            cmd_error(f->args, "standard input does not speak the filter protocol of OpenSMTPD (0.4 to 0.7)");
            return EXIT_DATA;
        }
    }
}

static int opensmtpd(struct filter *f)
{
    struct opensmtpd_options o = {.asker = &f->asker, .discard_to = slice_str(args_text(f->args, "discard-to", ""))};
    if (getrandom(&o.key, sizeof o.key, 0) != (ssize_t)sizeof o.key) {
        cmd_error(f->args, "the system gives no random bytes");
        return EXIT_UNAVAILABLE;
    }
    f->machine = opensmtpd_new(&o);
    if (!f->machine) {
        cmd_error(f->args, "out of memory");
        return EXIT_TEMPFAIL;
    }
    int code = serve(f);
    opensmtpd_free(&f->machine);
    return code;
}

static int run(struct args *a)
{
    struct filter f = {.args = a};
    const char *address = args_text(a, "socket", DEFAULT_SOCKET);
    const char *what = args_get(a, 0);
    char path[256];
    err e;
    if (args_count(a) != 1 || strcmp(what, "opensmtpd") != 0)
        return cmd_usage(a, "whose filter? opensmtpd is known");
    if (address[0] == '/' && (size_t)snprintf(path, sizeof path, "unix:%s", address) < sizeof path)
        address = path;
    int timeout_ms = (int)args_number(a, "timeout", TIMEOUT_MS);
    if (timeout_ms < 1 || timeout_ms > 60000)
        return cmd_usage(a, "--timeout: 1 to 60000 milliseconds");
    if (line_client_init(&f.client, slice_str(address), timeout_ms, BACK_OFF_MS, &e) != OK)
        return cmd_fail(a, &e);
    asker_init(&f.asker, line_client_ask, NULL, &f.client);
    buf_init(&f.in, 2 * (size_t)READ_BYTES);
    int code = opensmtpd(&f);
    buf_fini(&f.in);
    asker_fini(&f.asker);
    line_client_fini(&f.client);
    return code;
}

const struct cmd cmd_filter = {
    .name = "filter",
    .usage = "[options] opensmtpd",
    .summary = "be a filter of a mail server that asks the daemon about each recipient",
    .details = "smtpd.conf: filter \"bounced\" proc-exec \"/usr/bin/bounced filter opensmtpd --socket "
               "unix:/run/bounced/line\"\n"
               "Speaks the filter protocol of OpenSMTPD on standard input and output. Without the daemon mail is sent "
               "unasked.",
    .options = options,
    .run = run,
};
