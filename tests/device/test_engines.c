/* Every engine that computes on a device against the reference engine, on random
 * networks, and what an engine promises beyond its numbers. */
#include "net.h"

#include "../unit/cases.h"
#include "engine/gradcheck.h"
#include "model/init.h"
#include "model/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- parity ---- */

/* One gradient of at most 170 terms a sum, through at most four layers: each
 * sum is off by some 1e-6 of its largest term (one rounding is 6e-8), and the
 * device's exp and tanh by 16 ulp and less. */
static const double gradient_tolerance = 2e-5;

/* Where outputs come near their targets, gradients are multiples of what is left between them, which has the rounding
 * of outputs around 1: up to 1e-6. */
static double gradient_room(double loss)
{
    return gradient_tolerance + 1e-6 / sqrt(loss);
}

static void compare_gradients(const test_net *net, xt_engine *engine, xt_engine *reference)
{
    size_t n = net->plan.n_params;
    size_t rows = net->spec.batch_size < net->data.n_rows ? net->spec.batch_size : net->data.n_rows;
    float *got = calloc(2 * n, sizeof *got), *expected = got + n;
    double loss, expected_loss;
    xt_err err;
    assert_non_null(got);
    for (size_t first = 0; first + rows <= net->data.n_rows; first += rows) {
        net_ok(engine->ops->gradients(engine, first, rows, &loss, got, &err), &err);
        net_ok(reference->ops->gradients(reference, first, rows, &expected_loss, expected, &err), &err);
        if (!(net_distance(got, expected, n) < gradient_room(expected_loss)))
            fail_msg("%s: gradients of rows from %zu differ by %g", net->text, first, net_distance(got, expected, n));
        /* A loss that is small has the rounding of outputs around 1, whose difference from the targets it is. */
        if (!(fabs(loss - expected_loss) <= gradient_tolerance * (expected_loss + 0.1)))
            fail_msg("%s: loss %.9g is not %.9g", net->text, loss, expected_loss);
    }
    free(got);
}

enum { EPOCHS = 3 };

static void compare_rows(const test_net *net, const xt_epoch *got, const xt_epoch *expected, size_t n, double tolerance)
{
    for (size_t e = 0; e < n; e++) {
        if (!(fabs(got[e].loss - expected[e].loss) <= tolerance * (expected[e].loss + 0.01)))
            fail_msg("%s: epoch %zu: loss %.9g is not %.9g", net->text, e, got[e].loss, expected[e].loss);
        for (size_t i = 0; i < net->spec.n_metrics; i++) {
            double value = expected[e].metrics[i];
            /* An output may lie on the threshold: one row's worth of accuracy. */
            double room = i == 0 /* accuracy */ ? 1.001 / (double)net->data.n_rows
                                                                         : tolerance * (value + 0.01);
            if (!(fabs(got[e].metrics[i] - value) <= room))
                fail_msg("%s: epoch %zu: metric %zu %.9g is not %.9g", net->text, e, i, got[e].metrics[i], value);
        }
        assert_int_equal(got[e].step, expected[e].step);
        assert_memory_equal(&got[e].learning_rate, &expected[e].learning_rate, sizeof got[e].learning_rate);
    }
}

static void compare_outputs(const test_net *net, xt_engine *engine, xt_engine *reference, double tolerance)
{
    size_t n = net->data.n_rows * net->plan.n_outputs;
    float *got = calloc(2 * n, sizeof *got), *expected = got + n;
    xt_err err;
    assert_non_null(got);
    net_ok(engine->ops->evaluate(engine, net->data.inputs, NULL, net->data.n_rows, got, NULL, &err), &err);
    net_ok(reference->ops->evaluate(reference, net->data.inputs, NULL, net->data.n_rows, expected, NULL, &err), &err);
    if (!(net_distance(got, expected, n) <= tolerance))
        fail_msg("%s: outputs differ by %g", net->text, net_distance(got, expected, n));
    free(got);
}

