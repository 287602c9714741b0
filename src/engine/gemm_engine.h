/* gemm_engine.h: the gemm engine's own struct, for the two files that it is in:
 * gemm.c, which opens and closes it and has its operations, and gemm_layers.c,
 * which puts the kernels of a batch into the queue. */
#ifndef XT_ENGINE_GEMM_ENGINE_H
#define XT_ENGINE_GEMM_ENGINE_H

#include "engine/feed.h"
#include "engine/layerwise.h"
#include "engine/product.h"
#include "engine/updater.h"

enum { BIAS_ACTIVATE, SOFTMAX, DROP, SCORE, OUTPUT_GRADIENT, ACTIVATION_GRADIENT, BIAS_GRADIENT, N_KERNELS };

enum { PROBE, PROBE_TARGETS, PARAMS, SLOT0, SLOT1, GRADIENTS, Z, A, GZ, LOSSES, KEPT, N_BUFFERS };

typedef struct xt_gemm {
    xt_layerwise base;
    xt_context *context;
    xt_program program;
    xt_kernel kernels[N_KERNELS];
    xt_products *products;
    xt_updater updater;         /* of the parameters; zeroed where it only predicts */
    xt_feed *feed;              /* of the training rows; NULL where it only predicts */
    cl_mem buffers[N_BUFFERS];  /* 4-byte elements, one of them where it is not needed */
    size_t sizes[N_BUFFERS];    /* elements */
    bool trained;               /* an epoch: what training launches is compiled */
    xt_feed_batch rows;         /* that went forward last */
    char form[80];              /* of its products */
} xt_gemm;

static inline const xt_plan *xt_gemm_plan(const xt_gemm *engine)
{
    return engine->base.base.plan;
}

/* A layer's block in Z, A and GZ. */
static inline size_t xt_gemm_block(const xt_gemm *engine, size_t layer)
{
    return xt_gemm_plan(engine)->layers[layer].z * engine->base.measure_rows;
}

static inline xt_floats xt_gemm_place(const xt_gemm *engine, int buffer, size_t at)
{
    return (xt_floats){engine->buffers[buffer], at};
}

/* The n rows at engine->rows go forward, into Z and A; dropout NULL: nothing is dropped. */
xt_status xt_gemm_forward(xt_gemm *engine, size_t n, const xt_key *dropout, xt_err *err);
/* The losses of these rows, to LOSSES from `first` on; their outputs likewise to KEPT, where keeps. */
xt_status xt_gemm_score(xt_gemm *engine, size_t first, size_t n, bool weighted, bool keeps, xt_err *err);
/* The gradients of their mean loss, to GRADIENTS; scale and dropout as in xt_layerwise_batch. */
xt_status xt_gemm_backward(xt_gemm *engine, size_t n, float scale, const xt_key *dropout, xt_err *err);

#endif
