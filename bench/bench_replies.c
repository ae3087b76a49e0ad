/* Judging replies: the whole way from a text to its verdict, and its parts.
 *
 * usage: bench_replies FILE...: one reply a line; without files the examples of the rules are taken.
 */
#include <stdio.h>

#include "base/arena.h"
#include "bench.h"
#include "bounce/fold.h"
#include "bounce/judge.h"

#define SECONDS 1.0
#define MAX_REPLIES 100000

struct work {
    struct bounce_rules *rules;
    slice *replies;
    size_t n, bytes;
    arena arena;
    uint64_t sink;
};

static size_t judge_all(void *ctx)
{
    struct work *w = ctx;
    for (size_t i = 0; i < w->n; i++) {
        struct bounce_evidence_set e = {
            .text = w->replies[i], .status = SLICE_EMPTY, .provider = SLICE_EMPTY, .recipient = SLICE_EMPTY};
        struct bounce_verdict v;
        arena_reset(&w->arena);
        MUST(bounce_judge(w->rules, &e, &w->arena, &v) == BOUNCE_OK);
        w->sink += v.reason;
    }
    return w->n;
}

static size_t parse_all(void *ctx)
{
    struct work *w = ctx;
    for (size_t i = 0; i < w->n; i++) {
        struct bounce_reply reply;
        arena_reset(&w->arena);
        MUST(bounce_reply_parse(w->replies[i], &w->arena, &reply) == BOUNCE_OK);
        w->sink += reply.code;
    }
    return w->n;
}

static size_t fold_all(void *ctx)
{
    struct work *w = ctx;
    for (size_t i = 0; i < w->n; i++) {
        arena_reset(&w->arena);
        w->sink += fold_text(&w->arena, w->replies[i]).n;
    }
    return w->n;
}

static size_t touch_all(void *ctx)
{
    struct work *w = ctx;
    for (size_t i = 0; i < w->n; i++)
        w->sink += bench_touch(w->replies[i]);
    return w->n;
}

static void add_reply(struct work *w, slice s)
{
    if (slice_empty(s) || w->n == MAX_REPLIES)
        return;
    w->replies[w->n++] = s;
    w->bytes += s.n;
}

static void take_examples(struct work *w)
{
    for (size_t i = 0; i < rules_count(w->rules); i++)
        for (size_t k = 0; k < rules_at(w->rules, i)->example_count; k++)
            add_reply(w, rules_at(w->rules, i)->examples[k].text);
}

static void take_lines(struct work *w, slice text)
{
    slice line;
    while (slice_line(&text, &line))
        add_reply(w, line);
}

int main(int argc, char **argv)
{
    struct work w = {.n = 0};
    arena keep;
    slice error;
    arena_init(&keep, 0);
    arena_init(&w.arena, 0);
    w.replies = arena_calloc(&keep, MAX_REPLIES, sizeof *w.replies);
    MUST(w.replies && bounce_rules_new(NULL, 0, false, &keep, &w.rules, &error) == BOUNCE_OK);
    for (int i = 1; i < argc; i++) {
        struct bench_files files = bench_load(argv[i]);
        for (size_t k = 0; k < files.n; k++)
            take_lines(&w, files.texts[k]);
    }
    if (w.n == 0)
        take_examples(&w);
    printf("%zu replies, %zu bytes on average, %zu rules, %zu literals\n", w.n, w.bytes / w.n, rules_count(w.rules),
           rules_literals(w.rules));
    double touch = bench_rate(touch_all, &w, SECONDS);
    bench_print("judge", bench_rate(judge_all, &w, SECONDS), "replies", "read of the same bytes", touch);
    bench_print("parse", bench_rate(parse_all, &w, SECONDS), "replies", "read of the same bytes", touch);
    bench_print("fold", bench_rate(fold_all, &w, SECONDS), "replies", "read of the same bytes", touch);
    bounce_rules_free(&w.rules);
    arena_fini(&w.arena);
    arena_fini(&keep);
    return w.sink == 1;
}
