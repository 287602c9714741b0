#include "engine/tiled_engine.h"

static size_t threads_of(const xt_tiled *engine)
{
    return engine->context->device.compute_units;
}

/* Where a batch's inputs are, with the distance of their rows. */
typedef struct rows_at {
    cl_mem buffer;
    cl_uint at, ld;
} rows_at;

static rows_at inputs_of(const xt_tiled *engine, const xt_feed_batch *rows)
{
    return (rows_at){rows->x.buffer, (cl_uint)rows->x.at,
                     (cl_uint)xt_tiles_stride(&engine->tiles, xt_tiled_plan(engine)->n_inputs)};
}

/* The arguments of dropping outputs, or nothing. */
typedef struct dropping {
    cl_int drops;
    cl_uint hi, lo;
} dropping;

static dropping dropping_of(const xt_tiled_batch *batch)
{
    return batch->dropout ? (dropping){1, batch->dropout->hi, batch->dropout->lo} : (dropping){0};
}

static xt_scoring scoring_of(const xt_tiled *engine, const xt_tiled_batch *batch)
{
    const xt_choice *loss = &xt_tiled_plan(engine)->spec->loss;
    xt_scoring scoring = batch->scoring;
    scoring.y_at = (cl_uint)batch->rows.y.at;
    scoring.weights_at = (cl_uint)batch->rows.w.at;
    scoring.loss = loss->kind;
    scoring.loss_param = loss->values[0];
    return scoring;
}

/* For a profile: products of the rows with the weights of these steps, and the values of all layers. */
static void say_work(xt_tiled *engine, const xt_tiled_steps *s, size_t n)
{
    const xt_plan *plan = xt_tiled_plan(engine);
    double weights = 0, values = 0, rows = (double)n;
    for (size_t k = s->first; k < s->end; k++) {
        size_t i = k < plan->n_layers ? k : 2 * plan->n_layers - 1 - k;
        weights += (double)plan->layers[i].inputs * (double)plan->layers[i].units;
        values += (double)plan->layers[i].inputs + 2 * (double)plan->layers[i].units;
    }
    xt_context_work(engine->context, 2 * rows * weights, (double)sizeof(float) * (weights + rows * values));
}

xt_status xt_tiled_launch(xt_tiled *engine, const xt_tiled_steps *s, const xt_tiled_batch *batch, xt_err *err)
{
    const xt_plan *plan = xt_tiled_plan(engine);
    const xt_feed_gather *from = &batch->gather;
    rows_at x = inputs_of(engine, &batch->rows);
    dropping drop = dropping_of(batch);
    xt_scoring scoring = scoring_of(engine, batch);
    xt_gathering gathering = {from->wanted, (cl_uint)from->first, (cl_uint)plan->n_outputs};
    cl_uint rows = (cl_uint)batch->n, n_layers = (cl_uint)plan->n_layers, first = (cl_uint)s->first, end = (cl_uint)s->end;
    cl_uint block_rows = (cl_uint)s->block.rows, block_panels = (cl_uint)s->block.panels;
    const cl_mem *buffers = engine->buffers;
    /* Where nothing is gathered, any buffer stands for what is not read. */
    const cl_mem none = buffers[LAYERS], order = from->wanted ? from->order : none;
    const cl_mem from_x = from->wanted ? from->x : none, from_y = from->wanted ? from->y : none;
    const cl_mem from_w = from->wanted ? from->w : none;
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(n_layers), XT_ARG(first), XT_ARG(end), XT_ARG(buffers[LAYERS]),
                           XT_ARG(x.buffer), XT_ARG(x.at), XT_ARG(x.ld), XT_ARG(buffers[PARAMS]), XT_ARG(buffers[Z]),
                           XT_ARG(buffers[A]), XT_ARG(buffers[GZ]), XT_ARG(block_rows), XT_ARG(block_panels),
                           XT_ARG(batch->rows.y.buffer), XT_ARG(batch->rows.w.buffer), XT_ARG(buffers[LOSSES]),
                           XT_ARG(batch->kept), XT_ARG(scoring), XT_ARG(drop.drops), XT_ARG(drop.hi), XT_ARG(drop.lo),
                           XT_ARG(buffers[FACTORS]), XT_ARG(gathering), XT_ARG(order), XT_ARG(from_x), XT_ARG(from_y),
                           XT_ARG(from_w), XT_ARG_END};
    say_work(engine, s, batch->n);
    return xt_launch(engine->context, &engine->pass, s->block.n_groups, args, err);
}

