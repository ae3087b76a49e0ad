#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cmd/session.h"
#include "core/cadence.h"
#include "serve/learn.h"

int64_t session_clock(void)
{
    struct timespec t;
    MUST(clock_gettime(CLOCK_REALTIME, &t) == 0);
    return (int64_t)t.tv_sec * TIME_SECOND + t.tv_nsec / 1000;
}

const char *session_path(const struct args *a)
{
    const char *path = args_text(a, "ledger", NULL);
    const char *env = getenv("BOUNCED_LEDGER");
    if (path)
        return path;
    return env && *env ? env : SESSION_LEDGER;
}

static bool exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 || errno != ENOENT;
}

static const char *directory_of(const char *path, char *space, size_t size)
{
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (!slash || n + 1 > size)
        return ".";
    memcpy(space, path, n);
    space[n] = 0;
    return n ? space : "/";
}

static int missing(const struct session *s)
{
    cmd_error(s->args, "%s: there is no ledger; `bounced ingest --ledger %s PATH...` makes one (or set BOUNCED_LEDGER)",
              s->path, s->path);
    return EXIT_NOINPUT;
}

/* The words for a ledger that cannot be made: nearly always the directory. */
static int cannot_make(const struct session *s)
{
    char space[4096];
    const char *directory = directory_of(s->path, space, sizeof space);
    if (!exists(directory))
        cmd_error(s->args,
                  "%s: its directory %s is not there; make it, or name a ledger by --ledger FILE or BOUNCED_LEDGER",
                  s->path, directory);
    else
        cmd_error(
            s->args,
            "%s: %s is not writable for you; run as its owner, or name a ledger by --ledger FILE or BOUNCED_LEDGER",
            s->path, directory);
    return EXIT_CANTCREAT;
}

/* What SQLite would only call "unable to open database file". */
static int cannot_read(const struct session *s)
{
    struct stat st;
    if (stat(s->path, &st) == 0 && S_ISDIR(st.st_mode)) {
        cmd_error(s->args, "%s: is a directory; --ledger names a file", s->path);
        return EXIT_NOINPUT;
    }
    if (access(s->path, R_OK) == 0)
        return EXIT_YES;
    cmd_error(s->args,
              "%s: cannot be opened: %s; run as its owner, or name a ledger by --ledger FILE or BOUNCED_LEDGER",
              s->path, strerror(errno));
    return EXIT_NOINPUT;
}

int session_policy(struct session *s, const struct args *a)
{
    err e;
    const char *env = getenv("BOUNCED_CONFIG");
    policy_init(&s->policy);
    s->incidents = (struct incident_settings){0};
    arena_init(&s->a, 0);
    if (!args_has(a, "config") || (!args_text(a, "config", NULL) && !(env && *env) && !exists(SETTINGS_FILE)))
        return EXIT_YES;
    struct settings *settings = config_read(a);
    if (!settings)
        return config_exit(a);
    s->incidents = learn_incidents(settings);
    enum status st = learn_policy(settings, &s->a, &s->policy, &e);
    settings_free(&settings);
    if (st == OK)
        return EXIT_YES;
    if (st != E_INVALID)
        return cmd_fail(a, &e);
    cmd_error(a, "%s: %s", config_path(a), e.text);
    return EXIT_CONFIG;
}

static int open_ledger(struct session *s, struct args *a, enum session_mode mode)
{
    err e;
    bool there = exists(s->path);
    char space[4096];
    if (!there && (mode == SESSION_READ || mode == SESSION_WRITE))
        return missing(s);
    if (!there && mode == SESSION_TRY) {
        s->path = ":memory:";
        s->in_memory = true;
    } else if (!there && access(directory_of(s->path, space, sizeof space), W_OK) != 0) {
        return cannot_make(s);
    }
    int code = there ? cannot_read(s) : EXIT_YES;
    if (code)
        return code;
    bool hash = args_has(a, "hash-addresses") && args_flag(a, "hash-addresses");
    struct ledger_options o = {
        .path = s->path, .read_only = mode == SESSION_READ, .create = !there, .hash_addresses = hash};
    if (ledger_open(&o, &s->ledger, &e) != OK)
        return cmd_fail(a, &e);
    if (!hash || ledger_hashed(s->ledger))
        return EXIT_YES;
    cmd_error(a, "%s keeps addresses in clear since it was made; --hash-addresses is for a new ledger", s->path);
    return EXIT_CONFIG;
}

int session_open(struct session *s, struct args *a, enum session_mode mode)
{
    *s = (struct session){.args = a, .now_us = session_clock(), .path = session_path(a)};
    if (args_has(a, "tenant"))
        s->tenant = slice_str(args_text(a, "tenant", ""));
    if (args_has(a, "stream"))
        s->stream = slice_str(args_text(a, "stream", ""));
    err e;
    int code = session_policy(s, a);
    if (code == EXIT_YES)
        code = open_ledger(s, a, mode);
    if (code == EXIT_YES && cadence_apply(s->ledger, &s->policy, &s->a, &e) != OK)
        code = cmd_fail(a, &e);
    if (code != EXIT_YES)
        session_close(s);
    return code;
}

void session_close(struct session *s)
{
    if (s->ledger)
        ledger_close(&s->ledger);
    arena_fini(&s->a);
}

const char *session_actor(const struct args *a)
{
    const struct passwd *pw;
    const char *actor = args_text(a, "actor", NULL);
    const char *sudo = getenv("SUDO_USER");
    if (actor)
        return actor;
    if (sudo && *sudo)
        return sudo;
    pw = getpwuid(getuid());
    return pw ? pw->pw_name : "unknown";
}
