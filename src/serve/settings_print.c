#include "base/map.h"
#include "serve/conf_value.h"
#include "serve/settings.h"

static const char *when(const struct conf_row *row)
{
    return row->flags & CONF_LIVE ? "" : " (at the next start)";
}

static void print_value(const struct conf_row *row, const void *values, buf *out)
{
    size_t n = conf_value_count(row, values);
    if (row->type == CONF_SECRET) {
        buf_printf(out, "#%s = ... (not shown)\n", row->name);
        return;
    }
    if (n == 0)
        buf_printf(out, "%s =\n", row->name);
    for (size_t i = 0; i < n; i++) {
        buf_printf(out, "%s = ", row->name);
        conf_value_print(row, values, i, out);
        if (out->n && out->p[out->n - 1] == ' ') /* an empty text */
            out->p[--out->n] = 0;
        buf_addc(out, '\n');
    }
}

static void print_section(const struct conf_section *kind, slice name, const void *values, buf *out)
{
    buf_printf(out, "# %s\n[%s%s%.*s]\n", kind->help, kind->kind, slice_empty(name) ? "" : " ", SLICE_FMT(name));
    for (const struct conf_row *row = kind->rows(); row->name; row++) {
        buf_printf(out, "# %s%s\n", row->help, when(row));
        print_value(row, values, out);
    }
    buf_addc(out, '\n');
}

/* A kind that has names, and of which there is none: a comment that shows how it would be written. */
static void print_sample(const struct conf_section *kind, buf *out)
{
    buf_printf(out, "# %s\n#[%s NAME]\n", kind->help, kind->kind);
    for (const struct conf_row *row = kind->rows(); row->name; row++)
        buf_printf(out, "# %s%s%s\n#%s =%s%s\n", row->help, when(row),
                   row->flags & CONF_NEEDED ? "; must be given" : "", row->name, *row->otherwise ? " " : "",
                   row->otherwise);
    buf_addc(out, '\n');
}

void settings_print(const struct settings *s, bool defaults, buf *out)
{
    for (const struct conf_section *kind = conf_sections; kind->kind; kind++) {
        const struct section *at = NULL;
        if (defaults && kind->named)
            print_sample(kind, out);
        while ((at = settings_next(s, kind->kind, at)) && !(defaults && kind->named))
            print_section(kind, at->name, at->values, out);
    }
}
