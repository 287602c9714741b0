/* scratch.h: for targets that read files: the input in one that has no name to be left behind. */
#ifndef XT_TESTS_FUZZ_SCRATCH_H
#define XT_TESTS_FUZZ_SCRATCH_H

#include "fuzz.h"

#include <unistd.h>

/* The same file for every input. */
static int scratch_file(const uint8_t *bytes, size_t n_bytes)
{
    static FILE *file;
    if (!file)
        file = tmpfile();
    REQUIRE(file);
    REQUIRE(ftruncate(fileno(file), 0) == 0 && pwrite(fileno(file), bytes, n_bytes, 0) == (ssize_t)n_bytes);
    return fileno(file);
}

/* Its path, until the next call. */
static inline const char *scratch_path(int fd)
{
    static char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    return path;
}

#endif
