/* The gemm engine: layer by layer on an OpenCL device, in the steps of
 * layerwise.h. The data is on the device from the start; a batch is a place in
 * it, or, shuffled, a copy that a kernel gathers. Everything is enqueued on
 * one in-order queue, and an epoch waits for its scores alone. Conventions are
 * those of reference.c: sums from 0 in ascending order, a unit's bias last. */
#include "base/clock.h"
#include "engine/engines.h"
#include "engine/layerwise.h"
#include "engine/product.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GATHER, BIAS_ACTIVATE, SOFTMAX, DROP, SCORE, OUTPUT_GRADIENT, ACTIVATION_GRADIENT, BIAS_GRADIENT, SQUARE_SUMS,
       NORM_FACTOR, CLIP, PENALTIES, UPDATE, N_KERNELS };

static const char *const kernel_names[N_KERNELS] = {
    [GATHER] = "xt_gather",
    [BIAS_ACTIVATE] = "xt_bias_activate",
    [SOFTMAX] = "xt_softmax",
    [DROP] = "xt_drop",
    [SCORE] = "xt_score",
    [OUTPUT_GRADIENT] = "xt_output_gradient",
    [ACTIVATION_GRADIENT] = "xt_activation_gradient",
    [BIAS_GRADIENT] = "xt_bias_gradient",
    [SQUARE_SUMS] = "xt_square_sums",
    [NORM_FACTOR] = "xt_norm_factor",
    [CLIP] = "xt_clip",
    [PENALTIES] = "xt_penalties",
    [UPDATE] = "xt_update_params",
};

/* Floats that a work-item reads and writes, where that is the same for all; of UPDATE without the optimiser's state. */
static const unsigned char kernel_floats[N_KERNELS] = {
    [GATHER] = 2,              /* to and from */
    [BIAS_ACTIVATE] = 3,       /* z twice, a */
    [DROP] = 2,                /* the values twice */
    [OUTPUT_GRADIENT] = 4,     /* z, a, y, gz */
    [ACTIVATION_GRADIENT] = 4, /* z, a, gz twice */
    [CLIP] = 2,                /* the gradients twice */
    [PENALTIES] = 3,           /* parameters, gradients twice */
    [UPDATE] = 3,              /* parameters twice, gradients */
};

enum { INPUTS, TARGETS, WEIGHTS, ORDER, BATCH_X, BATCH_Y, BATCH_W, PARAMS, SLOT0, SLOT1, GRADIENTS, SQUARES, Z, A, GZ,
       LOSSES, KEPT, N_BUFFERS };

/* Gradients whose squares one work-item sums. */
enum { SQUARES_SHARE = 1024 };

/* For messages. */
static const char *const buffer_names[N_BUFFERS] = {
    [INPUTS] = "the training inputs",
    [TARGETS] = "the training targets",
    [WEIGHTS] = "the rows' weights",
    [ORDER] = "the order of the rows",
    [BATCH_X] = "a batch's inputs",
    [BATCH_Y] = "a batch's targets",
    [BATCH_W] = "a batch's weights",
    [PARAMS] = "the parameters",
    [SLOT0] = "the optimizer's state",
    [SLOT1] = "the optimizer's second state",
    [GRADIENTS] = "the gradients",
    [Z] = "a batch's values before activation",
    [A] = "a batch's values after activation",
    [GZ] = "a batch's gradients",
    [SQUARES] = "sums of the gradients' squares",
    [LOSSES] = "the rows' losses",
    [KEPT] = "the outputs to measure",
};

typedef struct gemm {
    xt_layerwise base;
    xt_context *context;
    xt_program program;
    xt_kernel kernels[N_KERNELS];
    xt_products *products;
    cl_mem buffers[N_BUFFERS];  /* 4-byte elements, one of them where it is not needed */
    size_t sizes[N_BUFFERS];    /* elements */
    bool shuffled;              /* the ORDER buffer holds */
    bool trained;               /* an epoch: what training launches is compiled */
    xt_floats x, y, w;          /* of the batch that went forward last */
} gemm;

static const xt_plan *plan_of(const gemm *engine)
{
    return engine->base.base.plan;
}

