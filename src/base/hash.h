/* hash.h: the checksum of files and of outputs: XXH3, 128 bits.
 *
 * As 32 hexadecimal digits, the same that `xxhsum -H2` prints. It finds
 * accidents and tells data apart; it is no defence against an enemy. */
#ifndef XT_BASE_HASH_H
#define XT_BASE_HASH_H

#include "base/err.h"

#include <stddef.h>

enum { XT_HASH_BYTES = 33 }; /* 32 digits and a NUL */

typedef struct xt_hash xt_hash;

/* A checksum of no bytes yet. */
xt_status xt_hash_open(xt_hash **out, xt_err *err);
void xt_hash_add(xt_hash *hash, const void *bytes, size_t n_bytes);
/* The checksum of what was added so far; more may be added afterwards. */
void xt_hash_hex(const xt_hash *hash, char hex[XT_HASH_BYTES]);
void xt_hash_close(xt_hash **hash);

/* The checksum of one block of bytes. */
void xt_hash_block(const void *bytes, size_t n_bytes, char hex[XT_HASH_BYTES]);

#endif
