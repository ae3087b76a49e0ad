/* The yardstick of a server: gives the same answer to whatever is asked, without looking at it, out of one loop.
 *
 * usage: bench_bare ADDRESS ANSWER-FILE. A question must come in one piece, as small ones do. It serves until it is killed, and
 * writes the address to standard output when it listens.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "net/bind.h"

#define EVENTS 256
#define QUESTION_BYTES 65536u

static void watch(int ep, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};
    MUST(epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev) == 0);
}

static void take_all(int ep, int listener)
{
    int fd;
    while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0)
        watch(ep, fd);
}

static void answer_one(int fd, slice answer)
{
    static char question[QUESTION_BYTES];
    ssize_t got = recv(fd, question, sizeof question, 0);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0 || send(fd, answer.p, answer.n, MSG_NOSIGNAL) != (ssize_t)answer.n)
        (void)close(fd);
}

int main(int argc, char **argv)
{
    struct net_address a;
    struct stat made;
    struct epoll_event ready[EVENTS];
    int listener, ep = epoll_create1(EPOLL_CLOEXEC);
    err e = {.text = ""};
    if (argc != 3) {
        fputs("usage: bench_bare ADDRESS ANSWER-FILE\n", stderr);
        return 64;
    }
    struct bench_files f = bench_load(argv[2]);
    if (f.n != 1 || address_parse(slice_str(argv[1]), &a, &e) != OK ||
        bind_open(&a, &(struct bind_unix){.mode = 0600}, 511, &listener, &made, &e) != OK) {
        fprintf(stderr, "bench_bare: %s\n", e.text);
        return 1;
    }
    watch(ep, listener);
    puts(argv[1]);
    fflush(stdout);
    for (;;) {
        int n = epoll_wait(ep, ready, EVENTS, -1);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.fd == listener)
                take_all(ep, listener);
            else
                answer_one(ready[i].data.fd, f.texts[0]);
        }
    }
}
