#include "serve/mail_source.h"

#include <errno.h>
#include <sys/stat.h>

#include "serve/conf.h"

enum { FULL_OLDEST, FULL_REFUSE }; /* the words of [aside] full */

enum status mail_source_open(const struct settings *s, const struct section *section, arena *a, struct mail_source *out,
                             err *e)
{
    const struct conf_aside *c = settings_of(s, "aside");
    out->aside = NULL;
    out->feed = arena_printf(a, "%s:%.*s", section->kind, SLICE_FMT(section->name));
    struct aside_options o = {
        .path = arena_printf(a, "%.*s/%s-%.*s", SLICE_FMT(c->path), section->kind, SLICE_FMT(section->name)),
        .max_mails = (size_t)c->max_mails,
        .max_bytes = (uint64_t)c->max_size_bytes,
        .refuse_new = c->full == FULL_REFUSE,
    };
    if (a->limited)
        return err_set(e, E_MEMORY, "[%s %.*s]: no memory", section->kind, SLICE_FMT(section->name));
    if (slice_empty(c->path))
        return OK;
    if (mkdir(c->path.p, 0700) != 0 && errno != EEXIST)
        return err_os(e, errno, "[aside] path: %s cannot be made", c->path.p);
    return aside_open(&o, &out->aside, e);
}

void mail_source_close(struct mail_source *m)
{
    aside_close(&m->aside);
}