static void compare_training(test_net *net, xt_engine *engine, xt_engine *reference)
{
    size_t n = net_n_state(net);
    float *got = calloc(2 * n, sizeof *got), *expected = got + n;
    xt_epoch rows[EPOCHS], expected_rows[EPOCHS];
    /* Tens of updates, each off as a gradient is. Where a derivative jumps, an
     * update may take the other side of it for some row; what divides by the
     * gradient's size makes more of that. */
    bool can_jump = net_can_jump(net), divides = net->spec.optimizer.kind != XT_OPT_sgd;
    double tolerance = can_jump ? 0.05 : divides ? 2e-3 : 2e-4;
    xt_err err;
    assert_non_null(got);
    net_ok(engine->ops->train(engine, 0, EPOCHS, rows, &err), &err);
    net_ok(reference->ops->train(reference, 0, EPOCHS, expected_rows, &err), &err);
    if (can_jump && divides) {
        assert_true(fabs(rows[0].loss - expected_rows[0].loss) <= 0.2 * (expected_rows[0].loss + 0.01));
        free(got);
        return;
    }
    net_ok(engine->ops->read_state(engine, got, &err), &err);
    net_ok(reference->ops->read_state(reference, expected, &err), &err);
    double drift = net_drift(got, expected, net->state, n);
    if (!net_explains(net, EPOCHS, drift, tolerance))
        fail_msg("%s: parameters differ by %g of what training changed", net->text, drift);
    /* Of a training that drifted, or runs away, losses and outputs say nothing more: rounding grows in it. */
    bool runs_away = !(expected_rows[EPOCHS - 1].loss < 10 * expected_rows[0].loss + 1);
    if (drift <= tolerance && !runs_away) {
        compare_rows(net, rows, expected_rows, EPOCHS, tolerance);
        compare_outputs(net, engine, reference, tolerance);
    }
    free(got);
}

/* Random networks of a full run: two rounds through the activations and more, and
 * some that CLBlast serves. */
enum { CASES = 50, LARGE_CASES = 5, ALL_CASES = CASES + LARGE_CASES };

/* Those of a small one, where what is read and written counts: together every kernel, and every way through it. */
static const size_t small_cases[] = {
    418, /* softmax; rows again after the update; dropout, penalties, a clipped norm, weights, two slots */
    9,   /* while it trains; clipped values, one slot */
    20,  /* after the epoch; weights, no slot */
};
enum { SMALL_CASES = sizeof small_cases / sizeof small_cases[0] };

typedef struct parity_case {
    const net_subject *subject;
    size_t which;
    bool large;
} parity_case;

static uint64_t seed;

static void parity_with_the_reference(void **state)
{
    const parity_case *row = *state;
    test_net net;
    net_random_case(&net, row->which, row->large, seed);
    xt_engine *engine = net_open_subject(&net, row->subject);
    xt_engine *reference = net_open(&net, XT_ENGINE_reference);
    compare_outputs(&net, engine, reference, gradient_tolerance);
    compare_gradients(&net, engine, reference);
    compare_training(&net, engine, reference);
    xt_engine_close(&engine);
    xt_engine_close(&reference);
    net_clear(&net);
}

/* ---- finite differences ---- */

static void gradients_are_slopes(void **state)
{
    const net_subject *subject = *state;
    enum { ROWS = 4 };
    test_net net;
    xt_gradcheck check;
    double loss;
    xt_err err;
    net_full(&net, false);
    float *gradients = calloc(net.plan.n_params, sizeof *gradients);
    assert_non_null(gradients);
    xt_engine *engine = net_open_subject(&net, subject);
    net_ok(engine->ops->gradients(engine, 5, ROWS, &loss, gradients, &err), &err);
    net_ok(xt_gradcheck_run(&net.plan, &net.data, net.state, 5, ROWS, gradients, 0, 1e-3, NULL, &check, &err), &err);
    assert_int_equal(check.n_checked, net.plan.n_params);
    if (!check.passed)
        fail_msg("gradient %zu is off by %g", check.worst, check.max_difference);
    assert_true(fabs(loss - check.loss) < 1e-6);
    xt_engine_close(&engine);
    free(gradients);
    net_clear(&net);
}

/* ---- bits ---- */

