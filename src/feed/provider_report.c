#include "feed/provider_report_work.h"

#include "base/text.h"

static const struct {
    const char *word, *provider;
} sources[PROVIDER_SOURCES] = {
    [PROVIDER_SNDS] = {"snds", "microsoft"}, [PROVIDER_POSTMASTER] = {"postmaster", "gmail"}};

const char *provider_source_word(enum provider_source s)
{
    MUST(s < PROVIDER_SOURCES);
    return sources[s].word;
}

const char *provider_source_provider(enum provider_source s)
{
    MUST(s < PROVIDER_SOURCES);
    return sources[s].provider;
}

const char *provider_level_word(int level)
{
    static const char *const words[] = {"good", "fair", "poor", "bad"};
    return level < 0 || (size_t)level >= ARRAY_LEN(words) ? "" : words[level];
}

struct provider_report report_blank(enum provider_source source)
{
    return (struct provider_report){.source = source,
                                    .subject = SLICE_EMPTY,
                                    .day = PROVIDER_REPORT_NONE,
                                    .level = PROVIDER_LEVEL_NONE,
                                    .recipients = PROVIDER_REPORT_NONE,
                                    .complaint_ppm = PROVIDER_REPORT_NONE,
                                    .traps = PROVIDER_REPORT_NONE,
                                    .spf_ppm = PROVIDER_REPORT_NONE,
                                    .dkim_ppm = PROVIDER_REPORT_NONE,
                                    .dmarc_ppm = PROVIDER_REPORT_NONE,
                                    .error_ppm = PROVIDER_REPORT_NONE,
                                    .detail = SLICE_EMPTY};
}

bool report_add(struct report_work *w, const struct provider_report *r)
{
    struct provider_report_list *out = w->out;
    struct provider_report *grown =
        out->n < PROVIDER_REPORT_MAX ? arena_grow(w->a, out->items, out->n, &out->room, sizeof *grown) : NULL;
    slice subject = grown ? arena_dup(w->a, text_lower(w->a, r->subject)) : SLICE_EMPTY;
    slice detail = grown ? text_safe_dup(w->a, r->detail, PROVIDER_REPORT_MAX_DETAIL) : SLICE_EMPTY;
    if (!grown || w->a->limited) {
        w->refused = true;
        return false;
    }
    out->items = grown;
    grown[out->n] = *r;
    grown[out->n].subject = subject;
    grown[out->n].detail = detail;
    out->n++;
    return true;
}

void report_bad(struct report_work *w, size_t line, slice what, const char *why)
{
    struct provider_report_list *out = w->out;
    if (out->bad_count < PROVIDER_REPORT_MAX_BAD)
        out->bad[out->bad_count] = (struct provider_report_bad){line, text_safe_dup(w->a, what, 120), why};
    out->bad_count++;
}

enum provider_report_end provider_report_read(slice text, slice domain, arena *a, struct provider_report_list *out)
{
    static enum provider_report_end (*const readers[])(struct report_work *, slice,
                                                       bool *) = {postmaster_json_read, snds_read, postmaster_csv_read};
    struct report_work w = {.a = a, .out = out, .domain = domain};
    *out = (struct provider_report_list){.n = 0};
    if (text.n > PROVIDER_REPORT_MAX_BYTES)
        return PROVIDER_REPORT_MEMORY;
    if (slice_starts(text, S("\xEF\xBB\xBF")))
        text = slice_from(text, 3);
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        bool mine = false;
        enum provider_report_end end = readers[i](&w, text, &mine);
        if (mine || end == PROVIDER_REPORT_MEMORY)
            return w.refused ? PROVIDER_REPORT_MEMORY : end;
    }
    return PROVIDER_REPORT_UNKNOWN;
}
