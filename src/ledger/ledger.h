/* The ledger: the only truth about events, addresses and suppressions. Verbs of the domain in front of a store; SQLite is the
 * embedded store, PostgreSQL will be another behind the same verbs and the same tests.
 *
 * One writer: ledger_begin .. ledger_commit is one transaction, and nothing is acknowledged to a feed before commit returned
 * OK. Reading needs no transaction. A handle belongs to one thread; open another one for another thread. Text handed out is in
 * the arena given. Errors are status + err (base/err.h); after any error inside a transaction call ledger_abort.
 *
 * Every change gets a change number `seq` in commit order: a follower that reads "greater than my last" misses nothing.
 *
 * Limits: LEDGER_MAX_REPLY_BYTES of a reply are kept and LEDGER_MAX_TEXT_BYTES of any other text; what is longer is cut.
 * Tallies, groups and sent hashes are gathered in memory and written sorted at commit (or when they are read before it).
 */
#ifndef LEDGER_LEDGER_H
#define LEDGER_LEDGER_H

#include "base/arena.h"
#include "base/err.h"
#include "bounce/observation.h"
#include "policy/circumstance.h"

#define LEDGER_MAX_REPLY_BYTES 4096u
#define LEDGER_MAX_TEXT_BYTES 1024u

struct ledger;

struct ledger_options {
    const char *path; /* SQLite: file name; ":memory:" is allowed */
    bool read_only;
    bool
        create; /* make it when it is not there; an empty file is one whose making was cut off, and is always finished */
    const char *vfs;           /* NULL: the default one; tests name a lossy one */
    const char *synchronous;   /* NULL: "FULL"; for tests */
    bool hash_addresses;       /* store addresses only as keyed hash (fixed when the ledger is made) */
    const struct sip_key *key; /* NULL: made at random with the ledger; for tests */
    int checkpoint_pages;      /* 0: 32768; pages of the log between checkpoints */
    int busy_ms;               /* how long to wait for another process' transaction; 0: 5000 */
};

NODISCARD enum status ledger_open(const struct ledger_options *o, struct ledger **out, err *e);
void ledger_close(struct ledger **l);
/* Another handle to the same file, for reading one moment of it while this one writes. *out is NULL for a ledger in memory, which has
 * one handle only. */
NODISCARD enum status ledger_open_beside(struct ledger *l, struct ledger **out, err *e);
/* Schema version of the file; migrations run forward in ledger_open, each in its own transaction. */
int ledger_schema_version(struct ledger *l);
/* The key for every keyed hash of this ledger (identifiers, suppression table), made at random when the ledger was made. */
const struct sip_key *ledger_key(struct ledger *l);
/* Addresses are kept as hashes: they can be asked for, not listed. */
bool ledger_hashed(const struct ledger *l);
/* How an address is called where it may not be named: "#" and hex digits, the key under which a hashed ledger has it. */
#define LEDGER_HASH_BYTES 33u
slice ledger_hash_of(const struct ledger *l, slice tenant, slice key, char out[LEDGER_HASH_BYTES]);
/* The last change number given; 0 for an empty ledger. */
NODISCARD enum status ledger_seq(struct ledger *l, int64_t *seq, err *e);

/* ---- writing, one transaction per batch ---- */
NODISCARD enum status ledger_begin(struct ledger *l, err *e);
NODISCARD enum status ledger_commit(struct ledger *l, err *e);
void ledger_abort(struct ledger *l);

/* One suppression of an address; an address may have several (a complaint everywhere, an opt-out in one stream). */
struct ledger_suppression {
    enum scope scope;
    slice stream; /* SCOPE_STREAM */
    enum cause cause;
    enum bounce_reason reason;  /* of CAUSE_HARD and CAUSE_ESCALATED */
    int64_t since_us, until_us; /* TIME_NONE: no end */
};

