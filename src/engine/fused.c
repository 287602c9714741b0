/* The fused engine: one launch of cl/fused.cl trains many epochs, and all that
 * comes back is their sums. Parameters stay on the device in the kernel's
 * layout. The general form trains from the start; where what is left of the
 * training is long enough to earn it back, a form with the network compiled in
 * takes over, the same bits, between two launches. */
#include "engine/fused_engine.h"

#include "base/terminal.h"
#include "engine/layerwise.h"
#include "model/rng.h"

#include <stdlib.h>
#include <string.h>

/* For messages. */
static const char *const buffer_names[N_BUFFERS] = {
    [PARAMETERS] = "the parameters and the optimizer's state",
    [SCRATCH] = "a batch's values and gradients",
    [INPUTS] = "the training inputs",
    [TARGETS] = "the training targets",
    [WEIGHTS] = "the rows' weights",
    [ORDER] = "the order of the rows",
    [LAYERS] = "the layers",
    [STEPS] = "the steps",
    [RESULTS] = "the sums of the epochs",
    [KEPT] = "the outputs to measure",
    [OUT] = "the outputs and the gradient",
    [PROBE] = "inputs to predict from",
    [PROBE_TARGETS] = "targets to compare with",
};

/* A specialised form has every loop unrolled. Up to so many steps of an update
 * it is faster, up to six times, and compiles in 1 to 3 s. */
static const size_t special_steps = 1100;

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* Backward a layer has a product for its weights' gradient, and one for what it takes in, which the first has no use for. */
void xt_fused_say_work(const xt_fused *engine, const xt_fused_call *call)
{
    const xt_fused_job *job = &call->job;
    double forward = 0, into_first = 0;
    for (int i = 0; i < job->n_layers; i++) {
        const xt_fused_layer *layer = &engine->shape.layers[i];
        forward += (double)layer->inputs * (double)layer->units;
        into_first = i ? into_first : forward;
    }
    double products = forward;
    if (job->mode == XT_FUSED_TRAIN || job->mode == XT_FUSED_GRADIENTS)
        products += 2 * forward - into_first;
    if (job->mode == XT_FUSED_TRAIN && job->report != XT_FUSED_RUNNING)
        products += forward;
    xt_context_work(engine->context, 2 * products * (double)call->n_rows * (double)call->n_epochs, 0);
}

/* ---- the other operations ---- */

static xt_status evaluate(xt_engine *base, const float *inputs, const float *targets, size_t n_rows, float *out,
                          float *losses, xt_err *err)
{
    xt_fused *engine = (xt_fused *)base;
    const xt_plan *plan = base->plan;
    cl_mem *b = engine->buffers;
    xt_context *context = engine->context;
    xt_fused_call call = engine->call;
    xt_status status = XT_OK;
    call.job.mode = losses ? XT_FUSED_EVALUATE : XT_FUSED_OUTPUTS;
    call.job.shuffled = call.job.weighted = 0;
    call.inputs = b[PROBE];
    call.targets = b[PROBE_TARGETS];
    call.n_epochs = 1;
    for (size_t first = 0; !status && first < n_rows; first += engine->probe_rows) {
        size_t n = n_rows - first < engine->probe_rows ? n_rows - first : engine->probe_rows, m = plan->n_outputs;
        call.n_rows = (cl_int)n;
        status = xt_buffer_write(context, b[PROBE], 0, inputs + first * plan->n_inputs,
                                 n * plan->n_inputs * sizeof *inputs, err);
        if (!status && losses)
            status = xt_buffer_write(context, b[PROBE_TARGETS], 0, targets + first * m, n * m * sizeof *targets, err);
        xt_fused_say_work(engine, &call);
        if (!status)
            status = xt_form_launch(context, &engine->general, &call, err);
        if (!status)
            status = xt_buffer_read(context, b[OUT], 0, out + first * m, n * m * sizeof *out, err);
        if (!status && losses)
            status = xt_buffer_read(context, b[RESULTS], 0, losses + first, n * sizeof *losses, err);
    }
    return status;
}

