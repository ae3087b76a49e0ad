/* What mailbox providers tell a sender about itself: one record per day and subject (an IP address or a domain), from files that a
 * person has downloaded. Microsoft SNDS (CSV, with and without a header) and Google Postmaster Tools (CSV of its pages, JSON of its
 * API v1 and v2) are known by their content. Pure; bytes in, records out.
 *
 * Texts are in the arena. Rates are in millionths; PROVIDER_REPORT_NONE where a file does not tell. Sample senders and HELO names of
 * SNDS are left out: a sample sender may be an address of a person.
 */
#ifndef FEED_PROVIDER_REPORT_H
#define FEED_PROVIDER_REPORT_H

#include "base/arena.h"

#define PROVIDER_REPORT_NONE INT64_C(-1)
#define PROVIDER_REPORT_MAX_BYTES (32u * 1024 * 1024) /* of a file */
#define PROVIDER_REPORT_MAX 200000u                   /* records of a file */
#define PROVIDER_REPORT_MAX_BAD 20u                   /* lines that are told; more are counted */
#define PROVIDER_REPORT_MAX_SUBJECT 253u              /* bytes */
#define PROVIDER_REPORT_MAX_DETAIL 400u

enum provider_source { PROVIDER_SNDS, PROVIDER_POSTMASTER, PROVIDER_SOURCES };
const char *provider_source_word(enum provider_source s);     /* "snds", "postmaster" */
const char *provider_source_provider(enum provider_source s); /* "microsoft", "gmail" (bounce/providers.def) */

/* The provider's own verdict. */
enum provider_level {
    PROVIDER_LEVEL_NONE = -1,
    PROVIDER_LEVEL_GOOD, /* GREEN; HIGH */
    PROVIDER_LEVEL_FAIR, /* YELLOW; MEDIUM */
    PROVIDER_LEVEL_POOR, /* LOW */
    PROVIDER_LEVEL_BAD   /* RED; BAD */
};
const char *provider_level_word(int level); /* "good", ...; "" for NONE */

struct provider_report {
    enum provider_source source;
    slice subject; /* "192.0.2.1", "example.org" in lower case */
    int64_t day;   /* days since 1970 UTC */
    int level;     /* enum provider_level */
    int64_t recipients;
    int64_t complaint_ppm; /* SNDS: the upper end of its bucket */
    int64_t traps;         /* messages to trap addresses */
    int64_t spf_ppm, dkim_ppm, dmarc_ppm;
    int64_t error_ppm; /* messages that were refused or put off */
    slice detail;      /* more, in words */
};

struct provider_report_bad {
    size_t line; /* from 1; of JSON: the number of the record */
    slice what;
    const char *why;
};

struct provider_report_list {
    struct provider_report *items;
    size_t n, room;
    struct provider_report_bad bad[PROVIDER_REPORT_MAX_BAD];
    size_t bad_count; /* of which at most PROVIDER_REPORT_MAX_BAD are told */
};

enum provider_report_end {
    PROVIDER_REPORT_READ,    /* all of it; odd lines are in `bad` */
    PROVIDER_REPORT_UNKNOWN, /* no form that is known here */
    PROVIDER_REPORT_MEMORY   /* the arena, or PROVIDER_REPORT_MAX, was not enough; what was found so far is there */
};
/* `domain`: whose figures they are where a CSV of Postmaster Tools names none; may be empty. */
enum provider_report_end provider_report_read(slice text, slice domain, arena *a, struct provider_report_list *out);

#endif
