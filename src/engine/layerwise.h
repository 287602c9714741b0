/* layerwise.h: the epoch loop that engines share which train layer by layer.
 *
 * The loop knows batches, the shuffle, the three reports of loss and the order
 * of summation; such an engine gives it steps on one batch. A batch is rows
 * first .. first + n - 1 of the epoch's order. Each row's loss goes to the row's
 * place in an array; at the end of the epoch they are summed in row order
 * (xt_sum), so that every engine reports the same. */
#ifndef XT_ENGINE_LAYERWISE_H
#define XT_ENGINE_LAYERWISE_H

#include "engine/engine.h"
#include "model/ops.h"
#include "model/rng.h"

typedef struct xt_layerwise xt_layerwise;

/* What one update is made from. */
typedef struct xt_layerwise_batch {
    size_t first, n;
    bool scored;           /* the rows' losses and outputs are wanted, of the parameters before the update */
    float scale;           /* 1 over what the sum of the rows' weighted losses is divided by */
    const xt_key *dropout; /* the key of this update's, NULL: nothing is dropped */
    xt_hyper hyper;
} xt_layerwise_batch;

/* A row's loss is the sum over its outputs, times the row's weight; outputs are
 * kept where the loop has metrics (has_metrics). Both go to the row's place in
 * what `scores` gives. */
typedef struct xt_layerwise_steps {
    /* The order of the rows from now on; NULL: as they are. */
    xt_status (*order)(xt_layerwise *engine, const uint32_t *order, xt_err *err);
    /* One update: forward, what is scored, gradients of the batch's mean loss, clipped and penalised, and the new
     * parameters. How much of that is one kernel is the engine's affair. */
    xt_status (*train)(xt_layerwise *engine, const xt_layerwise_batch *batch, xt_err *err);
    /* Losses and outputs of rows first .. first + n - 1 (n at most measure_rows) with the parameters as they are and
     * nothing dropped; nothing is updated. */
    xt_status (*measure)(xt_layerwise *engine, size_t first, size_t n, xt_err *err);
    /* All rows' losses [n_rows] and, where they are kept, outputs [n_rows][n_outputs]. */
    xt_status (*scores)(xt_layerwise *engine, float *losses, float *outputs, xt_err *err);
} xt_layerwise_steps;

struct xt_layerwise {
    xt_engine base;
    const xt_layerwise_steps *steps;
    size_t batch_rows;   /* that are trained on at once */
    size_t measure_rows; /* that are measured at once after the epoch: batch_rows, or what the engine makes of it */
    bool has_metrics;    /* outputs are kept to be measured */
    bool drops;          /* a layer has dropout */
    xt_key dropout_key;
    uint32_t *order;     /* n_rows, where the spec shuffles */
    uint64_t *work;      /* 2 * n_rows, likewise */
    float *losses;       /* n_rows */
    float *outputs;      /* n_rows * n_outputs, where they are kept */
};

/* Sets up what the loop needs; engine is zeroed. data may be NULL: then it
 * only predicts. */
xt_status xt_layerwise_init(xt_layerwise *engine, const xt_plan *plan, const xt_dataset *data, xt_err *err);
void xt_layerwise_clear(xt_layerwise *engine);

/* Rows of a batch: the spec's, or all rows where there are fewer; without
 * data a size that is good for predicting. */
size_t xt_layerwise_batch_rows(const xt_plan *plan, const xt_dataset *data);

/* The sum of the shares of rows first .. first + n - 1 in this order (NULL: as they are). */
float xt_layerwise_shares(const xt_dataset *data, const uint32_t *order, size_t first, size_t n);
/* Of all rows, as an epoch's pass after it is divided by. */
double xt_layerwise_all_shares(const xt_dataset *data);
/* The mean loss of a batch from its n rows' losses, added in their order, and the sum of their shares. */
double xt_layerwise_mean_loss(const xt_plan *plan, const float *losses, size_t n, float shares);

/* The train operation of such an engine. */
xt_status xt_layerwise_train(xt_engine *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err);

#endif
