/* tiled_engine.h: the gemm engine as it is on CPU devices, by the kernels of
 * cl/tiles.cl, for the files that it is in: tiled.c, which opens and closes it
 * and has its operations, and tiled_layers.c, which puts the kernels of a batch
 * into the queue. */
#ifndef XT_ENGINE_TILED_ENGINE_H
#define XT_ENGINE_TILED_ENGINE_H

#include "engine/feed.h"
#include "engine/layerwise.h"
#include "engine/tiles.h"
#include "engine/updater.h"

enum { LAYERS, PARAMS, SLOT0, SLOT1, GRADIENTS, Z, A, GZ, FACTORS, LOSSES, KEPT, PROBE, PROBE_TARGETS, PROBE_OUT, N_BUFFERS };

/* As in cl/tiles.cl, where they are described. */
typedef struct xt_tiled_task {
    cl_uint inputs, units, weight_at, bias_at, at, ld;
    cl_int activation, drop_below;
    cl_float param, drop_scale, l1, l2;
    cl_uint block_inputs, block_panels, turn, groups;
} xt_tiled_task;

typedef struct xt_scoring {
    cl_uint y_at, weights_at, losses_at;
    cl_int weighted, scores, keeps, trains, loss;
    cl_float loss_param, scale;
} xt_scoring;

typedef struct xt_gathering {
    cl_int gathers;
    cl_uint first, targets;
} xt_gathering;

/* How a layer's products are shared out. */
typedef struct xt_tiled_blocks {
    xt_block forward, input_gradient;
} xt_tiled_blocks;

typedef struct xt_tiled {
    xt_layerwise base;
    xt_context *context;
    xt_tiles tiles;
    xt_tiled_params layout;
    size_t values[XT_MAX_LAYERS];  /* offset of a layer's block in Z, A and GZ */
    size_t strides[XT_MAX_LAYERS]; /* of its rows */
    xt_tiled_blocks blocks[XT_MAX_LAYERS]; /* for whole batches */
    bool at_once;                  /* a block of rows goes through all layers in one launch, else layer by layer */
    xt_program program, rest;      /* rest: gathering, and updates by stored gradients */
    xt_kernel pass, weight_gradients;
    size_t n_groups;               /* work-groups of the weight gradients, of all layers */
    xt_updater update;              /* by stored gradients, where they are clipped; else zeroed */
    xt_feed *feed;                 /* NULL where it only predicts */
    cl_mem buffers[N_BUFFERS];     /* 4-byte elements, one of them where it is not needed */
    size_t sizes[N_BUFFERS];       /* elements */
    float *staging;                /* layout.n_floats: parameters on their way */
    bool trained;                  /* an epoch: what training launches is compiled */
    char form[64];                 /* the tiles in words, for facts */
} xt_tiled;

static inline const xt_plan *xt_tiled_plan(const xt_tiled *engine)
{
    return engine->base.base.plan;
}

/* Rows on their way through the layers. */
typedef struct xt_tiled_batch {
    size_t n;
    xt_feed_batch rows;
    xt_feed_gather gather;
    xt_scoring scoring; /* but for loss and loss_param, and the places of rows */
    cl_mem kept;
    const xt_key *dropout; /* NULL: nothing is dropped */
} xt_tiled_batch;

/* What the kernels know of all layers, to the buffer LAYERS; and how products are shared out. */
xt_status xt_tiled_share_out(xt_tiled *engine, xt_err *err);

/* Steps first .. end - 1 of cl/tiles.cl's xt_pass, by blocks of so many rows and panels. */
typedef struct xt_tiled_steps {
    size_t first, end;
    xt_block block;
} xt_tiled_steps;

/* One launch. */
xt_status xt_tiled_launch(xt_tiled *engine, const xt_tiled_steps *steps, const xt_tiled_batch *batch, xt_err *err);

/* The rows go through all layers, into Z and A; and where they train also back, all but the weights. */
xt_status xt_tiled_pass(xt_tiled *engine, const xt_tiled_batch *batch, xt_err *err);
/* The gradients of the weights, of rows that passed and trained: where hyper is NULL they are stored, else the
 * parameters are updated. */
xt_status xt_tiled_weight_gradients(xt_tiled *engine, const xt_tiled_batch *batch, const xt_hyper *hyper, xt_err *err);

/* Launches the kernels of training for no row and waits: what a driver leaves for a first launch is done then. */
xt_status xt_tiled_launch_first(xt_tiled *engine, xt_err *err);

#endif
