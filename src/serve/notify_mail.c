#include "serve/notify_mail.h"

#include "serve/conf.h"
#include "serve/deliver.h"
#include "serve/runner.h"

enum { TYPE_MAIL }; /* in the order of conf.def */

const struct section *notify_mail_section(const struct settings *s, slice name)
{
    const struct section *at = NULL;
    while ((at = settings_next(s, "notify", at)) != NULL) {
        const struct conf_notify *c = at->values;
        if (c->type == TYPE_MAIL && (slice_empty(name) || slice_eq(at->name, name)))
            return at;
    }
    return NULL;
}

static enum status no_section(slice name, err *e)
{
    return err_set(e, E_NOT_FOUND, "there is no section [notify %.*s] with type = mail in the settings",
                   SLICE_FMT(slice_empty(name) ? S("NAME") : name));
}

enum status notify_mail(struct daemon *d, slice name, slice message, notify_mail_fn done, void *ctx, err *e)
{
    const struct section *s = notify_mail_section(d->settings, name);
    return s ? runner_send(d->runner, s->name, message, done, ctx, e) : no_section(name, e);
}

enum status notify_mail_now(const struct settings *s, slice name, slice message, err *e)
{
    struct delivery d;
    const struct section *at = notify_mail_section(s, name);
    enum status st = at ? delivery_of(at, &d, e) : no_section(name, e);
    return st == OK ? deliver(&d, message, e) : st;
}

void notify_mail_to(const struct section *s, buf *to, slice *from)
{
    const struct conf_notify *c = s->values;
    for (size_t i = 0; i < c->to.n; i++)
        buf_printf(to, "%s%.*s", i ? ", " : "", SLICE_FMT(c->to.v[i]));
    *from = c->from;
}
