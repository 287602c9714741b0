/* split.h: which rows of data.train are kept for validation and test. */
#ifndef XT_DATA_SPLIT_H
#define XT_DATA_SPLIT_H

#include "base/err.h"
#include "model/spec.h"

typedef enum xt_part_code { XT_PART_TRAIN, XT_PART_VALIDATION, XT_PART_TEST } xt_part_code;

/* part[i] becomes the xt_part_code of row i of n_rows. class_of[i], below
 * n_classes, is the row's class; NULL where there are none. The rows that come
 * first in the seed's permutation are the test's, the next validation's, and the
 * rest trains: a share of n rows is floor(share * n + 1/2) of them, 1 at least.
 * Stratified, a class has its share of them by the largest remainder (of equal
 * ones the first class), and its rows are those that come first.
 * XT_BAD_CONFIG, beginning with the key, where a part cannot be had. */
xt_status xt_split(const xt_spec *spec, size_t n_rows, const uint32_t *class_of, size_t n_classes, unsigned char *part,
                   xt_err *err);

#endif
