#include "replies.h"
#include "base/hash.h"
#include "chance.h"

static const struct reply TEXTS[] = {
#define REPLY(where, what, words) {.situation = where, .kind = BOUNCE_KIND_##what, .text = (words)},
#include "replies.def"
#undef REPLY
};
_Static_assert(ARRAY_LEN(TEXTS) <= REPLIES_MAX, "room for all replies");

static const char *const WORDS[SITUATIONS] = {
    [DELIVERED] = "delivered",
    [DEAD] = "dead",
    [CLOSED] = "closed",
    [DEAD_LOW] = "dead, low certainty",
    [DEAD_LOW_TEMPORARY] = "dead, low certainty, 4yz",
    [FULL] = "full",
    [FULL_TEMPORARY] = "full, 4yz",
    [UNAVAILABLE] = "unavailable",
    [GREYLISTED] = "greylisted",
    [CONNECT] = "no connection",
    [BUSY] = "busy",
    [WRONG] = "wrongly unknown",
    [WRONG_TEMPORARY] = "wrongly unknown, 4yz",
    [BLOCKED] = "blocked",
    [BLOCKED_TEMPORARY] = "blocked, 4yz",
    [BLOCKED_ODD] = "blocked, not understood",
    [FORGED] = "forged",
};

const char *situation_word(enum situation s)
{
    return WORDS[s];
}

static bool judge(const struct bounce_rules *rules, struct reply *r, enum bounce_kind kind, arena *a, uint8_t *reason,
                  uint8_t *certainty)
{
    struct bounce_evidence_set e = {.text = slice_str(r->text),
                                    .status = SLICE_EMPTY,
                                    .provider = SLICE_EMPTY,
                                    .recipient = SLICE_EMPTY,
                                    .kind = kind};
    struct bounce_verdict v;
    if (bounce_judge(rules, &e, a, &v) != BOUNCE_OK)
        return false;
    *reason = (uint8_t)v.reason;
    *certainty = (uint8_t)v.certainty;
    return true;
}

static bool judge_one(const struct bounce_rules *rules, struct reply *r, arena *a)
{
    arena_reset(a);
    slice plain = bounce_normalise(slice_str(r->text), a);
    r->mark = (uint32_t)hash128(plain).lo | 1;
    return judge(rules, r, r->kind, a, &r->reason, &r->certainty) &&
           judge(rules, r, BOUNCE_KIND_EXPIRED, a, &r->expired_reason, &r->expired_certainty);
}

bool replies_init(struct replies *r)
{
    struct bounce_rules *rules = NULL;
    slice error;
    arena keep, work;
    arena_init(&keep, 0);
    arena_init(&work, 0);
    bool ok = bounce_rules_new(NULL, 0, false, &keep, &rules, &error) == BOUNCE_OK;
    memset(r, 0, sizeof(*r));
    for (unsigned s = 0; ok && s < SITUATIONS; s++) {
        r->first[s] = r->n;
        for (unsigned i = 0; ok && i < ARRAY_LEN(TEXTS); i++) {
            if (TEXTS[i].situation != s)
                continue;
            r->v[r->n] = TEXTS[i];
            ok = judge_one(rules, &r->v[r->n++], &work);
        }
    }
    r->first[SITUATIONS] = r->n;
    bounce_rules_free(&rules);
    arena_fini(&work);
    arena_fini(&keep);
    return ok;
}

unsigned replies_pick(const struct replies *r, enum situation s, uint64_t value)
{
    unsigned n = r->first[s + 1] - r->first[s];
    MUST(n);
    return r->first[s] + chance_below(value, n);
}
