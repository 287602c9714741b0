/* The gemm engine's tiles in many forms against the reference engine. */
#include "forms.h"
#include "tiled.h"

#include "../unit/cases.h"
#include "engine/tiled.h"
#include "model/metrics.h"
#include "model/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t seed;

static void same_floats(const test_net *net, const char *what, const float *got, const float *expected, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!(got[i] == expected[i]))
            fail_msg("%s: %s %zu of %zu is %.9g, not %.9g", net->text, what, i, n, (double)got[i], (double)expected[i]);
}

/* ---- whole numbers: sums are exact in any order ---- */

enum { WIDEST = 67, MAX_WHOLE_LAYERS = 3 };

/* What a batch's loss is divided by, so that it is exact. */
static const float divisor = 64;

static float whole(uint64_t *stream, int most)
{
    return (float)net_below(stream, (size_t)(2 * most + 1)) - (float)most;
}

/* As many outputs as a share makes the divisor of without rounding. */
static uint32_t n_exact_outputs(uint64_t *stream)
{
    for (;;) {
        float n = (float)(1 + net_below(stream, WIDEST));
        if (divisor / n * n == divisor)
            return (uint32_t)n;
    }
}

static void set_whole_training(test_net *net, size_t which)
{
    static const int losses[] = {XT_LOSS_mse, XT_LOSS_mae, XT_LOSS_huber, XT_LOSS_hinge};
    xt_spec *spec = &net->spec;
    net_set_loss(net, (size_t)losses[which % 4]);
    spec->optimizer = xt_choose(&xt_optimizers, xt_table_at(&xt_optimizers, which % XT_N_OPTIMIZERS)->name);
    spec->optimizer.values[0] = 1 / divisor;
    if (spec->optimizer.kind == XT_OPT_sgd) {
        spec->optimizer.values[1] = which % 2 ? 0.5f : 0;
        spec->optimizer.values[2] = which % 4 == 3 ? 1.0f : 0;
    }
    for (size_t i = 0; i < spec->n_layers; i++) {
        net->layers[i].dropout = which % 3 == 1 && i + 1 < spec->n_layers ? 0.5f : 0;
        net->layers[i].l1 = which % 4 == 2 ? 0.25f : 0;
        net->layers[i].l2 = which % 4 == 2 ? 0.5f : 0;
    }
    spec->loss_report = XT_REPORT_RUNNING;
    spec->n_metrics = which % 2;
    net->metrics[0] = xt_choose(&xt_metrics, net_metric(which));
    net->weighted = true;
}

static void whole_net(test_net *net, size_t which)
{
    static const char *const activations[] = {"linear", "relu", "hard_tanh", "relu6"};
    uint64_t number = seed + which, start = net_random(&number), *stream = &start;
    size_t n_layers = 1 + which % MAX_WHOLE_LAYERS, n_rows = 1 + net_below(stream, WIDEST);
    net_begin(net);
    for (size_t i = 0; i < n_layers; i++)
        net_add_layer(net, i + 1 < n_layers ? (uint32_t)(1 + net_below(stream, WIDEST)) : n_exact_outputs(stream),
                      activations[net_below(stream, 4)]);
    set_whole_training(net, which);
    net->spec.seed = net_random(stream);
    net->spec.batch_size = (uint32_t)(n_rows + which % 2);
    net_finish(net, n_rows, 1 + net_below(stream, WIDEST), stream);
    for (size_t i = 0; i < n_rows * net->data.n_inputs; i++)
        net->data.inputs[i] = whole(stream, 2);
    for (size_t i = 0; i < n_rows * net->data.n_targets; i++)
        net->data.targets[i] = whole(stream, 4);
    for (size_t i = 0; i < net->plan.n_params; i++)
        net->state[i] = net_below(stream, 4) ? 0 : whole(stream, 1);
    for (size_t r = 0; r < n_rows; r++)
        net->data.weights[r] = 1 + (float)net_below(stream, 2);
    snprintf(net->text, sizeof net->text, "whole net %zu: %zu rows of %zu, %zu layers, the last of %zu", which, n_rows,
             net->plan.n_inputs, n_layers, net->plan.n_outputs);
}

/* Makes rows from `first` on a batch whose loss is divided by the divisor. */
static void share(const test_net *net, size_t first)
{
    for (size_t r = 0; r < net->data.n_rows; r++)
        net->data.shares[r] = r == first ? divisor / (float)net->plan.n_losses : 0;
}

