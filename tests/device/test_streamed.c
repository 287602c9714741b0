/* A training on streamed rows against one on resident ones: the same bits. */
#include "net.h"

#include "../unit/cases.h"
#include "engine/engines.h"
#include "engine/gemm.h"
#include "model/metrics.h"

#include <stdlib.h>
#include <string.h>

typedef struct train_case {
    const char *name;
    xt_engine_open_fn *open;
    size_t batch;
    bool shuffle, weighted;
    xt_loss_report report;
    float dropout;
} train_case;

static const train_case cases[] = {
    {"running, shuffled, weighted, by blas", xt_gemm_open_by_blas, 100, true, true, XT_REPORT_RUNNING, 0},
    {"running, shuffled, weighted", xt_gemm_open, 100, true, true, XT_REPORT_RUNNING, 0},
    {"running", xt_gemm_open, 32, false, false, XT_REPORT_RUNNING, 0},
    {"post_update, shuffled", xt_gemm_open, 300, true, false, XT_REPORT_POST_UPDATE, 0.2f},
    {"post_update, shuffled, by blas", xt_gemm_open_by_blas, 300, true, false, XT_REPORT_POST_UPDATE, 0.2f},
    {"eval, weighted", xt_gemm_open, 64, false, true, XT_REPORT_EVAL, 0},
    {"eval, shuffled", xt_gemm_open, 7, true, false, XT_REPORT_EVAL, 0.2f},
    {"eval, weighted, by blas", xt_gemm_open_by_blas, 64, false, true, XT_REPORT_EVAL, 0},
};
enum { N_CASES = sizeof cases / sizeof cases[0], SMALL_CASES = 1, EPOCHS = 3 };
enum { ROWS = 10000, SMALL_ROWS = 1800, INPUTS = 20, OUTPUTS = 2, EVALUATED = 100 };

typedef struct trained {
    xt_epoch rows[EPOCHS];
    float *state, *outputs, *losses, *gradients;
    double loss;
    size_t device_bytes;
} trained;

static void train(test_net *net, xt_engine_open_fn *open, size_t max_alloc_bytes, uint32_t epochs, trained *out)
{
    xt_context *context = net_context();
    xt_engine *engine = NULL;
    xt_err err;
    size_t n_rows = net->data.n_rows, batch = net->spec.batch_size;
    out->state = calloc(net_n_state(net), sizeof(float));
    out->outputs = calloc(EVALUATED * OUTPUTS, sizeof(float));
    out->losses = calloc(EVALUATED, sizeof(float));
    out->gradients = calloc(net->plan.n_params, sizeof(float));
    assert_true(out->state && out->outputs && out->losses && out->gradients);
    if (max_alloc_bytes)
        context->device.max_alloc_bytes = max_alloc_bytes;
    net_ok(open(&net->plan, &net->data, context, &engine, &err), &err);
    out->device_bytes = engine->facts.device_bytes;
    net_ok(engine->ops->write_state(engine, net->state, &err), &err);
    net_ok(engine->ops->train(engine, 0, epochs, out->rows, &err), &err);
    net_ok(engine->ops->read_state(engine, out->state, &err), &err);
    net_ok(engine->ops->evaluate(engine, net->data.inputs, net->data.targets, EVALUATED, out->outputs, out->losses,
                                 &err),
           &err);
    net_ok(engine->ops->gradients(engine, n_rows - batch, batch, &out->loss, out->gradients, &err), &err);
    xt_engine_close(&engine);
}

static void clear(trained *t)
{
    free(t->state);
    free(t->outputs);
    free(t->losses);
    free(t->gradients);
}

static void streamed_trains_the_same(void **state)
{
    const train_case *c = *state;
    uint64_t stream = net_seed();
    uint32_t epochs = net_small() ? 1 : EPOCHS;
    test_net net;
    trained resident = {0}, streamed = {0};
    net_begin(&net);
    net_add_layer(&net, 6, "tanh");
    net_add_layer(&net, OUTPUTS, "linear");
    net.layers[0].dropout = c->dropout;
    net.weighted = c->weighted;
    net.spec.batch_size = (uint32_t)c->batch;
    net.spec.shuffle = c->shuffle;
    net.spec.loss_report = c->report;
    net.metrics[0] = xt_choose(&xt_metrics, "mae");
    net.spec.n_metrics = 1;
    net_finish(&net, net_small() ? SMALL_ROWS : ROWS, INPUTS, &stream);
    strcpy(net.text, c->name);
    train(&net, c->open, 0, epochs, &resident);
    /* Less than the inputs take; tiles, which are padded, need more for a piece. */
    train(&net, c->open, net.data.n_rows * INPUTS * sizeof(float) * 3 / 4, epochs, &streamed);
    assert_true(streamed.device_bytes != resident.device_bytes);
    net_same_rows(&net, streamed.rows, resident.rows, epochs);
    assert_memory_equal(streamed.state, resident.state, net_n_state(&net) * sizeof(float));
    assert_memory_equal(streamed.outputs, resident.outputs, EVALUATED * OUTPUTS * sizeof(float));
    assert_memory_equal(streamed.losses, resident.losses, EVALUATED * sizeof(float));
    assert_memory_equal(streamed.gradients, resident.gradients, net.plan.n_params * sizeof(float));
    assert_memory_equal(&streamed.loss, &resident.loss, sizeof resident.loss);
    clear(&resident);
    clear(&streamed);
    net_clear(&net);
}

int main(void)
{
    for (size_t i = 0; i < (net_small() ? SMALL_CASES : N_CASES); i++)
        unit_case(streamed_trains_the_same, &cases[i], "streamed trains the same: %s", cases[i].name);
    return unit_run("streamed");
}
