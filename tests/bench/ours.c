#include "engine/tiled.h"
#include "engine/tiled_engine.h"
#include "model/init.h"
#include "model/ops.h"
#include "multiplier.h"

#include <stdlib.h>
#include <string.h>

/* On a CPU device the gemm engine multiplies by the tiles of cl/tiles.cl, which have no products but those of a network:
 * so a network is made of which one step is the product, and this step alone is launched. It does what training does on
 * the way: forward adds a bias and activates, by inputs there is f', by weights the bias has its gradient too. */

enum { N_LAYERS = 2 };
enum { FORWARD, BY_WEIGHTS, BY_INPUTS };

typedef struct tile_product {
    xt_product_shape shape;
    int kind;
    size_t n_rows, n_inputs, n_units; /* of the layer */
    xt_layer layers[N_LAYERS];
    xt_spec spec;
    xt_plan plan;
    xt_dataset data;
    xt_engine *engine;
    xt_tiled_batch batch;
    float *work; /* what is read, before it is in rows: as many as are in the largest of it */
} tile_product;

static xt_tiled *tiled_of(const tile_product *p)
{
    return (xt_tiled *)p->engine;
}

static void tile_product_close(void *multiplier)
{
    tile_product *p = multiplier;
    if (!p)
        return;
    xt_engine_close(&p->engine);
    xt_dataset_clear(&p->data);
    free(p->work);
    free(p);
}

/* ---- the network ---- */

/* The sizes of the layer from those of its product. */
static void find_layer(tile_product *p, const xt_product_shape *shape)
{
    p->shape = *shape;
    p->kind = shape->transpose_a ? BY_WEIGHTS : shape->transpose_b ? FORWARD : BY_INPUTS;
    p->n_rows = p->kind == BY_WEIGHTS ? shape->k : shape->m;
    p->n_units = p->kind == BY_WEIGHTS ? shape->m : p->kind == FORWARD ? shape->n : shape->k;
    p->n_inputs = p->kind == FORWARD ? shape->k : shape->n;
}

static void add_layer(xt_spec *spec, xt_layer *layers, size_t units)
{
    const xt_choice zeros = xt_choose(&xt_initializers, "zeros");
    layers[spec->n_layers++] = (xt_layer){.units = (uint32_t)units,
                                          .activation = xt_choose(&xt_activations, "linear"),
                                          .weight = zeros,
                                          .bias = zeros};
}

/* Forward the layer is the first of two: the last one has its scores to do. Gradients by its inputs are made for a layer
 * below, those by its weights need no other. */
static xt_status make_plan(tile_product *p, xt_err *err)
{
    xt_spec *spec = &p->spec;
    *spec = (xt_spec){.name = "a product", .device = "auto", .layers = p->layers, .epochs = 1,
                      .batch_size = (uint32_t)p->n_rows};
    if (p->kind == BY_INPUTS)
        add_layer(spec, p->layers, p->n_inputs);
    add_layer(spec, p->layers, p->n_units);
    if (p->kind == FORWARD)
        add_layer(spec, p->layers, 1);
    spec->loss = xt_choose(&xt_losses, "mse");
    spec->optimizer = xt_choose(&xt_optimizers, "sgd");
    return xt_plan_make(spec, p->kind == BY_INPUTS ? 1 : p->n_inputs, spec->layers[spec->n_layers - 1].units, &p->plan,
                        err);
}

/* x: the rows of the first layer's inputs; NULL: they are not part of the product. */
static xt_status make_rows(tile_product *p, const float *x, xt_err *err)
{
    xt_dataset *data = &p->data;
    *data = (xt_dataset){.n_rows = p->n_rows, .n_inputs = p->plan.n_inputs, .n_targets = p->plan.n_outputs,
                         .origin = "inline"};
    size_t n_inputs = p->n_rows * data->n_inputs, n_targets = p->n_rows * data->n_targets;
    data->inputs = xt_arena_alloc(&data->arena, n_inputs, sizeof(float));
    data->targets = xt_arena_alloc(&data->arena, n_targets, sizeof(float));
    if (!data->inputs || !data->targets)
        return xt_fail(err, XT_FAILED, "out of memory");
    memset(data->inputs, 0, n_inputs * sizeof(float));
    memset(data->targets, 0, n_targets * sizeof(float));
    if (x)
        memcpy(data->inputs, x, n_inputs * sizeof(float));
    return XT_OK;
}

