#include "model/plan.h"

#include "model/init.h"
#include "model/ops.h"

#include <assert.h>
#include <stdint.h>
#include <stdio.h>

/* Offsets and sizes must fit the 32-bit ints of kernels. */
static const size_t max_floats = INT32_MAX;

xt_status xt_plan_make(const xt_spec *spec, size_t n_inputs, size_t n_targets, xt_plan *out, xt_err *err)
{
    xt_plan plan = {.spec = spec, .n_inputs = n_inputs, .n_layers = spec->n_layers};
    size_t inputs = n_inputs;
    if (!spec->n_layers || spec->n_layers > XT_MAX_LAYERS)
        return xt_fail(err, XT_BAD_CONFIG, "model.layers: expected 1 to %d layers", XT_MAX_LAYERS);
    for (size_t i = 0; i < spec->n_layers; i++) {
        const xt_layer *layer = &spec->layers[i];
        size_t units = layer->units;
        if (units > (max_floats - plan.n_params) / (inputs + 1))
            return xt_fail(err, XT_BAD_CONFIG,
                           "model.layers.%zu.units: %zu units on %zu inputs make the network too large: at most %zu "
                           "parameters in all",
                           i, units, inputs, max_floats);
        plan.layers[i] = (xt_plan_layer){.inputs = inputs,
                                         .units = units,
                                         .weight = plan.n_params,
                                         .bias = plan.n_params + inputs * units,
                                         .z = plan.n_values,
                                         .activation = layer->activation.kind,
                                         .activation_param = layer->activation.values[0],
                                         .dropout = layer->dropout,
                                         .l1 = layer->l1,
                                         .l2 = layer->l2};
        plan.n_params += (inputs + 1) * units;
        plan.n_values += units;
        if (units > plan.max_units)
            plan.max_units = units;
        inputs = units;
    }
    plan.n_outputs = inputs;
    plan.n_losses = xt_loss_at(spec->loss.kind)->by_element ? inputs : 1;
    plan.n_slots = xt_optimizer_at(spec->optimizer.kind)->n_slots;
    if (plan.n_outputs != n_targets)
        return xt_fail(err, XT_BAD_CONFIG, "model.layers.%zu.units: the last layer has %zu unit%s, but the data has "
                                           "%zu target column%s",
                       plan.n_layers - 1, plan.n_outputs, plan.n_outputs == 1 ? "" : "s", n_targets,
                       n_targets == 1 ? "" : "s");
    *out = plan;
    return XT_OK;
}

void xt_plan_param_name(const xt_plan *plan, size_t index, char *out, size_t n_bytes)
{
    assert(index < plan->n_params);
    size_t i = plan->n_layers - 1;
    while (plan->layers[i].weight > index)
        i--;
    const xt_plan_layer *layer = &plan->layers[i];
    size_t at = index - layer->weight;
    if (index < layer->bias)
        snprintf(out, n_bytes, "layers.%zu.weight[%zu][%zu]", i, at / layer->inputs, at % layer->inputs);
    else
        snprintf(out, n_bytes, "layers.%zu.bias[%zu]", i, index - layer->bias);
}

xt_status xt_plan_init_params(const xt_plan *plan, float *params, xt_err *err)
{
    const xt_spec *spec = plan->spec;
    for (size_t i = 0; i < plan->n_layers; i++) {
        const xt_plan_layer *at = &plan->layers[i];
        const xt_layer *layer = &spec->layers[i];
        xt_tensor_shape weight = {at->units, at->inputs, at->inputs, at->units};
        xt_tensor_shape bias = {at->units, 1, at->inputs, at->units};
        xt_key weight_key, bias_key;
        xt_layer_keys(spec->seed, spec->keys, plan->n_layers, i, &weight_key, &bias_key);
        xt_status status = xt_initializer_at(layer->weight.kind)
                               ->fill(layer->weight.values, &weight, weight_key, params + at->weight, err);
        if (!status)
            status = xt_initializer_at(layer->bias.kind)
                         ->fill(layer->bias.values, &bias, bias_key, params + at->bias, err);
        if (status)
            return status;
    }
    return XT_OK;
}
