/* The reference engine: what an epoch reports, the order of its rows and its
 * updates against computations by hand. */
#include "model/metrics.h"
#include "model/ops.h"
#include "model/rng.h"
#include "engine/layerwise.h"
#include "nets.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static xt_err err;

/* 5 rows, batches of 2, 2 and 1. */
static void small(unit_net *net)
{
    unit_net_make(net, &(unit_shape){5, 1, {1}, "linear", "mse", 2, 17});
}

typedef struct line {
    double w, b;
} line;

static double line_loss(const unit_net *net, line l, size_t first, size_t n)
{
    double sum = 0;
    for (size_t i = first; i < first + n; i++) {
        double d = l.w * (double)net->data.inputs[i] + l.b - (double)net->data.targets[i];
        sum += d * d;
    }
    return sum;
}

static line line_step(const unit_net *net, line l, size_t first, size_t n)
{
    double gw = 0, gb = 0, lr = (double)net->spec.optimizer.values[0];
    for (size_t i = first; i < first + n; i++) {
        double x = (double)net->data.inputs[i], d = l.w * x + l.b - (double)net->data.targets[i];
        gw += 2 * d * x / (double)n;
        gb += 2 * d / (double)n;
    }
    return (line){l.w - lr * gw, l.b - lr * gb};
}

static const char *const report_names[] = {"running", "post_update", "eval"};

/* A line fitted by hand: what each report says of its second epoch. */
static void loss_report(void **state)
{
    xt_loss_report report = (xt_loss_report)(uintptr_t)*state;
    static const size_t batches[][2] = {{0, 2}, {2, 2}, {4, 1}};
    unit_net net;
    small(&net);
    net.spec.loss_report = report;
    float *params = unit_net_state(&net);
    line l = {(double)params[0], (double)params[1]};
    xt_epoch rows[2];
    double sums[3] = {0, 0, 0};
    for (int epoch = 0; epoch < 2; epoch++) {
        memset(sums, 0, sizeof sums);
        for (size_t i = 0; i < 3; i++) {
            sums[XT_REPORT_RUNNING] += line_loss(&net, l, batches[i][0], batches[i][1]);
            l = line_step(&net, l, batches[i][0], batches[i][1]);
            sums[XT_REPORT_POST_UPDATE] += line_loss(&net, l, batches[i][0], batches[i][1]);
        }
        sums[XT_REPORT_EVAL] = line_loss(&net, l, 0, 5);
    }
    xt_engine *engine = unit_net_open(&net, params);
    unit_train(engine, 0, 2, rows);
    unit_near(rows[1].loss, sums[report] / 5, 1e-6, "loss");
    for (int other = 0; other < 3; other++)
        if (other != (int)report)
            assert_true(fabs(rows[1].loss - sums[other] / 5) > 1e-4);
    assert_int_equal(rows[0].step, 3);
    assert_int_equal(rows[1].step, 6);
    assert_true(rows[1].learning_rate == net.spec.optimizer.values[0]);
    float *end = unit_state_of(engine);
    unit_near((double)end[0], l.w, 1e-6, "weight");
    unit_near((double)end[1], l.b, 1e-6, "bias");
    free(end);
    free(params);
    xt_engine_close(&engine);
    unit_net_clear(&net);
}

/* With eval the metrics are those of the outputs after the epoch. */
static void metrics_are_of_the_outputs(void **state)
{
    (void)state;
    unit_net net;
    unit_net_make(&net, &(unit_shape){50, 3, {4, 2}, "tanh", "mse", 16, 11});
    net.spec.loss_report = XT_REPORT_EVAL;
    net.spec.n_metrics = 3;
    net.metrics[0] = xt_choose(&xt_metrics, "rmse");
    net.metrics[1] = xt_choose(&xt_metrics, "accuracy");
    net.metrics[2] = xt_choose(&xt_metrics, "mae");
    xt_engine *engine = unit_net_open(&net, NULL);
    xt_epoch row;
    unit_train(engine, 0, 1, &row);
    float a[100];
    const float *y = net.data.targets;
    assert_int_equal(engine->ops->evaluate(engine, net.data.inputs, NULL, 50, a, NULL, &err), XT_OK);
    double squares[2] = {0, 0}, errors = 0, right = 0;
    for (size_t i = 0; i < 50; i++) {
        right += (a[2 * i] >= a[2 * i + 1]) == (y[2 * i] >= y[2 * i + 1]);
        for (size_t j = 2 * i; j < 2 * i + 2; j++) {
            double d = (double)a[j] - (double)y[j];
            squares[j % 2] += d * d;
            errors += fabs(d);
        }
    }
    unit_near(row.loss, (squares[0] + squares[1]) / 100, 1e-6, "loss");
    unit_near(row.metrics[0], (sqrt(squares[0] / 50) + sqrt(squares[1] / 50)) / 2, 1e-6, "rmse, a mean over outputs");
    unit_near(row.metrics[1], right / 50, 1e-12, "accuracy");
    unit_near(row.metrics[2], errors / 100, 1e-6, "mae");
    xt_engine_close(&engine);
    unit_net_clear(&net);
}