/* An address as stored. `history` is policy's own encoding (policy/history.h), opaque here. */
struct ledger_address {
    int64_t id; /* surrogate; 0 when it is not in the ledger */
    slice tenant,
        key; /* key: bounce_address key; "#" and hex digits in a row that was not found by its name and has none */
    slice address, domain;
    uint64_t text_hash; /* of a row without a name; 0: the key is plain */
    bool whole_domain;  /* the row of a domain, not of an address at it */
    enum address_state state;
    enum cause cause; /* of the strictest suppression */
    const struct ledger_suppression *suppressions;
    size_t suppression_count;
    enum hold hold;
    int64_t since_us, until_us; /* of the state; TIME_NONE: no end */
    int64_t due_us;             /* when time alone may change the state next (72 h rule, expiry); TIME_NONE */
    int64_t seq;                /* last change */
    slice history;              /* opaque bytes */
    int64_t first_seen_us, last_delivered_us, last_failed_us;
};
/* Finds many at once: fills out[i] for keys[i] (id 0 where absent). Sort keys for speed. */
NODISCARD enum status ledger_addresses(struct ledger *l, slice tenant, const slice *keys, size_t n, arena *a,
                                       struct ledger_address *out, err *e);
/* One by its number: how what was found in a walk is read again, also where addresses have no names. E_NOT_FOUND. */
NODISCARD enum status ledger_address_of(struct ledger *l, int64_t id, arena *a, struct ledger_address *out, err *e);
/* Inserts (id 0: sets ->id) or updates; gives a new seq; the suppression rows that checks read become exactly `suppressions`. */
NODISCARD enum status ledger_put_address(struct ledger *l, struct ledger_address *addr, err *e);

/* An event to store. Returns OK with *seq = 0 when the source key is there already (a repeat: nothing is written). */
struct ledger_event {
    int64_t seq, address_id;
    slice address; /* as stored; needed for putting only to store a recipient once that is written the same */
    bool hide;     /* keep no text that names the recipient: for erased addresses (always in a hashed ledger) */
    struct hash128 source_key;
    enum event_what what;
    const struct observation *o; /* EVENT_OBSERVED */
    struct policy_event fold;    /* what the fold needs, stored beside */
    slice rules_version;
    slice actor, note, reverified; /* acts of people */
    enum cause cause;              /* EVENT_SUPPRESS */
    enum scope scope;
    slice stream;
    int64_t ingest_us;
    slice decision; /* what it did then, a short word line for `why`; recomputed by refolds */
    slice baseline; /* EVENT_BASELINE: policy's encoding of all that was pruned before it */
    slice
        was; /* verdicts that were put in place of one another, the newest first: "reason certainty rule version; ..." */
};
NODISCARD enum status ledger_put_event(struct ledger *l, const struct ledger_event *ev, int64_t *seq, err *e);
/* True when an event with this source key is stored. Called before the work of judging where a feed repeats itself. */
NODISCARD enum status ledger_has_event(struct ledger *l, struct hash128 source_key, bool *has, err *e);

/* Replaces what an event did, after a refold. */
NODISCARD enum status ledger_put_decision(struct ledger *l, int64_t seq, slice decision, err *e);

/* Judging anew. Addresses with failures that were judged by rules of another version (empty: by any) and happened since a time
 * (TIME_NONE: at any), in the order of numbers behind `after`: at most `room`, without repeats; none are left when *n is 0. One scan
 * of the events. */
NODISCARD enum status ledger_judged_by_others(struct ledger *l, slice rules_version, int64_t since_us, int64_t after,
                                              int64_t *ids, size_t room, size_t *n, err *e);
/* Puts another verdict into an event: seq, fold.reason, .certainty and .cause, o->verdict (rule, evidence, new_address), rules_version,
 * was. The row of the address is the caller's to fold anew. E_DENIED where addresses are hashes. */
NODISCARD enum status ledger_put_verdict(struct ledger *l, const struct ledger_event *ev, err *e);

/* Tallies: adds to the counters of one hour and set of dimensions. */
struct ledger_tally {
    int64_t hour; /* hours since 1970 */
    slice tenant, stream, campaign, domain, provider, source, sending_ip;
    enum bounce_kind kind;
    enum bounce_reason reason;
    int64_t count; /* may be negative: a corrected outcome */
};
NODISCARD enum status ledger_add_tally(struct ledger *l, const struct ledger_tally *t, err *e);

