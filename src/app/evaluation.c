#include "app/evaluation.h"

#include "model/metrics.h"

#include <stdlib.h>

/* Floats of inputs or outputs that an engine gets at once: bounds what it holds of them. */
enum { BLOCK_FLOATS = 1 << 22 };

xt_status xt_evaluation_open(const xt_plan *plan, const xt_dataset *data, xt_evaluation *out, xt_err *err)
{
    *out = (xt_evaluation){.data = data};
    if (!data)
        return XT_OK;
    out->outputs = calloc(data->n_rows, plan->n_outputs * sizeof *out->outputs);
    out->losses = calloc(data->n_rows, sizeof *out->losses);
    if (out->outputs && out->losses)
        return XT_OK;
    xt_evaluation_close(out);
    return xt_fail_memory(err, "the outputs of an evaluation",
                          data->n_rows * (plan->n_outputs + 1) * sizeof *out->outputs);
}

/* Outputs and losses of all rows. */
static xt_status forward(const xt_evaluation *evaluation, xt_engine *engine, xt_err *err)
{
    const xt_plan *plan = engine->plan;
    const xt_dataset *data = evaluation->data;
    const float *wanted = data->loss_targets ? data->loss_targets : data->targets;
    size_t widest = plan->n_inputs > plan->n_outputs ? plan->n_inputs : plan->n_outputs;
    size_t block = widest < BLOCK_FLOATS ? BLOCK_FLOATS / widest : 1;
    for (size_t first = 0; first < data->n_rows; first += block) {
        size_t n = data->n_rows - first < block ? data->n_rows - first : block;
        xt_status status = engine->ops->evaluate(engine, data->inputs + first * plan->n_inputs,
                                                 wanted + first * plan->n_outputs, n,
                                                 evaluation->outputs + first * plan->n_outputs,
                                                 evaluation->losses + first, err);
        if (status)
            return status;
    }
    return XT_OK;
}

xt_status xt_evaluation_measure(const xt_evaluation *evaluation, xt_engine *engine, xt_measured *out, xt_err *err)
{
    const xt_plan *plan = engine->plan;
    const xt_dataset *data = evaluation->data;
    xt_status status = forward(evaluation, engine, err);
    if (status)
        return status;
    const xt_scored rows = {.n_rows = data->n_rows, .n_outputs = plan->n_outputs, .outputs = evaluation->outputs,
                            .targets = data->targets};
    out->loss = xt_engine_mean_loss(plan, evaluation->losses, data);
    return xt_metrics_measure(plan->spec->metrics, plan->spec->n_metrics, &rows, out->metrics, err);
}

void xt_evaluation_close(xt_evaluation *evaluation)
{
    free(evaluation->outputs);
    free(evaluation->losses);
    *evaluation = (xt_evaluation){0};
}
