/* Who the daemon is: from root to its own user, with no way back; and how many files it may have open.
 */
#ifndef SERVE_BECOME_H
#define SERVE_BECOME_H

#include <sys/types.h>

#include "base/err.h"

struct identity {
    bool change; /* false: started by somebody else than root, who stays who they are */
    uid_t uid;
    gid_t gid;
    char user[64];
};

/* Looks up user and group (empty: the user's own) where the process is root. E_NOT_FOUND tells how to make the user. */
NODISCARD enum status identity_find(struct identity *id, slice user, slice group, err *e);
/* Groups, group, user, in this order; then makes sure that there is no way back. To root itself is no change. */
/* The user and group of it, for good; nothing where there is no change. Helper processes that must be able to start programs which
 * change their user (sendmail) begin with this alone. */
NODISCARD enum status identity_drop(const struct identity *id, err *e);
NODISCARD enum status identity_become(const struct identity *id, err *e);
/* Raises the limit of open files as far as the system lets us; returns what it is now. */
uint64_t identity_raise_files(void);

#endif
