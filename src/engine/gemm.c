/* The gemm engine: layer by layer on an OpenCL device, in the steps of
 * layerwise.h. Its rows come from a feed. Everything is enqueued on one
 * in-order queue, and an epoch waits for its scores alone. */
#include "base/clock.h"
#include "base/log.h"
#include "engine/engines.h"
#include "engine/gemm.h"
#include "engine/gemm_engine.h"
#include "engine/tiled.h"
#include "engine/tuned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const kernel_names[N_KERNELS] = {
    [BIAS_ACTIVATE] = "xt_bias_activate",
    [SOFTMAX] = "xt_softmax",
    [DROP] = "xt_drop",
    [SCORE] = "xt_score",
    [OUTPUT_GRADIENT] = "xt_output_gradient",
    [ACTIVATION_GRADIENT] = "xt_activation_gradient",
    [BIAS_GRADIENT] = "xt_bias_gradient",
};

/* Floats that a work-item reads and writes, where that is the same for all. */
static const unsigned char kernel_floats[N_KERNELS] = {
    [BIAS_ACTIVATE] = 3,       /* z twice, a */
    [DROP] = 2,                /* the values twice */
    [OUTPUT_GRADIENT] = 4,     /* z, a, y, gz */
    [ACTIVATION_GRADIENT] = 4, /* z, a, gz twice */
};

/* For messages. */
static const char *const buffer_names[N_BUFFERS] = {
    [PROBE] = "inputs to predict from",
    [PROBE_TARGETS] = "targets to compare with",
    [PARAMS] = "the parameters",
    [SLOT0] = "the optimizer's state",
    [SLOT1] = "the optimizer's second state",
    [GRADIENTS] = "the gradients",
    [Z] = "a batch's values before activation",
    [A] = "a batch's values after activation",
    [GZ] = "a batch's gradients",
    [LOSSES] = "the rows' losses",
    [KEPT] = "the outputs to measure",
};

/* Rows that are measured or predicted at once, where batches are smaller: of so many, products are at their best. */
enum { MEASURE_ROWS = 1024 };
/* Bytes that they may take. Not a share of the device's memory, which a driver may report differently the next time:
 * how many rows a product has decides who multiplies, and so its bits. */
static const size_t measure_bytes = (size_t)64 << 20;

/* ---- the steps ---- */

static xt_status order(xt_layerwise *base, const uint32_t *rows, xt_err *err)
{
    return xt_feed_order(((xt_gemm *)base)->feed, rows, err);
}

static xt_status forward(xt_gemm *engine, size_t first, size_t n, const xt_key *dropout, xt_err *err)
{
    xt_status status = xt_feed_batch_at(engine->feed, first, n, &engine->rows, NULL, err);
    return status ? status : xt_gemm_forward(engine, n, dropout, err);
}

/* Of the batch that went forward last. */
static xt_status score(xt_gemm *engine, size_t first, size_t n, xt_err *err)
{
    bool weighted = engine->base.base.data->weights != NULL;
    return xt_gemm_score(engine, first, n, weighted, engine->base.has_metrics, err);
}

static xt_status train(xt_layerwise *base, const xt_layerwise_batch *batch, xt_err *err)
{
    xt_gemm *engine = (xt_gemm *)base;
    xt_status status = forward(engine, batch->first, batch->n, batch->dropout, err);
    if (!status && batch->scored)
        status = score(engine, batch->first, batch->n, err);
    if (!status)
        status = xt_gemm_backward(engine, batch->n, batch->scale, batch->dropout, err);
    return status ? status : xt_updater_apply(&engine->updater, batch->hyper, err);
}

static xt_status measure(xt_layerwise *base, size_t first, size_t n, xt_err *err)
{
    xt_gemm *engine = (xt_gemm *)base;
    xt_status status = forward(engine, first, n, NULL, err);
    return status ? status : score(engine, first, n, err);
}

