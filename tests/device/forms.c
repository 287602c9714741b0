#include "forms.h"

#include "model/metrics.h"
#include "model/ops.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WISH(speciality, width, memory) {XT_FUSED_##speciality, width, true, XT_FUSED_##memory}

const test_form forms[N_FORMS] = {
    {"general 16 global", WISH(GENERAL, XT_LANES, GLOBAL)}, {"general 16 local", WISH(GENERAL, XT_LANES, LOCAL)},
    {"general 1 global", WISH(GENERAL, 1, GLOBAL)},         {"general 1 local", WISH(GENERAL, 1, LOCAL)},
    {"special", WISH(SPECIAL, XT_LANES, PRIVATE)},
};

static xt_device device_of(const test_net *net)
{
    xt_device device;
    xt_err err;
    xt_devices_prepare();
    net_ok(xt_device_select(net->spec.device, &device, &err), &err);
    return device;
}

bool form_allowed(const test_net *net, const test_form *form)
{
    /* What unrolls to more has no specialised form. */
    enum { SPECIAL_STEPS = 1100 };
    size_t rows = net->spec.batch_size < net->data.n_rows ? net->spec.batch_size : net->data.n_rows;
    xt_device device = device_of(net);
    xt_fused_shape shape;
    xt_err err;
    net_ok(xt_fused_lay_out(&net->plan, rows, &shape, &err), &err);
    if (form->wish.speciality == XT_FUSED_SPECIAL)
        return xt_device_is_cpu(&device) && xt_fused_n_steps(&shape) <= SPECIAL_STEPS;
    return form->wish.memory != XT_FUSED_LOCAL || xt_fused_fits(&shape, device.local_bytes);
}

xt_engine *form_open_wish(test_net *net, const xt_fused_wish *wish, const xt_dataset *data)
{
    xt_device device = device_of(net);
    xt_context *context = NULL;
    xt_engine *engine = NULL;
    xt_err err;
    net_ok(xt_context_open(&device, &context, &err), &err);
    net_ok(xt_fused_open_as(&net->plan, data, context, wish, &engine, &err), &err);
    net_ok(engine->ops->write_state(engine, net->state, &err), &err);
    return engine;
}

xt_engine *form_open(test_net *net, const test_form *form)
{
    return form_open_wish(net, &form->wish, &net->data);
}

xt_engine *form_open_to_predict(test_net *net, const test_form *form)
{
    return form_open_wish(net, &form->wish, NULL);
}

/* ---- trained ---- */

void train_epochs(test_net *net, xt_engine *engine, uint32_t all, uint32_t chunk, trained *out)
{
    xt_err err;
    memset(out, 0, sizeof *out);
    out->state = calloc(net_n_state(net), sizeof *out->state);
    assert_non_null(out->state);
    for (uint32_t first = 0; first < all; first += chunk) {
        uint32_t n = all - first < chunk ? all - first : chunk;
        net_ok(engine->ops->train(engine, first, n, out->rows + first, &err), &err);
    }
    net_ok(engine->ops->read_state(engine, out->state, &err), &err);
    xt_engine_close(&engine);
}

void train_all(test_net *net, xt_engine *engine, uint32_t chunk, trained *out)
{
    train_epochs(net, engine, net_epochs(), chunk, out);
}

void trained_clear(trained *t)
{
    free(t->state);
    t->state = NULL;
}

void same_training(const test_net *net, const char *what, const trained *got, const trained *expected)
{
    size_t n = 0, all = net_epochs();
    while (n < all && (isfinite(got->rows[n].loss) || isfinite(expected->rows[n].loss)))
        n++;
    printf("    %s: %s\n", net->text, what);
    net_same_rows(net, got->rows, expected->rows, n);
    for (size_t i = 0; n == all && i < net_n_state(net); i++)
        if (memcmp(&got->state[i], &expected->state[i], sizeof got->state[i]))
            fail_msg("state %zu of %zu: %.9g is not %.9g", i, net_n_state(net), (double)got->state[i],
                     (double)expected->state[i]);
}

