#include "serve/letters.h"

#include <event2/event.h>
#include <stdlib.h>
#include <sys/random.h>

#include "base/hash.h"
#include "feed/standard_webhook.h"
#include "serve/clock.h"
#include "serve/conf.h"
#include "serve/letter_form.h"

#define AT_ONCE 100u      /* letters read at once */
#define FLUSH_LETTERS 20u /* arrivals recorded together, at most */
#define ID_BYTES 32u
#define ERROR_BYTES 200u

struct letter {
    int64_t id, made_us, due_us;
    unsigned attempts;
    slice body;
    char name[ID_BYTES]; /* webhook-id */
};

enum doing { DOING_NOTHING, READING, SENDING, RECORDING };

struct letters {
    struct job job; /* first */
    struct unit unit;
    struct daemon *d;
    struct fetcher *fetcher;
    const struct conf_webhook *conf;
    slice name;
    int64_t endpoint;
    struct event *timer;
    enum doing doing;
    bool again, draining;
    uint64_t fetch;

    arena a; /* of what was read */
    struct letter list[AT_ONCE];
    size_t count, at, recorded; /* read; being sent; arrivals that are in the ledger */
    enum status status;
    err error;
    struct failure { /* of list[at] */
        bool dead;
        int64_t due_us;
        char text[ERROR_BYTES];
        size_t n;
    } failure;
    bool failed;

    uint64_t sent, failures, dead;
    int64_t waiting, waiting_dead, oldest_us; /* when read last */
    int64_t last_us;
    bool troubled;
};

slice letters_name(const struct letters *l)
{
    return l->name;
}

static void pause_for(struct letters *l, int64_t us)
{
    if (!l->draining)
        clock_ring(l->timer, us);
}

/* ---- reading, on a worker ---- */

struct gathering {
    struct letters *l;
    const struct sip_key *key;
};

static bool take(void *ctx, const struct ledger_letter *m)
{
    struct gathering *g = ctx;
    struct letters *l = g->l;
    struct letter *t = &l->list[l->count++];
    uint64_t number = sip_hash(g->key, slice_of((const char *)&m->id, sizeof m->id));
    *t = (struct letter){.id = m->id, .made_us = m->made_us, .due_us = m->due_us, .attempts = m->attempts};
    snprintf(t->name, sizeof t->name, "msg_%016llx", (unsigned long long)number);
    l->status = letter_body((enum letter_form)l->conf->form, m->body, &l->a, &t->body, &l->error);
    return l->status == OK && l->count < AT_ONCE;
}

static void read_letters(struct job *j, struct worker *w)
{
    struct letters *l = (struct letters *)(void *)j;
    struct gathering g = {l, ledger_key(w->ledger)};
    int64_t dead_oldest;
    enum status st = ledger_letters(w->ledger, l->endpoint, false, 0, AT_ONCE, take, &g, &l->error);
    if (st == OK)
        st = ledger_letter_count(w->ledger, l->endpoint, false, &l->waiting, &l->oldest_us, &l->error);
    if (st == OK)
        st = ledger_letter_count(w->ledger, l->endpoint, true, &l->waiting_dead, &dead_oldest, &l->error);
    if (l->status == OK)
        l->status = st;
}

/* ---- sending, on the loop ---- */

static void record(struct letters *l);
static void go_on(struct letters *l);

static void start(struct letters *l)
{
    l->again = l->doing != DOING_NOTHING;
    if (l->again || l->draining || !l->endpoint)
        return;
    arena_reset(&l->a);
    l->count = l->at = l->recorded = 0;
    l->failed = false;
    l->status = OK;
    l->doing = READING;
    if (workers_put(l->d->workers, &l->job) == OK)
        return;
    l->doing = DOING_NOTHING;
    pause_for(l, TIME_SECOND);
}

static void rest(struct letters *l, int64_t us)
{
    l->doing = DOING_NOTHING;
    if (l->again)
        us = 0;
    l->again = false;
    pause_for(l, us);
}

