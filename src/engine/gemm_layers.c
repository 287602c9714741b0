/* What the gemm engine puts into the queue for a batch. Conventions are those
 * of reference.c: sums from 0 in ascending order, a unit's bias last. */
#include "engine/gemm_engine.h"

static xt_status launch(xt_gemm *engine, int kernel, size_t n, const xt_arg *args, xt_err *err)
{
    return xt_launch(engine->context, &engine->kernels[kernel], n, args, err);
}

/* A layer's block in one of Z, A and GZ. */
static xt_floats values(const xt_gemm *engine, int buffer, size_t layer)
{
    return xt_gemm_place(engine, buffer, xt_gemm_block(engine, layer));
}

/* ---- forward ---- */

/* Drops a layer's outputs, or their gradients, which are in `buffer`. */
static xt_status drop(xt_gemm *engine, size_t i, int buffer, size_t n, const xt_key *key, xt_err *err)
{
    const xt_plan_layer *layer = &xt_gemm_plan(engine)->layers[i];
    cl_uint rows = (cl_uint)n, units = (cl_uint)layer->units, at = (cl_uint)xt_gemm_block(engine, i);
    cl_uint hi = key->hi, lo = key->lo;
    cl_int index = (cl_int)i, below = (cl_int)xt_drop_below(layer->dropout);
    float scale = 1.0f / (1.0f - layer->dropout);
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(units), XT_ARG(engine->buffers[buffer]), XT_ARG(at), XT_ARG(index),
                           XT_ARG(hi), XT_ARG(lo), XT_ARG(below), XT_ARG(scale), XT_ARG_END};
    return launch(engine, DROP, n * layer->units, args, err);
}

static xt_status softmax(xt_gemm *engine, size_t i, size_t n, xt_err *err)
{
    cl_uint rows = (cl_uint)n, units = (cl_uint)xt_gemm_plan(engine)->layers[i].units;
    cl_uint at = (cl_uint)xt_gemm_block(engine, i);
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(units), XT_ARG(engine->buffers[Z]), XT_ARG(engine->buffers[A]),
                           XT_ARG(at), XT_ARG_END};
    return launch(engine, SOFTMAX, n, args, err);
}

static xt_status forward_layer(xt_gemm *engine, size_t i, xt_floats x, size_t n, const xt_key *dropout, xt_err *err)
{
    const xt_plan_layer *layer = &xt_gemm_plan(engine)->layers[i];
    xt_product_shape shape = {n, layer->units, layer->inputs, false, true};
    xt_status status = xt_product(engine->products, &shape, x, xt_gemm_place(engine, PARAMS, layer->weight),
                                  values(engine, Z, i), err);
    if (status)
        return status;
    bool is_softmax = layer->activation == XT_ACT_softmax;
    cl_uint rows = (cl_uint)n, units = (cl_uint)layer->units, bias = (cl_uint)layer->bias;
    cl_uint at = (cl_uint)xt_gemm_block(engine, i);
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

xt_status xt_gemm_forward(xt_gemm *engine, size_t n, const xt_key *dropout, xt_err *err)
{
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i < xt_gemm_plan(engine)->n_layers; i++)
        status = forward_layer(engine, i, i ? values(engine, A, i - 1) : engine->rows.x, n, dropout, err);
    return status;
}

/* ---- score ---- */

xt_status xt_gemm_score(xt_gemm *engine, size_t first, size_t n, bool weighted, bool keeps, xt_err *err)
{
    const xt_plan *plan = xt_gemm_plan(engine);
    const xt_choice *loss = &plan->spec->loss;
    const xt_floats *y = &engine->rows.y, *w = &engine->rows.w;
    cl_uint rows = (cl_uint)n, outputs = (cl_uint)plan->n_outputs, losses_at = (cl_uint)first;
    cl_uint at = (cl_uint)xt_gemm_block(engine, plan->n_layers - 1), y_at = (cl_uint)y->at, w_at = (cl_uint)w->at;
    cl_int code = loss->kind, has_weights = weighted, has_kept = keeps;
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(outputs), XT_ARG(engine->buffers[Z]), XT_ARG(engine->buffers[A]),
                           XT_ARG(at), XT_ARG(y->buffer), XT_ARG(y_at), XT_ARG(code), XT_ARG(loss->values[0]),
                           XT_ARG(w->buffer), XT_ARG(w_at), XT_ARG(has_weights), XT_ARG(engine->buffers[LOSSES]),
                           XT_ARG(losses_at), XT_ARG(engine->buffers[KEPT]), XT_ARG(has_kept), XT_ARG_END};
    return launch(engine, SCORE, n, args, err);
}

