/* Loaded in front of the C library (LD_PRELOAD): every fsync and fdatasync takes BENCH_SYNC_MS milliseconds longer, like a slower
 * disk's. bench/daemon.py uses it for the durable figures.
 */
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int fsync(int fd);
int fdatasync(int fd);

static void slow_down(void)
{
    const char *ms = getenv("BENCH_SYNC_MS");
    struct timespec t = {0, ms ? strtol(ms, NULL, 10) % 1000 * 1000000 : 0};
    nanosleep(&t, NULL);
}

int fsync(int fd)
{
    slow_down();
    return (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd)
{
    slow_down();
    return (int)syscall(SYS_fdatasync, fd);
}
