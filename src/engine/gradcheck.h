/* gradcheck.h: an engine's gradients against finite differences.
 *
 * Independent of every engine: the network is computed once more, in double
 * precision, in the plainest way, from the operations of cl/scalar.h compiled
 * in double. What it shares with an engine is the formula of each operation,
 * not its derivative, the backward pass or any sum.
 *
 * The cost is two forward passes over the n rows for each parameter checked
 * (four at a kink): n * n_params multiply-adds a pass. All parameters of a
 * network of 10^4 on 4 rows take about a second; for larger ones give
 * max_params. */
#ifndef XT_ENGINE_GRADCHECK_H
#define XT_ENGINE_GRADCHECK_H

#include "base/err.h"
#include "model/dataset.h"
#include "model/plan.h"

#include <stdbool.h>

typedef struct xt_gradcheck {
    size_t n_checked;      /* parameters compared */
    size_t n_skipped;      /* parameters with a kink of the loss too near to have a derivative */
    double loss;           /* mean loss of the rows, in double precision */
    double max_difference; /* largest |gradient - slope| / scale; infinite where one is not finite */
    size_t worst;          /* the parameter that has it: xt_plan_param_name */
    double worst_slope;    /* its finite difference */
    bool passed;           /* max_difference is at most the tolerance; so it is where nothing could be checked */
} xt_gradcheck;

/* Compares gradients (n_params, of the mean loss of rows first .. first + n - 1
 * as they lie in data, at params) with central differences. max_params: check
 * at most so many, evenly spread from the first to the last; 0: all. slopes is
 * NULL or room for n_params: the finite differences, nan where a parameter was
 * not chosen or skipped.
 *
 * A difference is measured against the largest slope of its layer (`scale`),
 * not against the slope itself: a gradient is a sum whose terms may cancel, so
 * its rounding error goes with the terms, and next to 0 nothing would pass.
 * The scale is at least a thousandth of the largest slope of the network and
 * large enough to forgive single precision's rounding of outputs and targets.
 *
 * XT_DIVERGED when the loss is not finite. On failure *out and slopes hold
 * nothing of use. */
xt_status xt_gradcheck_run(const xt_plan *plan, const xt_dataset *data, const float *params, size_t first, size_t n,
                           const float *gradients, size_t max_params, double tolerance, double *slopes,
                           xt_gradcheck *out, xt_err *err);

#endif
