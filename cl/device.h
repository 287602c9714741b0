/* device.h: what scalar.h asks for, as OpenCL C has it, in single precision.
 *
 * First of a program's files. A program that computes in another type (many
 * values at once, say) defines a group's names before, in its prelude. */

#ifndef xt_real
#define xt_real float
#define XT_R(c) ((float)(c))
#endif

#ifndef xt_number
#define xt_number float
#define XT_N(c) ((float)(c))
#define XT_ON(x) ((x) != 0)
#endif

/* OpenCL C has static inline, no headers, and its own address spaces. */
#ifndef XT_FN
#define XT_FN static inline
#endif
#ifndef xt_exp
#define xt_exp exp
#define xt_expm1 expm1
#define xt_log1p log1p
#define xt_tanh tanh
#define xt_erf erf
#define xt_fabs fabs
#define xt_sqrt sqrt
#define xt_log log
#endif
