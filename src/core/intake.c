#include "core/intake.h"

#include <stdlib.h>

#include "core/batch.h"
#include "core/ground.h"
#include "core/incidents.h"

struct memory_row {
    slice feed, key, value;
};

/* What intake_add has taken and no flush has committed. */
struct intake {
    struct ledger *ledger;
    const struct bounce_rules *rules;
    const struct policy *policy;
    struct intake_options options;
    slice rules_version;
    arena texts;   /* of the observations and feeds gathered */
    arena own;     /* of the options */
    arena results; /* of the last flush */
    struct observation *gathered;
    size_t count, room;
    struct ledger_feed *feeds;
    size_t feed_count, feed_room;
    struct memory_row *memory;
    size_t memory_count, memory_room;
    struct intake_counts totals;
    struct incidents *incidents; /* NULL: not looked for */
    struct grounds *grounds;
    int64_t flushed_us;
    bool writing; /* a dry run's transaction is open */
};

/* Where the texts of an observation stand, to copy them in one piece. */
static const size_t TEXTS[] = {
#define TEXT(member) offsetof(struct observation, member)
    TEXT(tenant),           TEXT(stream),         TEXT(campaign),     TEXT(source),          TEXT(recipient),
    TEXT(sent_to),          TEXT(reply),          TEXT(status),       TEXT(remote_mta),      TEXT(reporting_mta),
    TEXT(provider),         TEXT(sender),         TEXT(sending_ip),   TEXT(subject),         TEXT(feed),
    TEXT(format),           TEXT(platform_cause), TEXT(ids[0]),       TEXT(ids[1]),          TEXT(ids[2]),
    TEXT(ids[3]),           TEXT(ids[4]),         TEXT(verdict.rule), TEXT(verdict.matched), TEXT(verdict.new_address),
    TEXT(verdict.provider),
#undef TEXT
};
_Static_assert(ID_KINDS == 5, "every identifier is copied");

static slice *text_at(struct observation *o, size_t offset)
{
    return (slice *)(void *)((char *)o + offset);
}

static bool copy_texts(struct observation *o, arena *a)
{
    size_t total = 0;
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++)
        total += text_at(o, TEXTS[i])->n;
    char *p = arena_alloc(a, total);
    if (!p)
        return false;
    for (size_t i = 0; i < ARRAY_LEN(TEXTS); i++) {
        slice *s = text_at(o, TEXTS[i]);
        if (!s->n) {
            *s = SLICE_EMPTY;
            continue;
        }
        memcpy(p, s->p, s->n);
        s->p = p;
        p += s->n;
    }
    return true;
}

enum status intake_new(struct ledger *l, const struct bounce_rules *rules, const struct policy *policy,
                       const struct intake_options *options, struct intake **out, err *e)
{
    struct intake *in = calloc(1, sizeof(*in));
    *out = in;
    if (!in)
        return err_set(e, E_MEMORY, "intake: out of memory");
    in->ledger = l;
    in->rules = rules;
    in->policy = policy;
    in->options = *options;
    in->rules_version = rules ? bounce_rules_version(rules) : SLICE_EMPTY;
    arena_init(&in->texts, 2 * (size_t)INTAKE_BATCH_BYTES);
    arena_init(&in->own, 0);
    arena_init(&in->results, 0);
    in->options.tenant = arena_dup(&in->own, options->tenant);
    in->options.stream = arena_dup(&in->own, options->stream);
    in->options.campaign = arena_dup(&in->own, options->campaign);
    in->options.source = arena_dup(&in->own, options->source);
    enum status st = policy_check(policy, e);
    if (!options->incidents.off)
        in->incidents = incidents_new(l, options->incidents.sensitivity);
    if (st == OK)
        st = grounds_new(&in->grounds, e);
    if (st == OK && (in->own.limited || (!options->incidents.off && !in->incidents)))
        st = err_set(e, E_MEMORY, "intake: out of memory");
    if (st != OK)
        intake_free(out);
    return st;
}