static void compare_outputs(test_net *net, xt_engine *engine, xt_engine *reference)
{
    size_t n_rows = net->data.n_rows, n = n_rows * net->plan.n_outputs;
    float *got = calloc(2 * (n + n_rows), sizeof *got), *expected = got + n + n_rows;
    xt_err err;
    assert_non_null(got);
    net_ok(engine->ops->evaluate(engine, net->data.inputs, net->data.targets, n_rows, got, got + n, &err), &err);
    net_ok(reference->ops->evaluate(reference, net->data.inputs, net->data.targets, n_rows, expected, expected + n, &err),
           &err);
    same_floats(net, "output", got, expected, n);
    same_floats(net, "loss of row", got + n, expected + n, n_rows);
    free(got);
}

/* Of all rows, and of others from any on. */
static void compare_gradients(test_net *net, xt_engine *engine, xt_engine *reference, uint64_t *stream)
{
    size_t n = net->plan.n_params;
    float *got = calloc(2 * n, sizeof *got), *expected = got + n;
    double loss, expected_loss;
    xt_err err;
    assert_non_null(got);
    for (int i = 0; i < 3; i++) {
        size_t first = i ? net_below(stream, net->data.n_rows) : 0, left = net->data.n_rows - first;
        size_t rows = i ? 1 + net_below(stream, left) : left;
        share(net, first);
        net_ok(engine->ops->gradients(engine, first, rows, &loss, got, &err), &err);
        net_ok(reference->ops->gradients(reference, first, rows, &expected_loss, expected, &err), &err);
        same_floats(net, "gradient", got, expected, n);
        assert_true(loss == expected_loss);
    }
    free(got);
}

static void compare_update(test_net *net, xt_engine *engine, xt_engine *reference)
{
    size_t n = net_n_state(net);
    float *got = calloc(2 * n, sizeof *got), *expected = got + n;
    xt_epoch row, expected_row;
    xt_err err;
    assert_non_null(got);
    share(net, 0);
    net_ok(engine->ops->train(engine, 0, 1, &row, &err), &err);
    net_ok(reference->ops->train(reference, 0, 1, &expected_row, &err), &err);
    net_same_rows(net, &row, &expected_row, 1);
    net_ok(engine->ops->read_state(engine, got, &err), &err);
    net_ok(reference->ops->read_state(reference, expected, &err), &err);
    /* What others than sgd make of the same gradient is rounded. */
    if (net->spec.optimizer.kind == XT_OPT_sgd)
        same_floats(net, "state", got, expected, n);
    else if (!net_explains(net, 1, net_drift(got, expected, net->state, n), 1e-5))
        fail_msg("%s: state is off by %g", net->text, net_drift(got, expected, net->state, n));
    free(got);
}

static void whole_numbers_are_exact(void **state)
{
    const tile_form *form = *state;
    for (size_t i = 0; i < n_tile_cases(30); i++) {
        test_net net;
        uint64_t stream = seed + i;
        whole_net(&net, tile_case(form, i, seed));
        share(&net, 0);
        xt_engine *engine = tiled_open(&net, form, (cl_uint)(i % 4)), *reference = net_open(&net, XT_ENGINE_reference);
        compare_outputs(&net, engine, reference);
        compare_gradients(&net, engine, reference, &stream);
        compare_update(&net, engine, reference);
        xt_engine_close(&engine);
        xt_engine_close(&reference);
        net_clear(&net);
    }
}

/* ---- any numbers ---- */

static void compare_training(test_net *net, const tile_form *form)
{
    trained got, expected;
    train_all(net, tiled_open(net, form, 0), 4, &got);
    train_all(net, net_open(net, XT_ENGINE_reference), NET_EPOCHS, &expected);
    near_training(net, "against the reference", &got, &expected);
    trained_clear(&got);
    trained_clear(&expected);
}

static void trains_as_the_reference(void **state)
{
    const tile_form *form = *state;
    for (size_t i = 0; i < n_tile_cases(20); i++) {
        test_net net;
        forms_net(&net, tile_case(form, i, seed), false, seed);
        compare_training(&net, form);
        net_clear(&net);
    }
}

