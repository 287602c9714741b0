#include "nets.h"

#include "model/init.h"
#include "model/ops.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static xt_err err;

static void assert_ok(xt_status status)
{
    if (status)
        fail_msg("%s", err.text);
}

static xt_choice normal(float mean, float stddev)
{
    xt_choice choice = xt_choose(&xt_initializers, "normal");
    choice.values[0] = mean;
    choice.values[1] = stddev;
    return choice;
}

static float *draw(xt_arena *arena, uint64_t seed, uint32_t what, size_t n)
{
    float *values = xt_arena_alloc(arena, n, sizeof *values);
    assert_non_null(values);
    for (size_t i = 0; i < n; i++)
        values[i] = xt_normal_at((xt_key){what, (uint32_t)seed}, n, i);
    return values;
}

/* The last layer and targets that a loss of classes needs: one class a row, row after row. */
static void fit_head(unit_net *net)
{
    xt_dataset *data = &net->data;
    size_t head = (size_t)xt_loss_at(net->spec.loss.kind)->head;
    net->layers[net->spec.n_layers - 1].activation = xt_choose(&xt_activations, xt_table_at(&xt_activations, head)->name);
    for (size_t i = 0; i < data->n_rows * data->n_targets; i++)
        data->targets[i] = i / data->n_targets % (data->n_targets + 1) == i % data->n_targets;
    for (size_t r = 0; head == XT_ACT_softmax && r < data->n_rows; r++)
        if (r % (data->n_targets + 1) == data->n_targets)
            data->targets[r * data->n_targets] = 1;
}

void unit_net_make(unit_net *net, const unit_shape *shape)
{
    memset(net, 0, sizeof *net);
    xt_spec *spec = &net->spec;
    *spec = (xt_spec){.name = "unit", .seed = shape->seed, .device = "auto", .engine = XT_ENGINE_reference,
                      .layers = net->layers, .metrics = net->metrics, .epochs = 1, .batch_size = shape->batch_size};
    spec->loss = xt_choose(&xt_losses, shape->loss);
    spec->optimizer = xt_choose(&xt_optimizers, "sgd");
    spec->optimizer.values[0] = 0.05f;
    while (spec->n_layers < UNIT_MAX_LAYERS && shape->units[spec->n_layers])
        spec->n_layers++;
    size_t inputs = shape->n_inputs;
    for (size_t i = 0; i < spec->n_layers; i++) {
        xt_choice activation = xt_choose(&xt_activations, shape->activation);
        net->layers[i] = (xt_layer){.units = shape->units[i],
                                    .activation = activation,
                                    .weight = normal(0, 1.0f / sqrtf((float)inputs)),
                                    .bias = normal(0, 0.5f)};
        inputs = shape->units[i];
    }
    xt_dataset *data = &net->data;
    data->n_rows = shape->n_rows;
    data->n_inputs = shape->n_inputs;
    data->n_targets = inputs;
    data->inputs = draw(&data->arena, shape->seed, 1, data->n_rows * data->n_inputs);
    data->targets = draw(&data->arena, shape->seed, 2, data->n_rows * data->n_targets);
    if (xt_loss_at(spec->loss.kind)->head >= 0)
        fit_head(net);
    unit_net_plan(net);
}

void unit_net_xor(unit_net *net)
{
    static const float inputs[] = {0, 0, 0, 1, 1, 0, 1, 1}, targets[] = {1, 0, 0, 1};
    unit_net_make(net, &(unit_shape){4, 2, {16, 1}, "relu", "mse", 1, 0});
    net->spec.keys = XT_KEYS_SHARED;
    net->spec.loss_report = XT_REPORT_POST_UPDATE;
    net->spec.optimizer.values[0] = 0.01f;
    net->spec.epochs = 500;
    net->layers[1].activation = xt_choose(&xt_activations, "linear");
    for (size_t i = 0; i < 2; i++)
        net->layers[i].weight = net->layers[i].bias = normal(0, 0.01f);
    memcpy(net->data.inputs, inputs, sizeof inputs);
    memcpy(net->data.targets, targets, sizeof targets);
    unit_net_plan(net);
}

void unit_net_plan(unit_net *net)
{
    assert_ok(xt_plan_make(&net->spec, net->data.n_inputs, net->data.n_targets, &net->plan, &err));
}

void unit_net_clear(unit_net *net)
{
    xt_dataset_clear(&net->data);
}

size_t unit_net_n_state(const unit_net *net)
{
    return (1 + net->plan.n_slots) * net->plan.n_params;
}

float *unit_net_state(const unit_net *net)
{
    float *state = calloc(unit_net_n_state(net), sizeof *state);
    assert_non_null(state);
    assert_ok(xt_plan_init_params(&net->plan, state, &err));
    return state;
}

xt_engine *unit_net_open(const unit_net *net, const float *state)
{
    xt_engine *engine = NULL;
    float *initial = unit_net_state(net);
    assert_ok(xt_engine_open(&net->plan, &net->data, state ? state : initial, &engine, &err));
    free(initial);
    return engine;
}

void unit_train(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows)
{
    xt_epoch *own = calloc(n, sizeof *own);
    assert_non_null(own);
    assert_ok(engine->ops->train(engine, first, n, rows ? rows : own, &err));
    free(own);
}

float *unit_state_of(xt_engine *engine)
{
    float *state = calloc((1 + engine->plan->n_slots) * engine->plan->n_params, sizeof *state);
    assert_non_null(state);
    assert_ok(engine->ops->read_state(engine, state, &err));
    return state;
}

json_t *unit_golden(const char *name)
{
    char path[128];
    snprintf(path, sizeof path, "tests/golden/%s", name);
    json_error_t error;
    json_t *golden = json_load_file(path, 0, &error);
    if (!golden)
        fail_msg("%s: %s", path, error.text);
    return golden;
}

/* Half a unit of the last digit, and a little for the rounding of the printing itself. */
void unit_printed(double value, double printed, int decimals, const char *what, size_t index)
{
    unit_near(value, printed, 0.5 * pow(10, -decimals) * (1 + 1e-6), "%s %zu", what, index);
}
