/* The inside of a set of meters, shared by what feeds them (meter.c), the table that keeps them (meter_table.c) and what saves them
 * (meter_rows.c). Nobody else includes this.
 */
#ifndef POLICY_METER_SET_H
#define POLICY_METER_SET_H

#include "policy/cusum.h"
#include "policy/meter.h"

#define METER_NO UINT32_MAX /* an index of nothing */

/* What is saved of a meter; no pointers, no indexes. */
struct meter_state {
    int64_t last_us, slice_us; /* the last event; when the slice began */
    uint64_t places;           /* of providers and texts: domains that failed in this run, one bit each by hash */
    int64_t muted_us;          /* until then none opens; TIME_NONE */
    uint64_t tenant_well;      /* of texts: what the tenant's count was when this was last looked at */
    struct cusum signals[SIGNALS];
};

/* An open incident. */
struct opening {
    int64_t id;
    int64_t from_us, last_failed_us;
    uint32_t messages, failed, normal_ppm;
    uint32_t meter; /* index; METER_NO: this place is free */
    uint8_t signal;
    struct cusum_back back;
};

struct meter {
    uint64_t key;
    uint32_t chain, newer, older; /* in the table */
    uint32_t opening;             /* index, METER_NO */
    uint8_t by;                   /* enum meter_by */
    bool changed;
    uint64_t tenant; /* its hash */
    struct meter_state state;
};

/* What texts are held against: the deliveries of one tenant to recipients who took mail before. */
struct tenant_count {
    uint64_t tenant; /* hash; 0: free */
    uint64_t well;
    bool changed;
};
#define METER_TENANTS 4096u /* a power of two; texts of tenants beyond three quarters of it are not measured */

struct failed_once {
    uint64_t who;
    int64_t time_us;
};
#define METER_FAILED_ONCE 65536u /* recipients remembered as having failed; a power of two */

struct meter_set {
    struct meter_options options;
    float limit;
    struct meter *meters;
    uint32_t count, room, most, newest, oldest;
    uint32_t *buckets;
    uint32_t bucket_mask;
    struct opening *openings; /* METER_MOST_OPEN */
    size_t open_count;
    struct tenant_count *tenants;
    size_t tenant_used;
    struct failed_once *failed;
    int64_t clock_us, ticked_us;
    uint64_t tenant_hash; /* of the last event */
    char tenant_text[64];
    size_t tenant_text_n;
    bool tenant_known;
};

/* ---- the table ---- */
bool meter_table_init(struct meter_set *set);
void meter_table_fini(struct meter_set *set);
/* The meter with this key, NULL when there is none. */
struct meter *meter_find(struct meter_set *set, uint64_t key);
/* The same, made when it is not there; NULL when memory is refused or all are open. Pointers to others end. */
struct meter *meter_get(struct meter_set *set, uint64_t key, enum meter_by by, uint64_t tenant);
/* NULL when there are too many. */
struct tenant_count *meter_tenant(struct meter_set *set, uint64_t tenant);

/* What is taken for granted of a signal of such a meter. */
const struct cusum_kind *meter_kind(enum meter_by by, enum meter_signal signal);

#endif
