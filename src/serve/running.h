/* The daemon's own side of struct daemon: what roles do not see. Only for daemon_*.c.
 */
#ifndef SERVE_RUNNING_H
#define SERVE_RUNNING_H

#include "serve/become.h"
#include "serve/control.h"
#include "serve/daemon.h"
#include "serve/daemon_run.h"
#include "serve/grades.h"
#include "serve/lockfile.h"
#include "serve/notify.h"
#include "serve/pulse.h"
#include "serve/reload.h"
#include "serve/role.h"
#include "serve/upkeep.h"

struct event;

enum { RUNNING_SIGNALS = 4 };

/* One role for one section. */
struct instance {
    const struct role *role;
    const struct section *section; /* of the settings that the daemon began with */
    void *self;
};

struct running {
    struct daemon d; /* first: roles are given this */
    const struct daemon_options *o;
    struct settings *began, *reloaded; /* the second may be NULL; d.settings is the newest */
    struct identity identity;
    struct notify notify;
    struct lockfile pid_file, ledger_lock;
    struct metrics metrics;
    struct instance *instances;
    size_t instance_count;
    struct pulse *pulse;
    struct upkeep *upkeep;
    struct grades *grades;
    struct reload *reload;
    struct control *control;
    struct event *signals[RUNNING_SIGNALS], *drain_timer;
    int64_t started_us;                    /* wall clock */
    int64_t drain_from_us, drain_until_us; /* monotonic */
    bool debug;                            /* USR1 */
};

/* ---- daemon_roles.c ---- */
NODISCARD enum status roles_open(struct running *r, err *e);
NODISCARD enum status roles_start(struct running *r, err *e);
void roles_drain(struct running *r);
bool roles_idle(const struct running *r);
/* The first one that is not idle; NULL when all are. */
const struct instance *roles_busy(const struct running *r);
void roles_reload(struct running *r);
void roles_close(struct running *r);

/* ---- daemon_end.c ---- */
/* SIGTERM: drains, then ends the loop. Again: ends it at once. */
void running_end(struct running *r, const char *why);

#endif
