#include "policy/policy.h"

const char *row_word(enum row_kind row)
{
    static const char *const words[ROWS + 1] = {"second-look", "domain-unknown", "quota", "campaign", "slow", ""};
    return words[row <= ROWS ? row : ROWS];
}

void policy_init(struct policy *p)
{
    *p = (struct policy){
        .rows = {[ROW_LOOK] = {2, TIME_DAY},
                 [ROW_DOMAIN] = {2, 2 * TIME_DAY},
                 [ROW_QUOTA] = {2, 7 * TIME_DAY},
                 [ROW_CAMPAIGN] = {3, 10 * TIME_DAY},
                 [ROW_SLOW] = {5, 14 * TIME_DAY}},
        .refused = {5, 14 * TIME_DAY},
        .sure_certainty = 70,
        .repeat_us = TIME_DAY,
        .open_end_us = 72 * TIME_HOUR,
        .join_us = 14 * TIME_DAY,
        .expiry_us = 180 * TIME_DAY,
    };
}

static bool tolerance_ok(const struct tolerance *t)
{
    return t->count <= POLICY_MAX_COUNT && t->span_us >= 0 && t->span_us <= POLICY_MAX_SPAN_US;
}

enum status policy_check(const struct policy *p, err *e)
{
    for (unsigned i = 0; i < ROWS; i++)
        if (!tolerance_ok(&p->rows[i]))
            return err_set(e, E_INVALID, "policy: row %s: the count must be at most %u and the span not negative",
                           row_word((enum row_kind)i), POLICY_MAX_COUNT);
    if (!tolerance_ok(&p->refused))
        return err_set(e, E_INVALID, "policy: refused: the count must be at most %u and the span not negative",
                       POLICY_MAX_COUNT);
    if (p->sure_certainty > 100)
        return err_set(e, E_INVALID, "policy: certainty %u is over 100", p->sure_certainty);
    if (p->repeat_us > POLICY_MAX_SPAN_US || p->open_end_us > POLICY_MAX_SPAN_US || p->join_us > POLICY_MAX_SPAN_US ||
        p->expiry_us > POLICY_MAX_SPAN_US)
        return err_set(e, E_INVALID, "policy: a span of time is over 100 years");
    if (p->repeat_us < 0 || p->open_end_us < 0 || p->join_us < 0 || p->expiry_us < 0)
        return err_set(e, E_INVALID, "policy: a span of time is negative");
    return OK;
}

uint64_t policy_fingerprint(const struct policy *p)
{
    uint64_t words[2 * (ROWS + 1) + 5];
    size_t n = 0;
    for (unsigned i = 0; i < ROWS; i++) {
        words[n++] = p->rows[i].count;
        words[n++] = (uint64_t)p->rows[i].span_us;
    }
    words[n++] = p->refused.count;
    words[n++] = (uint64_t)p->refused.span_us;
    words[n++] = p->sure_certainty;
    words[n++] = (uint64_t)p->repeat_us;
    words[n++] = (uint64_t)p->open_end_us;
    words[n++] = (uint64_t)p->join_us;
    words[n++] = (uint64_t)p->expiry_us;
    /* in a fixed byte order: the value is stored */
    unsigned char bytes[sizeof(words)];
    for (size_t i = 0; i < sizeof(words); i++)
        bytes[i] = (unsigned char)(words[i / 8] >> (8 * (i % 8)));
    uint64_t hash = hash128(slice_of((const char *)bytes, sizeof(bytes))).lo;
    return hash ? hash : 1;
}
