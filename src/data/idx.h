/* idx.h: IDX, the format of MNIST's files.
 *
 * Two zero bytes, a byte for the type, one for the number of dimensions (1 to 8),
 * each dimension in 4 bytes, the numbers; all of it big-endian. */
#ifndef XT_DATA_IDX_H
#define XT_DATA_IDX_H

#include "data/array.h"

xt_status xt_idx_read(xt_input *input, xt_array *out, xt_err *err);

#endif