/* ---- what leaves and enters ---- */

static xt_status read_floats(xt_gemm *engine, int buffer, size_t at, float *to, size_t n, xt_err *err)
{
    return xt_buffer_read(engine->context, engine->buffers[buffer], at * sizeof *to, to, n * sizeof *to, err);
}

static xt_status scores(xt_layerwise *base, float *losses, float *outputs, xt_err *err)
{
    xt_gemm *engine = (xt_gemm *)base;
    size_t n = base->base.data->n_rows;
    xt_status status = read_floats(engine, LOSSES, 0, losses, n, err);
    if (!status && base->has_metrics)
        status = read_floats(engine, KEPT, 0, outputs, n * base->base.plan->n_outputs, err);
    engine->trained = engine->trained || !status;
    return status;
}

/* n rows from the host go forward, with their losses where there are targets. */
static xt_status evaluate_rows(xt_gemm *engine, const float *inputs, const float *targets, size_t n, xt_err *err)
{
    const xt_plan *plan = xt_gemm_plan(engine);
    xt_floats y = xt_gemm_place(engine, PROBE_TARGETS, 0);
    engine->rows = (xt_feed_batch){xt_gemm_place(engine, PROBE, 0), y, y};
    xt_status status = xt_buffer_write(engine->context, engine->buffers[PROBE], 0, inputs,
                                       n * plan->n_inputs * sizeof *inputs, err);
    if (!status && targets)
        status = xt_buffer_write(engine->context, engine->buffers[PROBE_TARGETS], 0, targets,
                                 n * plan->n_outputs * sizeof *targets, err);
    if (!status)
        status = xt_gemm_forward(engine, n, NULL, err);
    return status || !targets ? status : xt_gemm_score(engine, 0, n, false, false, err);
}

static xt_status evaluate(xt_engine *base, const float *inputs, const float *targets, size_t n_rows, float *out,
                          float *losses, xt_err *err)
{
    xt_gemm *engine = (xt_gemm *)base;
    const xt_plan *plan = base->plan;
    size_t most = engine->base.measure_rows, last = xt_gemm_block(engine, plan->n_layers - 1), m = plan->n_outputs;
    xt_status status = XT_OK;
    for (size_t first = 0; !status && first < n_rows; first += most) {
        size_t n = n_rows - first < most ? n_rows - first : most;
        status = evaluate_rows(engine, inputs + first * plan->n_inputs, losses ? targets + first * m : NULL, n, err);
        if (!status)
            status = read_floats(engine, A, last, out + first * m, n * m, err);
        if (!status && losses)
            status = read_floats(engine, LOSSES, 0, losses + first, n, err);
    }
    return status;
}

static xt_status gradients(xt_engine *base, size_t first, size_t n, double *loss, float *out, xt_err *err)
{
    xt_gemm *engine = (xt_gemm *)base;
    const xt_plan *plan = base->plan;
    float *rows = engine->base.losses + first, shares = xt_layerwise_shares(base->data, NULL, first, n);
    xt_status status = xt_feed_order(engine->feed, NULL, err);
    if (!status)
        status = measure(&engine->base, first, n, err);
    if (!status)
        status = xt_gemm_backward(engine, n, 1.0f / (shares * (float)plan->n_losses), NULL, err);
    if (!status)
        status = read_floats(engine, GRADIENTS, 0, out, plan->n_params, err);
    if (!status)
        status = read_floats(engine, LOSSES, first, rows, n, err);
    if (!status)
        *loss = xt_layerwise_mean_loss(plan, rows, n, shares);
    return status;
}

static xt_status read_state(xt_engine *base, float *state, xt_err *err)
{
    xt_gemm *engine = (xt_gemm *)base;
    size_t n = base->plan->n_params;
    xt_status status = read_floats(engine, PARAMS, 0, state, n, err);
    for (int i = 0; !status && i < (int)base->plan->n_slots; i++)
        status = read_floats(engine, SLOT0 + i, 0, state + (size_t)(1 + i) * n, n, err);
    return status;
}

