/* plan.h: where everything lies: the one layout of parameters that engines,
 * model files and tests share, and how many bytes training will take.
 *
 * Parameters are one flat float buffer: layer after layer, each its weight
 * (units, inputs) row-major and then its bias (units). The state of the
 * optimiser is n_slots further buffers of the same layout. */
#ifndef XT_MODEL_PLAN_H
#define XT_MODEL_PLAN_H

#include "base/err.h"
#include "model/spec.h"

typedef struct xt_plan_layer {
    size_t inputs, units;
    size_t weight, bias; /* offsets into the parameters, in floats */
    size_t z;            /* offset of the layer's values a row, in floats of n_values */
    int activation;      /* code */
    float activation_param;
    float dropout;       /* share of its outputs that training drops */
    float l1, l2;        /* penalties on its weights */
} xt_plan_layer;

typedef struct xt_plan {
    size_t n_layers;
    xt_plan_layer layers[XT_MAX_LAYERS];
    size_t n_inputs, n_outputs;
    size_t n_params;  /* floats */
    size_t n_slots;   /* optimiser state: n_slots * n_params floats */
    size_t n_values;  /* units of all layers together: activations a row */
    size_t n_losses;  /* values of a row that the loss is the mean of: n_outputs, or 1 */
    size_t max_units; /* widest layer */
    const xt_spec *spec;
} xt_plan;

/* Lays out spec's network on data of n_inputs and n_targets columns.
 * XT_BAD_CONFIG when the last layer does not fit the targets or the network is
 * too large to address. The plan keeps a pointer to spec. */
xt_status xt_plan_make(const xt_spec *spec, size_t n_inputs, size_t n_targets, xt_plan *out, xt_err *err);

/* The name of parameter `index`, as "layers.0.weight[3][1]" or
 * "layers.0.bias[3]", to out (n_bytes; cut where it does not fit). */
void xt_plan_param_name(const xt_plan *plan, size_t index, char *out, size_t n_bytes);

/* Writes the initial parameters (n_params floats). */
xt_status xt_plan_init_params(const xt_plan *plan, float *params, xt_err *err);

#endif
