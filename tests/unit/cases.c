#include "cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct CMUnitTest *tests;
static size_t n_tests;

void unit_case(CMUnitTestFunction test, const void *row, const char *format, ...)
{
    char name[256];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    struct CMUnitTest *more = realloc(tests, (n_tests + 1) * sizeof *tests);
    char *kept = strdup(name);
    if (!more || !kept)
        abort();
    tests = more;
    /* cmocka hands the row back as void *, and tests only read it. */
    tests[n_tests++] = (struct CMUnitTest){kept, test, NULL, NULL, (void *)(uintptr_t)row};
}

int unit_run(const char *group)
{
    int failed = _cmocka_run_group_tests(group, tests, n_tests, NULL, NULL);
    for (size_t i = 0; i < n_tests; i++)
        free((void *)(uintptr_t)tests[i].name);
    free(tests);
    return failed != 0;
}

void unit_near(double value, double expected, double tolerance, const char *format, ...)
{
    if (fabs(value - expected) <= tolerance)
        return;
    char what[256];
    va_list args;
    va_start(args, format);
    vsnprintf(what, sizeof what, format, args);
    va_end(args);
    fail_msg("%s: %.17g is not %.17g within %.3g", what, value, expected, tolerance);
}