/* A layer's block in Z, A and GZ. */
static size_t block(const gemm *engine, size_t layer)
{
    return plan_of(engine)->layers[layer].z * engine->base.batch_rows;
}

static xt_floats place(const gemm *engine, int buffer, size_t at)
{
    return (xt_floats){engine->buffers[buffer], at};
}

static xt_status launch(gemm *engine, int kernel, size_t n, const xt_arg *args, xt_err *err)
{
    return xt_launch(engine->context, &engine->kernels[kernel], n, args, err);
}

/* ---- forward ---- */

/* Drops a layer's outputs, or their gradients, which are in `buffer`. */
static xt_status drop(gemm *engine, size_t i, int buffer, size_t n, const xt_key *key, xt_err *err)
{
    const xt_plan_layer *layer = &plan_of(engine)->layers[i];
    cl_uint rows = (cl_uint)n, units = (cl_uint)layer->units, at = (cl_uint)block(engine, i), hi = key->hi, lo = key->lo;
    cl_int index = (cl_int)i, below = (cl_int)xt_drop_below(layer->dropout);
    float scale = 1.0f / (1.0f - layer->dropout);
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(units), XT_ARG(engine->buffers[buffer]), XT_ARG(at), XT_ARG(index),
                           XT_ARG(hi), XT_ARG(lo), XT_ARG(below), XT_ARG(scale), XT_ARG_END};
    return launch(engine, DROP, n * layer->units, args, err);
}

static xt_status softmax(gemm *engine, size_t i, size_t n, xt_err *err)
{
    cl_uint rows = (cl_uint)n, units = (cl_uint)plan_of(engine)->layers[i].units, at = (cl_uint)block(engine, i);
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(units), XT_ARG(engine->buffers[Z]), XT_ARG(engine->buffers[A]),
                           XT_ARG(at), XT_ARG_END};
    return launch(engine, SOFTMAX, n, args, err);
}

static xt_status forward_layer(gemm *engine, size_t i, xt_floats x, size_t n, const xt_key *dropout, xt_err *err)
{
    const xt_plan_layer *layer = &plan_of(engine)->layers[i];
    xt_product_shape shape = {n, layer->units, layer->inputs, false, true};
    xt_status status = xt_product(engine->products, &shape, x, place(engine, PARAMS, layer->weight),
                                  place(engine, Z, block(engine, i)), err);
    if (status)
        return status;
    bool is_softmax = layer->activation == XT_ACT_softmax;
    cl_uint rows = (cl_uint)n, units = (cl_uint)layer->units, bias = (cl_uint)layer->bias;
    cl_uint at = (cl_uint)block(engine, i);
    cl_int activation = is_softmax ? XT_ACT_linear : layer->activation;
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(units), XT_ARG(engine->buffers[PARAMS]), XT_ARG(bias),
                           XT_ARG(engine->buffers[Z]), XT_ARG(engine->buffers[A]), XT_ARG(at),
                           XT_ARG(activation), XT_ARG(layer->activation_param), XT_ARG_END};
    status = launch(engine, BIAS_ACTIVATE, n * layer->units, args, err);
    if (!status && is_softmax)
        status = softmax(engine, i, n, err);
    if (!status && dropout && layer->dropout > 0)
        status = drop(engine, i, A, n, dropout, err);
    return status;
}

/* Rows at engine->x; dropout NULL: nothing is dropped. */
static xt_status forward_rows(gemm *engine, size_t n, const xt_key *dropout, xt_err *err)
{
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i < plan_of(engine)->n_layers; i++)
        status = forward_layer(engine, i, i ? place(engine, A, block(engine, i - 1)) : engine->x, n, dropout, err);
    return status;
}

static xt_status gather(gemm *engine, int from, int to, size_t columns, size_t first, size_t n, xt_err *err)
{
    cl_uint rows = (cl_uint)n, cols = (cl_uint)columns, start = (cl_uint)first;
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(cols), XT_ARG(engine->buffers[ORDER]), XT_ARG(start),
                           XT_ARG(engine->buffers[from]), XT_ARG(engine->buffers[to]), XT_ARG_END};
    return launch(engine, GATHER, n * columns, args, err);
}