/* Trains epochs 0 .. n - 1, `step` of them a call. */
static void train_in_steps(test_net *net, const net_subject *subject, uint32_t n, uint32_t step, xt_epoch *rows,
                           float *state)
{
    xt_engine *engine = net_open_subject(net, subject);
    xt_err err;
    for (uint32_t first = 0; first < n; first += step)
        net_ok(engine->ops->train(engine, first, step, rows + first, &err), &err);
    net_ok(engine->ops->read_state(engine, state, &err), &err);
    xt_engine_close(&engine);
}

static void same_bits_whatever_the_chunks(void **state)
{
    const net_subject *subject = *state;
    enum { N = NET_EPOCHS };
    for (int large = 0; large < 2; large++) {
        test_net net;
        net_full(&net, large);
        size_t n = net_n_state(&net);
        float *first = calloc(3 * n, sizeof *first), *again = first + n, *single = again + n;
        xt_epoch rows[3][N];
        assert_non_null(first);
        train_in_steps(&net, subject, N, N, rows[0], first);
        train_in_steps(&net, subject, N, N, rows[1], again);
        train_in_steps(&net, subject, N, 1, rows[2], single);
        assert_memory_equal(again, first, n * sizeof *first);
        assert_memory_equal(single, first, n * sizeof *first);
        net_same_rows(&net, rows[1], rows[0], N);
        net_same_rows(&net, rows[2], rows[0], N);
        free(first);
        net_clear(&net);
    }
}

/* An engine trains what it is told, whatever the configuration says of the length. */
static void more_epochs_than_the_spec_has(void **state)
{
    const net_subject *subject = *state;
    test_net net;
    net_full(&net, false);
    size_t n = net_n_state(&net);
    float *got = calloc(2 * n, sizeof *got), *expected = got + n;
    xt_epoch rows[NET_EPOCHS], expected_rows[NET_EPOCHS];
    assert_non_null(got);
    train_in_steps(&net, subject, NET_EPOCHS, NET_EPOCHS, expected_rows, expected);
    net.spec.epochs = 2;
    train_in_steps(&net, subject, NET_EPOCHS, NET_EPOCHS, rows, got);
    net_same_rows(&net, rows, expected_rows, NET_EPOCHS);
    assert_memory_equal(got, expected, n * sizeof *got);
    free(got);
    net_clear(&net);
}

static void state_goes_round(void **state)
{
    const net_subject *subject = *state;
    test_net net;
    net_full(&net, false);
    size_t n = net_n_state(&net);
    float *given = calloc(4 * n, sizeof *given), *got = given + n, *straight = got + n, *resumed = straight + n;
    xt_epoch rows[4], more[2];
    xt_err err;
    assert_non_null(given);
    for (size_t i = 0; i < n; i++)
        given[i] = (float)i * 0.25f - 3;
    xt_engine *engine = net_open_subject(&net, subject);
    net_ok(engine->ops->read_state(engine, got, &err), &err);
    assert_memory_equal(got, net.state, n * sizeof *got);
    net_ok(engine->ops->write_state(engine, given, &err), &err);
    net_ok(engine->ops->read_state(engine, got, &err), &err);
    assert_memory_equal(got, given, n * sizeof *got);
    xt_engine_close(&engine);

    /* Interrupted after two epochs, and gone on with in a new engine. */
    train_in_steps(&net, subject, 4, 4, rows, straight);
    train_in_steps(&net, subject, 2, 2, more, net.state);
    engine = net_open_subject(&net, subject);
    net_ok(engine->ops->train(engine, 2, 2, more, &err), &err);
    net_ok(engine->ops->read_state(engine, resumed, &err), &err);
    assert_memory_equal(resumed, straight, n * sizeof *got);
    net_same_rows(&net, more, rows + 2, 2);
    xt_engine_close(&engine);
    free(given);
    net_clear(&net);
}

/* ---- far out ---- */

