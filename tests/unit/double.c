#include "double.h"

#include <math.h>

#define xt_real double
#define XT_R(c) ((double)(c))
#define XT_FN static inline
#define XT_ROWS
#define xt_exp exp
#define xt_expm1 expm1
#define xt_log1p log1p
#define xt_tanh tanh
#define xt_erf erf
#define xt_fabs fabs
#define xt_sqrt sqrt
#include "scalar.h" /* cl/scalar.h */

double unit_activate(int code, double z, float p)
{
    return xt_activate(code, z, p);
}

double unit_activate_grad(int code, double z, float p)
{
    return xt_activate_grad(code, z, xt_activate(code, z, p), p);
}

double unit_loss(int code, double a, double y, float p)
{
    return xt_loss(code, a, y, p);
}

double unit_loss_grad(int code, double a, double y, float p)
{
    return xt_loss_grad(code, a, y, p);
}