static xt_status order(xt_layerwise *base, const uint32_t *rows, xt_err *err)
{
    gemm *engine = (gemm *)base;
    engine->shuffled = rows != NULL;
    if (!rows)
        return XT_OK;
    return xt_buffer_write(engine->context, engine->buffers[ORDER], 0, rows, base->base.data->n_rows * sizeof *rows,
                           err);
}

static xt_status forward(gemm *engine, size_t first, size_t n, const xt_key *dropout, xt_err *err)
{
    const xt_dataset *data = engine->base.base.data;
    if (!engine->shuffled) {
        engine->x = place(engine, INPUTS, first * data->n_inputs);
        engine->y = place(engine, TARGETS, first * data->n_targets);
        engine->w = place(engine, WEIGHTS, data->weights ? first : 0);
        return forward_rows(engine, n, dropout, err);
    }
    engine->x = place(engine, BATCH_X, 0);
    engine->y = place(engine, BATCH_Y, 0);
    engine->w = place(engine, BATCH_W, 0);
    xt_status status = gather(engine, INPUTS, BATCH_X, data->n_inputs, first, n, err);
    if (!status)
        status = gather(engine, TARGETS, BATCH_Y, data->n_targets, first, n, err);
    if (!status && data->weights)
        status = gather(engine, WEIGHTS, BATCH_W, 1, first, n, err);
    return status ? status : forward_rows(engine, n, dropout, err);
}

/* ---- score ---- */

/* Losses of the n rows in Z and A against targets at y, to LOSSES from `first` on. */
static xt_status score_rows(gemm *engine, xt_floats y, size_t first, size_t n, bool weighted, bool keeps, xt_err *err)
{
    const xt_plan *plan = plan_of(engine);
    const xt_choice *loss = &plan->spec->loss;
    cl_uint rows = (cl_uint)n, outputs = (cl_uint)plan->n_outputs, losses_at = (cl_uint)first;
    cl_uint at = (cl_uint)block(engine, plan->n_layers - 1), y_at = (cl_uint)y.at, w_at = (cl_uint)engine->w.at;
    cl_int code = loss->kind, has_weights = weighted, has_kept = keeps;
    cl_mem weights = weighted ? engine->w.buffer : engine->buffers[WEIGHTS];
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(outputs), XT_ARG(engine->buffers[Z]), XT_ARG(engine->buffers[A]),
                           XT_ARG(at), XT_ARG(y.buffer), XT_ARG(y_at), XT_ARG(code), XT_ARG(loss->values[0]),
                           XT_ARG(weights), XT_ARG(w_at), XT_ARG(has_weights), XT_ARG(engine->buffers[LOSSES]),
                           XT_ARG(losses_at), XT_ARG(engine->buffers[KEPT]), XT_ARG(has_kept), XT_ARG_END};
    return launch(engine, SCORE, n, args, err);
}

/* Of the batch that went forward last. */
static xt_status score(gemm *engine, size_t first, size_t n, xt_err *err)
{
    bool weighted = engine->base.base.data->weights != NULL;
    return score_rows(engine, engine->y, first, n, weighted, engine->base.has_metrics, err);
}

/* ---- backward ---- */

static xt_status output_gradient(gemm *engine, size_t n, float scale, xt_err *err)
{
    const xt_plan *plan = plan_of(engine);
    const xt_plan_layer *last = &plan->layers[plan->n_layers - 1];
    const xt_choice *loss = &plan->spec->loss;
    size_t n_values = n * last->units;
    cl_uint count = (cl_uint)n_values, outputs = (cl_uint)last->units, at = (cl_uint)block(engine, plan->n_layers - 1);
    cl_uint y_at = (cl_uint)engine->y.at, w_at = (cl_uint)engine->w.at;
    cl_int code = loss->kind, activation = last->activation, weighted = engine->base.base.data->weights != NULL;
    const xt_arg args[] = {XT_ARG(count), XT_ARG(outputs), XT_ARG(engine->buffers[Z]), XT_ARG(engine->buffers[A]),
                           XT_ARG(engine->buffers[GZ]), XT_ARG(at), XT_ARG(engine->y.buffer), XT_ARG(y_at),
                           XT_ARG(engine->w.buffer), XT_ARG(w_at), XT_ARG(weighted), XT_ARG(scale), XT_ARG(code),
                           XT_ARG(loss->values[0]), XT_ARG(activation), XT_ARG(last->activation_param), XT_ARG_END};
    return launch(engine, OUTPUT_GRADIENT, n_values, args, err);
}