/* Reply groups: normalised text with count, first and last seen, one example, reason when judged, provider where all of them are of
 * one. */
struct ledger_group {
    int64_t id;
    slice text, example, provider;
    enum bounce_reason reason;
    int64_t count, first_us, last_us;
};
NODISCARD enum status ledger_add_group(struct ledger *l, const struct ledger_group *g, err *e);

/* What the preset `auto` chose for a stream (core/cadence.h): one row for each change, never taken back. In the order of their times. */
struct ledger_cadence {
    slice tenant, stream;
    unsigned choice;   /* enum preset */
    unsigned sendings; /* measured then */
    int64_t median_us, since_us;
};
typedef bool (*ledger_cadence_fn)(void *ctx, const struct ledger_cadence *c);
NODISCARD enum status ledger_put_cadence(struct ledger *l, const struct ledger_cadence *c, err *e);
NODISCARD enum status ledger_cadences(struct ledger *l, ledger_cadence_fn each, void *ctx, err *e);
/* The days (since 1970) from `from_us` on, on which a campaign of a stream began, or, of mail without campaigns, on which there was
 * mail; sorted by tenant, stream and day. From the sums by day of the tallies. */
typedef bool (*ledger_day_fn)(void *ctx, slice tenant, slice stream, int64_t day);
NODISCARD enum status ledger_sending_days(struct ledger *l, int64_t from_us, ledger_day_fn each, void *ctx, err *e);

/* Feed positions and what a feed needs to remember, in the same transaction as its events. */
struct ledger_feed {
    slice name;     /* identity of the feed's file or stream, never its path alone */
    slice position; /* the reader's own text form (offset, hash of the last bytes, ...) */
    slice memory;   /* opaque bytes of the dialect (open queue ids) */
    int64_t updated_us;
};
NODISCARD enum status ledger_get_feed(struct ledger *l, slice name, arena *a, struct ledger_feed *out,
                                      err *e); /* E_NOT_FOUND */
NODISCARD enum status ledger_put_feed(struct ledger *l, const struct ledger_feed *f, err *e);

/* The same memory in rows of the dialect's own bytes (feed/log.h), for who commits often: an empty value deletes the row. Reading
 * gives the rows of a feed in the order of their keys, valid during the call only. */
typedef bool (*ledger_memory_fn)(void *ctx, slice key, slice value);
NODISCARD enum status ledger_put_memory(struct ledger *l, slice feed, slice key, slice value, err *e);
NODISCARD enum status ledger_memory(struct ledger *l, slice feed, ledger_memory_fn each, void *ctx, err *e);

/* A message that we saw sent to a recipient, so that a bare report that names it is Matched: kept as hashes, 40 days. */
NODISCARD enum status ledger_add_sent(struct ledger *l, uint64_t id_hash, int64_t time_us, err *e);
NODISCARD enum status ledger_was_sent(struct ledger *l, uint64_t id_hash, bool *was, err *e);

/* The recipient (key form) of a signed return path that carries only an id, kept as long as `sent`. The first one told stays: it
 * is a hint, and who uses it verifies the path against it. Nothing is kept where addresses are hashes. get: empty when unknown. */
NODISCARD enum status ledger_put_opaque(struct ledger *l, slice tenant, slice id, slice key, int64_t time_us, err *e);
NODISCARD enum status ledger_get_opaque(struct ledger *l, slice tenant, slice id, arena *a, slice *key, err *e);

/* The last proven delivery to anybody at a domain; TIME_NONE when there was none. put keeps the later one. */
NODISCARD enum status ledger_put_domain(struct ledger *l, slice tenant, slice domain, int64_t delivered_us, err *e);
NODISCARD enum status ledger_get_domain(struct ledger *l, slice tenant, slice domain, int64_t *delivered_us, err *e);