static xt_status gradients(xt_engine *base, size_t first, size_t n, double *loss, float *out, xt_err *err)
{
    xt_fused *engine = (xt_fused *)base;
    const xt_plan *plan = base->plan;
    xt_fused_call call = engine->call;
    float sum[2];
    call.job.mode = XT_FUSED_GRADIENTS;
    call.job.shuffled = 0;
    call.job.keeps = 0;
    call.first = (cl_int)first;
    call.n_rows = (cl_int)n;
    call.n_epochs = 1;
    xt_fused_say_work(engine, &call);
    xt_status status = xt_form_launch(engine->context, &engine->general, &call, err);
    if (!status)
        status = xt_buffer_read(engine->context, engine->buffers[RESULTS], 0, sum, sizeof sum, err);
    if (!status)
        status = xt_buffer_read(engine->context, engine->buffers[OUT], 0, engine->staging,
                                (size_t)engine->shape.job.n_state * sizeof *out, err);
    if (status)
        return status;
    xt_fused_unpack(plan, &engine->shape, engine->staging, out);
    /* A sum that counts the batch's rows. */
    *loss = xt_fused_mean(sum, (double)n * (double)plan->n_losses);
    return XT_OK;
}

static xt_status read_state(xt_engine *base, float *state, xt_err *err)
{
    xt_fused *engine = (xt_fused *)base;
    size_t n = (size_t)engine->shape.job.n_state;
    xt_status status = xt_buffer_read(engine->context, engine->buffers[PARAMETERS], 0, engine->staging,
                                      engine->sizes[PARAMETERS] * sizeof *state, err);
    for (size_t i = 0; !status && i <= base->plan->n_slots; i++)
        xt_fused_unpack(base->plan, &engine->shape, engine->staging + i * n, state + i * base->plan->n_params);
    return status;
}

static xt_status write_state(xt_engine *base, const float *state, xt_err *err)
{
    xt_fused *engine = (xt_fused *)base;
    size_t n = (size_t)engine->shape.job.n_state;
    memset(engine->staging, 0, engine->sizes[PARAMETERS] * sizeof *state);
    for (size_t i = 0; i <= base->plan->n_slots; i++)
        xt_fused_pack(base->plan, &engine->shape, state + i * base->plan->n_params, engine->staging + i * n);
    return xt_buffer_write(engine->context, engine->buffers[PARAMETERS], 0, engine->staging,
                           engine->sizes[PARAMETERS] * sizeof *state, err);
}

/* ---- open and close ---- */

/* All but the context. */
static void release(xt_fused *engine)
{
    xt_err err;
    if (engine->forming)
        xt_fused_tell_failure(xt_forming_finish(&engine->forming, &engine->special, &err), &err);
    xt_form_close(engine->context, &engine->general);
    xt_form_close(engine->context, &engine->special);
    xt_buffers_close(engine->context, N_BUFFERS, engine->buffers);
    free(engine->staging);
    free(engine->steps);
    free(engine->kept);
    free(engine->orders);
    free(engine->work);
    free(engine);
}

static void fused_close(xt_engine *base)
{
    xt_fused *engine = (xt_fused *)base;
    xt_context *context = engine->context;
    /* A compiler cannot be told to stop. Where the process ends now it is left alone with what it uses. */
    if (engine->forming && !xt_forming_done(engine->forming) && xt_contexts_are_left())
        return;
    release(engine);
    xt_context_close(&context);
}

static const xt_engine_ops ops = {xt_fused_train, evaluate, gradients, read_state, write_state, fused_close};

static int tile_rows(const xt_device *device)
{
    /* 16 sums of 16 values need registers that wide; as many of half the width hold 8. */
    return device->vector_width >= XT_LANES ? 8 : 4;
}

static xt_fused_form general_form(const xt_fused *engine)
{
    const xt_device *device = &engine->context->device;
    const xt_fused_wish *wish = &engine->wish;
    xt_fused_form form = {.tile_rows = tile_rows(device), .memory = XT_FUSED_GLOBAL};
    form.width = wish->width ? wish->width : xt_device_is_cpu(device) ? XT_LANES : 1;
    if (wish->memory_given)
        form.memory = wish->memory;
    else if (form.width == 1 && xt_fused_fits(&engine->shape, device->local_bytes))
        form.memory = XT_FUSED_LOCAL;
    return form;
}

/* One work-item with the network in its registers, or in its stack. */
static xt_fused_form special_form(const xt_fused *engine)
{
    return (xt_fused_form){.width = XT_LANES,
                           .tile_rows = tile_rows(&engine->context->device),
                           .memory = XT_FUSED_PRIVATE,
                           .special = true};
}

static bool can_specialise(const xt_fused *engine)
{
    return xt_device_is_cpu(&engine->context->device) && engine->base.data &&
           xt_fused_n_steps(&engine->shape) <= special_steps;
}

