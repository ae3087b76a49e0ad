#include <stdio.h>

#include "serve/conf_value.h"
#include "serve/settings.h"

static const struct section *same_section(const struct settings *s, const struct section *like)
{
    const struct section *at = NULL;
    while ((at = settings_next(s, like->kind, at)) && !slice_eq(at->name, like->name))
        ;
    return at;
}

static void tell_of(const struct section *at, const char *setting, settings_restart_fn tell, void *ctx)
{
    char text[200];
    snprintf(text, sizeof text, "[%s%s%.*s]%s%s", at->kind, slice_empty(at->name) ? "" : " ", SLICE_FMT(at->name),
             *setting ? " " : "", setting);
    tell(ctx, at->line, slice_str(text));
}

/* A kind of section of which a reload takes everything: it may also come and go. */
static bool all_live(const struct section *at)
{
    const struct conf_row *row = conf_section_find(slice_str(at->kind))->rows();
    while (row->name && row->flags & CONF_LIVE)
        row++;
    return !row->name;
}

void settings_restart(const struct settings *began, const struct settings *now, settings_restart_fn tell, void *ctx)
{
    for (size_t i = 0; i < now->count; i++) {
        const struct section *at = &now->sections[i], *before = same_section(began, at);
        if (!before) {
            if (!all_live(at))
                tell_of(at, "", tell, ctx);
            continue;
        }
        for (const struct conf_row *row = conf_section_find(slice_str(at->kind))->rows(); row->name; row++)
            if (!(row->flags & CONF_LIVE) && !conf_value_same(row, before->values, at->values))
                tell_of(at, row->name, tell, ctx);
    }
    for (size_t i = 0; i < began->count; i++)
        if (!same_section(now, &began->sections[i]) && !all_live(&began->sections[i]))
            tell_of(&began->sections[i], "", tell, ctx);
}