static void trouble(struct letters *l, const err *e)
{
    struct log_quoted name, cause;
    log_event(l->d->log, LOG_LEVEL_WARN, "webhook.outbox", "webhook=%s cause=%s", log_text(&name, l->name),
              log_text(&cause, slice_str(e->text)));
    rest(l, LETTERS_RETRY_US);
}

static void letters_read(struct job *j)
{
    struct letters *l = (struct letters *)(void *)j;
    if (l->status != OK)
        trouble(l, &l->error);
    else
        go_on(l);
}

/* From 5 s to an hour, give or take a quarter: endpoints that went away together do not come back to a crowd. */
static int64_t patience(unsigned attempts)
{
    uint32_t dice = 0;
    int64_t us = LETTERS_RETRY_US;
    for (unsigned i = 0; i < attempts && us < LETTERS_RETRY_MAX_US; i++)
        us *= 2;
    if (us > LETTERS_RETRY_MAX_US)
        us = LETTERS_RETRY_MAX_US;
    if (getrandom(&dice, sizeof dice, 0) != (ssize_t)sizeof dice)
        dice = 1u << 31;
    return us * 3 / 4 + (int64_t)((uint64_t)us / 2 * dice >> 32);
}

static void tell_failure(struct letters *l, const struct letter *t)
{
    struct log_quoted name, cause;
    if (l->failure.dead || !l->troubled)
        log_event(l->d->log, l->failure.dead ? LOG_LEVEL_ERROR : LOG_LEVEL_WARN,
                  l->failure.dead ? "webhook.dead" : "webhook.failed", "webhook=%s letter=%s attempts=%u cause=%s",
                  log_text(&name, l->name), t->name, t->attempts + 1,
                  log_text(&cause, slice_of(l->failure.text, l->failure.n)));
    l->troubled = true;
}

static void failed(struct letters *l, const char *why, int64_t retry_after_us)
{
    struct letter *t = &l->list[l->at];
    int64_t now_us = daemon_now(l->d), pause = patience(t->attempts);
    l->failures++;
    l->failure = (struct failure){.dead = now_us - t->made_us > l->conf->give_up_us};
    l->failure.due_us = now_us + (retry_after_us > pause && retry_after_us <= TIME_DAY ? retry_after_us : pause);
    l->failure.n = (size_t)snprintf(l->failure.text, sizeof l->failure.text, "%s", why);
    if (l->failure.n >= sizeof l->failure.text)
        l->failure.n = sizeof l->failure.text - 1;
    l->dead += l->failure.dead;
    l->failed = true;
    tell_failure(l, t);
    record(l);
}

static void arrived(struct letters *l)
{
    struct log_quoted name;
    if (l->troubled)
        log_event(l->d->log, LOG_LEVEL_INFO, "webhook.again", "webhook=%s", log_text(&name, l->name));
    l->troubled = false;
    l->sent++;
    l->at++;
    l->last_us = daemon_now(l->d);
    if (l->at - l->recorded >= FLUSH_LETTERS || l->at == l->count)
        record(l);
    else
        go_on(l);
}

static void answered(void *ctx, const struct fetch_result *r)
{
    struct letters *l = ctx;
    char why[ERROR_BYTES];
    l->fetch = 0;
    if (r->outcome == FETCH_ANSWERED && r->status >= 200 && r->status < 300) {
        arrived(l);
        return;
    }
    if (r->outcome == FETCH_ANSWERED)
        snprintf(why, sizeof why, "answered %u", r->status);
    else
        snprintf(why, sizeof why, "%s: %.*s", fetch_outcome_word(r->outcome), (int)(r->why.n > 150 ? 150 : r->why.n),
                 r->why.p);
    failed(l, why, r->retry_after_us);
}

/* The name of the header set in `header`, and its value. */
static bool split_header(slice text, struct http_field *out)
{
    size_t colon = slice_chr(text, ':');
    if (colon == SLICE_NPOS)
        return false;
    *out = (struct http_field){slice_trim(slice_sub(text, 0, colon)), slice_trim(slice_from(text, colon + 1))};
    return out->name.n > 0;
}

