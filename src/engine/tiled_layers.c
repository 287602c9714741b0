#include "engine/tiled_engine.h"

/* Where rows are, with the distance between them in floats. */
typedef struct rows_at {
    cl_mem buffer;
    cl_uint at, ld;
} rows_at;

static rows_at inputs_of(const xt_tiled *engine, size_t i, const xt_feed_batch *rows)
{
    const xt_plan *plan = xt_tiled_plan(engine);
    if (i)
        return (rows_at){engine->buffers[A], (cl_uint)engine->values[i - 1], (cl_uint)engine->strides[i - 1]};
    return (rows_at){rows->x.buffer, (cl_uint)rows->x.at, (cl_uint)xt_tiles_stride(&engine->tiles, plan->n_inputs)};
}

/* The arguments of dropping a layer's outputs, or nothing. */
typedef struct dropping {
    cl_int layer, below;
    cl_uint hi, lo;
    float scale;
} dropping;

static dropping dropping_of(const xt_tiled *engine, size_t i, const xt_key *key)
{
    const xt_plan_layer *layer = &xt_tiled_plan(engine)->layers[i];
    if (!key || layer->dropout <= 0)
        return (dropping){0};
    return (dropping){(cl_int)i, (cl_int)xt_drop_below(layer->dropout), key->hi, key->lo, 1.0f / (1.0f - layer->dropout)};
}

static bool is_whole(const xt_tiled *engine, size_t n)
{
    return n == engine->base.batch_rows;
}

static size_t threads_of(const xt_tiled *engine)
{
    return engine->context->device.compute_units;
}

/* ---- forward ---- */

static xt_status forward_layer(xt_tiled *engine, size_t i, size_t n, const xt_key *dropout, const xt_tiled_head *head,
                               xt_err *err)
{
    const xt_plan_layer *layer = &xt_tiled_plan(engine)->layers[i];
    const xt_tiled_layer *tiled = &engine->layout.layers[i];
    xt_block b = is_whole(engine, n) ? engine->blocks[i].forward
                                     : xt_tiles_forward(&engine->tiles, threads_of(engine), n, layer->inputs, layer->units);
    rows_at x = inputs_of(engine, i, &head->rows);
    dropping drop = dropping_of(engine, i, dropout);
    cl_uint rows = (cl_uint)n, inputs = (cl_uint)layer->inputs, units = (cl_uint)layer->units;
    cl_uint weight = (cl_uint)tiled->weight, bias = (cl_uint)tiled->bias, at = (cl_uint)engine->values[i];
    cl_uint ld = (cl_uint)engine->strides[i], block_rows = (cl_uint)b.rows, block_panels = (cl_uint)b.panels;
    cl_int activation = layer->activation;
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(inputs), XT_ARG(units), XT_ARG(x.buffer), XT_ARG(x.at), XT_ARG(x.ld),
                           XT_ARG(engine->buffers[PARAMS]), XT_ARG(weight), XT_ARG(bias), XT_ARG(engine->buffers[Z]),
                           XT_ARG(engine->buffers[A]), XT_ARG(at), XT_ARG(ld), XT_ARG(block_rows), XT_ARG(block_panels),
                           XT_ARG(activation), XT_ARG(layer->activation_param), XT_ARG(drop.layer), XT_ARG(drop.hi),
                           XT_ARG(drop.lo), XT_ARG(drop.below), XT_ARG(drop.scale), XT_ARG_END};
    return xt_launch(engine->context, &engine->forward, b.n_groups, args, err);
}

static xt_status forward_head(xt_tiled *engine, size_t n, const xt_tiled_head *head, xt_err *err)
{
    const xt_plan *plan = xt_tiled_plan(engine);
    size_t i = plan->n_layers - 1;
    const xt_plan_layer *layer = &plan->layers[i];
    const xt_tiled_layer *tiled = &engine->layout.layers[i];
    xt_block b = xt_tiles_head(&engine->tiles, threads_of(engine), n);
    rows_at x = inputs_of(engine, i, &head->rows);
    const xt_feed_batch *data = &head->rows;
    cl_uint rows = (cl_uint)n, inputs = (cl_uint)layer->inputs, units = (cl_uint)layer->units;
    cl_uint weight = (cl_uint)tiled->weight, bias = (cl_uint)tiled->bias, at = (cl_uint)engine->values[i];
    cl_uint ld = (cl_uint)engine->strides[i], block_rows = (cl_uint)b.rows, y_at = (cl_uint)data->y.at;
    cl_uint w_at = (cl_uint)data->w.at, losses_at = (cl_uint)head->losses.at;
    cl_int activation = layer->activation, loss = plan->spec->loss.kind;
    cl_int weighted = head->weighted, keeps = head->keeps, scores = head->scores, trains = head->trains;
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(inputs), XT_ARG(units), XT_ARG(x.buffer), XT_ARG(x.at), XT_ARG(x.ld),
                           XT_ARG(engine->buffers[PARAMS]), XT_ARG(weight), XT_ARG(bias), XT_ARG(engine->buffers[Z]),
                           XT_ARG(engine->buffers[A]), XT_ARG(engine->buffers[GZ]), XT_ARG(at), XT_ARG(ld),
                           XT_ARG(block_rows), XT_ARG(activation), XT_ARG(layer->activation_param),
                           XT_ARG(data->y.buffer), XT_ARG(y_at), XT_ARG(data->w.buffer), XT_ARG(w_at), XT_ARG(weighted),
                           XT_ARG(head->scale), XT_ARG(loss), XT_ARG(plan->spec->loss.values[0]), XT_ARG(head->losses.buffer), XT_ARG(losses_at),
                           XT_ARG(head->kept), XT_ARG(keeps), XT_ARG(scores), XT_ARG(trains), XT_ARG_END};
    return xt_launch(engine->context, &engine->head, b.n_groups, args, err);
}

