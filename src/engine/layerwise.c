#include "engine/layerwise.h"

#include "engine/engines.h"
#include "model/metrics.h"

#include <stdlib.h>

enum { PREDICT_ROWS = 256 };

size_t xt_layerwise_batch_rows(const xt_plan *plan, const xt_dataset *data)
{
    if (!data)
        return PREDICT_ROWS;
    return plan->spec->batch_size < data->n_rows ? plan->spec->batch_size : data->n_rows;
}

xt_status xt_layerwise_init(xt_layerwise *engine, const xt_plan *plan, const xt_dataset *data, xt_err *err)
{
    engine->base.plan = plan;
    engine->base.data = data;
    engine->base.rate_scale = 1;
    engine->batch_rows = engine->measure_rows = xt_layerwise_batch_rows(plan, data);
    if (!data)
        return XT_OK;
    engine->has_metrics = plan->spec->n_metrics > 0;
    engine->dropout_key = xt_key_fold_in(xt_key_of_seed(plan->spec->seed), XT_FOLD_DROPOUT);
    for (size_t i = 0; i < plan->n_layers; i++)
        engine->drops |= plan->layers[i].dropout > 0;
    size_t n = data->n_rows, n_outputs = engine->has_metrics ? n * plan->n_outputs : 0;
    engine->losses = calloc(n, sizeof *engine->losses);
    engine->outputs = calloc(n_outputs ? n_outputs : 1, sizeof *engine->outputs);
    if (plan->spec->shuffle) {
        engine->order = calloc(n, sizeof *engine->order);
        engine->work = calloc(2 * n, sizeof *engine->work);
    }
    if (!engine->losses || !engine->outputs || (plan->spec->shuffle && (!engine->order || !engine->work)))
        return xt_fail_memory(err, "the rows' losses, outputs and order", (n + n_outputs) * sizeof *engine->losses);
    return XT_OK;
}

void xt_layerwise_clear(xt_layerwise *engine)
{
    free(engine->losses);
    free(engine->outputs);
    free(engine->order);
    free(engine->work);
}

/* Of at most `most` rows from `first` on: the last ones of all may be fewer. */
static size_t rows_at(const xt_layerwise *engine, size_t first, size_t most)
{
    size_t left = engine->base.data->n_rows - first;
    return left < most ? left : most;
}

float xt_layerwise_shares(const xt_dataset *data, const uint32_t *order, size_t first, size_t n)
{
    if (!data->shares)
        return (float)n;
    xt_sum sum = {0, 0};
    for (size_t i = first; i < first + n; i++)
        sum = xt_sum_add(sum, data->shares[order ? order[i] : i]);
    return sum.hi + sum.lo;
}

double xt_layerwise_all_shares(const xt_dataset *data)
{
    double sum = data->shares ? 0 : (double)data->n_rows;
    for (size_t i = 0; data->shares && i < data->n_rows; i++)
        sum += (double)data->shares[i];
    return sum;
}

static xt_status train_batch(xt_layerwise *engine, size_t first, uint64_t update, float *learning_rate, xt_err *err)
{
    const xt_plan *plan = engine->base.plan;
    xt_loss_report report = plan->spec->loss_report;
    size_t n = rows_at(engine, first, engine->batch_rows);
    xt_key key = xt_key_fold_in(engine->dropout_key, (uint32_t)update);
    float shares = xt_layerwise_shares(engine->base.data, engine->order, first, n);
    const xt_layerwise_batch batch = {
        .first = first,
        .n = n,
        .scored = report == XT_REPORT_RUNNING,
        .scale = 1.0f / (shares * (float)plan->n_losses),
        .dropout = engine->drops ? &key : NULL,
        .hyper = xt_engine_hyper(&engine->base, update),
    };
    xt_status status = engine->steps->train(engine, &batch, err);
    if (!status && report == XT_REPORT_POST_UPDATE)
        status = engine->steps->measure(engine, first, n, err);
    *learning_rate = batch.hyper.learning_rate;
    return status;
}

static xt_status evaluate(xt_layerwise *engine, xt_err *err)
{
    xt_status status = XT_OK;
    for (size_t first = 0; !status && first < engine->base.data->n_rows; first += engine->measure_rows)
        status = engine->steps->measure(engine, first, rows_at(engine, first, engine->measure_rows), err);
    return status;
}

double xt_layerwise_mean_loss(const xt_plan *plan, const float *losses, size_t n, float shares)
{
    xt_sum sum = {0, 0};
    float factor = (float)n / shares;
    for (size_t i = 0; i < n; i++)
        sum = xt_sum_add(sum, losses[i] * factor);
    return ((double)sum.hi + (double)sum.lo) / ((double)n * (double)plan->n_losses);
}

/* A batch's mean counts as often as it has rows: where rows have shares, each loss goes by rows over shares. A pass after
 * the epoch has no batches: there all rows are one. */
static double epoch_loss(const xt_layerwise *engine)
{
    const xt_dataset *data = engine->base.data;
    xt_sum sum = {0, 0};
    if (engine->base.plan->spec->loss_report == XT_REPORT_EVAL) {
        for (size_t i = 0; i < data->n_rows; i++)
            sum = xt_sum_add(sum, engine->losses[i]);
        return ((double)sum.hi + (double)sum.lo) /
               (xt_layerwise_all_shares(data) * (double)engine->base.plan->n_losses);
    }
    for (size_t first = 0; first < data->n_rows; first += engine->batch_rows) {
        size_t n = rows_at(engine, first, engine->batch_rows);
        float factor = data->shares ? (float)n / xt_layerwise_shares(data, engine->order, first, n) : 1;
        for (size_t i = first; i < first + n; i++)
            sum = xt_sum_add(sum, engine->losses[i] * factor);
    }
    return ((double)sum.hi + (double)sum.lo) / ((double)data->n_rows * (double)engine->base.plan->n_losses);
}

static xt_status train_epoch(xt_layerwise *engine, uint32_t epoch, xt_epoch *row, xt_err *err)
{
    const xt_plan *plan = engine->base.plan;
    const xt_spec *spec = plan->spec;
    size_t n_rows = engine->base.data->n_rows;
    uint64_t update = epoch * xt_engine_batches(&engine->base);
    xt_status status = XT_OK;
    if (spec->shuffle)
        xt_shuffle(spec->seed, epoch, n_rows, engine->order, engine->work);
    status = engine->steps->order(engine, engine->order, err);
    for (size_t first = 0; !status && first < n_rows; first += engine->batch_rows) {
        status = train_batch(engine, first, update++, &row->learning_rate, err);
        status = status ? status : xt_engine_tell(&engine->base, first / engine->batch_rows + 1, err);
    }
    if (!status && spec->loss_report == XT_REPORT_EVAL)
        status = evaluate(engine, err);
    if (!status)
        status = engine->steps->scores(engine, engine->losses, engine->outputs, err);
    if (status)
        return status;
    xt_scored scored = {n_rows, plan->n_outputs, engine->outputs, engine->base.data->targets, engine->order};
    row->loss = epoch_loss(engine);
    row->step = update;
    return xt_metrics_measure(spec->metrics, spec->n_metrics, &scored, row->metrics, err);
}

xt_status xt_layerwise_train(xt_engine *base, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err)
{
    xt_layerwise *engine = (xt_layerwise *)base;
    xt_status status = XT_OK;
    for (uint32_t i = 0; !status && i < n; i++)
        status = train_epoch(engine, first + i, &rows[i], err);
    return status;
}