static xt_status bias_gradient(gemm *engine, size_t i, size_t n, xt_err *err)
{
    const xt_plan_layer *layer = &plan_of(engine)->layers[i];
    cl_uint rows = (cl_uint)n, units = (cl_uint)layer->units, gz_at = (cl_uint)block(engine, i);
    cl_uint bias = (cl_uint)layer->bias;
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(units), XT_ARG(engine->buffers[GZ]), XT_ARG(gz_at),
                           XT_ARG(engine->buffers[GRADIENTS]), XT_ARG(bias), XT_ARG_END};
    return launch(engine, BIAS_GRADIENT, layer->units, args, err);
}

static xt_status weight_gradient(gemm *engine, size_t i, size_t n, xt_err *err)
{
    const xt_plan_layer *layer = &plan_of(engine)->layers[i];
    xt_product_shape shape = {layer->units, layer->inputs, n, true, false};
    return xt_product(engine->products, &shape, place(engine, GZ, block(engine, i)),
                      i ? place(engine, A, block(engine, i - 1)) : engine->x,
                      place(engine, GRADIENTS, layer->weight), err);
}

/* GZ of the layer below layer i. */
static xt_status input_gradient(gemm *engine, size_t i, size_t n, const xt_key *dropout, xt_err *err)
{
    const xt_plan *plan = plan_of(engine);
    const xt_plan_layer *layer = &plan->layers[i], *below = &plan->layers[i - 1];
    xt_product_shape shape = {n, layer->inputs, layer->units, false, false};
    xt_status status = xt_product(engine->products, &shape, place(engine, GZ, block(engine, i)),
                                  place(engine, PARAMS, layer->weight), place(engine, GZ, block(engine, i - 1)), err);
    bool dropped = dropout && below->dropout > 0;
    if (!status && dropped)
        status = drop(engine, i - 1, GZ, n, dropout, err);
    if (status)
        return status;
    cl_uint count = (cl_uint)(n * below->units), at = (cl_uint)block(engine, i - 1);
    cl_int activation = below->activation, was_dropped = dropped;
    const xt_arg args[] = {XT_ARG(count), XT_ARG(engine->buffers[Z]), XT_ARG(engine->buffers[A]),
                           XT_ARG(engine->buffers[GZ]), XT_ARG(at), XT_ARG(activation),
                           XT_ARG(below->activation_param), XT_ARG(was_dropped), XT_ARG_END};
    return launch(engine, ACTIVATION_GRADIENT, n * below->units, args, err);
}

/* Likewise. */
static xt_status backward(gemm *engine, size_t n, float scale, const xt_key *dropout, xt_err *err)
{
    xt_status status = output_gradient(engine, n, scale, err);
    for (size_t i = plan_of(engine)->n_layers; !status && i-- > 0;) {
        status = weight_gradient(engine, i, n, err);
        if (!status)
            status = bias_gradient(engine, i, n, err);
        if (!status && i)
            status = input_gradient(engine, i, n, dropout, err);
    }
    return status;
}

/* ---- update ---- */

/* SQUARES[0] becomes the factor on the gradients. */
static xt_status norm_factor(gemm *engine, xt_err *err)
{
    const xt_plan *plan = plan_of(engine);
    cl_uint n = (cl_uint)plan->n_params, share = SQUARES_SHARE, n_partial = (n - 1) / share + 1;
    const xt_arg sums[] = {XT_ARG(n), XT_ARG(share), XT_ARG(n_partial), XT_ARG(engine->buffers[GRADIENTS]),
                           XT_ARG(engine->buffers[SQUARES]), XT_ARG_END};
    const xt_arg factor[] = {XT_ARG(n_partial), XT_ARG(engine->buffers[SQUARES]), XT_ARG(plan->spec->clip_norm),
                             XT_ARG_END};
    xt_status status = launch(engine, SQUARE_SUMS, n_partial, sums, err);
    return status ? status : launch(engine, NORM_FACTOR, 1, factor, err);
}

