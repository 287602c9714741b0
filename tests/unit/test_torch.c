/* Everything that PyTorch has too, against its numbers (tests/golden/torch.json): operations, losses with their
 * gradients, optimisers, schedules and whole trainings, on the reference engine. */
#include "golden.h"
#include "model/ops.h"
#include "model/schedule.h"
#include "model/weighing.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static xt_err err;

/* 1e-6 of the value, and what single precision loses of numbers of order 1. */
static void agrees(double value, double expected, const char *what, size_t i)
{
    unit_near(value, expected, 1e-6 * fabs(expected) + 3e-7, "%s %zu", what, i);
}

/* ---- networks of the file ---- */

typedef struct net_of {
    unit_net net;
    float loss_list[UNIT_MAX_LIST], optimizer_list[UNIT_MAX_LIST], schedule_list[UNIT_MAX_LIST];
} net_of;

/* With inputs and targets of n_rows; loss is the file's, units end in 0. */
static void make(net_of *made, size_t n_rows, size_t n_inputs, const uint32_t *units, const float *inputs,
                 const float *targets, const json_t *loss)
{
    unit_net *net = &made->net;
    unit_shape shape = {.n_rows = n_rows, .n_inputs = n_inputs, .activation = "linear", .loss = "mse",
                        .batch_size = (uint32_t)n_rows};
    for (size_t i = 0; i + 1 < UNIT_MAX_LAYERS && units[i]; i++)
        shape.units[i] = units[i];
    unit_net_make(net, &shape);
    memcpy(net->data.inputs, inputs, n_rows * n_inputs * sizeof *inputs);
    memcpy(net->data.targets, targets, n_rows * net->data.n_targets * sizeof *targets);
    net->spec.loss = unit_choice(&xt_losses, loss, made->loss_list);
    int head = xt_loss_at(net->spec.loss.kind)->head;
    if (head >= 0)
        net->layers[net->spec.n_layers - 1].activation.kind = head;
    assert_int_equal(xt_weigh(&net->spec, &net->data, &err), XT_OK);
    unit_net_plan(net);
}

/* With these parameters and an optimiser at its start. */
static xt_engine *open_with(const unit_net *net, const float *params)
{
    float *state = unit_net_state(net);
    memcpy(state, params, net->plan.n_params * sizeof *params);
    xt_engine *engine = unit_net_open(net, state);
    free(state);
    return engine;
}

/* ---- activations ---- */

static void activation(void **state)
{
    const json_t *row = *state;
    float list[UNIT_MAX_LIST];
    xt_choice choice = unit_choice(&xt_activations, row, list);
    float *z = unit_floats_at(row, "z"), *a = unit_floats_at(row, "a"), *slope = unit_floats_at(row, "slope");
    size_t n = unit_length_at(row, "z");
    assert_int_equal(n, 15);
    for (size_t i = 0; i < n; i++) {
        float value = xt_activate(choice.kind, z[i], choice.values[0]);
        agrees((double)value, (double)a[i], "value", i);
        agrees((double)xt_activate_grad(choice.kind, z[i], value, choice.values[0]), (double)slope[i], "slope", i);
    }
    free(z);
    free(a);
    free(slope);
}

/* A row of z that is a layer's bias. */
static void softmax(void **state)
{
    const json_t *row = *state;
    float *z = unit_floats_at(row, "z"), *a = unit_floats_at(row, "a"), outputs[15], x = 0;
    json_t *loss = json_pack("{s:s}", "type", "cross_entropy");
    net_of made;
    make(&made, 1, 1, (const uint32_t[]){15, 0}, &x, a, loss);
    float params[30] = {0};
    memcpy(params + 15, z, 15 * sizeof *z);
    xt_engine *engine = open_with(&made.net, params);
    assert_int_equal(engine->ops->evaluate(engine, &x, NULL, 1, outputs, NULL, &err), XT_OK);
    for (size_t i = 0; i < 15; i++)
        unit_near((double)outputs[i], (double)a[i], 2e-6 * (double)a[i], "output %zu", i);
    xt_engine_close(&engine);
    unit_net_clear(&made.net);
    json_decref(loss);
    free(z);
    free(a);
}

/* ---- losses ---- */

