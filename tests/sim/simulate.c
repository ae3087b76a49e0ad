/* The simulator by hand: a year of a million addresses under each policy. docs/simulation.md tells what the table means.
 *
 * usage: simulate [-n ADDRESSES] [-s SEED] [-w] [-c] [-v] [-o PARAMETER=VALUE] [POLICY...]
 *   -w  the second world, with parameters drawn anew by the seed   -c  a world without outages and blocks
 *   -o  one parameter set otherwise (more than one may be)
 *   -v  more about each year                                       -p  only print the parameters, as Markdown
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "plan.h"

struct asked {
    uint32_t addresses;
    uint64_t seed;
    bool anew, calm, verbose, params;
    const char *set[16];
    unsigned set_count;
};

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool read_options(int argc, char **argv, struct asked *a)
{
    int c;
    while ((c = getopt(argc, argv, "n:s:o:wcvp")) != -1) {
        switch (c) {
        case 'n':
            a->addresses = (uint32_t)strtoul(optarg, NULL, 10);
            break;
        case 's':
            a->seed = strtoull(optarg, NULL, 10);
            break;
        case 'o':
            if (a->set_count == ARRAY_LEN(a->set))
                return false;
            a->set[a->set_count++] = optarg;
            break;
        case 'w':
            a->anew = true;
            break;
        case 'c':
            a->calm = true;
            break;
        case 'v':
            a->verbose = true;
            break;
        case 'p':
            a->params = true;
            break;
        default:
            return false;
        }
    }
    return a->addresses > 0 && a->addresses < 100000000;
}

static void print(buf *b)
{
    fwrite(b->p, 1, b->n, stdout);
    fflush(stdout);
    buf_clear(b);
}

static void run(struct world *w, const struct replies *replies, enum plan plan, bool verbose, buf *out)
{
    struct year y;
    struct year_options options;
    double start = seconds();
    plan_options(plan, &options);
    year_run(&y, w, replies, &options);
    score_line(&y.score, plan_word(plan), out);
    if (verbose) {
        score_details(&y.score, out);
        buf_printf(out, "%u s of processor time\n", (unsigned)(seconds() - start));
    }
    print(out);
    year_fini(&y);
}

static bool chosen(int n, char **names, enum plan plan)
{
    for (int i = 0; i < n; i++)
        if (strcmp(names[i], plan_word(plan)) == 0)
            return true;
    return n == 0;
}

int main(int argc, char **argv)
{
    struct asked asked = {.addresses = 1000000, .seed = 1};
    if (!read_options(argc, argv, &asked)) {
        fputs("usage: simulate [-n ADDRESSES] [-s SEED] [-w] [-c] [-v] [-p] [-o PARAMETER=VALUE] [POLICY...]\n",
              stderr);
        return 64;
    }
    buf out;
    buf_init(&out, 0);
    struct params params;
    params_init(&params, asked.anew, asked.seed);
    for (unsigned i = 0; i < asked.set_count; i++)
        if (!params_set(&params, asked.set[i])) {
            fprintf(stderr, "simulate: there is no parameter as in %s\n", asked.set[i]);
            return 64;
        }
    if (asked.params) {
        world_describe(&out);
        print(&out);
        return 0;
    }
    struct replies replies;
    struct world world;
    MUST(replies_init(&replies));
    world_init(&world, &params, asked.seed, asked.addresses, asked.calm);
    score_head(&out);
    for (unsigned p = 0; p < PLANS; p++)
        if (chosen(argc - optind, argv + optind, (enum plan)p))
            run(&world, &replies, (enum plan)p, asked.verbose, &out);
    world_fini(&world);
    buf_fini(&out);
    return 0;
}
