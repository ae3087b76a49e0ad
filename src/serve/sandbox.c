#include "serve/sandbox.h"

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif

// clang-format off
/* Names that a machine does not have are passed over. */
static const char *const allowed[] = {
    /* files */
    "read", "readv", "pread64", "preadv", "preadv2", "write", "writev", "pwrite64", "pwritev", "pwritev2", "close",
    "close_range", "open", "openat", "openat2", "creat", "stat", "fstat", "lstat", "newfstatat", "statx", "access",
    "faccessat", "faccessat2", "readlink", "readlinkat", "getdents", "getdents64", "getcwd", "lseek", "fsync", "fdatasync",
    "sync_file_range", "ftruncate", "truncate", "fallocate", "flock", "fcntl", "rename", "renameat", "renameat2", "unlink",
    "unlinkat", "link", "linkat", "mkdir", "mkdirat", "rmdir", "chmod", "fchmod", "fchmodat", "fchmodat2", "chown", "fchown",
    "fchownat", "lchown", "umask", "utimensat", "dup", "dup2", "dup3", "pipe", "pipe2", "ioctl", "copy_file_range",
    "sendfile", "splice", "fadvise64", "statfs", "fstatfs",
    /* memory */
    "mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "msync", "mincore", "mlock", "munlock",
    /* threads and signals; `clone` stands below */
    "futex", "futex_waitv", "set_robust_list", "get_robust_list", "rseq", "set_tid_address", "exit", "exit_group", "gettid",
    "getpid", "getppid", "tgkill", "sched_yield", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "membarrier",
    "rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "rt_sigpending", "rt_sigsuspend", "sigaltstack",
    "restart_syscall",
    /* time */
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times", "alarm", "setitimer",
    "getitimer", "timerfd_create", "timerfd_settime", "timerfd_gettime",
    /* waiting */
    "epoll_create", "epoll_create1", "epoll_ctl", "epoll_wait", "epoll_pwait", "epoll_pwait2", "poll", "ppoll", "select",
    "pselect6", "eventfd", "eventfd2", "inotify_init1", "inotify_add_watch", "inotify_rm_watch",
    /* the network; `socket` stands below */
    "socketpair", "bind", "listen", "accept", "accept4", "connect", "getsockname", "getpeername", "setsockopt", "getsockopt",
    "sendto", "recvfrom", "sendmsg", "recvmsg", "sendmmsg", "recvmmsg", "shutdown",
    /* who and where we are */
    "getuid", "geteuid", "getgid", "getegid", "getresuid", "getresgid", "getgroups", "getrlimit", "prlimit64", "getrusage",
    "getrandom", "uname", "sysinfo", "getcpu",
};
// clang-format on

static const int families[] = {AF_UNIX, AF_INET, AF_INET6, AF_NETLINK}; /* the last: which addresses this host has */
static const int process_words[] = {PR_SET_NAME, PR_GET_NAME, PR_SET_VMA};

static int allow_first(scmp_filter_ctx f, int call, const int *values, size_t n)
{
    int failed = 0;
    for (size_t i = 0; i < n && !failed; i++)
        failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 1, SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)values[i], 0));
    return failed;
}

/* Threads, but no processes. What clone3 is asked for cannot be seen from here; told that there is none, libc uses clone. */
static int allow_threads(scmp_filter_ctx f)
{
    int failed = seccomp_rule_add(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    if (failed == -EACCES) /* the same as the answer to all that is not listed */
        failed = 0;
    return failed ? failed
                  : seccomp_rule_add(f, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
                                     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));
}

static int fill(scmp_filter_ctx f)
{
    int failed = 0;
    for (size_t i = 0; i < ARRAY_LEN(allowed) && !failed; i++) {
        int call = seccomp_syscall_resolve_name(allowed[i]);
        if (call >= 0)
            failed = seccomp_rule_add(f, SCMP_ACT_ALLOW, call, 0);
    }
    if (!failed)
        failed = allow_first(f, SCMP_SYS(socket), families, ARRAY_LEN(families));
    if (!failed)
        failed = allow_first(f, SCMP_SYS(prctl), process_words, ARRAY_LEN(process_words));
    return failed ? failed : allow_threads(f);
}

enum status sandbox_enter(enum sandbox_mode mode, err *e)
{
    if (mode == SANDBOX_OFF)
        return OK;
#ifdef SANITIZED
    return err_set(e, E_UNSUPPORTED, "seccomp: sanitizers make calls of their own");
#else
    scmp_filter_ctx f = seccomp_init(mode == SANDBOX_STRICT ? SCMP_ACT_KILL_PROCESS : SCMP_ACT_ERRNO(ENOSYS));
    if (!f)
        return err_set(e, E_UNSUPPORTED, "seccomp: this kernel has none");
    int failed = seccomp_attr_set(f, SCMP_FLTATR_CTL_LOG, mode == SANDBOX_STRICT ? 0 : 1);
    if (failed == -EOPNOTSUPP) /* an older kernel: refused without a word */
        failed = 0;
    (void)seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree, where it can */
    if (!failed)
        failed = fill(f);
    if (!failed)
        failed = seccomp_load(f);
    seccomp_release(f);
    return failed ? err_set(e, E_UNSUPPORTED, "seccomp: %s", strerrordesc_np(-failed)) : OK;
#endif
}
