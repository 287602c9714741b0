/* Any bytes as a file of the cache: refused with a message, or the program in
 * it is what would be written so. Any bytes as a program come back. */
#include "ocl/cache.h"

#include "fuzz.h"

#include <string.h>

static const char key[] = "0123456789abcdef0123456789abcdef";

static void parse(const uint8_t *bytes, size_t n_bytes)
{
    static xt_err err;
    unsigned char header[XT_CACHE_HEADER_BYTES];
    size_t n = 77;
    err.text[0] = '\0';
    if (xt_cache_parse(key, bytes, n_bytes, &n, &err)) {
        REQUIRE(err.status == XT_FAILED && err.text[0] && n == 77);
        return;
    }
    REQUIRE(n == n_bytes - XT_CACHE_HEADER_BYTES);
    xt_cache_make_header(key, bytes + XT_CACHE_HEADER_BYTES, n, header);
    REQUIRE(memcmp(header, bytes, sizeof header) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    uint8_t *file = malloc(XT_CACHE_HEADER_BYTES + n_bytes);
    size_t n = 0;
    REQUIRE(file);
    parse(bytes, n_bytes);
    xt_cache_make_header(key, bytes, n_bytes, file);
    if (n_bytes)
        memcpy(file + XT_CACHE_HEADER_BYTES, bytes, n_bytes);
    REQUIRE(xt_cache_parse(key, file, XT_CACHE_HEADER_BYTES + n_bytes, &n, NULL) == XT_OK && n == n_bytes);
    free(file);
    return 0;
}
