/* format.h: which format a file has. */
#ifndef XT_DATA_FORMAT_H
#define XT_DATA_FORMAT_H

#include "model/spec.h"

#include <stdbool.h>

/* The format given; for auto what the path ends in, a ".gz" taken off first: .tsv
 * and .tab, .npy, .idx and -ubyte (as MNIST's files are called), else csv. Never
 * auto. */
xt_format xt_format_of(xt_format given, const char *path);
/* Whether its files are arrays of numbers (array.h), else tables of cells (csv.h). */
bool xt_format_is_array(xt_format format);

/* Whether text, n_bytes long, ends in `ending`, letters of either case. */
bool xt_ends_in(const char *text, size_t n_bytes, const char *ending);

#endif
