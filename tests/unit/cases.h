/* cases.h: tests listed at run time: one named test for each row of a table,
 * so that a new row is tested without a line of its own.
 *
 * Includes cmocka and what it needs. A program adds its cases and ends in
 * `return unit_run("group");`. */
#ifndef XT_UNIT_CASES_H
#define XT_UNIT_CASES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

/* Adds a test; it finds row in *state. The name is formatted. */
void unit_case(CMUnitTestFunction test, const void *row, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A test without a row, named as its function. */
#define UNIT_CASE(test) unit_case((test), NULL, "%s", #test)
/* Runs what was added; the exit status. */
int unit_run(const char *group);

/* Fails unless |value - expected| <= tolerance; what says which value it is. */
void unit_near(double value, double expected, double tolerance, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
