/* The policies that are compared with each other in the simulator.
 */
#ifndef SIM_PLAN_H
#define SIM_PLAN_H

#include "year.h"

enum plan {
#define PLAN(symbol, ...) PLAN_##symbol,
#include "plans.def"
#undef PLAN
    PLANS
};
const char *plan_word(enum plan p);
void plan_options(enum plan p, struct year_options *out);

#endif
