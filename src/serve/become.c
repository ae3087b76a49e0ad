#include "serve/become.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

static enum status find_group(struct identity *id, slice group, err *e)
{
    char name[64];
    if (slice_empty(group))
        return OK;
    snprintf(name, sizeof name, "%.*s", SLICE_FMT(group));
    const struct group *g = getgrnam(name); /* before there are threads */
    if (!g)
        return err_set(e, E_NOT_FOUND, "there is no group '%s'; `groupadd --system %s` makes it", name, name);
    id->gid = g->gr_gid;
    return OK;
}

enum status identity_find(struct identity *id, slice user, slice group, err *e)
{
    *id = (struct identity){.change = geteuid() == 0, .uid = geteuid(), .gid = getegid()};
    if (!id->change)
        return OK;
    snprintf(id->user, sizeof id->user, "%.*s", SLICE_FMT(user));
    const struct passwd *p = getpwnam(id->user);
    if (!p)
        return err_set(e, E_NOT_FOUND,
                       "there is no user '%s'; `useradd --system --no-create-home %s` makes it, or set [daemon] user",
                       id->user, id->user);
    id->uid = p->pw_uid;
    id->gid = p->pw_gid;
    return find_group(id, group, e);
}

enum status identity_become(const struct identity *id, err *e)
{
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return err_os(e, errno, "no_new_privs");
    return identity_drop(id, e);
}

enum status identity_drop(const struct identity *id, err *e)
{
    if (!id->change || id->uid == 0)
        return OK;
    if (initgroups(id->user, id->gid) != 0)
        return err_os(e, errno, "groups of user %s", id->user);
    if (setresgid(id->gid, id->gid, id->gid) != 0)
        return err_os(e, errno, "group %u", (unsigned)id->gid);
    if (setresuid(id->uid, id->uid, id->uid) != 0)
        return err_os(e, errno, "user %s", id->user);
    MUST(setuid(0) != 0 && seteuid(0) != 0 && getuid() == id->uid && geteuid() == id->uid);
    return OK;
}

uint64_t identity_raise_files(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return 0;
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}
