/* The gemm engine on CPU devices: layer by layer, in the steps of layerwise.h, by
 * products of our own (cl/tiles.cl), which do on the way what comes between them.
 * An update is two launches where a block of rows goes through all layers at once,
 * else two a layer. */
#include "base/clock.h"
#include "base/terminal.h"
#include "engine/tiled.h"
#include "engine/tiled_engine.h"
#include "engine/tuned.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* For messages. */
static const char *const buffer_names[N_BUFFERS] = {
    [LAYERS] = "the layers' sizes",
    [PARAMS] = "the parameters",
    [SLOT0] = "the optimizer's state",
    [SLOT1] = "the optimizer's second state",
    [GRADIENTS] = "the gradients",
    [Z] = "a batch's values before activation",
    [A] = "a batch's values after activation",
    [GZ] = "a batch's gradients",
    [FACTORS] = "which outputs are dropped",
    [LOSSES] = "the rows' losses",
    [KEPT] = "the outputs to measure",
    [PROBE] = "inputs to predict from",
    [PROBE_TARGETS] = "targets to compare with",
    [PROBE_OUT] = "the outputs",
};

/* Rows that are measured or predicted at once, unless a batch is larger or their values are more than so many floats. */
enum { MEASURE_ROWS = 1024, MEASURE_FLOATS = 1 << 22 };

static bool clips(const xt_plan *plan)
{
    return plan->spec->clip_norm > 0 || plan->spec->clip_value > 0;
}

static xt_floats place(const xt_tiled *engine, int buffer, size_t at)
{
    return (xt_floats){engine->buffers[buffer], at};
}

/* ---- the steps ---- */

static xt_status order(xt_layerwise *base, const uint32_t *rows, xt_err *err)
{
    return xt_feed_order(((xt_tiled *)base)->feed, rows, err);
}

/* Rows first .. first + n - 1 of the training rows. */
static xt_status take_rows(xt_tiled *engine, size_t first, size_t n, bool scores, xt_tiled_batch *out, xt_err *err)
{
    *out = (xt_tiled_batch){
        .n = n,
        .scoring = {.losses_at = (cl_uint)first,
                    .weighted = engine->base.base.data->weights != NULL,
                    .scores = scores,
                    .keeps = scores && engine->base.has_metrics},
        .kept = engine->buffers[KEPT],
    };
    return xt_feed_batch_at(engine->feed, first, n, &out->rows, engine->at_once ? &out->gather : NULL, err);
}

static xt_status train(xt_layerwise *base, const xt_layerwise_batch *batch, xt_err *err)
{
    xt_tiled *engine = (xt_tiled *)base;
    const xt_hyper *fused = clips(base->base.plan) ? NULL : &batch->hyper;
    xt_tiled_batch rows;
    xt_status status = take_rows(engine, batch->first, batch->n, batch->scored, &rows, err);
    rows.dropout = batch->dropout;
    rows.scoring.trains = true;
    rows.scoring.scale = batch->scale;
    if (!status)
        status = xt_tiled_pass(engine, &rows, err);
    if (!status)
        status = xt_tiled_weight_gradients(engine, &rows, fused, err);
    return status || fused ? status : xt_updater_apply(&engine->update, batch->hyper, err);
}

static xt_status measure(xt_layerwise *base, size_t first, size_t n, xt_err *err)
{
    xt_tiled *engine = (xt_tiled *)base;
    xt_tiled_batch rows;
    xt_status status = take_rows(engine, first, n, true, &rows, err);
    return status ? status : xt_tiled_pass(engine, &rows, err);
}

/* ---- what leaves and enters ---- */

static xt_status read_floats(xt_tiled *engine, int buffer, size_t at, float *to, size_t n, xt_err *err)
{
    return xt_buffer_read(engine->context, engine->buffers[buffer], at * sizeof *to, to, n * sizeof *to, err);
}

