/* The settings of the policy: how many failures of which kind it takes. Plain data; nothing here decides.
 *
 * The defaults are those of docs/policy.md. Spans are microseconds. A policy is a value: copy it, change it, and rebuild with it to
 * see "what if". Its lists (streams, tenants) belong to who made it and must live as long as the value and all of its copies.
 *
 *   policy -> the tenant's (policy_of_tenant, chosen by core/entry) -> the stream's tolerances (policy_stream, chosen by the fold)
 */
#ifndef POLICY_POLICY_H
#define POLICY_POLICY_H

#include "policy/state.h"
#include "policy/tolerance.h"

/* The rows of failures that an address can have. A failure counts in the row of its word and in those more patient. */
enum row_kind {
    ROW_LOOK,   /* at once, but not certain enough */
    ROW_DOMAIN, /* domain-unknown */
    ROW_QUOTA,
    ROW_CAMPAIGN,
    ROW_SLOW,
    ROW_REFUSED, /* recipient-refused, in its stream */
    ROWS
};
const char *row_word(enum row_kind row);
/* True when a failure of a word whose row is `of` counts in this one: its own row, and the more patient ones. */
bool row_takes(enum row_kind row, enum row_kind of);
/* The hard ones: they count messages, not campaigns, and suppress as hard. */
bool row_hard(enum row_kind row);

/* Presets (presets.def): tolerances that behave like those of others. */
enum preset {
#define PRESET(symbol, ...) PRESET_##symbol,
#include "policy/presets.def"
#undef PRESET
    PRESETS
};
const char *preset_word(enum preset preset);
const char *preset_text(enum preset preset); /* for people, without the full stop */
enum preset preset_find(slice word);         /* PRESETS when there is none */

/* How often a stream sends, and what `auto` made of it (core/cadence.h); for people: what was made of it stands in the rows. */
struct cadence {
    uint8_t choice;    /* enum preset: PRESET_DEFAULT, PRESET_AUTO_DAILY, PRESET_AUTO_MONTHLY */
    unsigned sendings; /* measured: campaigns, or days with mail; 0: nothing was measured */
    int64_t median_us; /* between two of them */
    int64_t since_us;  /* when this was chosen */
};

/* What mail of one stream may have. */
struct tolerances {
    struct tolerance rows[ROWS];
    struct tolerance reasons[BOUNCE_REASONS]; /* of those with a bit in `own`: in place of the row of their word */
    uint64_t own;                             /* bits 1 << enum bounce_reason */
    uint8_t preset;                           /* enum preset: where they come from, for people only */
    struct cadence cadence;                   /* of PRESET_AUTO */
};

struct policy_stream {
    uint64_t stream; /* hash of its name */
    slice name;      /* for people */
    struct tolerances tolerances;
};

struct policy_tenant;

struct policy {
    struct tolerances base;              /* of mail without a stream, and of streams without tolerances of their own */
    const struct policy_stream *streams; /* of this tenant */
    size_t stream_count;
    const struct policy_tenant *tenants; /* who has a policy of its own; a tenant's policy has none */
    size_t tenant_count;
    unsigned sure_certainty;   /* at once: suppresses at the first outcome from this certainty on */
    int64_t repeat_us;         /* mail without a campaign counts once in this span */
    int64_t open_end_us;       /* deferrals without an end count as a failure after this span */
    int64_t join_us;           /* witnesses of one message join within this span from its first event */
    int64_t engaged_us;        /* who opened or clicked within this span is engaged */
    int64_t expiry_us[CAUSES]; /* suppressions of a cause end after this; 0: never */
    unsigned probation;        /* bits 1 << enum cause: what ended so is suppressed again by one more counted failure */
    uint8_t
        scopes[CAUSES]; /* enum scope of hard, escalated, complaint, unsubscribed; a stream's only where mail has one */
    bool tighten;       /* half as many while the provider's health is Low or Bad */
};

struct policy_tenant {
    uint64_t tenant; /* hash of its name */
    slice name;      /* for people */
    struct policy policy;
};

void policy_init(struct policy *p); /* the defaults */
/* E_INVALID with the first value that makes no sense. */
NODISCARD enum status policy_check(const struct policy *p, err *e);
/* Stands for the settings; kept with stored folds so that another policy is noticed. Never 0. A tenant's policy has its own. */
uint64_t policy_fingerprint(const struct policy *p);

/* The tolerances of a preset; none of reasons. */
void preset_tolerances(enum preset preset, struct tolerances *out);
/* The defaults with those tolerances, to try what a preset would have done. */
void policy_preset(struct policy *p, enum preset preset);

/* Streams and tenants are known by the hash of their names; 0 for the empty one. */
uint64_t policy_name_hash(slice name);
const struct policy *policy_of_tenant(const struct policy *p, slice tenant);
const struct tolerances *policy_stream(const struct policy *p, uint64_t stream);
/* True when a failure for this reason, whose word has the row `own`, may fill that row. A reason with tolerances of its own, and a full
 * mailbox where its row is not "never", fill their own row only: people come back from a holiday of three weeks, and what waits for them
 * must not count as anything sooner. */
bool tolerances_fill(const struct tolerances *t, enum bounce_reason reason, enum row_kind own, enum row_kind row);
/* What a failure for this reason is held against: the reason's own where the stream has one, else that of the row. */
const struct tolerance *tolerances_of(const struct tolerances *t, enum bounce_reason reason, enum row_kind row);
/* True when some tolerance of this tenant counts for life, or begins a row anew when a mail is opened. */
bool policy_keeps(const struct policy *p);
bool policy_minds_opens(const struct policy *p);
/* True for an address that opened or clicked last then (TIME_NONE: never). */
bool policy_engaged(const struct policy *p, int64_t engaged_us, int64_t t_us);
/* Where a suppression of this cause stands for mail of a stream. */
enum scope policy_scope(const struct policy *p, enum cause cause, uint64_t stream);

#endif