static void assert_same_rows(const xt_epoch *a, const xt_epoch *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        assert_memory_equal(&a[i].loss, &b[i].loss, sizeof a[i].loss);
        assert_int_equal(a[i].step, b[i].step);
    }
}

/* shuffle, momentum and a short last batch: everything that depends on the epoch */
static void busy(unit_net *net)
{
    unit_net_make(net, &(unit_shape){13, 3, {5, 2}, "tanh", "mse", 4, 23});
    net->spec.shuffle = true;
    net->spec.optimizer.values[1] = 0.9f;
}

static void one_by_one_is_all_at_once(void **state)
{
    (void)state;
    enum { N = 20 };
    unit_net net;
    busy(&net);
    xt_epoch once[N], single[N];
    xt_engine *all = unit_net_open(&net, NULL), *each = unit_net_open(&net, NULL);
    unit_train(all, 0, N, once);
    for (uint32_t i = 0; i < N; i++)
        unit_train(each, i, 1, &single[i]);
    assert_same_rows(once, single, N);
    float *a = unit_state_of(all), *b = unit_state_of(each);
    assert_memory_equal(a, b, unit_net_n_state(&net) * sizeof *a);
    free(a);
    free(b);
    xt_engine_close(&all);
    xt_engine_close(&each);
    assert_null(all);
    xt_engine_close(&all);
    unit_net_clear(&net);
}

static void state_round_trip(void **state)
{
    (void)state;
    unit_net net;
    busy(&net);
    xt_epoch rows[10], again[10];
    xt_engine *engine = unit_net_open(&net, NULL);
    unit_train(engine, 0, 5, NULL);
    float *middle = unit_state_of(engine);
    unit_train(engine, 5, 10, rows);
    float *end = unit_state_of(engine);
    xt_engine *other = unit_net_open(&net, middle);
    unit_train(other, 5, 10, again);
    float *other_end = unit_state_of(other);
    assert_same_rows(rows, again, 10);
    assert_memory_equal(end, other_end, unit_net_n_state(&net) * sizeof *end);
    assert_memory_not_equal(middle, end, unit_net_n_state(&net) * sizeof *end);
    /* Without its momentum the run goes on differently: the state is used. */
    memset(middle + net.plan.n_params, 0, net.plan.n_params * sizeof *middle);
    assert_int_equal(other->ops->write_state(other, middle, &err), XT_OK);
    unit_train(other, 5, 10, again);
    assert_true(again[9].loss != rows[9].loss);
    free(middle);
    free(end);
    free(other_end);
    xt_engine_close(&engine);
    xt_engine_close(&other);
    unit_net_clear(&net);
}

/* Looking at gradients or predicting between epochs leaves no trace. */
static void gradients_and_outputs_change_nothing(void **state)
{
    (void)state;
    unit_net net;
    busy(&net);
    xt_epoch plain[6], watched[6];
    float gradients_out[32], outputs[26];
    double loss;
    xt_engine *a = unit_net_open(&net, NULL), *b = unit_net_open(&net, NULL);
    assert_int_equal(net.plan.n_params, 32);
    unit_train(a, 0, 6, plain);
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(b->ops->gradients(b, 4, 3, &loss, gradients_out, &err), XT_OK);
        assert_int_equal(b->ops->evaluate(b, net.data.inputs, NULL, 13, outputs, NULL, &err), XT_OK);
        unit_train(b, i, 1, &watched[i]);
    }
    assert_same_rows(plain, watched, 6);
    xt_engine_close(&a);
    xt_engine_close(&b);
    unit_net_clear(&net);
}

