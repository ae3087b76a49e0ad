/* "May I send to this address?" for many addresses at once, from the ledger or from the table in memory. */
#ifndef CORE_CHECK_H
#define CORE_CHECK_H

#include "ledger/table.h"
#include "policy/history.h"

enum check_word { CHECK_SEND, CHECK_SUPPRESSED, CHECK_INVALID };
const char *check_word(enum check_word w); /* "send", "suppressed", "invalid" */

struct check_answer {
    slice input;        /* as asked */
    slice address, key; /* as stored; empty when invalid */
    enum check_word word;
    enum cause cause; /* of a suppression */
    enum scope scope;
    bool domain; /* the whole domain is suppressed */
    enum bounce_reason reason;
    int64_t since_us, until_us; /* TIME_NONE: not told, no end */
    /* from the ledger only: */
    bool known; /* the ledger has it */
    enum address_state state;
    enum hold hold;
    unsigned row_count, row_needed; /* failures in a row, and how many suppress; 0 for none */
    slice row;                      /* "quota", "campaign", ... */
};

/* Asks the ledger; suppressions of other streams do not count. `stream` may be empty. */
NODISCARD enum status check_ledger(struct ledger *l, const struct policy *policy, slice tenant, slice stream,
                                   const slice *in, size_t n, int64_t now_us, arena *a, struct check_answer *out,
                                   err *e);
/* Asks the table: no reason and no row. E_MEMORY only. */
NODISCARD enum status check_table(const struct table *t, slice tenant, slice stream, const slice *in, size_t n,
                                  int64_t now_us, arena *a, struct check_answer *out);

#endif