void near_training(test_net *net, const char *what, const trained *got, const trained *expected)
{
    /* Rounding grows without bounds in a training that diverges. */
    uint32_t all = net_epochs();
    const xt_epoch *last = &expected->rows[all - 1];
    if (!(last->loss < 10 * expected->rows[0].loss + 1))
        return;
    /* Where a derivative jumps, an update may take the other side of it for some row; and what divides by the
     * gradient's size turns the rounding of small ones into whole steps. */
    bool divides = net->spec.optimizer.kind != XT_OPT_sgd, can_jump = net_can_jump(net);
    double tolerance = can_jump ? 0.05 : divides ? 2e-3 : 1e-4;
    double drift = net_drift(got->state, expected->state, net->state, net_n_state(net));
    /* Both together leave nothing to compare but the beginning. */
    size_t n_epochs = can_jump && divides ? 1 : all;
    if (n_epochs > 1 && !net_explains(net, all, drift, tolerance))
        fail_msg("%s: %s: parameters differ by %g of what training changed", net->text, what, drift);
    for (size_t i = 0; i < n_epochs; i++) {
        double apart = fabs(got->rows[i].loss - expected->rows[i].loss) / (expected->rows[i].loss + 0.01);
        if (!net_explains(net, all, apart, tolerance))
            fail_msg("%s: %s: epoch %zu: loss %.9g is not %.9g", net->text, what, i, got->rows[i].loss,
                     expected->rows[i].loss);
    }
}

/* ---- networks ---- */

static const int exact_activations[] = {XT_ACT_linear,       XT_ACT_relu,      XT_ACT_leaky_relu, XT_ACT_softsign,
                                        XT_ACT_hard_sigmoid, XT_ACT_hard_tanh, XT_ACT_relu6};
enum { N_EXACT = sizeof exact_activations / sizeof *exact_activations };

bool is_exact(const test_net *net)
{
    bool exact = net->spec.loss.kind != XT_LOSS_log_cosh && net->spec.loss.kind != XT_LOSS_binary_cross_entropy;
    for (size_t i = 0; i < net->plan.n_layers; i++) {
        bool known = false;
        for (size_t k = 0; k < N_EXACT; k++)
            known |= net->plan.layers[i].activation == exact_activations[k];
        exact &= known;
    }
    return exact;
}

static const char *activation_name(size_t number, bool exact)
{
    return exact ? xt_table_at(&xt_activations, (size_t)exact_activations[number % N_EXACT])->name
                 : net_activation(number);
}

/* Any of the metrics, each time with other parameters where it has some. */
static void add_metrics(test_net *net, size_t n, size_t first, uint64_t *stream)
{
    net->spec.n_metrics = n;
    for (size_t i = 0; i < n; i++) {
        net->metrics[i] = xt_choose(&xt_metrics, net_metric(first + i));
        if (net_metric(first + i) == net_metric(0)) {
            net->metrics[i].values[0] = net_uniform(stream, -0.5f, 0.5f);
            net->metrics[i].values[1] = (float)net_below(stream, 2);
        }
    }
}

static void set_momentum(test_net *net, size_t kind)
{
    net->spec.optimizer.values[1] = kind ? 0.9f : 0;
    net->spec.optimizer.values[2] = kind == 2 ? 1.0f : 0;
}

static void describe(test_net *net, size_t which)
{
    const xt_spec *spec = &net->spec;
    int n = snprintf(net->text, sizeof net->text, "net %zu: %zu", which, net->plan.n_inputs);
    for (size_t i = 0; i < net->plan.n_layers; i++)
        n += snprintf(net->text + n, sizeof net->text - (size_t)n, "-%zu %s", net->plan.layers[i].units,
                      xt_table_at(&xt_activations, (size_t)net->plan.layers[i].activation)->name);
    snprintf(net->text + n, sizeof net->text - (size_t)n, ", %s, report %d, batch %u of %zu, %zu metrics%s",
             xt_table_at(&xt_losses, (size_t)spec->loss.kind)->name, (int)spec->loss_report, spec->batch_size,
             net->data.n_rows, spec->n_metrics, spec->shuffle ? ", shuffled" : "");
}