static xt_status write_state(xt_engine *base, const float *state, xt_err *err)
{
    xt_gemm *engine = (xt_gemm *)base;
    size_t n = base->plan->n_params, n_bytes = n * sizeof *state;
    xt_status status = xt_buffer_write(engine->context, engine->buffers[PARAMS], 0, state, n_bytes, err);
    for (int i = 0; !status && i < (int)base->plan->n_slots; i++)
        status = xt_buffer_write(engine->context, engine->buffers[SLOT0 + i], 0, state + (size_t)(1 + i) * n, n_bytes,
                                 err);
    return status;
}

/* ---- open and close ---- */

/* All but the context. */
static void release(xt_gemm *engine)
{
    xt_feed_close(&engine->feed);
    xt_updater_close(&engine->updater);
    xt_buffers_close(engine->context, N_BUFFERS, engine->buffers);
    for (int i = 0; i < N_KERNELS; i++)
        xt_kernel_close(engine->context, &engine->kernels[i]);
    xt_products_close(&engine->products);
    xt_program_close(engine->context, &engine->program);
    xt_layerwise_clear(&engine->base);
    free(engine);
}

static void gemm_close(xt_engine *base)
{
    xt_gemm *engine = (xt_gemm *)base;
    xt_context *context = engine->context;
    /* Not after a prediction: without the kernels of training it would be kept. */
    if (engine->trained)
        xt_program_keep(context, &engine->program);
    release(engine);
    xt_context_close(&context);
}

static const xt_layerwise_steps steps = {order, train, measure, scores};
static const xt_engine_ops ops = {xt_layerwise_train, evaluate, gradients, read_state, write_state, gemm_close};

/* For a profile. */
static void say_bytes(xt_gemm *engine)
{
    for (int i = 0; i < N_KERNELS; i++)
        engine->kernels[i].item_bytes = sizeof(cl_float) * (double)kernel_floats[i];
}

const char *const xt_gemm_files[XT_GEMM_FILES] = {"device.h", "scalar.h", "random.h", "dense.cl", "feed.cl", "product.cl"};

static xt_status open_program(xt_gemm *engine, xt_err *err)
{
    const xt_program_source source = {NULL, xt_gemm_files, XT_GEMM_FILES};
    xt_engine_facts *facts = &engine->base.base.facts;
    double before = xt_seconds();
    xt_status status = xt_program_open(engine->context, &source, &engine->program, err);
    for (int i = 0; !status && i < N_KERNELS; i++)
        status = xt_kernel_open(engine->context, engine->program.program, kernel_names[i], &engine->kernels[i], err);
    say_bytes(engine);
    facts->build_seconds = xt_seconds() - before;
    facts->built_from_cache = engine->program.from_cache;
    return status;
}

/* The largest product of every kind, so that nothing is allocated later. */
static xt_status open_products(xt_gemm *engine, const xt_product_wish *wish, xt_err *err)
{
    const xt_plan *plan = xt_gemm_plan(engine);
    xt_product_shape shapes[3 * XT_MAX_LAYERS];
    size_t n = engine->base.batch_rows, n_shapes = 0;
    for (size_t i = 0; i < plan->n_layers; i++) {
        size_t units = plan->layers[i].units, inputs = plan->layers[i].inputs;
        shapes[n_shapes++] = (xt_product_shape){engine->base.measure_rows, units, inputs, false, true};
        if (engine->base.base.data)
            shapes[n_shapes++] = (xt_product_shape){units, inputs, n, true, false};
        if (engine->base.base.data && i)
            shapes[n_shapes++] = (xt_product_shape){n, inputs, units, false, false};
    }
    return xt_products_open(engine->context, engine->program.program, shapes, n_shapes, wish, &engine->products,
                            err);
}

