/* gzip.h: a gzip file, RFC 1952, as the bytes that were compressed. For input.c.
 *
 * Decompressed as it is read, in bounded memory. Members that follow each other
 * are one stream. A checksum that does not fit, an end too early and anything
 * behind the last member are errors that say at which byte of the file. */
#ifndef XT_DATA_GZIP_H
#define XT_DATA_GZIP_H

#include "data/input.h"

enum { XT_GZIP_CHUNK = 65536 };

/* Whether bytes begin as a gzip file does. */
bool xt_gzip_begins(const void *bytes, size_t n_bytes);
/* first: the n_first bytes (up to XT_GZIP_CHUNK) that were fetched already. */
xt_status xt_gzip_open(const void *first, size_t n_first, xt_gzip **out, xt_err *err);
/* Up to n_bytes bytes; *n_read 0 at the end. The stored ones come from xt_input_fetch(input). */
xt_status xt_gzip_read(xt_gzip *gzip, xt_input *input, void *bytes, size_t n_bytes, size_t *n_read, xt_err *err);
void xt_gzip_close(xt_gzip **gzip);

#endif
