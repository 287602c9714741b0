/* ops.h: the tables of activations, losses, optimisers and metrics, and their
 * scalar functions in single precision for the host.
 *
 * The functions and lists are cl/scalar.h, the same text that the kernels
 * compile. A code (XT_ACT_relu, ...) is the row's index in its table. Include
 * this, not cl/scalar.h. */
#ifndef XT_MODEL_OPS_H
#define XT_MODEL_OPS_H

#include "base/table.h"
#include "model/metrics.h"

#include <math.h>

#define xt_real float
#define XT_R(c) ((float)(c))
#define XT_FN static inline
#define XT_ROWS
#define XT_TARGETS
#define xt_exp expf
#define xt_expm1 expm1f
#define xt_log1p log1pf
#define xt_tanh tanhf
#define xt_erf erff
#define xt_fabs fabsf
#define xt_sqrt sqrtf
#include "scalar.h" /* cl/scalar.h */
#undef xt_real
#undef XT_R
#undef XT_FN
#undef XT_ROWS
#undef XT_TARGETS
#undef xt_exp
#undef xt_expm1
#undef xt_log1p
#undef xt_tanh
#undef xt_erf
#undef xt_fabs
#undef xt_sqrt

typedef struct xt_activation_row {
    xt_kind kind; /* at most one parameter */
    bool relu_family;
    double known_z, known_a; /* a known answer, with default parameters */
} xt_activation_row;

typedef struct xt_loss_row {
    xt_kind kind; /* at most one parameter */
    double known_a, known_y, known_loss;
} xt_loss_row;

typedef struct xt_optimizer_row {
    xt_kind kind;        /* the first parameter is learning_rate */
    unsigned n_slots;    /* state values a parameter, at most 2 */
} xt_optimizer_row;

typedef struct xt_metric_row {
    xt_kind kind;      /* at most two parameters */
    bool by_element;   /* mean over rows * outputs, else over rows */
    bool square_root;
} xt_metric_row;

extern const xt_table xt_activations, xt_losses, xt_optimizers;

const xt_activation_row *xt_activation_at(int code);
const xt_optimizer_row *xt_optimizer_at(int code);

/* A metric's value from the sum of its rows' contributions (hi + lo). */
double xt_metric_finish(int code, xt_sum sum, size_t n_rows, size_t n_outputs);

/* The numbers of update t (from 1) of an optimiser at this factor on its learning rate. */
xt_hyper xt_hyper_at(const xt_choice *optimizer, float factor, unsigned long long t);

#endif