/* ---- backward ---- */

static xt_status output_gradient(xt_gemm *engine, size_t n, float scale, xt_err *err)
{
    const xt_plan *plan = xt_gemm_plan(engine);
    const xt_plan_layer *last = &plan->layers[plan->n_layers - 1];
    const xt_choice *loss = &plan->spec->loss;
    const xt_floats *y = &engine->rows.y, *w = &engine->rows.w;
    size_t n_values = n * last->units;
    cl_uint count = (cl_uint)n_values, outputs = (cl_uint)last->units;
    cl_uint at = (cl_uint)xt_gemm_block(engine, plan->n_layers - 1), y_at = (cl_uint)y->at, w_at = (cl_uint)w->at;
    cl_int code = loss->kind, activation = last->activation, weighted = engine->base.base.data->weights != NULL;
    const xt_arg args[] = {XT_ARG(count), XT_ARG(outputs), XT_ARG(engine->buffers[Z]), XT_ARG(engine->buffers[A]),
                           XT_ARG(engine->buffers[GZ]), XT_ARG(at), XT_ARG(y->buffer), XT_ARG(y_at),
                           XT_ARG(w->buffer), XT_ARG(w_at), XT_ARG(weighted), XT_ARG(scale), XT_ARG(code),
                           XT_ARG(loss->values[0]), XT_ARG(activation), XT_ARG(last->activation_param), XT_ARG_END};
    return launch(engine, OUTPUT_GRADIENT, n_values, args, err);
}

static xt_status bias_gradient(xt_gemm *engine, size_t i, size_t n, xt_err *err)
{
    const xt_plan_layer *layer = &xt_gemm_plan(engine)->layers[i];
    cl_uint rows = (cl_uint)n, units = (cl_uint)layer->units, gz_at = (cl_uint)xt_gemm_block(engine, i);
    cl_uint bias = (cl_uint)layer->bias;
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(units), XT_ARG(engine->buffers[GZ]), XT_ARG(gz_at),
                           XT_ARG(engine->buffers[GRADIENTS]), XT_ARG(bias), XT_ARG_END};
    return launch(engine, BIAS_GRADIENT, layer->units, args, err);
}

static xt_status weight_gradient(xt_gemm *engine, size_t i, size_t n, xt_err *err)
{
    const xt_plan_layer *layer = &xt_gemm_plan(engine)->layers[i];
    xt_product_shape shape = {layer->units, layer->inputs, n, true, false};
    return xt_product(engine->products, &shape, values(engine, GZ, i),
                      i ? values(engine, A, i - 1) : engine->rows.x,
                      xt_gemm_place(engine, GRADIENTS, layer->weight), err);
}

/* GZ of the layer below layer i. */
static xt_status input_gradient(xt_gemm *engine, size_t i, size_t n, const xt_key *dropout, xt_err *err)
{
    const xt_plan *plan = xt_gemm_plan(engine);
    const xt_plan_layer *layer = &plan->layers[i], *below = &plan->layers[i - 1];
    xt_product_shape shape = {n, layer->inputs, layer->units, false, false};
    xt_status status = xt_product(engine->products, &shape, values(engine, GZ, i),
                                  xt_gemm_place(engine, PARAMS, layer->weight), values(engine, GZ, i - 1), err);
    bool dropped = dropout && below->dropout > 0;
    if (!status && dropped)
        status = drop(engine, i - 1, GZ, n, dropout, err);
    if (status)
        return status;
    cl_uint count = (cl_uint)(n * below->units), at = (cl_uint)xt_gemm_block(engine, i - 1);
    cl_int activation = below->activation, was_dropped = dropped;
    const xt_arg args[] = {XT_ARG(count), XT_ARG(engine->buffers[Z]), XT_ARG(engine->buffers[A]),
                           XT_ARG(engine->buffers[GZ]), XT_ARG(at), XT_ARG(activation),
                           XT_ARG(below->activation_param), XT_ARG(was_dropped), XT_ARG_END};
    return launch(engine, ACTIVATION_GRADIENT, n * below->units, args, err);
}

xt_status xt_gemm_backward(xt_gemm *engine, size_t n, float scale, const xt_key *dropout, xt_err *err)
{
    xt_status status = output_gradient(engine, n, scale, err);
    for (size_t i = xt_gemm_plan(engine)->n_layers; !status && i-- > 0;) {
        status = weight_gradient(engine, i, n, err);
        if (!status)
            status = bias_gradient(engine, i, n, err);
        if (!status && i)
            status = input_gradient(engine, i, n, dropout, err);
    }
    return status;
}