static xt_status scores(xt_layerwise *base, float *losses, float *outputs, xt_err *err)
{
    xt_tiled *engine = (xt_tiled *)base;
    size_t n = base->base.data->n_rows;
    xt_status status = read_floats(engine, LOSSES, 0, losses, n, err);
    if (!status && base->has_metrics)
        status = read_floats(engine, KEPT, 0, outputs, n * base->base.plan->n_outputs, err);
    engine->trained = engine->trained || !status;
    return status;
}

/* n rows from the host go forward, to PROBE_OUT, with their losses where there are targets. */
static xt_status evaluate_rows(xt_tiled *engine, const float *inputs, const float *targets, size_t n, xt_err *err)
{
    const xt_plan *plan = xt_tiled_plan(engine);
    xt_floats y = place(engine, PROBE_TARGETS, 0);
    size_t stride = xt_tiles_stride(&engine->tiles, plan->n_inputs);
    const xt_tiled_batch rows = {.n = n,
                                 .rows = {place(engine, PROBE, 0), y, y},
                                 .scoring = {.scores = targets != NULL, .keeps = true},
                                 .kept = engine->buffers[PROBE_OUT]};
    xt_status status = xt_buffer_write_rows(engine->context, engine->buffers[PROBE], stride * sizeof *inputs, inputs,
                                            plan->n_inputs * sizeof *inputs, n, err);
    if (!status && targets)
        status = xt_buffer_write(engine->context, engine->buffers[PROBE_TARGETS], 0, targets,
                                 n * plan->n_outputs * sizeof *targets, err);
    return status ? status : xt_tiled_pass(engine, &rows, err);
}

static xt_status evaluate(xt_engine *base, const float *inputs, const float *targets, size_t n_rows, float *out,
                          float *losses, xt_err *err)
{
    xt_tiled *engine = (xt_tiled *)base;
    const xt_plan *plan = base->plan;
    size_t most = engine->base.measure_rows, m = plan->n_outputs;
    xt_status status = XT_OK;
    for (size_t first = 0; !status && first < n_rows; first += most) {
        size_t n = n_rows - first < most ? n_rows - first : most;
        status = evaluate_rows(engine, inputs + first * plan->n_inputs, losses ? targets + first * m : NULL, n, err);
        if (!status)
            status = read_floats(engine, PROBE_OUT, 0, out + first * m, n * m, err);
        if (!status && losses)
            status = read_floats(engine, LOSSES, 0, losses + first, n, err);
    }
    return status;
}

/* Between the plan's layout and that of a buffer. */
static xt_status read_params(xt_tiled *engine, int buffer, float *to, xt_err *err)
{
    xt_status status = read_floats(engine, buffer, 0, engine->staging, engine->layout.n_floats, err);
    if (!status)
        xt_tiles_unpack(&engine->tiles, xt_tiled_plan(engine), &engine->layout, engine->staging, to);
    return status;
}

static xt_status write_params(xt_tiled *engine, int buffer, const float *from, xt_err *err)
{
    size_t n_bytes = engine->layout.n_floats * sizeof *from;
    memset(engine->staging, 0, n_bytes);
    xt_tiles_pack(&engine->tiles, xt_tiled_plan(engine), &engine->layout, from, engine->staging);
    return xt_buffer_write(engine->context, engine->buffers[buffer], 0, engine->staging, n_bytes, err);
}

/* Training keeps no gradients unless it clips them: room for them is taken when somebody wants to see them. */
static xt_status open_gradients(xt_tiled *engine, xt_err *err)
{
    if (engine->sizes[GRADIENTS])
        return XT_OK;
    xt_buffer_close(engine->context, &engine->buffers[GRADIENTS]);
    xt_status status = xt_buffer_open(engine->context, buffer_names[GRADIENTS], engine->layout.n_floats * sizeof(float),
                                      &engine->buffers[GRADIENTS], err);
    if (!status)
        engine->sizes[GRADIENTS] = engine->layout.n_floats;
    return status;
}