/* ---- circumstances (policy/circumstance.h): what the fold goes by beside events and policy ---- */
struct ledger_circumstance {
    struct circumstance c; /* id 0: a new one; mark follows from `name` */
    slice tenant;          /* empty: of all tenants */
    slice domain;          /* MARK_NONE: of the addresses at this domain; never both empty */
    slice name;            /* of a provider, a text, a feed */
    bool manual;           /* a person opened it */
    bool undone;           /* never counts any more; kept for the record */
    int64_t made_us;       /* when it was opened, which is behind from_us */
    slice actor, note;     /* of the last change: who, and the numbers or the reason in words */
    /* The work that is left where addresses have to be folded anew (core/around.h): the change number of the event behind which to go
     * on; 0: none is left. */
    int64_t work_seq;
};
typedef bool (*ledger_circumstance_fn)(void *ctx, const struct ledger_circumstance *c);
/* Inserts (c.id 0: sets it; ids rise and are never given twice) or updates. E_INVALID: neither domain nor name, or both. */
NODISCARD enum status ledger_put_circumstance(struct ledger *l, struct ledger_circumstance *c, err *e);
/* All, the newest first; a limit of 0: all. undone ones too. */
NODISCARD enum status ledger_circumstances(struct ledger *l, int64_t limit, ledger_circumstance_fn each, void *ctx,
                                           err *e);
/* One by its number; texts in the arena. E_NOT_FOUND. */
NODISCARD enum status ledger_get_circumstance(struct ledger *l, int64_t id, arena *a, struct ledger_circumstance *out,
                                              err *e);
/* Those that concern the addresses of a domain, as stored now, for the fold: without undone ones. In `a` or in the handle, valid
 * until the next call that writes one. Cheap where there are few: kept in memory until another process changes something. */
NODISCARD enum status ledger_around(struct ledger *l, slice tenant, slice domain, arena *a,
                                    const struct circumstance **out, size_t *n, err *e);
/* Takes away those that were over before a time (retention). */
NODISCARD enum status ledger_drop_circumstances(struct ledger *l, int64_t before_us, int64_t *n, err *e);

/* The figures of an incident that was noticed (policy/meter.h), under the number of its circumstance. Manual ones have none. */
struct ledger_incident {
    int64_t id;
    uint8_t signal; /* enum meter_signal */
    uint8_t ending; /* enum meter_end */
    bool pause;     /* many turned unknown: better send nothing there meanwhile */
    uint32_t messages, failed, normal_ppm, share_ppm;
    int64_t seen_us; /* the event that showed it; TIME_NONE */
};
NODISCARD enum status ledger_put_incident(struct ledger *l, const struct ledger_incident *i, err *e);
NODISCARD enum status ledger_get_incident(struct ledger *l, int64_t id, struct ledger_incident *out,
                                          err *e); /* E_NOT_FOUND */

/* Meters over a restart: opaque rows, a cache (not in dumps). Reading: valid during the call only. */
typedef bool (*ledger_meter_fn)(void *ctx, uint64_t key, slice bytes);
NODISCARD enum status ledger_put_meter(struct ledger *l, uint64_t key, slice bytes, int64_t now_us, err *e);
NODISCARD enum status ledger_meters(struct ledger *l, ledger_meter_fn each, void *ctx, err *e);
NODISCARD enum status ledger_drop_meters(struct ledger *l, int64_t before_us, err *e); /* not written since */

/* The last change number of before a time: no event behind it was taken in earlier. Two days are left for wrong clocks. */
NODISCARD enum status ledger_seq_at(struct ledger *l, int64_t time_us, int64_t *seq, err *e);
/* The addresses with failures, attempts or opt-outs that lie in a circumstance, or with a baseline in which some may be open, by the events behind `after`, of which `window` change
 * numbers at most are looked through: addresses come as often as they have such events. *next: go on behind it; 0: that was all.
 * Returning false ends the call, and *next is that event. `each` must not write. */
typedef bool (*ledger_touched_fn)(void *ctx, int64_t address);
NODISCARD enum status ledger_touched(struct ledger *l, const struct ledger_circumstance *c, int64_t after,
                                     int64_t window, ledger_touched_fn each, void *ctx, int64_t *next, err *e);

