/* The gemm engine against the reference engine, on random networks. */
#include "net.h"

#include "model/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- random networks ---- */

/* Whether an operation's derivative jumps near a value: then a rounding error
 * before it can change a gradient by any amount. */
static bool jumps(float below, float above)
{
    return fabsf(above - below) > 0.01f;
}

static bool activation_jumps(const xt_plan_layer *layer, float z, float reach)
{
    float p = layer->activation_param, low = z - reach, high = z + reach;
    return jumps(xt_activate_grad(layer->activation, low, xt_activate(layer->activation, low, p), p),
                 xt_activate_grad(layer->activation, high, xt_activate(layer->activation, high, p), p));
}

static bool loss_jumps(const xt_choice *loss, float a, float y, float reach)
{
    return jumps(xt_loss_grad(loss->kind, a - reach, y, loss->values[0]),
                 xt_loss_grad(loss->kind, a + reach, y, loss->values[0]));
}

/* A thousand times the rounding of values around 1. */
static const float near = 1e-4f;

/* Whether the net as it is has a value near a jump, for any of its rows. */
static bool is_near_jump(const test_net *net)
{
    const xt_plan *plan = &net->plan;
    float *x = calloc(plan->n_inputs + 2 * plan->max_units, sizeof *x), *z = x + plan->n_inputs + plan->max_units;
    bool found = false;
    assert_non_null(x);
    for (size_t row = 0; row < net->data.n_rows; row++) {
        memcpy(x, net->data.inputs + row * plan->n_inputs, plan->n_inputs * sizeof *x);
        for (size_t i = 0; i < plan->n_layers; i++) {
            const xt_plan_layer *layer = &plan->layers[i];
            for (size_t u = 0; u < layer->units; u++) {
                z[u] = net->state[layer->bias + u];
                for (size_t k = 0; k < layer->inputs; k++)
                    z[u] += x[k] * net->state[layer->weight + u * layer->inputs + k];
                found |= activation_jumps(layer, z[u], near);
            }
            for (size_t u = 0; u < layer->units; u++)
                x[u] = xt_activate(layer->activation, z[u], layer->activation_param);
        }
        for (size_t j = 0; j < plan->n_outputs; j++)
            found |= loss_jumps(&net->spec.loss, x[j], net->data.targets[row * plan->n_outputs + j], near);
    }
    free(x);
    return found;
}

/* Whether it can come to a jump at all. */
static bool can_jump(const test_net *net)
{
    bool found = loss_jumps(&net->spec.loss, 0, 0, near);
    for (size_t i = 0; i < net->plan.n_layers; i++)
        for (float z = -8; z <= 8; z += 0.5f)
            found |= activation_jumps(&net->plan.layers[i], z, near);
    return found;
}

static void random_layers(test_net *net, size_t which, uint64_t *stream)
{
    size_t n_layers = 1 + net_below(stream, NET_MAX_LAYERS);
    for (size_t i = 0; i < n_layers; i++) {
        bool last = i + 1 == n_layers;
        /* Case by case through the whole table, then at random. */
        size_t activation = last ? which % XT_N_ACTIVATIONS : net_below(stream, XT_N_ACTIVATIONS);
        uint32_t units = (uint32_t)(1 + net_below(stream, last ? 5 : 23));
        net_add_layer(net, units, xt_table_at(&xt_activations, activation)->name);
    }
}

static void random_training(test_net *net, size_t which, uint64_t *stream)
{
    xt_spec *spec = &net->spec;
    spec->seed = net_random(stream);
    spec->loss = xt_choose(&xt_losses, xt_table_at(&xt_losses, which % XT_N_LOSSES)->name);
    spec->loss_report = (xt_loss_report)(which % 3);
    spec->shuffle = net_below(stream, 2);
    spec->batch_size = (uint32_t)(1 + net_below(stream, 12));
    spec->optimizer.values[0] = 0.02f;
    spec->optimizer.values[1] = which % 2 ? 0.9f : 0;
    spec->optimizer.values[2] = which % 4 == 3 ? 1.0f : 0;
    spec->n_metrics = net_below(stream, XT_N_METRICS + 1);
    for (size_t i = 0; i < spec->n_metrics; i++)
        net->metrics[i] = xt_choose(&xt_metrics, xt_table_at(&xt_metrics, i)->name);
}

/* Case `which`: every activation, loss, report and form of momentum comes by
 * turns. The last ones of a full run have products for CLBlast. */