/* Whether a layer's product of n rows is CLBlast's. */
static bool needs_clblast(const xt_plan *plan, size_t n)
{
    bool needs = false;
    for (size_t i = 0; i < plan->n_layers; i++) {
        const xt_product_shape shape = {n, plan->layers[i].units, plan->layers[i].inputs, false, true};
        needs |= xt_product_is_large(&shape);
    }
    return needs;
}

/* Whole batches, at least one, of about MEASURE_ROWS: fewer where those take too much, or where CLBlast, which takes its
 * time to load, would be there for them alone. */
static size_t choose_measure_rows(const xt_plan *plan, size_t batch)
{
    size_t a_row = (3 * plan->n_values + plan->n_inputs + plan->n_outputs) * sizeof(float);
    size_t n = (MEASURE_ROWS + batch - 1) / batch * batch, most = measure_bytes / a_row / batch * batch;
    n = n < most ? n : most;
    n = n > batch ? n : batch;
    while (n > batch && needs_clblast(plan, n) && !needs_clblast(plan, batch))
        n -= batch;
    return n;
}

static void size_buffers(xt_gemm *engine)
{
    const xt_plan *plan = xt_gemm_plan(engine);
    const xt_dataset *data = engine->base.base.data;
    size_t rows = engine->base.measure_rows, *n = engine->sizes;
    n[PROBE] = rows * plan->n_inputs;
    n[PROBE_TARGETS] = rows * plan->n_outputs;
    n[PARAMS] = plan->n_params;
    n[SLOT0] = plan->n_slots > 0 ? plan->n_params : 0;
    n[SLOT1] = plan->n_slots > 1 ? plan->n_params : 0;
    n[Z] = n[A] = rows * plan->n_values;
    n[LOSSES] = data && data->n_rows > rows ? data->n_rows : rows;
    if (!data)
        return;
    n[GRADIENTS] = plan->n_params;
    n[GZ] = n[Z];
    n[KEPT] = engine->base.has_metrics ? data->n_rows * plan->n_outputs : 0;
}

/* Whether all of it can be had, with n_extra bytes beside the buffers; *want becomes what is asked of the feed. */
static xt_status check_memory(xt_gemm *engine, size_t n_extra, xt_feed_want *want, xt_err *err)
{
    const xt_layerwise *base = &engine->base;
    const xt_plan *plan = xt_gemm_plan(engine);
    size_t *n_bytes = &engine->base.base.facts.device_bytes;
    if (base->base.data)
        n_extra += xt_updater_bytes(plan, plan->n_params);
    xt_status status = xt_buffers_check(engine->context, buffer_names, engine->sizes, N_BUFFERS, n_extra, n_bytes, err);
    if (status || !base->base.data)
        return status;
    *want = (xt_feed_want){
        .data = base->base.data,
        .shuffles = plan->spec->shuffle,
        .batch_rows = base->measure_rows,
        .stride = base->base.data->n_inputs,
        .engine_bytes = *n_bytes,
    };
    return xt_feed_check(engine->context, want, n_bytes, err);
}

static xt_status open_updater(xt_gemm *engine, xt_err *err)
{
    const xt_plan *plan = xt_gemm_plan(engine);
    const cl_mem *buffers = engine->buffers;
    xt_updated what = {.plan = plan,
                       .n = plan->n_params,
                       .params = buffers[PARAMS],
                       .slots = {buffers[SLOT0], buffers[SLOT1]},
                       .gradients = buffers[GRADIENTS]};
    for (size_t i = 0; i < plan->n_layers; i++) {
        what.weight[i] = plan->layers[i].weight;
        what.n_weights[i] = plan->layers[i].bias - plan->layers[i].weight;
    }
    return xt_updater_open(engine->context, engine->program.program, &what, &engine->updater, err);
}

