/* The fused engine: one launch of cl/fused.cl trains many epochs, and all that
 * comes back is their sums. Parameters stay on the device in the kernel's
 * layout. The general form trains from the start; where what is left of the
 * training is long enough to earn it back, a form with the network compiled in
 * takes over, the same bits, between two launches. */
#include "engine/fused.h"

#include "base/clock.h"
#include "base/log.h"
#include "engine/forms.h"
#include "engine/layerwise.h"
#include "model/metrics.h"
#include "model/rng.h"

#include <stdlib.h>
#include <string.h>

enum { PARAMETERS, SCRATCH, INPUTS, TARGETS, WEIGHTS, ORDER, LAYERS, STEPS, RESULTS, KEPT, OUT, PROBE, PROBE_TARGETS,
       N_BUFFERS };

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

enum {
    MAX_EPOCHS = 16384,   /* of a launch: bounds the results */
    ORDER_ROWS = 1 << 16, /* that are ordered for a launch: more epochs wait for the next */
    PROBE_FLOATS = 1 << 18, /* of inputs or outputs that are predicted in a launch, without training data */
    MAX_STEPS = 1 << 16,  /* updates of a launch that have numbers of their own, but for an epoch that has more */
    KEPT_FLOATS = 1 << 20, /* outputs of a launch's epochs, but for an epoch that has more */
    MAX_UPDATES = 1 << 30 /* of a launch: the kernel counts in ints */
};

/* What is left must take so long for a specialised form to be loaded, or compiled
 * beside the training: a few times what that takes. */
static const double load_seconds = 0.02, compile_seconds = 8;

/* A specialised form has every loop unrolled. Up to so many steps of an update
 * it is faster, up to six times, and compiles in 1 to 3 s. */
static const size_t special_steps = 1100;

typedef struct fused {
    xt_engine base;
    xt_context *context;
    size_t batch_rows, probe_rows;
    xt_fused_shape shape;
    xt_fused_wish wish;
    xt_fused_form general_form, special_form;
    xt_form general, special; /* the second is zeroed until it takes over */
    xt_forming *forming;
    bool may_specialise;      /* not tried yet */
    xt_fused_call call;
    cl_mem buffers[N_BUFFERS];
    size_t sizes[N_BUFFERS];
    xt_fused_step *steps;         /* room for the launch's */
    size_t max_steps;             /* at least an epoch's updates */
    size_t n_steps;               /* of them on the device, when they were written last */
    bool steps_stay;              /* and they are the only one, which holds for all that follow */
    float rate_scale;             /* that they were made with */
    float *staging;               /* as many floats as the largest buffer that is read or written by parts */
    float *kept;                  /* the outputs of a launch's epochs, where they are measured */
    uint32_t *orders;             /* (n_ordered, n_rows), epochs first_ordered .. */
    uint64_t *work;               /* 2 * n_rows */
    uint32_t max_ordered, first_ordered, n_ordered;
} fused;

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* ---- training ---- */

static void order_epochs(fused *engine, uint32_t first, uint32_t n)
{
    size_t n_rows = engine->base.data->n_rows;
    engine->first_ordered = first;
    engine->n_ordered = n < engine->max_ordered ? n : engine->max_ordered;
    for (uint32_t i = 0; i < engine->n_ordered; i++)
        xt_shuffle(engine->base.plan->spec->seed, first + i, n_rows, engine->orders + i * n_rows, engine->work);
}

static uint64_t n_batches(const fused *engine)
{
    return xt_engine_batches(&engine->base);
}

/* The order of the rows of at most *n epochs from `first`, as many as are ready. */
static xt_status write_order(fused *engine, uint32_t first, uint32_t *n, xt_err *err)
{
    if (engine->first_ordered != first || !engine->n_ordered)
        order_epochs(engine, first, *n);
    if (*n > engine->n_ordered)
        *n = engine->n_ordered;
    return xt_buffer_write(engine->context, engine->buffers[ORDER], 0, engine->orders,
                           *n * engine->base.data->n_rows * sizeof *engine->orders, err);
}

/* The numbers of n updates from `first` on: one each, or those before they settle and one for all that follow. */
static xt_status write_steps(fused *engine, uint64_t first, uint64_t n, xt_err *err)
{
    uint64_t settled = xt_engine_settled(&engine->base), left = first < settled ? settled - first : 0;
    size_t n_steps = (size_t)(n <= left ? n : left + 1);
    bool stay = first >= settled;
    if (stay && engine->steps_stay && memcmp(&engine->rate_scale, &engine->base.rate_scale, sizeof(float)) == 0)
        return XT_OK;
    for (size_t i = 0; i < n_steps; i++) {
        xt_hyper hyper = xt_engine_hyper(&engine->base, first + i);
        engine->steps[i] =
            (xt_fused_step){hyper.learning_rate, hyper.first, hyper.correction1, hyper.correction2};
    }
    engine->n_steps = n_steps;
    engine->steps_stay = stay;
    engine->rate_scale = engine->base.rate_scale;
    return xt_buffer_write(engine->context, engine->buffers[STEPS], 0, engine->steps, n_steps * sizeof *engine->steps, err);
}

