/* input.h: where the bytes of a table come from: a file, standard input, memory.
 *
 * Only src/data and its tests use it. What was compressed by gzip is read as what
 * it was before: whatever begins with gzip's magic number. A file whose name ends
 * in .gz must. A new kind of source is a new `fetch`. */
#ifndef XT_DATA_INPUT_H
#define XT_DATA_INPUT_H

#include "base/hash.h"
#include "data/data.h"

#include <stddef.h>

typedef struct xt_gzip xt_gzip;

typedef struct xt_input {
    const char *name; /* for messages */
    /* Up to n_bytes bytes as they are stored; *n_fetched how many they were, 0 at the end. */
    xt_status (*fetch)(struct xt_input *input, void *bytes, size_t n_bytes, size_t *n_fetched, xt_err *err);
    int fd;            /* a file, else -1 */
    const char *bytes; /* memory: all n_bytes of it */
    size_t n_bytes;
    /* what xt_input_read keeps */
    size_t n_stored, n_read; /* bytes fetched, and handed out, so far */
    xt_hash *hash;           /* of those fetched; NULL: none yet, or memory */
    xt_gzip *gzip;           /* NULL: nothing yet, or not compressed */
    bool begun;
} xt_input;

/* A file, or standard input for "-". path must outlive the input. XT_FAILED names
 * the package of Debian where one would have the file. */
xt_status xt_input_open(const char *path, xt_input *out, xt_err *err);
/* Bytes that the caller keeps. Only compressed ones have something to close. */
xt_input xt_input_of_memory(const char *name, const void *bytes, size_t n_bytes);
/* Closes what was opened; standard input stays open. A zeroed input is fine. */
void xt_input_close(xt_input *input);

/* Up to n_bytes bytes (2 at least the first time), decompressed; *n_read how many
 * they were, 0 at the end. XT_FAILED where they cannot be read, XT_BAD_DATA where
 * they cannot be decompressed; after that the input can only be closed. */
xt_status xt_input_read(xt_input *input, void *bytes, size_t n_bytes, size_t *n_read, xt_err *err);
/* The same until n_bytes are there: fewer only at the end. */
xt_status xt_input_read_whole(xt_input *input, void *bytes, size_t n_bytes, size_t *n_read, xt_err *err);
/* Whether it is known, once reading has begun, how many bytes there are in all
 * before all are read: of a regular file and of memory, not compressed. */
bool xt_input_size(const xt_input *input, size_t *n_bytes);
/* Checksum of the bytes as stored (of the compressed file, as xxhsum has it) that
 * were read so far: of all of them once the end was reached. */
void xt_input_hash(const xt_input *input, char hex[XT_HASH_BYTES]);

/* The next bytes as stored: for gzip.c. */
xt_status xt_input_fetch(xt_input *input, void *bytes, size_t n_bytes, size_t *n_fetched, xt_err *err);

#endif