/* More rows than are measured at once, and batches of more rows than that. */
static void measures_in_pieces(void **state)
{
    const uint32_t batch = *(const uint32_t *)*state;
    uint64_t stream = seed;
    test_net net;
    net_begin(&net);
    net_add_layer(&net, 9, "tanh");
    net_add_layer(&net, 3, "linear");
    net.spec.batch_size = batch;
    net.spec.shuffle = batch % 2;
    net.spec.loss_report = XT_REPORT_EVAL;
    net.spec.n_metrics = 2;
    net.metrics[0] = xt_choose(&xt_metrics, "mae");
    net.metrics[1] = xt_choose(&xt_metrics, "rmse");
    net_finish(&net, net_small() ? 1030 : 2300, 5, &stream);
    snprintf(net.text, sizeof net.text, "batches of %u", batch);
    compare_training(&net, &tile_forms[0]);
    net_clear(&net);
}

/* A softmax over any number of classes has nothing of what is beside them. */
static void softmax_of_each_width(void **state)
{
    enum { MOST = 40 };
    const tile_form *form = *state;
    for (uint32_t classes = 1; classes <= MOST; classes += net_small() ? 20 : 1) {
        uint64_t stream = seed + classes;
        test_net net;
        net_begin(&net);
        net_add_layer(&net, classes, "softmax");
        net_set_loss(&net, XT_LOSS_cross_entropy);
        net_finish(&net, 7, 3, &stream);
        snprintf(net.text, sizeof net.text, "softmax of %u", classes);
        /* Far below 0: exp of what is beside, less the largest, would overflow. */
        for (size_t u = 0; u < classes; u++)
            net.state[net.plan.layers[0].bias + u] -= 300;
        xt_engine *engine = tiled_open(&net, form, 0);
        float out[7 * MOST], losses[7];
        xt_err err;
        net_ok(engine->ops->evaluate(engine, net.data.inputs, net.data.targets, 7, out, losses, &err), &err);
        for (size_t r = 0; r < 7; r++) {
            double sum = 0, loss = 0;
            for (size_t j = 0; j < classes; j++) {
                sum += (double)out[r * classes + j];
                if (net.data.targets[r * classes + j] > 0)
                    loss -= log((double)out[r * classes + j]);
            }
            unit_near(sum, 1, 1e-5, "%s: sum of row %zu", net.text, r);
            unit_near((double)losses[r], loss, 1e-4 * (1 + loss), "%s: loss of row %zu", net.text, r);
        }
        xt_engine_close(&engine);
        if (!net_small())
            compare_training(&net, form);
        net_clear(&net);
    }
}

/* ---- nan ---- */

static void same_finiteness(const test_net *net, const char *what, const float *got, const float *expected, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(got[i]) != !isfinite(expected[i]))
            fail_msg("%s: %s %zu is %g, not %g", net->text, what, i, (double)got[i], (double)expected[i]);
}

/* A parameter that is nan shows wherever it does in the reference, and nowhere else. */
static void nan_shows(void **state)
{
    const tile_form *form = *state;
    for (size_t i = 0; i < n_tile_cases(XT_N_ACTIVATIONS + 1); i++) {
        test_net net;
        forms_net(&net, tile_case(form, i, seed), false, seed + 3);
        net.spec.epochs = 1;
        uint64_t stream = seed + i;
        net.state[net_below(&stream, net.plan.n_params)] = i % 4 == 3 ? INFINITY : NAN;
        size_t n = net.data.n_rows * net.plan.n_outputs, n_state = net_n_state(&net);
        float *got = calloc(2 * (n + n_state), sizeof *got), *expected = got + n + n_state;
        xt_engine *engines[] = {tiled_open(&net, form, 0), net_open(&net, XT_ENGINE_reference)};
        xt_epoch rows[2];
        xt_err err;
        assert_non_null(got);
        for (int e = 0; e < 2; e++) {
            float *to = e ? expected : got;
            net_ok(engines[e]->ops->evaluate(engines[e], net.data.inputs, NULL, net.data.n_rows, to, NULL, &err), &err);
            net_ok(engines[e]->ops->train(engines[e], 0, 1, &rows[e], &err), &err);
            net_ok(engines[e]->ops->read_state(engines[e], to + n, &err), &err);
            xt_engine_close(&engines[e]);
        }
        same_finiteness(&net, "output", got, expected, n);
        same_finiteness(&net, "state", got + n, expected + n, n_state);
        assert_int_equal(isfinite(rows[0].loss), isfinite(rows[1].loss));
        free(got);
        net_clear(&net);
    }
}

/* ---- failures ---- */