/* Epochs of one launch that the buffers hold. */
static uint32_t room_for(const fused *engine)
{
    const xt_plan *plan = engine->base.plan;
    uint64_t batches = n_batches(engine), n_outputs = engine->base.data->n_rows * plan->n_outputs;
    uint64_t room = engine->sizes[RESULTS] / 2;
    if (plan->spec->n_metrics && engine->sizes[KEPT] / n_outputs < room)
        room = engine->sizes[KEPT] / n_outputs;
    if (MAX_UPDATES / batches < room)
        room = MAX_UPDATES / batches;
    return room < 1 ? 1 : (uint32_t)room;
}

static double mean(const float *sum, double n)
{
    return ((double)sum[0] + (double)sum[1]) / n;
}

static xt_status take_results(const fused *engine, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err)
{
    const xt_plan *plan = engine->base.plan;
    const xt_spec *spec = plan->spec;
    size_t n_rows = engine->base.data->n_rows, last = engine->n_steps - 1;
    uint64_t batches = n_batches(engine);
    xt_status status = XT_OK;
    for (uint32_t i = 0; !status && i < n; i++) {
        uint64_t update = (i + 1) * batches - 1;
        xt_scored scored = {n_rows, plan->n_outputs, engine->kept + i * n_rows * plan->n_outputs,
                            engine->base.data->targets, spec->shuffle ? engine->orders + i * n_rows : NULL};
        rows[i].loss = mean(engine->staging + 2 * i, (double)n_rows * (double)plan->n_losses);
        rows[i].step = (first + i + 1) * batches;
        rows[i].learning_rate = engine->steps[update < last ? update : last].learning_rate;
        status = xt_metrics_measure(spec->metrics, spec->n_metrics, &scored, rows[i].metrics, err);
    }
    return status;
}

static const xt_form *current(const fused *engine)
{
    return engine->special.kernel.kernel ? &engine->special : &engine->general;
}

/* While the device trains, the host orders the rows of the epochs that follow n others. Not where metrics still
 * need the order of these. */
static void order_next(fused *engine, uint32_t first, uint32_t n)
{
    uint32_t epochs = engine->base.plan->spec->epochs, left = first < epochs ? epochs - first : 0;
    engine->n_ordered = 0;
    /* The next launch takes as many epochs or some times more. */
    if (left)
        order_epochs(engine, first, left < 4 * n ? left : 4 * n);
}

/* Makes *n epochs from `first` fewer where their updates have more numbers than there is room for. */
static void limit_steps(const fused *engine, uint32_t first, uint32_t *n)
{
    uint64_t batches = n_batches(engine), settled = xt_engine_settled(&engine->base), begin = first * batches;
    uint64_t left = begin < settled ? settled - begin : 0;
    if (left + 1 > engine->max_steps && *n > engine->max_steps / batches)
        *n = (uint32_t)(engine->max_steps / batches);
}

/* Trains at most *n epochs, as many as fit into one launch. */
static xt_status launch_epochs(fused *engine, uint32_t first, uint32_t *n, xt_epoch *rows, xt_err *err)
{
    const xt_spec *spec = engine->base.plan->spec;
    xt_status status = XT_OK;
    uint32_t room = room_for(engine);
    if (*n > room)
        *n = room;
    if (spec->shuffle)
        status = write_order(engine, first, n, err);
    limit_steps(engine, first, n);
    if (!status)
        status = write_steps(engine, first * n_batches(engine), *n * n_batches(engine), err);
    if (status)
        return status;
    xt_fused_call call = engine->call;
    call.update = (cl_uint)(first * n_batches(engine));
    call.n_steps = (cl_int)engine->n_steps;
    call.n_rows = (cl_int)engine->base.data->n_rows;
    call.n_epochs = (cl_int)*n;
    status = xt_form_launch(engine->context, current(engine), &call, err);
    if (!status && spec->shuffle && !spec->n_metrics) {
        status = xt_context_flush(engine->context, err);
        order_next(engine, first + *n, *n);
    }
    if (!status)
        status = xt_buffer_read(engine->context, engine->buffers[RESULTS], 0, engine->staging,
                                *n * 2 * sizeof(cl_float), err);
    if (!status && spec->n_metrics)
        status = xt_buffer_read(engine->context, engine->buffers[KEPT], 0, engine->kept,
                                *n * engine->base.data->n_rows * engine->base.plan->n_outputs * sizeof(cl_float), err);
    if (!status)
        status = take_results(engine, first, *n, rows, err);
    if (spec->shuffle && spec->n_metrics)
        engine->n_ordered = 0;
    return status;
}

