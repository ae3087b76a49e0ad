/* How sure a share or a rate is: 95 % intervals, so that 3 of 10 does not outrank 300 of 5,000. Parts per million. Pure. */
#ifndef CORE_INTERVAL_H
#define CORE_INTERVAL_H

#include <stdint.h>

#define INTERVAL_YEAR_S (INT64_C(31557600)) /* 365.25 days */

struct interval {
    int64_t ppm, low_ppm, high_ppm;
};

/* `part` of `whole`, 0 <= part <= whole: the score interval (E. B. Wilson, JASA 22, 1927). whole 0: nothing is known, 0 to 1,000,000. */
struct interval interval_share(int64_t part, int64_t whole);
/* The share that dies within a year, of `deaths` in `exposure_s` seconds of life: 1 - exp(-deaths per year of life), between Byar's
 * limits of the number of deaths (Breslow and Day, Statistical Methods in Cancer Research II, 2.3). exposure_s 0: nothing is known. */
struct interval interval_yearly(int64_t deaths, int64_t exposure_s);

#endif
