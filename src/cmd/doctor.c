#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/text.h"
#include "cmd/commands.h"
#include "cmd/config.h"
#include "cmd/keys.h"
#include "cmd/postconf.h"
#include "cmd/session.h"
#include "core/read.h"
#include "feed/syslog.h"
#include "serve/conf.h"
#include "serve/control.h"
#include "serve/learn.h"

#define LOW_DISK_BYTES (512ull * 1024 * 1024)
#define NEVER_EXISTS "nothing-here.bounced-control.invalid" /* RFC 6761: .invalid never resolves */

static const struct opt options[] = {
    CMD_OPT_LEDGER, {"verp-keys", 0, OPT_TEXT, "FILE", "the keys of signed return paths (default: " VERP_KEYS_FILE ")"},
    CMD_OPT_CONFIG, {"control-name", 0, OPT_TEXT, "NAME", "a host name that must resolve (default: example.com)"},
    CMD_OPT_JSON,   OPT_END,
};

enum finding { GOOD, NOTE, BAD };

struct doctor {
    struct args *args;
    buf out, value;
    bool json;
    unsigned bad, notes;
};

/* One line: what was looked at, how it stands, and what to do. */
static void PRINTF_LIKE(4, 5) tell(struct doctor *d, const char *what, enum finding f, const char *fmt, ...)
{
    static const char *const words[] = {[GOOD] = "ok", [NOTE] = "note", [BAD] = "bad"};
    va_list ap;
    buf text;
    buf_init(&text, 4096);
    va_start(ap, fmt);
    buf_vprintf(&text, fmt, ap);
    va_end(ap);
    if (d->json) {
        struct jsonw j;
        jsonw_init(&j, &d->out);
        jsonw_object(&j);
        jsonw_kstr(&j, "check", slice_str(what));
        jsonw_kstr(&j, "result", slice_str(words[f]));
        jsonw_kstr(&j, "text", buf_slice(&text));
        jsonw_end_object(&j);
    } else {
        static const enum paint paints[] = {[GOOD] = PAINT_GOOD, [NOTE] = PAINT_NOTE, [BAD] = PAINT_BAD};
        cmd_paint(&d->out, paints[f], words[f], 4);
        buf_printf(&d->out, "  %-10s ", what);
        text_add_safe(&d->out, buf_slice(&text), 2000);
    }
    buf_addc(&d->out, '\n');
    buf_fini(&text);
    d->bad += f == BAD;
    d->notes += f == NOTE;
    cmd_write(&d->out); /* slow checks follow; show what is known */
}

/* ---- ledger ---- */

static void check_disk(struct doctor *d, const char *path)
{
    struct statvfs fs;
    if (statvfs(path, &fs) != 0)
        return;
    unsigned long long left = (unsigned long long)fs.f_bavail * fs.f_frsize;
    if (left < LOW_DISK_BYTES)
        tell(d, "disk", BAD, "only %llu MB are left where the ledger lies; nothing can be acknowledged on a full disk",
             left >> 20);
    else
        tell(d, "disk", GOOD, "%llu MB are left where the ledger lies", left >> 20);
}

static void check_ledger_file(struct doctor *d)
{
    const char *path = session_path(d->args);
    struct stat st;
    struct ledger *l = NULL;
    err e;
    if (stat(path, &st) != 0) {
        tell(d, "ledger", NOTE,
             "%s: %s; `bounced ingest PATH...` makes it (or name another by --ledger, BOUNCED_LEDGER)", path,
             strerror(errno));
        return;
    }
    struct ledger_options o = {.path = path, .read_only = access(path, W_OK) != 0};
    int64_t seq = 0;
    if (ledger_open(&o, &l, &e) != OK || ledger_seq(l, &seq, &e) != OK)
        tell(d, "ledger", BAD, "%s", e.text);
    else
        tell(d, "ledger", o.read_only ? NOTE : GOOD, "%s: %s, schema %d, %lld changes, %lld MB", path,
             o.read_only ? "readable, but not writable for you" : "writable", ledger_schema_version(l), (long long)seq,
             (long long)st.st_size >> 20);
    if (l)
        ledger_close(&l);
    check_disk(d, path);
}

/* ---- feed ---- */

static bool one_log(struct doctor *d, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return false;
    if (access(path, R_OK) != 0) {
        tell(d, "feed", BAD, "%s is there, but you may not read it; run as a member of its group (adm on Debian)",
             path);
        return true;
    }
    int64_t age_h = (session_clock() / TIME_SECOND - st.st_mtime) / 3600;
    if (age_h > 48)
        tell(d, "feed", NOTE, "%s: nothing was written for %lld hours", path, (long long)age_h);
    else
        tell(d, "feed", GOOD, "%s (try: bounced ingest --dry-run %s*)", path, path);
    return true;
}

