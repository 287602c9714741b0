#include "net.h"

#include "model/init.h"
#include "model/ops.h"
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
                          .epochs = 1,
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

void net_finish(test_net *net, size_t n_rows, size_t n_inputs, uint64_t *stream)
{
    make_data(net, n_rows, n_inputs, net->layers[net->spec.n_layers - 1].units);
    for (size_t i = 0; i < n_rows * net->data.n_inputs; i++)
        net->data.inputs[i] = net_uniform(stream, -1.5f, 1.5f);
    for (size_t i = 0; i < n_rows * net->data.n_targets; i++)
        net->data.targets[i] = net_uniform(stream, -1, 1);
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

void net_ok(xt_status status, const xt_err *err)
{
    if (status)
        fail_msg("%s", err->text);
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