/* The slope of what is saturated is exact: nothing that it is multiplied by brings a rounding back. */
static void saturated_slopes(void **state)
{
    static const char *const names[] = {"gelu_tanh", "mish", "tanh", "sigmoid"};
    static const float far[] = {-1e6f, -100, -20, 20, 100, 1e6f};
    const net_subject *subject = *state;
    uint64_t stream = 3;
    xt_err err;
    for (size_t i = 0; i < 4; i++) {
        test_net net;
        net_begin(&net);
        net_add_layer(&net, 1, names[i]);
        net.layers[0].weight = net.layers[0].bias = xt_choose(&xt_initializers, "zeros");
        net_finish(&net, 6, 1, &stream);
        net.state[0] = 1;
        xt_engine *engine = net_open_subject(&net, subject), *reference = net_open(&net, XT_ENGINE_reference);
        for (size_t r = 0; r < 6; r++) {
            float out, expected;
            net_ok(engine->ops->evaluate(engine, &far[r], NULL, 1, &out, NULL, &err), &err);
            net_ok(reference->ops->evaluate(reference, &far[r], NULL, 1, &expected, NULL, &err), &err);
            if (!(fabsf(out - expected) <= 2e-6f * (1 + fabsf(expected))))
                fail_msg("%s(%g) is %.9g, not %.9g", names[i], (double)far[r], (double)out, (double)expected);
        }
        xt_engine_close(&engine);
        xt_engine_close(&reference);
        /* By mae the bias' gradient is the slope, towards a target far above. */
        for (size_t r = 0; r < 6; r++) {
            net.data.inputs[r] = far[r];
            net.data.targets[r] = 3e8f;
        }
        net_set_loss(&net, XT_LOSS_mae);
        engine = net_open_subject(&net, subject);
        for (size_t r = 0; r < 6; r++) {
            double loss, slope = (double)far[r] > 0 && i < 2 ? -1 : 0;
            float gradients[2];
            net_ok(engine->ops->gradients(engine, r, 1, &loss, gradients, &err), &err);
            if (!(fabs((double)gradients[1] - slope) <= 1e-6))
                fail_msg("the slope of %s at %g is %.9g, not %g", names[i], (double)far[r], (double)-gradients[1], -slope);
        }
        xt_engine_close(&engine);
        net_clear(&net);
    }
}

/* ---- predicting ---- */

static void predicts_without_data(void **state)
{
    const net_subject *subject = *state;
    test_net net;
    net_full(&net, false);
    enum { ROWS = 1100 }; /* more than one batch of predicting */
    size_t n_rows = net_small() ? 300 : ROWS;
    uint64_t stream = 9;
    float *inputs = calloc(ROWS * (net.plan.n_inputs + 2 * net.plan.n_outputs), sizeof *inputs);
    float *got = inputs + ROWS * net.plan.n_inputs, *expected = got + ROWS * net.plan.n_outputs;
    xt_err err;
    assert_non_null(inputs);
    for (size_t i = 0; i < ROWS * net.plan.n_inputs; i++)
        inputs[i] = net_uniform(&stream, -1, 1);
    xt_engine *engine = net_open_subject_to_predict(&net, subject);
    xt_engine *reference = net_open_to_predict(&net, XT_ENGINE_reference);
    net_ok(engine->ops->evaluate(engine, inputs, NULL, n_rows, got, NULL, &err), &err);
    net_ok(reference->ops->evaluate(reference, inputs, NULL, n_rows, expected, NULL, &err), &err);
    assert_true(net_distance(got, expected, n_rows * net.plan.n_outputs) < gradient_tolerance);
    net_ok(engine->ops->evaluate(engine, inputs, NULL, 0, got, NULL, &err), &err);
    xt_engine_close(&engine);
    xt_engine_close(&reference);
    free(inputs);
    net_clear(&net);
}

/* More rows than an engine measures at once, in batches that are smaller: the loss after the epoch is what evaluate
 * finds, but for the order of the sum. */
static void measures_all_rows(void **state)
{
    const net_subject *subject = *state;
    enum { ROWS = 1500 };
    static float outputs[ROWS * 2], losses[ROWS];
    uint64_t stream = net_seed();
    test_net net;
    xt_epoch row;
    xt_err err;
    net_begin(&net);
    net_add_layer(&net, 5, "tanh");
    net_add_layer(&net, 2, "linear");
    net.weighted = true;
    net.spec.shuffle = true;
    net.spec.batch_size = 100;
    net.spec.loss_report = XT_REPORT_EVAL;
    net_finish(&net, ROWS, 3, &stream);
    xt_engine *engine = net_open_subject(&net, subject);
    net_ok(engine->ops->train(engine, 0, 1, &row, &err), &err);
    net_ok(engine->ops->evaluate(engine, net.data.inputs, net.data.targets, ROWS, outputs, losses, &err), &err);
    double loss = xt_engine_mean_loss(&net.plan, losses, &net.data);
    unit_near(row.loss, loss, 1e-6 * loss, "the loss after the epoch");
    xt_engine_close(&engine);
    net_clear(&net);
}