static xt_status open_memory(xt_gemm *engine, xt_err *err)
{
    xt_feed_want want;
    xt_status status = check_memory(engine, xt_products_bytes(engine->products), &want, err);
    if (!status)
        status = xt_buffers_open(engine->context, buffer_names, engine->sizes, N_BUFFERS, true, engine->buffers, err);
    if (!status && engine->base.base.data)
        status = xt_feed_open(engine->context, engine->program.program, &want, &engine->feed, err);
    if (!status && engine->base.base.data)
        status = open_updater(engine, err);
    return status;
}

xt_status xt_gemm_open_as(const xt_plan *plan, const xt_dataset *data, xt_context *context,
                          const xt_product_wish *wish, xt_engine **out, xt_err *err)
{
    xt_gemm *engine = calloc(1, sizeof *engine);
    if (!engine)
        return xt_fail_memory(err, "the gemm engine", sizeof *engine);
    engine->base.base.ops = &ops;
    engine->base.steps = &steps;
    engine->context = context;
    xt_feed_want want;
    xt_status status = xt_layerwise_init(&engine->base, plan, data, err);
    engine->base.measure_rows = choose_measure_rows(plan, engine->base.batch_rows);
    size_buffers(engine);
    /* Before anything is compiled or taken. */
    if (!status)
        status = check_memory(engine, 0, &want, err);
    if (!status)
        status = open_program(engine, err);
    if (!status)
        status = open_products(engine, wish, err);
    if (!status)
        status = open_memory(engine, err);
    if (status) {
        release(engine);
        return status;
    }
    xt_engine_facts *facts = &engine->base.base.facts;
    snprintf(facts->blas, sizeof facts->blas, "%s", xt_products_blas(engine->products));
    snprintf(facts->products, sizeof facts->products, "%s", xt_products_way(engine->products));
    snprintf(engine->form, sizeof engine->form, "%s", xt_products_form(engine->products));
    facts->form = engine->form;
    *out = &engine->base.base;
    return XT_OK;
}

/* Where no product is large it has no part in them. */
static void say_tuned(xt_gemm *engine)
{
    size_t n = strlen(engine->form);
    if (*engine->base.base.facts.blas)
        snprintf(engine->form + n, sizeof engine->form - n, " (tuned)");
}

xt_status xt_gemm_open_by_blas(const xt_plan *plan, const xt_dataset *data, xt_context *context, xt_engine **out,
                               xt_err *err)
{
    const xt_product_wish none = {XT_PRODUCT_AUTO, NULL};
    size_t way;
    bool tuned = xt_tuned_find_way(context, plan, xt_layerwise_batch_rows(plan, data), &way);
    if (tuned) {
        const xt_product_wish wish = xt_product_way(way);
        xt_err why;
        xt_status status = xt_gemm_open_as(plan, data, context, &wish, out, &why);
        if (!status) {
            say_tuned((xt_gemm *)*out);
            return XT_OK;
        }
        xt_warn("%s; what tune found ('%s') is not used", why.text, xt_product_way_name(way));
    }
    return xt_gemm_open_as(plan, data, context, &none, out, err);
}

xt_status xt_gemm_open_form(const xt_plan *plan, const xt_dataset *data, const xt_device *device,
                            const xt_gemm_form *form, xt_engine **out, xt_err *err)
{
    xt_context *context = NULL;
    xt_status status = xt_context_open(device, &context, err);
    if (status)
        return status;
    status = form->tiles ? xt_tiled_open_as(plan, data, context, form->tiles, out, err)
                         : xt_gemm_open_as(plan, data, context, &form->products, out, err);
    if (status)
        xt_context_close(&context);
    return status;
}

xt_status xt_gemm_open(const xt_plan *plan, const xt_dataset *data, xt_context *context, xt_engine **out, xt_err *err)
{
    return xt_tiled_serves(&context->device) ? xt_tiled_open(plan, data, context, out, err)
                                             : xt_gemm_open_by_blas(plan, data, context, out, err);
}
