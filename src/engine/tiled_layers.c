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

/* Of layer i; key NULL: they are not dropped. */
static xt_outputs outputs_of(const xt_tiled *engine, size_t i, const xt_key *key)
{
    const xt_plan_layer *layer = &xt_tiled_plan(engine)->layers[i];
    xt_outputs below = {.activation = layer->activation, .param = layer->activation_param};
    if (!key || layer->dropout <= 0)
        return below;
    below.layer = (cl_int)i;
    below.drop_below = (cl_int)xt_drop_below(layer->dropout);
    below.scale = 1.0f / (1.0f - layer->dropout);
    below.key_hi = key->hi;
    below.key_lo = key->lo;
    return below;
}

/* Whether the head's kernel gives the gradient by its inputs, too: where its units are one panel, transposing that for
 * each block of rows costs less than a launch. */
static bool head_passes(const xt_tiled *engine)
{
    const xt_plan *plan = xt_tiled_plan(engine);
    return plan->n_layers > 1 && plan->n_outputs <= xt_tiles_columns(&engine->tiles);
}

/* For a profile: a product of so many rows with a layer's weights. */
static void say_work(xt_tiled *engine, size_t n, const xt_plan_layer *layer)
{
    double rows = (double)n, inputs = (double)layer->inputs, units = (double)layer->units;
    xt_context_work(engine->context, 2 * rows * inputs * units,
                    (double)sizeof(float) * (rows * inputs + inputs * units + 2 * rows * units));
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
    xt_outputs own = outputs_of(engine, i, dropout);
    cl_uint rows = (cl_uint)n, inputs = (cl_uint)layer->inputs, units = (cl_uint)layer->units;
    cl_uint weight = (cl_uint)tiled->weight, bias = (cl_uint)tiled->bias, at = (cl_uint)engine->values[i];
    cl_uint ld = (cl_uint)engine->strides[i], block_rows = (cl_uint)b.rows, block_panels = (cl_uint)b.panels;
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(inputs), XT_ARG(units), XT_ARG(x.buffer), XT_ARG(x.at), XT_ARG(x.ld),
                           XT_ARG(engine->buffers[PARAMS]), XT_ARG(weight), XT_ARG(bias), XT_ARG(engine->buffers[Z]),
                           XT_ARG(engine->buffers[A]), XT_ARG(at), XT_ARG(ld), XT_ARG(block_rows), XT_ARG(block_panels),
                           XT_ARG(own), XT_ARG_END};
    say_work(engine, n, layer);
    return xt_launch(engine->context, &engine->forward, b.n_groups, args, err);
}

static xt_status forward_head(xt_tiled *engine, size_t n, const xt_key *dropout, const xt_tiled_head *head, xt_err *err)
{
    const xt_plan *plan = xt_tiled_plan(engine);
    size_t i = plan->n_layers - 1;
    const xt_plan_layer *layer = &plan->layers[i];
    const xt_tiled_layer *tiled = &engine->layout.layers[i];
    xt_block b = xt_tiles_head(&engine->tiles, threads_of(engine), n);
    rows_at x = inputs_of(engine, i, &head->rows);
    const xt_feed_batch *data = &head->rows;
    xt_outputs below = i ? outputs_of(engine, i - 1, dropout) : (xt_outputs){0};
    cl_uint rows = (cl_uint)n, inputs = (cl_uint)layer->inputs, units = (cl_uint)layer->units;
    cl_uint weight = (cl_uint)tiled->weight, bias = (cl_uint)tiled->bias, at = (cl_uint)engine->values[i];
    cl_uint ld = (cl_uint)engine->strides[i], block_rows = (cl_uint)b.rows, y_at = (cl_uint)data->y.at;
    cl_uint w_at = (cl_uint)data->w.at, losses_at = (cl_uint)head->losses.at;
    cl_int activation = layer->activation, loss = plan->spec->loss.kind;
    cl_int weighted = head->weighted, keeps = head->keeps, scores = head->scores, trains = head->trains;
    cl_int passes = trains && head_passes(engine);
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(inputs), XT_ARG(units), XT_ARG(x.buffer), XT_ARG(x.at), XT_ARG(x.ld),
                           XT_ARG(engine->buffers[PARAMS]), XT_ARG(weight), XT_ARG(bias), XT_ARG(engine->buffers[Z]),
                           XT_ARG(engine->buffers[A]), XT_ARG(engine->buffers[GZ]), XT_ARG(at), XT_ARG(ld),
                           XT_ARG(block_rows), XT_ARG(activation), XT_ARG(layer->activation_param),
                           XT_ARG(data->y.buffer), XT_ARG(y_at), XT_ARG(data->w.buffer), XT_ARG(w_at), XT_ARG(weighted),
                           XT_ARG(head->scale), XT_ARG(loss), XT_ARG(plan->spec->loss.values[0]), XT_ARG(head->losses.buffer), XT_ARG(losses_at),
                           XT_ARG(head->kept), XT_ARG(keeps), XT_ARG(scores), XT_ARG(trains), XT_ARG(passes),
                           XT_ARG(below), XT_ARG_END};
    say_work(engine, passes ? 2 * n : n, layer);
    return xt_launch(engine->context, &engine->head, b.n_groups, args, err);
}

xt_status xt_tiled_forward(xt_tiled *engine, size_t n, const xt_key *dropout, const xt_tiled_head *head, xt_err *err)
{
    xt_status status = XT_OK;
    for (size_t i = 0; !status && i + 1 < xt_tiled_plan(engine)->n_layers; i++)
        status = forward_layer(engine, i, n, dropout, head, err);
    return status ? status : forward_head(engine, n, dropout, head, err);
}