static void random_net(test_net *net, size_t which, bool large, uint64_t *stream)
{
    for (;;) {
        net_begin(net);
        if (large) {
            net_add_layer(net, (uint32_t)(129 + net_below(stream, 40)), "tanh");
            net_add_layer(net, (uint32_t)(33 + net_below(stream, 40)), "sigmoid");
        }
        if (!large)
            random_layers(net, which, stream);
        else
            net_add_layer(net, 3, "linear");
        random_training(net, which, stream);
        net->spec.batch_size += large ? 60 : 0;
        net_finish(net, (large ? 100 : 7) + net_below(stream, 30), large ? 101 : 1 + net_below(stream, 9), stream);
        if (!is_near_jump(net))
            break;
        net_clear(net);
    }
    snprintf(net->text, sizeof net->text, "case %zu: %zu layers, %zu inputs, %zu outputs, loss %s, batch %u of %zu rows",
             which, net->plan.n_layers, net->plan.n_inputs, net->plan.n_outputs,
             xt_table_at(&xt_losses, (size_t)net->spec.loss.kind)->name, net->spec.batch_size, net->data.n_rows);
}

/* ---- parity ---- */

/* One gradient of at most 170 terms a sum, through at most four layers: each
 * sum is off by some 1e-6 of its largest term (one rounding is 6e-8), and the
 * device's exp and tanh by 16 ulp and less. */
static const double gradient_tolerance = 2e-5;

static void compare_gradients(const test_net *net, xt_engine *gemm, xt_engine *reference)
{
    size_t n = net->plan.n_params;
    size_t rows = net->spec.batch_size < net->data.n_rows ? net->spec.batch_size : net->data.n_rows;
    float *got = calloc(2 * n, sizeof *got), *expected = got + n;
    double loss, expected_loss;
    xt_err err;
    assert_non_null(got);
    for (size_t first = 0; first + rows <= net->data.n_rows; first += rows) {
        net_ok(gemm->ops->gradients(gemm, first, rows, &loss, got, &err), &err);
        net_ok(reference->ops->gradients(reference, first, rows, &expected_loss, expected, &err), &err);
        if (!(net_distance(got, expected, n) < gradient_tolerance))
            fail_msg("%s: gradients of rows from %zu differ by %g", net->text, first, net_distance(got, expected, n));
        if (!(fabs(loss - expected_loss) <= gradient_tolerance * expected_loss + 1e-7))
            fail_msg("%s: loss %.9g is not %.9g", net->text, loss, expected_loss);
    }
    free(got);
}

enum { EPOCHS = 3 };

/* How far the parameters are from the reference's, as a share of the way that
 * the reference went: the norms of both. */
static double drift(const float *got, const float *expected, const float *start, size_t n)
{
    double apart = 0, way = 0;
    for (size_t i = 0; i < n; i++) {
        apart += pow((double)got[i] - (double)expected[i], 2);
        way += pow((double)expected[i] - (double)start[i], 2);
    }
    return apart > 0 ? sqrt(apart / way) : apart;
}

static void compare_rows(const test_net *net, const xt_epoch *got, const xt_epoch *expected, double tolerance)
{
    for (size_t e = 0; e < EPOCHS; e++) {
        if (!(fabs(got[e].loss - expected[e].loss) <= tolerance * (expected[e].loss + 0.01)))
            fail_msg("%s: epoch %zu: loss %.9g is not %.9g", net->text, e, got[e].loss, expected[e].loss);
        for (size_t i = 0; i < net->spec.n_metrics; i++) {
            double value = expected[e].metrics[i];
            /* An output may lie on the threshold: one row's worth of accuracy. */
            double room = net->spec.metrics[i].kind == XT_METRIC_accuracy ? 1.001 / (double)net->data.n_rows
                                                                         : tolerance * (value + 0.01);
            if (!(fabs(got[e].metrics[i] - value) <= room))
                fail_msg("%s: epoch %zu: metric %zu %.9g is not %.9g", net->text, e, i, got[e].metrics[i], value);
        }
        assert_int_equal(got[e].step, expected[e].step);
        assert_memory_equal(&got[e].learning_rate, &expected[e].learning_rate, sizeof got[e].learning_rate);
    }
}

static void compare_outputs(const test_net *net, xt_engine *gemm, xt_engine *reference, double tolerance)
{
    size_t n = net->data.n_rows * net->plan.n_outputs;
    float *got = calloc(2 * n, sizeof *got), *expected = got + n;
    xt_err err;
    assert_non_null(got);
    net_ok(gemm->ops->outputs(gemm, net->data.inputs, net->data.n_rows, got, &err), &err);
    net_ok(reference->ops->outputs(reference, net->data.inputs, net->data.n_rows, expected, &err), &err);
    if (!(net_distance(got, expected, n) <= tolerance))
        fail_msg("%s: outputs differ by %g", net->text, net_distance(got, expected, n));
    free(got);
}