static xt_status clip(gemm *engine, xt_err *err)
{
    const xt_plan *plan = plan_of(engine);
    cl_uint n = (cl_uint)plan->n_params;
    cl_int by_norm = plan->spec->clip_norm > 0;
    if (!by_norm && plan->spec->clip_value <= 0)
        return XT_OK;
    xt_status status = by_norm ? norm_factor(engine, err) : XT_OK;
    const xt_arg args[] = {XT_ARG(n), XT_ARG(engine->buffers[GRADIENTS]), XT_ARG(engine->buffers[SQUARES]),
                           XT_ARG(by_norm), XT_ARG(plan->spec->clip_value), XT_ARG_END};
    return status ? status : launch(engine, CLIP, plan->n_params, args, err);
}

static xt_status penalise(gemm *engine, xt_err *err)
{
    const xt_plan *plan = plan_of(engine);
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i < plan->n_layers; i++) {
        const xt_plan_layer *layer = &plan->layers[i];
        if (layer->l1 <= 0 && layer->l2 <= 0)
            continue;
        cl_uint n = (cl_uint)(layer->bias - layer->weight), at = (cl_uint)layer->weight;
        const xt_arg args[] = {XT_ARG(n), XT_ARG(engine->buffers[PARAMS]), XT_ARG(engine->buffers[GRADIENTS]), XT_ARG(at),
                               XT_ARG(layer->l1), XT_ARG(layer->l2), XT_ARG_END};
        status = launch(engine, PENALTIES, n, args, err);
    }
    return status;
}

static xt_status update(gemm *engine, xt_hyper hyper, xt_err *err)
{
    const xt_plan *plan = plan_of(engine);
    cl_uint n = (cl_uint)plan->n_params;
    cl_int n_slots = (cl_int)plan->n_slots, optimizer = plan->spec->optimizer.kind;
    const xt_arg args[] = {XT_ARG(n), XT_ARG(engine->buffers[PARAMS]), XT_ARG(engine->buffers[GRADIENTS]),
                           XT_ARG(engine->buffers[SLOT0]), XT_ARG(engine->buffers[SLOT1]), XT_ARG(n_slots),
                           XT_ARG(optimizer), XT_ARG(hyper), XT_ARG_END};
    xt_status status = clip(engine, err);
    if (!status)
        status = penalise(engine, err);
    return status ? status : launch(engine, UPDATE, plan->n_params, args, err);
}

static xt_status train(xt_layerwise *base, const xt_layerwise_batch *batch, xt_err *err)
{
    gemm *engine = (gemm *)base;
    xt_status status = forward(engine, batch->first, batch->n, batch->dropout, err);
    if (!status && batch->scored)
        status = score(engine, batch->first, batch->n, err);
    if (!status)
        status = backward(engine, batch->n, batch->scale, batch->dropout, err);
    return status ? status : update(engine, batch->hyper, err);
}

static xt_status measure(xt_layerwise *base, size_t first, size_t n, xt_err *err)
{
    gemm *engine = (gemm *)base;
    xt_status status = forward(engine, first, n, NULL, err);
    return status ? status : score(engine, first, n, err);
}

/* ---- what leaves and enters ---- */

static xt_status read_floats(gemm *engine, int buffer, size_t at, float *to, size_t n, xt_err *err)
{
    return xt_buffer_read(engine->context, engine->buffers[buffer], at * sizeof *to, to, n * sizeof *to, err);
}

static xt_status scores(xt_layerwise *base, float *losses, float *outputs, xt_err *err)
{
    gemm *engine = (gemm *)base;
    size_t n = base->base.data->n_rows;
    xt_status status = read_floats(engine, LOSSES, 0, losses, n, err);
    if (!status && base->has_metrics)
        status = read_floats(engine, KEPT, 0, outputs, n * base->base.plan->n_outputs, err);
    engine->trained = engine->trained || !status;
    return status;
}