/* ---- backward ---- */

/* GZ of the layer below layer i. */
static xt_status input_gradient(xt_tiled *engine, size_t i, size_t n, const xt_key *dropout, xt_err *err)
{
    const xt_plan_layer *layer = &xt_tiled_plan(engine)->layers[i];
    xt_block b = is_whole(engine, n)
                     ? engine->blocks[i].input_gradient
                     : xt_tiles_input_gradient(&engine->tiles, threads_of(engine), n, layer->inputs, layer->units);
    xt_outputs below = outputs_of(engine, i - 1, dropout);
    cl_uint rows = (cl_uint)n, inputs = (cl_uint)layer->inputs, units = (cl_uint)layer->units;
    cl_uint gz_at = (cl_uint)engine->values[i], gz_ld = (cl_uint)engine->strides[i];
    cl_uint weight = (cl_uint)engine->layout.layers[i].weight, below_at = (cl_uint)engine->values[i - 1];
    cl_uint below_ld = (cl_uint)engine->strides[i - 1], block_rows = (cl_uint)b.rows, block_panels = (cl_uint)b.panels;
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(inputs), XT_ARG(units), XT_ARG(engine->buffers[GZ]), XT_ARG(gz_at),
                           XT_ARG(gz_ld), XT_ARG(engine->buffers[PARAMS]), XT_ARG(weight), XT_ARG(engine->buffers[Z]),
                           XT_ARG(engine->buffers[A]), XT_ARG(engine->buffers[GZ]), XT_ARG(below_at), XT_ARG(below_ld),
                           XT_ARG(block_rows), XT_ARG(block_panels), XT_ARG(below), XT_ARG_END};
    say_work(engine, n, layer);
    return xt_launch(engine->context, &engine->input_gradient, b.n_groups, args, err);
}

/* Of the first layer's weights first: most often that is the most work, and what is small at the end evens out. */
void xt_tiled_share_out(const xt_tiled *engine, xt_weight_task *tasks, size_t *n_groups)
{
    const xt_plan *plan = xt_tiled_plan(engine);
    *n_groups = 0;
    for (size_t i = 0; i < plan->n_layers; i++) {
        const xt_plan_layer *layer = &plan->layers[i];
        const xt_tiled_layer *tiled = &engine->layout.layers[i];
        xt_block b = xt_tiles_weight_gradient(&engine->tiles, threads_of(engine), engine->base.batch_rows, layer->inputs,
                                              layer->units, plan->n_slots);
        *n_groups += b.n_groups;
        tasks[i] = (xt_weight_task){
            .groups = (cl_uint)*n_groups,
            .inputs = (cl_uint)layer->inputs,
            .units = (cl_uint)layer->units,
            .x_at = (cl_uint)(i ? engine->values[i - 1] : 0),
            .x_ld = (cl_uint)xt_tiles_stride(&engine->tiles, layer->inputs),
            .gz_at = (cl_uint)engine->values[i],
            .gz_ld = (cl_uint)engine->strides[i],
            .weight_at = (cl_uint)tiled->weight,
            .bias_at = (cl_uint)tiled->bias,
            .block_inputs = (cl_uint)b.rows,
            .block_panels = (cl_uint)b.panels,
            .l1 = layer->l1,
            .l2 = layer->l2,
        };
    }
}

/* Those of all layers, in one launch. */
static xt_status weight_gradients(xt_tiled *engine, size_t n, const xt_feed_batch *data, const xt_hyper *update,
                                  xt_err *err)
{
    const xt_plan *plan = xt_tiled_plan(engine);
    xt_hyper hyper = update ? *update : (xt_hyper){0};
    cl_uint rows = (cl_uint)n, x_at = (cl_uint)data->x.at;
    cl_int stores = !update, n_slots = (cl_int)plan->n_slots, optimizer = plan->spec->optimizer.kind;
    const cl_mem *b = engine->buffers;
    const xt_arg args[] = {XT_ARG(rows), XT_ARG(b[TASKS]), XT_ARG(data->x.buffer), XT_ARG(x_at), XT_ARG(b[A]),
                           XT_ARG(b[GZ]), XT_ARG(b[PARAMS]), XT_ARG(b[SLOT0]), XT_ARG(b[SLOT1]), XT_ARG(n_slots),
                           XT_ARG(b[GRADIENTS]), XT_ARG(stores), XT_ARG(optimizer), XT_ARG(hyper), XT_ARG_END};
    double weights = (double)plan->n_params, n_values = (double)(plan->n_inputs + 2 * plan->n_values - plan->n_outputs);
    xt_context_work(engine->context, 2 * weights * (double)n,
                    (double)sizeof(float) * (weights * (2 + 2 * (double)plan->n_slots) + n_values * (double)n));
    return xt_launch(engine->context, &engine->weight_gradients, engine->n_groups, args, err);
}

/* The weights change when nothing needs them as they were any more. */
xt_status xt_tiled_backward(xt_tiled *engine, size_t n, const xt_tiled_head *head, const xt_key *dropout,
                            const xt_hyper *hyper, xt_err *err)
{
    xt_status status = XT_OK;
    size_t passed = head_passes(engine) ? 1 : 0; /* layers whose input gradient there is already */
    for (size_t i = xt_tiled_plan(engine)->n_layers - passed; !status && i-- > 1;)
        status = input_gradient(engine, i, n, dropout, err);
    return status ? status : weight_gradients(engine, n, &head->rows, hyper, err);
}