/* ---- rows through layers ---- */

static xt_block forward_block(const xt_tiled *engine, size_t i, size_t n)
{
    const xt_plan_layer *layer = &xt_tiled_plan(engine)->layers[i];
    if (i + 1 == xt_tiled_plan(engine)->n_layers)
        return xt_tiles_head(&engine->tiles, threads_of(engine), n, layer->units);
    if (n == engine->base.batch_rows)
        return engine->blocks[i].forward;
    return xt_tiles_forward(&engine->tiles, threads_of(engine), n, layer->inputs, layer->units);
}

static xt_block input_gradient_block(const xt_tiled *engine, size_t i, size_t n)
{
    const xt_plan_layer *layer = &xt_tiled_plan(engine)->layers[i];
    if (n == engine->base.batch_rows)
        return engine->blocks[i].input_gradient;
    return xt_tiles_input_gradient(&engine->tiles, threads_of(engine), n, layer->inputs, layer->units);
}

xt_status xt_tiled_pass(xt_tiled *engine, const xt_tiled_batch *batch, xt_err *err)
{
    size_t n_layers = xt_tiled_plan(engine)->n_layers, end = batch->scoring.trains ? 2 * n_layers - 1 : n_layers;
    xt_status status = XT_OK;
    if (engine->at_once) {
        xt_tiled_steps all = {0, end, xt_tiles_pass(&engine->tiles, threads_of(engine), batch->n, xt_tiled_plan(engine))};
        return xt_tiled_launch(engine, &all, batch, err);
    }
    for (size_t i = 0; !status && i < end; i++) {
        xt_tiled_steps one = {i, i + 1,
                              i < n_layers ? forward_block(engine, i, batch->n)
                                           : input_gradient_block(engine, 2 * n_layers - 1 - i, batch->n)};
        status = xt_tiled_launch(engine, &one, batch, err);
    }
    return status;
}

/* ---- weights ---- */

xt_status xt_tiled_weight_gradients(xt_tiled *engine, const xt_tiled_batch *batch, const xt_hyper *update, xt_err *err)
{
    const xt_plan *plan = xt_tiled_plan(engine);
    xt_hyper hyper = update ? *update : (xt_hyper){0};
    rows_at x = inputs_of(engine, &batch->rows);
    cl_uint rows = (cl_uint)batch->n;
    cl_int stores = !update, n_slots = (cl_int)plan->n_slots, optimizer = plan->spec->optimizer.kind;
    const cl_mem *b = engine->buffers;
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(b[LAYERS]), XT_ARG(x.buffer), XT_ARG(x.at), XT_ARG(x.ld), XT_ARG(b[A]),
                           XT_ARG(b[GZ]), XT_ARG(b[PARAMS]), XT_ARG(b[SLOT0]), XT_ARG(b[SLOT1]), XT_ARG(n_slots),
                           XT_ARG(b[GRADIENTS]), XT_ARG(stores), XT_ARG(optimizer), XT_ARG(hyper), XT_ARG_END};
    double weights = (double)plan->n_params, values = (double)(plan->n_inputs + 2 * plan->n_values - plan->n_outputs);
    double moved = weights * (2 + 2 * (double)plan->n_slots) + values * (double)batch->n;
    xt_context_work(engine->context, 2 * weights * (double)batch->n, (double)sizeof(float) * moved);
    return xt_launch(engine->context, &engine->weight_gradients, engine->n_groups, args, err);
}