static void check_feed(struct doctor *d)
{
    static const char *const places[] = {"/var/log/mail.log", "/var/log/maillog", "/var/log/mail/mail.log",
                                         "/var/log/postfix.log"};
    bool found = postconf_get("maillog_file", &d->value) && d->value.n > 0 && one_log(d, d->value.p);
    for (size_t i = 0; !found && i < ARRAY_LEN(places); i++)
        found = one_log(d, places[i]);
    if (!found && access("/run/systemd/journal/socket", F_OK) == 0)
        tell(d, "feed", NOTE,
             "no mail log file; the journal has it: journalctl -o export -t postfix/smtp | bounced ingest -");
    else if (!found)
        tell(d, "feed", NOTE, "no mail log was found; set maillog_file in Postfix, or feed bounces from a mailbox");
}

/* ---- Postfix ---- */

static void check_smarthost(struct doctor *d)
{
    if (!postconf_get("relayhost", &d->value)) {
        tell(d, "smarthost", NOTE, "no postconf here, so Postfix' settings are not known");
        return;
    }
    if (d->value.n == 0)
        tell(d, "smarthost", GOOD, "none: what Postfix calls sent was taken by the recipient's own host");
    else
        tell(d, "smarthost", NOTE,
             "relayhost = %.*s: its 'sent' is not delivered; ingest with --relay HOST, and feed its bounces too",
             SLICE_FMT(buf_slice(&d->value)));
}

static void check_postfix(struct doctor *d)
{
    if (!postconf_get("soft_bounce", &d->value))
        return;
    if (slice_eq_ci(buf_slice(&d->value), S("yes")))
        tell(d, "postfix", NOTE,
             "soft_bounce = yes: every refusal is kept in the queue; fine for a test, not for sending");
    if (postconf_get("notify_classes", &d->value) && slice_find(buf_slice(&d->value), S("bounce")) != SLICE_NPOS)
        tell(d, "postfix", GOOD, "notify_classes has bounce: postmaster gets copies, which a mailbox feed can read");
    if (postconf_get("bounce_queue_lifetime", &d->value) && slice_eq(buf_slice(&d->value), S("0")))
        tell(d, "postfix", NOTE, "bounce_queue_lifetime = 0: a bounce that cannot be delivered at once is lost");
}

/* ---- zone and clock ---- */

static void check_zone(struct doctor *d)
{
    time_t now = (time_t)(session_clock() / TIME_SECOND);
    struct tm tm;
    tzset();
    if (!localtime_r(&now, &tm)) {
        tell(d, "zone", BAD, "the system does not tell the local time");
        return;
    }
    long minutes = tm.tm_gmtoff / 60;
    tell(d, "zone", GOOD, "log stamps without a zone are read as %s (UTC%+03ld:%02ld); --zone says otherwise",
         tm.tm_zone, minutes / 60, labs(minutes % 60));
}

static void check_clock(struct doctor *d)
{
    struct timex t = {0};
    int state = adjtimex(&t);
    int64_t now = session_clock();
    struct civil c;
    civil_from_us(now, &c);
    if (c.year < 2026)
        tell(d, "clock", BAD, "it says %d-%02d-%02d, which is before this program was made", c.year, c.month, c.day);
    else if (state == TIME_ERROR)
        tell(d, "clock", NOTE, "not synchronised (NTP); the order of events from several machines depends on it");
    else
        tell(d, "clock", GOOD, "synchronised");
}

/* ---- resolver ---- */

static int resolve(const char *name)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list = NULL;
    int code = getaddrinfo(name, NULL, &hints, &list);
    if (code == 0)
        freeaddrinfo(list);
    return code;
}

static void check_resolver(struct doctor *d)
{
    const char *control = args_text(d->args, "control-name", "example.com");
    int there = resolve(control), nowhere = resolve(NEVER_EXISTS);
    if (there != 0)
        tell(d, "resolver", NOTE, "%s does not resolve (%s): 'no such domain' cannot be confirmed from here", control,
             gai_strerror(there));
    else if (nowhere == 0)
        tell(d, "resolver", BAD, "it answers for names that cannot exist: a redirecting resolver; use one of your own");
    else
        tell(d, "resolver", GOOD, "%s resolves, a name that cannot exist does not", control);
}

/* ---- signing ---- */