static void compare_training(const test_net *net, xt_engine *gemm, xt_engine *reference)
{
    size_t n = net_n_state(net);
    float *got = calloc(2 * n, sizeof *got), *expected = got + n;
    xt_epoch rows[EPOCHS], expected_rows[EPOCHS];
    /* Tens of updates, each off as a gradient is. Where a derivative jumps, an
     * update may take the other side of it for some row. */
    double tolerance = can_jump(net) ? 0.05 : 2e-4;
    xt_err err;
    assert_non_null(got);
    net_ok(gemm->ops->train(gemm, 0, EPOCHS, rows, &err), &err);
    net_ok(reference->ops->train(reference, 0, EPOCHS, expected_rows, &err), &err);
    compare_rows(net, rows, expected_rows, tolerance);
    net_ok(gemm->ops->read_state(gemm, got, &err), &err);
    net_ok(reference->ops->read_state(reference, expected, &err), &err);
    if (!(drift(got, expected, net->state, n) <= tolerance))
        fail_msg("%s: parameters differ by %g of what training changed", net->text,
                 drift(got, expected, net->state, n));
    compare_outputs(net, gemm, reference, tolerance);
    free(got);
}

static void check_parity(test_net *net)
{
    xt_engine *gemm = net_open(net, XT_ENGINE_gemm);
    xt_engine *reference = net_open(net, XT_ENGINE_reference);
    compare_outputs(net, gemm, reference, gradient_tolerance);
    compare_gradients(net, gemm, reference);
    compare_training(net, gemm, reference);
    xt_engine_close(&gemm);
    xt_engine_close(&reference);
}

/* Cases of a full run: two rounds through the activations and more, and some
 * that CLBlast serves. In a small one each kernel runs. */
enum { CASES = 50, LARGE_CASES = 5, SMALL_CASES = 4 };

static void parity_with_the_reference(void **state)
{
    (void)state;
    uint64_t seed = net_seed(), stream = seed;
    printf("XT_TEST_SEED=%llu\n", (unsigned long long)seed);
    size_t n = net_small() ? SMALL_CASES : CASES + LARGE_CASES;
    for (size_t i = 0; i < n; i++) {
        test_net net;
        random_net(&net, i, i >= CASES, &stream);
        check_parity(&net);
        net_clear(&net);
    }
}

/* ---- bits ---- */

/* A net with everything: shuffle, a short last batch, momentum, all metrics. */
static void full_net(test_net *net, bool large)
{
    uint64_t stream = 5;
    net_begin(net);
    net_add_layer(net, large ? 130 : 11, "tanh");
    net_add_layer(net, 3, "sigmoid");
    random_training(net, 7, &stream);
    net->spec.shuffle = true;
    net->spec.batch_size = large ? 65 : 4;
    net->spec.n_metrics = XT_N_METRICS;
    for (size_t i = 0; i < XT_N_METRICS; i++)
        net->metrics[i] = xt_choose(&xt_metrics, xt_table_at(&xt_metrics, i)->name);
    net_finish(net, large ? 150 : 18, large ? 40 : 5, &stream);
    strcpy(net->text, "full net");
}

/* Trains epochs 0 .. n - 1, `step` of them a call. */
static void train_in_steps(test_net *net, uint32_t n, uint32_t step, xt_epoch *rows, float *state)
{
    xt_engine *gemm = net_open(net, XT_ENGINE_gemm);
    xt_err err;
    for (uint32_t first = 0; first < n; first += step)
        net_ok(gemm->ops->train(gemm, first, step, rows + first, &err), &err);
    net_ok(gemm->ops->read_state(gemm, state, &err), &err);
    xt_engine_close(&gemm);
}

/* Not memcmp: an xt_epoch has unused metrics. */
static void assert_same_rows(const test_net *net, const xt_epoch *a, const xt_epoch *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_memory_equal(&a[i].loss, &b[i].loss, sizeof a[i].loss);
        assert_memory_equal(a[i].metrics, b[i].metrics, net->spec.n_metrics * sizeof a[i].metrics[0]);
        assert_int_equal(a[i].step, b[i].step);
    }
}

static void same_bits_whatever_the_chunks(void **state)
{
    (void)state;
    enum { N = 6 };
    for (int large = 0; large < (net_small() ? 1 : 2); large++) {
        test_net net;
        full_net(&net, large);
        size_t n = net_n_state(&net);
        float *first = calloc(3 * n, sizeof *first), *again = first + n, *single = again + n;
        xt_epoch rows[3][N];
        assert_non_null(first);
        train_in_steps(&net, N, N, rows[0], first);
        train_in_steps(&net, N, N, rows[1], again);
        train_in_steps(&net, N, 1, rows[2], single);
        assert_memory_equal(again, first, n * sizeof *first);
        assert_memory_equal(single, first, n * sizeof *first);
        assert_same_rows(&net, rows[1], rows[0], N);
        assert_same_rows(&net, rows[2], rows[0], N);
        free(first);
        net_clear(&net);
    }
}

