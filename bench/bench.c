#include "bench.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_ROUNDS 10000

static double clock_seconds(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

double bench_now(void)
{
    return clock_seconds(CLOCK_MONOTONIC);
}

double bench_cpu(void)
{
    return clock_seconds(CLOCK_THREAD_CPUTIME_ID);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double bench_rate(bench_fn fn, void *ctx, double seconds)
{
    double rounds[MAX_ROUNDS]; /* threads measure at the same time */
    size_t n = 0;
    fn(ctx);
    double start = bench_cpu(), last = start;
    while (n < MAX_ROUNDS && (n < 3 || last - start < seconds)) {
        size_t units = fn(ctx);
        double now = bench_cpu();
        rounds[n++] = (double)units / (now - last);
        last = now;
    }
    qsort(rounds, n, sizeof rounds[0], by_value);
    return rounds[n / 2];
}

double bench_wall(bench_fn fn, void *ctx)
{
    double start = bench_now();
    size_t units = fn(ctx);
    return (double)units / (bench_now() - start);
}

static void thousands(char out[32], double v)
{
    char digits[32];
    int n = snprintf(digits, sizeof digits, "%.0f", v), o = 0;
    for (int i = 0; i < n && o < 30; i++) {
        if (i && (n - i) % 3 == 0)
            out[o++] = ',';
        out[o++] = digits[i];
    }
    out[o] = 0;
}

void bench_print(const char *name, double rate, const char *unit, const char *yardstick, double yardstick_rate)
{
    char a[32], b[32];
    thousands(a, rate);
    thousands(b, yardstick_rate);
    printf("%-44s %12s %s/s   yardstick: %s %s %s/s   1/%.1f\n", name, a, unit, yardstick, b, unit,
           yardstick_rate / rate);
    fflush(stdout);
}

uint64_t bench_touch(slice s)
{
    uint64_t sum = 0, v;
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8) {
        memcpy(&v, s.p + i, 8);
        sum += v;
    }
    for (; i < s.n; i++)
        sum += (unsigned char)s.p[i];
    return sum;
}

double bench_fdatasync_us(const char *directory, unsigned n)
{
    static double times[1000];
    char path[512], page[4096] = {1};
    snprintf(path, sizeof path, "%s/bench-fdatasync", directory);
    int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (fd < 0)
        return -1;
    if (n > 1000)
        n = 1000;
    for (unsigned i = 0; i < n; i++) {
        double start = bench_now();
        if (write(fd, page, sizeof page) != (ssize_t)sizeof page || fdatasync(fd) != 0)
            n = 0;
        times[i] = (bench_now() - start) * 1e6;
    }
    close(fd);
    unlink(path);
    qsort(times, n, sizeof times[0], by_value);
    return n ? times[n / 2] : -1;
}

static struct bench_files *loading; /* nftw has no argument for its caller */

static int take(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)where;
    if (type != FTW_F)
        return 0;
    struct bench_files *f = loading;
    f->names = realloc(f->names, (f->n + 1) * sizeof *f->names);
    f->texts = realloc(f->texts, (f->n + 1) * sizeof *f->texts);
    char *text = malloc((size_t)st->st_size + 1);
    int fd = open(path, O_RDONLY);
    MUST(f->names && f->texts && text && fd >= 0);
    ssize_t n = read(fd, text, (size_t)st->st_size);
    MUST(n >= 0);
    close(fd);
    f->names[f->n] = strdup(path);
    f->texts[f->n++] = (slice){text, (size_t)n};
    f->bytes += (size_t)n;
    return 0;
}

struct bench_files bench_load(const char *path)
{
    struct bench_files f = {0};
    loading = &f;
    nftw(path, take, 16, FTW_PHYS);
    loading = NULL;
    return f;
}

void bench_unload(struct bench_files *f)
{
    for (size_t i = 0; i < f->n; i++) {
        char *text;
        memcpy(&text, &f->texts[i].p, sizeof text);
        free(text);
        free(f->names[i]);
    }
    free(f->names);
    free(f->texts);
}