static xt_status gradients(xt_engine *base, size_t first, size_t n, double *loss, float *out, xt_err *err)
{
    xt_tiled *engine = (xt_tiled *)base;
    const xt_plan *plan = base->plan;
    float *losses = engine->base.losses + first, shares = xt_layerwise_shares(base->data, NULL, first, n);
    xt_tiled_batch rows;
    xt_status status = xt_feed_order(engine->feed, NULL, err);
    if (!status)
        status = open_gradients(engine, err);
    if (!status)
        status = take_rows(engine, first, n, true, &rows, err);
    if (status)
        return status;
    rows.scoring.trains = true;
    rows.scoring.scale = 1.0f / (shares * (float)plan->n_losses);
    status = xt_tiled_pass(engine, &rows, err);
    if (!status)
        status = xt_tiled_weight_gradients(engine, &rows, NULL, err);
    if (!status)
        status = read_params(engine, GRADIENTS, out, err);
    if (!status)
        status = read_floats(engine, LOSSES, first, losses, n, err);
    if (!status)
        *loss = xt_layerwise_mean_loss(plan, losses, n, shares);
    return status;
}

static xt_status read_state(xt_engine *base, float *state, xt_err *err)
{
    xt_tiled *engine = (xt_tiled *)base;
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i <= base->plan->n_slots; i++)
        status = read_params(engine, PARAMS + (int)i, state + i * base->plan->n_params, err);
    return status;
}

static xt_status write_state(xt_engine *base, const float *state, xt_err *err)
{
    xt_tiled *engine = (xt_tiled *)base;
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i <= base->plan->n_slots; i++)
        status = write_params(engine, PARAMS + (int)i, state + i * base->plan->n_params, err);
    return status;
}

/* ---- open and close ---- */

/* All but the context. */
static void release(xt_tiled *engine)
{
    xt_context *context = engine->context;
    xt_feed_close(&engine->feed);
    xt_updater_close(&engine->update);
    xt_buffers_close(context, N_BUFFERS, engine->buffers);
    xt_kernel_close(context, &engine->pass);
    xt_kernel_close(context, &engine->weight_gradients);
    xt_program_close(context, &engine->program);
    xt_program_close(context, &engine->rest);
    xt_layerwise_clear(&engine->base);
    free(engine->staging);
    free(engine);
}

static void tiled_close(xt_engine *base)
{
    xt_tiled *engine = (xt_tiled *)base;
    xt_context *context = engine->context;
    /* Not after a prediction: without the kernels of training it would be kept. */
    if (engine->trained) {
        xt_program_keep(context, &engine->program);
        xt_program_keep(context, &engine->rest);
    }
    release(engine);
    xt_context_close(&context);
}

static const xt_layerwise_steps steps = {order, train, measure, scores};
static const xt_engine_ops ops = {xt_layerwise_train, evaluate, gradients, read_state, write_state, tiled_close};

const char *const xt_tiled_files[XT_TILED_FILES] = {"device.h", "scalar.h", "random.h", "tiles.cl"};

static xt_status open_program(xt_tiled *engine, xt_err *err)
{
    /* The first alone where nothing clips. */
    const char *rest[] = {"feed.cl", "device.h", "scalar.h", "random.h", "dense.cl"};
    const xt_plan *plan = xt_tiled_plan(engine);
    const bool trains = engine->base.base.data != NULL;
    xt_buf prelude = {0};
    xt_tiles_prelude(&engine->tiles, plan, &prelude);
    const xt_program_source source = {xt_buf_text(&prelude), xt_tiled_files, XT_TILED_FILES};
    const xt_program_source others = {NULL, rest, clips(plan) ? sizeof rest / sizeof *rest : 1};
    xt_status status = prelude.failed ? xt_fail_memory(err, "the kernels' prelude", prelude.len)
                                      : xt_program_open(engine->context, &source, &engine->program, err);
    if (!status && trains)
        status = xt_program_open(engine->context, &others, &engine->rest, err);
    xt_buf_clear(&prelude);
    return status;
}

