/* ops.h: the tables of activations, losses and optimisers, and their
 * scalar functions in single precision for the host.
 *
 * The functions and lists are cl/scalar.h, the same text that the kernels
 * compile. A code (XT_ACT_relu, ...) is the row's index in its table. Include
 * this, not cl/scalar.h. */
#ifndef XT_MODEL_OPS_H
#define XT_MODEL_OPS_H

#include "base/table.h"

#include <math.h>

#define xt_real float
#define XT_R(c) ((float)(c))
#define xt_number float
#define XT_N(c) ((float)(c))
#define XT_ON(x) ((x) != 0)
#define XT_FN static inline
#define xt_exp expf
#define xt_expm1 expm1f
#define xt_log1p log1pf
#define xt_tanh tanhf
#define xt_erf erff
#define xt_fabs fabsf
#define xt_sqrt sqrtf
#define xt_log logf
#include "scalar.h" /* cl/scalar.h */
#undef xt_real
#undef XT_R
#undef xt_number
#undef XT_N
#undef XT_ON
#undef XT_FN
#undef xt_exp
#undef xt_expm1
#undef xt_log1p
#undef xt_tanh
#undef xt_erf
#undef xt_fabs
#undef xt_sqrt
#undef xt_log

typedef struct xt_activation_row {
    xt_kind kind; /* at most one parameter */
    bool relu_family;
    double known_z, known_a; /* a known answer, with default parameters */
} xt_activation_row;

typedef struct xt_loss_row {
    xt_kind kind;    /* the first parameter is the operation's; others are the weighing's (model/weighing.h) */
    int head;        /* the activation that the last layer must have, -1: any */
    bool by_element; /* a mean over rows * outputs, else over rows */
    double known_z, known_y, known_loss;
} xt_loss_row;

typedef struct xt_optimizer_row {
    xt_kind kind;        /* the first parameter is learning_rate */
    unsigned n_slots;    /* state values a parameter, at most 2 */
    unsigned beta;       /* the place of beta1 among its parameters, of those that have it; else 0 */
} xt_optimizer_row;

/* How dropout tells what it drops: a unit goes where 24 bits of its random word are below this. */
static inline unsigned xt_drop_below(float rate)
{
    return (unsigned)((double)rate * 16777216.0 + 0.5);
}

extern const xt_table xt_activations, xt_losses, xt_optimizers;

const xt_activation_row *xt_activation_at(int code);
const xt_optimizer_row *xt_optimizer_at(int code);

const xt_loss_row *xt_loss_at(int code);

/* The learning rate at this factor on it. */
static inline float xt_rate_at(const xt_choice *optimizer, double factor)
{
    return (float)((double)optimizer->values[0] * factor);
}
/* The numbers of update t (from 1) of an optimiser at this factor on its learning rate. */
xt_hyper xt_hyper_at(const xt_choice *optimizer, double factor, unsigned long long t);
/* From which t on only the learning rate can change. */
unsigned long long xt_hyper_settled(const xt_choice *optimizer);

#endif
