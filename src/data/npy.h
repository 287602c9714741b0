/* npy.h: NPY, as numpy.save writes an array: versions 1.0, 2.0 and 3.0.
 *
 * Real numbers of all types up to 8 bytes, in any byte order, in C or Fortran
 * order. What else NumPy stores (text, dates, complex numbers, structures, Python
 * objects) is refused by its name; nothing is ever executed. */
#ifndef XT_DATA_NPY_H
#define XT_DATA_NPY_H

#include "data/array.h"

xt_status xt_npy_read(xt_input *input, xt_array *out, xt_err *err);

#endif