/* Acquisition facts of an address (from CSV): source, form, import batch, signed up at. */
struct ledger_acquired {
    slice tenant, key, address, source, form, batch;
    int64_t signed_up_us;
};
NODISCARD enum status ledger_put_acquired(struct ledger *l, const struct ledger_acquired *q, err *e);
NODISCARD enum status ledger_get_acquired(struct ledger *l, slice tenant, slice key, arena *a,
                                          struct ledger_acquired *out, err *e); /* E_NOT_FOUND */

/* ---- the outbox: letters to other systems, in the same transaction as what they tell of ---- */
#define LEDGER_MAX_LETTER_BYTES 65536u
#define LEDGER_MAX_ENDPOINTS 64u

/* Where letters go to; how they get there (URL, secret) is not the ledger's business. Found by name, never forgotten: one that is
 * not active gets no new letters. */
struct ledger_endpoint {
    int64_t id;
    slice name, tenant; /* empty tenant: of all tenants */
    uint32_t kinds;     /* bits 1 << kind */
    slice streams;      /* names with a line end behind each; empty: all */
    bool active;
};
NODISCARD enum status ledger_put_endpoint(struct ledger *l, const struct ledger_endpoint *p, err *e);
/* All of them, as stored now; valid until the next call on this handle that writes or asks again. Cheap: kept in memory until another
 * process changes something. */
NODISCARD enum status ledger_endpoints(struct ledger *l, const struct ledger_endpoint **out, size_t *n, err *e);

struct ledger_letter {
    int64_t id; /* rises; never given twice */
    int64_t endpoint, address_id;
    unsigned kind;
    slice body; /* at most LEDGER_MAX_LETTER_BYTES */
    int64_t made_us, due_us;
    unsigned attempts;
    bool dead;
    slice error; /* of the last attempt */
};
typedef bool (*ledger_letter_fn)(void *ctx, const struct ledger_letter *letter);
/* Stores a new one (endpoint, address_id, kind, body, made_us, due_us). */
NODISCARD enum status ledger_put_letter(struct ledger *l, const struct ledger_letter *letter, err *e);
/* Of one endpoint in the order in which they were made, behind a number; waiting ones or dead ones. */
NODISCARD enum status ledger_letters(struct ledger *l, int64_t endpoint, bool dead, int64_t after, int64_t limit,
                                     ledger_letter_fn each, void *ctx, err *e);
/* It arrived. */
NODISCARD enum status ledger_letter_sent(struct ledger *l, int64_t id, err *e);
/* It did not: tried again when `due_us` has come, or given up. */
NODISCARD enum status ledger_letter_failed(struct ledger *l, int64_t id, int64_t due_us, bool dead, slice error,
                                           err *e);
/* Dead ones of an endpoint wait again, all (id 0) or one; *n tells how many. */
NODISCARD enum status ledger_letter_revive(struct ledger *l, int64_t endpoint, int64_t id, int64_t now_us, int64_t *n,
                                           err *e);
/* How many there are, and when the oldest was made (TIME_NONE: none). */
NODISCARD enum status ledger_letter_count(struct ledger *l, int64_t endpoint, bool dead, int64_t *n, int64_t *oldest_us,
                                          err *e);

/* ---- bodies of webhooks that wait to be read ---- */
#define LEDGER_MAX_BODY_BYTES (32u * 1024 * 1024)
#define LEDGER_MAX_ODD_BODIES 1000u /* that made no sense and are kept for a person; the oldest go first */

struct ledger_body {
    int64_t id; /* rises */
    int64_t received_us;
    slice body;
};
typedef bool (*ledger_body_fn)(void *ctx, const struct ledger_body *b);
/* E_INVALID: longer than LEDGER_MAX_BODY_BYTES. */
NODISCARD enum status ledger_put_body(struct ledger *l, slice hook, slice body, int64_t received_us, err *e);
/* Those that wait, behind a number, in the order in which they came. */
NODISCARD enum status ledger_bodies(struct ledger *l, slice hook, int64_t after, ledger_body_fn each, void *ctx,
                                    err *e);
/* It was read: gone, or kept as one that made no sense. */
NODISCARD enum status ledger_drop_body(struct ledger *l, int64_t id, bool odd, err *e);
NODISCARD enum status ledger_body_count(struct ledger *l, slice hook, bool odd, int64_t *n, int64_t *oldest_us, err *e);