static void send_one(struct letters *l)
{
    struct letter *t = &l->list[l->at];
    struct http_field fields[6] = {{S("Content-Type"), S("application/json")}};
    size_t n = 1;
    char stamp[24];
    slice signature, secrets[2] = {l->conf->secret, l->conf->other_secret};
    int64_t now_s = daemon_now(l->d) / TIME_SECOND;
    err e;
    if (!slice_empty(l->conf->secret)) {
        snprintf(stamp, sizeof stamp, "%lld", (long long)now_s);
        if (!standard_webhook_sign(secrets, slice_empty(secrets[1]) ? 1 : 2, slice_str(t->name), now_s, t->body, &l->a,
                                   &signature)) {
            failed(l, "it could not be signed", 0);
            return;
        }
        fields[n++] = (struct http_field){S("webhook-id"), slice_str(t->name)};
        fields[n++] = (struct http_field){S("webhook-timestamp"), slice_str(stamp)};
        fields[n++] = (struct http_field){S("webhook-signature"), signature};
    }
    if (split_header(l->conf->header, &fields[n]))
        n++;
    const struct fetch_request r = {.url = l->conf->url,
                                    .post = true,
                                    .fields = fields,
                                    .field_count = n,
                                    .body = t->body,
                                    .timeout_us = l->conf->timeout_us,
                                    .done = answered,
                                    .ctx = l};
    l->doing = SENDING;
    if (fetch_start(l->fetcher, &r, &l->fetch, &e) != OK)
        failed(l, e.text, 0);
}

/* The next letter, or a pause. */
static void go_on(struct letters *l)
{
    while (l->at < l->count && slice_empty(l->list[l->at].body))
        l->at++; /* nothing to say in this form */
    if (l->draining || l->at == l->count) {
        if (l->recorded < l->at)
            record(l);
        else
            rest(l, l->count == AT_ONCE ? 0 : l->conf->look_us);
        return;
    }
    int64_t early_us = l->list[l->at].due_us - daemon_now(l->d);
    if (early_us <= 0)
        send_one(l);
    else if (l->recorded < l->at)
        record(l);
    else
        rest(l, early_us < TIME_MINUTE ? early_us : TIME_MINUTE);
}

/* ---- recording ---- */

static enum status write_outcome(struct unit *u, struct ledger *ledger, err *e)
{
    struct letters *l = (struct letters *)(void *)((char *)u - offsetof(struct letters, unit));
    enum status st = OK;
    for (size_t i = l->recorded; i < l->at && st == OK; i++)
        st = ledger_letter_sent(ledger, l->list[i].id, e);
    if (l->failed && st == OK)
        st = ledger_letter_failed(ledger, l->list[l->at].id, l->failure.due_us, l->failure.dead,
                                  slice_of(l->failure.text, l->failure.n), e);
    return st;
}

static void recorded(struct unit *u)
{
    struct letters *l = (struct letters *)(void *)((char *)u - offsetof(struct letters, unit));
    if (u->status != OK) {
        trouble(l, &u->error); /* what arrived is sent once more: it carries the same id */
        return;
    }
    l->recorded = l->at;
    if (l->failed) {
        int64_t early_us = l->failure.dead ? 0 : l->failure.due_us - daemon_now(l->d);
        rest(l, early_us < TIME_MINUTE ? (early_us > 0 ? early_us : 0) : TIME_MINUTE);
        return;
    }
    go_on(l);
}

static void record(struct letters *l)
{
    err busy;
    l->doing = RECORDING;
    l->unit = (struct unit){.more = write_outcome, .done = recorded};
    if (writer_put(l->d->writer, &l->unit) != OK) {
        (void)err_set(&busy, E_BUSY, "the writer has too much to do");
        trouble(l, &busy);
    }
}

/* ---- life ---- */

static void time_to_look(evutil_socket_t fd, short what, void *ctx)
{
    (void)fd, (void)what;
    start(ctx);
}

