/* The plan: the layout of parameters, names, and what is refused. */
#include "model/init.h"
#include "model/ops.h"
#include "model/plan.h"
#include "nets.h"

#include <string.h>

static xt_err err;

static void layout(void **state)
{
    (void)state;
    unit_net net;
    unit_net_make(&net, &(unit_shape){3, 5, {7, 9, 2}, "tanh", "mse", 1, 5});
    const xt_plan *plan = &net.plan;
    assert_int_equal(plan->n_layers, 3);
    assert_int_equal(plan->n_inputs, 5);
    assert_int_equal(plan->n_outputs, 2);
    assert_int_equal(plan->n_params, 6 * 7 + 8 * 9 + 10 * 2);
    assert_int_equal(plan->n_values, 7 + 9 + 2);
    assert_int_equal(plan->max_units, 9);
    assert_int_equal(plan->n_slots, xt_optimizer_at(XT_OPT_sgd)->n_slots);
    assert_ptr_equal(plan->spec, &net.spec);
    static const xt_plan_layer expected[] = {{5, 7, 0, 35, 0, XT_ACT_tanh, 0, 0, 0, 0},
                                             {7, 9, 42, 105, 7, XT_ACT_tanh, 0, 0, 0, 0},
                                             {9, 2, 114, 132, 16, XT_ACT_tanh, 0, 0, 0, 0}};
    for (size_t i = 0; i < 3; i++) {
        const xt_plan_layer *at = &plan->layers[i], *is = &expected[i];
        assert_int_equal(at->inputs, is->inputs);
        assert_int_equal(at->units, is->units);
        assert_int_equal(at->weight, is->weight);
        assert_int_equal(at->bias, is->bias);
        assert_int_equal(at->z, is->z);
        assert_int_equal(at->activation, is->activation);
    }
    unit_net_clear(&net);
}

static void activation_parameter(void **state)
{
    (void)state;
    unit_net net;
    unit_net_make(&net, &(unit_shape){3, 5, {7, 2}, "leaky_relu", "mse", 1, 5});
    net.layers[1].activation.values[0] = 0.5f;
    unit_net_plan(&net);
    assert_true(net.plan.layers[0].activation_param == 0.01f);
    assert_true(net.plan.layers[1].activation_param == 0.5f);
    unit_net_clear(&net);
}

/* ---- names ---- */

typedef struct named {
    size_t index;
    const char *name;
} named;

static const named names[] = {
    {0, "layers.0.weight[0][0]"},  {4, "layers.0.weight[0][4]"}, {5, "layers.0.weight[1][0]"},
    {34, "layers.0.weight[6][4]"}, {35, "layers.0.bias[0]"},     {41, "layers.0.bias[6]"},
    {42, "layers.1.weight[0][0]"}, {55, "layers.1.weight[1][6]"}, {56, "layers.1.bias[0]"},
    {57, "layers.1.bias[1]"},
};

static void param_name(void **state)
{
    const named *row = *state;
    char name[64];
    unit_net net;
    unit_net_make(&net, &(unit_shape){3, 5, {7, 2}, "tanh", "mse", 1, 5});
    xt_plan_param_name(&net.plan, row->index, name, sizeof name);
    assert_string_equal(name, row->name);
    xt_plan_param_name(&net.plan, row->index, name, 7);
    assert_string_equal(name, "layers");
    unit_net_clear(&net);
}

/* ---- refusals ---- */

typedef struct refusal {
    size_t n_inputs, n_targets, n_layers;
    uint32_t units[2];
    const char *message; /* NULL: it is taken */
} refusal;

static const refusal refusals[] = {
    {2, 1, 2, {16, 1}, NULL},
    {2, 3, 2, {16, 1}, "model.layers.1.units: the last layer has 1 unit, but the data has 3 target columns"},
    {2, 1, 1, {16}, "model.layers.0.units: the last layer has 16 units, but the data has 1 target column"},
    {2, 1, 0, {0}, "model.layers: expected 1 to 64 layers"},
    {2, 1, 65, {1, 1}, "model.layers: expected 1 to 64 layers"},
    {46339, 46340, 1, {46340}, NULL}, /* (46339 + 1) * 46340 = 2147395600 < 2^31 */
    {46340, 46341, 1, {46341},
     "model.layers.0.units: 46341 units on 46340 inputs make the network too large: at most 2147483647 parameters in all"},
    {1, 1, 2, {1000000000, 1000000000},
     "model.layers.1.units: 1000000000 units on 1000000000 inputs make the network too large: at most 2147483647 "
     "parameters in all"},
    {1, 1, 2, {4294967295u, 1},
     "model.layers.0.units: 4294967295 units on 1 inputs make the network too large: at most 2147483647 parameters in all"},
    {1, 1, 2, {715827882, 1}, NULL}, /* 2 * 715827882 + 715827883 = 2^31 - 1 */
    {1, 1, 2, {715827883, 1},
     "model.layers.1.units: 1 units on 715827883 inputs make the network too large: at most 2147483647 parameters in all"},
};

static void refuses(void **state)
{
    const refusal *row = *state;
    static xt_layer layers[65];
    for (size_t i = 0; i < 65; i++)
        layers[i] = (xt_layer){.units = row->units[i < 1 ? 0 : 1],
                               .activation = xt_choose(&xt_activations, "relu"),
                               .weight = xt_default_weight_init(XT_ACT_relu),
                               .bias = xt_choose(&xt_initializers, "zeros")};
    xt_spec spec = {.n_layers = row->n_layers, .layers = layers, .optimizer = xt_choose(&xt_optimizers, "sgd")};
    xt_plan plan, before;
    memset(&plan, 0x5a, sizeof plan);
    memcpy(&before, &plan, sizeof plan);
    xt_status status = xt_plan_make(&spec, row->n_inputs, row->n_targets, &plan, &err);
    assert_int_equal(status, row->message ? XT_BAD_CONFIG : XT_OK);
    if (row->message) {
        assert_string_equal(err.text, row->message);
        assert_memory_equal(&plan, &before, sizeof plan);
    } else
        assert_true(plan.n_params <= INT32_MAX);
}

int main(void)
{
    UNIT_CASE(layout);
    UNIT_CASE(activation_parameter);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        unit_case(param_name, &names[i], "param_name %zu", names[i].index);
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++)
        unit_case(refuses, &refusals[i], "%s %zu inputs, %zu layers, %u units", refusals[i].message ? "refuses" : "takes",
                  refusals[i].n_inputs, refusals[i].n_layers, (unsigned)refusals[i].units[0]);
    return unit_run("plan");
}
