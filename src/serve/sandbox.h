/* The system calls that the daemon makes; any other is refused. No process can be started, no program executed, no user changed, no
 * kernel object reached that is not a file, a socket, a timer or memory. (Programs that tell people of alerts are started by a helper
 * process that was there before: runner.h.)
 *
 * What is refused gets ENOSYS, as from a kernel that does not have it, since that is the answer for which the C library has another
 * way (a newer one than this list may try a call that we do not know); the kernel writes it to its audit log. Memory may be made
 * executable: PCRE2 compiles the rules to machine code at the start and at each reload.
 */
#ifndef SERVE_SANDBOX_H
#define SERVE_SANDBOX_H

#include "base/err.h"

enum sandbox_mode { SANDBOX_ON, SANDBOX_OFF, SANDBOX_STRICT }; /* in the order of conf.def */

/* For this thread and all that it will start, with no way back. STRICT: who makes another call is killed (for tests). E_UNSUPPORTED: this
 * kernel, or this build (sanitizers), cannot. */
NODISCARD enum status sandbox_enter(enum sandbox_mode mode, err *e);

#endif
