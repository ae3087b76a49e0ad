#include "cmd/progress.h"
#include "base/text.h"
#include "cmd/cmd.h"
#include "cmd/session.h"

#define EVERY_US (200 * 1000)

void progress_init(struct progress *p, bool quiet)
{
    *p = (struct progress){.on = !quiet && cmd_terminal(stderr), .started_us = session_clock()};
    p->last_us = p->started_us;
}

void progress_show(struct progress *p, uint64_t bytes, slice what)
{
    if (!p->on)
        return;
    int64_t now = session_clock();
    if (now - p->last_us < EVERY_US)
        return;
    p->last_us = now;
    p->shown = true;
    double mb = (double)bytes / 1e6, seconds = (double)(now - p->started_us) / 1e6;
    buf safe;
    buf_init(&safe, 0);
    text_add_safe(&safe, what, 60);
    fprintf(stderr, "\r\033[K  %.1f MB, %.1f MB/s  %.*s", mb, mb / seconds, SLICE_FMT(buf_slice(&safe)));
    fflush(stderr);
    buf_fini(&safe);
}

void progress_hide(struct progress *p)
{
    if (p->shown)
        fputs("\r\033[K", stderr);
    p->shown = false;
}