void forms_net(test_net *net, size_t which, bool exact, uint64_t seed)
{
    static const uint32_t widths[] = {1, 2, 3, 5, 15, 16, 17, 31, 32, 33, 48, 64, 70};
    static const uint32_t batches[] = {1, 2, 3, 5, 8, 13, 100};
    enum { N_WIDTHS = sizeof widths / sizeof *widths, N_BATCHES = sizeof batches / sizeof *batches };
    uint64_t number = seed + which, start = net_random(&number), *stream = &start;
    size_t n_layers = 1 + net_below(stream, NET_MAX_LAYERS), n_small = net_small() ? 7 : N_WIDTHS;
    net_begin(net);
    for (size_t i = 0; i < n_layers; i++)
        net_add_layer(net, widths[net_below(stream, n_small)],
                      activation_name(i + 1 == n_layers ? which : net_below(stream, XT_N_ACTIVATIONS), exact));
    net->spec.seed = net_random(stream);
    net_set_loss(net, exact ? which % 3 : which % XT_N_LOSSES);
    net->spec.loss_report = (xt_loss_report)(which / 2 % 3);
    net->spec.shuffle = net_below(stream, 2);
    net->spec.batch_size = batches[which % N_BATCHES];
    net_set_extras(net, which, stream);
    add_metrics(net, which % (XT_MAX_METRICS + 1), which, stream);
    net_finish(net, 1 + net_below(stream, net_small() ? 9 : 40), widths[net_below(stream, n_small)], stream);
    describe(net, which);
}

/* ---- networks for specialised forms ---- */

typedef struct shape_row {
    size_t n_inputs, n_rows;
    struct {
        uint32_t units;
        const char *activation;
    } layers[NET_MAX_LAYERS + 1];
    const char *loss;
    uint32_t batch;
    xt_loss_report report;
    bool shuffle;
    size_t momentum, n_metrics, extras; /* extras: of net_set_extras, in place of momentum; 0: none */
} shape_row;

static const shape_row shapes[N_SHAPES] = {
    {2, 4, {{16, "relu"}, {1, "linear"}}, "mse", 1, XT_REPORT_POST_UPDATE, false, 0, 1, 0},
    {3, 11, {{2, "leaky_relu"}}, "mae", 4, XT_REPORT_RUNNING, true, 2, 8, 0},
    {1, 7, {{5, "sigmoid"}, {3, "softplus"}, {1, "tanh"}}, "huber", 3, XT_REPORT_EVAL, false, 1, 0, 0},
    {5, 3, {{1, "hard_tanh"}, {2, "relu6"}}, "huber", 100, XT_REPORT_EVAL, true, 0, 2, 0},
    {3, 20, {{15, "elu"}, {17, "selu"}, {2, "gelu"}, {1, "gelu_tanh"}}, "log_cosh", 3, XT_REPORT_RUNNING, true, 2, 3, 0},
    {17, 9, {{3, "silu"}, {18, "mish"}, {1, "softsign"}}, "mae", 5, XT_REPORT_POST_UPDATE, true, 1, 4, 0},
    {2, 25, {{33, "hard_sigmoid"}, {5, "relu"}, {2, "softsign"}}, "mse", 9, XT_REPORT_EVAL, true, 2, 5, 0},
    {16, 13, {{70, "leaky_relu"}}, "mse", 1, XT_REPORT_RUNNING, false, 1, 6, 0},
    {4, 10, {{20, "relu"}, {17, "tanh"}, {3, "softmax"}}, "cross_entropy", 4, XT_REPORT_RUNNING, true, 0, 1, 13},
    {3, 9, {{6, "relu"}, {18, "softmax"}}, "cross_entropy", 2, XT_REPORT_POST_UPDATE, false, 0, 0, 34},
    {2, 12, {{18, "hard_tanh"}, {1, "sigmoid"}}, "binary_cross_entropy", 5, XT_REPORT_EVAL, true, 0, 2, 19},
    {3, 8, {{4, "relu"}, {2, "linear"}}, "hinge", 3, XT_REPORT_RUNNING, true, 0, 1, 22},
};

void shape_net(test_net *net, size_t which, uint64_t seed)
{
    const shape_row *row = &shapes[which];
    uint64_t number = seed + which, stream = net_random(&number), fixed = which;
    net_begin(net);
    for (size_t i = 0; row->layers[i].units; i++)
        net_add_layer(net, row->layers[i].units, row->layers[i].activation);
    net->spec.seed = net_random(&stream);
    net->spec.loss = xt_choose(&xt_losses, row->loss);
    net->spec.loss_report = row->report;
    net->spec.shuffle = row->shuffle;
    net->spec.batch_size = row->batch;
    net->spec.optimizer.values[0] = 0.02f;
    set_momentum(net, row->momentum);
    if (row->extras)
        net_set_extras(net, row->extras, &fixed);
    add_metrics(net, row->n_metrics, which, &fixed);
    net_finish(net, row->n_rows, row->n_inputs, &stream);
    describe(net, which);
}