/* Each row of inputs is one of the identity's, so that the weights are z and their gradient is the gradient by z. */
static void loss(void **state)
{
    const json_t *row = *state;
    size_t rows = (size_t)unit_number_at(row, "rows"), outputs = (size_t)unit_number_at(row, "outputs");
    float *z = unit_floats_at(row, "z"), *y = unit_floats_at(row, "targets");
    float *gradient = unit_floats_at(row, "gradient"), *one = calloc(rows * rows, sizeof *one);
    float *params = calloc((rows + 1) * outputs, sizeof *params), *found = calloc((rows + 1) * outputs, sizeof *found);
    assert_true(one && params && found);
    for (size_t r = 0; r < rows; r++) {
        one[r * rows + r] = 1;
        for (size_t j = 0; j < outputs; j++)
            params[j * rows + r] = z[r * outputs + j];
    }
    net_of made;
    make(&made, rows, rows, (const uint32_t[]){(uint32_t)outputs, 0}, one, y, json_object_get(row, "loss"));
    xt_engine *engine = open_with(&made.net, params);
    double value;
    assert_int_equal(engine->ops->gradients(engine, 0, rows, &value, found, &err), XT_OK);
    agrees(value, unit_number_at(row, "value"), "loss", 0);
    for (size_t r = 0; r < rows; r++)
        for (size_t j = 0; j < outputs; j++)
            agrees((double)found[j * rows + r], (double)gradient[r * outputs + j], "gradient", r * outputs + j);
    xt_engine_close(&engine);
    unit_net_clear(&made.net);
    free(z);
    free(y);
    free(gradient);
    free(one);
    free(params);
    free(found);
}

/* ---- optimisers ---- */

static const json_t *optimizer_net; /* what they all start from */

static void optimizer(void **state)
{
    const json_t *row = *state, *steps = json_object_get(row, "steps");
    float *x = unit_floats_at(optimizer_net, "inputs"), *y = unit_floats_at(optimizer_net, "targets");
    float *start = unit_floats_at(optimizer_net, "start");
    json_t *mse = json_pack("{s:s}", "type", "mse");
    net_of made;
    make(&made, 8, 3, (const uint32_t[]){4, 2, 0}, x, y, mse);
    unit_net *net = &made.net;
    net->layers[0].activation = xt_choose(&xt_activations, "tanh");
    net->spec.optimizer = unit_choice(&xt_optimizers, json_object_get(row, "optimizer"), made.optimizer_list);
    net->spec.clip_norm = (float)unit_number_at(row, "clip_norm");
    net->spec.clip_value = (float)unit_number_at(row, "clip_value");
    for (size_t i = 0; i < 2; i++) {
        net->layers[i].l1 = (float)unit_number_at(row, "l1");
        net->layers[i].l2 = (float)unit_number_at(row, "l2");
    }
    unit_net_plan(net);
    size_t n = net->plan.n_params;
    xt_engine *engine = open_with(net, start);
    assert_int_equal(json_array_size(steps), 8);
    for (uint32_t t = 0; t < 8; t++) {
        unit_train(engine, t, 1, NULL);
        float *now = unit_state_of(engine);
        for (size_t i = 0; i < n; i++)
            agrees((double)now[i], json_number_value(json_array_get(json_array_get(steps, t), i)), "parameter", i);
        free(now);
    }
    xt_engine_close(&engine);
    unit_net_clear(net);
    json_decref(mse);
    free(x);
    free(y);
    free(start);
}

/* ---- schedules ---- */

static void schedule(void **state)
{
    const json_t *row = *state, *factors = json_object_get(row, "factors");
    float list[UNIT_MAX_LIST];
    const json_t *given = json_object_get(row, "schedule");
    xt_choice choice = unit_choice(&xt_schedules, given, list);
    const xt_pace pace = {(uint64_t)unit_number_at(row, "updates"), (uint32_t)json_array_size(factors)};
    const json_t *unit = json_object_get(given, "unit");
    uint64_t n = unit && strcmp(json_string_value(unit), "step") == 0 ? 1 : pace.updates;
    assert_int_equal(json_array_size(factors), 40);
    for (size_t i = 0; i < json_array_size(factors); i++) {
        double expected = json_number_value(json_array_get(factors, i));
        for (uint64_t update = i * n; update < (i + 1) * n; update++)
            unit_near(xt_schedule_factor(&choice, &pace, update), expected, 1e-6 * fabs(expected) + 1e-9,
                      "factor %zu", i);
    }
}

static void plateau(void **state)
{
    const json_t *row = *state, *values = json_object_get(row, "values"), *factors = json_object_get(row, "factors");
    float list[UNIT_MAX_LIST];
    xt_choice choice = unit_choice(&xt_schedules, json_object_get(row, "schedule"), list);
    xt_plateau follows;
    xt_plateau_begin(&follows);
    assert_true(json_array_size(values) > 0);
    for (size_t i = 0; i < json_array_size(values); i++) {
        xt_plateau_add(&follows, &choice, json_number_value(json_array_get(values, i)),
                       json_is_true(json_object_get(row, "gain")));
        double expected = json_number_value(json_array_get(factors, i));
        unit_near(follows.factor, expected, 1e-8 * expected, "factor %zu", i);
    }
}

