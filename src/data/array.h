/* array.h: a file that is an array of numbers, without names or text.
 *
 * Its first dimension is rows, the others are columns, flattened with the last one
 * fastest. Every error is XT_BAD_DATA with the file and the byte (from 0) of what
 * was decompressed, "train.npy: byte 8: ...", up to 20 of them at once; rows and
 * columns in messages count from 1. Nothing is allocated for what a header claims:
 * its size is compared with the file's, or memory grows as the bytes arrive. */
#ifndef XT_DATA_ARRAY_H
#define XT_DATA_ARRAY_H

#include "data/input.h"

typedef struct xt_array {
    size_t n_rows, n_columns; /* at least 1 each */
    float *values;            /* malloc'ed, (n_rows, n_columns) row-major; none infinite; nan: missing */
} xt_array;

/* Reads all of input, which the caller closes; format is one that
 * xt_format_is_array. On failure *out is untouched. */
xt_status xt_array_read(xt_format format, xt_input *input, xt_array *out, xt_err *err);
/* Frees; the array is as new ({0}). */
void xt_array_clear(xt_array *array);

#endif