/* ---- the specialised form ---- */

static void note_form(fused *engine, const char *words)
{
    engine->base.facts.form = words;
}

static void count_seconds(fused *engine, const xt_form *form)
{
    xt_engine_facts *facts = &engine->base.facts;
    facts->build_seconds += form->build_seconds;
    facts->launch_seconds += form->launch_seconds;
    facts->built_from_cache = form->program.from_cache && (form == &engine->general || facts->built_from_cache);
}

static xt_status open_special(fused *engine, xt_err *err)
{
    xt_status status = xt_form_open(engine->context, &engine->shape, &engine->special_form, &engine->call,
                                    &engine->special, err);
    if (!status)
        count_seconds(engine, &engine->special);
    return status;
}

/* A specialised form that cannot be had is no error: results do not depend on it. */
static void tell_failure(xt_status status, const xt_err *err)
{
    if (status)
        xt_detail("the general form trains on: %s", err->text);
}

/* What is left takes so many seconds: whether to get a specialised form. */
static void consider_special(fused *engine, double seconds)
{
    xt_err err;
    if (engine->forming && xt_forming_done(engine->forming)) {
        xt_status status = xt_forming_finish(&engine->forming, &engine->special, &err);
        tell_failure(status, &err);
        if (!status)
            note_form(engine, "general, then specialised");
        return;
    }
    if (!engine->may_specialise || seconds < load_seconds)
        return;
    if (xt_form_is_cached(engine->context, &engine->shape, &engine->special_form)) {
        xt_status status = open_special(engine, &err);
        tell_failure(status, &err);
        if (!status)
            note_form(engine, "general, then specialised");
        engine->may_specialise = false;
    } else if (seconds >= compile_seconds) {
        engine->forming =
            xt_forming_start(engine->context, &engine->shape, &engine->special_form, &engine->call);
        engine->may_specialise = false;
    }
}

static xt_status train(xt_engine *base, uint32_t first, uint32_t n, xt_epoch *rows, xt_err *err)
{
    fused *engine = (fused *)base;
    xt_status status = XT_OK;
    for (uint32_t done = 0; !status && done < n;) {
        uint32_t some = n - done;
        double before = xt_seconds();
        status = launch_epochs(engine, first + done, &some, rows + done, err);
        done += some;
        if (!status && (engine->may_specialise || engine->forming))
            consider_special(engine, (xt_seconds() - before) / some *
                                         ((double)base->plan->spec->epochs - (double)(first + done)));
    }
    return status;
}

/* ---- the other operations ---- */

static xt_status evaluate(xt_engine *base, const float *inputs, const float *targets, size_t n_rows, float *out,
                          float *losses, xt_err *err)
{
    fused *engine = (fused *)base;
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
    fused *engine = (fused *)base;
    const xt_plan *plan = base->plan;
    xt_fused_call call = engine->call;
    float sum[2];
    call.job.mode = XT_FUSED_GRADIENTS;
    call.job.shuffled = 0;
    call.job.keeps = 0;
    call.first = (cl_int)first;
    call.n_rows = (cl_int)n;
    call.n_epochs = 1;
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
    *loss = mean(sum, (double)n * (double)plan->n_losses);
    return XT_OK;
}

static xt_status read_state(xt_engine *base, float *state, xt_err *err)
{
    fused *engine = (fused *)base;
    size_t n = (size_t)engine->shape.job.n_state;
    xt_status status = xt_buffer_read(engine->context, engine->buffers[PARAMETERS], 0, engine->staging,
                                      engine->sizes[PARAMETERS] * sizeof *state, err);
    for (size_t i = 0; !status && i <= base->plan->n_slots; i++)
        xt_fused_unpack(base->plan, &engine->shape, engine->staging + i * n, state + i * base->plan->n_params);
    return status;
}

static xt_status write_state(xt_engine *base, const float *state, xt_err *err)
{
    fused *engine = (fused *)base;
    size_t n = (size_t)engine->shape.job.n_state;
    memset(engine->staging, 0, engine->sizes[PARAMETERS] * sizeof *state);
    for (size_t i = 0; i <= base->plan->n_slots; i++)
        xt_fused_pack(base->plan, &engine->shape, state + i * base->plan->n_params, engine->staging + i * n);
    return xt_buffer_write(engine->context, engine->buffers[PARAMETERS], 0, engine->staging,
                           engine->sizes[PARAMETERS] * sizeof *state, err);
}

