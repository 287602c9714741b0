/* arrays.h: files of arrays read as whole files and as streams, for the tests of
 * their formats. */
#ifndef XT_UNIT_ARRAYS_H
#define XT_UNIT_ARRAYS_H

#include "data/array.h"

/* Bytes that arrive few at a time, and nobody knows how many. */
xt_input unit_stream(const char *name, const void *bytes, size_t n_bytes);

/* The bytes are read to these values, nan for nan, known as a whole or not. */
void unit_array_reads(xt_format format, const void *bytes, size_t n_bytes, size_t n_rows, size_t n_columns,
                      const float *values);
/* They are refused with "t: " before each line of message. in_stream: what is said
 * of the stream instead, NULL: the same. */
void unit_array_refused(xt_format format, const void *bytes, size_t n_bytes, const char *message, const char *in_stream);

#endif