static xt_status open_engine(tile_product *p, const xt_device *device, xt_err *err)
{
    xt_context *context = NULL;
    xt_status status = xt_context_open(device, &context, err);
    if (!status)
        status = xt_tiled_open(&p->plan, &p->data, context, &p->engine, err);
    if (status)
        xt_context_close(&context);
    return status;
}

/* ---- values ---- */

/* Weights (units, inputs) of a layer; all other parameters are 0, and the optimiser's state. */
static xt_status write_weights(tile_product *p, size_t layer, const float *w, xt_err *err)
{
    float *state = calloc((1 + p->plan.n_slots) * p->plan.n_params, sizeof *state);
    if (!state)
        return xt_fail(err, XT_FAILED, "out of memory");
    memcpy(state + p->plan.layers[layer].weight, w, p->n_units * p->n_inputs * sizeof *w);
    xt_status status = p->engine->ops->write_state(p->engine, state, err);
    free(state);
    return status;
}

/* GZ (rows, units) of a layer. */
static xt_status write_gradients(tile_product *p, size_t layer, const float *gz, xt_err *err)
{
    const xt_tiled *engine = tiled_of(p);
    xt_status status = XT_OK;
    for (size_t r = 0; !status && r < p->n_rows; r++)
        status = xt_buffer_write(engine->context, engine->buffers[GZ],
                                 (engine->values[layer] + r * engine->strides[layer]) * sizeof *gz,
                                 gz + r * p->n_units, p->n_units * sizeof *gz, err);
    return status;
}

static xt_status write_values(tile_product *p, const float *a, const float *b, xt_err *err)
{
    double loss;
    if (p->kind == FORWARD)
        return write_weights(p, 0, b, err);
    if (p->kind == BY_INPUTS) {
        xt_status status = write_weights(p, 1, b, err);
        return status ? status : write_gradients(p, 1, a, err);
    }
    /* Room for gradients is taken when they are asked for. */
    xt_status status = p->engine->ops->gradients(p->engine, 0, p->n_rows, &loss, p->work, err);
    return status ? status : write_gradients(p, 0, a, err);
}

/* ---- products ---- */

static xt_status launch(tile_product *p, xt_err *err)
{
    xt_tiled *engine = tiled_of(p);
    if (p->kind == BY_WEIGHTS)
        return xt_tiled_weight_gradients(engine, &p->batch, NULL, err);
    size_t step = p->kind == FORWARD ? 0 : p->plan.n_layers; /* the first one that leads back */
    const xt_tiled_steps one = {step, step + 1, p->kind == FORWARD ? engine->blocks[0].forward
                                                                   : engine->blocks[1].input_gradient};
    return xt_tiled_launch(engine, &one, &p->batch, err);
}

static xt_status tile_product_run(void *multiplier, unsigned n, xt_err *err)
{
    tile_product *p = multiplier;
    xt_status status = XT_OK;
    for (unsigned i = 0; !status && i < n; i++)
        status = launch(p, err);
    return status ? status : xt_context_finish(tiled_of(p)->context, err);
}