/* ---- open and close ---- */

/* All but the context. */
static void release(fused *engine)
{
    xt_err err;
    if (engine->forming)
        tell_failure(xt_forming_finish(&engine->forming, &engine->special, &err), &err);
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
    fused *engine = (fused *)base;
    xt_context *context = engine->context;
    /* A compiler cannot be told to stop. Where the process ends now it is left alone with what it uses. */
    if (engine->forming && !xt_forming_done(engine->forming) && xt_contexts_are_left())
        return;
    release(engine);
    xt_context_close(&context);
}

static const xt_engine_ops ops = {train, evaluate, gradients, read_state, write_state, fused_close};

static int tile_rows(const xt_device *device)
{
    /* 16 sums of 16 values need registers that wide; as many of half the width hold 8. */
    return device->vector_width >= XT_LANES ? 8 : 4;
}

static xt_fused_form general_form(const fused *engine)
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
static xt_fused_form special_form(const fused *engine)
{
    return (xt_fused_form){.width = XT_LANES,
                           .tile_rows = tile_rows(&engine->context->device),
                           .memory = XT_FUSED_PRIVATE,
                           .special = true};
}

static bool can_specialise(const fused *engine)
{
    return xt_device_is_cpu(&engine->context->device) && engine->base.data &&
           xt_fused_n_steps(&engine->shape) <= special_steps;
}

static void size_buffers(fused *engine)
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
    size_t batches = (size_t)n_batches(engine), n_outputs = data->n_rows * data->n_targets;
    uint64_t settled = xt_engine_settled(&engine->base), updates = spec->epochs * (uint64_t)batches;
    engine->max_steps = larger((size_t)(settled + 1 < MAX_STEPS ? settled + 1 : MAX_STEPS), 1);
    if (settled + 1 > MAX_STEPS)
        engine->max_steps = larger(updates < MAX_STEPS ? (size_t)updates : MAX_STEPS, batches);
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

static xt_status open_host(fused *engine, xt_err *err)
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

static xt_status open_buffers(fused *engine, xt_err *err)
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

static xt_status open_forms(fused *engine, xt_err *err)
{
    bool special = engine->wish.speciality == XT_FUSED_SPECIAL;
    if (special && !can_specialise(engine))
        return xt_fail(err, XT_FAILED, "there is no specialised form of the fused engine for this network on %s",
                       engine->context->device.name);
    xt_status status = xt_form_open(engine->context, &engine->shape, &engine->general_form, &engine->call,
                                    &engine->general, err);
    if (status)
        return status;
    count_seconds(engine, &engine->general);
    note_form(engine, special ? "specialised" : "general");
    engine->may_specialise = engine->wish.speciality == XT_FUSED_AUTO && can_specialise(engine);
    return special ? open_special(engine, err) : XT_OK;
}

/* Epochs that surely take less than a chunk's time: at a tenth of the pace that was
 * measured on CPUs, at less elsewhere (docs/design/007-fused.md). */
static uint32_t first_chunk(const fused *engine)
{
    const xt_plan *plan = engine->base.plan;
    bool vectors = engine->general_form.width != 1;
    double per_batch = (vectors ? 1e-6 : 100e-6) * (double)plan->n_layers;
    double per_row = (vectors ? 3e-7 : 2e-6) * (double)plan->n_layers + (double)plan->n_params * 2e-9;
    double seconds = (double)n_batches(engine) * per_batch + (double)engine->base.data->n_rows * per_row;
    double epochs = 0.05 / seconds;
    return epochs < 1 ? 1 : epochs > MAX_EPOCHS ? MAX_EPOCHS : (uint32_t)epochs;
}

xt_status xt_fused_open_as(const xt_plan *plan, const xt_dataset *data, xt_context *context, const xt_fused_wish *wish,
                           xt_engine **out, xt_err *err)
{
    fused *engine = calloc(1, sizeof *engine);
    if (!engine)
        return xt_fail_memory(err, "the fused engine", sizeof *engine);
    engine->base.ops = &ops;
    engine->base.plan = plan;
    engine->base.data = data;
    engine->base.rate_scale = 1;
    engine->context = context;
    engine->wish = *wish;
    engine->batch_rows = xt_layerwise_batch_rows(plan, data);
    engine->probe_rows = engine->batch_rows;
    if (!data)
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