/* A kernel whose work-groups are one work-item each. */
static xt_status open_kernel(xt_tiled *engine, const char *name, xt_kernel *out, xt_err *err)
{
    xt_status status = xt_kernel_open(engine->context, engine->program.program, name, out, err);
    out->group = 1;
    return status;
}

static xt_status open_kernels(xt_tiled *engine, xt_err *err)
{
    xt_status status = open_kernel(engine, "xt_pass", &engine->pass, err);
    return status ? status : open_kernel(engine, "xt_weight_gradients", &engine->weight_gradients, err);
}

static void size_buffers(xt_tiled *engine)
{
    const xt_plan *plan = xt_tiled_plan(engine);
    const xt_dataset *data = engine->base.base.data;
    size_t rows = engine->base.measure_rows, values = 0, *n = engine->sizes;
    for (size_t i = 0; i < plan->n_layers; i++) {
        engine->values[i] = values;
        engine->strides[i] = xt_tiles_stride(&engine->tiles, plan->layers[i].units);
        values += xt_tiles_rows(&engine->tiles, rows, plan->layers[i].units);
    }
    n[LAYERS] = plan->n_layers * sizeof(xt_tiled_task) / sizeof(float);
    n[PARAMS] = engine->layout.n_floats;
    n[SLOT0] = plan->n_slots > 0 ? engine->layout.n_floats : 0;
    n[SLOT1] = plan->n_slots > 1 ? engine->layout.n_floats : 0;
    n[Z] = n[A] = n[GZ] = values;
    n[LOSSES] = data && data->n_rows > rows ? data->n_rows : rows;
    n[PROBE] = xt_tiles_rows(&engine->tiles, rows, plan->n_inputs);
    n[PROBE_TARGETS] = n[PROBE_OUT] = rows * plan->n_outputs;
    if (!data)
        return;
    n[FACTORS] = engine->base.drops ? values : 0;
    n[GRADIENTS] = clips(plan) ? engine->layout.n_floats : 0;
    n[KEPT] = engine->base.has_metrics ? data->n_rows * plan->n_outputs : 0;
}

/* Whether all of it can be had; *want becomes what is asked of the feed. */
static xt_status check_memory(xt_tiled *engine, xt_feed_want *want, xt_err *err)
{
    const xt_plan *plan = xt_tiled_plan(engine);
    const xt_layerwise *base = &engine->base;
    size_t *n_bytes = &engine->base.base.facts.device_bytes, stride = xt_tiles_stride(&engine->tiles, plan->n_inputs);
    size_t extra = base->base.data && clips(plan) ? xt_updater_bytes(plan, engine->layout.n_floats) : 0;
    xt_status status = xt_buffers_check(engine->context, buffer_names, engine->sizes, N_BUFFERS, extra, n_bytes, err);
    if (status || !base->base.data)
        return status;
    *want = (xt_feed_want){
        .data = base->base.data,
        .shuffles = plan->spec->shuffle,
        .batch_rows = base->measure_rows,
        .stride = stride,
        .slack = (size_t)engine->tiles.rows * stride + xt_tiles_columns(&engine->tiles),
        .engine_bytes = *n_bytes,
    };
    return xt_feed_check(engine->context, want, n_bytes, err);
}

static xt_status open_update(xt_tiled *engine, xt_err *err)
{
    xt_updated what = {.plan = xt_tiled_plan(engine),
                       .n = engine->layout.n_floats,
                       .params = engine->buffers[PARAMS],
                       .gradients = engine->buffers[GRADIENTS],
                       .slots = {engine->buffers[SLOT0], engine->buffers[SLOT1]}};
    for (size_t i = 0; i < engine->layout.n_layers; i++) {
        what.weight[i] = engine->layout.layers[i].weight;
        what.n_weights[i] = engine->layout.layers[i].bias - engine->layout.layers[i].weight;
    }
    return xt_updater_open(engine->context, engine->rest.program, &what, &engine->update, err);
}

