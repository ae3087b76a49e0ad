#include "refuse.h"

#include <stddef.h>

void *__real_malloc(size_t n);
void *__real_calloc(size_t count, size_t n);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t count, size_t n);
void *__wrap_realloc(void *p, size_t n);

static bool active, refused;
static unsigned left;

void refuse_after(unsigned n)
{
    active = true;
    refused = false;
    left = n;
}

bool refuse_end(void)
{
    active = false;
    return refused;
}

static bool refuse_now(void)
{
    if (!active)
        return false;
    if (left == 0) {
        refused = true;
        return true;
    }
    left--;
    return false;
}

void *__wrap_malloc(size_t n)
{
    return refuse_now() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t count, size_t n)
{
    return refuse_now() ? NULL : __real_calloc(count, n);
}

void *__wrap_realloc(void *p, size_t n)
{
    return refuse_now() ? NULL : __real_realloc(p, n);
}