/* ---- whole trainings ---- */

static void training(void **state)
{
    const json_t *row = *state, *widths = json_object_get(row, "units"), *losses = json_object_get(row, "losses");
    size_t n_inputs = (size_t)unit_number_at(row, "inputs_of_a_row");
    uint32_t units[UNIT_MAX_LAYERS] = {0}, epochs = (uint32_t)unit_number_at(row, "epochs");
    float *x = unit_floats_at(row, "inputs"), *y = unit_floats_at(row, "targets");
    float *start = unit_floats_at(row, "start"), *end = unit_floats_at(row, "end");
    for (size_t i = 0; i < json_array_size(widths); i++)
        units[i] = (uint32_t)json_integer_value(json_array_get(widths, i));
    net_of made;
    make(&made, unit_length_at(row, "inputs") / n_inputs, n_inputs, units, x, y, json_object_get(row, "loss"));
    unit_net *net = &made.net;
    for (size_t i = 0; i < net->spec.n_layers; i++)
        net->layers[i].activation =
            xt_choose(&xt_activations, json_string_value(json_array_get(json_object_get(row, "activations"), i)));
    net->spec.optimizer = unit_choice(&xt_optimizers, json_object_get(row, "optimizer"), made.optimizer_list);
    net->spec.schedule = unit_choice(&xt_schedules, json_object_get(row, "schedule"), made.schedule_list);
    net->spec.batch_size = (uint32_t)unit_number_at(row, "batch_size");
    net->spec.epochs = epochs;
    unit_net_plan(net);
    size_t n = net->plan.n_params;
    xt_engine *engine = open_with(net, start);
    xt_epoch *rows = calloc(epochs, sizeof *rows);
    assert_true(rows && epochs && json_array_size(losses) == epochs);
    unit_train(engine, 0, epochs, rows);
    for (size_t e = 0; e < epochs; e++) {
        double expected = json_number_value(json_array_get(losses, e));
        unit_near(rows[e].loss, expected, 1e-4 * expected, "loss of epoch %zu", e);
    }
    float *last = unit_state_of(engine);
    for (size_t i = 0; i < n; i++)
        unit_near((double)last[i], (double)end[i], 1e-4 * fmax(fabs((double)end[i]), 0.1), "parameter %zu", i);
    xt_engine_close(&engine);
    unit_net_clear(net);
    free(rows);
    free(last);
    free(x);
    free(y);
    free(start);
    free(end);
}

/* ---- everything is there ---- */

static const json_t *whole;

/* {"type": name} stands somewhere in the array, itself or below key. */
static void is_there(const xt_table *table, const char *array, const char *key)
{
    const json_t *rows = json_object_get(whole, array);
    for (size_t i = 0; i < table->n_rows; i++) {
        const char *name = xt_table_at(table, i)->name;
        size_t n = strcmp(name, "softmax") == 0 || strcmp(name, "plateau") == 0; /* have parts of their own */
        for (size_t j = 0; j < json_array_size(rows); j++) {
            const json_t *row = json_array_get(rows, j);
            n += strcmp(unit_text_at(key ? json_object_get(row, key) : row, "type"), name) == 0;
        }
        if (!n)
            fail_msg("%s '%s' is not in torch.json", table->noun, name);
    }
}

static void everything_is_there(void **state)
{
    (void)state;
    is_there(&xt_activations, "activations", NULL);
    is_there(&xt_losses, "losses", "loss");
    is_there(&xt_optimizers, "optimizers", "optimizer");
    is_there(&xt_schedules, "schedules", "schedule");
}

static void each(const char *array, CMUnitTestFunction test)
{
    size_t i;
    json_t *row;
    json_array_foreach (json_object_get(whole, array), i, row) {
        const json_t *what = json_object_get(row, "what");
        unit_case(test, row, "%s %zu: %s", array, i, json_string_value(what ? what : json_object_get(row, "type")));
    }
}

int main(void)
{
    json_t *golden = json_load_file("tests/golden/torch.json", 0, NULL);
    whole = golden;
    optimizer_net = json_object_get(golden, "optimizer_net");
    UNIT_CASE(everything_is_there);
    each("activations", activation);
    unit_case(softmax, json_object_get(golden, "softmax"), "softmax");
    each("losses", loss);
    each("optimizers", optimizer);
    each("schedules", schedule);
    each("plateaus", plateau);
    each("trainings", training);
    int failed = unit_run("torch");
    json_decref(golden);
    return failed;
}
