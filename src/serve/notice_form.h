/* What people read of alerts: several notices of one channel as one mail, or as one JSON object for a program. */
#ifndef SERVE_NOTICE_FORM_H
#define SERVE_NOTICE_FORM_H

#include "ledger/watching.h"

#define NOTICES_AT_ONCE 200u  /* in one message; more follow in the next */
#define NOTICES_OF_A_RULE 10u /* shown whole in a mail; the others are counted */

/* A notice with its text in an arena. */
struct notice {
    int64_t id, made_us;
    unsigned turn; /* enum alert_turn */
    slice text;    /* JSON, as alert_show writes it */
};

/* {"channel", "time", "alerts": [{"event": "opened", ...}]} */
void notices_json(slice channel, const struct notice *list, size_t n, int64_t now_us, buf *out);
/* A whole mail, RFC 5322, line ends LF, UTF-8. `to` as in its header. */
void notices_mail(slice channel, slice from, slice to, const struct notice *list, size_t n, int64_t now_us, buf *out);
/* The same two, for trying a channel. */
void test_notice_json(slice channel, int64_t now_us, buf *out);
void test_notice_mail(slice channel, slice from, slice to, int64_t now_us, buf *out);

#endif
