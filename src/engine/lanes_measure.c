/* What nets in lanes come to on rows: their metrics, and the validation rows. */
#include "engine/lanes_engine.h"

#include "engine/layerwise.h"
#include "model/metrics.h"
#include "model/rng.h"

#include <assert.h>
#include <string.h>

/* Each of them, also where one fails. */
static xt_status unmap_scores(xt_lanes *lanes, xt_err *err)
{
    cl_mem *b = lanes->buffers;
    xt_status first = xt_buffer_unmap(lanes->context, b[XT_LANES_SCORES], &lanes->scores, err);
    xt_status second = xt_buffer_unmap(lanes->context, b[XT_LANES_OUTPUTS], &lanes->scored, first ? NULL : err);
    return first ? first : second;
}

xt_status xt_lanes_unmap(xt_lanes *lanes, xt_err *err)
{
    xt_status first = xt_buffer_unmap(lanes->context, lanes->buffers[XT_LANES_RESULTS], &lanes->results, err);
    xt_status second = unmap_scores(lanes, first ? NULL : err);
    return first ? first : second;
}

/* Net i's outputs of n values, from those of its block. */
static const float *outputs_of(xt_lanes *lanes, size_t i, const float *block, size_t n)
{
    for (size_t k = 0; k < n; k++)
        lanes->outputs[k] = block[k * lanes->width + i % lanes->width];
    return lanes->outputs;
}

/* ---- training rows ---- */

/* A block's outputs of an epoch, which other nets of it may want next. */
static xt_status read_kept(xt_lanes *lanes, size_t block, uint32_t epoch, xt_err *err)
{
    size_t n = lanes->data->n_rows * lanes->data->n_targets * lanes->width;
    size_t at = block * lanes->n_trained + epoch - lanes->first_kept;
    if (lanes->read_block == block && lanes->read_epoch == epoch)
        return XT_OK;
    lanes->read_block = SIZE_MAX;
    xt_status status = xt_buffer_read(lanes->context, lanes->buffers[XT_LANES_KEPT], at * n * sizeof(float), lanes->kept,
                                      n * sizeof(float), err);
    if (!status) {
        lanes->read_block = block;
        lanes->read_epoch = epoch;
    }
    return status;
}

xt_status xt_lanes_measure(xt_lanes *lanes, size_t i, uint32_t epoch, double *metrics, xt_err *err)
{
    const xt_spec *spec = lanes->plans[i]->spec;
    size_t n_rows = lanes->data->n_rows, n_outputs = lanes->data->n_targets;
    assert(i < lanes->n && epoch >= lanes->first_kept && epoch - lanes->first_kept < lanes->n_trained);
    xt_status status = read_kept(lanes, i / lanes->width, epoch, err);
    if (status)
        return status;
    if (spec->shuffle)
        xt_shuffle(spec->seed, epoch, n_rows, lanes->order, lanes->order_work);
    const xt_scored rows = {n_rows, n_outputs, outputs_of(lanes, i, lanes->kept, n_rows * n_outputs), lanes->data->targets,
                            spec->shuffle ? lanes->order : NULL};
    return xt_metrics_measure(spec->metrics, spec->n_metrics, &rows, metrics, err);
}

/* ---- validation rows ---- */

enum { N_ARGS = 10 };

static void set_args(const xt_lanes *lanes, const cl_int *n_rows, xt_arg *out)
{
    const cl_mem *b = lanes->buffers;
    const xt_arg args[N_ARGS + 1] = {
        XT_ARG(b[XT_LANES_STATE]),   XT_ARG(b[XT_LANES_MEM]),      XT_ARG(b[XT_LANES_OTHER_INPUTS]),
        XT_ARG(b[XT_LANES_OTHER_TARGETS]), XT_ARG(b[XT_LANES_OTHER_WEIGHTS]), XT_ARG(b[XT_LANES_NUMBERS]),
        XT_ARG(b[XT_LANES_SWITCHES]), XT_ARG(*n_rows), XT_ARG(b[XT_LANES_SCORES]),
        XT_ARG(b[XT_LANES_OUTPUTS]), XT_ARG_END};
    memcpy(out, args, sizeof args);
}

xt_status xt_lanes_open_scores(xt_lanes *lanes, xt_err *err)
{
    static const cl_int none = 0;
    const xt_dataset *rows = lanes->validation;
    xt_context *context = lanes->context;
    const cl_mem *b = lanes->buffers;
    const size_t *n = lanes->sizes;
    xt_arg args[N_ARGS + 1];
    lanes->other_divisor = xt_layerwise_all_shares(rows) * (double)lanes->plan->n_losses;
    xt_status status = xt_buffer_write(context, b[XT_LANES_OTHER_INPUTS], 0, rows->inputs,
                                       n[XT_LANES_OTHER_INPUTS] * sizeof(cl_float), err);
    if (!status)
        status = xt_buffer_write(context, b[XT_LANES_OTHER_TARGETS], 0, xt_engine_targets(rows),
                                 n[XT_LANES_OTHER_TARGETS] * sizeof(cl_float), err);
    if (!status)
        status = xt_buffer_write(context, b[XT_LANES_OTHER_WEIGHTS], 0, rows->weights,
                                 n[XT_LANES_OTHER_WEIGHTS] * sizeof(cl_float), err);
    set_args(lanes, &none, args);
    return status ? status : xt_launch_apart(context, &lanes->score, args, err);
}

xt_status xt_lanes_validate(xt_lanes *lanes, xt_err *err)
{
    xt_context *context = lanes->context;
    const cl_int n_rows = (cl_int)lanes->validation->n_rows;
    size_t n_lanes = xt_lanes_blocks(lanes) * lanes->width;
    xt_arg args[N_ARGS + 1];
    set_args(lanes, &n_rows, args);
    xt_status status = unmap_scores(lanes, err);
    xt_context_work(context, 2 * (double)lanes->plan->n_params * (double)n_rows * (double)lanes->n, 0);
    if (!status)
        status = xt_launch(context, &lanes->score, xt_lanes_blocks(lanes) * lanes->score.group, args, err);
    if (!status)
        status = xt_buffer_map(context, lanes->buffers[XT_LANES_SCORES], 2 * n_lanes * sizeof(cl_float), &lanes->scores, err);
    return status;
}

double xt_lanes_validation_loss(const xt_lanes *lanes, size_t i)
{
    const float *sums = (const float *)lanes->scores + i / lanes->width * 2 * lanes->width;
    return xt_lanes_loss_of(sums, i % lanes->width, lanes->width, lanes->other_divisor);
}

xt_status xt_lanes_validation_metrics(xt_lanes *lanes, size_t i, double *metrics, xt_err *err)
{
    const xt_spec *spec = lanes->plans[i]->spec;
    size_t n_rows = lanes->validation->n_rows, n_outputs = lanes->data->n_targets, n = n_rows * n_outputs;
    xt_status status = XT_OK;
    if (!lanes->scored)
        status = xt_buffer_map(lanes->context, lanes->buffers[XT_LANES_OUTPUTS],
                               xt_lanes_blocks(lanes) * lanes->width * n * sizeof(cl_float), &lanes->scored, err);
    if (status)
        return status;
    const float *block = (const float *)lanes->scored + i / lanes->width * n * lanes->width;
    const xt_scored rows = {n_rows, n_outputs, outputs_of(lanes, i, block, n), lanes->validation->targets, NULL};
    return xt_metrics_measure(spec->metrics, spec->n_metrics, &rows, metrics, err);
}
