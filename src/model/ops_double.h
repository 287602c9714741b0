/* ops_double.h: the operations of cl/scalar.h in double precision, for the checks
 * of derivatives. It has the names of model/ops.h, so a file includes one of the
 * two, never both. */
#ifndef XT_MODEL_OPS_DOUBLE_H
#define XT_MODEL_OPS_DOUBLE_H

#include <math.h>

#define xt_real double
#define XT_R(c) ((double)(c))
#define xt_number float
#define XT_N(c) ((float)(c))
#define XT_ON(x) ((x) != 0)
#define XT_FN static inline
#define xt_exp exp
#define xt_expm1 expm1
#define xt_log1p log1p
#define xt_tanh tanh
#define xt_erf erf
#define xt_fabs fabs
#define xt_sqrt sqrt
#define xt_log log
#include "scalar.h" /* cl/scalar.h */

#endif