/* The losses of n rows that went forward, against targets on the host. */
static xt_status evaluate_losses(gemm *engine, const float *targets, size_t n, float *losses, xt_err *err)
{
    xt_status status = xt_buffer_write(engine->context, engine->buffers[BATCH_Y], 0, targets,
                                       n * plan_of(engine)->n_outputs * sizeof *targets, err);
    if (!status)
        status = score_rows(engine, place(engine, BATCH_Y, 0), 0, n, false, false, err);
    return status ? status : read_floats(engine, LOSSES, 0, losses, n, err);
}

static xt_status evaluate(xt_engine *base, const float *inputs, const float *targets, size_t n_rows, float *out,
                          float *losses, xt_err *err)
{
    gemm *engine = (gemm *)base;
    const xt_plan *plan = base->plan;
    size_t batch = engine->base.batch_rows, last = block(engine, plan->n_layers - 1), m = plan->n_outputs;
    xt_status status = XT_OK;
    engine->x = place(engine, BATCH_X, 0);
    for (size_t first = 0; !status && first < n_rows; first += batch) {
        size_t n = n_rows - first < batch ? n_rows - first : batch;
        status = xt_buffer_write(engine->context, engine->buffers[BATCH_X], 0, inputs + first * plan->n_inputs,
                                 n * plan->n_inputs * sizeof *inputs, err);
        if (!status)
            status = forward_rows(engine, n, NULL, err);
        if (!status)
            status = read_floats(engine, A, last, out + first * m, n * m, err);
        if (!status && losses)
            status = evaluate_losses(engine, targets + first * m, n, losses + first, err);
    }
    return status;
}

static xt_status gradients(xt_engine *base, size_t first, size_t n, double *loss, float *out, xt_err *err)
{
    gemm *engine = (gemm *)base;
    const xt_plan *plan = base->plan;
    float *rows = engine->base.losses + first, shares = xt_layerwise_shares(base->data, NULL, first, n);
    engine->shuffled = false;
    xt_status status = measure(&engine->base, first, n, err);
    if (!status)
        status = backward(engine, n, 1.0f / (shares * (float)plan->n_losses), NULL, err);
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
    gemm *engine = (gemm *)base;
    size_t n = base->plan->n_params;
    xt_status status = read_floats(engine, PARAMS, 0, state, n, err);
    for (int i = 0; !status && i < (int)base->plan->n_slots; i++)
        status = read_floats(engine, SLOT0 + i, 0, state + (size_t)(1 + i) * n, n, err);
    return status;
}

static xt_status write_state(xt_engine *base, const float *state, xt_err *err)
{
    gemm *engine = (gemm *)base;
    size_t n = base->plan->n_params, n_bytes = n * sizeof *state;
    xt_status status = xt_buffer_write(engine->context, engine->buffers[PARAMS], 0, state, n_bytes, err);
    for (int i = 0; !status && i < (int)base->plan->n_slots; i++)
        status = xt_buffer_write(engine->context, engine->buffers[SLOT0 + i], 0, state + (size_t)(1 + i) * n, n_bytes,
                                 err);
    return status;
}

/* ---- open and close ---- */