/* ---- keys to the HTTP API (core/apikey.h): hashes only ---- */
struct ledger_api_key {
    slice name, id, hash, tenant;
    unsigned role;
    int64_t made_us;
};
typedef bool (*ledger_api_key_fn)(void *ctx, const struct ledger_api_key *k);
/* E_INVALID when the name is taken. */
NODISCARD enum status ledger_put_api_key(struct ledger *l, const struct ledger_api_key *k, err *e);
NODISCARD enum status ledger_drop_api_key(struct ledger *l, slice name, err *e); /* E_NOT_FOUND */
NODISCARD enum status ledger_api_keys(struct ledger *l, ledger_api_key_fn each, void *ctx, err *e);

/* ---- reading: cursors call `each` until it returns false ---- */
typedef bool (*ledger_event_fn)(void *ctx, const struct ledger_event *ev, const struct observation *o);
typedef bool (*ledger_address_fn)(void *ctx, const struct ledger_address *addr);
typedef bool (*ledger_group_fn)(void *ctx, const struct ledger_group *g);

/* Events of one address in the order of the fold (time, key), or all since a change number in its order. The observation is
 * valid during the call only. limit 0: all. */
NODISCARD enum status ledger_events_of(struct ledger *l, int64_t address_id, ledger_event_fn each, void *ctx, err *e);
NODISCARD enum status ledger_events_since(struct ledger *l, int64_t seq, int64_t limit, ledger_event_fn each, void *ctx,
                                          err *e);
/* Only what the fold needs, for rebuilds: in order. */
NODISCARD enum status ledger_fold_events(struct ledger *l, int64_t address_id, arena *a, struct policy_event **events,
                                         size_t *n, err *e);
/* Every address (empty tenant: of all tenants) with what the fold needs, in the order of numbers behind `after`, of one moment of the
 * ledger: the events are read once from end to end and sorted in a temporary file ($SQLITE_TMPDIR, else /var/tmp), so that memory
 * holds those of one address. `each` may change the events, which are nearly in order, and must not write to the ledger. */
struct ledger_folds {
    const struct ledger_address *row;
    slice baseline; /* the newest; empty when nothing was pruned */
    struct policy_event *events;
    size_t n;
};
typedef bool (*ledger_folds_fn)(void *ctx, const struct ledger_folds *f);
NODISCARD enum status ledger_walk_folds(struct ledger *l, slice tenant, int64_t after, ledger_folds_fn each, void *ctx,
                                        err *e);
/* The newest baseline of an address; empty when nothing was pruned. Its event comes first in ledger_fold_events. */
NODISCARD enum status ledger_baseline(struct ledger *l, int64_t address_id, arena *a, slice *out, err *e);
/* Addresses by state (STATES: all) and, where not empty, tenant, in key order behind `after_key`; limit 0: all. With an empty
 * tenant a page goes on to the last row of its last key, so that the next one may start behind that key. */
NODISCARD enum status ledger_list(struct ledger *l, slice tenant, enum address_state state, slice after_key,
                                  int64_t limit, ledger_address_fn each, void *ctx, err *e);
/* Addresses whose suppression stands only while nobody at their domain is delivered: noted and taken off one by one, found by
 * their domain. */
NODISCARD enum status ledger_wait(struct ledger *l, const struct ledger_address *addr, bool waits, err *e);
NODISCARD enum status ledger_waiting(struct ledger *l, slice tenant, slice domain, ledger_address_fn each, void *ctx,
                                     err *e);
/* Addresses whose due_us is not after `now_us`: what time alone has changed. Gather them first: `each` must not write. */
NODISCARD enum status ledger_due(struct ledger *l, int64_t now_us, int64_t limit, ledger_address_fn each, void *ctx,
                                 err *e);
/* Reply groups, most frequent first; reason BOUNCE_REASONS: all. */
NODISCARD enum status ledger_groups(struct ledger *l, enum bounce_reason reason, int64_t limit, ledger_group_fn each,
                                    void *ctx, err *e);