void intake_free(struct intake **in)
{
    struct intake *i = *in;
    if (!i)
        return;
    if (i->writing)
        ledger_abort(i->ledger);
    grounds_free(&i->grounds);
    incidents_free(&i->incidents, !i->options.dry_run && i->flushed_us, i->flushed_us);
    arena_fini(&i->texts);
    arena_fini(&i->own);
    arena_fini(&i->results);
    free(i->gathered);
    free(i->feeds);
    free(i->memory);
    free(i);
    *in = NULL;
}

static slice either(slice first, slice second)
{
    return slice_empty(first) ? second : first;
}

/* Room for one more at the end of a list; returns false when refused. */
static bool list_room(void **list, size_t n, size_t *room, size_t size)
{
    if (n < *room)
        return true;
    size_t more = *room ? 2 * *room : 256;
    void *grown = realloc(*list, more * size);
    if (!grown)
        return false;
    *list = grown;
    *room = more;
    return true;
}

enum status intake_add(struct intake *in, const struct observation *o, err *e)
{
    void *list = in->gathered;
    bool room = list_room(&list, in->count, &in->room, sizeof(*in->gathered));
    in->gathered = list;
    if (!room)
        return err_set(e, E_MEMORY, "intake: out of memory with %zu observations gathered", in->count);
    struct observation *mine = &in->gathered[in->count];
    *mine = *o;
    mine->tenant = either(o->tenant, in->options.tenant);
    mine->stream = either(o->stream, in->options.stream);
    mine->campaign = either(o->campaign, in->options.campaign);
    mine->source = either(o->source, in->options.source);
    if (in->options.vouch && mine->trust == TRUST_BARE)
        mine->trust = TRUST_MATCHED;
    if (!copy_texts(mine, &in->texts))
        return err_set(e, E_MEMORY, "intake: the batch is full with %zu observations", in->count);
    in->count++;
    in->totals.observations++;
    return OK;
}

enum status intake_feed(struct intake *in, const struct ledger_feed *f, err *e)
{
    struct ledger_feed copy = {arena_dup(&in->texts, f->name), arena_dup(&in->texts, f->position),
                               arena_dup(&in->texts, f->memory), f->updated_us};
    if (copy.name.n != f->name.n || copy.position.n != f->position.n || copy.memory.n != f->memory.n)
        return err_set(e, E_MEMORY, "%.*s: position: the batch is full", SLICE_FMT(f->name));
    for (size_t i = 0; i < in->feed_count; i++)
        if (slice_eq(in->feeds[i].name, f->name)) {
            in->feeds[i] = copy;
            return OK;
        }
    void *list = in->feeds;
    bool room = list_room(&list, in->feed_count, &in->feed_room, sizeof(*in->feeds));
    in->feeds = list;
    if (!room)
        return err_set(e, E_MEMORY, "%.*s: position: out of memory", SLICE_FMT(f->name));
    in->feeds[in->feed_count++] = copy;
    return OK;
}

void intake_drop(struct intake *in)
{
    in->totals.observations -= in->count;
    in->count = in->feed_count = in->memory_count = 0;
    arena_reset(&in->texts);
}

enum status intake_memory(struct intake *in, slice feed, slice key, slice value, err *e)
{
    void *list = in->memory;
    bool room = list_room(&list, in->memory_count, &in->memory_room, sizeof(*in->memory));
    in->memory = list;
    /* rows of one feed come behind each other */
    slice last = in->memory_count ? in->memory[in->memory_count - 1].feed : SLICE_EMPTY;
    struct memory_row copy = {slice_eq(last, feed) ? last : arena_dup(&in->texts, feed), arena_dup(&in->texts, key),
                              arena_dup(&in->texts, value)};
    if (!room || copy.feed.n != feed.n || copy.key.n != key.n || copy.value.n != value.n)
        return err_set(e, E_MEMORY, "%.*s: memory: the batch is full", SLICE_FMT(feed));
    in->memory[in->memory_count++] = copy;
    return OK;
}