/* Rows first .. of a data set in the documented order of an epoch. */
static void permute(unit_net *to, const unit_net *from, uint32_t epoch)
{
    size_t n = from->data.n_rows, inputs = from->data.n_inputs, targets = from->data.n_targets;
    uint32_t order[32];
    uint64_t work[64];
    assert_true(n <= 32);
    xt_shuffle(from->spec.seed, epoch, n, order, work);
    for (size_t i = 0; i < n; i++) {
        memcpy(to->data.inputs + i * inputs, from->data.inputs + order[i] * inputs, inputs * sizeof(float));
        memcpy(to->data.targets + i * targets, from->data.targets + order[i] * targets, targets * sizeof(float));
    }
}

/* A shuffled epoch is an unshuffled one on rows laid out in that order. */
static void shuffle_is_the_documented_order(void **state)
{
    (void)state;
    unit_net net, laid;
    busy(&net);
    busy(&laid);
    laid.spec.shuffle = false;
    xt_engine *shuffled = unit_net_open(&net, NULL), *plain = unit_net_open(&laid, NULL);
    for (uint32_t epoch = 0; epoch < 3; epoch++) {
        xt_epoch a, b;
        permute(&laid, &net, epoch);
        unit_train(shuffled, epoch, 1, &a);
        unit_train(plain, epoch, 1, &b);
        assert_same_rows(&a, &b, 1);
    }
    float *a = unit_state_of(shuffled), *b = unit_state_of(plain);
    assert_memory_equal(a, b, unit_net_n_state(&net) * sizeof *a);
    free(a);
    free(b);
    xt_engine_close(&shuffled);
    xt_engine_close(&plain);
    unit_net_clear(&net);
    unit_net_clear(&laid);
}

/* v = g, then v = mu v + g over batches and epochs; nesterov looks ahead. */
static void momentum(void **state)
{
    bool nesterov = *state != NULL;
    unit_net net;
    small(&net);
    net.spec.batch_size = 5;
    net.spec.optimizer.values[1] = 0.8f;
    net.spec.optimizer.values[2] = nesterov;
    float *params = unit_net_state(&net);
    double lr = (double)net.spec.optimizer.values[0], mu = (double)0.8f;
    line l = {(double)params[0], (double)params[1]}, v = {0, 0};
    for (int t = 1; t <= 4; t++) {
        line next = line_step(&net, l, 0, 5), g = {(l.w - next.w) / lr, (l.b - next.b) / lr};
        v = t == 1 ? g : (line){mu * v.w + g.w, mu * v.b + g.b};
        line step = nesterov ? (line){g.w + mu * v.w, g.b + mu * v.b} : v;
        l = (line){l.w - lr * step.w, l.b - lr * step.b};
    }
    xt_engine *engine = unit_net_open(&net, params);
    unit_train(engine, 0, 4, NULL);
    float *end = unit_state_of(engine);
    unit_near((double)end[0], l.w, 1e-6, "weight");
    unit_near((double)end[1], l.b, 1e-6, "bias");
    unit_near((double)end[2], v.w, 1e-5, "the weight's momentum");
    unit_near((double)end[3], v.b, 1e-5, "the bias's momentum");
    free(end);
    free(params);
    xt_engine_close(&engine);
    unit_net_clear(&net);
}

static void divergence_shows(void **state)
{
    const char *activation = *state;
    unit_net net;
    unit_net_make(&net, &(unit_shape){13, 3, {5, 2}, activation, "mse", 4, 23});
    net.layers[1].activation = xt_choose(&xt_activations, "linear");
    net.spec.optimizer.values[0] = 1e30f;
    unit_net_plan(&net);
    xt_epoch rows[5];
    xt_engine *engine = unit_net_open(&net, NULL);
    unit_train(engine, 0, 5, rows);
    for (size_t i = 1; i < 5; i++)
        assert_true(!isfinite(rows[i].loss));
    xt_engine_close(&engine);
    unit_net_clear(&net);
}

