/* The control socket: how `bounced status` and `bounced reload` talk to the daemon. A peer sends one line, is answered and closed:
 *
 *   "status"   the object of daemon_status
 *   "metrics"  the text of daemon_metrics
 *   "reload"   "ok" or "failed", then what there is to tell, one line each
 *   else       "failed", and why
 *
 * Who may open the socket may ask: it is a file of mode 0660 in [daemon] run_dir.
 */
#ifndef SERVE_CONTROL_H
#define SERVE_CONTROL_H

#include "net/conn.h"
#include "serve/daemon.h"

#define CONTROL_NAME "control" /* in run_dir */
#define CONTROL_MAX_LINE_BYTES 256u

struct control;

extern const struct protocol control_protocol; /* its ctx is a struct daemon */

NODISCARD enum status control_open(struct daemon *d, slice run_dir, struct control **out, err *e);
NODISCARD enum status control_start(struct control *c, err *e);
void control_close(struct control **c);

#endif