/* One suppression as followers read it: the hash that the table in memory keeps, without any text. */
struct ledger_mark {
    uint64_t hash; /* ledger/scope.h */
    enum scope scope;
    bool domain;      /* of a whole domain */
    enum cause cause; /* CAUSE_NONE: lifted */
    int64_t until_us; /* TIME_NONE: no end */
};
typedef bool (*ledger_mark_fn)(void *ctx, const struct ledger_mark *mark);
/* All suppressions (*seq 0) or what has changed since change number *seq, which is moved on. *seq is set to 0 and nothing is read
 * when it is older than what pruning has kept of lifted ones: forget all, and call again. */
NODISCARD enum status ledger_marks_since(struct ledger *l, int64_t *seq, ledger_mark_fn each, void *ctx, err *e);
/* How many suppressions there are, for sizing. */
NODISCARD enum status ledger_mark_count(struct ledger *l, int64_t *n, err *e);

/* Report rows: counts by one dimension. An empty tenant: all tenants. */
enum tally_by {
    TALLY_CAMPAIGN,
    TALLY_DAY,
    TALLY_DOMAIN,
    TALLY_PROVIDER,
    TALLY_SOURCE,
    TALLY_REASON,
    TALLY_STREAM,
    TALLY_IP,
    TALLY_DIMENSIONS
};
struct tally_row {
    slice name;
    enum bounce_kind kind;
    enum bounce_reason reason;
    int64_t count;
    int64_t first_us; /* the hour (by domain: the hour or the month) in which the first of them ended */
};
/* Which messages: those whose named dimensions are all these; what is empty is not looked at. */
struct tally_filter {
    slice tenant, stream, campaign, domain, provider, source, sending_ip;
    int64_t from_us, to_us; /* the hour of `from` on, and before `to`, rounded up to an hour; TIME_NONE: no bound */
};
#define TALLY_FILTER_ALL                                                                                      \
    {                                                                                                         \
        SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY, SLICE_EMPTY, TIME_NONE, \
            TIME_NONE                                                                                         \
    }
typedef bool (*ledger_tally_fn)(void *ctx, const struct tally_row *row);
NODISCARD enum status ledger_report(struct ledger *l, enum tally_by by, slice tenant, int64_t from_us, int64_t to_us,
                                    ledger_tally_fn each, void *ctx, err *e);
/* The same for some of the messages. Each (name, kind, reason) comes once, in the order of numbers, not of names. Reads the sums by
 * day (by domain: by month) as far as they reach, and the hours for the rest. A report by domain of one source or sending host must
 * read every hour from `from` to `to`. */
NODISCARD enum status ledger_report_of(struct ledger *l, enum tally_by by, const struct tally_filter *f,
                                       ledger_tally_fn each, void *ctx, err *e);

/* What is known of an address from its beginning to now: what it is counted by in reviews of a list. Times are TIME_NONE where nothing
 * is known. */
struct ledger_life {
    int64_t id;
    slice tenant, key, address, domain; /* a hashed ledger: `key` and `address` are "#" and hex digits */
    enum address_state state;
    enum cause cause; /* of the strictest suppression */
    int64_t since_us; /* of the state */
    int64_t first_seen_us, last_delivered_us, last_failed_us;
    slice history;             /* as in struct ledger_address */
    slice source, form, batch; /* what ledger_put_acquired was told */
    int64_t signed_up_us;
};
typedef bool (*ledger_life_fn)(void *ctx, const struct ledger_life *life);
/* Every address of a tenant (empty: of all) that there were events of, in key order; no whole domains, and none that were erased. What
 * is handed out is valid during the call only. */
NODISCARD enum status ledger_lives(struct ledger *l, slice tenant, ledger_life_fn each, void *ctx, err *e);

/* What became of the messages to providers by day, from the sums: provider by provider, each by day, kind and reason. An empty
 * provider: all that have a name; an empty tenant: all. */
