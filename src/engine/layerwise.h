/* layerwise.h: the epoch loop that engines share which train layer by layer.
 *
 * The loop knows batches, the shuffle, the three reports of loss and the order
 * of summation; such an engine gives it steps on one batch. A batch is rows
 * first .. first + n - 1 of the epoch's order. Each row's loss and metrics go
 * to the row's place in score arrays; at the end of the epoch they are summed
 * in row order (xt_sum), so that every engine reports the same. */
#ifndef XT_ENGINE_LAYERWISE_H
#define XT_ENGINE_LAYERWISE_H

#include "engine/engine.h"
#include "model/ops.h"

typedef struct xt_layerwise xt_layerwise;

typedef struct xt_layerwise_steps {
    /* The order of the rows from now on; NULL: as they are. */
    xt_status (*order)(xt_layerwise *engine, const uint32_t *order, xt_err *err);
    xt_status (*forward)(xt_layerwise *engine, size_t first, size_t n, xt_err *err);
    /* Of the batch that went forward last: its rows' loss (sum over outputs) and metrics. */
    xt_status (*score)(xt_layerwise *engine, size_t first, size_t n, xt_err *err);
    /* Of the batch that went forward last: gradients of its mean loss. */
    xt_status (*backward)(xt_layerwise *engine, size_t first, size_t n, xt_err *err);
    xt_status (*update)(xt_layerwise *engine, xt_hyper hyper, xt_err *err);
    /* All rows' scores: [1 + n_metrics][n_rows], the loss first. */
    xt_status (*scores)(xt_layerwise *engine, float *scores, xt_err *err);
} xt_layerwise_steps;

struct xt_layerwise {
    xt_engine base;
    const xt_layerwise_steps *steps;
    size_t batch_rows;  /* rows of its batch buffers */
    uint32_t *order;    /* n_rows, where the spec shuffles */
    uint64_t *work;     /* 2 * n_rows, likewise */
    float *scores;      /* (1 + n_metrics) * n_rows */
};

/* Sets up what the loop needs; engine is zeroed. data may be NULL: then it
 * only predicts. */
xt_status xt_layerwise_init(xt_layerwise *engine, const xt_plan *plan, const xt_dataset *data, xt_err *err);
void xt_layerwise_clear(xt_layerwise *engine);

/* Rows of a batch: the spec's, or all rows where there are fewer; without
 * data a size that is good for predicting. */
size_t xt_layerwise_batch_rows(const xt_plan *plan, const xt_dataset *data);

/* Mean loss over rows and outputs from n rows' scores, added in their order. */
double xt_layerwise_mean_loss(const float *scores, size_t n, size_t n_outputs);

/* The train operation of such an engine. */
xt_status xt_layerwise_train(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err);

#endif