static void size_buffers(xt_fused *engine)
{
    const xt_fused_job *job = &engine->shape.job;
    const xt_dataset *data = engine->base.data;
    const xt_spec *spec = engine->base.plan->spec;
    size_t *n = engine->sizes, epochs = spec->epochs < MAX_EPOCHS ? spec->epochs : MAX_EPOCHS;
    n[PARAMETERS] = xt_fused_n_state(&engine->shape);
    n[SCRATCH] = engine->general_form.memory == XT_FUSED_GLOBAL ? (size_t)job->n_mem : 0;
    n[LAYERS] = (size_t)job->n_layers * sizeof engine->shape.layers[0] / sizeof(cl_float);
    n[PROBE] = engine->probe_rows * (size_t)job->n_inputs + XT_LANES;
    n[PROBE_TARGETS] = engine->probe_rows * (size_t)job->n_outputs + XT_LANES;
    n[OUT] = engine->probe_rows * (size_t)job->n_outputs;
    n[RESULTS] = engine->probe_rows;
    if (!data)
        return;
    size_t batches = (size_t)xt_engine_batches(&engine->base), n_outputs = data->n_rows * data->n_targets;
    uint64_t settled = xt_engine_settled(&engine->base), updates = spec->epochs * (uint64_t)batches;
    /* One each until they settle, and one more for all that follow; where that is too many, a launch's. */
    engine->max_steps = settled < MAX_STEPS ? (size_t)settled + 1
                                            : larger(updates < MAX_STEPS ? (size_t)updates : MAX_STEPS, batches);
    n[STEPS] = engine->max_steps * sizeof(xt_fused_step) / sizeof(cl_float);
    n[OUT] = larger(n[OUT], (size_t)job->n_state);
    n[INPUTS] = data->n_rows * data->n_inputs + XT_LANES;
    n[TARGETS] = data->n_rows * data->n_targets + XT_LANES;
    n[WEIGHTS] = data->weights ? 2 * data->n_rows : 0;
    n[ORDER] = spec->shuffle ? engine->max_ordered * data->n_rows : 0;
    n[RESULTS] = larger(n[RESULTS], 2 * (epochs ? epochs : 1));
    size_t room = larger(KEPT_FLOATS / n_outputs, 1);
    n[KEPT] = spec->n_metrics ? (room < epochs ? room : larger(epochs, 1)) * n_outputs : 0;
}

static xt_status open_host(xt_fused *engine, xt_err *err)
{
    const size_t *n = engine->sizes;
    size_t n_rows = engine->base.data ? engine->base.data->n_rows : 0;
    size_t n_staging = larger(n[PARAMETERS], n[RESULTS]);
    n_staging = larger(n_staging, n[WEIGHTS]);
    engine->staging = calloc(n_staging, sizeof *engine->staging);
    engine->steps = calloc(larger(engine->max_steps, 1), sizeof *engine->steps);
    engine->kept = calloc(larger(n[KEPT], 1), sizeof *engine->kept);
    if (n[ORDER]) {
        engine->orders = calloc(n[ORDER], sizeof *engine->orders);
        engine->work = calloc(2 * n_rows, sizeof *engine->work);
    }
    if (!engine->staging || !engine->steps || !engine->kept || (n[ORDER] && (!engine->orders || !engine->work)))
        return xt_fail_memory(err, "the fused engine's buffers", (n_staging + n[ORDER]) * sizeof(float));
    return XT_OK;
}

static xt_status open_buffers(xt_fused *engine, xt_err *err)
{
    const xt_dataset *data = engine->base.data;
    xt_context *context = engine->context;
    cl_mem *b = engine->buffers;
    size_t n_weights = engine->sizes[WEIGHTS];
    /* The kernel, or the host, writes each before the kernel reads it: but for what lies behind the data's rows,
     * which the kernel reads and does not use. */
    xt_status status = xt_buffers_open(context, buffer_names, engine->sizes, N_BUFFERS, false, b, err);
    if (!status)
        status = xt_buffer_write(context, b[LAYERS], 0, engine->shape.layers,
                                 engine->sizes[LAYERS] * sizeof(cl_float), err);
    if (!status && data)
        status = xt_buffer_write(context, b[INPUTS], 0, data->inputs,
                                 data->n_rows * data->n_inputs * sizeof(cl_float), err);
    if (!status && data)
        status = xt_buffer_write(context, b[TARGETS], 0, xt_engine_targets(data),
                                 data->n_rows * data->n_targets * sizeof(cl_float), err);
    for (size_t i = 0; n_weights && i < data->n_rows; i++) {
        engine->staging[2 * i] = data->weights[i];
        engine->staging[2 * i + 1] = data->shares[i];
    }
    if (!status && n_weights)
        status = xt_buffer_write(context, b[WEIGHTS], 0, engine->staging, n_weights * sizeof(cl_float), err);
    xt_key key = xt_key_fold_in(xt_key_of_seed(engine->base.plan->spec->seed), XT_FOLD_DROPOUT);
    engine->call = (xt_fused_call){.parameters = b[PARAMETERS], .scratch = b[SCRATCH], .inputs = b[INPUTS],
                                   .targets = b[TARGETS], .weights = b[WEIGHTS], .order = b[ORDER],
                                   .layers = b[LAYERS], .steps = b[STEPS], .results = b[RESULTS], .kept = b[KEPT],
                                   .out = b[OUT], .job = engine->shape.job, .key_hi = key.hi, .key_lo = key.lo};
    return status;
}

