#include "base/hash.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <xxhash.h>

struct xt_hash {
    XXH3_state_t *state;
};

/* xxhsum prints the high half first. */
static void print(XXH128_hash_t sum, char hex[XT_HASH_BYTES])
{
    snprintf(hex, XT_HASH_BYTES, "%016llx%016llx", (unsigned long long)sum.high64, (unsigned long long)sum.low64);
}

xt_status xt_hash_open(xt_hash **out, xt_err *err)
{
    xt_hash *hash = malloc(sizeof *hash);
    if (!hash)
        return xt_fail_memory(err, "a checksum", sizeof *hash);
    /* The state must lie on a boundary of 64 bytes: only the library's own
     * allocation knows how. */
    hash->state = XXH3_createState();
    if (!hash->state) {
        free(hash);
        return xt_fail_memory(err, "a checksum", 0);
    }
    XXH3_128bits_reset(hash->state);
    *out = hash;
    return XT_OK;
}

void xt_hash_add(xt_hash *hash, const void *bytes, size_t n_bytes)
{
    if (n_bytes)
        XXH3_128bits_update(hash->state, bytes, n_bytes);
}

void xt_hash_hex(const xt_hash *hash, char hex[XT_HASH_BYTES])
{
    print(XXH3_128bits_digest(hash->state), hex);
}

void xt_hash_close(xt_hash **hash)
{
    if (!*hash)
        return;
    XXH3_freeState((*hash)->state);
    free(*hash);
    *hash = NULL;
}

void xt_hash_block(const void *bytes, size_t n_bytes, char hex[XT_HASH_BYTES])
{
    print(XXH3_128bits(n_bytes ? bytes : "", n_bytes), hex);
}
