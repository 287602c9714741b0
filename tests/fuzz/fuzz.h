/* fuzz.h: the one function of a fuzz target, called by libFuzzer or replay.c. */
#ifndef XT_TESTS_FUZZ_H
#define XT_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Runs one input; 0. A wrong result aborts, see REQUIRE. */
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* Stays in builds without assertions. */
#define REQUIRE(condition) \
    do { \
        if (!(condition)) { \
            fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition); \
            abort(); \
        } \
    } while (0)

#endif