static void facts_are_filled(void **state)
{
    const net_subject *subject = *state;
    test_net net;
    net_full(&net, true);
    xt_engine *engine = net_open_subject(&net, subject);
    const xt_engine_facts *facts = &engine->facts;
    assert_true(facts->device_bytes > net_n_state(&net) * sizeof(float));
    if (subject->by_blas) {
        assert_non_null(strstr(facts->blas, "clblast"));
        assert_non_null(strstr(facts->form, "CLBlast, set "));
    } else {
        assert_string_equal(facts->engine, xt_table_at(&xt_engine_names, subject->code)->name);
        assert_true(facts->device[0] && facts->platform[0] && facts->driver[0] && facts->device_type[0]);
        assert_non_null(strchr(facts->device_index, ':'));
    }
    if (subject->code == XT_ENGINE_gemm && strcmp(facts->device_type, "cpu") == 0)
        assert_non_null(strstr(facts->form, "tiles"));
    if (subject->code == XT_ENGINE_fused)
        assert_string_equal(facts->form, "general");
    xt_engine_close(&engine);
    xt_engine_close(&engine);
    net_clear(&net);
}

/* ---- failures ---- */

static void too_much_is_an_error(void **state)
{
    const net_subject *subject = *state;
    test_net net;
    xt_err err;
    xt_engine *engine = NULL;
    net_full(&net, false);
    net.spec.device = "name:no such device";
    assert_int_equal(net_try_subject(&net, subject, &engine, &err), XT_NO_DEVICE);
    assert_null(engine);
    net.spec.device = "auto";
    net.plan.n_inputs = (size_t)1 << 30; /* a batch of 4 of these is more than 32 bits count */
    assert_int_equal(net_try_subject(&net, subject, &engine, &err), XT_FAILED);
    assert_non_null(strstr(err.text, "train.batch_size"));
    assert_null(engine);
    net_clear(&net);
}

/* ---- the cases ---- */

/* Of values, or of what the host does, with kernels that run elsewhere. */
static void add_others(const net_subject *subject)
{
    unit_case(gradients_are_slopes, subject, "%s gradients_are_slopes", subject->name);
    unit_case(same_bits_whatever_the_chunks, subject, "%s same_bits_whatever_the_chunks", subject->name);
    unit_case(more_epochs_than_the_spec_has, subject, "%s more_epochs_than_the_spec_has", subject->name);
    unit_case(saturated_slopes, subject, "%s saturated_slopes", subject->name);
    unit_case(measures_all_rows, subject, "%s measures_all_rows", subject->name);
    unit_case(facts_are_filled, subject, "%s facts_are_filled", subject->name);
    unit_case(too_much_is_an_error, subject, "%s too_much_is_an_error", subject->name);
}

int main(void)
{
    static parity_case parities[NET_N_SUBJECTS][ALL_CASES];
    seed = net_seed();
    printf("XT_TEST_SEED=%llu\n", (unsigned long long)seed);
    for (size_t c = 0; c < NET_N_SUBJECTS; c++) {
        const net_subject *subject = &net_subjects[c];
        if (subject->code == XT_ENGINE_reference)
            continue;
        for (size_t i = 0; i < (net_small() ? SMALL_CASES : ALL_CASES); i++) {
            size_t which = net_small() ? small_cases[i] : i;
            parities[c][i] = (parity_case){subject, which, !net_small() && i >= CASES};
            unit_case(parity_with_the_reference, &parities[c][i], "%s parity_with_the_reference %zu", subject->name,
                      which);
        }
        unit_case(predicts_without_data, subject, "%s predicts_without_data", subject->name);
        /* The loop of the engines that go layer by layer is one; opening this one checks products, which takes long. */
        if (!net_small() || !subject->by_blas)
            unit_case(state_goes_round, subject, "%s state_goes_round", subject->name);
        if (!net_small())
            add_others(subject);
    }
    return unit_run("engines");
}
