/* Logs of mail programs: whatever the lines are, a stop with its memory carried over at any line changes nothing; journal
 * entries, damaged memories and bodies of events do no harm. The first byte chooses: see `choices` and, from FIRST_DIALECT on,
 * the dialect that all lines are said to be of; with any other each line finds its own. */
#include "feed/events.h"
#include "feed/log.h"
#include "fuzz.h"

#define REFERENCE (INT64_C(1764543600) * TIME_SECOND)
#define FIRST_DIALECT 8u

static struct maillog *new_log(const struct log_dialect *dialect, slice head)
{
    static const slice relays[] = {SLICE_INIT(".relay.example"), SLICE_INIT("10.0.0.1")};
    static struct charsets *charsets; /* opened once: it takes longer than all the rest */
    charsets = charsets ? charsets : charsets_new();
    const struct log_options o = {.dialect = dialect,
                                  .charsets = charsets,
                                  .reference_us = REFERENCE,
                                  .relays = relays,
                                  .relay_count = 2,
                                  .host = S("h"),
                                  .max_memory_bytes = 1 << 20};
    struct maillog *m = maillog_new(&o);
    MUST(m);
    maillog_file(m, SLICE_EMPTY, head, TIME_NONE);
    return m;
}

static void add_text(buf *out, slice s)
{
    buf_addu(out, s.n);
    buf_addc(out, ':');
    buf_add(out, s);
}

/* Everything that an observation says. */
static void add_observations(buf *out, const struct feed_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        const struct observation *o = &list->items[i];
        const slice texts[] = {o->recipient,     o->sent_to,         o->sender,           o->campaign,
                               o->stream,        o->reply,           o->status,           o->remote_mta,
                               o->reporting_mta, o->ids[ID_MESSAGE], o->ids[ID_PROVIDER], o->ids[ID_QUEUE],
                               o->feed,          o->subject,         o->platform_cause,   o->tenant};
        MUST(o->recipient.n > 0 && o->reply.n <= LOG_MAX_REPLY_BYTES && o->format.n > 0 && o->kind < BOUNCE_KINDS);
        buf_printf(out, "%d %d %d %d %lld %lld %llx", (int)o->kind, (int)o->phase, o->tried_nothing, (int)o->trust,
                   (long long)o->time_us, (long long)o->sent_us, (unsigned long long)o->source_key.hi);
        for (size_t k = 0; k < ARRAY_LEN(texts); k++)
            add_text(out, texts[k]);
    }
}

static void read_block(struct maillog *m, slice lines, buf *out)
{
    arena a;
    struct feed_list list = {0};
    arena_init(&a, 0);
    MUST(maillog_block(m, lines, &a, &list));
    add_observations(out, &list);
    arena_fini(&a);
}

static void lines_and_restart(const struct log_dialect *dialect, char where, slice s)
{
    buf whole, parts, memory;
    buf_init(&whole, 0);
    buf_init(&parts, 0);
    buf_init(&memory, 0);
    size_t at = s.n ? (unsigned char)where * s.n / 256 : 0;
    size_t nl = slice_chr(slice_from(s, at), '\n');
    at = nl == SLICE_NPOS ? s.n : at + nl + 1;
    struct maillog *m = new_log(dialect, s);
    read_block(m, s, &whole);
    bool evicted = maillog_counts(m)->evicted > 0; /* what is forgotten for its size depends on the moment */
    maillog_free(&m);
    m = new_log(dialect, s);
    read_block(m, slice_sub(s, 0, at), &parts);
    maillog_export(m, &memory);
    maillog_free(&m);
    m = new_log(dialect, s);
    MUST(maillog_import(m, buf_slice(&memory)));
    read_block(m, slice_from(s, at), &parts);
    MUST(evicted || slice_eq(buf_slice(&whole), buf_slice(&parts)));
    maillog_free(&m);
    buf_fini(&whole);
    buf_fini(&parts);
    buf_fini(&memory);
}