xt_status xt_tiled_launch_first(xt_tiled *engine, xt_err *err)
{
    const xt_floats probe = {engine->buffers[PROBE], 0}, targets = {engine->buffers[PROBE_TARGETS], 0};
    const xt_tiled_batch none = {.rows = {probe, targets, targets}, .kept = engine->buffers[KEPT]};
    const xt_tiled_steps one = {0, 1, {(size_t)engine->tiles.rows, 1, 1, 0}};
    xt_status status = xt_tiled_launch(engine, &one, &none, err);
    if (!status)
        status = xt_tiled_weight_gradients(engine, &none, NULL, err);
    return status ? status : xt_context_finish(engine->context, err);
}

/* ---- what stays the same ---- */

static xt_tiled_task task_of(const xt_tiled *engine, size_t i)
{
    const xt_plan_layer *layer = &xt_tiled_plan(engine)->layers[i];
    const xt_tiled_layer *tiled = &engine->layout.layers[i];
    return (xt_tiled_task){
        .inputs = (cl_uint)layer->inputs,
        .units = (cl_uint)layer->units,
        .weight_at = (cl_uint)tiled->weight,
        .bias_at = (cl_uint)tiled->bias,
        .at = (cl_uint)engine->values[i],
        .ld = (cl_uint)engine->strides[i],
        .activation = layer->activation,
        .drop_below = (cl_int)xt_drop_below(layer->dropout),
        .param = layer->activation_param,
        .drop_scale = 1.0f / (1.0f - layer->dropout),
        .l1 = layer->l1,
        .l2 = layer->l2,
    };
}

/* Of the weight gradients those with the smallest groups come first: drivers give half of all groups away at once, and
 * what comes last in single ones is to make it even. */
static void take_turns(xt_tiled *engine, const xt_block *blocks, xt_tiled_task *tasks)
{
    size_t n = xt_tiled_plan(engine)->n_layers, turns[XT_MAX_LAYERS];
    double sizes[XT_MAX_LAYERS];
    for (size_t i = 0; i < n; i++) {
        size_t at = i;
        double size = blocks[i].steps / (double)blocks[i].n_groups;
        for (; at > 0 && sizes[at - 1] > size; at--) {
            sizes[at] = sizes[at - 1];
            turns[at] = turns[at - 1];
        }
        sizes[at] = size;
        turns[at] = i;
    }
    engine->n_groups = 0;
    for (size_t i = 0; i < n; i++) {
        engine->n_groups += blocks[turns[i]].n_groups;
        tasks[i].turn = (cl_uint)turns[i];
        tasks[i].groups = (cl_uint)engine->n_groups;
    }
}

xt_status xt_tiled_share_out(xt_tiled *engine, xt_err *err)
{
    const xt_plan *plan = xt_tiled_plan(engine);
    size_t threads = threads_of(engine), n = engine->base.batch_rows;
    xt_tiled_task tasks[XT_MAX_LAYERS];
    xt_block blocks[XT_MAX_LAYERS];
    for (size_t i = 0; i < plan->n_layers; i++) {
        size_t inputs = plan->layers[i].inputs, units = plan->layers[i].units;
        engine->blocks[i] = (xt_tiled_blocks){xt_tiles_forward(&engine->tiles, threads, n, inputs, units),
                                              xt_tiles_input_gradient(&engine->tiles, threads, n, inputs, units)};
        blocks[i] = xt_tiles_weight_gradient(&engine->tiles, threads, n, inputs, units, plan->n_slots);
        tasks[i] = task_of(engine, i);
        tasks[i].block_inputs = (cl_uint)blocks[i].rows;
        tasks[i].block_panels = (cl_uint)blocks[i].panels;
    }
    take_turns(engine, blocks, tasks);
    engine->at_once = xt_tiles_pass_pays(&engine->tiles, threads, n, plan);
    return xt_buffer_write(engine->context, engine->buffers[LAYERS], 0, tasks, plan->n_layers * sizeof *tasks, err);
}