static void too_little_memory_is_an_error(void **state)
{
    (void)state;
    test_net net;
    net_full(&net, false);
    xt_engine *engine = NULL;
    xt_context *context = net_context();
    xt_err err;
    if (!xt_tiled_serves(&context->device)) {
        xt_context_close(&context);
        net_clear(&net);
        skip();
    }
    cl_ulong usual = context->device.global_bytes;
    context->device.global_bytes = 1000;
    assert_int_equal(xt_tiled_open(&net.plan, &net.data, context, &engine, &err), XT_FAILED);
    assert_null(engine);
    assert_non_null(strstr(err.text, "bytes of memory"));
    assert_int_equal(context->n_live, 0);
    context->device.global_bytes = usual;
    context->device.local_bytes = 1000;
    assert_int_equal(xt_tiled_open(&net.plan, &net.data, context, &engine, &err), XT_FAILED);
    assert_non_null(strstr(err.text, "local memory"));
    assert_int_equal(context->n_live, 0);
    xt_context_close(&context);
    net_clear(&net);
}

/* There is no room for gradients beside what training takes: it says so as often as it is asked, and trains. */
static void no_room_for_gradients_is_an_error(void **state)
{
    (void)state;
    test_net net;
    double loss;
    xt_epoch row;
    xt_err err;
    net_full(&net, false);
    net.spec.clip_norm = net.spec.clip_value = 0;
    xt_engine *engine = tiled_open(&net, &tile_forms[0], 0);
    float *gradients = calloc(net.plan.n_params, sizeof *gradients);
    xt_device *device = &((xt_tiled *)engine)->context->device;
    cl_ulong usual = device->max_alloc_bytes;
    assert_non_null(gradients);
    device->max_alloc_bytes = 16;
    for (int i = 0; i < 2; i++)
        assert_int_equal(engine->ops->gradients(engine, 0, 2, &loss, gradients, &err), XT_FAILED);
    net_ok(engine->ops->train(engine, 0, 1, &row, &err), &err);
    device->max_alloc_bytes = usual;
    net_ok(engine->ops->gradients(engine, 0, 2, &loss, gradients, &err), &err);
    xt_engine_close(&engine);
    free(gradients);
    net_clear(&net);
}

/* Rows are measured many at a time where they are narrow: a wide network does not take room for a thousand. */
static void wide_networks_have_room(void **state)
{
    (void)state;
    /* The values of some 40 rows in three buffers, weights in panels of 16, and more: far from a thousand rows'. */
    enum { UNITS = 100000, ROWS = 3, MOST_VALUES = 300 /* for each unit */ };
    test_net net;
    uint64_t stream = 1;
    xt_err err;
    float out[ROWS];
    net_begin(&net);
    net_add_layer(&net, UNITS, "relu");
    net_add_layer(&net, 1, "linear");
    net.spec.batch_size = 1;
    net_finish(&net, ROWS, 1, &stream);
    xt_engine *engines[] = {net_open(&net, XT_ENGINE_gemm), net_open_to_predict(&net, XT_ENGINE_gemm)};
    for (size_t i = 0; i < 2; i++) {
        assert_true(engines[i]->facts.device_bytes < (size_t)UNITS * MOST_VALUES * sizeof(float));
        net_ok(engines[i]->ops->evaluate(engines[i], net.data.inputs, NULL, ROWS, out, NULL, &err), &err);
        xt_engine_close(&engines[i]);
    }
    net_clear(&net);
}

int main(void)
{
    static const uint32_t batches[] = {1101, 8, 1500};
    seed = net_seed();
    printf("XT_TEST_SEED=%llu\n", (unsigned long long)seed);
    tiled_cases(whole_numbers_are_exact, "whole numbers are exact", N_TILE_FORMS);
    tiled_cases(trains_as_the_reference, "trains as the reference", N_TILE_FORMS);
    for (size_t i = 0; i < n_tile_cases(sizeof batches / sizeof *batches); i++)
        unit_case(measures_in_pieces, &batches[i], "measures in pieces: batches of %u", batches[i]);
    tiled_cases(softmax_of_each_width, "softmax of each width", 3);
    tiled_cases(nan_shows, "nan shows", N_TILE_FORMS);
    UNIT_CASE(too_little_memory_is_an_error);
    UNIT_CASE(no_room_for_gradients_is_an_error);
    if (!net_small())
        UNIT_CASE(wide_networks_have_room);
    return unit_run("tiles");
}