static void journal(slice s)
{
    arena a;
    struct feed_list list = {0};
    struct journal_entry entry;
    buf out;
    arena_init(&a, 0);
    buf_init(&out, 0);
    struct maillog *m = new_log(NULL, s);
    MUST(maillog_journal(m, s, &a, &list));
    add_observations(&out, &list);
    for (slice rest = s; rest.n;) {
        size_t before = rest.n;
        if (journal_next(&rest, false, &entry) == 0)
            break;
        MUST(rest.n < before);
    }
    maillog_free(&m);
    buf_fini(&out);
    arena_fini(&a);
}

static void damaged_memory(slice s)
{
    struct maillog *m = new_log(NULL, SLICE_EMPTY);
    buf first, second;
    buf_init(&first, 0);
    buf_init(&second, 0);
    if (maillog_import(m, s)) {
        maillog_export(m, &first);
        MUST(maillog_import(m, buf_slice(&first)));
        maillog_export(m, &second);
        MUST(slice_eq(buf_slice(&first), buf_slice(&second)));
    } else {
        MUST(maillog_open(m) == 0);
    }
    maillog_free(&m);
    buf_fini(&first);
    buf_fini(&second);
}

struct rows {
    struct maillog *from, *to;
};

static bool hand_over(void *ctx, slice key, slice value)
{
    struct rows *r = ctx;
    MUST(key.n > 0 && key.n <= LOG_MAX_KEY_BYTES && value.n > 0); /* nothing was kept: nothing is to be deleted */
    MUST(maillog_take_row(r->to, key, value));
    return true;
}

/* One row out of strangers' bytes (a length, a key, a value), then the memory of the lines behind it as rows. */
static void rows(slice s)
{
    struct rows r = {new_log(NULL, SLICE_EMPTY), new_log(NULL, SLICE_EMPTY)};
    buf out;
    buf_init(&out, 0);
    size_t n = s.n ? (unsigned char)s.p[0] : 0;
    size_t before = maillog_open(r.from);
    if (!maillog_take_row(r.from, slice_sub(s, 1, n), slice_from(s, 1 + n)))
        MUST(maillog_open(r.from) == before);
    maillog_free(&r.from);
    r.from = new_log(NULL, SLICE_EMPTY);
    read_block(r.from, s, &out);
    MUST(maillog_changes(r.from, hand_over, &r));
    MUST(maillog_open(r.from) == maillog_open(r.to));
    maillog_free(&r.from);
    maillog_free(&r.to);
    buf_fini(&out);
}

static void body_of_events(slice s)
{
    const struct events_options o = {.tenant = SLICE_EMPTY, .trust = TRUST_PROVEN};
    struct feed_list list = {0};
    struct events_result r;
    arena a;
    buf out;
    arena_init(&a, 0);
    buf_init(&out, 0);
    MUST(events_read(s, &o, &a, &list, &r));
    MUST(r.taken == list.n && r.taken + r.bad_count == r.items && r.bad_told <= r.bad_count);
    add_observations(&out, &list);
    buf_fini(&out);
    arena_fini(&a);
}

static void (*const choices[FIRST_DIALECT])(slice s) = {
    [1] = journal, [2] = damaged_memory, [3] = rows, [4] = body_of_events};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice s = fuzz_input(data, size);
    if (s.n == 0)
        return 0;
    unsigned choice = (unsigned char)s.p[0];
    const struct log_dialect *dialect = choice < FIRST_DIALECT ? NULL : log_dialect_at(choice - FIRST_DIALECT);
    if (choice < FIRST_DIALECT && choices[choice])
        choices[choice](slice_from(s, 1));
    else if (dialect)
        lines_and_restart(dialect, s.n > 1 ? s.p[1] : 0, slice_from(s, 2));
    else
        lines_and_restart(NULL, s.p[0], s);
    return 0;
}