xt_status xt_tiled_forward(xt_tiled *engine, size_t n, const xt_key *dropout, const xt_tiled_head *head, xt_err *err)
{
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i + 1 < xt_tiled_plan(engine)->n_layers; i++)
        status = forward_layer(engine, i, n, dropout, head, err);
    return status ? status : forward_head(engine, n, head, err);
}

/* ---- backward ---- */

/* GZ of the layer below layer i. */
static xt_status input_gradient(xt_tiled *engine, size_t i, size_t n, const xt_key *dropout, xt_err *err)
{
    const xt_plan_layer *layer = &xt_tiled_plan(engine)->layers[i], *below = layer - 1;
    xt_block b = is_whole(engine, n)
                     ? engine->blocks[i].input_gradient
                     : xt_tiles_input_gradient(&engine->tiles, threads_of(engine), n, layer->inputs, layer->units);
    dropping drop = dropping_of(engine, i - 1, dropout);
    cl_uint rows = (cl_uint)n, inputs = (cl_uint)layer->inputs, units = (cl_uint)layer->units;
    cl_uint gz_at = (cl_uint)engine->values[i], gz_ld = (cl_uint)engine->strides[i];
    cl_uint weight = (cl_uint)engine->layout.layers[i].weight, below_at = (cl_uint)engine->values[i - 1];
    cl_int activation = below->activation;
    cl_uint below_ld = (cl_uint)engine->strides[i - 1], block_rows = (cl_uint)b.rows, block_panels = (cl_uint)b.panels;
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(inputs), XT_ARG(units), XT_ARG(engine->buffers[GZ]), XT_ARG(gz_at),
                           XT_ARG(gz_ld), XT_ARG(engine->buffers[PARAMS]), XT_ARG(weight), XT_ARG(engine->buffers[Z]),
                           XT_ARG(engine->buffers[A]), XT_ARG(engine->buffers[GZ]), XT_ARG(below_at), XT_ARG(below_ld),
                           XT_ARG(block_rows), XT_ARG(block_panels), XT_ARG(activation),
                           XT_ARG(below->activation_param), XT_ARG(drop.layer), XT_ARG(drop.hi), XT_ARG(drop.lo), XT_ARG(drop.below), XT_ARG(drop.scale), XT_ARG_END};
    return xt_launch(engine->context, &engine->input_gradient, b.n_groups, args, err);
}

static xt_status weight_gradient(xt_tiled *engine, size_t i, size_t n, const xt_feed_batch *data, const xt_hyper *update,
                                 xt_err *err)
{
    const xt_plan *plan = xt_tiled_plan(engine);
    const xt_plan_layer *layer = &plan->layers[i];
    const xt_tiled_layer *tiled = &engine->layout.layers[i];
    xt_block b = is_whole(engine, n) ? engine->blocks[i].weight_gradient
                                     : xt_tiles_weight_gradient(&engine->tiles, threads_of(engine), n, layer->inputs,
                                                                layer->units, plan->n_slots);
    rows_at x = inputs_of(engine, i, data);
    xt_hyper hyper = update ? *update : (xt_hyper){0};
    cl_uint rows = (cl_uint)n, inputs = (cl_uint)layer->inputs, units = (cl_uint)layer->units;
    cl_uint gz_at = (cl_uint)engine->values[i], gz_ld = (cl_uint)engine->strides[i];
    cl_uint weight = (cl_uint)tiled->weight, bias = (cl_uint)tiled->bias;
    cl_uint block_inputs = (cl_uint)b.rows, block_panels = (cl_uint)b.panels;
    cl_int stores = !update, n_slots = (cl_int)plan->n_slots, optimizer = plan->spec->optimizer.kind;
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(inputs), XT_ARG(units), XT_ARG(x.buffer), XT_ARG(x.at), XT_ARG(x.ld),
                           XT_ARG(engine->buffers[GZ]), XT_ARG(gz_at), XT_ARG(gz_ld), XT_ARG(engine->buffers[PARAMS]),
                           XT_ARG(weight), XT_ARG(bias), XT_ARG(engine->buffers[SLOT0]), XT_ARG(engine->buffers[SLOT1]),
                           XT_ARG(n_slots), XT_ARG(engine->buffers[GRADIENTS]), XT_ARG(stores), XT_ARG(block_inputs),
                           XT_ARG(block_panels), XT_ARG(optimizer), XT_ARG(layer->l1), XT_ARG(layer->l2), XT_ARG(hyper), XT_ARG_END};
    return xt_launch(engine->context, &engine->weight_gradient, b.n_groups, args, err);
}

/* A layer's weights change when nothing needs them as they were any more. */
xt_status xt_tiled_backward(xt_tiled *engine, size_t n, const xt_tiled_head *head, const xt_key *dropout,
                            const xt_hyper *hyper, xt_err *err)
{
    xt_status status = XT_OK;
    for (size_t i = xt_tiled_plan(engine)->n_layers; !status && i-- > 0;) {
        if (i)
            status = input_gradient(engine, i, n, dropout, err);
        if (!status)
            status = weight_gradient(engine, i, n, &head->rows, hyper, err);
    }
    return status;
}
