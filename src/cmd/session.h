/* What most commands begin with: the ledger that was named, the policy of the settings, the tenant and the time.
 */
#ifndef CMD_SESSION_H
#define CMD_SESSION_H

#include "cmd/cmd.h"
#include "cmd/config.h"
#include "core/intake.h"
#include "ledger/ledger.h"
#include "policy/policy.h"

#define SESSION_LEDGER "/var/lib/bounced/ledger.db"

#define CMD_OPT_LEDGER                                                                                    \
    {                                                                                                     \
        "ledger", 'l', OPT_TEXT, "FILE", "the ledger (default: $BOUNCED_LEDGER, else " SESSION_LEDGER ")" \
    }
#define CMD_OPT_TENANT                                                                          \
    {                                                                                           \
        "tenant", 0, OPT_TEXT, "NAME", "whose mail it is, where several senders share a ledger" \
    }
#define CMD_OPT_STREAM                                                                \
    {                                                                                 \
        "stream", 0, OPT_TEXT, "NAME", "the stream: marketing, transactional, a list" \
    }

enum session_mode {
    SESSION_READ,   /* the ledger must be there */
    SESSION_WRITE,  /* the ledger must be there */
    SESSION_CREATE, /* made when it is not there */
    SESSION_TRY     /* read and write; a ledger in memory takes its place when there is none */
};

struct session {
    struct args *args;
    struct ledger *ledger;
    struct policy policy;               /* that of the daemon, where the command has CMD_OPT_CONFIG; else the default */
    arena a;                            /* its lists */
    struct incident_settings incidents; /* the same */
    slice tenant, stream;
    int64_t now_us;
    const char *path;
    bool in_memory; /* SESSION_TRY found no ledger */
};

/* Opens the ledger named by --ledger, $BOUNCED_LEDGER or the default, and reads the policy from the settings named by --config,
 * $BOUNCED_CONFIG or the default file where that is there. Prints what is wrong and what to do; returns an exit code. The command's
 * table must have CMD_OPT_LEDGER; --config, --tenant and --stream are read where it has them: a command that judges addresses must
 * have CMD_OPT_CONFIG, so that it judges as the daemon does. */
int session_open(struct session *s, struct args *a, enum session_mode mode);
void session_close(struct session *s);
/* The policy alone, for who needs no ledger; its lists lie in s->a. */
int session_policy(struct session *s, const struct args *a);
/* The name of the ledger: --ledger, $BOUNCED_LEDGER, the default. */
const char *session_path(const struct args *a);
/* The wall clock, microseconds since 1970 UTC. */
int64_t session_clock(void);
/* The actor of acts of people: --actor, else the login name of who runs this. */
const char *session_actor(const struct args *a);

#endif