static void check_signing(struct doctor *d)
{
    struct verp_keys keys;
    int code = keys_load(d->args, &keys);
    if (code != EXIT_YES)
        tell(d, "signing", BAD, "the keys cannot be used (see above)");
    else if (keys.n == 0)
        tell(d, "signing", NOTE,
             "no keys: bounces that no log confirms are held for review; `bounced verp keygen` makes a key");
    else
        tell(d, "signing", GOOD, "%zu keys; key %u signs", keys.n, keys.keys[keys.n - 1].id);
    verp_keys_clear(&keys);
}

/* ---- the daemon ---- */

struct problems {
    unsigned count;
    char first[300];
};

static void note_problem(void *ctx, slice path, unsigned line, bool warning, slice text)
{
    struct problems *p = ctx;
    char where[32] = "";
    if (warning || p->count++)
        return;
    if (line)
        snprintf(where, sizeof where, ":%u", line);
    snprintf(p->first, sizeof p->first, "%.*s%s%s%.*s", SLICE_FMT(path), where, slice_empty(path) ? "" : ": ",
             SLICE_FMT(text));
}

static void tell_problems(struct doctor *d, const struct problems *p)
{
    tell(d, "settings", BAD, "%s%s; `bounced config --check` tells all", p->first, p->count > 1 ? ", and more" : "");
}

static void check_sections(struct doctor *d, const struct settings *s)
{
    const struct conf_ledger *c = settings_of(s, "ledger");
    unsigned named = 0;
    for (size_t i = 0; i < s->count; i++)
        named += !slice_empty(s->sections[i].name);
    if (!named)
        tell(d, "settings", NOTE, "%.*s: no feed and nobody who may ask: the daemon would do nothing",
             SLICE_FMT(s->path));
    else if (!slice_eq(c->path, slice_str(session_path(d->args))))
        tell(d, "settings", NOTE, "the daemon's ledger is %.*s, that of commands %s; set BOUNCED_LEDGER",
             SLICE_FMT(c->path), session_path(d->args));
    else
        tell(d, "settings", GOOD, "%.*s: %u feeds and listeners", SLICE_FMT(s->path), named);
}

static void check_running(struct doctor *d, const struct settings *s)
{
    const struct conf_daemon *c = settings_of(s, "daemon");
    char path[4096];
    snprintf(path, sizeof path, "%.*s/" CONTROL_NAME, SLICE_FMT(c->run_dir));
    if (access(path, F_OK) != 0)
        tell(d, "daemon", NOTE, "none runs; `systemctl enable --now bounced` starts one");
    else if (access(path, W_OK) != 0)
        tell(d, "daemon", NOTE, "%s is there, but not for you; `bounced status` as root tells more", path);
    else
        tell(d, "daemon", GOOD, "%s is there; `bounced status` tells more", path);
}

static void check_daemon(struct doctor *d)
{
    struct problems p = {0};
    const char *path = config_path(d->args);
    if (access(path, F_OK) != 0 && !args_text(d->args, "config", NULL)) {
        tell(d, "settings", NOTE, "%s is not there: no daemon on this machine (man bounced-serve)", path);
        return;
    }
    struct settings *s = settings_read(slice_str(path), note_problem, &p);
    const struct knowledge *k = s ? learn(s, note_problem, &p) : NULL;
    if (k)
        check_sections(d, s);
    else
        tell_problems(d, &p);
    if (k)
        check_running(d, s);
    knowledge_release(&k);
    if (s)
        settings_free(&s);
}

static int run(struct args *a)
{
    struct doctor d = {.args = a, .json = args_flag(a, "json")};
    static void (*const checks[])(struct doctor *) = {check_ledger_file, check_feed,   check_smarthost,
                                                      check_postfix,     check_zone,   check_clock,
                                                      check_signing,     check_daemon, check_resolver};
    if (args_count(a))
        return cmd_usage(a, "takes no arguments");
    buf_init(&d.out, 0);
    buf_init(&d.value, 0);
    for (size_t i = 0; i < ARRAY_LEN(checks); i++)
        checks[i](&d);
    buf_fini(&d.out);
    buf_fini(&d.value);
    return d.bad ? EXIT_NO : EXIT_YES;
}

const struct cmd cmd_doctor = {
    .name = "doctor",
    .usage = "[options]",
    .summary = "look at this machine: ledger, feed, zone, smarthost, resolver, signing, clock, daemon",
    .details = "Changes nothing. Exit status: 0, or 1 when something is bad (notes do not count).",
    .options = options,
    .run = run,
};