static xt_status tile_product_read(void *multiplier, float *c, xt_err *err)
{
    tile_product *p = multiplier;
    xt_tiled *engine = tiled_of(p);
    size_t n = p->shape.n;
    if (p->kind == BY_WEIGHTS) {
        xt_status status = xt_buffer_read(engine->context, engine->buffers[GRADIENTS], 0, engine->staging,
                                          engine->layout.n_floats * sizeof *c, err);
        if (status)
            return status;
        xt_tiles_unpack(&engine->tiles, &p->plan, &engine->layout, engine->staging, p->work);
        memcpy(c, p->work + p->plan.layers[0].weight, p->shape.m * n * sizeof *c);
        return XT_OK;
    }
    xt_status status = XT_OK;
    for (size_t r = 0; !status && r < p->shape.m; r++)
        status = xt_buffer_read(engine->context, engine->buffers[p->kind == FORWARD ? A : GZ],
                                (engine->values[0] + r * engine->strides[0]) * sizeof *c, c + r * n, n * sizeof *c, err);
    return status;
}

/* The rows of the batch: all, in their order. */
static xt_status take_rows(tile_product *p, xt_err *err)
{
    xt_tiled *engine = tiled_of(p);
    p->batch = (xt_tiled_batch){.n = p->n_rows, .kept = engine->buffers[KEPT]};
    xt_status status = xt_feed_order(engine->feed, NULL, err);
    return status ? status : xt_feed_batch_at(engine->feed, 0, p->n_rows, &p->batch.rows, NULL, err);
}

static xt_status tile_product_open(const xt_device *device, const xt_product_shape *shape, const float *a,
                                   const float *b, tile_product **out, xt_err *err)
{
    tile_product *p = calloc(1, sizeof *p);
    if (!p)
        return xt_fail(err, XT_FAILED, "out of memory");
    find_layer(p, shape);
    xt_status status = make_plan(p, err);
    if (!status)
        status = make_rows(p, p->kind == FORWARD ? a : p->kind == BY_WEIGHTS ? b : NULL, err);
    p->work = calloc(p->plan.n_params, sizeof *p->work);
    if (!status && !p->work)
        status = xt_fail(err, XT_FAILED, "out of memory");
    if (!status)
        status = open_engine(p, device, err);
    if (!status)
        status = write_values(p, a, b, err);
    if (!status)
        status = take_rows(p, err);
    if (!status)
        status = tile_product_run(p, 1, err);
    if (status) {
        tile_product_close(p);
        return status;
    }
    xt_program_keep(tiled_of(p)->context, &tiled_of(p)->program);
    xt_program_keep(tiled_of(p)->context, &tiled_of(p)->rest);
    *out = p;
    return XT_OK;
}

/* ---- by tiles, or as on any other device ---- */

typedef struct ours {
    tile_product *tiles; /* NULL: it is other's */
    void *other;
} ours;

static void ours_close(void *multiplier)
{
    ours *o = multiplier;
    if (!o)
        return;
    tile_product_close(o->tiles);
    device_product_close(o->other);
    free(o);
}

static xt_status ours_open(const xt_product_shape *shape, const float *a, const float *b, void **out, xt_err *err)
{
    xt_device device;
    ours *o = calloc(1, sizeof *o);
    if (!o)
        return xt_fail(err, XT_FAILED, "out of memory");
    xt_status status = xt_device_select("auto", &device, err);
    if (!status)
        status = xt_tiled_serves(&device) ? tile_product_open(&device, shape, a, b, &o->tiles, err)
                                          : device_product_open(shape, XT_PRODUCT_AUTO, a, b, &o->other, err);
    if (status) {
        ours_close(o);
        return status;
    }
    *out = o;
    return XT_OK;
}

static xt_status ours_run(void *multiplier, unsigned n, xt_err *err)
{
    ours *o = multiplier;
    return o->tiles ? tile_product_run(o->tiles, n, err) : device_product_run(o->other, n, err);
}

static xt_status ours_read(void *multiplier, float *c, xt_err *err)
{
    ours *o = multiplier;
    return o->tiles ? tile_product_read(o->tiles, c, err) : device_product_read(o->other, c, err);
}

const multiplier_ops ours_ops = {ours_open, ours_run, ours_read, ours_close};