static xt_status open_forms(xt_fused *engine, xt_err *err)
{
    bool special = engine->wish.speciality == XT_FUSED_SPECIAL;
    if (special && !can_specialise(engine))
        return xt_fail(err, XT_FAILED, "there is no specialised form of the fused engine for this network on %s",
                       engine->context->device.name);
    xt_status status = xt_form_open(engine->context, &engine->shape, &engine->general_form, &engine->call,
                                    &engine->general, err);
    xt_terminal_clear();
    if (status)
        return status;
    xt_fused_count_seconds(engine, &engine->general);
    engine->base.facts.form = special ? "specialised" : "general";
    engine->may_specialise = engine->wish.speciality == XT_FUSED_AUTO && can_specialise(engine);
    return special ? xt_fused_open_special(engine, err) : XT_OK;
}

/* Epochs that surely take less than a chunk's time: at a tenth of the pace that was
 * measured on CPUs, at less elsewhere (docs/design/007-fused.md). */
static uint32_t first_chunk(const xt_fused *engine)
{
    const xt_plan *plan = engine->base.plan;
    bool vectors = engine->general_form.width != 1;
    double per_batch = (vectors ? 1e-6 : 100e-6) * (double)plan->n_layers;
    double per_row = (vectors ? 3e-7 : 2e-6) * (double)plan->n_layers + (double)plan->n_params * 2e-9;
    double seconds = (double)xt_engine_batches(&engine->base) * per_batch + (double)engine->base.data->n_rows * per_row;
    double epochs = 0.05 / seconds;
    return epochs < 1 ? 1 : epochs > MAX_EPOCHS ? MAX_EPOCHS : (uint32_t)epochs;
}

xt_status xt_fused_open_as(const xt_plan *plan, const xt_dataset *data, xt_context *context, const xt_fused_wish *wish,
                           xt_engine **out, xt_err *err)
{
    xt_fused *engine = calloc(1, sizeof *engine);
    if (!engine)
        return xt_fail_memory(err, "the fused engine", sizeof *engine);
    engine->base.ops = &ops;
    engine->base.plan = plan;
    engine->base.data = data;
    engine->base.rate_scale = 1;
    engine->context = context;
    engine->wish = *wish;
    engine->batch_rows = xt_layerwise_batch_rows(plan, data);
    engine->probe_rows = larger(engine->batch_rows, PROBE_FLOATS / larger(plan->n_inputs, plan->n_outputs));
    engine->max_ordered = data ? (uint32_t)larger(1, ORDER_ROWS / data->n_rows) : 0;
    xt_status status = xt_fused_lay_out(plan, engine->batch_rows, &engine->shape, err);
    if (!status) {
        engine->shape.job.weighted = data && data->weights;
        engine->general_form = general_form(engine);
        engine->special_form = special_form(engine);
        size_buffers(engine);
        status = xt_buffers_check(context, buffer_names, engine->sizes, N_BUFFERS, 0, &engine->base.facts.device_bytes,
                                  err);
    }
    if (!status)
        status = open_host(engine, err);
    if (!status)
        status = open_buffers(engine, err);
    if (!status)
        status = open_forms(engine, err);
    if (status) {
        release(engine);
        return status;
    }
    if (data)
        engine->base.facts.first_chunk = first_chunk(engine);
    *out = &engine->base;
    return XT_OK;
}

xt_status xt_fused_open(const xt_plan *plan, const xt_dataset *data, xt_context *context, xt_engine **out, xt_err *err)
{
    static const xt_fused_wish any = {.speciality = XT_FUSED_AUTO};
    return xt_fused_open_as(plan, data, context, &any, out, err);
}
