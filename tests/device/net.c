#include "net.h"

#include "engine/engines.h"
#include "engine/gemm.h"
#include "model/init.h"
#include "model/metrics.h"
#include "model/ops.h"
#include "model/schedule.h"
#include "ocl/device.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

bool net_small(void)
{
    const char *small = getenv("XT_TEST_SMALL");
    return small && *small;
}

uint32_t net_epochs(void)
{
    return net_small() ? 2 : NET_EPOCHS;
}

uint64_t net_seed(void)
{
    const char *seed = getenv("XT_TEST_SEED");
    return seed ? strtoull(seed, NULL, 0) : (uint64_t)time(NULL);
}

uint64_t net_random(uint64_t *stream)
{
    uint64_t z = (*stream += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

size_t net_below(uint64_t *stream, size_t n)
{
    return (size_t)(net_random(stream) >> 33) % n;
}

float net_uniform(uint64_t *stream, float low, float high)
{
    return low + (high - low) * ((float)(net_random(stream) >> 40) / 16777216.0f);
}

void net_begin(test_net *net)
{
    memset(net, 0, sizeof *net);
    net->spec = (xt_spec){.name = "test",
                          .device = "auto",
                          .keys = XT_KEYS_PER_LAYER,
                          .layers = net->layers,
                          .loss = xt_choose(&xt_losses, "mse"),
                          .optimizer = xt_choose(&xt_optimizers, "sgd"),
                          .epochs = NET_EPOCHS,
                          .batch_size = 32,
                          .metrics = net->metrics};
    net->spec.optimizer.values[0] = 0.01f;
}

void net_add_layer(test_net *net, uint32_t units, const char *activation)
{
    xt_layer *layer = &net->layers[net->spec.n_layers++];
    layer->units = units;
    layer->activation = xt_choose(&xt_activations, activation);
    layer->weight = xt_default_weight_init(layer->activation.kind);
    layer->bias = xt_choose(&xt_initializers, "normal");
    layer->bias.values[1] = 0.1f;
}

static void make_plan(test_net *net)
{
    xt_err err;
    net_ok(xt_plan_make(&net->spec, net->data.n_inputs, net->data.n_targets, &net->plan, &err), &err);
    net->state = calloc(net_n_state(net), sizeof *net->state);
    assert_non_null(net->state);
    net_ok(xt_plan_init_params(&net->plan, net->state, &err), &err);
}

static void make_data(test_net *net, size_t n_rows, size_t n_inputs, size_t n_targets)
{
    net->data = (xt_dataset){.n_rows = n_rows, .n_inputs = n_inputs, .n_targets = n_targets, .origin = "inline"};
    net->data.inputs = xt_arena_alloc(&net->data.arena, n_rows * n_inputs, sizeof(float));
    net->data.targets = xt_arena_alloc(&net->data.arena, n_rows * n_targets, sizeof(float));
    assert_non_null(net->data.inputs);
    assert_non_null(net->data.targets);
}

void net_xor(test_net *net)
{
    static const float inputs[] = {0, 0, 0, 1, 1, 0, 1, 1}, targets[] = {1, 0, 0, 1};
    net_begin(net);
    net_add_layer(net, 16, "relu");
    net_add_layer(net, 1, "linear");
    for (size_t i = 0; i < 2; i++) {
        net->layers[i].weight = net->layers[i].bias = xt_choose(&xt_initializers, "normal");
        net->layers[i].weight.values[1] = net->layers[i].bias.values[1] = 0.01f;
    }
    net->spec.keys = XT_KEYS_SHARED;
    net->spec.batch_size = 1;
    net->spec.epochs = 500;
    net->spec.loss_report = XT_REPORT_POST_UPDATE;
    make_data(net, 4, 2, 1);
    memcpy(net->data.inputs, inputs, sizeof inputs);
    memcpy(net->data.targets, targets, sizeof targets);
    make_plan(net);
    strcpy(net->text, "xor");
}

const char *net_activation(size_t number)
{
    assert_int_equal(XT_ACT_softmax, XT_N_ACTIVATIONS - 1);
    return xt_table_at(&xt_activations, number % XT_ACT_softmax)->name;
}

const char *net_metric(size_t number)
{
    static const char *const names[NET_N_METRICS] = {"accuracy", "mae", "rmse"};
    return names[number % NET_N_METRICS];
}

void net_set_loss(test_net *net, size_t code)
{
    net->spec.loss = xt_choose(&xt_losses, xt_table_at(&xt_losses, code)->name);
    int head = xt_loss_at((int)code)->head;
    if (head >= 0)
        net->layers[net->spec.n_layers - 1].activation =
            xt_choose(&xt_activations, xt_table_at(&xt_activations, (size_t)head)->name);
}

static void set_param(xt_choice *choice, const xt_table *table, const char *name, float value)
{
    const xt_param *params = xt_kind_at(table, choice->kind)->params;
    for (size_t i = 0; params[i].name; i++)
        if (strcmp(params[i].name, name) == 0)
            choice->values[i] = value;
}

/* All of them by turns, by epoch and by update: some settle, some never do. */
static void set_schedule(xt_spec *spec, size_t which)
{
    static const float milestones[] = {1, 3};
    spec->schedule = xt_choose(&xt_schedules, xt_table_at(&xt_schedules, which % xt_schedules.n_rows)->name);
    spec->schedule.list = milestones;
    spec->schedule.n_list = 2;
    set_param(&spec->schedule, &xt_schedules, "size", 2);
    set_param(&spec->schedule, &xt_schedules, "first", 2);
    set_param(&spec->schedule, &xt_schedules, "gamma", 0.9f);
    set_param(&spec->schedule, &xt_schedules, "rate", 0.05f);
    set_param(&spec->schedule, &xt_schedules, "unit", (float)(which / 4 % 2));
    set_param(&spec->schedule, &xt_schedules, "warmup", (float)(which % 3));
}

static bool has_dropout(size_t which)
{
    return which % 3 == 1;
}

void net_set_extras(test_net *net, size_t which, uint64_t *stream)
{
    xt_spec *spec = &net->spec;
    spec->optimizer = xt_choose(&xt_optimizers, xt_table_at(&xt_optimizers, which % XT_N_OPTIMIZERS)->name);
    spec->optimizer.values[0] = 0.01f;
    /* So large that a gradient of rounding alone does not make a whole step. */
    set_param(&spec->optimizer, &xt_optimizers, "epsilon", 0.01f);
    if (spec->optimizer.kind == XT_OPT_sgd) {
        spec->optimizer.values[0] = 0.02f;
        spec->optimizer.values[1] = which % 2 ? 0.9f : 0;
        spec->optimizer.values[2] = which % 4 == 3 ? 1.0f : 0;
    }
    for (size_t i = 0; i + 1 < spec->n_layers; i++)
        net->layers[i].dropout = has_dropout(which) ? net_uniform(stream, 0, 0.6f) : 0;
    for (size_t i = 0; i < spec->n_layers && which % 4 == 2; i++) {
        size_t both = net_below(stream, 4), penalties = i == 0 && both == 0 ? 1 : both; /* one at least */
        net->layers[i].l1 = penalties & 1 ? 0.01f : 0;
        net->layers[i].l2 = penalties & 2 ? 0.02f : 0;
    }
    spec->clip_norm = which % 5 == 3 ? 0.1f : 0;
    spec->clip_value = which % 5 == 4 ? 0.01f : 0;
    net->weighted = which % 7 > 4;
    set_schedule(spec, which);
}

/* Targets that the loss takes: of a class each, of probabilities, or any. */
static void make_targets(test_net *net, uint64_t *stream)
{
    size_t n = net->data.n_targets;
    bool classes = net->spec.loss.kind == XT_LOSS_cross_entropy, unit = net->spec.loss.kind == XT_LOSS_binary_cross_entropy;
    for (size_t r = 0; r < net->data.n_rows; r++) {
        float *y = net->data.targets + r * n;
        size_t class = net_below(stream, n);
        for (size_t j = 0; j < n; j++) {
            float any = net_uniform(stream, -1, 1);
            y[j] = classes ? (j == class ? 1.0f : 0.0f) : unit ? fabsf(any) : any;
        }
    }
    if (!net->weighted)
        return;
    net->data.weights = xt_arena_alloc(&net->data.arena, net->data.n_rows, sizeof(float));
    net->data.shares = xt_arena_alloc(&net->data.arena, net->data.n_rows, sizeof(float));
    assert_true(net->data.weights && net->data.shares);
    for (size_t r = 0; r < net->data.n_rows; r++) {
        net->data.weights[r] = net_uniform(stream, 0.5f, 2);
        net->data.shares[r] = net_uniform(stream, 0.5f, 2);
    }
}

void net_finish(test_net *net, size_t n_rows, size_t n_inputs, uint64_t *stream)
{
    make_data(net, n_rows, n_inputs, net->layers[net->spec.n_layers - 1].units);
    for (size_t i = 0; i < n_rows * net->data.n_inputs; i++)
        net->data.inputs[i] = net_uniform(stream, -1.5f, 1.5f);
    make_targets(net, stream);
    make_plan(net);
}

void net_clear(test_net *net)
{
    xt_dataset_clear(&net->data);
    free(net->state);
    net->state = NULL;
}

size_t net_n_state(const test_net *net)
{
    return (1 + net->plan.n_slots) * net->plan.n_params;
}

static xt_engine *open_engine(test_net *net, xt_engine_code code, const xt_dataset *data)
{
    xt_err err;
    xt_engine *engine = NULL;
    xt_devices_prepare();
    net->spec.engine = code;
    net_ok(xt_engine_open(&net->plan, data, net->state, &engine, &err), &err);
    assert_non_null(engine);
    return engine;
}

xt_engine *net_open(test_net *net, xt_engine_code code)
{
    return open_engine(net, code, &net->data);
}

xt_engine *net_open_to_predict(test_net *net, xt_engine_code code)
{
    return open_engine(net, code, NULL);
}

/* ---- subjects ---- */

#define SUBJECT(name, help) {#name, XT_ENGINE_##name, false},
const net_subject net_subjects[] = {XT_ENGINES(SUBJECT) {"gemm by blas", XT_ENGINE_gemm, true}};
#undef SUBJECT
_Static_assert(sizeof net_subjects / sizeof net_subjects[0] == NET_N_SUBJECTS, "net.h says how many there are");

/* As xt_engine_open does it, but for the facts of the device. */
static xt_status open_by_blas(test_net *net, const xt_dataset *data, xt_engine **out, xt_err *err)
{
    xt_device device;
    xt_context *context = NULL;
    xt_engine *engine = NULL;
    xt_status status = xt_device_select(net->spec.device, &device, err);
    if (!status)
        status = xt_context_open(&device, &context, err);
    if (!status)
        status = xt_gemm_open_by_blas(&net->plan, data, context, &engine, err);
    if (status) {
        xt_context_close(&context);
        return status;
    }
    if (context->profile)
        xt_engine_time(engine, context->profile);
    status = engine->ops->write_state(engine, net->state, err);
    if (status)
        xt_engine_close(&engine);
    *out = engine;
    return status;
}

static xt_status try_subject(test_net *net, const net_subject *subject, const xt_dataset *data, xt_engine **out,
                             xt_err *err)
{
    xt_devices_prepare();
    net->spec.engine = subject->code;
    return subject->by_blas ? open_by_blas(net, data, out, err)
                            : xt_engine_open(&net->plan, data, net->state, out, err);
}

xt_status net_try_subject(test_net *net, const net_subject *subject, xt_engine **out, xt_err *err)
{
    return try_subject(net, subject, &net->data, out, err);
}

xt_engine *net_open_subject(test_net *net, const net_subject *subject)
{
    xt_err err;
    xt_engine *engine = NULL;
    net_ok(try_subject(net, subject, &net->data, &engine, &err), &err);
    return engine;
}

xt_engine *net_open_subject_to_predict(test_net *net, const net_subject *subject)
{
    xt_err err;
    xt_engine *engine = NULL;
    net_ok(try_subject(net, subject, NULL, &engine, &err), &err);
    return engine;
}

xt_context *net_context(void)
{
    xt_device device;
    xt_context *context = NULL;
    xt_err err;
    xt_devices_prepare();
    net_ok(xt_device_select("auto", &device, &err), &err);
    net_ok(xt_context_open(&device, &context, &err), &err);
    return context;
}

void net_ok(xt_status status, const xt_err *err)
{
    if (status)
        fail_msg("%s", err->text);
}

void net_same_rows(const test_net *net, const xt_epoch *a, const xt_epoch *b, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (memcmp(&a[i].loss, &b[i].loss, sizeof a[i].loss))
            fail_msg("%s: epoch %zu: loss %.17g is not %.17g", net->text, i, a[i].loss, b[i].loss);
        for (size_t m = 0; m < net->spec.n_metrics; m++)
            if (memcmp(&a[i].metrics[m], &b[i].metrics[m], sizeof a[i].metrics[m]))
                fail_msg("%s: epoch %zu: metric %zu %.17g is not %.17g", net->text, i, m, a[i].metrics[m],
                         b[i].metrics[m]);
        assert_int_equal(a[i].step, b[i].step);
        assert_memory_equal(&a[i].learning_rate, &b[i].learning_rate, sizeof a[i].learning_rate);
    }
}

double net_distance(const float *a, const float *b, size_t n)
{
    double apart = 0, largest = 0.1;
    for (size_t i = 0; i < n; i++) {
        double d = fabs((double)a[i] - (double)b[i]);
        if (isnan(d))
            return HUGE_VAL;
        apart = d > apart ? d : apart;
        largest = fabs((double)b[i]) > largest ? fabs((double)b[i]) : largest;
    }
    return apart / largest;
}

double net_drift(const float *got, const float *expected, const float *start, size_t n)
{
    double apart = 0, way = 0;
    for (size_t i = 0; i < n; i++) {
        apart += pow((double)got[i] - (double)expected[i], 2);
        way += pow((double)expected[i] - (double)start[i], 2);
    }
    return apart > 0 ? sqrt(apart / way) : apart;
}

static float *train_from(test_net *net, uint32_t epochs, const float *state)
{
    xt_epoch row;
    xt_err err;
    float *trained = calloc(net_n_state(net), sizeof *trained);
    xt_engine *engine = net_open(net, XT_ENGINE_reference);
    assert_non_null(trained);
    net_ok(engine->ops->write_state(engine, state, &err), &err);
    for (uint32_t i = 0; i < epochs; i++)
        net_ok(engine->ops->train(engine, i, 1, &row, &err), &err);
    net_ok(engine->ops->read_state(engine, trained, &err), &err);
    xt_engine_close(&engine);
    return trained;
}

double net_sensitivity(test_net *net, uint32_t epochs)
{
    size_t n = net_n_state(net);
    float *other = calloc(n, sizeof *other);
    assert_non_null(other);
    for (size_t i = 0; i < n; i++)
        other[i] = net->state[i] * (i % 2 ? 1.000001f : 0.999999f);
    float *first = train_from(net, epochs, net->state), *second = train_from(net, epochs, other);
    double drift = net_drift(second, first, net->state, n);
    free(other);
    free(first);
    free(second);
    return drift;
}

bool net_explains(test_net *net, uint32_t epochs, double drift, double tolerance)
{
    enum { MORE = 30 }; /* rounding goes on through the training */
    return drift <= tolerance || drift <= MORE * net_sensitivity(net, epochs);
}

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
    return layer->activation != XT_ACT_softmax && jumps(xt_activate_grad(layer->activation, low, xt_activate(layer->activation, low, p), p),
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
bool net_can_jump(const test_net *net)
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
    n_layers += n_layers == 1 && has_dropout(which); /* which the last layer never has */
    for (size_t i = 0; i < n_layers; i++) {
        bool last = i + 1 == n_layers;
        /* Case by case through the whole table, then at random. */
        size_t activation = last ? which : net_below(stream, XT_N_ACTIVATIONS);
        uint32_t units = (uint32_t)(1 + net_below(stream, last ? 5 : 23));
        net_add_layer(net, units, net_activation(activation));
    }
}

void net_random_training(test_net *net, size_t which, uint64_t *stream)
{
    xt_spec *spec = &net->spec;
    spec->seed = net_random(stream);
    net_set_loss(net, which % XT_N_LOSSES);
    spec->loss_report = (xt_loss_report)(which % 3);
    spec->shuffle = net_below(stream, 2);
    spec->batch_size = (uint32_t)(1 + net_below(stream, 12));
    net_set_extras(net, which, stream);
    spec->n_metrics = net_below(stream, NET_N_METRICS + 1);
    for (size_t i = 0; i < spec->n_metrics; i++)
        net->metrics[i] = xt_choose(&xt_metrics, net_metric(i));
}

void net_random_case(test_net *net, size_t which, bool large, uint64_t seed)
{
    uint64_t number = seed + which, start = net_random(&number), *stream = &start;
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
        net_random_training(net, which, stream);
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

void net_full(test_net *net, bool large)
{
    uint64_t stream = 5;
    net_begin(net);
    net_add_layer(net, large ? 130 : 11, "tanh");
    net_add_layer(net, 3, "sigmoid");
    net_random_training(net, 7, &stream);
    net->spec.shuffle = true;
    net->spec.batch_size = large ? 65 : 4;
    net->spec.n_metrics = NET_N_METRICS;
    for (size_t i = 0; i < NET_N_METRICS; i++)
        net->metrics[i] = xt_choose(&xt_metrics, net_metric(i));
    net_finish(net, large ? 150 : 18, large ? 40 : 5, &stream);
    strcpy(net->text, "full net");
}