void letters_wake(struct letters *l)
{
    if (l->doing == DOING_NOTHING)
        pause_for(l, 0);
    else
        l->again = true;
}

static enum status check(const struct letters *l, err *e)
{
    arena a;
    slice signature, secrets[2] = {l->conf->secret, l->conf->other_secret};
    struct http_field header;
    enum status st = OK;
    arena_init(&a, 0);
    if (!slice_starts(l->conf->url, S("https://")) && !slice_starts(l->conf->url, S("http://")))
        st = err_set(e, E_INVALID, "[webhook %.*s]: url: begins with https:// (or http://)", SLICE_FMT(l->name));
    else if (!slice_empty(l->conf->secret) &&
             !standard_webhook_sign(secrets, slice_empty(secrets[1]) ? 1 : 2, S("msg_1"), 1, S("x"), &a, &signature))
        st = err_set(e, E_INVALID,
                     "[webhook %.*s]: secret: whsec_ and base64 of 24 to 64 octets (`openssl rand -base64 32`)",
                     SLICE_FMT(l->name));
    else if (!slice_empty(l->conf->header) && !split_header(l->conf->header, &header))
        st = err_set(e, E_INVALID, "[webhook %.*s]: header: write it as NAME: VALUE", SLICE_FMT(l->name));
    arena_fini(&a);
    return st;
}

enum status letters_new(struct daemon *d, struct fetcher *fetcher, const struct section *section, struct letters **out,
                        err *e)
{
    struct letters *l = calloc(1, sizeof *l);
    *out = l;
    if (!l)
        return err_set(e, E_MEMORY, "webhook: out of memory");
    arena_init(&l->a, 0);
    l->d = d;
    l->fetcher = fetcher;
    l->conf = section->values;
    l->name = section->name;
    l->oldest_us = TIME_NONE;
    l->job.run = read_letters;
    l->job.done = letters_read;
    l->timer = event_new(d->base, -1, 0, time_to_look, l);
    enum status st = l->timer ? check(l, e) : err_set(e, E_MEMORY, "webhook: out of memory");
    if (st != OK)
        letters_free(out);
    return st;
}

void letters_start(struct letters *l, int64_t endpoint)
{
    l->endpoint = endpoint;
    letters_wake(l);
}

void letters_drain(struct letters *l)
{
    l->draining = true;
    event_del(l->timer);
}

bool letters_idle(const struct letters *l)
{
    return l->doing == DOING_NOTHING;
}

void letters_free(struct letters **letters)
{
    struct letters *l = *letters;
    if (!l)
        return;
    if (l->fetch)
        fetch_cancel(l->fetcher, l->fetch);
    if (l->timer)
        event_free(l->timer);
    arena_fini(&l->a);
    free(l);
    *letters = NULL;
}

void letters_status(const struct letters *l, struct jsonw *j)
{
    jsonw_kstr(j, "webhook", l->name);
    jsonw_kstr(j, "url", l->conf->url);
    jsonw_ki64(j, "waiting", l->waiting);
    jsonw_ki64(j, "dead", l->waiting_dead);
    jsonw_ktime_opt(j, "oldest", l->waiting ? l->oldest_us : TIME_NONE);
    jsonw_ki64(j, "sent", (int64_t)l->sent);
    jsonw_ki64(j, "failures", (int64_t)l->failures);
    jsonw_ktime_opt(j, "last", l->last_us ? l->last_us : TIME_NONE);
    if (l->troubled)
        jsonw_kstr(j, "trouble", slice_of(l->failure.text, l->failure.n));
}

void letters_metrics(const struct letters *l, buf *out)
{
    const struct {
        const char *name;
        int64_t value;
    } rows[] = {{"sent_total", (int64_t)l->sent},
                {"failures_total", (int64_t)l->failures},
                {"waiting", l->waiting},
                {"dead", l->waiting_dead}};
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        buf_printf(out, "bounced_webhook_out_%s{webhook=\"%.*s\"} %lld\n", rows[i].name, SLICE_FMT(l->name),
                   (long long)rows[i].value);
}