static void state_goes_round(void **state)
{
    (void)state;
    test_net net;
    full_net(&net, false);
    size_t n = net_n_state(&net);
    float *given = calloc(4 * n, sizeof *given), *got = given + n, *straight = got + n, *resumed = straight + n;
    xt_epoch rows[4], more[2];
    xt_err err;
    assert_non_null(given);
    for (size_t i = 0; i < n; i++)
        given[i] = (float)i * 0.25f - 3;
    xt_engine *gemm = net_open(&net, XT_ENGINE_gemm);
    net_ok(gemm->ops->read_state(gemm, got, &err), &err);
    assert_memory_equal(got, net.state, n * sizeof *got);
    net_ok(gemm->ops->write_state(gemm, given, &err), &err);
    net_ok(gemm->ops->read_state(gemm, got, &err), &err);
    assert_memory_equal(got, given, n * sizeof *got);
    xt_engine_close(&gemm);

    /* Interrupted after two epochs, and gone on with in a new engine. */
    train_in_steps(&net, 4, 4, rows, straight);
    train_in_steps(&net, 2, 2, more, net.state);
    gemm = net_open(&net, XT_ENGINE_gemm);
    net_ok(gemm->ops->train(gemm, 2, 2, more, &err), &err);
    net_ok(gemm->ops->read_state(gemm, resumed, &err), &err);
    assert_memory_equal(resumed, straight, n * sizeof *got);
    assert_same_rows(&net, more, rows + 2, 2);
    xt_engine_close(&gemm);
    free(given);
    net_clear(&net);
}

/* ---- predicting ---- */

static void predicts_without_data(void **state)
{
    (void)state;
    test_net net;
    full_net(&net, false);
    enum { ROWS = 300 }; /* more than one batch of predicting */
    uint64_t stream = 9;
    float *inputs = calloc(ROWS * (net.plan.n_inputs + 2 * net.plan.n_outputs), sizeof *inputs);
    float *got = inputs + ROWS * net.plan.n_inputs, *expected = got + ROWS * net.plan.n_outputs;
    xt_err err;
    assert_non_null(inputs);
    for (size_t i = 0; i < ROWS * net.plan.n_inputs; i++)
        inputs[i] = net_uniform(&stream, -1, 1);
    xt_engine *gemm = net_open_to_predict(&net, XT_ENGINE_gemm);
    xt_engine *reference = net_open_to_predict(&net, XT_ENGINE_reference);
    net_ok(gemm->ops->outputs(gemm, inputs, ROWS, got, &err), &err);
    net_ok(reference->ops->outputs(reference, inputs, ROWS, expected, &err), &err);
    assert_true(net_distance(got, expected, ROWS * net.plan.n_outputs) < gradient_tolerance);
    net_ok(gemm->ops->outputs(gemm, inputs, 0, got, &err), &err);
    xt_engine_close(&gemm);
    xt_engine_close(&reference);
    free(inputs);
    net_clear(&net);
}

static void facts_are_filled(void **state)
{
    (void)state;
    test_net net;
    full_net(&net, !net_small());
    xt_engine *gemm = net_open(&net, XT_ENGINE_gemm);
    const xt_engine_facts *facts = &gemm->facts;
    assert_string_equal(facts->engine, "gemm");
    assert_true(facts->device[0] && facts->platform[0] && facts->driver[0] && facts->device_type[0]);
    assert_non_null(strchr(facts->device_index, ':'));
    assert_true(facts->device_bytes > net_n_state(&net) * sizeof(float));
    if (!net_small())
        assert_non_null(strstr(facts->blas, "clblast"));
    xt_engine_close(&gemm);
    xt_engine_close(&gemm);
    net_clear(&net);
}

/* ---- failures ---- */

static void too_much_is_an_error(void **state)
{
    (void)state;
    test_net net;
    xt_err err;
    xt_engine *gemm = NULL;
    full_net(&net, false);
    net.spec.engine = XT_ENGINE_gemm;
    net.spec.device = "name:no such device";
    assert_int_equal(xt_engine_open(&net.plan, &net.data, net.state, &gemm, &err), XT_NO_DEVICE);
    assert_null(gemm);
    net.spec.device = "auto";
    net.plan.n_inputs = (size_t)1 << 30; /* a batch of 4 of these is more than 32 bits count */
    assert_int_equal(xt_engine_open(&net.plan, &net.data, net.state, &gemm, &err), XT_FAILED);
    assert_non_null(strstr(err.text, "train.batch_size"));
    assert_null(gemm);
    net_clear(&net);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parity_with_the_reference), cmocka_unit_test(same_bits_whatever_the_chunks),
        cmocka_unit_test(state_goes_round),          cmocka_unit_test(predicts_without_data),
        cmocka_unit_test(facts_are_filled),          cmocka_unit_test(too_much_is_an_error),
    };
    return cmocka_run_group_tests_name("gemm", tests, NULL, NULL);
}
