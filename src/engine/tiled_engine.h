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

enum { TASKS, PARAMS, SLOT0, SLOT1, GRADIENTS, Z, A, GZ, LOSSES, KEPT, PROBE, PROBE_TARGETS, PROBE_OUT, N_BUFFERS };

/* As in cl/tiles.cl, where they are described. */
typedef struct xt_outputs {
    cl_int activation, layer, drop_below;
    cl_float param, scale;
    cl_uint key_hi, key_lo;
} xt_outputs;

typedef struct xt_weight_task {
    cl_uint groups, inputs, units, x_at, x_ld, gz_at, gz_ld, weight_at, bias_at, block_inputs, block_panels;
    cl_float l1, l2;
} xt_weight_task;

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
    xt_program program, rest;      /* rest: gathering, and updates by stored gradients */
    xt_kernel forward, head, input_gradient, weight_gradients;
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

/* What the last layer does with n rows beside its outputs. */
typedef struct xt_tiled_head {
    xt_feed_batch rows;
    bool weighted;
    bool scores, keeps; /* the rows' losses, and outputs, to `losses` and `kept` */
    xt_floats losses;   /* from its .at on */
    cl_mem kept;
    bool trains;        /* its gradient is wanted: */
    float scale;
} xt_tiled_head;

/* What the weight gradients of all layers are made by, one task a layer; *n_groups becomes their work-groups. */
void xt_tiled_share_out(const xt_tiled *engine, xt_weight_task *tasks, size_t *n_groups);

/* n rows go through all layers, into Z and A; dropout NULL: nothing is dropped. */
xt_status xt_tiled_forward(xt_tiled *engine, size_t n, const xt_key *dropout, const xt_tiled_head *head, xt_err *err);
/* Of the rows that went forward last, and trained in their head: where hyper is NULL the gradients are stored, else
 * the parameters are updated. */
xt_status xt_tiled_backward(xt_tiled *engine, size_t n, const xt_tiled_head *head, const xt_key *dropout,
                            const xt_hyper *hyper, xt_err *err);

#endif