static void opens_without_data_to_predict(void **state)
{
    (void)state;
    unit_net net;
    unit_net_make(&net, &(unit_shape){600, 3, {5, 2}, "tanh", "mse", 7, 23});
    float *initial = unit_net_state(&net);
    float *with = calloc(1200, sizeof *with), *without = calloc(1200, sizeof *without);
    xt_engine *training = unit_net_open(&net, initial), *predicting = NULL;
    assert_int_equal(xt_engine_open(&net.plan, NULL, initial, &predicting, &err), XT_OK);
    assert_int_equal(training->ops->evaluate(training, net.data.inputs, NULL, 600, with, NULL, &err), XT_OK);
    assert_int_equal(predicting->ops->evaluate(predicting, net.data.inputs, NULL, 600, without, NULL, &err), XT_OK);
    assert_memory_equal(with, without, 1200 * sizeof *with);
    assert_string_equal(predicting->facts.engine, "reference");
    assert_string_equal(predicting->facts.device, "host");
    free(with);
    free(without);
    free(initial);
    xt_engine_close(&training);
    xt_engine_close(&predicting);
    unit_net_clear(&net);
}

/* ---- weights of rows ---- */

static void give_weights(unit_net *net, size_t n, float weight)
{
    xt_dataset *data = &net->data;
    data->weights = xt_arena_alloc(&data->arena, n, sizeof(float));
    data->shares = xt_arena_alloc(&data->arena, n, sizeof(float));
    assert_true(data->weights && data->shares);
    for (size_t i = 0; i < n; i++)
        data->weights[i] = data->shares[i] = weight * (float)(1 + i % 3);
}

/* A float that adds a hundred thousand others loses a thousandth of itself. */
static void shares_of_a_large_batch(void **state)
{
    (void)state;
    enum { N = 300000 };
    unit_net net;
    unit_net_make(&net, &(unit_shape){N, 1, {1}, "linear", "mse", N, 1});
    give_weights(&net, N, 0.1f);
    unit_near((double)xt_layerwise_shares(&net.data, NULL, 0, N), 2 * (double)0.1f * N, 0.05, "a batch");
    unit_near(xt_layerwise_all_shares(&net.data), 2 * (double)0.1f * N, 1e-3, "all rows");
    unit_net_clear(&net);
}

/* A pass after the epoch is a mean over all rows: batches and their order are nothing to it. */
static void eval_of_weighted_rows(void **state)
{
    (void)state;
    double first = 0;
    for (uint32_t batch = 1; batch <= 64; batch *= 4)
        for (int shuffle = 0; shuffle < 2; shuffle++) {
            unit_net net;
            xt_epoch row;
            unit_net_make(&net, &(unit_shape){50, 3, {4, 3}, "tanh", "cross_entropy", batch, 2});
            give_weights(&net, 50, 0.7f);
            net.spec.loss_report = XT_REPORT_EVAL;
            net.spec.shuffle = shuffle;
            net.spec.optimizer.values[0] = 1e-30f;
            xt_engine *engine = unit_net_open(&net, NULL);
            unit_train(engine, 0, 1, &row);
            float outputs[150], losses[50];
            assert_int_equal(engine->ops->evaluate(engine, net.data.inputs, net.data.targets, 50, outputs, losses, &err), XT_OK);
            first = first > 0 ? first : row.loss;
            unit_near(row.loss, first, 1e-7, "batches of %u", batch);
            unit_near(row.loss, xt_engine_mean_loss(&net.plan, losses, &net.data), 1e-7, "as validation");
            xt_engine_close(&engine);
            unit_net_clear(&net);
        }
}

int main(void)
{
    for (uintptr_t report = 0; report < 3; report++)
        unit_case(loss_report, (const void *)report, "loss_report %s", report_names[report]);
    UNIT_CASE(metrics_are_of_the_outputs);
    UNIT_CASE(one_by_one_is_all_at_once);
    UNIT_CASE(state_round_trip);
    UNIT_CASE(gradients_and_outputs_change_nothing);
    UNIT_CASE(shuffle_is_the_documented_order);
    unit_case(momentum, NULL, "momentum");
    unit_case(momentum, "nesterov", "momentum nesterov");
    unit_case(divergence_shows, "relu", "divergence_shows relu");
    unit_case(divergence_shows, "tanh", "divergence_shows tanh");
    unit_case(divergence_shows, "sigmoid", "divergence_shows sigmoid");
    UNIT_CASE(shares_of_a_large_batch);
    UNIT_CASE(eval_of_weighted_rows);
    UNIT_CASE(opens_without_data_to_predict);
    return unit_run("reference");
}
