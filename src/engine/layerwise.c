#include "engine/layerwise.h"

#include "model/rng.h"

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
    engine->batch_rows = xt_layerwise_batch_rows(plan, data);
    if (!data)
        return XT_OK;
    size_t n_scores = (1 + plan->spec->n_metrics) * data->n_rows;
    engine->scores = calloc(n_scores, sizeof *engine->scores);
    if (plan->spec->shuffle) {
        engine->order = calloc(data->n_rows, sizeof *engine->order);
        engine->work = calloc(2 * data->n_rows, sizeof *engine->work);
    }
    if (!engine->scores || (plan->spec->shuffle && (!engine->order || !engine->work)))
        return xt_fail_memory(err, "the rows' losses and order", n_scores * sizeof *engine->scores);
    return XT_OK;
}

void xt_layerwise_clear(xt_layerwise *engine)
{
    free(engine->scores);
    free(engine->order);
    free(engine->work);
}

/* Rows of the batch that starts at `first`: the last one may be short. */
static size_t rows_at(const xt_layerwise *engine, size_t first)
{
    size_t left = engine->base.data->n_rows - first;
    return left < engine->batch_rows ? left : engine->batch_rows;
}

static xt_status train_batch(xt_layerwise *engine, size_t first, uint64_t step, float *learning_rate, xt_err *err)
{
    const xt_layerwise_steps *steps = engine->steps;
    const xt_spec *spec = engine->base.plan->spec;
    size_t n = rows_at(engine, first);
    xt_hyper hyper = xt_hyper_at(&spec->optimizer, 1.0f, step);
    xt_status status = steps->forward(engine, first, n, err);
    if (!status && spec->loss_report == XT_REPORT_RUNNING)
        status = steps->score(engine, first, n, err);
    if (!status)
        status = steps->backward(engine, first, n, err);
    if (!status)
        status = steps->update(engine, hyper, err);
    if (!status && spec->loss_report == XT_REPORT_POST_UPDATE) {
        status = steps->forward(engine, first, n, err);
        if (!status)
            status = steps->score(engine, first, n, err);
    }
    *learning_rate = hyper.learning_rate;
    return status;
}

static xt_status evaluate(xt_layerwise *engine, xt_err *err)
{
    xt_status status = XT_OK;
    for (size_t first = 0; !status && first < engine->base.data->n_rows; first += engine->batch_rows) {
        size_t n = rows_at(engine, first);
        status = engine->steps->forward(engine, first, n, err);
        if (!status)
            status = engine->steps->score(engine, first, n, err);
    }
    return status;
}

static xt_sum sum_rows(const float *scores, size_t n)
{
    xt_sum sum = {0, 0};
    for (size_t i = 0; i < n; i++)
        sum = xt_sum_add(sum, scores[i]);
    return sum;
}

double xt_layerwise_mean_loss(const float *scores, size_t n, size_t n_outputs)
{
    xt_sum sum = sum_rows(scores, n);
    return ((double)sum.hi + (double)sum.lo) / ((double)n * (double)n_outputs);
}

static xt_status train_epoch(xt_layerwise *engine, uint32_t epoch, xt_epoch *row, xt_err *err)
{
    const xt_spec *spec = engine->base.plan->spec;
    size_t n_rows = engine->base.data->n_rows, n_outputs = engine->base.plan->n_outputs;
    uint64_t n_batches = (n_rows + engine->batch_rows - 1) / engine->batch_rows;
    uint64_t step = epoch * n_batches;
    xt_status status = XT_OK;
    if (spec->shuffle)
        xt_shuffle(spec->seed, epoch, n_rows, engine->order, engine->work);
    status = engine->steps->order(engine, engine->order, err);
    for (size_t first = 0; !status && first < n_rows; first += engine->batch_rows)
        status = train_batch(engine, first, ++step, &row->learning_rate, err);
    if (!status && spec->loss_report == XT_REPORT_EVAL)
        status = evaluate(engine, err);
    if (!status)
        status = engine->steps->scores(engine, engine->scores, err);
    if (status)
        return status;
    row->loss = xt_layerwise_mean_loss(engine->scores, n_rows, n_outputs);
    for (size_t i = 0; i < spec->n_metrics; i++)
        row->metrics[i] = xt_metric_finish(spec->metrics[i].kind, sum_rows(engine->scores + (1 + i) * n_rows, n_rows), n_rows, n_outputs);
    row->step = step;
    return XT_OK;
}

xt_status xt_layerwise_train(xt_engine *base, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err)
{
    xt_layerwise *engine = (xt_layerwise *)base;
    xt_status status = XT_OK;
    for (uint32_t i = 0; !status && i < n; i++)
        status = train_epoch(engine, first + i, &rows[i], err);
    return status;
}
