/* updater.h: the update of parameters by gradients that are stored, on a device:
 * clipped, penalised, then the optimiser's step. By the kernels of cl/dense.cl. */
#ifndef XT_ENGINE_UPDATER_H
#define XT_ENGINE_UPDATER_H

#include "engine/engines.h"

enum { XT_UPDATER_KERNELS = 5 };

/* What is updated: buffers of n floats each, of whatever layout. */
typedef struct xt_updated {
    const xt_plan *plan;
    size_t n;
    cl_mem params, slots[2], gradients;
    size_t weight[XT_MAX_LAYERS], n_weights[XT_MAX_LAYERS]; /* where each layer's weights are, for penalties */
} xt_updated;

/* Plain data, zeroed where it is not open. */
typedef struct xt_updater {
    xt_context *context;
    xt_updated what;
    xt_kernel kernels[XT_UPDATER_KERNELS];
    cl_mem squares;
} xt_updater;

/* Bytes of device memory that it takes for n parameters. */
size_t xt_updater_bytes(const xt_plan *plan, size_t n);
/* program holds dense.cl. The buffers stay the caller's. */
xt_status xt_updater_open(xt_context *context, cl_program program, const xt_updated *what, xt_updater *out, xt_err *err);
/* Safe on a zeroed one; zeroes it. */
void xt_updater_close(xt_updater *update);

/* Enqueues one. The gradients are not the same afterwards. */
xt_status xt_updater_apply(xt_updater *update, xt_hyper hyper, xt_err *err);

#endif
