/* Postfix logs: whatever the lines are, a stop with its memory carried over at any line changes nothing; journal entries and
 * damaged memories do no harm. The first byte chooses. */
#include "feed/log.h"
#include "fuzz.h"

#define REFERENCE (INT64_C(1764543600) * TIME_SECOND)

static struct maillog *new_postfix(void)
{
    static const slice relays[] = {SLICE_INIT(".relay.example"), SLICE_INIT("10.0.0.1")};
    const struct log_options o = {
        .reference_us = REFERENCE, .relays = relays, .relay_count = 2, .host = S("h"), .max_memory_bytes = 1 << 20};
    struct maillog *p = maillog_new(&o);
    MUST(p);
    return p;
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
                               o->feed};
        MUST(o->recipient.n > 0 && o->reply.n <= LOG_MAX_REPLY_BYTES && o->trust == TRUST_PROVEN);
        buf_printf(out, "%d %d %d %lld %lld %llx", (int)o->kind, (int)o->phase, o->tried_nothing, (long long)o->time_us,
                   (long long)o->sent_us, (unsigned long long)o->source_key.hi);
        for (size_t k = 0; k < ARRAY_LEN(texts); k++)
            add_text(out, texts[k]);
    }
}

static void read_block(struct maillog *p, slice lines, buf *out)
{
    arena a;
    struct feed_list list = {0};
    arena_init(&a, 0);
    MUST(maillog_block(p, lines, &a, &list));
    add_observations(out, &list);
    arena_fini(&a);
}

static void lines_and_restart(slice s)
{
    buf whole, parts, memory;
    buf_init(&whole, 0);
    buf_init(&parts, 0);
    buf_init(&memory, 0);
    size_t at = s.n ? (unsigned char)s.p[0] * s.n / 256 : 0;
    size_t nl = slice_chr(slice_from(s, at), '\n');
    at = nl == SLICE_NPOS ? s.n : at + nl + 1;
    struct maillog *p = new_postfix();
    read_block(p, s, &whole);
    bool evicted = maillog_counts(p)->evicted > 0; /* what is forgotten for its size depends on the moment */
    maillog_free(&p);
    p = new_postfix();
    read_block(p, slice_sub(s, 0, at), &parts);
    maillog_export(p, &memory);
    maillog_free(&p);
    p = new_postfix();
    MUST(maillog_import(p, buf_slice(&memory)));
    read_block(p, slice_from(s, at), &parts);
    MUST(evicted || slice_eq(buf_slice(&whole), buf_slice(&parts)));
    maillog_free(&p);
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
    struct maillog *p = new_postfix();
    MUST(maillog_journal(p, s, &a, &list));
    add_observations(&out, &list);
    for (slice rest = s; rest.n;) {
        size_t before = rest.n;
        if (journal_next(&rest, false, &entry) == 0)
            break;
        MUST(rest.n < before);
    }
    maillog_free(&p);
    buf_fini(&out);
    arena_fini(&a);
}

static void damaged_memory(slice s)
{
    struct maillog *p = new_postfix();
    buf first, second;
    buf_init(&first, 0);
    buf_init(&second, 0);
    if (maillog_import(p, s)) {
        maillog_export(p, &first);
        MUST(maillog_import(p, buf_slice(&first)));
        maillog_export(p, &second);
        MUST(slice_eq(buf_slice(&first), buf_slice(&second)));
    } else {
        MUST(maillog_open(p) == 0);
    }
    maillog_free(&p);
    buf_fini(&first);
    buf_fini(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    slice s = fuzz_input(data, size);
    if (s.n == 0)
        return 0;
    char choice = s.p[0];
    if (choice == '\1')
        journal(slice_from(s, 1));
    else if (choice == '\2')
        damaged_memory(slice_from(s, 1));
    else
        lines_and_restart(s);
    return 0;
}