struct ledger_provider_day {
    slice provider;
    int64_t day; /* since 1970 UTC */
    enum bounce_kind kind;
    enum bounce_reason reason;
    int64_t count;
};
typedef bool (*ledger_provider_day_fn)(void *ctx, const struct ledger_provider_day *d);
NODISCARD enum status ledger_provider_days(struct ledger *l, slice tenant, slice provider, int64_t from_day,
                                           int64_t to_day, ledger_provider_day_fn each, void *ctx, err *e);

/* What a provider says of us itself (feed/provider_report.h): one for each source, day and subject. */
struct ledger_provider_report {
    slice provider; /* "microsoft" */
    slice source;   /* "snds" */
    slice tenant;
    slice subject; /* an IP address or a domain of ours */
    int64_t day;
    int level; /* -1 not told; 0 good to 3 bad */
    int64_t recipients, complaint_ppm, traps, spf_ppm, dkim_ppm, dmarc_ppm, error_ppm; /* -1: not told */
    slice detail;
};
typedef bool (*ledger_provider_report_fn)(void *ctx, const struct ledger_provider_report *p);
/* Takes the place of an earlier one; what it does not tell stays as it was. */
NODISCARD enum status ledger_put_provider_report(struct ledger *l, const struct ledger_provider_report *p, err *e);
/* By provider, subject and day, the newest day first; an empty provider or tenant: all. */
NODISCARD enum status ledger_provider_reports(struct ledger *l, slice tenant, slice provider, int64_t from_day,
                                              int64_t to_day, ledger_provider_report_fn each, void *ctx, err *e);

/* How many suppressions of each cause hold that began from `from_us` on and before `to_us`; how many addresses are held, and why. Of a
 * tenant (empty: of all). They read every suppression, or every address. */
NODISCARD enum status ledger_suppressed_within(struct ledger *l, slice tenant, int64_t from_us, int64_t to_us,
                                               int64_t counts[CAUSES], err *e);
#define LEDGER_HOLDS (HOLD_BREAKER + 1)
NODISCARD enum status ledger_held_now(struct ledger *l, slice tenant, int64_t counts[LEDGER_HOLDS], err *e);

/* ---- keeping ---- */
/* Removes the texts and events of an address, replies and waiting letters that name it and what it acquired; keeps a keyed hash that
 * still suppresses (CAUSE_ERASED, global) and one EVENT_ERASE. Outside of a transaction the file's log is emptied too, so that no copy
 * stays on disk. An address that is not there is only marked. */
NODISCARD enum status ledger_erase(struct ledger *l, slice tenant, slice key, slice actor, int64_t now_us, err *e);
/* Prunes by age in transactions of its own; TIME_NONE or 0 keeps for ever; tallies go by whole months. A baseline event takes the place of the events that go
 * (deliveries_us: the same for events of kind delivered and relayed, all but the last). */
struct ledger_retention {
    int64_t events_us, deliveries_us, sent_us, tallies_us;
    bool dry_run; /* count, and take everything back */
    /* NULL: all of it. Else a page of addresses, those behind *resume (0: the first ones); *resume is where to go on, 0 when all is
     * done. So that others may write in between. */
    int64_t *resume;
};
/* Policy's fold of what goes of an address, oldest first; `old` is the baseline so far (empty: none). The result is bytes in `a`;
 * returns false to keep the events of this address. */
typedef bool (*ledger_baseline_fn)(void *ctx, int64_t address, slice old, const struct policy_event *gone, size_t n,
                                   arena *a, slice *out);
NODISCARD enum status ledger_prune(struct ledger *l, const struct ledger_retention *r, int64_t now_us,
                                   ledger_baseline_fn encode, void *ctx, int64_t *removed, err *e);
/* Online copy to a new file (written beside and renamed); restore checks the copy (integrity_check, schema) first. */
NODISCARD enum status ledger_backup(struct ledger *l, const char *to, err *e);
NODISCARD enum status ledger_restore(const char *from, const char *to, bool overwrite, err *e);
/* The whole content by natural keys, without surrogate ids and ingest times, sorted: equal dumps, equal truth. */
NODISCARD enum status ledger_dump(struct ledger *l, void (*line)(void *ctx, slice text), void *ctx, err *e);

#endif