/* All but the context. */
static void release(gemm *engine)
{
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
    gemm *engine = (gemm *)base;
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
static void say_bytes(gemm *engine)
{
    for (int i = 0; i < N_KERNELS; i++)
        engine->kernels[i].item_bytes = sizeof(cl_float) * (double)kernel_floats[i];
    engine->kernels[UPDATE].item_bytes += 2 * sizeof(cl_float) * (double)plan_of(engine)->n_slots;
}

static xt_status open_program(gemm *engine, xt_err *err)
{
    const char *files[] = {"device.h", "scalar.h", "random.h", "dense.cl", "product.cl"};
    const xt_program_source source = {NULL, files, sizeof files / sizeof *files};
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
static xt_status open_products(gemm *engine, xt_err *err)
{
    const xt_plan *plan = plan_of(engine);
    xt_product_shape shapes[3 * XT_MAX_LAYERS];
    size_t n = engine->base.batch_rows, n_shapes = 0;
    for (size_t i = 0; i < plan->n_layers; i++) {
        size_t units = plan->layers[i].units, inputs = plan->layers[i].inputs;
        shapes[n_shapes++] = (xt_product_shape){n, units, inputs, false, true};
        if (engine->base.base.data)
            shapes[n_shapes++] = (xt_product_shape){units, inputs, n, true, false};
        if (engine->base.base.data && i)
            shapes[n_shapes++] = (xt_product_shape){n, inputs, units, false, false};
    }
    return xt_products_open(engine->context, engine->program.program, shapes, n_shapes, XT_PRODUCT_AUTO, &engine->products,
                            err);
}

static void size_buffers(gemm *engine)
{
    const xt_plan *plan = plan_of(engine);
    const xt_dataset *data = engine->base.base.data;
    size_t batch = engine->base.batch_rows, *n = engine->sizes;
    n[BATCH_X] = batch * plan->n_inputs;
    n[PARAMS] = plan->n_params;
    n[SLOT0] = plan->n_slots > 0 ? plan->n_params : 0;
    n[SLOT1] = plan->n_slots > 1 ? plan->n_params : 0;
    n[Z] = n[A] = batch * plan->n_values;
    n[BATCH_Y] = batch * plan->n_outputs;
    n[LOSSES] = data && data->n_rows > batch ? data->n_rows : batch;
    if (!data)
        return;
    n[INPUTS] = data->n_rows * data->n_inputs;
    n[TARGETS] = data->n_rows * data->n_targets;
    n[ORDER] = plan->spec->shuffle ? data->n_rows : 0;
    n[WEIGHTS] = data->weights ? data->n_rows : 0;
    n[BATCH_W] = data->weights && plan->spec->shuffle ? batch : 0;
    n[GRADIENTS] = plan->n_params;
    n[SQUARES] = plan->spec->clip_norm > 0 ? (plan->n_params - 1) / SQUARES_SHARE + 1 : 0;
    n[GZ] = n[Z];
    n[KEPT] = engine->base.has_metrics ? data->n_rows * plan->n_outputs : 0;
}

static xt_status open_buffers(gemm *engine, xt_err *err)
{
    const xt_dataset *data = engine->base.base.data;
    xt_status status = xt_buffers_check(engine->context, buffer_names, engine->sizes, N_BUFFERS,
                                        xt_products_bytes(engine->products), &engine->base.base.facts.device_bytes, err);
    if (!status)
        status = xt_buffers_open(engine->context, buffer_names, engine->sizes, N_BUFFERS, true, engine->buffers, err);
    if (!status && data)
        status = xt_buffer_write(engine->context, engine->buffers[INPUTS], 0, data->inputs,
                                 engine->sizes[INPUTS] * sizeof(float), err);
    if (!status && data)
        status = xt_buffer_write(engine->context, engine->buffers[TARGETS], 0, xt_engine_targets(data),
                                 engine->sizes[TARGETS] * sizeof(float), err);
    if (!status && data && data->weights)
        status = xt_buffer_write(engine->context, engine->buffers[WEIGHTS], 0, data->weights,
                                 engine->sizes[WEIGHTS] * sizeof(float), err);
    return status;
}

xt_status xt_gemm_open(const xt_plan *plan, const xt_dataset *data, xt_context *context, xt_engine **out, xt_err *err)
{
    xt_engine_facts *facts;
    gemm *engine = calloc(1, sizeof *engine);
    if (!engine)
        return xt_fail_memory(err, "the gemm engine", sizeof *engine);
    engine->base.base.ops = &ops;
    engine->base.steps = &steps;
    engine->context = context;
    facts = &engine->base.base.facts;
    xt_status status = xt_layerwise_init(&engine->base, plan, data, err);
    size_buffers(engine);
    /* Before anything is compiled or taken. */
    if (!status)
        status = xt_buffers_check(context, buffer_names, engine->sizes, N_BUFFERS, 0, &facts->device_bytes, err);
    if (!status)
        status = open_program(engine, err);
    if (!status)
        status = open_products(engine, err);
    if (!status)
        status = open_buffers(engine, err);
    if (status) {
        release(engine);
        return status;
    }
    snprintf(facts->blas, sizeof facts->blas, "%s", xt_products_blas(engine->products));
    *out = &engine->base.base;
    return XT_OK;
}
