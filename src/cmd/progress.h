/* A progress line on standard error while long work goes on: only on a terminal, at most 5 times a second.
 */
#ifndef CMD_PROGRESS_H
#define CMD_PROGRESS_H

#include "base/slice.h"

struct progress {
    bool on, shown;
    int64_t started_us, last_us;
};

void progress_init(struct progress *p, bool quiet);
/* "  12.3 MB, 4.1 MB/s  /var/log/mail.log" */
void progress_show(struct progress *p, uint64_t bytes, slice what);
/* Takes the line away, before something else is printed. */
void progress_hide(struct progress *p);

#endif
