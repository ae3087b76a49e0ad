/* What the benchmarks share: time a piece of work, print a line with its yardstick.
 *
 * A line reads: name, units a second, the yardstick's units a second, their ratio. The yardstick is a simpler piece of
 * work on the same bytes in the same run, so that the ratio holds where the absolute does not (machines are shared and
 * noisy).
 */
#ifndef BENCH_H
#define BENCH_H

#include "base/buf.h"
#include "base/slice.h"

/* One round of work on everything; returns the number of units done (mails, lines, replies). */
typedef size_t (*bench_fn)(void *ctx);

/* Runs `fn` for at least `seconds` (after one round to warm up) and gives units per second of the median round,
 * measured in the thread's CPU time. */
double bench_rate(bench_fn fn, void *ctx, double seconds);
/* The same in wall time, one round only, for work that waits for the disk. */
double bench_wall(bench_fn fn, void *ctx);

/* "parse and judge      163,000 mails/s   yardstick: read of the same bytes 2,100,000 mails/s   1/12.9" */
void bench_print(const char *name, double rate, const char *unit, const char *yardstick, double yardstick_rate);

/* Wall clock in seconds since some start. */
double bench_now(void);
/* Seconds that this thread has run: others on the machine do not count. */
double bench_cpu(void);
/* Reads every byte once (8 at a time) and returns a sum, so that the compiler keeps it. */
uint64_t bench_touch(slice s);
/* Median of `n` appends of 4 KB with fdatasync in `directory`, in microseconds; negative when it cannot be written. */
double bench_fdatasync_us(const char *directory, unsigned n);

/* All regular files below a path, in the order of their names. */
struct bench_files {
    char **names;
    slice *texts;
    size_t n, bytes;
};
struct bench_files bench_load(const char *path);
void bench_unload(struct bench_files *f);

#endif
