#include "core/interval.h"

#include <math.h>

#define Z 1.959964 /* 95 % of a normal distribution lie within so many deviations */
#define MILLION 1e6

static int64_t to_ppm(double share)
{
    double bounded = share < 0 ? 0 : share > 1 ? 1 : share;
    return (int64_t)(bounded * MILLION + 0.5);
}

struct interval interval_share(int64_t part, int64_t whole)
{
    if (whole <= 0)
        return (struct interval){0, 0, 1000000};
    double n = (double)whole, p = (double)part / n, zz = Z * Z / n;
    double middle = (p + zz / 2) / (1 + zz), half = Z / (1 + zz) * sqrt(p * (1 - p) / n + zz / (4 * n));
    struct interval out = {to_ppm(p), to_ppm(middle - half), to_ppm(middle + half)};
    out.low_ppm = part <= 0 ? 0 : out.low_ppm; /* exactly: the root leaves a trace */
    out.high_ppm = part >= whole ? 1000000 : out.high_ppm;
    return out;
}

/* Byar: d (1 - 1/9d - z/(3 sqrt d))^3, and the same with d + 1 and plus above. */
static double byar(double d, double z)
{
    double cube_root = 1 - 1 / (9 * d) + z / (3 * sqrt(d));
    return cube_root > 0 ? d * cube_root * cube_root * cube_root : 0;
}

static int64_t dies(double deaths, double years)
{
    return to_ppm(1 - exp(-deaths / years));
}

struct interval interval_yearly(int64_t deaths, int64_t exposure_s)
{
    if (exposure_s <= 0)
        return (struct interval){0, 0, 1000000};
    double d = (double)deaths, years = (double)exposure_s / (double)INTERVAL_YEAR_S;
    double low = deaths > 0 ? byar(d, -Z) : 0, high = byar(d + 1, Z);
    return (struct interval){dies(d, years), dies(low, years), dies(high, years)};
}
