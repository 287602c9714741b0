#include "base/clock.h"

#include <time.h>

double xt_seconds(void)
{
    static struct timespec first;
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    if (!first.tv_sec && !first.tv_nsec)
        first = t;
    return (double)(t.tv_sec - first.tv_sec) + 1e-9 * (double)(t.tv_nsec - first.tv_nsec);
}