bool intake_full(const struct intake *in)
{
    return in->count >= INTAKE_BATCH || in->texts.used >= INTAKE_BATCH_BYTES;
}

size_t intake_pending(const struct intake *in)
{
    return in->count;
}

const struct intake_counts *intake_totals(const struct intake *in)
{
    return &in->totals;
}

static enum status put_feeds(struct intake *in, int64_t now_us, err *e)
{
    for (size_t i = 0; i < in->feed_count; i++) {
        if (in->feeds[i].updated_us == 0 || in->feeds[i].updated_us == TIME_NONE)
            in->feeds[i].updated_us = now_us;
        enum status st = ledger_put_feed(in->ledger, &in->feeds[i], e);
        if (st != OK)
            return st;
    }
    return OK;
}

static enum status put_memory(struct intake *in, err *e)
{
    enum status st = OK;
    for (size_t i = 0; st == OK && i < in->memory_count; i++)
        st = ledger_put_memory(in->ledger, in->memory[i].feed, in->memory[i].key, in->memory[i].value, e);
    return st;
}

static enum status write_batch(struct intake *in, struct batch *b, err *e)
{
    enum status st = OK;
    if (!in->writing)
        st = ledger_begin(in->ledger, e);
    if (st != OK)
        return st;
    in->writing = true;
    st = batch_write(b, e);
    if (st == OK)
        st = put_feeds(in, b->now_us, e);
    if (st == OK && in->options.more)
        st = in->options.more(in->options.more_ctx, in->ledger, e);
    if (st == OK)
        st = put_memory(in, e);
    if (st == OK && in->options.dry_run)
        return OK;
    if (st == OK)
        st = ledger_commit(in->ledger, e);
    if (st != OK)
        ledger_abort(in->ledger);
    if (st != OK && in->incidents)
        incidents_forget(in->incidents);
    in->writing = false;
    return st;
}

void intake_counts_add(struct intake_counts *sum, const struct intake_counts *c)
{
    sum->observations += c->observations;
    sum->events += c->events;
    sum->repeats += c->repeats;
    sum->invalid += c->invalid;
    sum->erased += c->erased;
    sum->held += c->held;
    sum->addresses += c->addresses;
    sum->suppressed += c->suppressed;
    sum->lifted += c->lifted;
    for (unsigned i = 0; i < BOUNCE_KINDS; i++)
        sum->kinds[i] += c->kinds[i];
    for (unsigned i = 0; i < BOUNCE_REASONS; i++)
        sum->reasons[i] += c->reasons[i];
}

enum status intake_flush(struct intake *in, int64_t now_us, struct intake_result *out, err *e)
{
    memset(out, 0, sizeof(*out));
    if (!in->count && !in->feed_count && !in->memory_count && !in->options.more)
        return OK;
    arena_reset(&in->results);
    struct batch b = {.ledger = in->ledger,
                      .rules = in->rules,
                      .rules_version = in->rules_version,
                      .policy = in->policy,
                      .incidents = in->incidents,
                      .breaker = in->options.breaker,
                      .grounds = in->grounds,
                      .observations = in->gathered,
                      .count = in->count,
                      .now_us = now_us,
                      .a = &in->results,
                      .verdicts = &in->texts,
                      .result = out};
    out->counts.observations = in->count;
    enum status st = write_batch(in, &b, e);
    if (st != OK)
        return st;
    in->flushed_us = now_us;
    intake_counts_add(&in->totals, &out->counts);
    in->totals.observations -= in->count; /* counted when they came in */
    /* decisions name texts of the batch: they stay until the next flush begins */
    in->count = in->feed_count = in->memory_count = 0;
    arena_reset(&in->texts);
    return OK;
}

size_t intake_open_incidents(const struct intake *in)
{
    return in->incidents ? incidents_open(in->incidents) : 0;
}

enum status intake_tick(struct intake *in, int64_t now_us, err *e)
{
    bool may = in->incidents && !in->writing && !in->options.dry_run;
    return may ? incidents_tick(in->incidents, in->policy, now_us, e) : OK;
}