static xt_status open_memory(xt_tiled *engine, const xt_feed_want *want, xt_err *err)
{
    const bool trains = engine->base.base.data != NULL;
    xt_status status = xt_buffers_open(engine->context, buffer_names, engine->sizes, N_BUFFERS, true, engine->buffers, err);
    engine->staging = calloc(engine->layout.n_floats, sizeof(float));
    if (!status && !engine->staging)
        status = xt_fail_memory(err, "the parameters on their way", engine->layout.n_floats * sizeof(float));
    if (!status && trains && clips(xt_tiled_plan(engine)))
        status = open_update(engine, err);
    return status || !trains ? status : xt_feed_open(engine->context, engine->rest.program, want, &engine->feed, err);
}

/* Whole batches, since what is streamed comes in pieces of so many rows; where nothing is trained, any number. */
static void bound_rows(xt_layerwise *base)
{
    const xt_plan *plan = base->base.plan;
    size_t most = MEASURE_FLOATS / (plan->n_values + plan->n_inputs), batch = base->batch_rows;
    most = most > MEASURE_ROWS ? MEASURE_ROWS : most ? most : 1;
    base->measure_rows = !base->base.data ? most : batch < most ? most / batch * batch : batch;
    if (!base->base.data)
        base->batch_rows = most;
}

xt_status xt_tiled_open_as(const xt_plan *plan, const xt_dataset *data, xt_context *context, const xt_tiles *tiles,
                           xt_engine **out, xt_err *err)
{
    xt_tiled *engine = calloc(1, sizeof *engine);
    if (!engine)
        return xt_fail_memory(err, "the gemm engine", sizeof *engine);
    xt_engine_facts *facts = &engine->base.base.facts;
    xt_feed_want want;
    engine->base.base.ops = &ops;
    engine->base.steps = &steps;
    engine->context = context;
    engine->tiles = *tiles;
    xt_status status = xt_layerwise_init(&engine->base, plan, data, err);
    bound_rows(&engine->base);
    xt_tiles_lay_out(&engine->tiles, plan, &engine->layout);
    size_buffers(engine);
    /* Before anything is compiled or taken. */
    if (!status)
        status = check_memory(engine, &want, err);
    double before = xt_seconds();
    if (!status)
        status = open_program(engine, err);
    if (!status)
        status = open_kernels(engine, err);
    facts->build_seconds = xt_seconds() - before;
    facts->built_from_cache = engine->program.from_cache && (!data || engine->rest.from_cache);
    if (!status)
        status = open_memory(engine, &want, err);
    if (!status)
        status = xt_tiled_share_out(engine, err);
    before = xt_seconds();
    if (!status && data)
        status = xt_tiled_launch_first(engine, err);
    xt_terminal_clear();
    facts->launch_seconds = xt_seconds() - before;
    if (status) {
        release(engine);
        return status;
    }
    snprintf(engine->form, sizeof engine->form, "tiles of %d x %zu, %d deep", tiles->rows, xt_tiles_columns(tiles),
             tiles->depth);
    facts->form = engine->form;
    *out = &engine->base.base;
    return XT_OK;
}

bool xt_tiled_serves(const xt_device *device)
{
    return xt_device_is_cpu(device);
}

xt_status xt_tiled_open(const xt_plan *plan, const xt_dataset *data, xt_context *context, xt_engine **out, xt_err *err)
{
    xt_tiles tiles;
    xt_status status = xt_tiles_suit(&context->device, &tiles, err);
    bool tuned = !status && xt_tuned_find(context, plan, xt_layerwise_batch_rows(plan, data), &tiles);
    if (!status)
        status = xt_tiled_open_as(plan, data, context, &tiles, out, err);
    if (!status && tuned) {
        xt_tiled *engine = (xt_tiled *)*out;
        size_t n = strlen(engine->form);
        snprintf(engine->form + n, sizeof engine->form - n, " (tuned)");
    }
    return status;
}
