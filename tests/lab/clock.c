/* A clock for the lab: every program that loads this library sees the wall
 * clock shifted by the seconds in /etc/lab-clock (one native int64_t), file
 * times included, so that days of retries pass in seconds.  Preloaded inside
 * the lab's root only.  It does not touch monotonic clocks or timeouts. */
#define _GNU_SOURCE
#define LAB_CLOCK "/etc/lab-clock"
#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

struct stat_times { /* x86-64 and arm64 keep st_atim, st_mtim, st_ctim at one place */
    struct timespec at, mt, ct;
};
#define TIMES_AT 72

static volatile int64_t *shift;

__attribute__((constructor)) static void clock_init(void)
{
    int fd = open(LAB_CLOCK, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    void *p = mmap(0, sizeof *shift, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    if (p != MAP_FAILED)
        shift = p;
}

static int64_t by(void)
{
    return shift ? *shift : 0;
}

int clock_gettime(clockid_t id, struct timespec *ts)
{
    int r = (int)syscall(SYS_clock_gettime, id, ts);
    if (r == 0 && (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE))
        ts->tv_sec += by();
    return r;
}

time_t time(time_t *t)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    if (t)
        *t = ts.tv_sec;
    return ts.tv_sec;
}

int gettimeofday(struct timeval *tv, void *tz)
{
    struct timespec ts;
    (void)tz;
    clock_gettime(CLOCK_REALTIME, &ts);
    tv->tv_sec = ts.tv_sec;
    tv->tv_usec = ts.tv_nsec / 1000;
    return 0;
}

static int stat_at(int dir, const char *path, void *st, int flags)
{
    int r = (int)syscall(SYS_newfstatat, dir, path, st, flags);
    if (r == 0) {
        struct stat_times *t = (struct stat_times *)((char *)st + TIMES_AT);
        t->at.tv_sec += by();
        t->mt.tv_sec += by();
        t->ct.tv_sec += by();
    }
    return r;
}

int fstat(int fd, void *st)
{
    return stat_at(fd, "", st, AT_EMPTY_PATH);
}
int fstat64(int fd, void *st)
{
    return stat_at(fd, "", st, AT_EMPTY_PATH);
}
int stat(const char *p, void *st)
{
    return stat_at(AT_FDCWD, p, st, 0);
}
int stat64(const char *p, void *st)
{
    return stat_at(AT_FDCWD, p, st, 0);
}
int lstat(const char *p, void *st)
{
    return stat_at(AT_FDCWD, p, st, AT_SYMLINK_NOFOLLOW);
}
int lstat64(const char *p, void *st)
{
    return stat_at(AT_FDCWD, p, st, AT_SYMLINK_NOFOLLOW);
}
int fstatat(int d, const char *p, void *st, int f)
{
    return stat_at(d, p, st, f);
}
int fstatat64(int d, const char *p, void *st, int f)
{
    return stat_at(d, p, st, f);
}

static int set_times(int dir, const char *path, int64_t a, int64_t m, int now)
{
    struct timespec ts[2] = {{a - by(), 0}, {m - by(), 0}};
    return (int)syscall(SYS_utimensat, dir, path, now ? 0 : ts, 0);
}

struct utimbuf {
    time_t actime, modtime;
};

int utime(const char *p, const struct utimbuf *t)
{
    return set_times(AT_FDCWD, p, t ? t->actime : 0, t ? t->modtime : 0, !t);
}

int utimes(const char *p, const struct timeval t[2])
{
    return set_times(AT_FDCWD, p, t ? t[0].tv_sec : 0, t ? t[1].tv_sec : 0, !t);
}

int futimes(int fd, const struct timeval t[2])
{
    return set_times(fd, 0, t ? t[0].tv_sec : 0, t ? t[1].tv_sec : 0, !t);
}

int futimesat(int dir, const char *p, const struct timeval t[2])
{
    return set_times(dir, p, t ? t[0].tv_sec : 0, t ? t[1].tv_sec : 0, !t);
}
